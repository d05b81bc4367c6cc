#!/usr/bin/env bash
# Suites that need more than the package registries of the languages: Debian's packages, and time.
# Nothing is skipped: what is missing is installed, or named with the line that mends it.
set -euo pipefail
cd "$(dirname "$0")/.."

# A command, and the Debian package that brings it.
needed=(chromium:chromium nginx:nginx-light valgrind:valgrind npm:npm curl:curl
    slowhttptest:slowhttptest testssl:testssl.sh h2load:nghttp2-client openssl:openssl)

# Debian has the servers' programs where only root looks.
export PATH=$PATH:/usr/sbin:/sbin

missing=()
for pair in "${needed[@]}"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        printf 'missing: %s\n  mend: apt-get install %s\n' "${missing[*]}" "${missing[*]}" >&2
        exit 2
    fi
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    timeout 300 apt-get update -qq
    timeout 900 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

python=.venv/bin/python
pytest=("$python" -m pytest -q --timeout=300 --timeout-method=thread)

suite() { # what, then the command
    printf '\n== %s\n' "$1"
    shift
    timeout --kill-after=10 1800 "$@"
}

# Optimising across crates takes minutes of each program and finds no fault; what is shipped and what BENCHMARKS.md speaks
# of has it, the budget of instructions is of what is built here.
export CARGO_PROFILE_RELEASE_LTO=off
# In one go, so that what the wheel is built of is built with the same features, and once. The extension is put where the
# frameworks' own suites run with it; the tests of the wheel have one of their own.
suite "release build" sh scripts/extension.sh --release -p buckler -p buckler-bench
suite "edges between the crates" cargo test --locked --quiet -p buckler-testkit --test architecture
# The browser and the GiB meet what is released, not what is debugged.
export E2E_BUCKLER=$PWD/target/release/buckler
suite "browser" env E2E_BROWSER=required "${pytest[@]}" tests/browser
suite "judges from outside" env PYTHONPATH=tests:tests/apps "$python" -m harness.judges
suite "the wheel" "${pytest[@]}" tests/installed
suite "suites that others wrote" "${pytest[@]}" tests/suites --ignore=tests/suites/test_transparent.py
suite "the frameworks' own suites" "${pytest[@]}" tests/suites/test_transparent.py
suite "a GiB in flat memory" "${pytest[@]}" tests/e2e/test_large.py
suite "instructions of a judgement" "$python" bench/budget.py
