"""What stands between the server and the app."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FIELD = b"buckler-edge"
TICKET = b"buckler-ticket"
VALUE = re.compile(
    rb"(https?) (-|[0-9a-fA-F.:]{2,45}) ([0-9]{1,5}) ([0-9a-fA-F.:]{2,45}) ([0-9]{1,5})"
)
"""`scheme client-address client-port local-address local-port`; an unknown client is `- 0`."""

WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
LARGEST_PORT = 65535
POLICY_VIOLATION = 1008
"""RFC 6455, section 7.4.1."""


def nothing() -> None:
    """Do nothing."""


class Edge:
    """Lets the app see client, scheme and server as if it stood at the edge itself.

    A request without exactly one well-formed field did not come through the gateway: it is refused.
    """

    __slots__ = ("app", "failed", "started")

    def __init__(
        self, app: App, failed: Callable[[str], None], started: Callable[[], None] = nothing
    ) -> None:
        self.app = app
        self.failed = failed
        self.started = started

    # Not `async`: the app's own coroutine is handed on, so that no frame is added to each await.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection of ASGI."""
        kind = scope["type"]
        if kind == "lifespan":
            return self.lifespan(scope, receive, send)
        if kind not in ("http", "websocket"):
            raise RuntimeError(f"a scope of the type {kind!r} is not known here")
        headers = scope["headers"]
        places = [index for index, pair in enumerate(headers) if pair[0] == FIELD]
        told = VALUE.fullmatch(headers[places[0]][1]) if len(places) == 1 else None
        if told is None:
            return refuse(scope, receive, send)
        scheme, client, client_port, local, local_port = told.group().decode().split(" ")
        ports = int(client_port), int(local_port)
        if max(ports) > LARGEST_PORT:
            return refuse(scope, receive, send)
        del headers[places[0]]
        self.take_ticket(scope)
        scope["client"] = None if client == "-" else (client, ports[0])
        scope["server"] = (local, ports[1])
        scope["scheme"] = scheme if kind == "http" else WEBSOCKET_SCHEMES[scheme]
        return self.app(scope, receive, send)

    @staticmethod
    def take_ticket(scope: Scope) -> None:
        """Put the gateway's ticket where no client can put one, and nobody but us looks."""
        headers = scope["headers"]
        places = [index for index, pair in enumerate(headers) if pair[0] == TICKET]
        if len(places) == 1:
            scope["buckler.ticket"] = headers[places[0]][1]
        for place in reversed(places):
            del headers[place]

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the lifespan; a failed start is reported instead of printed.

        An app that knows no lifespan has started when it says so, by returning or raising.
        """
        told = False

        async def observed(message: Message) -> None:
            nonlocal told
            if message["type"] == "lifespan.startup.failed":
                self.failed(str(message.get("message", "")))
                message = {"type": "lifespan.startup.failed"}
            await send(message)
            if message["type"].startswith("lifespan.startup.") and not told:
                told = True
                self.started()

        try:
            await self.app(scope, receive, observed)
        finally:
            if not told:
                self.started()


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 400 without the app."""
    prefix = "http"
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        prefix = "websocket.http"
    body = b"This socket serves the gateway alone.\n"
    fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{prefix}.response.start", "status": 400, "headers": fields})
    await send({"type": f"{prefix}.response.body", "body": body})
