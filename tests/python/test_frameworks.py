"""The middleware inside one process: test clients, event loops, what frameworks do with apps."""

import gzip
import json
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import anyio
import httpx
import pytest
from buckler import Buckler
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from harness import by_hand
from harness.asgi import PACKAGE
from harness.by_hand import Asgi, Message, Receive, Scope, Send
from harness.gateway import clean_environment
from harness.places import PATIENCE, PYTHON
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.responses import Response
from starlette.testclient import TestClient, WebSocketDenialResponse

EVERY_LOOP = pytest.mark.parametrize(
    "anyio_backend",
    [
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        pytest.param(("trio", {}), id="trio"),
    ],
)

pytestmark = pytest.mark.usefixtures("nothing_of_the_machine")

BASE = "http://testserver"

tenant: ContextVar[str] = ContextVar("tenant", default="none")


def production(app: Any, **more: Any) -> Buckler:  # noqa: ANN401 - anything that is served
    return Buckler(app, server__hosts=["testserver"], **more)


async def dependency() -> str:
    return "real"


def create(**options: Any) -> FastAPI:  # noqa: ANN401 - FastAPI's own
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
        yield {"pool": "open"}

    app = FastAPI(lifespan=lifespan, **options)

    @app.get("/seen")
    async def seen(request: Request, told: Annotated[str, Depends(dependency)]) -> dict[str, Any]:
        return {
            "client": request.scope["client"],
            "path": request.scope["path"],
            "root_path": request.scope["root_path"],
            "url": str(request.url_for("seen")),
            "state": getattr(request.state, "pool", None),
            "dependency": told,
            "tenant": tenant.get(),
            "judged as": request.scope["buckler"].client,
        }

    @app.get("/seen-in-a-thread")
    def seen_in_a_thread() -> str:
        return tenant.get()

    @app.post("/items")
    async def items(item: dict[str, Any]) -> int:
        return len(item)

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @app.get("/numbers/{count}")
    async def numbers(count: int) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(count):
                yield f"{number}\n"
                await anyio.lowlevel.checkpoint()

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        await ws.accept(headers=[(b"x-own", b"kept")])
        await ws.send_text(await ws.receive_text())
        await ws.close()

    return app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(production(create())) as opened:
        yield opened


# --- Starlette's TestClient ---------------------------------------------------------------------


def test_a_peer_that_is_no_address(client: TestClient) -> None:
    # R81
    answer = client.get("/seen")
    assert answer.status_code == 200
    assert answer.json()["client"] == ["testclient", 50000]
    assert answer.json()["judged as"] is None
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("peer", [None, ["", 0], ["fe80::1%eth0", 1], ["::ffff:192.0.2.1", 1]])
def test_peers_of_every_kind(peer: Any) -> None:  # noqa: ANN401 - whatever a server gives
    # R03, R81
    app = production(create(), server__trusted_proxies=["127.0.0.1"])

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["client"] = peer
        await app(scope, receive, send)

    with TestClient(served) as client:
        answer = client.get("/seen", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.status_code == 200
    assert answer.json()["client"] == peer
    told = {"fe80::1%eth0": "fe80::1", "::ffff:192.0.2.1": "192.0.2.1"}
    assert answer.json()["judged as"] == told.get((peer or [""])[0])


def test_a_lifespan_and_its_state(client: TestClient) -> None:
    # R81
    assert client.get("/seen").json()["state"] == "open"


def test_a_start_that_fails_says_so() -> None:
    # R81
    async def connect() -> None:
        raise RuntimeError("the database is away")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await connect()
        yield

    app = FastAPI(lifespan=lifespan)
    with pytest.raises(RuntimeError, match="the database is away"), TestClient(production(app)):
        pass


def test_without_a_lifespan() -> None:
    # R81: many tests never run it, and then the first request is the first scope
    app = create()
    app.add_middleware(Buckler, server__hosts=["testserver"])
    answer = TestClient(app).get("/seen")
    assert answer.status_code == 200
    assert answer.headers["x-request-id"]


def test_a_websocket_of_the_test_client(client: TestClient) -> None:
    # R81
    with client.websocket_connect("/echo") as socket:
        socket.send_text("there")
        assert socket.receive_text() == "there"
        fields: Any = socket.extra_headers
        assert (b"x-own", b"kept") in fields
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/echo", headers={"Host": "elsewhere.example"}),
    ):
        pass
    assert denied.value.status_code == 400
    assert denied.value.json()["code"] == "host_not_allowed"


# --- httpx, on every event loop -----------------------------------------------------------------


# A body that nobody reads to its end is the client's own generator, which trio is told of.
@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
@EVERY_LOOP
async def test_httpx_on_every_loop(anyio_backend: object) -> None:
    # R81
    app = create()
    app.add_middleware(Buckler, server__hosts=["testserver"])
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 123))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        seen = await client.get("/seen")
        assert seen.json()["client"] == ["192.0.2.7", 123]
        assert seen.json()["judged as"] == "192.0.2.7"
        numbers = await client.get("/numbers/50")
        assert numbers.text == "".join(f"{number}\n" for number in range(50))
        foreign = await client.get("/seen", headers={"Host": "elsewhere.example"})
        assert foreign.status_code == 400
        text = b'{"a": 1, "b": ' + b"[" * 100 + b"]" * 100 + b"}"
        deep = await client.post(
            "/items", content=text, headers={"Content-Type": "application/json"}
        )
        assert (deep.status_code, deep.json()["code"]) == (422, "contract_violation")
    assert anyio_backend


@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
@EVERY_LOOP
async def test_compressed_json_on_every_loop(anyio_backend: object) -> None:
    # R08, R81: expanding goes in parts, and others have their turn between them
    app = create()
    app.add_middleware(Buckler, server__hosts=["testserver"])
    transport = httpx.ASGITransport(app)
    # Random, since what shrinks too well is refused.
    text = gzip.compress(json.dumps({"a": random.Random(1).randbytes(2_000_000).hex()}).encode())
    bomb = gzip.compress(b'{"a": "' + b"x" * 50_000_000 + b'"}')
    fields = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with (
        httpx.AsyncClient(transport=transport, base_url=BASE) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(others)
        passed = await client.post("/length", content=text, headers=fields)
        assert passed.json() == len(text), "it is passed on as it came"
        refused = await client.post("/length", content=bomb, headers=fields)
        assert refused.status_code == 413
        group.cancel_scope.cancel()
    assert turns > 10
    assert anyio_backend


PYTEST_ASYNCIO = """
import httpx
import pytest_asyncio
from fastapi import FastAPI

from buckler import Buckler

app = FastAPI()


@app.get("/")
async def root() -> str:
    return "here"


app.add_middleware(Buckler, environment="development")


@pytest_asyncio.fixture
async def client():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as opened:
        yield opened


async def test_first(client):
    assert (await client.get("/")).json() == "here"


async def test_second_has_a_loop_of_its_own(client):
    answer = await client.get("/")
    assert answer.headers["x-request-id"]
    assert (await client.get("/", headers={"Host": "elsewhere"})).status_code == 400
"""


def test_pytest_asyncio(tmp_path: Path) -> None:
    # R81: a loop for each test, and an app for all of them
    (tmp_path / "test_app.py").write_text(PYTEST_ASYNCIO)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\n"
    )
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=clean_environment({"PYTHONPATH": str(PACKAGE)}),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


# --- What frameworks do with apps ---------------------------------------------------------------


def test_dependencies_are_overridden() -> None:
    # R81
    app = create()
    app.add_middleware(Buckler, server__hosts=["testserver"])
    with TestClient(app) as client:
        assert client.get("/seen").json()["dependency"] == "real"
        app.dependency_overrides[dependency] = lambda: "overridden"
        assert client.get("/seen").json()["dependency"] == "overridden"


class Tenant:
    """Pure ASGI, as the app's own middleware may be."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = tenant.set("acme")
        try:
            await self.app(scope, receive, send)
        finally:
            tenant.reset(token)


class TenantByDispatch(BaseHTTPMiddleware):
    """The framework's other kind, which runs the app in a task of its own."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        tenant.set("acme")
        return await call_next(request)


@pytest.mark.parametrize("kind", [Tenant, TenantByDispatch])
@pytest.mark.parametrize("outermost", [True, False], ids=["outside", "inside"])
def test_context_variables_reach_the_endpoints(kind: Any, outermost: bool) -> None:  # noqa: ANN401
    # R81
    app = create()
    if not outermost:
        app.add_middleware(Buckler, server__hosts=["testserver"])
    app.add_middleware(kind)
    if outermost:
        app.add_middleware(Buckler, server__hosts=["testserver"])
    with TestClient(app) as client:
        answer = client.get("/seen")
        assert answer.json()["tenant"] == "acme"
        assert client.get("/seen-in-a-thread").json() == "acme"
        assert len(answer.headers.get_list("x-request-id")) == 1


@pytest.mark.parametrize("own", [True, False], ids=["own", "shared"])
def test_mounted_apps(own: bool) -> None:
    # R81: an app that is mounted may have a Buckler of its own, which is stricter
    below: Any = create()
    if own:
        below.add_middleware(
            Buckler, server__hosts=["testserver"], content__max_body="1KiB", mode="enforce"
        )
    app = create()
    app.mount("/below", below)
    app.add_middleware(Buckler, server__hosts=["testserver"])
    with TestClient(app) as client:
        seen = client.get("/below/seen")
        assert seen.json()["root_path"] == "/below"
        large = {"name": "x" * 2000}
        assert client.post("/items", json=large).status_code == 200
        refused = client.post("/below/items", json=large)
        assert refused.status_code == (413 if own else 200)
        for answer in (seen, refused):
            for name in ("x-request-id", "content-security-policy", "x-content-type-options"):
                assert len(answer.headers.get_list(name)) == 1, name
        if own:
            assert refused.json()["code"] == "body_too_large"


def test_only_a_mounted_app_is_guarded() -> None:
    # R81
    below = create()
    below.add_middleware(Buckler, server__hosts=["testserver"])
    app = FastAPI()
    app.mount("/below", below)

    @app.get("/open")
    async def opened() -> str:
        return "no Buckler here"

    with TestClient(app) as client:
        assert "x-request-id" not in client.get("/open").headers
        assert "x-request-id" in client.get("/below/seen").headers
        foreign = client.get("/below/seen", headers={"Host": "elsewhere.example"})
        assert foreign.status_code == 400


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
@pytest.mark.parametrize("where", ["the app's", "the server's"])
def test_a_root_path(where: str) -> None:
    # R10, R81: the docs are closed wherever they are
    if where == "the app's":
        app, client_options = create(root_path="/api"), {}
    else:
        app, client_options = create(), {"root_path": "/api"}
    app.add_middleware(Buckler, server__hosts=["testserver"])
    with TestClient(app, **client_options) as client:  # type: ignore[arg-type]
        for path in ("/seen", "/api/seen"):
            seen = client.get(path).json()
            assert seen["root_path"] == "/api"
            assert seen["url"] == "http://testserver/api/seen"
        for path in ("/docs", "/api/docs", "/openapi.json", "/api/openapi.json"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_docs_that_the_app_has_moved_are_closed() -> None:
    # R10, R81
    app = create(docs_url="/manual", openapi_url="/contract.json")
    app.add_middleware(Buckler, server__hosts=["testserver"])
    with TestClient(app) as client:
        assert client.get("/manual").status_code == 404
        assert client.get("/contract.json").status_code == 404
    bare = TestClient(create(docs_url="/manual", openapi_url="/contract.json"))
    assert bare.get("/manual").status_code == 200


@EVERY_LOOP
async def test_a_background_task_outlives_the_answer(anyio_backend: object) -> None:
    # R81: the answer is whole for the client while the task still waits
    app = FastAPI()
    whole, done = anyio.Event(), anyio.Event()

    @app.get("/")
    async def root(tasks: BackgroundTasks) -> str:
        async def later() -> None:
            await whole.wait()
            done.set()

        tasks.add_task(later)
        return "answered"

    guarded = production(app)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            whole.set()

    async def receive() -> Message:
        return {"type": "http.request"}

    with anyio.fail_after(PATIENCE):
        await guarded(by_hand.http(), receive, send)
    assert done.is_set()
    assert anyio_backend
