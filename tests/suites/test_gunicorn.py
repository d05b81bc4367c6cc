"""gunicorn's request files: 81 that no server may take, 62 that a server should. R01 R02

Its own parser knows limits and switches that are its own; what differs by those is listed by file.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import differences
from harness.gateway import before
from harness.judged import POLICY, WORST, Judge, Judged
from harness.places import PATIENCE
from harness.recording import recording
from harness.sources import python_source

SOURCE = ("gunicorn", "27.0.1", "b1514965361c8b7e8107a80aa2a92636878df1ccfac6dd204a676426e04d9e3e")
READER = Path(__file__).with_name("gunicorn_requests.py")
DIFFERENCES = Path(__file__).with_name("differences.toml")
HOSTS = ("localhost", "example.com", "0.0.0.0", "127.0.0.1", "[::1]", "a", "x", "whatever")
"""The names that the files use, so that none is refused for its name."""
ABSOLUTE = re.compile(r"^https?://[^/]*")


@dataclass(frozen=True)
class File:
    """One file, and the requests that gunicorn reads from it."""

    name: str
    data: bytes
    requests: list[tuple[str, str, bytes]]

    def with_host(self) -> bytes:
        """Name a host where none is: without one a request is refused for that alone."""
        if b"\nhost:" in self.data.lower():
            return self.data
        host = rb"\1Host: localhost\r\n"
        return re.sub(rb"( HTTP/1\.[01]\r\n)", host, self.data, count=max(1, len(self.requests)))


def files(kind: str) -> Iterator[File]:
    source = python_source(*SOURCE)
    path = os.pathsep.join([str(source), str(source / "tests")])
    told = subprocess.run(
        [sys.executable, str(READER), str(source / "tests" / "requests" / kind)],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    for name, said in json.loads(told.stdout).items():
        # The app gets the origin form of an absolute target, which names the same.
        requests = [
            (method, ABSOLUTE.sub("", uri), base64.b64decode(body))
            for method, uri, body in said["requests"]
        ]
        yield File(name, base64.b64decode(said["data"]), requests)


def judged(folder: Path, known: Sequence[File]) -> Iterator[tuple[File, list[Judged]]]:
    policy = POLICY.format(hosts=", ".join(f'"{host}"' for host in HOSTS))
    with recording() as recorder, before(folder, recorder.url, policy) as gateway:
        judge = Judge(gateway, recorder)
        for file in known:
            yield file, [judge.send(file.data), judge.send(file.with_host())]


def test_what_is_invalid_never_reaches_the_app(tmp_path: Path) -> None:
    known = list(files("invalid"))
    assert len(known) == 81
    found = {}
    for file, tries in judged(tmp_path, known):
        # A body that breaks its framing midway is broken off, and no reader takes it for a whole.
        taken = [one for one in tries if one.faults or any(seen.whole for seen in one.seen)]
        if taken:
            found[file.name] = min((one.outcome for one in taken), key=WORST.index)
    differences.compare(DIFFERENCES, "gunicorn invalid", found)


def test_what_is_valid_reaches_the_app_as_it_is(tmp_path: Path) -> None:
    known = list(files("valid"))
    assert len(known) == 62
    found = {}
    for file, tries in judged(tmp_path, known):
        read = [(request.method, request.target, request.body) for request in tries[-1].seen]
        if read != file.requests:
            found[file.name] = tries[-1].outcome
        assert not tries[-1].faults, file
    differences.compare(DIFFERENCES, "gunicorn valid", found)
