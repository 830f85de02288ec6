"""What monitors found: a page for all of them, one for each, and one for each batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

import msgspec

from modelbook import charts
from modelbook.pages import text
from modelbook.pages.cells import DASH, Cell, Column, Table, link_cell
from modelbook.pages.index import Index, Link, model_href
from modelbook.records import ColumnDrift, Finding, Performance, Watch

MOST_BATCHES = 200
"""Batches in the table of a monitor; each has a page of its own."""

MOST_ALERTS = 100
MOST_LINES = 5
"""Columns, those that were furthest away in any batch, whose drift is drawn."""

MOST_COLUMNS = 40
"""Columns of a batch whose distributions are drawn."""

TONES = {"ok": "good", "warning": "warn"}
_DATE = re.compile(r"(\d{4})-?(\d\d)(?:-?(\d\d))?\Z")


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How a monitor is now.

    Attributes:
        status, tone: of its newest batch. since: the first batch of all those in a row that are like it.
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
    versions: tuple[str, ...]
    spark: str
    batches: int


class MonitoringPage(msgspec.Struct, frozen=True, gc=False):
    """`monitoring/`: the worst first."""

    monitors: tuple[Standing, ...]


class Alert(msgspec.Struct, frozen=True, gc=False):
    """One thing that was beyond its limit."""

    batch: Link
    status: str
    tone: str
    says: str


class MonitorPage(msgspec.Struct, frozen=True, gc=False):
    """`monitoring/NAME/`: newest batches first.

    Attributes:
        charts: drift and performance over the batches, as SVG.
        more_batches, more_alerts: how many are not listed.
    """

    name: str
    standing: Standing
    charts: tuple[str, ...]
    batches: Table
    more_batches: int
    alerts: tuple[Alert, ...]
    more_alerts: int


class Bar(msgspec.Struct, frozen=True, gc=False):
    """A part of a distribution; widths are percentages of the longest bar."""

    name: str
    reference: str
    batch: str
    reference_width: float
    batch_width: float


class Distribution(msgspec.Struct, frozen=True, gc=False):
    """A column beside that of the reference."""

    name: str
    status: str
    tone: str
    says: str
    bars: tuple[Bar, ...]


class BatchPage(msgspec.Struct, frozen=True, gc=False):
    """`monitoring/NAME.BATCH/`.

    Attributes:
        findings: all that was judged, the worst first. measures: of every column.
    """

    name: str
    monitor: Link
    status: str
    tone: str
    reason: str
    rows: str
    reference_rows: str
    waiting: bool
    same_as: Link | None
    before: Link | None
    after: Link | None
    alerts: tuple[Alert, ...]
    findings: Table
    performance: Table
    measures: Table
    columns: tuple[Distribution, ...]
    more_columns: int


def monitor_href(name: str) -> str:
    """Address of a monitor's page, from the site's root."""
    return f"monitoring/{text.slug(name)}/index.html"


def batch_href(watch: Watch) -> str:
    """Address of a batch's page, from the site's root; names of monitors have no dots."""
    return f"monitoring/{text.slug(watch.monitor)}.{text.slug(watch.batch)}/index.html"


def by_monitor(watches: Iterable[Watch]) -> dict[str, tuple[Watch, ...]]:
    """Monitor -> its batches, oldest first: by name, which is how months and days sort."""
    return {name: tuple(found) for name, found in groupby(watches, key=lambda item: item.monitor)}


def overview(index: Index) -> MonitoringPage:
    """All monitors."""
    found = [_standing(index, name, items) for name, items in by_monitor(index.catalog.watches).items()]
    order = {"good": 2, "warn": 1}
    return MonitoringPage(tuple(sorted(found, key=lambda item: (order.get(item.tone, 0), item.link.text))))


def _standing(index: Index, name: str, items: Sequence[Watch]) -> Standing:
    newest, since = items[-1], items[-1]
    for item in reversed(items):
        if item.status != newest.status:
            break
        since = item
    watched = dict(index.catalog.project.monitors).get(name)
    model = next((item for item in index.catalog.models if item.name == watched), None)
    bad = next(iter(_bad(newest)), None)
    return Standing(
        link=Link(text.line(name), monitor_href(name)),
        status=newest.status,
        tone=TONES.get(newest.status, "bad"),
        newest=_link(newest),
        since=_link(since),
        rows=f"{newest.rows:,}",
        worst=_sentence(bad) if bad else text.line(newest.reason),
        model=Link(text.line(model.name), model_href(model.name)) if model else Link(""),
        versions=tuple(
            f"{text.line(environment)} {text.line(version)}"
            for environment, version in (model.info.environments if model else ())
        ),
        spark=_spark(name, items),
        batches=len(items),
    )


def _link(item: Watch) -> Link:
    return Link(text.cut(text.line(item.batch), 60), batch_href(item))


def _bad(item: Watch) -> list[Finding]:
    """What is beyond a limit, breaches first and then the furthest."""
    found = [one for one in item.findings if one.status != "ok"]
    return sorted(found, key=lambda one: (one.status != "breach", -_excess(one), one.kind, one.column))


def _alerts(item: Watch) -> tuple[Alert, ...]:
    return tuple(
        Alert(_link(item), one.status, TONES.get(one.status, "bad"), _sentence(one)) for one in _bad(item)
    )


def _excess(item: Finding) -> float:
    limit = item.breach if item.status == "breach" else item.warning
    return abs(item.value - limit) / abs(limit) if item.value is not None and limit else 0.0


def _sentence(item: Finding) -> str:
    limit = item.breach if item.status == "breach" else item.warning
    shown = _shown(item.value) if item.value is not None else "not measured"
    what = f"{text.line(item.column)}: " if item.column else ""
    bound = f", limit {_shown(limit)}" if limit is not None and item.measure not in ("column", "type") else ""
    if item.measure in ("column", "type"):
        return f"{what}{text.line(item.note)}"
    note = f" ({text.cut(text.line(item.note), 160)})" if item.note else ""
    return f"{what}{item.measure.replace('_', ' ')} {shown}{bound}{note}"


def _drift(item: Watch) -> float | None:
    """The largest stability index of any column."""
    found = [value for column in item.columns if (value := column.measures.get("psi")) is not None]
    return max(found, default=None)


def _spark(name: str, items: Sequence[Watch]) -> str:
    values = [value for item in items[-60:] if (value := _drift(item)) is not None]
    if len(values) < 2:
        return ""
    return charts.sparkline(values, key=f"spark-monitor-{text.slug(name)}", title="worst PSI of each batch")


def monitor(index: Index, name: str, items: Sequence[Watch]) -> MonitorPage:
    """One monitor, over all its batches."""
    newest = list(reversed(items))
    alerts = [alert for item in newest for alert in _alerts(item)]
    drawn = (_drift_chart(items), *_performance_charts(items))
    return MonitorPage(
        name=text.line(name),
        standing=_standing(index, name, items),
        charts=tuple(chart.svg(f"chart-{at}") for at, chart in enumerate(drawn) if not chart.reason),
        batches=_batches(newest[:MOST_BATCHES]),
        more_batches=max(0, len(newest) - MOST_BATCHES),
        alerts=tuple(alerts[:MOST_ALERTS]),
        more_alerts=max(0, len(alerts) - MOST_ALERTS),
    )


def _axis(items: Sequence[Watch]) -> tuple[charts.Axis, list[float | None]]:
    """The batches along an axis: by date where all their names are months or days."""
    dates = [_seconds(item.batch) for item in items]
    if all(date is not None for date in dates):
        return charts.Axis(label="batch", kind="date"), dates
    return charts.Axis(label="batch", kind="index"), [float(at) for at in range(1, len(items) + 1)]


def _seconds(name: str) -> float | None:
    found = _DATE.match(name)
    if not found:
        return None
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3] or 1), tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _drift_chart(items: Sequence[Watch]) -> charts.Chart:
    axis, x = _axis(items)
    labels = [text.line(item.batch) for item in items]
    far: dict[str, float] = {}
    for item in items:
        for column in item.columns:
            far[column.name] = max(far.get(column.name, 0.0), column.measures.get("psi") or 0.0)
    names = sorted(far, key=lambda name: (-far[name], name))[:MOST_LINES]
    series = [
        charts.Series(
            name=text.line(name), x=x, y=[_psi_of(item, name) for item in items], labels=labels, style="both"
        )
        for name in names
    ]
    return charts.xy_chart("Drift from the reference", series, x=axis, y=charts.Axis(label="PSI", low=0))


def _psi_of(item: Watch, name: str) -> float | None:
    return next((column.measures.get("psi") for column in item.columns if column.name == name), None)


def _performance_charts(items: Sequence[Watch]) -> list[charts.Chart]:
    """One for each metric that has limits; what the model expects of itself is apart from what labels say."""
    limited = dict.fromkeys(
        item.measure for watch in items for item in watch.findings if item.kind == "performance"
    )
    axis, x = _axis(items)
    labels = [text.line(item.batch) for item in items]
    made = []
    for name in limited:
        real = [_metric(item, name, estimated=False) for item in items]
        hoped = [_metric(item, name, estimated=True) for item in items]
        series = [
            charts.Series(name=name, x=x, y=real, labels=labels, style="both"),
            charts.Series(name="expected, no labels yet", x=x, y=hoped, labels=labels, style="points"),
        ]
        made.append(charts.xy_chart(f"{name} of each batch", series, x=axis, y=charts.Axis(label=name)))
    return made


def _whole(item: Watch) -> Performance | None:
    return next((part for part in item.performance if not part.segment), None)


def _metric(item: Watch, name: str, *, estimated: bool) -> float | None:
    whole = _whole(item)
    return whole.metrics.get(name) if whole and whole.estimated is estimated else None


def _batches(items: Sequence[Watch]) -> Table:
    names = list(dict.fromkeys(key for item in items if (whole := _whole(item)) for key in whole.metrics))[:6]
    columns = (
        Column("batch"),
        Column("status"),
        Column("rows", number=True),
        Column("worst PSI", "population stability index of the column that is furthest away", number=True),
        *(Column(name, number=True) for name in names),
        Column("what is wrong"),
    )
    return Table(columns, tuple(_batch_row(item, names) for item in items), "Batches, newest first")


def _batch_row(item: Watch, names: Sequence[str]) -> tuple[Cell, ...]:
    whole, bad = _whole(item), _bad(item)
    says = _sentence(bad[0]) + (f", and {len(bad) - 1} more" if len(bad) > 1 else "") if bad else ""
    same = f"the same data as {text.line(item.same_as)}" if item.same_as else ""
    return (
        link_cell(_link(item)),
        _status_cell(item.status),
        Cell(f"{item.rows:,}", number=True),
        _number(_drift(item)),
        *(_scored(whole, name) for name in names),
        Cell(text.cut(same or says or text.line(item.reason) or DASH, 160), title=same or says),
    )


def _status_cell(status: str) -> Cell:
    return Cell(status, tone=TONES.get(status, "bad"))


def _shown(value: float) -> str:
    """Four digits: no distance is known better."""
    return text.value(float(f"{value:.4g}"))


def _number(value: float | None) -> Cell:
    return Cell(_shown(value) if value is not None else DASH, number=True)


def _scored(found: Performance | None, name: str) -> Cell:
    value = found.metrics.get(name) if found else None
    if value is None or found is None:
        return Cell(DASH, number=True)
    return Cell(_shown(value), number=True, badge="expected" if found.estimated else "")


def batch(items: Sequence[Watch], at: int) -> BatchPage:
    """One batch of a monitor.

    Args:
        items: all its batches, oldest first. at: which of them.
    """
    item = items[at]
    same = next((other for other in items if other.batch == item.same_as), None)
    order = {"breach": 0, "warning": 1}
    judged = sorted(
        item.findings, key=lambda one: (order.get(one.status, 2), one.kind, one.column, one.measure)
    )
    return BatchPage(
        name=text.line(item.batch),
        monitor=Link(text.line(item.monitor), monitor_href(item.monitor)),
        status=item.status,
        tone=TONES.get(item.status, "bad"),
        reason=text.line(item.reason),
        rows=f"{item.rows:,}",
        reference_rows=f"{item.reference_rows:,}",
        waiting=item.waiting,
        same_as=_link(same) if same else None,
        before=_link(items[at - 1]) if at else None,
        after=_link(items[at + 1]) if at + 1 < len(items) else None,
        alerts=_alerts(item),
        findings=_findings(judged),
        performance=_performance(item.performance),
        measures=_measures(item.columns),
        columns=tuple(map(_distribution, item.columns[:MOST_COLUMNS])),
        more_columns=max(0, len(item.columns) - MOST_COLUMNS),
    )


def _findings(items: Sequence[Finding]) -> Table:
    names = ("what", "of", "measure", "value", "warning", "breach", "status", "note")
    numbers = ("value", "warning", "breach")
    rows = tuple(
        (
            Cell(item.kind),
            Cell(text.line(item.column) or "all rows"),
            Cell(item.measure.replace("_", " ")),
            *(_number(value) for value in (item.value, item.warning, item.breach)),
            _status_cell(item.status),
            Cell(text.cut(text.line(item.note), 160) or DASH),
        )
        for item in items
    )
    return Table(tuple(Column(name, number=name in numbers) for name in names), rows, "All that was judged")


def _performance(items: Sequence[Performance]) -> Table:
    names = list(dict.fromkeys(name for item in items for name in item.metrics))
    columns = (
        Column("rows of"),
        Column("rows", number=True),
        Column("labels", number=True),
        *(Column(name, number=True) for name in names),
    )
    rows = tuple(
        (
            Cell(text.line(item.segment) or "all"),
            Cell(f"{item.rows:,}", number=True),
            Cell(f"{item.labelled:,}", number=True),
            *(_scored(item, name) for name in names),
        )
        for item in items
    )
    return Table(columns, rows, "Performance")


def _measures(items: Sequence[ColumnDrift]) -> Table:
    names = list(dict.fromkeys(name for item in items for name in item.measures))
    columns = (Column("column"), Column("status"), *(Column(name, number=True) for name in names))
    rows = tuple(
        (
            Cell(text.line(item.name)),
            _status_cell(item.status),
            *(_number(item.measures.get(name)) for name in names),
        )
        for item in items
    )
    return Table(columns, rows, "Measures of every column")


def _distribution(item: ColumnDrift) -> Distribution:
    longest = max((*item.reference, *item.batch, 0.0)) or 1.0
    rows = zip(item.bins, item.reference, item.batch, strict=False)
    bars = tuple(
        Bar(
            text.cut(text.line(name), 40),
            f"{old:.1%}",
            f"{new:.1%}",
            round(100 * old / longest, 1),
            round(100 * new / longest, 1),
        )
        for name, old, new in rows
        if old or new
    )
    says = ", ".join(_says(item.measures)) + ("" if item.exact else ", counted in bins")
    return Distribution(text.line(item.name), item.status, TONES.get(item.status, "bad"), says, bars)


def _says(measures: Mapping[str, float | None]) -> Iterable[str]:
    for name, words in (("psi", "PSI"), ("wasserstein", "Wasserstein"), ("cramers_v", "Cramér's V")):
        if (value := measures.get(name)) is not None:
            yield f"{words} {_shown(value)}"
