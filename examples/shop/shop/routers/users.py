"""Accounts. Nobody is asked who they are."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.encoders import jsonable_encoder
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop import schemas
from shop.db import SessionDep
from shop.models import User
from shop.passwords import digest

router = APIRouter(prefix="/users", tags=["users"])


def find_user(session: Session, user_id: int) -> User:
    """Load a user or answer 404."""
    user = session.get(User, user_id)
    if user is None:
        raise HTTPException(404, f"no user {user_id}")
    return user


def commit_or_conflict(session: Session) -> None:
    """Commit; an address that is taken already answers 409."""
    try:
        session.commit()
    except IntegrityError as error:
        session.rollback()
        raise HTTPException(409, "that e-mail address has an account already") from error


@router.post("", status_code=201, response_model=schemas.UserOut)
def create_user(new: schemas.UserCreate, session: SessionDep) -> User:
    """Open an account."""
    user = User(
        email=new.email, full_name=new.full_name, hashed_password=digest(new.password), role="user"
    )
    session.add(user)
    commit_or_conflict(session)
    return user


@router.get("", response_model=list[schemas.UserOut])
def list_users(
    session: SessionDep,
    limit: Annotated[int, Query(ge=1)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[User]:
    """List accounts; `limit` has no upper bound."""
    return list(session.scalars(select(User).order_by(User.id).limit(limit).offset(offset)))


@router.get("/{user_id}", response_model=schemas.UserOut)
def get_user(user_id: int, session: SessionDep) -> User:
    """Show one account."""
    return find_user(session, user_id)


@router.get("/{user_id}/export")
def export_user(user_id: int, session: SessionDep) -> dict[str, object]:
    """Give all that is stored on a user. It has no response model, so the hash goes along."""
    user = find_user(session, user_id)
    columns = {column.key: getattr(user, column.key) for column in User.__table__.columns}
    exported: dict[str, object] = jsonable_encoder(columns)
    exported["orders"] = [order.id for order in user.orders]
    return exported


@router.patch("/{user_id}", response_model=schemas.UserOut)
def update_user(user_id: int, changes: schemas.UserUpdate, session: SessionDep) -> User:
    """Change an account: every field that is sent is set."""
    user = find_user(session, user_id)
    fields = changes.model_dump(exclude_unset=True, exclude_none=True)
    password = fields.pop("password", None)
    if password is not None:
        user.hashed_password = digest(password)
    for name, value in fields.items():
        setattr(user, name, value)
    commit_or_conflict(session)
    return user
