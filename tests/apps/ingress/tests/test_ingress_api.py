"""The mounted API, compression, and the echo sockets."""

import gzip
import json

import httpx
import pytest
from live_server import Target
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

CSV = {"Content-Type": "text/csv"}


@pytest.mark.parametrize(
    ("body", "columns", "rows"),
    [
        ("a,b\r\n1,2\r\n3,4\r\n", ["a", "b"], 2),
        ('\ufeff"name, full",město\n"O""Neil",Brno\n', ["name, full", "město"], 1),
        ("only", ["only"], 0),
    ],
)
def test_a_table_is_read(client: httpx.Client, body: str, columns: list[str], rows: int) -> None:
    response = client.post("/api/v1/import", content=body.encode(), headers=CSV)
    assert response.status_code == 200
    assert response.json() == {"columns": columns, "rows": rows}


def test_a_table_may_name_its_charset(client: httpx.Client) -> None:
    headers = {"Content-Type": "text/csv; charset=utf-8; header=present"}
    response = client.post("/api/v1/import", content=b"a\n1\n", headers=headers)
    assert response.json() == {"columns": ["a"], "rows": 1}


@pytest.mark.parametrize(("body", "status"), [(b"", 422), (b"\xff\xfe", 400), (b'"open', 400)])
def test_what_is_no_table_is_refused(client: httpx.Client, body: bytes, status: int) -> None:
    assert client.post("/api/v1/import", content=body, headers=CSV).status_code == status


def test_the_mounted_api_has_its_own_contract(client: httpx.Client) -> None:
    contract = client.get("/api/v1/openapi.json").json()
    assert "/import" in contract["paths"]
    assert contract["servers"] == [{"url": "/api/v1"}]
    assert "/api/v1/import" not in client.get("/openapi.json").json()["paths"]


def test_the_mounted_api_answers_its_own_errors(client: httpx.Client) -> None:
    missing = client.get("/api/v1/none")
    assert missing.status_code == 404
    assert missing.json()["detail"] == "Not Found"
    wrong = client.get("/api/v1/report?rows=-1")
    assert wrong.status_code == 422
    assert wrong.json()["detail"][0]["loc"] == ["query", "rows"]


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [("/links/", "/links"), ("/api/v1/files/?prefix=x", "/api/v1/files?prefix=x")],
)
def test_a_trailing_slash_is_redirected_inside_and_outside_the_mount(
    client: httpx.Client, target: Target, path: str, leads_to: str
) -> None:
    response = client.get(path)
    assert response.status_code == 307
    assert response.headers["location"] == f"{target.base_url}{leads_to}"


def test_a_long_answer_is_compressed(target: Target) -> None:
    response = target.raw("GET", "/api/v1/report?rows=1000", {"Accept-Encoding": "gzip"})
    assert response.all("content-encoding") == ["gzip"]
    assert "accept-encoding" in ", ".join(response.all("vary")).lower()
    assert len(json.loads(gzip.decompress(response.body))) == 1000
    assert len(response.body) < 10_000


def test_a_long_answer_is_plain_for_those_who_want_it_plain(target: Target) -> None:
    response = target.raw("GET", "/api/v1/report?rows=1000", {"Accept-Encoding": "identity"})
    assert response.all("content-encoding") == []
    assert len(json.loads(response.body)) == 1000


def test_a_short_answer_is_not_compressed(target: Target) -> None:
    response = target.raw("GET", "/api/v1/report?rows=1", {"Accept-Encoding": "gzip"})
    assert response.all("content-encoding") == []


@pytest.mark.parametrize("length", [10, 1000, 12_000])
def test_a_long_header_goes_both_ways(client: httpx.Client, length: int) -> None:
    headers = {"X-Correlation-ID": "c" * length}
    assert client.get("/links", headers=headers).headers["x-correlation-id"] == "c" * length


def test_links_start_at_the_address_that_was_dialled(client: httpx.Client, target: Target) -> None:
    seen = client.get("/links").json()
    assert seen["base_url"] == f"{target.base_url}/"
    assert seen["url"] == seen["self"] == f"{target.base_url}/links"
    assert seen["client"] == "127.0.0.1"
    assert seen["root_path"] == ""


@pytest.mark.parametrize("path", ["/echo", "/api/v1/echo"])
def test_messages_come_back(target: Target, path: str) -> None:
    with target.websocket(path) as socket:
        for message in ("", "text", "žluť 🐴", b"", bytes(range(256)), "x" * 100_000):
            socket.send(message)
            assert socket.recv(timeout=10) == message


def test_a_fragmented_message_comes_back_whole(target: Target) -> None:
    with target.websocket("/echo") as socket:
        socket.send(["one, ", "two, ", "three"])
        assert socket.recv(timeout=10) == "one, two, three"


def test_a_close_code_reaches_the_client(target: Target) -> None:
    with target.websocket("/echo") as socket:
        socket.send("close 4001 good bye")
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "good bye")


def test_a_ping_is_answered(target: Target) -> None:
    with target.websocket("/echo") as socket:
        assert socket.ping(b"are you there").wait(timeout=10)


def test_a_subprotocol_is_agreed(target: Target) -> None:
    url = target.base_url.replace("http", "ws", 1) + "/echo"
    offers: list[tuple[list[str], str | None]] = [(["other", "echo.v1"], "echo.v1"), ([], None)]
    for offered, agreed in offers:
        with connect(
            url,
            ssl=target.tls,
            proxy=None,
            subprotocols=[Subprotocol(name) for name in offered] or None,
        ) as socket:
            assert socket.subprotocol == agreed


@pytest.mark.parametrize("path", ["/echo?deny=true", "/nowhere"])
def test_a_refused_handshake_is_403(target: Target, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        target.websocket(path)
    assert refused.value.response.status_code == 403
