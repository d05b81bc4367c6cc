"""kosoku, the Autobahn cases of WebSockets: the gateway changes nothing about them. R09

What the app's own server fails or does not offer, it fails and does not offer through the gateway.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import differences, judges
from harness.gateway import before, clean_environment
from harness.places import PATIENCE
from harness.until import until

HERE = Path(__file__).parent
DIFFERENCES = HERE / "differences.toml"
POLICY = """
environment = "development"
[server.tls]
mode = "off"
"""
FULL = os.environ.get("SUITES_WEBSOCKET") == "full"
"""Every case, large messages and compression included: minutes instead of seconds."""

EXCLUDED = [] if FULL else ["-x", "9.*", "-x", "12.*", "-x", "13.*"]
CASES = 517 if FULL else 247
JUDGES_PATIENCE = 20_000
"""Milliseconds that the judge gives to a case; a thousand compressed messages may take longer."""

OUT_OF_TIME = "out of time"
MEASURED = ("9.", "12.", "13.")
"""The groups whose cases are large enough for a busy machine to run out of time."""

SUITE_SECONDS = 3600 if FULL else 120

RUNNING = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@contextmanager
def echoing(folder: Path) -> Iterator[str]:
    told = folder / "uvicorn.txt"
    with (
        told.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "echo:app", "--port", "0"],
            cwd=HERE,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        ) as process,
    ):
        try:
            found = until("uvicorn listens", lambda: RUNNING.search(told.read_text()))
            yield found[1]
        finally:
            process.terminate()
            process.wait(PATIENCE)


def judged(url: str, folder: Path) -> dict[str, str]:
    """Give what the judge says of each case, of the messages and of the closing."""
    address = url.removeprefix("http://")
    done = subprocess.run(
        [judges.python().with_name("kosoku"), address, *EXCLUDED, "-o", str(folder)],
        env=clean_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    (said,) = json.loads((folder / "index.json").read_text()).values()
    return {
        case: OUT_OF_TIME
        if of["behavior"] == "FAILED" and of["duration"] >= JUDGES_PATIENCE
        else verdict(of["behavior"], of["behaviorClose"])
        for case, of in said.items()
    }


def verdict(messages: str, closing: str) -> str:
    # Both are right; which it is depends on whether an echo comes before the closing or behind it.
    return f"{'OK' if messages == 'NON-STRICT' else messages}, {closing}"


@pytest.mark.timeout(2 * SUITE_SECONDS)
def test_the_gateway_is_judged_as_the_app_is(tmp_path: Path) -> None:
    with echoing(tmp_path) as upstream, before(tmp_path, upstream, POLICY) as gateway:
        bare = judged(upstream, tmp_path / "bare")
        through = judged(gateway.base_url, tmp_path / "through")
        assert len(gateway.requests()) >= CASES, "it went another way"
    assert len(bare) == CASES
    assert set(through) == set(bare)
    late = {case for case in bare if OUT_OF_TIME in (bare[case], through[case])}
    assert all(case.startswith(MEASURED) for case in late), late
    found = {case: through[case] for case in bare if through[case] != bare[case]}
    # Which of those end in time says how busy the machine is, and nothing of either server.
    found = {case: said for case, said in found.items() if case not in late}
    differences.compare(DIFFERENCES, "kosoku", found)
