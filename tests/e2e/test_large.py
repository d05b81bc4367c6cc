"""Many bytes up and down, in flat memory."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from harness import processes
from harness.gateway import Gateway
from harness.serving import SHOP_POLICY, Serving

SIZE = 1 << 30
MAX_GROWTH = 24 << 20
"""What the gateway may need on top: buffers of a few connections, a fortieth of what passes."""

SLOW_READERS = 32
MAX_GROWTH_OF_SLOW = SLOW_READERS << 20
"""A MiB for each reader that does not read: its socket is full, and what waits here is bounded."""

PIECE = bytes(range(256)) * 1024
"""256 KiB."""

BYTES = {"Content-Type": "application/octet-stream"}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def gateway(serving: Serving) -> Gateway:
    """A shop over TLS that takes a GiB, warmed up by 16 MiB each way."""
    policy = f'{SHOP_POLICY}[content]\nmax_body = "{SIZE}B"\n{serving.issued.policy()}'
    gateway = serving.shop(policy, "--workers", "1", authority=serving.issued.authority)
    up(gateway, 16 << 20, chunked=False)
    up(gateway, 16 << 20, chunked=True)
    down(gateway, 16 << 20)
    return gateway


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // len(PIECE)):
        yield PIECE


def up(gateway: Gateway, size: int, *, chunked: bool) -> None:
    expected = hashlib.sha256()
    for piece in pieces(size):
        expected.update(piece)
    headers = BYTES if chunked else {**BYTES, "Content-Length": str(size)}
    with gateway.client(timeout=300) as client:
        response = client.post("/sink", content=pieces(size), headers=headers)
    assert ("transfer-encoding" in response.request.headers) is chunked
    assert response.json() == {"bytes": size, "sha256": expected.hexdigest()}


def down(gateway: Gateway, size: int) -> None:
    received = 0
    with gateway.client() as client, client.stream("GET", f"/download/{size}") as response:
        assert response.status_code == 200
        for piece in response.iter_raw(1 << 18):
            assert not piece.strip(b"\0")
            received += len(piece)
    assert received == size


def highest(gateway: Gateway) -> int:
    return processes.status(gateway.process.pid, "VmHWM")


@pytest.mark.parametrize("way", ["up with a length", "up in chunks", "down"])
def test_a_gibibyte_passes_in_flat_memory(gateway: Gateway, way: str) -> None:
    # R08
    before = highest(gateway)
    if way == "down":
        down(gateway, SIZE)
    else:
        up(gateway, SIZE, chunked=way == "up in chunks")
    assert highest(gateway) - before < MAX_GROWTH


def test_a_byte_more_is_refused_while_it_streams(gateway: Gateway) -> None:
    # R08: the length is counted, not believed
    with gateway.client() as client:
        response = client.post("/sink", content=b"x", headers={**BYTES, "Content-Length": "1"})
        assert response.status_code == 200
    with gateway.wire() as wire:
        wire.send(
            f"POST /sink HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Length: {SIZE + 1}\r\n"
            "Content-Type: application/octet-stream\r\n\r\n".encode()
        )
        assert wire.answer().status == 413


def test_readers_that_do_not_read_cost_little(gateway: Gateway) -> None:
    # R08
    before = highest(gateway)
    with ExitStack() as stack:
        wires = [stack.enter_context(gateway.wire()) for _ in range(SLOW_READERS)]
        for wire in wires:
            wire.send(f"GET /download/{SIZE} HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode())
            assert wire.head().status == 200
        # Meanwhile the others are served, and the stuck ones get their share of the loop.
        down(gateway, 64 << 20)
        assert highest(gateway) - before < MAX_GROWTH_OF_SLOW
    with gateway.client() as client:
        assert client.get("/health").status_code == 200
