"""The app under granian, in this process: a granian of its own would start further ones.

What differs from uvicorn, and what is done about it:

- It closes connections that say nothing for 30 s: here for as long as uvicorn is told to keep them,
  since it is the gateway that closes.
- It takes a bounded number of connections at a time: here more than the gateway ever opens.
- It waits for requests without an end when it stops: here those that go on past the time for it are
  cancelled, as uvicorn cancels them.
- A request whose client has left is cancelled at once; uvicorn only tells the app.
"""

import argparse
import asyncio
import importlib
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from buckler_worker.edge import App, Edge, Receive, Scope, Send
from buckler_worker.reports import Reports
from buckler_worker.servers import HEAD_BYTES

CONNECTIONS = 1 << 20
"""More than there are descriptors. The gateway bounds what it opens; a second bound behind it would
keep requests waiting behind WebSockets."""

KNOCK = 0.005
"""Seconds between two looks at whether the socket listens: it does a moment later."""

BACKLOG = 2048
"""uvicorn's own."""

FAILED = 3
"""The exit code that uvicorn uses when the app does not start."""


class Requests:
    """The app with the tasks that it runs in, so that what does not end can be ended."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.tasks: set[asyncio.Task[Any]] = set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection of ASGI."""
        task = asyncio.current_task()
        if task is not None and scope["type"] != "lifespan":
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return self.app(scope, receive, send)


def serve(
    options: argparse.Namespace, reports: Reports, find: Callable[[], Callable[[], App]]
) -> None:
    """Serve until a signal comes."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve_in_loop(options, reports, find))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give what uvicorn would take: uvloop where it is installed."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


async def serve_in_loop(
    options: argparse.Namespace, reports: Reports, find: Callable[[], Callable[[], App]]
) -> None:
    """Serve until a signal comes, in a loop that runs."""
    failures: list[str] = []

    def failed(text: str) -> None:
        failures.append(text)
        reports.lifespan_failed(text)

    knocking: list[asyncio.Task[None]] = []

    def started() -> None:
        if not failures:
            knocking.append(asyncio.create_task(tell_when_listening(options.socket, reports)))

    server: Any = Server(
        target=None,
        uds=Path(options.socket),
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=options.keep_alive * 1000, max_buffer_size=HEAD_BYTES
        ),
        websockets=True,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        log_level=LogLevels.warning,
        log_access=False,
    )
    for handler in logging.getLogger("_granian").handlers:
        handler.addFilter(is_worth_a_line)
    requests = Requests(Edge(find()(), failed, started))
    server.target = requests
    loop = asyncio.get_running_loop()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            reports.tell("stopping")
            server.stop()
            loop.call_later(options.graceful, cancel, requests)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve()
    except Exception:
        # It raises what was reported already.
        if not failures:
            raise
    if failures:
        raise SystemExit(FAILED)


async def tell_when_listening(path: str, reports: Reports) -> None:
    """Report readiness once connections are taken: the server listens only after the lifespan."""
    while True:
        try:
            _, writer = await asyncio.open_unix_connection(path)
        except OSError:
            await asyncio.sleep(KNOCK)
        else:
            writer.close()
            reports.tell("ready")
            return


def is_worth_a_line(line: logging.LogRecord) -> bool:
    """Whether an operator gains by it.

    Not "Embedded server is experimental!" at every start; nor the traceback of a request that was
    cancelled because its client left, which any client could fill the log with.
    """
    text = line.getMessage().rstrip()
    return not text.endswith("\nCancelledError:") and "experimental" not in text


def cancel(requests: Requests) -> None:
    """End what is still going on."""
    for task in list(requests.tasks):
        task.cancel()
