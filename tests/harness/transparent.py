"""A framework's own suite with a middleware round every app, run by an interpreter of its own."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import judges
from harness.gateway import clean_environment
from harness.places import ROOT
from harness.sources import python_source

WRAPPING = ROOT / "tests" / "suites" / "transparent"
"""Its `sitecustomize.py` is read by every interpreter that has the folder on its path."""

WORKERS = 2
"""Processes that share a suite's tests: as many as the machines of CI have cores."""

TEST_SECONDS = 20
"""What FastAPI gives each of its tests; a middleware that hangs is ended by it."""

SUITE_SECONDS = 900
"""Far more than the longest takes on a busy machine."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A framework's suite as its source package carries it."""

    name: str
    version: str
    sha256: str
    path: tuple[str, ...]
    """Folders of the source that its tests import from, beside the source itself."""
    tests: int
    """How many it has: fewer means that some were not found, and would say nothing."""
    through: int
    """How many of them call an app through a client, and so through the middleware."""

    def source(self) -> Path:
        """Give the folder of the source, fetched by name."""
        return python_source(self.name, self.version, self.sha256)


STARLETTE = Suite(
    name="starlette",
    version="1.10.0",
    sha256="b8399098d4c1e3522734f7235dc79b1fc967f96cf139c81e0fa30479e0685f9b",
    path=(),
    tests=1416,
    through=1141,
)
FASTAPI = Suite(
    name="fastapi",
    version="0.165.0",
    sha256="dd94d4128319c1e1d50535ab023ab698f850a4d2822f0e181747b46f4ff3c0ab",
    path=("docs_src",),
    tests=5227,
    through=4595,
)


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What is put round every app, as `module:attribute`, and what it is made with."""

    name: str
    made_with: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ended:
    """How one test ended, and how often it called an app through a client."""

    outcome: str
    calls: int
    why: str


def run(
    suite: Suite, wrapper: Wrapper | None, folder: Path, tests: Sequence[str] = ("tests",)
) -> dict[str, Ended]:
    """Run a suite, or the part of it that is named, and give each test's end by its id."""
    source = suite.source()
    folder.mkdir(parents=True)
    outcomes = folder / "outcomes.jsonl"
    ours = [WRAPPING, ROOT / "tests", ROOT / "python"]
    path = [*ours, source, *(source / name for name in suite.path)]
    variables = {
        "PYTHONPATH": os.pathsep.join(str(entry) for entry in path),
        "SUITES_OUTCOMES": str(outcomes),
    }
    if wrapper is not None:
        variables["SUITES_WRAPPER"] = wrapper.name
        variables["SUITES_WITH"] = json.dumps(wrapper.made_with)
    environment = clean_environment(variables)
    # The folder is ours to write into, and rewriting every assertion anew takes long.
    del environment["PYTHONDONTWRITEBYTECODE"]
    output = folder / "output.txt"
    with output.open("wb") as told:
        done = subprocess.run(
            [
                *[str(judges.frameworks()), "-m", "pytest", "-q", "-p", "no:cacheprovider"],
                *["-p", "suites.transparent.ended", f"--timeout={TEST_SECONDS}"],
                *["-n", str(WORKERS), "--dist", "loadgroup", *tests],
            ],
            cwd=source,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            timeout=SUITE_SECONDS,
        )
    tail = output.read_text(errors="replace")[-5000:]
    assert done.returncode in (0, 1), f"the suite did not run:\n{tail}"
    ended = {}
    for text in outcomes.read_text().splitlines():
        line = json.loads(text)
        assert line["test"] not in ended, f"{line['test']} ran twice"
        ended[line["test"]] = Ended(line["outcome"], line["calls"], line["why"])
    return ended


def differing(bare: Mapping[str, Ended], wrapped: Mapping[str, Ended]) -> dict[str, Ended]:
    """Give the tests that end otherwise with the middleware; both runs must have the same ones."""
    assert set(bare) == set(wrapped), set(bare) ^ set(wrapped)
    return {name: wrapped[name] for name in bare if bare[name].outcome != wrapped[name].outcome}
