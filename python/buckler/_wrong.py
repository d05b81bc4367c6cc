"""What is no ASGI app, and what to do instead."""

import inspect
from collections.abc import Callable

from buckler._applications import layers

TWICE = "Buckler is in this app already: put it in once, and say what differs in the policy"

WSGI_PARAMETERS = 2


def refuse_what_is_no_app(app: object, buckler: type) -> None:
    """Raise a TypeError that says what to write instead."""
    if isinstance(app, str):
        raise TypeError(
            f"Buckler takes the app itself, not its name {app!r}: import it, and write "
            "Buckler(app); `buckler run` takes names"
        )
    # A class whose instances are awaited is an app, as Starlette's endpoints are.
    if isinstance(app, type) and not hasattr(app, "__await__"):
        raise TypeError(
            f"Buckler takes an app, not the class {app.__name__}: write Buckler({app.__name__}(…))"
        )
    if not callable(app):
        raise TypeError(
            f"Buckler takes an ASGI app, not {type(app).__name__}: write Buckler(app, policy=…), "
            "or app.add_middleware(Buckler, policy=…)"
        )
    if any(isinstance(layer, buckler) for layer in layers(app)) or is_added(app, buckler):
        raise TypeError(TWICE)
    if is_wsgi(app):
        raise TypeError(
            "the app is a WSGI app: put a2wsgi.WSGIMiddleware(app) into Buckler, "
            "or let `buckler serve --upstream URL` stand in front of its server"
        )


def is_added(app: object, buckler: type) -> bool:
    """Whether a framework has a note that it is to be added."""
    notes = (note for layer in layers(app) for note in getattr(layer, "user_middleware", ()))
    kinds = (getattr(note, "cls", None) for note in notes)
    return any(isinstance(kind, type) and issubclass(kind, buckler) for kind in kinds)


def is_wsgi(app: Callable[..., object]) -> bool:
    """Whether it is called with `environ` and `start_response`."""
    function = app if inspect.isroutine(app) else getattr(app, "__call__", app)  # noqa: B004
    if inspect.iscoroutinefunction(function):
        return False
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
    return len(needed) == WSGI_PARAMETERS
