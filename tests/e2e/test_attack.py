"""Hostile requests over a socket, plain and TLS.

Each gets its one right answer and one line in the log, and never reaches the app.
R02 R03 R05 R07 R08 R11 R42 R61
"""

import json
from collections.abc import Iterator

import pytest
from harness.attacks import ATTACKS, CANARY, Attack
from harness.certificates import Issued
from harness.recorded import Recorded, recording
from harness.until import until

COMMON = """
[server]
hosts = ["127.0.0.1"]
trusted_proxies = []
[content]
max_body = "1MiB"
[cors]
origins = ["https://app.example.com"]
"""


@pytest.fixture(scope="module", params=["plain", "tls"])
def fortress(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, issued: Issued
) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "tls":
        policy, authority = COMMON + issued.policy(), issued.authority
    else:
        policy = f'environment = "development"\n{COMMON}[server.tls]\nmode = "off"\n'
        authority = None
    with recording(folder, policy, authority) as recorded:
        yield recorded


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name[:40])
def test_one_right_answer_one_line_and_never_the_app(fortress: Recorded, attack: Attack) -> None:
    gateway = fortress.gateway
    received, lines = fortress.received(), gateway.requests()
    with gateway.wire() as wire:
        wire.send(attack.data.replace(b"HOST", gateway.host.encode()))
        answer = wire.answer()
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (attack.status, attack.code), problem
    assert answer.all("content-type") == ["application/problem+json"]
    assert answer.all("x-request-id") == [problem["request_id"]]
    assert answer.all("x-content-type-options") == ["nosniff"], "R04: on refusals, too"
    assert CANARY not in answer.body.decode(), "R11: what was sent does not come back"

    new = gateway.requests()[len(lines) :]
    assert len(new) == 1, f"one line, and not {new}"
    (line,) = new
    assert (line["status"], line["refusal"]["code"]) == (attack.status, attack.code)
    assert line["request_id"] == problem["request_id"]
    assert fortress.received() == received, "it reached the app"
    assert CANARY not in gateway.printed() + gateway.told(), "R61"
    assert gateway.get("/.e2e/alive").body == b"recorded"


def test_the_attacks_are_many_and_each_names_its_requirement() -> None:
    assert len(ATTACKS) >= 60
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert all(attack.requirement.startswith("R") for attack in ATTACKS)


HARMLESS = [
    "/",
    "//products",
    "/a;b=c/d",
    "/a/",
    "/...",
    "/%C3%BC?q=%2e%2e%2f%00",
    "/a?next=https://evil.example/../..",
]


def test_what_is_only_unusual_passes_byte_for_byte(fortress: Recorded) -> None:
    # R42: the judged bytes are the forwarded bytes
    before = len(fortress.received())
    for target in HARMLESS:
        assert fortress.gateway.get(target).status == 200, target
    assert [line["target"] for line in fortress.received()[before:]] == HARMLESS


def test_a_secret_in_an_admitted_request_is_in_no_log(fortress: Recorded) -> None:
    # R61: header, cookie, query, path, body, user information of a URL in a field
    gateway = fortress.gateway
    body = json.dumps({"password": CANARY, "card": "4111 1111 1111 1111"}).encode()
    before = len(fortress.received())
    with gateway.wire() as wire:
        wire.send(
            f"POST /reset/{CANARY}?token={CANARY}&{CANARY} HTTP/1.1\r\nHost: {gateway.host}\r\n"
            f"Authorization: Bearer {CANARY}\r\nCookie: a={CANARY}\r\n"
            f"Referer: https://me:{CANARY}@app.example.com/\r\nX-Api-Key: {CANARY}\r\n"
            f"User-Agent: {CANARY}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert wire.answer().status == 200
    (received,) = fortress.received()[before:]
    assert CANARY in received["target"], "the app gets it all"
    assert received["body"] == body.decode()
    (line,) = [line for line in gateway.requests() if line["target"].startswith("/reset/")]
    assert line["target"] == "/reset/***?token=***&***"
    assert CANARY not in gateway.printed() + gateway.told()


def test_a_smuggled_request_behind_a_good_one_is_its_own(fortress: Recorded) -> None:
    # R02: what follows a body is a request and nothing else
    gateway = fortress.gateway
    before = len(fortress.received())
    inner = f"GET /inner HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n"
    outer = (
        f"POST /outer HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(inner)}\r\n\r\n{inner}"
    )
    after = f"GET /after HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n"
    with gateway.wire() as wire:
        wire.send((outer + after).encode())
        assert [wire.answer().status, wire.answer().status] == [200, 200]
    received = fortress.received()[before:]
    assert [line["target"] for line in received] == ["/outer", "/after"]
    assert received[0]["body"] == inner


def test_a_body_that_grows_too_long_never_ends_for_the_app(fortress: Recorded) -> None:
    # R08: it is counted while it streams, and what streams has reached the app
    gateway = fortress.gateway
    before, lines = len(fortress.received()), len(gateway.requests())
    with gateway.wire() as wire:
        wire.send(
            f"POST / HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Type: text/plain\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
            + (b"10000\r\n" + bytes(65536) + b"\r\n") * 20
            + b"0\r\n\r\n"
        )
        answer = wire.answer()
    assert (answer.status, json.loads(answer.body)["code"]) == (413, "body_too_large")
    (line,) = gateway.requests()[lines:]
    assert line["refusal"]["code"] == "body_too_large"
    until("the app sees it break off", lambda: len(fortress.received()) > before)
    assert [line["target"] for line in fortress.received()[before:]] == ["unfinished"]


def test_a_connection_that_says_nothing_costs_nothing(fortress: Recorded) -> None:
    # R08: no answer, no line, no harm
    lines = len(fortress.gateway.requests())
    wires = [fortress.gateway.wire() for _ in range(20)]
    for wire in wires:
        wire.close()
    assert len(fortress.gateway.requests()) == lines
    assert fortress.gateway.get("/.e2e/alive").status == 200
