"""What a route takes passes before it: parameters, forms, bodies, by whatever name it reads them.

As in `test_contract_models`: each request goes to the app alone, and to it behind its contract. R40
"""

# ruff: noqa: ANN401, ARG001, ARG003, ARG005

from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from buckler import Buckler
from fastapi import (
    APIRouter,
    Body,
    Cookie,
    FastAPI,
    File,
    Form,
    Header,
    Query,
    Request,
    UploadFile,
)
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    Json,
    model_validator,
)
from starlette.routing import Mount

SETTINGS: dict[str, Any] = {
    "environment": "development",
    "contract__requests": "enforce",
    "errors__strip_input": "keep",
}


class Inner(BaseModel):
    n: int


async def ask(app: Any, method: str, target: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, target, **more)


class Asked(BaseModel):
    a: int
    many: list[int] = []
    other: int = Field(1, alias="an-other")


class AskedBefore(BaseModel):
    a: int

    @model_validator(mode="before")
    @classmethod
    def unwrapped(cls, value: Any) -> Any:
        return {"a": 1}


class Heads(BaseModel):
    x_one: int
    plain: int = 1


class Sheet(BaseModel):
    name: Annotated[str, Field(min_length=2)]
    count: int = 1
    tags: list[int] = []


class Raw(APIRoute):
    """Reads what it likes."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        inner = super().get_route_handler()

        async def read(request: Request) -> Any:
            request._json = {"n": 1}
            return await inner(request)

        return read


def asked() -> FastAPI:
    app = FastAPI()
    hidden = APIRouter(route_class=Raw)

    @app.get("/things/latest", include_in_schema=False)
    async def latest() -> str:
        return "taken"

    @app.get("/things/{number}")
    async def thing(number: int) -> str:
        return "taken"

    @app.get("/later/{number}")
    async def later(number: int) -> str:
        return "taken"

    @app.get("/later/last", include_in_schema=False)
    async def last() -> str:
        return "taken"

    @app.get("/model")
    async def model(asked: Annotated[Asked, Query()]) -> str:
        return "taken"

    @app.get("/before")
    async def before(asked: Annotated[AskedBefore, Query()]) -> str:
        return "taken"

    @app.get("/hidden")
    async def unseen(a: Annotated[int, Query(include_in_schema=False)] = 1) -> str:
        return "taken"

    @app.get("/choices")
    async def choices(a: Annotated[int, Query(validation_alias=AliasChoices("x", "y"))]) -> str:
        return "taken"

    @app.get("/read")
    async def read(a: Annotated[int, Query(), BeforeValidator(lambda value: 1)]) -> str:
        return "taken"

    @app.get("/heads")
    async def heads(heads: Annotated[Heads, Header()]) -> str:
        return "taken"

    @app.get("/underscored")
    async def underscored(an_x: Annotated[int, Header(convert_underscores=False)] = 1) -> str:
        return "taken"

    @app.get("/jar")
    async def jar(
        one: Annotated[int, Cookie()], two: Annotated[Json[int] | None, Query()] = None
    ) -> str:
        return "taken"

    @app.post(
        "/raw",
        openapi_extra={
            "requestBody": {
                "content": {"application/json": {"schema": {"type": "integer"}}},
                "required": True,
            }
        },
    )
    async def raw(request: Request) -> str:
        return "taken"

    @hidden.post("/own")
    async def own(given: Inner) -> str:
        return "taken"

    @app.post("/form")
    async def form(a: Annotated[int, Form()], b: Annotated[list[int], Form()] = []) -> str:  # noqa: B006
        return "taken"

    @app.post("/optional-form")
    async def optional_form(a: Annotated[int, Form()] = 1) -> str:
        return "taken"

    @app.post("/sheet")
    async def sheet(sheet: Annotated[Sheet, Form()]) -> str:
        return "taken"

    @app.post("/file")
    async def file(file: UploadFile, note: Annotated[str, Form()] = "") -> str:
        return "taken"

    @app.post("/files")
    async def files(files: Annotated[list[bytes], File()]) -> str:
        return "taken"

    @app.post("/maybe")
    async def maybe(given: Inner | None = None) -> str:
        return "taken"

    @app.post("/anything")
    async def anything(given: Annotated[Any, Body()]) -> str:
        return "taken"

    @app.post("/two")
    async def two(one: Inner, other: Annotated[int, Body(alias="an-other")] = 1) -> str:
        return "taken"

    app.include_router(hidden)
    app.router.routes.append(Mount("/mounted", PlainTextResponse("taken")))
    return app


REQUESTS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/things/latest", {}, 200),
    ("GET", "/things/7", {}, 200),
    ("GET", "/things/x", {}, 422),
    ("GET", "/later/7", {}, 200),
    ("GET", "/later/last", {}, 422),
    ("GET", "/model?a=1&many=1&many=2&an-other=3", {}, 200),
    ("GET", "/model?a=1&unknown=3", {}, 200),
    ("GET", "/model?a=x", {}, 422),
    ("GET", "/model", {}, 422),
    ("GET", "/before", {}, 200),
    ("GET", "/before?a=x", {}, 200),
    ("GET", "/hidden?a=1", {}, 200),
    ("GET", "/hidden?a=x", {}, 422),
    ("GET", "/choices?x=1", {}, 200),
    ("GET", "/choices?y=1", {}, 200),
    ("GET", "/choices?x=1&y=x", {}, 200),
    ("GET", "/choices?x=x", {}, 422),
    ("GET", "/choices", {}, 422),
    ("GET", "/read?a=x", {}, 200),
    ("GET", "/read", {}, 422),
    ("GET", "/heads", {"headers": {"x-one": "1"}}, 200),
    ("GET", "/heads", {"headers": {"x-one": "1", "plain": "x"}}, 422),
    ("GET", "/underscored", {"headers": {"an-x": "x"}}, 200),
    ("GET", "/jar?two=7", {"headers": {"cookie": "one=1"}}, 200),
    ("GET", "/jar?two=7", {"headers": {"cookie": "one=x"}}, 422),
    ("POST", "/raw", {"content": b"\xff", "headers": {"content-type": "text/x"}}, 200),
    ("POST", "/raw", {}, 200),
    ("POST", "/own", {"json": "x"}, 200),
    ("POST", "/form", {"data": {"a": "1"}}, 200),
    ("POST", "/form", {"data": {"a": "1", "b": ["1", "2"], "c": "d"}}, 200),
    ("POST", "/form", {"files": {"a": (None, "1")}}, 200),
    ("POST", "/form", {"data": {"a": "x"}}, 422),
    ("POST", "/form", {"data": {"b": "1"}}, 422),
    ("POST", "/form", {"data": {"a": ""}}, 422),
    ("POST", "/optional-form", {"data": {"a": ""}}, 200),
    ("POST", "/optional-form", {"data": {"a": "1"}}, 200),
    ("POST", "/optional-form", {}, 200),
    ("POST", "/optional-form", {"json": {"a": "x"}}, 200),
    ("POST", "/optional-form", {"data": {"a": "x"}}, 422),
    ("POST", "/sheet", {"data": {"name": "ab", "tags": ["1", "2"], "count": ""}}, 200),
    ("POST", "/sheet", {"files": {"name": (None, "ab")}}, 200),
    ("POST", "/sheet", {"data": {"name": "ab", "tags": ["1", "x"]}}, 422),
    ("POST", "/sheet", {"data": {"name": "a"}}, 422),
    ("POST", "/sheet", {"data": {}}, 422),
    ("POST", "/file", {"files": {"file": ("a.txt", b"a")}, "data": {"note": "x"}}, 200),
    ("POST", "/file", {"data": {"file": "a"}}, 422),
    ("POST", "/files", {"files": [("files", ("a", b"a")), ("files", ("b", b"b"))]}, 200),
    ("POST", "/files", {"data": {"files": "text"}}, 200),
    ("POST", "/maybe", {}, 200),
    ("POST", "/maybe", {"content": b"null", "headers": {"content-type": "application/json"}}, 200),
    ("POST", "/maybe", {"json": {"n": "x"}}, 422),
    ("POST", "/anything", {"json": [1]}, 200),
    ("POST", "/anything", {"content": b"x", "headers": {"content-type": "text/plain"}}, 200),
    ("POST", "/two", {"json": {"one": {"n": 1}, "an-other": 2}}, 200),
    ("POST", "/two", {"json": {"one": {"n": 1}, "other": "x"}}, 200),
    ("POST", "/two", {"json": {"one": {"n": 1}, "an-other": "x"}}, 422),
    ("POST", "/two", {"json": {"n": 1}}, 422),
    ("POST", "/two", {"json": [1]}, 422),
    ("GET", "/mounted/x", {}, 200),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "target", "more", "status"), REQUESTS)
async def test_what_a_route_takes_passes(
    method: str, target: str, more: dict[str, Any], status: int
) -> None:
    assert (await ask(asked(), method, target, **more)).status_code == status
    behind = Buckler(asked(), **SETTINGS)
    answer = await ask(behind, method, target, **more)
    assert answer.status_code == status, answer.text
