"""Orders belong to users, but nobody checks whose they are."""

from fastapi import APIRouter, HTTPException
from sqlalchemy import select

from shop import schemas
from shop.db import SessionDep
from shop.models import Order, OrderLine, Product
from shop.routers.users import find_user

router = APIRouter(tags=["orders"])

PAYMENT_URL = "postgres://shop:hunter2-not-a-real-password@payments.internal/ledger"
"""Invented; it stands here so that something secret can leak."""


class PaymentError(Exception):
    """The payment provider did not answer as it should."""


@router.post("/users/{user_id}/orders", status_code=201, response_model=schemas.OrderOut)
def create_order(user_id: int, new: schemas.OrderCreate, session: SessionDep) -> Order:
    """Order something, for anybody."""
    find_user(session, user_id)
    order = Order(user_id=user_id, status="open", shipping_address=new.shipping_address)
    for wish in new.lines:
        product = session.get(Product, wish.product_id)
        if product is None:
            raise HTTPException(404, f"no product {wish.product_id}")
        if product.stock < wish.quantity:
            raise HTTPException(409, f"only {product.stock} of product {product.id} left")
        product.stock -= wish.quantity
        order.lines.append(
            OrderLine(product_id=product.id, quantity=wish.quantity, unit_price=product.price)
        )
    session.add(order)
    session.commit()
    return order


@router.get("/users/{user_id}/orders", response_model=list[schemas.OrderOut])
def list_orders(user_id: int, session: SessionDep) -> list[Order]:
    """List a user's orders."""
    find_user(session, user_id)
    query = select(Order).where(Order.user_id == user_id).order_by(Order.id)
    return list(session.scalars(query))


@router.get("/orders/{order_id}", response_model=schemas.OrderOut)
def get_order(order_id: int, session: SessionDep) -> Order:
    """Show any order by its number."""
    order = session.get(Order, order_id)
    if order is None:
        raise HTTPException(404, f"no order {order_id}")
    return order


@router.put("/orders/{order_id}/status", response_model=schemas.OrderOut)
def set_status(order_id: int, change: schemas.OrderStatusUpdate, session: SessionDep) -> Order:
    """Move an order to another state, paid or not."""
    order = get_order(order_id, session)
    order.status = change.status
    session.commit()
    return order


@router.post("/orders/{order_id}/pay", response_model=schemas.OrderOut)
def pay_order(order_id: int, session: SessionDep) -> Order:
    """Fail, and say too much about it: the handler in `main` shows the whole traceback."""
    get_order(order_id, session)
    raise PaymentError(f"cannot reach {PAYMENT_URL}")
