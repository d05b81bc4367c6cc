"""What a browser's page needs: CORS answers and the static front end."""

import httpx
import pytest

OWN = "https://board.example.com"
FOREIGN = "https://evil.example"


def preflight(
    client: httpx.Client, origin: str, method: str, headers: str = "content-type"
) -> httpx.Response:
    return client.options(
        "/api/notes",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


@pytest.mark.parametrize("origin", [OWN, "http://localhost:5173"])
def test_a_preflight_of_ours_is_allowed(client: httpx.Client, origin: str) -> None:
    response = preflight(client, origin, "POST", "content-type, x-board-client")
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-max-age"] == "600"
    assert "POST" in response.headers["access-control-allow-methods"]
    allowed = response.headers["access-control-allow-headers"].lower()
    assert {"content-type", "x-board-client"} <= set(allowed.split(", "))
    assert "origin" in response.headers["vary"].lower()


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        (FOREIGN, "POST", "content-type"),
        ("null", "POST", "content-type"),
        (OWN + ".evil.example", "POST", "content-type"),
        (OWN, "PUT", "content-type"),
        (OWN, "POST", "x-other"),
    ],
)
def test_any_other_preflight_is_refused(
    client: httpx.Client, origin: str, method: str, headers: str
) -> None:
    assert preflight(client, origin, method, headers).status_code == 400


def test_a_foreign_preflight_names_no_origin(client: httpx.Client) -> None:
    assert "access-control-allow-origin" not in preflight(client, FOREIGN, "POST").headers


def test_a_page_of_ours_may_read_the_answer(client: httpx.Client) -> None:
    response = client.get("/api/notes", headers={"Origin": OWN})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == OWN
    assert response.headers["access-control-allow-credentials"] == "true"
    exposed = response.headers["access-control-expose-headers"].lower()
    assert set(exposed.split(", ")) == {"x-total-count", "location"}


def test_a_foreign_page_gets_an_answer_it_cannot_read(client: httpx.Client) -> None:
    response = client.get("/api/notes", headers={"Origin": FOREIGN})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/api/notes/999999999", "/api/notes/x", "/nowhere"])
def test_errors_can_be_read_by_a_page_of_ours(client: httpx.Client, path: str) -> None:
    response = client.get(path, headers={"Origin": OWN})
    assert response.status_code in (404, 422)
    assert response.headers.get_list("access-control-allow-origin") == [OWN]


def test_every_answer_varies_by_origin(client: httpx.Client) -> None:
    assert "origin" in client.get("/api/notes", headers={"Origin": OWN}).headers["vary"].lower()


def test_options_without_an_origin_is_an_ordinary_request(client: httpx.Client) -> None:
    assert client.options("/api/notes").status_code == 405


def test_the_front_door_leads_to_the_page(client: httpx.Client) -> None:
    response = client.get("/")
    assert (response.status_code, response.headers["location"]) == (302, "/app/")
    page = client.get("/", follow_redirects=True)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<script src="app.js" defer>' in page.text


def test_the_page_without_its_slash_is_redirected(client: httpx.Client) -> None:
    response = client.get("/app")
    assert response.status_code == 307
    assert httpx.URL(response.headers["location"]).path == "/app/"


@pytest.mark.parametrize(
    ("path", "kind"), [("/app/app.js", "text/javascript"), ("/app/style.css", "text/css")]
)
def test_assets_have_their_types(client: httpx.Client, path: str, kind: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{kind}; charset=utf-8"


def test_an_asset_in_cache_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/app/app.js")
    etag = first.headers["etag"]
    again = client.get("/app/app.js", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag


def test_head_of_an_asset_tells_its_length(client: httpx.Client) -> None:
    whole = client.get("/app/app.js", headers={"Accept-Encoding": "identity"})
    head = client.head("/app/app.js", headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize("path", ["/app/none.js", "/app/..%2fmain.py"])
def test_what_is_not_in_the_folder_is_not_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code in (400, 404)
