"""What cannot be judged does not pass, whoever is at fault."""

import asyncio
import contextlib
import gc
import json
from collections.abc import Callable

import pytest
from buckler import Buckler
from buckler._types import App, Message, Receive, Scope, Send

UNTYPED_BODY = {"type": "http.request", "body": b'{"a": 1}', "more_body": False}


class Recorded:
    """An app that writes down that it was called, and answers as it is told."""

    def __init__(self, *messages: Message) -> None:
        self.scopes: list[Scope] = []
        self.received: list[Message] = []
        self.messages = messages or (
            {"type": "http.response.start", "status": 200, "headers": []},
            {"type": "http.response.body", "body": b"served"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.received.append(await receive())
        for message in self.messages:
            await send(message)


def scope(**changed: object) -> Scope:
    """Make the scope of an ordinary request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 40000),
        **changed,
    }


def exchange(app: App, scope: Scope, *messages: Message, **settings: object) -> list[Message]:
    """Run one exchange, and give what the server was sent."""
    sent: list[Message] = []
    waiting = list(messages or [{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        with contextlib.suppress(RuntimeError, ValueError, KeyError, TypeError):
            await Buckler(app, None, environment="development", **settings)(scope, receive, send)

    asyncio.run(run())
    return sent


def status(sent: list[Message]) -> int:
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    names = [name for name, _ in sent[0]["headers"]]
    assert names.count(b"x-request-id") == 1
    assert names.count(b"x-content-type-options") == 1
    code: int = sent[0]["status"]
    return code


# R81: a scope that is none
@pytest.mark.parametrize(
    "broken",
    [
        {"headers": None},
        {"headers": 7},
        {"headers": [b"host"]},
        {"headers": [("host", "127.0.0.1")]},
        {"headers": [(b"host",)]},
        {"headers": [(b"host", None)]},
        {"method": None},
        {"method": b"GET"},
        {"path": None},
        {"path": b"/"},
        {"http_version": 1.1},
        {"scheme": 1},
        {"client": 7},
    ],
    ids=repr,
)
def test_a_scope_that_cannot_be_read_reaches_no_app(
    broken: dict[str, object], capfd: pytest.CaptureFixture[str]
) -> None:
    app = Recorded()
    assert status(exchange(app, scope(**broken))) == 500
    assert app.scopes == []
    gc.collect()
    line = logged(capfd)
    assert line["status"] == 500


def logged(capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Read the one line of the log."""
    from buckler._buckler import flush

    flush()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    # Development writes for people: `500 GET / …`.
    return (
        {"status": int(lines[0].split(" ", 1)[0])} if lines[0][0] != "{" else json.loads(lines[0])
    )


# R81: a body where the head says that there is none, and types that were never judged with it
def test_a_body_that_is_not_announced_reaches_no_app() -> None:
    app = Recorded()
    assert status(exchange(app, scope(method="POST"), dict(UNTYPED_BODY))) == 400
    assert [message["type"] for message in app.received] == ["http.disconnect"]


# R07, R81: over HTTP/2 the stream says that a body follows
@pytest.mark.parametrize("version", ["2", "3", "2.0"])
def test_a_body_without_a_length_is_judged_by_its_type(version: str) -> None:
    app = Recorded()
    bare = scope(method="POST", http_version=version)
    assert status(exchange(app, bare, dict(UNTYPED_BODY))) == 415
    typed = scope(
        method="POST",
        http_version=version,
        headers=[(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
    )
    twice = {"type": "http.request", "body": b'{"a": 1, "a": 2}', "more_body": False}
    assert status(exchange(app, dict(typed), twice)) == 422
    assert app.scopes == []
    assert status(exchange(app, dict(typed), dict(UNTYPED_BODY))) == 200
    assert app.received == [UNTYPED_BODY]
    assert status(exchange(Recorded(), scope(http_version=version))) == 200


# CWE-113
@pytest.mark.parametrize(
    "line",
    [
        (b"x-a", b"1\r\nset-cookie: evil=1"),
        (b"x-a", b"1\nx"),
        (b"x-a", b"1\x00"),
        (b"x-a\r\nset-cookie", b"evil"),
    ],
    ids=repr,
)
def test_an_answer_that_splits_is_not_sent(line: tuple[bytes, bytes]) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [line]}
    sent = exchange(Recorded(start, {"type": "http.response.body", "body": b"x"}), scope())
    assert status(sent) == 500
    assert not any(b"evil" in name + value for name, value in sent[0]["headers"])


# R11, R81
@pytest.mark.parametrize(
    "start",
    [
        {"status": 99},
        {"status": 1000},
        {"status": "200"},
        {"status": None},
        {},
        {"status": 200, "headers": 7},
        {"status": 200, "headers": [("x", "y")]},
    ],
    ids=repr,
)
def test_an_answer_that_is_none_is_a_500(start: dict[str, object]) -> None:
    message: Message = {"type": "http.response.start", **start}
    assert status(exchange(Recorded(message), scope())) == 500


def test_an_app_s_own_message_stays_as_it_was() -> None:
    lines = [(b"server", b"app"), (b"x-powered-by", b"app"), (b"x-a", b"1"), (b"x-a", b"2")]
    start: Message = {"type": "http.response.start", "status": 200, "headers": list(lines)}
    app = Recorded(start, {"type": "http.response.body", "body": b"x"})
    for _ in range(2):
        sent = exchange(app, scope())
        assert [line for line in sent[0]["headers"] if line in lines] == [
            (b"x-a", b"1"),
            (b"x-a", b"2"),
        ]
        assert status(sent) == 200
    assert start == {"type": "http.response.start", "status": 200, "headers": lines}


@pytest.mark.parametrize("kind", ["smtp", "", "http2", "HTTP"])
def test_a_scope_of_another_kind_is_refused(kind: str) -> None:
    app = Recorded()

    async def run() -> None:
        serve: Callable[..., object] = Buckler(app, environment="development")
        with pytest.raises(RuntimeError, match="does not know the scope type"):
            await serve(scope(type=kind), None, None)  # type: ignore[misc]

    asyncio.run(run())
    assert app.scopes == []


# R11: what the app makes of a body that was refused under it reaches nobody
def test_a_refusal_in_the_middle_of_a_body_is_the_only_answer() -> None:
    class Streams:
        async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
            message: Message = {"type": "http.request", "more_body": True}
            while message["type"] == "http.request" and message["more_body"]:
                message = await receive()
            assert message == {"type": "http.disconnect"}
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"CANARY"})
            raise ValueError("CANARY")

    piece: Message = {"type": "http.request", "body": b"x" * 600, "more_body": True}
    fields = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"text/plain"),
        (b"transfer-encoding", b"chunked"),
    ]
    sent = exchange(
        Streams(),
        scope(method="POST", headers=fields),
        dict(piece),
        dict(piece),
        content__max_body="1KiB",
    )
    assert status(sent) == 413
    assert b"CANARY" not in sent[1]["body"]
