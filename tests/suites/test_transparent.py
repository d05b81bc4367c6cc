"""Starlette's and FastAPI's own suites, with the middleware round every app. R81

A test that ends otherwise than it does without the middleware has a reason, or fails. The suites
are told to notice: a middleware that does nothing changes nothing, and careless ones are found.
"""

import functools
import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from harness import explained
from harness.places import ROOT
from harness.policies import POLICIES, Policy
from harness.transparent import (
    FASTAPI,
    STARLETTE,
    SUITE_SECONDS,
    Ended,
    Suite,
    Wrapper,
    differing,
    run,
)

SELECTED = {STARLETTE.name: ("monitor", "production", "added"), FASTAPI.name: ("production",)}
"""Policies that run as a rule, since all take long; `SUITES_TRANSPARENT=full` runs every one."""

RUNS = [
    (suite, policy)
    for suite in (STARLETTE, FASTAPI)
    for policy in POLICIES.values()
    if os.environ.get("SUITES_TRANSPARENT") == "full" or policy.name in SELECTED[suite.name]
]
EXPLAINED = ROOT / "tests" / "suites" / "transparent"
OURS = "suites.transparent.middlewares"
WHY = 300
"""Characters of a failed test's end that are shown."""
IDENTITY = Wrapper(f"{OURS}:Identity", {})


@functools.cache
def bare(suite: Suite) -> dict[str, Ended]:
    """Give how the suite ends as it is; every other run is compared with this one."""
    with tempfile.TemporaryDirectory() as folder:
        ended = run(suite, None, Path(folder) / "bare")
    assert len(ended) == suite.tests, Counter(one.outcome for one in ended.values())
    assert sum(one.calls > 0 for one in ended.values()) >= suite.through
    return ended


@pytest.mark.timeout(2 * SUITE_SECONDS)
def test_the_wrapping_itself_changes_nothing(tmp_path: Path) -> None:
    assert not differing(bare(STARLETTE), run(STARLETTE, IDENTITY, tmp_path / "run"))


@pytest.mark.timeout(2 * SUITE_SECONDS)
@pytest.mark.parametrize(("suite", "policy"), RUNS, ids=lambda part: part.name)
def test_buckler_changes_what_is_explained_and_nothing_else(
    suite: Suite, policy: Policy, tmp_path: Path
) -> None:
    # R81
    alone = bare(suite)
    ended = run(suite, Wrapper(policy.wrapper, policy.made_with), tmp_path / "run")
    found = {test: one.why[-WHY:] for test, one in differing(alone, ended).items()}
    explained.compare(EXPLAINED / f"{suite.name}.toml", policy.settings, set(alone), found)


CARELESS = (
    # What guides show: it takes an answer apart, and what it does not know is lost.
    (
        "Framework",
        ("tests/middleware/test_gzip.py", "tests/test_requests.py", "tests/test_background.py"),
        {
            "tests/middleware/test_gzip.py::test_gzip_trailers[asyncio-True-gzip]",
            "tests/test_requests.py::test_request_send_push_promise[trio]",
        },
    ),
    # An answer that is held back is gone when the app fails behind it.
    (
        "Collecting",
        ("tests/middleware/test_errors.py", "tests/test_templates.py"),
        {
            "tests/middleware/test_errors.py::test_handler[asyncio]",
            "tests/middleware/test_errors.py::test_background_task[trio]",
            "tests/test_templates.py::test_templates[trio]",
        },
    ),
)


@pytest.mark.timeout(2 * SUITE_SECONDS)
@pytest.mark.parametrize(("name", "tests", "wanted"), CARELESS, ids=lambda value: str(value)[:12])
def test_a_careless_middleware_is_noticed(
    tmp_path: Path, name: str, tests: tuple[str, ...], wanted: set[str]
) -> None:
    ended = run(STARLETTE, Wrapper(f"{OURS}:{name}", {}), tmp_path / "run", tests)
    expected = {test: bare(STARLETTE)[test] for test in ended}
    found = differing(expected, ended)
    assert wanted <= set(found), sorted(found)
