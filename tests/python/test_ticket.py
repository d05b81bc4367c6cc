"""The ticket by which the middleware knows what the gateway has judged (R13)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness.gateway import clean_environment
from harness.places import ROOT

KEY = "ab" * 32

PROGRAM = """
import asyncio, hashlib, hmac, json, sys
from buckler import Buckler, _waiting
from buckler._buckler import Engine

KEY = bytes.fromhex("ab" * 32)
SETTINGS = {
    "server__hosts": ["app.test"], "server__tls__mode": "off", "limits__default": "1/hour per ip",
}
POLICY = [(name.replace("__", "."), value if isinstance(value, str) else ",".join(value))
          for name, value in SETTINGS.items()]
FINGERPRINT = Engine(None, POLICY).fingerprint
ID = "0123456789abcdef0123456789abcdef"

def ticket(key=KEY, request_id=ID, method="GET", target=b"/a?b=1", fingerprint=FINGERPRINT):
    text = b""
    for part in (request_id.encode(), method.encode(), target):
        text += len(part).to_bytes(8, "little") + part
    text += fingerprint.to_bytes(8, "little")
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode()

seen = []

async def app(scope, receive, send):
    seen.append(scope)
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})

guarded = Buckler(app, **SETTINGS)

async def ask(given, fields=(), kind="http", ids=(ID,)):
    scope = {
        "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http" if kind == "http" else "ws", "path": "/a", "raw_path": b"/a",
        "root_path": "", "query_string": b"b=1",
        "client": ("192.0.2.1", 1), "server": ("app.test", 80),
        "headers": [
            (b"host", b"app.test"), *((b"x-request-id", each.encode()) for each in ids), *fields
        ],
    }
    if given is not None:
        scope["buckler.ticket"] = given
    sent = []
    async def receive():
        return {"type": "http.request", "body": b""}
    async def send(message):
        sent.append(message)
    await guarded(scope, receive, send)
    return sent[0].get("status", sent[0].get("code")), "buckler.ticket" in scope

CASES = {
    "none": lambda: ask(None),
    "good": lambda: ask(ticket()),
    "good, of a handshake": lambda: ask(ticket(), kind="websocket"),
    "forged": lambda: ask(b"0" * 64),
    "empty": lambda: ask(b""),
    "no bytes": lambda: ask("text"),
    "of another boot": lambda: ask(ticket(key=b"x" * 32)),
    "of another target": lambda: ask(ticket(target=b"/other")),
    "of another query": lambda: ask(ticket(target=b"/a?b=2")),
    "of another method": lambda: ask(ticket(method="POST")),
    "of another request": lambda: ask(ticket(request_id="1" * 32)),
    "of another policy": lambda: ask(ticket(fingerprint=FINGERPRINT ^ 1)),
    "in a field": lambda: ask(None, [(b"buckler-ticket", ticket())]),
    "in a field with another name": lambda: ask(None, [(b"buckler_ticket", ticket())]),
    "of two names": lambda: ask(ticket(), ids=(ID, ID)),
    "of no name": lambda: ask(ticket(), ids=()),
}

# Nothing is left of the limit: what is judged here is refused.
assert asyncio.run(ask(None))[0] == 200
print(json.dumps({name: asyncio.run(case()) for name, case in CASES.items()}))
"""


def found(folder: Path, environment: dict[str, str]) -> dict[str, tuple[int, bool]]:
    """Run all cases in a process that was given this."""
    variables = {
        "PYTHONPATH": str(ROOT / "python"),
        "BUCKLER_STORE__PATH": str(folder / "counts"),
        **environment,
    }
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        check=True,
        stdout=subprocess.PIPE,
        env=clean_environment(variables),
        cwd=folder,
    ).stdout
    return {name: (status, left) for name, (status, left) in json.loads(told).items()}


GOOD = {"good": 200, "good, of a handshake": 1000}


def test_only_a_good_ticket_is_believed(tmp_path: Path) -> None:
    for name, (status, left) in found(tmp_path, {"BUCKLER_WORKER_TICKET_KEY": KEY}).items():
        refused = (429, 400) if name != "good, of a handshake" else (1008,)
        assert status == GOOD[name] if name in GOOD else status in refused, name
        assert not left, name


# Wherever no gateway has started the process, no ticket is good.
@pytest.mark.parametrize("key", [None, "", "ab", "zz" * 32, "cd" * 32])
def test_without_its_key_no_ticket_is_good(tmp_path: Path, key: str | None) -> None:
    environment = {} if key is None else {"BUCKLER_WORKER_TICKET_KEY": key}
    for name, (status, _) in found(tmp_path, environment).items():
        assert status in (429, 400, 1008), name
