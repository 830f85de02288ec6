"""Horizontal bars, and dots with the spread of repeated runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from modelbook.charts import _svg, scales
from modelbook.charts.base import WIDTH, Chart, Nothing, plain
from modelbook.charts.scales import Scale, finite

BARS = 60
"""Most bars in a drawing."""
_ROW = 22.0


_NAMED = 40
"""Most rows that have their names written beside them, where a script draws them."""


class Bar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row.

    Attributes:
        error: half the length of the error bar (one standard deviation), or None.
        note: said behind the value, such as `n=3`.
    """

    name: str
    value: object
    error: object = None
    note: str = ""
    href: str | None = None


class _Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    name: str
    value: float
    error: float | None
    note: str
    href: str | None


class BarChart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Rows in drawing order, from the top.

    Attributes:
        dots: draw dots on a range of their own instead of bars from zero: right for means that lie close
            together.
        unreadable: rows without a number.
    """

    title: str
    rows: tuple[_Row, ...]
    label: str = ""
    unit: str = ""
    format: str = ""
    dots: bool = False
    unreadable: int = 0
    reason: str = ""

    def svg(self, key: str) -> str:
        """The drawing."""
        return _Bars(self, key).markup()

    def plotly(self) -> dict[str, Any]:
        """Horizontal bars, or points with error bars."""
        trace: dict[str, Any] = {
            "y": [plain(row.name) for row in self.rows],
            "x": [row.value for row in self.rows],
            **({"type": "scatter", "mode": "markers"} if self.dots else {"type": "bar", "orientation": "h"}),
        }
        if any(row.error is not None for row in self.rows):
            trace["error_x"] = {"type": "data", "array": [row.error for row in self.rows]}
        marked = trace["y"][:: -(-len(self.rows) // _NAMED)]
        layout = {
            "title": {"text": plain(self.title)},
            "xaxis": {"title": {"text": plain(self.heading)}},
            "yaxis": {
                "autorange": "reversed", "type": "category", "automargin": True, "tickmode": "array",
                "tickvals": marked, "ticktext": [_svg.shorten(name, 190, 12) for name in marked],
            },
        }  # fmt: skip
        return {"data": [trace], "layout": layout}

    @property
    def heading(self) -> str:
        """Label and unit of the value axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def bar_chart(
    title: str,
    bars: Iterable[Bar],
    *,
    label: str = "",
    unit: str = "",
    format: str = "",  # noqa: A002 - the word `records.MetricInfo` uses for a number's format
    ordered: bool = False,
    dots: bool = False,
) -> Chart:
    """Horizontal bars (or dots with error bars), or `Nothing` when no row has a number.

    Args:
        ordered: largest value first, else in the given order.
    """
    given = list(bars)
    rows = [
        _Row(name=bar.name, value=value, error=_spread(bar.error), note=bar.note, href=bar.href)
        for bar in given
        if (value := finite(bar.value)) is not None
    ]
    if not rows:
        return Nothing(title, "there is no number in the data")
    if ordered:
        rows.sort(key=lambda row: -row.value)
    return BarChart(
        title=title, rows=tuple(rows), label=label, unit=unit, format=format, dots=dots,
        unreadable=len(given) - len(rows),
    )  # fmt: skip


def _spread(value: object) -> float | None:
    known = finite(value)
    return None if known is None else abs(known)


def mean_std(values: Iterable[object]) -> tuple[float, float | None, int]:
    """Mean, sample standard deviation (None for fewer than two values) and count of the finite values.

    Without a value the mean is NaN.
    """
    known = [value for item in values if (value := finite(item)) is not None]
    if not known:
        return math.nan, None, 0
    mean = math.fsum(value / len(known) for value in known)
    if len(known) < 2:
        return mean, None, 1
    return mean, math.hypot(*(value - mean for value in known)) / math.sqrt(len(known) - 1), len(known)


class _Bars:
    """Lays one chart out and draws it; lives for one call of `svg`."""

    def __init__(self, chart: BarChart, key: str) -> None:
        self.chart = chart
        self.key = key
        self.rows = chart.rows[:BARS]
        self.top = 36.0 if chart.title else 10.0
        names = [_svg.shorten(row.name, 190, 12) for row in self.rows]
        self.left = 18 + max(_svg.text_width(name, 12) for name in names)
        ends = max(_svg.text_width(self._value(row), 11) for row in self.rows)
        self.right = WIDTH - min(16 + ends, 170)
        self.bottom = self.top + _ROW * len(self.rows)
        self.scale = Scale(*self._range(), self.left, self.right)

    def _range(self) -> tuple[float, float]:
        spread = [(row.value, row.error or 0.0) for row in self.rows]
        reach = [value - error for value, error in spread] + [value + error for value, error in spread]
        known = [value for value in reach if finite(value) is not None] or [0.0]
        low, high = (min(known), max(known)) if self.chart.dots else (min(0.0, *known), max(0.0, *known))
        low, high = scales.widen(low, high)
        if not self.chart.dots:
            return (low, high) if min(known) < 0 else (0.0, high)
        return low - (high - low) * 0.06, high + (high - low) * 0.06

    def _value(self, row: _Row) -> str:
        shown = _svg.number(row.value, self.chart.format)
        if row.error is not None:
            shown += f" ± {_svg.number(row.error, self.chart.format or '.2g')}"
        return f"{shown} {row.note}".rstrip()

    def markup(self) -> str:
        chart = self.chart
        body = [_svg.label(14, 22, _svg.shorten(chart.title, WIDTH - 28, 14.5), size=14, font_weight=600)]
        ticks = scales.linear_ticks(self.scale.low, self.scale.high, 4)
        body += [part for tick in ticks for part in self._tick(*tick)]
        body += [part for at, row in enumerate(self.rows) for part in self._row(at, row)]
        if chart.heading:
            shown = _svg.shorten(chart.heading, 340)
            body.append(_svg.label((self.left + self.right) / 2, self.bottom + 36, shown, anchor="middle"))
        linked = any(row.href for row in self.rows)
        height = self.bottom + (46 if chart.heading else 28)
        if len(chart.rows) > BARS:
            note = f"Only the first {BARS} of {len(chart.rows)} rows are drawn."
            body.append(_svg.label(14, height + 10, note, size=11, fill="muted"))
            height += 18
        return _svg.document(
            self.key, WIDTH, height, chart.title or "Bar chart", self._words(), body, linked=linked
        )

    def _tick(self, value: float, name: str) -> list[str]:
        x = self.scale(value)
        line = _svg.tag(
            "line",
            x1=x,
            y1=self.top,
            x2=x,
            y2=self.bottom + 3,
            class_="mb-grid",
            stroke=_svg.GRID,
            stroke_opacity=0.7,
        )
        return [line, _svg.label(x, self.bottom + 17, name, size=11, anchor="middle", fill="muted")]

    def _row(self, at: int, row: _Row) -> list[str]:
        y = self.top + (at + 0.5) * _ROW
        name = _svg.label(self.left - 8, y + 4, _svg.shorten(row.name, 190, 12), anchor="end")
        href = _svg.safe_link(row.href)
        title = _svg.tag("title", _svg.text(f"{row.name}: {self._value(row)}"))
        drawn = self._dot(row, y) if self.chart.dots else self._bar(row, y)
        end = max(
            self.scale(row.value), self.scale(_sum(row)), self.scale(0.0) if not self.chart.dots else 0.0
        )
        value = _svg.label(end + 6, y + 4, self._value(row), size=11, fill="muted")
        return [_svg.tag("a", name, href=href) if href else name, _svg.tag("g", title, *drawn), value]

    def _bar(self, row: _Row, y: float) -> list[str]:
        start, end = sorted((self.scale(0.0), self.scale(row.value)))
        bar = _svg.tag(
            "rect", x=start, y=y - 7.5, width=max(end - start, 0.8), height=15.0, rx=2,
            class_="mb-s1 mb-fill", fill=_svg.colour(0),
        )  # fmt: skip
        return [bar, *self._whisker(row, y)]

    def _dot(self, row: _Row, y: float) -> list[str]:
        dot = _svg.tag(
            "circle", cx=self.scale(row.value), cy=y, r=4.5, class_="mb-s1 mb-fill", fill=_svg.colour(0)
        )
        return [*self._whisker(row, y), dot]

    def _whisker(self, row: _Row, y: float) -> list[str]:
        if row.error is None:
            return []
        low, high = self.scale(row.value - row.error), self.scale(_sum(row))
        middle = f"M{_svg.pixel(low)} {_svg.pixel(y)}H{_svg.pixel(high)}"
        ends = "".join(f"M{_svg.pixel(x)} {_svg.pixel(y - 4)}V{_svg.pixel(y + 4)}" for x in (low, high))
        return [_svg.tag("path", d=middle + ends, class_="mb-whisker", stroke=_svg.MUTED, stroke_width=1.5)]

    def _words(self) -> str:
        rows = " ".join(f"{row.name}: {self._value(row)}." for row in self.rows[:15])
        more = f" {len(self.chart.rows) - BARS} more are left out." if len(self.chart.rows) > BARS else ""
        lost = f" {self.chart.unreadable} rows have no number." if self.chart.unreadable else ""
        spread = (
            " Whiskers show one standard deviation."
            if any(row.error is not None for row in self.rows)
            else ""
        )
        return f"{len(self.chart.rows)} rows of {self.chart.heading or 'values'}.{more}{lost}{spread} {rows}"


def _sum(row: _Row) -> float:
    return row.value + (row.error or 0.0)
