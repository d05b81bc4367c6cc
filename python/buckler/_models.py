"""What models read, as JSON Schema: no more than they really refuse.

A model tells by its JSON Schema what it wants, and reads by its core schema. Both differ where a
function of the app runs before or instead of the model's own types, where a member has several
names, where `json_schema_extra` or `WithJsonSchema` says something else. Here Pydantic's own
generator walks the core schemas, without what the app adds to their description; what it cannot
know of is a schema that takes anything, and is noted.
"""

# Core schemas are dictionaries, whose types Pydantic keeps to itself from version to version.
# ruff: noqa: ANN401

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

WHERE = "#/components/x-buckler-models/"
"""Where the models' schemas stand in the document, beside those that clients are told."""

TRUSTED = ("pydantic.", "pydantic_core.", "fastapi.")
"""Whose functions say of themselves what they take; the corpus of the tests holds them to it."""

DESCRIBING = ("WithJsonSchema", "SkipJsonSchema", "Examples")
"""Those of Pydantic's that put the app's words in place of what is read."""

PLAIN = frozenset(
    (
        *("any", "none", "bool", "int", "float", "decimal", "str", "bytes", "literal", "enum"),
        *("date", "time", "datetime", "timedelta", "url", "multi-host-url", "uuid", "json"),
        *("list", "tuple", "set", "frozenset", "deque", "dict", "named-tuple", "named-tuple-field"),
        *("model", "model-fields", "model-field", "typed-dict", "typed-dict-field", "dataclass"),
        *("dataclass-args", "dataclass-field", "call", "arguments", "is-instance", "custom-error"),
        *("nullable", "union", "tagged-union", "lax-or-strict", "json-or-python", "chain"),
        *("default", "function-after", "definitions", "definition-ref"),
    )
)
"""Nodes whose JSON Schema says what they take; all others take what they like."""

FUNCTIONS = frozenset(("function-before", "function-wrap", "function-plain"))
"""Functions that see a value before its type does."""

SAMPLES: tuple[object, ...] = (None, True, 1, 1.5, "", [], {})
"""What JSON can hold."""


class Reading(NamedTuple):
    """What some fields read."""

    schemas: list[dict[str, Any]]
    """One for each, in their order."""

    models: dict[str, dict[str, Any]]
    """What they refer to below `WHERE`, by name."""

    wider: list[str]
    """Where more is taken than a type says, and why."""


def read(adapted: list[Mapping[str, Any] | None]) -> Reading:
    """Read core schemas. One that cannot be read, and `None`, take anything."""
    wider: list[str] = []
    kind = generator(wider)
    schemas: list[dict[str, Any]] = [{} for _ in adapted]
    known = [(at, core) for at, core in enumerate(adapted) if core is not None]
    try:
        made, models = generated(kind, known)
    except Exception:  # noqa: BLE001 - whatever a type of the app raises costs that type alone
        readable = [each for each in known if is_readable(kind, *each)]
        wider.clear()
        wider.append(f"{len(known) - len(readable)} fields: their types cannot be read")
        made, models = generated(kind, readable)
    for at, schema in made.items():
        schemas[at] = schema
    return Reading(schemas, models, list(dict.fromkeys(wider)))


def generated(
    kind: Callable[[], Any], known: Iterable[tuple[int, Any]]
) -> tuple[dict[int, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Generate schemas that share their definitions."""
    from pydantic_core import to_jsonable_python

    inputs = [(at, "validation", core) for at, core in known]
    made, models = kind().generate_definitions(inputs)
    # Bounds may be decimals, and infinite.
    plain = partial(to_jsonable_python, inf_nan_mode="null", fallback=str)
    return {at: plain(schema) for (at, _), schema in made.items()}, plain(models)


def is_readable(kind: Callable[[], Any], at: int, core: Any) -> bool:
    """Whether a schema comes of it at all."""
    try:
        generated(kind, [(at, core)])
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def is_trusted(function: Any) -> bool:
    """Whether a function is Pydantic's or FastAPI's own, and speaks for itself."""
    while isinstance(function, partial):
        function = function.func
    owner = getattr(function, "__module__", None) or type(function).__module__
    name = str(getattr(function, "__qualname__", ""))
    return f"{owner}.".startswith(TRUSTED) and not name.startswith(DESCRIBING)


def of_node(node: Mapping[str, Any]) -> Any:
    """Give the function of a node."""
    function = node.get("function")
    return function.get("function") if isinstance(function, Mapping) else function


def has_own_functions(node: Any, depth: int = 12) -> bool:
    """Whether a function of the app stands anywhere in a schema; what is too deep counts as one."""
    if depth == 0:
        return True
    if isinstance(node, Mapping):
        kind = node.get("type")
        own = isinstance(kind, str) and kind in FUNCTIONS and not is_trusted(of_node(node))
        below = (node[name] for name in node if name not in ("metadata", "serialization", "cls"))
        return own or any(has_own_functions(each, depth - 1) for each in below)
    if isinstance(node, list | tuple):
        return any(has_own_functions(each, depth - 1) for each in node)
    return False


def paths(alias: Any) -> list[list[Any]]:
    """Give the ways to a member that an alias stands for."""
    if isinstance(alias, str):
        return [[alias]]
    if isinstance(alias, list) and alias:
        return alias if isinstance(alias[0], list) else [alias]
    return []


def may_miss(node: Mapping[str, Any]) -> bool:
    """Whether a member need not be there: a default may stand below what wraps it."""
    for _ in range(16):
        if node.get("type") == "default":
            return True
        below = node.get("schema")
        if not isinstance(below, Mapping):
            return False
        node = below
    return True


def generator(wider: list[str]) -> Callable[[], Any]:
    """Give Pydantic's generator, made to read and not to describe."""
    from pydantic.json_schema import GenerateJsonSchema

    class Reader(GenerateJsonSchema):  # type: ignore[misc, unused-ignore]
        """Reads core schemas; whatever runs before a type takes anything."""

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

        def __init__(self) -> None:
            super().__init__(by_alias=True, ref_template=WHERE + "{model}")
            self._configs: list[Mapping[str, Any]] = [{}]
            self._within: list[str] = []

        def generate_inner(self, schema: Any) -> dict[str, Any]:
            return dict(super().generate_inner(self._plain(schema)))

        def _plain(self, node: Any) -> Any:
            node = {**node, "metadata": self._own_words(node.get("metadata") or {})}
            kind = node["type"]
            function = of_node(node)
            if kind in FUNCTIONS:
                if is_trusted(function):
                    return node
                name = getattr(function, "__qualname__", "a function")
                return self._anything(node, f"`{name}` sees values before their type does")
            if node.get("fail_fast"):
                return self._anything(node, "of its items the first fault alone is told")
            if kind == "generator":
                return self._anything(node, "an iterable is read when it is used")
            if kind not in PLAIN:
                return self._anything(node, f"`{kind}` is not known")
            if kind == "model" and node.get("custom_init"):
                return self._anything(node, "it has an `__init__` of its own")
            if kind == "enum" and knows_others(node):
                return self._anything(node, "`_missing_` may know other values")
            if kind == "is-instance" and takes_json(node.get("cls")):
                return self._anything(node, "any instance of its class is taken")
            if kind == "json-or-python" and has_own_functions(node.get("python_schema")):
                return self._anything(node, "it reads values of Python in its own way")
            return self._text(node) if kind == "str" else node

        def _own_words(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
            named = ("pydantic_js_functions", "pydantic_js_annotation_functions")
            own = {
                name: [each for each in metadata.get(name, ()) if is_trusted(each)]
                for name in named
            }
            tag = "pydantic_internal_union_tag_key"
            return {**own, **({tag: metadata[tag]} if tag in metadata else {})}

        def _anything(self, node: Mapping[str, Any], why: str) -> dict[str, Any]:
            where = ".".join(self._within) or "a value"
            wider.append(f"{where}: {why}")
            # What others refer to has to be there.
            return {"type": "any", **({"ref": node["ref"]} if "ref" in node else {})}

        def _text(self, node: dict[str, Any]) -> dict[str, Any]:
            config = self._configs[-1]
            pattern = node.get("pattern")
            engine = node.get("regex_engine", config.get("regex_engine"))
            if pattern is not None and (not isinstance(pattern, str) or engine == "python-re"):
                wider.append(f"{'.'.join(self._within)}: the pattern is one of Python's `re`")
                node.pop("pattern")
            coerces = node.get("coerce_numbers_to_str", config.get("coerce_numbers_to_str"))
            if coerces:
                inner = {**node, "coerce_numbers_to_str": False}
                inner.pop("ref", None)
                return {"type": "union", "choices": [inner, {"type": "float"}]}
            return node

        def default_schema(self, schema: Any) -> dict[str, Any]:
            return self.generate_inner(schema["schema"])

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            # A union leaves out what no value of JSON can be; elsewhere nothing is known.
            return dict(super().handle_invalid_for_json_schema(schema, error_info))

        def _configured(self, node: Any, inner: Any) -> dict[str, Any]:
            cls = node.get("cls")
            self._configs.append(node.get("config") or {})
            self._within.append(getattr(cls, "__qualname__", "") or str(node.get("cls_name", "")))
            try:
                return dict(inner())
            finally:
                self._configs.pop()
                self._within.pop()

        def model_schema(self, schema: Any) -> dict[str, Any]:
            return self._configured(schema, lambda: self.generate_inner(schema["schema"]))

        def dataclass_schema(self, schema: Any) -> dict[str, Any]:
            return self._configured(schema, lambda: self.generate_inner(schema["schema"]))

        def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
            total = schema.get("total", True)
            return self._configured(schema, lambda: self._members(schema, schema["fields"], total))

        def model_fields_schema(self, schema: Any) -> dict[str, Any]:
            return self._members(schema, schema["fields"], total=True)

        def dataclass_args_schema(self, schema: Any) -> dict[str, Any]:
            fields = {field["name"]: field for field in schema["fields"]}
            return self._members(schema, fields, total=True)

        def _members(self, node: Any, fields: Mapping[str, Any], total: bool) -> dict[str, Any]:
            config = self._configs[-1]
            by_alias = config.get("validate_by_alias", True) is not False
            by_name = config.get("validate_by_name", config.get("populate_by_name", False))
            properties: dict[str, Any] = {}
            required: list[str] = []
            conditions: list[dict[str, Any]] = []
            for name, field in fields.items():
                if field.get("init") is False:
                    properties.setdefault(name, {})
                    continue
                self._within.append(name)
                schema = self.generate_inner(field["schema"])
                self._within.pop()
                ways = paths(field.get("validation_alias")) if by_alias else []
                if by_name or not ways:
                    ways = [*ways, [name]]
                # The first that is there is read; what stands under the others is not looked at.
                first, *others = ways
                told = schema if len(first) == 1 else {}
                clashes = properties.get(first[0], told) != told
                properties[first[0]] = {} if clashes else told
                for way in others:
                    if properties.setdefault(way[0], {}):
                        properties[way[0]] = {}
                if others or len(first) > 1:
                    wider.append(f"{'.'.join([*self._within, name])}: it is read by several names")
                is_required = field.get("required", total) and not may_miss(field["schema"])
                heads = list(dict.fromkeys(str(way[0]) for way in ways))
                if is_required and len(heads) == 1:
                    required.append(heads[0])
                elif is_required:
                    conditions.append({"anyOf": [{"required": [head]} for head in heads]})
            made: dict[str, Any] = {"type": "object", "properties": properties}
            if required:
                made["required"] = list(dict.fromkeys(required))
            if conditions:
                made["allOf"] = conditions
            extra = node.get("extra_behavior", config.get("extra_fields_behavior"))
            if extra == "forbid":
                made["additionalProperties"] = False
            elif extra == "allow":
                extras = node.get("extras_schema")
                made["additionalProperties"] = (
                    True if extras is None else self.generate_inner(extras)
                )
            return made

    return Reader


def knows_others(node: Mapping[str, Any]) -> bool:
    """Whether an enumeration makes something of values that are none of its own."""
    own = getattr(getattr(node.get("cls"), "_missing_", None), "__func__", None)
    usual = vars(Enum)["_missing_"].__func__
    return node.get("missing") is not None or own is not usual


def takes_json(cls: Any) -> bool:
    """Whether a value of JSON is an instance of a class."""
    try:
        return any(isinstance(sample, cls) for sample in SAMPLES)
    except TypeError:
        return True
