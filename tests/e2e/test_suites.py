"""The apps' own suites through the gateway; differences.toml says all that is different."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import certificates, suites
from harness.gateway import running
from harness.suites import App, Ended

pytestmark = pytest.mark.timeout(suites.SUITE_SECONDS)

DIFFERENCES = Path(__file__).with_name("differences.toml")
KEYS = {"app", "test", "environments", "outcome", "refused", "requirement", "reason"}
BOTH = ["development", "production"]
ENVIRONMENTS = [*BOTH, "monitor"]

Different = dict[str, tuple[str, tuple[str, ...]]]
"""Outcome and refusals, by test."""


def listed(app: App, environment: str) -> Different:
    found: Different = {}
    for entry in tomllib.loads(DIFFERENCES.read_text())["difference"]:
        assert set(entry) <= KEYS, entry
        assert entry["requirement"], entry
        assert entry["reason"], entry
        if entry["app"] == app.name and environment in entry.get("environments", BOTH):
            assert entry["test"] not in found, f"{entry['test']} stands twice"
            found[entry["test"]] = (entry["outcome"], tuple(entry.get("refused", [])))
    return found


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
                known[key] = suites.run(app, gateway, folder)
        return known[key]

    return run


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("app", suites.ALL, ids=lambda app: app.name)
def test_a_suite_passes_but_for_what_is_listed(
    app: App, environment: str, ended: Callable[[App, str], dict[str, Ended]]
) -> None:
    # R04, R11, R80: under the defaults a working app keeps working
    tests = ended(app, environment)
    assert len(tests) > 30, "the suite was not collected"
    different: Different = {
        test: (end.outcome, end.refused)
        for test, end in tests.items()
        if end.outcome != "passed" or end.refused
    }
    wanted = listed(app, environment)
    unlisted = {test: end for test, end in different.items() if wanted.get(test) != end}
    why = "\n".join(f"{test}\n{tests[test].why}" for test in unlisted)
    assert not unlisted, f"not listed in {DIFFERENCES.name}: {unlisted}\n{why}"
    gone = {test: end for test, end in wanted.items() if different.get(test) != end}
    assert not gone, f"listed in {DIFFERENCES.name}, and no longer so: {gone}"


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
    for entry in tomllib.loads(DIFFERENCES.read_text())["difference"]:
        assert entry["app"] in {app.name for app in suites.ALL}, entry
        assert set(entry.get("environments", BOTH)) <= set(ENVIRONMENTS), entry
        assert entry["outcome"] in {"passed", "failed"}, entry
