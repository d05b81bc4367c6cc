"""The outermost seat: outside of the framework's error page, where `add_middleware` puts us inside.

Starlette builds `ServerErrorMiddleware ► user middleware ► app` and keeps the whole as
`app.middleware_stack`. What ServerErrorMiddleware answers for an app that raised would pass us by.
So the first scope that comes (the lifespan, as a rule) puts a second middleware of the same engine
round the whole; the inner one then lets pass what that one has judged.
"""

import logging
from typing import TYPE_CHECKING, cast

from buckler._applications import applications, contract, docs_paths, is_a, layers
from buckler._types import App, Scope
from buckler._wrong import TWICE, is_added

if TYPE_CHECKING:
    from buckler._buckler import Engine
    from buckler.middleware import Buckler

logger = logging.getLogger("buckler")

STACK = "middleware_stack"
PAGE = "starlette.middleware.errors.ServerErrorMiddleware"


def take(inner: "Buckler", engine: "Engine", scope: Scope) -> None:
    """Move outside, if the app that the scope names has a stack that we are in."""
    app = scope.get("app")
    stack = getattr(app, STACK, None)
    seats = [layer for layer in layers(stack) if isinstance(layer, type(inner))]
    # Whoever wraps an app by hand may have added to it since.
    if len(seats) > 1 or is_added(inner.app, type(inner)):
        raise TypeError(TWICE)
    if inner not in seats:
        look_at(engine, inner.app)
        return
    if seats[0] is not stack:
        setattr(app, STACK, type(inner)._around(cast("App", stack), engine))
    look_at(engine, app)


def error_page(inner: "Buckler", scope: Scope) -> object | None:
    """Give the error page that stands round us in the request that finds the seat not taken."""
    stack = getattr(scope.get("app"), STACK, None)
    page = getattr(stack, "app", None) if isinstance(stack, type(inner)) else None
    if stack is inner or page is None or inner not in layers(page) or page is inner:
        return None
    return page if is_a(type(page), PAGE) else None


def learn_contract(engine: "Engine", app: object) -> None:
    """Tell the engine what the app says of itself."""
    # Whoever has a contract has it already; to import Buckler brings as little as can be.
    import json

    try:
        held = contract(app)
        text = None if held is None else json.JSONEncoder(allow_nan=False).encode(held.document)
    except Exception:  # whatever a model raises
        logger.warning("the app fails to make its OpenAPI document", exc_info=True)
        held = text = None
    if held is not None and held.wider_count:
        logger.info(
            "%d places of the app's models take more than its contract shows: %s",
            held.wider_count,
            "; ".join(held.wider),
        )
    why = engine.learn_contract(text)
    if why is not None:
        logger.error(
            "requests cannot be held to the app's contract: %s; `contract.source` names another "
            'document, `requests = "off"` leaves them to the app',
            why,
        )


def look_at(engine: "Engine", app: object) -> None:
    """Tell the engine where an app of a framework that we know has its documentation."""
    found = list(applications(app))
    if not found:
        return
    engine.learn_docs(docs_paths(app))
    if engine.environment == "development":
        return
    for at, each in found:
        if getattr(each, "debug", False):
            logger.warning(
                "`debug=True` of the app at `%s` makes tracebacks for clients, which only "
                "`errors.mask` keeps from them: remove it",
                at or "/",
            )
