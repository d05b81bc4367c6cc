"""The wheel as people get it: `pip install .` in a clone, once for all tests."""

import pytest
from harness import installed
from harness.installed import Installed


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Buckler and nothing else."""
    return installed.clone(tmp_path_factory.mktemp("wheel") / "bare")


@pytest.fixture(scope="session")
def with_fastapi(bare: Installed, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Buckler, FastAPI and uvicorn: what an app has."""
    assert bare.folder.exists()
    return installed.app(tmp_path_factory.mktemp("wheel") / "app")
