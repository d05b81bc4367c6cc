"""What `pip install .` brings: R81."""

import json
import tomllib
from pathlib import Path

import pytest
from harness.installed import BUILD_SECONDS, Installed
from harness.places import BUCKLER, ROOT

pytestmark = pytest.mark.timeout(BUILD_SECONDS)

VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
METADATA = f"buckler-{VERSION}.dist-info"

CONTENTS = {
    *(f"buckler/{file.name}" for file in (ROOT / "python" / "buckler").glob("*.py")),
    "buckler/_buckler.abi3.so",
    "buckler/_buckler.pyi",
    "buckler/py.typed",
    f"{METADATA}/METADATA",
    f"{METADATA}/WHEEL",
    f"{METADATA}/entry_points.txt",
    f"{METADATA}/RECORD",
    f"{METADATA}/licenses/LICENSE-APACHE",
    f"{METADATA}/licenses/LICENSE-MIT",
    f"{METADATA}/sboms/buckler-python.cyclonedx.json",
}
"""Everything that is in it: no test, no source of Rust, no second extension."""

ADDED = {
    f"{METADATA}/INSTALLER",
    f"{METADATA}/REQUESTED",
    f"{METADATA}/direct_url.json",
    "../../../bin/buckler",
}
"""What pip writes beside it."""

MAY_BE_IMPORTED = ("atexit", "copy", "inspect", "logging", "pathlib", "typing")
"""With what these bring. Who runs an app has asyncio or trio; the command needs neither."""


def test_it_holds_what_it_should_and_nothing_else(bare: Installed) -> None:
    program = (
        "import importlib.metadata as metadata, json\n"
        "print(json.dumps([str(file) for file in metadata.files('buckler')]))"
    )
    done = bare.ran(bare.python, "-I", "-c", program)
    found = {name for name in json.loads(done.stdout) if not name.endswith(".pyc")}
    assert found == CONTENTS | ADDED


def test_it_says_what_it_is(bare: Installed) -> None:
    program = (
        "import importlib.metadata as metadata, json\n"
        "print(json.dumps(metadata.metadata('buckler').json))"
    )
    said = json.loads(bare.ran(bare.python, "-I", "-c", program).stdout)
    assert said["version"] == VERSION
    assert said["license_expression"] == "MIT OR Apache-2.0"
    assert said["requires_python"] == ">=3.11"
    assert "requires_dist" not in said
    wheel = bare.ran(
        bare.python,
        "-I",
        "-c",
        "import importlib.metadata as m; print(m.distribution('buckler').read_text('WHEEL'))",
    )
    assert "\nTag: cp311-abi3-linux_" in wheel.stdout


def test_importing_it_warns_of_nothing_and_brings_little(bare: Installed) -> None:
    program = (
        f"import sys, {', '.join(MAY_BE_IMPORTED)}\n"
        "before = set(sys.modules)\n"
        "import buckler\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new), buckler.__version__)"
    )
    done = bare.ran(bare.python, "-I", "-W", "error", "-c", program)
    assert (done.stdout, done.stderr) == (f"['buckler'] {VERSION}\n", "")


@pytest.mark.parametrize("way", ["script", "module"])
def test_the_command_is_there(bare: Installed, way: str) -> None:
    line = [bare.buckler] if way == "script" else [bare.python, "-m", "buckler"]
    done = bare.ran(*line, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"buckler {VERSION}\n", "")


def test_it_is_the_same_command(bare: Installed, tmp_path: Path) -> None:
    for arguments, code in (["schema"], 0), (["check"], 2), (["run", "--help"], 0):
        program = bare.ran(str(BUCKLER), *arguments, folder=tmp_path)
        script = bare.ran(bare.buckler, *arguments, folder=tmp_path)
        assert program.returncode == code, program
        assert (script.returncode, script.stdout, script.stderr) == (
            program.returncode,
            program.stdout,
            program.stderr,
        ), arguments
