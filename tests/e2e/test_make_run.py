"""`make run`, the first thing that anybody tries."""

import os
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
from harness import processes
from harness.gateway import Gateway, announced, clean_environment
from harness.places import BUCKLER, ROOT
from harness.until import until

SECONDS = 120
"""It may have to wait for a build that somebody else has under way."""


def gateway_of(run: str) -> int | None:
    """Find the gateway among the processes of a run; make and its shell are others."""
    for pid in processes.marked(run):
        try:
            if Path(f"/proc/{pid}/exe").readlink().name == BUCKLER.name:
                return pid
        except OSError:
            continue
    return None


@pytest.mark.timeout(2 * SECONDS)
def test_make_run_serves_the_shop_over_https(tmp_path: Path) -> None:
    # R01, R80
    run = uuid.uuid4().hex
    out, err = tmp_path / "log.txt", tmp_path / "told.txt"
    with out.open("wb") as out_sink, err.open("wb") as err_sink:
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run", "LISTEN=127.0.0.1:0"],
            cwd=ROOT,
            env=clean_environment({processes.MARK: run}),
            stdin=subprocess.DEVNULL,
            stdout=out_sink,
            stderr=err_sink,
        )
    gateway = Gateway(process, run, out, err)
    try:
        until("it serves", lambda: " serves shop.main:app " in gateway.told(), SECONDS)
        announced(gateway)
        assert gateway.base_url.startswith("https://127.0.0.1:")
        assert gateway.authority is not None
        told = gateway.told()
        assert told.count("\n  curl --cacert ") == 3
        for state in ("enforced", "monitored", "off"):
            assert f"\n{state}" in told, "the report says what is done and what is not"
        with gateway.client() as client:
            assert client.get("/health").json() == {"status": "ok"}
            assert len(client.get("/products").json()) >= 6, "it is seeded"
            assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400
        pid = gateway_of(run)
        assert pid is not None
        os.kill(pid, signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert processes.marked(run) == set()
    finally:
        gateway.kill()
