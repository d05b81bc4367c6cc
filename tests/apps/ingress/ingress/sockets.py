"""A WebSocket that gives everything back; the app and its mounted API both have it."""

from fastapi import WebSocket, WebSocketDisconnect
from starlette.status import WS_1008_POLICY_VIOLATION

SUBPROTOCOL = "echo.v1"
LEAVE = "close "
"""`close 4001 bye` makes the server close with that code and reason."""


async def echo(socket: WebSocket, deny: bool = False) -> None:
    """Echo texts and bytes until either side closes."""
    if deny:
        await socket.close(WS_1008_POLICY_VIOLATION)
        return
    offered = socket.scope["subprotocols"]
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                await socket.send_bytes(message["bytes"])
            elif text.startswith(LEAVE):
                _, code, reason = text.split(" ", 2)
                await socket.close(int(code), reason)
                return
            else:
                await socket.send_text(text)
    except WebSocketDisconnect:
        return
