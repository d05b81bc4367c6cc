"""The first request where no lifespan came: layers of the app stand outside of us. R10, R81"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from buckler import Buckler
from buckler._buckler import flush
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from harness.by_hand import Asgi, Hand, Receive, Scope, Send, http
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

pytestmark = pytest.mark.usefixtures("nothing_of_the_machine")

SECRET = "the secret of the app"

FRAMEWORKS = pytest.mark.parametrize("framework", [FastAPI, Starlette])
ENVIRONMENTS = pytest.mark.parametrize("environment", ["production", "development"])

SINGLE = RuntimeError(SECRET)
"""Raised for each request, as apps do that make their exceptions once."""


async def crash(_: Request) -> None:
    raise SINGLE


async def echo(request: Request) -> Response:
    return Response(await request.body())


class Answers:
    """Plain ASGI that answers for whatever is raised inside of it."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except RuntimeError:
            await PlainTextResponse("outside", status_code=418)(scope, receive, send)


class Copies(Answers):
    """Hands on a copy of the scope, so that nothing that is put into it is seen outside."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(dict(scope), receive, send)


class Translates(Answers):
    """Raises something else in place of what was raised."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except RuntimeError as error:
            raise LookupError(SECRET) from error


class Groups(Answers):
    """Raises what was raised in a group, as whoever runs the app in a task of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except RuntimeError as error:
            raise ExceptionGroup(SECRET, [error]) from None


class Framework(BaseHTTPMiddleware):
    """In the framework's own way: the app runs in a task, and what it sends goes through a pipe."""

    async def dispatch(self, request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = await call_next(request)
        return response


def added(app: Any, environment: str, *outside: type[Any]) -> Any:  # noqa: ANN401
    """Add Buckler, and layers outside of it."""
    app.add_middleware(Buckler, environment=environment, server__hosts=["testserver"])
    for layer in outside:
        app.add_middleware(layer)
    return app


@FRAMEWORKS
@ENVIRONMENTS
def test_the_frameworks_limit_of_bodies_answers_alone(framework: Any, environment: str) -> None:  # noqa: ANN401
    # It raises through us, by `receive` and by `send`, and answers outside of us.
    app = framework(max_body_size=5, routes=[Route("/", echo, methods=["POST"])])
    client = TestClient(added(app, environment))
    for _ in range(2):
        answer = client.post("/", content=b"123456", headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.text) == (413, "Content Too Large")


@FRAMEWORKS
@ENVIRONMENTS
@pytest.mark.parametrize("inside", [(), (Framework,), (Copies,)], ids=["", "framework", "copies"])
def test_a_layer_outside_answers_alone(
    framework: Any,  # noqa: ANN401 - either class
    environment: str,
    inside: tuple[type[Any], ...],
) -> None:
    app = framework(routes=[Route("/crash", crash)])
    client = TestClient(added(app, environment, *inside, Answers))
    for _ in range(3):
        answer = client.get("/crash")
        assert (answer.status_code, answer.text) == (418, "outside")


@FRAMEWORKS
@ENVIRONMENTS
@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("layer", [Framework, Copies, Translates, Groups])
def test_the_error_page_answers_through_us_past_layers_outside(
    framework: Any,  # noqa: ANN401 - either class
    environment: str,
    debug: bool,
    layer: type[Any],
) -> None:
    app = framework(debug=debug, routes=[Route("/crash", crash)])
    client = TestClient(added(app, environment, layer), raise_server_exceptions=False)
    for _ in range(2):
        answer = client.get("/crash")
        assert answer.status_code == 500
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.headers.get_list("x-request-id")) == 1
        if environment == "production":
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
            assert SECRET not in answer.text
        else:
            assert answer.text.startswith("Traceback" if debug else "Internal Server Error") or (
                debug and "Exception Group Traceback" in answer.text
            )


@FRAMEWORKS
@ENVIRONMENTS
@pytest.mark.parametrize("way", ["awaited", "called", "instance"])
def test_the_handler_is_called_once_and_through_us(
    framework: Any,  # noqa: ANN401 - either class
    environment: str,
    way: str,
) -> None:
    calls: list[str] = []

    def called(_: Request, error: Exception) -> PlainTextResponse:
        calls.append(str(error))
        return PlainTextResponse(f"own page: {error}", status_code=500)

    async def awaited(request: Request, error: Exception) -> PlainTextResponse:
        return called(request, error)

    class Instance:
        async def __call__(self, request: Request, error: Exception) -> PlainTextResponse:
            return called(request, error)

    app = framework(routes=[Route("/crash", crash)])
    handlers = {"awaited": awaited, "called": called, "instance": Instance()}
    app.add_exception_handler(Exception, handlers[way])
    client = TestClient(added(app, environment), raise_server_exceptions=False)
    for number in (1, 2, 3):
        answer = client.get("/crash")
        assert len(calls) == number
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (answer.text == f"own page: {SECRET}") is (environment == "development")


@pytest.mark.parametrize("awaited", [True, False])
def test_a_handler_that_fails_itself(awaited: bool) -> None:
    def fails(_: Request, __: Exception) -> PlainTextResponse:
        raise LookupError(SECRET)

    async def fails_later(request: Request, error: Exception) -> PlainTextResponse:
        return fails(request, error)

    app = FastAPI(routes=[Route("/crash", crash)])
    app.add_exception_handler(Exception, fails_later if awaited else fails)
    client = TestClient(added(app, "development"), raise_server_exceptions=False)
    for _ in range(2):
        answer = client.get("/crash")
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal_error"
        assert answer.headers["x-content-type-options"] == "nosniff"


@ENVIRONMENTS
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_an_answer_that_breaks_off_has_one_start(environment: str) -> None:
    async def breaks_off(_: Request) -> StreamingResponse:
        async def pieces() -> Any:  # noqa: ANN401 - an iterator of bytes
            yield b"first"
            raise RuntimeError(SECRET)

        return StreamingResponse(pieces())

    app = added(FastAPI(routes=[Route("/crash", breaks_off)]), environment)
    for _ in range(2):
        hand = Hand()
        with pytest.raises(RuntimeError, match=SECRET):
            await hand.serve(app, http("/crash"))
        assert hand.start["status"] == 200


def test_an_exception_that_is_raised_again_answers_its_own_request() -> None:
    class AnswersOnce(Answers):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            layer: Asgi = Answers(self.app) if scope["path"] == "/once" else self.app
            await layer(scope, receive, send)

    app = FastAPI(routes=[Route("/once", crash), Route("/crash", crash)])
    client = TestClient(added(app, "production", AnswersOnce), raise_server_exceptions=False)
    assert client.get("/once").status_code == 418
    answer = client.get("/crash")
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert len(answer.headers.get_list("x-content-type-options")) == 1


@pytest.mark.parametrize(
    ("layer", "outcome"), [(Copies, "answered"), (Framework, "answered"), (Answers, "aborted")]
)
def test_each_request_has_one_record(
    layer: type[Any], outcome: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async def crash_anew(_: Request) -> None:
        raise RuntimeError(SECRET)

    app: Any = FastAPI(routes=[Route("/crash", crash_anew)])
    app.add_middleware(Buckler, server__hosts=["testserver"], log__access="all", log__format="json")
    app.add_middleware(layer)
    TestClient(app, raise_server_exceptions=False).get("/crash")
    flush()
    records = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [record["outcome"] for record in records if record["event"] == "request"] == [outcome]
