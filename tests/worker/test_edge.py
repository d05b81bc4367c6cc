"""The shim between the server and the app: what the app sees, and who never reaches it."""

import asyncio
from typing import Any

import pytest
from buckler_worker.edge import Edge, Message, Receive, Scope, Send
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

Headers = list[tuple[bytes, bytes]]

VALUE = b"https 192.0.2.7 51234 198.51.100.1 8443"


class Recorder:
    """An app that keeps what it is called with."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        self.scopes.append(scope)


def scope_of(kind: str, headers: Headers, **more: object) -> Scope:
    """What a server makes of a connection over a Unix socket."""
    return {
        "type": kind,
        "scheme": "ws" if kind == "websocket" else "http",
        "client": None,
        "server": ("/run/worker.sock", None),
        "path": "/see",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "method": "GET",
        **more,
    }


def called(app: Any, scope: Scope) -> list[Message]:  # noqa: ANN401 - any ASGI app
    """Run the app behind the shim and give what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{scope['type']}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def served() -> None:
        await Edge(app, lambda _: None)(scope, receive, send)

    asyncio.run(served())
    return sent


@pytest.mark.parametrize(
    ("value", "client", "scheme", "server"),
    [
        (VALUE, ("192.0.2.7", 51234), "https", ("198.51.100.1", 8443)),
        (b"http - 0 127.0.0.1 80", None, "http", ("127.0.0.1", 80)),
        (b"http 192.0.2.7 0 127.0.0.1 65535", ("192.0.2.7", 0), "http", ("127.0.0.1", 65535)),
        (b"https 2001:db8::1 1 ::1 8443", ("2001:db8::1", 1), "https", ("::1", 8443)),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_app_sees_the_edge_and_not_the_field(
    value: bytes,
    client: tuple[str, int] | None,
    scheme: str,
    server: tuple[str, int],
    kind: str,
    place: int,
) -> None:
    # R03, R09
    others = [(b"host", b"shop.example"), (b"cookie", b"a=b")]
    headers = [*others[:place], (b"buckler-edge", value), *others[place:]]
    app = Recorder()
    assert called(app, scope_of(kind, headers)) == []
    (seen,) = app.scopes
    assert seen["client"] == client
    assert seen["server"] == server
    assert seen["scheme"] == {"http": scheme, "websocket": scheme.replace("http", "ws")}[kind]
    assert seen["headers"] == others


REFUSED: list[Headers] = [
    [],
    [(b"host", b"a")],
    [(b"buckler-edge", VALUE), (b"buckler-edge", VALUE)],
    [(b"buckler_edge", VALUE)],
    [(b"x-forwarded-for", b"192.0.2.7")],
    *(
        [(b"buckler-edge", value)]
        for value in (
            b"",
            b"-",
            b"https",
            VALUE + b" ",
            b" " + VALUE,
            VALUE + b" more",
            VALUE + b"\n",
            VALUE.replace(b" ", b"  ", 1),
            VALUE.replace(b" ", b"\t"),
            VALUE.replace(b"https", b"HTTPS"),
            VALUE.replace(b"https", b"ws"),
            VALUE.replace(b"https", b"ftp"),
            VALUE.replace(b"192.0.2.7", b"[::1]"),
            VALUE.replace(b"192.0.2.7", b"localhost"),
            VALUE.replace(b"192.0.2.7", b"\xd9\xa1.0.2.7"),
            VALUE.replace(b"198.51.100.1", b"-"),
            VALUE.replace(b"51234", b"65536"),
            VALUE.replace(b"8443", b"99999"),
            VALUE.replace(b"51234", b"-1"),
            VALUE.replace(b"51234", b"\xd9\xa1"),
            VALUE.replace(b"51234", b"123456"),
            VALUE.replace(b"192.0.2.7", b"1" * 46),
        )
    ),
]


@pytest.mark.parametrize("headers", REFUSED, ids=repr)
def test_who_does_not_come_through_the_gateway_is_refused(headers: Headers) -> None:
    app = Recorder()
    start, body = called(app, scope_of("http", list(headers)))
    assert (start["type"], start["status"]) == ("http.response.start", 400)
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()

    start, body = called(
        app,
        scope_of("websocket", list(headers), extensions={"websocket.http.response": {}}),
    )
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 400)
    assert body["type"] == "websocket.http.response.body"

    (closed,) = called(app, scope_of("websocket", list(headers)))
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    assert app.scopes == []


def test_an_unknown_scope_is_refused() -> None:
    app = Recorder()
    with pytest.raises(RuntimeError, match="'later' is not known"):
        called(app, {"type": "later", "headers": [(b"buckler-edge", VALUE)]})
    assert app.scopes == []


def test_urls_are_those_of_the_edge() -> None:
    def see(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.url_for("see")))

    app = Starlette(routes=[Route("/see", see)])
    headers = [(b"host", b"shop.example"), (b"buckler-edge", VALUE)]
    body = b"".join(m["body"] for m in called(app, scope_of("http", headers)) if "body" in m)
    assert body == b"https://shop.example/see"
    # Without Host (HTTP/1.0) the server's own address is what remains.
    headers = [(b"buckler-edge", VALUE)]
    body = b"".join(m["body"] for m in called(app, scope_of("http", headers)) if "body" in m)
    assert body == b"https://198.51.100.1:8443/see"


@pytest.mark.parametrize("message", ["Traceback: no database", None])
def test_a_failed_start_is_told_once(message: str | None) -> None:
    # R09
    told: list[str] = []
    sent: list[Message] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        more = {} if message is None else {"message": message}
        await send({"type": "lifespan.startup.failed", **more})

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def served() -> None:
        await Edge(app, told.append)({"type": "lifespan"}, receive, send)

    asyncio.run(served())
    assert told == [message or ""]
    assert sent == [{"type": "lifespan.startup.failed"}]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("tickets", "kept"),
    [([], None), ([b"one"], b"one"), ([b"one", b"one"], None), ([b"one", b"two"], None)],
)
def test_the_ticket_is_taken_off_the_fields(
    kind: str, tickets: list[bytes], kept: bytes | None
) -> None:
    # R13: one that stands twice is none
    app = Recorder()
    fields = [(b"a", b"1"), *((b"buckler-ticket", each) for each in tickets), (b"b", b"2")]
    called(app, scope_of(kind, [(b"buckler-edge", VALUE), *fields]))
    (scope,) = app.scopes
    assert scope["headers"] == [(b"a", b"1"), (b"b", b"2")]
    assert scope.get("buckler.ticket") == kept
