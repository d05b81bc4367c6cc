"""What the ingress in front tells of the client. The server must trust 127.0.0.1."""

import httpx
import pytest

pytestmark = pytest.mark.forwarded

PUBLIC = "files.example.com"


@pytest.mark.parametrize(
    ("hops", "client_seen"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, 127.0.0.1"], "203.0.113.7"),
        (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        (["2001:db8::7"], "2001:db8::7"),
    ],
)
def test_the_client_is_the_last_hop_that_is_not_ours(
    client: httpx.Client, hops: list[str], client_seen: str
) -> None:
    headers = [("X-Forwarded-For", hop) for hop in hops]
    assert client.get("/links", headers=headers).json()["client"] == client_seen


def test_links_use_the_public_scheme_and_host(client: httpx.Client) -> None:
    headers = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": PUBLIC,
    }
    seen = client.get("/links", headers=headers).json()
    assert seen["self"] == f"https://{PUBLIC}/links"
    assert (seen["scheme"], seen["host"]) == ("https", PUBLIC)
    made = client.put(
        "/files/forwarded.txt",
        content=b"x",
        headers={**headers, "Content-Type": "application/octet-stream"},
    )
    assert made.headers["location"] == f"https://{PUBLIC}/files/forwarded.txt"


def test_redirects_use_the_public_scheme_and_host(client: httpx.Client) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": PUBLIC}
    response = client.get("/api/v1/files/", headers=headers)
    assert response.headers["location"] == f"https://{PUBLIC}/api/v1/files"


def test_a_prefix_that_the_ingress_cut_off_is_put_back(client: httpx.Client) -> None:
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": PUBLIC,
        "X-Forwarded-Prefix": "/drop",
    }
    seen = client.get("/links", headers=headers).json()
    assert seen["root_path"] == "/drop"
    assert seen["self"] == f"https://{PUBLIC}/drop/links"
    assert seen["api"] == f"https://{PUBLIC}/drop/api/v1"
    contract = client.get("/api/v1/openapi.json", headers=headers).json()
    assert contract["servers"] == [{"url": "/drop/api/v1"}]
