"""What stands round the routes of an app: its middlewares, and the limits of slowapi."""

# No framework is imported here, so what is theirs has no type.
# ruff: noqa: ANN401

import inspect
import itertools
import re
from collections.abc import Callable
from typing import Any

from buckler_worker.applications import is_a
from buckler_worker.words import MOST, listed, named, short

OURS = "starlette.middleware"
KNOWN: dict[str, tuple[str, ...]] = {
    f"{OURS}.cors.CORSMiddleware": (
        "allow_origins",
        "allow_methods",
        "allow_headers",
        "allow_credentials",
        "allow_origin_regex",
        "expose_headers",
        "max_age",
    ),
    f"{OURS}.trustedhost.TrustedHostMiddleware": ("allowed_hosts", "www_redirect"),
    f"{OURS}.gzip.GZipMiddleware": ("minimum_size",),
    f"{OURS}.body_limit.RequestBodyLimitMiddleware": ("max_body_size",),
    # All but the key.
    f"{OURS}.sessions.SessionMiddleware": ("session_cookie", "max_age", "same_site", "https_only"),
}
"""Arguments that are told. All others may be secrets."""

LIMITER = "slowapi.extension.Limiter"

Limits = Callable[[object], list[str]]


def middlewares(app: object) -> list[dict[str, object]]:
    """Give the middlewares that were added to an app, the outermost first."""
    return [
        {"name": named(entry.cls), "arguments": arguments(entry)}
        for entry in list(getattr(app, "user_middleware", ()))[:MOST]
    ]


def arguments(entry: Any) -> dict[str, object]:
    """Give those arguments of a middleware that are known by name."""
    known = next((names for name, names in KNOWN.items() if is_a(entry.cls, name)), ())
    if not known:
        return {}
    # `options` is the name of it before Starlette 0.35.
    keywords = getattr(entry, "kwargs", None) or getattr(entry, "options", None) or {}
    try:
        bound = inspect.signature(entry.cls).bind_partial(
            None, *getattr(entry, "args", ()), **keywords
        )
    except (TypeError, ValueError):
        return {}
    return {name: plain(value) for name, value in bound.arguments.items() if name in known}


def plain(value: object) -> object:
    """Give a value as JSON has it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, re.Pattern):
        return short(value.pattern)
    if isinstance(value, list | tuple | set | frozenset):
        return listed(value)
    return short(value)


def limits_of(app: Any) -> tuple[Limits | None, list[str]]:
    """Give what tells the limits of an endpoint, and those of all.

    slowapi keeps them in attributes that are not public, and has no others.
    """
    limiter = getattr(getattr(app, "state", None), "limiter", None)
    if not is_a(type(limiter), LIMITER) or not getattr(limiter, "enabled", True):
        return None, []
    fixed = getattr(limiter, "_route_limits", {})
    computed = getattr(limiter, "_dynamic_route_limits", {})

    def of(endpoint: object) -> list[str]:
        name = f"{getattr(endpoint, '__module__', '')}.{getattr(endpoint, '__name__', '')}"
        return [*written(fixed.get(name, ())), *("computed" for _ in computed.get(name, ()))][:MOST]

    everywhere = [getattr(limiter, name, ()) for name in ("_application_limits", "_default_limits")]
    return of, groups(itertools.chain.from_iterable(everywhere))


def groups(found: Any) -> list[str]:
    """Give the limits of groups; a group whose limit is computed may need a request for it."""
    told: list[str] = []
    for group in itertools.islice(found, MOST):
        try:
            told += written(group)
        except Exception:  # noqa: BLE001 - a function of the app's
            told.append("computed")
    return told[:MOST]


def written(limits: Any) -> list[str]:
    """Give limits as slowapi writes them: `5 per 1 minute`."""
    return listed(getattr(limit, "limit", limit) for limit in limits)
