"""Files under names that may contain anything, kept under names that cannot."""

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import AsyncIterable
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a file."""

    name: str
    content_type: str
    size: int
    sha256: str

    @property
    def etag(self) -> str:
        """Give the strong validator: equal bytes, equal tag."""
        return f'"{self.sha256[:32]}"'


def folder() -> Path:
    """Give the data folder, `INGRESS_DATA` or one among the temporary files."""
    configured = os.environ.get("INGRESS_DATA")
    return Path(configured) if configured else Path(tempfile.gettempdir()) / "ingress-files"


def data_path(name: str) -> Path:
    """Where the bytes of `name` are."""
    return folder() / f"{hashlib.sha256(name.encode()).hexdigest()}.data"


def about_path(name: str) -> Path:
    """Where the description of `name` is."""
    return data_path(name).with_suffix(".json")


async def save(name: str, content_type: str, chunks: AsyncIterable[bytes]) -> Entry:
    """Write as the bytes arrive; a broken upload leaves the former file alone."""
    size = 0
    digest = hashlib.sha256()
    temporary = anyio.Path(folder() / f"{uuid.uuid4().hex}.part")
    try:
        async with await anyio.open_file(temporary, "wb") as out:
            async for chunk in chunks:
                size += len(chunk)
                digest.update(chunk)
                await out.write(chunk)
        entry = Entry(name, content_type, size, digest.hexdigest())
        await temporary.replace(data_path(name))
        await temporary.write_text(json.dumps(asdict(entry)))
        await temporary.replace(about_path(name))
    finally:
        await temporary.unlink(missing_ok=True)
    return entry


def find(name: str) -> Entry | None:
    """Look a file up."""
    return read(about_path(name))


def read(about: Path) -> Entry | None:
    """Read a description; another worker may have deleted it meanwhile."""
    try:
        return Entry(**json.loads(about.read_text()))
    except FileNotFoundError:
        return None


def entries(prefix: str) -> list[Entry]:
    """List files by the beginning of their names."""
    found = [entry for path in folder().glob("*.json") if (entry := read(path)) is not None]
    return sorted(
        (entry for entry in found if entry.name.startswith(prefix)), key=lambda entry: entry.name
    )


def remove(name: str) -> None:
    """Delete a file; deleting none is fine."""
    about_path(name).unlink(missing_ok=True)
    data_path(name).unlink(missing_ok=True)
