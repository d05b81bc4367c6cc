"""What this worker process holds open; `GET /stats` shows it."""

from dataclasses import dataclass


@dataclass(slots=True)
class OpenCounters:
    """Plain numbers: all writers run on the one event loop."""

    open_streams: int = 0
    chat_members: int = 0


counters = OpenCounters()
