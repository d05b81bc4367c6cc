"""The log of a process that forks while its lines are being written (R81)."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from harness.gateway import clean_environment
from harness.places import ROOT

CHILDREN = 100
BEFORE_EACH = 50
IN_EACH = 5

PAGE = 4096
"""The smallest pipe: whoever writes waits most of the time, and so the process forks then."""

SIP = 512

SECONDS = 300
"""A lock that a fork left held would be waited for without an end; this is an end."""

PROGRAM = f"""
import os, sys
from buckler import Buckler

async def app(scope, receive, send): ...

guarded = Buckler(app, server__hosts=["api.example.com"], log__format="json")

async def receive():
    return {{"type": "http.request"}}

async def send(message):
    pass

def refused(path):
    scope = {{
        "type": "http", "asgi": {{"version": "3.0"}}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": b"", "headers": [(b"host", b"evil.example")],
        "client": ("192.0.2.1", 1), "server": ("192.0.2.2", 80),
    }}
    for _ in guarded(scope, receive, send).__await__():
        raise SystemExit("it waits for something")

for child in range({CHILDREN}):
    for _ in range({BEFORE_EACH}):
        refused("/parent")
    pid = os.fork()
    if pid == 0:
        for _ in range({IN_EACH}):
            refused(f"/{{child}}")
        sys.exit()
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"child {{child}} ended with {{status}}")
"""


@pytest.mark.timeout(SECONDS)
def test_every_line_is_written_once_and_whole_by_whoever_made_it() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PAGE)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=clean_environment({"PYTHONPATH": str(ROOT / "python")}),
        stderr=writing,
        start_new_session=True,
    )
    os.close(writing)
    said = bytearray()
    try:
        while sip := os.read(reading, SIP):
            said += sip
        assert process.wait(SECONDS) == 0, said[-2000:]
    finally:
        os.close(reading)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    lines = [json.loads(line) for line in said.splitlines()]
    assert len({line["request_id"] for line in lines}) == len(lines)
    found = Counter(line["target"] for line in lines)
    assert found.pop("/parent") == CHILDREN * BEFORE_EACH
    assert found == {f"/{child}": IN_EACH for child in range(CHILDREN)}
