"""The application: `board.main:app`.

`BOARD_ORIGINS` (comma-separated) names the origins whose pages may call the API.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Cookie, FastAPI, HTTPException, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from board import store

STATIC = Path(__file__).parent / "static"
DEFAULT_ORIGINS = "https://board.example.com,http://localhost:5173"


class NoteIn(BaseModel):
    """A note to be."""

    text: Annotated[str, Field(min_length=1, max_length=5000)]
    tags: list[str] = []


class NoteChange(BaseModel):
    """A note's new text."""

    text: Annotated[str, Field(min_length=1, max_length=5000)]


class Note(BaseModel):
    """A note."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    text: str
    tags: list[str]


class Login(BaseModel):
    """Who wants in; the board trusts everybody's name."""

    name: Annotated[str, Field(min_length=1, max_length=50)]


class NoSuchNoteError(Exception):
    """Carries the number that was asked for."""

    def __init__(self, note_id: int) -> None:
        super().__init__(note_id)
        self.note_id = note_id


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Create the tables before the first request."""
    await run_in_threadpool(store.create_tables)
    yield


app = FastAPI(title="Board", lifespan=lifespan)
app.add_middleware(
    CORSMiddleware,
    allow_origins=os.environ.get("BOARD_ORIGINS", DEFAULT_ORIGINS).split(","),
    allow_methods=["GET", "POST", "PATCH", "DELETE"],
    allow_headers=["Content-Type", "X-Board-Client"],
    expose_headers=["X-Total-Count", "Location"],
    allow_credentials=True,
    max_age=600,
)


@app.exception_handler(NoSuchNoteError)
async def no_such_note(_: Request, error: NoSuchNoteError) -> JSONResponse:
    """Answer in the board's own words."""
    return JSONResponse(
        {"error": "no_such_note", "note": error.note_id},
        status_code=404,
        headers={"X-Board-Error": "no_such_note"},
    )


def load(note_id: int) -> store.Row:
    """Load a note or say that there is none."""
    note = store.find(note_id)
    if note is None:
        raise NoSuchNoteError(note_id)
    return note


@app.get("/", response_class=RedirectResponse, status_code=302, include_in_schema=False)
def front_door() -> str:
    """Lead a browser to the front end."""
    return "/app/"


@app.get("/api/notes", response_model=list[Note])
def list_notes(
    response: Response,
    tag: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies the default
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[store.Row]:
    """List notes that carry every `tag`."""
    notes = store.search(tag)
    response.headers["X-Total-Count"] = str(len(notes))
    return notes[:limit]


@app.post("/api/notes", status_code=201, response_model=Note)
def create_note(new: NoteIn, request: Request, response: Response) -> store.Row:
    """Pin a note to the board."""
    note = store.add(new.text, new.tags)
    response.headers["Location"] = str(request.url_for("get_note", note_id=note.id))
    return note


@app.get("/api/notes/{note_id}", response_model=Note)
def get_note(note_id: int) -> store.Row:
    """Show one note."""
    return load(note_id)


@app.patch("/api/notes/{note_id}", response_model=Note)
def change_note(note_id: int, change: NoteChange) -> store.Row:
    """Write a note anew."""
    load(note_id)
    store.change(note_id, change.text)
    return load(note_id)


@app.delete("/api/notes/{note_id}", status_code=204)
def remove_note(note_id: int) -> None:
    """Take a note off the board."""
    if not store.remove(note_id):
        raise NoSuchNoteError(note_id)


@app.get("/api/tags/{tag}/notes", response_model=list[Note])
def notes_of_tag(tag: str) -> list[store.Row]:
    """List the notes of one tag, which stands in the path as it is."""
    return store.search([tag])


@app.post("/api/session", status_code=204)
def log_in(login: Login, response: Response) -> None:
    """Open a session: a token for the API, a name for the page."""
    token = store.open_session(login.name)
    response.set_cookie("board_session", token, httponly=True, samesite="lax", path="/api")
    response.set_cookie("board_seen", "1", max_age=86400, path="/")


@app.get("/api/session")
def who(board_session: Annotated[str | None, Cookie()] = None) -> Login:
    """Tell the caller's name."""
    name = None if board_session is None else store.session_name(board_session)
    if name is None:
        raise HTTPException(
            401, "log in first", headers={"WWW-Authenticate": 'Cookie realm="board"'}
        )
    return Login(name=name)


@app.delete("/api/session", status_code=204)
def log_out(response: Response, board_session: Annotated[str | None, Cookie()] = None) -> None:
    """End the session."""
    if board_session is not None:
        store.close_session(board_session)
    response.delete_cookie("board_session", path="/api", httponly=True, samesite="lax")
    response.delete_cookie("board_seen", path="/")


app.mount("/app", StaticFiles(directory=STATIC, html=True), name="front")
