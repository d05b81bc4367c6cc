"""Wrong use says what to do instead, when the app is made and not when the first request comes."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from buckler import Buckler, PolicyError
from fastapi import FastAPI
from harness.asgi import (
    GRANIAN,
    GUNICORN,
    GUNICORN_ASGI,
    HYPERCORN,
    HYPERCORN_TRIO,
    UVICORN,
    Reserved,
    Server,
    around,
)
from harness.by_hand import Receive, Scope, Send
from harness.gateway import clean_environment
from harness.places import BUCKLER, PATIENCE
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

SERVERS = (UVICORN, GUNICORN, GUNICORN_ASGI, GRANIAN, HYPERCORN, HYPERCORN_TRIO)
"""`uvicorn --workers` and `--reload` start a process again that does not start."""

pytestmark = pytest.mark.usefixtures("nothing_of_the_machine")


def wsgi(_environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [])
    return [b""]


class WsgiObject:
    def __call__(
        self, _environ: dict[str, Any], start_response: Callable[..., object]
    ) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]


async def asgi(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def reached(_: Request) -> Response:
    return Response()


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (None, "write Buckler(app, policy=…)"),
        (object(), "takes an ASGI app, not object"),
        (42, "takes an ASGI app, not int"),
        ("main:app", "import it"),
        (FastAPI, "not the class FastAPI: write Buckler(FastAPI(…))"),
        (WsgiObject, "not the class WsgiObject"),
        (wsgi, "WSGI"),
        (WsgiObject(), "WSGI"),
        (Buckler(asgi), "in this app already"),
        (GZipMiddleware(Buckler(asgi)), "in this app already"),
    ],
    ids=[
        "None",
        "object",
        "int",
        "name",
        "class",
        "WSGI class",
        "WSGI",
        "WSGI object",
        "twice",
        "deep",
    ],
)
def test_what_is_no_app(app: Any, told: str) -> None:  # noqa: ANN401 - anything at all
    # R81
    with pytest.raises(TypeError) as raised:
        Buckler(app)
    assert told in str(raised.value)


def added_twice() -> Any:  # noqa: ANN401
    app = FastAPI()
    app.add_middleware(Buckler)
    app.add_middleware(Buckler)
    return app


def round_and_added() -> Any:  # noqa: ANN401
    app = FastAPI()
    app.add_middleware(Buckler)
    return Buckler(app)


def apart() -> Any:  # noqa: ANN401
    app = FastAPI()
    app.add_middleware(Buckler)
    app.add_middleware(GZipMiddleware)
    app.add_middleware(Buckler)
    return app


def in_the_list() -> Any:  # noqa: ANN401
    return FastAPI(middleware=[Middleware(Buckler), Middleware(Buckler)])


def round_and_then_added() -> Any:  # noqa: ANN401
    app = FastAPI()
    guarded = Buckler(app)
    app.add_middleware(Buckler)
    return guarded


@pytest.mark.parametrize(
    "make", [added_twice, round_and_added, round_and_then_added, apart, in_the_list]
)
@pytest.mark.parametrize("lifespan", [True, False], ids=["started", "not started"])
def test_twice_in_one_app(make: Any, lifespan: bool) -> None:  # noqa: ANN401
    # R81
    def use() -> None:
        client = TestClient(make())
        if lifespan:
            client.__enter__()
        client.get("/")

    with pytest.raises(TypeError, match="put it in once"):
        use()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"server__host": ["a.example"]}, "did you mean `hosts`?"),
        ({"server": ["a.example"]}, "is a section"),
        ({"limits__login": 1}, "not enforced by this release"),
        ({"mode": "monitoring"}, "mode"),
        ({"server__hosts": "not a host!"}, "server.hosts"),
        ({"content__max_body": "ten"}, "content.max_body"),
        ({"polcy": "buckler.toml"}, "polcy"),
    ],
    ids=["a key", "a section", "a later key", "a word", "a host", "a size", "an argument"],
)
def test_mistakes_in_overrides(overrides: dict[str, Any], told: str) -> None:
    # R81
    with pytest.raises(PolicyError) as raised:
        Buckler(asgi, **overrides)
    assert told in str(raised.value)
    assert isinstance(raised.value, ValueError)


MISTAKEN = """
[server]
host = ["a.example"]
trusted_proxies = ["10.1.2.3"]
[server.tls]
mode = "off"
[content]
max_body = "ten"
"""


def test_mistakes_are_told_as_by_the_command(tmp_path: Path) -> None:
    # R81
    policy = tmp_path / "mistaken.toml"
    policy.write_text(MISTAKEN)
    with pytest.raises(PolicyError) as raised:
        Buckler(asgi, policy=policy)
    done = subprocess.run(
        [str(BUCKLER), "check", "--policy", str(policy)],
        env=clean_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert str(raised.value).strip() == done.stderr.strip()
    assert str(raised.value).count("mistaken.toml:") == 2


@pytest.mark.parametrize("policy", ["missing.toml", Path("missing.toml"), Path()])
def test_a_policy_that_is_not_there(policy: Any) -> None:  # noqa: ANN401 - str or Path
    # R81: a file that was named and is not there is never taken for an empty one
    with pytest.raises(PolicyError):
        Buckler(asgi, policy=policy)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_a_mistake_ends_a_server_at_its_start(tmp_path: Path, server: Server) -> None:
    # R81: a server that would answer each request with 500 has not started
    (tmp_path / "buckler.toml").write_text(MISTAKEN)
    with Reserved() as reserved:
        done = subprocess.run(
            server.command("served:app", reserved.port, ()),
            cwd=tmp_path,
            env=clean_environment(around(tmp_path, "added")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
            timeout=PATIENCE,
        )
    # hypercorn ends with 0 whatever becomes of its workers.
    assert done.returncode != 0 or server in (HYPERCORN, HYPERCORN_TRIO), done.stdout
    assert "error[unknown_key]: unknown key `host` in `[server]`" in done.stdout
    assert "buckler.toml:3:1" in done.stdout
    assert "error[invalid]: `content.max_body`" in done.stdout


@pytest.mark.parametrize("lifespan", [True, False], ids=["started", "not started"])
def test_a_mistake_fails_whatever_is_asked(tmp_path: Path, lifespan: bool) -> None:
    # R81
    policy = tmp_path / "mistaken.toml"
    policy.write_text(MISTAKEN)
    app = FastAPI(routes=[Route("/", reached)])
    app.add_middleware(Buckler, policy=policy)
    app.add_middleware(GZipMiddleware)
    if lifespan:
        with pytest.raises(PolicyError, match="unknown_key"), TestClient(app):
            pass
    client = TestClient(app)
    for _ in range(2):
        with pytest.raises(PolicyError, match="unknown_key"):
            client.get("/")
        with pytest.raises(PolicyError), client.websocket_connect("/"):
            pass
    assert TestClient(app, raise_server_exceptions=False).get("/").status_code == 500
