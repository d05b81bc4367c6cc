"""Three apps of different shape, each live: the deployment in `APP_BASE_URL`, or one of our own.

With `APP_BASE_URL` run one app's folder at a time, since an address leads to one app.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from live_server import Target, live_target

HERE = Path(__file__).resolve().parent

ENVIRONMENTS: dict[str, Callable[[Path], dict[str, str]]] = {
    "board": lambda work_dir: {"BOARD_DB": str(work_dir / "board.db")},
    "forms": lambda _: {},
    "ingress": lambda work_dir: {"INGRESS_DATA": str(work_dir / "files")},
}
"""What each app needs to keep its data out of the way."""


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Target]]:
    """Start an app the first time that one of its tests asks for it."""
    running: dict[str, Target] = {}
    with ExitStack() as stack:

        def start_once(name: str) -> Target:
            if name not in running:
                work_dir = tmp_path_factory.mktemp(name)
                running[name] = stack.enter_context(
                    live_target(
                        "APP",
                        f"{name}.main:app",
                        HERE / name,
                        work_dir,
                        ENVIRONMENTS[name](work_dir),
                    )
                )
            return running[name]

        yield start_once


@pytest.fixture
def target(request: pytest.FixtureRequest, start: Callable[[str], Target]) -> Target:
    """Where the app answers in whose folder the test stands."""
    return start(request.path.relative_to(HERE).parts[0])


@pytest.fixture
def client(target: Target) -> Iterator[httpx.Client]:
    """A client with an empty cookie jar that follows no redirect by itself."""
    with target.client() as opened:
        yield opened
