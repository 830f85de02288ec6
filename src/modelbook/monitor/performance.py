"""How a model did: metrics of predictions against labels, counted in SQL so that no row is held.

A label may be a probability: with the prediction in its place, the same sums give what a calibrated model
expects of itself while labels are still to come (Guo et al., On Calibration of Modern Neural Networks, 2017,
for the error of calibration; Lipton et al., 2014, for expected scores).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from modelbook.monitor.tables import Table, Unreadable, quoted
from modelbook.records import Performance
from modelbook.spec.check import CHANCES, NUMBERS

MOST_SEGMENTS = 20
"""Values of a column, the most frequent ones, that are segments."""

NONE: Mapping[str, str] = {}
_LEAST = 1e-15

_LINEAR = f"""
    sum(weight * -(y * ln(greatest(p, {_LEAST})) + (1 - y) * ln(greatest(1 - p, {_LEAST}))))::DOUBLE
        AS log_loss,
    sum(weight * (y * (1 - p) * (1 - p) + (1 - y) * p * p))::DOUBLE AS brier,
    sum(weight * CASE WHEN p >= 0.5 THEN y ELSE 1 - y END)::DOUBLE AS accuracy,
    sum(weight * (p - y))::DOUBLE AS bias"""


def measured(
    table: Table,
    prediction: str,
    target: str,
    segments: Sequence[str] = (),
    *,
    own: Mapping[str, str] = NONE,
    estimated: bool = False,
) -> Iterator[Performance]:
    """The metrics of all rows with a prediction and a label, then of each segment.

    Args:
        prediction: column of chances in [0, 1], of any numbers for regression.
        target: column of labels: true and false, 0 and 1, or any numbers for regression.
        segments: columns whose values are judged apart.
        own: more metrics: name -> an aggregate in SQL of p, y and the other columns.
        estimated: leave labels aside and say what the model expects, which only chances can.
    """
    chances = estimated or (_is_binary(table, target) and are_chances(table, prediction))
    for name in ("", *segments):
        yield from _of(table, prediction, target, name, chances, estimated, own)


def labelled(table: Table, target: str) -> int:
    """Rows with a label."""
    return int(table.row(f"SELECT count({quoted(target)}) FROM rows")[0])  # noqa: S608


def are_chances(table: Table, prediction: str) -> bool:
    """Whether all predictions lie between 0 and 1."""
    p = f"{quoted(prediction)}::DOUBLE"
    low, high = table.row(f"SELECT min({p}), max({p}) FROM rows")  # noqa: S608
    return bool(low is not None and low >= 0 and high <= 1)


def _is_binary(table: Table, target: str) -> bool:
    y = f"{quoted(target)}::DOUBLE"
    [odd] = table.row(f"SELECT count(*) FILTER (WHERE {y} NOT IN (0, 1)) FROM rows")  # noqa: S608
    return bool(odd == 0)


def _of(
    table: Table,
    prediction: str,
    target: str,
    segment: str,
    chances: bool,
    estimated: bool,
    own: Mapping[str, str],
) -> Iterator[Performance]:
    key = f"{quoted(segment)}::VARCHAR" if segment else "''"
    p = f"{quoted(prediction)}::DOUBLE"
    y = p if estimated else f"{quoted(target)}::DOUBLE"
    there = f"isfinite({p}) AND isfinite({y})"
    sizes = table.all(
        f"SELECT {key}, count(*), count(*) FILTER (WHERE {there}) FROM rows WHERE {key} IS NOT NULL "  # noqa: S608
        f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_SEGMENTS}"
    )
    others = (quoted(name) for name in table.columns if name.lower() not in ("k", "p", "y"))
    columns = ", ".join((f"{key} AS k", f"{p} AS p", f"{y} AS y", *others))
    source = f"(SELECT {columns} FROM rows WHERE {there} AND {key} IS NOT NULL)"  # noqa: S608
    found = _chances(table, source) if chances else _numbers(table, source)
    more = {} if estimated else _own(table, source, own)
    for value, rows, known in sizes:
        yield Performance(
            segment=f"{segment}={value}" if segment else "",
            rows=int(rows),
            labelled=0 if estimated else int(known),
            metrics=found.get(value, {}) | more.get(value, {}),
            estimated=estimated,
        )


def _chances(table: Table, source: str) -> dict[str, dict[str, float | None]]:
    """Segment -> metrics. Equal chances are one row of `g`, which ranks are counted over."""
    made = table.all(
        f"""
WITH g AS (SELECT k, p, sum(y)::DOUBLE AS pos, sum(1 - y)::DOUBLE AS neg, count(*) AS n
           FROM {source} GROUP BY k, p),
r AS (SELECT *, coalesce(sum(neg) OVER (PARTITION BY k ORDER BY p
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS below FROM g),
w AS (SELECT k, p, pos / n AS y, n AS weight FROM g),
b AS (SELECT k, sum(n) AS size, abs(sum(n * p) - sum(pos)) AS gap FROM g GROUP BY k, least(floor(p * 10), 9)),
e AS (SELECT k, sum(gap) AS ece FROM b GROUP BY k),
l AS (SELECT k, {_LINEAR} FROM w GROUP BY k),
a AS (SELECT k, sum(pos * (below + neg / 2)) AS pairs, sum(pos) AS pos, sum(neg) AS neg, sum(n) AS n
      FROM r GROUP BY k)
SELECT a.k, n, pairs / nullif(pos * neg, 0), log_loss / n, brier / n, accuracy / n, ece / n, bias / n
FROM a JOIN l USING (k) JOIN e USING (k)"""  # noqa: S608
    )
    return {str(key): _finite(CHANCES, rest) for key, _, *rest in made}


def _numbers(table: Table, source: str) -> dict[str, dict[str, float | None]]:
    made = table.all(
        f"SELECT k, avg(abs(p - y)), sqrt(avg((p - y) * (p - y))), avg(p - y) FROM {source} GROUP BY k"  # noqa: S608
    )
    return {str(key): _finite(NUMBERS, rest) for key, *rest in made}


def _own(table: Table, source: str, own: Mapping[str, str]) -> dict[str, dict[str, float | None]]:
    """Segment -> metrics of the project's own; those that cannot be measured are left out."""
    found: dict[str, dict[str, float | None]] = {}
    for name, aggregate in own.items():
        try:
            made = table.all(f"SELECT k, ({aggregate})::DOUBLE FROM {source} GROUP BY k")  # noqa: S608
        except Unreadable:
            continue
        for key, value in made:
            found.setdefault(str(key), {}).update(_finite([name], [value]))
    return found


def _finite(names: Sequence[str], values: Sequence[float | None]) -> dict[str, float | None]:
    shown = (None if value is None or not math.isfinite(value) else float(value) for value in values)
    return dict(zip(names, shown, strict=True))
