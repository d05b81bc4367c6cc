"""The application: `shop.main:app`."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from shop.db import create_tables, engine
from shop.routers import avatars, chat, comments, diagnostics, orders, products, streams, users, web


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Create the tables before the first request."""
    await run_in_threadpool(create_tables, engine())
    yield
    engine().dispose()


def create_app() -> FastAPI:
    """Build the app; `uvicorn --factory shop.main:create_app` works too."""
    application = FastAPI(title="Shop", version="1.0.0", lifespan=lifespan)
    for module in (users, avatars, products, comments, orders, streams, chat, web, diagnostics):
        application.include_router(module.router)
    application.add_exception_handler(orders.PaymentError, show_everything)
    return application


async def show_everything(_: Request, error: Exception) -> JSONResponse:
    """Answer with the whole traceback: handy while developing, forgotten afterwards."""
    return JSONResponse(
        {"error": repr(error), "traceback": traceback.format_exception(error)}, status_code=500
    )


app = create_app()
