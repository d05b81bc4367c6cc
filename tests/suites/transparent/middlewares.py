"""A middleware that does nothing, and some as they should not be.

What differs with the first comes from the wrapping. The others the suites have to notice, or they
would notice nothing.
"""

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Identity:
    """Hands everything on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Framework(BaseHTTPMiddleware):
    """A header field on every answer, in the way that guides show."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Add the field."""
        response = await call_next(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


class Collecting:
    """Plain ASGI that holds an answer back until it is whole; other messages are lost."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self.app(scope, receive, collect)
        await send(start)
        await send({"type": "http.response.body", "body": bytes(body)})
