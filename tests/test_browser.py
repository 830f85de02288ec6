"""The site in a real Chromium, opened as files and over http: what people see, and what must never happen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

import sample
from modelbook import site
from modelbook.pages import text
from modelbook.site.preview import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GBM = f"runs/{hashlib.sha256(b'gbm').hexdigest()[:12]}/index.html"
HOSTILE = f"runs/{hashlib.sha256(sample.SCRIPT.encode()).hexdigest()[:12]}/index.html"
EVERY_KIND = (
    "index.html",
    "experiments/index.html",
    "experiments/gbm/index.html",
    f"experiments/{text.slug(sample.SCRIPT)}/index.html",
    "runs/index.html",
    GBM,
    HOSTILE,
    "models/index.html",
    "models/flight-delay/index.html",
    "models/flight-delay/v1.1.0/index.html",
    f"models/{text.slug(sample.SCRIPT)}/index.html",
    "datasets/index.html",
    "lineage/index.html",
    "changes/index.html",
    f"commits/{sample.COMMITS[3].sha[:12]}/index.html",
    "problems/index.html",
)


@dataclass
class Site:
    """The built site at one address."""

    base: str
    browser: Browser
    faults: list[str] = field(default_factory=list)

    def open(self, path: str, *, width: int = 1280, dark: bool = False, javascript: bool = True) -> Page:
        """A page in a context of its own, whose every complaint is kept in `faults`."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
        )
        page = context.new_page()
        page.on("console", lambda message: self._console(path, message))
        page.on("pageerror", lambda error: self.faults.append(f"{path}: {error}"))
        page.on("dialog", lambda dialog: self._dialog(path, dialog))
        page.on("request", lambda request: self._request(path, request))
        page.on("requestfailed", lambda request: self._failed(path, request))
        page.goto(self.base + path, wait_until="load")
        return page

    def _console(self, path: str, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{path}: {message.text}")

    def _dialog(self, path: str, dialog: Dialog) -> None:
        self.faults.append(f"{path}: a script of a hostile name ran: {dialog.message}")
        dialog.dismiss()

    def _failed(self, path: str, request: Request) -> None:
        """A request under way when its page is closed is aborted: that is no fault of the site's."""
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{path}: failed {request.url}: {request.failure}")

    def _request(self, path: str, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"{path}: asked for {request.url}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("browser") / "site"
    site.build(sample.catalog(), out, read=sample.BLOBS.get)
    return out


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield started
        started.close()


@pytest.fixture(params=["file", "http"])
def opened(request: pytest.FixtureRequest, folder: Path, browser: Browser) -> Iterator[Site]:
    """The site; after each test nothing may have gone wrong in the browser."""
    if request.param == "file":
        made = Site(folder.as_uri() + "/", browser)
        yield made
    else:
        with Server(folder, 0) as server:
            made = Site(server.url.removesuffix("index.html"), browser)
            yield made
            _close(browser)
    _close(browser)
    assert not made.faults, "\n".join(made.faults)


def _close(browser: Browser) -> None:
    for context in browser.contexts:
        context.close()


def test_every_kind_of_page_is_quiet_and_fits_a_phone(opened: Site) -> None:
    for path in EVERY_KIND:
        page = opened.open(path, width=375)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 375, f"{path} is {width} px wide"
        assert page.locator("h1").first.is_visible(), path
        page.context.close()


def test_home(opened: Site) -> None:
    page = opened.open("index.html")
    assert "0.7461" in page.locator(".mb-leader").first.inner_text()
    assert "+0.0029" in page.locator(".mb-leader").first.inner_text()
    page.get_by_role("link", name="gbm-sweep-learning_rate-0.1").first.click()
    assert page.locator("h1").inner_text() == "gbm-sweep-learning_rate-0.1"
    assert page.locator(".md-tabs__item--active").inner_text().strip() == "Runs"


def test_runs_table(opened: Site) -> None:
    page = opened.open("runs/index.html")
    page.locator(".mb-t-query").fill("roc_auc > 0.745")
    page.wait_for_function("document.querySelector('.mb-t-status').textContent.startsWith('1 ')")
    page.get_by_role("link", name="gbm-sweep-learning_rate-0.1").click()
    assert page.locator("h1").inner_text() == "gbm-sweep-learning_rate-0.1"


def test_runs_table_without_javascript(opened: Site) -> None:
    page = opened.open("runs/index.html", javascript=False)
    assert page.locator("table.mb-table tbody tr").count() == len(sample.RUNS)


def test_run_page(opened: Site) -> None:
    page = opened.open(f"{GBM}#m-roc_auc")
    receipt = page.locator("#m-roc_auc")
    assert receipt.get_attribute("open") is not None
    assert "results/gbm/metrics.json" in receipt.inner_text()
    assert page.locator("figure svg").count() == 3
    page.get_by_role("button", name="Interactive").first.click()
    page.wait_for_selector(".mb-plotly .main-svg", timeout=20_000)


def test_commands_can_be_copied(opened: Site) -> None:
    page = opened.open(GBM)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".mb-command > button.mb-copy").last.click()
    page.get_by_text("Copied", exact=True).wait_for()
    assert "dvc repro flights-train@gbm" in page.evaluate("navigator.clipboard.readText()")


def test_model_page(opened: Site) -> None:
    page = opened.open("models/flight-delay/index.html")
    assert "v1.1.0" in page.locator("table").first.inner_text()
    assert page.get_by_text("Missing: nobody has written this section yet.").count() == 8
    page.goto(opened.base + "models/flight-delay/v1.1.0/index.html")
    assert "Rank flights by risk" in page.locator(".mb-modelcard").inner_text()


def test_search(opened: Site) -> None:
    page = opened.open(GBM)
    page.keyboard.press("/")
    page.locator(".mb-search input").fill("sweep")
    page.locator(".mb-search li").first.wait_for()
    assert page.locator(".mb-search li").first.inner_text().startswith("gbm-sweep")
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiments/gbm-sweep/index.html")


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark(opened: Site, dark: bool) -> None:
    page = opened.open(GBM, dark=dark)
    red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0]")
    assert (int(red) < 60) is dark
    line = page.evaluate("getComputedStyle(document.querySelector('figure path.mb-s1')).stroke")
    assert line == ("rgb(93, 184, 240)" if dark else "rgb(0, 114, 178)")


def test_the_palette_can_be_chosen(opened: Site) -> None:
    page = opened.open("index.html")
    page.locator("label[for=__palette_1]").click()
    page.locator("label[for=__palette_2]").click()
    assert page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"


def test_hostile_names_are_shown_not_obeyed(opened: Site) -> None:
    page = opened.open(HOSTILE)
    assert page.locator("h1").inner_text() == sample.SCRIPT
    assert page.evaluate("document.querySelectorAll('script:not([src])').length") < 12
    page.keyboard.press("/")
    page.locator(".mb-search input").fill("script")
    page.locator(".mb-search li").first.wait_for()
    assert (
        sample.SCRIPT.strip("|").replace("<", "‹").replace(">", "›")
        in page.locator(".mb-search").inner_text()
    )
