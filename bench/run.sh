#!/usr/bin/env bash
# All measurements, side by side. See bench/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --quiet --release -p buckler -p buckler-bench
python3 bench/engine.py
target/release/limits-cost
if command -v valgrind >/dev/null; then
    python3 bench/budget.py
else
    echo "valgrind is missing, so instructions were not counted (apt-get install valgrind)" >&2
fi
python3 bench/gateway.py
python3 bench/limits_tower.py
bash bench/package.sh
if command -v redis-server >/dev/null; then
    PACKAGE="$PWD/.cache/package" .cache/bench/bin/python bench/limits.py
else
    echo "redis-server is missing, so limits in Python were not measured (apt-get install redis-server)" >&2
fi
export PYTHONPATH=.cache/package
if command -v h2load >/dev/null; then
    .venv/bin/python bench/app.py
    .cache/bench/bin/python bench/inprocess.py
    .cache/bench/bin/python bench/contract.py
else
    echo "h2load is missing, so the app was not measured (apt-get install nghttp2-client)" >&2
fi
.venv/bin/python bench/idle.py
taskset -c 0 .cache/bench/bin/python bench/inprocess_direct.py 2>/dev/null
taskset -c 0 .cache/bench/bin/python bench/limits_direct.py 2>/dev/null
.cache/bench/bin/python bench/inprocess_memory.py 2>/dev/null
