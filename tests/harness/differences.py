"""Explained differences: everything that happens is listed, and everything listed happens."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

KEYS = {"suite", "id", "outcome", "reason"}


def compare(file: Path, suite: str, found: Mapping[str, str]) -> None:
    """Hold what ended otherwise than the suite says, by id, against the file."""
    listed: dict[str, str] = {}
    for entry in tomllib.loads(file.read_text())["difference"]:
        assert set(entry) == KEYS, entry
        assert all(entry.values()), entry
        if entry["suite"] == suite:
            assert entry["id"] not in listed, f"{entry['id']} stands twice"
            listed[entry["id"]] = entry["outcome"]
    new = {name: outcome for name, outcome in found.items() if listed.get(name) != outcome}
    assert not new, f"not explained in {file.name}:\n{lines(new)}"
    gone = {name: outcome for name, outcome in listed.items() if found.get(name) != outcome}
    assert not gone, f"explained in {file.name}, and no longer so:\n{lines(gone)}"


def lines(of: Mapping[str, str]) -> str:
    """Write one difference a line."""
    return "\n".join(f"  {name}: {outcome}" for name, outcome in of.items())
