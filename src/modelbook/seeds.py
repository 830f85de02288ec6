"""Runs that differ in their seed alone: found, averaged, and compared. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from modelbook.records import Record, Run, values_of

SEED_NAMES = ("seed", "random_seed", "random_state")

_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for two-sided 95 % by degrees of freedom 1 to 30 (NIST/SEMATECH e-Handbook, 1.3.6.7.2)."""


class Interval(Record, frozen=True, kw_only=True):
    """The difference of two means over seeds, with its 95 % confidence interval.

    Welch's interval (Welch 1947): it assumes that seeds are independent and their values about normal, not
    that both sides scatter alike.

    Attributes:
        before, after: the means. delta: after minus before. low, high: the interval of it.
        n_before, n_after: how many seeds each mean is over.
    """

    before: float
    after: float
    delta: float
    low: float
    high: float
    n_before: int
    n_after: int


@lru_cache(maxsize=1 << 12)
def is_seed(name: str) -> bool:
    """Whether a param only says which random numbers were drawn."""
    return name.rpartition(".")[2].lower() in SEED_NAMES


def groups(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of one experiment that differ in their seed alone, together."""
    found: dict[bytes, list[Run]] = defaultdict(list)
    for run in runs:
        found[values_of([item for item in run.params if not is_seed(item.name)])].append(run)
    return list(found.values())


def spread(values: Sequence[float]) -> tuple[float, float, int] | None:
    """(mean, sample standard deviation, number); None for fewer than two."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1)), len(values)


def compare(before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """The difference of the means; None when either side has fewer than two values."""
    old, new = spread(before), spread(after)
    if old is None or new is None:
        return None
    errors = [deviation**2 / number for _mean, deviation, number in (old, new)]
    margin = _t(errors, (old[2], new[2])) * math.sqrt(sum(errors))
    delta = new[0] - old[0]
    return Interval(
        before=old[0],
        after=new[0],
        delta=delta,
        low=delta - margin,
        high=delta + margin,
        n_before=old[2],
        n_after=new[2],
    )


def _t(errors: Sequence[float], numbers: Sequence[int]) -> float:
    """Student's t for the Welch-Satterthwaite degrees of freedom, rounded down: the wider interval."""
    total = sum(errors)
    shares = [error / total for error in errors] if total else [0.0]
    below = math.fsum(share**2 / (number - 1) for share, number in zip(shares, numbers, strict=False))
    at = int((1 + 1e-12) / below) if below else 1
    return _T[max(at, 1) - 1] if at <= len(_T) else 1.96 + 2.5 / at
