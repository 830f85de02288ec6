"""From values to pixels: scales, ticks with labels, and thinning of long series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar, cast

import msgspec

from modelbook import records
from modelbook.charts import _svg

LIMIT = 1e300
"""Values beyond this are treated as missing: their range would overflow a float."""

T = TypeVar("T")
Tick = tuple[float, str]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0  # the years 1 and 9999, as datetime has them
_SECONDS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in any locale
_LARGE, _SMALL = 1e7, 1e-5
"""Axes that reach so far, and steps so small, have labels with exponents."""

_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 12000)


def finite(value: object) -> float | None:
    """`value` as a float that can be drawn, or None: not a number, NaN, infinite, or beyond `LIMIT`."""
    found = value if type(value) is float else records.finite(value)  # a float is what it nearly always is
    return found if found is not None and abs(found) < LIMIT else None


def finites(values: Sequence[object]) -> list[float | None]:
    """`finite` of each."""
    if set(map(type, values)) == {float}:
        known = cast("Sequence[float]", values)
        if math.isfinite(sum(known)) and min(known) > -LIMIT and max(known) < LIMIT:  # no sum hides a NaN
            return list(known)
    return [value if type(value) is float and -LIMIT < value < LIMIT else finite(value) for value in values]


def timestamp(date: str) -> float | None:
    """POSIX seconds of an ISO 8601 date (without an offset it is UTC), or None."""
    try:
        parsed = datetime.fromisoformat(date)
    except ValueError:
        return None
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return (aware - _EPOCH).total_seconds()


def moment(seconds: float) -> datetime:
    """The UTC moment of POSIX seconds, held within the years 1 to 9999."""
    return _EPOCH + timedelta(seconds=min(max(seconds, _FIRST), _LAST))


class Scale(msgspec.Struct, frozen=True, gc=False):
    """Maps [low, high] on [start, end] pixels, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, self.low * 1e-6))
        share = min(max((at - low) / (high - low), -10.0), 10.0)
        return self.start + share * (self.end - self.start)

    def many(self, values: Sequence[float]) -> list[float]:
        """Each of the values, as calling the scale gives it."""
        if self.log or not values:
            return [self(value) for value in values]
        low, start, span, length = self.low, self.start, self.high - self.low, self.end - self.start
        if (min(values) - low) / span < -10.0 or (max(values) - low) / span > 10.0:
            return [self(value) for value in values]
        return [start + (value - low) / span * length for value in values]


def widen(low: float, high: float) -> tuple[float, float]:
    """The range, or one around it when it is too narrow for floats to tell its ticks apart."""
    size = max(abs(low), abs(high))
    if high - low > max(size * 1e-9, 1e-290):
        return low, high
    pad = size * 0.1 if size > 1e-280 else 1.0
    return low - pad, high + pad


def linear_ticks(low: float, high: float, count: int = 6) -> Sequence[Tick]:
    """About `count` round values in [low, high], labelled with just the digits that tell them apart."""
    step = _round_step((high - low) / max(count, 1))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [index * step for index in range(first, last + 1)]
    largest = max(abs(low), abs(high))
    if largest < _LARGE and step >= _SMALL:  # no label depends on how far the others reach
        return [(value, _plain_label(value, step)) for value in values]
    return [(value, _tick_label(value, step, largest)) for value in values]


@lru_cache(maxsize=1 << 10)
def _plain_label(value: float, step: float) -> str:
    """Remembered, since runs of one kind have numbers of one size."""
    return _tick_label(value, step, 0.0)


def _round_step(rough: float) -> float:
    power = math.floor(math.log10(rough))
    unit = 10.0**power
    return next((factor * unit for factor in (1, 2, 2.5, 5) if rough <= factor * unit * 1.0001), 10 * unit)


def _tick_label(value: float, step: float, largest: float) -> str:
    digits = -math.floor(math.log10(step) + 1e-9)
    if round(step * 10.0 ** min(digits, 300), 6) == 2.5:
        digits += 1
    if abs(value) < step / 2:
        return "0"
    if largest >= _LARGE or step < _SMALL:
        needed = min(max(math.floor(math.log10(abs(value))) + digits, 0), 12)
        return _svg.true_minus(_svg.exponent(f"{value:.{needed}e}"))
    return _svg.true_minus(f"{value:.{max(digits, 0)}f}")


def log_ticks(low: float, high: float) -> Sequence[Tick]:
    """Powers of ten; for short ranges 1, 2 and 5 as well, for long ones every second, third, ... power."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / 8))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    values = [
        factor * 10.0**power
        for power in range(first, last + 1, stride)
        if -307 < power < 307
        for factor in factors
    ]
    inside = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    return [(value, _log_label(value)) for value in inside] if len(inside) > 1 else linear_ticks(low, high, 4)


def _log_label(value: float) -> str:
    return f"{value:g}" if 1e-4 <= value < 1e6 else _svg.exponent(f"{value:.0e}")


@lru_cache(maxsize=64)
def index_ticks(low: float, high: float, count: int = 6) -> Sequence[Tick]:
    """Whole numbers only; remembered, since runs have their steps in common."""
    step = max(1.0, _round_step((high - low) / max(count, 1)))
    step = 5.0 if step == 2.5 else step
    values = [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    ticks = [(value, _tick_label(value, step, max(abs(low), abs(high)))) for value in values]
    return tuple(ticks) or ((float(round(low)), str(round(low))),)


def date_ticks(low: float, high: float, count: int = 5) -> list[Tick]:
    """Round moments in UTC between two POSIX times, labelled as precisely as they are apart."""
    low, high = max(low, _FIRST), min(high, _LAST)
    rough = (high - low) / count
    step = next((step for step in _SECONDS if step >= rough), 0)
    return _month_ticks(low, high, rough) if not step else _second_ticks(low, high, step)


def _second_ticks(low: float, high: float, step: int) -> list[Tick]:
    first, last = math.ceil(low / step), math.floor(high / step)
    return [(float(i * step), _moment_label(moment(i * step), step)) for i in range(first, last + 1)]


def _moment_label(at: datetime, step: int) -> str:
    if step >= 86400:
        return f"{at:%Y-%m-%d}"
    return f"{at:%H:%M:%S}" if step < 60 else f"{_NAMES[at.month - 1]} {at.day} {at:%H:%M}"


def _month_ticks(low: float, high: float, rough: float) -> list[Tick]:
    step = next((step for step in _MONTHS if step * 2_629_800 >= rough), _MONTHS[-1])
    start = moment(low)
    ticks = []
    for month in range((start.year * 12) // step * step, 12 * 9999, step):
        at = (datetime(max(month // 12, 1), month % 12 + 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()
        if at > high:
            break
        if at >= low:
            ticks.append((at, _month_label(moment(at), step)))
    return ticks


def _month_label(at: datetime, step: int) -> str:
    return f"{at.year:04d}" if step >= 12 else f"{_NAMES[at.month - 1]} {at.year:04d}"


def bounds(columns: Iterable[Sequence[float | None]]) -> list[float]:
    """The least and the greatest value of each column that has one."""
    found: list[float] = []
    for column in columns:
        there = known(column)
        if there:
            found += (min(there), max(there))
    return found


def known(values: Sequence[float | None]) -> Sequence[float]:
    """The values that there are: the sequence itself, where none is missing."""
    if None in values:
        return [value for value in values if value is not None]
    return cast("Sequence[float]", values)


def chosen(values: Sequence[T], kept: Sequence[int]) -> Sequence[T]:
    """The values at some of the indices that `thin` gives; themselves, when it leaves none out."""
    return values if len(kept) == len(values) else [values[at] for at in kept]


def thin(values: Sequence[float | None], limit: int) -> Sequence[int]:
    """Indices of at most about `limit` values that keep the look of the series.

    Each of `limit / 5` equal stretches keeps its first, last, lowest and highest value and one gap, so
    extremes and gaps survive.
    """
    if len(values) <= limit:
        return range(len(values))
    buckets = max(1, limit // 5)
    edges = [len(values) * bucket // buckets for bucket in range(buckets + 1)]
    return sorted({kept for low, high in pairwise(edges) for kept in _keep(values, low, high)})


def _keep(values: Sequence[float | None], low: int, high: int) -> set[int]:
    known = [(value, index) for index in range(low, high) if (value := values[index]) is not None]
    gap = next((index for index in range(low, high) if values[index] is None), None)
    kept = {known[0][1], known[-1][1], min(known)[1], max(known)[1]} if known else set()
    return kept if gap is None else kept | {gap}
