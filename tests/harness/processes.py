"""Processes of this machine, by what `/proc` says of them."""

import os
import signal
from pathlib import Path

MARK = "E2E_RUN"
"""The environment variable by which a run's processes are known: children inherit it."""


def marked(run: str) -> set[int]:
    """Give the ids of all living processes of a run, however they were started."""
    wanted = f"{MARK}={run}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0"):
            found.add(int(entry.name))
    return found


def end(ids: set[int]) -> None:
    """Kill processes that a failed test left behind."""
    for pid in ids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def status(pid: int, field: str) -> int:
    """Read a size of a process in bytes, `VmRSS` or `VmHWM` (its highest so far)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise AssertionError(f"no {field} of process {pid}")
