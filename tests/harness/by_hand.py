"""An ASGI server by hand, for what no server sends or offers."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

Pairs = Iterable[tuple[bytes, bytes]]

HOST = (b"host", b"testserver")


def http(path: str = "/", *fields: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Write the scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [HOST, *fields],
        "client": ("192.0.2.7", 1234),
        "server": ("192.0.2.1", 80),
        **more,
    }


def websocket(path: str = "/", *fields: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Write the scope of a handshake."""
    handshake = (
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    )
    scope = http(path, *handshake, *fields, type="websocket", scheme="ws", subprotocols=[], **more)
    del scope["method"]
    return scope


@dataclass
class Hand:
    """What the server gives, one message after the other, and what it was sent."""

    given: list[Message] = field(default_factory=lambda: [{"type": "http.request"}])
    sent: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        """Give the next message; behind the last one the client has left."""
        if self.given:
            return self.given.pop(0)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Keep it."""
        self.sent.append(message)

    async def serve(self, app: Asgi, scope: Scope) -> list[Message]:
        """Serve one connection."""
        await app(scope, self.receive, self.send)
        return self.sent

    @property
    def start(self) -> Message:
        """The one start of an answer."""
        (start,) = [message for message in self.sent if message["type"].endswith("response.start")]
        return start

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the answer, by name."""
        return {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self.start["headers"]
        }

    @property
    def body(self) -> bytes:
        """The answer's body."""
        bodies = [m for m in self.sent if m["type"].endswith("response.body")]
        return b"".join(message.get("body", b"") for message in bodies)
