"""Messages beyond the ordinary ones, and scopes that few servers send, from a server by hand."""

from typing import Any

import pytest
from buckler import Buckler
from harness import by_hand
from harness.by_hand import Asgi, Hand

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
    pytest.mark.usefixtures("nothing_of_the_machine"),
]

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain")],
}


def guarded(app: Asgi) -> Buckler:
    return Buckler(app, server__hosts=["testserver"])


def sends(*messages: dict[str, Any]) -> Asgi:
    """Make an app that sends these."""

    async def app(_: by_hand.Scope, __: by_hand.Receive, send: by_hand.Send) -> None:
        for message in messages:
            await send(message)

    return app


async def answered(scope: dict[str, Any], *messages: dict[str, Any]) -> Hand:
    """Serve one scope with an app that sends these."""
    hand = Hand()
    await hand.serve(guarded(sends(*messages)), scope)
    return hand


def kinds(hand: Hand) -> list[str]:
    return [message["type"] for message in hand.sent]


async def test_early_hints_and_pushes_come_before_the_answer() -> None:
    # R81
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
    push = {"type": "http.response.push", "path": "/a.css", "headers": []}
    body = {"type": "http.response.body", "body": b"whole"}
    hand = await answered(by_hand.http(), hint, push, START, body)
    assert hand.sent[:2] == [hint, push]
    assert kinds(hand)[2:] == ["http.response.start", "http.response.body"]
    assert hand.fields["x-content-type-options"] == "nosniff"
    assert hand.body == b"whole"


async def test_trailers_end_an_answer() -> None:
    # R81
    first = {"type": "http.response.trailers", "headers": [(b"a", b"1")], "more_trailers": True}
    last = {"type": "http.response.trailers", "headers": [(b"b", b"2")]}
    body = {"type": "http.response.body", "body": b"whole"}
    hand = await answered(by_hand.http(), {**START, "trailers": True}, body, first, last)
    assert hand.start["trailers"] is True
    assert hand.sent[-2:] == [first, last]


async def test_a_file_by_its_path() -> None:
    # R81
    sent = {"type": "http.response.pathsend", "path": "/etc/hostname"}
    hand = await answered(by_hand.http(), START, sent)
    assert hand.sent[-1] == sent
    assert hand.fields["x-content-type-options"] == "nosniff"


async def test_a_file_by_its_descriptor() -> None:
    # R81
    part = {"type": "http.response.zerocopysend", "file": 3, "count": 1, "more_body": True}
    last = {"type": "http.response.zerocopysend", "file": 3, "offset": 1}
    hand = await answered(by_hand.http(), START, part, last)
    assert hand.sent[-2:] == [part, last]


async def test_what_the_scope_says_of_tls_and_the_rest_stays() -> None:
    # R81
    extensions = {"tls": {"server_cert": "x"}, "http.response.debug": {}}
    seen: list[Any] = []

    async def app(scope: by_hand.Scope, _: by_hand.Receive, send: by_hand.Send) -> None:
        seen.append(scope)
        await send({"type": "http.response.debug", "info": {"template": "t"}})
        await send(START)
        await send({"type": "http.response.body"})

    hand = Hand()
    scope = by_hand.http(extensions=extensions, state={"pool": 1}, own="kept")
    await hand.serve(guarded(app), scope)
    assert seen[0]["extensions"] == extensions
    assert (seen[0]["state"], seen[0]["own"]) == ({"pool": 1}, "kept")
    assert hand.sent[0] == {"type": "http.response.debug", "info": {"template": "t"}}


@pytest.mark.parametrize("kind", ["pubsub", "", "http2", None])
async def test_scopes_that_nobody_knows_are_refused(kind: Any) -> None:  # noqa: ANN401
    # R81
    called: list[str] = []

    async def app(scope: by_hand.Scope, _: by_hand.Receive, __: by_hand.Send) -> None:
        called.append(scope["type"])

    with pytest.raises(RuntimeError, match="scope type"):
        await Hand().serve(guarded(app), {"type": kind, "asgi": {"version": "3.0"}})
    assert called == []


@pytest.mark.parametrize(
    ("denial", "sent"),
    [
        (True, ["websocket.http.response.start", "websocket.http.response.body"]),
        (False, ["websocket.close"]),
    ],
    ids=["denial response", "close"],
)
async def test_a_handshake_that_is_refused(denial: bool, sent: list[str]) -> None:
    # R81
    extensions: dict[str, Any] = {"websocket.http.response": {}} if denial else {}
    hand = Hand([{"type": "websocket.connect"}])
    scope = by_hand.websocket(headers=[(b"host", b"elsewhere.example")], extensions=extensions)
    await hand.serve(guarded(sends({"type": "websocket.accept"})), scope)
    assert kinds(hand) == sent
    if not denial:
        assert hand.sent[0]["code"] == 1008


async def test_ports_may_be_text() -> None:
    # R03, R81: granian gives them so
    seen: list[Any] = []

    async def app(scope: by_hand.Scope, _: by_hand.Receive, send: by_hand.Send) -> None:
        seen.append((scope["client"], scope["buckler"].client))
        await send(START)
        await send({"type": "http.response.body"})

    for client in (("192.0.2.7", "123"), ["192.0.2.7", 123]):
        await Hand().serve(guarded(app), by_hand.http(client=client))
        assert seen.pop() == (client, "192.0.2.7")


async def test_a_preface_that_is_taken_for_a_request() -> None:
    # R81: uvicorn's h11 hands the preface of HTTP/2 on as a request for `*`
    hand = Hand()
    called: list[object] = []

    async def app(scope: by_hand.Scope, _: by_hand.Receive, __: by_hand.Send) -> None:
        called.append(scope)

    scope = by_hand.http("*", method="PRI", http_version="2.0", headers=[])
    await hand.serve(guarded(app), scope)
    assert hand.start["status"] == 400
    assert called == []
