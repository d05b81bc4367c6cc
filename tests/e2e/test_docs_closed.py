"""The docs in production: closed on the way to the app, and readable through the command. R10"""

import json
import subprocess

import pytest
from harness.gateway import Gateway, clean_environment
from harness.places import BUCKLER, FIXTURES, PYTHON, SHOP
from harness.serving import SHOP_POLICY, Serving

DOCUMENTED = "documented:app"

PAGES = [
    "/help",
    "/help/oauth2-redirect",
    "/api.json",
    "/v1/docs",
    "/v1/openapi.json",
    "/selfmade",
    "/redoc",
]
"""Where the fixture has its docs, and a page that it serves by FastAPI's recipe."""

SPELLINGS = ["{}", "{}/", "{}//", "{}%0a", "{}%0A/", "{}?x=1", "{}?"]


def spelt(page: str) -> list[str]:
    """Write a path as the app's router would read it, too."""
    encoded = "/" + "".join(f"%{ord(c):02x}" if c != "/" else c for c in page[1:])
    return [way.format(page) for way in SPELLINGS] + [encoded]


def production(serving: Serving, more: str = "") -> Gateway:
    policy = f"{SHOP_POLICY}{serving.issued.policy()}{more}"
    return serving.serve(DOCUMENTED, policy, authority=serving.issued.authority)


def test_no_spelling_of_a_docs_path_reaches_the_app(serving: Serving) -> None:
    gateway = production(serving)
    assert "docs        closed (production): /api.json, /help" in gateway.told()
    seen = []
    for page in PAGES:
        for path in spelt(page):
            answer = gateway.get(path)
            code = json.loads(answer.body).get("code")
            seen.append((path, answer.status, code))
            assert answer.all("location") == []
    assert [entry for entry in seen if entry[1:] != (404, "not_found")] == []
    # An operation of the app's own where FastAPI usually has docs, and what only looks so.
    for path, status in [("/docs", 200), ("/helpful", 404), ("/help/a", 404), ("//help", 404)]:
        answer = gateway.get(path)
        assert (answer.status, b"not_found" in answer.body) == (status, False), path
    assert gateway.get("/asked").body == b'["/docs"]'


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "DELETE", "PROPFIND"])
def test_no_method_tells_that_docs_are_there(serving: Serving, method: str) -> None:
    gateway = production(serving)
    with gateway.wire() as wire:
        wire.send(
            f"{method} /help HTTP/1.1\r\nHost: {gateway.host}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = wire.answer(method)
    assert answer.status == 404
    assert answer.all("allow") == []


def test_docs_are_open_where_the_policy_says_so(serving: Serving) -> None:
    opened = production(serving, '[contract]\ndocs = "open"\n')
    monitored = production(serving, '[contract]\nmode = "monitor"\n')
    for gateway in (opened, monitored):
        assert [gateway.get(page).status for page in PAGES] == [200] * len(PAGES)
    found = [line["monitored"][0]["code"] for line in monitored.requests() if "monitored" in line]
    assert found == ["not_found"] * len(PAGES)


def test_the_command_reads_what_clients_may_not() -> None:
    asked = [str(BUCKLER), "contract", "shop.main:app", "--app-dir", str(SHOP), "--python", PYTHON]
    done = subprocess.run(
        asked,
        cwd=FIXTURES,
        env=clean_environment({"SHOP_DATABASE_URL": "sqlite://"}),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert "/orders/{order_id}/pay" in json.loads(done.stdout)["paths"]
    assert done.stderr == b""
