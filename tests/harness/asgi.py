"""Servers that serve an app in a process of their own, as their users start them."""

import json
import re
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from live_server import Target

from harness import processes
from harness.gateway import clean_environment, refuses
from harness.places import FIXTURES, PATIENCE, PYTHON, ROOT
from harness.raw import Answer, Wire
from harness.until import until

PACKAGE = ROOT / "python"
"""Where `import buckler` leads to: the package beside the extension that was built last."""

TESTS = ROOT / "tests"
OURS = ROOT / "tests" / "python" / "fixtures"

PRODUCTION = '[server]\nhosts = ["127.0.0.1"]\n'
"""What production asks for in process, where nobody speaks TLS."""

LOG = {"BUCKLER_LOG__FORMAT": "json", "BUCKLER_LOG__ACCESS": "all", "PYTHONUNBUFFERED": "1"}

LISTENS = re.compile(r"(?:[Rr]unning on|[Ll]istening at:?) http://127\.0\.0\.1:(\d+)")
"""How each of them says which port the system has given it."""

MARK = "/.served/mark/"
"""The path of a request whose log line tells that all lines before it are written."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and the words that start it."""

    name: str
    line: tuple[str, ...]
    """After `python -m`; `{port}` is a port that is free."""

    http2: bool = False
    """Whether clients that know it already may speak HTTP/2 without TLS."""

    ends_with: int = 0
    """Its exit code after SIGTERM; uvicorn dies of the signal once it has tidied up."""

    def command(self, app: str, port: int, more: Sequence[str]) -> list[str]:
        """Write the whole line; every warning is an error."""
        line = [PYTHON, "-W", "error", "-m"]
        return [*line, *(word.format(port=port) for word in self.line), *more, app]


UNDER_UVICORN = ("uvicorn", "--port=0", "--no-proxy-headers")
"""As the docs say: the policy alone says which proxies are believed."""

UNDER_GUNICORN = ("gunicorn", "-b=127.0.0.1:0", "--no-control-socket", "--forwarded-allow-ips=")
UNDER_HYPERCORN = ("hypercorn", "-b=127.0.0.1:0")

UVICORN = Server("uvicorn-httptools", (*UNDER_UVICORN, "--http=httptools"), ends_with=-15)
UVICORN_H11 = Server("uvicorn-h11", (*UNDER_UVICORN, "--http=h11", "--loop=asyncio"), ends_with=-15)
UVICORN_WORKERS = Server("uvicorn-workers", (*UNDER_UVICORN, "--workers=4"))
GUNICORN = Server("gunicorn-uvicorn", (*UNDER_GUNICORN, "-k=uvicorn_worker.UvicornWorker"))
GUNICORN_ASGI = Server(
    "gunicorn-asgi", (*UNDER_GUNICORN, "-k=asgi", "--asgi-disconnect-grace-period=1")
)
GRANIAN = Server("granian", ("granian", "--interface=asgi", "--port={port}"), http2=True)
HYPERCORN = Server("hypercorn-asyncio", UNDER_HYPERCORN, http2=True)
HYPERCORN_TRIO = Server("hypercorn-trio", (*UNDER_HYPERCORN, "-k=trio"), http2=True)
ALL = (
    UVICORN,
    UVICORN_H11,
    UVICORN_WORKERS,
    GUNICORN,
    GUNICORN_ASGI,
    GRANIAN,
    HYPERCORN,
    HYPERCORN_TRIO,
)


@dataclass
class Served:
    """The process, where it listens, and what it has written."""

    server: Server
    process: "subprocess.Popen[bytes]"
    run: str
    out: Path
    port: int = 0
    way: str = "added"
    base_url: str = ""
    authority: Path | None = None
    """Nobody speaks TLS in process."""

    _marks: int = 0

    @property
    def guarded(self) -> bool:
        """Whether Buckler is in."""
        return self.way != "bare"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    @property
    def host(self) -> str:
        """What belongs into `Host`."""
        return f"127.0.0.1:{self.port}"

    @property
    def target(self) -> Target:
        """The same for clients of WebSockets."""
        return Target(self.base_url, None)

    def client(self, **options: Any) -> httpx.Client:  # noqa: ANN401 - httpx' own
        """Open a client whose paths are relative to the server."""
        return httpx.Client(
            base_url=self.base_url, trust_env=False, **{"timeout": PATIENCE, **options}
        )

    def wire(self) -> Wire:
        """Open a connection for bytes."""
        return Wire(self.address)

    def get(self, path: str, *fields: str) -> Answer:
        """Ask once, over a connection of its own."""
        head = "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {self.host}", *fields])
        with self.wire() as wire:
            wire.send(f"{head}\r\nConnection: close\r\n\r\n".encode())
            return wire.answer()

    def printed(self) -> str:
        """Give what it wrote so far, on both outputs."""
        return self.out.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """Give Buckler's own whole lines so far."""
        whole, _, _ = self.printed().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith('{"')]

    def requests(self) -> list[dict[str, Any]]:
        """Give the lines on requests after all that was sent before is written."""
        self._marks += 1
        path = f"{MARK}{self._marks}"
        self.get(path)

        def seen() -> list[dict[str, Any]] | None:
            lines = [line for line in self.lines() if line["event"] == "request"]
            return lines if any(line["target"] == path for line in lines) else None

        lines = until(f"the log shows {path}", seen)
        return [line for line in lines if not line["target"].startswith(MARK)]

    def until_there(self, path: Path) -> None:
        """Wait for the socket of a server that listens on one."""

        def there() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"it did not start:\n{self.printed()}")
            return path.is_socket()

        until(f"{path.name} is there", there)

    def stop(self) -> int:
        """End it as an operator would, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end after SIGTERM:\n{self.printed()}") from None

    def kill(self) -> None:
        """End it and all that it started, whatever state they are in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        processes.end(processes.marked(self.run))


class Reserved:
    """A port that nobody else gets while this block lasts.

    It is bound and never listens, so a server that sets SO_REUSEPORT may share it and gets all
    connections.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def around(folder: Path, way: str, paths: Sequence[Path] = ()) -> dict[str, str]:
    """Give the variables with which the apps of the tests are found and told what to be."""
    searched = ":".join(str(path) for path in (folder, *paths, OURS, FIXTURES, PACKAGE, TESTS))
    return {"PYTHONPATH": searched, "SERVED_AS": way, **LOG}


@contextmanager
def served(
    folder: Path,
    server: Server,
    app: str,
    *,
    way: str = "added",
    policy: str | None = None,
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    paths: Sequence[Path] = (),
    announced: bool = True,
) -> Iterator[Served]:
    """Serve `app` in `folder` for as long as the block lasts; a policy stands there as a file.

    `way` is how the app puts Buckler in: tests/python/fixtures/served.py.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if policy is not None:
        (folder / "buckler.toml").write_text(policy)
    run = uuid.uuid4().hex
    out = folder / "printed.txt"
    variables = {processes.MARK: run, **around(folder, way, paths), **(environment or {})}
    with Reserved() as reserved, out.open("wb") as sink:
        process = subprocess.Popen(
            server.command(app, reserved.port, arguments),
            cwd=folder,
            env=clean_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        running = Served(server, process, run, out, way=way)
        try:
            if announced:
                listens(running)
            yield running
            running.stop()
        finally:
            running.kill()


def listens(running: Served) -> None:
    """Read where it listens; connections may wait there for a worker that is not ready yet."""

    def told() -> bool:
        if running.process.poll() is not None:
            raise AssertionError(f"it did not start:\n{running.printed()}")
        found = LISTENS.search(running.printed())
        if found is not None:
            running.port = int(found.group(1))
            running.base_url = f"http://{running.host}"
        return found is not None

    until("the server tells its address", told)
    # Some tell it before they listen.
    until("the server listens", lambda: not refuses(running.address))
