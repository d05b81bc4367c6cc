#!/bin/sh
# Builds the extension module as the tests use it, and puts it where Python's side looks for it.
#   scripts/extension.sh [--release]
set -eu
cd "$(dirname "$0")/.."
case "${1-}" in
    --release) profile=release ;;
    "") profile=debug ;;
    *) echo "usage: scripts/extension.sh [--release]" >&2; exit 2 ;;
esac
if [ "$profile" = release ]; then
    cargo build --locked --quiet -p buckler-python --release
else
    cargo build --locked --quiet -p buckler-python
fi
case "$(uname)" in
    Darwin) built=lib_buckler.dylib ;;
    *) built=lib_buckler.so ;;
esac
# A copy under a name of its own, then a rename: whoever has the old one loaded keeps it.
cp "${CARGO_TARGET_DIR:-target}/$profile/$built" "python/buckler/_buckler.abi3.so.$$"
mv "python/buckler/_buckler.abi3.so.$$" python/buckler/_buckler.abi3.so
