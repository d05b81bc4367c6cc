"""What controls in process cost: CPU time of a request to a small FastAPI app, stack by stack.

One uvicorn worker for each variant, all of them on core 0, where only the one that is asked has
something to do; h2load on core 1. A round asks each of them a few hundred requests in turn, since
the machine changes more within a minute than a stack costs. What stands in the table are medians
over all rounds; differences and ratios are taken within a round first. The processes are started
anew now and then, because where things lie in memory costs something, too. The bare app is there
twice: how far the two differ is how far a difference can be trusted.

Arguments name the factories to measure beside the bare app; without any, it is all of them.
"""

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from servers import LIMITS, ROOT, cpu_seconds, free_port, h2load, running
from stacks.requests import ANSWERED, REFUSALS, Asked

# The policy of these stacks has no limits.
os.environ.pop(LIMITS)

PACKAGE = ROOT / ".cache/package"
PYTHON = Path(os.environ.get("BENCH_PYTHON", ROOT / ".cache/bench/bin/python"))
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "500"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
STARTS = int(os.environ.get("BENCH_STARTS", "3"))
CONNECTIONS = 8

# Of the issue that this measures for: microseconds over the bare app, and over a raw refusal.
GOAL_ANSWERED = 5
GOAL_REFUSED = 3


@dataclass
class Variant:
    """A stack, and what it cost in each round."""

    name: str
    factory: str
    answers: tuple[str, ...] = tuple(ANSWERED)
    environment: Mapping[str, str] = field(default_factory=dict)
    costs: dict[str, list[float]] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Server:
    """A variant that is being served."""

    variant: Variant
    port: int
    pid: int


EVERY = (*ANSWERED, *REFUSALS)

ANSWERING = (
    Variant("bare FastAPI", "bare"),
    Variant("bare FastAPI, again", "bare"),
    Variant("Buckler's fields, nothing judged", "fields"),
    Variant("pure ASGI by hand", "handwritten", EVERY),
    Variant("the guides' stack", "guides", EVERY),
    Variant("secure: fields only", "secure"),
    Variant("Secweb: fields only", "secweb"),
    Variant("fastapi-guard, no detection", "guard"),
    Variant("Buckler, log of refusals", "buckler", EVERY),
    Variant("Buckler, log of all", "buckler_all"),
)
RAW = {kind: Variant(f"raw {kind}", "raw", (kind,), {"BENCH_REFUSAL": kind}) for kind in REFUSALS}


def arguments(asked: Asked, folder: Path) -> list[str]:
    """Say it to h2load."""
    given = ["--h1", "-H", f":method: {asked.method}"]
    for name, value in asked.fields:
        given += ["-H", f"{':authority' if name == 'host' else name}: {value}"]
    if asked.body:
        body = folder / "body"
        body.write_bytes(asked.body)
        given += ["-d", str(body)]
    return given


@contextmanager
def serving(variant: Variant, folder: Path) -> Iterator[Server]:
    """Serve the variant until the block ends."""
    port = free_port()
    command = [str(PYTHON), "-m", "uvicorn", "--factory", f"stacks.variants:{variant.factory}"]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": f"{ROOT / 'bench'}:{PACKAGE}",
        **variant.environment,
    }
    with running(command, port, 0, cwd=folder, env=environment) as pid:
        yield Server(variant, port, pid)


def ask(server: Server, kind: str, folder: Path) -> tuple[float, float]:
    """Send some requests of this kind; CPU microseconds of each, and requests per second."""
    asked = {**ANSWERED, **REFUSALS}[kind]
    url = f"http://127.0.0.1:{server.port}{asked.path}"
    status = f"{asked.status // 100}xx"
    before = cpu_seconds(server.pid)
    rate = h2load(url, REQUESTS, CONNECTIONS, arguments(asked, folder), status)
    return (cpu_seconds(server.pid) - before) / REQUESTS * 1e6, rate


def measure(variants: list[Variant], folder: Path) -> None:
    """Serve all of them, ask them in turn, and add what it cost to what is known."""
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(variant, folder)) for variant in variants]
        for number in range(ROUNDS + 1):
            for kind in (*ANSWERED, *REFUSALS):
                asked = [server for server in servers if kind in server.variant.answers]
                # There and back, so that none always follows the same one.
                for server in asked if number % 2 else reversed(asked):
                    cost, rate = ask(server, kind, folder)
                    if number > 0:  # the first one warms up
                        server.variant.costs.setdefault(kind, []).append(cost)
                        server.variant.rates.setdefault(kind, []).append(rate)


def over(variant: Variant, base: Variant, kind: str) -> tuple[float, float]:
    """Medians of the difference and the ratio, taken round by round."""
    pairs = list(zip(variant.costs[kind], base.costs[kind], strict=True))
    difference = statistics.median(ours - theirs for ours, theirs in pairs)
    return difference, statistics.median(ours / theirs for ours, theirs in pairs)


def print_answered(measured: list[Variant]) -> None:
    """Print what an answer costs."""
    bare = measured[0]
    for kind in ANSWERED:
        print(f"| {kind} | µs CPU | over bare | ratio | requests/s on one core |")
        print("|---|---|---|---|---|")
        found = "not measured"
        for variant in measured:
            cost = statistics.median(variant.costs[kind])
            difference, ratio = over(variant, bare, kind)
            rate = statistics.median(variant.rates[kind])
            print(f"| {variant.name} | {cost:.1f} | {difference:+.1f} | {ratio:.2f} | {rate:.0f} |")
            if variant.factory == "buckler":
                found = f"{difference:+.1f}"
        print(f"\nGoal for Buckler: at most +{GOAL_ANSWERED} over bare. Measured: {found}.\n")


def print_refused(measured: list[Variant]) -> None:
    """Print what a refusal costs beside sending the same bytes and judging nothing."""
    refusing = [variant for variant in measured if variant.answers == EVERY]
    print(f"| refused | raw ASGI | {' | '.join(variant.name for variant in refusing)} |")
    print("|---|---|" + "---|" * len(refusing))
    worst = 0.0
    for kind, raw in RAW.items():
        cells = [f"{statistics.median(raw.costs[kind]):.1f}"]
        for variant in refusing:
            difference, _ = over(variant, raw, kind)
            cells.append(f"{statistics.median(variant.costs[kind]):.1f} ({difference:+.1f})")
            if variant.factory == "buckler":
                worst = max(worst, difference)
        print(f"| {kind} | {' | '.join(cells)} |")
    print(
        f"\nGoal for Buckler: at most +{GOAL_REFUSED} over raw. Measured, at worst: {worst:+.1f}."
    )


def main() -> None:
    """Measure everything in turn, then print the tables."""
    if shutil.which("h2load") is None:
        print("h2load is missing: not compared (apt-get install nghttp2-client)", file=sys.stderr)
        return
    chosen = {"bare", *(sys.argv[1:] or [variant.factory for variant in ANSWERING])}
    measured = [variant for variant in ANSWERING if variant.factory in chosen]
    with tempfile.TemporaryDirectory() as name:
        for number in range(STARTS):
            measure([*measured, *RAW.values()], Path(name))
            print(f"{number + 1} of {STARTS} starts", file=sys.stderr)
    print_answered(measured)
    print_refused(measured)


if __name__ == "__main__":
    main()
