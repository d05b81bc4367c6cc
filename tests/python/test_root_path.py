"""Below a prefix: each server has its own way to say so, and the docs are found in none of them."""

import json
from pathlib import Path

import pytest
from harness.asgi import GRANIAN, GUNICORN_ASGI, HYPERCORN, PRODUCTION, UVICORN, Server, served

PREFIX = "/api"

BELOW = [
    (UVICORN, "--root-path"),
    (GUNICORN_ASGI, "--root-path"),
    (HYPERCORN, "--root-path"),
    (GRANIAN, "--url-path-prefix"),
]

DOCS = ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/below/docs")


@pytest.mark.parametrize(
    ("server", "flag"), [pytest.param(*each, id=each[0].name) for each in BELOW]
)
def test_docs_below_a_prefix_are_closed(tmp_path: Path, server: Server, flag: str) -> None:
    # R10, R81
    found: dict[str, dict[str, int]] = {}
    told: dict[str, list[object]] = {}
    for way in ("bare", "added"):
        with served(
            tmp_path / way,
            server,
            "served:app",
            way=way,
            policy=PRODUCTION,
            arguments=[f"{flag}={PREFIX}"],
        ) as running:
            asked = [*DOCS, *(PREFIX + path for path in DOCS)]
            found[way] = {path: running.get(path).status for path in asked}
            seen = [running.get(path) for path in ("/seen", f"{PREFIX}/seen", "/below/seen")]
            scopes = [json.loads(each.body) for each in seen if each.status == 200]
            told[way] = [
                (scope["path"], scope["root_path"], scope["url"].split("/", 3)[3])
                for scope in scopes
            ]
    assert 200 in found["bare"].values(), "they are somewhere"
    assert set(found["added"].values()) == {404}
    assert told["added"] == told["bare"], "the app stands where it stood"
