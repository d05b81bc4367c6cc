"""Uploads and downloads in all their forms."""

import hashlib
import uuid
from collections.abc import Iterator

import httpx
import pytest
from live_server import Target

BYTES = {"Content-Type": "application/octet-stream"}
BODY = bytes(range(256)) * 40


@pytest.fixture
def folder() -> str:
    """A folder of this test alone."""
    return f"{uuid.uuid4().hex}/"


@pytest.fixture
def stored(client: httpx.Client, folder: str) -> str:
    """The path of a stored file of 10,240 bytes."""
    path = f"/files/{folder}stored.bin"
    assert client.put(path, content=BODY, headers=BYTES).status_code == 201
    return path


def test_a_raw_body_comes_back(client: httpx.Client, target: Target, folder: str) -> None:
    path = f"/files/{folder}raw.bin"
    response = client.put(path, content=BODY, headers=BYTES)
    assert response.status_code == 201
    assert response.headers["location"] == f"{target.base_url}{path}"
    assert response.json()["sha256"] == hashlib.sha256(BODY).hexdigest()
    fetched = client.get(path)
    assert fetched.content == BODY
    assert fetched.headers["content-type"] == "application/octet-stream"
    assert fetched.headers["etag"] == response.headers["etag"]


def test_a_body_without_a_length_comes_back(client: httpx.Client, folder: str) -> None:
    def pieces() -> Iterator[bytes]:
        for size in (1, 70_000, 0, 3):
            yield b"z" * size

    response = client.put(f"/files/{folder}chunked.bin", content=pieces(), headers=BYTES)
    assert response.status_code == 201
    assert response.json()["size"] == 70_004


def test_five_megabytes_pass(client: httpx.Client, folder: str) -> None:
    body = hashlib.shake_256(b"five megabytes").digest(5_000_000)
    path = f"/files/{folder}large.bin"
    assert client.put(path, content=body, headers=BYTES).status_code == 201
    with client.stream("GET", path, headers={"Accept-Encoding": "identity"}) as response:
        digest = hashlib.sha256()
        for piece in response.iter_bytes():
            digest.update(piece)
    assert digest.hexdigest() == hashlib.sha256(body).hexdigest()


def test_an_empty_body_makes_an_empty_file(client: httpx.Client, folder: str) -> None:
    path = f"/files/{folder}empty"
    assert client.put(path, content=b"", headers=BYTES).json()["size"] == 0
    fetched = client.get(path)
    assert (fetched.status_code, fetched.content) == (200, b"")


@pytest.mark.parametrize("kind", ["image/png", "text/plain; charset=iso-8859-2", "x-own/kind"])
def test_any_declared_type_is_kept(client: httpx.Client, folder: str, kind: str) -> None:
    path = f"/files/{folder}typed"
    client.put(path, content=b"\x89PNG", headers={"Content-Type": kind})
    assert client.get(path).headers["content-type"] == kind


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        ("a%20b.txt", "a b.txt"),
        ("v;rev=2.txt", "v;rev=2.txt"),
        ("deep/er//twice.txt", "deep/er//twice.txt"),
        ("slash/", "slash/"),
        ("%E6%97%A5%E6%9C%AC.txt", "日本.txt"),
        ("100%25.txt", "100%.txt"),
        ("plus+and%2Bplus", "plus+and+plus"),
        ("q%3Fm%23h", "q?m#h"),
        (".hidden", ".hidden"),
        ("dots..in..it", "dots..in..it"),
    ],
)
def test_names_mean_what_their_encoding_says(
    client: httpx.Client, target: Target, folder: str, segment: str, name: str
) -> None:
    response = target.raw("PUT", f"/files/{folder}{segment}", BYTES, b"named")
    assert response.status == 201, response.body
    listed = client.get("/api/v1/files", params={"prefix": folder}).json()
    assert [entry["name"] for entry in listed] == [folder + name]
    assert target.raw("GET", f"/files/{folder}{segment}").body == b"named"
    assert client.get(listed[0]["href"]).content == b"named"


@pytest.mark.encoded_separator
@pytest.mark.parametrize("segment", ["a%2Fb", "a%5Cb"])
def test_an_encoded_separator_is_part_of_the_name(
    target: Target, folder: str, segment: str
) -> None:
    path = f"/files/{folder}{segment}"
    assert target.raw("PUT", path, BYTES, b"odd").status == 201
    assert target.raw("GET", path).body == b"odd"


def test_a_current_copy_is_not_sent_again(client: httpx.Client, stored: str) -> None:
    etag = client.head(stored).headers["etag"]
    response = client.get(stored, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == etag
    assert client.get(stored, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_lost_update_is_prevented(client: httpx.Client, stored: str) -> None:
    etag = client.head(stored).headers["etag"]
    headers = {**BYTES, "If-Match": etag}
    assert client.put(stored, content=b"second", headers=headers).status_code == 200
    assert client.put(stored, content=b"third", headers=headers).status_code == 412
    assert client.get(stored).content == b"second"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), ("bytes=10000-", 10000, 10239)],
)
def test_a_range_is_sent_alone(
    client: httpx.Client, stored: str, wanted: str, first: int, last: int
) -> None:
    headers = {"Range": wanted, "Accept-Encoding": "identity"}
    response = client.get(stored, headers=headers)
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(BODY)}"
    assert response.headers["content-length"] == str(last - first + 1)
    assert response.content == BODY[first : last + 1]


def test_several_ranges_come_as_parts(client: httpx.Client, stored: str) -> None:
    response = client.get(stored, headers={"Range": "bytes=0-1,300-301"})
    assert response.status_code == 206
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert response.content.count(b"Content-Range: bytes ") == 2


def test_a_range_beyond_the_end_is_416(client: httpx.Client, stored: str) -> None:
    response = client.get(stored, headers={"Range": "bytes=99999-"})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(BODY)}"


def test_head_tells_the_length_of_a_file(target: Target, stored: str) -> None:
    response = target.raw("HEAD", stored, {"Accept-Encoding": "identity"})
    assert (response.status, response.body) == (200, b"")
    assert response.all("content-length") == [str(len(BODY))]
    assert response.all("accept-ranges") == ["bytes"]


def test_a_deleted_file_is_gone(client: httpx.Client, stored: str) -> None:
    response = client.delete(stored)
    assert (response.status_code, response.content) == (204, b"")
    assert client.get(stored).status_code == 404
    assert client.delete(stored).status_code == 204


def test_a_form_brings_several_files(client: httpx.Client, folder: str) -> None:
    files = [
        ("files", ("první.txt", "žluť".encode(), "text/plain")),
        ("files", ("second.bin", BODY, "application/octet-stream")),
        ("files", ("empty", b"", "application/octet-stream")),
    ]
    response = client.post("/upload", params={"folder": folder}, files=files)
    assert response.status_code == 201
    assert [(entry["name"], entry["size"]) for entry in response.json()] == [
        (f"{folder}první.txt", 6),
        (f"{folder}second.bin", len(BODY)),
        (f"{folder}empty", 0),
    ]
    assert client.get(response.json()[0]["href"]).text == "žluť"


def test_a_form_without_files_is_422(client: httpx.Client) -> None:
    response = client.post("/upload", files={"other": ("a", b"a")})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "files"]


def test_writing_where_nothing_is_written_is_405(client: httpx.Client) -> None:
    response = client.put("/upload", content=b"x", headers=BYTES)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
