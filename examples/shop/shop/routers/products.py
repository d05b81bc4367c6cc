"""The catalogue."""

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shop import schemas
from shop.db import SessionDep, engine
from shop.models import Product

router = APIRouter(prefix="/products", tags=["products"])

EXPORT_BATCH = 100
"""Rows read at once while the catalogue streams out."""


@router.get("", response_model=list[schemas.ProductOut])
def search_products(
    session: SessionDep,
    q: str = "",
    max_price: Annotated[float | None, Query(ge=0)] = None,
    sort: Literal["name", "price"] = "name",
    limit: Annotated[int, Query(ge=1)] = 50,
) -> list[Product]:
    """Find products whose name or description contains `q`."""
    query = select(Product)
    if q:
        pattern = f"%{q}%"
        query = query.where(or_(Product.name.like(pattern), Product.description.like(pattern)))
    if max_price is not None:
        query = query.where(Product.price <= max_price)
    order = Product.name if sort == "name" else Product.price
    return list(session.scalars(query.order_by(order, Product.id).limit(limit)))


@router.post("", status_code=201, response_model=schemas.ProductOut)
def create_product(new: schemas.ProductCreate, session: SessionDep) -> Product:
    """Add a product; anybody may."""
    product = Product(**new.model_dump())
    session.add(product)
    session.commit()
    return product


@router.get("/export.csv", response_class=StreamingResponse)
def export_products() -> StreamingResponse:
    """Stream the catalogue as CSV. Cells that begin with `=` stay formulas."""
    return StreamingResponse(
        catalogue_lines(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="products.csv"'},
    )


def catalogue_lines() -> Iterator[str]:
    """Read the catalogue batch by batch; the generator holds its own session."""
    yield "id,name,price,stock\r\n"
    with Session(engine()) as session:
        rows = session.scalars(
            select(Product).order_by(Product.id).execution_options(yield_per=EXPORT_BATCH)
        )
        for row in rows:
            name = row.name.replace('"', '""')
            yield f'{row.id},"{name}",{row.price},{row.stock}\r\n'


@router.get("/{product_id}", response_model=schemas.ProductOut)
def get_product(product_id: int, session: SessionDep) -> Product:
    """Show one product."""
    product = session.get(Product, product_id)
    if product is None:
        raise HTTPException(404, f"no product {product_id}")
    return product
