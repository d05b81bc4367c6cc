"""The app: two operations that do next to nothing, so that what stands round them can be seen."""

from fastapi import FastAPI
from pydantic import BaseModel, Field


class Line(BaseModel):
    """One article of an order."""

    sku: str = Field(max_length=40)
    name: str = Field(max_length=200)
    quantity: int = Field(ge=1, le=1000)
    cents: int = Field(ge=0)


class Order(BaseModel):
    """What is posted."""

    customer: str = Field(max_length=100)
    street: str = Field(max_length=200)
    city: str = Field(max_length=100)
    note: str | None = Field(default=None, max_length=500)
    lines: list[Line] = Field(max_length=100)


def bare() -> FastAPI:
    """Build the app with nothing round it."""
    app = FastAPI(openapi_url=None)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/orders")
    async def order(order: Order) -> dict[str, int]:
        return {"total": sum(line.quantity * line.cents for line in order.lines)}

    return app
