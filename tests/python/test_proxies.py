"""Behind a proxy, in process: two readers of forwarding fields, the server's and ours.

The docs say to switch the server's off (docs/in-process.md); what happens otherwise is shown here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from buckler import Buckler
from fastapi import FastAPI, Request
from harness.asgi import GUNICORN, HYPERCORN, PRODUCTION, UVICORN, Served, served
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

TRUSTING = PRODUCTION + 'trusted_proxies = ["127.0.0.1"]\n'

CLIENT = "203.0.113.9"
FORGED = "198.51.100.66"


def seen(running: Served, **fields: str) -> dict[str, Any]:
    """Ask as a proxy would, and give what the app saw."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    answer = running.get("/seen", *lines)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


@dataclass(frozen=True)
class Flags:
    """How uvicorn is started, and what a client behind a proxy then is to the app."""

    name: str
    arguments: tuple[str, ...]
    policy: str
    client: str
    scheme: str
    redirects: bool = False
    """Whether a client that came in plain is sent to HTTPS."""

    believes_clients: bool = False
    """Whether what a client wrote in front of the proxy's word is taken for the client."""


RECOMMENDED = ()
"""The harness gives `--no-proxy-headers`, as the docs say."""

BY_DEFAULT = ("--proxy-headers",)
EVERYBODY = ("--proxy-headers", "--forwarded-allow-ips=*")

WITH = [
    Flags("recommended", RECOMMENDED, TRUSTING, CLIENT, "https", redirects=True),
    Flags("nobody is trusted", RECOMMENDED, PRODUCTION, "127.0.0.1", "http"),
    # The server has rewritten the peer, so no proxy is to be seen: its words are taken, not ours.
    Flags("both", BY_DEFAULT, TRUSTING, CLIENT, "https"),
    Flags("the server alone", BY_DEFAULT, PRODUCTION, CLIENT, "https"),
    Flags("everybody", EVERYBODY, PRODUCTION, CLIENT, "https", believes_clients=True),
    Flags("both, everybody", EVERYBODY, TRUSTING, CLIENT, "https", believes_clients=True),
]


@pytest.mark.parametrize("flags", WITH, ids=lambda flags: flags.name)
def test_flags_of_uvicorn(tmp_path: Path, flags: Flags) -> None:
    # R03, R81
    more = [*flags.arguments]
    with served(tmp_path, UVICORN, "served:app", policy=flags.policy, arguments=more) as running:
        found = seen(running, X_Forwarded_For=CLIENT, X_Forwarded_Proto="https")
        assert found["client"][0] == flags.client
        assert found["scheme"] == flags.scheme
        assert found["buckler"]["client"] == flags.client
        assert found["buckler"]["scheme"] == flags.scheme
        assert found["url"].startswith(f"{flags.scheme}://127.0.0.1")
        # What the app or a library may look for in the fields is the same.
        told = dict(found["headers"])
        assert told["x-forwarded-for"] == flags.client
        assert told["x-forwarded-proto"] == flags.scheme
        plain = running.get("/seen", f"X-Forwarded-For: {CLIENT}", "X-Forwarded-Proto: http")
        assert plain.status == (308 if flags.redirects else 200)
        # A client writes what it likes in front of what the proxy appends.
        forged = seen(running, X_Forwarded_For=f"{FORGED}, {CLIENT}", X_Forwarded_Proto="https")
        assert forged["client"][0] == (FORGED if flags.believes_clients else flags.client)
        # Without a word of a proxy, the client is whoever has connected, and nobody is redirected.
        own = seen(running)
        assert own["client"][0] == "127.0.0.1"
        assert own["scheme"] == "http"


def test_another_servers_proxy_headers(tmp_path: Path) -> None:
    # R03, R81: gunicorn hands its own list on to uvicorn's worker; an empty one is nobody
    with served(tmp_path, GUNICORN, "served:app", policy=TRUSTING) as running:
        found = seen(running, X_Forwarded_For=CLIENT, X_Forwarded_Proto="https")
        assert (found["client"][0], found["scheme"]) == (CLIENT, "https")
        plain = running.get("/seen", f"X-Forwarded-For: {CLIENT}", "X-Forwarded-Proto: http")
        assert plain.status == 308


def test_a_server_that_reads_no_forwarding_fields(tmp_path: Path) -> None:
    # R03, R81
    with served(tmp_path, HYPERCORN, "served:app", policy=TRUSTING) as running:
        found = seen(running, Forwarded=f"for={CLIENT};proto=https;host=127.0.0.1")
        assert (found["client"][0], found["scheme"]) == (CLIENT, "https")


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/")
    async def root(request: Request) -> list[str]:
        assert request.client is not None
        return [request.client.host, request.url.scheme]

    return made


@pytest.mark.usefixtures("nothing_of_the_machine")
@pytest.mark.parametrize("trusted", ["127.0.0.1", "*"])
def test_the_servers_middleware_inside_of_ours(trusted: str) -> None:
    # R03, R81: what reaches it is true already, so it changes nothing
    inner = app()
    inner.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    inner.add_middleware(
        Buckler, server__hosts=["testserver"], server__trusted_proxies=["127.0.0.1"]
    )
    with TestClient(inner, client=("127.0.0.1", 1234)) as client:
        told = {"X-Forwarded-For": f"10.0.0.1, {CLIENT}", "X-Forwarded-Proto": "https"}
        assert client.get("/", headers=told).json() == [CLIENT, "https"]
        assert client.get("/").json() == ["127.0.0.1", "http"]
    with TestClient(inner, client=("198.51.100.1", 1234)) as stranger:
        assert stranger.get("/", headers=told).json() == ["198.51.100.1", "http"]


def test_over_a_unix_socket(tmp_path: Path) -> None:
    # R03, R81: such a peer has no address, and nobody can say who may use it but the file system
    path = tmp_path / "app.sock"
    more = [f"--uds={path}"]
    with (
        served(
            tmp_path, UVICORN, "served:app", policy=TRUSTING, arguments=more, announced=False
        ) as running,
        httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path), retries=0), base_url="http://127.0.0.1"
        ) as client,
    ):
        running.until_there(path)
        found = client.get("/seen", headers={"X-Forwarded-For": CLIENT}).json()
        assert found["client"] in (None, ["", 0])
        assert found["buckler"]["client"] is None
        assert client.get("/seen", headers={"Host": "elsewhere.example"}).status_code == 400
        assert client.post("/items", json={"name": "a", "price": 1}).status_code == 200


def test_over_a_unix_socket_the_servers_word_is_taken(tmp_path: Path) -> None:
    # R03, R81: the one way to learn who the client is, as the docs say
    path = tmp_path / "app.sock"
    more = [f"--uds={path}", "--proxy-headers", "--forwarded-allow-ips=*"]
    with (
        served(
            tmp_path, UVICORN, "served:app", policy=PRODUCTION, arguments=more, announced=False
        ) as running,
        httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://127.0.0.1"
        ) as client,
    ):
        running.until_there(path)
        told = {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https"}
        found = client.get("/seen", headers=told).json()
        assert (found["client"][0], found["scheme"]) == (CLIENT, "https")
        assert found["buckler"]["client"] == CLIENT
