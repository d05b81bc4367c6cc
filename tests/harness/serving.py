"""Gateways for one test, each with the policy that it says."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.certificates import Issued
from harness.gateway import Gateway, running
from harness.places import FIXTURES
from harness.suites import SHOP_APP

SHOP_POLICY = '[server]\nhosts = ["127.0.0.1"]\n'
"""What production asks for beside a certificate."""

PLAIN = """
environment = "development"
[server.tls]
mode = "off"
"""

BOTH_SERVERS = pytest.mark.parametrize("serving", ["uvicorn", "granian"], indirect=True)
"""For what has to be the same whatever serves the app."""


class Serving:
    """Starts gateways that end with the test."""

    def __init__(self, folder: Path, stack: ExitStack, issued: Issued, server: str) -> None:
        self.folder = folder
        self.issued = issued
        self.server = server
        self._stack = stack
        self._count = 0

    def serve(
        self,
        app: str,
        policy: str = PLAIN,
        *arguments: str,
        authority: Path | None = None,
        **environment: str,
    ) -> Gateway:
        """Serve an app of tests/e2e/fixtures, with one worker unless told otherwise."""
        self._count += 1
        return self._stack.enter_context(
            running(
                self.folder / str(self._count),
                app,
                FIXTURES,
                policy=policy,
                environment=environment,
                authority=authority,
                arguments=[*(arguments or ["--workers", "1"]), "--server", self.server],
            )
        )

    def shop(self, policy: str, *arguments: str, authority: Path | None = None) -> Gateway:
        """Serve a shop of the test's own."""
        self._count += 1
        folder = self.folder / str(self._count)
        SHOP_APP.seed(folder / "data")
        return self._stack.enter_context(
            running(
                folder,
                SHOP_APP.target,
                SHOP_APP.folder,
                policy=policy,
                environment=SHOP_APP.environment(folder / "data"),
                authority=authority,
                arguments=[*arguments, "--server", self.server],
            )
        )
