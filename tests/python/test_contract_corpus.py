"""What Pydantic takes is never refused before it: the corpus that a contract is judged by (R40).

The corpus is a file beside the tests of `buckler-schema`, one line for each type: its schema, and
values with whether Pydantic takes them, from JSON or as FastAPI hands them over.
`BUCKLER_BLESS=1` writes it anew.
"""

import json
import os
import random
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pytest
from harness.places import ROOT
from pydantic import (
    AnyUrl,
    Base64Bytes,
    Base64Str,
    BaseModel,
    ByteSize,
    ConfigDict,
    Discriminator,
    EmailStr,
    Field,
    HttpUrl,
    IPvAnyAddress,
    IPvAnyNetwork,
    Json,
    NameEmail,
    SecretStr,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
)
from typing_extensions import TypedDict

CORPUS = ROOT / "crates/buckler-schema/tests/fixtures/pydantic.jsonl"

SEED = 20260101
MUTANTS = 60
"""Values that are made of each one that fits."""


class Plain(Enum):
    A = 1
    B = 2


class Whole(IntEnum):
    A = 1
    B = 20


class Share(float, Enum):
    HALF = 0.5
    TWO = 2.0


class Color(StrEnum):
    RED = "red"
    GREEN = "Green"


class Mixed(Enum):
    YES = True
    NAME = "name"
    NONE = None


class Point(NamedTuple):
    x: int
    y: float


class Named(TypedDict, total=False):
    a: int
    b: list[str]


class Item(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=8)]
    price: Annotated[float, Field(gt=0, le=1000, multiple_of=0.01)]
    count: Annotated[int, Field(ge=0, lt=100)] = 1
    color: Color = Color.RED
    tags: set[str] = set()
    born: date | None = None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int
    b: bool = False


class Node(BaseModel):
    value: int
    children: list["Node"] = []
    next: Optional["Node"] = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    born: datetime


class Cow(BaseModel):
    kind: Literal["cow", "ox"]
    weight: Decimal


class Order(BaseModel):
    id: uuid.UUID
    at: datetime
    lines: Annotated[list[Item], Field(min_length=1, max_length=3)]
    notes: dict[str, int | None] = {}
    pet: Annotated[Cat | Dog | Cow, Field(discriminator="kind")] | None = None


def width(value: object) -> str:
    """Which of two shapes is meant, which a schema cannot say."""
    return "wide" if isinstance(value, Mapping) and "b" in value else "slim"


class Slim(BaseModel):
    a: int = 0


class Wide(BaseModel):
    a: int = 0
    b: int = 0


Chosen = Annotated[
    Annotated[Slim, Tag("slim")] | Annotated[Wide, Tag("wide")], Discriminator(width)
]

SCALARS: list[Any] = [
    int,
    float,
    bool,
    str,
    bytes,
    Decimal,
    datetime,
    date,
    time,
    timedelta,
    uuid.UUID,
    None,
    Path,
    EmailStr,
    NameEmail,
    AnyUrl,
    HttpUrl,
    SecretStr,
    ByteSize,
    Json,
    Json[int],
    Base64Bytes,
    Base64Str,
    IPv4Address,
    IPv6Address,
    IPv4Network,
    IPv6Network,
    IPv4Interface,
    IPv6Interface,
    IPvAnyAddress,
    IPvAnyNetwork,
    Plain,
    Whole,
    Share,
    Color,
    Mixed,
    Literal[1],
    Literal[True],
    Literal["a", "b"],
    Literal[1, "a", None, False],
    Literal["7"],
    int | None,
    int | str,
    float | None | bool,
    date | int,
    Annotated[int, Field(ge=1, le=10)],
    Annotated[int, Field(gt=1, lt=10, multiple_of=3)],
    Annotated[int, Field(gt=2**63, lt=2**70)],
    Annotated[int, Field(ge=-5)] | None,
    Annotated[float, Field(gt=0, lt=1)],
    Annotated[float, Field(multiple_of=0.1)],
    Annotated[Decimal, Field(gt=0, max_digits=6, decimal_places=2)],
    Annotated[Decimal, Field(gt=0.1)],
    Annotated[str, Field(min_length=2, max_length=4)],
    Annotated[str, Field(pattern=r"^[a-z]+$")],
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=3, pattern="^[a-z0-9]+$")],
    Annotated[str, StringConstraints(to_lower=True, max_length=5)],
    Annotated[str, StringConstraints(to_upper=True)],
    Annotated[bytes, Field(min_length=3, max_length=4)],
    Annotated[Base64Bytes, Field(max_length=3)],
    Annotated[timedelta, Field(ge=timedelta(1))],
]

VALUES: list[Any] = json.loads("""[
null, true, false, 0, 1, 2, 3, 7, 9, 10, 20, -1, -5, 100, 86400, 2147483648,
9007199254740993, 9223372036854775809, 18446744073709551616, 36893488147419103232,
1180591620717411303424, 1000000000000000000000000000000, 0.0, 1.0, 0.1, 0.3, 0.5, 0.7, 1.5,
2.0, 9.0, -0.0, 1e+20, 1e+300, 0.30000000000000004, 12345678.5, "", " ", "x", "a", "A",
"b", " a ", "ab", "abc", "ABC", " abc ", "abcde", "red", "RED", "Green", "name", "\\u00e9",
"\\u00e9a", "\\u00df", "\\u0130", "0", "1", " 1 ", "+1", "-0", "1_000", "1.0", "1.", ".5",
"1.5", "1e3", "1__0", "_1", "0x1", "007", "7", "9", "20", "\\u0661", "0.1",
"0.10000000000000000000000001", "1e-400", "1e400", "inf", "-Infinity", "nan",
"9223372036854775809", "1111111111111111111111111111111111111111", "true", "True", "on",
"OFF", "yes", "n", "T", " true ", "null", "none", "2026-01-02", "2026-02-30",
"2026-01-02T03:04", "2026-01-02 03:04:05.678901Z", "2026-01-02T03:04:05+01:00",
"2026-01-02T00:00:00", "20260102", "1767312000", "0001-01-01",
"9999-12-31T23:59:59.999999", "2026-1-2", "10:00", "10:00:01.5Z", "23:59:60", "24:00",
"10", "P1D", "-P1DT2H", "P1W", "1 day", "3 days, 01:02:03", "01:00", "1d", "P",
"12345678-1234-4234-8234-123456789012", "12345678123412341234123456789012",
"{12345678-1234-4234-8234-123456789012}", "urn:uuid:12345678-1234-4234-8234-123456789012",
"12345678-1234-4234-8234-12345678901", "a@b.example", "Joe <a@b.example>", " a@b.example ",
"@b.example", "a@b", "http://a.example/", "HTTPS://a.example", "ftp://a.example", "//a",
"1KB", "1.5 GiB", "[1]", "{", "\\"1\\"", "YQ==", "YWJj", "YQ", "1.2.3.4", "01.2.3.4",
"1.2.3.256", "1.2.3.0/24", "1.2.3.4/24", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", "::/64",
"1::2::3", [], [1], ["1"], [[]], {}, {"a": 1}, {"x": 1, "y": "2"}
]""")

ITEM = {
    "name": "tea",
    "price": 2.5,
    "count": 3,
    "color": "red",
    "tags": ["a", "a"],
    "born": "2026-01-02",
}
ORDER = {
    "id": "12345678-1234-4234-8234-123456789012",
    "at": "2026-01-02T03:04:05Z",
    "lines": [ITEM],
    "notes": {"a": 1, "b": None},
    "pet": {"kind": "cow", "weight": "7.5"},
}
TREE = {"value": 1, "children": [{"value": 2, "next": {"value": 3}}], "next": None}

# Types, and values that fit.
COMPOSED: list[tuple[Any, list[Any]]] = [
    (list[int], [[1, 2]]),
    (list[Any], [[1, None, {}]]),
    (Annotated[list[str], Field(min_length=1, max_length=2)], [["a"], ["a", "b", "c"]]),
    (set[int], [[1, 1, "1", 2]]),
    (Annotated[set[int], Field(min_length=2, max_length=2)], [[1, 1, 2, 2], [1, 1], [1, 2, 3]]),
    (frozenset[Color], [["red", "red"]]),
    (Annotated[deque[int], Field(max_length=2)], [[1, 2]]),
    (Sequence[float], [[1, "2"]]),
    (tuple[int, str], [[1, "a"]]),
    (tuple[int, ...], [[1, 2, 3]]),
    (Point, [[1, 2.5], {"x": 1, "y": 2}]),
    (dict[str, int], [{"a": 1}]),
    (dict[int, str], [{"1": "a"}]),
    (dict[Color, list[int]], [{"red": [1]}]),
    (dict[uuid.UUID, bool], [{"12345678-1234-4234-8234-123456789012": "on"}]),
    (
        Annotated[dict[str, int], Field(min_length=1, max_length=2)],
        [{"a": 1}, {"a": 1, "b": 2, "c": 3}],
    ),
    (dict[Annotated[str, Field(pattern="^x")], int], [{"x1": 1}]),
    (Named, [{"a": 1, "b": ["x"]}]),
    (Item, [ITEM]),
    (Strict, [{"a": 1, "b": True}]),
    (Node, [TREE]),
    (Order, [ORDER]),
    (
        Annotated[Cat | Dog, Field(discriminator="kind")],
        [{"kind": "cat"}, {"kind": "dog", "born": 1.5}],
    ),
    (Chosen, [{"a": 1}, {"a": 1, "b": 2}]),
    (Cat | Dog | list[Cow], [{"kind": "cat", "lives": "7"}, [{"kind": "ox", "weight": 1}]]),
    (list[Item] | None, [[ITEM], None]),
]


def changed(value: object, by: random.Random) -> object:
    """The same, with one thing in it that is something else."""
    if isinstance(value, dict) and value and by.random() < 0.85:
        name = by.choice(sorted(value))
        what = by.random()
        others = {key: below for key, below in value.items() if key != name}
        if what < 0.1:
            return others
        if what < 0.2:
            return {**value, by.choice(["extra", "1", "b", name.upper()]): by.choice(VALUES)}
        return {**others, name: changed(value[name], by)}
    if isinstance(value, list) and value and by.random() < 0.85:
        at = by.randrange(len(value))
        what = by.random()
        if what < 0.1:
            return value[:at] + value[at + 1 :]
        if what < 0.25:
            return [*value, value[at]]
        return [*value[:at], changed(value[at], by), *value[at + 1 :]]
    return by.choice(VALUES)


def takes(adapter: TypeAdapter[Any], value: object) -> bool:
    """Whether Pydantic takes it from JSON, or as FastAPI hands it over."""
    text = json.dumps(value)
    for judge, given in (
        (adapter.validate_json, text),
        (adapter.validate_python, json.loads(text)),
    ):
        try:
            judge(given)
        except ValidationError:
            continue
        return True
    return False


def corpus() -> str:
    by = random.Random(SEED)
    lines = []
    composed = [
        (given, fitting + [changed(value, by) for value in fitting for _ in range(MUTANTS)])
        for given, fitting in COMPOSED
    ]
    for given, values in [(given, VALUES) for given in SCALARS] + composed:
        adapter: TypeAdapter[Any] = TypeAdapter(given)
        schema = adapter.json_schema(mode="validation", ref_template="#/components/schemas/{model}")
        defs = schema.pop("$defs", {})
        texts = {json.dumps(value): value for value in values}
        judged: dict[str, list[Any]] = {"taken": [], "refused": []}
        for value in texts.values():
            judged["taken" if takes(adapter, value) else "refused"].append(value)
        line = {"schema": schema, "components": defs, **judged}
        lines.append(json.dumps(line, separators=(",", ":")) + "\n")
    return "".join(lines)


# Pydantic hands a boolean to `ipaddress`, which Python warns of.
@pytest.mark.filterwarnings("ignore:__int__ returned non-int:DeprecationWarning")
def test_the_corpus_is_what_pydantic_says() -> None:
    # R40: the tests of the contract take this file for Pydantic itself.
    told = corpus()
    if os.environ.get("BUCKLER_BLESS"):
        CORPUS.parent.mkdir(exist_ok=True)
        CORPUS.write_text(told)
    assert CORPUS.read_text() == told, (
        "Pydantic says something else; BUCKLER_BLESS=1 writes it anew"
    )
