"""Zensical builds the same site from the same Markdown: what keeps a change of the engine cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import html5lib  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser

import sample
from browsing import PHONE, opened_site, overflow, says
from conftest import ROOT
from modelbook import site
from modelbook.cli import main
from webcheck import broken_links, html_faults

pytestmark = pytest.mark.slow

OF_ITS_OWN = "404.html"
"""The one page that Zensical adds: its links are absolute, for it can be shown anywhere."""


def zensical(folder: Path) -> Path:
    """Build the source in a folder, strictly, and return the site's folder."""
    argv = [sys.executable, "-m", "zensical", "build", "--strict", "-f", "mkdocs.yml"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def pages(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")} - {OF_ITS_OWN}


def words(page: Path) -> str:
    """The text of a page less the frame around it."""
    root = html5lib.parse(page.read_text(encoding="utf-8"), namespaceHTMLElements=False)
    found = [node for node in root.iter("article") if "md-content__inner" in node.get("class", "")]
    assert len(found) == 1, page
    return " ".join("".join(found[0].itertext()).split())


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's site, by Zensical."""
    folder = tmp_path_factory.mktemp("zensical") / "source"
    site.source(sample.catalog(), folder, read=sample.BLOBS.get)
    return zensical(folder)


def test_its_pages_say_the_same(other: Path, sample_site: Path) -> None:
    assert pages(other) == pages(sample_site)
    for path in sorted(pages(sample_site)):
        assert words(other / path) == words(sample_site / path), path


def test_its_pages_are_whole(other: Path) -> None:
    found = [other / path for path in sorted(pages(other))]
    assert not list(broken_links(other, found))
    assert not [fault for path in found for fault in html_faults(path.read_text(encoding="utf-8"))]


@pytest.mark.browser
def test_its_pages_work_in_a_browser(other: Path, browser: Browser) -> None:
    with opened_site(other, browser, "http") as opened:
        assert overflow(opened.open("index.html", width=PHONE)) <= 0
        page = opened.open("runs/index.html")
        page.locator(".mb-t-query").fill("roc_auc > 0.745")
        says(page, "1 ")


def test_it_builds_this_repository(demo_site: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    done = CliRunner().invoke(main, ["build", "--repo", str(ROOT), "--source", str(source)])
    assert done.exit_code == 0, done.output
    assert f"See {source / 'mkdocs.yml'}" in done.output
    made = zensical(source)
    assert pages(made) == pages(demo_site)
    assert not list(broken_links(made, [made / path for path in pages(made)]))
