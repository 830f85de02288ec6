"""A built site as a person meets it: opened in a real Chromium, with every complaint of the browser kept."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, expect

from modelbook.site.preview import Server

Choice = Callable[..., Path]

WIDE, PHONE = 1440, 390
LOOKS = ((WIDE, False), (WIDE, True), (PHONE, False))
"""Width and darkness in which pages are judged."""


@dataclass
class Site:
    """The built site at one address."""

    base: str
    browser: Browser
    faults: list[str] = field(default_factory=list)
    _tour: str = ""

    def open(self, path: str, *, width: int = 1280, dark: bool = False, javascript: bool = True) -> Page:
        """A page in a context of its own, whose every complaint is kept in `faults`."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.on("console", lambda message: self._console(path, message))
        page.on("pageerror", lambda error: self.faults.append(f"{self._tour or path}: {error}"))
        page.on("dialog", lambda dialog: self._dialog(path, dialog))
        page.on("request", lambda request: self._request(path, request))
        page.on("requestfailed", lambda request: self._failed(path, request))
        page.goto(self.base + path, wait_until="load")
        return page

    def tour(self, paths: list[str], *, width: int = 1280) -> Iterator[tuple[str, Page]]:
        """One page led to each path in turn: three times as quick as a context for each.

        Faults name the path that the page was led to last.
        """
        page = self.open("404.html", width=width)
        for path in paths:
            self._tour = path
            page.goto(self.base + path, wait_until="load")
            yield path, page
        self._tour = ""
        page.context.close()

    def _console(self, path: str, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{self._tour or path}: {message.text}")

    def _dialog(self, path: str, dialog: Dialog) -> None:
        self.faults.append(f"{self._tour or path}: a script of a hostile name ran: {dialog.message}")
        dialog.dismiss()

    def _failed(self, path: str, request: Request) -> None:
        """A request under way when its page is closed is aborted: that is no fault of the site's."""
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{self._tour or path}: failed {request.url}: {request.failure}")

    def _request(self, path: str, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"{self._tour or path}: asked for {request.url}")


@contextmanager
def opened_site(folder: Path, browser: Browser, scheme: str) -> Iterator[Site]:
    """A built site over `file` or `http`; at the end nothing may have gone wrong in the browser."""
    if scheme == "file":
        made = Site(folder.as_uri() + "/", browser)
        yield made
        close(browser)
    else:
        with Server(folder, 0) as server:
            made = Site(server.url.removesuffix("index.html"), browser)
            yield made
            close(browser)
    assert not made.faults, "\n".join(made.faults)


def close(browser: Browser) -> None:
    """Close every page of a browser."""
    for context in browser.contexts:
        context.close()


def kinds(folder: Path, *choices: Choice) -> list[str]:
    """A page of every kind, the largest; those of one section and one depth are of one kind.

    The one that hosts show in the place of a missing page is left out: it has no frame.

    Args:
        choices: other ways to choose by size: `(max, min)` for the largest and the smallest.
    """
    found: dict[tuple[str, int], list[Path]] = {}
    for path in sorted(folder.rglob("*.html")):
        parts = path.relative_to(folder).parts
        if parts == ("404.html",):
            continue
        found.setdefault((parts[0], len(parts)), []).append(path)
    chosen = {
        choice(pages, key=lambda page: page.stat().st_size)
        for pages in found.values()
        for choice in choices or (max,)
    }
    return sorted(path.relative_to(folder).as_posix() for path in chosen)


expect.set_options(timeout=30_000)


def says(page: Page, words: str) -> None:
    """Wait until the runs table says this first, and of all of its rows."""
    pattern = re.compile(f"^{re.escape(words)}(?!.*loading)")
    expect(page.locator(".mb-t-status")).to_have_text(pattern)


def overflow(page: Page) -> int:
    """How many pixels a page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return width


def axe() -> str:
    """axe-core, as a script: out of the wheel it comes in, which need not be imported for that."""
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec and spec.origin
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")


COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe-core that may judge a page otherwise in the dark, and judge it alike at any width."""

MARK_LOOKS = """(seen) => {
    const known = new Set(seen);
    const boxed = ['backgroundColor', 'backgroundImage', 'opacity', 'filter', 'mixBlendMode', 'position'];
    const lettered = ['color', 'fill', 'fontSize', 'fontWeight', 'fontStyle', 'textShadow', 'visibility',
        'textDecorationLine', 'borderBottomStyle'];
    const said = (node, names) => {
        const style = getComputedStyle(node);
        return names.map((name) => style[name]).join();
    };
    const paths = new Map();
    const path = (node) => {
        if (!node) return '';
        if (!paths.has(node)) {
            const own = `${node.localName}.${node.getAttribute('class')} ${said(node, boxed)}`;
            paths.set(node, `${path(node.parentElement)} ${own}`);
        }
        return paths.get(node);
    };
    const looks = new Map();
    const take = (node) => {
        const off = node.matches(':disabled, [aria-disabled=true]');
        const key = [path(node), said(node, lettered), off, node.getClientRects().length > 0].join();
        looks.set(key, [...(looks.get(key) || []), node]);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        if (texts.currentNode.data.trim()) take(texts.currentNode.parentElement);
    }
    document.querySelectorAll('input, select, textarea').forEach(take);
    document.querySelectorAll('[data-look]').forEach((node) => node.removeAttribute('data-look'));
    const fresh = [...looks.keys()].filter((key) => !known.has(key));
    fresh.forEach((key) => {
        const alike = looks.get(key);
        [alike[0], alike[alike.length - 1]].forEach((node) => node.setAttribute('data-look', ''));
    });
    return fresh;
}"""
"""Marks the first and the last text of each look that is not among those given, and tells the looks it
marked: alike in their letters, in boxes of the same classes, colours and layers all the way up. What axe-core
has against one of those, it has against all of them.
"""


def violations(page: Page, *, but: tuple[str, ...] = ()) -> list[str]:
    """What axe-core has against a page as it stands now: rule, place and what to do, one a line.

    Args:
        but: rules not to ask.
    """
    return _violations(page, {}, {"rules": {rule: {"enabled": False} for rule in but}})


def colour_violations(page: Page, seen: set[str]) -> list[str]:
    """The same by the rules of colours, for every look that text has: they are slow, and looks are few.

    Args:
        seen: the looks that other pages had and that need no second judgement; this page's are added.
    """
    fresh = page.evaluate(MARK_LOOKS, list(seen))
    seen.update(fresh)
    if not fresh:
        return []
    return _violations(
        page, {"include": "[data-look]"}, {"runOnly": {"type": "rule", "values": list(COLOURS)}}
    )


def _violations(page: Page, where: dict[str, str], options: dict[str, Any]) -> list[str]:
    options |= {"resultTypes": ["violations"], "preload": False}
    script = "([where, options]) => axe.run(where.include ? where : document, options)"
    found: dict[str, Any] = page.evaluate(script, [where, options])
    return [
        f"{fault['impact']} {fault['id']} at {node['target'][-1]}: {' '.join(node['failureSummary'].split())}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
