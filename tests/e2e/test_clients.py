"""The clients that people use, and what they do with a connection. R80"""

import asyncio
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests
from harness.gateway import Gateway
from harness.places import PATIENCE
from harness.serving import Serving
from websockets.asyncio.client import connect

BODY = bytes(range(256)) * 1000


def curl(gateway: Gateway, *arguments: str, data: bytes | None = None) -> str:
    program = shutil.which("curl")
    assert program is not None, "curl is missing; mend: apt-get install curl"
    trust = [] if gateway.authority is None else ["--cacert", str(gateway.authority)]
    done = subprocess.run(
        [program, "-sS", "--noproxy", "*", "--max-time", "30", *trust, *arguments],
        input=data,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.decode()


def test_curl(shop: Gateway) -> None:
    url = shop.base_url
    assert json.loads(curl(shop, f"{url}/health")) == {"status": "ok"}
    assert curl(shop, "-o", "/dev/null", "-w", "%{http_code}", f"{url}/nowhere") == "404"
    told = json.loads(curl(shop, "--http1.0", f"{url}/whoami"))
    assert told["url_for"] == f"{url}/whoami"
    upload = ["-X", "POST", "-H", "Content-Type: application/octet-stream", f"{url}/sink"]
    sent = json.loads(curl(shop, *upload, "--data-binary", "@-", data=BODY))
    assert sent["bytes"] == len(BODY)
    chunks = ["-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue", "-T", "-"]
    sent = json.loads(curl(shop, *upload, *chunks, data=BODY))
    assert sent["bytes"] == len(BODY)
    # Two transfers, one connection.
    numbers = curl(shop, "-w", "%{num_connects}\n", "-o", "/dev/null", *[f"{url}/health"] * 1)
    assert numbers == "1\n"
    both = curl(shop, "-w", "%{num_connects} ", f"{url}/health", f"{url}/health")
    assert both.endswith("0 ")
    head = curl(shop, "-I", f"{url}/health")
    assert head.startswith("HTTP/2 200")
    assert curl(shop, "--http1.1", "-I", f"{url}/health").startswith("HTTP/1.1 200")
    assert "content-length: 15" in head


def test_the_lines_that_the_start_prints_work(serving: Serving) -> None:
    # R80: three curl lines, the first answered, the others refused
    gateway = serving.shop('environment = "development"\n')
    lines = [line.split() for line in gateway.told().splitlines() if line.startswith("  curl ")]
    assert len(lines) == 3
    codes = []
    for line in gateway.told().splitlines():
        if line.startswith("  curl "):
            command = line.strip() + " -s -o /dev/null --noproxy '*' -w '%{http_code}'"
            done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
            codes.append(done.stdout.decode())
    assert codes == ["200", "400", "400"]


def test_requests(shop: Gateway) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(shop.authority)
        assert session.get(f"{shop.base_url}/products", params={"q": "tea"}).status_code == 200
        user = {"email": "req@example.com", "full_name": "R", "password": "x"}
        created = session.post(f"{shop.base_url}/users", json=user)
        assert created.status_code == 201
        files = {"file": ("a.png", BODY, "image/png")}
        path = f"{shop.base_url}/users/{created.json()['id']}/avatar"
        assert session.post(path, files=files).json()["size"] == len(BODY)
        assert session.get(path).content == BODY
        session.get(f"{shop.base_url}/welcome")
        assert session.cookies["visitor"] == "guest"
        moved = session.get(f"{shop.base_url}/catalogue")
        assert [answer.status_code for answer in moved.history] == [308]
        chunks = session.post(
            f"{shop.base_url}/sink",
            data=iter([b"a", b"bc"]),
            headers={"Content-Type": "application/octet-stream"},
        )
        assert chunks.json()["bytes"] == 3


def test_httpx_in_many_threads(shop: Gateway) -> None:
    with shop.client() as client:

        def ask(number: int) -> bool:
            response = client.get("/whoami", params={"n": number})
            return bool(response.json()["query"] == f"n={number}")

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(ask, range(200)))


async def chat(gateway: Gateway) -> list[str]:
    url = gateway.base_url.replace("http", "ws", 1) + "/chat/e2e?name="
    async with (
        connect(f"{url}ana", ssl=gateway.tls, proxy=None) as ana,
        connect(f"{url}ben", ssl=gateway.tls, proxy=None) as ben,
    ):
        await ben.send("hello")
        heard: list[str] = []
        while len(heard) < 3:
            message = json.loads(await ana.recv())
            heard.append(f"{message['kind']} {message['sender']}")
        return heard


def test_two_websocket_clients_talk(shop: Gateway) -> None:
    async def bounded() -> list[str]:
        async with asyncio.timeout(PATIENCE):
            return await chat(shop)

    assert asyncio.run(bounded()) == ["joined ana", "joined ben", "message ben"]


def test_a_connection_is_kept_and_many_answers_pass_over_it(shop: Gateway) -> None:
    with shop.wire() as wire:
        for number in range(50):
            wire.send(f"GET /whoami?n={number} HTTP/1.1\r\nHost: {shop.host}\r\n\r\n".encode())
            assert json.loads(wire.answer().body)["query"] == f"n={number}"


def test_pipelined_requests_are_answered_in_order(shop: Gateway) -> None:
    with shop.wire() as wire:
        lines = [f"GET /whoami?n={n} HTTP/1.1\r\nHost: {shop.host}\r\n\r\n" for n in range(20)]
        wire.send("".join(lines).encode())
        queries = [json.loads(wire.answer().body)["query"] for _ in lines]
    assert queries == [f"n={number}" for number in range(20)]


@pytest.mark.parametrize("keep", [False, True])
def test_http_1_0(shop: Gateway, keep: bool) -> None:
    field = "Connection: keep-alive\r\n" if keep else ""
    request = f"GET /health HTTP/1.0\r\nHost: {shop.host}\r\n{field}\r\n".encode()
    with shop.wire() as wire:
        wire.send(request)
        answer = wire.answer()
        assert (answer.status, answer.body) == (200, b'{"status":"ok"}')
        if keep:
            wire.send(request)
            assert wire.answer().status == 200
        else:
            assert wire.closed()


def test_http_1_0_gets_a_stream_without_chunks(shop: Gateway) -> None:
    with shop.wire() as wire:
        wire.send(f"GET /download/100000 HTTP/1.0\r\nHost: {shop.host}\r\n\r\n".encode())
        answer = wire.answer()
    assert answer.all("transfer-encoding") == []
    assert answer.body == bytes(100_000)


def test_100_continue_comes_before_the_body_and_a_refusal_instead_of_it(shop: Gateway) -> None:
    # R08
    def asking(length: int) -> bytes:
        return (
            f"POST /sink HTTP/1.1\r\nHost: {shop.host}\r\nContent-Length: {length}\r\n"
            "Content-Type: application/octet-stream\r\nExpect: 100-continue\r\n\r\n"
        ).encode()

    with shop.wire() as wire:
        wire.send(asking(5))
        assert wire.head().status == 100
        wire.send(b"hello")
        assert json.loads(wire.answer().body)["bytes"] == 5
    with shop.wire() as wire:
        wire.send(asking(1 << 40))
        assert wire.head().status == 413


@pytest.mark.parametrize("path", ["/health", "/products"])
def test_head_has_no_body_and_the_connection_goes_on(shop: Gateway, path: str) -> None:
    with shop.wire() as wire:
        for _ in range(3):
            wire.send(f"HEAD {path} HTTP/1.1\r\nHost: {shop.host}\r\n\r\n".encode())
            assert wire.answer("HEAD").status in (200, 405)
        wire.send(f"GET /health HTTP/1.1\r\nHost: {shop.host}\r\n\r\n".encode())
        assert wire.answer().body == b'{"status":"ok"}'


def test_a_chunked_upload_with_extensions_and_trailers(shop: Gateway) -> None:
    with shop.wire() as wire:
        wire.send(
            f"POST /sink HTTP/1.1\r\nHost: {shop.host}\r\nTransfer-Encoding: chunked\r\n"
            "Content-Type: application/octet-stream\r\n\r\n"
            "5;name=value\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: yes\r\n\r\n".encode()
        )
        assert json.loads(wire.answer().body)["bytes"] == 6
        wire.send(f"GET /health HTTP/1.1\r\nHost: {shop.host}\r\n\r\n".encode())
        assert wire.answer().status == 200


def test_an_untrusted_certificate_is_noticed(shop: Gateway) -> None:
    # R01: the tests above prove something only if this fails
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(f"{shop.base_url}/health", trust_env=False)
