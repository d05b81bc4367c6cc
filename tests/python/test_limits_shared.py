"""Limits that all processes of an app share, whatever started them (R12, R13)."""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from harness.asgi import GUNICORN, UVICORN, UVICORN_WORKERS, Served, Server, served
from harness.redis import PROGRAM, redis
from harness.until import until

PRELOADED = replace(GUNICORN, name="gunicorn-preload", line=(*GUNICORN.line, "-w=4", "--preload"))
"""The app is imported once, and then the process is forked."""

POLICY = """
[server]
hosts = ["127.0.0.1"]
[server.tls]
mode = "off"
[limits]
default = []
"""

ASKERS = 8
EACH = 50
ADMITTED = 100


def asked(running: Served, path: str = "/routed/{}") -> tuple[Counter[int], set[int]]:
    """Ask from several threads at once: give the statuses, and the processes that answered."""

    def ask(asker: int) -> tuple[Counter[int], set[int]]:
        found: Counter[int] = Counter()
        processes = set()
        for at in range(EACH):
            # A connection for each, so that every worker gets some.
            with running.client() as client:
                answer = client.get(path.format(f"{asker}-{at}"))
            found[answer.status_code] += 1
            if answer.status_code == httpx.codes.OK:
                processes.add(answer.json()["pid"])
        return found, processes

    with ThreadPoolExecutor(ASKERS) as pool:
        answers = list(pool.map(ask, range(ASKERS)))
    found = sum((counted for counted, _ in answers), Counter[int]())
    return found, set().union(*(processes for _, processes in answers))


# R13: of 400 requests to four processes exactly 100 are admitted
@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["bare", "added"])
@pytest.mark.parametrize("server", [UVICORN_WORKERS, PRELOADED], ids=lambda server: server.name)
def test_four_processes_admit_together_what_the_limit_says(
    server: Server, way: str, tmp_path: Path
) -> None:
    environment = {"BUCKLER_STORE__PATH": str(tmp_path / "counts")}
    with served(
        tmp_path, server, "limited:app", policy=POLICY, way=way, environment=environment
    ) as running:
        found, processes = asked(running)
        assert found == {200: ADMITTED, 429: ASKERS * EACH - ADMITTED}, running.printed()
        assert len(processes) > 1


# R13
@pytest.mark.timeout(180)
@pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server here")
@pytest.mark.parametrize("way", ["bare", "added"])
def test_four_processes_admit_together_what_redis_counts(way: str, tmp_path: Path) -> None:
    with redis() as database:
        environment = {
            "BUCKLER_STORE__STATE": database.address,
            "BUCKLER_STORE__TIMEOUT": "10s",
            "BUCKLER_LIMITS__STORE_DOWN": "closed",
        }
        with served(
            tmp_path,
            UVICORN_WORKERS,
            "limited:app",
            policy=POLICY,
            way=way,
            environment=environment,
        ) as running:
            found, processes = asked(running)
            assert found == {200: ADMITTED, 429: ASKERS * EACH - ADMITTED}, running.printed()
            assert len(processes) > 1


# R13: a worker that is killed takes no counts with it
@pytest.mark.timeout(180)
def test_counts_survive_the_worker_that_made_them(tmp_path: Path) -> None:
    # Workers that are killed before the next ones have begun would take the store with them.
    environment = {
        "BUCKLER_STORE__PATH": str(tmp_path / "counts"),
        "BUCKLER_STORE__KEEP": "always",
    }
    with served(
        tmp_path,
        UVICORN_WORKERS,
        "limited:app",
        policy=POLICY,
        environment=environment,
    ) as running:
        for _ in range(5):
            answer = until("somebody answers", lambda: answers_or_none(running))
            assert answer.status_code == 200, answer.text
            pid = answer.json()["pid"]
            os.kill(pid, signal.SIGKILL)
            until_gone(pid)
        refused = until("another answers", lambda: answers_or_none(running))
        assert refused.status_code == 429
        assert refused.json()["code"] == "quota_exhausted"


def until_gone(pid: int) -> None:
    """Wait for the end of a process, whether or not its parent has heard of it."""

    def gone() -> bool:
        try:
            return not Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return True

    until(f"{pid} is gone", gone)


def answers_or_none(running: Served) -> httpx.Response | None:
    """Ask once; a connection may go to a process that is just being ended."""
    try:
        with running.client() as client:
            return client.get("/five")
    except httpx.TransportError:
        return None


# R13: whoever asks for what is not limited never waits for the store
@pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server here")
@pytest.mark.parametrize("way", ["bare", "added"])
def test_a_silent_store_keeps_nobody_waiting_who_is_not_counted(way: str, tmp_path: Path) -> None:
    with redis() as database, ThreadPoolExecutor(ASKERS) as pool:
        environment = {
            "BUCKLER_STORE__STATE": database.address,
            "BUCKLER_STORE__TIMEOUT": "10s",
            "BUCKLER_LIMITS__STORE_DOWN": "closed",
        }
        with served(
            tmp_path,
            UVICORN,
            "limited:app",
            policy=POLICY,
            way=way,
            environment=environment,
        ) as running:
            assert running.get("/routed/first").status == 200
            database.pause()
            try:
                waiting = [pool.submit(running.get, f"/routed/{at}") for at in range(ASKERS)]
                for _ in range(100):
                    assert running.get("/free").status == 200
                assert not any(answer.done() for answer in waiting)
            finally:
                database.go_on()
            assert [answer.result().status for answer in waiting] == [200] * ASKERS


# R13: each limit says what becomes of requests while its store is down
@pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server here")
@pytest.mark.parametrize("way", ["bare", "added"])
@pytest.mark.parametrize(
    ("store_down", "wanted"),
    [("closed", [503] * 7), ("open", [200] * 7), ("local", [200] * 5 + [429] * 2)],
)
def test_a_store_that_is_gone_does_what_the_policy_says(
    store_down: str, wanted: list[int], way: str, tmp_path: Path
) -> None:
    with redis() as database:
        environment = {
            "BUCKLER_STORE__STATE": database.address,
            "BUCKLER_LIMITS__STORE_DOWN": store_down,
            "BUCKLER_STORE__PATH": str(tmp_path / "counts"),
        }
        with served(
            tmp_path,
            UVICORN,
            "limited:app",
            policy=POLICY,
            way=way,
            environment=environment,
        ) as running:
            assert running.get("/routed/first").status == 200
            database.kill()
            with running.client() as client:
                answers = [client.get("/five") for _ in wanted]
            assert [answer.status_code for answer in answers] == wanted
            if store_down == "closed":
                said = answers[0].json()
                assert said["detail"].startswith("requests cannot be counted at the moment")
                assert said.get("code") == ("overloaded" if way == "added" else None)
                assert answers[0].headers["retry-after"] == "1"
            elif way == "added":
                notes = [line.get("notes") for line in running.requests() if line["status"] == 200]
                counted = [note for note in notes if note and "does not answer" in note[0]]
                assert len(counted) == wanted.count(200)


# R13: whoever reads the log learns when the store goes and when it comes back, and no password
@pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server here")
def test_the_log_tells_of_a_store_that_goes_and_comes_back(tmp_path: Path) -> None:
    with redis() as database:
        environment = {
            "BUCKLER_STORE__STATE": database.address,
            "BUCKLER_LIMITS__DEFAULT": '["1000/hour per ip"]',
        }
        with served(
            tmp_path, UVICORN, "limited:app", policy=POLICY, way="added", environment=environment
        ) as running:
            assert running.get("/free").status == 200
            database.pause()
            try:
                until(
                    "it is told that it is gone",
                    lambda: tells(running, "limits cannot be asked: Redis at 127.0.0.1:"),
                )
            finally:
                database.go_on()
            until(
                "it is told that it is back",
                lambda: tells(running, "the store of limits answers again"),
            )


def tells(running: Served, what: str) -> bool:
    """Ask once more, and look whether the log says so."""
    running.get("/free")
    return what in running.printed()


# R13: an interpreter drops nothing at its end, and leaves nothing in the machine's memory
@pytest.mark.parametrize("server", [UVICORN, UVICORN_WORKERS])
def test_nothing_is_left_when_the_last_process_has_ended(server: Server, tmp_path: Path) -> None:
    store = tmp_path / "counts"
    environment = {"BUCKLER_STORE__PATH": str(store)}
    with served(tmp_path, server, "limited:app", policy=POLICY, environment=environment) as running:
        assert running.get("/free").status == 200
        assert store.exists()
        running.stop()
    assert not store.exists()
