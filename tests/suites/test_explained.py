"""What is not explained fails, and so does an explanation of nothing."""

from pathlib import Path

import pytest
from harness import explained

TESTS = (
    "tests/test_a.py::test_one",
    "tests/test_a.py::test_two[x]",
    "tests/test_a.py::test_two[y]",
)
ONE, X, Y = TESTS

GROUP = """
[[group]]
reason = "A reason."
requirement = "R81"
settings = ["headers"]
tests = ["{name}"]
"""

CASES: tuple[tuple[str, set[str], set[str], str | None], ...] = (
    # The group's name, the settings of the policy, what ends otherwise, what is said of it.
    (ONE, {"headers"}, {ONE}, None),
    (ONE, {"always"}, set(), None),
    (ONE, {"always"}, {ONE}, "not explained"),
    (ONE, {"headers"}, {ONE, X}, "not explained"),
    (ONE, {"headers"}, set(), "no longer so"),
    ("tests/test_a.py::test_two", {"headers"}, {X, Y}, None),
    ("tests/test_a.py::test_two", {"headers"}, {X}, "no longer so"),
    ("tests/test_a.py", {"headers"}, {ONE, X, Y}, None),
    ("tests/test_a.py", {"headers"}, {ONE, X}, "no longer so"),
    # A name is whole: no other test begins with it by chance.
    ("tests/test_a.py::test_o", {"headers"}, {ONE}, "not explained"),
    ("tests/test_a.py::test_o", {"headers"}, set(), "there is no such test"),
)


@pytest.mark.parametrize(("name", "settings", "found", "said"), CASES)
def test_both_directions(
    tmp_path: Path, name: str, settings: set[str], found: set[str], said: str | None
) -> None:
    file = tmp_path / "explained.toml"
    file.write_text(GROUP.format(name=name))
    differing = dict.fromkeys(found, "why")
    if said is None:
        explained.compare(file, settings, TESTS, differing)
        return
    with pytest.raises(AssertionError, match=said):
        explained.compare(file, settings, TESTS, differing)


@pytest.mark.parametrize(
    "wrong",
    [
        GROUP.format(name=ONE).replace('"headers"', '"no.such.setting"'),
        GROUP.format(name=ONE).replace('"A reason."', '""'),
        GROUP.format(name=f'{ONE}", "{ONE}'),
        GROUP.format(name=ONE) + 'more = "of it"\n',
    ],
)
def test_a_group_that_says_nothing_fails(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "explained.toml"
    file.write_text(wrong)
    with pytest.raises(AssertionError):
        explained.compare(file, {"headers"}, TESTS, {ONE: "why"})


@pytest.mark.parametrize(
    ("names", "short"),
    [
        ({ONE}, [ONE]),
        ({X}, [X]),
        ({X, Y}, ["tests/test_a.py::test_two"]),
        ({ONE, X, Y}, ["tests/test_a.py"]),
    ],
)
def test_names_are_as_short_as_they_may_be(names: set[str], short: list[str]) -> None:
    assert explained.shortened(names, TESTS) == short
