#!/usr/bin/env bash
# What the measurements in process import: the Python package with the extension as it is released, in a folder of
# its own (the one in python/ is for debugging), and an environment with what it is compared with.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --quiet --release -p buckler-python
mkdir -p .cache/package
rm -rf .cache/package/buckler
cp -r python/buckler .cache/package/buckler
cp target/release/lib_buckler.so .cache/package/buckler/_buckler.abi3.so
environment=.cache/bench
if ! cmp -s requirements/bench.txt "$environment/pins.txt"; then
    "${PYTHON:-python3}" -m venv --clear "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
    cp requirements/bench.txt "$environment/pins.txt"
fi
