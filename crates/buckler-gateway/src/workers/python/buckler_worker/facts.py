"""What the gateway wants to know of the app before it serves, read through public attributes."""

import json
import sys
from typing import Any

from buckler_worker.applications import (
    DOCS,
    FASTAPI,
    applications,
    docs_paths,
    document,
    is_a,
    layers,
)
from buckler_worker.applications import contract as held_to
from buckler_worker.reports import StartError
from buckler_worker.target import described
from buckler_worker.words import short

CORS = "starlette.middleware.cors.CORSMiddleware"


def facts(app: object) -> dict[str, object]:
    """Tell what kind of app it is, where its documentation is, where `debug` is on."""
    found = list(applications(app))
    main = found[0][1] if found else app
    told = {name: getattr(main, name, None) for name in ("title", *DOCS[:2], "openapi_url")}
    return {
        "framework": ("fastapi" if is_a(type(main), FASTAPI) else "starlette" if found else "asgi"),
        **{name: value if isinstance(value, str) else None for name, value in told.items()},
        "docs_paths": docs_paths(app),
        **contract_facts(app),
        "debug": [at or "/" for at, each in found if getattr(each, "debug", False)],
        "own_cors": has_cors(app, found),
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def contract(app: object, target: str) -> str:
    """Give the app's OpenAPI document, whoever may read it from outside."""
    try:
        made = document(app)
    except Exception as error:  # noqa: BLE001 - whatever a model raises is reported
        message = f"the OpenAPI document of `{target}` cannot be made: {described(error)}"
        raise StartError("contract_failed", message, cause=error) from None
    if made is None:
        message = f"`{target}` is no FastAPI application, and no other has an OpenAPI document"
        raise StartError("no_contract", message)
    return json.dumps(made, allow_nan=False, indent=2)


def contract_facts(app: object) -> dict[str, object]:
    """Give the document that requests are held to, or why the app fails to make it."""
    try:
        held = held_to(app)
        text = None if held is None else json.dumps(held.document, allow_nan=False)
    except Exception as error:  # noqa: BLE001 - whatever a model raises is reported
        return {"document": None, "document_fault": described(error)}
    return {
        "document": text,
        "document_fault": None,
        "read_widely": [] if held is None else [short(each) for each in held.wider],
        "read_widely_count": 0 if held is None else held.wider_count,
    }


def documents(found: list[object]) -> list[dict[str, str]]:
    """Give the OpenAPI document of each application, or why there is none."""
    return [documented(each) for each in found]


def documented(app: Any) -> dict[str, str]:  # noqa: ANN401 - FastAPI has no type here
    """Give the document of one application."""
    if not is_a(type(app), FASTAPI):
        return {"missing": "no FastAPI application"}
    try:
        return {"made": json.dumps(app.openapi(), allow_nan=False)}
    except Exception as error:  # noqa: BLE001 - whatever a model raises is reported
        return {"missing": short(f"it cannot be made: {described(error)}")}


def has_cors(app: object, found: list[tuple[str, Any]]) -> bool:
    """Whether the app brings a CORSMiddleware of its own."""
    if any(is_a(type(layer), CORS) for layer in layers(app)):
        return True
    added = [entry for _, each in found for entry in getattr(each, "user_middleware", ())]
    return any(is_a(getattr(entry, "cls", None), CORS) for entry in added)
