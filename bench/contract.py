"""What holding a body to a contract costs, and refusing one: the gateway, Pydantic, `jsonschema`.

The gateway stands before an upstream that does nothing, so what is measured is its own; the app
stands alone. Server on core 0, load (and that upstream) on core 1, variants in turn for several
rounds; the fastest round of each counts. The load is h2load's over HTTP/1.1.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from contract_app import DOCUMENT, order
from servers import BIN, ROOT, cpu_seconds, free_port, running

PYTHON = sys.executable
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "4000"))
OF_THE_APP = 8
"""How many times fewer the app gets, which is slower."""
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 16
BODIES = {"1 KB": order(4), "27.5 KB": order(132)}
WRONG = b'"count":3'
"""What is spelled wrong in the last line of an order that is refused."""

POLICY = """\
environment = "development"
[server]
hosts = ["127.0.0.1"]
[server.tls]
mode = "off"
[log]
format = "json"
[contract]
requests = "{requests}"
{source}
[content]
unknown_fields = "{unknown}"
strict = {strict}
"""


@dataclass
class Variant:
    """Who judges, and what it cost: microseconds of CPU, requests per second, their slowest 1 %."""

    name: str
    command: list[str]
    port: int
    path: str
    refuses: bool = True
    costs: dict[str, list[float]] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)
    slowest: dict[str, list[float]] = field(default_factory=dict)


def variants(folder: Path, upstream: int) -> Iterator[Variant]:
    """List everything that is compared."""
    app = free_port()
    served = [PYTHON, "-m", "uvicorn", "contract_app:app", "--app-dir", str(ROOT / "bench")]
    served += ["--port", str(app), "--no-access-log", "--log-level", "error"]
    yield Variant("the app, parsing alone", served, app, "/unread", refuses=False)
    yield Variant("the app, Pydantic", served, app, "/orders")
    yield Variant("the app, `jsonschema`", served, app, "/schema")
    document = folder / "openapi.json"
    document.write_text(json.dumps(DOCUMENT))
    for name, requests, unknown, strict in (
        ("gateway, no contract", "off", "ignore", "false"),
        ("gateway, contract enforced", "enforce", "ignore", "false"),
        ("gateway, and stricter monitored", "enforce", "monitor", '"monitor"'),
    ):
        port = free_port()
        policy = folder / f"{port}.toml"
        source = "" if requests == "off" else f'source = "file:{document}"'
        policy.write_text(
            POLICY.format(requests=requests, source=source, unknown=unknown, strict=strict)
        )
        command = [str(BIN / "buckler"), "serve", "--upstream", f"http://127.0.0.1:{upstream}"]
        command += ["--policy", str(policy), "--listen", f"127.0.0.1:{port}"]
        yield Variant(name, command, port, "/orders", refuses=requests != "off")


def load(
    variant: Variant, body: Path, status: str, folder: Path, requests: int
) -> tuple[float, float]:
    """Send bodies, check every answer: requests per second, the slowest 1 % in microseconds."""
    log = folder / "load.log"
    log.unlink(missing_ok=True)
    command = ["taskset", "-c", "1", "h2load", "--h1", "-c", str(CONNECTIONS)]
    command += ["-n", str(requests), "-d", str(body), "-H", "content-type: application/json"]
    command += ["--log-file", str(log), f"http://127.0.0.1:{variant.port}{variant.path}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answered = re.search(rf"(\d+) {status}", said)
    rate = re.search(r"([\d.]+) req/s", said)
    if answered is None or rate is None or int(answered[1]) != requests:
        sys.exit(f"{variant.name}: not every answer was {status}\n{said}")
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    return float(rate[1]), float(times[len(times) * 99 // 100])


def measure(variant: Variant, pid: int, what: str, body: Path, status: str, folder: Path) -> None:
    """Add one round."""
    requests = REQUESTS if "gateway" in variant.name else REQUESTS // OF_THE_APP
    load(variant, body, status, folder, requests // 5)
    before = cpu_seconds(pid)
    rate, slowest = load(variant, body, status, folder, requests)
    variant.costs.setdefault(what, []).append((cpu_seconds(pid) - before) / requests * 1e6)
    variant.rates.setdefault(what, []).append(rate)
    variant.slowest.setdefault(what, []).append(slowest)


def main() -> None:
    """Measure and print two tables."""
    if shutil.which("h2load") is None:
        print("h2load is missing: not compared (apt-get install nghttp2-client)", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as open_:
        folder = Path(name)
        upstream = free_port()
        command = [str(BIN / "trivial-upstream"), f"127.0.0.1:{upstream}"]
        open_.enter_context(running(command, upstream, 1))
        compared = list(variants(folder, upstream))
        files: dict[str, tuple[Path, str]] = {}
        for size, body in BODIES.items():
            files[size] = (folder / f"{size}.json", "2xx")
            files[size][0].write_bytes(body)
            files[f"{size}, wrong"] = (folder / f"{size}-wrong.json", "4xx")
            front, _, back = body.rpartition(WRONG)
            files[f"{size}, wrong"][0].write_bytes(front + b'"count":"many"' + back)
        for _ in range(ROUNDS):
            for variant in compared:
                with running(variant.command, variant.port, 0, cwd=folder) as pid:
                    for what, (body_file, status) in files.items():
                        if variant.refuses or status == "2xx":
                            measure(variant, pid, what, body_file, status, folder)
        print("| who | " + " | ".join(f"{what}: µs CPU, /s, p99" for what in files) + " |")
        print("|---" * (len(files) + 1) + "|")
        for variant in compared:
            cells = [cell(variant, what) for what in files]
            print(f"| {variant.name} | " + " | ".join(cells) + " |")


def cell(variant: Variant, what: str) -> str:
    """Write the best of the rounds."""
    if what not in variant.costs:
        return "-"
    rate, slowest = max(variant.rates[what]), min(variant.slowest[what])
    return f"{min(variant.costs[what]):.1f}, {rate:,.0f}, {slowest / 1000:.2f} ms"


if __name__ == "__main__":
    main()
