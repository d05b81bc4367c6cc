"""Limits over sockets: who counts them, how long, and what an operator sees of it."""

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.gateway import Gateway, clean_environment
from harness.places import BUCKLER
from harness.redis import Redis, redis
from harness.serving import PLAIN, Serving
from harness.until import until

FIVE = {"BUCKLER_LIMITS__DEFAULT": '["5/hour per ip"]'}


def start(serving: Serving, policy: str, environment: dict[str, str], *arguments: str) -> Gateway:
    """Serve under variables whose names stand in a table."""
    return serving.serve("live:app", policy, *arguments, authority=None, **environment)


def statuses(gateway: Gateway, count: int, threads: int = 8) -> list[int]:
    """Ask as often as that, several at a time."""
    with gateway.client() as client, ThreadPoolExecutor(threads) as pool:
        return sorted(pool.map(lambda _: client.get("/pid").status_code, range(count)))


def shown(
    folder: Path, environment: dict[str, str], *key: str
) -> "subprocess.CompletedProcess[str]":
    """Ask the command how a client stands."""
    return subprocess.run(
        [BUCKLER, "limits", "show", *key],
        cwd=folder,
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_exactly_the_limit_is_admitted(serving: Serving) -> None:
    # R12: over connections and threads, two workers behind
    gateway = start(serving, PLAIN, FIVE, "--workers", "2")
    assert statuses(gateway, 40) == [200] * 5 + [429] * 35
    with gateway.client() as client:
        refused = client.get("/pid")
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 720
    assert refused.headers["ratelimit-policy"] == '"default";q=5;w=3600'
    assert refused.headers["ratelimit"].startswith('"default";r=0;t=')


def test_an_operator_sees_what_is_counted_and_changes_nothing(serving: Serving) -> None:
    # R12
    gateway = start(serving, PLAIN, FIVE)
    assert statuses(gateway, 3) == [200] * 3
    folder = gateway.out.parent
    for _ in range(2):
        told = shown(folder, FIVE, "127.0.0.1")
        assert (told.returncode, "2 of 5 left" in told.stdout) == (0, True), told
    assert statuses(gateway, 9) == [200] * 2 + [429] * 7
    told = shown(folder, FIVE, "127.0.0.1")
    assert (told.returncode, "nothing left" in told.stdout) == (1, True), told
    assert "5 of 5 left" in shown(folder, FIVE, "192.0.2.1").stdout
    # What production asks for beside the limits may be missing.
    (folder / "buckler.toml").write_text("")
    assert "nothing left" in shown(folder, FIVE, "127.0.0.1").stdout
    wrong = shown(folder, FIVE, "header:x-api-key=CANARY")
    assert wrong.returncode == 2
    assert "no limit of the policy" in wrong.stderr
    assert "CANARY" not in wrong.stderr


def test_counts_outlive_a_reload_and_not_the_gateway(serving: Serving) -> None:
    # R12, R13
    policy = PLAIN + '[limits]\nfields = "off"\n'
    gateway = start(serving, policy, FIVE)
    assert statuses(gateway, 5) == [200] * 5
    file = gateway.out.parent / "buckler.toml"
    file.write_text(policy.replace('"off"', '"all"', 1).replace('mode = "all"', 'mode = "off"'))
    gateway.process.send_signal(signal.SIGHUP)
    until("the policy is reloaded", lambda: "policy reloaded" in gateway.out.read_text())
    assert statuses(gateway, 3) == [429] * 3
    region = shown(gateway.out.parent, FIVE, "127.0.0.1").stdout.split()[2]
    assert Path(region).exists()
    gateway.process.send_signal(signal.SIGTERM)
    gateway.process.wait(30)
    assert not Path(region).exists()


def test_gateways_of_one_policy_count_together(serving: Serving, tmp_path: Path) -> None:
    # R13
    store = {"BUCKLER_STORE__PATH": str(tmp_path / "limits")}
    gateways = [start(serving, PLAIN, {**FIVE, **store}) for _ in range(2)]
    admitted = [status for gateway in gateways for status in statuses(gateway, 10)]
    assert sorted(admitted) == [200] * 5 + [429] * 15


@pytest.fixture
def server_of_counts() -> Iterator[Redis]:
    """A Redis of the test's own."""
    with redis() as server:
        yield server


def test_gateways_count_together_in_redis(serving: Serving, server_of_counts: Redis) -> None:
    # R13
    store = {"BUCKLER_STORE__STATE": server_of_counts.address, "BUCKLER_STORE__TIMEOUT": "2s"}
    gateways = [start(serving, PLAIN, {**FIVE, **store}) for _ in range(2)]
    admitted = [status for gateway in gateways for status in statuses(gateway, 10)]
    assert sorted(admitted) == [200] * 5 + [429] * 15
    told = shown(gateways[0].out.parent, {**FIVE, **store}, "127.0.0.1")
    assert "nothing left" in told.stdout
    assert "counted in Redis" in told.stdout


@pytest.mark.parametrize(
    ("store_down", "expected"),
    [("open", [200] * 10), ("closed", [503] * 10), ("local", [200] * 5 + [429] * 5)],
)
def test_a_redis_that_is_paused(
    serving: Serving, server_of_counts: Redis, store_down: str, expected: list[int]
) -> None:
    # R13: each limit does what it declares, and the log tells it once
    gateway = start(
        serving,
        PLAIN,
        {
            **FIVE,
            "BUCKLER_LIMITS__STORE_DOWN": store_down,
            "BUCKLER_STORE__STATE": server_of_counts.address,
        },
    )
    assert statuses(gateway, 1) == [200]
    server_of_counts.pause()
    try:
        assert statuses(gateway, 10) == expected
        until(
            "the log tells it",
            lambda: "the store of limits cannot be asked" in gateway.out.read_text(),
        )
    finally:
        server_of_counts.go_on()
    until(
        "it is asked again",
        lambda: (
            statuses(gateway, 1) and "the store of limits answers again" in gateway.out.read_text()
        ),
    )
    assert "CANARY" not in gateway.out.read_text() + gateway.err.read_text()


def test_a_redis_that_is_not_there_at_the_start(serving: Serving, tmp_path: Path) -> None:
    # R13: a warning, or the end of the start where a limit could let nobody pass
    (tmp_path / "buckler.toml").write_text(PLAIN)
    store = {"BUCKLER_STORE__STATE": "redis://:CANARY@127.0.0.1:9/0"}
    refused = subprocess.run(
        [BUCKLER, "serve", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0"],
        cwd=tmp_path,
        env=clean_environment({**FIVE, **store, "BUCKLER_LIMITS__STORE_DOWN": "closed"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 2
    assert "limits cannot be counted: Redis at 127.0.0.1:9" in refused.stderr
    assert "store_down" in refused.stderr
    assert "CANARY" not in refused.stdout + refused.stderr
    gateway = start(serving, PLAIN, {**FIVE, **store})
    assert "warning" in gateway.err.read_text()
    assert "CANARY" not in gateway.out.read_text() + gateway.err.read_text()
    assert statuses(gateway, 7) == [200] * 5 + [429] * 2
