"""The engine, its sessions, and the one place that creates tables."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, CreateTable

from shop.models import Base
from shop.settings import Settings

BUSY_TIMEOUT_SECONDS = 30
"""How long a writer waits for another worker's write; SQLite allows one at a time."""


def make_engine(url: str) -> Engine:
    """Build an engine that several worker processes may point at the same file."""
    return create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS},
    )


@lru_cache(maxsize=1)
def engine() -> Engine:
    """Give this process's engine, made at its first use."""
    return make_engine(Settings.from_environment().database_url)


def create_tables(target: Engine) -> None:
    """Create what is missing.

    `IF NOT EXISTS` rather than `create_all`: the workers start together, and looking first and
    creating afterwards would let two of them create the same table.
    """
    with target.begin() as connection:
        for table in Base.metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))


def session() -> Iterator[Session]:
    """Open one session for one request."""
    with Session(engine()) as opened:
        yield opened


SessionDep = Annotated[Session, Depends(session)]
