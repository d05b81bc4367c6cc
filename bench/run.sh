#!/usr/bin/env bash
# All measurements, side by side. See bench/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --quiet --release -p buckler -p buckler-bench
python3 bench/engine.py
if command -v valgrind >/dev/null; then
    python3 bench/budget.py
else
    echo "valgrind is missing, so instructions were not counted (apt-get install valgrind)" >&2
fi
python3 bench/gateway.py
