"""What filters the answers of an operation."""

# No framework is imported here, so what is theirs has no type.
# ruff: noqa: ANN401

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from buckler_worker.applications import is_a
from buckler_worker.words import short

MODEL = "pydantic.main.BaseModel"
RESPONSE = "starlette.responses.Response"
JSON = "starlette.responses.JSONResponse"
EMPTY = (204, 205, 304)
NESTED = 16
"""Types within types that are looked at."""

ORDER = ("empty", "scalar", "model", "open")
"""What is made of several is the last of them."""


def response(route: Any) -> dict[str, str]:
    """Tell the response model, and whether it names the fields that may leave."""
    if getattr(route, "status_code", None) in EMPTY:
        return {"shape": "empty", "model": ""}
    model = getattr(route, "stream_item_type", None) or getattr(route, "response_model", None)
    if model is None:
        return {"shape": unfiltered(route), "model": ""}
    return {"shape": shape(model), "model": short(written(model))}


def unfiltered(route: Any) -> str:
    """Tell what leaves without a model: nothing, what the function makes itself, or anything."""
    declared = getattr(route, "response_class", None)
    declared = getattr(declared, "value", declared)
    if inspect.isclass(declared) and not is_a(declared, JSON):
        return "raw"
    try:
        returned = typing.get_type_hints(route.endpoint).get("return")
    except Exception:  # noqa: BLE001 - annotations are the app's
        return "none"
    if returned is type(None):
        return "empty"
    alternatives = get_args(returned) if get_origin(returned) is not None else (returned,)
    return "raw" if any(is_a(each, RESPONSE) for each in alternatives) else "none"


def shape(model: Any, depth: int = 0) -> str:
    """Tell whether a type names its fields (`model`), has none (`scalar`) or takes any (`open`)."""
    if depth > NESTED or model is Any or model is object:
        return "open"
    if model is None or model is type(None):
        return "empty"
    origin = get_origin(model)
    if origin is typing.Annotated:
        return shape(get_args(model)[0], depth + 1)
    if origin is typing.Literal:
        return "scalar"
    if origin in (typing.Union, types.UnionType):
        return most([shape(each, depth + 1) for each in get_args(model)])
    kind = origin or model
    if is_a(kind, MODEL) or dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return "model"
    if inspect.isclass(kind) and issubclass(kind, Mapping):
        return "open"
    if inspect.isclass(kind) and issubclass(kind, list | tuple | set | frozenset):
        named_tuple = hasattr(kind, "_fields")
        items = [shape(each, depth + 1) for each in get_args(model) if each is not ...]
        return "model" if named_tuple else most(items or ["open"])
    if get_args(model):
        return most([shape(each, depth + 1) for each in get_args(model)])
    return "scalar" if inspect.isclass(kind) else "open"


def most(shapes: list[str]) -> str:
    """Give the most open one."""
    return max(shapes, key=ORDER.index, default="open")


def written(model: Any) -> str:
    """Write a type as an annotation has it, without its modules."""
    if not get_args(model):
        return str(getattr(model, "__name__", model))
    inner = ", ".join("..." if each is ... else written(each) for each in get_args(model))
    name = getattr(get_origin(model), "__name__", str(get_origin(model)))
    return f"{name}[{inner}]"
