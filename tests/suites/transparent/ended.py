"""A pytest plugin: how each test ended, why, and how often it called an app through a client.

`SUITES_OUTCOMES` names the file, which gets one line of JSON for each test.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from suites.transparent.wrapping import Calls

BEGAN = pytest.StashKey[int]()
WHY_LENGTH = 2000
"""Characters of a traceback's end: enough for the assertion and what stands around it."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Count from before the fixtures are made: many a client is one of them."""
    item.stash[BEGAN] = Calls.made
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the count travel with the report, which may be read in another process."""
    report = yield
    report.user_properties = [("calls", Calls.made - item.stash[BEGAN])]
    return report


class Outcomes:
    """Writes down how each test ended; with several processes their parts arrive interleaved."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ended: dict[str, tuple[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the first part that did not pass, and write when the last one is over."""
        if report.when == "call" or report.outcome != "passed":
            outcome: str = report.outcome
            if hasattr(report, "wasxfail"):
                outcome = f"{outcome} as expected"
            if report.failed and report.when != "call":
                outcome = f"{outcome} in {report.when}"
            why = "" if report.passed else str(report.longrepr)[-WHY_LENGTH:]
            if self._ended.get(report.nodeid, ("passed", ""))[0] == "passed":
                self._ended[report.nodeid] = (outcome, why)
        if report.when == "teardown":
            outcome, why = self._ended.pop(report.nodeid)
            line = {"test": report.nodeid, "outcome": outcome, "why": why}
            with self._file.open("a") as out:
                out.write(json.dumps({**line, **dict(report.user_properties)}) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Write in the process that hears of all tests."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Outcomes(Path(os.environ["SUITES_OUTCOMES"])))
