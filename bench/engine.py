"""What one judgement costs: nanoseconds and allocations for each scenario."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "target/release/engine-path"
SCENARIOS = ("admit", "preflight", "refuse-host", "refuse-path")
ROUNDS = 400_000


def main() -> None:
    """Print a table."""
    print("| judgement | ns | allocations | bytes allocated |\n|---|---|---|---|")
    for scenario in SCENARIOS:
        for what in ("open", "exchange") if scenario == "admit" else ("open",):
            command = [str(PROGRAM), scenario, str(ROUNDS), what]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            figures = json.loads(out)
            name = f"{scenario} ({what})" if scenario == "admit" else scenario
            print(
                f"| {name} | {figures['ns']:.0f} | {figures['allocations']} | {figures['bytes']} |"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
