"""Why tests of a framework's own suite end otherwise with the middleware, by group.

Each group says what it is for, which requirement wants it, and by which settings it comes: it is
held against exactly those policies that have one of them. What it names is a test, or all that
stand below a name: the cases of a test, the tests of a class, a file or a folder.
"""

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.policies import POLICIES

KEYS = {"reason", "requirement", "settings", "tests"}
BELOW = ("[", "::", "/")
"""What may stand behind the name of something that tests are part of."""
SHOWN = 40
"""Differences that are shown before the rest is counted."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that end otherwise for one reason."""

    reason: str
    settings: frozenset[str]
    tests: tuple[str, ...]


def groups(file: Path) -> Iterator[Group]:
    """Read the file; what is wrong in it is a failure."""
    settings = frozenset[str]().union(*(policy.settings for policy in POLICIES.values()))
    for entry in tomllib.loads(file.read_text()).get("group", []):
        assert set(entry) == KEYS, entry
        assert all(entry.values()), entry
        assert settings.issuperset(entry["settings"]), entry["settings"]
        assert len(set(entry["tests"])) == len(entry["tests"]), entry["reason"]
        yield Group(entry["reason"], frozenset(entry["settings"]), tuple(entry["tests"]))


def is_of(test: str, name: str) -> bool:
    """Whether a test is the one of that name, or stands below it."""
    return test.startswith(name) and (test == name or test.startswith(BELOW, len(name)))


def compare(
    file: Path, settings: Collection[str], tests: Collection[str], found: Mapping[str, str]
) -> None:
    """Hold the tests that end otherwise, each with its why, against what the file explains."""
    explained: set[str] = set()
    gone: list[str] = []
    for group in groups(file):
        if group.settings.isdisjoint(settings):
            continue
        for name in group.tests:
            named = {test for test in tests if is_of(test, name)}
            if not named:
                gone.append(f"{name}: there is no such test")
            gone += (f"{test}: {group.reason}" for test in named - set(found))
            explained |= named
    new = {test: why for test, why in found.items() if test not in explained}
    lines = [
        f"{name}: {next(why for test, why in new.items() if is_of(test, name))}"
        for name in shortened(new, tests)
    ]
    assert not lines, f"not explained in {file.name}:\n{shown(lines)}"
    assert not gone, f"explained in {file.name}, and no longer so:\n{shown(sorted(gone))}"


def shown(lines: list[str]) -> str:
    """Write one difference a line, and no more of them than anybody reads."""
    rest = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join(f"  {line}" for line in [*lines[:SHOWN], *rest])


def shortened(names: Iterable[str], tests: Collection[str]) -> list[str]:
    """Name tests by what they are part of, where all of its tests are among them."""
    left = set(names)
    short: list[str] = []
    while left:
        test = min(left)
        for name in (*wholes(test), test):
            named = {other for other in tests if is_of(other, name)}
            if named <= left:
                short.append(name)
                left -= named
                break
    return sorted(short)


def wholes(test: str) -> Iterator[str]:
    """Give the names of what a test is part of, the widest first, from the file on."""
    case = test.find("[")
    path = test if case < 0 else test[:case]
    at = path.find("::")
    while at >= 0:
        yield path[:at]
        at = path.find("::", at + 2)
    if case >= 0:
        yield path
