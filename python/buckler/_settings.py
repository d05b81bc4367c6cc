"""From keyword arguments to settings of the policy."""

from collections.abc import Mapping
from os import PathLike, fspath


def overrides_of(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Give keys with dots, and values as they are written in an environment variable."""
    return [
        (name.replace("__", "."), written(value))
        for name, value in values.items()
        if value is not None
    ]


def written(value: object) -> str:
    """Write a value as in an environment variable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, PathLike):
        return str(fspath(value))
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(written(item) for item in value)
    return str(value)
