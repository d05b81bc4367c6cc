"""Programs that judge from outside, each in an environment of its own below `.cache`.

Run as a program, it installs them all.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.places import ROOT

PINS = ROOT / "requirements" / "suites.txt"
FRAMEWORK_PINS = ROOT / "requirements" / "frameworks.txt"
CACHE = ROOT / ".cache"
NODE_PINS = ROOT / "tests" / "suites" / "node"
NODE_FOLDER = CACHE / "suites-node"
INSTALL_SECONDS = 600


class NoJudgeError(Exception):
    """A program is missing on this machine."""


def python() -> Path:
    """Give the interpreter that has the judges written in Python."""
    return interpreter(PINS, CACHE / "suites-python")


def frameworks() -> Path:
    """Give the interpreter that has what the frameworks' own suites need."""
    return interpreter(FRAMEWORK_PINS, CACHE / "frameworks-python")


def interpreter(pins: Path, folder: Path) -> Path:
    """Give the interpreter of an environment; it is made anew when a pin changes."""
    made = folder / "bin" / "python"
    stamp = folder / pins.name
    if stamp.exists() and stamp.read_text() == pins.read_text():
        return made
    shutil.rmtree(folder, ignore_errors=True)
    ran([sys.executable, "-m", "venv", str(folder)], ROOT)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(pins)]
    ran([str(made), *install], ROOT)
    shutil.copy(pins, stamp)
    return made


def node() -> Path:
    """Give the folder that has the judges written for Node; none of their scripts runs."""
    npm = command("npm", "npm")
    lock = NODE_PINS / "package-lock.json"
    stamp = NODE_FOLDER / "installed"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return NODE_FOLDER
    shutil.rmtree(NODE_FOLDER, ignore_errors=True)
    NODE_FOLDER.mkdir(parents=True)
    for file in ("package.json", lock.name):
        shutil.copy(NODE_PINS / file, NODE_FOLDER)
    ran([npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], NODE_FOLDER)
    shutil.copy(lock, stamp)
    return NODE_FOLDER


def command(name: str, package: str) -> str:
    """Find a program of Debian's."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise NoJudgeError(f"{name} is missing; mend: apt-get install {package}")
    return found


def ran(line: list[str], folder: Path) -> None:
    """Run it to its end, and show what it says where it fails."""
    # A folder of our tests that is named like a package must not be taken for it by pip.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        line,
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
    )
    if done.returncode != 0:
        raise NoJudgeError(f"{' '.join(line)}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    python()
    frameworks()
    node()
