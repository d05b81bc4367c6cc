"""What an ingress tells, beyond the client and scheme that the server itself understands."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class EdgeMiddleware:
    """Apply `X-Forwarded-Host` and `X-Forwarded-Prefix`; give `X-Correlation-ID` back.

    The ingress in front removes what clients send under these names.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"x-forwarded-host")
        if host:
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope = {**scope, "headers": [(b"host", host), *others]}
        prefix = headers.get(b"x-forwarded-prefix", b"").rstrip(b"/")
        if prefix.startswith(b"/"):
            scope = {
                **scope,
                "root_path": prefix.decode("latin-1"),
                "path": prefix.decode("latin-1") + scope["path"],
                "raw_path": prefix + scope["raw_path"],
            }
        correlation = headers.get(b"x-correlation-id")

        async def send_back(message: Message) -> None:
            if message["type"] == "http.response.start" and correlation is not None:
                pairs = [*message["headers"], (b"x-correlation-id", correlation)]
                message = {**message, "headers": pairs}
            await send(message)

        await self.app(scope, receive, send_back)
