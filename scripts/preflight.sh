#!/bin/sh
# Names everything that is missing before anything is built, each with the line that mends it.
set -u
missing=0

need() { # what, why, how
    printf 'missing: %s (%s)\n  mend: %s\n' "$1" "$2" "$3" >&2
    missing=1
}

version_at_least() { # have, want: both dotted numbers
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

rust_wanted=1.95.0
if ! command -v cargo >/dev/null 2>&1; then
    need "Rust $rust_wanted or newer" "builds the engine" "install rustup (Debian: apt-get install rustup), then: rustup default stable"
else
    have=$(rustc --version 2>/dev/null | cut -d' ' -f2)
    version_at_least "${have:-0}" "$rust_wanted" ||
        need "Rust $rust_wanted or newer, found ${have:-none}" "builds the engine" "rustup update stable"
fi

python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null 2>&1; then
    need "Python 3.11 or newer" "runs the example" "apt-get install python3 python3-venv, or set PYTHON=/path/to/python3"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    need "Python 3.11 or newer, found $("$python" --version 2>&1)" "runs the example" "install a newer one and set PYTHON=/path/to/python3"
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    need "Python's venv module" "keeps the example's packages apart" "apt-get install python3-venv"
fi

command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 ||
    need "a C compiler" "builds the cryptography library" "apt-get install gcc libc6-dev"

# A developer's tests of the shared store are skipped without it, and say so.
[ -z "${CI:-}" ] || command -v redis-server >/dev/null 2>&1 || command -v valkey-server >/dev/null 2>&1 ||
    need "a Redis or Valkey server" "is counted in by tests" "apt-get install redis-server"

[ "$missing" -eq 0 ] || exit 2
