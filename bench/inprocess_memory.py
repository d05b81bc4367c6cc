"""Resident memory of a process in which Buckler judges very many requests: flat, or not.

No server and no framework: whatever grows here is Buckler's. The first argument says how many
requests, a million unless it is there. Prints one JSON object; what has grown is counted from the
end of a warm-up.
"""

import asyncio
import contextlib
import gc
import json
import os
import sys
from pathlib import Path

from stacks.requests import ANSWERED, REFUSALS, Asked
from stacks.variants import buckler_any
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = 1_000_000
# The queue of the log has been full by then, and allocator and interpreter have what they need.
WARM_UP = 60_000
CRASHES = "/crash"
LEAVES = "/leave"


class CrashError(Exception):
    """What the app raises."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in two parts; or raise before an answer, or return without one."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"].startswith(CRASHES):
        raise CrashError
    if scope["path"].startswith(LEAVES):
        return
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"status":', "more_body": True})
    await send({"type": "http.response.body", "body": b'"ok"}'})


async def drop(_message: Message) -> None:
    """Take what is sent."""


def resident() -> int:
    """Kibibytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def asked() -> list[Asked]:
    """Everything that is asked in turn."""
    get = ANSWERED["GET"]
    ending = [Asked("GET", path, 500, get.fields) for path in (CRASHES, LEAVES)]
    return [*ANSWERED.values(), *REFUSALS.values(), *ending]


async def ask(guarded: ASGIApp, requests: int) -> None:
    """Send so many, each with a path of its own, in case anything is kept by path."""
    kinds = [(each, each.receive()) for each in asked()]
    for number in range(requests):
        each, receive = kinds[number % len(kinds)]
        scope = each.scope()
        scope["path"] = f"{each.path}/{number}"
        scope["raw_path"] = scope["path"].encode()
        with contextlib.suppress(CrashError):
            await guarded(scope, receive, drop)


def main() -> None:
    """Warm up, measure, send them all, measure again."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    guarded = buckler_any(app, "all")
    with asyncio.Runner() as runner:
        runner.run(ask(guarded, WARM_UP))
        before = resident()
        runner.run(ask(guarded, requests))
        after = resident()
    print(json.dumps({"requests": requests, "before_kib": before, "after_kib": after}))


if __name__ == "__main__":
    main()
