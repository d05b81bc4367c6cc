"""Somebody well-behaved, who is served whatever others do meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harness.gateway import Gateway
from harness.places import PATIENCE

PAUSE = 0.01
"""Seconds between two requests."""


@contextmanager
def somebody_is_served(gateway: Gateway, path: str = "/healthy") -> Iterator[None]:
    """Ask again and again meanwhile; every answer has to come, and be the right one."""
    over = threading.Event()
    statuses: list[int | str] = []

    def ask() -> None:
        with gateway.client() as client:
            while not over.is_set() or not statuses:
                try:
                    statuses.append(client.get(path).status_code)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
                    statuses.append(repr(error))
                    return
                over.wait(PAUSE)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE)
    assert set(statuses) == {200}, statuses
