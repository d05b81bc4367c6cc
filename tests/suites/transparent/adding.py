"""Buckler as FastAPI's guide puts a middleware in: through `add_middleware`."""

from typing import Any

from buckler import Buckler
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp


def added(app: ASGIApp, **policy: Any) -> ASGIApp:  # noqa: ANN401 - as the policy has them
    """Add it to an app that has the method and has not been called; any other one is wrapped."""
    if not isinstance(app, Starlette):
        return Buckler(app, **policy)
    if not any(is_ours(layer) for layer in app.user_middleware):
        if app.middleware_stack is not None:
            return Buckler(app, **policy)
        app.add_middleware(Buckler, **policy)
    return app


def is_ours(layer: Middleware) -> bool:
    """Whether an earlier client of the same app has added it already."""
    kind: object = layer.cls
    return kind is Buckler
