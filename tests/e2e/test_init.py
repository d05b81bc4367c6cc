"""What `buckler init` writes: a policy that is valid, fits the app, and replaces nothing."""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from harness.gateway import clean_environment
from harness.places import BUCKLER, FIXTURES, PATIENCE, PYTHON
from harness.suites import ALL, App

WAYS = "many_ways:app"


def buckler(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder."""
    return subprocess.run(
        [BUCKLER, *arguments],
        cwd=folder,
        env=clean_environment(environment),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def app_at(folder: Path) -> list[str]:
    """Give the arguments that name where an app is."""
    return ["--app-dir", str(folder), "--python", PYTHON]


@pytest.mark.parametrize("app", ALL, ids=lambda app: app.name)
def test_what_it_writes_passes_check(tmp_path: Path, app: App) -> None:
    # R66
    environment = app.environment(tmp_path / "data")
    folder = tmp_path / "deploy"
    arguments = ["init", app.target, "--output", str(folder), *app_at(app.folder)]
    done = buckler(tmp_path, *arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {
        "buckler.toml",
        ".env.example",
        ".gitignore",
    }
    checked = buckler(folder, "check", "--json")
    told = json.loads(checked.stdout)
    assert (checked.returncode, told["valid"]) == (0, True), checked.stdout
    policy = tomllib.loads((folder / "buckler.toml").read_text())
    assert policy["app"]["target"] == app.target
    assert policy["contract"]["coverage"] == "report"
    # With what the example sets, it is that of a developer.
    variables = dict(
        line.split("=", 1)
        for line in (folder / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    developed = buckler(folder, "check", "--json", environment=variables)
    assert developed.returncode == 0, developed.stdout


def test_what_middlewares_say_is_carried_over(tmp_path: Path) -> None:
    # R66
    done = buckler(tmp_path, "init", WAYS, *app_at(FIXTURES))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "buckler.toml").read_text()
    policy = tomllib.loads(text)
    assert policy["server"]["hosts"] == ["shop.example.com", "*.example.net"]
    assert policy["cors"] == {
        "origins": ["https://shop.example.com", "https://*.example.net"],
        "credentials": True,
        "methods": ["GET", "POST"],
        "headers": ["X-Requested-With", "Content-Type"],
        "max_age": "120s",
    }
    assert "#   POST /login: 5 per 1 minute" in text
    for finding in (
        "#   B101 POST /items: changes something",
        "#   B102 GET /admin/stats: looks like administration",
        "#   B402 POST /items: hashed_password",
        "#   B301 GET /hidden: include_in_schema=False",
        "# Mend: ",
    ):
        assert finding in text, text
    assert "CANARY" not in text + done.stdout + done.stderr
    for told in (
        "TrustedHostMiddleware: 2 names are `server.hosts`",
        "CORSMiddleware: 2 origins are `[cors]`",
        "slowapi: 1 limits stand as comments",
        "that nothing authenticates",
        "with strings of any length",
        "with lists of any length",
        "with names of secrets in answers",
    ):
        assert told in done.stdout, done.stdout
    assert buckler(tmp_path, "check").returncode == 0


def test_it_replaces_nothing_unless_forced(tmp_path: Path) -> None:
    # R66
    mine = "# mine\n"
    (tmp_path / "buckler.toml").write_text(mine)
    (tmp_path / ".gitignore").write_text("*.key\nbuild")
    done = buckler(tmp_path, "init", WAYS, *app_at(FIXTURES))
    assert done.returncode == 2
    assert "`./buckler.toml` is there already" in done.stderr
    assert "--force" in done.stderr
    assert (tmp_path / "buckler.toml").read_text() == mine
    assert not (tmp_path / ".env.example").exists()
    assert (tmp_path / ".gitignore").read_text() == "*.key\nbuild"
    assert buckler(tmp_path, "init", WAYS, "--force", *app_at(FIXTURES)).returncode == 0
    assert (tmp_path / "buckler.toml").read_text() != mine
    assert (tmp_path / ".gitignore").read_text() == "*.key\nbuild\n.env\n*-key.pem\n"
    # What stands there already is not added again.
    assert buckler(tmp_path, "init", WAYS, "--force", *app_at(FIXTURES)).returncode == 0
    assert (tmp_path / ".gitignore").read_text() == "*.key\nbuild\n.env\n*-key.pem\n"


def test_a_contract_alone_is_enough(tmp_path: Path) -> None:
    # R66
    written = buckler(tmp_path, "contract", WAYS, *app_at(FIXTURES))
    (tmp_path / "openapi.json").write_text(written.stdout)
    done = buckler(tmp_path, "init", "--contract", "openapi.json")
    assert done.returncode == 0, done.stderr
    policy = tomllib.loads((tmp_path / "buckler.toml").read_text())
    assert "app" not in policy
    assert policy["server"]["hosts"] == ["api.example.com"]
    text = (tmp_path / "buckler.toml").read_text()
    assert "#   B101 POST /items: changes something" in text
    # The document names its scheme; that is all that is known of it.
    assert "B101 POST /outer/later" not in text
    assert buckler(tmp_path, "check").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "required arguments were not provided"),
        (["--contract", "gone.json"], "`gone.json` cannot be read"),
        (["--contract", "broken.json"], "the contract `broken.json` is refused"),
        (["import_error:app", *app_at(FIXTURES)], "importing `import_error`"),
        (["no_such_module:app", *app_at(FIXTURES)], "there is no module `no_such_module`"),
    ],
)
def test_mistakes_write_nothing(tmp_path: Path, arguments: list[str], why: str) -> None:
    # R66
    (tmp_path / "broken.json").write_text('{"openapi": "3.1.0", "paths": []}')
    done = buckler(tmp_path, "init", *arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]
