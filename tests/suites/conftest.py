"""What the suites share. Nothing is skipped here: a judge that cannot be had is a failure."""

import pytest
from harness import certificates
from harness.certificates import Issued


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A certificate for the address that the judges dial."""
    return certificates.issue(tmp_path_factory.mktemp("certificate"), "127.0.0.1", "localhost")
