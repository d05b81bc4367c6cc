"""Serves httpbin until standard input ends, and says at which port."""

import sys
from typing import Any

from httpbin import app
from pytest_httpbin import serve

server: Any = serve.Server(application=app)
with server:
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
