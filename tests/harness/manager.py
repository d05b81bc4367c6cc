"""A service manager as far as a service sees it: sockets handed over, notices taken (systemd)."""

import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.until import until

STARTER = """
import os, sys
names, numbers, *command = sys.argv[1:]
numbers = [int(number) for number in numbers.split(",")]
for place, number in enumerate(numbers, 3):
    os.dup2(number, place, inheritable=True)
    if number >= 3 + len(numbers):
        os.close(number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""
"""Descriptors from 3 up, and variables that name the process that they are for."""


class Manager:
    """Holds the sockets of a service, over all its starts."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.names = names
        self.sockets = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in names]
        self.address: tuple[str, int] = self.sockets[0].getsockname()
        self.path = folder / "notify"
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(self.path))
        self.notices.setblocking(False)
        self.heard: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for each in (*self.sockets, self.notices):
            each.close()

    @property
    def before(self) -> Sequence[str]:
        """Give what starts the service."""
        numbers = ",".join(str(each.fileno()) for each in self.sockets)
        return [sys.executable, "-c", STARTER, ":".join(self.names), numbers]

    @property
    def descriptors(self) -> Sequence[int]:
        """Give what the starter needs."""
        return [each.fileno() for each in self.sockets]

    @property
    def environment(self) -> Mapping[str, str]:
        """Give what the service is told beside its sockets."""
        return {"NOTIFY_SOCKET": str(self.path)}

    def hears(self, line: str) -> None:
        """Wait for a line of a notice, and forget what came before."""

        def came() -> bool:
            try:
                while True:
                    self.heard += self.notices.recv(4096).decode().splitlines()
            except BlockingIOError:
                return line in self.heard

        until(f"the manager is told {line}", came)
        del self.heard[: self.heard.index(line) + 1]
