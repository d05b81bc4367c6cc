"""The middleware whose limits are counted by a store of several machines (R12, R13)."""

import gc
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from buckler import Buckler, _waiting
from buckler._types import App, Message, Receive, Scope, Send
from harness.loops import ALL, TURNS, Run
from harness.redis import PROGRAM, Redis, redis

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server here")


@pytest.fixture(params=ALL)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a function in an event loop."""
    how: Run = request.param
    return how


@pytest.fixture
def database() -> Iterator[Redis]:
    """Run a Redis for each test: none of them counts what another one did."""
    with redis() as started:
        yield started


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Give back the body, or take every WebSocket."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def guarded(
    database: Redis,
    nothing_of_the_machine: None,  # noqa: ARG001 - a fixture for what it does
) -> App:
    """Give the app with a limit of two an hour."""
    return guarded_by(database, limits__default="2/hour per ip")


def guarded_by(database: Redis, **more: str) -> App:
    """Give the app with a limit of two an hour."""
    return Buckler(
        app,
        server__hosts=["app.test"],
        server__tls__mode="off",
        store__state=database.address,
        store__timeout="10s",
        limits__store_down="closed",
        **more,
    )


def scope_of(kind: str = "http", path: str = "/", method: str = "GET") -> Scope:
    """Give the scope of a request."""
    scope: Scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"app.test"), (b"x-forwarded-for", b"203.0.113.9")],
        "client": ("192.0.2.1", 1234),
        "server": ("app.test", 80),
    }
    if kind == "http":
        scope["method"] = method
    return scope


async def asked(guarded: App, scope: Scope, body: bytes = b"") -> list[Message]:
    """Ask once, and give what was sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    await guarded(scope, receive, send)
    return sent


# R13
def test_requests_and_handshakes_are_counted(run: Run, guarded: App) -> None:
    async def ask() -> None:
        transport = httpx.ASGITransport(guarded, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as session:
            answer = await session.post("/", json={"a": 1})
            assert (answer.status_code, answer.text) == (200, '{"a":1}')
            assert answer.headers["ratelimit"].startswith('"default";r=1;')
        accepted = await asked(guarded, scope_of("websocket"))
        assert [each["type"] for each in accepted] == ["websocket.accept", "websocket.close"]
        start, body = await asked(guarded, scope_of())
        assert start["status"] == 429
        assert b'"code":"rate_limited"' in body["body"]
        (closed,) = await asked(guarded, scope_of("websocket"))
        assert closed == {"type": "websocket.close", "code": 1008}
        assert _waiting.here().waiting == 0

    run(ask)


# R13
def test_all_that_is_asked_at_the_same_time_is_counted_exactly(run: Run, database: Redis) -> None:
    guarded = guarded_by(database, limits__default="30/hour per ip")
    statuses: list[int] = []

    async def ask() -> None:
        async def one() -> None:
            start, _ = await asked(guarded, scope_of())
            statuses.append(start["status"])

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(one)
        assert sorted(statuses) == [200] * 30 + [429] * 70

    run(ask)


# R13: what comes into the list of fields while one waits was not judged, and does not reach the app
def test_the_app_sees_what_was_judged(run: Run, database: Redis) -> None:
    seen: list[Any] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["headers"])
        await app(scope, receive, send)

    guarded = Buckler(
        looks,
        server__hosts=["app.test"],
        server__tls__mode="off",
        store__state=database.address,
        store__timeout="10s",
    )

    async def ask() -> None:
        for fields in (
            [(b"host", b"app.test"), (b"a", b"1")],
            [(b"host", b"app.test"), (b"a", b"1"), (b"x-real-ip", b"1.2.3.4")],
        ):
            scope = scope_of()
            scope["headers"] = fields
            database.pause()
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(asked, guarded, scope)
                    for _ in range(TURNS):
                        await anyio.lowlevel.checkpoint()
                    fields.append((b"x-trailer", b"late"))
                    database.go_on()
            finally:
                database.go_on()
            assert dict(seen.pop())[b"a"] == b"1"
            assert b"x-trailer" not in dict(scope["headers"])
            assert b"x-real-ip" not in dict(scope["headers"])

    run(ask)


# R13
def test_whoever_leaves_while_waiting_leaves_nothing(
    run: Run, guarded: App, database: Redis
) -> None:
    async def ask() -> None:
        database.pause()
        try:
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(asked, guarded, scope_of())
                    group.start_soon(asked, guarded, scope_of("websocket"))
                for _ in range(TURNS):
                    await anyio.lowlevel.checkpoint()
                assert _waiting.here().waiting > 0
                group.cancel_scope.cancel()
            assert _waiting.here().waiting == 0
        finally:
            database.go_on()
        gc.collect()
        assert [each for each in gc.get_objects() if type(each).__name__ == "Pending"] == []

    run(ask)


# R13: nothing passes uncounted that the policy wants counted
def test_a_store_that_is_gone_closes(run: Run, guarded: App, database: Redis) -> None:
    async def ask() -> None:
        assert (await asked(guarded, scope_of()))[0]["status"] == 200
        database.kill()
        start, body = await asked(guarded, scope_of())
        assert start["status"] == 503
        assert b"redis" not in body["body"].lower()
        assert (await asked(guarded, scope_of("websocket")))[0]["code"] == 1008

    run(ask)
