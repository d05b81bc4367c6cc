"""The two uses of the wheel, with what the README says of them: R80, R81."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from harness import processes
from harness.gateway import clean_environment, started
from harness.installed import BUILD_SECONDS, Installed
from harness.places import PATIENCE, ROOT
from harness.until import until

pytestmark = pytest.mark.timeout(BUILD_SECONDS)

SECTION = re.compile(r"^## In process\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNING = re.compile(r"running on (http://127\.0\.0\.1:\d+)")

APP = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def hello() -> str:
    return "hello"
"""


def readme() -> dict[str, str]:
    """Give what the README's section shows, in its order, by language."""
    found = SECTION.search((ROOT / "README.md").read_text())
    assert found is not None
    shown: dict[str, str] = {}
    for language, block in BLOCK.findall(found.group(1)):
        shown[language] = f"{shown.get(language, '')}{block}\n"
    return shown


@contextmanager
def uvicorn(python: str, folder: Path) -> Iterator[str]:
    """Serve `main:app` of a folder, and give its address."""
    told = folder / "told.txt"
    line = [python, "-W", "error", "-m", "uvicorn", "main:app"]
    with told.open("wb") as sink:
        process = subprocess.Popen(
            [*line, "--port", "0", "--no-proxy-headers", "--no-server-header"],
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sink,
        )

    def address() -> str | None:
        assert process.poll() is None, told.read_text()
        found = RUNNING.search(told.read_text())
        return None if found is None else found.group(1)

    try:
        yield until("uvicorn tells its address", address)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert "Traceback" not in told.read_text(), told.read_text()
    finally:
        process.kill()
        process.wait()


def test_the_lines_of_the_readme_protect_an_app(with_fastapi: Installed, tmp_path: Path) -> None:
    blocks = readme()
    (tmp_path / "main.py").write_text(blocks["python"])
    (tmp_path / "buckler.toml").write_text(blocks["toml"])
    (host,) = re.findall(r'hosts = \["([^"]+)"\]', blocks["toml"])
    with (
        uvicorn(with_fastapi.python, tmp_path) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client,
    ):
        answer = client.get("/", headers={"Host": host})
        assert answer.status_code == 404
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]
        assert client.get("/docs", headers={"Host": host}).status_code == 404
        limited = client.get("/search", params={"q": "x"}, headers={"Host": host})
        assert limited.headers["ratelimit-policy"].endswith(";q=30;w=60"), "what the code says"
        refused = client.get("/", headers={"Host": "evil.example"})
        assert refused.status_code == 400
        assert refused.json()["code"] == "host_not_allowed"
    told = (tmp_path / "told.txt").read_text()
    assert refused.json()["request_id"] in told, "the refusal is in the log, written before the end"


def test_the_command_serves_with_the_wheel_s_own_python(
    with_fastapi: Installed, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(APP)
    line = [with_fastapi.buckler, "run", "main:app", "--dev", "--workers", "1"]
    elsewhere = {"VIRTUAL_ENV": str(tmp_path / "elsewhere")}
    with started(tmp_path, [*line, "--listen", "127.0.0.1:0"], elsewhere, None) as gateway:
        assert " of this wheel, uvicorn " in gateway.told()
        assert gateway.base_url.startswith("https://")
        with gateway.client() as client:
            answer = client.get("/")
            assert (answer.status_code, answer.json()) == (200, "hello")
            assert answer.headers["x-request-id"]
        assert gateway.stop() == 0
        assert processes.marked(gateway.run) == set()
        (line_of_it,) = (line for line in gateway.lines() if line["event"] == "request")
        assert line_of_it["request_id"] == answer.headers["x-request-id"]


def test_without_a_server_the_wheel_s_own_python_is_named(bare: Installed, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    done = bare.ran(bare.buckler, "run", "main:app", "--dev", folder=tmp_path)
    assert done.returncode == 2
    assert f"{bare.python} -m pip install 'uvicorn[standard]'" in done.stderr
