"""Judges of the TLS listener: sslyze and testssl.sh. R01

Against Mozilla's configuration and their own, under the defaults, with an RSA certificate and with
an ECDSA one.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import differences, judges, public
from harness.gateway import Gateway, before, clean_environment
from harness.places import PATIENCE
from harness.public import Kind
from harness.recording import recording

DIFFERENCES = Path(__file__).with_name("differences.toml")
POLICY = '[server]\nhosts = ["localhost"]\n'
TESTSSL_SECONDS = 280
"""Half a minute on an idle machine: a few thousand handshakes, each with a process of its own."""


@pytest.fixture(scope="module", params=["rsa", "ecdsa"])
def secured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    issued = public.issue(folder, kind)
    with (
        recording() as recorder,
        before(folder, recorder.url, POLICY + issued.policy(), authority=issued.authority) as gate,
    ):
        yield gate


def ran(line: list[str], seconds: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        line,
        env=clean_environment({"TERM": "dumb"}),
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def place(gateway: Gateway) -> str:
    """Name it as its certificate does."""
    return f"localhost:{urlsplit(gateway.base_url).port}"


@pytest.mark.timeout(judges.INSTALL_SECONDS)
def test_it_keeps_to_mozillas_intermediate_configuration(secured: Gateway) -> None:
    sslyze = [str(judges.python().with_name("sslyze")), "--mozilla_config", "intermediate"]
    done = ran(
        [*sslyze, "--certinfo_ca_file", str(secured.authority), place(secured)], 4 * PATIENCE
    )
    assert f"{place(secured)}: OK - Compliant." in done.stdout, done.stdout[-3000:] + done.stderr
    assert done.returncode == 0


@pytest.mark.timeout(TESTSSL_SECONDS + PATIENCE)
def test_nothing_weak_is_offered(secured: Gateway, tmp_path: Path) -> None:
    report = tmp_path / "testssl.json"
    done = ran(
        [
            *[judges.command("testssl", "testssl.sh"), "--quiet", "--warnings", "off"],
            # Protocols, suites, preferences, the certificate and the known vulnerabilities.
            *["--color", "0", "--nodns", "none", "-p", "-s", "-P", "-S", "-U"],
            *["--add-ca", str(secured.authority), "--jsonfile", str(report), place(secured)],
        ],
        TESTSSL_SECONDS,
    )
    assert report.exists(), done.stdout + done.stderr
    findings = json.loads(report.read_text())
    assert len(findings) > 50, done.stdout
    grave = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL"}
    found = {one["id"]: one["severity"] for one in findings if one["severity"] in grave}
    differences.compare(DIFFERENCES, "testssl.sh", found)
