"""The app's own 500: whoever answers for it, the answer has our fields and leaks nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from buckler import Buckler
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse
from harness.by_hand import Asgi, Receive, Scope, Send
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse

pytestmark = pytest.mark.usefixtures("nothing_of_the_machine")

SECRET = "the secret of the app"

ORIGIN = "https://app.example"

WAYS = pytest.mark.parametrize("way", ["added", "round"])
HANDLERS = pytest.mark.parametrize("handler", [None, "Exception", "500"])
DEBUG = pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
LIFESPAN = pytest.mark.parametrize("lifespan", [True, False], ids=["started", "not started"])
ENVIRONMENTS = pytest.mark.parametrize("environment", ["production", "development"])


async def own_page(_: Request, error: Exception) -> PlainTextResponse:
    return PlainTextResponse(f"own page: {error}", status_code=500)


async def crash(_: Request) -> None:
    raise RuntimeError(SECRET)


def guarded(app: Any, way: str, environment: str) -> Any:  # noqa: ANN401 - FastAPI or Starlette
    options: dict[str, Any] = {
        "environment": environment,
        "server__hosts": ["testserver"],
        "cors__origins": [ORIGIN],
    }
    if way == "round":
        return Buckler(app, **options)
    app.add_middleware(Buckler, **options)
    return app


@asynccontextmanager
async def nothing(_: Any) -> AsyncIterator[None]:  # noqa: ANN401 - FastAPI or Starlette
    yield


@pytest.mark.parametrize("framework", [FastAPI, Starlette])
@ENVIRONMENTS
@LIFESPAN
@DEBUG
@HANDLERS
@WAYS
def test_every_500(
    framework: Any,  # noqa: ANN401 - either class
    way: str,
    handler: str | None,
    debug: bool,
    lifespan: bool,
    environment: str,
) -> None:
    # R10, R81
    app = framework(debug=debug, lifespan=nothing, routes=[Route("/crash", crash)])
    if handler is not None:
        app.add_exception_handler(Exception if handler == "Exception" else 500, own_page)
    client = TestClient(guarded(app, way, environment), raise_server_exceptions=False)
    if lifespan:
        client.__enter__()
    try:
        answers = [client.get("/crash", headers={"Origin": ORIGIN}) for _ in range(2)]
    finally:
        if lifespan:
            client.__exit__()
    for answer in answers:
        assert answer.status_code == 500
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["content-security-policy"]
        assert len(answer.headers.get_list("x-request-id")) == 1
        if environment == "production":
            assert SECRET not in answer.text
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
        elif debug:
            # The framework's page of a traceback comes first, whatever handler there is.
            assert "Traceback" in answer.text
        elif handler is not None:
            assert answer.text == f"own page: {SECRET}"
        else:
            assert answer.text == "Internal Server Error"


@WAYS
@LIFESPAN
def test_the_server_still_hears_of_it(way: str, lifespan: bool) -> None:
    # R81: it logs the traceback, and test clients raise it
    app = FastAPI(routes=[Route("/crash", crash)])
    client = TestClient(guarded(app, way, "production"))
    if lifespan:
        client.__enter__()
    try:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=SECRET) as raised:
                client.get("/crash")
            assert raised.value.__cause__ is None
    finally:
        if lifespan:
            client.__exit__()


@WAYS
@LIFESPAN
def test_the_handler_is_called_once(way: str, lifespan: bool) -> None:
    # R81
    calls: list[str] = []

    async def counted(_: Request, error: Exception) -> PlainTextResponse:
        calls.append(str(error))
        return PlainTextResponse("counted", status_code=500)

    app = FastAPI(routes=[Route("/crash", crash)])
    app.add_exception_handler(Exception, counted)
    client = TestClient(guarded(app, way, "development"), raise_server_exceptions=False)
    if lifespan:
        client.__enter__()
    for number in (1, 2):
        assert client.get("/crash").text == "counted"
        assert len(calls) == number
    if lifespan:
        client.__exit__()


@WAYS
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_a_failure_in_the_apps_own_middleware(way: str, first: bool) -> None:
    # R10, R81
    class Fails:
        def __init__(self, app: Asgi) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == "/crash":
                raise RuntimeError(SECRET)
            await self.app(scope, receive, send)

    app = FastAPI()
    app.add_middleware(Fails)
    client = TestClient(guarded(app, way, "production"), raise_server_exceptions=False)
    if not first:
        assert client.get("/none").status_code == 404
    answer = client.get("/crash", headers={"Origin": ORIGIN})
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert SECRET not in answer.text


@WAYS
def test_a_failure_outside_of_where_we_were_added(way: str) -> None:
    # R10, R81: middleware that was added after Buckler stands outside of it, until it has moved
    class Fails:
        def __init__(self, app: Asgi) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                raise RuntimeError(SECRET)
            await self.app(scope, receive, send)

    app = FastAPI()
    if way == "added":
        guarded(app, "added", "production")
        app.add_middleware(Fails)
        served: Any = app
    else:
        app.add_middleware(Fails)
        served = guarded(app, "round", "production")
    with TestClient(served, raise_server_exceptions=False) as client:
        answer = client.get("/crash")
        assert answer.status_code == 500
        assert answer.headers["x-content-type-options"] == "nosniff"


@WAYS
def test_a_handshake_that_fails(way: str) -> None:
    # R10, R81
    app = FastAPI()

    @app.websocket("/crash")
    async def crash_socket(_: WebSocket) -> None:
        raise RuntimeError(SECRET)

    client = TestClient(guarded(app, way, "production"))
    with pytest.raises((RuntimeError, WebSocketDenialResponse)) as raised:
        client.websocket_connect("/crash").__enter__()
    if isinstance(raised.value, RuntimeError):
        assert str(raised.value) == SECRET


@WAYS
def test_an_app_that_does_not_answer(way: str) -> None:
    # R10, R81
    async def silent(_: Scope, __: Receive, ___: Send) -> None:
        return

    app = Starlette()
    app.mount("/silent", silent)
    client = TestClient(guarded(app, way, "production"), raise_server_exceptions=False)
    for _ in range(2):
        answer = client.get("/silent/")
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal_error"
