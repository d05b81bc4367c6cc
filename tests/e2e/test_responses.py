"""What an app answers by mistake does not leave. R41"""

from harness.gateway import Gateway


def test_the_shops_leaking_endpoint_leaks_no_more(shop: Gateway) -> None:
    # No policy says a word of it: what never leaves by default is enough.
    with shop.client() as client:
        answer = client.get("/users/1/export")
    assert answer.status_code == 200
    exported = answer.json()
    assert "hashed_password" not in exported
    assert exported["id"] == 1
    assert "email" in exported
    assert int(answer.headers["content-length"]) == len(answer.content)
