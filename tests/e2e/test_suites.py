"""The apps' own suites through the gateway; differences.toml says all that is different."""

from collections.abc import Callable

import pytest
from harness import certificates, suites
from harness.gateway import running
from harness.listed import AS_PRODUCTION, BY_DEFAULT, GRANIAN, HTTP2, entries, hold
from harness.suites import App, Ended

pytestmark = pytest.mark.timeout(suites.SUITE_SECONDS)

ENVIRONMENTS = [*BY_DEFAULT, "monitor"]
GRANIAN_APPS = (suites.SHOP_APP, suites.BOARD_APP)
"""Routes and WebSockets; the rest would say nothing new of the server."""


def policy(app: App, environment: str, issued: certificates.Issued) -> str:
    """What has to be said and nothing else: all the rest are defaults."""
    server = "[server]\n"
    if app is suites.INGRESS_APP:
        server += 'hosts = ["127.0.0.1", "files.example.com"]\n'
        server += 'trusted_proxies = ["127.0.0.1/32"]\n'
    elif environment != "development":
        server += 'hosts = ["127.0.0.1"]\n'
    if environment != "development":
        server += issued.policy()
    if environment == GRANIAN:
        server += '[app]\nserver = "granian"\n'
    return ('mode = "monitor"\n' if environment == "monitor" else "") + server


@pytest.fixture(scope="module")
def ended(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[App, str], dict[str, Ended]]:
    """Run a suite the first time that its results are asked for."""
    known: dict[tuple[str, str], dict[str, Ended]] = {}

    def run(app: App, environment: str) -> dict[str, Ended]:
        key = (app.name, environment)
        if key not in known:
            folder = tmp_path_factory.mktemp("-".join(key))
            issued = certificates.issue(folder, "127.0.0.1")
            app.seed(folder / "data")
            with running(
                folder,
                app.target,
                app.folder,
                policy=policy(app, environment, issued),
                dev=environment == "development",
                environment=app.environment(folder / "data"),
                authority=None if environment == "development" else issued.authority,
            ) as gateway:
                known[key] = suites.run(app, gateway, folder, http2=environment == HTTP2)
        return known[key]

    return run


WHERE = [
    *((app, environment) for environment in ENVIRONMENTS for app in suites.ALL),
    *((app, GRANIAN) for app in GRANIAN_APPS),
    *((app, HTTP2) for app in suites.ALL),
]


@pytest.mark.parametrize(
    ("app", "environment"), WHERE, ids=lambda part: getattr(part, "name", part)
)
def test_a_suite_passes_but_for_what_is_listed(
    app: App, environment: str, ended: Callable[[App, str], dict[str, Ended]]
) -> None:
    # R04, R11, R80: under the defaults a working app keeps working
    hold(app, environment, ended(app, environment))


@pytest.mark.parametrize("app", suites.ALL, ids=lambda app: app.name)
def test_monitoring_records_what_enforcing_refuses(
    app: App, ended: Callable[[App, str], dict[str, Ended]]
) -> None:
    # R64. Enforcing ends at the first refusal; what is recorded in either mode is so by default.
    enforced, monitored = ended(app, "production"), ended(app, "monitor")
    assert set(enforced) == set(monitored)
    for test, end in monitored.items():
        assert end.refused == (), test
        judged = {*enforced[test].refused, *enforced[test].monitored}
        assert judged <= set(end.monitored), test
        if not enforced[test].refused:
            assert judged == set(end.monitored), test


def test_every_entry_names_a_known_app_and_environment() -> None:
    for entry in entries():
        assert entry["app"] in {app.name for app in suites.ALL}, entry
        assert set(entry.get("environments", BY_DEFAULT)) <= {*ENVIRONMENTS, *AS_PRODUCTION}, entry
        assert entry["outcome"] in {"passed", "failed"}, entry
