"""What a route of FastAPI asks for before its function is called."""

# No framework is imported here, so what is theirs has no type.
# ruff: noqa: ANN401

from typing import Any

from buckler_worker.applications import is_a
from buckler_worker.words import MOST, listed, named, short

SCHEME = "fastapi.security.base.SecurityBase"

VISITED = 2_000
"""Dependencies of one route that are looked at: they may nest, and each may be used many times."""


def dependencies(dependant: Any) -> dict[str, list[Any]]:
    """Give the security schemes among all dependencies of a route, and the names of the others."""
    schemes: dict[str, dict[str, object]] = {}
    names: dict[str, None] = {}
    scopes: dict[str, None] = {}
    seen: set[int] = set()
    open_ones = list(getattr(dependant, "dependencies", ()))
    for _ in range(VISITED):
        if not open_ones:
            break
        each = open_ones.pop()
        call = getattr(each, "call", None)
        # What a function asks for is the same wherever it is asked for.
        if id(call) not in seen:
            seen.add(id(call))
            open_ones += getattr(each, "dependencies", ())
        # `security_scopes` is the name of it before FastAPI 0.122.
        own = getattr(each, "own_oauth_scopes", None) or getattr(each, "security_scopes", None)
        scopes.update(dict.fromkeys(own or ()))
        if is_a(type(call), SCHEME):
            name = short(getattr(call, "scheme_name", "") or type(call).__name__)
            optional = getattr(call, "auto_error", True) is False
            known = schemes.setdefault(name, {"name": name, "optional": optional})
            # Asked for twice, the stricter one counts.
            known["optional"] = known["optional"] and optional
        elif call is not None:
            names[named(call)] = None
    return {
        "schemes": [schemes[name] for name in sorted(schemes)][:MOST],
        "scopes": listed(sorted(scopes)),
        "dependencies": listed(sorted(names)),
    }
