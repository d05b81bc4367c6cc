"""Files of npm packages, fetched once by npm itself into `.cache`."""

import shutil
import subprocess
import tarfile
from pathlib import Path

from harness.places import ROOT

CACHE = ROOT / ".cache" / "npm"
FETCH_SECONDS = 180


class NoNpmError(Exception):
    """There is no npm on this machine."""


def package(name: str, version: str) -> Path:
    """Give the folder of an unpacked package; none of its scripts ever runs."""
    folder = CACHE / f"{name}-{version}"
    if folder.exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise NoNpmError("npm is missing; mend: apt-get install npm")
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [npm, "pack", "--silent", "--ignore-scripts", f"{name}@{version}"],
        cwd=CACHE,
        check=True,
        capture_output=True,
        timeout=FETCH_SECONDS,
    )
    archive = CACHE / f"{name}-{version}.tgz"
    unpacking = CACHE / f"{name}-{version}.unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(archive) as packed:
        packed.extractall(unpacking, filter="data")
    (unpacking / "package").rename(folder)
    shutil.rmtree(unpacking)
    archive.unlink()
    return folder
