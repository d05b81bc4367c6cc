"""Sockets that a service manager holds: who connects while nobody serves is served by the next."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from harness import processes
from harness.gateway import Gateway, command, started, written
from harness.manager import Manager
from harness.places import FIXTURES, PATIENCE
from harness.raw import Wire
from harness.serving import PLAIN
from harness.until import until

ASK = b"GET /pid HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path, "https") as manager:
        yield manager


def serving(manager: Manager, folder: Path) -> AbstractContextManager[Gateway]:
    own = command("live:app", FIXTURES, written(folder, PLAIN), dev=False, more=["--workers", "1"])
    line = [*manager.before, *own]
    return started(folder, line, manager.environment, None, manager.descriptors)


def test_who_connected_before_the_start_is_served_and_the_manager_is_told(
    manager: Manager, tmp_path: Path
) -> None:
    # R09
    address = manager.address
    early = Wire(address)
    early.send(ASK)
    with serving(manager, tmp_path / "run") as gateway:
        assert gateway.address == address
        assert early.answer().status == 200
        manager.hears("READY=1")
        manager.hears(f"MAINPID={gateway.process.pid}")
        gateway.process.send_signal(signal.SIGHUP)
        manager.hears("RELOADING=1")
        manager.hears("READY=1")
        assert gateway.stop() == 0
        manager.hears("STOPPING=1")
    early.close()


def test_a_restart_refuses_no_connection(manager: Manager, tmp_path: Path) -> None:
    # R09
    address = manager.address
    over = threading.Event()
    pids: list[bytes] = []
    failed: list[object] = []

    def go_on() -> None:
        try:
            while not over.is_set():
                with Wire(address) as wire:
                    wire.send(ASK)
                    answer = wire.answer()
                if answer.status != 200:
                    failed.append(answer)
                pids.append(answer.body)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
            failed.append(error)

    clients = [threading.Thread(target=go_on) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for number in range(2):
            with serving(manager, tmp_path / str(number)) as gateway:
                (worker,) = until("the worker is there", gateway.workers)
                served = partial(pids.count, str(worker).encode())
                until("it serves them all", lambda: failed or served() > 20)  # noqa: B023
                assert gateway.stop() == 0
        with serving(manager, tmp_path / "last"):
            over.set()
            for client in clients:
                client.join(PATIENCE)
    finally:
        over.set()
    assert not failed
    assert len(set(pids)) >= 2, "both have served"


def test_workers_have_neither_the_sockets_nor_the_variables(
    manager: Manager, tmp_path: Path
) -> None:
    # R09, R61
    held = os.fstat(manager.sockets[0].fileno()).st_ino
    with serving(manager, tmp_path / "run") as gateway:
        (worker,) = until("the worker is there", gateway.workers)
        names = {line.partition("=")[0] for line in environment(worker)}
        assert processes.MARK in names
        assert not [name for name in names if name.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_"))]
        own = Path(f"/proc/{worker}/fd")
        assert held not in {number.stat().st_ino for number in own.iterdir() if number.exists()}


def environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def test_a_socket_that_the_policy_does_not_ask_for_is_told_with_both(tmp_path: Path) -> None:
    # R01, R09
    with (
        Manager(tmp_path, "redirect") as manager,
        pytest.raises(AssertionError, match="it did not start") as told,
        serving(manager, tmp_path / "run"),
    ):
        pytest.fail("it serves")
    host, port = manager.address
    assert f"named `redirect` at {host}:{port}" in str(told.value)
    assert "`server.listen` 127.0.0.1:0" in str(told.value)
