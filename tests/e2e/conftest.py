"""Gateways that several tests share, each with the policy that it says."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import certificates
from harness.certificates import Issued
from harness.gateway import Gateway, running
from harness.serving import SHOP_POLICY, Serving
from harness.suites import SHOP_APP


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A certificate for the address that the tests dial."""
    return certificates.issue(tmp_path_factory.mktemp("certificate"), "127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, issued: Issued) -> Iterator[Gateway]:
    """The shop in production over TLS, one worker, freshly seeded."""
    folder = tmp_path_factory.mktemp("shop")
    SHOP_APP.seed(folder / "data")
    with running(
        folder,
        SHOP_APP.target,
        SHOP_APP.folder,
        policy=SHOP_POLICY + issued.policy(),
        environment=SHOP_APP.environment(folder / "data"),
        authority=issued.authority,
        arguments=["--workers", "1"],
    ) as gateway:
        yield gateway


@pytest.fixture
def serving(tmp_path: Path, issued: Issued, request: pytest.FixtureRequest) -> Iterator[Serving]:
    """Starts gateways for one test, over uvicorn unless the test is parametrised."""
    with ExitStack() as stack:
        yield Serving(tmp_path, stack, issued, getattr(request, "param", "uvicorn"))
