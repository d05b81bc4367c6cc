"""Where in an app a request has come to: the template of its route, and never its concrete path.

What is found is the same in every process that runs the app, so that all of them count together.
"""

# Routes are Starlette's and FastAPI's, which are not imported here.
# ruff: noqa: ANN401

from typing import Any

from buckler._applications import HOST, MOUNT, MOUNTED, in_order, is_a, layers
from buckler._types import Scope

ELSEWHERE = "*"
"""In place of a mount that is in no list of routes: all such share what is counted."""


def route_of(scope: Scope) -> Any:
    """Give the route as it is in this place of the app: with what included routers add to it."""
    route = scope.get("route")
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        return context
    return route


def place_of(scope: Scope, route: Any) -> str:
    """Give methods and template of a route, with the templates of the mounts that lead to it."""
    methods = " ".join(sorted(getattr(route, "methods", None) or ("WEBSOCKET",)))
    template = getattr(route, "path_format", None) or getattr(route, "path", ELSEWHERE)
    return f"{methods} {mounts_of(scope)}{template}"


def mounts_of(scope: Scope) -> str:
    """Give the templates of the mounts that a request has come through."""
    root = scope.get("root_path", "")
    # Set by the first mount; what stands before it is the server's.
    base = scope.get("app_root_path", root)
    if root == base:
        return ""
    through = str(root)[len(base) :]
    found = template_of(scope.get("router"), through, scope.get("path", ""), len(base))
    return ELSEWHERE if found is None else found


def template_of(holder: Any, through: str, path: str, begin: int, depth: int = 0) -> str | None:
    """Give the templates of the mounts of a holder that take exactly so much of a path."""
    if not through:
        return ""
    if depth == MOUNTED:
        return None
    for layer in layers(holder):
        routes = getattr(layer, "routes", None)
        if not isinstance(routes, list):
            continue
        for kind, route in in_order(layer, routes):
            if is_a(kind, HOST):
                found = template_of(route.app, through, path, begin, depth + 1)
                if found is not None:
                    return found
            if not is_a(kind, MOUNT):
                continue
            rest = path[begin:] if path.startswith("/") else path
            match = route.path_regex.match(rest)
            if match is None:
                continue
            taken = rest[: len(rest) - len(match.group("path")) - 1]
            if not taken or not through.startswith(taken):
                continue
            left = template_of(
                route.app, through[len(taken) :], path, begin + len(taken), depth + 1
            )
            if left is not None:
                return f"{route.path}{left}"
    return None
