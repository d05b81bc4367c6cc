"""How many of 1,000 requests limiters for FastAPI admit, under four workers, and how fast.

Each serves the same route with the limit of 100 a minute for each address, under uvicorn with four
worker processes. A thousand requests come over 32 connections at once. What is admitted beyond 100
is what the limit did not hold; one more may come back while the thousand are asked (a rate of 100 a
minute gives one back every 0.6 s, a window none).

    bench/limits.py PYTHON     PYTHON has requirements/bench.txt
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUESTS = 1000
CONNECTIONS = 32
WORKERS = 4
SECONDS = 20
"""After which a server that does not listen never will."""

HEAD = """
import os
from fastapi import FastAPI, Request
REDIS = os.environ["REDIS"]
app = FastAPI()
"""

ROUTE = """
async def item(request: Request):
    return {"a": 1}
"""

SLOWAPI = """
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address
limiter = Limiter(key_func=get_remote_address{storage})
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
@app.get("/")
@limiter.limit("100/minute")
"""

FASTAPI_LIMITER = """
from contextlib import asynccontextmanager
from fastapi import Depends
from fastapi_limiter.depends import RateLimiter
from pyrate_limiter import Duration, Limiter, Rate, RedisBucket
from redis.asyncio import Redis
@asynccontextmanager
async def lifespan(app):
    bucket = await RedisBucket.init([Rate(100, Duration.MINUTE)], Redis.from_url(REDIS), "bench")
    holder.limiter = Limiter(bucket)
    yield
class Holder(RateLimiter):
    def __init__(self):
        super().__init__(None)
holder = Holder()
app = FastAPI(lifespan=lifespan)
@app.get("/", dependencies=[Depends(holder)])
"""

OURS = """
from buckler import Buckler
from buckler.fastapi import limit
{middleware}
@app.get("/", dependencies=[limit("100/minute per ip")])
"""

WITH_MIDDLEWARE = 'app.add_middleware(Buckler, limits__default="100/minute per ip")'
BARE = """
@app.get("/")
"""

EMBEDDED: dict[str, str] = {}
REMOTE = {"BUCKLER_STORE__STATE": "{redis}", "BUCKLER_STORE__TIMEOUT": "1s"}

CONTENDERS: dict[str, tuple[str, dict[str, str]]] = {
    "no limit": (BARE, {}),
    "slowapi, memory": (SLOWAPI.format(storage=""), {}),
    "slowapi, Redis": (SLOWAPI.format(storage=", storage_uri=REDIS"), {}),
    "fastapi-limiter, Redis": (FASTAPI_LIMITER, {}),
    "limit(), embedded": (OURS.format(middleware=""), EMBEDDED),
    "limit(), Redis": (OURS.format(middleware=""), REMOTE),
    "middleware, embedded": (
        OURS.format(middleware=WITH_MIDDLEWARE).split("@app.get")[0] + BARE,
        EMBEDDED,
    ),
    "middleware, Redis": (
        OURS.format(middleware=WITH_MIDDLEWARE).split("@app.get")[0] + BARE,
        REMOTE,
    ),
}


def free_port() -> int:
    """Find a port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody accepts there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait for a server."""
    end = time.monotonic() + SECONDS
    while not listens(port):
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit("it does not start")
        time.sleep(0.05)


def ask(port: int, count: int) -> Counter[int]:
    """Ask over one connection."""
    found: Counter[int] = Counter()
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        connection.makefile("rb") as answers,
    ):
        for _ in range(count):
            connection.sendall(request)
            found[int(answers.readline().split()[1])] += 1
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            answers.read(length)
    return found


def measured(python: str, name: str, redis: str) -> dict[str, object]:
    """Serve one of them, and ask."""
    text, environment = CONTENDERS[name]
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "served.py").write_text(HEAD + text + ROUTE)
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{folder}:{os.environ.get('PACKAGE', ROOT / 'python')}",
            "REDIS": redis,
            "BUCKLER_STORE__PATH": f"{folder}/counts",
            "BUCKLER_SERVER__HOSTS": "127.0.0.1",
            "BUCKLER_SERVER__TLS__MODE": "off",
            **{key: value.format(redis=redis) for key, value in environment.items()},
        }
        line = [python, "-m", "uvicorn", "served:app", f"--port={port}", f"--workers={WORKERS}"]
        process = subprocess.Popen(
            [*line, "--no-access-log", "--log-level=error"],
            cwd=folder,
            env=variables,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait(port, process)
            time.sleep(3)  # until all four have started
            begun = time.monotonic()
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                each = [
                    REQUESTS // CONNECTIONS + (at < REQUESTS % CONNECTIONS)
                    for at in range(CONNECTIONS)
                ]
                statuses = sum(pool.map(ask, [port] * CONNECTIONS, each), Counter[int]())
            taken = time.monotonic() - begun
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    return {"who": name, "statuses": dict(statuses), "per_second": round(REQUESTS / taken)}


def main() -> None:
    """Measure all, and print a line for each."""
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise SystemExit("there is no redis-server here")
    for name in CONTENDERS:
        port = free_port()
        server = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:
            wait(port, server)
            print(json.dumps(measured(python, name, f"redis://127.0.0.1:{port}/0")), flush=True)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
