"""Plain HTTP: cookies, redirects, methods, and how the app sees its caller."""

from typing import Any

import httpx
import pytest
from live_server import Target


def test_the_app_sees_the_address_that_was_dialled(client: httpx.Client, target: Target) -> None:
    seen = client.get("/whoami?b=2&a=1&a=%20x").json()
    scheme, _, host = target.base_url.partition("://")
    assert seen["client"]["host"] == "127.0.0.1"
    assert seen["client"]["port"] > 0
    assert (seen["scheme"], seen["host"]) == (scheme, host)
    assert seen["base_url"] == f"{target.base_url}/"
    assert seen["url"] == f"{target.base_url}/whoami?b=2&a=1&a=%20x"
    assert seen["url_for"] == f"{target.base_url}/whoami"
    assert seen["query"] == "b=2&a=1&a=%20x"
    assert (seen["method"], seen["root_path"], seen["http_version"]) == ("GET", "", "1.1")


def test_the_app_sees_the_clients_headers(client: httpx.Client) -> None:
    headers = [("X-Note", "one"), ("X-Note", "two"), ("Authorization", "Bearer abc.def")]
    seen = [tuple(pair) for pair in client.get("/whoami", headers=headers).json()["headers"]]
    assert [value for name, value in seen if name == "x-note"] == ["one", "two"]
    assert ("authorization", "Bearer abc.def") in seen
    assert len([value for name, value in seen if name == "host"]) == 1


def test_cookies_come_as_separate_lines(target: Target) -> None:
    response = target.raw("GET", "/welcome?visitor=zoe")
    cookies = response.all("set-cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == [
        "visitor=zoe",
        "theme=dark",
        "basket=empty",
    ]
    assert "Max-Age=3600" in cookies[1]
    assert "Path=/orders" in cookies[2]


def test_cookies_go_back_to_the_app(client: httpx.Client) -> None:
    client.get("/welcome")
    seen = dict(tuple(pair) for pair in client.get("/whoami").json()["headers"])
    assert set(seen["cookie"].split("; ")) == {"visitor=guest", "theme=dark"}


def test_a_redirect_to_a_path_keeps_it(client: httpx.Client) -> None:
    response = client.get("/go", params={"next": "/products?q=tea"})
    assert (response.status_code, response.headers["location"]) == (307, "/products?q=tea")


def test_a_redirect_by_name_leads_to_the_dialled_address(
    client: httpx.Client, target: Target
) -> None:
    response = client.get("/catalogue")
    assert response.status_code == 308
    assert response.headers["location"] == f"{target.base_url}/products"
    assert client.get("/catalogue", follow_redirects=True).json()[0]["name"]


def test_a_trailing_slash_is_redirected_away(client: httpx.Client, target: Target) -> None:
    response = client.get("/products/?q=tea")
    assert response.status_code == 307
    assert response.headers["location"] == f"{target.base_url}/products?q=tea"


def test_head_answers_without_a_body(client: httpx.Client) -> None:
    response = client.head("/health")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len('{"status":"ok"}'))


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("HEAD", "/products", "GET"), ("PUT", "/health", "GET, HEAD"), ("OPTIONS", "/health", None)],
)
def test_a_method_that_is_not_there_is_405(
    client: httpx.Client, method: str, path: str, allow: str | None
) -> None:
    response = client.request(method, path)
    assert response.status_code == 405
    if allow is not None:
        allowed = {name.strip() for name in response.headers["allow"].split(",")}
        assert set(allow.split(", ")) <= allowed


def test_an_unknown_path_is_404(client: httpx.Client) -> None:
    response = client.get("/no/such/page")
    assert response.status_code == 404
    assert "detail" in response.json()


def test_an_exception_is_500_and_the_shop_lives_on(target: Target) -> None:
    # One connection each: uvicorn hangs up after an exception without announcing it.
    for _ in range(3):
        assert target.raw("GET", "/crash").status == 500
    assert target.raw("GET", "/health").body == b'{"status":"ok"}'


@pytest.mark.parametrize(
    ("body", "kind"), [(b"{", "json_invalid"), (b"", "missing"), (b"[]", "model_attributes_type")]
)
def test_a_body_that_is_no_user_is_422(client: httpx.Client, body: bytes, kind: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/users", content=body, headers=headers)
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == kind


def test_the_counters_can_be_read(client: httpx.Client) -> None:
    counters: dict[str, Any] = client.get("/stats").json()
    assert set(counters) == {"open_streams", "chat_members"}


def test_the_contract_names_every_subject(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/users/{user_id}/avatar", "/orders/{order_id}/pay", "/prices/stream", "/sink"):
        assert path in paths
