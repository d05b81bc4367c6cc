"""Forms, sessions and redirects as a browser goes through them."""

import hashlib
import html
import re
from urllib.parse import quote

import httpx
import pytest
from live_server import Target

MEMBER = {"name": "Zoë Ångström", "email": "zoe@example.com", "about": "a < b & c\r\nd"}


def test_signing_up_redirects_to_the_profile(client: httpx.Client, target: Target) -> None:
    response = client.post("/signup", data=MEMBER)
    assert response.status_code == 303
    assert response.headers["location"] == f"{target.base_url}/profile"
    page = client.get(response.headers["location"])
    assert "<h1>Zoë Ångström</h1>" in page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_a_flash_is_shown_once(client: httpx.Client) -> None:
    page = client.post("/signup", data=MEMBER, follow_redirects=True)
    assert page.text.count('<p class="flash">Welcome, Zoë Ångström!</p>') == 1
    assert 'class="flash"' not in client.get("/profile").text


def test_what_members_write_is_escaped(client: httpx.Client) -> None:
    data = {**MEMBER, "name": "<script>alert(1)</script>"}
    page = client.post("/signup", data=data, follow_redirects=True)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<pre>a &lt; b &amp; c\r\nd</pre>" in page.text


def test_repeated_fields_all_count(client: httpx.Client) -> None:
    body = "name=A&email=a%40b&interests=Tea+%26+cake&interests=%C3%9Cbersetzen&interests="
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    page = client.post("/signup", content=body, headers=headers, follow_redirects=True)
    assert "<li>Tea &amp; cake</li><li>Übersetzen</li><li></li>" in page.text


def test_the_same_form_comes_as_multipart(client: httpx.Client) -> None:
    fields = [(name, (None, value)) for name, value in MEMBER.items()]
    page = client.post("/signup", files=fields, follow_redirects=True)
    assert "<h1>Zoë Ångström</h1>" in page.text


@pytest.mark.parametrize(
    ("change", "place"),
    [({"name": ""}, ["body", "name"]), ({"email": "nobody"}, ["body", "email"])],
)
def test_a_bad_field_is_422(client: httpx.Client, change: dict[str, str], place: list[str]) -> None:
    response = client.post("/signup", data={**MEMBER, **change})
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == [place]
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}], ids=["untyped", "typed"]
)
def test_an_empty_form_is_422(client: httpx.Client, headers: dict[str, str]) -> None:
    response = client.post("/signup", content=b"", headers=headers)
    assert response.status_code == 422
    assert {error["type"] for error in response.json()["detail"]} == {"missing"}


def test_a_stranger_is_sent_to_sign_up(client: httpx.Client) -> None:
    page = client.get("/profile", follow_redirects=True)
    assert page.url.path == "/signup"
    assert "Please sign up first." in page.text


def test_logging_out_forgets_the_member(client: httpx.Client) -> None:
    client.post("/signup", data=MEMBER)
    response = client.post("/logout")
    assert response.status_code == 303
    assert "club" not in client.cookies
    assert client.get("/profile").status_code == 303


def test_a_forged_session_is_no_session(client: httpx.Client, target: Target) -> None:
    client.post("/signup", data=MEMBER)
    payload, _, rest = client.cookies["club"].partition(".")
    forged = f"{payload[:-4]}AAAA.{rest}"
    with target.client() as other:
        assert other.get("/profile", headers={"Cookie": f"club={forged}"}).status_code == 303


def test_three_cookies_come_in_three_lines(target: Target) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = target.raw("POST", "/preferences", headers, b"theme=dark&language=cs")
    assert response.status == 303
    cookies = {line.partition("=")[0]: line for line in response.all("set-cookie")}
    assert set(cookies) == {"theme", "language", "club"}
    assert len(response.all("set-cookie")) == 3
    assert cookies["theme"] == "theme=dark; Max-Age=31536000; Path=/; SameSite=lax"
    assert cookies["language"].endswith("SameSite=strict")
    assert "httponly" in cookies["club"]


def test_preferences_come_back(client: httpx.Client) -> None:
    page = client.post(
        "/preferences", data={"theme": "dark", "language": "cs"}, follow_redirects=True
    )
    assert '<body class="dark">' in page.text
    assert '<p class="flash">Saved.</p>' in page.text


def test_attachments_arrive_byte_for_byte(client: httpx.Client) -> None:
    files = [
        ("attachments", ("data.bin", bytes(range(256)) * 1000, "application/octet-stream")),
        ("attachments", ("výkaz (1).txt", "příliš\r\n--boundary\r\n".encode(), "text/plain")),
        ("attachments", ("empty.txt", b"", "text/plain")),
    ]
    page = client.post("/feedback", data={"message": "viz přílohy"}, files=files)
    assert page.status_code == 200
    assert "<blockquote>viz přílohy</blockquote>" in page.text
    for _, (name, data, kind) in files:
        digest = hashlib.sha256(data).hexdigest()
        assert (
            f'<li data-size="{len(data)}" data-sha256="{digest}">{name} ({kind})</li>' in page.text
        )


def test_a_message_needs_no_attachment(client: httpx.Client) -> None:
    page = client.post("/feedback", data={"message": "nothing enclosed"})
    assert page.status_code == 200
    assert "<ol></ol>" in page.text


def test_multipart_without_a_boundary_is_400(client: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    response = client.post("/feedback", content=b"--x\r\n\r\n--x--\r\n", headers=headers)
    assert response.status_code == 400


def test_links_lead_to_the_address_that_was_dialled(client: httpx.Client, target: Target) -> None:
    page = client.get("/signup").text
    links = re.findall(r'(?:href|src|action)="([^"]+)"', page)
    assert f"{target.base_url}/static/club.css" in links
    assert f"{target.base_url}/signup" in links
    assert all(link.startswith(f"{target.base_url}/") for link in links)


def test_every_asset_of_a_page_is_there(client: httpx.Client) -> None:
    for link in re.findall(r'(?:src|link rel="stylesheet" href)="([^"]+)"', client.get("/").text):
        response = client.get(link)
        assert response.status_code == 200
        assert response.headers["content-type"] in {
            "text/css; charset=utf-8",
            "text/javascript; charset=utf-8",
        }
        assert client.get(
            link, headers={"If-None-Match": response.headers["etag"]}
        ).status_code == (304)


@pytest.mark.parametrize(
    "name", ["Ann Lee", "O'Neil; Bo", "a&b", "100%", "日本", "a+b", "~x", "<i>"]
)
def test_any_name_fits_into_a_path(client: httpx.Client, target: Target, name: str) -> None:
    response = target.raw("GET", f"/members/{quote(name, safe='')}")
    assert response.status == 200
    link = re.search(r'rel="self" href="([^"]+)"', response.body.decode())
    assert link is not None
    again = client.get(html.unescape(link.group(1)))
    assert again.content == response.body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/static/none.css", 404),
        ("GET", "/members/", 404),
        ("PUT", "/signup", 405),
        ("HEAD", "/", 405),
        ("OPTIONS", "/signup", 405),
    ],
)
def test_errors_are_pages(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    if method != "HEAD":
        assert f"<h1>{status}</h1>" in response.text
    if status == 405:
        assert response.headers["allow"]


def test_a_large_session_cookie_goes_both_ways(client: httpx.Client) -> None:
    about = "long " * 500
    page = client.post("/signup", data={**MEMBER, "about": about}, follow_redirects=True)
    assert about in page.text
    assert len(client.cookies["club"]) > 3000
