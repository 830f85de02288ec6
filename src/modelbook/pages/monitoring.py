"""What monitors found: a page for all of them, one for each, and one for each batch."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from modelbook import alerts, charts
from modelbook._periods import gaps, period
from modelbook.pages import inforce, text
from modelbook.pages.batches import (
    TONES,
    Beyond,
    bad,
    beyond,
    link,
    metric,
    monitor_href,
    number,
    scored,
    sentence,
    status_cell,
    whole,
)
from modelbook.pages.cells import DASH, Cell, Column, Table, link_cell
from modelbook.pages.index import Index, Link, model_href
from modelbook.records import MonitorInfo, Notice, Watch

MOST_BATCHES = 1_000
"""Batches in the table of a monitor."""

MOST_PAST = 40
MOST_TOLD = 100
MOST_POINTS = 150
MOST_LINES = 5
"""Columns, those that were furthest away in any batch, whose drift is drawn."""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How a monitor is now.

    Attributes:
        status, tone: of its newest batch. since: the first batch of all those in a row that are like it.
        environments: those that it is about, and the model's version in force there.
        worst: what is furthest beyond its limit. spark: the worst drift of each batch.
    """

    link: Link
    status: str
    tone: str
    newest: Link
    since: Link
    rows: str
    worst: str
    model: Link
    environments: tuple[tuple[str, Link], ...]
    schedule: str
    spark: str
    batches: int


class MonitoringPage(msgspec.Struct, frozen=True, gc=False):
    """`monitoring/`: the worst first.

    Attributes:
        retraining: every model that is trained again, and what was decided last.
    """

    monitors: tuple[Standing, ...]
    retraining: Table | None


class MonitorPage(msgspec.Struct, frozen=True, gc=False):
    """`monitoring/NAME/`: newest batches first.

    Attributes:
        charts: drift and performance over the batches, as SVG.
        paged: how many batches, the newest, have pages. gaps: periods that no batch is of.
        beyond: what was beyond its limit. told: who was told what.
        more_batches, more_beyond, more_told: how many are not listed.
    """

    name: str
    standing: Standing
    charts: tuple[str, ...]
    batches: Table
    more_batches: int
    paged: int
    gaps: tuple[str, ...]
    beyond: tuple[Beyond, ...]
    more_beyond: int
    told: Table
    more_told: int


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A monitor with all its batches, oldest first: by name, which is how months and days sort.

    Attributes:
        paged: the newest ones, which have pages of their own: all, or as many as are to be kept in full.
        counted: those whose data no earlier one brought already.
    """

    name: str
    items: tuple[Watch, ...]
    paged: tuple[Watch, ...]
    counted: tuple[Watch, ...]
    standing: Standing


def seen(index: Index) -> tuple[Seen, ...]:
    """Every monitor that found anything, by name."""
    groups = groupby(index.catalog.watches, key=lambda item: item.monitor)
    return tuple(_seen(index, name, tuple(items)) for name, items in groups)


def _seen(index: Index, name: str, items: tuple[Watch, ...]) -> Seen:
    info = inforce.declared(index, name)
    counted = tuple(item for item in items if not item.same_as)
    return Seen(name, items, items[-info.retention :], counted, _standing(index, info, items, counted))


def overview(found: Iterable[Seen], retraining: Table | None = None) -> MonitoringPage:
    """All monitors, and what came of it."""
    order = {"good": 2, "warn": 1}
    standings = (item.standing for item in found)
    first = sorted(standings, key=lambda item: (order.get(item.tone, 0), item.link.text))
    return MonitoringPage(tuple(first), retraining)


def _standing(index: Index, info: MonitorInfo, items: Sequence[Watch], counted: Sequence[Watch]) -> Standing:
    newest = items[-1]
    model = inforce.watched(index, info)
    worst = next(iter(bad(newest)), None)
    return Standing(
        link=Link(text.line(info.name), monitor_href(info.name)),
        status=newest.status,
        tone=TONES.get(newest.status, "bad"),
        newest=link(newest),
        since=link(alerts.since(items)),
        rows=f"{newest.rows:,}",
        worst=sentence(worst) if worst else text.line(newest.reason),
        model=Link(text.line(model.name), model_href(model.name)) if model else Link(""),
        environments=inforce.now(model, info.environment) if model else (),
        schedule=text.line(info.schedule),
        spark=_spark(info.name, counted),
        batches=len(items),
    )


def _drift(item: Watch) -> float | None:
    """The largest stability index of any column."""
    found = [value for column in item.columns if (value := column.measures.get("psi")) is not None]
    return max(found, default=None)


def _spark(name: str, items: Sequence[Watch]) -> str:
    values = [value for item in items[-60:] if (value := _drift(item)) is not None]
    if len(values) < 2:
        return ""
    return charts.sparkline(values, key=f"spark-monitor-{text.slug(name)}", title="worst PSI of each batch")


def monitor(index: Index, found: Seen) -> MonitorPage:
    """One monitor, over all its batches."""
    newest, paged = list(reversed(found.items)), {item.batch for item in found.paged}
    past = [one for item in reversed(found.counted) for one in beyond(item, linked=item.batch in paged)]
    drawn = (_drift_chart(found.counted), *_performance_charts(found.counted))
    log = _log(index, found.name)
    return MonitorPage(
        name=text.line(found.name),
        standing=found.standing,
        charts=tuple(chart.svg(f"chart-{at}") for at, chart in enumerate(drawn) if not chart.reason),
        batches=_batches(newest[:MOST_BATCHES], paged),
        more_batches=max(0, len(newest) - MOST_BATCHES),
        paged=len(paged),
        gaps=tuple(gaps([item.batch for item in found.items])),
        beyond=tuple(past[:MOST_PAST]),
        more_beyond=max(0, len(past) - MOST_PAST),
        told=Table(_TOLD, tuple(log[:MOST_TOLD]), "Who was told what"),
        more_told=max(0, len(log) - MOST_TOLD),
    )


_TOLD = tuple(map(Column, ("on", "who", "status", "batch", "since", "what was new")))


def _log(index: Index, name: str) -> list[tuple[Cell, ...]]:
    """Who was told what, newest first; those that were told the same one after the other are one row."""
    mine = [item for item in index.catalog.notices if item.monitor == name and item.events]
    groups = [list(items) for _, items in groupby(mine, key=lambda item: (item.batch, item.events))]
    return [_told(items) for items in reversed(groups)]


def _told(items: Sequence[Notice]) -> tuple[Cell, ...]:
    first = items[0]
    who = ", ".join(dict.fromkeys(text.line(item.channel) for item in items))
    says = [text.line(alerts.line(event)) for event in first.events]
    more = f", and {len(says) - 1} more" if len(says) > 1 else ""
    return (
        Cell(text.line(text.day(first.date)) or DASH, title=text.line(first.date)),
        Cell(text.cut(who, 80)),
        status_cell(text.line(first.status)),
        Cell(text.cut(text.line(first.batch), 60)),
        Cell(text.cut(text.line(first.since), 60)),
        Cell(text.cut(says[0], 160) + more, title=text.cut("\n".join(says), 2000)),
    )


def axis(names: Sequence[str]) -> tuple[charts.Axis, list[float | None]]:
    """Batches along an axis: by date where all their names are of a month or a day of their own."""
    found = [period(name) for name in names]
    dates = [item.start.timestamp() for item in found if item]
    if len(set(dates)) == len(names):
        return charts.Axis(label="batch", kind="date"), [*dates]
    return charts.Axis(label="batch", kind="index"), [float(at) for at in range(1, len(names) + 1)]


def _drift_chart(items: Sequence[Watch]) -> charts.Chart:
    along, x = axis([item.batch for item in items])
    labels = [text.line(item.batch) for item in items]
    far: dict[str, float] = {}
    for item in items:
        for column in item.columns:
            far[column.name] = max(far.get(column.name, 0.0), column.measures.get("psi") or 0.0)
    names = sorted(far, key=lambda name: (-far[name], name))[:MOST_LINES]
    series = [
        charts.Series(
            name=text.line(name),
            x=x,
            y=[_psi_of(item, name) for item in items],
            labels=labels,
            style=_style(items),
        )
        for name in names
    ]
    return charts.xy_chart("Drift from the reference", series, x=along, y=charts.Axis(label="PSI", low=0))


def _style(items: Sequence[Watch]) -> Literal["line", "both"]:
    """Points are for what can be told apart: a thousand of them are a line, and a page of a megabyte."""
    return "both" if len(items) <= MOST_POINTS else "line"


def _psi_of(item: Watch, name: str) -> float | None:
    return next((column.measures.get("psi") for column in item.columns if column.name == name), None)


def _performance_charts(items: Sequence[Watch]) -> list[charts.Chart]:
    """One for each metric that has limits; what the model expects of itself is apart from what labels say."""
    limited = dict.fromkeys(
        item.measure for watch in items for item in watch.findings if item.kind == "performance"
    )
    along, x = axis([item.batch for item in items])
    labels = [text.line(item.batch) for item in items]
    made = []
    for name in limited:
        real = [metric(item, name, estimated=False) for item in items]
        hoped = [metric(item, name, estimated=True) for item in items]
        series = [
            charts.Series(name=name, x=x, y=real, labels=labels, style=_style(items)),
            charts.Series(name="expected, no labels yet", x=x, y=hoped, labels=labels, style="points"),
        ]
        made.append(charts.xy_chart(f"{name} of each batch", series, x=along, y=charts.Axis(label=name)))
    return made


def _batches(items: Sequence[Watch], paged: Container[str]) -> Table:
    names = list(dict.fromkeys(key for item in items if (found := whole(item)) for key in found.metrics))[:6]
    columns = (
        Column("batch"),
        Column("status"),
        Column("rows", number=True),
        Column("worst PSI", "population stability index of the column that is furthest away", number=True),
        *(Column(name, number=True) for name in names),
        Column("what is wrong"),
    )
    rows = tuple(_batch_row(item, names, linked=item.batch in paged) for item in items)
    return Table(columns, rows, "Batches, newest first")


def _batch_row(item: Watch, names: Sequence[str], *, linked: bool) -> tuple[Cell, ...]:
    found, wrong = whole(item), bad(item)
    says = sentence(wrong[0]) if wrong else ""
    says += f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    same = f"the same data as {text.line(item.same_as)}" if item.same_as else ""
    shown = text.cut(same or says or text.line(item.reason) or DASH, 160)
    return (
        link_cell(link(item, linked=linked)),
        status_cell(item.status),
        Cell(f"{item.rows:,}", number=True),
        number(_drift(item)),
        *(scored(found, name) for name in names),
        Cell(shown, title=same or says),
    )
