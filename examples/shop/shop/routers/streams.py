"""Answers that take their time, and bodies that do."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from shop import schemas
from shop.counters import counters

router = APIRouter(tags=["streams"])

CHUNK = 64 * 1024
"""Bytes of one piece of a download."""


@router.get("/prices/stream", response_class=EventSourceResponse)
async def price_ticks(
    interval: Annotated[float, Query(ge=0, description="seconds between two events")] = 1.0,
    ticks: Annotated[int, Query(ge=1)] = 5,
) -> AsyncIterator[ServerSentEvent]:
    """Send prices as server-sent events."""
    counters.open_streams += 1
    try:
        for sequence in range(1, ticks + 1):
            tick = schemas.PriceTick(
                sequence=sequence, product="teapot", price=Decimal(2000 + sequence) / 100
            )
            yield ServerSentEvent(data=tick, event="price", id=str(sequence))
            if sequence < ticks:
                await asyncio.sleep(interval)
    finally:
        counters.open_streams -= 1


@router.get("/download/{size}", response_class=StreamingResponse)
async def download(size: Annotated[int, Path(ge=0)]) -> StreamingResponse:
    """Stream `size` zero bytes, in pieces, without saying beforehand how many."""
    return StreamingResponse(zeros(size), media_type="application/octet-stream")


async def zeros(size: int) -> AsyncIterator[bytes]:
    """Yield `size` zero bytes piece by piece."""
    counters.open_streams += 1
    try:
        piece = bytes(CHUNK)
        whole, rest = divmod(size, CHUNK)
        for _ in range(whole):
            yield piece
        if rest:
            yield piece[:rest]
    finally:
        counters.open_streams -= 1


@router.post("/sink")
async def sink(request: Request) -> schemas.SinkReceipt:
    """Count the bytes of a body of any length and keep none of them."""
    counters.open_streams += 1
    try:
        total = 0
        sha256 = hashlib.sha256()
        async for chunk in request.stream():
            total += len(chunk)
            sha256.update(chunk)
        return schemas.SinkReceipt(bytes=total, sha256=sha256.hexdigest())
    finally:
        counters.open_streams -= 1
