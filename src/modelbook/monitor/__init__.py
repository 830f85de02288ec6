"""What becomes of data and models in use: one batch at a time, beside a reference. What DVC stages run.

    reference -> profile.of_table -> Profile -> [kept] -> watch(batch) -> records.Watch

Nothing here raises for what is wrong with a batch: that is what a monitor is there to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from modelbook._periods import period
from modelbook.errors import MissingLibrary, ModelbookError
from modelbook.monitor import judge, performance, tables
from modelbook.monitor.profile import Profile, dump, load, of_table
from modelbook.monitor.tables import MOST_DISTINCT, Table, Unreadable, opened, quoted
from modelbook.records import ColumnDrift, Finding, Performance, Watch
from modelbook.spec import Limits, Monitor

__all__ = ["MissingLibrary", "NoColumn", "Profile", "Unreadable", "dump", "load", "profile", "watch"]

_BREACH = Limits(breach=1)


class NoColumn(ModelbookError):
    """The reference lacks a column that the monitor names."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"the reference has no column {name!r}", hint=f"it has {', '.join(sorted(known)[:20])}"
        )


def profile(wish: Monitor, paths: Sequence[Path]) -> Profile:
    """Count the columns of the reference that are to be watched.

    Raises:
        MissingLibrary: the extra `monitor` is not installed.
        NoColumn: the monitor names a column that is not there.
        Unreadable: a file is no table.
    """
    with opened(paths, wish.engine, log=wish.serving_log) as table:
        for name in wish.columns:
            if name not in table.columns:
                raise NoColumn(name, table.columns)
        return of_table(table, _watched(wish, table))


def _watched(wish: Monitor, table: Table) -> list[str]:
    left = {wish.target, wish.time, *wish.ignore, *wish.key}
    named = [*wish.columns, *([wish.prediction] if wish.prediction in table.columns else [])]
    return [
        name
        for name in (dict.fromkeys(named) if wish.columns else table.columns)
        if name not in left and table.columns[name].kind != "other"
    ]


def watch(name: str, batch: str, wish: Monitor, reference: Profile, path: Path) -> Watch:
    """Judge one batch.

    Args:
        name, batch: of the monitor and of the batch.
        path: of its file, which may be missing, empty or broken: the result says so.

    Raises:
        MissingLibrary: the extra `monitor` is not installed.
    """
    made = Watch(monitor=name, batch=batch, reference_rows=reference.rows)
    if not path.exists():
        return _nothing(made, "missing", f"there is no file {path.name}")
    try:
        with opened([path], wish.engine, log=wish.serving_log) as table:
            rows = table.rows()
            return _watch(made, wish, reference, table, rows) if rows else _nothing(made, "empty", "no rows")
    except Unreadable as error:
        return _nothing(made, "unreadable", str(error))


def _nothing(made: Watch, status: str, reason: str) -> Watch:
    return Watch(
        monitor=made.monitor,
        batch=made.batch,
        status=status,
        reason=reason,
        reference_rows=made.reference_rows,
    )


def _watch(made: Watch, wish: Monitor, reference: Profile, table: Table, rows: int) -> Watch:
    findings: list[Finding] = list(_schema(wish, reference, table))
    columns: list[ColumnDrift] = []
    for name in reference.columns:
        if name in table.columns and not _changed(reference, table, name):
            old = reference.counts(name)
            new = table.count(name, reference.bounds(name) or _own_bounds(table, name, rows))
            found, judged = judge.column(name, old, new, wish.drift)
            columns.append(found)
            findings += [*judge.quality(name, old, new, wish.quality), *judged]
    findings += _duplicates(wish, table, rows)
    first, last, outside = _times(wish, made.batch, table, rows)
    findings += outside
    scores = tuple(_scores(wish, table))
    findings += _unmeasured(wish, scores)
    findings += [item for score in scores for item in judge.performance(score, wish.performance)]
    order = {state: at for at, state in enumerate(reversed(judge.ORDER))}
    return Watch(
        monitor=made.monitor,
        batch=made.batch,
        status=judge.worst(item.status for item in findings),
        rows=rows,
        reference_rows=reference.rows,
        waiting=any(score.estimated for score in scores),
        first=first,
        last=last,
        findings=tuple(findings),
        columns=tuple(
            sorted(
                columns, key=lambda item: (order[item.status], -(item.measures.get("psi") or 0), item.name)
            )
        ),
        performance=scores,
    )


def _own_bounds(table: Table, name: str, rows: int) -> tables.Bounds | None:
    """A grid for numbers that have become very many, where the reference needed none."""
    return table.bounds(name) if rows > MOST_DISTINCT and table.columns[name].kind == "number" else None


def _changed(reference: Profile, table: Table, name: str) -> bool:
    number = reference.columns[name].values is not None
    return number != (table.columns[name].kind == "number")


def _schema(wish: Monitor, reference: Profile, table: Table) -> Iterator[Finding]:
    named = (wish.prediction, wish.time, *wish.key, *wish.segments)
    needed = dict.fromkeys((*reference.columns, *filter(None, named)))
    for name in needed:
        if name not in table.columns:
            yield judge.finding("quality", name, "column", 1.0, _BREACH, "the batch has no such column")
        elif name in reference.columns and _changed(reference, table, name):
            then = "a number" if reference.columns[name].values is not None else "a category"
            note = f"was {then}, is now {table.columns[name].type}"
            yield judge.finding("quality", name, "type", 1.0, _BREACH, note)


def _duplicates(wish: Monitor, table: Table, rows: int) -> Iterator[Finding]:
    if wish.key and "duplicates" in wish.quality and all(name in table.columns for name in wish.key):
        key = ", ".join(map(quoted, wish.key))
        [distinct] = table.row(f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM rows)")  # noqa: S608
        yield judge.finding(
            "quality",
            "",
            "duplicates",
            (rows - distinct) / rows,
            wish.quality["duplicates"],
            "by " + ", ".join(wish.key),
        )


def _times(wish: Monitor, batch: str, table: Table, rows: int) -> tuple[str, str, list[Finding]]:
    """Times of the first and the last row, and how many rows are of another period than the batch."""
    if wish.time not in table.columns:
        return "", "", []
    at = f"CAST({quoted(wish.time)} AS TIMESTAMP)"
    when = period(batch)
    outside = "CAST(NULL AS BIGINT)"
    if when:
        low, high = (f"TIMESTAMP '{end:%Y-%m-%d %H:%M:%S}'" for end in (when.start, when.end))
        outside = f"count(*) FILTER (WHERE {at} < {low} OR {at} >= {high})"
    try:
        first, last, out = table.row(f"SELECT min({at}), max({at}), {outside} FROM rows")  # noqa: S608
    except Unreadable as error:
        note = f"no column of times: {error}"
        return "", "", [judge.finding("quality", wish.time, "type", 1.0, _BREACH, note)]
    shown = [item.isoformat(timespec="seconds") if item else "" for item in (first, last)]
    limits = wish.quality.get("period", Limits(warning=0.001, breach=0.01))
    note = f"the batch is of {when}, its rows from {shown[0]} to {shown[1]}"
    found = [judge.finding("quality", wish.time, "period", out / rows, limits, note)] if when else []
    return shown[0], shown[1], found


def _unmeasured(wish: Monitor, scores: Iterable[Performance]) -> Iterator[Finding]:
    """Metrics of the project's own that cannot be measured of this batch."""
    for score in scores:
        for name in wish.metrics:
            if not score.estimated and not score.segment and name not in score.metrics:
                note = "cannot be measured: the batch lacks a column, or the SQL is wrong"
                yield judge.finding("performance", "", name, 1.0, _BREACH, note)


def _scores(wish: Monitor, table: Table) -> Iterator[Performance]:
    """What labels say; what the model expects where there is none yet."""
    if not wish.prediction or wish.prediction not in table.columns:
        return
    if table.columns[wish.prediction].kind != "number":
        return
    segments = [name for name in wish.segments if name in table.columns]
    known = wish.target in table.columns and performance.labelled(table, wish.target)
    if known:
        yield from performance.measured(table, wish.prediction, wish.target, segments, own=wish.metrics)
    elif wish.target and performance.are_chances(table, wish.prediction):
        yield from performance.measured(table, wish.prediction, "", segments, estimated=True)
