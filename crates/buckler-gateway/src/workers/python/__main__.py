"""A worker process of `buckler run`.

Three descriptors are there at start: 0 is the lifeline, which ends when the gateway is gone; 1
takes the reports; 2 takes what the app prints and logs. Before any code of the app runs, 0 and 1
are moved away, so that a print can never be taken for a report.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from buckler_worker.edge import App
from buckler_worker.facts import contract, documents, facts
from buckler_worker.reports import Reports, StartError
from buckler_worker.routes import table
from buckler_worker.servers import Server, find_server
from buckler_worker.target import import_target, make_app, split_target

HERE = Path(__file__).parent

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


def probe(options: argparse.Namespace, reports: Reports) -> None:
    """Find the app and tell about it."""
    server = find_server(options.server)
    make = finder(options)()

    async def told() -> dict[str, object]:
        return facts(make())

    tell_app(reports, server, asyncio.run(told()))


def survey(options: argparse.Namespace, reports: Reports) -> None:
    """Find the app and tell about it, its routes and its documents."""
    server = find_server(options.server)
    make = finder(options)()

    async def told() -> dict[str, object]:
        app = make()
        found, applications = table(app)
        # First, since FastAPI keeps what it makes here, and the facts need it once more.
        texts = documents(applications)
        known = {**facts(app), **served_by(server)}
        return {"app": known, "table": found, "documents": texts}

    reports.tell("survey", **asyncio.run(told()))


def tell_app(reports: Reports, server: Server, known: dict[str, object]) -> None:
    """Tell what the app is, and what serves it."""
    reports.tell("app", **known, **served_by(server))


def served_by(server: Server) -> dict[str, object]:
    """Name what serves the app."""
    return {"server": server.name, "server_version": server.version}


def tell_contract(options: argparse.Namespace, reports: Reports) -> None:
    """Find the app and tell its OpenAPI document."""
    make = finder(options)()

    async def told() -> str:
        return contract(make(), options.target)

    reports.tell("contract", document=asyncio.run(told()))


def serve(options: argparse.Namespace, reports: Reports) -> None:
    """Serve the app on the private socket until a signal comes."""
    server = find_server(options.server)
    find = finder(options)

    def found() -> Callable[[], App]:
        make = find()

        def made() -> App:
            app = make()
            # Every start is a probe, too: the app may have changed since the last one.
            tell_app(reports, server, facts(app))
            return app

        return made

    server.run(options, reports, found)


def finder(options: argparse.Namespace) -> Callable[[], Callable[[], App]]:
    """Give what imports the app and gives what makes it."""
    module, attribute, called = split_target(options.target)

    def find() -> Callable[[], App]:
        found = import_target(module, attribute, options.app_dir)
        return lambda: make_app(found, options.target, called)

    return find


TASKS = {"probe": probe, "contract": tell_contract, "survey": survey, "serve": serve}


def main() -> NoReturn:
    """Do what the supervisor asks for."""
    parser = argparse.ArgumentParser(description="a worker of `buckler run`, started by it")
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--target", required=True)
    parser.add_argument("--app-dir", required=True, type=Path)
    parser.add_argument("--server", choices=["uvicorn", "granian"])
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
        TASKS[options.task](options, reports)
    except StartError as error:
        reports.failed(error)
        sys.exit(FAILED)
    sys.exit(0)


if __name__ == "__main__":
    main()
