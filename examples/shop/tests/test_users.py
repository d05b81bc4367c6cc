"""Accounts and their pictures."""

from typing import Any

import httpx
import pytest

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99"
    b"=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def test_a_new_user_can_be_read_back(client: httpx.Client, user: dict[str, Any]) -> None:
    response = client.get(f"/users/{user['id']}")
    assert response.status_code == 200
    assert response.json() == user
    assert user["full_name"] == "Dóra Ünal 茶"
    assert user["role"] == "user"
    assert set(user) == {"id", "email", "full_name", "role", "created_at"}


def test_the_seeded_users_come_first(client: httpx.Client) -> None:
    emails = [user["email"] for user in client.get("/users", params={"limit": 3}).json()]
    assert emails == ["admin@example.com", "bob@example.com", "carol@example.com"]


def test_listing_honours_limit_and_offset(client: httpx.Client) -> None:
    response = client.get("/users", params={"limit": 1, "offset": 1})
    assert [user["email"] for user in response.json()] == ["bob@example.com"]


def test_an_update_changes_only_what_is_sent(client: httpx.Client, user: dict[str, Any]) -> None:
    response = client.patch(f"/users/{user['id']}", json={"full_name": "Dora"})
    assert response.status_code == 200
    assert response.json() == {**user, "full_name": "Dora"}


def test_an_address_has_one_account(client: httpx.Client, user: dict[str, Any]) -> None:
    again = {"email": user["email"], "full_name": "Twin", "password": "x"}
    assert client.post("/users", json=again).status_code == 409


def test_an_unknown_user_is_404(client: httpx.Client) -> None:
    assert client.get("/users/999999999").status_code == 404


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"email": "not an address"}, ["body", "email"]),
        ({"full_name": ""}, ["body", "full_name"]),
        ({"password": None}, ["body", "password"]),
    ],
)
def test_a_bad_field_is_422_and_named(
    client: httpx.Client, change: dict[str, object], place: list[str]
) -> None:
    good = {"email": "new@example.com", "full_name": "New", "password": "secret"}
    response = client.post("/users", json={**good, **change})
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == [place]


def test_a_path_parameter_of_the_wrong_kind_is_422(client: httpx.Client) -> None:
    response = client.get("/users/me")
    assert response.status_code == 422
    (error,) = response.json()["detail"]
    assert (error["loc"], error["type"]) == (["path", "user_id"], "int_parsing")


def test_an_avatar_comes_back_byte_for_byte(client: httpx.Client, user: dict[str, Any]) -> None:
    path = f"/users/{user['id']}/avatar"
    stored = client.post(path, files={"file": ("gesicht.png", PNG, "image/png")})
    assert stored.status_code == 201
    assert stored.json() == {
        "filename": "gesicht.png",
        "content_type": "image/png",
        "size": len(PNG),
    }
    fetched = client.get(path)
    assert fetched.status_code == 200
    assert fetched.content == PNG
    assert fetched.headers["content-type"] == "image/png"
    assert fetched.headers["content-disposition"] == "inline; filename*=UTF-8''gesicht.png"


def test_a_later_avatar_replaces_the_first(client: httpx.Client, user: dict[str, Any]) -> None:
    path = f"/users/{user['id']}/avatar"
    client.post(path, files={"file": ("one.png", PNG, "image/png")})
    client.post(path, files={"file": ("two.jpg", b"\xff\xd8\xff\xe0two", "image/jpeg")})
    assert client.get(path).content == b"\xff\xd8\xff\xe0two"


def test_a_deleted_avatar_is_gone(client: httpx.Client, user: dict[str, Any]) -> None:
    path = f"/users/{user['id']}/avatar"
    client.post(path, files={"file": ("one.png", PNG, "image/png")})
    deleted = client.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(path).status_code == 404


def test_an_upload_without_its_part_is_422(client: httpx.Client, user: dict[str, Any]) -> None:
    response = client.post(f"/users/{user['id']}/avatar", files={"picture": ("a.png", PNG)})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "file"]
