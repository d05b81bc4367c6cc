"""Compressed bodies, both ways, with middleware and route as the frameworks document them."""

import gzip
import json

import pytest
from harness.gateway import Gateway
from harness.serving import Serving

SECRET = "hunter2-of-the-tests"
FIELDS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


@pytest.fixture
def compressed(serving: Serving) -> Gateway:
    """An app under GZipMiddleware."""
    return serving.serve("compressed:app")


def test_a_compressed_422_echoes_nothing(compressed: Gateway) -> None:
    # R11
    with compressed.client() as client:
        answer = client.post("/login", json={"password": [SECRET]})
        assert answer.request.headers["accept-encoding"]
    assert answer.status_code == 422
    assert "content-encoding" not in answer.headers
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert SECRET not in answer.text
    problem = answer.json()
    assert {tuple(entry["loc"]) for entry in problem["detail"]} == {
        ("body", "name"),
        ("body", "password"),
    }
    assert problem["code"] == "contract_violation"


def test_what_is_no_error_stays_compressed(compressed: Gateway) -> None:
    # R03
    with compressed.client() as client:
        answer = client.post("/login", json={"name": "ada", "password": SECRET})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json() == {"name": "ada" * 100}


def test_a_compressed_request_is_judged_and_reaches_the_app(compressed: Gateway) -> None:
    # R08
    def send(text: str) -> tuple[int, object]:
        with compressed.client() as client:
            answer = client.post("/login", content=gzip.compress(text.encode()), headers=FIELDS)
            return answer.status_code, answer.json()

    assert send(json.dumps({"name": "ada", "password": SECRET})) == (200, {"name": "ada" * 100})
    status, problem = send('{"name": "ada", "password": "a", "password": "b"}')
    assert status == 422
    assert "json_duplicate_member" in str(problem)
    status, problem = send(" " * (11 << 20) + "{}")
    assert status == 413
    assert "body_too_large" in str(problem)
