"""Values as people read them, and names as addresses hold them."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from modelbook.records import MetricInfo

LONGEST = 200
"""Longer values are cut in tables; the page of the run links to the file that has all of it."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_WEB = re.compile(r"https?://[^\s\"'<>`\\]+", re.IGNORECASE)
_TITLE = str.maketrans({"<": "‹", ">": "›", "&": "＆", '"': "”", "{": "(", "}": ")"})
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


@lru_cache(maxsize=1 << 14)
def slug(name: str) -> str:
    """`name` as one segment of an address: itself when that is safe, else cleaned, with a digest."""
    if _SAFE_NAME.fullmatch(name) and not name.lower().endswith((".", ".html", ".md")):
        return name
    clean = _UNSAFE.sub("-", name).strip("-")[:40]
    return f"{clean or 'x'}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def plain(text: str) -> str:
    """One line that is harmless wherever a theme puts it raw: no markup, no control characters."""
    return line(text).translate(_TITLE)


def line(text: str) -> str:
    """One line: every run of blanks and control characters becomes a space."""
    if text.isascii() and text.isprintable() and "  " not in text:  # what it nearly always is
        return text.strip()
    return _CONTROL.sub(" ", text).strip()


def web(url: str) -> str | None:
    """`url` when it is a web address, else None: `javascript:` and local paths must not become links."""
    return url if _WEB.fullmatch(url) else None


def cut(text: str, longest: int = LONGEST) -> str:
    """`text` with an ellipsis in place of what goes beyond `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def value(raw: Any, info: MetricInfo | None = None) -> str:
    """A param or metric for people: by the metric's own format and unit if it has them."""
    shown = _number(raw, info.format if info else "") if _is_number(raw) else _other(raw)
    return f"{shown} {info.unit}" if info and info.unit and _is_number(raw) else shown


def _is_number(raw: Any) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def _other(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    return str(raw) if type(raw) is int else json.dumps(raw, ensure_ascii=False, default=str)


def _number(raw: float, form: str) -> str:
    if isinstance(raw, float) and not math.isfinite(raw):
        return "NaN" if math.isnan(raw) else "∞" if raw > 0 else "−∞"
    try:
        return _minus(format(raw, form)) if form else general(raw)
    except (ValueError, OverflowError):
        return general(raw)


def general(raw: float) -> str:
    """A finite number that nobody says how to show."""
    return _minus(_general(raw))


def _general(raw: float) -> str:
    if isinstance(raw, int):
        return f"{raw:,}" if abs(raw) < 10**15 else f"{raw:d}" if raw.bit_length() < 200 else "a huge number"
    if raw == int(raw) and abs(raw) < 1e15:
        return f"{raw:,.1f}"
    return f"{raw:,.1f}" if 10_000 <= abs(raw) < 1e15 else f"{raw:.5g}"


def _minus(shown: str) -> str:
    return f"−{shown[1:]}" if shown.startswith("-") else shown


def delta(change: float, info: MetricInfo | None = None) -> str:
    """A difference of two metric values, always with its sign; nothing for none."""
    if change == 0:
        return ""
    shown = value(change, info)
    if not shown.strip("−0.% " + (info.unit if info else "")):  # too small for the metric's own format
        shown = f"{value(change * 100)}%" if "%" in shown else value(change)
    return shown if change < 0 or math.isnan(change) else f"+{shown}"


def exact(raw: Any) -> str:
    """A value with every digit it has: for tooltips and receipts."""
    return cut(repr(raw) if isinstance(raw, float) else _other(raw), 2000)


def size(count: int | None) -> str:
    """A number of bytes in decimal units, or nothing when it is unknown."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def duration(seconds: float | None) -> str:
    """A wall time, or nothing when it is unknown."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def day(date: str) -> str:
    """The day of an ISO 8601 date."""
    return date[:10]


def moment(date: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 date with its offset (UTC without one); None when it is none."""
    try:
        found = datetime.fromisoformat(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def before(date: str, newest: str) -> str:
    """How long the day of a date lies before the newest commit's: `12 days before the newest commit`."""
    try:
        then, now = (datetime.fromisoformat(day(moment)) for moment in (date, newest))
    except ValueError:
        return ""
    days = max(0, (now - then).days)
    if days < 1:
        return "the day of the newest commit"
    if days < 60:
        return f"{plural(days, 'day')} before the newest commit"
    return f"{plural(round(days / 30.44), 'month')} before the newest commit"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
