"""Apps that limit routes of their own, asked in this process: inside the middleware, and alone."""

from pathlib import Path

import anyio
import httpx
import pytest
from buckler import Buckler, _limits
from fastapi import FastAPI

CLIENT = "192.0.2.1"


def count_alone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have the test count in a store of its own, by a policy that takes what `asked` sends."""
    monkeypatch.setattr(_limits, "_stores", [])
    monkeypatch.setenv("BUCKLER_STORE__PATH", str(folder / "counts"))
    monkeypatch.setenv("BUCKLER_SERVER__HOSTS", "app.test")
    monkeypatch.setenv("BUCKLER_SERVER__TLS__MODE", "off")


def asked(
    app: FastAPI,
    how: str,
    *paths: str,
    client: str = CLIENT,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    method: str = "GET",
) -> list[httpx.Response]:
    """Ask for paths, one after the other; `how` is `inside` the middleware, or `alone`."""
    if how == "inside" and app.middleware_stack is None:
        app.add_middleware(Buckler)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, client=(client, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as session:
            return [await session.request(method, path, headers=headers) for path in paths]

    return anyio.run(ask)


def statuses(answers: list[httpx.Response]) -> list[int]:
    """Give the statuses."""
    return [answer.status_code for answer in answers]
