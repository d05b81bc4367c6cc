"""A gateway before the app that writes down what it receives."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.gateway import Gateway, running
from harness.places import FIXTURES


@dataclass(frozen=True)
class Recorded:
    """The gateway, and the file that the app writes to."""

    gateway: Gateway
    record: Path

    def received(self) -> list[dict[str, Any]]:
        """Give the requests so far that the app has received, but for those of the harness."""
        if not self.record.exists():
            return []
        lines = [json.loads(line) for line in self.record.read_text().splitlines()]
        return [line for line in lines if not line["target"].startswith("/.e2e/")]


@contextmanager
def recording(folder: Path, policy: str, authority: Path | None = None) -> Iterator[Recorded]:
    """Serve it until the block ends."""
    record = folder / "received.jsonl"
    with running(
        folder,
        "recorder:app",
        FIXTURES,
        policy=policy,
        environment={"E2E_RECORD": str(record)},
        authority=authority,
        arguments=["--workers", "1"],
    ) as gateway:
        yield Recorded(gateway, record)
