"""An app that says back what a WebSocket says."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def echo(socket: WebSocket) -> None:
    """Send each message back as it came, until the other side ends."""
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is not None:
            await socket.send_text(text)
        else:
            await socket.send_bytes(message["bytes"])


app = Starlette(routes=[WebSocketRoute("/{path:path}", echo)])
