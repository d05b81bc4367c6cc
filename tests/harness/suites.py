"""An app's own test-suite, run through a gateway by a process of its own."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.gateway import clean_environment
from harness.outcomes import MARK
from harness.places import APPS, ROOT, SHOP
from harness.until import until

SUITE_SECONDS = 240
"""Far more than any of the suites takes; a suite that hangs is ended."""


@dataclass(frozen=True, slots=True)
class App:
    """An app of this repository, and where its tests are."""

    name: str
    target: str
    folder: Path
    prefix: str
    """What the suite's environment variables begin with."""

    def environment(self, folder: Path) -> dict[str, str]:
        """Keep its data in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        return {
            "shop": {"SHOP_DATABASE_URL": f"sqlite:///{folder / 'shop.db'}"},
            "board": {"BOARD_DB": str(folder / "board.db")},
            "forms": {},
            "ingress": {"INGRESS_DATA": str(folder / "files")},
        }[self.name]

    def seed(self, folder: Path) -> None:
        """Fill its database, where it has one that begins filled."""
        if self.name == "shop":
            subprocess.run(
                [sys.executable, "-m", "shop.seed"],
                cwd=SHOP,
                env=clean_environment(self.environment(folder)),
                check=True,
                capture_output=True,
                timeout=SUITE_SECONDS,
            )


class Deployment(Protocol):
    """Where an app answers, and what the log says: the gateway, or a server with us in the app."""

    base_url: str
    authority: Path | None

    def lines(self) -> list[dict[str, Any]]:
        """Give the log's whole lines so far."""
        ...


SHOP_APP = App("shop", "shop.main:app", SHOP, "SHOP")
BOARD_APP = App("board", "board.main:app", APPS / "board", "APP")
FORMS_APP = App("forms", "forms.main:app", APPS / "forms", "APP")
INGRESS_APP = App("ingress", "ingress.main:app", APPS / "ingress", "APP")
ALL = (SHOP_APP, BOARD_APP, FORMS_APP, INGRESS_APP)


@dataclass(frozen=True, slots=True)
class Ended:
    """How one test ended, what the gateway refused meanwhile, and what it only recorded."""

    outcome: str
    refused: tuple[str, ...]
    monitored: tuple[str, ...]
    why: str


def run(
    app: App, deployment: Deployment, folder: Path, more: Sequence[str] = (), *, http2: bool = False
) -> dict[str, Ended]:
    """Run the app's suite through the gateway; the keys are the tests' ids below its folder."""
    outcomes = folder / "outcomes.jsonl"
    authority = "" if deployment.authority is None else str(deployment.authority)
    variables: Mapping[str, str] = {
        f"{app.prefix}_BASE_URL": deployment.base_url,
        "E2E_OUTCOMES": str(outcomes),
        "E2E_BASE_URL": deployment.base_url,
        "E2E_CA": authority,
        "LIVE_HTTP2": "1" if http2 else "0",
        **({f"{app.prefix}_CA": authority} if authority else {}),
    }
    done = subprocess.run(
        [
            *[sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            *["-p", "harness.outcomes", "--timeout=60", str(app.folder), *more],
        ],
        cwd=ROOT,
        env=clean_environment({**variables, "PYTHONPATH": str(ROOT / "tests")}),
        check=False,
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
    )
    assert done.returncode in (0, 1), f"the suite did not run:\n{done.stdout}{done.stderr}"
    refused, monitored = findings(deployment)
    base = f"{app.folder.relative_to(ROOT)}/"
    ended = {}
    for text in outcomes.read_text().splitlines():
        line = json.loads(text)
        number = line["number"]
        ended[line["test"].removeprefix(base)] = Ended(
            line["outcome"],
            tuple(sorted(refused[number])),
            tuple(sorted(monitored[number])),
            line["why"],
        )
    return ended


Findings = defaultdict[int, set[str]]
"""Status and code, by the number of the test that they belong to."""


def findings(deployment: Deployment) -> tuple[Findings, Findings]:
    """Read from the log what was refused, or failed, and what was recorded and let pass."""

    def whole() -> bool:
        return any(line.get("target") == f"{MARK}0" for line in deployment.lines())

    until("the log shows the suite's end", whole)
    number = 0
    refused: Findings = defaultdict(set)
    monitored: Findings = defaultdict(set)
    for line in deployment.lines():
        if line["event"] != "request":
            continue
        if line["target"].startswith(MARK):
            number = int(line["target"].removeprefix(MARK))
            continue
        if "refusal" in line:
            refused[number].add(f"{line['status']} {line['refusal']['code']}")
        monitored[number].update(
            f"{said['status']} {said['code']}" for said in line.get("monitored", [])
        )
    return refused, monitored
