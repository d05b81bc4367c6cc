"""The policies under which the frameworks' own suites run, and what each of them enforces."""

from collections.abc import Mapping
from dataclasses import dataclass

WRAPPED = "buckler:Buckler"
ADDED = "suites.transparent.adding:added"

FIELDS = (
    *("hsts", "content_type_options", "frame_options", "referrer", "permissions", "opener"),
    *("resource", "xss_protection", "csp__data", "csp__html", "csp__docs"),
)
NOTHING: Mapping[str, object] = {
    "mode": "monitor",
    **{f"headers__{name}": "" for name in FIELDS},
    "headers__no_store_authenticated": False,
    "headers__remove": [],
    "contract__docs": "open",
    "contract__requests": "off",
    "errors__mask": "pass",
    "errors__strip_input": "keep",
    "content__untyped": "pass",
}
"""Monitoring, and as little as can be of what it would find."""

HEADERS: Mapping[str, object] = {"mode": "monitor", "headers__mode": "enforce"}

EASED: Mapping[str, object] = {
    "contract__docs": "open",
    "errors__mask": "pass",
    "errors__strip_input": "keep",
    "content__untyped": "pass",
}
"""The app's own words reach its clients, and so do bodies that nobody can judge; the rest stays."""

ALWAYS = frozenset({"always"})
"""What is done in every mode."""
UNNAMED = frozenset({"server.hosts unset"})
"""Outside development a warning says that every host passes."""
EVERYWHERE = ALWAYS | {
    *("content", "contract.never_return", "framing", "headers", "paths", "server"),
}
"""What is enforced in each environment."""
STRICT = EVERYWHERE | {"content.untyped", "errors.strip_input"}
"""What is enforced in each environment unless the policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What Buckler is made with, and by which settings an app may then notice it."""

    name: str
    made_with: Mapping[str, object]
    settings: frozenset[str]
    """Sections, or keys, that are enforced; the explanations of differences name them."""
    wrapper: str = WRAPPED


POLICIES = {
    policy.name: policy
    for policy in (
        Policy("off", NOTHING, ALWAYS | UNNAMED),
        Policy("headers", HEADERS, ALWAYS | UNNAMED | {"headers"}),
        Policy("monitor", {"mode": "monitor"}, ALWAYS | UNNAMED),
        Policy(
            "development",
            {"environment": "development"},
            STRICT | {"contract.requests", "server.hosts"},
        ),
        Policy(
            "production",
            {},
            STRICT | UNNAMED | {"contract.docs", "contract.requests", "errors.mask"},
        ),
        Policy("eased", EASED, EVERYWHERE | UNNAMED),
        Policy("added", HEADERS, ALWAYS | UNNAMED | {"headers", "add_middleware"}, ADDED),
    )
}
