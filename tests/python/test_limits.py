"""Limits that stand in the app: what is counted together, and what a refusal is (R12, R13)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest
from buckler import Buckler, PolicyError
from buckler.fastapi import RateLimited, limit
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse
from harness.gateway import clean_environment
from harness.limits import CLIENT, asked, statuses
from harness.places import ROOT


def whole() -> FastAPI:
    """Make an app with limits in all places where one can stand."""
    app = FastAPI(dependencies=[limit("100/hour", name="everything")])
    inner = APIRouter(prefix="/inner", dependencies=[limit("2/hour")])

    @inner.get("/{x}")
    async def included(x: str) -> str:
        return x

    @inner.get("/threaded/{x}")
    def threaded(x: str) -> str:
        return x

    outer = APIRouter(prefix="/outer")
    outer.include_router(inner, prefix="/p")
    app.include_router(outer)
    app.include_router(inner, prefix="/again")

    @app.get("/bare/{x}", dependencies=[limit("2/hour")])
    async def bare(x: str) -> str:
        return x

    @app.get("/wrapped/{x}", dependencies=[Depends(limit("2/hour"))])
    async def wrapped(x: str) -> str:
        return x

    @app.get("/annotated/{x}")
    async def annotated(x: str, _: Annotated[None, Depends(limit("2/hour"))]) -> str:
        return x

    @app.get("/bare-annotated/{x}")
    def bare_annotated(x: str, _: Annotated[None, limit("2/hour")]) -> str:
        return x

    def checked(_: Annotated[None, limit("2/hour")]) -> str:
        return "checked"

    @app.get("/below/{x}")
    async def below(x: str, _: Annotated[str, Depends(checked)]) -> str:
        return x

    @app.api_route("/methods/{x}", methods=["GET", "HEAD", "POST"], dependencies=[limit("2/hour")])
    async def methods(x: str) -> str:
        return x

    sub = FastAPI()

    @sub.get("/items/{x}", dependencies=[limit("2/hour")])
    async def item(x: str) -> str:
        return x

    app.mount("/tenants/{tenant}", sub)
    app.mount("/sub", sub)
    return app


# R12, R13: a budget is of a template, wherever the route stands
@pytest.mark.parametrize(
    "path",
    [
        "/outer/p/inner/{}",
        "/outer/p/inner/threaded/{}",
        "/again/inner/{}",
        "/bare/{}",
        "/wrapped/{}",
        "/annotated/{}",
        "/bare-annotated/{}",
        "/below/{}",
        "/methods/{}",
        "/tenants/{}/items/1",
        "/tenants/1/items/{}",
        "/sub/items/{}",
    ],
)
def test_concrete_paths_of_one_template_share_a_budget(how: str, path: str) -> None:
    app = whole()
    paths = [path.format(x) for x in ("a", "b", "c", "%64", "tenants")]
    assert statuses(asked(app, how, *paths)) == [200, 200, 429, 429, 429]


# R12
def test_each_place_has_a_budget_of_its_own(how: str) -> None:
    app = whole()
    first = ["/outer/p/inner/a", "/outer/p/inner/threaded/a", "/again/inner/a", "/bare/a"]
    second = ["/wrapped/a", "/below/a", "/tenants/a/items/a", "/sub/items/a"]
    assert statuses(asked(app, how, *first, *second, *first, *second)) == [200] * 16
    assert statuses(asked(app, how, *first, *second)) == [429] * 8


# R12
def test_methods_of_one_route_share_its_budget(how: str) -> None:
    app = whole()
    assert statuses(asked(app, how, "/methods/a")) == [200]
    assert statuses(asked(app, how, "/methods/a", method="HEAD")) == [200]
    assert statuses(asked(app, how, "/methods/a", method="POST")) == [429]


# R12
def test_routes_that_come_later_and_routes_that_change_are_limited(how: str) -> None:
    app = FastAPI()

    @app.get("/first")
    async def first() -> str:
        return ""

    assert statuses(asked(app, how, "/first", "/late")) == [200, 404]

    async def late() -> str:
        return "late"

    app.add_api_route("/late", late, dependencies=[limit("2/hour")])
    router = APIRouter()
    router.add_api_route("/routed", late, dependencies=[limit("1/hour")])
    app.include_router(router)
    assert statuses(asked(app, how, *["/late"] * 3)) == [200, 200, 429]
    assert statuses(asked(app, how, "/routed", "/routed")) == [200, 429]
    # The same place with the same text is the same limit, whoever made it when.
    app.router.routes[:] = [
        route for route in app.router.routes if getattr(route, "path", "") != "/late"
    ]
    app.add_api_route("/late", late, dependencies=[limit("2/hour")])
    assert statuses(asked(app, how, "/late")) == [429]
    app.router.add_api_route("/new", late, dependencies=[limit("3/hour")])
    assert statuses(asked(app, how, *["/new"] * 4)) == [200, 200, 200, 429]


# R12
def test_a_request_is_charged_once_by_one_limit(how: str) -> None:
    app = FastAPI()
    once = limit("2/hour")

    def one(_: Annotated[None, once]) -> None: ...

    def other(_: Annotated[None, Depends(once, use_cache=False)]) -> None: ...

    @app.get("/", dependencies=[once, Depends(once), Depends(one), Depends(other)])
    async def root(_: Annotated[None, Depends(once, use_cache=False)]) -> str:
        return ""

    assert statuses(asked(app, how, "/", "/", "/")) == [200, 200, 429]


# R12
def test_a_refusal_by_one_limit_uses_up_no_other(how: str) -> None:
    app = FastAPI()
    shared = "4/hour"

    @app.get("/narrow", dependencies=[limit(shared, name="shared"), limit("1/hour")])
    async def narrow() -> str:
        return ""

    @app.get("/wide", dependencies=[limit(shared, name="shared")])
    async def wide() -> str:
        return ""

    assert statuses(asked(app, how, *["/narrow"] * 6)) == [200] + [429] * 5
    assert statuses(asked(app, how, *["/wide"] * 4)) == [200, 200, 200, 429]


# R12
def test_a_cost_is_what_a_request_takes(how: str) -> None:
    app = FastAPI()

    @app.get("/", dependencies=[limit("10/hour", cost=4)])
    async def root() -> str:
        return ""

    assert statuses(asked(app, how, "/", "/", "/")) == [200, 200, 429]


# R12
def test_clients_are_told_apart_by_address_network_and_field(how: str) -> None:
    app = FastAPI()

    @app.get("/ip", dependencies=[limit("1/hour per ip")])
    async def ip() -> str:
        return ""

    @app.get("/key", dependencies=[limit("1/hour per header:X-Api-Key")])
    async def key() -> str:
        return ""

    for client, wanted in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("::ffff:192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("2001:db8::1", 200),
        ("2001:db8::ffff", 429),
        ("2001:db8:0:1::1", 200),
    ]:
        assert statuses(asked(app, how, "/ip", client=client)) == [wanted], client
    for value, wanted in [("a", 200), ("a", 429), ("b", 200), ("", 200), ("", 429)]:
        headers = {"x-api-key": value} if value else None
        assert statuses(asked(app, how, "/key", headers=headers)) == [wanted], value
    # Whoever has no address is not counted by it.
    assert statuses(asked(app, how, "/ip", "/ip", client="testclient")) == [200, 200]


# R12
def test_what_a_test_overrides_is_not_counted(how: str) -> None:
    app = FastAPI()
    overridden = limit("1/hour")

    @app.get("/", dependencies=[overridden, limit("2/hour")])
    async def root() -> str:
        return ""

    app.dependency_overrides[overridden] = lambda: None
    assert statuses(asked(app, how, "/", "/", "/")) == [200, 200, 429]


# R12
def test_answers_tell_of_the_limit(how: str) -> None:
    app = FastAPI()

    @app.get("/", dependencies=[limit("2/hour", name="root")])
    async def root() -> str:
        return ""

    first, second, third = asked(app, how, "/", "/", "/")
    for answer, left in [(first, 1), (second, 0), (third, 0)]:
        assert '"root";q=2;w=3600' in answer.headers["ratelimit-policy"].split(", ")
        (told,) = [
            item for item in answer.headers["ratelimit"].split(", ") if item.startswith('"root"')
        ]
        assert told.startswith(f'"root";r={left};t=')
    assert 0 < int(third.headers["retry-after"]) <= 1800
    assert "retry-after" not in second.headers


# R12
def test_a_refusal_is_the_same_problem_as_that_of_the_policy(how: str) -> None:
    app = FastAPI()

    @app.get("/rate", dependencies=[limit("1/hour")])
    async def rate() -> str:
        return ""

    @app.get("/quota", dependencies=[limit("1/day")])
    async def quota() -> str:
        return ""

    for path, code in [("/rate", "rate_limited"), ("/quota", "quota_exhausted")]:
        _, refused = asked(app, how, path, path)
        assert refused.status_code == 429
        if how == "alone":
            assert refused.headers["buckler-refusal"] == code
            continue
        assert "buckler-refusal" not in refused.headers
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert problem["code"] == code
        assert problem["request_id"] == refused.headers["x-request-id"]


# R12: what the app makes of it is the app's
def test_an_app_may_answer_in_its_own_words(how: str) -> None:
    app = FastAPI()

    @app.exception_handler(RateLimited)
    async def own(_request: Request, error: RateLimited) -> PlainTextResponse:
        return PlainTextResponse(f"later: {error.code}", 429)

    @app.get("/", dependencies=[limit("1/hour")])
    async def root() -> str:
        return ""

    _, refused = asked(app, how, "/", "/")
    assert (refused.status_code, refused.text) == (429, "later: rate_limited")


Messages = list[dict[str, Any]]


def handshake(app: FastAPI, how: str, path: str, extensions: dict[str, Any]) -> Messages:
    """Ask for a WebSocket, and give what came."""
    if how == "inside" and app.middleware_stack is None:
        app.add_middleware(Buckler)
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"app.test"), (b"upgrade", b"websocket")],
        "client": (CLIENT, 1234),
        "server": ("app.test", 80),
        "subprotocols": [],
        "extensions": extensions,
    }
    sent: Messages = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's own
        sent.append(message)

    async def ask() -> None:
        await app(scope, receive, send)

    anyio.run(ask)
    return sent


# R12
@pytest.mark.parametrize("mounted", ["", "/sub"])
def test_handshakes_of_websockets_are_limited(how: str, mounted: str) -> None:
    app = FastAPI()
    router = APIRouter(prefix="/routed", dependencies=[limit("2/hour")])

    @router.websocket("/ws/{x}")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    if mounted:
        sub = FastAPI()
        sub.include_router(router)
        app.mount(mounted, sub)
    else:
        app.include_router(router)
    for x in "ab":
        sent = handshake(app, how, f"{mounted}/routed/ws/{x}", {})
        assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
    (closed,) = handshake(app, how, f"{mounted}/routed/ws/c", {})
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    denied = handshake(app, how, f"{mounted}/routed/ws/d", {"websocket.http.response": {}})
    assert denied[0]["type"] == "websocket.http.response.start"
    assert denied[0]["status"] == 429


# R12: every mistake says where it is, when the app is imported
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("5/minutes per ip", ["`minutes` is not a period", "  |   ^^^^^^^\n", 'write "/minute"']),
        ("5/minute per user", ["needs an identity", "this release"]),
        ("5/minute per key+ip", ["`per key` needs an identity"]),
        ("5/minute per account", ["`per account` needs an identity"]),
        ("", ["nothing written"]),
        ("0/minute", ["lets nothing pass"]),
        ("5/minute per client", ["did you mean `ip`"]),
        ("5/minute\nper nobody", ["nothing is counted per", "  | 5/minute per nobody\n"]),
    ],
)
def test_a_mistake_has_a_place(text: str, wanted: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        limit(text)
    for words in wanted:
        assert words in str(caught.value)


# R12
def test_what_could_never_pass_is_a_mistake() -> None:
    for cost in (0, -1, 6, 2**40):
        with pytest.raises(ValueError, match="cost"):
            limit("5/minute", cost=cost)
    with pytest.raises(ValueError, match="store_down"):
        limit("5/minute", store_down="closd")  # type: ignore[arg-type]


def test_two_limits_are_two_however_alike() -> None:
    one, other = limit("5/minute"), limit("5/minute")
    assert one != other
    assert len({one, other, one}) == 2
    assert repr(one) == "limit('5/minute')"


PROGRAM = """
import anyio, httpx, json
from fastapi import APIRouter, FastAPI
from buckler.fastapi import limit

router = APIRouter(prefix="/routed")

@router.get("/{x}", dependencies=[limit("5/hour per ip")])
async def root(x: str) -> str:
    return x

app = FastAPI()
app.include_router(router)

async def ask():
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as session:
        return [(await session.get(f"/routed/{x}")).status_code for x in range(3)]

print(json.dumps(anyio.run(ask)))
"""


# R13: nothing of a process is part of a key
def test_processes_count_together_one_after_the_other(tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": str(ROOT / "python"),
        "BUCKLER_STORE__PATH": str(tmp_path / "counts"),
        "BUCKLER_STORE__KEEP": "always",
    }
    found = []
    for seed in ("1", "2", "3"):
        told = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM],
            check=True,
            stdout=subprocess.PIPE,
            env=clean_environment({**environment, "PYTHONHASHSEED": seed}),
            cwd=tmp_path,
        ).stdout
        found += json.loads(told)
    assert found == [200] * 5 + [429] * 4
