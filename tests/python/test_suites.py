"""The apps' own suites against the middleware; what differs is what differs behind the gateway."""

from pathlib import Path

import pytest
from harness import suites
from harness.asgi import PRODUCTION, UVICORN, served
from harness.listed import IN_PROCESS, hold
from harness.suites import App

pytestmark = pytest.mark.timeout(suites.SUITE_SECONDS)

INGRESS = (
    '[server]\nhosts = ["127.0.0.1", "files.example.com"]\ntrusted_proxies = ["127.0.0.1/32"]\n'
)


@pytest.mark.parametrize("app", suites.ALL, ids=lambda app: app.name)
def test_a_suite_passes_but_for_what_is_listed(app: App, tmp_path: Path) -> None:
    # R81: the same verdicts in both hosts
    app.seed(tmp_path / "data")
    with served(
        tmp_path,
        UVICORN,
        "wrapped:app",
        policy=INGRESS if app is suites.INGRESS_APP else PRODUCTION,
        environment={"WRAPPED": app.target, **app.environment(tmp_path / "data")},
        paths=[app.folder],
        arguments=["--no-server-header", "--no-access-log"],
    ) as running:
        hold(app, IN_PROCESS, suites.run(app, running, tmp_path))
