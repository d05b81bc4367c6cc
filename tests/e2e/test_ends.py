"""The end of a gateway: nothing in flight is lost, and nothing is left behind."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import processes
from harness.gateway import Gateway, refuses
from harness.raw import Answer, TruncatedError
from harness.serving import BOTH_SERVERS, PLAIN, Serving
from harness.until import until

IN_FLIGHT = 24


def waiting(gateway: Gateway) -> int:
    with gateway.client() as client:
        return len(client.get("/open").json()["open"])


@BOTH_SERVERS
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_sigterm_loses_no_request(serving: Serving, secured: bool) -> None:
    # R09
    if secured:
        policy = f'environment = "development"\n{serving.issued.policy()}'
        gateway = serving.serve("live:app", policy, authority=serving.issued.authority)
    else:
        gateway = serving.serve("live:app")

    def ask(number: int) -> Answer:
        return gateway.get(f"/wait/{number}")

    # What lets the others go on is in flight itself: the app has its head, and its body ends later.
    with gateway.wire() as last, ThreadPoolExecutor(IN_FLIGHT) as pool:
        asked = [pool.submit(ask, number) for number in range(IN_FLIGHT)]
        last.send(
            f"POST /say-all HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Length: 2\r\n"
            "Content-Type: application/octet-stream\r\n\r\n.".encode()
        )
        until("all are in the app", lambda: waiting(gateway) == IN_FLIGHT + 1)
        gateway.process.send_signal(signal.SIGTERM)
        until("no new connection is taken", lambda: refuses(gateway.address))
        last.send(b".")
        answer = last.answer()
        assert (answer.status, answer.all("connection")) == (200, ["close"])
        assert [future.result().status for future in asked] == [200] * IN_FLIGHT
    assert gateway.process.wait(30) == 0
    assert processes.marked(gateway.run) == set()


@BOTH_SERVERS
def test_an_idle_gateway_ends_at_once_and_leaves_nothing(serving: Serving) -> None:
    # R09
    gateway = serving.serve("live:app", PLAIN, "--workers", "3")
    until("all are there", lambda: len(gateway.workers()) == 3)
    with gateway.wire() as idle, gateway.client() as client:
        assert client.get("/pid").status_code == 200
        assert gateway.stop() == 0
        assert idle.closed()
    assert processes.marked(gateway.run) == set()
    assert refuses(gateway.address)


def test_the_second_signal_does_not_wait(serving: Serving) -> None:
    # R09
    gateway = serving.serve("live:app")
    with gateway.wire() as wire:
        wire.send(f"GET /wait/long HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode())
        until("it is in the app", lambda: waiting(gateway) == 1)
        gateway.process.send_signal(signal.SIGTERM)
        until("no new connection is taken", lambda: refuses(gateway.address))
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(30) == 0
        try:
            cut = wire.answer().status
        except TruncatedError:
            cut = 0
        assert cut in (0, 502), "whatever it gets, it is no answer of the app"
    assert processes.marked(gateway.run) == set()


def test_a_gateway_that_is_killed_takes_its_workers_along(serving: Serving) -> None:
    # R09: nobody is there any more to end them
    gateway = serving.serve("live:app", PLAIN, "--workers", "2")
    until("both are there", lambda: len(gateway.workers()) == 2)
    gateway.process.kill()
    gateway.process.wait()
    until("the workers are gone", lambda: not processes.marked(gateway.run))


def test_requests_one_after_the_other_are_never_cut_in_the_middle(serving: Serving) -> None:
    # R09: a client that goes on asking is answered until the connection is closed between answers
    gateway = serving.serve("live:app")

    def go_on() -> int:
        answered = 0
        with gateway.wire() as wire:
            request = f"GET /pid HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode()
            while True:
                wire.send(request)
                try:
                    answer = wire.answer()
                except TruncatedError as cut:
                    # Nothing of an answer came: the connection was closed before the request.
                    if cut.args == (b"",):
                        return answered
                    raise
                assert answer.status == 200
                answered += 1
                if answer.all("connection") == ["close"]:
                    return answered

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(go_on) for _ in range(8)]
        until("all are at it", lambda: len(gateway.lines()) > 100)
        assert gateway.stop() == 0
        assert all(client.result() > 0 for client in clients)
