"""What an app takes passes before it, whatever its models do before their types see a value.

Each app stands twice: alone, and behind a contract that is enforced. What the first takes, the
second must take; and for each kind there is a body that both refuse, so this can fail either way.
R40
"""

# ruff: noqa: ANN401, ARG001

from typing import Annotated, Any

import httpx
import pytest
from buckler import Buckler
from fastapi import Body, FastAPI
from harness.reading import BODIES

SETTINGS: dict[str, Any] = {
    "environment": "development",
    "contract__requests": "enforce",
    "errors__strip_input": "keep",
}


async def ask(app: Any, method: str, target: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, target, **more)


def taking(kind: Any, **more: Any) -> FastAPI:
    """An app that takes a body of a type, alone and beside another one."""
    app = FastAPI()

    @app.post("/alone")
    async def alone(given: Annotated[kind, Body(**more)]) -> str:
        return "taken"

    @app.post("/beside")
    async def beside(given: Annotated[kind, Body(**more)], other: int = 1) -> str:
        return "taken"

    @app.post("/embedded")
    async def embedded(
        given: Annotated[kind, Body(**more)], other: Annotated[int, Body()] = 1
    ) -> str:
        return "taken"

    return app


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "taken", "refused"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES]
)
async def test_what_a_model_takes_passes(kind: Any, taken: list[Any], refused: Any) -> None:
    app = taking(kind)
    behind = Buckler(taking(kind), **SETTINGS)
    for body in taken:
        for path, sent in [("/alone", body), ("/beside", body), ("/embedded", {"given": body})]:
            plain = await ask(app, "POST", path, json=sent)
            assert plain.status_code == 200, (path, sent, plain.text)
            held = await ask(behind, "POST", path, json=sent)
            assert held.status_code == 200, (path, sent, held.text)
    for path, sent in [("/alone", refused), ("/embedded", {"given": refused})]:
        assert (await ask(app, "POST", path, json=sent)).status_code == 422, (path, sent)
        assert (await ask(behind, "POST", path, json=sent)).status_code == 422, (path, sent)


NOT_JUDGED = {"model before", "model wrap", "own init", "chosen by a function"}
"""Kinds of which the value that is refused is for the app to refuse, since it reads it itself."""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "kind", "refused"),
    [(case[0], case[1], case[3]) for case in BODIES],
    ids=[case[0] for case in BODIES],
)
async def test_what_no_model_takes_is_refused_before_the_app(
    name: str,
    kind: Any,
    refused: Any,
) -> None:
    behind = Buckler(taking(kind), **SETTINGS)
    answer = await ask(behind, "POST", "/alone", json=refused)
    first = answer.headers["content-type"] == "application/problem+json"
    assert first == (name not in NOT_JUDGED), answer.text
