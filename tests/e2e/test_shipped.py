"""Classes of bugs that other gateways shipped, each tried on ours.

Where a class has more than one way in, each is tried over the socket; what the app received counts.
R01 R02 R03 R04 R08
"""

import json
from collections.abc import Iterator

import pytest
from harness.recorded import Recorded, recording

POLICY = """
environment = "development"
[server]
hosts = ["127.0.0.1", "one.test"]
[server.tls]
mode = "off"
[contract]
docs = "closed"
docs_paths = ["/docs", "/openapi.json"]
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with recording(tmp_path_factory.mktemp("shipped"), POLICY) as recorded:
        yield recorded


@pytest.mark.parametrize(
    "target", ["/docs", "/docs?x=1", "/docs?/open", "/docs/?", "/%64ocs", "/openapi.json?v=2"]
)
def test_a_rule_matches_the_path_alone(recorded: Recorded, target: str) -> None:
    """A rule that was matched on the target with its query let `/docs?x` pass."""
    before = len(recorded.received())
    assert recorded.gateway.get(target).status == 404, target
    assert len(recorded.received()) == before
    # And what only looks like the path, in the query, is no reason to refuse.
    assert recorded.gateway.get("/open?next=/docs").status == 200


def test_a_rule_is_not_talked_round_with_a_fragment(recorded: Recorded) -> None:
    """No client sends a fragment; a rule that saw it would see another path than the app."""
    before = len(recorded.received())
    for target in ("/docs#", "/docs#/open", "/open#/../docs"):
        assert recorded.gateway.get(target).status == 400, target
    assert len(recorded.received()) == before


def test_no_path_is_exempt_for_the_sake_of_health_checks(recorded: Recorded) -> None:
    """An exemption for probes was one for everybody who knew its path or its user agent."""
    before = len(recorded.received())
    for path in ("/health", "/healthz", "/livez", "/readyz", "/metrics", "/ping", "/status"):
        with recorded.gateway.wire() as wire:
            wire.send(
                f"GET {path} HTTP/1.1\r\nHost: evil.test\r\nUser-Agent: kube-probe/1.30\r\n"
                "X-Health-Check: 1\r\n\r\n".encode()
            )
            answer = wire.answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "host_not_allowed"), path
    assert len(recorded.received()) == before


def test_one_host_s_verdict_is_not_another_s(recorded: Recorded) -> None:
    """A decision that was kept without the host it was made for answered for all of them."""
    expected = [("one.test", 200), ("evil.test", 400), ("one.test", 200), ("other.test", 400)]
    before = len(recorded.received())
    with recorded.gateway.wire() as wire:
        for host, status in expected * 3:
            wire.send(f"GET /same HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert wire.answer().status == status, host
    assert len(recorded.received()) - before == 6


def test_what_connection_names_is_not_what_was_judged(recorded: Recorded) -> None:
    """`Connection: x-forwarded-for` made proxies take away what they had just written."""
    names = ["x-forwarded-for", "x-forwarded-proto", "x-request-id", "authorization", "cookie"]
    names += ["host", "content-length", "buckler-edge", "origin"]
    for name in names:
        before = len(recorded.received())
        with recorded.gateway.wire() as wire:
            wire.send(
                f"POST /hop HTTP/1.1\r\nHost: one.test\r\nConnection: close, {name}\r\n"
                "Authorization: Bearer t\r\nCookie: a=b\r\nContent-Type: text/plain\r\n"
                "Content-Length: 4\r\n\r\nbody".encode()
            )
            assert wire.answer().status == 200, name
        (received,) = recorded.received()[before:]
        fields = dict(received["headers"])
        assert received["body"] == "body", name
        assert fields["authorization"] == "Bearer t", name
        assert fields["cookie"] == "a=b", name
        assert fields["host"] == "one.test", name
        assert fields["x-request-id"], name
    with recorded.gateway.wire() as wire:
        wire.send(
            b"GET /hop HTTP/1.1\r\nHost: one.test\r\nConnection: close, x-name\r\nX-Name: a\r\n\r\n"
        )
        assert wire.answer().status == 200
    assert "x-name" not in dict(recorded.received()[-1]["headers"])


@pytest.mark.parametrize(
    "fields",
    [
        "Expect: 100-continue\r\nContent-Length: 4\r\n",
        "Expect: 100-CONTINUE\r\nContent-Length: 4\r\n",
        "Expect: 100-continue, 100-continue\r\nContent-Length: 4\r\n",
        "Expect: y 100-continue\r\nContent-Length: 4\r\n",
        "Expect: 200-ok\r\nContent-Length: 4\r\n",
        "Expect:\r\nContent-Length: 4\r\n",
        "Expect: 100-continue\r\nExpect: x\r\nContent-Length: 4\r\n",
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "OPTIONS"])
def test_expect_moves_no_boundary(recorded: Recorded, method: str, fields: str) -> None:
    """Proxies that forwarded `Expect`, or gave up waiting, read the body as the next request."""
    body = "4\r\nGET \r\n0\r\n\r\n" if "chunked" in fields else "GET "
    before = len(recorded.received())
    with recorded.gateway.wire() as wire:
        wire.send(
            f"{method} /first HTTP/1.1\r\nHost: one.test\r\nContent-Type: text/plain\r\n"
            f"{fields}\r\n{body}GET /second HTTP/1.1\r\nHost: one.test\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        wire.rest()
    received = recorded.received()[before:]
    assert [line["target"] for line in received] in (["/first", "/second"], [])
    for line in received:
        assert "expect" not in dict(line["headers"])
        assert line["body"] == ("GET " if line["target"] == "/first" else "")


def test_no_tunnel_before_the_app_agreed(recorded: Recorded) -> None:
    """What was sent behind an upgrade that nobody had agreed to reached the app unjudged."""
    before = len(recorded.received())
    smuggled = "GET /smuggled HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
    for upgrade in ("websocket", "h2c", "TLS/1.3", "foo"):
        with recorded.gateway.wire() as wire:
            wire.send(
                f"GET /chat HTTP/1.1\r\nHost: one.test\r\nConnection: upgrade\r\n"
                f"Upgrade: {upgrade}\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n{smuggled}".encode()
            )
            wire.rest()
    targets = [line["target"] for line in recorded.received()[before:]]
    assert "/smuggled" not in targets
    assert set(targets) <= {"/chat"}


def test_forwarding_fields_are_rewritten_and_not_appended_to(recorded: Recorded) -> None:
    """An address in front of ours was the one that apps believed."""
    before = len(recorded.received())
    with recorded.gateway.wire() as wire:
        wire.send(
            b"GET /who HTTP/1.1\r\nHost: one.test\r\nX-Forwarded-For: 203.0.113.7\r\n"
            b"X-Forwarded-For: 203.0.113.8, 203.0.113.9\r\nX-Real-IP: 203.0.113.7\r\n"
            b"X-Forwarded-Proto: https\r\nForwarded: for=203.0.113.7;proto=https\r\n"
            b"X-Forwarded-Host: evil.test\r\nTrue-Client-IP: 203.0.113.7\r\n"
            b"CF-Connecting-IP: 203.0.113.7\r\nBuckler-Edge: https 203.0.113.7\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert wire.answer().status == 200
    (received,) = recorded.received()[before:]
    text = json.dumps(received["headers"])
    assert "203.0.113" not in text, text
    assert "evil.test" not in text, text
    names = [name for name, _ in received["headers"]]
    assert names.count("x-forwarded-for") <= 1
