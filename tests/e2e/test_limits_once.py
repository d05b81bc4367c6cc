"""Behind the gateway a request is judged and counted once, whoever else would (R12, R13)."""

from collections import Counter

import httpx
import pytest
from harness.gateway import Gateway
from harness.places import ROOT
from harness.serving import BOTH_SERVERS, Serving

POLICY = """
[server]
hosts = ["127.0.0.1"]
trusted_proxies = ["127.0.0.9/32"]
[server.tls]
mode = "off"
"""

WAYS = pytest.mark.parametrize("way", ["bare", "added"])


def start(serving: Serving, way: str, default: str = "[]") -> Gateway:
    """Serve with two workers."""
    variables = {
        "PYTHONPATH": str(ROOT / "python"),
        "SERVED_AS": way,
        "BUCKLER_LIMITS__DEFAULT": default,
    }
    return serving.serve("counting:app", POLICY, "--workers", "2", authority=None, **variables)


def statuses(gateway: Gateway, path: str, *fields: tuple[str, str]) -> Counter[int]:
    """Ask twenty times."""
    found: Counter[int] = Counter()
    for _ in range(20):
        with gateway.client(headers=list(fields)) as client:
            found[client.get(path).status_code] += 1
    return found


@BOTH_SERVERS
@WAYS
def test_the_policys_limit_is_counted_once(serving: Serving, way: str) -> None:
    gateway = start(serving, way, '["5/hour per ip"]')
    assert statuses(gateway, "/free?x=%20") == {200: 5, 429: 15}


@BOTH_SERVERS
@WAYS
def test_limits_of_the_app_are_counted_by_all_workers(serving: Serving, way: str) -> None:
    gateway = start(serving, way)
    assert statuses(gateway, "/five") == {200: 5, 429: 15}
    with gateway.client() as client:
        refused = client.get("/five")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 720
    assert refused.headers["ratelimit"].startswith('"5/hour per ip";r=0;t=')
    assert "buckler-refusal" not in refused.headers


@WAYS
def test_an_answer_that_passes_tells_of_the_apps_limit(serving: Serving, way: str) -> None:
    gateway = start(serving, way)
    with gateway.client() as client:
        answer = client.get("/five")
    assert answer.headers.get_list("ratelimit-policy") == ['"5/hour per ip";q=5;w=3600']


# R03, hostile: whoever is counted has not said it himself, whatever the worker's policy trusts
@BOTH_SERVERS
@WAYS
@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Buckler-Edge"])
def test_no_forged_address_is_counted(serving: Serving, way: str, name: str) -> None:
    gateway = start(serving, way)
    found: Counter[int] = Counter()
    for at in range(8):
        with gateway.client(headers=[(name, f"203.0.113.{at}")]) as client:
            found[client.get("/five").status_code] += 1
    assert found == {200: 5, 429: 3}


# R03: the client of a trusted proxy is the one that it names, and not who is named further left
@BOTH_SERVERS
@WAYS
def test_behind_a_proxy_the_client_is_counted_by_the_app(serving: Serving, way: str) -> None:
    gateway = start(serving, way)
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    with gateway.client(transport=transport) as client:
        for one in ("203.0.113.1", "127.0.0.1"):
            found: Counter[int] = Counter()
            for at in range(8):
                fields = {"x-forwarded-for": f"198.51.100.{at}, {one}"}
                found[client.get("/five", headers=fields).status_code] += 1
            assert found == {200: 5, 429: 3}
    # The second of them is this one.
    assert statuses(gateway, "/five") == {429: 20}


@BOTH_SERVERS
@WAYS
def test_the_app_sees_no_ticket(serving: Serving, way: str) -> None:
    gateway = start(serving, way)
    with gateway.client() as client:
        assert not [
            name for name in client.get("/free").json()["fields"] if name.startswith("buckler")
        ]


@WAYS
@pytest.mark.parametrize("name", ["Buckler-Ticket", "buckler_ticket", "BUCKLER.TICKET"])
def test_a_client_brings_no_ticket(serving: Serving, way: str, name: str) -> None:
    gateway = start(serving, way, '["5/hour per ip"]')
    found = statuses(gateway, "/free", (name, "0" * 64))
    assert found in ({200: 5, 429: 15}, {400: 20})
