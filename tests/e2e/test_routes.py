"""Every route of the shop answers through the gateway as it answers without it."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.certificates import Issued
from harness.gateway import Gateway, running
from harness.serving import SHOP_POLICY
from harness.suites import SHOP_APP
from live_server import RawResponse, Target, live_target

JSON = {"Content-Type": "application/json"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

OURS = {
    "x-request-id",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "x-xss-protection",
    "content-security-policy",
    "strict-transport-security",
}
"""Fields that the gateway adds (R04)."""

OF_THE_CONNECTION = {"date", "server", "connection", "keep-alive"}
"""Fields that belong to whoever holds the connection; `Server` is removed (R04)."""

SAME_ORDER = {"PYTHONHASHSEED": "0"}
"""`Allow` and parts of the contract come out of Python sets."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")


@dataclass(frozen=True)
class Call:
    """One request; its operation is found by `path`'s template."""

    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


def sending(path: str, value: object, status: int = 200) -> Call:
    return Call(path, json.dumps(value).encode(), JSON, status)


AVATAR = (
    b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\x00\xff\r\n--edge--\r\n"
)
USER = {"email": "dora@example.com", "full_name": "Dóra Ünal 茶", "password": "biscuits"}
ORDER = {"shipping_address": "Főutca 1", "lines": [{"product_id": 1, "quantity": 2}]}

CALLS: dict[tuple[str, str], list[Call]] = {
    ("POST", "/users"): [
        sending("/users", USER, 201),
        sending("/users", USER, 409),
        sending("/users", {"email": "no", "password": "do not repeat me"}, 422),
        sending("/users", [], 422),
    ],
    ("GET", "/users"): [
        Call("/users"),
        Call("/users?limit=1&offset=1"),
        Call("/users?limit=0", status=422),
    ],
    ("GET", "/users/{user_id}"): [Call("/users/2")],
    ("PATCH", "/users/{user_id}"): [sending("/users/2", {"full_name": "Robert"})],
    ("GET", "/users/{user_id}/export"): [Call("/users/2/export")],
    ("POST", "/users/{user_id}/avatar"): [
        Call(
            "/users/2/avatar",
            AVATAR,
            {"Content-Type": "multipart/form-data; boundary=edge"},
            status=201,
        )
    ],
    ("GET", "/users/{user_id}/avatar"): [
        Call("/users/2/avatar"),
        Call("/users/3/avatar", status=404),
    ],
    ("DELETE", "/users/{user_id}/avatar"): [Call("/users/2/avatar", status=204)],
    ("GET", "/products"): [Call("/products"), Call("/products?q=%C2%B0C&sort=price&max_price=100")],
    ("POST", "/products"): [
        sending("/products", {"name": "Spoon", "price": "3.50", "stock": 2}, 201)
    ],
    ("GET", "/products/export.csv"): [Call("/products/export.csv")],
    ("GET", "/products/{product_id}"): [Call("/products/1")],
    ("POST", "/products/{product_id}/comments"): [
        sending("/products/1/comments", {"author": "Zoë", "html": "<script>alert(1)</script>"}, 201)
    ],
    ("GET", "/products/{product_id}/comments"): [Call("/products/1/comments")],
    ("GET", "/products/{product_id}/page"): [Call("/products/1/page")],
    ("DELETE", "/comments/{comment_id}"): [Call("/comments/3", status=204)],
    ("POST", "/users/{user_id}/orders"): [
        sending("/users/2/orders", ORDER, 201),
        sending("/users/2/orders", {**ORDER, "lines": []}, 422),
    ],
    ("GET", "/users/{user_id}/orders"): [Call("/users/2/orders")],
    ("GET", "/orders/{order_id}"): [Call("/orders/1")],
    ("PUT", "/orders/{order_id}/status"): [sending("/orders/1/status", {"status": "shipped"})],
    ("POST", "/orders/{order_id}/pay"): [Call("/orders/1/pay", status=500)],
    ("GET", "/prices/stream"): [Call("/prices/stream?interval=0.01&ticks=3")],
    ("GET", "/download/{size}"): [Call("/download/200000"), Call("/download/0")],
    ("POST", "/sink"): [
        Call("/sink", bytes(range(256)) * 500, {"Content-Type": "application/octet-stream"})
    ],
    ("GET", "/health"): [Call("/health")],
    ("HEAD", "/health"): [Call("/health")],
    ("GET", "/welcome"): [Call("/welcome?visitor=zo%C3%AB")],
    ("GET", "/go"): [Call("/go?next=/products", status=307)],
    ("GET", "/catalogue"): [Call("/catalogue", status=308)],
    ("GET", "/whoami"): [Call("/whoami")],
    ("GET", "/stats"): [Call("/stats")],
    ("GET", "/crash"): [Call("/crash", status=500)],
    ("GET", "/hang"): [Call("/hang?seconds=0")],
}
"""What each operation is called with, in this order, on two equal databases."""

BESIDE = [
    ("GET", Call("/openapi.json")),
    ("GET", Call("/docs")),
    ("GET", Call("/redoc")),
    ("GET", Call("/docs/oauth2-redirect")),
    ("GET", Call("/", status=404)),
    ("GET", Call("/nowhere", status=404)),
    ("GET", Call("//products", status=404)),
    ("GET", Call("/products/?q=tea", status=307)),
    ("OPTIONS", Call("/health", status=405)),
    ("OPTIONS", Call("/users", headers={"Origin": "https://a.example"}, status=405)),
]
"""What answers without being in the contract."""


@dataclass(frozen=True)
class Both:
    """The shop twice, each with the same data."""

    bare: Target
    gateway: Gateway


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, issued: Issued) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("twice")
    SHOP_APP.seed(folder / "bare")
    shutil.copytree(folder / "bare", folder / "guarded")
    with (
        live_target(
            "E2E_BARE",
            SHOP_APP.target,
            SHOP_APP.folder,
            folder,
            {**SHOP_APP.environment(folder / "bare"), **SAME_ORDER},
        ) as bare,
        running(
            folder / "gateway",
            SHOP_APP.target,
            SHOP_APP.folder,
            policy='[contract]\ndocs = "open"\n' + SHOP_POLICY + issued.policy(),
            environment={**SHOP_APP.environment(folder / "guarded"), **SAME_ORDER},
            authority=issued.authority,
            arguments=["--workers", "1"],
        ) as gateway,
    ):
        yield Both(bare, gateway)


@dataclass(frozen=True)
class Seen:
    """An answer without what may differ between two servers."""

    status: int
    fields: dict[str, list[str]]
    body: str


def seen(target: Target, method: str, call: Call, leave: set[str]) -> Seen:
    response: RawResponse = target.raw(method, call.path, call.headers, call.body)
    fields: dict[str, list[str]] = {}
    for name, value in response.headers:
        if name.lower() not in leave:
            fields.setdefault(name.lower(), []).append(value.replace(target.base_url, "BASE"))
    body = TIME.sub("TIME", response.body.decode("latin-1").replace(target.base_url, "BASE"))
    return Seen(response.status, fields, body)


def without(names: set[str], value: object) -> object:
    """Take members out of a value, wherever they stand."""
    if isinstance(value, dict):
        return {key: without(names, inner) for key, inner in value.items() if key not in names}
    if isinstance(value, list):
        return [without(names, inner) for inner in value]
    return value


LEAKING = "/users/2/export"
"""What it answers holds the hash of a password, which leaves in no answer (R41)."""

PROBLEM = ["application/problem+json"]
"""The type of a refusal before the app, which leaves out the numbers behind a fault (R40)."""


def compare(both: Both, method: str, call: Call, expected: int | None = None) -> None:
    """Ask both and say where they differ."""
    what = f"{method} {call.path}"
    bare = seen(both.bare, method, call, OF_THE_CONNECTION)
    guarded = seen(both.gateway.target, method, call, OURS | OF_THE_CONNECTION)
    assert guarded.status == bare.status, what
    if expected is not None:
        assert bare.status == expected, what
    if bare.status == 422:
        body = json.loads(guarded.body)
        assert body.pop("code") == "contract_violation", what
        assert body.pop("title"), what
        assert re.fullmatch("[0-9a-f]{32}", body.pop("request_id")), what
        changed = {"content-length", "transfer-encoding"}
        echoed = {"input"}
        if guarded.fields["content-type"] == PROBLEM:
            assert (body.pop("status"), bool(body.pop("type"))) == (422, True), what
            changed |= {"content-type", "cache-control"}
            echoed.add("ctx")
        assert body == without(echoed, json.loads(bare.body)), what
    elif bare.status >= 500:
        body = json.loads(guarded.body)
        assert (body["code"], body["status"]) == ("internal_error", bare.status), what
        changed = {"content-length", "content-type"}
    elif call.path == LEAKING:
        secret = {"hashed_password"}
        assert json.loads(guarded.body) == without(secret, json.loads(bare.body)), what
        assert "hashed_password" in bare.body, what
        changed = {"content-length"}
    else:
        assert guarded.body == bare.body or call.path == "/whoami", what
        changed = {"content-length"} if call.path == "/whoami" else set()
    left = {name: values for name, values in guarded.fields.items() if name not in changed}
    right = {name: values for name, values in bare.fields.items() if name not in changed}
    assert left == right, what


def operations(contract: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (method.upper(), path) for path, methods in contract["paths"].items() for method in methods
    }


def test_every_operation_answers_the_same(both: Both) -> None:
    # R04, R11, R80
    contract = httpx.get(f"{both.bare.base_url}/openapi.json", trust_env=False).json()
    assert operations(contract) == set(CALLS), "the shop's contract and the calls of this test"
    for (method, _), calls in CALLS.items():
        for call in calls:
            compare(both, method, call, call.status)
    for method, call in BESIDE:
        compare(both, method, call, call.status)


def test_what_no_operation_takes_is_answered_the_same(both: Both) -> None:
    # R11, R80: numbers that are nobody's, words for numbers, bodies that are none, other methods
    contract = httpx.get(f"{both.bare.base_url}/openapi.json", trust_env=False).json()
    templates = sorted(contract["paths"])
    asked = 0
    for template in templates:
        known = {method for method, path in operations(contract) if path == template}
        for value in ("987654321", "x", "%20", "1.5", "-1"):
            path = re.sub(r"\{\w+\}", value, template)
            if path == template and value != "x":
                continue
            for method in METHODS:
                if template in ("/hang", "/crash", "/prices/stream") and method == "GET":
                    continue
                if template == "/download/{size}" and value == "987654321":
                    continue
                bodies: list[bytes | None] = [None]
                if method in known and method not in ("GET", "HEAD"):
                    bodies += [b"{}", b"[]", b"null", b'"text"']
                for body in bodies:
                    headers = {} if body is None else JSON
                    compare(both, method, Call(path, body, headers))
                    asked += 1
    assert asked > 200


def test_the_app_sees_what_the_edge_saw(both: Both) -> None:
    # R03, R80
    gateway = both.gateway
    with gateway.wire() as wire:
        host, port = wire.socket.getsockname()
        wire.send(
            b"GET /whoami?b=2&a=%20 HTTP/1.1\r\nHost: " + gateway.host.encode() + b"\r\n"
            b"X-Note: one\r\nX-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n"
            b"Buckler-Edge: http 203.0.113.9 1 203.0.113.9 1\r\nX-Note: two\r\n\r\n"
        )
        told = json.loads(wire.answer().body)
    assert told["client"] == {"host": host, "port": port}
    assert (told["scheme"], told["host"]) == ("https", gateway.host)
    assert told["url_for"] == f"{gateway.base_url}/whoami"
    assert told["url"] == f"{gateway.base_url}/whoami?b=2&a=%20"
    assert told["base_url"] == f"{gateway.base_url}/"
    assert (told["root_path"], told["raw_path"], told["query"]) == ("", "/whoami", "b=2&a=%20")
    names = [name for name, _ in told["headers"]]
    assert [value for name, value in told["headers"] if name == "x-note"] == ["one", "two"]
    assert "203.0.113.9" not in json.dumps(told), "what an untrusted peer says of itself"
    assert not [name for name in names if name.startswith("buckler")]
    assert len(names) == len(set(names)) + 1, "no field is there twice but the one that was sent so"


def test_the_app_sees_what_a_trusted_proxy_tells(issued: Issued, tmp_path: Path) -> None:
    # R03
    SHOP_APP.seed(tmp_path / "data")
    policy = '[server]\nhosts = ["shop.example"]\ntrusted_proxies = ["127.0.0.1/32"]\n'
    with running(
        tmp_path,
        SHOP_APP.target,
        SHOP_APP.folder,
        policy=policy + issued.policy(),
        environment=SHOP_APP.environment(tmp_path / "data"),
        authority=issued.authority,
        arguments=["--workers", "1"],
    ) as gateway:
        headers = {
            "Host": "shop.example",
            "X-Forwarded-For": "198.51.100.9, 203.0.113.9",
            "X-Forwarded-Proto": "https",
        }
        with gateway.client() as client:
            told = client.get("/whoami", headers=headers).json()
    assert told["client"]["host"] == "203.0.113.9"
    assert told["url_for"] == "https://shop.example/whoami"
    assert "198.51.100.9" not in json.dumps(told["headers"]), "hops beyond the trusted one"
