"""The stack that the usual guides to securing FastAPI end up with."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from . import controls

Next = Callable[[Request], Awaitable[Response]]


class SecurityFieldsMiddleware(BaseHTTPMiddleware):
    """Adds the security fields."""

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        """Call the app and add to its answer."""
        response = await call_next(request)
        for name, value in controls.FIELDS:
            response.headers.setdefault(name, value)
        return response


class MaxBodyMiddleware(BaseHTTPMiddleware):
    """Refuses bodies that announce too much."""

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        """Look at the length only: reading the body here would take it from the app."""
        length = request.headers.get("content-length")
        if length is not None and int(length) > controls.MAX_BODY:
            return JSONResponse({"detail": "Request body too large"}, status_code=413)
        return await call_next(request)


class MediaTypeMiddleware(BaseHTTPMiddleware):
    """Refuses media types that the app does not read."""

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        """Look where a body is usual."""
        if request.method in {"POST", "PUT", "PATCH"}:
            said = request.headers.get("content-type", "")
            if said.partition(";")[0].strip().lower() != controls.MEDIA_TYPE:
                return JSONResponse({"detail": "Unsupported media type"}, status_code=415)
        return await call_next(request)


def stack(app: FastAPI) -> FastAPI:
    """Add all of them; the one that is added last stands outermost."""
    app.add_middleware(MediaTypeMiddleware)
    app.add_middleware(MaxBodyMiddleware)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[controls.ORIGIN],
        allow_credentials=True,
        allow_methods=controls.METHODS,
        allow_headers=controls.REQUEST_FIELDS,
        max_age=controls.MAX_AGE_SECONDS,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[controls.HOST])
    app.add_middleware(SecurityFieldsMiddleware)
    return app
