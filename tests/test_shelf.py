"""The list of many experiments in a real browser: the runs table with experiments in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser

import sample
from modelbook.pages import shelf
from modelbook.pages.index import Index
from test_runs_table import site

pytestmark = pytest.mark.browser


def test_two_hundred_experiments_are_filtered_sorted_and_folded(browser: Browser, tmp_path: Path) -> None:
    held = sample.catalog().experiments
    many = tuple(replace(held[at % 4], name=f"{held[at % 4].name}-{at:03}") for at in range(200))
    data = shelf.columns(Index(replace(sample.catalog(), experiments=many)))
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(site(tmp_path, data).as_uri())
    page.wait_for_selector("[data-modelbook-table][data-ready]")
    status = page.locator(".mb-t-status")
    assert status.inner_text().startswith("200 ")
    page.fill(".mb-t-query", "auc > 0.744 and owner = eve")
    page.locator(".mb-t-status", has_text="50 of 200").wait_for()
    assert "gbm-sweep" in page.locator("[data-line='0']").inner_text()
    page.goto(page.url.partition("#")[0] + "#group=tag&sort=-metrics.roc_auc")
    page.reload()
    page.wait_for_selector(".mb-t-group")
    assert "200 " in status.inner_text()
    assert "sweep" in page.locator(".mb-t-group").first.inner_text()
    page.close()
