"""Judges of header fields on the example in production: R04

Mozilla's observatory gives the best grade, Google's evaluation of the policies finds nothing grave,
and redbot nothing that is bad HTTP.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness import differences, judges
from harness.certificates import Issued
from harness.gateway import Gateway, clean_environment, running
from harness.places import PATIENCE
from harness.suites import SHOP_APP

HERE = Path(__file__).parent
DIFFERENCES = HERE / "differences.toml"
PRODUCTION = '[server]\nhosts = ["localhost", "127.0.0.1"]\nhttp_redirect = "127.0.0.1:0"\n'
PAGE = "/products/1/page"
DATA = "/products"
PAGES = [PAGE, DATA, "/products/export.csv", "/health", "/nothing-here", "/crash"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, issued: Issued) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("shop")
    SHOP_APP.seed(folder / "data")
    with running(
        folder,
        SHOP_APP.target,
        SHOP_APP.folder,
        policy=PRODUCTION + issued.policy(),
        environment=SHOP_APP.environment(folder / "data"),
        authority=issued.authority,
        arguments=["--workers", "1"],
    ) as gateway:
        yield gateway


def said(line: list[str], folder: Path, **environment: str) -> Any:  # noqa: ANN401 - JSON
    done = subprocess.run(
        line,
        cwd=folder,
        env=clean_environment(environment),
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def judged_by_node(*arguments: str, authority: Path) -> Any:  # noqa: ANN401 - JSON
    node = judges.command("node", "nodejs")
    line = [node, str(HERE / "headers.mjs"), *arguments]
    return said(line, judges.node(), NODE_EXTRA_CA_CERTS=str(authority))


@pytest.mark.timeout(judges.INSTALL_SECONDS)
@pytest.mark.parametrize("path", [PAGE, DATA])
def test_the_observatory_gives_its_best_grade(shop: Gateway, issued: Issued, path: str) -> None:
    assert shop.redirect_url is not None
    ports = [str(urlsplit(url).port) for url in (shop.redirect_url, shop.base_url)]
    report = judged_by_node("observatory", "localhost", *ports, path, authority=issued.authority)
    assert report["status"] == 200
    assert report["verified"] is True
    failed = {name: result for name, (passed, result) in report["tests"].items() if not passed}
    assert not failed
    assert len(report["tests"]) >= 10
    assert report["grade"] == "A+", report


@pytest.mark.parametrize("path", [PAGE, DATA, "/nothing-here"])
def test_no_policy_has_a_grave_hole(shop: Gateway, issued: Issued, path: str) -> None:
    (policy,) = shop.get(path).all("content-security-policy")
    findings = judged_by_node("csp", policy, authority=issued.authority)
    found = {
        f"{path} {finding['directive']}": f"{finding['severity']}: {finding['description']}"
        for finding in findings
        if finding["severity"] in ("HIGH", "HIGH_MAYBE", "SYNTAX", "MEDIUM")
    }
    assert not found


def test_a_grave_hole_would_be_found(issued: Issued) -> None:
    policy = "script-src 'unsafe-inline' *"
    findings = judged_by_node("csp", policy, authority=issued.authority)
    assert "HIGH" in {finding["severity"] for finding in findings}


@pytest.mark.timeout(judges.INSTALL_SECONDS)
def test_redbot_notes_nothing_bad(shop: Gateway) -> None:
    found = {}
    for path in PAGES:
        url = f"{shop.base_url}{path}"
        report = said([str(judges.python()), str(HERE / "redbot_notes.py"), url], HERE)
        assert report["notes"], f"{path}: redbot looked at nothing"
        for note in report["notes"]:
            if note["level"] == "BAD":
                found[f"{path} {note['request']}: {note['summary']}"] = "bad"
    differences.compare(DIFFERENCES, "redbot", found)
