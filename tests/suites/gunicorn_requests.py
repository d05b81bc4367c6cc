"""Prints gunicorn's request files as JSON; run where gunicorn's own source is on the path.

What a file expects stands in a Python file beside it, which builds on gunicorn's classes.
"""

import base64
import importlib
import json
import sys
from pathlib import Path
from typing import Any

treq: Any = importlib.import_module("treq")


def main(folder: Path) -> None:
    """Read every file of a folder."""
    out = {}
    for file in sorted(folder.glob("*.http")):
        expected = treq.load_py(str(file.with_suffix(".py")))
        request = treq.request(str(file), expected["request"])
        raised = isinstance(expected["request"], type)
        out[file.stem] = {
            "data": base64.b64encode(request.data).decode(),
            "requests": []
            if raised
            else [
                [one["method"], one["uri"]["raw"], base64.b64encode(body(one)).decode()]
                for one in request.expect
            ],
        }
    json.dump(out, sys.stdout)


def body(of: dict[str, object]) -> bytes:
    """Give the expected body."""
    found = of["body"]
    return found if isinstance(found, bytes) else str(found).encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
