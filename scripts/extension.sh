#!/bin/sh
# Builds the extension module as the tests use it, and puts it where Python's side looks for it.
#   scripts/extension.sh [--release] [-p CRATE …]
# Further crates are built in one go with it: built apart, what they share could have other features, and be built twice.
set -eu
cd "$(dirname "$0")/.."
profile=debug
if [ "${1-}" = --release ]; then
    profile=release
fi
cargo build --locked --quiet -p buckler-python "$@"
case "$(uname)" in
    Darwin) built=lib_buckler.dylib ;;
    *) built=lib_buckler.so ;;
esac
# A copy under a name of its own, then a rename: whoever has the old one loaded keeps it.
cp "${CARGO_TARGET_DIR:-target}/$profile/$built" "python/buckler/_buckler.abi3.so.$$"
mv "python/buckler/_buckler.abi3.so.$$" python/buckler/_buckler.abi3.so
