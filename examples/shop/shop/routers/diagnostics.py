"""Left from debugging."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request

from shop import schemas
from shop.counters import counters
from shop.routers.orders import PAYMENT_URL

router = APIRouter(tags=["diagnostics"])


@router.get("/whoami")
async def whoami(request: Request) -> schemas.WhoAmI:
    """Show the request as the app sees it, headers in the order in which they came."""
    client = request.client
    return schemas.WhoAmI(
        client=None if client is None else schemas.Peer(host=client.host, port=client.port),
        scheme=request.url.scheme,
        method=request.method,
        host=request.headers.get("host", ""),
        path=request.scope["path"],
        raw_path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        root_path=request.scope["root_path"],
        url=str(request.url),
        base_url=str(request.base_url),
        url_for=str(request.url_for("whoami")),
        http_version=request.scope["http_version"],
        headers=list(request.headers.items()),
    )


@router.get("/stats")
async def stats() -> schemas.Counters:
    """Count what this worker holds open."""
    return schemas.Counters(open_streams=counters.open_streams, chat_members=counters.chat_members)


@router.get("/crash")
def crash() -> None:
    """Raise what nobody catches."""
    raise RuntimeError(f"cannot reach {PAYMENT_URL}")


@router.get("/hang")
async def hang(
    seconds: Annotated[float, Query(ge=0, description="how long to be silent")] = 3600,
) -> dict[str, float]:
    """Answer late."""
    counters.open_streams += 1
    try:
        await asyncio.sleep(seconds)
    finally:
        counters.open_streams -= 1
    return {"waited": seconds}
