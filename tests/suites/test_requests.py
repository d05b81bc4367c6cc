"""The suite of requests, the client, with the gateway between it and httpbin. R80

The policy judges the message and no content: what passes through nginx has to pass here.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import differences, judges
from harness.certificates import Issued
from harness.gateway import before, clean_environment
from harness.places import PATIENCE
from harness.sources import python_source

SOURCE = ("requests", "2.34.2", "f288924cae4e29463698d6d60bc6a4da69c89185ad1e0bcc4104f584e960b9ed")
HERE = Path(__file__).parent
DIFFERENCES = HERE / "differences.toml"
SUITE_SECONDS = 240

POLICY = """
environment = "development"
[server]
hosts = ["127.0.0.1", "localhost", "httpbin.org"]
[content]
types = ["*/*"]
untyped = "pass"
"""
PLAIN = '[server.tls]\nmode = "off"\n'


@contextmanager
def httpbin() -> Iterator[str]:
    with subprocess.Popen(
        [judges.python(), str(HERE / "httpbin_ports.py")],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


@pytest.mark.timeout(2 * SUITE_SECONDS)
def test_a_client_and_its_server_see_no_gateway(tmp_path: Path, issued: Issued) -> None:
    source = python_source(*SOURCE)
    outcomes = tmp_path / "outcomes.txt"
    tls = POLICY + issued.policy()
    with (
        httpbin() as upstream,
        before(tmp_path / "plain", upstream, POLICY + PLAIN) as plain,
        before(tmp_path / "secure", upstream, tls, authority=issued.authority) as secure,
    ):
        environment = {
            "SUITES_HTTPBIN": plain.base_url,
            "SUITES_HTTPBIN_SECURE": secure.base_url,
            "SUITES_CA": str(issued.authority),
            "SUITES_OUTCOMES": str(outcomes),
            "PYTHONPATH": os.pathsep.join([str(HERE), str(source / "src")]),
        }
        done = subprocess.run(
            [
                *[str(judges.python()), "-m", "pytest", "-q", "-p", "no:cacheprovider"],
                *["-p", "no:httpbin", "-p", "requests_plugin", "--timeout=60"],
                *["-k", "not Timeout", "tests"],
            ],
            cwd=source,
            env=clean_environment(environment),
            check=False,
            capture_output=True,
            text=True,
            timeout=SUITE_SECONDS,
        )
        assert len(plain.requests()) > 150, "it went another way"
        assert secure.requests(), "it went another way"
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines = [line.split(" ", 1) for line in outcomes.read_text().splitlines()]
    ended = {name: outcome for outcome, name in lines}
    count = Counter(ended.values())
    assert count["passed"] + count["failed"] == 602, count
    failed = {name: outcome for name, outcome in ended.items() if outcome == "failed"}
    differences.compare(DIFFERENCES, "requests", failed)
