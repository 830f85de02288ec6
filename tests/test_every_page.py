"""Every kind of page of every site we can make: HTML, links, what the browser says, phones, accessibility.

What a new page must keep to is held here without naming it: pages are found in the built sites.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browsing import (
    COLOURS,
    LOOKS,
    PHONE,
    WIDE,
    Choice,
    axe,
    colour_violations,
    kinds,
    opened_site,
    overflow,
    violations,
)
from webcheck import broken_links, html_faults, links_out

SITES = ("sample", "demo", "large")


@pytest.fixture(params=SITES)
def folder(request: pytest.FixtureRequest) -> Path:
    """The folder of each site."""
    found: Path = request.getfixturevalue(f"{request.param}_site")
    return found


def pages(folder: Path) -> list[Path]:
    """Every page; of a kind with more than 40, an even choice of 20 to 40."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.html")):
        kinds.setdefault(path.relative_to(folder).parts[0], []).append(path)
    return [path for found in kinds.values() for path in found[:: -(-len(found) // 40)]]


@pytest.mark.slow
def test_every_page_is_valid_html(folder: Path) -> None:
    faults = [
        f"{path.relative_to(folder)}:{fault}"
        for path in pages(folder)
        for fault in html_faults(path.read_text(encoding="utf-8"))
    ]
    assert not faults, "\n".join(faults[:20])


@pytest.mark.slow
def test_a_page_of_a_run_is_quick_to_send(folder: Path) -> None:
    """With its own data, without what all pages share, and gzipped, as servers send it."""
    runs = [path.parent for path in pages(folder) if path.relative_to(folder).parts[0] == "runs"]
    assert len(runs) > 10
    for run in runs:
        sent = sum(len(gzip.compress(path.read_bytes())) for path in run.iterdir() if path.is_file())
        assert sent < 40_000, run


@pytest.mark.slow
def test_every_link_leads_somewhere(folder: Path) -> None:
    assert len(pages(folder)) > 40
    faults = sorted(broken_links(folder, pages(folder)))
    assert not faults, "\n".join(faults[:20])


@pytest.mark.slow
def test_the_sample_links_to_no_other_site_but_those_its_project_names(sample_site: Path) -> None:
    found = {link for path in pages(sample_site) for link in links_out(path.read_text(encoding="utf-8"))}
    assert found
    assert not [link for link in found if not link.startswith("https://example.org/")]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "choice"), [("file", min), ("http", max)])
def test_every_kind_of_page_is_quiet_and_fits_a_phone(
    folder: Path, browser: Browser, scheme: str, choice: Choice
) -> None:
    """The largest of a kind over http, the smallest from a folder; accessibility opens the largest there."""
    with opened_site(folder, browser, scheme) as site:
        for path, page in site.tour(kinds(folder, choice), width=PHONE):
            assert overflow(page) <= 0, f"{path} is {overflow(page)} px wider than a phone"
            assert page.locator("h1").first.is_visible(), path


@pytest.mark.slow
@pytest.mark.browser
def test_every_kind_of_page_is_accessible(folder: Path, sample_site: Path, browser: Browser) -> None:
    """Colours are judged once for each look that text has anywhere in the site, light and dark.

    What a phone changes (what is hidden, what scrolls) is the frame's and the kind's; the sample has all.
    """
    faults: dict[str, str] = {}
    seen: set[str] = set()
    with opened_site(folder, browser, "file") as site:
        for path, page in site.tour(kinds(folder)):
            page.evaluate(axe())
            for width, dark in (look for look in LOOKS if folder == sample_site or look[0] == WIDE):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme="dark" if dark else "light")
                page.locator(f"body[data-md-color-scheme={'slate' if dark else 'default'}]").wait_for()
                look = f"{path} at {width} px{' in the dark' if dark else ''}"
                found = [] if dark else violations(page, but=COLOURS)
                for fault in found + (colour_violations(page, seen) if width == WIDE else []):
                    faults.setdefault(fault, look)
            page.set_viewport_size({"width": WIDE, "height": 900})
    assert not faults, "\n".join(f"{look}: {fault}" for fault, look in faults.items())


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(
    ("style", "rule"),
    [
        (".md-typeset td { color: inherit }", ""),
        (".md-typeset td { color: #999 }", "color-contrast"),
        (".md-typeset tbody tr:last-child td { background: #777 }", "color-contrast"),
        (".md-typeset h1 { opacity: .3 }", "color-contrast"),
    ],
)
def test_a_bad_colour_is_found_by_its_look(
    sample_site: Path, browser: Browser, style: str, rule: str
) -> None:
    with opened_site(sample_site, browser, "file") as site:
        page = site.open("datasets/index.html", width=WIDE)
        page.add_style_tag(content=style)
        page.evaluate(axe())
        found = colour_violations(page, set())
        assert bool(found) is bool(rule), found
        assert all(rule in fault for fault in found)


@pytest.mark.slow
@pytest.mark.browser
def test_the_first_tab_leads_past_the_navigation(sample_site: Path, browser: Browser) -> None:
    with opened_site(sample_site, browser, "file") as site:
        for path, page in site.tour(kinds(sample_site)):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.matches('.md-skip')"), path
            page.keyboard.press("Enter")
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.closest('.md-header, .md-tabs') === null"), path


@pytest.mark.slow
@pytest.mark.browser
def test_a_missing_page_leads_home(sample_site: Path, browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(sample_site, tmp_path / "team" / "site")
    gone = (sample_site / "404.html").read_text(encoding="utf-8")
    with opened_site(tmp_path, browser, "http") as site:
        page = site.open("team/site/index.html", width=PHONE)
        page.route("**/runs/missing/**", lambda route: route.fulfill(body=gone, content_type="text/html"))
        page.goto(f"{site.base}team/site/runs/missing/index.html")
        page.evaluate(axe())
        assert not violations(page)
        assert overflow(page) <= 0
        for link, title in (("home page", "late-flights"), ("all runs", "Runs"), ("models", "Models")):
            page.goto(f"{site.base}team/site/runs/missing/index.html")
            page.get_by_role("link", name=link).click()
            page.get_by_role("heading", level=1, name=title).wait_for()


@pytest.mark.slow
def test_every_page_has_a_title_of_its_kind_and_says_what_the_project_is(sample_site: Path) -> None:
    for path in pages(sample_site):
        if path == sample_site / "404.html":
            continue
        head = path.read_text(encoding="utf-8").partition("</head>")[0]
        assert "late-flights</title>" in head, path
        assert '<meta name="description" content="Predicts late flights' in head, path


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<div><p>x</div>", ""),
        ("<div><section>x</div></section>", "section"),
        ("<p><div>x</div></p>", "p"),
        ("<div>x", "div"),
        ("<b id=a></b><i id=a></i>", "id a"),
        ("<ul><div>x</div></ul>", "<div> in <ul>"),
        ("<span><div>x</div></span>", "<div> in <span>"),
        ("<a href=x><button>x</button></a>", "<button> inside a <a>"),
        ("<table><tr><div>x</div></tr></table>", "div"),
    ],
)
def test_faults_of_html_are_found(body: str, fault: str) -> None:
    found = list(html_faults(f"<!doctype html><html><head><title>x</title></head><body>{body}</body></html>"))
    assert bool(found) is bool(fault)
    assert fault in "\n".join(found)


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="x"><a href="#x"></a><a href="#y"></a><img src="no.png">', "utf-8"
    )
    assert sorted(broken_links(tmp_path, [tmp_path / "a.html"])) == ["a.html: #y", "a.html: no.png"]
