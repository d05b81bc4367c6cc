"""JSON Schema's own suite, draft 2020-12: each schema as the contract's, each value as a body. R40

What the draft requires has to be judged as the suite wants it. Formats and patterns are among its
optional parts; where Pydantic reads more widely, so do we, since what it takes must pass.
"""

import json
import subprocess
from pathlib import Path

from harness import differences
from harness.places import PATIENCE, ROOT
from harness.sources import python_source

SOURCE = (
    "jsonschema",
    "4.26.0",
    "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326",
)
DIFFERENCES = Path(__file__).with_name("json_schema.toml")
EXAMPLE = ["cargo", "run", "--locked", "--quiet", "-p", "buckler-testkit"]
"""Judges what it reads; a program of the crate that compiles documents."""

REQUIRED = 1_257
OPTIONAL = 649

REQUIRED_PART = "JSON Schema"
OPTIONAL_PART = "JSON Schema, optional"


def test_values_are_judged_as_the_suite_wants() -> None:
    folder = python_source(*SOURCE) / "json" / "tests" / "draft2020-12"
    files = {
        str(file.relative_to(folder).with_suffix("")): json.loads(file.read_text())
        for file in sorted(folder.rglob("*.json"))
    }
    told = subprocess.run(
        [*EXAMPLE, "--example", "json_schema_suite"],
        cwd=ROOT,
        input=json.dumps(files),
        check=True,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
    )
    tests = [json.loads(line) for line in told.stdout.splitlines()]
    optional = sum(test["id"].startswith("optional/") for test in tests)
    assert (len(tests) - optional, optional) == (REQUIRED, OPTIONAL), "the suite is not whole"
    found: dict[str, dict[str, set[str]]] = {REQUIRED_PART: {}, OPTIONAL_PART: {}}
    for test in tests:
        if test["said"] != test["wanted"]:
            part = OPTIONAL_PART if test["id"].startswith("optional/") else REQUIRED_PART
            # One line for each group of tests: they have their schema in common.
            group, _, _ = test["id"].rpartition(" / ")
            found[part].setdefault(group, set()).add(f"{test['wanted']} is {test['said']}")
    for part, ended in found.items():
        outcomes = {group: ", ".join(sorted(each)) for group, each in ended.items()}
        differences.compare(DIFFERENCES, part, outcomes)
