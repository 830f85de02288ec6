"""Which time a name is of: a month or a day, such as `2013-07`, `20130704`, `flights-2013-07-04`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)(-?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01]))?(?!\d)")
MOST_GAPS = 24


class Period(NamedTuple):
    """From `start` up to, and without, `end`; both in UTC. `is_month` tells months from days."""

    start: datetime
    end: datetime
    is_month: bool

    def __str__(self) -> str:
        return self.start.strftime("%Y-%m" if self.is_month else "%Y-%m-%d")


def period(name: str) -> Period | None:
    """The month or day that is in a name; None where there is none, or more than one."""
    found = _DATE.findall(name)
    if len(found) != 1:
        return None
    year, _, month, day = found[0]
    try:
        start = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
    except ValueError:
        return None
    return Period(start, _next(start, is_month=not day), not day)


def span(names: Sequence[str]) -> str:
    """From the first to the last: `2013-01 to 2013-07`; the only one, or nothing, as it is."""
    return " to ".join(dict.fromkeys((*names[:1], *names[-1:])))


def _next(start: datetime, *, is_month: bool) -> datetime:
    if is_month:
        return datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
    return start + timedelta(days=1)


def gaps(names: Sequence[str]) -> list[str]:
    """Periods between the first and the last that no name is of, where most of them follow each other.

    Args:
        names: sorted.

    Returns:
        At most `MOST_GAPS`; none unless all names are of months, or all of days.
    """
    found = [period(name) for name in names]
    known = sorted({item for item in found if item})
    if None in found or len({item.is_month for item in known}) != 1:
        return []
    steps = list(pairwise(known))
    if sum(one.end == other.start for one, other in steps) * 2 < len(steps):
        return []
    lost: list[str] = []
    for one, other in steps:
        at = one.end
        while at < other.start and len(lost) < MOST_GAPS:
            lost.append(str(Period(at, at, one.is_month)))
            at = _next(at, is_month=one.is_month)
    return lost
