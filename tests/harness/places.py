"""Where things are in this repository, and which of them a run may be told to replace."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "shop"
APPS = ROOT / "tests" / "apps"
FIXTURES = ROOT / "tests" / "e2e" / "fixtures"
BUCKLER = Path(os.environ.get("E2E_BUCKLER", ROOT / "target" / "debug" / "buckler")).resolve()
"""The command under test; `make suites` puts the release build here."""

PYTHON = sys.executable
"""The interpreter of the tests also runs the apps: their packages are in its environment."""

PATIENCE = 45.0
"""Seconds until something that has to happen counts as not happening. No test measures by it."""
