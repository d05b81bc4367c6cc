"""What several of these tests share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from buckler._buckler import flush
from harness.asgi import PRODUCTION, Served, Server, served
from harness.gateway import UNLIMITED
from harness.limits import count_alone

# Tests of limits take this away, or write limits for routes.
os.environ.update(UNLIMITED)


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """Have children interrupted as usual: a script that has us in its background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def way() -> str:
    """How Buckler is put in, where a test is not parametrised by it."""
    return "added"


@pytest.fixture(scope="module")
def running(server: Server, way: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app on a server that all tests of a file share."""
    folder = tmp_path_factory.mktemp(f"{server.name}-{way}")
    with served(folder, server, "served:app", policy=PRODUCTION, way=way) as started:
        yield started


@pytest.fixture(autouse=True)
def its_own_lines() -> Iterator[None]:
    """Have a test's lines written before the next one looks at what is written."""
    yield
    flush()


@pytest.fixture(autouse=True)
def more_requests_than_people_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests ask as often as they like, but for those that are about limits."""
    monkeypatch.setenv("BUCKLER_LIMITS__DEFAULT", "[]")


@pytest.fixture
def nothing_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    more_requests_than_people_make: None,  # noqa: ARG001 - it sets one of those variables
) -> None:
    """Let no file and no variable of the machine speak for a policy."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BUCKLER_")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["alone", "inside"])
def how(
    request: pytest.FixtureRequest,
    nothing_of_the_machine: None,  # noqa: ARG001 - a fixture for what it does
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> str:
    """Whether the app has the middleware, and a store of this test's own."""
    count_alone(monkeypatch, tmp_path)
    return str(request.param)
