"""A worker process of `buckler run`.

Three descriptors are there at start: 0 is the lifeline, which ends when the gateway is gone; 1
takes the reports; 2 takes what the app prints and logs. Before any code of the app runs, 0 and 1
are moved away, so that a print can never be taken for a report.
"""

import argparse
import asyncio
import inspect
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from buckler_worker.edge import Edge
from buckler_worker.facts import facts
from buckler_worker.reports import Reports, StartError
from buckler_worker.target import import_target, make_app, split_target

HERE = Path(__file__).parent

HEAD_BYTES = 1 << 20
"""The gateway bounds the head; the server behind it must not be the stricter (h11: 16 KiB)."""

WEBSOCKET_LINE_BYTES = "65536"
"""The same for the request line of a WebSocket (the `websockets` package: 8 KiB)."""

ORPHAN_SECONDS = 5.0
"""What an orphan gets for its shutdown: nobody waits for its answers any more."""

FAILED = 3
"""The exit code that uvicorn itself uses when the app does not start."""


def take_over() -> tuple[int, Reports]:
    """Move lifeline and reports out of the app's way; its stdout joins its stderr."""
    lifeline, reports = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return lifeline, Reports(reports)


def watch(lifeline: int) -> None:
    """Wait for the end of the gateway, then stop this process and all that it started."""
    while os.read(lifeline, 1):
        pass
    if HERE.parent.name.startswith("buckler-"):
        # The sockets' folder, whose owner could not remove it. The signal may end us at once.
        shutil.rmtree(HERE.parent, ignore_errors=True)
    send = os.killpg if os.getpgrp() == os.getpid() else os.kill
    send(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_SECONDS)
    send(os.getpid(), signal.SIGKILL)


def find_uvicorn() -> ModuleType:
    """Import uvicorn, or say how to get it."""
    install = f"install it: {sys.executable} -m pip install 'uvicorn[standard]'"
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        message = f"`{sys.executable}` has no uvicorn: {error}"
        raise StartError("uvicorn_missing", message, install) from None
    if "timeout_graceful_shutdown" not in inspect.signature(uvicorn.Config).parameters:
        message = f"uvicorn {uvicorn.__version__} is older than 0.22"
        raise StartError("uvicorn_too_old", message, install)
    return uvicorn


def probe(options: argparse.Namespace, reports: Reports) -> None:
    """Find the app and tell about it."""
    uvicorn = find_uvicorn()
    module, attribute, called = split_target(options.target)
    found = import_target(module, attribute, options.app_dir)

    async def told() -> dict[str, object]:
        return facts(make_app(found, options.target, called))

    reports.tell("app", uvicorn=uvicorn.__version__, **asyncio.run(told()))


def serve(options: argparse.Namespace, reports: Reports) -> None:
    """Serve the app on the private socket until a signal comes."""
    os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", WEBSOCKET_LINE_BYTES)
    uvicorn = find_uvicorn()
    module, attribute, called = split_target(options.target)
    # Logging is set up first, as uvicorn does, so that the app's own configuration of it wins.
    config = uvicorn.Config(
        app=options.target,
        factory=True,
        uds=options.socket,
        interface="asgi3",
        workers=1,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        # At `info` every WebSocket's path and query would be printed, secrets included.
        log_level="warning",
        timeout_keep_alive=options.keep_alive,
        timeout_graceful_shutdown=options.graceful,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    found = import_target(module, attribute, options.app_dir)
    # uvicorn calls it inside its loop, where a factory may want to be.
    config.app = lambda: Edge(make_app(found, options.target, called), reports.lifespan_failed)

    class Server(uvicorn.Server):  # type: ignore[misc,name-defined]
        async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own
            await super().startup(sockets=sockets)
            if self.started:
                reports.tell("ready")

        async def shutdown(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own
            reports.tell("stopping")
            await super().shutdown(sockets=sockets)

    Server(config).run()


def main() -> NoReturn:
    """Do what the supervisor asks for."""
    parser = argparse.ArgumentParser(description="a worker of `buckler run`, started by it")
    parser.add_argument("task", choices=["probe", "serve"])
    parser.add_argument("--target", required=True)
    parser.add_argument("--app-dir", required=True, type=Path)
    parser.add_argument("--socket")
    parser.add_argument("--keep-alive", type=int)
    parser.add_argument("--graceful", type=int)
    options = parser.parse_args()
    lifeline, reports = take_over()
    threading.Thread(target=watch, args=[lifeline], daemon=True, name="buckler-lifeline").start()
    if sys.path[:1] == [str(HERE)]:
        del sys.path[0]
    sys.path.insert(0, str(options.app_dir))
    sys.argv = ["buckler", options.target]
    try:
        {"probe": probe, "serve": serve}[options.task](options, reports)
    except StartError as error:
        reports.failed(error)
        sys.exit(FAILED)
    sys.exit(0)


if __name__ == "__main__":
    main()
