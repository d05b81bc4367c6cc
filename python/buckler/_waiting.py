"""Waiting, in whichever event loop runs us, for what has to be asked of somebody else.

Each loop listens to a socket of its own (`Wire`); one callback takes all answers that are there.
So the thread that asks never needs the interpreter, and a loop that is closed leaves nothing.
"""

# What runs us is imported by whoever runs us with it, and not here: who only starts the command
# needs neither, and trio need not be installed.

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from buckler._buckler import Answered, Pending, Wire

if TYPE_CHECKING:
    import asyncio

    import trio


Awaited = TypeVar("Awaited")


class Asyncio:
    """Waits in a loop of asyncio, or of uvloop."""

    # Nothing here holds the loop: it holds us, by what it listens to.
    __slots__ = ("_futures", "_wire")

    def __init__(self, loop: "asyncio.AbstractEventLoop") -> None:
        self._wire = Wire()
        self._futures: dict[int, asyncio.Future[Answered]] = {}
        loop.add_reader(self._wire.fileno(), self._drain)

    def _drain(self) -> None:
        for key, answered in self._wire.drain():
            future = self._futures.get(key)
            # One that was cancelled a moment ago, and whose task has not heard of it yet.
            if future is not None and not future.done():
                future.set_result(answered)

    async def wait(self, pending: Pending[Awaited]) -> Awaited:
        """Give what becomes of the answers."""
        future = sys.modules["asyncio"].get_running_loop().create_future()
        key = self._wire.submit(pending)
        self._futures[key] = future
        try:
            return pending.resume(await future)
        finally:
            del self._futures[key]
            self._wire.forget(key)

    @property
    def waiting(self) -> int:
        """How many are waited for."""
        return len(self._futures) + self._wire.waiting


class Trio:
    """Waits in a run of trio."""

    __slots__ = ("_tasks", "_wire")

    def __init__(self) -> None:
        self._wire = Wire()
        self._tasks: dict[int, trio.lowlevel.Task] = {}
        # A run cancels it when everything else is over.
        sys.modules["trio"].lowlevel.spawn_system_task(self._listen)

    async def _listen(self) -> None:
        trio = sys.modules["trio"]
        while True:
            await trio.lowlevel.wait_readable(self._wire.fileno())
            for key, answered in self._wire.drain():
                task = self._tasks.pop(key, None)
                if task is not None:
                    trio.lowlevel.reschedule(task, sys.modules["outcome"].Value(answered))

    async def wait(self, pending: Pending[Awaited]) -> Awaited:
        """Give what becomes of the answers."""
        trio = sys.modules["trio"]
        key = self._wire.submit(pending)
        self._tasks[key] = trio.lowlevel.current_task()

        def give_up(_raise: object) -> Any:  # noqa: ANN401 - trio need not be there
            del self._tasks[key]
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            return pending.resume(await trio.lowlevel.wait_task_rescheduled(give_up))
        finally:
            self._wire.forget(key)

    @property
    def waiting(self) -> int:
        """How many are waited for."""
        return len(self._tasks) + self._wire.waiting


_loops: "WeakKeyDictionary[object, Asyncio | Trio]" = WeakKeyDictionary()


def here() -> Asyncio | Trio:
    """Give what waits in the loop that runs us."""
    asyncio = sys.modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    if loop is not None:
        waits = _loops.get(loop)
        if waits is None:
            waits = _loops[loop] = Asyncio(loop)
        return waits
    if (trio := sys.modules.get("trio")) is None:
        raise RuntimeError("no event loop that is known runs here: asyncio, uvloop and trio are")
    # What lives as long as a run of trio does, and no longer.
    run = trio.lowlevel.current_root_task()
    waits = _loops.get(run)
    if waits is None:
        waits = _loops[run] = Trio()
    return waits


async def waited(pending: Pending[Awaited]) -> Awaited:
    """Wait for answers, and give what becomes of them."""
    return await here().wait(pending)


def forget_loops() -> None:
    """Forget, in a process that was forked, the loops of the one before."""
    _loops.clear()


os.register_at_fork(after_in_child=forget_loops)
