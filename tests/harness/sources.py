"""Sources of packages and crates, fetched by name into `.cache`; none of their scripts runs."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from harness.places import ROOT

CACHE = ROOT / ".cache" / "sources"
FETCH_SECONDS = 300


class ForgedError(Exception):
    """What the registry gave is not what was pinned."""


def python_source(name: str, version: str, sha256: str) -> Path:
    """Give the folder of a package's source, which carries tests that the wheel leaves out."""
    folder = CACHE / f"{name}-{version}"
    if folder.exists():
        return folder
    fetched = CACHE / f"{name}-{version}.fetched"
    shutil.rmtree(fetched, ignore_errors=True)
    fetched.mkdir(parents=True)
    subprocess.run(
        [
            *[sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"],
            *["--no-deps", "--no-binary", ":all:", "--dest", str(fetched), f"{name}=={version}"],
        ],
        check=True,
        capture_output=True,
        timeout=FETCH_SECONDS,
    )
    (archive,) = fetched.glob("*.tar.gz")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sha256:
        raise ForgedError(f"{archive.name} is {found} and not {sha256}")
    with tarfile.open(archive) as packed:
        packed.extractall(fetched, filter="data")
    (unpacked,) = (entry for entry in fetched.iterdir() if entry.is_dir())
    unpacked.rename(folder)
    shutil.rmtree(fetched)
    return folder


def crate(name: str, version: str, sha256: str) -> Path:
    """Give the folder of a crate as it was published, its tests included."""
    folder = CACHE / f"{name}-{version}"
    if folder.exists():
        return folder
    fetched = CACHE / f"{name}-{version}.fetched"
    shutil.rmtree(fetched, ignore_errors=True)
    (fetched / "src").mkdir(parents=True)
    (fetched / "src" / "lib.rs").touch()
    (fetched / "Cargo.toml").write_text(
        '[package]\nname = "fetching"\nversion = "0.0.0"\nedition = "2021"\n'
        f'[workspace]\n[dependencies]\n{name} = "={version}"\n'
    )
    subprocess.run(
        ["cargo", "vendor", "--quiet", "--versioned-dirs", "vendor"],
        cwd=fetched,
        check=True,
        capture_output=True,
        timeout=FETCH_SECONDS,
    )
    unpacked = fetched / "vendor" / f"{name}-{version}"
    found = json.loads((unpacked / ".cargo-checksum.json").read_text())["package"]
    if found != sha256:
        raise ForgedError(f"{name} {version} is {found} and not {sha256}")
    unpacked.rename(folder)
    shutil.rmtree(fetched)
    return folder
