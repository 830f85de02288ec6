"""The page of one batch of a monitor, and what all pages about monitors say of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from modelbook.pages import text
from modelbook.pages.cells import DASH, Cell, Column, Table
from modelbook.pages.index import Link
from modelbook.pages.inforce import InForce
from modelbook.records import ColumnDrift, Finding, Performance, Watch

MOST_COLUMNS = 40
"""Columns of a batch whose distributions are drawn."""

TONES = {"ok": "good", "warning": "warn"}


class Beyond(msgspec.Struct, frozen=True, gc=False):
    """One thing that was beyond its limit."""

    batch: Link
    status: str
    tone: str
    says: str


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
        beyond: what was beyond its limit, the worst first. times: of its first and last row.
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
    beyond: tuple[Beyond, ...]
    in_force: InForce
    times: str
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


def link(item: Watch, *, linked: bool = True) -> Link:
    """A batch by its name."""
    return Link(text.cut(text.line(item.batch), 60), batch_href(item) if linked else None)


def bad(item: Watch) -> list[Finding]:
    """What is beyond a limit, breaches first and then the furthest."""
    found = [one for one in item.findings if one.status != "ok"]
    return sorted(found, key=lambda one: (one.status != "breach", -_excess(one), one.kind, one.column))


def beyond(item: Watch, *, linked: bool = True) -> tuple[Beyond, ...]:
    """The same in words."""
    return tuple(
        Beyond(link(item, linked=linked), one.status, TONES.get(one.status, "bad"), sentence(one))
        for one in bad(item)
    )


def whole(item: Watch) -> Performance | None:
    """How the model did on all rows of a batch."""
    return next((part for part in item.performance if not part.segment), None)


def metric(item: Watch, name: str, *, estimated: bool) -> float | None:
    """A metric of all rows, as labels say, or as the model expects while there are none."""
    found = whole(item)
    return found.metrics.get(name) if found and found.estimated is estimated else None


def _excess(item: Finding) -> float:
    limit = item.breach if item.status == "breach" else item.warning
    return abs(item.value - limit) / abs(limit) if item.value is not None and limit else 0.0


def sentence(item: Finding) -> str:
    """A finding in words, for a page."""
    limit = item.breach if item.status == "breach" else item.warning
    shown = digits(item.value) if item.value is not None else "not measured"
    what = f"{text.line(item.column)}: " if item.column else ""
    bound = f", limit {digits(limit)}" if limit is not None and item.measure not in ("column", "type") else ""
    if item.measure in ("column", "type"):
        return f"{what}{text.line(item.note)}"
    note = f" ({text.cut(text.line(item.note), 160)})" if item.note else ""
    return f"{what}{item.measure.replace('_', ' ')} {shown}{bound}{note}"


def batch(items: Sequence[Watch], at: int, held: InForce) -> BatchPage:
    """One batch of a monitor.

    Args:
        items: those of its batches that have pages, oldest first. at: which of them.
        held: what was in force then.
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
        same_as=link(same) if same else None,
        before=link(items[at - 1]) if at else None,
        after=link(items[at + 1]) if at + 1 < len(items) else None,
        beyond=beyond(item),
        in_force=held,
        times=" to ".join(text.line(at) for at in dict.fromkeys((item.first, item.last)) if at),
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
            *(number(value) for value in (item.value, item.warning, item.breach)),
            status_cell(item.status),
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
            *(scored(item, name) for name in names),
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
            status_cell(item.status),
            *(number(item.measures.get(name)) for name in names),
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
            yield f"{words} {digits(value)}"


def status_cell(status: str) -> Cell:
    """How a batch or a finding stands."""
    return Cell(status, tone=TONES.get(status, "bad"))


def digits(value: float) -> str:
    """Four digits: no distance is known better."""
    return text.value(float(f"{value:.4g}"))


def number(value: float | None) -> Cell:
    """A measure."""
    return Cell(digits(value) if value is not None else DASH, number=True)


def scored(found: Performance | None, name: str) -> Cell:
    """A metric, with a badge where it is only expected."""
    value = found.metrics.get(name) if found else None
    if value is None or found is None:
        return Cell(DASH, number=True)
    return Cell(digits(value), number=True, badge="expected" if found.estimated else "")
