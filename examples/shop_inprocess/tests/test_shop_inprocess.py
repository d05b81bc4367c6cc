"""What the README says is so: the diff applies, the line starts it, Buckler is in."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from harness.asgi import Served, Server, served
from harness.places import ROOT, SHOP
from harness.suites import SHOP_APP

HERE = ROOT / "examples" / "shop_inprocess"
README = (HERE / "README.md").read_text()
HUNK = re.compile(r"^@@ -(\d+),(\d+) \+(\d+),(\d+) @@$")


def diff() -> list[str]:
    """Give the lines of the README's diff."""
    (found,) = re.findall(r"```diff\n(.*?)```", README, re.DOTALL)
    return str(found).splitlines()


def patched(text: str) -> str:
    """Apply the diff as `patch` would, only that every line has to be where it says."""
    old, new = text.splitlines(), list[str]()
    at = 0
    head, body = diff()[:2], diff()[2:]
    assert head == ["--- a/shop/main.py", "+++ b/shop/main.py"]
    for line in body:
        hunk = HUNK.match(line)
        if hunk is not None:
            start = int(hunk[1]) - 1
            new += old[at:start]
            at = start
            assert len(new) == int(hunk[3]) - 1, line
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            assert line.startswith(" "), line
            assert old[at] == line[1:], f"line {at + 1} of the shop is another one by now"
            new.append(old[at])
            at += 1
    return "\n".join([*new, *old[at:]]) + "\n"


def line() -> tuple[str, ...]:
    """Give the flags with which the README starts uvicorn."""
    (found,) = [text for text in README.splitlines() if " uvicorn hardened:app" in text]
    words = shlex.split(found)
    assert words[:3] == ["PYTHONPATH=../shop", "uvicorn", "hardened:app"]
    return tuple(words[3:])


def checked(running: Served) -> None:
    """Try what the README says to try."""
    products = running.get("/products")
    assert products.status == 200
    assert products.all("x-request-id")
    assert products.all("x-content-type-options") == ["nosniff"]
    assert products.all("server") == []
    with running.client(headers={"Host": "evil.example"}) as client:
        foreign = client.get("/catalogue")
    assert foreign.status_code == 400
    assert foreign.json()["code"] == "host_not_allowed"
    assert running.get("/docs").status == 404
    crash = running.get("/crash")
    assert crash.status == 500
    assert crash.all("x-request-id")
    assert b"Traceback" not in crash.body
    # Nobody but the proxy of the policy says who the client is.
    seen = running.get("/whoami", "X-Forwarded-For: 203.0.113.9")
    assert b"203.0.113.9" not in seen.body


@pytest.fixture
def uvicorn() -> Server:
    """Started as the README says."""
    return Server("uvicorn", ("uvicorn", "--port=0", *line()), ends_with=-15)


def test_the_diff_hardens_the_shop(tmp_path: Path, uvicorn: Server) -> None:
    # R81
    shutil.copytree(SHOP / "shop", tmp_path / "shop")
    shutil.copy(HERE / "buckler.toml", tmp_path)
    main = tmp_path / "shop" / "main.py"
    main.write_text(patched(main.read_text()))
    SHOP_APP.seed(tmp_path)
    with served(
        tmp_path, uvicorn, "shop.main:app", environment=SHOP_APP.environment(tmp_path)
    ) as running:
        checked(running)


def test_the_module_does_the_same_from_outside(tmp_path: Path, uvicorn: Server) -> None:
    # R81
    SHOP_APP.seed(tmp_path)
    with served(
        tmp_path,
        uvicorn,
        "hardened:app",
        paths=[HERE, SHOP],
        environment=SHOP_APP.environment(tmp_path),
    ) as running:
        checked(running)


def test_each_flag_is_explained() -> None:
    # R81
    for flag in line():
        assert f"| `{flag}` |" in README
