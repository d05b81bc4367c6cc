"""Types that read more, or other, than their JSON Schema says; with what they take and refuse."""

# ruff: noqa: ANN401, ARG003, ARG005
# mypy: disable-error-code="pydantic-alias"

import dataclasses
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Json,
    PlainValidator,
    RootModel,
    Tag,
    WithJsonSchema,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import core_schema
from typing_extensions import TypedDict

T = TypeVar("T")


class Before(BaseModel):
    a: Annotated[int, BeforeValidator(lambda value: len(str(value)))]
    b: int


class Wrapped(BaseModel):
    a: Annotated[int, WrapValidator(lambda value, _: 1)]
    b: int


class Plainly(BaseModel):
    a: Annotated[int, PlainValidator(lambda value: 1)]
    b: int


class Decorated(BaseModel):
    a: int
    b: int

    @field_validator("a", mode="before")
    @classmethod
    def any_a(cls, value: object) -> int:
        return 1


class Whole(BaseModel):
    a: int
    b: int = 2

    @model_validator(mode="before")
    @classmethod
    def unwrapped(cls, value: Any) -> Any:
        if value == "refused":
            raise ValueError(value)
        return {"a": 1}


class Round(BaseModel):
    a: int

    @model_validator(mode="wrap")
    @classmethod
    def unwrapped(cls, value: Any, handler: Any) -> Any:
        return handler({"a": value if isinstance(value, int) else value["n"]})


class Own:
    @classmethod
    def __get_pydantic_core_schema__(cls, kind: Any, _: GetCoreSchemaHandler) -> Any:
        inner = core_schema.int_schema()
        read = core_schema.no_info_before_validator_function(lambda value: len(value), inner)
        return core_schema.json_or_python_schema(json_schema=inner, python_schema=read)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return {"type": "integer", "maximum": 1}


class HasOwn(BaseModel):
    a: Own
    b: int

    model_config = ConfigDict(arbitrary_types_allowed=True)


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True, alias_generator=to_camel, extra="forbid")
    first_name: str
    last_one: int = 1


class OnlyName(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
    one: int = Field(alias="uno")


class Choices(BaseModel):
    a: int = Field(validation_alias=AliasChoices("x", "y"))
    b: int = Field(1, validation_alias=AliasPath("deep", 0))
    c: int = Field(1, validation_alias=AliasChoices("z", AliasPath("list", 1)))


class Numbers(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    a: Annotated[str, Field(max_length=3)]


class Stripped(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_to_lower=True)
    a: Annotated[str, Field(max_length=3, pattern="^[a-z]+$")]


class Looking(BaseModel):
    model_config = ConfigDict(regex_engine="python-re")
    a: Annotated[str, Field(pattern=r"^a(?=b)b$")]
    b: Annotated[str, Field(pattern=r"^\d$")]
    c: int = 1


class Patterned(BaseModel):
    a: Annotated[str, Field(pattern=re.compile("^a$", re.IGNORECASE))]
    b: int = 1


class Said(BaseModel):
    model_config = ConfigDict(json_schema_extra={"maxProperties": 1, "required": ["other"]})
    a: Annotated[str, WithJsonSchema({"type": "integer"})]
    b: Annotated[str, Field(json_schema_extra={"maxLength": 1})]
    c: int | SkipJsonSchema[None] = None
    d: SkipJsonSchema[int] = 1
    e: int = Field(1, json_schema_extra=lambda schema: schema.update(const=1))


class Kind(Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> "Kind | None":
        return cls.A if value == "b" else None


class HasKind(BaseModel):
    a: Kind
    b: int = 1


class Made(BaseModel):
    a: int

    def __init__(self, **given: Any) -> None:
        super().__init__(a=given.get("b", given.get("a")))


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int


class Lazy(BaseModel):
    a: Iterable[int]
    b: int = 1


class Embedded(BaseModel):
    a: Json[dict[str, int]]
    b: Json[Any] = None


@dataclasses.dataclass
class Data:
    a: int
    b: list[Inner] = dataclasses.field(default_factory=list)


@pydantic_dataclass(config=ConfigDict(extra="forbid", populate_by_name=True))
class Strictly:
    a: int = Field(alias="uno")
    b: int = Field(1, init=False)


class Typed(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    a: int
    b: Annotated[int, BeforeValidator(lambda value: 1)]


class Pair(NamedTuple):
    a: int
    b: str = ""


class Page(BaseModel, Generic[T]):
    items: list[T]
    total: Annotated[int, Field(ge=0)] = 0


def chosen(value: Any) -> str:
    return "n" if isinstance(value, dict) else "a"


Either = Annotated[
    Annotated[Inner, Tag("n")]
    | Annotated[int, BeforeValidator(lambda value: len(value)), Tag("a")],
    Discriminator(chosen),
]


class Cat(BaseModel):
    kind: Literal["cat"] = Field(alias="type")
    a: int = 1


class Dog(BaseModel):
    kind: Literal["dog"] = Field(alias="type")
    a: list[int] = []


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Amounts(BaseModel):
    price: Annotated[Decimal, Field(max_digits=4, decimal_places=2, ge=Decimal("0.1"))] = Decimal(1)
    born: Annotated[date, Field(gt=date(2020, 1, 1))] = date(2026, 1, 1)
    share: Annotated[float, Field(le=float("inf"))] = 1.0


class Late(BaseModel):
    a: Annotated[int, Field(validate_default=True), AfterValidator(lambda value: value)] = 1
    next: "Late | None" = None


Listed = RootModel[list[Inner]]

# A type, bodies that the app may take, and one that it refuses.
BODIES: list[tuple[str, Any, list[Any], Any]] = [
    ("before", Before, [{"a": "text", "b": 1}, {"a": [1], "b": 2}], {"a": 1, "b": "x"}),
    ("wrap", Wrapped, [{"a": {}, "b": 1}], {"a": 1, "b": "x"}),
    ("plain", Plainly, [{"a": "x", "b": 1}, {"a": None, "b": 1}], {"b": 1}),
    ("field validator", Decorated, [{"a": "x", "b": "1"}], {"a": 1}),
    ("model before", Whole, ["text", [1], {"c": 1}], "refused"),
    ("model wrap", Round, [7, {"n": 1}], {"n": "x"}),
    ("own core schema", HasOwn, [{"a": "text", "b": 1}, {"a": [1], "b": 1}], {"a": "", "b": "x"}),
    (
        "by name",
        ByName,
        [{"firstName": "a"}, {"first_name": "a", "last_one": 2}, {"firstName": "a", "lastOne": 3}],
        {"lastOne": 1},
    ),
    ("by name alone", OnlyName, [{"one": 1}, {"one": 1, "uno": "x"}], {"uno": 1}),
    (
        "choices",
        Choices,
        [{"x": 1}, {"y": 1}, {"x": 1, "y": "x"}, {"x": 1, "deep": [7]}, {"y": 1, "list": [0, 1]}],
        {"x": "x"},
    ),
    ("numbers as text", Numbers, [{"a": 1}, {"a": 1.5}, {"a": "abc"}], {"a": "abcd"}),
    ("stripped", Stripped, [{"a": "  abc "}, {"a": "x"}], {"a": "abcd"}),
    ("python patterns", Looking, [{"a": "ab", "b": "1\n"}], {"a": "ab", "b": "1", "c": "x"}),
    ("compiled pattern", Patterned, [{"a": "A"}], {"a": "A", "b": "x"}),
    (
        "what is said",
        Said,
        [{"a": "x", "b": "long"}, {"a": "1", "b": "b", "c": None, "d": 5, "e": 7}],
        {"a": "x", "b": 1},
    ),
    ("enum", HasKind, [{"a": "a"}, {"a": "b"}], {"a": "b", "b": "x"}),
    ("own init", Made, [{"b": 1}, {"a": 1}], {"a": "x"}),
    ("iterable", Lazy, [{"a": ["x"]}, {"a": [1]}], {"a": [1], "b": "x"}),
    ("json", Embedded, [{"a": '{"x": 1}'}, {"a": "{}", "b": "[1]"}], {"a": 1}),
    ("dataclass", Data, [{"a": 1}, {"a": "1", "b": [{"n": 1}]}], {"a": 1, "b": [{"n": 1, "m": 1}]}),
    ("pydantic dataclass", Strictly, [{"uno": 1}, {"a": 1}], {"uno": 1, "x": 1}),
    ("typed dict", Typed, [{}, {"a": 1, "b": "x"}], {"a": 1, "x": 1}),
    ("named tuple", Pair, [[1, "x"], [1], {"a": 1}], ["x"]),
    ("generic", Page[Inner], [{"items": [{"n": 1}]}, {"items": [], "total": 2}], {"items": [{}]}),
    ("generic before", Page[Before], [{"items": [{"a": "x", "b": 1}]}], {"items": [{"a": 1}]}),
    ("chosen by a function", Either, [{"n": 1}, "text", []], {"n": "x"}),
    ("discriminated", Pet, [{"type": "cat"}, {"type": "dog", "a": [1]}], {"type": "dog", "a": 1}),
    (
        "bounds",
        Amounts,
        [{"price": "1.5"}, {"price": 99.5, "born": "2026-01-02"}, {"share": 1e9}, {"share": "inf"}],
        {"price": [1]},
    ),
    ("recursive", Late, [{}, {"next": {"next": None, "a": "2"}}], {"next": {"a": "x"}}),
    ("root", Listed, [[], [{"n": 1}]], [{"n": 1, "m": 2}]),
    ("list", list[Before], [[{"a": "x", "b": 1}]], [{"a": "x"}]),
    ("map", dict[str, Decorated], [{"k": {"a": "x", "b": 1}}], {"k": {"a": 1}}),
    ("union", Inner | int, [{"n": 1}, 5, "5"], {"n": "x"}),
    ("text", str, ["x", ""], 1),
    ("bytes", bytes, ["x"], 1),
    ("optional", Inner | None, [{"n": 1}], {"n": "x"}),
    ("after", Annotated[int, AfterValidator(lambda value: value)], [1, "2"], "x"),
]
