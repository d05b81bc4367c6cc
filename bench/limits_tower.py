"""A limit in Rust services: our tower layer beside tower_governor, 100 a day for each client.

What four processes of one service admit together of a thousand requests, and what a refused one
costs. The service has core 0, the load core 1; the fastest of several rounds counts.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from servers import BIN, cpu_seconds, free_port, running

PROCESSES = 4
ASKED = 1_000
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "60000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 32
MODES = ("none", "governor", "buckler")


def service(mode: str, port: int, store: Path) -> list[str]:
    """Give the command that serves on a port."""
    return [str(BIN / "limited-service"), mode, f"127.0.0.1:{port}", str(store)]


def admitted(mode: str, folder: Path) -> int:
    """Count what the processes let pass, asked in turn."""
    ports = [free_port() for _ in range(PROCESSES)]
    with ExitStack() as stack:
        clients = []
        for port in ports:
            stack.enter_context(running(service(mode, port, folder / "store"), port))
            clients.append(http.client.HTTPConnection("127.0.0.1", port))
        passed = 0
        for at in range(ASKED):
            client = clients[at % PROCESSES]
            client.request("GET", "/a")
            answer = client.getresponse()
            answer.read()
            passed += answer.status == http.HTTPStatus.OK
        return passed


def cost(mode: str, folder: Path) -> float:
    """CPU microseconds of a refused request; of one that passes where there is no limit."""
    port, status = free_port(), "200" if mode == "none" else "429"
    with running(service(mode, port, folder / "store"), port, 0) as pid:
        client = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(ASKED // PROCESSES):
            client.request("GET", "/a")
            client.getresponse().read()
        load = ["taskset", "-c", "1", str(BIN / "load"), f"127.0.0.1:{port}", "127.0.0.1"]
        load += [str(CONNECTIONS), str(REQUESTS), status]
        before = cpu_seconds(pid)
        subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
        return (cpu_seconds(pid) - before) / REQUESTS * 1e6


def main() -> None:
    """Measure and print a table."""
    costs = dict.fromkeys(MODES, float("inf"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passed = {mode: admitted(mode, folder) for mode in MODES}
        for _ in range(ROUNDS):
            for mode in MODES:
                costs[mode] = min(costs[mode], cost(mode, folder))
    print(f"| limit | admitted of {ASKED:,} by {PROCESSES} processes | µs CPU of an answer |")
    print("|---|---|---|")
    names = {"none": "none (200)", "governor": "tower_governor (429)", "buckler": "Buckler (429)"}
    for mode in MODES:
        print(f"| {names[mode]} | {passed[mode]} | {costs[mode]:.1f} |")
    print(json.dumps({"admitted": passed, "costs": costs}), file=sys.stderr)


if __name__ == "__main__":
    main()
