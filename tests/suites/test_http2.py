"""What HTTP/2 makes possible: floods, bombs, stalls, and requests that become others. R01 R08

The frames are hyperframe's, the loads h2load's. A recording backend tells what came through, and
somebody well-behaved is served all the while.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from harness import judges, processes
from harness.certificates import Issued
from harness.gateway import Gateway, before, clean_environment, running
from harness.healthy import somebody_is_served
from harness.http2 import LARGEST, Http2, raw
from harness.places import PATIENCE
from harness.recording import Recorder, recording
from harness.suites import SHOP_APP
from harness.until import until
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

POLICY = """
[server]
hosts = ["localhost", "127.0.0.1"]
[server.timeouts]
header = "3s"
body = "3s"
[content]
types = ["*/*"]
untyped = "pass"
"""

FLOOD = 20_000
"""Frames of an attack, at most: far more than any is let send."""

GROWTH = 32 << 20
"""Bytes by which the gateway's memory may grow over one attack; allocators keep some of it."""

CANCEL = 8

QUIET_SECONDS = 0.5
"""What ends a connection is written down long before."""


@dataclass(frozen=True)
class Edge:
    """The gateway, and the backend that records."""

    gateway: Gateway
    recorder: Recorder

    def incidents(self) -> list[str]:
        """Give what the log says of connections."""
        return [line["what"] for line in self.gateway.lines() if line["event"] == "connection"]

    def quiet(self) -> int:
        """Count them, once nothing is on its way of connections that others have left."""
        seen = -1
        while seen != len(self.incidents()):
            seen = len(self.incidents())
            time.sleep(QUIET_SECONDS)
        return seen


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, issued: Issued) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("http2")
    policy = POLICY + issued.policy()
    with (
        recording() as recorder,
        before(folder, recorder.url, policy, authority=issued.authority) as gateway,
    ):
        yield Edge(gateway, recorder)


def streams() -> Iterator[int]:
    return count(1, 2)


def rapid_reset(wire: Http2) -> Iterator[Frame]:
    for stream in streams():
        yield wire.head(stream)
        yield RstStreamFrame(stream, error_code=CANCEL)


def reset_by_error(wire: Http2) -> Iterator[Frame]:
    """Make the other side reset the streams (CVE-2025-8671): a window that overflows."""
    for stream in streams():
        yield wire.head(stream)
        yield WindowUpdateFrame(stream, window_increment=(1 << 31) - 1)


def settings(_: Http2) -> Iterator[Frame]:
    while True:
        yield SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65535})


def pings(_: Http2) -> Iterator[Frame]:
    while True:
        yield PingFrame(0, opaque_data=b"01234567")


def priorities(_: Http2) -> Iterator[Frame]:
    for stream in streams():
        yield PriorityFrame(stream, depends_on=0, stream_weight=stream % 255)


def window_updates(_: Http2) -> Iterator[Frame]:
    while True:
        yield WindowUpdateFrame(0, window_increment=1)


def empty_data(wire: Http2) -> Iterator[Frame]:
    yield wire.head(1, wire.fields(method="POST"), end=False)
    while True:
        yield DataFrame(1, b"")


def crumbs(wire: Http2) -> Iterator[Frame]:
    yield HeadersFrame(1, wire.block(wire.fields()), flags=["END_STREAM"])
    while True:
        yield ContinuationFrame(1, b"")


def endless_head(wire: Http2) -> Iterator[Frame]:
    yield HeadersFrame(1, wire.block(wire.fields()), flags=["END_STREAM"])
    literal = b"\x00\x01x" + b"\x7f\x81\x3f" + b"y" * 8192
    while True:
        yield ContinuationFrame(1, literal)


def of_no_use(_: Http2) -> Iterator[Frame]:
    while True:
        yield PingFrame(0, opaque_data=b"01234567", flags=["ACK"])


CALM = "ENHANCE_YOUR_CALM"
"""What the codec says where its bound is reached before ours: a matter of how bytes arrive."""

FLOODS = {
    "rapid reset": (rapid_reset, "RST_STREAM"),
    "resets that we are made to send": (reset_by_error, "FLOW_CONTROL_ERROR"),
    "SETTINGS": (settings, "SETTINGS"),
    "PING": (pings, "PING"),
    "PRIORITY": (priorities, "PRIORITY"),
    "WINDOW_UPDATE": (window_updates, "WINDOW_UPDATE"),
    "empty DATA": (empty_data, "DATA"),
    "empty CONTINUATION": (crumbs, "CONTINUATION"),
    "endless CONTINUATION": (endless_head, "header fields"),
    "PING acknowledged unasked": (of_no_use, "PING"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection_and_is_written_down(edge: Edge, name: str) -> None:
    attack, said = FLOODS[name]
    pid = edge.gateway.process.pid
    before_it, written = processes.status(pid, "VmRSS"), len(edge.incidents())
    with somebody_is_served(edge.gateway), Http2(edge.gateway) as wire:
        sent = wire.flood(bounded(attack, wire))
        assert wire.until_end().closed
    assert sent < FLOOD, "nobody stopped it"
    until("it is written down", lambda: len(edge.incidents()) > written)
    incident = edge.incidents()[written]
    assert said in incident or CALM in incident, incident
    assert "flood" in incident or "HTTP/2 error" in incident, incident
    assert processes.status(pid, "VmRSS") - before_it < GROWTH


def bounded(attack: Callable[[Http2], Iterator[Frame]], wire: Http2) -> Iterator[Frame]:
    for _, frame in zip(range(FLOOD), attack(wire), strict=False):
        yield frame


def test_many_connections_that_flood_leave_memory_flat(edge: Edge) -> None:
    pid = edge.gateway.process.pid
    before_it = processes.status(pid, "VmRSS")
    with somebody_is_served(edge.gateway):
        for name in ("rapid reset", "SETTINGS", "endless CONTINUATION") * 10:
            with Http2(edge.gateway) as wire:
                wire.flood(bounded(FLOODS[name][0], wire))
                wire.until_end()
    assert processes.status(pid, "VmRSS") - before_it < GROWTH


def indexed_bomb(wire: Http2) -> list[bytes]:
    """One field of 4,000 bytes, and then its index, a byte each: 60 MiB in 16 KiB."""
    head = wire.block([*wire.fields(), ("bomb", "x" * 4000)])
    return [head, b"\xbe" * 15_000]


def many_fields(wire: Http2) -> list[bytes]:
    return [wire.block([*wire.fields(), *((f"x-{number}", "y") for number in range(5000))])]


def large_fields(wire: Http2) -> list[bytes]:
    return [wire.block([*wire.fields(), *((f"x-{number}", "y" * 4000) for number in range(20))])]


def crumbled_cookies(wire: Http2) -> list[bytes]:
    return [wire.block([*wire.fields(), *(("cookie", f"a{n}=" + "b" * 20) for n in range(4000))])]


@pytest.mark.parametrize("bomb", [indexed_bomb, many_fields, large_fields, crumbled_cookies])
def test_a_header_bomb_reaches_nobody(edge: Edge, bomb: Callable[[Http2], list[bytes]]) -> None:
    edge.recorder.take()
    pid = edge.gateway.process.pid
    before_it = processes.status(pid, "VmRSS")
    with somebody_is_served(edge.gateway):
        for _ in range(10):
            with Http2(edge.gateway) as wire:
                block = b"".join(bomb(wire))
                pieces = [block[at : at + LARGEST] for at in range(0, len(block), LARGEST)]
                frames: list[Frame] = [HeadersFrame(1, pieces[0], flags=["END_STREAM"])]
                frames += [ContinuationFrame(1, piece) for piece in pieces[1:]]
                frames[-1].flags.add("END_HEADERS")
                wire.send(*frames)
                said = wire.until_answered(1)
            assert said.status.get(1, 431) in (400, 431), said
    assert {seen.target for seen in edge.recorder.take().requests} <= {"/healthy"}
    assert processes.status(pid, "VmRSS") - before_it < GROWTH


def test_windows_that_stay_shut_hold_little(edge: Edge, shop_of_bytes: Gateway) -> None:
    # A hundred answers of 20 MB, and nobody takes a byte of them.
    pid = shop_of_bytes.process.pid
    before_it = processes.status(pid, "VmRSS")
    wires = []
    with somebody_is_served(shop_of_bytes, "/health"):
        for _ in range(10):
            wire = Http2(shop_of_bytes, {SettingsFrame.INITIAL_WINDOW_SIZE: 0})
            wires.append(wire)
            for stream in range(1, 21, 2):
                wire.send(wire.head(stream, wire.fields(path="/download/20000000")))
            while len(wire.said.status) < 10:
                next(wire.frames())
            assert set(wire.said.status.values()) == {200}
            assert not sum(wire.said.data.values())
        assert processes.status(pid, "VmRSS") - before_it < 2 * GROWTH
    for wire in wires:
        wire.socket.close()
    assert edge.gateway.get("/healthy").status == 200


@pytest.fixture(scope="module")
def shop_of_bytes(tmp_path_factory: pytest.TempPathFactory, issued: Issued) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("bytes")
    SHOP_APP.seed(folder / "data")
    with running(
        folder,
        SHOP_APP.target,
        SHOP_APP.folder,
        policy=POLICY + issued.policy(),
        environment=SHOP_APP.environment(folder / "data"),
        authority=issued.authority,
        arguments=["--workers", "1"],
    ) as gateway:
        yield gateway


BROKEN: dict[str, Callable[[Http2], bytes]] = {
    "DATA on stream 0": lambda _: raw(0, 0, 0, b"x"),
    "HEADERS on stream 0": lambda wire: raw(1, 5, 0, wire.block(wire.fields())),
    "HEADERS on an even stream": lambda wire: raw(1, 5, 2, wire.block(wire.fields())),
    "a frame larger than agreed": lambda _: raw(0, 0, 1, bytes(LARGEST + 1)),
    "SETTINGS of five bytes": lambda _: raw(4, 0, 0, bytes(5)),
    "SETTINGS on a stream": lambda _: raw(4, 0, 1, bytes(6)),
    "PING of seven bytes": lambda _: raw(6, 0, 0, bytes(7)),
    "WINDOW_UPDATE of nothing": lambda _: raw(8, 0, 0, bytes(4)),
    "a window beyond its bound": lambda _: raw(8, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "PUSH_PROMISE of a client": lambda wire: raw(5, 4, 1, bytes(4) + wire.block(wire.fields())),
    "CONTINUATION of nothing": lambda wire: raw(9, 4, 1, wire.block(wire.fields())),
    "a head that is interrupted": lambda _: raw(1, 1, 1, b"") + raw(6, 0, 0, bytes(8)),
    "padding longer than its frame": lambda _: raw(1, 0xD, 1, b"\xff\x82"),
    "an index into nowhere": lambda _: raw(1, 5, 1, b"\xff\xff\xff\x7f"),
    "Huffman code that is none": lambda _: raw(1, 5, 1, b"\x00\x84\xff\xff\xff\xff\x01a"),
    "a table size beyond the agreed": lambda _: raw(1, 5, 1, b"\x3f\xe1\xff\x7f"),
    "no preface": lambda _: raw(4, 0, 0, bytes(6)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_protocol_ends_the_connection(edge: Edge, name: str) -> None:
    edge.recorder.take()
    written = len(edge.incidents())
    with Http2(edge.gateway) as wire:
        if name == "no preface":
            wire.send_raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.send_raw(BROKEN[name](wire))
        assert wire.until_end().closed
    until("it is written down", lambda: len(edge.incidents()) > written)
    assert not edge.recorder.take().requests
    assert edge.gateway.get("/healthy").status == 200


Fields = list[tuple[str, str]]


def without(fields: Fields, name: str) -> Fields:
    return [(key, value) for key, value in fields if key != name]


MALFORMED: dict[str, Callable[[Fields], Fields]] = {
    "no method": lambda fields: without(fields, ":method"),
    "no path": lambda fields: without(fields, ":path"),
    "no scheme": lambda fields: without(fields, ":scheme"),
    "neither authority nor host": lambda fields: without(fields, ":authority"),
    "two methods": lambda fields: [(":method", "POST"), *fields],
    "two paths": lambda fields: [(":path", "/admin"), *fields],
    "two authorities": lambda fields: [(":authority", "evil.example"), *fields],
    "an empty path": lambda fields: [*without(fields, ":path"), (":path", "")],
    "a path that is none": lambda fields: [*without(fields, ":path"), (":path", "admin")],
    "a space in the path": lambda fields: [*without(fields, ":path"), (":path", "/a HTTP/1.1")],
    "lines in the path": lambda fields: [
        *without(fields, ":path"),
        (":path", "/ HTTP/1.1\r\nHost: localhost\r\n\r\nGET /admin"),
    ],
    "lines in the method": lambda fields: [
        *without(fields, ":method"),
        (":method", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"),
    ],
    "lines in the authority": lambda fields: [
        *without(fields, ":authority"),
        (":authority", "localhost\r\nX: y"),
    ],
    "a foreign authority": lambda fields: [
        *without(fields, ":authority"),
        (":authority", "evil.example"),
    ],
    "credentials in the authority": lambda fields: [
        *without(fields, ":authority"),
        (":authority", "me:secret@localhost"),
    ],
    "the scheme of another protocol": lambda fields: [
        *without(fields, ":scheme"),
        (":scheme", "http://localhost/#"),
    ],
    "a pseudo-header field behind others": lambda fields: [
        *without(fields, ":path"),
        ("x", "y"),
        (":path", "/"),
    ],
    "a pseudo-header field of answers": lambda fields: [*fields, (":status", "200")],
    "a pseudo-header field of nobody": lambda fields: [*fields, (":admin", "yes")],
    "a tunnel for web sockets": lambda fields: [
        *without(fields, ":method"),
        (":method", "CONNECT"),
        (":protocol", "websocket"),
    ],
    "a tunnel": lambda _: [(":method", "CONNECT"), (":authority", "localhost:22")],
    "upper case": lambda fields: [*fields, ("X-Upper", "y")],
    "a name with a line end": lambda fields: [*fields, ("x\r\ny", "z")],
    "a name with a colon": lambda fields: [*fields, ("x:y", "z")],
    "an empty name": lambda fields: [*fields, ("", "z")],
    "a value with a line end": lambda fields: [*fields, ("x", "y\r\ntransfer-encoding: chunked")],
    "a value with a line feed": lambda fields: [*fields, ("x", "y\nz")],
    "a value with NUL": lambda fields: [*fields, ("x", "y\0z")],
    "connection": lambda fields: [*fields, ("connection", "keep-alive")],
    "connection that takes away": lambda fields: [*fields, ("connection", "x-forwarded-for")],
    "keep-alive": lambda fields: [*fields, ("keep-alive", "timeout=5")],
    "proxy-connection": lambda fields: [*fields, ("proxy-connection", "keep-alive")],
    "transfer-encoding": lambda fields: [*fields, ("transfer-encoding", "chunked")],
    "upgrade": lambda fields: [*fields, ("upgrade", "h2c")],
    "te that is not trailers": lambda fields: [*fields, ("te", "gzip")],
    "an alias of framing": lambda fields: [*fields, ("transfer_encoding", "chunked")],
    "another alias of framing": lambda fields: [*fields, ("content---length", "5")],
    "a length that is none": lambda fields: [*fields, ("content-length", "+0")],
    "two lengths": lambda fields: [*fields, ("content-length", "0"), ("content-length", "5")],
    "a length without a body": lambda fields: [*fields, ("content-length", "5")],
    "host that says otherwise": lambda fields: [*fields, ("host", "evil.example")],
    "two hosts": lambda fields: [*fields, ("host", "localhost"), ("host", "evil.example")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_reaches_nobody(edge: Edge, name: str) -> None:
    edge.recorder.take()
    with Http2(edge.gateway) as wire:
        wire.send(wire.head(1, MALFORMED[name](wire.fields())))
        said = wire.until_answered(1)
        assert 1 in said.reset or said.gone or said.status[1] >= 400, said
    # A mark behind it, so that whatever came through is in the record.
    assert edge.gateway.get("/healthy").status == 200
    assert [seen.target for seen in edge.recorder.take().requests] == ["/healthy"]


def test_an_authority_that_host_contradicts_is_misdirected(edge: Edge) -> None:
    with Http2(edge.gateway) as wire:
        wire.send(wire.head(1, wire.fields(("host", "127.0.0.1"))))
        assert wire.until_answered(1).status == {1: 421}
    line = [line for line in edge.gateway.requests() if line.get("status") == 421][-1]
    assert line["refusal"]["code"] == "misdirected"


@pytest.mark.parametrize(
    ("said", "data"), [("5", b"123"), ("3", b"12345"), ("0", b"GET / HTTP/1.1\r\n\r\n")]
)
def test_a_length_that_lies_is_no_second_request(edge: Edge, said: str, data: bytes) -> None:
    edge.recorder.take()
    with Http2(edge.gateway) as wire:
        fields = wire.fields(("content-length", said), method="POST", path="/lied")
        wire.send(wire.head(1, fields, end=False), DataFrame(1, data, flags=["END_STREAM"]))
        answer = wire.until_answered(1)
        assert 1 in answer.reset or answer.gone or answer.status[1] >= 400, answer
    assert edge.gateway.get("/healthy").status == 200
    record = edge.recorder.take()
    assert not record.unreadable
    whole = [seen.target for seen in record.requests if seen.whole]
    assert whole == ["/healthy"]


def test_what_is_well_formed_arrives_as_it_is(edge: Edge) -> None:
    edge.recorder.take()
    with Http2(edge.gateway) as wire:
        crumbs_of = [("cookie", "a=b"), ("cookie", "c=d"), ("te", "trailers")]
        fields = wire.fields(*crumbs_of, ("content-length", "5"), method="POST", path="/whole?a=b")
        wire.send(
            wire.head(1, fields, end=False),
            DataFrame(1, b"hel"),
            DataFrame(1, b"lo", flags=["END_STREAM"]),
        )
        assert wire.until_answered(1).status == {1: 200}
        assert wire.said.data == {1: len("recorded")}
    (seen,) = edge.recorder.take().requests
    assert (seen.method, seen.target, seen.body) == ("POST", "/whole?a=b", b"hello")
    fields_of = dict(seen.fields)
    assert fields_of["cookie"] == "a=b; c=d"
    assert fields_of["host"] == wire.authority
    assert not seen.framing()


@pytest.mark.parametrize("arguments", [("-n5000", "-c10", "-m50"), ("-n500", "-c50", "-m1")])
def test_an_honest_load_is_no_flood(edge: Edge, arguments: tuple[str, ...]) -> None:
    written = edge.quiet()
    url = f"https://localhost:{edge.gateway.address[1]}/load"
    done = subprocess.run(
        [judges.command("h2load", "nghttp2-client"), *arguments, "-t1", url],
        env=clean_environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    asked = int(arguments[0].removeprefix("-n"))
    assert f"status codes: {asked} 2xx, 0 3xx, 0 4xx, 0 5xx" in done.stdout, done.stdout
    assert edge.incidents()[written:] == []


def test_another_client_speaks_it(edge: Edge, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 300_000)
    edge.recorder.take()
    url = f"https://localhost:{edge.gateway.address[1]}/nghttp"
    done = subprocess.run(
        [judges.command("nghttp", "nghttp2-client"), "-d", str(body), "-s", url, url],
        env=clean_environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "200" in done.stdout
    seen = edge.recorder.take().requests
    assert [len(request.body) for request in seen] == [300_000] * len(seen)
    assert len(seen) >= 1
