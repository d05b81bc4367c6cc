"""A hundred thousand requests leave the process as large as it was (R81).

`bench/inprocess_memory.py` sends a million; this is the same program, and a leak of a few bytes for
each request shows here already.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
REQUESTS = 100_000

# Room for what an allocator does with pages; sixteen bytes kept of each request are more.
MOST_KIB = 1536

# With an extension that was built for debugging, on cores that others use, too.
SECONDS = 300


@pytest.mark.timeout(SECONDS)
def test_memory_does_not_grow_with_requests() -> None:
    said = subprocess.run(
        [sys.executable, str(ROOT / "bench/inprocess_memory.py"), str(REQUESTS)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT / "python")},
        text=True,
    ).stdout
    found = json.loads(said)
    assert found["requests"] == REQUESTS
    assert found["after_kib"] - found["before_kib"] < MOST_KIB, found
