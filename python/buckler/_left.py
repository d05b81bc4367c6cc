"""Exceptions of the requests that come before the outermost seat is taken.

Where no lifespan came, the first request runs while the framework's error page stands outside of
us, and other layers may stand between. Whether one of them answers the exception itself is known
to nobody before it has: so we do not answer. The exception takes its exchange along, and only if
it gets as far as the page, the page's answer goes to the client through that exchange.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from buckler._buckler import Exchange
from buckler._types import App, Receive, Scope, Send

EXCHANGE = "_buckler_exchange"
SEARCHED = 32
"""Exceptions looked at, of those that one was made of: a chain of them may be a ring."""

SYNCHRONOUS = ("debug_response", "error_response")
"""What the page calls in a thread, or as it stands; its `handler` may be either kind."""


def leave(page: object, error: Exception, exchange: Exchange) -> None:
    """Have the page's answer to the exception, should it come there, go through the exchange."""
    # Past a `__setattr__` of its own: exceptions that are frozen data classes have one.
    BaseException.__setattr__(error, EXCHANGE, exchange)
    for name in (*SYNCHRONOUS, "handler"):
        answers = getattr(page, name, None)
        if answers is not None and not isinstance(answers, Guarded | GuardedAsync):
            kind = GuardedAsync if is_async(answers) else Guarded
            setattr(page, name, kind(answers))


def left_in(error: BaseException) -> Exchange | None:
    """Take the exchange of an exception, or of one that it was made of on its way."""
    found = [error]
    for at in range(SEARCHED):
        if at == len(found):
            break
        exchange = getattr(found[at], EXCHANGE, None)
        if isinstance(exchange, Exchange):
            # An app may raise the very same one for the next request.
            BaseException.__delattr__(found[at], EXCHANGE)
            return exchange
        more = (found[at].__cause__, found[at].__context__, *getattr(found[at], "exceptions", ()))
        found += [other for other in more if isinstance(other, BaseException)]
    return None


class Guarded:
    """What makes an answer of the error page, in the one request or few in which we guard it."""

    def __init__(self, answers: Callable[[Any, Exception], Any]) -> None:
        self._answers = answers

    def __call__(self, request: object, error: Exception) -> object:
        """Give the answer, to be sent through the exchange that was left."""
        exchange = left_in(error)
        if exchange is None:
            return self._answers(request, error)
        try:
            return Through(self._answers(request, error), exchange)
        except Exception as failure:  # noqa: BLE001 - raised again where there is a `send`
            return Through(raising(failure), exchange)


class GuardedAsync(Guarded):
    """The same of a handler that is awaited."""

    async def __call__(self, request: object, error: Exception) -> object:
        """Give the answer, to be sent through the exchange that was left."""
        exchange = left_in(error)
        if exchange is None:
            return await self._answers(request, error)
        try:
            return Through(await self._answers(request, error), exchange)
        except Exception as failure:  # noqa: BLE001 - raised again where there is a `send`
            return Through(raising(failure), exchange)


class Through:
    """An answer that is sent through an exchange."""

    def __init__(self, answer: App, exchange: Exchange) -> None:
        self._answer = answer
        self._exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer where the layers between are gone, and what they did with messages with them."""
        exchange = self._exchange
        if isinstance(send, Exchange):
            # A later request, which has one of its own: the app has raised the same exception.
            exchange.release()
            await self._answer(scope, receive, send)
            return
        exchange.send_by(send)
        try:
            await self._answer(scope, receive, exchange)
        except Exception:
            for message in exchange.failed():
                await send(message)
            raise
        finally:
            exchange.release()


def raising(failure: Exception) -> App:
    """Give an app that raises."""

    async def raises(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise failure

    return raises


def is_async(function: object) -> bool:
    """Whether it is awaited, by the rule of the page itself."""
    while isinstance(function, functools.partial):
        function = function.func
    called = getattr(function, "__call__", None)  # noqa: B004 - the method, not whether there is one
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
