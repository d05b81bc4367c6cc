"""Requests that schemathesis makes of our apps' contracts, and of FastAPI's own examples'. R40

By default no app may lose a request that it takes. With all of the contract enforced, what an app
gets and does not understand has to be of a kind that its document does not tell.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harness import judges
from harness.gateway import clean_environment
from harness.places import APPS, ROOT, SHOP
from harness.transparent import FASTAPI

PINS = ROOT / "requirements" / "schemathesis.txt"
JUDGE = Path(__file__).with_name("contract") / "judge.py"
SECONDS = 1_200
"""Many times what it takes on an idle machine."""

OURS = ("shop", "board", "forms", "ingress")
EXAMPLE = re.compile(r"^app = FastAPI\(", re.MULTILINE)

UNTOLD = {
    "bytes_invalid_encoding": "the document calls bytes a text",
    "decimal_max_digits": "the document calls a decimal a number or any text",
    "decimal_parsing": "the document calls a decimal a number or any text",
    "extra_forbidden": "members of forms",
    "int_parsing": "names of a map, and a body that the app's own route class reads",
    "int_type": "a body that the app's own route class reads",
    "list_type": "a body that the app's own route class reads",
    "missing": "members of forms",
    "model_type": "a body that the app's own route class reads",
    "string_pattern_mismatch": "members of forms",
    "string_too_long": "members of forms",
    "string_type": "members of forms, and a body that the app's own route class reads",
    "the app's own": "a handler answers 422",
    "union_tag_invalid": "which of a union is meant is chosen by a function of the app",
    "union_tag_not_found": "which of a union is meant is chosen by a function of the app",
    "value_error": "a validator of the app",
}
"""Why an app may get what it does not understand, by what it says."""


def examples(source: Path) -> list[str]:
    """Name the apps of FastAPI's documentation, each written once."""
    files = (
        file
        for file in sorted((source / "docs_src").rglob("*.py"))
        if "_non_an" not in str(file) and EXAMPLE.search(file.read_text())
    )
    names = (".".join(file.relative_to(source).with_suffix("").parts) for file in files)
    return [f"{name}:app" for name in names]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("contracts")
    source = FASTAPI.source()
    path = [ROOT / "python", SHOP, *(APPS / name for name in OURS[1:]), source, source / "docs_src"]
    environment = clean_environment(
        {
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "SHOP_DATABASE_URL": f"sqlite:///{folder / 'shop.db'}",
            "BOARD_DB": str(folder / "board.db"),
            "INGRESS_DATA": str(folder / "files"),
        }
    )
    subprocess.run(
        [sys.executable, "-m", "shop.seed"], cwd=SHOP, env=environment, check=True, timeout=SECONDS
    )
    judged = folder / "judged.jsonl"
    python = judges.interpreter(PINS, judges.CACHE / "schemathesis-python")
    names = [*(f"{name}.main:app" for name in OURS), *examples(source)]
    with (folder / "output.txt").open("wb") as output:
        done = subprocess.run(
            [str(python), str(JUDGE), str(judged), "6", *names],
            cwd=folder,
            env=environment,
            check=False,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
    assert done.returncode == 0, (folder / "output.txt").read_text()[-3_000:]
    found = [json.loads(line) for line in judged.read_text().splitlines()]
    assert [app["app"] for app in found] == names
    return found


def usable(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [app for app in told if "unusable" not in app]


def test_there_is_enough_to_judge_by(told: list[dict[str, Any]]) -> None:
    apps = usable(told)
    sums = {what: sum(app[what] for app in apps) for what in ("operations", "asked", "refused")}
    assert {f"{name}.main:app" for name in OURS} <= {app["app"] for app in apps}
    assert len(apps) >= 240
    assert sums["operations"] >= 350
    assert sums["asked"] >= 2_500
    assert sums["refused"] >= 400


def test_by_default_no_app_loses_a_request_that_it_takes(told: list[dict[str, Any]]) -> None:
    wrong = {app["app"]: app["wrong"] for app in usable(told) if app["wrong"]}
    assert not wrong


def test_what_breaks_a_contract_and_passes_is_not_told_by_it(told: list[dict[str, Any]]) -> None:
    missed: Counter[str] = Counter()
    for app in usable(told):
        missed.update(app["missed"])
    assert not missed.keys() - UNTOLD.keys(), missed
