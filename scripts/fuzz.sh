#!/usr/bin/env bash
# Coverage-guided runs of the functions of `buckler-fuzz`, one after the other and bounded, then a table.
#
#   scripts/fuzz.sh [seconds] [target…]     sixty seconds each of all targets unless said otherwise
#
# What is found on the way is kept in target/fuzz/corpus; what crashes lies in target/fuzz/artifacts, and this
# fails. `FUZZ_CORPUS=minimise` also writes the smallest inputs that reach the same code to target/fuzz/minimal.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.13.2
tools=$PWD/target/tools
export PATH=$tools/bin:$PATH

seconds=60
if [ $# -gt 0 ]; then
    seconds=$1
    shift
fi
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

if [ "$(cargo-fuzz --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
    cargo install --quiet --locked --root "$tools" "cargo-fuzz@$version"
fi
# The instrumentation is the compiler's own and needs no nightly one, only leave to ask for it. Our crates forbid
# `unsafe`, so an address sanitizer would halve the executions to find what the compiler has excluded.
export RUSTC_BOOTSTRAP=1
work=target/fuzz
mkdir -p "$work/run"
for target in "${targets[@]}"; do
    cargo fuzz build --sanitizer none --target-dir "$work" "$target" 2>"$work/build.log" || {
        cat "$work/build.log" >&2
        exit 1
    }
done
host=$(rustc -vV | sed -n 's/^host: //p')
# A build beside a long run must not pull the program from under it.
for target in "${targets[@]}"; do cp "$work/$host/release/$target" "$work/run/$target"; done

failed=0
rows=()
for target in "${targets[@]}"; do
    corpus=$work/corpus/$target
    seeds=crates/buckler-fuzz/corpus/$target
    log=$work/$target.log
    mkdir -p "$corpus" "$work/artifacts/$target"
    crash=no
    "$work/run/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len=16384 \
        -print_final_stats=1 -artifact_prefix="$work/artifacts/$target/" "$corpus" "$seeds" 2>"$log" || crash=yes
    if [ "$crash" = yes ]; then
        failed=1
        tail -n 30 "$log" >&2
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    added=$(sed -n 's/^stat::new_units_added: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\).*/\1 \2/p' "$log" | tail -n 1)
    rows+=("$target $seconds ${executions:-?} ${coverage:-? ?} ${added:-?} $crash")
    if [ "${FUZZ_CORPUS:-}" = minimise ]; then
        rm -rf "${work:?}/minimal/$target"
        mkdir -p "$work/minimal/$target"
        "$work/run/$target" -merge=1 "$work/minimal/$target" "$corpus" "$seeds" >/dev/null 2>&1 || failed=1
    fi
done
{
    echo "target seconds executions edges features added crash"
    printf '%s\n' "${rows[@]}"
} | column -t | tee "$work/table.txt"
exit "$failed"
