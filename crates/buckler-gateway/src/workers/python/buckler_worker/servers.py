"""Which server runs the app, and how each is started."""

import argparse
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from buckler_worker.edge import App, Edge
from buckler_worker.reports import Reports, StartError

HEAD_BYTES = 1 << 20
"""The gateway bounds the head; the server behind it must not be the stricter (h11: 16 KiB)."""

WEBSOCKET_LINE_BYTES = "65536"
"""The same for the request line of a WebSocket (the `websockets` package: 8 KiB)."""

UVICORN = "'uvicorn[standard]'"
GRANIAN = "'granian>=2.5'"
"""How each is written for pip."""


@dataclass
class Server:
    """A server that can run the app."""

    name: str
    version: str
    run: "Run"


Run = Callable[[argparse.Namespace, Reports, Callable[[], Callable[[], App]]], None]
"""Serves until a signal comes. Its last argument imports the app and gives what makes it: the first
is called when logging is set up, so that the app's own configuration of it wins, the second inside
the running loop, where a factory may want to be."""


def find_server(asked: str | None) -> Server:
    """Give the server that is asked for, else the one that is there, uvicorn first."""
    if asked == "granian" or (asked is None and not is_there("uvicorn") and is_there("granian")):
        granian = imported("granian", GRANIAN)
        require_granian(granian)
        return Server("granian", granian.__version__, run_granian)
    uvicorn = imported("uvicorn", UVICORN)
    require_uvicorn(uvicorn)
    return Server("uvicorn", uvicorn.__version__, run_uvicorn)


def is_there(package: str) -> bool:
    """Whether there is a package of that name; whether it works shows when it is imported."""
    return importlib.util.find_spec(package) is not None


def imported(package: str, requirement: str) -> ModuleType:
    """Import a server, or say how to get it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        message = f"`{sys.executable}` has no {package}: {error}"
        raise StartError("server_missing", message, install(requirement)) from None


def install(requirement: str) -> str:
    """Give the line that installs a server."""
    return f"install it: {sys.executable} -m pip install {requirement}"


def require_uvicorn(uvicorn: ModuleType) -> None:
    """Refuse one that lacks what a worker needs."""
    if "timeout_graceful_shutdown" not in inspect.signature(uvicorn.Config).parameters:
        message = f"uvicorn {uvicorn.__version__} is older than 0.22"
        raise StartError("server_too_old", message, install(UVICORN))


def require_granian(granian: ModuleType) -> None:
    """Refuse one that cannot serve in a process that is not its own, or not on a Unix socket."""
    try:
        embed = importlib.import_module("granian.server.embed")
        fits = "uds" in inspect.signature(embed.Server).parameters
    except ModuleNotFoundError:
        fits = False
    if not fits:
        message = f"granian {granian.__version__} cannot be embedded on a Unix socket"
        raise StartError("server_too_old", message, install(GRANIAN))


def run_uvicorn(
    options: argparse.Namespace, reports: Reports, find: Callable[[], Callable[[], App]]
) -> None:
    """Serve with uvicorn."""
    import uvicorn

    os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", WEBSOCKET_LINE_BYTES)
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
    make = find()
    config.app = lambda: Edge(make(), reports.lifespan_failed)

    class Reporting(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own
            await super().startup(sockets=sockets)
            if self.started:
                reports.tell("ready")

        async def shutdown(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own
            reports.tell("stopping")
            await super().shutdown(sockets=sockets)

    Reporting(config).run()


def run_granian(
    options: argparse.Namespace, reports: Reports, find: Callable[[], Callable[[], App]]
) -> None:
    """Serve with granian; what needs it is in a module of its own."""
    from buckler_worker.with_granian import serve

    serve(options, reports, find)
