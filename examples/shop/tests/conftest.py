"""The shop, live: the deployment in `SHOP_BASE_URL`, or a freshly seeded one of our own."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_server import Target, live_target

SHOP = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Where the shop answers."""
    work_dir = tmp_path_factory.mktemp("shop")
    environment = {"SHOP_DATABASE_URL": f"sqlite:///{work_dir / 'shop.db'}"}
    if "SHOP_BASE_URL" not in os.environ:
        subprocess.run(
            [sys.executable, "-m", "shop.seed"],
            cwd=SHOP,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
    with live_target("SHOP", "shop.main:app", SHOP, work_dir, environment) as found:
        yield found


@pytest.fixture
def client(target: Target) -> Iterator[httpx.Client]:
    """A client with an empty cookie jar."""
    with target.client() as opened:
        yield opened


@pytest.fixture
def user(client: httpx.Client) -> dict[str, Any]:
    """A user of this test alone, whose password is `tea-and-biscuits`."""
    response = client.post(
        "/users",
        json={
            "email": f"{uuid.uuid4().hex}@example.com",
            "full_name": "Dóra Ünal 茶",
            "password": "tea-and-biscuits",
        },
    )
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


@pytest.fixture
def product(client: httpx.Client) -> dict[str, Any]:
    """A product of this test alone: 10 pieces at 3.50."""
    response = client.post(
        "/products",
        json={"name": f"Spoon {uuid.uuid4().hex}", "price": "3.50", "stock": 10},
    )
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created
