"""Environments into which Buckler is installed, as people install it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.gateway import clean_environment
from harness.places import ROOT

BUILD_SECONDS = 1500
"""A first build of everything on a slow machine. After a release build it is a minute or two."""

PINS = ROOT / "requirements" / "test.txt"
WHEELS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "wheels"


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that Buckler was installed into."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def buckler(self) -> str:
        """The console script."""
        return str(self.folder / "bin" / "buckler")

    def ran(self, *line: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run something in the clone, or in a folder, to its end."""
        return subprocess.run(
            line,
            check=False,
            cwd=folder or ROOT,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )

    def install(self, *what: str) -> None:
        """Install it with pip."""
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = self.ran(*pip, *what)
        assert done.returncode == 0, done.stdout + done.stderr


def environment(folder: Path) -> Installed:
    """Make one with nothing but pip in it."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return Installed(folder)


def clone(folder: Path) -> Installed:
    """Install the clone, and nothing else."""
    made = environment(folder)
    made.install(".")
    return made


def app(folder: Path) -> Installed:
    """Install the wheel that was built last, with what an app needs beside it."""
    *_, wheel = sorted(WHEELS.glob("buckler-*.whl"), key=lambda file: file.stat().st_mtime)
    made = environment(folder)
    made.install("--constraint", str(PINS), str(wheel), "fastapi", "uvicorn[standard]")
    return made
