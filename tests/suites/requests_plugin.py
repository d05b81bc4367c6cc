"""A pytest plugin in the place of pytest-httpbin's: its servers are behind gateways.

`SUITES_HTTPBIN` and `SUITES_HTTPBIN_SECURE` are the gateways' addresses, `SUITES_CA` is who signed.
`SUITES_OUTCOMES` is a file that gets one line for each test that did not simply pass.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Server:
    """What the suite asks of a server."""

    url: str


@pytest.fixture(scope="session")
def httpbin() -> Server:
    """Give the plain one."""
    return Server(os.environ["SUITES_HTTPBIN"])


@pytest.fixture(scope="session")
def httpbin_secure() -> Server:
    """Give the one with a certificate."""
    return Server(os.environ["SUITES_HTTPBIN_SECURE"])


@pytest.fixture
def httpbin_ca_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust who signed the certificate, as pytest-httpbin does it: by the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.environ["SUITES_CA"])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down how each test ended."""
    if report.when == "call" or report.outcome != "passed":
        with Path(os.environ["SUITES_OUTCOMES"]).open("a") as out:
            out.write(f"{report.outcome} {report.nodeid}\n")
