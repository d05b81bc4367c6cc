"""A pytest plugin: writes down how each test ended, and marks its beginning in a gateway's log.

Loaded with `-p harness.outcomes` into a run of an app's own suite; `E2E_OUTCOMES` names the file,
`E2E_BASE_URL` the gateway, whose certificate `E2E_CA` signed. The suite itself stays as it is.
"""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.certificates import trusting
from harness.raw import Wire

MARK = "/.e2e/test/"
"""The path of a request that separates one test's lines in the log from the next one's."""


class Outcomes:
    """One line of JSON for each test."""

    def __init__(self, file: Path, base_url: str, authority: str) -> None:
        self._file = file
        split = urlsplit(base_url)
        assert split.hostname is not None
        assert split.port is not None
        self._address = (split.hostname, split.port)
        self._host = split.netloc
        self._tls = trusting(Path(authority)) if authority else None
        self._count = 0

    def mark(self, number: int) -> None:
        """Send the request that shows up in the log."""
        with Wire(self._address, self._tls) as wire:
            lines = (
                f"GET {MARK}{number} HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n\r\n"
            )
            wire.send(lines.encode())
            wire.answer()

    def pytest_runtest_setup(self) -> None:
        """Begin a test."""
        self._count += 1
        self.mark(self._count)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """End a test; what fails before or after the call is told as such."""
        if report.when != "call" and report.outcome == "passed":
            return
        outcome = report.outcome if report.when == "call" else f"{report.outcome} in {report.when}"
        line = {"test": report.nodeid, "outcome": outcome, "number": self._count}
        line["why"] = "" if report.passed else str(report.longrepr)[-2000:]
        with self._file.open("a") as out:
            out.write(json.dumps(line) + "\n")

    def pytest_sessionfinish(self) -> None:
        """Close the last test's lines."""
        self.mark(0)


def pytest_configure(config: pytest.Config) -> None:
    """Start only where a run asks for it."""
    file = os.environ.get("E2E_OUTCOMES")
    if file is not None:
        variables = os.environ
        outcomes = Outcomes(Path(file), variables["E2E_BASE_URL"], variables["E2E_CA"])
        config.pluginmanager.register(outcomes)
