"""What an app is made of, read through public attributes, without an import of any framework."""

import inspect
import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._operations import Held

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
    """Give the OpenAPI document that the app makes of itself; `None` of what makes none."""
    main = main_application(app)
    return None if main is None else made(main)


def contract(app: object) -> "Held | None":
    """Give the same as requests are held to it: with what the app's models read in truth."""
    # Who has no contract needs none of it.
    from ._operations import held

    main = main_application(app)
    if main is None or (said := made(main)) is None:
        return None
    outside = sum(1 for _ in itertools.takewhile(lambda layer: layer is not main, layers(app)))
    return held(said, main, in_order(main, main.routes), outside)


def main_application(app: object) -> Any:  # noqa: ANN401 - FastAPI has no type here
    """Give the FastAPI application that requests reach first; `None` where there is none."""
    for at, each in applications(app):
        if not at and is_a(type(each), FASTAPI):
            return each
    return None


def made(app: Any) -> dict[str, Any] | None:  # noqa: ANN401 - FastAPI has no type here
    """Have an application make its document.

    FastAPI keeps the first one that it makes. This one may be made before the app's last route is
    there, so the app is left as if it had not been asked.
    """
    kept = getattr(app, "openapi_schema", None)
    try:
        with warnings.catch_warnings():
            # They come again when a client asks, and then with the app's own settings.
            warnings.simplefilter("ignore")
            said = app.openapi()
    finally:
        app.openapi_schema = kept
    return said if isinstance(said, dict) else None


def in_order(holder: object, routes: Iterable[object]) -> Iterator[tuple[type, Any]]:
    """Give each route with its kind, those of included routers as FastAPI itself combines them."""
    # Where FastAPI 0.165 keeps folders of `frontend()`: in no public list, and yet they are served.
    router = getattr(holder, "router", holder)
    late = getattr(router, "_low_priority_routes", ())
    for route in itertools.chain(routes, late):
        included = getattr(route, "effective_route_contexts", None)
        if included is None:
            yield type(route), route
            continue
        low = getattr(route, "effective_low_priority_routes", tuple)
        for context in itertools.chain(included(), low()):
            yield type(context.original_route), context.starlette_route or context


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
