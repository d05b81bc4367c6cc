"""What is sent to every variant: two requests that are answered, four that are refused."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.types import Message, Receive, Scope

from . import controls

ORDER = {
    "customer": "Katherine Johnson",
    "street": "101 West Main Street",
    "city": "Hampton, Virginia",
    "note": "Please ring twice; the dog is friendly. Leave it with the neighbour at 103 otherwise.",
    "lines": [
        {"sku": f"AX-{number:05}", "name": name, "quantity": number + 1, "cents": 1999 + number}
        for number, name in enumerate(
            (
                "Slide rule, ten inch, with leather case",
                "Graph paper, metric, pad of 100 sheets",
                "Drafting pencil 0.5 mm, brass",
                "Desk lamp with adjustable arm, green",
                "Tables of trigonometric functions, 7 places",
                "Notebook, bound, 240 pages, squared",
                "Eraser, vinyl, box of twelve",
                "Compass set in a case, nickel silver",
            )
        )
    ],
}
BODY = json.dumps(ORDER).encode()

# What a browser sends with a `fetch` from another origin.
BROWSER = (
    ("host", controls.HOST),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("accept", "application/json"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", f"{controls.ORIGIN}/"),
    ("origin", controls.ORIGIN),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-site", "same-site"),
)


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    def scope(self) -> Scope:
        """Build the scope that uvicorn would."""
        headers = [(name.encode(), value.encode()) for name, value in self.fields]
        if self.body:
            headers.append((b"content-length", str(len(self.body)).encode()))
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "scheme": "http",
            "root_path": "",
            "headers": headers,
            "state": {},
            "method": self.method,
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
        }
        return scope

    def receive(self) -> Receive:
        """Give the whole body with the first message."""

        async def whole() -> Message:
            return {"type": "http.request", "body": self.body, "more_body": False}

        return whole


def instead(**changed: str) -> tuple[tuple[str, str], ...]:
    """Give a browser's fields, some of them with another value or in addition."""
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    return tuple({**dict(BROWSER), **named}.items())


JSON = instead(content_type=controls.MEDIA_TYPE)

ANSWERED = {
    "GET": Asked("GET", "/health", 200, BROWSER),
    "POST": Asked("POST", "/orders", 200, JSON, BODY),
}

REFUSALS = {
    "host": Asked("GET", "/health", 400, instead(host="evil.example")),
    "preflight": Asked(
        "OPTIONS",
        "/orders",
        403,
        instead(
            origin="https://evil.example",
            access_control_request_method="POST",
            access_control_request_headers="content-type",
        ),
    ),
    "size": Asked("POST", "/orders", 413, JSON, b"[" + b" " * controls.MAX_BODY + b"]"),
    "type": Asked("POST", "/orders", 415, instead(content_type="text/plain"), BODY),
}
