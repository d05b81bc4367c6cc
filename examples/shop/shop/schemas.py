"""What goes over the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field

Role = Literal["user", "admin"]
OrderStatus = Literal["open", "paid", "shipped", "cancelled"]
Price = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)]


class FromRow(BaseModel):
    """A model that reads its fields from a database row."""

    model_config = ConfigDict(from_attributes=True)


class UserCreate(BaseModel):
    """A new account."""

    email: EmailStr
    full_name: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1)]


class UserUpdate(BaseModel):
    """Changes to an account. `role` does not belong here: anybody may raise themselves."""

    email: EmailStr | None = None
    full_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    password: Annotated[str, Field(min_length=1)] | None = None
    role: Role | None = None


class UserOut(FromRow):
    """What others may see of an account."""

    id: int
    email: str
    full_name: str
    role: str
    created_at: datetime


class ProductCreate(BaseModel):
    """A new product."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str = ""
    price: Price
    stock: Annotated[int, Field(ge=0)] = 0


class ProductOut(FromRow):
    """A product."""

    id: int
    name: str
    description: str
    price: Decimal
    stock: int


class OrderLineIn(BaseModel):
    """One wish of an order."""

    product_id: int
    quantity: Annotated[int, Field(ge=1, le=1000)]


class OrderCreate(BaseModel):
    """A new order."""

    shipping_address: Annotated[str, Field(min_length=1)]
    lines: Annotated[list[OrderLineIn], Field(min_length=1)]


class OrderLineOut(FromRow):
    """One line of an order."""

    product_id: int
    quantity: int
    unit_price: Decimal


class OrderOut(FromRow):
    """An order with its lines."""

    id: int
    user_id: int
    status: OrderStatus
    shipping_address: str
    created_at: datetime
    lines: list[OrderLineOut]


class OrderStatusUpdate(BaseModel):
    """The next state of an order."""

    status: OrderStatus


class CommentCreate(BaseModel):
    """A comment; `html` is shown as it is."""

    author: Annotated[str, Field(min_length=1, max_length=200)]
    html: Annotated[str, Field(min_length=1)]


class CommentOut(FromRow):
    """A comment."""

    id: int
    product_id: int
    author: str
    html: str
    created_at: datetime


class AvatarOut(BaseModel):
    """What was stored."""

    filename: str
    content_type: str
    size: int


class PriceTick(BaseModel):
    """One event of the price stream."""

    sequence: int
    product: str
    price: Decimal


class ChatMessage(BaseModel):
    """What a member of a chat room gets to see."""

    kind: Literal["joined", "message", "left"]
    sender: str
    text: str = ""
    members: list[str] = []


class Counters(BaseModel):
    """What this worker process holds open."""

    open_streams: int
    chat_members: int


class SinkReceipt(BaseModel):
    """What `POST /sink` has seen go by."""

    bytes: int
    sha256: str


class Peer(BaseModel):
    """One end of the connection as the app sees it."""

    host: str
    port: int


class WhoAmI(BaseModel):
    """A request as the app sees it."""

    client: Peer | None
    scheme: str
    method: str
    host: str
    path: str
    raw_path: str
    query: str
    root_path: str
    url: str
    base_url: str
    url_for: str
    http_version: str
    headers: list[tuple[str, str]]
