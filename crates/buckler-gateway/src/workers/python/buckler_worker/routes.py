"""Every route of an app, with what can be read of its protection. No matching is imitated.

Names, types and limits are told; no default, no value of a parameter, and of the arguments of
middlewares those that are listed here by name.
"""

# No framework is imported here, so what is theirs has no type.
# ruff: noqa: ANN401

from typing import Any, NamedTuple

from buckler_worker.applications import (
    FASTAPI,
    HOST,
    MOUNT,
    MOUNTED,
    STARLETTE,
    docs_paths,
    in_order,
    is_a,
    layers,
)
from buckler_worker.dependencies import dependencies
from buckler_worker.middlewares import limits_of, middlewares
from buckler_worker.responses import response
from buckler_worker.target import described
from buckler_worker.words import listed, named, short

ROUTES = 10_000
"""More than that are counted and not told. The compiler of contracts has the same limit."""

SOCKET = "starlette.routing.WebSocketRoute"
STATIC = "starlette.staticfiles.StaticFiles"
ENDPOINT = "starlette.endpoints.HTTPEndpoint"
API_ROUTES = ("fastapi.routing.APIRoute", "fastapi.routing.APIWebSocketRoute")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BODIES = {"fastapi.params.File": "file", "fastapi.params.Form": "form"}


class Place(NamedTuple):
    """Where a holder of routes stands."""

    at: str
    host: str | None
    application: int
    depth: int


class Table:
    """What is told."""

    def __init__(self, docs: list[str]) -> None:
        self.docs = set(docs)
        self.applications: list[dict[str, object]] = []
        self.routes: list[dict[str, object]] = []
        self.left_out = 0
        self.found: list[object] = []
        self._limiters: list[Any] = []

    def read(self, app: object, place: Place) -> None:
        """Read an app, or a router, and what is mounted in it."""
        wrappers: list[str] = []
        for layer in layers(app):
            routes = getattr(layer, "routes", None)
            if not isinstance(routes, list):
                wrappers.append(named(layer))
                continue
            if place.depth > MOUNTED:
                self.left_out += 1
                return
            if is_a(type(layer), STARLETTE) or not self.applications:
                place = place._replace(application=len(self.applications))
                self.application(layer, place, wrappers)
            for kind, route in in_order(layer, routes):
                self.route(kind, route, place)
            return
        self.add(
            place, kind="mount", path=place.at or "/", endpoint=wrappers[0] if wrappers else ""
        )

    def application(self, app: Any, place: Place, wrappers: list[str]) -> None:
        """Note an app and what stands round its routes."""
        limiter, limits = limits_of(app)
        self._limiters.append(limiter)
        self.found.append(app)
        self.applications.append(
            {
                "at": short(place.at),
                "host": place.host,
                "framework": "fastapi" if is_a(type(app), FASTAPI) else "starlette",
                "middlewares": [
                    *({"name": name, "arguments": {}} for name in wrappers[:MOUNTED]),
                    *middlewares(app),
                ],
                "limits": limits,
                "max_body": size(getattr(app, "max_body_size", None)),
            }
        )

    def route(self, kind: type, route: Any, place: Place) -> None:
        """Note a route, or read what is behind it."""
        path = f"{place.at}{getattr(route, 'path', '')}"
        if is_a(kind, MOUNT):
            app = route.app
            inner = next(reversed(list(layers(app))))
            if is_a(type(inner), STATIC):
                self.add(place, kind="static", path=path, endpoint=named(type(inner)))
            else:
                self.read(app, place._replace(at=path, depth=place.depth + 1))
        elif is_a(kind, HOST):
            self.read(route.app, place._replace(host=short(route.host), depth=place.depth + 1))
        elif is_a(kind, SOCKET):
            self.add(place, kind="websocket", path=path, **self.described(kind, route, place))
        elif getattr(route, "endpoint", None) is not None:
            self.add(
                place,
                kind="http",
                path=path,
                methods=methods(route),
                **self.described(kind, route, place),
                **operation(kind, route),
            )
        elif isinstance(below := getattr(route, "routes", None), list) and below:
            # FastAPI's `frontend()`: a group of folders with dependencies in common.
            prefix = getattr(route, "frontend_prefix", "")
            for folder in below:
                where = f"{place.at}{prefix}{getattr(folder, 'path', '')}"
                known = self.described(kind, route, place)
                self.add(
                    place, **{**known, "kind": "static", "path": where, "endpoint": "frontend"}
                )
        else:
            self.add(place, kind="mount", path=path or "/", endpoint=named(kind))

    def described(self, kind: type, route: Any, place: Place) -> dict[str, Any]:
        """Tell what holds for requests and sockets alike."""
        endpoint = getattr(route, "endpoint", None)
        limiter = self._limiters[place.application]
        template = getattr(route, "path_format", getattr(route, "path", ""))
        is_api = any(is_a(kind, name) for name in API_ROUTES)
        return {
            "template": short(f"{place.at}{template}"),
            "endpoint": named(endpoint),
            "framework": "fastapi" if is_api else "starlette",
            **dependencies(getattr(route, "dependant", None)),
            "limits": [] if limiter is None else limiter(endpoint),
            "max_body": size(getattr(route, "max_body_size", None)),
        }

    def add(self, place: Place, *, path: str, **fields: Any) -> None:
        """Note one line."""
        if len(self.routes) == ROUTES:
            self.left_out += 1
            return
        told = {"path": short(path), "template": short(path), "host": place.host, **fields}
        told["docs"] = fields.get("in_schema") is False and path in self.docs
        self.routes.append({**told, "application": place.application})


def table(app: object) -> tuple[dict[str, object], list[object]]:
    """Give the table of an app, as JSON has it, and the applications in it in its order."""
    found = Table(docs_paths(app))
    fault = None
    try:
        found.read(app, Place("", None, 0, 0))
    except Exception as error:  # noqa: BLE001 - an app whose routes cannot be read serves all the same
        fault = short(described(error))
    told: dict[str, object] = {
        "fault": fault,
        "applications": found.applications,
        "routes": found.routes,
        "left_out": found.left_out,
    }
    return told, found.found


def methods(route: Any) -> list[str]:
    """Give the methods of a route; none are all."""
    declared = getattr(route, "methods", None)
    if declared:
        return listed(sorted(declared))
    endpoint = route.endpoint
    if is_a(endpoint, ENDPOINT):
        return [name for name in METHODS if hasattr(endpoint, name.lower())]
    return []


def operation(kind: type, route: Any) -> dict[str, object]:
    """Tell what an HTTP route takes and gives."""
    in_schema = bool(getattr(route, "include_in_schema", False))
    if not is_a(kind, API_ROUTES[0]):
        return {"in_schema": False}
    return {"in_schema": in_schema, "body": body(route), "response": response(route)}


def body(route: Any) -> str | None:
    """Tell what kind of body is declared."""
    field = getattr(route, "body_field", None)
    info = getattr(field, "field_info", None)
    if field is None:
        return None
    return next((told for name, told in BODIES.items() if is_a(type(info), name)), "json")


def size(given: object) -> int | None:
    """Give a number of bytes."""
    return given if isinstance(given, int) and not isinstance(given, bool) else None
