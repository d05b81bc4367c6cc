"""HTTP/1.1 as bytes on a socket, for what no client would send."""

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from harness.places import PATIENCE

MOST = 1 << 20
"""No head or chunk line of these tests is longer."""


class TruncatedError(Exception):
    """The connection ended inside an answer, or before one."""


@dataclass(slots=True)
class Answer:
    """One answer as it came."""

    status: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Give the values of every line of that name."""
        return [value for key, value in self.fields if key == name]


class Wire:
    """One connection."""

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None = None) -> None:
        plain = socket.create_connection(address, timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain if tls is None else tls.wrap_socket(plain, server_hostname="127.0.0.1")
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def send(self, data: bytes | Iterable[bytes]) -> None:
        """Send; a peer that has hung up already is no error, since its answer may still be read."""
        pieces = [data] if isinstance(data, bytes) else data
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return

    def more(self) -> bytes:
        """Receive what comes next; nothing is the end."""
        try:
            received = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLError) as error:
            if isinstance(error, ssl.SSLWantReadError):
                raise
            return b""
        self._buffer += received
        return received

    def until(self, end: bytes) -> bytes:
        """Read up to and including `end`."""
        while end not in self._buffer:
            if len(self._buffer) > MOST or not self.more():
                raise TruncatedError(self._buffer[:200])
        found, _, self._buffer = self._buffer.partition(end)
        return found + end

    def exactly(self, count: int) -> bytes:
        """Read that many bytes."""
        while len(self._buffer) < count:
            if not self.more():
                raise TruncatedError(self._buffer[:200])
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def head(self) -> Answer:
        """Read a status line and the fields."""
        status_line, *lines = self.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, code, *_ = status_line.split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), status_line
        answer = Answer(int(code))
        for line in lines:
            name, _, value = line.partition(":")
            answer.fields.append((name.lower(), value.strip()))
        return answer

    def answer(self, method: str = "GET") -> Answer:
        """Read one final answer; interim ones are passed over."""
        while True:
            answer = self.head()
            if answer.status >= 200 or answer.status == 101:
                break
        if method == "HEAD" or answer.status in (101, 204, 304):
            return answer
        if answer.all("transfer-encoding") == ["chunked"]:
            while chunk := self.chunk():
                answer.body += chunk
        elif answer.all("content-length"):
            (length,) = set(answer.all("content-length"))
            answer.body = self.exactly(int(length))
        else:
            while self.more():
                pass
            answer.body, self._buffer = self._buffer, b""
        return answer

    def chunk(self) -> bytes:
        """Read one chunk; the last one is empty."""
        size = int(self.until(b"\r\n").partition(b";")[0], 16)
        if size == 0:
            self.until(b"\r\n")
            return b""
        data = self.exactly(size)
        assert self.exactly(2) == b"\r\n"
        return data

    def rest(self) -> bytes:
        """Read whatever comes, to the end."""
        while len(self._buffer) <= MOST and self.more():
            pass
        received, self._buffer = self._buffer, b""
        return received

    def closed(self) -> bool:
        """Tell whether the peer ends the connection without another byte."""
        return not self._buffer and not self.more()
