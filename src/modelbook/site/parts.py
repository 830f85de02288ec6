"""Parts that stand on a run's page by the dozen, as functions: templates would take several times as long.

`macros.html.j2` calls them by `part_` and their name. Everything they are given is escaped
here, as templates escape it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote

from markupsafe import Markup

from modelbook.pages.cells import Cell, Column, Fact, Receipt, Table
from modelbook.pages.drawings import Drawing
from modelbook.pages.index import Link
from modelbook.pages.runs import EnvironmentView
from modelbook.site import escape

PLOTLY = "assets/plotly.min.js"
"""Where the script of interactive charts is."""

Url = Callable[[str], str]
"""An address from the site's root -> one from the page, or on the web."""

_MANY = 1 << 12
"""Texts whose escaped form is remembered: those of all pages stay, those of one page alone pass through."""


def _markup(parts: Iterable[str]) -> Markup:
    return Markup("".join(parts))  # noqa: S704 - escaped where it was made


class Parts:
    """The parts, for one way to escape.

    Attributes:
        by_name: what templates call.
    """

    def __init__(self, text: Callable[[str], str]) -> None:
        def escaped(raw: object) -> str:
            return str.__str__(raw) if isinstance(raw, Markup) else text(str(raw))

        self._escape = text
        self._between = text("\t"), text("\n")
        # Typed, so that markup is not taken for the text it equals.
        self._text: Callable[[object], str] = lru_cache(_MANY, typed=True)(escaped)
        self._linked = lru_cache(_MANY)(self._make_link)
        self._fact = lru_cache(_MANY)(self._make_fact)
        self._around = lru_cache(_MANY)(self._make_around)
        self._head = lru_cache(256)(self._make_head)
        self._packages = lru_cache(256)(self._make_packages)
        self.by_name: Mapping[str, Callable[..., Markup]] = {
            f"part_{part.__name__}": part
            for part in (
                self.link, self.links, self.table, self.facts, self.values, self.receipts, self.command,
                self.figure, self.environment,
            )
        }  # fmt: skip

    def link(self, item: Link, url: Url, class_: str = "") -> Markup:
        """A link, or its text where it leads nowhere."""
        return Markup(self._link(item, url, class_))  # noqa: S704 - escaped there

    def links(self, items: Iterable[Link], url: Url, class_: str = "") -> Markup:
        """Links one after the other, each with a blank behind it."""
        return _markup([f"{self._link(item, url, class_)} " for item in items])

    def _link(self, item: Link, url: Url, class_: str = "") -> str:
        address = url(item.href) if item.href else ""
        plain = type(item.text) is type(item.title) is str  # markup must not be taken for the text it equals
        return self._linked(item, address, class_) if plain else self._make_link(item, address, class_)

    def _make_link(self, item: Link, address: str, class_: str) -> str:
        """Remembered, since runs of one time were held by the same commits."""
        text = self._text
        look = f' class="{text(class_)}"' if class_ else ""
        if item.title:
            look += f' title="{text(item.title)}"'
        if not address:
            return f"<span{look}>{text(item.text)}</span>"
        rel = ' rel="noopener noreferrer"' if escape.is_web(address) else ""
        return f'<a href="{text(address)}"{look}{rel}>{text(item.text)}</a>'

    def _dashed(self, word: str) -> str:
        return self._text(word.replace("_", "-"))

    def _cell(self, tag: str, cell: Cell, url: Url) -> str:
        """A cell and the beginning of its tag, which is still open."""
        if cell.state == "present" and not (cell.tone or cell.href or cell.badge or cell.delta):
            if cell.title:
                return f'{tag} title="{self._text(cell.title)}">{self._text(cell.text)}'
            return f"{tag}>{self._text(cell.text)}"
        return f"{tag}>{self._value(cell, url)}"

    def _value(self, cell: Cell, url: Url) -> str:
        text = self._text
        tone = f" mb-{text(cell.tone)}" if cell.tone else ""
        title = f' title="{text(cell.title)}"' if cell.title else ""
        shown = text(cell.text)
        if cell.href:
            shown = f'<a href="{text(url(cell.href))}">{shown}</a>'
        found = f'<span class="mb-value mb-{self._dashed(cell.state)}{tone}"{title}>{shown}</span>'
        if cell.badge:
            old = " mb-old" if cell.badge == "earlier" else ""
            found += f' <span class="mb-badge{old}">{text(cell.badge)}</span>'
        return found + self._delta(cell, title) if cell.delta else found

    def _delta(self, cell: Cell, title: str = "") -> str:
        tone = f" mb-{self._text(cell.delta_tone)}" if cell.delta_tone else ""
        return f' <span class="mb-delta{tone}"{title}>{self._text(cell.delta)}</span>'

    def table(self, data: Table, url: Url, class_: str, name: str) -> Markup:
        """A table; `name` is what a screen reader calls it when it has no caption."""
        cells = ["<td", *('<td class="mb-num"' if column.number else "<td" for column in data.columns[1:])]
        parts = [self._head(data.columns, data.caption or name, class_)]
        cell = self._cell
        for row in data.rows:
            first = cell('<tr><th scope="row"', row[0], url)
            rest = "</td>".join([cell(cells[at], row[at], url) for at in range(1, len(row))])
            parts.append(f"{first}</th>{rest}</td></tr>\n" if rest else f"{first}</th></tr>\n")
        parts.append("</tbody></table></div>\n")
        return _markup(parts)

    def _make_head(self, columns: Sequence[Column], name: str, class_: str) -> str:
        """A table up to its rows; remembered, since every run has the same tables."""
        caption = self._text(name)
        parts = [
            f'<div class="mb-scroll" role="region" tabindex="0" aria-label="{caption}">'
            f'<table class="mb-table {self._text(class_)}">\n<caption>{caption}</caption>\n<thead><tr>'
        ]
        for column in columns:
            number = ' class="mb-num"' if column.number else ""
            title = f' title="{self._text(column.title)}"' if column.title else ""
            parts.append(f'<th scope="col"{number}{title}>{self._text(column.text)}</th>')
        return "".join([*parts, "</tr></thead>\n<tbody>\n"])

    def figure(self, item: Drawing, url: Url, data: Link, files: str) -> Markup:
        """A plot of a run.

        Args:
            data: name and address of the data that its figure is in. files: where files are on the forge.
        """
        text, name = self._text, self._text(item.id)
        figure = button = ""
        if item.figure:
            source = text(url(data.href or ""))
            figure = f' data-figure="{text(data.text)}" data-figure-src="{source}" data-figure-id="{name}"'
            button = (
                '<button type="button" class="mb-button" data-mb-interactive'
                f' data-src="{text(url(PLOTLY))}" hidden>Interactive</button>\n'
            )
        heading = "<span></span>" if item.svg else f"<b>{text(item.title)}</b>"
        return _markup(
            [
                f'<figure class="mb-plot" id="{name}"{figure}>\n<figcaption>{heading}'
                f'<span class="mb-note">{text(item.source)}</span></figcaption>\n',
                self._drawn(item, url, files),
                "\n",
                button,
                self._data(item),
                "</figure>\n",
            ]
        )

    def _drawn(self, item: Drawing, url: Url, files: str) -> str:
        """The drawing, the image, or why there is neither."""
        text = self._text
        if item.svg:
            return f'<div class="mb-drawing" data-mb-plot>{escape.drawing(item.svg)}</div>'
        if item.image:
            return f'<img src="{text(url(item.image[0]))}" alt="{text(item.title)}" loading="lazy">'
        forge = ""
        if item.path and files:
            href = text(url(files + quote(item.path)))
            forge = f' <a href="{href}" rel="noopener noreferrer">Open it on the forge</a>'
        state, word = self._dashed(item.state), text(item.state.replace("_", " "))
        shown = f'<span class="mb-value mb-{state}">{word}</span> {text(item.reason)}{forge}'
        return f'<p class="mb-empty">{shown}</p>'

    def _data(self, item: Drawing) -> str:
        """The first rows of what a plot draws."""
        if not item.data:
            return ""
        text = self._text
        heads = "".join([f'<th scope="col">{text(name)}</th>' for name in item.data.names])
        more = (
            f'<p class="mb-note">and {item.more_rows} rows more in {text(item.source)}</p>'
            if item.more_rows
            else ""
        )
        return (
            '<details class="mb-data"><summary>Data</summary>'
            f'<div class="mb-scroll" role="region" tabindex="0" aria-label="{text(item.title)}">'
            f'<table class="mb-table mb-numbers">\n<thead><tr>{heads}</tr></thead>\n'
            f"<tbody>{self._cells(item.data.rows)}</tbody></table></div>\n{more}</details>"
        )

    def _cells(self, rows: Sequence[Sequence[str]]) -> str:
        """Rows of plain cells; all are escaped at once, since no other table has these numbers."""
        if not rows:
            return ""
        whole = "\n".join(["\t".join(row) for row in rows])
        wanted = sum(map(len, rows)) - 1
        if whole.count("\t") + whole.count("\n") != wanted:  # a cell has one in it
            rows = [[cell.replace("\t", " ").replace("\n", " ") for cell in row] for row in rows]
            whole = "\n".join(["\t".join(row) for row in rows])
        shown = self._escape(whole).replace(self._between[0], "</td><td>")
        return f"<tr><td>{shown.replace(self._between[1], '</td></tr><tr><td>')}</td></tr>"

    def facts(self, rows: Iterable[tuple[str, Link | tuple[Link, ...]]], url: Url) -> Markup:
        """Named links; several of one name stand in one row."""
        parts = ['<dl class="mb-facts">\n']
        for name, item in rows:
            links = item if isinstance(item, tuple) else (item,)
            shown = ", ".join([self._link(part, url) for part in links])
            parts.append(f"<div><dt>{self._text(name)}</dt><dd>{shown}</dd></div>\n")
        return _markup([*parts, "</dl>\n"])

    def values(self, items: Sequence[Fact], url: Url, what: str) -> Markup:
        """Values, each open to its key and leading to its receipt."""
        shown = [self._opened(item, url) for item in items]
        shown = shown or [f'<p class="mb-empty">No {self._text(what)}.</p>\n']
        return _markup(['<div class="mb-values">\n', *shown, "</div>\n"])

    def _opened(self, item: Fact, url: Url) -> str:
        """A value with what it opens to; the whole is remembered where other runs may have the same."""
        if item.note or item.before or item.spark:
            return self._make_fact(item, url)
        return self._fact(item)

    def _make_fact(self, item: Fact, url: Url = str) -> str:
        """`url` is asked only for the value before."""
        text, cell = self._text, item.cell
        head, middle, tail = self._around(item.id, item.name, item.key, item.source, item.note)
        state = "" if cell.state == "present" else f" mb-{self._dashed(cell.state)}"
        delta = self._delta(cell) if cell.delta else ""
        drawn = escape.drawing(item.spark) if item.spark else ""
        rows = ""
        if cell.title:
            word = "exactly" if cell.state == "present" else "why"
            rows = f"<div><dt>{word}</dt><dd>{text(cell.title)}</dd></div>"
        if before := item.before:
            href = text(url(before.href or ""))
            was = f'<a href="{href}" title="{text(before.title)}">{text(before.text)}</a>'
            rows += f"<div><dt>previous</dt><dd>{was}</dd></div>"
        return f'{head}{drawn}<span class="mb-value{state}">{text(cell.text)}{delta}{middle}{rows}{tail}'

    def _make_around(self, anchor: str, name: str, key: str, source: str, note: str) -> tuple[str, str, str]:
        """What stands before, between and behind the parts that differ from run to run."""
        text = self._text
        title, said = (f' title="{text(note)}"', f'<p class="mb-note">{text(note)}</p>') if note else ("", "")
        return (
            f'<details class="mb-fact" id="{text(anchor)}"><summary>'
            f'<span class="mb-fact-name"{title}>{text(name)}</span>',
            f'</span></summary>\n{said}<dl class="mb-slip">',
            f"<div><dt>key</dt><dd>{text(key)}</dd></div></dl>\n"
            f'<p><a href="#{text(source)}" data-mb-receipt>file, commit, stage, command</a></p>\n'
            "</details>\n",
        )

    def receipts(self, items: Sequence[Receipt], url: Url) -> Markup:
        """Where values come from, and the commands that make them again."""
        text = self._text
        parts = ['<div class="mb-receipts">\n']
        for item in items:
            rows = "".join(
                [
                    f"<div><dt>{text(name)}</dt><dd>{self._link(shown, url)}</dd></div>"
                    for name, shown in item.rows
                ]
            )
            again = self._command(item.command, "Copy") if item.command else ""
            parts.append(f'<div id="{text(item.id)}"><dl class="mb-slip">{rows}</dl>\n{again}</div>\n')
        return _markup([*parts, "</div>\n"])

    def command(self, shown: str, label: str) -> Markup:
        """Commands to copy."""
        return Markup(self._command(shown, label))  # noqa: S704 - escaped there

    def _command(self, shown: str, label: str) -> str:
        return (
            f'<div class="mb-command"><pre><code>{self._text(shown)}</code></pre>'
            f'<button type="button" class="mb-button mb-copy" data-copy>{self._text(label)}</button></div>\n'
        )

    def environment(self, item: EnvironmentView) -> Markup:
        """What a stage ran on."""
        text = self._text
        rows = "".join(
            [f"<div><dt>{text(name)}</dt><dd>{text(shown)}</dd></div>" for name, shown in item.rows]
        )
        return _markup(
            [
                f'<article class="mb-card"><h3>{text(item.stage)}</h3><dl class="mb-slip">{rows}</dl>\n',
                self._packages(item.packages, item.count, item.same),
                "</article>\n",
            ]
        )

    def _make_packages(self, items: tuple[tuple[str, str], ...], count: int, same: str) -> str:
        """Packages with their versions; remembered, since runs have them in common."""
        text = self._text
        if not items:
            return f'<p class="mb-note">{count} packages, the same as for {text(same)}</p>' if same else ""
        listed = "".join([f"<li>{text(name)} <b>{text(number)}</b></li>" for name, number in items])
        return (
            f'<details class="mb-data"><summary>{count} packages</summary>'
            f'<ul class="mb-packages">{listed}</ul></details>'
        )
