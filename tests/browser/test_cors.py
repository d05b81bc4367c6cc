"""CORS as a browser sees it: the board's front end at another origin than its API. R05"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.certificates import Issued
from harness.gateway import Gateway, running
from harness.suites import BOARD_APP
from playwright.sync_api import BrowserContext, Page

STATIC = BOARD_APP.folder / "board" / "static"
NOT_ASKED = "https://not-asked.example"
"""The only origin that the app's own middleware knows, where the policy is to decide."""

Pages = Callable[[Path], str]


@contextmanager
def board(
    folder: Path, issued: Issued, origin: str | None, own: str = NOT_ASKED
) -> Iterator[Gateway]:
    """Serve the board; its own middleware allows `own`, and the policy `origin`, if it says so."""
    policy = f'[server]\nhosts = ["127.0.0.1"]\n{issued.policy()}'
    if origin is not None:
        policy += (
            f'[cors]\norigins = ["{origin}"]\ncredentials = true\n'
            'headers = ["Content-Type", "X-Board-Client"]\n'
            'expose = ["X-Request-ID", "X-Total-Count"]\n'
        )
    with running(
        folder / "gateway",
        BOARD_APP.target,
        BOARD_APP.folder,
        policy=policy,
        environment={**BOARD_APP.environment(folder / "data"), "BOARD_ORIGINS": own},
        authority=issued.authority,
        arguments=["--workers", "1"],
    ) as gateway:
        yield gateway


def opened(browser: BrowserContext, origin: str, gateway: Gateway) -> Page:
    page = browser.new_page()
    page.goto(f"{origin}/?api={gateway.base_url}")
    page.wait_for_selector("body:not([data-state=loading])")
    return page


FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {
      type: answer.type, status: answer.status, text: await answer.text(),
      total: answer.headers.get("x-total-count"), id: answer.headers.get("x-request-id"),
    };
  } catch (error) {
    return { error: String(error) };
  }
}"""


@pytest.mark.parametrize("decider", ["policy", "app"])
def test_a_page_of_ours_works(
    browser: BrowserContext, pages: Pages, issued: Issued, tmp_path: Path, decider: str
) -> None:
    # R05: preflight, credentials, an exposed header; without [cors] it is the app's own business
    ours = pages(STATIC)
    origin, own = (ours, NOT_ASKED) if decider == "policy" else (None, ours)
    with board(tmp_path, issued, origin, own) as gateway:
        page = opened(browser, ours, gateway)
        assert page.get_attribute("body", "data-state") == "ready", page.inner_text("#error")
        assert page.inner_text("#who") == "logged in as Guest", "the cookie went along"
        assert page.get_attribute("#notes", "data-total") == "0", "the exposed header is read"
        page.fill("input[name=text]", "from another origin")
        page.click("button")
        page.wait_for_selector("#notes li")
        assert page.inner_text("#notes li") == "from another origin"
        lines = gateway.requests()
        preflights = [line for line in lines if line["method"] == "OPTIONS"]
        assert preflights
        answered_here = {line["outcome"] for line in preflights}
        assert answered_here == ({"preflight"} if decider == "policy" else {"answered"})
        read = page.evaluate(FETCH, [f"{gateway.base_url}/api/notes", {"credentials": "include"}])
        assert read["status"] == 200
        assert (read["id"] is not None) is (decider == "policy"), "exposed by our policy alone"


def test_a_foreign_page_gets_nothing(
    browser: BrowserContext, pages: Pages, issued: Issued, tmp_path: Path
) -> None:
    # R05: the app's own middleware would have let it in
    ours, foreign = pages(STATIC), pages(STATIC)
    with board(tmp_path, issued, ours, foreign) as gateway:
        page = opened(browser, foreign, gateway)
        assert page.get_attribute("body", "data-state") == "failed"
        assert "Failed to fetch" in page.inner_text("#error")
        refused = [line for line in gateway.requests() if "refusal" in line]
        assert {line["refusal"]["code"] for line in refused} == {"origin_not_allowed"}
        assert {line["method"] for line in refused} == {"OPTIONS"}
        assert not [line for line in gateway.requests() if line["method"] == "POST"]
        url = f"{gateway.base_url}/api/notes"
        for options in ({}, {"credentials": "include"}):
            read = page.evaluate(FETCH, [url, options])
            assert "Failed to fetch" in read["error"], "a simple request is answered, not readable"
        opaque = page.evaluate(FETCH, [url, {"mode": "no-cors"}])
        assert opaque.get("error") or (opaque["type"], opaque["text"]) == ("opaque", "")


def test_a_sandboxed_frame_of_ours_is_foreign(
    browser: BrowserContext, pages: Pages, issued: Issued, tmp_path: Path
) -> None:
    # R05: its origin is `null`, which everybody can have
    ours = pages(STATIC)
    with board(tmp_path, issued, ours) as gateway:
        page = opened(browser, ours, gateway)
        told = page.evaluate(
            """(url) => new Promise((resolve) => {
              addEventListener("message", (event) => resolve(event.data), { once: true });
              const frame = document.createElement("iframe");
              frame.sandbox = "allow-scripts";
              frame.srcdoc = `<script>
                fetch(${JSON.stringify(url)}, { headers: { "X-Board-Client": "web" } }).then(
                  () => parent.postMessage("read", "*"), () => parent.postMessage("refused", "*"));
              <\\/script>`;
              document.body.append(frame);
            })""",
            f"{gateway.base_url}/api/notes",
        )
        assert told == "refused"


def test_the_page_itself_works_under_our_policy_for_pages(
    browser: BrowserContext, issued: Issued, tmp_path: Path
) -> None:
    # R04: script and style of the service's own, and nothing reported
    with board(tmp_path, issued, None) as gateway:
        page = browser.new_page()
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        page.goto(f"{gateway.base_url}/app/")
        page.wait_for_selector("body[data-state=ready]")
        assert page.evaluate("getComputedStyle(document.body).fontFamily") == "sans-serif"
        page.evaluate("""() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'owned'";
          document.body.append(script);
        }""")
        assert page.title() == "Board", "an inline script does not run"
        blocked = [text for text in console if "Content Security Policy" in text]
        assert len(blocked) == 1, "that script is reported, and nothing of the page"
        assert "inline script" in blocked[0]
