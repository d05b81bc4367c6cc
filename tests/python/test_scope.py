"""What the app sees of a request, whatever the server and the client do to the scope."""

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from buckler import Buckler
from buckler._types import Message, Receive, Scope, Send

BEGUN = threading.Event()
"""The app has been called: its fields are judged."""


async def tells_fields(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, then tell the fields as they are by then."""
    BEGUN.set()
    message: Message = {"more_body": True}
    while message.get("more_body", False):
        message = await receive()
    text = b"\n".join(name + b"=" + value for name, value in scope["headers"])
    fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": text})


@pytest.fixture(params=["httptools", "h11"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Serve the app by uvicorn, in a thread of its own."""
    app = Buckler(tells_fields, environment="development")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(
            app, http=request.param, lifespan="off", proxy_headers=False, log_level="error"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


# R03, R81: what comes in one piece with the head is judged with it: uvicorn has it there by then
def test_trailers_that_come_later_speak_for_no_field(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
    body = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n"
    trailers = b"0\r\nX-Forwarded-For: 192.0.2.66\r\nAuthorization: Bearer stolen\r\n\r\n"
    BEGUN.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head + body)
        assert BEGUN.wait(10)
        client.sendall(trailers)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"host=127.0.0.1" in answer
    assert b"192.0.2.66" not in answer
    assert b"stolen" not in answer
