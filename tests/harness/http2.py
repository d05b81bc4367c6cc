"""HTTP/2 as frames on a socket, for what no client would send (RFC 9113)."""

import socket
import ssl
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import hpack
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

from harness.gateway import Gateway
from harness.places import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD = 9
LARGEST = 1 << 14
"""What everybody takes, and we send, at most in one frame."""


class NoHttp2Error(Exception):
    """The other side does not offer it."""


@dataclass(slots=True)
class Said:
    """What the other side said about the connection and its streams."""

    gone: list[int] = field(default_factory=list)
    """Codes of GOAWAY."""

    reset: dict[int, int] = field(default_factory=dict)
    """Codes of RST_STREAM by stream."""

    status: dict[int, int] = field(default_factory=dict)
    """Statuses by stream."""

    data: dict[int, int] = field(default_factory=dict)
    """Bytes of answers by stream."""

    ended: set[int] = field(default_factory=set)
    closed: bool = False


class Http2:
    """One connection, whose frames are written by hand."""

    def __init__(
        self, gateway: Gateway, settings: dict[int, int] | None = None, receive: int | None = None
    ) -> None:
        context = gateway.tls
        assert context is not None, "HTTP/2 is agreed on with TLS alone"
        context.set_alpn_protocols(["h2"])
        plain = socket.socket()
        if receive is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        plain.settimeout(PATIENCE)
        plain.connect(gateway.address)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        if self.socket.selected_alpn_protocol() != "h2":
            raise NoHttp2Error(self.socket.selected_alpn_protocol())
        self.said = Said()
        self.authority = f"localhost:{gateway.address[1]}"
        self._buffer = b""
        self._encoder, self._decoder = hpack.Encoder(), hpack.Decoder()
        self.send_raw(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.socket.close()

    def send_raw(self, data: bytes) -> bool:
        """Send; a peer that has hung up is no error, since what it said may still be read."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False
        return True

    def send(self, *frames: Frame) -> bool:
        """Send frames in one piece."""
        return self.send_raw(b"".join(frame.serialize() for frame in frames))

    def flood(self, frames: Iterable[Frame], at_once: int = 50) -> int:
        """Send frames until they end or the other side does; give how many were sent."""
        sent, waiting = 0, b""
        for number, frame in enumerate(frames, 1):
            waiting += frame.serialize()
            if number % at_once == 0:
                if not self.send_raw(waiting):
                    return sent
                sent, waiting = number, b""
        return sent + at_once if waiting and self.send_raw(waiting) else sent

    def block(self, fields: Iterable[tuple[str, str]]) -> bytes:
        """Compress a list of fields."""
        return self._encoder.encode(list(fields), huffman=False)

    def fields(
        self, *more: tuple[str, str], method: str = "GET", path: str = "/"
    ) -> list[tuple[str, str]]:
        """Write a request's list of fields."""
        pseudo = [(":method", method), (":scheme", "https"), (":authority", self.authority)]
        return [*pseudo, (":path", path), *more]

    def head(
        self, stream: int, fields: Iterable[tuple[str, str]] | None = None, *, end: bool = True
    ) -> HeadersFrame:
        """Write a request's head in one frame."""
        data = self.block(self.fields() if fields is None else fields)
        flags = ["END_HEADERS", *(["END_STREAM"] if end else [])]
        return HeadersFrame(stream, data, flags=flags)

    def frames(self) -> Iterator[Frame]:
        """Read frames until the other side ends."""
        while True:
            while len(self._buffer) < FRAME_HEAD:
                if not self._more():
                    return
            frame, length = Frame.parse_frame_header(memoryview(self._buffer[:FRAME_HEAD]))
            while len(self._buffer) < FRAME_HEAD + length:
                if not self._more():
                    return
            body = self._buffer[FRAME_HEAD : FRAME_HEAD + length]
            self._buffer = self._buffer[FRAME_HEAD + length :]
            frame.parse_body(memoryview(body))
            self._keep(frame, length)
            yield frame

    def until_end(self) -> Said:
        """Read all that the other side says until it ends."""
        for _ in self.frames():
            pass
        return self.said

    def until_answered(self, *streams: int) -> Said:
        """Read until these streams are over, or the connection is."""
        done = self.said.ended
        if set(streams) <= (done | set(self.said.reset)):
            return self.said
        for _ in self.frames():
            if set(streams) <= (done | set(self.said.reset)):
                break
        return self.said

    def _decode(self, block: bytes) -> Iterable[tuple[bytes | str, bytes | str]]:
        return ((name, value) for name, value in self._decoder.decode(block))

    def _more(self) -> bool:
        try:
            received = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            received = b""
        self._buffer += received
        self.said.closed |= not received
        return bool(received)

    def _keep(self, frame: Frame, length: int) -> None:
        match frame:
            case GoAwayFrame():
                self.said.gone.append(frame.error_code)
            case RstStreamFrame():
                self.said.reset[frame.stream_id] = frame.error_code
            case HeadersFrame():
                fields = [(str(name), str(value)) for name, value in self._decode(frame.data)]
                self.said.status[frame.stream_id] = int(dict(fields)[":status"])
            case SettingsFrame() if "ACK" not in frame.flags:
                self.send(SettingsFrame(0, flags=["ACK"]))
        if frame.type == 0:
            self.said.data[frame.stream_id] = self.said.data.get(frame.stream_id, 0) + length
        if "END_STREAM" in frame.flags:
            self.said.ended.add(frame.stream_id)


def raw(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """Write a frame that hyperframe would not."""
    return (
        struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body
    )
