"""A Redis of one's own: on a port that nobody else has, with nothing on a disk."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.places import PATIENCE
from harness.until import until

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


@dataclass
class Redis:
    """The process, and where it listens."""

    process: "subprocess.Popen[bytes]"
    port: int

    @property
    def address(self) -> str:
        """What belongs into `store.state`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def pause(self) -> None:
        """Let it answer nothing, and close nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again, also what was asked while it was paused."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def redis() -> Iterator[Redis]:
    """Run one."""
    assert PROGRAM is not None, "there is no redis-server here"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    line = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started = Redis(process, port)

    def listens() -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", port)) == 0

    try:
        until("Redis listens", listens)
        yield started
    finally:
        started.go_on() if process.poll() is None else None
        process.kill()
        process.wait(PATIENCE)
