"""Chat rooms over WebSocket. Rooms live in one worker process."""

from collections import defaultdict

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from shop.counters import counters
from shop.schemas import ChatMessage

router = APIRouter(tags=["chat"])


class Rooms:
    """Who sits where."""

    def __init__(self) -> None:
        self._rooms: defaultdict[str, dict[WebSocket, str]] = defaultdict(dict)

    async def join(self, room: str, socket: WebSocket, name: str) -> None:
        """Take a seat and tell the room."""
        self._rooms[room][socket] = name
        counters.chat_members += 1
        await self.tell(room, "joined", name)

    async def leave(self, room: str, socket: WebSocket) -> None:
        """Give the seat up and tell those who stay."""
        name = self._rooms[room].pop(socket)
        counters.chat_members -= 1
        if self._rooms[room]:
            await self.tell(room, "left", name)
        else:
            del self._rooms[room]

    async def tell(self, room: str, kind: str, sender: str, text: str = "") -> None:
        """Send one message to all of a room; a member whose socket is gone is passed over."""
        members = self._rooms[room]
        message = ChatMessage.model_validate(
            {"kind": kind, "sender": sender, "text": text, "members": sorted(members.values())}
        )
        for socket in list(members):
            try:
                await socket.send_text(message.model_dump_json())
            except (WebSocketDisconnect, RuntimeError):
                continue


rooms = Rooms()


@router.websocket("/chat/{room}")
async def chat(socket: WebSocket, room: str, name: str = "guest") -> None:
    """Join a room. Origin, name, size and content of messages are not looked at."""
    await socket.accept()
    await rooms.join(room, socket, name)
    try:
        while True:
            text = await socket.receive_text()
            await rooms.tell(room, "message", name, text)
    except WebSocketDisconnect:
        pass
    finally:
        await rooms.leave(room, socket)
