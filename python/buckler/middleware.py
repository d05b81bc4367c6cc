"""The engine as pure ASGI middleware.

    scope ──► Engine.open ─┬─► two messages: a refusal, a preflight, a redirect
                           ├─► Exchange ──► app(scope, receive, Exchange)
                           └─► Pending: a store is asked first, and then it is one of these

What is decided is decided in the extension; here stands only what has to be awaited.
"""

import atexit
import logging
import os
from functools import partial
from pathlib import Path
from typing import overload

from buckler import _failed, _seat
from buckler._bodies import Ahead, held, streamed
from buckler._buckler import Engine, Exchange, Judged, Pending, PolicyError, flush, forked
from buckler._left import leave
from buckler._settings import overrides_of
from buckler._types import App, Message, Receive, Scope, Send
from buckler._waiting import waited
from buckler._wrong import refuse_what_is_no_app

logger = logging.getLogger("buckler")

LENGTH_FIELDS = (b"content-length", b"transfer-encoding")
FRAMED = ("1.1", "1.0")
"""Versions in which the head says whether a body follows; in all later ones the stream does."""

DENIAL = "websocket.http.response"
POLICY_VIOLATION = 1008
"""RFC 6455, section 7.4.1."""

Decided = Exchange | tuple[Message, Message]

os.register_at_fork(after_in_child=forked)
atexit.register(flush)


async def send_both(send: Send, start: Message, body: Message) -> None:
    """Send an answer that is known as a whole."""
    await send(start)
    await send(body)


class Buckler:
    """Judges every request, answer and WebSocket handshake of an ASGI app.

    `policy` is the file; without one it is `./buckler.toml` if that is there. `BUCKLER_*` variables
    are stronger, `overrides` the strongest: keys of the policy with `__` for the dot, as in
    `Buckler(app, environment="development", server__hosts=["api.example.com"])`.

    Raises `PolicyError`, with the text of `buckler check`, for a policy that is wrong, and
    `TypeError` for what is no ASGI app. Under `add_middleware` either is how the start fails.
    """

    __slots__ = ("_engine", "_fault", "_open", "_seated", "app")

    # Two faces of one constructor: what takes any keyword cannot also have one named `app`, says
    # the type of Starlette's `add_middleware`; older versions of it do call us by that name.
    @overload
    def __init__(
        self, app: App, /, policy: str | os.PathLike[str] | None = None, **overrides: object
    ) -> None: ...
    @overload
    def __init__(
        self, *, app: App, policy: str | os.PathLike[str] | None = None, **overrides: object
    ) -> None: ...
    def __init__(  # type: ignore[misc]  # an override named `app` is what the first one rules out
        self,
        app: App,
        policy: str | os.PathLike[str] | None = None,
        **overrides: object,
    ) -> None:
        self._fault: Exception | None = None
        try:
            refuse_what_is_no_app(app, Buckler)
            engine = Engine(None if policy is None else Path(policy), overrides_of(overrides))
        except (PolicyError, TypeError) as fault:
            if not _failed.is_being_stacked(app):
                raise
            self.app, self._fault, self._seated = app, fault, False
            return
        for warning in engine.warnings:
            logger.warning("%s", warning)
        for stage, state, detail in engine.controls:
            logger.info("%s: %s, %s", stage, state, detail)
        self._take(app, engine)

    def _take(self, app: App, engine: Engine) -> None:
        self.app = app
        self._engine = engine
        # The app's contract is read when all its routes are there: with the first request.
        self._open = self._open_first if engine.asks_the_app else engine.open
        self._seated = False

    @classmethod
    def _around(cls, app: App, engine: Engine) -> "Buckler":
        outer = cls.__new__(cls)
        outer._fault = None
        outer._take(app, engine)
        outer._seated = True
        return outer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        # Whatever every request passes stands in this one function: each coroutine more is felt.
        if not self._seated:
            await self._begin(scope, receive, send)
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        # The one that took the outermost seat has judged already.
        if "buckler" in scope and self._has_judged(scope["buckler"]):
            await self.app(scope, receive, send)
            return
        follows = False
        if scope.get("http_version", "1.1") not in FRAMED and is_unframed(scope):
            message = await receive()
            follows = bool(message.get("body") or message.get("more_body"))
            receive = Ahead(message, receive)
        exchange = self._open(scope, send, follows)
        if not isinstance(exchange, Exchange):
            if isinstance(exchange, Pending):
                exchange = await waited(exchange)
            if isinstance(exchange, tuple):
                await send(exchange[0])
                await send(exchange[1])
                return
            # The gateway in front has judged already, and judges the answer.
            if isinstance(exchange, Judged):
                await self.app(scope, receive, send)
                return
        page = None
        try:
            if exchange.holds:
                ahead = await held(exchange, scope, receive, send)
                if ahead is None:
                    return
                receive = ahead
            else:
                receive = partial(streamed, exchange, receive, send)
            await self.app(scope, receive, exchange)
        except Exception as error:
            # What the app makes of a body that was refused under it is nobody's fault.
            if exchange.is_refused:
                return
            page = _seat.error_page(self, scope) if exchange.is_waiting else None
            if page is not None:
                leave(page, error, exchange)
            elif not exchange.is_over:
                for message in exchange.failed():
                    await send(message)
            raise
        else:
            if not exchange.is_over:
                for message in exchange.failed():
                    await send(message)
        finally:
            # What was left to the page goes with the exception.
            if page is None:
                exchange.release()

    async def _begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._fault is None:
            try:
                _seat.take(self, self._engine, scope)
            except TypeError as fault:
                self._fault = fault
        if self._fault is not None:
            await _failed.fail(self._fault, scope, receive, send)
        self._seated = True

    def _open_first(
        self, scope: Scope, send: Send, follows: bool
    ) -> "Decided | Judged | Pending[Decided]":
        _seat.learn_contract(self._engine, scope.get("app") or self.app)
        self._open = self._engine.open
        return self._open(scope, send, follows)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "websocket":
            if "buckler" in scope and self._has_judged(scope["buckler"]):
                await self.app(scope, receive, send)
                return
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            try:
                await self.app(scope, receive, send)
            finally:
                # uvicorn ends by the signal that it was sent, and then nothing runs at exit.
                flush()
        else:
            raise RuntimeError(
                f"buckler does not know the scope type {kind!r}, "
                "and lets nothing pass that it cannot judge"
            )

    def _has_judged(self, earlier: object) -> bool:
        return isinstance(earlier, Judged) and self._engine.has_judged(earlier)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = self._engine.open_websocket(scope, send)
        if isinstance(opened, Pending):
            opened = await waited(opened)
        if isinstance(opened, Judged):
            await self.app(scope, receive, send)
            return
        can_deny = DENIAL in (scope.get("extensions") or {})
        if isinstance(opened, tuple):
            await receive()
            if can_deny:
                await send_both(send, *opened)
            else:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        try:
            await self.app(scope, partial(streamed, opened, receive, send), opened)
        except Exception:
            if not opened.is_over and can_deny:
                for message in opened.failed():
                    await send(message)
            raise
        finally:
            opened.release()


def is_unframed(scope: Scope) -> bool:
    """Whether no field says how long the body is."""
    return not any(name.lower() in LENGTH_FIELDS for name, _ in scope["headers"])
