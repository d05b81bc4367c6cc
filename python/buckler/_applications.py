"""What an app is made of, read through public attributes, without an import of any framework."""

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

STARLETTE = "starlette.applications.Starlette"
FASTAPI = "fastapi.applications.FastAPI"
MOUNT = "starlette.routing.Mount"
HOST = "starlette.routing.Host"
DOCS = ("docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url", "openapi_url")
USUAL = ("/docs", "/redoc", "/docs/oauth2-redirect", "/openapi.json")

WRAPPED = 16
MOUNTED = 8
"""How deep apps are looked for inside wrappers, and inside mounts: cycles must end."""


def is_a(kind: object, name: str) -> bool:
    """Whether a class is or inherits from the one of that name, which need not be importable."""
    return inspect.isclass(kind) and any(
        f"{base.__module__}.{base.__qualname__}" == name for base in kind.__mro__
    )


def docs_paths(app: object) -> list[str]:
    """Give every path of documentation: hidden routes where the app, or FastAPI itself, has it.

    So the pages that an app serves by itself, by FastAPI's recipe for that, are found, too, while
    an operation of the app's own that stands at `/docs` is none of them.
    """
    apps = [each for _, each in applications(app) if is_a(type(each), FASTAPI)]
    usual = {*USUAL, *(getattr(each, name, None) for each in apps for name in DOCS)}
    hidden = [
        at + route.path
        for at, holder in holders(app)
        for route in holder.routes
        if getattr(route, "include_in_schema", True) is False
        and getattr(route, "path", None) in usual
    ]
    # Whatever stands in front may take this prefix off, or not: both paths lead there.
    roots = {"", *(str(getattr(each, "root_path", "")).rstrip("/") for each in apps)}
    return list(dict.fromkeys(root + path for root in sorted(roots) for path in hidden))


def document(app: object) -> dict[str, Any] | None:
    """Give the OpenAPI document that the app makes of itself; `None` of what makes none.

    FastAPI keeps the first one that it makes. This one may be made before the app's last route is
    there, so the app is left as if it had not been asked.
    """
    for at, each in applications(app):
        if at or not is_a(type(each), FASTAPI):
            continue
        kept = getattr(each, "openapi_schema", None)
        try:
            with warnings.catch_warnings():
                # They come again when a client asks, and then with the app's own settings.
                warnings.simplefilter("ignore")
                made = each.openapi()
        finally:
            each.openapi_schema = kept
        return made if isinstance(made, dict) else None
    return None


def applications(app: object) -> Iterator[tuple[str, Any]]:
    """Give every Starlette application in it with the path where it is mounted."""
    return ((at, each) for at, each in holders(app) if is_a(type(each), STARLETTE))


def holders(app: object, at: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Give whatever has routes, applications and routers, with the path where it stands."""
    for layer in layers(app):
        routes = getattr(layer, "routes", None)
        if not isinstance(routes, list):
            continue
        yield at, layer
        if depth == MOUNTED:
            continue
        for route in routes:
            router = getattr(route, "original_router", None)
            if router is not None:
                prefix = getattr(getattr(route, "include_context", None), "prefix", "")
                yield from holders(router, f"{at}{prefix}", depth + 1)
            elif is_a(type(route), MOUNT):
                yield from holders(route.app, f"{at}{route.path}", depth + 1)
            elif is_a(type(route), HOST):
                yield from holders(route.app, at, depth + 1)


def layers(app: object) -> Iterator[object]:
    """Give the app and what it wraps, by the convention that a middleware keeps it as `app`."""
    for _ in range(WRAPPED):
        yield app
        app = None if is_a(type(app), STARLETTE) else getattr(app, "app", None)
        if app is None:
            return
