"""Servers on loopback, and what they have cost so far."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = ROOT / "target/release"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
STOP_SECONDS = 40

LIMITS = "BUCKLER_LIMITS__DEFAULT"
# All requests of a measurement come from one address: each is counted, and none is one too many.
os.environ[LIMITS] = '["1000000000/second per ip"]'
CPU_CLOCK = 2  # CPUCLOCK_SCHED: what the scheduler has counted


def free_port() -> int:
    """Ask the system for one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(
    command: list[str],
    port: int,
    core: int | None = None,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run a server, pinned to a core if one is given, until the block ends."""
    pinned = command if core is None else ["taskset", "-c", str(core), *command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(pinned, stdout=output, stderr=output, cwd=cwd, env=env)
        try:
            for _ in range(400):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            else:
                output.seek(0)
                sys.exit(f"does not listen: {' '.join(command)}\n{output.read().decode()}")
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def nginx(config: Path, folder: Path) -> list[str]:
    """Give the command that runs nginx out of that folder."""
    early = str(folder / "early.log")
    return [NGINX or "nginx", "-c", str(config), "-p", str(folder), "-e", early]


def tree(pid: int) -> list[int]:
    """List a process and all below it."""
    below: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        below += [int(child) for child in (task / "children").read_text().split()]
    return [pid, *(grandchild for child in below for grandchild in tree(child))]


def cpu_seconds(pid: int) -> float:
    """Add up user and system time of a process tree so far.

    /proc counts in hundredths of a second; the clock of a process counts in nanoseconds. Its id is
    made as clock_getcpuclockid(3) makes it.
    """
    return sum(time.clock_gettime((~process << 3) | CPU_CLOCK) for process in tree(pid))


def h2load(
    url: str, requests: int, connections: int, arguments: Iterable[str], status: str = "2xx"
) -> float:
    """Send so many requests from core 1, check every answer's status; requests per second."""
    command = ["taskset", "-c", "1", "h2load", "-n", str(requests), "-c", str(connections)]
    command += [*arguments, url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answered = re.search(rf"(\d+) {status}", said)
    rate = re.search(r"([\d.]+) req/s", said)
    if answered is None or rate is None or int(answered[1]) != requests:
        sys.exit(f"{url}: not every request was answered with {status}\n{said}")
    return float(rate[1])


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost."""
    chain, key = folder / "certificate.pem", folder / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(chain)]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    return chain, key
