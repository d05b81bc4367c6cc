"""What a 429 costs in process: the middleware beside a raw ASGI function that sends the same.

Without a server, as `inprocess_direct.py`: nanoseconds of CPU time for each call, the fastest of
all batches, both in turn.
"""

import asyncio
import gc
import os
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop
from buckler import Buckler
from stacks.requests import BROWSER, Asked
from stacks.variants import POLICY
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CALLS = int(os.environ.get("BENCH_CALLS", "500"))
BATCHES = int(os.environ.get("BENCH_BATCHES", "60"))
ASKED = Asked("GET", "/items/1", 429, BROWSER)


async def answering(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as an app would."""
    await receive()
    headers = [(b"content-length", b"2"), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def said_by(app: ASGIApp) -> list[Message]:
    """Ask once, and give what was sent."""
    said: list[Message] = []

    async def keep(message: Message) -> None:
        said.append(message)

    await app(ASKED.scope(), ASKED.receive(), keep)
    return said


def replaying(said: list[Message]) -> ASGIApp:
    """Give the same answer, byte for byte, to everything."""
    start, body = said
    status, fields, payload = start["status"], list(start["headers"]), body["body"]

    async def raw(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": payload})

    return raw


async def drop(_message: Message) -> None:
    """Take what is sent."""


async def batch(call: ASGIApp) -> float:
    """Nanoseconds of one call."""
    scopes = [ASKED.scope() for _ in range(CALLS)]
    receive = ASKED.receive()
    gc.collect()
    began = time.process_time_ns()
    for scope in scopes:
        await call(scope, receive, drop)
    return (time.process_time_ns() - began) / CALLS


async def run(store: Path) -> dict[str, float]:
    """Measure all in turn."""

    def limited(limit: str, access: str) -> ASGIApp:
        path = str(store / f"{limit[:1]}-{access}")
        settings = {"limits__default": [limit], "store__path": path, "log__access": access}
        return Buckler(answering, policy=POLICY, **settings)

    once = limited("1/24h per ip", "refusals")
    await said_by(once)
    refused = await said_by(once)
    if refused[0]["status"] != ASKED.status:
        raise SystemExit(f"not refused: {refused[0]}")
    uncounted = Buckler(answering, policy=POLICY, limits__default=[], store__path=str(store / "no"))
    apps: dict[str, ASGIApp] = {
        "raw function, the same 429": replaying(refused),
        "Buckler, 429 and its log line": once,
        "Buckler, passed uncounted": uncounted,
        "Buckler, passed and counted": limited("999999999/second per ip", "refusals"),
    }
    fastest = dict.fromkeys(apps, float("inf"))
    for _ in range(BATCHES):
        for name, app in apps.items():
            fastest[name] = min(fastest[name], await batch(app))
    return fastest


def main() -> None:
    """Measure on uvloop, as uvicorn would run it."""
    with tempfile.TemporaryDirectory() as folder:
        loop: Callable[[], Any] = uvloop.new_event_loop
        work: Coroutine[Any, Any, dict[str, float]] = run(Path(folder))
        with asyncio.Runner(loop_factory=loop) as runner:
            found = runner.run(work)
    print("| in process | ns a call |\n|---|---|")
    for name, cost in found.items():
        print(f"| {name} | {cost:.0f} |")


if __name__ == "__main__":
    main()
