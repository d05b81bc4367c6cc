"""Limits that stand in the app do as the policy says: who is counted, what is told (R03, R12)."""

import json
from pathlib import Path
from typing import Any

import pytest
from buckler import Buckler, _limits
from buckler._buckler import flush
from buckler.fastapi import limit
from fastapi import FastAPI
from harness.limits import asked, count_alone, statuses

PROXY = "10.0.0.1"


def limited(text: str = "1/hour per ip", **more: Any) -> FastAPI:  # noqa: ANN401 - as `limit`
    """Make an app with one route and one limit."""
    app = FastAPI()

    @app.get("/", dependencies=[limit(text, **more)])
    async def root() -> str:
        return ""

    return app


Fields = list[tuple[str, str]]


def forwarded(value: str) -> Fields:
    """Give the field of a proxy."""
    return [("x-forwarded-for", value)]


# R03, R12, hostile: nobody gets a new budget by saying to be somebody else
@pytest.mark.parametrize(
    "fields",
    [
        forwarded("203.0.113.9"),
        forwarded("10.0.0.1"),
        [("forwarded", "for=203.0.113.9")],
        [("x-real-ip", "203.0.113.9"), ("client-ip", "203.0.113.9")],
        [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")],
        forwarded("nobody"),
    ],
    ids=str,
)
def test_a_client_names_nobody_else(
    how: str, fields: Fields, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKLER_SERVER__TRUSTED_PROXIES", '["10.0.0.0/8"]')
    app = limited()
    assert statuses(asked(app, how, "/")) == [200]
    assert statuses(asked(app, how, "/", headers=fields)) == [429]


# R03, R12
def test_behind_a_trusted_proxy_the_client_is_counted(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKLER_SERVER__TRUSTED_PROXIES", '["10.0.0.0/8"]')
    app = limited()
    for fields, wanted in [
        (forwarded("203.0.113.1"), 200),
        (forwarded("203.0.113.1"), 429),
        (forwarded("203.0.113.2"), 200),
        # What the client itself has sent stands further left.
        (forwarded("203.0.113.3, 203.0.113.1"), 429),
        ([*forwarded("203.0.113.4"), *forwarded("203.0.113.2")], 429),
        (forwarded("203.0.113.1, 10.0.0.2"), 429),
        ([("forwarded", "for=203.0.113.2;proto=https")], 429),
        # The proxy for itself.
        ([], 200),
        (forwarded("unknown"), 429),
    ]:
        (answer,) = asked(app, how, "/", client=PROXY, headers=fields)
        assert answer.status_code == wanted, fields


# R03, R12, hostile: the middleware refuses it; where nobody does, it is the proxy's own request
@pytest.mark.parametrize(
    "fields",
    [
        forwarded("nobody"),
        forwarded(", ".join(["203.0.113.9"] * 40)),
        [*forwarded("203.0.113.9"), ("forwarded", "for=203.0.113.8")],
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_what_a_proxy_says_in_two_ways_names_nobody(
    how: str, fields: Fields, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKLER_SERVER__TRUSTED_PROXIES", '["10.0.0.0/8"]')
    app = limited()
    refused = 400 if how == "inside" else 429
    assert statuses(asked(app, how, "/", client=PROXY)) == [200]
    assert statuses(asked(app, how, "/", client=PROXY, headers=fields)) == [refused]


# R03, R12: without a proxy in the policy there is none
def test_nobody_is_trusted_unless_named(how: str) -> None:
    app = limited()
    for at in range(3):
        (answer,) = asked(app, how, "/", client=PROXY, headers=forwarded(f"203.0.113.{at}"))
        assert answer.status_code == (429 if at else 200)


OLD = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


# R12
def test_the_policy_says_which_fields_tell(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKLER_LIMITS__DEFAULT", '["3/hour"]')
    monkeypatch.setenv("BUCKLER_LIMITS__FIELDS", "all")
    first, second = asked(limited(name="own"), how, "/", "/")
    for answer in (first, second):
        assert [len(answer.headers.get_list(name)) for name in OLD] == [1, 1, 1]
        assert answer.headers["x-ratelimit-limit"] == "1"
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert answer.headers["x-ratelimit-reset"] == "3600"
        assert '"own";q=1;w=3600' in answer.headers["ratelimit-policy"]
        assert ('"default";q=3' in answer.headers["ratelimit-policy"]) == (how == "inside")
    assert (first.status_code, second.status_code) == (200, 429)
    assert int(second.headers["retry-after"]) <= 3600


# R12: nobody is told of room that another limit has not
def test_the_nearest_of_all_limits_is_told(
    monkeypatch: pytest.MonkeyPatch,
    nothing_of_the_machine: None,  # noqa: ARG001 - a fixture for what it does
    tmp_path: Path,
) -> None:
    count_alone(monkeypatch, tmp_path)
    monkeypatch.setenv("BUCKLER_LIMITS__DEFAULT", '["3/hour"]')
    monkeypatch.setenv("BUCKLER_LIMITS__FIELDS", "all")
    (answer,) = asked(limited("9/hour"), "inside", "/")
    assert [answer.headers.get_list(name) for name in OLD] == [["3"], ["2"], ["1200"]]


# R12
def test_a_policy_that_tells_nothing_is_kept(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKLER_LIMITS__FIELDS", "off")
    answers = asked(limited(), how, "/", "/")
    for answer in answers:
        assert not [name for name in answer.headers if "ratelimit" in name]
    assert "retry-after" in answers[1].headers


# R12
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/hour", "too many requests; try again in 3600 s"),
        ("1/day", "nothing is left of the quota; it begins anew in "),
        ("1/second", "too many requests; try again in a second"),
    ],
)
def test_a_refusal_is_in_the_words_of_the_policys_own(how: str, text: str, words: str) -> None:
    _, refused = asked(limited(text), how, "/", "/")
    assert refused.json()["detail"].startswith(words)


# R12: what is only monitored passes and tells nothing; the middleware writes it down
def test_monitored_limits_refuse_nothing(
    how: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUCKLER_LIMITS__MODE", "monitor")
    flush()
    capfd.readouterr()
    answers = asked(limited(), how, "/", "/")
    assert statuses(answers) == [200, 200]
    for answer in answers:
        assert not [name for name in answer.headers if "ratelimit" in name or name == "retry-after"]
    flush()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[:1] == "{"]
    found = [each["code"] for line in lines for each in line.get("monitored", [])]
    assert found == (["rate_limited"] if how == "inside" else [])


def test_a_store_is_of_the_policy_that_its_variable_names(
    monkeypatch: pytest.MonkeyPatch,
    nothing_of_the_machine: None,  # noqa: ARG001 - a fixture for what it does
    tmp_path: Path,
) -> None:
    count_alone(monkeypatch, tmp_path)
    file = tmp_path / "own.toml"
    file.write_text(f'[server]\nhosts = ["app.test"]\ntrusted_proxies = ["{PROXY}"]\n')
    monkeypatch.setenv("BUCKLER_POLICY", str(file))
    app = limited()
    for at in range(3):
        (answer,) = asked(app, "alone", "/", client=PROXY, headers=forwarded(f"203.0.113.{at}"))
        assert answer.status_code == 200
    assert len(_limits._stores) == 1
    assert app.middleware_stack is not None
    assert Buckler not in [each.cls for each in app.user_middleware]
