"""A headless Chromium of Debian's, and pages of other origins.

Without a Chromium the tests are skipped with the mend. Where `E2E_BROWSER=required`, as in `make
suites`, they fail.
"""

import os
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness import certificates
from harness.certificates import Issued
from harness.places import PATIENCE
from playwright.sync_api import BrowserContext, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def lacking(what: str) -> None:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("E2E_BROWSER") == "required":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser with a fresh profile; the certificates of the tests are none it knows."""
    chromium = shutil.which("chromium")
    if chromium is None:
        lacking("chromium is missing; mend: apt-get install chromium")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=chromium,
            args=FLAGS,
            headless=True,
            ignore_https_errors=True,
        )
        context.set_default_timeout(PATIENCE * 1000)
        yield context
        context.close()


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A certificate for the address that the tests dial."""
    return certificates.issue(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


class Quiet(SimpleHTTPRequestHandler):
    """A file server that prints nothing."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def pages(issued: Issued) -> Iterator[Callable[[Path], str]]:
    """Serves a folder at an origin of its own, over HTTPS."""
    with ExitStack() as stack:

        def serve(folder: Path) -> str:
            server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(issued.chain, issued.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()

            def end() -> None:
                server.shutdown()
                server.server_close()
                thread.join()

            stack.callback(end)
            return f"https://127.0.0.1:{server.server_address[1]}"

        yield serve
