"""Notes and sessions in one SQLite file, shared by all worker processes."""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, tags TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, name TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored note."""

    id: int
    text: str
    tags: list[str]


@contextmanager
def connection() -> Iterator[sqlite3.Connection]:
    """Open the file, commit at the end, close in any case."""
    opened = sqlite3.connect(os.environ.get("BOARD_DB", "board.db"), timeout=30)
    try:
        with opened:
            yield opened
    finally:
        opened.close()


def create_tables() -> None:
    """Create what is missing."""
    with connection() as db:
        db.executescript(SCHEMA)


def add(text: str, tags: list[str]) -> Row:
    """Store a note."""
    with connection() as db:
        cursor = db.execute(
            "INSERT INTO notes (text, tags) VALUES (?, ?)", (text, json.dumps(tags))
        )
        return Row(int(cursor.lastrowid or 0), text, tags)


def find(note_id: int) -> Row | None:
    """Load a note."""
    with connection() as db:
        row = db.execute("SELECT id, text, tags FROM notes WHERE id = ?", (note_id,)).fetchone()
    return None if row is None else Row(row[0], row[1], json.loads(row[2]))


def search(tags: list[str]) -> list[Row]:
    """List the notes that carry every one of the tags, newest first."""
    with connection() as db:
        rows = db.execute("SELECT id, text, tags FROM notes ORDER BY id DESC").fetchall()
    notes = [Row(number, text, json.loads(stored)) for number, text, stored in rows]
    return [note for note in notes if set(tags) <= set(note.tags)]


def change(note_id: int, text: str) -> None:
    """Replace a note's text."""
    with connection() as db:
        db.execute("UPDATE notes SET text = ? WHERE id = ?", (text, note_id))


def remove(note_id: int) -> bool:
    """Delete a note; tells whether there was one."""
    with connection() as db:
        return db.execute("DELETE FROM notes WHERE id = ?", (note_id,)).rowcount == 1


def open_session(name: str) -> str:
    """Remember a name under a new token."""
    token = secrets.token_urlsafe(24)
    with connection() as db:
        db.execute("INSERT INTO sessions (token, name) VALUES (?, ?)", (token, name))
    return token


def session_name(token: str) -> str | None:
    """Look up whose token it is."""
    with connection() as db:
        row = db.execute("SELECT name FROM sessions WHERE token = ?", (token,)).fetchone()
    return None if row is None else str(row[0])


def close_session(token: str) -> None:
    """Forget a token."""
    with connection() as db:
        db.execute("DELETE FROM sessions WHERE token = ?", (token,))
