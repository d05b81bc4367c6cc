"""Processes that come and go: workers, reload, fork, threads, the end."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import processes
from harness.asgi import (
    GUNICORN,
    OURS,
    PRODUCTION,
    UVICORN,
    UVICORN_WORKERS,
    Served,
    around,
    served,
)
from harness.gateway import clean_environment, refuses
from harness.places import PATIENCE, PYTHON
from harness.raw import Answer
from harness.until import until

IN_FLIGHT = 100

CROWD = 4 * 1500
"""Requests of fixtures/crowd.py."""

SMALL = 512
"""Read in pieces as small as this, the pipe stays full."""

RELOADED = """
from fastapi import FastAPI
from buckler import Buckler

app = FastAPI()

@app.get("/")
async def root() -> int:
    return {version}

app.add_middleware(Buckler)
"""


def script(folder: Path, name: str, policy: str = PRODUCTION) -> "subprocess.CompletedProcess[str]":
    """Run a script of the fixtures to its end; every warning is an error."""
    (folder / "buckler.toml").write_text(policy)
    return subprocess.run(
        [PYTHON, "-W", "error", str(OURS / name)],
        cwd=folder,
        env=clean_environment(around(folder, "round")),
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def lines(told: str) -> list[dict[str, object]]:
    """Read what was logged; anything else is something that nobody should have to read."""
    return [json.loads(line) for line in told.splitlines()]


def workers(running: Served, path: str = "/pid") -> int:
    return int(running.get(path).body)


def test_four_workers(tmp_path: Path) -> None:
    # R81
    with served(tmp_path, UVICORN_WORKERS, "served:app", policy=PRODUCTION) as running:
        pids: set[int] = set()

        def all_seen() -> bool:
            with ThreadPoolExecutor(8) as pool:
                pids.update(pool.map(lambda _: workers(running), range(32)))
            return len(pids) == 4

        until("every worker has answered", all_seen)
        assert pids <= processes.marked(running.run)
        # Each worker writes its own lines.
        until("every line is written", lambda: len(running.requests()) >= 32)
        ids = [line["request_id"] for line in running.requests()]
        assert len(set(ids)) == len(ids)
        refused = {running.get("/pid", "X-A: \0").status for _ in range(16)}
        assert refused == {400}
        assert running.stop() == UVICORN_WORKERS.ends_with
        until("nothing is left of it", lambda: not processes.marked(running.run))
        assert "Traceback" not in running.printed()


def test_reload(tmp_path: Path) -> None:
    # R81
    app = tmp_path / "live_app.py"

    def write(version: int) -> None:
        # Its size tells Python that this is another version.
        app.write_text(RELOADED.format(version=version) + "#" * version + "\n")

    def version() -> int | None:
        if refuses(running.address):
            return None
        answer = running.get("/")
        assert answer.status == 200
        assert answer.all("x-request-id")
        return int(answer.body)

    write(1)
    more = ["--reload", "--reload-include=buckler.toml"]
    with served(tmp_path, UVICORN, "live_app:app", policy=PRODUCTION, arguments=more) as running:
        until("it serves", lambda: version() == 1)
        with running.client() as kept:
            assert kept.get("/").json() == 1
            for number in (2, 3):
                write(number)
                until("the new code is served", lambda: version() == number)  # noqa: B023
        policy = tmp_path / "buckler.toml"
        policy.write_text("[server]\nhost = []\n")
        until("a mistake is told", lambda: "did you mean `hosts`?" in running.printed())
        policy.write_text(PRODUCTION)
        write(4)
        until("the mended policy is served", lambda: version() == 4)
        running.stop()
        until("nothing is left of it", lambda: not processes.marked(running.run))


def test_forked_from_a_loaded_app(tmp_path: Path) -> None:
    # R81: the app, Buckler in it, is made once and forked
    more = ["--preload", "--workers=2"]
    with served(tmp_path, GUNICORN, "served:app", policy=PRODUCTION, arguments=more) as running:
        pids: set[int] = set()

        def both_seen() -> bool:
            pids.add(workers(running))
            return len(pids) == 2

        until("both workers have answered", both_seen)
        # Lines gather for a moment, and what is killed writes no more.
        until("their lines are written", lambda: len(running.requests()) >= 2)
        for pid in set(pids):
            os.kill(pid, signal.SIGKILL)
        pids.clear()
        until("two others have answered", both_seen)
        until("theirs are, too", lambda: len(running.requests()) >= 4)
        ids = [line["request_id"] for line in running.requests()]
        assert len(set(ids)) == len(ids)
        assert running.stop() == GUNICORN.ends_with
        until("nothing is left of it", lambda: not processes.marked(running.run))


def test_fork_before_and_after_the_first_request(tmp_path: Path) -> None:
    # R81
    done = script(tmp_path, "forks.py")
    assert done.returncode == 0, done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    who = ["before-first-use", "parent-first", "after-first-use", "parent-again", "once-more"]
    assert [(name, status) for name, status, _ in told] == [(name, "200") for name in who]
    ids = [number for _, _, number in told]
    assert len(set(ids)) == len(who), "a child must not repeat what its parent draws"
    logged = [line["request_id"] for line in lines(done.stderr) if line["event"] == "request"]
    assert sorted(map(str, logged)) == sorted(ids), "each line is written once, by its own process"


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    # R23, R81: the workers of a server share one standard error, and whoever reads it may be slow
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [PYTHON, "-W", "error", str(OURS / "crowd.py")],
        cwd=tmp_path,
        env=clean_environment({**around(tmp_path, "round"), "BUCKLER_SERVER__HOSTS": "testserver"}),
        stdin=subprocess.DEVNULL,
        stderr=writing,
    )
    os.close(writing)
    told = b""
    while piece := os.read(reading, SMALL):
        told += piece
    os.close(reading)
    assert process.wait() == 0
    logged = [line for line in lines(told.decode()) if line["event"] == "request"]
    dropped = [line for line in lines(told.decode()) if line["event"] != "request"]
    assert dropped == []
    assert len(logged) == len({line["request_id"] for line in logged}) == CROWD


def test_a_log_that_nobody_reads_keeps_no_process(tmp_path: Path) -> None:
    # R81: the parent writes when it forks, and each process when it ends
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [PYTHON, "-W", "error", str(OURS / "crowd.py"), "first"],
        cwd=tmp_path,
        env=clean_environment({**around(tmp_path, "round"), "BUCKLER_SERVER__HOSTS": "testserver"}),
        stdin=subprocess.DEVNULL,
        stderr=writing,
    )
    os.close(writing)
    assert process.wait(PATIENCE) == 0
    os.close(reading)


def test_three_loops_in_one_process(tmp_path: Path) -> None:
    # R81
    done = script(tmp_path, "loops.py")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failures"] == []
    assert found["seen"] == [200] * 600
    assert len([line for line in lines(done.stderr) if line["event"] == "request"]) == 600


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
        ("import threading, time; threading.Thread(target=forever, daemon=True).start()", 0),
    ],
    ids=["falls off", "exits", "interrupted", "a thread goes on"],
)
def test_an_interpreter_ends(tmp_path: Path, end: str, code: int) -> None:
    # R81: what was logged is written, and nobody waits for us
    (tmp_path / "buckler.toml").write_text(PRODUCTION)
    text = (
        "from starlette.testclient import TestClient\n"
        "from served import app\n"
        "client = TestClient(app, base_url='http://127.0.0.1')\n"
        "def forever():\n"
        "    while True:\n"
        "        client.get('/seen')\n"
        "for _ in range(100):\n"
        "    assert client.get('/seen').status_code == 200\n"
        f"{end}\n"
    )
    done = subprocess.run(
        [PYTHON, "-W", "error", "-c", text],
        cwd=tmp_path,
        env=clean_environment(around(tmp_path, "round")),
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == code, done.stderr
    logged = [line for line in done.stderr.splitlines() if line.startswith('{"')]
    assert len([line for line in logged if '"event":"request"' in line]) >= 100


def test_sigterm_with_many_in_flight(tmp_path: Path) -> None:
    # R81
    def ask(running: Served, path: str) -> Answer:
        return running.get(path)

    with served(tmp_path, UVICORN, "served:app", policy=PRODUCTION) as running:

        def in_the_app() -> int:
            return len(json.loads(running.get("/open").body)["open"])

        with ThreadPoolExecutor(IN_FLIGHT) as pool, running.wire() as last:
            asked = [pool.submit(ask, running, f"/wait/{number}") for number in range(IN_FLIGHT)]
            last.send(
                f"POST /say-all HTTP/1.1\r\nHost: {running.host}\r\nContent-Length: 2\r\n"
                "Content-Type: application/octet-stream\r\n\r\n.".encode()
            )
            until("all are in the app", lambda: in_the_app() == IN_FLIGHT + 1)
            running.process.send_signal(signal.SIGTERM)
            until("no new connection is taken", lambda: refuses(running.address))
            last.send(b".")
            assert last.answer().status == 200
            assert [future.result().status for future in asked] == [200] * IN_FLIGHT
        assert running.process.wait(PATIENCE) == UVICORN.ends_with
        logged = [line for line in running.lines() if line["event"] == "request"]
        waited = [line for line in logged if line["target"].startswith("/wait/")]
        assert len(waited) == IN_FLIGHT, "what the last requests logged is written"
        assert {line["status"] for line in waited} == {200}
