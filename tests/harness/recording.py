"""A backend that writes down every byte it gets, and reads it with a parser that is not ours.

One thread and one loop, so what has arrived before a snapshot is asked for is in it.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import h11

from harness.places import PATIENCE

T = TypeVar("T")

BODY = b"recorded"
FRAMING = {"contentlength": b"content-length", "transferencoding": b"transfer-encoding"}
"""What a lenient reader may make of a name, and the one spelling that it may have."""


@dataclass(slots=True)
class Seen:
    """One request as the backend read it."""

    connection: int
    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    whole: bool = False

    def framing(self) -> list[str]:
        """Tell what a lenient reader would take for framing although a strict one does not."""
        faults = []
        names = [name.encode("latin-1") for name, _ in self.fields]
        for name in names:
            folded = "".join(chr(byte) for byte in name if chr(byte).isalnum()).lower()
            if FRAMING.get(folded, name.lower()) != name.lower():
                faults.append(f"{name!r} can be taken for a field of framing")
        said = [name for name in names if name.lower() in FRAMING.values()]
        if len(said) > 1:
            faults.append(f"its length is said in {len(said)} fields")
        return faults


@dataclass(slots=True)
class Record:
    """All that arrived since the last time that it was asked for."""

    requests: list[Seen] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Recorder:
    """The backend's record, and where it listens."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._record = Record()
        self._connections = 0
        self.closed: set[int] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Where a gateway finds it."""
        return f"http://127.0.0.1:{self.port}"

    def take(self) -> Record:
        """Give the record so far and begin a new one."""

        def swap() -> Record:
            taken, self._record = self._record, Record()
            return taken

        return self.ask(swap)

    def ask(self, question: Callable[[], T]) -> T:
        """Ask on the loop, behind everything that has arrived."""

        async def asked() -> T:
            # What is readable by now is read in this turn; what was read is handled in the next.
            for _ in range(3):
                await asyncio.sleep(0)
            return question()

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(PATIENCE)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read requests until the other side ends."""
        self._connections += 1
        number = self._connections
        parser = h11.Connection(h11.SERVER)
        seen: Seen | None = None
        raw = b""
        try:
            while True:
                event = parser.next_event()
                if isinstance(event, h11.Request):
                    seen = Seen(
                        number,
                        event.method.decode(),
                        event.target.decode("latin-1"),
                        [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers],
                    )
                    self._record.requests.append(seen)
                elif isinstance(event, h11.Data) and seen is not None:
                    seen.body += event.data
                elif isinstance(event, h11.EndOfMessage) and seen is not None:
                    seen.whole = True
                    writer.write(answered(parser, seen.method))
                    if parser.our_state is h11.MUST_CLOSE:
                        break
                    parser.start_next_cycle()
                elif event is h11.NEED_DATA:
                    data = await reader.read(65536)
                    raw += data
                    parser.receive_data(data)
                elif isinstance(event, h11.ConnectionClosed):
                    break
        except h11.RemoteProtocolError as error:
            # The end inside a request is a request broken off; anything else is no HTTP.
            if seen is None or seen.whole or not reader.at_eof():
                self._record.unreadable.append(f"{error}: {raw[-300:]!r}")
        except ConnectionError:
            pass
        finally:
            self.closed.add(number)
            writer.close()


def answered(parser: h11.Connection, method: str) -> bytes:
    """Answer the request that the parser has read to its end."""
    fields = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]
    head = parser.send(h11.Response(status_code=200, headers=fields))
    body = b"" if method == "HEAD" else parser.send(h11.Data(data=BODY))
    end = parser.send(h11.EndOfMessage())
    return b"".join([head or b"", body or b"", end or b""])


@contextmanager
def recording() -> Iterator[Recorder]:
    """Listen for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    recorder = Recorder(loop)
    server = loop.run_until_complete(asyncio.start_server(recorder.serve, "127.0.0.1", 0))
    recorder.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def end() -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield recorder
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
