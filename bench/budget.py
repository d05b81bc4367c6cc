"""Instructions of one judgement, counted by callgrind and held to a committed budget.

Counts do not depend on the load of the machine, but on compiler, C library and processor (the C
library chooses its copy routines by it); hence a tolerance, and `--bless` to write a new budget.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = HERE.parent / "target/release/engine-path"
BUDGET = HERE / "budget.json"
SCENARIOS = (
    "admit open",
    "admit exchange",
    "preflight open",
    "refuse-host open",
    "refuse-path open",
)
# Two run lengths: their difference is free of start-up and of compiling the policy.
SHORT, LONG = 200, 2_200
TOLERANCE = 1.02


def instructions(scenario: str, rounds: int) -> int:
    """Count one run."""
    name, what = scenario.split()
    with tempfile.NamedTemporaryFile() as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}"]
        command += [str(PROGRAM), name, str(rounds), what]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    found = re.search(r"Collected : (\d+)", told)
    if found is None:
        sys.exit(f"callgrind said nothing of its counts:\n{told}")
    return int(found.group(1))


def main() -> None:
    """Compare, or write a new budget with `--bless`."""
    counts = {
        scenario: (instructions(scenario, LONG) - instructions(scenario, SHORT)) // (LONG - SHORT)
        for scenario in SCENARIOS
    }
    if "--bless" in sys.argv[1:]:
        BUDGET.write_text(json.dumps(counts, indent=2) + "\n")
    budget: dict[str, int] = json.loads(BUDGET.read_text())
    print("| judgement | instructions | budget | ratio |\n|---|---|---|---|")
    over = []
    for scenario, count in counts.items():
        allowed = budget[scenario]
        print(f"| {scenario} | {count} | {allowed} | {count / allowed:.3f} |")
        if count > allowed * TOLERANCE:
            over.append(scenario)
    if over:
        sys.exit(f"over budget: {', '.join(over)} (python3 bench/budget.py --bless, with a reason)")


if __name__ == "__main__":
    main()
