"""What goes wrong in the app, and what is wrong before it starts."""

import json
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import certificates, processes
from harness.certificates import Issued
from harness.gateway import Gateway, clean_environment
from harness.places import BUCKLER, FIXTURES, PYTHON
from harness.serving import SHOP_POLICY, Serving

SECRET = "hunter2-of-the-tests"


@pytest.fixture
def broken(serving: Serving) -> Gateway:
    """An app that answers badly, in production."""
    policy = f'{SHOP_POLICY}[server.timeouts]\nupstream = "300ms"\ndrain = "1s"\n'
    issued = serving.issued
    return serving.serve("broken:app", policy + issued.policy(), authority=issued.authority)


@pytest.mark.parametrize("path", ["/raises", "/tells/text", "/tells/html", "/tells/json"])
def test_an_error_of_the_app_tells_nothing(broken: Gateway, path: str) -> None:
    # R11, R04
    answer = broken.get(path)
    status = 503 if path == "/tells/text" else 500
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (status, status)
    assert problem["code"] == "internal_error"
    assert answer.all("x-request-id") == [problem["request_id"]]
    assert answer.all("content-type") == ["application/problem+json"]
    assert answer.all("x-content-type-options") == ["nosniff"]
    assert answer.all("strict-transport-security"), "on the app's own 500, too"
    assert SECRET not in str(answer)
    assert "Traceback" not in str(answer)
    (line,) = broken.requests()
    assert line["request_id"] == problem["request_id"]
    assert "error body replaced" in line["notes"]
    assert broken.get("/well").status == 200


def test_an_app_that_hangs_is_given_up(broken: Gateway) -> None:
    # R08, R11
    with broken.wire() as wire:
        wire.send(f"GET /hangs HTTP/1.1\r\nHost: {broken.host}\r\n\r\n".encode())
        answer = wire.answer()
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (504, "upstream_timeout")
    assert problem["request_id"]
    assert broken.get("/well").status == 200


def test_in_development_the_error_is_shown(serving: Serving) -> None:
    # R11
    answer = serving.serve("broken:app").get("/tells/json")
    assert SECRET in answer.body.decode()
    assert answer.all("x-debug") == ["kept"]


def test_plain_http_is_redirected(serving: Serving, issued: Issued) -> None:
    # R01
    policy = f'[server]\nhosts = ["127.0.0.1"]\nhttp_redirect = "127.0.0.1:0"\n{issued.policy()}'
    gateway = serving.serve("broken:app", policy, authority=issued.authority)
    assert gateway.redirect_url is not None
    plain = Gateway(
        gateway.process, gateway.run, gateway.out, gateway.err, base_url=gateway.redirect_url
    )
    with plain.client() as client:
        moved = client.post("/well?a=%20b")
        assert moved.status_code == 308
        assert moved.headers["location"] == f"{gateway.base_url}/well?a=%20b"
        foreign = client.get("/well", headers={"Host": "evil.example"})
        assert foreign.status_code == 400, "R02: no redirect to a name that is not ours"
        assert "location" not in foreign.headers
    with gateway.client() as client:
        assert client.get("/well").json() == {"well": True}


@dataclass(frozen=True)
class Mistake:
    """What is wrong before anything is served, and what the message has to contain."""

    name: str
    told: list[str]
    arguments: list[str] = field(default_factory=lambda: ["broken:app", "--dev"])
    policy: str | None = None
    python: Callable[[Path], str] = lambda _: PYTHON
    prepare: Callable[[Path], None] = lambda _: None


FIVE = """environment = "prod"
[server]
host = ["a.example"]
listen = ["nowhere"]
[content]
max_body = "ten"
[cors]
origins = ["*"]
credentials = true
"""


def with_certificate(certificate: str, key: str) -> str:
    return f'{SHOP_POLICY}[server.tls]\ncertificate = "file:{certificate}"\nkey = "file:{key}"\n'


def issue_two(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        certificates.issue(folder / name, "127.0.0.1")
    (folder / "words.pem").write_text("these are words\n")


def bare_python(folder: Path) -> str:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "bare")], check=True
    )
    return str(folder / "bare" / "bin" / "python")


MISTAKES = [
    Mistake("wrong module", ["no module `brocken`", "help:"], ["brocken:app", "--dev"]),
    Mistake("wrong attribute", ["`broken`", "`ap`", "help:"], ["broken:ap", "--dev"]),
    Mistake(
        "no app", ["`broken:not_an_app` is a dict", "`FastAPI()`"], ["broken:not_an_app", "--dev"]
    ),
    Mistake("no target at all", ["no app is named", "module:attribute"], ["--dev"]),
    Mistake("target without a colon", ["`broken`", "broken:app"], ["broken", "--dev"]),
    Mistake(
        "import error",
        ["a_package_that_nobody_has", "import_error.py", "help:"],
        ["import_error:app", "--dev"],
    ),
    Mistake(
        "lifespan that fails", ["did not start", "no database"], ["broken:lifespan_fails", "--dev"]
    ),
    Mistake("no uvicorn", ["no uvicorn", "pip install"], python=bare_python),
    Mistake("no such python", ["/no/such/python", "--python"], python=lambda _: "/no/such/python"),
    Mistake(
        "five mistakes of a policy",
        [
            "buckler.toml:1",
            'did you mean "production"?',
            "buckler.toml:3",
            "did you mean `hosts`?",
            "buckler.toml:4",
            "nowhere",
            "buckler.toml:6",
            "`ten`",
            "buckler.toml:9",
            "credentials = false",
        ],
        ["broken:app"],
        FIVE,
    ),
    Mistake(
        "production without hosts and certificate",
        ["server.hosts", 'hosts = ["api.example.com"]', "server.tls", "certificate"],
        ["broken:app"],
        "",
    ),
    Mistake(
        "certificate that is not there",
        ["server.tls.certificate", "one/gone.pem", "name a file"],
        ["broken:app"],
        with_certificate("one/gone.pem", "one/key.pem"),
        prepare=issue_two,
    ),
    Mistake(
        "key that is not there",
        ["server.tls.key", "one/gone.pem", "name a file"],
        ["broken:app"],
        with_certificate("one/chain.pem", "one/gone.pem"),
        prepare=issue_two,
    ),
    Mistake(
        "key of another certificate",
        ["two/key.pem", "one/chain.pem", "give the key"],
        ["broken:app"],
        with_certificate("one/chain.pem", "two/key.pem"),
        prepare=issue_two,
    ),
    Mistake(
        "certificate that is no pem",
        ["words.pem", "it must hold the chain in PEM form"],
        ["broken:app"],
        with_certificate("words.pem", "one/key.pem"),
        prepare=issue_two,
    ),
    Mistake(
        "key that is no pem",
        ["words.pem", "it must be PEM"],
        ["broken:app"],
        with_certificate("one/chain.pem", "words.pem"),
        prepare=issue_two,
    ),
]


def start(
    folder: Path, arguments: list[str], python: str, policy: str | None
) -> tuple["subprocess.CompletedProcess[str]", str]:
    run = uuid.uuid4().hex
    line = [str(BUCKLER), "run", *arguments, "--app-dir", str(FIXTURES), "--python", python]
    if not any(argument == "--listen" for argument in arguments) and policy != FIVE:
        line += ["--listen", "127.0.0.1:0"]
    if policy is not None:
        (folder / "buckler.toml").write_text(policy)
        line += ["--policy", "buckler.toml"]
    done = subprocess.run(
        line,
        cwd=folder,
        env=clean_environment({processes.MARK: run}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, run


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_told_with_its_mend(mistake: Mistake, tmp_path: Path) -> None:
    # R09, R80
    mistake.prepare(tmp_path)
    done, run = start(tmp_path, mistake.arguments, mistake.python(tmp_path), mistake.policy)
    assert done.returncode == 2, done.stderr
    missing = [part for part in mistake.told if part not in done.stderr]
    assert not missing, done.stderr
    assert "panicked" not in done.stderr
    assert "serves" not in done.stderr
    assert processes.marked(run) == set(), "something is left running"


def test_a_port_in_use_is_told_before_the_app_is_imported(tmp_path: Path) -> None:
    # R80
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ["broken:app", "--dev", "--listen", address]
        done, run = start(tmp_path, arguments, PYTHON, None)
    assert done.returncode == 2, done.stderr
    assert address in done.stderr
    assert "is in use" in done.stderr
    assert "--listen" in done.stderr
    assert processes.marked(run) == set()
