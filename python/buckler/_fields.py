"""FastAPI's fields: by which names they are looked for, and what kind of thing they are."""

# Fields are FastAPI's, which is not imported here.
# ruff: noqa: ANN401

import inspect
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin


def flat(dependant: Any) -> Iterator[Any]:
    """Give a dependant and all that it depends on, each once."""
    known: set[int] = set()
    waiting = [dependant]
    while waiting:
        each = waiting.pop()
        if id(each) not in known:
            known.add(id(each))
            yield each
            waiting.extend(reversed(each.dependencies))


def adapted(field: Any) -> Mapping[str, Any] | None:
    """Give the core schema by which FastAPI reads a field."""
    core = getattr(getattr(field, "_type_adapter", None), "core_schema", None)
    return core if isinstance(core, Mapping) else None


def names(field: Any) -> list[str]:
    """Give the names by which a field is looked for, the first one first."""
    alias = field.field_info.validation_alias
    choices = getattr(alias, "choices", None)
    if choices and all(isinstance(each, str) for each in choices):
        return list(dict.fromkeys(choices))
    return [alias if isinstance(alias, str) and alias else field.alias]


def is_plain(info: Any) -> bool:
    """Whether a field is looked for by its names alone."""
    alias = info.validation_alias
    choices = getattr(alias, "choices", None)
    return (
        alias is None
        or isinstance(alias, str)
        or bool(choices and all(isinstance(each, str) for each in choices))
    )


def alternatives(info: Any) -> list[Any]:
    """Give the types that a field may have, but for `None`."""
    return [bare(each) for each in choices_of(info.annotation) if each is not type(None)]


def choices_of(annotation: Any) -> tuple[Any, ...]:
    """Give the members of a union, or what is none."""
    is_union = get_origin(annotation) in (Union, UnionType)
    return get_args(annotation) if is_union else (annotation,)


def bare(annotation: Any) -> Any:
    """Take what is annotated out of it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def is_model(info: Any) -> bool:
    """Whether a field is a model whose members are read one by one."""
    found = alternatives(info)
    is_json = any(type(each).__qualname__ == "Json" for each in info.metadata)
    return len(found) == 1 and has_members(found[0]) and not is_json


def has_members(kind: Any) -> bool:
    """Whether a type is a model."""
    return inspect.isclass(kind) and hasattr(kind, "model_fields")


def is_union_of_models(info: Any) -> bool:
    """Whether a field may be one of several models."""
    found = alternatives(info)
    return len(found) > 1 and any(has_members(each) for each in found)


def is_needed(field: Any) -> bool:
    """Whether a model has to be there."""
    info = field.field_info
    return bool(info.is_required()) and type(None) not in choices_of(info.annotation)


def is_form(field: Any) -> bool:
    """Whether a field is one of a form."""
    kinds = type(field.field_info).__mro__
    return any(f"{each.__module__}.{each.__qualname__}" == "fastapi.params.Form" for each in kinds)
