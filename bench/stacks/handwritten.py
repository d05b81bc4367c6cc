"""Pure ASGI by hand: one class for each control, everything that can be computed before is."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import controls

Fields = list[tuple[bytes, bytes]]


def pairs(fields: tuple[tuple[str, str], ...]) -> Fields:
    """Encode once what goes out with every answer."""
    return [(name.encode(), value.encode()) for name, value in fields]


def first(scope: Scope, wanted: bytes) -> bytes | None:
    """Find a request field; ASGI has its name in lower case."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None


async def answer(send: Send, status: int, body: bytes, fields: Fields) -> None:
    """Send a whole answer."""
    described = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*described, *fields]})
    await send({"type": "http.response.body", "body": body})


class SecurityFields:
    """Adds the security fields that the app has not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.fields = pairs(controls.FIELDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap `send`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                theirs = message["headers"]
                names = {name for name, _ in theirs}
                message["headers"] = [*theirs, *(f for f in self.fields if f[0] not in names)]
            await send(message)

        await self.app(scope, receive, adding)


class Hosts:
    """Refuses requests to other names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.allowed = frozenset({controls.HOST.encode()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the host."""
        if scope["type"] in ("http", "websocket"):
            host = first(scope, b"host")
            if host is None or host.partition(b":")[0].lower() not in self.allowed:
                await answer(send, 400, b'{"title":"Bad Request","status":400}', [])
                return
        await self.app(scope, receive, send)


class Sharing:
    """CORS: preflights are answered here, other answers say whom they are shared with."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.allowed = frozenset({controls.ORIGIN.encode()})
        self.methods = frozenset(method.encode() for method in controls.METHODS)
        self.names = frozenset(name.encode() for name in controls.REQUEST_FIELDS)
        self.preflight = [
            (b"access-control-allow-methods", ", ".join(controls.METHODS).encode()),
            (b"access-control-allow-headers", ", ".join(controls.REQUEST_FIELDS).encode()),
            (b"access-control-max-age", str(controls.MAX_AGE_SECONDS).encode()),
        ]

    def shared(self, origin: bytes) -> Fields:
        """Say that this origin may read the answer."""
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap `send`, or answer a preflight."""
        origin = first(scope, b"origin") if scope["type"] == "http" else None
        if origin is None:
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            method = first(scope, b"access-control-request-method")
            if method is not None:
                await self.asked(scope, send, origin, method)
                return
        shared = self.shared(origin) if origin in self.allowed else [(b"vary", b"Origin")]

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *shared]
            await send(message)

        await self.app(scope, receive, adding)

    async def asked(self, scope: Scope, send: Send, origin: bytes, method: bytes) -> None:
        """Answer a preflight."""
        names = first(scope, b"access-control-request-headers") or b""
        wanted = {name.strip().lower() for name in names.split(b",")} - {b""}
        if origin in self.allowed and method in self.methods and wanted <= self.names:
            await answer(send, 204, b"", [*self.shared(origin), *self.preflight])
        else:
            await answer(send, 403, b'{"title":"Forbidden","status":403}', [(b"vary", b"Origin")])


class TooLargeError(Exception):
    """More body came than may come."""


class Content:
    """Bounds bodies and refuses media types that the app does not read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.media_type = controls.MEDIA_TYPE.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at length and type, count what has no length."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = first(scope, b"content-length")
        chunked = length is None and first(scope, b"transfer-encoding") is not None
        if length is not None and int(length) > controls.MAX_BODY:
            await answer(send, 413, b'{"title":"Content Too Large","status":413}', [])
            return
        if chunked or (length is not None and length != b"0"):
            said = first(scope, b"content-type")
            if said is None or said.partition(b";")[0].strip().lower() != self.media_type:
                await answer(send, 415, b'{"title":"Unsupported Media Type","status":415}', [])
                return
        if chunked:
            await self.counted(scope, receive, send)
        else:
            # The server holds the body to the length that was announced.
            await self.app(scope, receive, send)

    async def counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a body on whose length nobody has announced."""
        taken = 0
        begun = False

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > controls.MAX_BODY:
                raise TooLargeError
            return message

        async def noticing(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, counting, noticing)
        except TooLargeError:
            if begun:
                raise
            await answer(send, 413, b'{"title":"Content Too Large","status":413}', [])


def stack(app: ASGIApp) -> ASGIApp:
    """Put all of them round an app, the fields outermost so that refusals have them, too."""
    return SecurityFields(Hosts(Sharing(Content(app))))
