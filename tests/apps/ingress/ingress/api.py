"""The versioned API, an application of its own mounted under `/api/v1`."""

import csv
import io
from typing import Annotated
from urllib.parse import quote

from fastapi import Body, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel

from ingress import storage
from ingress.sockets import echo

api = FastAPI(title="Files API", version="1")


class FileInfo(BaseModel):
    """A file as the API shows it."""

    name: str
    content_type: str
    size: int
    sha256: str
    href: str


class Imported(BaseModel):
    """What a table contained."""

    columns: list[str]
    rows: int


class ReportRow(BaseModel):
    """One line of the report."""

    number: int
    note: str


def info(request: Request, entry: storage.Entry) -> FileInfo:
    """Describe a file with a link that works from where the client stands."""
    return FileInfo(
        name=entry.name,
        content_type=entry.content_type,
        size=entry.size,
        sha256=entry.sha256,
        href=f"{request.base_url}files/{quote(entry.name, safe='/;')}",
    )


@api.get("/files")
def list_files(request: Request, prefix: str = "") -> list[FileInfo]:
    """List files."""
    return [info(request, entry) for entry in storage.entries(prefix)]


@api.post("/import")
def import_table(table: Annotated[bytes, Body(media_type="text/csv")]) -> Imported:
    """Read a CSV table."""
    try:
        lines = list(csv.reader(io.StringIO(table.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise HTTPException(400, "not a CSV table in UTF-8") from error
    if not lines:
        raise HTTPException(400, "no header line")
    return Imported(columns=lines[0], rows=len(lines) - 1)


@api.get("/report")
def report(rows: Annotated[int, Query(ge=0, le=10_000)] = 10) -> list[ReportRow]:
    """Make an answer as long as one likes."""
    return [ReportRow(number=number, note="nothing to report") for number in range(rows)]


api.add_api_websocket_route("/echo", echo)
