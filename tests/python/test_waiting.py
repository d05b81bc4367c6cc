"""Waiting for a store of several machines in an event loop, which goes on meanwhile (R13)."""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from buckler import Buckler, _waiting
from buckler._buckler import Limit, Pending, Standing, Store, flush
from buckler._types import Message, Receive, Scope, Send
from harness.gateway import clean_environment
from harness.loops import ALL, TURNS, Run, in_asyncio, in_trio, in_uvloop
from harness.places import ROOT
from harness.redis import PROGRAM, Redis, redis

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server here")


@pytest.fixture(params=ALL)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a function in an event loop."""
    how: Run = request.param
    return how


@pytest.fixture(scope="module")
def database() -> Iterator[Redis]:
    """Run one Redis for all tests that leave it as it was."""
    with redis() as started:
        yield started


@pytest.fixture
def store(
    database: Redis,
    nothing_of_the_machine: None,  # noqa: ARG001 - a fixture for what it does
    monkeypatch: pytest.MonkeyPatch,
) -> Store:
    """Open a store that waits long enough for whatever a test does."""
    monkeypatch.setenv("BUCKLER_STORE__STATE", database.address)
    monkeypatch.setenv("BUCKLER_STORE__TIMEOUT", "10s")
    return Store(None)


def asked(store: Store, place: str = "here", limit: str = "1000000/hour") -> Pending[Standing]:
    """Ask, and wait for nothing."""
    pending = store.count([Limit(limit, 1, "closed", None)], place, None, [])
    assert isinstance(pending, Pending)
    return pending


async def counted(store: Store, place: str = "here", limit: str = "1000000/hour") -> Standing:
    """Ask, and wait for the answer."""
    standing = await _waiting.waited(asked(store, place, limit))
    assert isinstance(standing, Standing)
    return standing


# R13
def test_answers_reach_those_who_wait_for_them(run: Run, store: Store) -> None:
    places = 5

    async def ask() -> None:
        refused = dict.fromkeys(range(places), 0)

        async def one(place: int) -> None:
            standing = await counted(store, f"{run.__name__} {place}", f"{place + 1}/hour")
            refused[place] += standing.refused

        async with anyio.create_task_group() as group:
            for at in range(100):
                group.start_soon(one, at % places)
        assert refused == {place: 20 - (place + 1) for place in range(places)}
        assert _waiting.here().waiting == 0

    run(ask)


# R13
def test_a_store_that_is_silent_stops_nobody_else(run: Run, store: Store, database: Redis) -> None:
    async def ask() -> None:
        await counted(store)
        came = []

        async def one() -> None:
            came.append(await counted(store))

        database.pause()
        try:
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(one)
                for _ in range(TURNS):
                    await anyio.lowlevel.checkpoint()
                assert came == []
                assert _waiting.here().waiting > 0
                database.go_on()
        finally:
            database.go_on()
        assert [standing.refused for standing in came] == [False] * 20

    run(ask)


# R13
def test_whoever_stops_waiting_leaves_nothing(run: Run, store: Store, database: Redis) -> None:
    async def ask() -> None:
        await counted(store)
        database.pause()
        try:
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(counted, store)
                for _ in range(TURNS):
                    await anyio.lowlevel.checkpoint()
                # Each by the loop and by the thread that asks.
                assert _waiting.here().waiting == 2 * 50
                group.cancel_scope.cancel()
            assert _waiting.here().waiting == 0
        finally:
            database.go_on()
        # One that is cancelled in the very turn in which its answer comes.
        for _ in range(50):
            async with anyio.create_task_group() as group:
                group.start_soon(counted, store)
                for _ in range(20):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
        assert _waiting.here().waiting == 0
        assert not (await counted(store)).refused

    run(ask)


# R13, R61
def test_whoever_leaves_while_a_store_is_asked_is_written_down(
    run: Run,
    store: Store,
    database: Redis,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BUCKLER_ENVIRONMENT", "development")
    monkeypatch.setenv("BUCKLER_SERVER__TLS__MODE", "off")
    monkeypatch.setenv("BUCKLER_LOG__FORMAT", "json")
    monkeypatch.setenv("BUCKLER_LOG__ACCESS", "all")

    async def unreached(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("it was not counted yet")

    async def unheard() -> Message:
        raise AssertionError("nobody asks for a body yet")

    async def nothing(_message: Message) -> None:
        raise AssertionError("nobody is there to be told")

    app = Buckler(unreached, limits__default=["5/hour per ip"])
    scope: Scope = {"type": "http", "method": "GET", "path": "/left", "client": ("192.0.2.1", 7)}
    scope["headers"] = [(b"host", b"localhost")]

    async def ask() -> None:
        # The connection is there.
        await counted(store)
        database.pause()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(app, scope, unheard, nothing)
                while _waiting.here().waiting == 0:
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
        finally:
            database.go_on()

    run(ask)
    gc.collect()
    flush()
    (line,) = map(json.loads, capfd.readouterr().err.splitlines())
    assert (line["target"], line["outcome"], line["status"]) == ("/left", "aborted", 499)
    assert line["client"] == "192.0.2.1"


# R13
def test_loops_that_are_over_leave_nothing(run: Run, store: Store) -> None:
    def one() -> None:
        async def ask() -> None:
            await counted(store)

        run(ask)

    def open_files() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the folder changes while one looks

    one()
    one()
    before = open_files()
    for _ in range(50):
        one()
    assert open_files() <= before
    assert len(_waiting._loops) == 0


# R13
def test_loops_of_several_threads_wait_at_the_same_time(store: Store) -> None:
    found: list[bool] = []

    async def ask() -> None:
        async def one() -> None:
            found.append((await counted(store)).refused)

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(one)

    ways: list[Run] = [in_asyncio, in_uvloop, in_trio, in_asyncio]
    threads = [threading.Thread(target=way, args=(ask,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [False] * 200


def test_a_loop_that_is_closed_under_a_question_is_over(store: Store, database: Redis) -> None:
    loop = asyncio.new_event_loop()
    database.pause()
    try:
        task = loop.create_task(counted(store))
        loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        del loop, task
        gc.collect()
        assert len(_waiting._loops) == 0
    finally:
        database.go_on()


def test_what_runs_in_no_loop_is_told_so(store: Store) -> None:
    coroutine = counted(store)
    # In the words of trio, where that is there.
    with pytest.raises(RuntimeError):
        coroutine.send(None)


def test_an_answer_is_waited_for_once(store: Store) -> None:
    async def twice() -> None:
        pending = asked(store)
        await _waiting.waited(pending)
        with pytest.raises(RuntimeError, match="already"):
            await _waiting.waited(pending)
        assert _waiting.here().waiting == 0

    asyncio.run(twice())


HEAD = """
import asyncio, os, sys, threading, trio
from buckler import _waiting
from buckler._buckler import Limit, Store

store = Store(None)
limit = Limit("1000000/hour", 1, "closed", None)

async def ask():
    return (await _waiting.waited(store.count([limit], "here", None, []))).refused
"""

FORKS = """
async def several():
    print(await asyncio.gather(*[ask() for _ in range(20)]), flush=True)

def child(what):
    pid = os.fork()
    if pid == 0:
        what()
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

child(lambda: asyncio.run(several()))
asyncio.run(several())
child(lambda: asyncio.run(several()))
child(lambda: print([trio.run(ask)] * 20))
child(lambda: child(lambda: asyncio.run(several())))
asyncio.run(several())
"""

ENDS = {
    "cancelled by its runner": """
async def leave():
    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
asyncio.run(leave())
""",
    "in the middle of a loop": """
async def leave():
    asyncio.get_running_loop().create_task(ask())
    await asyncio.sleep(0)
    sys.stdout.flush()
    raise SystemExit(0)
asyncio.run(leave())
""",
    "of trio": """
async def leave():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
trio.run(leave)
""",
    "under a thread that waits": """
threading.Thread(target=lambda: asyncio.run(ask()), daemon=True).start()
while not len(_waiting._loops):
    pass
""",
}


def program(text: str, database: Redis, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    environment = {
        "PYTHONPATH": str(ROOT / "python"),
        "BUCKLER_STORE__STATE": database.address,
        "BUCKLER_STORE__TIMEOUT": "10s",
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", HEAD + text],
        check=False,
        capture_output=True,
        env=clean_environment(environment),
        cwd=folder,
        text=True,
        timeout=50,
    )


# R13
def test_a_process_that_is_forked_asks_by_itself(database: Redis, tmp_path: Path) -> None:
    ended = program(FORKS, database, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [json.loads(line.lower()) for line in ended.stdout.splitlines()] == [[False] * 20] * 6


# R13
@pytest.mark.parametrize("how", ENDS)
def test_an_interpreter_ends_while_something_is_waited_for(
    how: str, database: Redis, tmp_path: Path
) -> None:
    database.pause()
    try:
        ended = program(ENDS[how], database, tmp_path)
    finally:
        database.go_on()
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_interrupt_ends_a_program_that_waits(database: Redis, tmp_path: Path) -> None:
    text = f"""
import signal
async def wait():
    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.{signal.SIGINT.name})
    await task
try:
    asyncio.run(wait())
except KeyboardInterrupt:
    print("interrupted")
"""
    database.pause()
    try:
        ended = program(text, database, tmp_path)
    finally:
        database.go_on()
    assert (ended.returncode, ended.stdout) == (0, "interrupted\n")


# R13
def test_a_second_interpreter_of_a_process_waits_by_itself(database: Redis, tmp_path: Path) -> None:
    if sys.version_info >= (3, 13):
        pytest.skip("the module of the standard library has another name")
    text = f"""
import _xxsubinterpreters as interpreters
print(asyncio.run(ask()), flush=True)
for _ in range(3):
    other = interpreters.create(isolated=False)
    interpreters.run_string(other, {HEAD!r} + "print(asyncio.run(ask()), flush=True)")
    interpreters.destroy(other)
print(asyncio.run(ask()), flush=True)
"""
    ended = program(text, database, tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "False\n" * 5), ended.stderr
