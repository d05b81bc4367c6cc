"""A construction that failed where nobody would hear of it.

`add_middleware` takes a note: the framework makes its layers in the first call of the app, which
is the lifespan as a rule. What is raised there a server takes for an app that knows no lifespan.
It would serve, and answer each request with 500. So such a failure waits for the lifespan, and
tells it in the words that ASGI has for it.
"""

from typing import NoReturn

from buckler._applications import is_a, layers
from buckler._types import Receive, Scope, Send

LAYER = "starlette.middleware.exceptions.ExceptionMiddleware"
"""The innermost of the framework's own layers; whoever wraps an app by hand has none in hands."""


def is_being_stacked(app: object) -> bool:
    """Whether a framework is making its layers, of which this one is to be the next."""
    return any(is_a(type(layer), LAYER) for layer in layers(app))


async def fail(fault: Exception, scope: Scope, receive: Receive, send: Send) -> NoReturn:
    """Let the start fail, and everything that is asked all the same."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": str(fault)})
    # It is raised again and again, and keeps the trace of every time otherwise.
    raise fault.with_traceback(None)
