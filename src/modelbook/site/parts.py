"""Parts that stand on a run's page by the dozen, as functions: templates would take several times as long.

`macros.html.j2` calls them by `part_` and their name. Everything they are given is escaped
here, as templates escape it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice

from markupsafe import Markup

from modelbook.pages.cells import Cell, Fact, Receipt, Table
from modelbook.pages.drawings import Grid
from modelbook.pages.index import Link
from modelbook.site import escape

Url = Callable[[str], str]
"""An address from the site's root -> one from the page, or on the web."""


@lru_cache(maxsize=1 << 16, typed=True)
def _text(raw: object) -> str:
    """`escape.text` as a plain string; typed, so that markup is not taken for the text it equals."""
    return escape.plain(raw) if type(raw) is str else str.__str__(escape.text(raw))


def _markup(parts: Iterable[str]) -> Markup:
    return Markup("".join(parts))  # noqa: S704 - escaped where it was made


def link(item: Link, url: Url, class_: str = "") -> Markup:
    """A link, or its text where it leads nowhere."""
    return Markup(_link(item, url, class_))  # noqa: S704 - escaped there


def _link(item: Link, url: Url, class_: str = "") -> str:
    look = f' class="{_text(class_)}"' if class_ else ""
    if item.title:
        look += f' title="{_text(item.title)}"'
    if not item.href:
        return f"<span{look}>{_text(item.text)}</span>"
    rel = ' rel="noopener noreferrer"' if escape.is_web(item.href) else ""
    return f'<a href="{_text(url(item.href))}"{look}{rel}>{_text(item.text)}</a>'


def _dashed(word: str) -> str:
    return _text(word.replace("_", "-"))


def _value(cell: Cell, url: Url) -> str:
    if cell.state == "present" and not (cell.tone or cell.href or cell.badge or cell.delta):
        title = f' title="{_text(cell.title)}"' if cell.title else ""
        return f'<span class="mb-value mb-present"{title}>{_text(cell.text)}</span>'
    tone = f" mb-{_text(cell.tone)}" if cell.tone else ""
    title = f' title="{_text(cell.title)}"' if cell.title else ""
    shown = _text(cell.text)
    if cell.href:
        shown = f'<a href="{_text(url(cell.href))}">{shown}</a>'
    found = f'<span class="mb-value mb-{_dashed(cell.state)}{tone}"{title}>{shown}</span>'
    if cell.badge:
        old = " mb-old" if cell.badge == "earlier" else ""
        found += f' <span class="mb-badge{old}">{_text(cell.badge)}</span>'
    return found + _delta(cell, title) if cell.delta else found


def _delta(cell: Cell, title: str = "") -> str:
    tone = f" mb-{_text(cell.delta_tone)}" if cell.delta_tone else ""
    return f' <span class="mb-delta{tone}"{title}>{_text(cell.delta)}</span>'


def table(data: Table, url: Url, class_: str, name: str) -> Markup:
    """A table; `name` is what a screen reader calls it when it has no caption."""
    caption = _text(data.caption or name)
    cells = ["<td>", *('<td class="mb-num">' if column.number else "<td>" for column in data.columns[1:])]
    parts = [
        f'<div class="mb-scroll" role="region" tabindex="0" aria-label="{caption}">'
        f'<table class="mb-table {_text(class_)}">\n<caption>{caption}</caption>\n<thead><tr>'
    ]
    for column in data.columns:
        number = ' class="mb-num"' if column.number else ""
        title = f' title="{_text(column.title)}"' if column.title else ""
        parts.append(f'<th scope="col"{number}{title}>{_text(column.text)}</th>')
    parts.append("</tr></thead>\n<tbody>\n")
    for row in data.rows:
        parts.append(f'<tr><th scope="row">{_value(row[0], url)}</th>')
        parts += [f"{cells[at]}{_value(row[at], url)}</td>" for at in range(1, len(row))]
        parts.append("</tr>\n")
    parts.append("</tbody></table></div>\n")
    return _markup(parts)


def grid(data: Grid, caption: str) -> Markup:
    """Rows of numbers."""
    parts = [
        f'<div class="mb-scroll" role="region" tabindex="0" aria-label="{_text(caption)}">'
        '<table class="mb-table">\n<thead><tr>'
    ]
    parts += [f'<th scope="col" class="mb-num">{_text(name)}</th>' for name in data.names]
    parts.append("</tr></thead>\n<tbody>")
    shown = iter(escape.plains([cell for row in data.rows for cell in row]))
    for row in data.rows:
        cells = '</td><td class="mb-num">'.join(islice(shown, len(row)))
        parts.append(f'<tr><td class="mb-num">{cells}</td></tr>')
    parts.append("</tbody></table></div>\n")
    return _markup(parts)


def facts(rows: Iterable[tuple[str, Link | tuple[Link, ...]]], url: Url) -> Markup:
    """Named links; several of one name stand in one row."""
    parts = ['<dl class="mb-facts">\n']
    for name, item in rows:
        shown = ", ".join([_link(part, url) for part in (item if isinstance(item, tuple) else (item,))])
        parts.append(f"<div><dt>{_text(name)}</dt><dd>{shown}</dd></div>\n")
    return _markup([*parts, "</dl>\n"])


def values(items: Sequence[Fact], url: Url, what: str) -> Markup:
    """Values, each open to its key and leading to its receipt."""
    shown = [_fact(item, url) for item in items] or [f'<p class="mb-empty">No {_text(what)}.</p>\n']
    return _markup(['<div class="mb-values">\n', *shown, "</div>\n"])


def _fact(item: Fact, url: Url) -> str:
    cell = item.cell
    note = _text(item.note)
    title = f' title="{note}"' if item.note else ""
    drawn = escape.drawing(item.spark) if item.spark else ""
    state = "" if cell.state == "present" else f" mb-{_dashed(cell.state)}"
    delta = _delta(cell) if cell.delta else ""
    rows = ""
    if cell.title:
        word = "exactly" if cell.state == "present" else "why"
        rows = f"<div><dt>{word}</dt><dd>{_text(cell.title)}</dd></div>"
    if before := item.before:
        href = _text(url(before.href or ""))
        was = f'<a href="{href}" title="{_text(before.title)}">{_text(before.text)}</a>'
        rows += f"<div><dt>previous</dt><dd>{was}</dd></div>"
    return (
        f'<details class="mb-fact" id="{_text(item.id)}"><summary>'
        f'<span class="mb-fact-name"{title}>{_text(item.name)}</span>{drawn}'
        f'<span class="mb-value{state}">{_text(cell.text)}{delta}</span></summary>\n'
        + (f'<p class="mb-note">{note}</p>' if item.note else "")
        + f'<dl class="mb-slip">{rows}<div><dt>key</dt><dd>{_text(item.key)}</dd></div></dl>\n'
        f'<p><a href="#{_text(item.receipt.id)}" data-mb-receipt>file, commit, stage, command</a></p>\n'
        "</details>\n"
    )


def receipts(items: Sequence[Receipt], url: Url, command: Callable[[str], str]) -> Markup:
    """Where values come from; `command` shows the command that makes them again."""
    parts = ['<div class="mb-receipts">\n']
    for item in items:
        rows = [f"<div><dt>{_text(name)}</dt><dd>{_link(shown, url)}</dd></div>" for name, shown in item.rows]
        again = command(item.command) if item.command else ""
        parts.append(f'<div id="{_text(item.id)}"><dl class="mb-slip">{"".join(rows)}</dl>\n{again}</div>\n')
    return _markup([*parts, "</div>\n"])


@lru_cache(maxsize=256)
def packages(items: tuple[tuple[str, str], ...]) -> Markup:
    """Packages with their versions; remembered, since runs have them in common."""
    return _markup(f"<li>{_text(name)} <b>{_text(number)}</b></li>" for name, number in items)
