"""A worker's places: what comes on top of them waits a moment and is told to come again."""

from contextlib import ExitStack

from harness.gateway import Gateway
from harness.places import PATIENCE
from harness.serving import PLAIN, Serving
from harness.until import until

PLACES = 2
POLICY = f"{PLAIN}[app]\nconcurrency = {PLACES}\n"


def occupy(gateway: Gateway, stack: ExitStack) -> None:
    """Take every place with a request that waits for the test's end."""
    for number in range(PLACES):
        wire = stack.enter_context(gateway.wire())
        wire.send(f"GET /wait/{number} HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode())


def test_what_finds_no_place_is_told_to_come_again(serving: Serving) -> None:
    # R08
    gateway = serving.serve("live:app", POLICY)
    with gateway.client() as client:
        with ExitStack() as stack:
            occupy(gateway, stack)
            refused = until(
                "the places are taken",
                lambda: [answer for answer in [client.get("/pid")] if answer.status_code == 503],
            )[0]
            assert refused.json()["code"] == "overloaded"
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["x-request-id"] == refused.json()["request_id"]
            over = [line for line in gateway.requests() if line["target"] == "/pid"]
            assert over[-1]["status"] == 503
        # Those who held the places have left, and the app needs no word from anybody.
        until("a place is free again", lambda: client.get("/pid").status_code == 200)


def test_sockets_and_event_streams_keep_no_request_out(serving: Serving) -> None:
    # R08, R80: many more of them than places, all open at once
    gateway = serving.serve("live:app", POLICY)
    with ExitStack() as stack, gateway.client() as client:
        for number in range(3 * PLACES):
            socket = stack.enter_context(gateway.target.websocket(f"/socket/{number}"))
            socket.send("there")
            assert socket.recv(timeout=PATIENCE) == "there"
            stream = stack.enter_context(client.stream("GET", f"/events/{number}/2"))
            assert stream.status_code == 200
        for _ in range(3 * PLACES):
            assert client.get("/pid").status_code == 200
