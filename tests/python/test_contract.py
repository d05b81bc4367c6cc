"""The app's contract inside its own process: read with the first request, and enforced. R40, R81"""

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from buckler import Buckler, PolicyError
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware


class Item(BaseModel):
    """Something with a price."""

    name: Annotated[str, Field(max_length=5)]
    price: Annotated[float, Field(gt=0)]


SETTINGS: dict[str, Any] = {
    "environment": "development",
    "contract__requests": "enforce",
    "content__unknown_fields": "ignore",
}


def made() -> FastAPI:
    app = FastAPI()
    app.state.reached = []

    @app.post("/items")
    async def take(item: Item, limit: Annotated[int, Query(le=9)] = 1) -> str:
        app.state.reached.append(item.name)
        return f"{item.name} {limit}"

    return app


async def ask(app: Any, method: str, target: str, **more: Any) -> httpx.Response:  # noqa: ANN401
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, target, **more)


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["round", "added"])
async def test_what_the_contract_does_not_allow_never_reaches_the_app(way: str) -> None:
    app = made()
    if way == "added":
        app.add_middleware(Buckler, **SETTINGS)
    served = app if way == "added" else Buckler(app, **SETTINGS)
    good = {"name": "tea", "price": 1}
    assert (await ask(served, "POST", "/items?limit=2", json=good)).json() == "tea 2"
    for target, body, loc in [
        ("/items?limit=10", good, ["query", "limit"]),
        ("/items", {"name": "too long", "price": 1}, ["body", "name"]),
        ("/items", {"name": "tea"}, ["body", "price"]),
    ]:
        answer = await ask(served, "POST", target, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "contract_violation")
        assert answer.json()["detail"][0]["loc"] == loc
    assert app.state.reached == ["tea"]


@pytest.mark.anyio
async def test_a_route_that_is_added_late_is_in_the_contract() -> None:
    app = made()
    served = Buckler(app, **SETTINGS)
    app.openapi()

    @app.get("/late")
    async def late(number: int) -> int:
        return number

    app.openapi_schema = None
    assert (await ask(served, "GET", "/late?number=x")).json()["code"] == "contract_violation"
    assert (await ask(served, "GET", "/late?number=7")).json() == 7
    # FastAPI keeps its first document; ours must not be it.
    assert app.openapi_schema is None


@pytest.mark.anyio
async def test_an_app_without_a_contract_cannot_be_held_to_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Buckler(Starlette(), **SETTINGS)
    answer = await ask(served, "GET", "/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "contract.source" in caplog.text


def test_a_file_that_is_no_document_is_a_policy_mistake(tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text("{")
    policy = tmp_path / "buckler.toml"
    policy.write_text('environment = "development"\n[contract]\nsource = "file:api.json"\n')
    with pytest.raises(PolicyError, match=r"contract\.source"):
        Buckler(made(), policy=policy)


def is_ours(answer: httpx.Response) -> bool:
    """Whether the app was not asked: its own 422 stays what its document says it is."""
    return answer.headers["content-type"] == "application/problem+json"


def guarded() -> FastAPI:
    app = FastAPI()

    def caller(request: Request) -> None:
        if "authorization" not in request.headers:
            raise HTTPException(401)

    @app.post("/open")
    async def free(item: Item) -> str:
        return item.name

    @app.post("/guarded", dependencies=[Depends(caller)])
    async def behind(item: Item) -> str:
        return item.name

    return app


@pytest.mark.anyio
async def test_who_would_have_heard_another_refusal_hears_it_still() -> None:
    # R40: by default nobody hears 422 who heard 401, or an app's own words, before.
    auto = {"environment": "development"}
    refused = {"name": "too long"}
    served = Buckler(guarded(), **auto)
    assert is_ours(await ask(served, "POST", "/open", json=refused))
    assert (await ask(served, "POST", "/guarded", json=refused)).status_code == 401
    for key in ("contract__requests", "content__unknown_fields"):
        value = "enforce" if key == "contract__requests" else "reject"
        served = Buckler(guarded(), **auto, **{key: value})
        assert (await ask(served, "POST", "/guarded", json=refused)).status_code == 422

    answering = guarded()

    @answering.exception_handler(RequestValidationError)
    async def words(_request: Request, _error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"own": "words"}, 400)

    sharing = guarded()
    sharing.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
    for app in (answering, sharing):
        answer = await ask(Buckler(app, **auto), "POST", "/open", json=refused)
        assert answer.status_code in (400, 422)
        assert not is_ours(answer)
        held = Buckler(app, **auto, contract__requests="enforce")
        assert is_ours(await ask(held, "POST", "/open", json=refused))


@pytest.mark.anyio
async def test_what_clients_read_is_the_apps_own_document() -> None:
    # R40
    app = made()
    before = app.openapi()
    app.openapi_schema = None
    served = Buckler(app, **SETTINGS, contract__docs="open")
    assert (await ask(served, "GET", "/openapi.json")).json() == before
    assert "x-buckler" not in json.dumps(app.openapi())
