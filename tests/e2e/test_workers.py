"""Workers that come and go under load: nothing is lost that they did not hold."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness import processes
from harness.gateway import Gateway, refuses, running
from harness.raw import Answer, TruncatedError
from harness.serving import PLAIN, Serving
from harness.until import until

CONNECTIONS = 20

IN_FLIGHT = 200

APP = """
import asyncio, os, pathlib
from fastapi import FastAPI

HERE = pathlib.Path(__file__).parent
app = FastAPI()
kept = []


@app.get("/")
async def root():
    return {{"version": {version}, "pid": os.getpid()}}


@app.post("/hold/{{number}}")
async def hold(number: int):
    (HERE / f"held-{{os.getpid()}}-{{number}}").touch()
    while not (HERE / "go").exists():
        await asyncio.sleep(0.02)
    return {{"pid": os.getpid()}}


@app.post("/grow")
async def grow():
    kept.append(os.urandom(1 << 20) * 192)
    return {{"pid": os.getpid()}}
"""

BROKEN = "from fastapi import FastAPI\n\napp = FastAPI(\n    title=='shop'\n"
"""Line 3 opens what nothing closes."""


def write(folder: Path, version: int) -> None:
    """Write the app; each version has its own size, by which Python knows it for another one."""
    text = APP.format(version=version) + "#" * version + "\n"
    (folder / "app" / "live_app.py").write_text(text)


@contextmanager
def serving_app(folder: Path, policy: str, *arguments: str) -> Iterator[Gateway]:
    """Serve the first version of the app."""
    (folder / "app").mkdir()
    write(folder, 1)
    with running(
        folder / "run", "live_app:app", folder / "app", policy=policy, arguments=arguments
    ) as gateway:
        yield gateway


def said(gateway: Gateway, *parts: str) -> list[str]:
    """Give the log's lines about workers that hold all of that."""
    told = [line["what"] for line in gateway.lines() if line["event"] == "worker"]
    return [what for what in told if all(part in what for part in parts)]


@dataclass
class Load:
    """Clients that ask one thing after the other until they are told to stop."""

    gateway: Gateway
    over: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    versions: set[int] = field(default_factory=set)
    failed: list[Answer | str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self) -> None:
        request = f"GET / HTTP/1.1\r\nHost: {self.gateway.host}\r\n\r\n".encode()
        while not self.over.is_set():
            with self.gateway.wire() as wire:
                while not self.over.is_set():
                    wire.send(request)
                    try:
                        answer = wire.answer()
                    except TruncatedError as cut:
                        with self.lock:
                            self.failed.append(f"cut off: {cut}")
                        break
                    with self.lock:
                        if answer.status == 200:
                            self.answered += 1
                            self.versions.add(json.loads(answer.body)["version"])
                        else:
                            self.failed.append(answer)
                    if answer.all("connection") == ["close"]:
                        break


@contextmanager
def load(gateway: Gateway) -> Iterator[Load]:
    """Keep the gateway busy for as long as the block lasts."""
    clients = Load(gateway)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        asking = [pool.submit(clients.client) for _ in range(CONNECTIONS)]
        try:
            until("it is busy", lambda: clients.answered > CONNECTIONS)
            yield clients
        finally:
            clients.over.set()
        for client in asking:
            client.result()


def test_recycling_under_load_loses_no_request(tmp_path: Path) -> None:
    # R09
    policy = PLAIN + "[app]\nworkers = 2\nmax_requests = 150\n"
    with serving_app(tmp_path, policy) as gateway:
        with load(gateway) as clients:
            until("both have been recycled twice", lambda: len(said(gateway, "recycled")) >= 4)
        assert clients.failed == []
        assert clients.answered > 4 * 100
        assert {told.split()[1] for told in said(gateway, "recycled")} == {"1", "2"}
        (first, *_) = said(gateway, "recycled after ")
        count = first.removeprefix("worker 1 ").removeprefix("worker 2 ")
        assert int(count.split()[2].replace(",", "")) >= 120


def test_a_killed_worker_costs_only_what_it_held(tmp_path: Path) -> None:
    # R09, R11
    app = tmp_path / "app"

    def held(pid: int) -> set[int]:
        return {int(path.name.split("-")[2]) for path in app.glob(f"held-{pid}-*")}

    with serving_app(tmp_path, PLAIN, "--workers", "2") as gateway:
        until("both are there", lambda: len(gateway.workers()) == 2)

        def hold(number: int) -> Answer:
            with gateway.wire() as wire:
                wire.send(
                    f"POST /hold/{number} HTTP/1.1\r\nHost: {gateway.host}\r\n"
                    "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                return wire.answer()

        with ThreadPoolExecutor(8) as pool:
            holding = {number: pool.submit(hold, number) for number in range(8)}
            try:
                until("all are held", lambda: len(list(app.glob("held-*"))) == 8)
                victim, other = gateway.workers()
                lost = held(victim)
                assert lost
                assert held(other)
                with load(gateway) as clients:
                    os.kill(victim, signal.SIGKILL)
                    until("it is dead", lambda: said(gateway, "was killed (signal 9)"))
                    until("it is followed", lambda: len(gateway.workers()) == 2)
                    before = clients.answered
                    until("it goes on", lambda: clients.answered > before + CONNECTIONS)
            finally:
                (app / "go").touch()
            for number, future in holding.items():
                answer = future.result()
                if number in lost:
                    assert answer.status == 502
                    assert json.loads(answer.body)["code"] == "upstream_failed"
                else:
                    assert answer.status == 200, number
        # A reading request is repeated unless its answer had begun: each client loses one at most.
        assert len(clients.failed) <= CONNECTIONS
        for failed in clients.failed:
            if isinstance(failed, Answer):
                assert json.loads(failed.body)["code"] == "upstream_failed"


def test_new_code_under_load(tmp_path: Path) -> None:
    # R09
    with serving_app(tmp_path, PLAIN, "--workers", "2", "--no-reload") as gateway:
        until("both are there", lambda: len(gateway.workers()) == 2)
        with load(gateway) as clients:
            for version in (2, 3):
                write(tmp_path, version)
                gateway.process.send_signal(signal.SIGHUP)
                count = 2 * (version - 1)
                until("both are replaced", lambda: len(said(gateway, "replaced: reload")) == count)  # noqa: B023
        assert clients.failed == []
        assert clients.versions == {1, 2, 3}
        until("the old ones are gone", lambda: len(gateway.workers()) == 2)
        for _ in range(4):
            assert json.loads(gateway.get("/").body)["version"] == 3


def test_code_that_does_not_start_changes_nothing(tmp_path: Path) -> None:
    # R09
    with serving_app(tmp_path, PLAIN, "--workers", "2", "--no-reload") as gateway:
        until("both are there", lambda: len(gateway.workers()) == 2)
        workers = set(gateway.workers())
        (tmp_path / "app" / "live_app.py").write_text(BROKEN)
        with load(gateway) as clients:
            gateway.process.send_signal(signal.SIGHUP)
            (told,) = until("it is told", lambda: said(gateway, "the workers stay as they are"))
        assert "SyntaxError" in told
        assert 'live_app.py", line 3' in told
        assert clients.failed == []
        assert clients.versions == {1}
        assert set(gateway.workers()) == workers

        write(tmp_path, 2)
        gateway.process.send_signal(signal.SIGHUP)
        until("both are replaced", lambda: len(said(gateway, "replaced: reload")) == 2)
        assert json.loads(gateway.get("/").body)["version"] == 2


def test_development_follows_the_source(tmp_path: Path) -> None:
    # R09
    def version() -> int:
        found: int = json.loads(gateway.get("/").body)["version"]
        return found

    with serving_app(tmp_path, PLAIN) as gateway:
        (tmp_path / "app" / "notes.txt").write_text("no source")
        write(tmp_path, 2)
        until("it is followed", lambda: version() == 2)
        until("that is told", lambda: said(gateway, "replaced: live_app.py changed"))

        (tmp_path / "app" / "live_app.py").write_text(BROKEN)
        stays = ("the workers stay as they are (live_app.py changed)", 'live_app.py", line 3')
        until("it is told", lambda: said(gateway, *stays))
        assert version() == 2
        (tmp_path / "app" / "later.py").write_text("")
        until("it is told of that file", lambda: said(gateway, "(later.py changed)"))
        assert len(said(gateway, *stays)) == 1, "a mistake is told once"

        write(tmp_path, 3)
        until("the mended one is followed", lambda: version() == 3)


def test_a_worker_that_grows_is_replaced(tmp_path: Path) -> None:
    # R09
    policy = PLAIN + '[app]\nworkers = 1\nmax_memory = "200MiB"\n'
    with serving_app(tmp_path, policy) as gateway, gateway.client() as client:
        grown = client.post("/grow").json()["pid"]
        (told,) = until("it is replaced", lambda: said(gateway, "worker 1 replaced: memory "))
        assert told.endswith(" MiB over 200 MiB")
        assert client.get("/").json()["pid"] != grown
        until("it is gone", lambda: grown not in processes.marked(gateway.run))
        gateway.process.send_signal(signal.SIGUSR1)
        (status,) = until("it is told", lambda: said(gateway, "worker 1: ready, process "))
        assert status.endswith(" MiB, died 0 times, replaced 1 times")


def test_sigterm_with_many_in_flight(serving: Serving) -> None:
    # R09
    policy = f"{PLAIN}[app]\nworkers = 1\nconcurrency = {2 * IN_FLIGHT}\n"
    gateway = serving.serve("live:app", policy)

    def in_the_app() -> int:
        with gateway.client() as client:
            return len(client.get("/open").json()["open"])

    with ThreadPoolExecutor(IN_FLIGHT) as pool, gateway.wire() as last:
        asked = [pool.submit(gateway.get, f"/wait/{number}") for number in range(IN_FLIGHT)]
        last.send(
            f"POST /say-all HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Length: 2\r\n"
            "Content-Type: application/octet-stream\r\n\r\n.".encode()
        )
        until("all are in the app", lambda: in_the_app() == IN_FLIGHT + 1)
        gateway.process.send_signal(signal.SIGTERM)
        until("no new connection is taken", lambda: refuses(gateway.address))
        last.send(b".")
        assert last.answer().status == 200
        assert [future.result().status for future in asked] == [200] * IN_FLIGHT
    assert gateway.process.wait(45) == 0
    assert processes.marked(gateway.run) == set()
