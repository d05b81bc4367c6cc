"""What the gateway wants to know of the app before it serves, read through public attributes."""

import sys
from collections.abc import Iterator
from typing import Any

from buckler_worker.target import STARLETTE, is_a

FASTAPI = "fastapi.applications.FastAPI"
CORS = "starlette.middleware.cors.CORSMiddleware"
MOUNT = "starlette.routing.Mount"
DOCS = ("docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")

WRAPPED = 16
MOUNTED = 8
"""How deep apps are looked for inside wrappers, and inside mounts: cycles must end."""


def facts(app: object) -> dict[str, object]:
    """Tell what kind of app it is, where its documentation is, where `debug` is on."""
    found = list(applications(app))
    main = found[0][1] if found else app
    told = {name: getattr(main, name, None) for name in ("title", *DOCS[:2], "openapi_url")}
    docs = [(at, getattr(each, name, None)) for at, each in found for name in DOCS]
    return {
        "framework": ("fastapi" if is_a(type(main), FASTAPI) else "starlette" if found else "asgi"),
        **{name: value if isinstance(value, str) else None for name, value in told.items()},
        "docs_paths": [at + url for at, url in docs if isinstance(url, str)],
        "debug": [at or "/" for at, each in found if getattr(each, "debug", False)],
        "own_cors": has_cors(app, found),
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def applications(app: object, at: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Give every Starlette application in it with the path where it is mounted."""
    for layer in layers(app):
        if is_a(type(layer), STARLETTE):
            yield at, layer
        if depth == MOUNTED:
            continue
        for route in getattr(layer, "routes", None) or ():
            router = getattr(route, "original_router", None)
            if router is not None:
                prefix = getattr(getattr(route, "include_context", None), "prefix", "")
                yield from applications(router, f"{at}{prefix}", depth + 1)
            elif is_a(type(route), MOUNT):
                yield from applications(route.app, f"{at}{route.path}", depth + 1)


def layers(app: object) -> Iterator[object]:
    """Give the app and what it wraps, by the convention that a middleware keeps it as `app`."""
    for _ in range(WRAPPED):
        yield app
        app = None if is_a(type(app), STARLETTE) else getattr(app, "app", None)
        if app is None:
            return


def has_cors(app: object, found: list[tuple[str, Any]]) -> bool:
    """Whether the app brings a CORSMiddleware of its own."""
    if any(is_a(type(layer), CORS) for layer in layers(app)):
        return True
    added = [entry for _, each in found for entry in getattr(each, "user_middleware", ())]
    return any(is_a(getattr(entry, "cls", None), CORS) for entry in added)
