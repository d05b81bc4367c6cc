"""The board's JSON API."""

import uuid
from typing import Any

import httpx
import pytest
from live_server import Target


def pin(client: httpx.Client, text: str, *tags: str) -> dict[str, Any]:
    response = client.post("/api/notes", json={"text": text, "tags": tags})
    assert response.status_code == 201, response.text
    note: dict[str, Any] = response.json()
    return note


@pytest.mark.parametrize(
    "text", ["plain", "žluťoučký kůň 🐴", "tab\tand\nnewline", "<b>kept</b>", "nul \x00 inside"]
)
def test_a_note_is_kept_as_it_was_written(client: httpx.Client, text: str) -> None:
    note = pin(client, text)
    assert client.get(f"/api/notes/{note['id']}").json() == {**note, "text": text}


def test_location_leads_to_the_new_note(client: httpx.Client, target: Target) -> None:
    response = client.post("/api/notes", json={"text": "find me"})
    location = response.headers["location"]
    assert location == f"{target.base_url}/api/notes/{response.json()['id']}"
    assert client.get(location).json() == response.json()


def test_repeated_query_keys_all_count(client: httpx.Client) -> None:
    one, two = uuid.uuid4().hex, uuid.uuid4().hex
    both = pin(client, "both", one, two)
    pin(client, "one", one)
    response = client.get(f"/api/notes?tag={one}&tag={two}")
    assert response.json() == [both]
    assert response.headers["x-total-count"] == "1"


@pytest.mark.parametrize(
    ("segment", "tag"),
    [
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("a;b=c", "a;b=c"),
        ("a%3Bb", "a;b"),
        ("a%26b%3F", "a&b?"),
        ("%C3%BC%F0%9F%90%B4", "ü🐴"),
        ("100%25", "100%"),
        ("a,b:c@d!$'()*", "a,b:c@d!$'()*"),
        ("..%20", ".. "),
        ("...", "..."),
    ],
)
def test_a_tag_in_the_path_means_the_same_tag(
    client: httpx.Client, target: Target, segment: str, tag: str
) -> None:
    note = pin(client, "tagged", tag)
    response = target.raw("GET", f"/api/tags/{segment}/notes")
    assert response.status == 200
    assert f'"id":{note["id"]},' in response.body.decode()


@pytest.mark.parametrize("path", ["/api//notes", "//api/notes", "/api/notes;v=1", "/API/notes"])
def test_a_path_that_only_resembles_a_route_is_404(target: Target, path: str) -> None:
    assert target.raw("GET", path).status == 404


def test_a_trailing_slash_is_redirected_with_its_query(
    client: httpx.Client, target: Target
) -> None:
    response = client.get("/api/notes/?limit=1")
    assert response.status_code == 307
    assert response.headers["location"] == f"{target.base_url}/api/notes?limit=1"


def test_a_redirected_post_keeps_method_and_body(client: httpx.Client) -> None:
    response = client.post("/api/notes/", json={"text": "moved"}, follow_redirects=True)
    assert (response.status_code, response.json()["text"]) == (201, "moved")


def test_a_missing_note_is_told_in_the_boards_words(client: httpx.Client) -> None:
    response = client.get("/api/notes/999999999")
    assert response.status_code == 404
    assert response.json() == {"error": "no_such_note", "note": 999999999}
    assert response.headers["x-board-error"] == "no_such_note"


def test_a_removed_note_is_204_without_a_body(target: Target, client: httpx.Client) -> None:
    path = f"/api/notes/{pin(client, 'short-lived')['id']}"
    response = target.raw("DELETE", path)
    assert (response.status, response.body) == (204, b"")
    assert response.all("content-length") in ([], ["0"])
    assert client.delete(path).status_code == 404


def test_a_note_can_be_changed(client: httpx.Client) -> None:
    note = pin(client, "old", "kept")
    changed = client.patch(f"/api/notes/{note['id']}", json={"text": "new"})
    assert changed.json() == {"id": note["id"], "text": "new", "tags": ["kept"]}


@pytest.mark.parametrize(
    ("body", "place", "kind"),
    [
        (b'{"tags": []}', ["body", "text"], "missing"),
        (b'{"text": ""}', ["body", "text"], "string_too_short"),
        (b'{"text": 5}', ["body", "text"], "string_type"),
        (b'{"text": "x", "tags": "y"}', ["body", "tags"], "list_type"),
        (b'{"text": "x"', ["body", 12], "json_invalid"),
        (b"", ["body"], "missing"),
    ],
)
def test_a_bad_body_is_422_and_says_where(
    client: httpx.Client, body: bytes, place: list[object], kind: str
) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/api/notes", content=body, headers=headers)
    assert response.status_code == 422
    (error,) = response.json()["detail"]
    assert (error["loc"], error["type"]) == (place, kind)
    assert error["msg"]


def test_an_unknown_field_is_ignored(client: httpx.Client) -> None:
    response = client.post("/api/notes", json={"text": "x", "colour": "red"})
    assert response.status_code == 201


def test_a_method_that_is_not_there_is_405(client: httpx.Client) -> None:
    response = client.put("/api/notes", json={"text": "x"})
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


def test_json_is_json_under_any_spelling_of_its_type(client: httpx.Client) -> None:
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/x+json"):
        response = client.post(
            "/api/notes", content=b'{"text": "x"}', headers={"Content-Type": kind}
        )
        assert response.status_code == 201, kind


def test_many_cookies_and_long_headers_arrive(client: httpx.Client) -> None:
    client.post("/api/session", json={"name": "Eva"})
    token = client.cookies["board_session"]
    cookies = "; ".join([f"filler{n}={'x' * 100}" for n in range(50)] + [f"board_session={token}"])
    response = client.get("/api/session", headers={"Cookie": cookies, "X-Board-Client": "y" * 4000})
    assert response.json() == {"name": "Eva"}


def test_a_session_sets_two_cookies_in_two_lines(target: Target) -> None:
    response = target.raw(
        "POST", "/api/session", {"Content-Type": "application/json"}, b'{"name": "Eva"}'
    )
    session, seen = response.all("set-cookie")
    assert response.status == 204
    assert session.startswith("board_session=")
    assert {"HttpOnly", "Path=/api", "SameSite=lax"} <= set(session.split("; "))
    assert seen.startswith("board_seen=1; Max-Age=86400; Path=/")


def test_without_a_session_the_answer_is_401(client: httpx.Client) -> None:
    response = client.get("/api/session")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Cookie realm="board"'


def test_logging_out_ends_the_session(client: httpx.Client) -> None:
    client.post("/api/session", json={"name": "Eva"})
    token = client.cookies["board_session"]
    assert client.delete("/api/session").status_code == 204
    assert "board_session" not in client.cookies
    response = client.get("/api/session", headers={"Cookie": f"board_session={token}"})
    assert response.status_code == 401
