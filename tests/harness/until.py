"""Waiting for something that has to happen."""

import time
from collections.abc import Callable
from typing import TypeVar

from harness.places import PATIENCE

T = TypeVar("T")


def until(what: str, attempt: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Call `attempt` until it gives something true, and give that."""
    deadline = time.monotonic() + patience
    while True:
        found = attempt()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.02)
