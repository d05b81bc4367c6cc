"""What streams, waits or talks both ways."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from live_server import Target

SEATS = 16
"""Rooms live in one worker process; so many tries find the first member's among a few workers."""


def events(response: httpx.Response) -> Iterator[dict[str, str]]:
    """Read server-sent events off a streamed answer."""
    event: dict[str, str] = {}
    for line in response.iter_lines():
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def test_prices_arrive_as_events_in_order(client: httpx.Client) -> None:
    params = {"interval": "0.05", "ticks": "5"}
    with client.stream("GET", "/prices/stream", params=params) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        received = list(events(response))
    assert [event["id"] for event in received] == ["1", "2", "3", "4", "5"]
    assert {event["event"] for event in received} == {"price"}
    assert json.loads(received[0]["data"]) == {"sequence": 1, "product": "teapot", "price": "20.01"}


def test_the_first_event_does_not_wait_for_the_last(client: httpx.Client) -> None:
    # An hour lies between the two events: a server that buffers runs into the client's deadline.
    params = {"interval": "3600", "ticks": "2"}
    with client.stream("GET", "/prices/stream", params=params) as response:
        assert next(events(response))["id"] == "1"


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3_000_000])
def test_a_download_has_exactly_its_size(client: httpx.Client, size: int) -> None:
    with client.stream("GET", f"/download/{size}") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/octet-stream"
        total = sum(len(piece) for piece in response.iter_bytes())
    assert total == size


def test_the_sink_counts_a_body_of_known_length(client: httpx.Client) -> None:
    body = bytes(range(256)) * 4096
    headers = {"Content-Type": "application/octet-stream"}
    response = client.post("/sink", content=body, headers=headers)
    assert response.json() == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_the_sink_counts_a_chunked_body(client: httpx.Client) -> None:
    pieces = [b"", b"a", b"bc" * 1000, b"d" * 100_000]
    headers = {"Content-Type": "application/octet-stream"}
    response = client.post("/sink", content=iter(pieces), headers=headers)
    assert response.request.headers["transfer-encoding"] == "chunked"
    expected = b"".join(pieces)
    assert response.json() == {
        "bytes": len(expected),
        "sha256": hashlib.sha256(expected).hexdigest(),
    }


def test_the_sink_counts_nothing(client: httpx.Client) -> None:
    assert client.post("/sink").json() == {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}


def test_a_member_hears_the_own_message(target: Target) -> None:
    with target.websocket("/chat/solo?name=Ana%20Mar%C3%ADa") as socket:
        joined = json.loads(socket.recv(timeout=10))
        assert (joined["kind"], joined["sender"]) == ("joined", "Ana María")
        socket.send("grüß dich 🫖")
        message = json.loads(socket.recv(timeout=10))
    assert (message["kind"], message["text"]) == ("message", "grüß dich 🫖")


def test_members_of_a_room_hear_one_another(target: Target) -> None:
    with ExitStack() as stack:
        ana = stack.enter_context(target.websocket("/chat/tea?name=ana"))
        assert json.loads(ana.recv(timeout=10))["kind"] == "joined"
        for seat in range(SEATS):
            ben = stack.enter_context(target.websocket(f"/chat/tea?name=ben{seat}"))
            if "ana" in json.loads(ben.recv(timeout=10))["members"]:
                break
        else:
            pytest.fail("no second member came to the first one's worker")
        assert json.loads(ana.recv(timeout=10))["sender"] == f"ben{seat}"
        ben.send("hello")
        heard = json.loads(ana.recv(timeout=10))
        assert (heard["kind"], heard["sender"], heard["text"]) == ("message", f"ben{seat}", "hello")
        ben.close()
        assert json.loads(ana.recv(timeout=10))["kind"] == "left"


def test_a_large_message_passes_whole(target: Target) -> None:
    text = "x" * 200_000
    with target.websocket("/chat/large?name=ana") as socket:
        socket.recv(timeout=10)
        socket.send(text)
        assert json.loads(socket.recv(timeout=10))["text"] == text


def test_a_slow_answer_comes(client: httpx.Client) -> None:
    assert client.get("/hang", params={"seconds": "0.2"}).json() == {"waited": 0.2}


def test_a_client_may_give_up_on_a_silent_route(client: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.get("/hang", params={"seconds": "5"}, timeout=httpx.Timeout(30, read=0.5))
    assert client.get("/health").status_code == 200
