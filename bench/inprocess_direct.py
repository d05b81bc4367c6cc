"""What controls in process cost without a server: `await app(scope, receive, send)` in a loop.

One process, the variants in turn, batch by batch; nanoseconds of CPU time for each call, the
fastest of all batches. A server's noise is larger than what a good stack costs; here it is left
out. The stacks stand round the FastAPI app and, where they take any ASGI app, also round one that
does nothing but answer: there, what is left is the stack.

Arguments name the variants to measure; without any, it is all of them.
"""

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import uvloop
from stacks import handwritten, variants
from stacks.requests import ANSWERED, REFUSALS, Asked
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CALLS = int(os.environ.get("BENCH_CALLS", "500"))
BATCHES = int(os.environ.get("BENCH_BATCHES", "60"))


async def trivial(_scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, answer as FastAPI would."""
    await receive()
    headers = [(b"content-length", b"15"), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"status":"ok"}'})


@dataclass
class Measured:
    """One app, one request, and the fastest batch so far."""

    app: str
    round_what: str
    kind: str
    call: ASGIApp
    asked: Asked
    fastest: float = float("inf")


def build() -> dict[tuple[str, str], Callable[[], ASGIApp]]:
    """List what can be measured: what stands round what."""
    return {
        ("nothing", "trivial"): lambda: trivial,
        ("by hand", "trivial"): lambda: handwritten.stack(trivial),
        ("buckler", "trivial"): lambda: variants.buckler_any(trivial),
        ("buckler_all", "trivial"): lambda: variants.buckler_any(trivial, "all"),
        ("nothing", "FastAPI"): variants.bare,
        ("by hand", "FastAPI"): variants.handwritten,
        ("guides", "FastAPI"): variants.guides,
        ("secure", "FastAPI"): variants.secure,
        ("secweb", "FastAPI"): variants.secweb,
        ("guard", "FastAPI"): variants.guard,
        ("buckler", "FastAPI"): variants.buckler,
        ("buckler_all", "FastAPI"): variants.buckler_all,
    }


async def drop(_message: Message) -> None:
    """Take what is sent."""


async def batch(measured: Measured, calls: int) -> float:
    """Nanoseconds of one call."""
    scopes = [measured.asked.scope() for _ in range(calls)]
    receive = measured.asked.receive()
    call = measured.call
    gc.collect()
    began = time.process_time_ns()
    for scope in scopes:
        await call(scope, receive, drop)
    return (time.process_time_ns() - began) / calls


async def right(measured: Measured) -> None:
    """Ask once, and end everything if the answer is not the expected one."""
    said: list[Message] = []

    async def keep(message: Message) -> None:
        said.append(message)

    await measured.call(measured.asked.scope(), measured.asked.receive(), keep)
    if said[0]["status"] // 100 != measured.asked.status // 100:
        sys.exit(f"{measured.app}, {measured.kind}: {said[0]['status']}")


def listed(chosen: set[str]) -> list[Measured]:
    """Build every app, and say what it is asked."""
    measured = []
    for (name, round_what), make in build().items():
        if chosen and name not in chosen:
            continue
        app = make()
        for kind, asked in ANSWERED.items():
            measured.append(Measured(name, round_what, kind, app, asked))
        if name in ("by hand", "guides", "buckler"):
            for kind, asked in REFUSALS.items():
                measured.append(Measured(name, round_what, kind, app, asked))
    if not chosen or "raw" in chosen:
        for kind, asked in REFUSALS.items():
            measured.append(Measured("raw", "trivial", kind, variants.replaying(asked), asked))
    return measured


async def run(measured: list[Measured]) -> None:
    """Measure all of them in turn."""
    for each in measured:
        await right(each)
    for _ in range(BATCHES):
        for each in measured:
            each.fastest = min(each.fastest, await batch(each, CALLS))


def table(measured: list[Measured]) -> None:
    """Print nanoseconds; in brackets, what is over nothing, or over sending the same answer."""
    kinds = [*ANSWERED, *REFUSALS]
    found = {(m.app, m.round_what, m.kind): m.fastest for m in measured}
    print(f"| ns a call | round | {' | '.join(kinds)} |")
    print("|---|---|" + "---|" * len(kinds))
    for name, round_what in dict.fromkeys((m.app, m.round_what) for m in measured):
        cells = []
        for kind in kinds:
            cost = found.get((name, round_what, kind))
            base = found.get(("nothing", round_what, kind), found.get(("raw", "trivial", kind)))
            if cost is None:
                cells.append("-")
            elif base is None or base == cost:
                cells.append(f"{cost:.0f}")
            else:
                cells.append(f"{cost:.0f} ({cost - base:+.0f})")
        print(f"| {name} | {round_what} | {' | '.join(cells)} |")


def main() -> None:
    """Measure on uvloop, as uvicorn would run it."""
    measured = listed(set(sys.argv[1:]))
    loop: Callable[[], Any] = uvloop.new_event_loop
    work: Coroutine[Any, Any, None] = run(measured)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)
    table(measured)


if __name__ == "__main__":
    main()
