"""CPU time of a request to the example app: bare uvicorn, and its workers behind `buckler run`.

The whole process tree counts: gateway and workers. Server on core 0, load on core 1, variants in
turn for several rounds; the fastest round of each counts. The load is h2load's, which speaks
HTTP/1.1 and HTTP/2, in plain and under TLS.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from servers import BIN, ROOT, certificate, cpu_seconds, free_port, h2load, running

SHOP = ROOT / "examples/shop"
PYTHON = ROOT / ".venv/bin/python"
PATH = os.environ.get("BENCH_PATH", "/health")
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "12000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 16

POLICY = """\
environment = "development"
[app]
target = "shop.main:app"
app_dir = "{shop}"
python = "{python}"
workers = 1
max_requests = "off"
[server]
listen = ["127.0.0.1:{port}"]
[server.tls]
mode = "{tls}"
[log]
access = "{access}"
format = "json"
"""


@dataclass
class Variant:
    """A way to serve the app, and what it cost."""

    name: str
    command: list[str]
    port: int
    scheme: str = "http"
    http2: bool = False
    costs: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def load(variant: Variant, requests: int) -> float:
    """Send so many requests; requests per second."""
    protocol = ["-m", "1"] if variant.http2 else ["--h1"]
    url = f"{variant.scheme}://127.0.0.1:{variant.port}{PATH}"
    return h2load(url, requests, CONNECTIONS, protocol)


def variants(folder: Path) -> Iterator[Variant]:
    """List everything that is compared."""
    chain, key = certificate(folder)
    for name, arguments in (
        ("uvicorn, no access log", ["--no-access-log"]),
        ("uvicorn, as it comes", []),
        (
            "uvicorn, TLS, no access log",
            ["--no-access-log", "--ssl-certfile", str(chain), "--ssl-keyfile", str(key)],
        ),
    ):
        port = free_port()
        command = [str(PYTHON), "-m", "uvicorn", "shop.main:app", "--port", str(port), *arguments]
        yield Variant(name, command, port, "https" if "TLS" in name else "http")
    for name, tls, access, http2 in (
        ("buckler run, log of refusals", "off", "refusals", False),
        ("buckler run, log of all", "off", "all", False),
        ("buckler run, TLS", "self-signed", "refusals", False),
        ("buckler run, TLS, HTTP/2", "self-signed", "refusals", True),
    ):
        port = free_port()
        policy = folder / f"{port}.toml"
        policy.write_text(
            POLICY.format(shop=SHOP, python=PYTHON, port=port, tls=tls, access=access)
        )
        command = [str(BIN / "buckler"), "run", "--policy", str(policy), "--no-reload"]
        yield Variant(name, command, port, "http" if tls == "off" else "https", http2)


def main() -> None:
    """Measure and print a table, costs beside those of bare uvicorn."""
    if shutil.which("h2load") is None:
        print("h2load is missing: not compared (apt-get install nghttp2-client)", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [str(PYTHON), "-m", "shop.seed", "--db", str(folder / "shop.db")],
            check=True,
            cwd=SHOP,
            capture_output=True,
        )
        compared = list(variants(folder))
        environment = {
            "PATH": os.environ["PATH"],
            "SHOP_DATABASE_URL": f"sqlite:///{folder}/shop.db",
            "HOME": str(folder),
        }
        for _ in range(ROUNDS):
            for variant in compared:
                with running(variant.command, variant.port, 0, cwd=SHOP, env=environment) as pid:
                    load(variant, REQUESTS // 5)
                    before = cpu_seconds(pid)
                    variant.rates.append(load(variant, REQUESTS))
                    variant.costs.append((cpu_seconds(pid) - before) / REQUESTS * 1e6)
    bare = min(compared[0].costs)
    print(f"| GET {PATH} | µs CPU | over bare | ratio | requests/s on one core |")
    print("|---|---|---|---|---|")
    for variant in compared:
        cost = min(variant.costs)
        rate = max(variant.rates)
        print(
            f"| {variant.name} | {cost:.0f} | {cost - bare:+.0f} | {cost / bare:.2f} | {rate:.0f} |"
        )


if __name__ == "__main__":
    main()
