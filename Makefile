# The few commands of this repository. Each does all the set-up that it needs.
#
#   make run      serve the example shop, hardened, at https://127.0.0.1:8443
#   make test     everything that needs nothing but the package registries
#   make suites   suites that others wrote, and what needs Debian packages
#   make bench    measurements side by side, as in BENCHMARKS.md
#   make lint     formatting, lints, licences, types

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
BUCKLER := target/debug/buckler
LISTEN ?= 127.0.0.1:8443

.PHONY: run test test-rust test-python lint lint-rust lint-python deny suites bench setup preflight build extension

preflight:
	@sh scripts/preflight.sh

# The stamp carries the pins, so a changed pin is installed and an unchanged one costs nothing.
$(VENV)/.stamp: requirements/test.txt
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/test.txt
	@touch $@

setup: preflight $(VENV)/.stamp

build: preflight
	@cargo build --locked --quiet -p buckler

# The middleware's half in Rust, where Python's half looks for it.
extension: preflight
	@sh scripts/extension.sh

run: setup build
	@mkdir -p .cache
	@cd examples/shop && ../../$(PY) -m shop.seed --db ../../.cache/shop.db >/dev/null && cd ../..
	@export SHOP_DATABASE_URL="sqlite:///$(CURDIR)/.cache/shop.db"
	@exec $(BUCKLER) run shop.main:app --app-dir examples/shop --python $(PY) --listen $(LISTEN) --dev

test: setup lint test-rust test-python

test-rust: setup
	@cargo test --locked --workspace

test-python: setup build extension
	@PYTHONPATH=python $(PY) -m mypy.stubtest --mypy-config-file pyproject.toml --concise buckler._buckler
	@$(PY) -m pytest -q examples tests/apps
	@$(PY) -m pytest -q tests/python tests/e2e tests/worker tests/browser

lint: lint-rust lint-python

# The fuzz targets stand outside of the workspace, so nothing else would notice that their pins are old.
lint-rust: preflight
	@cargo metadata --locked --quiet --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings

lint-python: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

deny: preflight
	@bash scripts/deny.sh

suites: setup build deny
	@bash scripts/suites.sh

bench: setup
	@bash bench/run.sh
