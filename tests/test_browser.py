"""The site in a real Chromium, opened as files and over http: what people see, and what must never happen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import sample
from browsing import Site, opened_site, says

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GBM = f"runs/{hashlib.sha256(b'gbm').hexdigest()[:12]}/index.html"
HOSTILE = f"runs/{hashlib.sha256(sample.SCRIPT.encode()).hexdigest()[:12]}/index.html"


ONE_WAY = pytest.mark.parametrize("opened", ["file"], indirect=True)
"""For what is no other over http: what it loads is loaded by tests that are opened both ways."""


@pytest.fixture(params=["file", "http"])
def opened(request: pytest.FixtureRequest, sample_site: Path, browser: Browser) -> Iterator[Site]:
    """The sample's site; after each test nothing may have gone wrong in the browser."""
    with opened_site(sample_site, browser, request.param) as made:
        yield made


@ONE_WAY
def test_home(opened: Site) -> None:
    page = opened.open("index.html")
    assert "0.7461" in page.locator(".mb-leader").first.inner_text()
    assert "+0.0029" in page.locator(".mb-leader").first.inner_text()
    page.get_by_role("link", name="gbm-sweep-learning_rate-0.1").first.click()
    expect(page.locator("h1")).to_have_text("gbm-sweep-learning_rate-0.1")
    expect(page.locator(".md-tabs__item--active")).to_have_text("Runs")


def test_runs_table(opened: Site) -> None:
    page = opened.open("runs/index.html")
    page.locator(".mb-t-query").fill("roc_auc > 0.745")
    says(page, "1 ")
    page.get_by_role("link", name="gbm-sweep-learning_rate-0.1").click()
    expect(page.locator("h1")).to_have_text("gbm-sweep-learning_rate-0.1")


@ONE_WAY
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
    page.locator("#reproduce ~ .mb-command > button.mb-copy").first.click()
    page.get_by_text("Copied", exact=True).wait_for()
    assert "dvc repro flights-train@gbm" in page.evaluate("navigator.clipboard.readText()")


@ONE_WAY
def test_a_receipt_can_be_copied(opened: Site) -> None:
    page = opened.open(GBM)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#m-roc_auc summary").click()
    page.locator("#m-roc_auc").get_by_role("button", name="Copy receipt").click()
    page.get_by_text("Copied", exact=True).wait_for()
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[0] == "roc_auc: 0.7405"
    said = dict(line.split(": ", 1) for line in copied if ": " in line)
    assert {"key", "file", "commit", "Git blob", "stage", "lock entry"} <= said.keys()
    assert said["Git blob"] == sample.digest("results/gbm/metrics.json")
    assert copied[-1] == "dvc repro flights-train@gbm"


@ONE_WAY
def test_a_receipt_without_javascript_is_one_link_away(opened: Site) -> None:
    page = opened.open(GBM, javascript=False)
    page.locator("#m-roc_auc summary").click()
    page.locator("#m-roc_auc a[data-mb-receipt]").click()
    page.locator(f"text={sample.digest('lockgbm')[:12]}").last.wait_for(state="attached")
    assert page.url.endswith("#source-1")


@ONE_WAY
def test_a_run_expands_into_the_whole_lineage(opened: Site) -> None:
    page = opened.open(GBM)
    page.get_by_role("link", name="Expand").click()
    page.wait_for_selector("[data-key='stage:flights-train@gbm'].mb-focus")
    expect(page.locator(".mb-lin-panel")).to_contain_text("Open the run")
    expect(page.locator("[data-key='model:flight-delay@v1.1.0']")).to_have_count(1)


@ONE_WAY
def test_a_chart_of_a_report_becomes_interactive(opened: Site) -> None:
    page = opened.open("reports/which-model/index.html")
    figure = page.locator("figure:has([data-mb-interactive])").first
    figure.get_by_role("button", name="Interactive").click()
    figure.locator(".mb-plotly .main-svg").first.wait_for()
    assert not figure.locator(".mb-drawing > svg").is_visible()


@ONE_WAY
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
    expect(page.locator(".mb-search li").first).to_have_text(re.compile("^gbm-sweep"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiments/gbm-sweep/index.html")


@pytest.mark.parametrize(("opened", "dark"), [("file", False), ("http", True)], indirect=["opened"])
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
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")


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
