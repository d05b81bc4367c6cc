"""The middleware under the servers that people use, and the same app without it.

What is asked of both is what the app and its clients must not notice; where the two differ,
Buckler's part stands in the same test.
"""

from collections.abc import Iterator

import httpx
import pytest
from harness.asgi import ALL, UVICORN_WORKERS, Served
from harness.places import PATIENCE
from harness.prior import Prior
from harness.raw import TruncatedError
from harness.until import until
from websockets.exceptions import ConnectionClosed, InvalidStatus

ONE_PROCESS = [server for server in ALL if server is not UVICORN_WORKERS]

WHATEVER_SERVES = pytest.mark.parametrize(
    ("server", "way"),
    [
        pytest.param(server, way, id=f"{server.name}-{way}")
        for server in ONE_PROCESS
        for way in ("bare", "added")
    ],
    scope="module",
)

SECRET = b"the secret of the app"

pytestmark = WHATEVER_SERVES


def judged(answer: httpx.Response) -> bool:
    """Tell whether an answer bears our marks."""
    return (
        "x-request-id" in answer.headers
        and answer.headers.get("x-content-type-options") == "nosniff"
    )


def event_ids(response: httpx.Response) -> Iterator[int]:
    for line in response.iter_lines():
        if line.startswith("id: "):
            yield int(line.removeprefix("id: "))


def ended(running: Served, name: str) -> None:
    with running.client() as client:
        until(f"{name} ended in the app", lambda: name in client.get("/open").json()["ended"])


def test_what_the_app_sees(running: Served) -> None:
    # R81
    with running.client(headers={"Asked-By": "nobody in particular"}) as client:
        for path in ("/seen", "/seen-in-a-thread"):
            answer = client.get(path, params={"a": "b"})
            assert answer.status_code == 200, answer.text
            seen = answer.json()
            assert seen["client"][0] == "127.0.0.1"
            assert int(seen["client"][1]) > 0
            assert (seen["scheme"], seen["root_path"]) == ("http", "")
            assert seen["path"] == path
            assert seen["state"] == {"started": ["once"]}
            assert seen["asked_by"] == "nobody in particular"
            assert seen.get("main thread", False) is False
            assert judged(answer) is running.guarded
            if running.guarded:
                assert seen["buckler"] == {
                    "request_id": answer.headers["x-request-id"],
                    "client": "127.0.0.1",
                    "scheme": "http",
                }
            # Nothing but what came: there is no edge in between that has to tell the app anything.
            sent = [(name.lower(), value) for name, value in answer.request.headers.items()]
            assert sorted(map(tuple, seen["headers"])) == sorted(sent)


def test_forged_fields_do_not_reach_the_app(running: Served) -> None:
    # R03, R81
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Real-IP": "203.0.113.9",
        "Buckler-Identity": "admin",
    }
    with running.client(headers=forged) as client:
        seen = client.get("/seen").json()
    told = dict(seen["headers"])
    if not running.guarded:
        assert told | {name.lower(): value for name, value in forged.items()} == told
        return
    # What the framework or a library may look for is made true, the rest is gone.
    assert told.get("x-forwarded-for", "127.0.0.1") == "127.0.0.1"
    assert told.get("x-forwarded-proto", "http") == "http"
    assert told.keys() & {"x-real-ip", "buckler-identity"} == set()
    assert (seen["client"][0], seen["scheme"]) == ("127.0.0.1", "http")


def test_json(running: Served) -> None:
    # R81
    with running.client() as client:
        answer = client.post("/items", json={"name": "knife", "price": 2.5})
        assert answer.status_code == 200
        assert answer.json() == {"item": {"name": "knife", "price": 2.5}, "currency": "EUR"}
        # The framework takes the last of two members, another reader the first.
        headers = {"Content-Type": "application/json"}
        text = '{"name": "a", "name": "b", "price": 1}'
        twice = client.post("/items", content=text, headers=headers)
        assert twice.status_code == (422 if running.guarded else 200)
        assert client.get("/missing").status_code == 404


@pytest.mark.parametrize("path", ["/below/seen", "/seen"])
def test_a_mounted_app_keeps_its_place(running: Served, path: str) -> None:
    # R81
    with running.client() as client:
        seen = client.get(path).json()
    assert seen["root_path"] == path.removesuffix("/seen")
    assert seen["url"] == f"http://{running.host}{path}"


def test_refusals(running: Served) -> None:
    # R02, R81
    with running.client() as client:
        foreign = client.get("/seen", headers={"Host": "elsewhere.example"})
        closed = client.get("/docs")
        large = client.post(
            "/pieces/large",
            content=b"x" * (10 * 1024 * 1024 + 1),
            headers={"Content-Type": "application/octet-stream"},
        )
    if not running.guarded:
        assert [foreign.status_code, closed.status_code, large.status_code] == [200, 200, 200]
        return
    codes = [(answer.status_code, answer.json().get("code")) for answer in (foreign, closed, large)]
    assert codes == [(400, "host_not_allowed"), (404, "not_found"), (413, "body_too_large")]
    for answer in (foreign, closed, large):
        assert answer.headers["content-type"] == "application/problem+json"
        assert judged(answer)


def test_the_apps_own_failure(running: Served) -> None:
    # R10, R81
    with running.client() as client:
        answer = client.get("/crash")
        assert answer.status_code == 500
        assert SECRET not in answer.content
        assert judged(answer) is running.guarded
        if running.guarded:
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
    # Some servers end a connection behind an exception.
    assert running.get("/seen").status == 200


def test_a_failure_midway_truncates_and_never_ends_cleanly(running: Served) -> None:
    # R10, R81
    with running.wire() as wire:
        wire.send(f"GET /crash-midway HTTP/1.1\r\nHost: {running.host}\r\n\r\n".encode())
        assert wire.head().status == 200
        assert wire.chunk() == b"so far"
        with pytest.raises(TruncatedError):
            wire.chunk()


def test_events_arrive_one_by_one(running: Served) -> None:
    # R81: the app sends the next event only after this one was acknowledged, so whoever held one
    # back would wait forever.
    with (
        running.client() as client,
        running.client() as other,
        client.stream("GET", "/events/one/10") as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        received = []
        for number in event_ids(response):
            received.append(number)
            assert other.post(f"/say/one-{number}").status_code == 200
    assert received == list(range(10))


def test_a_body_arrives_piece_by_piece(running: Served) -> None:
    # R81: each piece is sent only after the app has the one before it
    with running.client() as client, running.client() as other:

        def pieces() -> Iterator[bytes]:
            for number in range(10):
                if number:
                    assert other.get(f"/wait/body-{number}").status_code == 200
                yield bytes(1000 + number)

        headers = {"Content-Type": "application/octet-stream"}
        response = client.post("/pieces/body", content=pieces(), headers=headers)
    assert response.json() == {"sizes": [1000 + number for number in range(10)]}


def test_a_client_that_leaves_ends_the_stream_in_the_app(running: Served) -> None:
    # R81
    with running.client() as client, client.stream("GET", "/events/left/2") as response:
        assert next(event_ids(response)) == 0
    ended(running, "left")


def test_an_upload_that_breaks_off_ends_in_the_app(running: Served) -> None:
    # R81
    with running.wire() as wire:
        wire.send(
            f"POST /pieces/broken HTTP/1.1\r\nHost: {running.host}\r\nContent-Length: 100\r\n"
            "Content-Type: application/octet-stream\r\n\r\nonly this".encode()
        )
        with running.client() as client:
            assert client.get("/wait/broken-1").status_code == 200
    ended(running, "broken")


def test_a_background_task_runs_after_the_answer(running: Served) -> None:
    # R81
    with running.client() as client:
        assert client.get("/task/later").json() == {"later": "later"}
        assert client.get("/wait/later").status_code == 200


def test_files(running: Served) -> None:
    # R81: granian sends a file by its path, which is a message of its own
    with running.client() as client:
        answer = client.get("/file")
        head = client.head("/file")
    assert answer.status_code == 200
    assert "def create() -> FastAPI" in answer.text
    assert answer.headers["content-length"] == str(len(answer.content))
    assert judged(answer) is running.guarded
    assert head.status_code == 405


def test_a_websocket_ends_on_both_sides(running: Served) -> None:
    # R81
    with running.target.websocket("/socket/leaving") as socket:
        socket.send("there")
        assert socket.recv(timeout=PATIENCE) == "there"
    ended(running, "leaving")
    with running.target.websocket("/socket/torn") as socket:
        socket.send("there")
        assert socket.recv(timeout=PATIENCE) == "there"
        socket.socket.shutdown(2)
        ended(running, "torn")


def test_a_handshake_is_judged(running: Served) -> None:
    # R81
    with running.target.websocket("/seen") as socket:
        seen = socket.recv(timeout=PATIENCE)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000
    assert '"scheme":"ws"' in seen
    assert ('"buckler":null' in seen) is not running.guarded
    with pytest.raises(InvalidStatus) as denied:
        running.target.websocket("/closed")
    assert denied.value.response.status_code == 403
    if running.guarded:
        with pytest.raises(InvalidStatus) as refused:
            running.target.websocket("/seen", {"Host": "elsewhere.example"})
        # A server that offers no denial response makes 403 of every refusal.
        assert refused.value.response.status_code in (400, 403)


def test_extensions_pass(running: Served) -> None:
    # R81
    if not running.server.http2:
        answer = running.get("/extended/")
        assert (answer.status, answer.body) == (200, b"first second")
        return
    with running.client(http1=False, http2=True) as client:
        over2 = client.get("/seen")
        assert over2.http_version == "HTTP/2"
        offered = over2.json()["extensions"]
        assert judged(over2) is running.guarded
    with Prior(running.address) as prior:
        heads, body = prior.get("/extended/", running.host)
    assert body == b"first second"
    hints = [fields for fields in heads if fields.get(":status") == "103"]
    assert [fields["link"] for fields in hints] == (
        ["</style.css>; rel=preload"] if "http.response.early_hint" in offered else []
    )
    trailers = [fields for fields in heads if ":status" not in fields]
    assert trailers == ([{"checksum": "12"}] if "http.response.trailers" in offered else [])


def test_each_request_is_in_the_log_once(running: Served) -> None:
    # R23, R81
    if not running.guarded:
        assert running.lines() == []
        return
    with running.client() as client:
        ids = [client.get("/seen").headers["x-request-id"] for _ in range(5)]
    logged = [line["request_id"] for line in running.requests()]
    assert [logged.count(number) for number in ids] == [1] * 5
    assert len(set(logged)) == len(logged)


def test_a_server_ends_cleanly(running: Served) -> None:
    # R81; the last test of this file: it ends what the others have used
    pid = running.get("/pid").body.decode()
    code = running.stop()
    assert (running.process.args, code) == (running.process.args, running.server.ends_with)
    (_,) = [path for path in running.out.parent.glob("ended-*") if path.name == f"ended-{pid}"]
    assert "Warning" not in running.printed()
