#!/usr/bin/env bash
# Licences, banned crates and sources. The advisory check needs a snapshot of the advisory data, which no
# package registry carries; where one is at hand, run `cargo deny check advisories`.
set -euo pipefail
version=0.20.2
root=${CARGO_TARGET_DIR:-target}/tools
if ! [ -x "$root/bin/cargo-deny" ] || [ "$("$root/bin/cargo-deny" --version)" != "cargo-deny $version" ]; then
    cargo install --quiet --locked --root "$root" "cargo-deny@$version"
fi
"$root/bin/cargo-deny" --all-features check --hide-inclusion-graph bans licenses sources
