"""Reading the routes of an app that does not want to be read."""

import json
from typing import Any

from buckler_worker.routes import ROUTES, table
from buckler_worker.words import LONGEST
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route


def answer(_: Request) -> Response:
    return PlainTextResponse("here")


async def bare(_scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401 - ASGI
    pass


def told(app: object) -> dict[str, Any]:
    # What is told is JSON that another reader takes.
    text = json.dumps(table(app)[0])
    text.encode()
    found: dict[str, Any] = json.loads(text)
    assert "\\ud8" not in text
    return found


class Sulking(Route):
    @property
    def endpoint(self) -> Any:  # noqa: ANN401 - Starlette's own
        if getattr(self, "asked", False):
            raise RuntimeError("not today")
        return answer

    @endpoint.setter
    def endpoint(self, _: object) -> None:
        pass


def test_an_app_that_raises_is_told_and_raises_nothing_here() -> None:
    # R65
    route = Sulking("/sulk", answer)
    route.asked = True  # type: ignore[attr-defined]
    found = told(Starlette(routes=[Route("/before", answer), route]))
    assert found["fault"] == "RuntimeError: not today"
    assert [each["path"] for each in found["routes"]] == ["/before"]


def test_what_is_told_is_bounded() -> None:
    # R65
    many = Starlette(routes=[Route(f"/{number}", answer) for number in range(ROUTES + 3)])
    found = told(many)
    assert (len(found["routes"]), found["left_out"]) == (ROUTES, 3)
    long = told(Starlette(routes=[Route("/" + "x" * 10_000, answer), Route("/\ud800", answer)]))
    assert [len(each["path"]) for each in long["routes"]] == [LONGEST, 2]


def test_apps_in_circles_end() -> None:
    # R65
    app = Starlette()
    app.routes.append(Mount("/again", app))
    app.routes.append(Route("/here", answer))
    found = told(app)
    assert found["left_out"] == 1
    assert len(found["routes"]) < 20


def test_dependencies_in_great_number_end() -> None:
    # R65
    def leaf() -> None: ...

    layer = leaf
    for number in range(10):
        # Each asks for the one before it twice: a thousand of them, if each were followed.
        def below(one: Any = Depends(layer), two: Any = Depends(layer)) -> None: ...  # noqa: ANN401, B008

        below.__qualname__ = f"below{number}"
        layer = below
    app = FastAPI()
    app.add_api_route("/deep", leaf, dependencies=[Depends(layer)])
    names = next(each["dependencies"] for each in told(app)["routes"] if each["path"] == "/deep")
    assert len(names) == 11


def test_what_is_no_app_of_a_framework_is_one_opaque_line() -> None:
    # R65
    found = told(bare)
    assert [(each["kind"], each["path"]) for each in found["routes"]] == [("mount", "/")]
    assert found["applications"] == []
