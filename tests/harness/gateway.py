"""A running `buckler run`."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from live_server import Target, quiet

from harness import processes
from harness.certificates import trusting
from harness.places import BUCKLER, PATIENCE, PYTHON
from harness.raw import Answer, Wire
from harness.until import until

ADDRESS = re.compile(r"^  (https?://\S+:\d+)$", re.MULTILINE)
REDIRECT = re.compile(r"^  (http://\S+:\d+) redirects to HTTPS$", re.MULTILINE)
CERTIFICATE = re.compile(r"^self-signed certificate: (\S+)$", re.MULTILINE)
REPORT_END = re.compile(r"^(enforced|monitored|off) +errors .*\n", re.MULTILINE)
READY = re.compile(r"worker \d+ is ready \(process (\d+)\)")
UNLIMITED = {"BUCKLER_LIMITS__DEFAULT": "[]", "BUCKLER_STORE__KEYS": "1000"}
"""Clients of the tests have one address between them, and ask more often than people do.

A killed process leaves its store behind: it is to be a small one.
"""
WARMTH = "/.e2e/mark/"
"""The path of a request whose log line tells that all lines before it are written."""


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the tests' environment without what would change a policy, a proxy, or another make."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BUCKLER_", "MAKE", "MFLAGS"))
        and not name.lower().endswith("_proxy")
    }
    ours = {"NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **UNLIMITED}
    return {**kept, **ours, **(more or {})}


@dataclass
class Gateway:
    """The process, where it listens, and what it has written."""

    process: "subprocess.Popen[bytes]"
    run: str
    out: Path
    err: Path
    base_url: str = ""
    redirect_url: str | None = None
    authority: Path | None = None
    _marks: int = field(default=0, repr=False)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """A client's side that trusts the certificate, or nothing for plain HTTP."""
        if self.authority is None:
            return None
        return trusting(self.authority)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        split = urlsplit(self.base_url)
        assert split.hostname is not None
        assert split.port is not None
        return split.hostname, split.port

    @property
    def host(self) -> str:
        """What belongs into `Host`."""
        return urlsplit(self.base_url).netloc

    @property
    def target(self) -> Target:
        """The same for the tests of the apps."""
        tls, other = self.tls, self.tls
        return Target(self.base_url, tls, websocket_tls=None if other is None else quiet(other))

    def client(self, **options: Any) -> httpx.Client:  # noqa: ANN401 - httpx' own
        """Open a client whose paths are relative to the gateway."""
        tls = self.tls
        return httpx.Client(
            base_url=self.base_url,
            verify=True if tls is None else tls,
            trust_env=False,
            **{"timeout": PATIENCE, **options},
        )

    def wire(self) -> Wire:
        """Open a connection for bytes."""
        return Wire(self.address, self.tls)

    def get(self, path: str) -> Answer:
        """Ask once, over a connection of its own."""
        with self.wire() as wire:
            wire.send(
                f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode()
            )
            return wire.answer()

    def told(self) -> str:
        """Give standard error so far."""
        return self.err.read_text(errors="replace")

    def printed(self) -> str:
        """Give standard output so far: the log."""
        return self.out.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """Give the log's whole lines so far."""
        text = self.printed()
        whole, _, _ = text.rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def requests(self) -> list[dict[str, Any]]:
        """Give the log's lines on requests after all that was sent before is written."""
        self._marks += 1
        path = f"{WARMTH}{self._marks}"
        self.get(path)

        def seen() -> list[dict[str, Any]] | None:
            lines = [line for line in self.lines() if line["event"] == "request"]
            found = [index for index, line in enumerate(lines) if line["target"] == path]
            return lines if found else None

        lines = until(f"the log shows {path}", seen)
        return [line for line in lines if not line["target"].startswith(WARMTH)]

    def workers(self) -> list[int]:
        """Give the ids of the workers that are alive, oldest first."""
        alive = processes.marked(self.run)
        started = [int(found) for found in READY.findall(self.printed())]
        return [pid for pid in started if pid in alive]

    def stop(self, patience: float = PATIENCE) -> int:
        """End it as an operator would, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end after SIGTERM:\n{self.told()}") from None

    def kill(self) -> None:
        """End it and all that it started, whatever state they are in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        processes.end(processes.marked(self.run))


def command(
    app: str, app_dir: Path, policy: Path | None, dev: bool, more: Sequence[str]
) -> list[str]:
    """Write `buckler run` down."""
    line = [str(BUCKLER), "run", app, "--app-dir", str(app_dir), "--python", PYTHON]
    line += ["--listen", "127.0.0.1:0"]
    if policy is not None:
        line += ["--policy", str(policy)]
    if dev:
        line += ["--dev"]
    return [*line, *more]


@contextmanager
def running(
    folder: Path,
    app: str,
    app_dir: Path,
    *,
    policy: str | None = None,
    dev: bool = False,
    environment: Mapping[str, str] | None = None,
    authority: Path | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[Gateway]:
    """Serve `app` for as long as the block lasts."""
    line = command(app, app_dir, written(folder, policy), dev, arguments)
    with started(folder, line, environment, authority) as gateway:
        yield gateway


@contextmanager
def before(
    folder: Path,
    upstream: str,
    policy: str,
    *,
    environment: Mapping[str, str] | None = None,
    authority: Path | None = None,
) -> Iterator[Gateway]:
    """Stand before what listens elsewhere for as long as the block lasts."""
    line = [str(BUCKLER), "serve", "--upstream", upstream, "--listen", "127.0.0.1:0"]
    line += ["--policy", str(written(folder, policy))]
    with started(folder, line, environment, authority) as gateway:
        yield gateway


def written(folder: Path, policy: str | None) -> Path | None:
    """Write the policy down, if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    if policy is None:
        return None
    file = folder / "buckler.toml"
    file.write_text(policy)
    return file


@contextmanager
def started(
    folder: Path,
    line: Sequence[str],
    environment: Mapping[str, str] | None,
    authority: Path | None,
    descriptors: Sequence[int] = (),
) -> Iterator[Gateway]:
    """Run the command for as long as the block lasts. The log is JSON, whatever it is told."""
    run = uuid.uuid4().hex
    out, err = folder / "log.jsonl", folder / "told.txt"
    variables = {processes.MARK: run, "BUCKLER_LOG__FORMAT": "json", **(environment or {})}
    with out.open("wb") as out_sink, err.open("wb") as err_sink:
        process = subprocess.Popen(
            line,
            cwd=folder,
            pass_fds=descriptors,
            env=clean_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=out_sink,
            stderr=err_sink,
        )
    gateway = Gateway(process, run, out, err, authority=authority)
    try:
        announced(gateway)
        yield gateway
        if process.poll() is None:
            gateway.stop()
    finally:
        gateway.kill()


def announced(gateway: Gateway) -> None:
    """Read from what it says where it listens; the report's last line comes after all of it."""

    def told() -> bool:
        text = gateway.told()
        if gateway.process.poll() is not None:
            raise AssertionError(f"it did not start:\n{text}")
        found = ADDRESS.search(text)
        if found is None or REPORT_END.search(text) is None:
            return False
        gateway.base_url = found.group(1)
        redirect = REDIRECT.search(text)
        gateway.redirect_url = None if redirect is None else redirect.group(1)
        if gateway.authority is None and gateway.base_url.startswith("https:"):
            certificate = CERTIFICATE.search(text)
            if certificate is None or "/../etc/passwd" not in text:
                return False
            gateway.authority = Path(certificate.group(1))
        return True

    until("the gateway tells its address", told)


def refuses(address: tuple[str, int]) -> bool:
    """Tell whether nobody listens there any more."""
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # It was taken by the system while the listener was being closed; the next one tells.
        return False
    return False
