"""slowhttptest: slow heads, slow bodies, ranges without end, slow readers. R08

The service stays available, somebody well-behaved is served all the while, and our deadlines cut
the slow ones.
"""

import re
import subprocess
from collections.abc import Iterator

import pytest
from harness import judges
from harness.gateway import Gateway, clean_environment, running
from harness.healthy import somebody_is_served
from harness.suites import SHOP_APP
from harness.until import until

POLICY = """
environment = "development"
[server.tls]
mode = "off"
[server.timeouts]
header = "2s"
body = "2s"
idle = "2s"
"""
CONNECTIONS = 100
COMMON = ["-c", str(CONNECTIONS), "-r", "50", "-i", "1", "-p", "10", "-v", "1"]
SECONDS = 30
"""How long a mode may hold on; it ends when nobody is left, which the deadlines see to."""

READING_SECONDS = 150
"""A reader may pause for a minute."""

AVAILABLE = re.compile(r"service available: +(\w+)")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
STOPPED_READING = "the client stopped reading its answer"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("shop")
    SHOP_APP.seed(folder / "data")
    with running(
        folder,
        SHOP_APP.target,
        SHOP_APP.folder,
        policy=POLICY,
        environment=SHOP_APP.environment(folder / "data"),
        arguments=["--workers", "1"],
    ) as gateway:
        yield gateway


def attack(mode: str, url: str, seconds: int, *more: str) -> "subprocess.Popen[str]":
    line = [judges.command("slowhttptest", "slowhttptest"), mode, *COMMON, "-l", str(seconds)]
    return subprocess.Popen(
        [*line, *more, "-u", url],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    ("mode", "path"), [("-H", "/health"), ("-B", "/sink"), ("-R", "/products/export.csv")]
)
def test_the_slow_are_cut_and_the_others_served(shop: Gateway, mode: str, path: str) -> None:
    with (
        somebody_is_served(shop, "/health"),
        attack(mode, f"{shop.base_url}{path}", SECONDS) as process,
    ):
        told, _ = process.communicate(timeout=2 * SECONDS)
    told = COLOURS.sub("", told)
    assert set(AVAILABLE.findall(told)) == {"YES"}, told
    assert "No open connections left" in told, told


def stopped(shop: Gateway) -> int:
    return sum(line.get("what") == STOPPED_READING for line in shop.lines())


@pytest.mark.timeout(2 * READING_SECONDS)
def test_slow_readers_are_cut_and_the_others_served(shop: Gateway) -> None:
    # The judge cannot see it: what its system has not taken stands before the end.
    reading = ["-n", "5", "-z", "32", "-w", "512", "-y", "1024"]
    url = f"{shop.base_url}/download/20000000"
    with (
        somebody_is_served(shop, "/health"),
        attack("-X", url, READING_SECONDS, *reading) as process,
    ):
        try:
            cut = until("all are cut", lambda: stopped(shop) >= CONNECTIONS, READING_SECONDS)
            assert cut
        finally:
            process.terminate()
            told, _ = process.communicate(timeout=SECONDS)
    assert "NO" not in AVAILABLE.findall(COLOURS.sub("", told)), told
