"""The app's document with what its operations really read of a request, for us alone.

Clients are told what an app says of itself. Requests are held to what its routes read: parameters
and bodies are put together anew from FastAPI's own fields, their schemas from the models
(`_models`). What cannot be known is left out, so nothing is refused that the app would take.
"""

# Routes and fields are FastAPI's, which is not imported here.
# ruff: noqa: ANN401

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from ._fields import (
    adapted,
    flat,
    is_form,
    is_model,
    is_needed,
    is_plain,
    is_union_of_models,
    names,
)
from ._models import WHERE, Reading, read

FIRST = "x-buckler-first"
"""Marks an operation of which something of the app would answer before its fields are judged."""

NAMED = 20
"""Places that are named in a report; all are counted."""

PLACES = {
    "path": "path_params",
    "query": "query_params",
    "header": "header_params",
    "cookie": "cookie_params",
}
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
JSON = "application/json"
ANY = "*/*"

REST = None
"""A part of a path that may be any number of them."""

HARMLESS = ("starlette.middleware.gzip.", "starlette.middleware.trustedhost.", "buckler.")
"""Middlewares of the app that no client can tell from none where a request is refused."""


class Held(NamedTuple):
    """What requests are held to."""

    document: dict[str, Any]
    wider: list[str]
    """Where more is taken than the document says, and why; at most `NAMED`."""

    wider_count: int


class Fields:
    """Fields of which schemas are wanted, read together so that they share their models."""

    def __init__(self) -> None:
        self._adapted: list[Mapping[str, Any] | None] = []
        self._places: dict[int, int] = {}
        self._kept: list[Any] = []

    def add(self, field: Any) -> None:
        """Want the schema of a field."""
        if id(field) not in self._places:
            self._places[id(field)] = len(self._adapted)
            self._kept.append(field)
            self._adapted.append(adapted(field))

    def read(self) -> Reading:
        """Read them all."""
        return read(self._adapted)

    def place(self, field: Any) -> int:
        """Say which of the schemas is that of a field."""
        return self._places[id(field)]


class Route(NamedTuple):
    """A route that the document may speak of."""

    kind: Any
    route: Any
    hidden_by: str | None


class Reader:
    """Puts operations together."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._reading = fields.read()
        self.models = self._reading.models
        self.wider = self._reading.wider

    def schema(self, field: Any) -> dict[str, Any]:
        """Give what a field reads."""
        return self._reading.schemas[self._fields.place(field)]

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference, or that of the one alternative which is not null."""
        for _ in range(16):
            others = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
            schema = others[0] if len(others) == 1 else schema
            name = str(schema.get("$ref", "")).removeprefix(WHERE)
            if name not in self.models:
                return schema
            schema = self.models[name]
        return {}

    def operation(self, said: Mapping[str, Any], route: Any) -> dict[str, Any]:
        """Give an operation with the parameters and the body that its route reads."""
        held = {name: said[name] for name in said if name not in ("parameters", "requestBody")}
        dependants = list(flat(route.dependant))
        parameters: dict[tuple[str, str], dict[str, Any]] = {}
        for place, group in PLACES.items():
            for dependant in dependants:
                for field in getattr(dependant, group):
                    for parameter in self.parameters(place, field, route):
                        parameters.setdefault((place, parameter["name"].lower()), parameter)
        held["parameters"] = list(parameters.values())
        bodies = [field for dependant in dependants for field in dependant.body_params]
        if bodies and route.body_field is not None:
            form = any(is_form(field) for field in bodies)
            held["requestBody"] = self.form(bodies) if form else self.body(bodies, route)
        return held

    def parameters(self, place: str, field: Any, route: Any) -> Iterator[dict[str, Any]]:
        """Give the parameters of a field: one, or those of its model."""
        info = field.field_info
        if place == "path":
            # Of its choices the router knows nothing, and only what stands in the path is there.
            alias = info.validation_alias
            name = alias if isinstance(alias, str) and alias else field.alias
            if f"{{{name}}}" in route.path_format:
                yield {"name": name, "in": place, "required": True, "schema": self.schema(field)}
            return
        if not is_model(info):
            first, *others = names(field)
            alone = not others and is_plain(info)
            required = alone and bool(info.is_required())
            schema = self.schema(field) if is_plain(info) else {}
            yield {"name": first, "in": place, "required": required, "schema": schema}
            for name in others:
                yield {"name": name, "in": place, "required": False, "schema": {}}
            return
        model = self.resolved(self.schema(field))
        if model.get("type") != "object":
            yield anything(place)
            return
        needed = model.get("required", ()) if is_needed(field) else ()
        for name, schema in model.get("properties", {}).items():
            # Which of these is sent with a dash is decided field by field.
            dashed = place == "header" and "_" in name
            yield {
                "name": name.replace("_", "-") if dashed else name,
                "in": place,
                "required": name in needed and not dashed,
                "schema": {} if dashed else schema,
            }

    def body(self, fields: list[Any], route: Any) -> dict[str, Any]:
        """Give a body that is read as JSON where it is that, and else as bytes."""
        if not getattr(route, "_embed_body_fields", len(fields) > 1):
            schema = self.schema(fields[0])
            required = bool(fields[0].field_info.is_required())
            as_bytes = not self.holds_others(schema)
        else:
            schema = self.members(fields)
            as_bytes = not schema["required"]
            # Of a body that is not there FastAPI names each member, so it may say so itself.
            required = False
        content: dict[str, Any] = {JSON: {"schema": schema}}
        if as_bytes:
            content[ANY] = {}
        return {"required": required, "content": content}

    def holds_others(self, schema: dict[str, Any]) -> bool:
        """Whether no text and no bytes can be read so."""
        alternatives = schema.get("anyOf") or schema.get("oneOf") or [schema]
        kinds = [self.resolved(each).get("type") for each in alternatives]
        return all(kind in ("object", "array", "null") for kind in kinds) and kinds != ["null"]

    def members(self, fields: Iterable[Any]) -> dict[str, Any]:
        """Give an object that has fields as its members."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        for field in fields:
            first, *others = names(field)
            properties.setdefault(first, self.schema(field))
            for name in others:
                properties.setdefault(name, {})
            if not others and field.field_info.is_required():
                required.append(first)
        made = {"properties": properties, "required": list(dict.fromkeys(required))}
        return {"type": "object", **made} if required else made

    def form(self, fields: list[Any]) -> dict[str, Any]:
        """Give a form, which FastAPI takes in either of two encodings."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        known = True
        for field in fields:
            if not is_model(field.field_info) or getattr(field.field_info, "embed", None):
                first, *others = names(field)
                properties.setdefault(first, self.schema(field))
                properties.update({name: {} for name in others if name not in properties})
                required += [first] if not others and field.field_info.is_required() else []
                known = known and not is_union_of_models(field.field_info)
                continue
            model = self.resolved(self.schema(field))
            known = known and model.get("type") == "object"
            for name, schema in model.get("properties", {}).items():
                properties.setdefault(name, schema)
            required += model.get("required", ()) if is_needed(field) else ()
        if not known:
            return {"required": False, "content": {ANY: {}}}
        schema = {"type": "object", "properties": properties, "required": required}
        content: dict[str, Any] = {name: {"schema": schema} for name in FORMS}
        if not required:
            content[ANY] = {}
        return {"required": bool(required), "content": content}


def held(
    made: Mapping[str, Any], app: Any, routes: Iterable[tuple[Any, Any]], outside: int
) -> Held:
    """Give the document of an app as its requests are held to it.

    `routes` are in the order in which the app looks at them, `outside` counts what wraps it.
    """
    wider: list[str] = []
    paths = made.get("paths")
    paths = paths if isinstance(paths, dict) else {}
    known = by_operation(paths, routes)
    fields = Fields()
    for (path, method), found in known.items():
        why = unreadable(found)
        if why is not None:
            wider.append(f"{method.upper()} {path}: {why}")
            found.clear()
            continue
        for dependant in flat(found[0].route.dependant):
            for group in (*PLACES.values(), "body_params"):
                for field in getattr(dependant, group):
                    fields.add(field)
    reader = Reader(fields)
    first = has_first_word(app, outside)
    told: dict[str, Any] = {}
    for path, item in paths.items():
        told[path] = {}
        for method, said in item.items() if isinstance(item, dict) else ():
            if not isinstance(said, dict):
                continue
            found = known.get((path, method), [])
            if (path, method) not in known:
                wider.append(f"{method.upper()} {path}: no route of the app is known for it")
            operation = {"parameters": [anything("query")], "responses": said.get("responses", {})}
            if found:
                try:
                    operation = reader.operation(said, found[0].route)
                except Exception as error:  # noqa: BLE001 - what cannot be read is not judged
                    wider.append(
                        f"{method.upper()} {path}: {type(error).__name__} while it was read"
                    )
                if first or found[0].route.dependant.dependencies:
                    operation[FIRST] = "app"
            told[path][method] = operation
    components = made.get("components")
    components = {**(components if isinstance(components, dict) else {})}
    components[WHERE.removeprefix("#/components/").rstrip("/")] = reader.models
    wider += reader.wider
    document = {**made, "paths": told, "components": components}
    return Held(document, wider[:NAMED], len(wider))


def by_operation(
    paths: Mapping[str, Any], routes: Iterable[tuple[Any, Any]]
) -> dict[tuple[str, str], list[Route]]:
    """Find the routes of each operation; one that is looked at before it may take its requests."""
    known: dict[tuple[str, str], list[Route]] = {}
    earlier: list[tuple[list[str | None], Any, str]] = []
    for kind, route in routes:
        if any(each.__qualname__ == "WebSocketRoute" for each in kind.__mro__):
            continue
        path = getattr(route, "path_format", None)
        methods = getattr(route, "methods", None)
        parts = parts_of(route)
        is_api = getattr(route, "dependant", None) is not None
        if (
            not is_api
            or not methods
            or not getattr(route, "include_in_schema", False)
            or path not in paths
        ):
            earlier.append((parts, methods, str(getattr(route, "path", "") or "a host")))
            continue
        for method in methods:
            hidden = (
                where
                for other, others, where in earlier
                if (not others or method in others) and may_be_one(parts, other)
            )
            found = Route(kind, route, next(hidden, None))
            known.setdefault((str(path), method.lower()), []).append(found)
    return known


def unreadable(found: list[Route]) -> str | None:
    """Say why nothing is known of what an operation reads."""
    if len(found) > 1:
        return "several routes have this path and method"
    kind, _, hidden_by = found[0]
    if hidden_by is not None:
        return f"`{hidden_by}`, which is not listed, may take its requests"
    handler = getattr(kind, "get_route_handler", None)
    if getattr(handler, "__module__", None) != "fastapi.routing":
        return f"`{kind.__qualname__}` handles requests in its own way"
    return None


def has_first_word(app: Any, outside: int) -> bool:
    """Whether something of the app would answer before its fields do, or in its own words."""
    for kind, handler in getattr(app, "exception_handlers", {}).items():
        if getattr(kind, "__qualname__", None) == "RequestValidationError" and (
            getattr(handler, "__module__", None) != "fastapi.exception_handlers"
        ):
            return True
    stack = [getattr(each, "cls", None) for each in getattr(app, "user_middleware", ())]
    return outside > 0 or any(
        not f"{getattr(each, '__module__', '')}.".startswith(HARMLESS) for each in stack
    )


def anything(place: str) -> dict[str, Any]:
    """Give what lets every name of a place pass."""
    return {"name": "*", "in": place, "required": False, "schema": {}}


def parts_of(route: Any) -> list[str | None]:
    """Give the parts of a route's path: a text, `{}` for any one, `REST` for any number."""
    path = getattr(route, "path", None)
    if not isinstance(path, str):
        return [REST]
    parts: list[str | None] = []
    for part in path.split("/"):
        if ":path}" in part:
            return [*parts, REST]
        parts.append("{}" if "{" in part else part)
    # A mount takes all that is below it.
    return parts if getattr(route, "endpoint", None) is not None else [*parts, REST]


def may_be_one(ones: list[str | None], others: list[str | None]) -> bool:
    """Whether one path can be meant by both."""
    for one, other in zip_longest(ones, others, fillvalue=""):
        if one is REST or other is REST:
            return True
        if one != other and "{}" not in (one, other):
            return False
    return len(ones) == len(others)
