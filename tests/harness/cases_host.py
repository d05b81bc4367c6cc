"""Runs literate cases through the middleware: one JSON object a line in, one out.

The standard library alone: whoever has a Python can run the cases. What the app learns from the
scope is told as the fields by which the other hosts tell it, so that one expectation fits all.
"""

import asyncio
import contextlib
import gc
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from buckler import Buckler
from buckler._buckler import flush
from buckler._types import App, Message, Receive, Scope, Send

LONGEST = 30.0
"""Seconds: a case that waits for more has lost somebody."""

CONTRACTS = Path(__file__).parents[1] / "contracts"
"""Documents that policies of cases name."""

PORT = 40000
"""The port of the client; any will do."""

Line = tuple[bytes, bytes]
Told = dict[str, Any]


class AppError(Exception):
    """What a scripted app raises."""


def scope_of(request: Told) -> Scope:
    """Make the scope that a server makes of the request."""
    raw_path, _, query = request["target"].encode("latin-1").partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request["version"],
        "method": request["method"],
        "scheme": request["scheme"],
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": lines_of(request["lines"]),
        "client": None if request["peer"] == "local" else (request["peer"], PORT),
        "server": ("127.0.0.1", 8000),
        "extensions": {},
        "state": {},
    }


def lines_of(lines: list[list[str]]) -> list[Line]:
    """Give lines as a server does."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines]


class Server:
    """What stands outside: gives the pieces of the body, and takes the answer."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": at + 1 < len(pieces)}
            for at, piece in enumerate(pieces or [b""])
        ]
        self.status = 0
        self.lines: list[Line] = []
        self.body = b""
        self.ended = False

    async def receive(self) -> Message:
        """Give the next message; behind the last one the client stays and is silent."""
        if self.messages:
            return self.messages.pop(0)
        await asyncio.Event().wait()
        raise RuntimeError("nobody sets it")

    async def send(self, message: Message) -> None:
        """Take a message, as strictly as servers do."""
        if message["type"] == "http.response.start":
            if self.status:
                raise RuntimeError("the answer starts twice")
            self.status = message["status"]
            self.lines = [(bytes(name), bytes(value)) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            if not self.status or self.ended:
                raise RuntimeError("a body where there is none")
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)
        else:
            raise RuntimeError(f"a server does not know {message['type']!r}")


class Scripted:
    """The app: writes down what it received, and answers as the case says."""

    def __init__(self, script: Told | None) -> None:
        self.script = script
        self.received: list[Told] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request to its end, then answer."""
        body, ended = b"", False
        while not ended:
            message = await receive()
            if message["type"] != "http.request":
                break
            body += message.get("body", b"")
            ended = not message.get("more_body", False)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        target = (scope["raw_path"] + query).decode("latin-1")
        told = {
            "start": f"{scope['method']} {target}",
            "lines": text_of(lines_told(scope)),
            "body": body.decode("latin-1"),
            "ended": ended,
        }
        self.received.append(told)
        if not ended or self.script is None:
            raise AppError
        await self.answer(self.script, send)

    async def answer(self, script: Told, send: Send) -> None:
        """Give the answer of the script."""
        body = script["body"].encode("latin-1")
        lines = lines_of(script["lines"])
        half = max(1, -(-len(body) // 2)) if script["chunked"] else max(1, len(body))
        pieces = [body[at : at + half] for at in range(0, len(body), half)] or [b""]
        has_length = any(name.lower() == b"content-length" for name, _ in lines)
        if not script["chunked"] and script["status"] not in (204, 304) and not has_length:
            lines.append((b"content-length", str(len(body)).encode()))
        start = {"type": "http.response.start", "status": script["status"], "headers": lines}
        await send(start)
        for at, piece in enumerate(pieces):
            more = at + 1 < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})
        if start["headers"] is not lines:
            raise RuntimeError("the app's own message was changed")


def lines_told(scope: Scope) -> list[Line]:
    """Give the request's fields, and as fields what the scope tells of the client.

    A field that tells the same goes; one that tells something else stays, and is found.
    """
    judged = scope["buckler"]
    host = next((value for name, value in scope["headers"] if name.lower() == b"host"), None)
    told: list[Line] = [(b"x-request-id", judged.request_id.encode())]
    if scope["client"] is not None:
        if scope["client"][0] != judged.client and judged.client is not None:
            raise RuntimeError(f"the scope says {scope['client']}, the engine {judged.client}")
        told.append((b"x-forwarded-for", scope["client"][0].encode()))
    if scope["scheme"] != judged.scheme:
        raise RuntimeError(f"the scope says {scope['scheme']}, the engine {judged.scheme}")
    told.append((b"x-forwarded-proto", scope["scheme"].encode()))
    if host is not None:
        told.append((b"x-forwarded-host", host))
    others = [line for line in scope["headers"] if (line[0].lower(), line[1]) not in told]
    return [*others, *told]


def text_of(lines: list[Line]) -> list[list[str]]:
    """Give lines as JSON can hold them."""
    return [[name.decode("latin-1").lower(), value.decode("latin-1")] for name, value in lines]


class Log:
    """Standard error, kept in a file that is read behind each case."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log"
        self.kept = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        os.dup2(self.kept, 2)

    def take(self) -> list[str]:
        """Give what was written since, line by line."""
        flush()
        text = self.path.read_text(errors="replace")
        os.ftruncate(self.kept, 0)
        return text.splitlines()


async def serve(case: Told, app: Scripted, log: Log, store: Path) -> Server:
    """Run one case to its end."""
    settings: dict[str, object] = {
        "log__access": "all",
        "log__format": "json",
        "store__path": str(store),
        "store__keys": 1000,
    }
    if case["mode"] is not None:
        settings["mode"] = case["mode"]
    middleware: App = Buckler(app, policy="buckler.toml", **settings)
    for at in range(case["request"]["before"] + 1):
        if at > 0:
            log.take()
            app.received.clear()
        server = Server([piece.encode("latin-1") for piece in case["request"]["pieces"]])
        serving = middleware(scope_of(case["request"]), server.receive, server.send)
        with contextlib.suppress(AppError):
            await asyncio.wait_for(serving, LONGEST)
    return server


def run(case: Told, log: Log) -> Told:
    """Run one case, and tell what was seen."""
    Path("buckler.toml").write_text(case["policy"])
    # A policy names a document by its path from the tests' folder.
    with contextlib.suppress(FileExistsError):
        Path("contracts").symlink_to(CONTRACTS)
    app = Scripted(case["app"])
    # A store of its own: cases follow each other in one folder.
    store = Path("limits").absolute()
    store.unlink(missing_ok=True)
    server = asyncio.run(serve(case, app, log, store))
    gc.collect()
    return {
        "received": app.received,
        "status": server.status,
        "lines": text_of(server.lines),
        "body": server.body.decode("latin-1"),
        "ended": server.ended,
        "log": [line for line in log.take() if line.startswith("{")],
    }


def main() -> None:
    """Serve cases until there are no more."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        log = Log(Path(folder))
        for line in sys.stdin:
            try:
                told: Told = run(json.loads(line), log)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test that asked is told
                log.take()
                told = {"error": f"{type(error).__name__}: {error}"}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
