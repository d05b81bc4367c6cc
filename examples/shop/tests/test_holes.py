"""The weaknesses that the README lists, shown one by one against the bare shop.

A hardened deployment is meant to fail these; leave them out there with `-m "not hole"`.
"""

import uuid
from typing import Any

import httpx
import pytest
from live_server import Target

pytestmark = pytest.mark.hole

SECRET = "hunter2-not-a-real-password"


def test_export_leaks_the_password_hash(client: httpx.Client, user: dict[str, Any]) -> None:
    assert len(client.get(f"/users/{user['id']}/export").json()["hashed_password"]) == 64


def test_equal_passwords_have_equal_hashes(client: httpx.Client, user: dict[str, Any]) -> None:
    twin = client.post(
        "/users",
        json={
            "email": f"{uuid.uuid4().hex}@example.com",
            "full_name": "Twin",
            "password": "tea-and-biscuits",
        },
    ).json()
    hashes = {
        client.get(f"/users/{number}/export").json()["hashed_password"]
        for number in (user["id"], twin["id"])
    }
    assert len(hashes) == 1


def test_anybody_becomes_an_admin(client: httpx.Client, user: dict[str, Any]) -> None:
    response = client.patch(f"/users/{user['id']}", json={"role": "admin"})
    assert response.json()["role"] == "admin"


def test_anybody_reads_anybodys_order(client: httpx.Client) -> None:
    assert client.get("/orders/1").json()["shipping_address"] == "1 Leaf Lane, Teatown"


def test_a_comment_runs_as_script(client: httpx.Client, product: dict[str, Any]) -> None:
    path = f"/products/{product['id']}"
    client.post(f"{path}/comments", json={"author": "M", "html": "<script>alert(1)</script>"})
    page = client.get(f"{path}/page")
    assert "<script>alert(1)</script>" in page.text
    assert "content-security-policy" not in page.headers


def test_an_avatar_may_be_a_web_page(client: httpx.Client, user: dict[str, Any]) -> None:
    path = f"/users/{user['id']}/avatar"
    client.post(path, files={"file": ("../../me.html", b"<script>alert(1)</script>", "text/html")})
    fetched = client.get(path)
    assert fetched.headers["content-type"].startswith("text/html")
    assert "x-content-type-options" not in fetched.headers


def test_an_error_shows_its_traceback(client: httpx.Client) -> None:
    response = client.post("/orders/1/pay")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/json"
    assert SECRET in response.json()["error"]
    assert any("orders.py" in line for line in response.json()["traceback"])


def test_a_422_repeats_the_password(client: httpx.Client) -> None:
    response = client.post(
        "/users", json={"email": "a@example.com", "password": "do not repeat me"}
    )
    assert response.status_code == 422
    assert "do not repeat me" in response.text


def test_go_leads_anywhere(client: httpx.Client) -> None:
    response = client.get("/go", params={"next": "https://evil.example/login"})
    assert response.headers["location"] == "https://evil.example/login"


def test_cookies_are_unguarded(target: Target) -> None:
    visitor = target.raw("GET", "/welcome").all("set-cookie")[0].lower()
    assert "secure" not in visitor
    assert "httponly" not in visitor


def test_any_host_name_is_believed(client: httpx.Client) -> None:
    response = client.get("/catalogue", headers={"Host": "evil.example"})
    assert httpx.URL(response.headers["location"]).host == "evil.example"


def test_forwarding_headers_are_believed(client: httpx.Client) -> None:
    response = client.get("/whoami", headers={"X-Forwarded-For": "203.0.113.9"})
    assert response.json()["client"]["host"] == "203.0.113.9"


def test_the_chat_asks_neither_name_nor_origin(target: Target) -> None:
    headers = {"Origin": "https://evil.example"}
    with target.websocket("/chat/holes?name=%3Cb%3Eadmin%3C/b%3E", headers) as socket:
        assert "<b>admin</b>" in str(socket.recv(timeout=10))


def test_docs_are_open_and_the_server_is_named(client: httpx.Client) -> None:
    response = client.get("/docs")
    assert response.status_code == 200
    assert response.headers["server"] == "uvicorn"
