"""What can be wrong with a page without opening it: its HTML, and where its links lead."""

from __future__ import annotations

import html
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import html5lib  # type: ignore[import-untyped]
from html5lib.constants import E as SENTENCES  # type: ignore[import-untyped]

_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>", re.DOTALL)
_TAG = re.compile(r"<[a-zA-Z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = re.compile(r"\s(href|src|data-src|id|name)=(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HEADINGS = _names("h1 h2 h3 h4 h5 h6")
_INLINE = _names(
    """a abbr b bdi bdo br button cite code data datalist del dfn em i img input ins kbd label mark math meter
    noscript output picture progress q ruby s samp script select slot small span strong sub sup svg template
    textarea time u var wbr"""
)
_HOLDS_INLINE = _HEADINGS | _names("b button code em i kbd label p pre samp small span strong sub sup time")
_CONTROLS = _names("a button details input label select summary textarea")
_CHILDREN = {
    "ul": _names("li script template"),
    "ol": _names("li script template"),
    "dl": _names("dt dd div script template"),
    "tr": _names("th td script template"),
    "summary": _INLINE | _HEADINGS,
    "select": _names("option optgroup hr script template"),
}
"""Parent -> what alone may stand right in it. Tables are the parser's: it throws out what does not belong."""


def html_faults(page: str) -> Iterator[str]:
    """What the HTML standard has against a page: tags not closed, bad nesting, ids that are not unique.

    Args:
        page: the whole document.
    """
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root: Element = parser.parse(page)
    for (line, column), code, values in parser.errors:
        yield f"{line}:{column}: {SENTENCES[code] % values}"
    for name, count in Counter(node.get("id") for node in root.iter() if node.get("id")).items():
        if count > 1:
            yield f"{count} elements have the id {name}"
    yield from _nesting(root, "")


def _nesting(node: Any, control: str) -> Iterator[str]:
    """Elements where they may not stand; `control` is the link, button or label around this node, if any."""
    allowed = _CHILDREN.get(node.tag) or (_INLINE if node.tag in _HOLDS_INLINE else None)
    inside = node.tag if node.tag in ("a", "button", "label") else control
    for child in node:
        if not isinstance(child.tag, str) or child.tag.startswith("{"):
            continue
        if allowed is not None and child.tag not in allowed:
            yield f"<{child.tag}> in <{node.tag}>: {_opening(child)}"
        if inside in ("a", "button") and child.tag in _CONTROLS:
            yield f"<{child.tag}> inside a <{inside}>: {_opening(child)}"
        yield from _nesting(child, inside)


def _opening(node: Any) -> str:
    return f"<{node.tag} {' '.join(f'{name}={value[:40]!r}' for name, value in node.items())}>"


def broken_links(site: Path, pages: Iterable[Path]) -> Iterator[str]:
    """`page: link` of every local link that leads to no file, or to no place in its page.

    An anchor such as `#q=auc%20>%200.7` is none: it is the state that a script of the page reads.
    """
    anchors: dict[Path, set[str]] = {}
    aimed: dict[tuple[Path, str], str] = {}
    for page in pages:
        anchors[page] = set()
        for name, value in _attributes(page):
            if name in ("id", "name"):
                anchors[page].add(value)
            elif link := _local(page, value):
                aimed.setdefault(link, f"{page.relative_to(site)}: {value}")
    for (target, anchor), where in aimed.items():
        if not target.is_file() or (
            anchor and "=" not in anchor and target in anchors and anchor not in anchors[target]
        ):
            yield where


def links_out(page: str) -> Iterator[str]:
    """Every address of another site in a page's attributes."""
    for name, value in _attributes_of(page):
        if name not in ("id", "name") and urlsplit(value).netloc:
            yield value


def _attributes(page: Path) -> Iterator[tuple[str, str]]:
    return _attributes_of(page.read_text(encoding="utf-8"))


def _attributes_of(page: str) -> Iterator[tuple[str, str]]:
    bare = _SCRIPT.sub(lambda match: match[0].partition(">")[0] + ">", page)
    for tag in _TAG.finditer(bare):
        for name, *values in _ATTRIBUTE.findall(tag[0]):
            yield name, html.unescape("".join(values))


def _local(page: Path, link: str) -> tuple[Path, str] | None:
    """(file, anchor) a link of a page leads to; None for one that leaves the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
    return target / "index.html" if target.is_dir() else target, unquote(parts.fragment)
