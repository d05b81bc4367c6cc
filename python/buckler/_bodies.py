"""Request bodies on their way to the app: judged piece by piece, or kept until all has passed."""

import sys
from typing import Literal

from buckler._buckler import Exchange
from buckler._types import Message, Receive, Scope, Send

DISCONNECT = "http.disconnect"

Verdict = Literal[True] | tuple[Message, ...] | None
"""Of `Exchange.judge`: to be asked again, the answer in place of the app's, nothing against it."""


async def pause() -> None:
    """Let others have their turn, whichever library runs us."""
    # Who runs us has imported what it runs with; who only starts the command needs neither.
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        await asyncio.sleep(0)
    elif (trio := sys.modules.get("trio")) is not None:
        await trio.lowlevel.checkpoint()


async def settled(exchange: Exchange, verdict: Verdict, send: Send) -> bool:
    """Come to the end of a verdict; say whether the message passes, or the client was answered."""
    while verdict is not None:
        if verdict is not True:
            for answer in verdict:
                await send(answer)
            return False
        await pause()
        verdict = exchange.judge(None)
    return True


async def streamed(exchange: Exchange, receive: Receive, send: Send) -> Message:
    """Receive for an app whose body streams: a refusal in its middle is the end of the client."""
    if exchange.is_refused:
        return {"type": DISCONNECT}
    message = await receive()
    # Nearly always there is nothing against it, and no coroutine is needed to hear so.
    verdict = exchange.judge(message)
    if verdict is None or await settled(exchange, verdict, send):
        return message
    return {"type": DISCONNECT}


class Ahead:
    """Receive that begins with a message that was read ahead."""

    __slots__ = ("_message", "_receive")

    def __init__(self, message: Message, receive: Receive) -> None:
        self._message: Message | None = message
        self._receive = receive

    async def __call__(self) -> Message:
        """Give that message, then whatever the server says."""
        message, self._message = self._message, None
        return await self._receive() if message is None else message


async def held(exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> Ahead | None:
    """Read the body whole; nothing comes of it if it was refused, or its client has left.

    Where the app is to get another body than came, so does what comes of it, and the scope says so.
    """
    message = await receive()
    verdict = exchange.judge(message)
    if verdict is not None and not await settled(exchange, verdict, send):
        return None
    if message["type"] == DISCONNECT:
        return None
    if not message.get("more_body", False):
        edited = exchange.edited_body(scope)
        # As nearly every body comes: the app gets the very message.
        return Ahead(message if edited is None else whole_body(edited), receive)
    # One buffer for all pieces: each message kept would cost a dictionary, and pieces may be bytes.
    whole = bytearray(message.get("body", b""))
    while message.get("more_body", False):
        message = await receive()
        if not await settled(exchange, exchange.judge(message), send):
            return None
        if message["type"] == DISCONNECT:
            return None
        whole += message.get("body", b"")
    edited = exchange.edited_body(scope)
    return Ahead(whole_body(bytes(whole) if edited is None else edited), receive)


def whole_body(body: bytes) -> Message:
    """Give a body as the one message that it comes in."""
    return {"type": "http.request", "body": body, "more_body": False}
