"""Every way to serve the app, each a factory for `uvicorn --factory stacks.variants:NAME`.

What a variant needs is imported when it is built: nothing of the others is in its process.
"""

import contextlib
import os
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import controls
from .requests import REFUSALS, Asked
from .small import bare

POLICY = Path(__file__).with_name("buckler.toml")

__all__ = [
    "bare",
    "buckler",
    "buckler_all",
    "buckler_any",
    "fields",
    "guard",
    "guides",
    "handwritten",
    "raw",
    "secure",
    "secweb",
]


def handwritten() -> ASGIApp:
    """Pure ASGI by hand."""
    from . import handwritten as by_hand

    return by_hand.stack(bare())


def fields() -> ASGIApp:
    """Add to each answer what Buckler adds, and judge nothing: what is left is the server's."""
    return adding_fields(bare())


def adding_fields(app: ASGIApp) -> ASGIApp:
    """Add the same fields to whatever the app answers."""
    from .handwritten import pairs

    ours = [*pairs(controls.FIELDS), *pairs(controls.SHARED), (b"x-request-id", b"0" * 32)]

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *ours]
            await send(message)

        await app(scope, receive, adding)

    return wrapped


def guides() -> ASGIApp:
    """Build the stack that the usual guides end up with."""
    from . import guides as guided

    return guided.stack(bare())


def secure() -> ASGIApp:
    """Use the package `secure`."""
    from . import packages

    return packages.with_secure(bare())


def secweb() -> ASGIApp:
    """Use the package `Secweb`."""
    from . import packages

    return packages.with_secweb(bare())


def guard() -> ASGIApp:
    """Use the package `fastapi-guard`."""
    from . import packages

    return packages.with_guard(bare())


def buckler_any(app: ASGIApp, access: str = "refusals") -> ASGIApp:
    """Put Buckler round any ASGI app."""
    from buckler import Buckler

    return Buckler(app, policy=POLICY, log__access=access)


def buckler() -> ASGIApp:
    """Buckler, whose log has refusals only."""
    from buckler import Buckler

    app = bare()
    app.add_middleware(Buckler, policy=POLICY)
    return app


def buckler_all() -> ASGIApp:
    """Buckler, whose log has every request."""
    from buckler import Buckler

    app = bare()
    app.add_middleware(Buckler, policy=POLICY, log__access="all")
    return app


def raw() -> ASGIApp:
    """Send what Buckler answers to the request that BENCH_REFUSAL names, and do nothing else."""
    return replaying(REFUSALS[os.environ["BENCH_REFUSAL"]])


def replaying(asked: Asked) -> ASGIApp:
    """Ask Buckler once; a function that gives the same answer, byte for byte, to everything."""
    said: list[Message] = []

    async def ask(app: ASGIApp, asked: Asked, send: Send) -> None:
        await app(asked.scope(), asked.receive(), send)

    async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("this was to be refused")

    async def keep(message: Message) -> None:
        said.append(message)

    # By hand: the server's loop runs already, and a refusal waits for nothing.
    with contextlib.suppress(StopIteration):
        ask(buckler_any(nothing), asked, keep).send(None)
    start, body = said
    status, fields, payload = start["status"], list(start["headers"]), body["body"]

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": payload})

    return answering
