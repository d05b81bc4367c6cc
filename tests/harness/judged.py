"""What became of bytes that were sent to a gateway before a backend that records."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import h11

from harness.gateway import Gateway
from harness.recording import Record, Recorder, Seen
from harness.until import until

POLICY = """
environment = "development"
[server]
hosts = [{hosts}]
[server.tls]
mode = "off"
[server.timeouts]
header = "1s"
body = "1s"
idle = "1s"
[content]
types = ["*/*"]
untyped = "pass"
"""
"""Nothing but the message itself is judged; what is not whole is given up soon."""

MARK = "/.suites/marker/"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

WORST = ["reached", "passed", "answered", "closed", "kept", "refused"]
"""What can become of a message, the gravest first.

`reached`: the backend read what no strict reader would. `passed`: so did what follows it.
`answered`: what follows was refused. `closed`: nothing behind it is read on either side.
`kept`: it was refused, and the next one on that connection was not.
"""


@dataclass(slots=True)
class Judged:
    """The client's side and the backend's side of one try."""

    statuses: list[int]
    record: Record
    marker: str
    faults: list[str] = field(default_factory=list)
    closed: bool = False

    @property
    def seen(self) -> list[Seen]:
        """Give what reached the backend but for the marker."""
        return [request for request in self.record.requests if request.target != self.marker]

    @property
    def outcome(self) -> str:
        """Sum it up in one of the words above."""
        if self.faults:
            return "reached"
        if not self.record.requests:
            return "refused"
        if not self.seen:
            return "kept"
        if len(self.seen) < len(self.record.requests):
            return "passed"
        return "closed" if self.closed else "answered"


class Judge:
    """Sends bytes, then a marker, over one connection, and reads what both sides saw."""

    def __init__(self, gateway: Gateway, recorder: Recorder) -> None:
        self._gateway = gateway
        self._recorder = recorder
        self._count = 0
        self._before: list[Seen] = []
        self._recorder.take()

    def send(self, data: bytes, host: str = "localhost") -> Judged:
        """Send `data`, and behind it the marker, which asks to be the last."""
        self._count += 1
        marker = f"{MARK}{self._count}"
        sent = data + f"GET {marker} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        received = b""
        with self._gateway.wire() as wire:
            wire.send(sent)
            while piece := wire.more():
                received += piece
        strict, record = list(strictly(sent)), self._recorder.take()
        # The beginning of one that was broken off may arrive after its client has been told so.
        record.requests = self._without_late(record.requests, strict)
        self._before = strict
        judged = Judged(list(statuses(received)), record, marker)
        judged.faults += record.unreadable
        if judged.seen:
            judged.faults += beyond(record.requests, strict)
        broken = [request for request in judged.seen if not request.whole]
        until("broken requests' connections end", lambda: all(map(self._ended, broken)))
        judged.closed = all(self._ended(request) for request in judged.seen)
        for request in judged.record.requests:
            judged.faults += request.framing()
        if not judged.record.requests and any(status < 400 for status in judged.statuses):
            judged.faults.append(f"answered {judged.statuses} by nobody")
        return judged

    def _ended(self, request: Seen) -> bool:
        return request.connection in self._recorder.closed

    def _without_late(self, requests: list[Seen], strict: list[Seen]) -> list[Seen]:
        """Leave out broken beginnings of what was sent before this: more than this one has."""
        mine, before, read = (
            Counter((one.method, one.target) for one in of)
            for of in (strict, self._before, requests)
        )
        kept = []
        for seen in requests:
            name = (seen.method, seen.target)
            if not seen.whole and before[name] > 0 and read[name] > mine[name]:
                before[name] -= 1
                read[name] -= 1
            else:
                kept.append(seen)
        return kept


def statuses(received: bytes) -> Iterator[int]:
    """Read the status of each answer of a connection to its end."""
    while match := STATUS.match(received):
        yield int(match[1])
        head, end, rest = received.partition(b"\r\n\r\n")
        length = LENGTH.search(head + end)
        if length is None:
            return
        received = rest[int(length[1]) :]


def strictly(sent: bytes) -> Iterator[Seen]:
    """Read what was sent as another strict parser does, as far as it can."""
    parser = h11.Connection(h11.SERVER)
    # One empty line ahead is to be passed over (RFC 9112 section 2.2), which it does not.
    parser.receive_data(sent.removeprefix(b"\r\n"))
    parser.receive_data(b"")
    seen: Seen | None = None
    old_and_kept = False
    try:
        while True:
            event = parser.next_event()
            if isinstance(event, h11.Request):
                seen = Seen(0, event.method.decode(), event.target.decode("latin-1"), [])
                kept = (b"connection", b"keep-alive")
                values = [(name, value.lower()) for name, value in event.headers]
                old_and_kept = event.http_version == b"1.0" and kept in values
            elif isinstance(event, h11.Data) and seen is not None:
                seen.body += event.data
            elif isinstance(event, h11.EndOfMessage) and seen is not None:
                seen.whole = True
                yield seen
                seen = None
                parser.send(h11.Response(status_code=400, headers=[("Content-Length", "0")]))
                parser.send(h11.EndOfMessage())
                if parser.our_state is h11.MUST_CLOSE and old_and_kept:
                    # It knows nothing of `Connection: keep-alive` (RFC 9112 appendix C.2.2).
                    yield from strictly(parser.trailing_data[0])
                if parser.our_state is h11.MUST_CLOSE:
                    return
                parser.start_next_cycle()
            else:
                return
    except h11.RemoteProtocolError:
        if seen is not None:
            yield seen


def beyond(seen: list[Seen], allowed: list[Seen]) -> Iterator[str]:
    """Tell what the backend saw that a strict reading does not hold."""
    for number, request in enumerate(seen):
        if number >= len(allowed):
            yield f"{request.method} {request.target} is in no strict reading"
            continue
        strict = allowed[number]
        if request.method != strict.method or not strict.target.endswith(request.target):
            yield f"{request.method} {request.target} for {strict.method} {strict.target}"
        if request.body != strict.body if request.whole else request.body not in strict.body:
            yield f"the body of {request.target} is another"
        if request.whole and not strict.whole:
            yield f"{request.target} ended before its end"
