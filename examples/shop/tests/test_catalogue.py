"""Products, comments, orders."""

import csv
import io
from typing import Any

import httpx
import pytest


def test_search_looks_in_names_and_descriptions(client: httpx.Client) -> None:
    found = client.get("/products", params={"q": "°C for an hour"}).json()
    assert [product["name"] for product in found] == ["Kettle"]


def test_search_keeps_quotes_apart_from_sql(client: httpx.Client) -> None:
    response = client.get("/products", params={"q": "' OR '1'='1"})
    assert (response.status_code, response.json()) == (200, [])


def test_search_sorts_by_price_under_a_limit(client: httpx.Client) -> None:
    params = {"q": "100 g", "sort": "price", "max_price": "10"}
    found = client.get("/products", params=params).json()
    assert [product["name"] for product in found] == ["Sencha 100 g"]


def test_an_unknown_sort_is_422(client: httpx.Client) -> None:
    response = client.get("/products", params={"sort": "colour"})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "sort"]


def test_a_product_can_be_read_back(client: httpx.Client, product: dict[str, Any]) -> None:
    assert client.get(f"/products/{product['id']}").json() == product
    assert product["price"] == "3.50"


def test_the_export_streams_every_product(client: httpx.Client, product: dict[str, Any]) -> None:
    with client.stream("GET", "/products/export.csv") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert "content-length" not in response.headers
        text = b"".join(response.iter_bytes()).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["name"] == "Teapot"
    assert {"id": str(product["id"]), "name": product["name"], "price": "3.50", "stock": "10"} in (
        rows
    )


def test_comments_are_listed_in_order(client: httpx.Client, product: dict[str, Any]) -> None:
    path = f"/products/{product['id']}/comments"
    for html in ("first", "<em>second</em>"):
        response = client.post(path, json={"author": "Zoë", "html": html})
        assert response.status_code == 201
    assert [comment["html"] for comment in client.get(path).json()] == ["first", "<em>second</em>"]


def test_the_page_shows_the_comments(client: httpx.Client, product: dict[str, Any]) -> None:
    path = f"/products/{product['id']}"
    client.post(f"{path}/comments", json={"author": "Zoë", "html": "<em>très bien</em>"})
    page = client.get(f"{path}/page")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<article><b>Zoë</b><div><em>très bien</em></div></article>" in page.text


def test_a_deleted_comment_is_204_then_404(client: httpx.Client, product: dict[str, Any]) -> None:
    new = {"author": "Zoë", "html": "oops"}
    comment = client.post(f"/products/{product['id']}/comments", json=new).json()
    first = client.delete(f"/comments/{comment['id']}")
    assert (first.status_code, first.content) == (204, b"")
    assert client.delete(f"/comments/{comment['id']}").status_code == 404


def test_an_order_takes_stock_and_keeps_its_price(
    client: httpx.Client, user: dict[str, Any], product: dict[str, Any]
) -> None:
    wishes = {
        "shipping_address": "Főutca 1",
        "lines": [{"product_id": product["id"], "quantity": 4}],
    }
    response = client.post(f"/users/{user['id']}/orders", json=wishes)
    assert response.status_code == 201
    order = response.json()
    assert order["lines"] == [{"product_id": product["id"], "quantity": 4, "unit_price": "3.50"}]
    assert order["user_id"] == user["id"]
    assert client.get(f"/orders/{order['id']}").json() == order
    assert client.get(f"/users/{user['id']}/orders").json() == [order]
    assert client.get(f"/products/{product['id']}").json()["stock"] == 6


@pytest.mark.parametrize(
    ("quantity", "status"), [(10, 201), (11, 409), (0, 422), (1001, 422), ("many", 422)]
)
def test_quantities(
    client: httpx.Client,
    user: dict[str, Any],
    product: dict[str, Any],
    quantity: object,
    status: int,
) -> None:
    wishes = {
        "shipping_address": "here",
        "lines": [{"product_id": product["id"], "quantity": quantity}],
    }
    assert client.post(f"/users/{user['id']}/orders", json=wishes).status_code == status


def test_an_order_moves_to_another_state(
    client: httpx.Client, user: dict[str, Any], product: dict[str, Any]
) -> None:
    wishes = {"shipping_address": "here", "lines": [{"product_id": product["id"], "quantity": 1}]}
    order = client.post(f"/users/{user['id']}/orders", json=wishes).json()
    path = f"/orders/{order['id']}/status"
    assert client.put(path, json={"status": "shipped"}).json()["status"] == "shipped"
    assert client.put(path, json={"status": "eaten"}).status_code == 422
