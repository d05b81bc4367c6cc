"""The event loops that apps run in."""

import asyncio
from collections.abc import Callable
from typing import Any

import trio
import uvloop

TURNS = 1000
"""Of a loop in which nobody waits: far more than it takes to start what is to be started."""

Run = Callable[[Callable[[], Any]], None]
"""Runs a function in a new loop."""


def in_asyncio(function: Callable[[], Any]) -> None:
    """Run in a new loop of asyncio."""
    asyncio.run(function())


def in_uvloop(function: Callable[[], Any]) -> None:
    """Run in a new loop of uvloop."""
    uvloop.run(function())


def in_trio(function: Callable[[], Any]) -> None:
    """Run in a new run of trio."""
    trio.run(function)


ALL: list[Run] = [in_asyncio, in_uvloop, in_trio]
