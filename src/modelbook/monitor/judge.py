"""Measures against limits: what a batch is told to be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from modelbook.monitor import drift
from modelbook.monitor.drift import BINS, Distribution
from modelbook.monitor.tables import Counts
from modelbook.records import ColumnDrift, Finding, Performance
from modelbook.spec import Limits

Wanted = Mapping[Any, Limits]
"""Measure -> its limits."""

ORDER = ("ok", "warning", "breach")

MOST_BARS = 12
"""Categories of a column whose shares are kept; the rest are one."""

MOST_NAMED = 5


def worst(statuses: Iterable[str]) -> str:
    """The worst of some statuses; `ok` when there is none."""
    return max(statuses, key=ORDER.index, default="ok")


def status(value: float | None, limits: Limits) -> str:
    """Where a measure stands: limits are reached by being as far, whichever way they point."""
    if value is None or math.isnan(value):
        return "ok"
    low = limits.warning is not None and limits.breach is not None and limits.breach < limits.warning
    for name in ("breach", "warning"):
        limit = getattr(limits, name)
        if limit is not None and (value <= limit if low else value >= limit):
            return name
    return "ok"


def finding(
    kind: str, column: str, measure: str, value: float | None, limits: Limits, note: str = ""
) -> Finding:
    """One judgement."""
    return Finding(
        kind=kind,
        column=column,
        measure=measure,
        value=_plain(value),
        warning=limits.warning,
        breach=limits.breach,
        status=status(value, limits),
        note=note,
    )


def column(name: str, reference: Counts, batch: Counts, limits: Wanted) -> tuple[ColumnDrift, list[Finding]]:
    """How far a column of a batch is from the same of the reference; it must be of the same kind."""
    if reference.numbers is not None and batch.numbers is not None:
        found = _number(name, reference, batch, reference.numbers, batch.numbers)
    else:
        found = _category(name, reference, batch)
    judged = [
        finding("drift", name, measure, found.measures[measure], limit)
        for measure, limit in limits.items()
        if measure in found.measures
    ]
    state = worst(item.status for item in judged)
    return replace(found, status=state), judged


def _number(name: str, reference: Counts, batch: Counts, old: Distribution, new: Distribution) -> ColumnDrift:
    inner = drift.edges(old, BINS)
    first = [*drift.binned(old, inner), float(reference.missing)]
    second = [*drift.binned(new, inner), float(batch.missing)]
    distance = drift.wasserstein(old, new)
    gap, p = drift.kolmogorov_smirnov(old, new)
    measures = {
        "psi": drift.psi(first, second),
        "jensen_shannon": drift.jensen_shannon(first, second),
        "wasserstein": drift.normalised(distance, old.std) if old.values.size else None,
        "ks": gap,
        "ks_p": p,
        "mean": new.mean,
        "reference_mean": old.mean,
    }
    return ColumnDrift(
        name=name,
        kind="number",
        measures={key: _plain(value) for key, value in measures.items()},
        bins=(*_bins(inner, old), "missing"),
        reference=_shares(first),
        batch=_shares(second),
        exact=reference.exact and batch.exact,
    )


def _bins(inner: drift.Floats, old: Distribution) -> Iterator[str]:
    shown = [f"{edge:.6g}" for edge in inner]
    if not shown:
        yield "all" if not old.values.size else f"{old.values[0]:.6g}"
        return
    yield f"to {shown[0]}"
    yield from (f"to {edge}" for edge in shown[1:])
    yield f"over {shown[-1]}"


def _category(name: str, reference: Counts, batch: Counts) -> ColumnDrift:
    names = sorted({*reference.categories, *batch.categories})
    first = [float(reference.categories.get(key, 0)) for key in names]
    second = [float(batch.categories.get(key, 0)) for key in names]
    test = drift.chi_squared(reference.categories, batch.categories)
    lost = [float(reference.missing)], [float(batch.missing)]
    measures = {
        "psi": drift.psi(first + lost[0], second + lost[1]),
        "jensen_shannon": drift.jensen_shannon(first + lost[0], second + lost[1]),
        "cramers_v": test.effect,
        "chi_squared": test.statistic,
        "chi_squared_p": test.p,
    }
    shown = sorted(range(len(names)), key=lambda at: (-first[at] - second[at], names[at]))[:MOST_BARS]
    rest = [at for at in range(len(names)) if at not in set(shown)]
    bars = [[side[at] for at in shown] + [sum(side[at] for at in rest)] for side in (first, second)]
    return ColumnDrift(
        name=name,
        kind="category",
        measures={key: _plain(value) for key, value in measures.items()},
        bins=(*(names[at] for at in shown), f"{len(rest)} more", "missing"),
        reference=_shares([*bars[0], *lost[0]]),
        batch=_shares([*bars[1], *lost[1]]),
    )


def _shares(counts: list[float]) -> tuple[float, ...]:
    total = sum(counts) or 1.0
    return tuple(round(float(count / total), 6) for count in counts)


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.10g}")


def quality(name: str, reference: Counts, batch: Counts, limits: Wanted) -> Iterator[Finding]:
    """What is wrong with the values of a column, whatever their distribution."""
    if "missing" in limits:
        now, then = _share(batch.missing, batch.rows), _share(reference.missing, reference.rows)
        note = f"{now:.1%} now, {then:.1%} then"
        yield finding("quality", name, "missing", max(0.0, now - then), limits["missing"], note)
    old, new = reference.numbers, batch.numbers
    if old is not None and new is not None:
        if "range" in limits and old.values.size:
            low, high = old.values[0], old.values[-1]
            out = float(new.counts[(new.values < low) | (new.values > high)].sum())
            note = f"the reference goes from {low:.6g} to {high:.6g}"
            yield finding("quality", name, "range", _share(out, new.total), limits["range"], note)
    elif "new_categories" in limits:
        fresh = {key: count for key, count in batch.categories.items() if key not in reference.categories}
        named = ", ".join(repr(key[:40]) for key in list(fresh)[:MOST_NAMED])
        share = _share(sum(fresh.values()), batch.rows)
        yield finding("quality", name, "new_categories", share, limits["new_categories"], named)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def performance(found: Performance, limits: Wanted) -> Iterator[Finding]:
    """The metrics of a part of the rows that have limits; an estimate warns at most."""
    note = "expected by the model itself: no labels yet" if found.estimated else ""
    for name, limit in limits.items():
        if name in found.metrics:
            value = found.metrics[name]
            size = abs(value) if name == "bias" and value is not None else value
            state = status(size, limit)
            made = finding("performance", found.segment, name, value, limit, note)
            yield replace(made, status="warning" if found.estimated and state == "breach" else state)
