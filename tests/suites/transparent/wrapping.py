"""Puts a middleware round every app that a suite hands to a client of its own.

`SUITES_WRAPPER` names it, as `module:attribute`; without it every app stays as it is. What else it
is made with beside the app stands in `SUITES_WITH`, as JSON.

The clients are changed when somebody imports them and no earlier: which modules are there, and
when, is something that the suites look at.
"""

import functools
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class Calls:
    """How often clients called their apps, so that a test can tell whether it did at all."""

    made = 0


def change_starlette(module: ModuleType) -> None:
    """Change Starlette's own client."""

    def wrappable(app: object) -> bool:
        # An app in the older style with two calls, which no middleware takes.
        return bool(module._is_asgi3(app))

    wrap_argument(module.TestClient, wrappable)
    count(module.TestClient, "lifespan")
    count(module._TestClientTransport, "handle_request")


def change_httpx(module: ModuleType) -> None:
    """Change the transport of httpx, whichever generation."""
    wrap_argument(module.ASGITransport, lambda _: True)
    count(module.ASGITransport, "handle_async_request")


CHANGES: dict[str, Callable[[ModuleType], None]] = {
    "starlette.testclient": change_starlette,
    "httpx._transports.asgi": change_httpx,
    "httpx2._transports.asgi": change_httpx,
}


def wrap_argument(client: type[Any], wrappable: Callable[[object], bool]) -> None:
    """Have a class wrap the app that it is made with."""
    name = os.environ.get("SUITES_WRAPPER")
    if name is None:
        return
    made = client.__init__

    @functools.wraps(made)
    def wrapped(self: object, app: object, *args: object, **more: object) -> None:
        made(self, middleware(name)(app) if wrappable(app) else app, *args, **more)

    client.__init__ = wrapped


@functools.cache
def middleware(name: str) -> Callable[[object], object]:
    """Give what is put round the apps."""
    module, _, attribute = name.partition(":")
    made = getattr(importlib.import_module(module), attribute)
    return functools.partial(made, **json.loads(os.environ.get("SUITES_WITH", "{}")))


def count(of: type[Any], name: str) -> None:
    """Have a method count its calls."""
    method = getattr(of, name)

    @functools.wraps(method)
    def counted(*args: object, **more: object) -> object:
        Calls.made += 1
        return method(*args, **more)

    setattr(of, name, counted)


class Finder:
    """Finds the modules that are to be changed, as they are found otherwise."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give the module's own spec, with a loader that changes what it has loaded."""
        change = CHANGES.get(name)
        spec = None if change is None else PathFinder.find_spec(name, path, target)
        if change is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            change(module)

        spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Be asked for every module that is imported from now on."""
    sys.meta_path.insert(0, Finder)
