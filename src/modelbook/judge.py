"""Equal, better, worse and best: the one rule that tables, charts, rankings, gates and verdicts go by. Pure.

    better(info, before, after) -> True, False, or None for no change that counts

`site_templates/assets/judge.js` is the same rule for pages that compare in the browser; a test holds it so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from modelbook.records import Gate, MetricInfo

T = TypeVar("T")


def equal(before: float, after: float, *, atol: float = 0.0, rtol: float = 0.0) -> bool:
    """Whether two finite numbers count as the same: no more apart than `atol`, or that share of `before`."""
    room = max(atol, rtol * abs(before))
    return before == after or (room > 0 and at_most(abs(after - before), room))


def at_most(low: float, high: float) -> bool:
    """`low <= high`, with room for what a subtraction of decimals loses."""
    return low <= high or math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-12)


def gain(direction: str, before: float, after: float) -> float:
    """How far `after` is better than `before`; negative when it is worse."""
    return after - before if direction == "maximize" else before - after


def better(info: MetricInfo | None, before: float | None, after: float | None) -> bool | None:
    """Whether a metric got better.

    None when nobody knows which way is better, when both count as the same, and when it is better by less
    than the project asks for (`min_delta`). What is worse is worse, whatever a gate allows.

    Args:
        before, after: finite numbers; None for what is none.
    """
    if info is None or info.direction is None or before is None or after is None:
        return None
    if equal(before, after, atol=info.atol, rtol=info.rtol):
        return None
    found = gain(info.direction, before, after)
    if found < 0:
        return False
    return True if at_most(info.min_delta, found) else None


def best(info: MetricInfo, scored: Iterable[tuple[float, T]]) -> T | None:
    """What has the best number; the first of those that count as the same. None without a direction.

    Args:
        scored: finite numbers, each with what has it, in the order in which equals win: the older run
            before the newer one, what is in place before what would replace it.
    """
    if info.direction is None:
        return None
    rows = list(scored)
    if not rows:
        return None
    top = (min if info.direction == "minimize" else max)([score for score, _ in rows])
    return next(item for score, item in rows if equal(score, top, atol=info.atol, rtol=info.rtol))


def ranks(info: MetricInfo, values: Sequence[float]) -> list[int]:
    """The rank of each of some numbers, best first: equal ones share the rank of their first (1, 2, 2, 4)."""
    found: list[int] = []
    for at, value in enumerate(values):
        first = found[-1] if found else 0
        same = first and equal(value, values[first - 1], atol=info.atol, rtol=info.rtol)
        found.append(first if same else at + 1)
    return found


def ruled(infos: Iterable[MetricInfo], gates: Iterable[Gate]) -> tuple[MetricInfo, ...]:
    """Metrics with what gates say of when two values of them are equal, and how much is an improvement."""
    rules: dict[str, dict[str, float]] = {}
    for gate in gates:
        rule = rules.setdefault(gate.metric, {})
        rule |= {"atol": gate.atol, "rtol": gate.rtol} if gate.atol or gate.rtol else {}
        rule |= {"min_delta": gate.limit} if gate.kind == "min_delta" else {}
    return tuple(_ruled(info, rules) for info in infos)


def _ruled(info: MetricInfo, rules: Mapping[str, Mapping[str, float]]) -> MetricInfo:
    found = rules.get(info.name) or rules.get(info.name.rpartition(":")[2])
    return replace(info, **found) if found else info
