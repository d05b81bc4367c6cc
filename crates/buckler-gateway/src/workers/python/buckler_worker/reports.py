"""What the gateway is told: one JSON object a line, on a descriptor of its own."""

import importlib
import json
import os
import traceback
from contextlib import suppress
from pathlib import Path

TRACEBACK_LINES = 60
TRACEBACK_COLUMNS = 400
"""More than that of a traceback is not read at start, and a report stays small."""

OURS = str(Path(__file__).parent.parent)


class StartError(Exception):
    """The app cannot be served: of which kind that is, what happened, how to mend it."""

    def __init__(
        self, kind: str, message: str, hint: str = "", cause: BaseException | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint
        self.traceback = [] if cause is None else traceback_of(cause)


class Reports:
    """The line to the gateway."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def tell(self, event: str, **fields: object) -> None:
        """Write one report; when the gateway is gone, nobody misses it."""
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        with suppress(OSError):
            while line:
                line = line[os.write(self.descriptor, line) :]

    def failed(self, error: StartError) -> None:
        """Tell why the app is not served."""
        self.tell(
            "failed",
            kind=error.kind,
            message=str(error),
            hint=error.hint or None,
            traceback=error.traceback,
        )

    def lifespan_failed(self, text: str) -> None:
        """Tell what the app said when its start failed; Starlette sends the traceback."""
        error = StartError("lifespan_failed", "the app's lifespan failed at startup")
        error.traceback = clipped(text)
        self.failed(error)


def traceback_of(error: BaseException) -> list[str]:
    """Format an error without the frames of this package and of the import machinery."""
    told = traceback.TracebackException.from_exception(error)
    chain: list[traceback.TracebackException | None] = [told]
    while chain:
        link = chain.pop()
        if link is not None:
            kept = [frame for frame in link.stack if not is_machinery(frame.filename)]
            link.stack = traceback.StackSummary.from_list(kept)
            chain += [link.__cause__, link.__context__]
    return clipped("".join(told.format()))


def is_machinery(filename: str) -> bool:
    """Whether a frame says nothing about the app."""
    return (
        filename.startswith((OURS, "<frozen importlib", "<frozen runpy"))
        or filename == importlib.__file__
    )


def clipped(text: str) -> list[str]:
    """Give the last lines of a traceback, each of bounded length."""
    return [line[:TRACEBACK_COLUMNS] for line in text.splitlines()[-TRACEBACK_LINES:]]
