"""What is different in an app's own suite behind us: all of it stands in differences.toml."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from harness.places import ROOT
from harness.suites import App, Ended

DIFFERENCES = ROOT / "tests" / "e2e" / "differences.toml"
KEYS = {"app", "test", "environments", "outcome", "refused", "requirement", "reason"}
BY_DEFAULT = ["development", "production"]
"""Where an entry holds that does not say where."""

GRANIAN = "granian"
"""Production over the other server."""

HTTP2 = "http2"
"""Production, and clients that speak HTTP/2 where they use no socket of their own."""

IN_PROCESS = "in-process"
"""Production, and the middleware in place of the gateway."""

AS_PRODUCTION = (GRANIAN, HTTP2, IN_PROCESS)
"""What is listed for production holds here, and a line of its own stands where it does not."""

Different = dict[str, tuple[str, tuple[str, ...]]]
"""Outcome and refusals, by test."""


def entries() -> Iterator[dict[str, Any]]:
    """Give the file's entries."""
    yield from tomllib.loads(DIFFERENCES.read_text())["difference"]


def listed(app: App, environment: str) -> Different:
    """Give what the file says of an app."""
    found: Different = listed(app, "production") if environment in AS_PRODUCTION else {}
    own: set[str] = set()
    for entry in entries():
        assert set(entry) <= KEYS, entry
        assert entry["requirement"], entry
        assert entry["reason"], entry
        if entry["app"] == app.name and environment in entry.get("environments", BY_DEFAULT):
            assert entry["test"] not in own, f"{entry['test']} stands twice"
            own.add(entry["test"])
            found[entry["test"]] = (entry["outcome"], tuple(entry.get("refused", [])))
    return found


def hold(app: App, environment: str, tests: Mapping[str, Ended]) -> None:
    """Hold what happened against the file: neither knows of anything that the other does not."""
    assert len(tests) > 30, "the suite was not collected"
    different: Different = {
        test: (end.outcome, end.refused)
        for test, end in tests.items()
        if end.outcome != "passed" or end.refused
    }
    wanted = listed(app, environment)
    # As production, where nothing else is said: a line may take back what is listed for that.
    wanted = {test: end for test, end in wanted.items() if end != ("passed", ())}
    unlisted = {test: end for test, end in different.items() if wanted.get(test) != end}
    why = "\n".join(f"{test}\n{tests[test].why}" for test in unlisted)
    assert not unlisted, f"not listed in {DIFFERENCES.name}: {unlisted}\n{why}"
    gone = {test: end for test, end in wanted.items() if different.get(test) != end}
    assert not gone, f"listed in {DIFFERENCES.name}, and no longer so: {gone}"
