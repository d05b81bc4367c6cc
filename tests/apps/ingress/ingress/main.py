"""The application: `ingress.main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Request, Response, UploadFile
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse
from pydantic import BaseModel

from ingress import storage
from ingress.api import FileInfo, api, info
from ingress.edge import EdgeMiddleware
from ingress.sockets import echo

GZIP_FROM = 500
"""Bytes under which compression does not pay."""

UPLOAD_PIECE = 64 * 1024


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make room for the files."""
    storage.folder().mkdir(parents=True, exist_ok=True)
    yield


app = FastAPI(title="Files", lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM)
app.add_middleware(EdgeMiddleware)
app.mount("/api/v1", api)
app.add_api_websocket_route("/echo", echo)


class Links(BaseModel):
    """Where the app believes to be."""

    base_url: str
    url: str
    self: str
    api: str
    client: str | None
    scheme: str
    host: str
    root_path: str


@app.get("/links")
def links(request: Request) -> Links:
    """Show how the app sees its own address and its client."""
    return Links(
        base_url=str(request.base_url),
        url=str(request.url),
        self=str(request.url_for("links")),
        api=f"{request.base_url}api/v1",
        client=None if request.client is None else request.client.host,
        scheme=request.url.scheme,
        host=request.headers.get("host", ""),
        root_path=request.scope["root_path"],
    )


@app.put("/files/{name:path}", status_code=201)
async def put_file(
    name: str,
    request: Request,
    response: Response,
    content_type: Annotated[str, Header()] = "application/octet-stream",
    if_match: Annotated[str | None, Header()] = None,
) -> FileInfo:
    """Store a raw body of any type and length."""
    former = storage.find(name)
    if if_match is not None and (former is None or former.etag != if_match):
        raise HTTPException(412, "the file has changed")
    entry = await storage.save(name, content_type, request.stream())
    described = info(request, entry)
    response.status_code = 201 if former is None else 200
    response.headers["ETag"] = entry.etag
    response.headers["Location"] = described.href
    return described


@app.api_route("/files/{name:path}", methods=["GET", "HEAD"], response_class=FileResponse)
def get_file(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """Send a file, a part of it, or word that the client's copy is current."""
    entry = storage.find(name)
    if entry is None:
        raise HTTPException(404, "no such file")
    if if_none_match is not None and entry.etag in if_none_match:
        return Response(status_code=304, headers={"ETag": entry.etag})
    return FileResponse(
        storage.data_path(name), media_type=entry.content_type, headers={"ETag": entry.etag}
    )


@app.delete("/files/{name:path}", status_code=204)
def delete_file(name: str) -> None:
    """Remove a file."""
    storage.remove(name)


@app.post("/upload", status_code=201)
async def upload(request: Request, files: list[UploadFile], folder: str = "") -> list[FileInfo]:
    """Store the files of a form."""
    stored = []
    for file in files:
        entry = await storage.save(
            f"{folder}{file.filename}",
            file.content_type or "application/octet-stream",
            pieces(file),
        )
        stored.append(info(request, entry))
    return stored


async def pieces(file: UploadFile) -> AsyncIterator[bytes]:
    """Read a part piece by piece."""
    while piece := await file.read(UPLOAD_PIECE):
        yield piece
