"""What protects each route of an app, told by `buckler check`, enforced by `buckler run`."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.gateway import clean_environment
from harness.places import BUCKLER, FIXTURES, PATIENCE, PYTHON
from harness.serving import PLAIN, Serving
from harness.suites import ALL, App

WAYS = "many_ways:app"
COMPLETE = """
[server]
hosts = ["shop.example.com"]
trusted_proxies = ["10.0.0.1/32"]
[server.tls]
mode = "off"
"""


def command(
    folder: Path, *arguments: str, app_dir: Path = FIXTURES, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command on an app."""
    return subprocess.run(
        [BUCKLER, *arguments, "--app-dir", app_dir, "--python", PYTHON],
        cwd=folder,
        env=clean_environment(environment),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def check(folder: Path, policy: str, app: str = WAYS, **more: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 - subprocess' own
    """Give exit code and coverage of an app under a policy."""
    (folder / "buckler.toml").write_text(policy)
    done = command(folder, "check", "--json", "--app", app, **more)
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert "app" in told, told
    return done.returncode, told["app"].get("coverage", told["app"])


def standing(coverage: dict[str, Any], code: str) -> list[str | None]:
    """Give the routes that a finding stands against."""
    return [each["route"] for each in coverage["found"]["findings"] if each["id"] == code]


def rows(coverage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give the rows by method and path."""
    return {f"{row['method']} {row['path']}": row for row in coverage["found"]["routes"]}


def test_every_way_to_add_a_route_is_seen(tmp_path: Path) -> None:
    # R65
    code, coverage = check(tmp_path, COMPLETE)
    assert code == 1
    docs = ("openapi.json", "docs", "docs/oauth2-redirect", "redoc")
    assert set(rows(coverage)) == {
        *(f"GET {at}/{name}" for at in ("", "/sub") for name in docs),
        "POST /login",
        "POST /items",
        "PUT /items/{item_id}",
        "GET /hidden",
        "WEBSOCKET /open",
        "GET /outer/more/inner/deep",
        "WEBSOCKET /outer/more/inner/socket",
        "POST /outer/later",
        "GET /admin/stats",
        "DELETE /admin/users/{user_id}",
        "POST /sub/things",
        "MOUNT /files",
        "MOUNT /bare",
        "POST /plain/form",
        "WEBSOCKET /group/ws/{room}",
        "GET /of-host",
        "PATCH /late/{path:path}",
    }
    assert coverage["summary"]["routes"] == len(rows(coverage))


def test_what_protects_a_route_is_named(tmp_path: Path) -> None:
    # R65, R26
    _, coverage = check(tmp_path, COMPLETE)
    told = rows(coverage)
    wanted = {
        "GET /outer/more/inner/deep": (
            "the app: OAuth2PasswordBearer",
            "the app: scopes items:read",
            "none",
            "policy: target 8 KiB",
            "the app: Item",
        ),
        "WEBSOCKET /outer/more/inner/socket": (
            "the app: OAuth2PasswordBearer",
            "none",
            "none",
            "none",
            "left to the app",
        ),
        "POST /outer/later": (
            "the app: OAuth2PasswordBearer",
            "none",
            "none",
            "policy: max_body 10 MiB",
            "no body",
        ),
        "DELETE /admin/users/{user_id}": (
            "the app: OAuth2PasswordBearer",
            "the app: require_admin (by its name)",
            "none",
            "policy: max_body 10 MiB",
            "no body",
        ),
        "POST /login": (
            "none",
            "none",
            "the app: slowapi 5 per 1 minute",
            "policy: max_body 10 MiB",
            "none",
        ),
        "POST /plain/form": (
            "left to the app",
            "left to the app",
            "none",
            "policy: max_body 10 MiB",
            "left to the app",
        ),
        "GET /docs": (
            "policy: closed",
            "left to the app",
            "none",
            "policy: target 8 KiB",
            "left to the app",
        ),
        "MOUNT /bare": (
            "left to the app",
            "left to the app",
            "left to the app",
            "policy: max_body 10 MiB",
            "left to the app",
        ),
    }
    columns = ("authenticates", "authorises", "limits", "bounds", "filters")
    assert {name: tuple(told[name][each] for each in columns) for name in wanted} == wanted


def test_what_is_missing_is_named_by_its_id(tmp_path: Path) -> None:
    # R65
    _, coverage = check(tmp_path, COMPLETE)
    wanted = {
        "B101": [
            "POST /items",
            "WEBSOCKET /open",
            "POST /sub/things",
            "PATCH /late/{path:path}",
        ],
        "B102": ["GET /admin/stats"],
        "B103": ["PUT /items/{item_id}"],
        "B104": ["POST /plain/form", "WEBSOCKET /group/ws/{room}"],
        "B105": [
            "WEBSOCKET /open",
            "WEBSOCKET /outer/more/inner/socket",
            "WEBSOCKET /group/ws/{room}",
        ],
        "B201": [],
        "B203": ["POST /items", "PUT /items/{item_id}", "POST /sub/things"],
        "B204": ["POST /items", "PUT /items/{item_id}", "POST /sub/things"],
        "B301": ["GET /hidden", "POST /plain/form", "GET /of-host"],
        "B302": ["MOUNT /bare"],
        "B402": ["POST /items"],
        "B503": [],
    }
    found = {code: standing(coverage, code) for code in wanted}
    assert found == wanted


def test_no_secret_of_the_app_is_told(tmp_path: Path) -> None:
    # R61, R65
    (tmp_path / "buckler.toml").write_text(COMPLETE)
    for arguments in (["--json"], []):
        done = command(tmp_path, "check", "--app", WAYS, *arguments)
        assert "CANARY" not in done.stdout + done.stderr


SILENCED = """
[[contract.silence]]
id = "B101"
route = "POST /items"
reason = "anybody may add, for now"
[[contract.silence]]
id = "B101"
route = "/open"
reason = "the feed is public"
[[contract.silence]]
id = "B101"
route = "POST /sub/things"
reason = "the mesh asks"
[[contract.silence]]
id = "B101"
route = "PATCH /late/{path}"
reason = "as the contract writes it"
[[contract.silence]]
id = "B102"
reason = "one account has that address"
[[contract.silence]]
id = "B402"
reason = "an example"
"""


def test_silenced_with_a_reason_nothing_stands(tmp_path: Path) -> None:
    # R65
    code, coverage = check(tmp_path, COMPLETE + SILENCED)
    assert code == 0
    assert coverage["summary"]["errors"] == 0
    reasons = {each["route"]: each["reason"] for each in coverage["found"]["silenced"]}
    assert reasons["POST /items"] in ("anybody may add, for now", "an example")
    assert reasons["WEBSOCKET /open"] == "the feed is public"
    assert coverage["found"]["idle"] == []
    done = command(tmp_path, "check", "--app", WAYS)
    assert done.returncode == 0
    assert "silenced B101 no authentication WEBSOCKET /open: the feed is public" in done.stdout
    assert "0 errors" in done.stdout


def test_a_line_that_silences_nothing_is_told(tmp_path: Path) -> None:
    # R65
    wrong = SILENCED + '[[contract.silence]]\nid = "B101"\nroute = "POST /item"\nreason = "a"\n'
    (tmp_path / "buckler.toml").write_text(COMPLETE + wrong)
    done = command(tmp_path, "check", "--app", WAYS)
    assert 'POST /item: there is no such route; did you mean "POST /items"?' in done.stdout
    (tmp_path / "buckler.toml").write_text(COMPLETE + wrong.replace('reason = "a"', 'reason = ""'))
    done = command(tmp_path, "check", "--app", WAYS)
    assert done.returncode == 2
    assert "`reason` is empty" in done.stderr


def test_enforced_coverage_keeps_an_app_from_being_served(tmp_path: Path) -> None:
    # R65
    enforce = f'{COMPLETE}[contract]\ncoverage = "enforce"\n'
    (tmp_path / "buckler.toml").write_text(enforce)
    done = command(tmp_path, "run", WAYS, "--listen", "127.0.0.1:0")
    assert done.returncode == 2
    assert "6 findings stand" in done.stderr
    assert "B101 no authentication POST /items" in done.stderr
    assert "[[contract.silence]]" in done.stderr


def test_the_start_sums_up_and_serves_what_is_covered(serving: Serving) -> None:
    # R65
    reported = serving.serve(WAYS)
    assert "25 routes: 6 errors" in reported.told()
    covered = f'{PLAIN}[contract]\ncoverage = "enforce"\n{SILENCED}'
    gateway = serving.serve(WAYS, covered)
    assert "25 routes: 0 errors" in gateway.told()
    with gateway.client() as client:
        assert client.get("/hidden", headers={"Host": "shop.example.com"}).status_code in (200, 400)


def test_an_app_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    # R65
    code, told = check(tmp_path, COMPLETE, "import_error:app")
    assert code == 1
    assert told["fault"]["kind"] == "import_error"


@pytest.mark.parametrize("app", ALL, ids=lambda app: app.name)
def test_the_apps_of_this_repository(tmp_path: Path, app: App) -> None:
    # R65
    code, coverage = check(
        tmp_path,
        COMPLETE,
        app.target,
        app_dir=app.folder,
        **app.environment(tmp_path / "data"),
    )
    wanted = {
        "shop": {"B101", "B105", "B401"},
        "board": {"B101"},
        "forms": {"B101"},
        "ingress": {"B101", "B105"},
    }[app.name]
    found = {each["id"] for each in coverage["found"]["findings"]}
    assert wanted <= found
    assert code == 1


def test_the_shop_tells_what_its_notes_admit(tmp_path: Path) -> None:
    # R65: what examples/shop/README.md lists, found from outside
    shop = ALL[0]
    _, coverage = check(
        tmp_path,
        COMPLETE,
        shop.target,
        app_dir=shop.folder,
        **shop.environment(tmp_path / "data"),
    )
    assert "POST /users" in standing(coverage, "B101")
    assert "GET /users/{user_id}/export" in standing(coverage, "B401")
    assert "POST /users/{user_id}/avatar" in standing(coverage, "B205")
    assert "WEBSOCKET /chat/{room}" in standing(coverage, "B105")
