"""A live address for a suite: the one it is given, or a private uvicorn of its own.

`<PREFIX>_BASE_URL` names a running deployment; its certificate is checked against `<PREFIX>_CA`
(a PEM file), against the system's roots without it, or not at all with `<PREFIX>_INSECURE=1`.
"""

import http.client
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect

START_SECONDS = 30
"""A loaded machine may take a while to import an app."""

STOP_SECONDS = 2
"""What a request that is still running at the end gets; some sleep for an hour."""

REQUEST_SECONDS = 30
"""Longer than any answer of the suites takes, shorter than a suite's own limit."""

RUNNING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An answer without any client's interpretation of it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Give the values of every header line of that name, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an app answers and how its certificate is judged."""

    base_url: str
    tls: ssl.SSLContext | None
    client_tls: ssl.SSLContext | None = None
    """The client's own, which offers HTTP/2; what speaks over a socket of its own does not."""
    websocket_tls: ssl.SSLContext | None = None
    """That of WebSockets: see `quiet`."""

    def client(self) -> httpx.Client:
        """Open a client whose paths are relative to the app; proxies of the machine are ignored."""
        return httpx.Client(
            base_url=self.base_url,
            verify=self.client_tls or self.tls or True,
            http2=self.client_tls is not None,
            timeout=REQUEST_SECONDS,
            trust_env=False,
        )

    def websocket(self, path: str, headers: Mapping[str, str] | None = None) -> ClientConnection:
        """Open a WebSocket; the caller closes it."""
        return connect(
            self.base_url.replace("http", "ws", 1) + path,
            ssl=self.websocket_tls or self.tls,
            proxy=None,
            additional_headers=headers,
            open_timeout=REQUEST_SECONDS,
        )

    def raw(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> RawResponse:
        """Send one request whose path goes out byte for byte as it is written here."""
        address = urlsplit(self.base_url)
        host = address.hostname or ""
        connection = (
            http.client.HTTPConnection(host, address.port, timeout=REQUEST_SECONDS)
            if self.tls is None
            else http.client.HTTPSConnection(
                host, address.port, timeout=REQUEST_SECONDS, context=self.tls
            )
        )
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return RawResponse(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


def quiet(tls: ssl.SSLContext) -> ssl.SSLContext:
    """Keep a server from speaking first.

    The client of WebSockets reads in one thread and writes in another, which Python's ssl does not
    bear while a ticket of TLS 1.3 is on its way: what is written then may be lost (seen with any
    server). TLS 1.2 sends none behind the handshake.
    """
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    return tls


def tls_context(prefix: str) -> ssl.SSLContext:
    """Build what `<PREFIX>_CA` and `<PREFIX>_INSECURE` ask for."""
    context = ssl.create_default_context(cafile=os.environ.get(f"{prefix}_CA"))
    if os.environ.get(f"{prefix}_INSECURE") == "1":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def live_target(
    prefix: str, app: str, app_dir: Path, work_dir: Path, environment: Mapping[str, str]
) -> Iterator[Target]:
    """Give the address in `<PREFIX>_BASE_URL`, or serve `app` for as long as the block lasts."""
    given = os.environ.get(f"{prefix}_BASE_URL")
    if given:
        base_url = given.rstrip("/")
        tls = tls_context(prefix) if base_url.startswith("https:") else None
        http2 = tls is not None and os.environ.get("LIVE_HTTP2") == "1"
        yield Target(
            base_url,
            tls,
            tls_context(prefix) if http2 else None,
            quiet(tls_context(prefix)) if tls is not None else None,
        )
        return
    log = work_dir / "uvicorn.log"
    command = [sys.executable, "-m", "uvicorn", app, "--app-dir", str(app_dir)]
    command += ["--host", "127.0.0.1", "--port", "0"]
    command += ["--timeout-graceful-shutdown", str(STOP_SECONDS)]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=work_dir,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Target(announced_address(process, log), None)
    finally:
        process.terminate()
        try:
            process.wait(2 * STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def announced_address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until uvicorn says where it listens: with port 0 only it knows."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        found = RUNNING.search(text)
        if found:
            return found.group(1)
        if process.poll() is not None:
            raise RuntimeError(f"the app did not start:\n{text}")
        time.sleep(0.05)
    raise RuntimeError(f"the app was not ready in {START_SECONDS} s:\n{log.read_text()}")
