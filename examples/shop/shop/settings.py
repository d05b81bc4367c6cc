"""What the environment says."""

import os
from dataclasses import dataclass

DEFAULT_DATABASE_URL = "sqlite:///shop.db"
"""A file in the working directory."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process, read once."""

    database_url: str

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `SHOP_DATABASE_URL`, a SQLAlchemy URL."""
        return cls(database_url=os.environ.get("SHOP_DATABASE_URL", DEFAULT_DATABASE_URL))
