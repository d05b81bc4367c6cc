"""http_desync_guardian's request classes: what two servers in a row read differently. R01 R02

The crate is AWS's classifier; its cases come as YAML. A case is a head without a body, so each is
sent with every body that some reader could expect behind it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import yaml
from harness import differences
from harness.gateway import before
from harness.judged import POLICY, WORST, Judge
from harness.recording import recording
from harness.sources import crate

CRATE = (
    "http_desync_guardian",
    "0.1.3",
    "ad6e2c57ee440735bff81df73424914248782406defb1c301042baae2cf4ae74",
)
DIFFERENCES = Path(__file__).with_name("differences.toml")
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
LONGEST = 5_000_000
"""A longer one is only claimed."""

SLOT_FOR_DEBUGGING = "single-case.yaml"

MAY = {
    "Severe": {"refused"},
    "Ambiguous": {"refused", "closed"},
    "Acceptable": {"refused", "closed", "answered", "passed"},
    "Compliant": {"passed"},
}
"""What the gateway may do with a class; the guardian's own words for `Acceptable` are a choice."""


@dataclass(frozen=True)
class Case:
    """A request head and its class."""

    id: str
    tier: str
    head: bytes
    lengths: tuple[str, ...]
    chunked: bool

    def bodies(self) -> list[bytes]:
        """Give what may stand behind the head; one that keeps to the RFC has one reading."""
        length = next((int(length) for length in self.lengths if length.strip().isdecimal()), 0)
        of_length = b"x" * min(length, LONGEST)
        if self.tier == "Compliant":
            return [CHUNKS if self.chunked else of_length]
        return [b"", CHUNKS, of_length]


def cases(folder: Path) -> Iterator[Case]:
    for file in sorted(folder.glob("*.yaml")):
        if file.name == SLOT_FOR_DEBUGGING:
            continue
        for number, case in enumerate(yaml.safe_load(file.read_bytes())):
            fields = [(field["name"], said(field["value"])) for field in case["headers"] or []]
            line = f"{case['method']} {case['uri']} {case['version']}".rstrip()
            names = [name.lower() for name, _ in fields]
            if "host" not in names:
                fields.insert(0, ("Host", "localhost"))
            lines = [line, *(f"{name}: {value}" for name, value in fields), "", ""]
            yield Case(
                f"{file.stem} {number}: {case['name']}",
                case["expected"]["tier"],
                "\r\n".join(lines).encode(),
                tuple(value for name, value in fields if name.lower() == "content-length"),
                "transfer-encoding" in names,
            )


def said(value: object) -> str:
    """Write a value of YAML's as the field has it."""
    return "" if value is None else str(value)


def test_the_classes_are_kept_apart(tmp_path: Path) -> None:
    known = list(cases(crate(*CRATE) / "tests"))
    tiers = Counter(case.tier for case in known)
    assert tiers == {"Severe": 58, "Ambiguous": 57, "Compliant": 28, "Acceptable": 15}
    found = {}
    policy = POLICY.format(hosts='"localhost", "*.example.com"')
    with recording() as recorder, before(tmp_path, recorder.url, policy) as gateway:
        judge = Judge(gateway, recorder)
        for case in known:
            judged = [judge.send(case.head + body) for body in case.bodies()]
            outcome = min((one.outcome for one in judged), key=WORST.index)
            if outcome not in MAY[case.tier]:
                found[case.id] = "; ".join(chain([outcome], *(one.faults for one in judged)))
    differences.compare(DIFFERENCES, "http_desync_guardian", found)
