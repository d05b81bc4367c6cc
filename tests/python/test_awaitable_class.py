"""A class can be an app: Starlette's endpoints are called, and what comes is awaited. R81"""

import asyncio

import httpx
import pytest
from buckler import Buckler
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse


class NoApp:
    """Is made with three values, and cannot be awaited."""

    def __init__(self, scope: object, receive: object, send: object) -> None:
        self.values = (scope, receive, send)


class Endpoint(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.path)


async def asked(app: Buckler) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get("/here")


def test_a_class_whose_instances_cannot_be_awaited_is_no_app() -> None:
    with pytest.raises(TypeError, match=r"write Buckler\(NoApp\(…\)\)"):
        Buckler(NoApp, environment="development")  # type: ignore[arg-type]


def test_a_class_whose_instances_are_awaited_is_an_app() -> None:
    answer = asyncio.run(asked(Buckler(Endpoint, environment="development")))
    assert (answer.status_code, answer.text) == (200, "/here")
    assert "x-request-id" in answer.headers
