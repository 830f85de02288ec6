"""Reports: what people of the project wrote, with blocks that are filled from the Catalog."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec.structs import replace

from modelbook import cards, charts, lineage, query
from modelbook.errors import Issue, ModelbookError
from modelbook.judge import better
from modelbook.pages import models, text
from modelbook.pages.cells import (
    TONES,
    Cell,
    Column,
    Fact,
    Receipt,
    Receipts,
    Table,
    cell,
    facts,
    heading,
    link_cell,
    metric_columns,
    runs_table,
    varied,
)
from modelbook.pages.chosen import Chooser, Unknown, close
from modelbook.pages.drawings import Album, Drawing, Read, drawing_of, node_links, single
from modelbook.pages.images import kind_of
from modelbook.pages.index import Index, Link, best, compare_href, model_href, number, run_href, tops
from modelbook.records import WORKSPACE, MetricInfo, Problem, Report, Run, Value
from modelbook.spec import reports as written
from modelbook.spec.reports import (
    Block,
    Broken,
    CardBlock,
    CompareBlock,
    LineageBlock,
    MetricBlock,
    PlotBlock,
    Prose,
    Quote,
    RunsBlock,
)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r" {0,3}#\s+(.+?)\s*#*\s*")
_T = TypeVar("_T")


class Part(msgspec.Struct, frozen=True):
    """Prose, or one block.

    Attributes:
        kind: `prose`, `broken`, or that of the block.
        markdown: of prose. title: of a block, as its author wrote it, or empty.
        figure: what Plotly makes of the drawing when asked, if it is a chart.
        links: what the block is about. note: one sentence below it.
        fact: one number, and `receipt` its receipt; `delta`, `tone` and `against` compare it.
        faults: (place, what is wrong) of a block that cannot be shown.
    """

    kind: str
    id: str = ""
    title: str = ""
    markdown: str = ""
    table: Table | None = None
    svg: str = ""
    drawing: Drawing | None = None
    figure: Mapping[str, Any] | None = None
    fact: Fact | None = None
    receipt: Receipt | None = None
    delta: str = ""
    tone: str = ""
    against: Link | None = None
    links: tuple[Link, ...] = ()
    note: str = ""
    gates: models.GateStatus | None = None
    value: Cell | None = None
    sections: tuple[cards.Section, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()


class Number(msgspec.Struct, frozen=True):
    """A number within prose, and where it comes from.

    Attributes:
        state: that of a cell, or `broken` where it cannot be shown.
    """

    text: str
    href: str | None = None
    title: str = ""
    state: str = "broken"


@dataclass(frozen=True, slots=True)
class ReportPage:
    """`reports/NAME/`.

    Attributes:
        numbers: by the code span that each stands for.
        source: all of the text, for links that are defined elsewhere in it than they are used.
        resolve: a relative address in the text -> where that leads on the site, or None.
    """

    parts: tuple[Part, ...]
    facts: tuple[tuple[str, Link], ...]
    source: str
    resolve: Callable[[str], str | None] = field(compare=False)
    numbers: Mapping[str, Number] = field(default_factory=dict)


class Row(msgspec.Struct, frozen=True):
    """A report in the list."""

    link: Link
    summary: str
    date: str
    author: str
    commit: Link
    faults: str


class ReportsPage(msgspec.Struct, frozen=True):
    """`reports/`, the last changed first."""

    rows: tuple[Row, ...]


class Made(msgspec.Struct, frozen=True):
    """A report that was read.

    Attributes:
        issues: all that is wrong with its blocks, by place.
        files: (address from the site's root, blob id) of images it shows.
    """

    report: Report
    title: str
    context: ReportPage
    issues: tuple[Issue, ...]
    files: tuple[tuple[str, str], ...]


def report_href(name: str) -> str:
    """Address of a report's page."""
    return f"reports/{text.slug(name)}/index.html"


def compose(index: Index, read: Read, album: Album) -> tuple[Made, ...]:
    """Every report, with its blocks filled."""
    chooser = Chooser(index)
    return tuple(_made(chooser, report, read, album) for report in index.catalog.reports)


def issues(index: Index) -> tuple[Issue, ...]:
    """All that is wrong with the blocks of all reports; what `modelbook check` tells."""
    made = compose(index, lambda _blob: None, Album())
    return tuple(issue for item in made for issue in item.issues)


def problems(made: Iterable[Made], head: str) -> tuple[Problem, ...]:
    """What is wrong with reports, for the problems page."""
    found = [
        Problem(path=item.report.path, reason=item.report.reason, commit=head)
        for item in made
        if item.report.reason
    ]
    return (
        *found,
        *(
            Problem(
                path=issue.path, reason=f"line {issue.line}:{issue.column}: {_sentence(issue)}", commit=head
            )
            for item in made
            for issue in item.issues
        ),
    )


def listing(index: Index, made: Sequence[Made]) -> ReportsPage:
    """The list of reports."""
    order = sorted(
        made, key=lambda item: (-(text.moment(_date(index, item.report)) or 0.0), item.report.path)
    )
    return ReportsPage(tuple(_row(index, item) for item in order))


def _date(index: Index, report: Report) -> str:
    return report.date or index.newest


def _row(index: Index, item: Made) -> Row:
    report = item.report
    return Row(
        link=Link(item.title, report_href(report.name)),
        summary=text.cut(_first_paragraph(told(item)), 300),
        date=text.day(report.date) or "not committed yet",
        author=text.line(report.author),
        commit=index.commit_link(report.commit),
        faults=text.plural(len(item.issues), "fault") if item.issues else "",
    )


def title_of(report: Report) -> str:
    """Its first heading, else its name."""
    found = next((match for line in report.text.split("\n") if (match := _HEADING.fullmatch(line))), None)
    return text.plain(re.sub(r"[*_`]", "", found[1]) if found else report.name) or "Report"


def told(item: Made) -> str:
    """The text of a report, with its numbers as they are."""
    numbers = item.context.numbers
    return _CODE.sub(
        lambda found: made.text if (made := numbers.get(found[1])) else found[0], item.report.text
    )


def _first_paragraph(markdown: str) -> str:
    """The first lines of plain text, without marks of Markdown."""
    for block in re.split(r"\n\s*\n", markdown):
        words = block.strip()
        if words and not words.startswith(("#", "```", "~~~", "|", ">", "-", "*", "<", "!", "[")):
            return text.line(re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"[*`]", "", words)))
    return ""


def _made(chooser: Chooser, report: Report, read: Read, album: Album) -> Made:
    index = chooser.index
    found = written.parse_report(_without_title(report.text), report.path)
    filler = _Filler(chooser, read, album)
    parts = tuple(filler.part(part, number) for number, part in enumerate(found))
    images = _images(report, read, album)
    resolve = _resolver(index, report, images)
    context = ReportPage(parts, _facts(index, report), report.text, resolve, filler.numbers)
    drawn = tuple(part.drawing.image for part in parts if part.drawing and part.drawing.image)
    shown = tuple((path, blob) for path, blob in images.values())
    return Made(report, title_of(report), context, tuple(filler.issues), (*drawn, *shown))


def _without_title(markdown: str) -> str:
    """The text without its first heading, whose place is the page's own; every line keeps its number."""
    lines = markdown.split("\n")
    for at, line in enumerate(lines):
        if line.strip():
            if _HEADING.fullmatch(line):
                lines[at] = ""
            break
    return "\n".join(lines)


def _facts(index: Index, report: Report) -> tuple[tuple[str, Link], ...]:
    where = index.forge("blob", index.catalog.head, report.path)
    rows = (
        ("last changed", Link(text.day(report.date) or "not committed yet", title=report.date)),
        ("by", Link(text.line(report.author))),
        ("commit", index.commit_link(report.commit) if report.commit != WORKSPACE else Link("")),
        ("source", Link(report.path, where)),
    )
    return tuple((name, link) for name, link in rows if link.text)


def _images(report: Report, read: Read, album: Album) -> dict[str, tuple[str, str]]:
    """Path -> (address on the site, blob) of the images that can be shown."""
    found = {}
    for path, blob in report.images:
        data = read(blob) or b""
        kind, _ = kind_of(data)
        if kind and not album.full(blob):
            album.take(blob, len(data))
            found[path] = (f"assets/plots/{text.slug(blob)}.{kind}", blob)
    return found


def _resolver(
    index: Index, report: Report, images: Mapping[str, tuple[str, str]]
) -> Callable[[str], str | None]:
    """Where a relative address of a report leads: an image, another report, or the file on the forge."""
    folder = report.path.rpartition("/")[0]
    others = {item.path: report_href(item.name) for item in index.catalog.reports}

    def resolve(href: str) -> str | None:
        target, hash_, anchor = unquote(href).partition("#")
        if _SCHEME.match(href) or href.startswith(("/", "\\", "#")):
            return None
        path = posixpath.normpath(posixpath.join(folder, target.replace("\\", "/")))
        if path.startswith("../"):
            return None
        if path in images:
            return images[path][0]
        if path in others:
            return others[path] + hash_ + anchor
        return index.forge("blob", index.catalog.head, path)

    return resolve


def _sentence(issue: Issue) -> str:
    return f"{issue.message}, {issue.hint}" if issue.hint else issue.message


class _Fault(Exception):
    """What is wrong with a block, and at which of its keys."""

    def __init__(self, loc: tuple[str | int, ...], message: str, hint: str = "") -> None:
        super().__init__(message)
        self.loc, self.message, self.hint = loc, message, hint


class _Filler:
    """Fills blocks and numbers in prose, which are in `numbers`; what is wrong is in `issues` at the end."""

    def __init__(self, chooser: Chooser, read: Read, album: Album) -> None:
        self._chooser = chooser
        self._index = chooser.index
        self._read = read
        self._album = album
        self.issues: list[Issue] = []
        self.numbers: dict[str, Number] = {}

    def part(self, part: written.Part, number: int) -> Part:
        """A part of a report as the page shows it."""
        if isinstance(part, Prose):
            self.numbers |= {quote.code: self._number(quote) for quote in part.quotes}
            return Part("prose", markdown=part.text)
        if isinstance(part, Broken):
            return self._broken(part.issues)
        try:
            return replace(self._filled(part, f"block-{number}"), title=text.line(part.wish.title))
        except _Fault as fault:
            return self._broken([part.issue(fault.loc, fault.message, fault.hint)])

    def _broken(self, issues: Sequence[Issue]) -> Part:
        self.issues += issues
        places = tuple((f"{item.path}:{item.line}:{item.column}", _sentence(item)) for item in issues)
        return Part("broken", faults=places)

    def _filled(self, block: Block, key: str) -> Part:
        wish = block.wish
        if isinstance(wish, RunsBlock):
            return self._runs(wish)
        if isinstance(wish, MetricBlock):
            return self._metric(wish, key)
        if isinstance(wish, PlotBlock):
            return self._plot(wish, key) if wish.plot else self._over(wish, key)
        if isinstance(wish, CompareBlock):
            return self._compare(wish)
        if isinstance(wish, LineageBlock):
            return self._lineage(wish, key)
        return self._card(wish)

    # -- what is named

    def _asked(self, loc: tuple[str | int, ...], find: Callable[[], _T]) -> _T:
        """What was looked for; a fault at a key when there is none."""
        try:
            return find()
        except query.BadQuery as error:
            where = "" if loc[0] in ("columns", "sort") else f" (character {error.at + 1} of the query)"
            raise _Fault(loc, f"{error}{where}") from None
        except Unknown as error:
            raise _Fault(loc, error.message, error.hint) from None

    def _column(self, loc: tuple[str | int, ...], name: str) -> query.Column:
        return self._asked(loc, lambda: query.find_column(name, self._chooser.columns))

    def _rows(self, where: str) -> list[int]:
        return self._asked(("where",), lambda: self._chooser.rows(where))

    # -- the kinds

    def _runs(self, wish: RunsBlock) -> Part:
        rows = self._rows(wish.where)
        sorts = [
            (self._column(("sort",), name.removeprefix("-")), name.startswith("-")) for name in wish.sort
        ]
        columns = [self._column(("columns", at), name) for at, name in enumerate(wish.columns)]
        shown = query.sort_rows(rows, sorts)[: wish.limit]
        runs = [self._index.catalog.runs[row] for row in shown]
        if not columns:
            table = runs_table(self._index, runs, self._headline(runs), wish.title or "Runs")
        else:
            table = self._table(runs, shown, columns, wish.title)
        count = text.plural(len(rows), "run")
        note = f"{len(shown)} of {count}" if len(shown) < len(rows) else count
        return Part("runs", table=table, note=note)

    def _headline(self, runs: Sequence[Run]) -> MetricInfo | None:
        found = {run.pipeline for run in runs}
        return self._index.headlines.get(found.pop()) if len(found) == 1 else None

    def _table(
        self, runs: Sequence[Run], rows: Sequence[int], columns: Sequence[query.Column], title: str
    ) -> Table:
        made = [self._cells(column, runs, rows) for column in columns]
        headings = (Column("run"), *(head for head, _ in made))
        body = tuple(
            (link_cell(self._index.run_link(run)), *(cells[at] for _, cells in made))
            for at, run in enumerate(runs)
        )
        return Table(headings, body, text.line(title) or "Runs")

    def _cells(
        self, column: query.Column, runs: Sequence[Run], rows: Sequence[int]
    ) -> tuple[Column, list[Cell]]:
        """A column of the runs table for some runs."""
        kind, _, name = column.key.partition(".")
        if kind == "metrics":
            info = self._index.infos.get(name, MetricInfo(name=name))
            marked = tops(runs, info)
            links = [f"{run_href(run.id)}#m-{text.slug(name)}" for run in runs]
            return heading(info), [
                cell(run.metric(name), info, href, "best" if run.id in marked else "")
                for run, href in zip(runs, links, strict=True)
            ]
        if kind == "params":
            cells = [cell(run.param(name)) for run in runs]
            return Column(text.cut(text.line(name), 60), number=all(item.number for item in cells)), cells
        return Column(column.label), [
            self._plain(column, run, row) for run, row in zip(runs, rows, strict=True)
        ]

    def _plain(self, column: query.Column, run: Run, row: int) -> Cell:
        if column.key == "commit":
            return link_cell(self._index.commit_link(run.commit))
        if column.key == "experiment":
            return link_cell(self._index.experiment_link(run.experiment))
        return Cell(text.cut(text.line(column.text(row))) or "–")

    def _number(self, quote: Quote) -> Number:
        """One number of one run, which leads to it on the page of the run, where its receipt is."""
        try:
            info, run, value = self._measured(quote.metric, quote.of)
        except _Fault as fault:
            issue = quote.issue(fault.message, fault.hint)
            self.issues.append(issue)
            return Number("this number cannot be shown", title=_sentence(issue))
        shown = cell(value, info, f"{run_href(run.id)}#m-{text.slug(info.name)}")
        named = f"{text.line(info.name)} of {text.line(run.name)}"
        return Number(shown.text, shown.href, ": ".join(filter(None, [named, shown.title])), shown.state)

    def _measured(self, metric: str, of: str) -> tuple[MetricInfo, Run, Value]:
        chooser = self._chooser
        info = self._asked(("metric",), lambda: chooser.info(metric))
        run = self._asked(("of",), lambda: chooser.run(of, metric))
        return info, run, self._asked(("metric",), lambda: chooser.value(run, metric))

    def _metric(self, wish: MetricBlock, key: str) -> Part:
        chooser, index = self._chooser, self._index
        info, run, value = self._measured(wish.metric, wish.of)
        receipts = Receipts(index, run)
        (fact,) = facts(index, run, [value], "m", receipts)
        receipt = replace(receipts.of(value), id=f"{key}-source")
        fact = replace(fact, id=f"{key}-metric", cell=cell(value, info), source=receipt.id)
        made = Part("metric", id=key, fact=fact, receipt=receipt, links=(index.run_link(run),))
        if not wish.against:
            return made
        other = self._asked(("against",), lambda: chooser.run(wish.against, wish.metric))
        before = self._asked(("against",), lambda: chooser.value(other, wish.metric))
        now, then = number(run, info.name), number(other, info.name)
        against = index.run_link(other)
        if now is None or then is None:
            return replace(made, against=against, note=f"cannot be compared with {cell(before, info).text}")
        return replace(
            made,
            against=against,
            delta=text.delta(now - then, info) or "no change",
            tone=TONES[better(info, then, now)],
            note=f"against {text.value(then, info)}",
        )

    def _plot(self, wish: PlotBlock, key: str) -> Part:
        run = self._asked(("of",), lambda: self._chooser.run(wish.of))
        named = {name: plot for plot in run.plots for name in (plot.title, plot.name) if name}
        short = {name.rpartition("/")[2].partition(".")[0]: plot for name, plot in named.items()}
        plot = named.get(wish.plot) or short.get(wish.plot)
        if plot is None:
            hint = close(wish.plot, [*named, *short]) or (
                f"it has {', '.join(sorted(short)[:8])}" if short else ""
            )
            raise _Fault(("plot",), f"run {text.line(run.name)} has no plot {wish.plot!r}", hint)
        drawn = drawing_of(run, plot, key, self._read, self._album)
        return Part("plot", id=key, drawing=drawn, figure=drawn.figure, links=(self._index.run_link(run),))

    def _over(self, wish: PlotBlock, key: str) -> Part:
        info = self._asked(("metric",), lambda: self._chooser.info(wish.metric))
        runs = [self._index.catalog.runs[row] for row in self._rows(wish.where)]
        scored = [run for run in runs if number(run, info.name) is not None]
        if not scored:
            raise _Fault(
                ("metric",), f"none of the {text.plural(len(runs), 'run')} has a number for {info.name}"
            )
        sign = 1 if info.direction == "minimize" else -1
        ranked = sorted(scored, key=lambda run: (sign * (number(run, info.name) or 0.0), run.name))[
            : wish.limit
        ]
        title = wish.title or f"{info.name} of {text.plural(len(ranked), 'run')}"
        draw = _by_run if wish.over == "runs" else _by_commit
        left = len(scored) - len(ranked)
        note = f"and {left} more runs that are worse" if left else ""
        chart = draw(title, ranked, info)
        if isinstance(chart, charts.Nothing):
            raise _Fault(("metric",), chart.reason)
        return Part("plot", id=key, svg=chart.svg(key), figure=chart.plotly(), note=note)

    def _compare(self, wish: CompareBlock) -> Part:
        runs = self._compared(wish)
        info = self._headline(runs)
        names = [self._column(("columns", at), name).key for at, name in enumerate(wish.columns)]
        if not names:
            first = info.name if info else ""
            names = [f"metrics.{item.name}" for item in metric_columns(self._index, runs, first, most=12)]
            names += [f"params.{name}" for name in varied(runs)[:30]]
        rows = [row for name in names if (row := self._across(name, runs))]
        columns = (Column("value"), *(Column(text.cut(text.line(run.name), 40), number=True) for run in runs))
        table = Table(columns, tuple(rows), text.line(wish.title) or "Runs side by side")
        whole = Link("All that differs", compare_href([run.id for run in runs], runs[0].id))
        return Part("compare", table=table, links=(*map(self._index.run_link, runs), whole))

    def _compared(self, wish: CompareBlock) -> list[Run]:
        if wish.runs:
            named = enumerate(wish.runs)
            runs = [self._asked(("runs", at), lambda n=name: self._chooser.run(n)) for at, name in named]  # type: ignore[misc]
        else:
            found = [self._index.catalog.runs[row] for row in self._rows(wish.where)]
            info = self._headline(found)
            sign = 1 if info and info.direction == "minimize" else -1
            scored = [(number(run, info.name) if info else None, run) for run in found]
            runs = [
                run for _, run in sorted(scored, key=lambda pair: (pair[0] is None, sign * (pair[0] or 0.0)))
            ]
        unique = list({run.id: run for run in runs}.values())[:20]
        if len(unique) < 2:
            what = "runs" if wish.runs else "where"
            raise _Fault((what,), f"expected at least 2 different runs, found {len(unique)}")
        return unique

    def _across(self, key: str, runs: Sequence[Run]) -> tuple[Cell, ...] | None:
        """A metric or param over runs, with its distance from the first run's."""
        kind, _, name = key.partition(".")
        if kind == "params":
            return (Cell(text.line(name)), *(cell(run.param(name)) for run in runs))
        if kind != "metrics":
            return None
        info = self._index.infos.get(name, MetricInfo(name=name))
        base = number(runs[0], name)
        cells = []
        for run in runs:
            shown, score = cell(run.metric(name), info), number(run, name)
            if run is not runs[0] and score is not None and base is not None:
                tone = TONES[better(info, base, score)]
                shown = replace(shown, delta=text.delta(score - base, info), delta_tone=tone)
            cells.append(shown)
        head = heading(info)
        return (Cell(head.text, title=head.title), *cells)

    def _lineage(self, wish: LineageBlock, key: str) -> Part:
        try:
            graph, node = lineage.trace(self._index.catalog, wish.node)
        except ModelbookError as error:
            raise _Fault(("node",), str(error), error.hint) from None
        graph = lineage.without_details(graph)
        if node is not None:
            graph = lineage.neighbourhood(graph, node, wish.up, wish.down)
        title = text.line(wish.title) or f"Lineage of {text.line(wish.node)}"
        links = node_links(self._index, "../../")
        svg = charts.lineage_svg(graph, key=key, title=title, href=links, focus=node, limit=80)
        return Part("lineage", id=key, svg=svg)

    def _card(self, wish: CardBlock) -> Part:
        index = self._index
        model, version = self._asked(("model",), lambda: self._chooser.model(wish.model))
        version = version or models.lead(model)
        run = index.runs.get((version.run if version else model.candidate) or "")
        sections = [item for item in cards.card(model, version, run).sections if not item.missing]
        known = {item.key: item for item in sections}
        for at, name in enumerate(wish.sections):
            if name not in known:
                hint = close(name, known) or (f"it has {', '.join(known)}" if known else "")
                raise _Fault(("sections", at), f"the card has no section {name!r}", hint)
        chosen = [known[name] for name in wish.sections] if wish.sections else sections
        info = models.headline(index, model)
        shown = version.version if version else ""
        name = f"{text.line(model.name)} {text.line(shown)}".rstrip()
        return Part(
            "card",
            links=(Link(name, model_href(model.name, shown)), *([index.run_link(run)] if run else [])),
            value=cell(run.metric(info.name), info) if run and info else None,
            note=text.line(info.name) if run and info else "",
            gates=models.gate_status(index, model, version, run),
            sections=tuple(chosen),
        )


def _by_run(title: str, runs: Sequence[Run], info: MetricInfo) -> charts.Chart:
    names = _names(runs)
    bars = [
        charts.Bar(name=names[run.id], value=number(run, info.name), href=f"../../{run_href(run.id)}")
        for run in runs
    ]
    return charts.bar_chart(title, bars, label=info.name, unit=info.unit, format=info.format, dots=True)


def _names(runs: Sequence[Run]) -> dict[str, str]:
    """What to call each run: by what differs, where all are of one experiment and that tells them apart."""
    if len({run.experiment for run in runs}) == 1 and len(runs) > 1:
        params = [name for name in varied(runs) if name != "seed"][:3] or varied(runs)[:3]
        shown = {
            run.id: ", ".join(f"{name.rpartition('.')[2]} {cell(run.param(name)).text}" for name in params)
            for run in runs
        }
        if params and len(set(shown.values())) == len(runs):
            return shown
    return {run.id: run.name for run in runs}


def _by_commit(title: str, runs: Sequence[Run], info: MetricInfo) -> charts.Chart:
    """The best run of each commit as a line, the others beside it."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.commit, []).append(run)
    points = [_point(held, info) for held in grouped.values()]
    points.sort(key=lambda point: text.moment(point.date) or 0.0)
    return charts.history_chart(
        title, points, metric=info.name, unit=info.unit, direction=info.direction,
        line="best of each commit", beside="single runs",
    )  # fmt: skip


def _point(held: Sequence[Run], info: MetricInfo) -> charts.Point:
    top = best(held, info) or held[0]
    rest = tuple(single(run, info) for run in held) if len(held) > 1 else ()
    return replace(single(top, info), beside=rest)
