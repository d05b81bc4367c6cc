"""HTTP/2 without TLS, spoken to a server that is known to speak it, interim answers included."""

import socket
from typing import Self

import h2.config
import h2.connection
import h2.events

from harness.places import PATIENCE

Fields = dict[str, str]


class Prior:
    """One connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=PATIENCE)
        config = h2.config.H2Configuration(header_encoding="latin-1")
        self._connection = h2.connection.H2Connection(config)
        self._connection.initiate_connection()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str, authority: str) -> tuple[list[Fields], bytes]:
        """Ask once; give every list of fields that came, trailers last, and the body."""
        stream = self._connection.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", authority)]
        self._connection.send_headers(
            stream, [*fields, (":path", path), ("te", "trailers")], end_stream=True
        )
        heads: list[Fields] = []
        body = b""
        while True:
            self._socket.sendall(self._connection.data_to_send())
            received = self._socket.recv(65536)
            assert received, "the connection ended before the answer"
            for event in self._connection.receive_data(received):
                match event:
                    case (
                        h2.events.InformationalResponseReceived()
                        | h2.events.ResponseReceived()
                        | h2.events.TrailersReceived()
                    ):
                        heads.append({str(name): str(value) for name, value in event.headers})
                    case h2.events.DataReceived():
                        body += event.data
                        length = event.flow_controlled_length
                        self._connection.acknowledge_received_data(length, stream)
                    case h2.events.StreamReset():
                        raise AssertionError(f"the stream was reset: {event}")
                    case h2.events.StreamEnded():
                        return heads, body
