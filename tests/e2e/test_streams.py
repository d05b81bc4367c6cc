"""Streams: order, pace, and how the end of one side reaches the other."""

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
from harness import processes
from harness.gateway import Gateway
from harness.places import PATIENCE
from harness.raw import TruncatedError
from harness.serving import BOTH_SERVERS, PLAIN, Serving
from harness.until import until
from websockets.exceptions import ConnectionClosed

UPSTREAM = 0.3
"""Seconds that the app gets for the first byte of an answer; streams live longer."""

POLICY = f'{PLAIN}[server.timeouts]\nupstream = "{round(UPSTREAM * 1000)}ms"\ndrain = "1s"\n'


@pytest.fixture
def live(serving: Serving) -> Gateway:
    return serving.serve("live:app")


def event_ids(response: httpx.Response) -> Iterator[int]:
    for line in response.iter_lines():
        if line.startswith("id: "):
            yield int(line.removeprefix("id: "))


def ended(gateway: Gateway, name: str) -> None:
    with gateway.client() as client:
        until(f"{name} ended in the app", lambda: name in client.get("/open").json()["ended"])


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_events_arrive_one_by_one(serving: Serving, secured: bool) -> None:
    # R09, R80: the app sends the next event only after this one was acknowledged, so whoever
    # held one back would wait forever.
    if secured:
        policy = f'environment = "development"\n{serving.issued.policy()}'
        gateway = serving.serve("live:app", policy, authority=serving.issued.authority)
    else:
        gateway = serving.serve("live:app")
    with (
        gateway.client() as client,
        gateway.client() as other,
        client.stream("GET", "/events/one/20") as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        received = []
        for number in event_ids(response):
            received.append(number)
            assert other.post(f"/say/one-{number}").status_code == 200
    assert received == list(range(20))


@BOTH_SERVERS
def test_a_body_arrives_piece_by_piece(live: Gateway) -> None:
    # R08, R80: each piece is sent only after the app has the one before it
    with live.client() as client, live.client() as other:

        def pieces() -> Iterator[bytes]:
            for number in range(10):
                if number:
                    assert other.get(f"/wait/body-{number}").status_code == 200
                yield bytes(1000 + number)

        headers = {"Content-Type": "application/octet-stream"}
        response = client.post("/pieces/body", content=pieces(), headers=headers)
    assert response.json() == {"sizes": [1000 + number for number in range(10)]}


def test_a_stream_outlives_the_deadline_for_its_first_byte(serving: Serving) -> None:
    # R08, R09
    gateway = serving.serve("live:app", POLICY)
    with (
        gateway.client() as client,
        gateway.client() as other,
        client.stream("GET", "/events/long/2") as response,
    ):
        ids = event_ids(response)
        assert next(ids) == 0
        time.sleep(3 * UPSTREAM)
        assert other.get("/wait/never").status_code == 504, "the deadline is in force"
        other.post("/say/long-0")
        assert list(ids) == [1]


@BOTH_SERVERS
def test_a_client_that_leaves_ends_the_stream_in_the_app(live: Gateway) -> None:
    # R09
    with live.client() as client, client.stream("GET", "/events/left/2") as response:
        assert next(event_ids(response)) == 0
    ended(live, "left")


def test_open_streams_of_the_shop_fall_when_clients_leave(shop: Gateway) -> None:
    # R09
    def open_streams() -> int:
        with shop.client() as client:
            count: int = client.get("/stats").json()["open_streams"]
            return count

    until("nothing is open", lambda: open_streams() == 0)
    wires = [shop.wire() for _ in range(5)]
    request = f"GET /prices/stream?interval=3600&ticks=2 HTTP/1.1\r\nHost: {shop.host}\r\n\r\n"
    for wire in wires:
        wire.send(request.encode())
        assert wire.head().status == 200
        assert b"id: 1" in wire.chunk()
    assert open_streams() == 5
    for wire in wires:
        wire.close()
    until("all are closed", lambda: open_streams() == 0)


@BOTH_SERVERS
def test_an_upload_that_breaks_off_ends_in_the_app(live: Gateway) -> None:
    # R08, R09
    with live.wire() as wire:
        wire.send(
            f"POST /pieces/broken HTTP/1.1\r\nHost: {live.host}\r\nContent-Length: 100\r\n"
            "Content-Type: application/octet-stream\r\n\r\nonly this".encode()
        )
        with live.client() as client:
            assert client.get("/wait/broken-1").status_code == 200
    ended(live, "broken")


@BOTH_SERVERS
def test_a_websocket_ends_on_both_sides(live: Gateway) -> None:
    # R09
    with live.target.websocket("/socket/leaving") as socket:
        socket.send("there")
        assert socket.recv(timeout=PATIENCE) == "there"
    ended(live, "leaving")
    with live.target.websocket("/socket/torn") as socket:
        socket.send("there")
        assert socket.recv(timeout=PATIENCE) == "there"
        socket.socket.shutdown(2)
        ended(live, "torn")


@BOTH_SERVERS
def test_the_death_of_a_worker_truncates_and_never_ends_cleanly(live: Gateway) -> None:
    # R09: what it had in hands is lost and says so, and nothing else is
    with live.wire() as wire, live.target.websocket("/socket/orphan") as socket:
        wire.send(f"GET /events/dying/2 HTTP/1.1\r\nHost: {live.host}\r\n\r\n".encode())
        assert wire.head().all("transfer-encoding") == ["chunked"]
        assert wire.chunk().startswith(b"id: 0")
        (worker,) = live.workers()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(TruncatedError):
            wire.chunk()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd is None, "a WebSocket that breaks off has no close frame"
    with live.client() as client:
        response = client.get("/pid")
    assert response.status_code == 200, "the next request waits for the replacement"
    assert response.json() != worker
    lines = [line for line in live.lines() if line["event"] == "worker"]
    assert any("was killed (signal 9)" in line["what"] for line in lines)


def test_requests_in_a_dying_workers_hands_are_answered(live: Gateway) -> None:
    # R09, R11: no answer has begun, so there can still be one
    with live.wire() as wire:
        wire.send(f"GET /wait/dead HTTP/1.1\r\nHost: {live.host}\r\n\r\n".encode())
        with live.client() as client:
            until("it waits", lambda: "dead" in client.get("/open").json()["open"])
        (worker,) = live.workers()
        os.kill(worker, signal.SIGKILL)
        answer = wire.answer()
    assert answer.status == 502
    assert b'"upstream_failed"' in answer.body


def test_with_two_workers_a_death_costs_nobody_else_an_answer(serving: Serving) -> None:
    # R09
    gateway = serving.serve("live:app", PLAIN, "--workers", "2")
    until("both are there", lambda: len(gateway.workers()) == 2)
    first, _ = gateway.workers()
    with gateway.client() as client:
        for number in range(60):
            if number == 20:
                os.kill(first, signal.SIGKILL)
                # A request that it still took would be one in its hands.
                until("it is dead", lambda: first not in processes.marked(gateway.run))
            response = client.get("/pid")
            assert response.status_code == 200, number
            if number > 20:
                assert response.json() != first
