"""The site of 2,000 runs in a real Chromium, from a folder and over http: find, compare and share runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import synthetic
from browsing import PHONE, Site, opened_site, overflow, says

pytestmark = [pytest.mark.browser, pytest.mark.slow]


ONE_WAY = pytest.mark.parametrize("opened", ["file"], indirect=True)
"""For what is no other over http: what it loads is loaded by tests that are opened both ways."""


@pytest.fixture(params=["file", "http"])
def opened(request: pytest.FixtureRequest, large_site: Path, browser: Browser) -> Iterator[Site]:
    """The site; after each test nothing may have gone wrong in the browser."""
    with opened_site(large_site, browser, request.param) as made:
        yield made


def first(page: Page) -> str:
    return page.locator(".mb-t-scroll [role=row] a").first.inner_text()


def test_all_runs_are_in_the_table_and_few_are_drawn(opened: Site) -> None:
    page = opened.open("runs/index.html")
    says(page, "2,000 runs")
    assert page.locator(".mb-t-scroll [role=row]").count() < 120
    page.locator(".mb-t-scroll").focus()
    page.keyboard.press("Control+End")
    page.get_by_role("link", name="trial-00-0", exact=True).wait_for()


def test_a_query_and_a_filter_are_in_the_address_and_come_back(opened: Site) -> None:
    page = opened.open("runs/index.html")
    wanted = [run for run in synthetic.catalog().runs if run.experiment == "trial-07"]
    query = "model.kind = gbm and experiment = trial-07"
    kinds = [param.value for run in wanted for param in run.params if param.name == "model.kind"]
    expected = kinds.count("gbm")
    assert 0 < expected < len(wanted)
    page.locator(".mb-t-query").fill(query)
    says(page, f"{expected} ")
    shared = page.url
    assert "#" in shared
    page.context.close()
    again = opened.open(shared.removeprefix(opened.base))
    says(again, f"{expected} ")
    assert again.locator(".mb-t-query").input_value() == query


@ONE_WAY
def test_sorting_brings_the_best_to_the_top(opened: Site) -> None:
    page = opened.open("runs/index.html")
    says(page, "2,000 runs")
    runs = [run for run in synthetic.catalog().runs if run.pipeline == "flights"]
    best = max(runs, key=lambda run: next(m.value for m in run.metrics if m.name == "roc_auc"))
    page.locator("[role=columnheader]", has_text="roc_auc").locator("span").first.click()
    page.get_by_role("link", name=best.name, exact=True).first.wait_for()
    assert first(page) == best.name


@ONE_WAY
def test_a_pipeline_leads_to_its_experiments_among_many(opened: Site) -> None:
    wanted = [item for item in synthetic.catalog().experiments if item.pipeline == "digits"]
    page = opened.open(f"runs/{wanted[0].runs[0]}/index.html")
    page.locator(".mb-facts").get_by_role("link", name="digits", exact=True).first.click()
    says(page, f"{len(wanted)} ")
    assert page.locator(".mb-t-query").input_value() == 'pipeline = "digits"'


@ONE_WAY
def test_runs_are_chosen_in_the_table_and_compared(opened: Site) -> None:
    page = opened.open("runs/index.html")
    says(page, "2,000 runs")
    for box in page.locator(".mb-t-scroll [role=gridcell].mb-t-select input").all()[:2]:
        box.check()
    page.locator(".mb-t-selection").get_by_role("link", name="Compare").or_(
        page.locator(".mb-t-selection").get_by_role("button", name="Compare")
    ).first.click()
    page.wait_for_url("**/compare/index.html#runs=*")
    page.locator(".mb-compare").wait_for()
    assert page.locator(".mb-compare thead a").count() == 2
    assert overflow(page) <= 0


def test_a_run_shows_its_curves_matrix_and_image(opened: Site) -> None:
    page = opened.open("runs/index.html")
    says(page, "2,000 runs")
    page.locator(".mb-t-scroll [role=row] a").first.click()
    page.get_by_role("heading", name="Plots").wait_for()
    picture = page.locator("figure img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function(
        "image => image.complete && image.naturalWidth === 8", arg=picture.element_handle()
    )
    page.get_by_role("button", name="Interactive").first.click()
    page.wait_for_selector(".mb-plotly .main-svg", timeout=30_000)


@ONE_WAY
def test_experiments_and_models_are_found_by_search(opened: Site) -> None:
    page = opened.open("index.html")
    page.keyboard.press("/")
    page.locator(".mb-search input").fill("trial-31")
    page.locator(".mb-search li").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiments/trial-31/index.html")
    expect(page.locator("h1")).to_have_text("trial-31")


@pytest.mark.parametrize(("opened", "dark"), [("file", False), ("http", True)], indirect=["opened"])
def test_a_phone_shows_the_table_in_light_and_dark(opened: Site, dark: bool) -> None:
    page = opened.open("runs/index.html", width=PHONE, dark=dark)
    says(page, "2,000 runs")
    assert overflow(page) <= 0
    red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0]")
    assert (int(red) < 60) is dark
    page.locator(".mb-t-query").fill("log_loss < 0.2")
    says(page, str(sum(run_loss < 0.2 for run_loss in losses())))


def losses() -> list[float]:
    """The log loss of every run."""
    return [m.value for run in synthetic.catalog().runs for m in run.metrics if m.name == "log_loss"]


@ONE_WAY
def test_the_first_hundred_runs_are_readable_without_javascript(opened: Site) -> None:
    page = opened.open("runs/index.html", javascript=False)
    rows = page.locator("table.mb-table tbody tr")
    assert rows.count() == 100
    assert rows.first.get_by_role("link").first.is_visible()
