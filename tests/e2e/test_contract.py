"""The app's own contract, read from the app and enforced before it runs. R40, R07"""

import json
import subprocess
from pathlib import Path

import pytest
from harness.gateway import Gateway, clean_environment
from harness.places import BUCKLER, FIXTURES
from harness.serving import PLAIN, Serving

APP = "contracted:app"

ENFORCED = f"""{PLAIN}
[contract]
requests = "enforce"
[log]
format = "json"
"""

GOOD = '{"name": "tea",  "price": 1e0, "parts": [{"name": "leaf"}], "note": null}'

WRONG = [
    ('{"name": "tea"}', ["body", "price"]),
    ('{"name": "tea", "price": 0}', ["body", "price"]),
    ('{"name": "", "price": 1}', ["body", "name"]),
    ('{"name": "tea", "price": 1, "parts": [{"name": "leaf", "count": 0}]}', None),
    ("[]", ["body"]),
]


def put(gateway: Gateway, body: str, path: str = "/items/7") -> tuple[int, dict[str, object]]:
    with gateway.client() as client:
        answer = client.put(path, content=body, headers={"content-type": "application/json"})
        return answer.status_code, answer.json()


def test_what_the_contract_does_not_allow_never_reaches_the_app(serving: Serving) -> None:
    gateway = serving.serve(APP, ENFORCED)
    assert "enforced  contract" in gateway.told()
    assert put(gateway, GOOD) == (200, {"body": GOOD}), "not a byte is another one"
    for body, loc in WRONG:
        status, told = put(gateway, body)
        assert (status, told["code"]) == (422, "contract_violation"), body
        detail = told["detail"]
        assert isinstance(detail, list)
        assert {"type", "loc", "msg"} == set(detail[0]), "FastAPI's list, without the input"
        if loc is not None:
            assert detail[0]["loc"] == loc
    assert put(gateway, GOOD, "/items/x")[0] == 422
    assert json.loads(gateway.get("/reached").body) == ["7 tea"]


def test_what_fastapi_takes_passes(serving: Serving) -> None:
    gateway = serving.serve(APP, ENFORCED)
    for target, told in [
        ("/items", {"limit": 10, "tag": None, "token": None}),
        ("/items?limit=100&tag=a&tag=b", {"limit": 100, "tag": ["a", "b"], "token": None}),
        ("/items?limit=7&other=1", {"limit": 7, "tag": None, "token": None}),
    ]:
        answer = gateway.get(target)
        assert (answer.status, json.loads(answer.body)) == (200, told), target
    assert gateway.get("/hidden").status == 200, "what an app hides is still its own"
    assert gateway.get("/items?limit=101").status == 422


def test_monitoring_names_what_enforcing_refuses(serving: Serving) -> None:
    gateway = serving.serve(APP, ENFORCED.replace('"enforce"', '"monitor"'))
    for body, _ in WRONG:
        # The app says so itself.
        assert put(gateway, body)[0] == 422
    assert put(gateway, GOOD)[0] == 200
    found = [line.get("monitored", []) for line in gateway.requests()]
    stages = [[entry["stage"] for entry in each] for each in found]
    assert stages == [["contract"]] * len(WRONG) + [[]]
    assert "tea" not in json.dumps(found)


def test_a_document_in_a_file_is_what_is_served(serving: Serving, tmp_path: Path) -> None:
    document = json.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "narrow", "version": "1"},
            "paths": {"/items": {"get": {"responses": {"200": {"description": "all"}}}}},
        }
    )
    (tmp_path / "narrow.json").write_text(document)
    policy = ENFORCED.replace(
        'requests = "enforce"',
        f'requests = "enforce"\nsource = "file:{tmp_path}/narrow.json"\nunlisted_routes = "refuse"',
    )
    gateway = serving.serve(APP, policy)
    assert gateway.get("/items").status == 200
    assert gateway.get("/hidden").status == 404
    with gateway.client() as client:
        answer = client.delete("/items")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("document", "why"),
    [("{", "document"), ('{"swagger": "2.0"}', "OpenAPI"), (None, "cannot be read")],
)
def test_a_document_that_cannot_be_used_ends_the_start(
    tmp_path: Path, document: str | None, why: str
) -> None:
    if document is not None:
        (tmp_path / "api.json").write_text(document)
    (tmp_path / "buckler.toml").write_text(
        f'{PLAIN}[contract]\nrequests = "enforce"\nsource = "file:api.json"\n'
    )
    asked = ["serve", "--upstream", "http://127.0.0.1:9", "--policy", "buckler.toml"]
    done = subprocess.run(
        [str(BUCKLER), *asked, "--listen", "127.0.0.1:0"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert why in done.stderr
    assert FIXTURES.name not in done.stderr
