"""What is told of an app is short, and names things rather than showing them."""

import functools
import inspect
from collections.abc import Iterable

LONGEST = 300
"""Characters of one text."""

MOST = 100
"""Items of one list."""


def short(text: object) -> str:
    """Give a text of bounded length that JSON can hold: Python's may have halves of characters."""
    return str(text)[:LONGEST].encode("utf-8", "replace").decode()


def listed(items: Iterable[object]) -> list[str]:
    """Give texts of bounded length and number."""
    return [short(item) for item, _ in zip(items, range(MOST), strict=False)]


def named(thing: object) -> str:
    """Give `module:name` of a function or class, of an object that can be called its class."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    if not (inspect.isroutine(thing) or inspect.isclass(thing)):
        thing = type(thing)
    module = getattr(thing, "__module__", "")
    return short(f"{module}:{getattr(thing, '__qualname__', '')}".strip(":"))
