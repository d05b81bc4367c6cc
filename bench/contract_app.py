"""An app that takes an order: unread, by its model, and by the document's schema in Python.

Run as a program, it prints its OpenAPI document.
"""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import jsonschema
from fastapi import FastAPI
from pydantic import BaseModel, EmailStr, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

Short = Annotated[str, Field(min_length=1, max_length=100)]


class Kind(StrEnum):
    """Of tea."""

    BLACK = "black"
    GREEN = "green"
    WHITE = "white"


class Address(BaseModel):
    """Where it goes."""

    street: Short
    city: Short
    zip: Annotated[str, Field(pattern="^[A-Z0-9]{3,8}$")]


class Customer(BaseModel):
    """Who it goes to."""

    name: Short
    mail: EmailStr | None = None
    address: Address


class Line(BaseModel):
    """What goes."""

    name: Short
    code: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{4}$")]
    count: Annotated[int, Field(ge=1, le=100)]
    price: Annotated[float, Field(gt=0)]
    kind: Kind
    organic: bool
    packed: datetime
    tags: Annotated[list[Short], Field(max_length=10)]
    note: Annotated[str, Field(max_length=500)] | None = None
    id: UUID


class Order(BaseModel):
    """All of it."""

    customer: Customer
    lines: list[Line]
    paid: bool


app = FastAPI()
TAKEN = {"id": 42, "name": "keyboard"}


@app.post("/orders")
async def by_model(taken: Order) -> dict[str, Any]:
    """Judge by the model."""
    return TAKEN | {"id": len(taken.lines)}


async def unread(request: Request) -> JSONResponse:
    """Receive the body and parse it, and judge nothing."""
    await request.json()
    return JSONResponse(TAKEN)


async def by_schema(request: Request) -> JSONResponse:
    """Judge by the schema of the document, with the package `jsonschema`."""
    if not VALIDATOR.is_valid(await request.json()):
        return JSONResponse({"detail": []}, 422)
    return JSONResponse(TAKEN)


app.add_route("/unread", unread, ["POST"])
app.add_route("/schema", by_schema, ["POST"])

DOCUMENT = app.openapi()
VALIDATOR = jsonschema.Draft202012Validator(
    {"$ref": "#/components/schemas/Order", "components": DOCUMENT["components"]},
    format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
)


def order(lines: int) -> bytes:
    """Write an order of so many lines."""
    line = {
        "name": "Ceylon, loose",
        "code": "TEA-0042",
        "count": 3,
        "price": 12.5,
        "kind": "black",
        "organic": True,
        "packed": "2026-01-02T03:04:05Z",
        "tags": ["loose", "leaf"],
        "note": None,
        "id": "12345678-1234-4234-8234-123456789012",
    }
    address = {"street": "Long 1", "city": "Ely", "zip": "CB7"}
    customer = {"name": "Ada", "mail": "ada@example.com", "address": address}
    whole = {"customer": customer, "lines": [line] * lines, "paid": False}
    return json.dumps(whole, separators=(",", ":")).encode()


if __name__ == "__main__":
    print(json.dumps(DOCUMENT))
