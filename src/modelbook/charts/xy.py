"""Charts with two numeric axes: lines, steps, points, error bars, and a metric over history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, cast

import msgspec

from modelbook.charts import _svg, scales
from modelbook.charts.base import WIDTH, Chart, Nothing, plain
from modelbook.charts.scales import Scale, Tick, finite

AxisKind = Literal["linear", "log", "date", "index"]
Style = Literal["line", "step", "points", "both", "faint", "pale"]

POINTS = 1000
"""Most points of one series in a drawing; longer series are thinned and the description says so."""
PLOTLY_POINTS = 2000
_SHORT = 10
"""Characters of a number, with the comma, beyond which it is rounded for Plotly."""

SERIES = 24
"""Most series in one drawing."""
_PLOT_HEIGHT = 230.0


class Axis(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an axis shows.

    Attributes:
        kind: `date` axes take POSIX seconds and show UTC; `index` shows whole numbers only; a `log` axis
            leaves out values that are not positive.
        unit: behind the label, in parentheses.
        low, high: the range must reach at least this far.
    """

    label: str = ""
    unit: str = ""
    kind: AxisKind = "linear"
    low: float | None = None
    high: float | None = None

    @property
    def heading(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


class Series(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Points in drawing order; None, NaN and infinities are gaps.

    Attributes:
        error: half the length of each point's error bar (one standard deviation).
        labels, links: of each point, for its tooltip and as a link; shorter sequences are fine.
        best: index of the point to mark.
        tone: number of its colour; None for its own place among the series.
        style: `both` draws a line with points; `faint` a thin pale line; `pale` points behind the rest.
    """

    name: str = ""
    x: Sequence[float | None]
    y: Sequence[float | None]
    error: Sequence[float | None] = ()
    labels: Sequence[str] = ()
    links: Sequence[str | None] = ()
    best: int | None = None
    tone: int | None = None
    style: Style = "line"


class XYChart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Series over two axes.

    Attributes:
        diagonal: name of the line from (0, 0) to (1, 1): what chance or perfect calibration would give.
        note: one sentence more for the description.
        kind: what the description calls it.
    """

    title: str
    series: tuple[Series, ...]
    x: Axis = Axis()
    y: Axis = Axis()
    diagonal: str = ""
    note: str = ""
    kind: str = "line chart"
    reason: str = ""

    def svg(self, key: str) -> str:
        """The drawing, at most 560 units wide."""
        return _Drawing(self, key).markup()

    def plotly(self) -> dict[str, Any]:
        """The figure, with up to 2,000 points of each series."""
        return _figure(self)


def xy_chart(
    title: str,
    series: Iterable[Series],
    *,
    x: Axis | None = None,
    y: Axis | None = None,
    diagonal: str = "",
    note: str = "",
    kind: str = "line chart",
) -> Chart:
    """A chart of `series`, or `Nothing` with the reason when none of them has a point that can be drawn."""
    x, y = x or Axis(), y or Axis()
    shared: dict[int, list[float | None]] = {}
    usable = tuple(clean for one in series if (clean := _clean(one, x, y, shared)) is not None)
    if not usable:
        log = " above zero (the axis is logarithmic)" if "log" in (x.kind, y.kind) else ""
        return Nothing(title, f"there is no number{log} in the data")
    return XYChart(title=title, series=usable, x=x, y=y, diagonal=diagonal, note=note, kind=kind)


def _clean(series: Series, x: Axis, y: Axis, shared: dict[int, list[float | None]]) -> Series | None:
    """The series with everything that cannot be drawn replaced by gaps; None if nothing is left.

    Args:
        shared: what became of sequences that several series may have as their `x`, by their identity.
    """
    count = min(len(series.x), len(series.y))
    if id(series.x) not in shared:
        shared[id(series.x)] = _drawables(series.x, x)
    every = shared[id(series.x)]
    xs, ys = every if len(every) == count else every[:count], _drawables(series.y[:count], y)
    if None in xs:
        ys = [b if a is not None else None for a, b in zip(xs, ys, strict=True)]
    if all(value is None for value in ys):
        return None
    errors = [abs(known) if (known := finite(value)) is not None else None for value in series.error[:count]]
    best = series.best if series.best is not None and 0 <= series.best < count else None
    return Series(
        name=series.name, x=xs, y=ys, error=errors, labels=series.labels, links=series.links, best=best,
        tone=series.tone, style=series.style,
    )  # fmt: skip


def _drawable(value: object, axis: Axis) -> float | None:
    known = finite(value)
    return None if known is None or (axis.kind == "log" and known < 1e-300) else known


def _drawables(values: Sequence[object], axis: Axis) -> list[float | None]:
    return [_drawable(value, axis) for value in values] if axis.kind == "log" else scales.finites(values)


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def _extent(columns: Iterable[Sequence[float | None]], axis: Axis) -> tuple[float, float]:
    known = scales.bounds(columns)
    wanted = [
        value for value in (axis.low, axis.high) if value is not None and _drawable(value, axis) is not None
    ]
    low, high = min(known + wanted), max(known + wanted)
    if axis.kind == "log":
        return (low, high) if high / low > 1.001 else (low / 2, high * 2)
    return scales.widen(low, high)


def _pad(low: float, high: float, axis: Axis) -> tuple[float, float]:
    """A little air around the data, but not past a bound the axis declares."""
    if axis.kind == "log":
        return max(low / 1.15, 1e-305), high * 1.15
    air = (high - low) * 0.05
    return low if low == axis.low else low - air, high if high == axis.high else high + air


def _ticks(low: float, high: float, axis: Axis, count: int) -> Sequence[Tick]:
    if axis.kind == "date":
        return scales.date_ticks(low, high, count)
    if axis.kind == "log":
        return scales.log_ticks(low, high)
    return (
        scales.index_ticks(low, high, count)
        if axis.kind == "index"
        else scales.linear_ticks(low, high, count)
    )


class _Drawing:
    """Lays one chart out and draws it; lives for one call of `svg`."""

    def __init__(self, chart: XYChart, key: str) -> None:
        self.chart = chart
        self.key = key
        self.shown = chart.series[:SERIES]
        across = {id(one.x): one.x for one in self.shown}  # once, where series have it in common
        xs = _pad(*_extent(across.values(), chart.x), chart.x)
        ys = _pad(*_extent(self._reach(), chart.y), chart.y)
        self.y_ticks = _ticks(*ys, chart.y, 5)
        widest = _widest(tuple([name for _, name in self.y_ticks])) if self.y_ticks else 20
        left = min(34 + widest, 130.0) if chart.y.heading else min(16 + widest, 110.0)
        self.x_ticks, self.left, self.right = _beneath(*xs, chart.x, left)
        self.legend, height = _svg.legend(
            self._entries(), self.left, 34 if chart.title else 8, self.right - self.left
        )
        self.top = (34 if chart.title else 10) + height + (4 if height else 0)
        self.bottom = self.top + _PLOT_HEIGHT
        self.x = Scale(*xs, self.left, self.right, chart.x.kind == "log")
        self.y = Scale(*ys, self.bottom, self.top, chart.y.kind == "log")

    def _reach(self) -> Iterable[Sequence[float | None]]:
        for series in self.shown:
            yield series.y
            for value, error in zip(series.y, series.error, strict=False):
                if value is not None and error is not None:
                    yield scales.finite(value - error), scales.finite(value + error)

    def _entries(self) -> tuple[tuple[str, str], ...]:
        named = [(index, one) for index, one in self._toned() if one.name and one.style != "faint"]
        entries = [(_swatch(index, one.style), one.name) for index, one in named]
        if self.chart.diagonal:
            entries.append((_diagonal(0, 5, 22, 5), self.chart.diagonal))
        return tuple(entries) if len(entries) > 1 or self.chart.diagonal else ()

    def _toned(self) -> list[tuple[int, Series]]:
        return [(at if one.tone is None else one.tone, one) for at, one in enumerate(self.shown)]

    def markup(self) -> str:
        chart = self.chart
        height = self.bottom + (44 if chart.x.heading else 26)
        heading, labels = _words(
            chart.title, chart.x.heading, chart.y.heading, self.left, self.right, self.top, self.bottom
        )
        body = [
            heading,
            _levels(self.y_ticks, self.y, self.left, self.right),
            _foot(self.x_ticks, self.x, self.bottom),
            self.legend,
            labels,
        ]
        if len(chart.series) > SERIES:
            note = f"Only the first {SERIES} of {len(chart.series)} series are drawn."
            body.append(_svg.label(14, height + 10, note, size=11, fill="muted"))
            height += 18
        if chart.diagonal:
            body.append(_diagonal(self.x(0), self.y(0), self.x(1), self.y(1)))
        body += [self._series(index, one) for index, one in self._toned()]
        linked = any(link for one in self.shown for link in one.links)
        title = chart.title or chart.kind
        return _svg.document(self.key, WIDTH, height, title, self._description(), body, linked=linked)

    def _series(self, index: int, series: Series) -> str:
        kept = scales.thin(series.y, POINTS)
        if series.style == "line" and not series.error and series.best is None and _whole(series.y, kept):
            return f"<g>{self._path(index, series, kept)}</g>"  # what a curve nearly always is
        parts: list[str] = []
        if series.style not in ("points", "pale"):
            parts.append(self._path(index, series, kept))
        parts += [
            self._whisker(index, series, at)
            for at in kept
            if series.error and _at(series.error, at) and series.y[at] is not None
        ]
        if series.style in ("points", "both", "pale"):
            parts += [self._point(index, series, at) for at in kept if series.y[at] is not None]
        else:
            parts += [self._dot(index, series, at) for at in _islands(series, kept)]
        if series.best is not None and series.y[series.best] is not None:
            parts.append(self._best(index, series, series.best))
        return _svg.tag("g", *parts, opacity=0.4 if series.style == "pale" else None)

    def _path(self, index: int, series: Series, kept: Sequence[int]) -> str:
        xs, ys = scales.chosen(series.x, kept), scales.chosen(series.y, kept)
        form = _across(tuple(xs), _gaps(ys), self.x, series.style == "step")
        if None in xs:
            ys = [y for x, y in zip(xs, ys, strict=True) if x is not None]
        known = scales.known(ys)
        path = _svg.pixels(form, self.y.many(known)) if known else "M0 0"
        return f'<path d="{path}"{_line_look(index, series.style == "faint")}/>'

    def _whisker(self, index: int, series: Series, at: int) -> str:
        x, y = self.x(series.x[at] or 0.0), series.y[at] or 0.0
        low, high = self.y(y - series.error[at]), self.y(y + series.error[at])  # type: ignore[operator]
        path = f"M{_svg.pixel(x)} {_svg.pixel(low)}V{_svg.pixel(high)}" + "".join(
            f"M{_svg.pixel(x - 4)} {_svg.pixel(end)}H{_svg.pixel(x + 4)}" for end in (low, high)
        )
        return _svg.tag(
            "path", d=path, class_=_svg.series_class(index), stroke=_svg.colour(index), fill="none"
        )

    def _dot(self, index: int, series: Series, at: int) -> str:
        return _marker(0, self.x(series.x[at] or 0.0), self.y(series.y[at] or 0.0), 2.5, index)

    def _point(self, index: int, series: Series, at: int) -> str:
        x, y = series.x[at], series.y[at]
        if x is None or y is None:
            return ""
        drawn = _marker(index, self.x(x), self.y(y), 3.5, index, title=self._tooltip(series, at))
        href = _svg.safe_link(_at(series.links, at))
        return f'<a href="{_svg.escaped(href)}">{drawn}</a>' if href else drawn

    def _best(self, index: int, series: Series, at: int) -> str:
        x, y = self.x(series.x[at] or 0.0), self.y(series.y[at] or 0.0)
        ring = _svg.tag(
            "circle", cx=x, cy=y, r=7, class_=f"{_svg.series_class(index)} mb-best", fill="none",
            stroke=_svg.colour(index), stroke_width=2,
        )  # fmt: skip
        end = x > self.right - 60
        name = f"best {_svg.number(series.y[at] or 0.0)}"
        under = y < self.top + 20
        across, anchor = (x - 10, "end") if end else (x + 10, "start")
        return ring + _svg.label(
            across, y + 16 if under else y - 8, name, size=11, anchor=anchor, font_weight=600
        )

    def _tooltip(self, series: Series, at: int) -> str:
        where = f"{self.chart.x.label or 'x'} {_value(series.x[at] or 0.0, self.chart.x)}"
        what = f"{self.chart.y.label or series.name or 'y'} {_value(series.y[at] or 0.0, self.chart.y)}"
        return " · ".join(part for part in (_at(series.labels, at) or series.name, where, what) if part)

    def _description(self) -> str:
        chart = self.chart
        axes = f" of {chart.y.heading}" * bool(chart.y.heading) + f" over {chart.x.heading}" * bool(
            chart.x.heading
        )
        lines = [f"{chart.kind.capitalize()}{axes}, {len(chart.series)} series."]
        lines += [_summary(one, chart.y) for one in self.shown[:12]]
        if len(chart.series) > SERIES:
            lines.append(f"Only the first {SERIES} series are drawn.")
        if any(len(one.y) > POINTS for one in self.shown):
            lines.append(f"Series of more than {POINTS} points are thinned, keeping their extremes.")
        return " ".join([*lines, chart.note]).strip()


@lru_cache(maxsize=1 << 10)
def _widest(names: tuple[str, ...]) -> float:
    """The widest of the labels of an axis."""
    return max(_svg.text_width(name, 11) for name in names)


@lru_cache(maxsize=256)
def _beneath(low: float, high: float, axis: Axis, left: float) -> tuple[tuple[Tick, ...], float, float]:
    """Ticks of the x axis, and where it begins and ends; remembered, since runs have it in common.

    The sides are moved in by what the first and last label would reach beyond the drawing; a phone shows
    them at 13 px.
    """
    right = WIDTH - 14
    ticks = _fitting(_ticks(low, high, axis, 6), right - left)
    scale = Scale(low, high, left, right, axis.kind == "log")
    spans = [(scale(value), _svg.text_width(name, 13) / 2) for value, name in ticks]
    left += max([0.0, *(half - at + 4 for at, half in spans)])
    right -= max([0.0, *(at + half - WIDTH + 4 for at, half in spans)])
    return tuple(ticks), left, right


@lru_cache(maxsize=256)
def _words(
    title: str, x: str, y: str, left: float, right: float, top: float, bottom: float
) -> tuple[str, str]:
    """The title, and the names of the axes; remembered, since runs have them in common."""
    heading = labels = ""
    if title:
        heading = _svg.label(14, 22, _svg.shorten(title, WIDTH - 28, 14.5), size=14, font_weight=600)
    if x:
        labels = _svg.label((left + right) / 2, bottom + 36, _svg.shorten(x, right - left), anchor="middle")
    if y:
        middle = (top + bottom) / 2
        turn = f"rotate(-90 13 {_svg.pixel(middle)})"
        labels += _svg.label(13, middle, _svg.shorten(y, _PLOT_HEIGHT), anchor="middle", transform=turn)
    return heading, labels


@lru_cache(maxsize=64)
def _line_look(index: int, faint: bool) -> str:
    return _svg.look(
        class_=_svg.series_class(index), fill="none",
        stroke=_svg.colour(index), stroke_width=1 if faint else 2, stroke_opacity=0.35 if faint else None,
        stroke_linejoin="round", stroke_dasharray=_svg.dash(index),
    )  # fmt: skip


def _levels(ticks: Sequence[Tick], scale: Scale, left: float, right: float) -> str:
    """The lines of the grid across a drawing, and what stands beside them."""
    heights = scale.many([value for value, _ in ticks])
    end = _svg.pixel(right)
    path = _svg.pixels(f"M{_svg.pixel(left)} %.1fH{end}" * len(ticks), heights)
    beside = _svg.pixel(left - 6)
    names = "".join(
        [
            f'<text x="{beside}" y="{_svg.pixel(at + 4)}">{_svg.escaped(name)}</text>'
            for at, (_, name) in zip(heights, ticks, strict=True)
        ]
    )
    line = _svg.look(class_="mb-grid", fill="none", stroke=_svg.GRID)
    return f'<path d="{path}"{line}/><g{_ticks_look("end")}>{names}</g>' if ticks else ""


@lru_cache(maxsize=256)
def _foot(ticks: tuple[Tick, ...], scale: Scale, bottom: float) -> str:
    """The x axis with its ticks and what stands under them; remembered, since runs have it in common."""
    marks, names = [f"M{_svg.pixel(scale.start)} {_svg.pixel(bottom)}H{_svg.pixel(scale.end)}"], []
    low, under, below = _svg.pixel(bottom), _svg.pixel(bottom + 4), _svg.pixel(bottom + 17)
    for value, name in ticks:
        place = _svg.pixel(scale(value))
        marks.append(f"M{place} {low}V{under}")
        names.append(f'<text x="{place}" y="{below}">{_svg.escaped(name)}</text>')
    line = _svg.look(class_="mb-axis", fill="none", stroke=_svg.MUTED)
    return f'<path d="{"".join(marks)}"{line}/><g{_ticks_look("middle")}>{"".join(names)}</g>'


def _ticks_look(anchor: str) -> str:
    return _svg.look(class_="mb-muted", fill=_svg.MUTED, font_size=11, text_anchor=anchor)


def _gaps(ys: Sequence[float | None]) -> tuple[int, ...]:
    """Where there is no value."""
    return tuple(at for at, value in enumerate(ys) if value is None) if None in ys else ()


@lru_cache(maxsize=64)
def _across(xs: tuple[float | None, ...], gaps: tuple[int, ...], scale: Scale, step: bool) -> str:
    """A path over points of which the heights are still to be filled in; runs have their steps in common."""
    missing = frozenset(gaps)
    places = [at for at, x in enumerate(xs) if x is not None and at not in missing]
    shown = _svg.pixels("%.1f " * len(places), scale.many([xs[at] or 0.0 for at in places])).split()
    parts: list[str] = []
    before = -2
    for at, x in zip(places, shown, strict=True):
        parts.append(f"M{x} %.1f" if at != before + 1 else f"H{x}V%.1f" if step else f"L{x} %.1f")
        before = at
    return "".join(parts)


@lru_cache(maxsize=1 << 10)
def _minute(seconds: float) -> str:
    """A moment for people; remembered, since runs of one commit have theirs in common."""
    return f"{scales.moment(seconds):%Y-%m-%d %H:%M}"


def _value(value: float, axis: Axis) -> str:
    if axis.kind == "date":
        return _minute(value)
    return _svg.number(value) + (f" {axis.unit}" if axis.unit else "")


def _summary(series: Series, axis: Axis) -> str:
    known = scales.known(series.y)
    low, high, last = (_value(value, axis) for value in (min(known), max(known), known[-1]))
    ends = f"from {low} to {high}, last {last}"
    gaps = len(series.y) - len(known)
    return f"{series.name or 'Values'}: {len(known)} points, {ends}" + (f", {gaps} missing." if gaps else ".")


def _whole(values: Sequence[float | None], kept: Sequence[int]) -> bool:
    """Whether a line through some of the values shows each of them."""
    return len(kept) > 1 and None not in values


def _islands(series: Series, kept: Sequence[int]) -> Iterable[int]:
    """Points with a gap on both sides, which a line would not show."""
    if _whole(series.y, kept):
        return
    known = [series.y[at] is not None for at in kept]
    for place, at in enumerate(kept):
        before = place > 0 and known[place - 1]
        after = place + 1 < len(kept) and known[place + 1]
        if known[place] and not before and not after:
            yield at


def _fitting(ticks: Sequence[Tick], width: float) -> Sequence[Tick]:
    """Every n-th tick, so that labels keep clear of each other."""
    if not ticks:
        return ticks
    widest = max(_svg.text_width(name, 11) for _, name in ticks) + 14
    return ticks[:: max(1, -(-len(ticks) * int(widest) // int(width)))]


def _line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    return _svg.tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), **attributes)


def _diagonal(x1: float, y1: float, x2: float, y2: float) -> str:
    return _line(x1, y1, x2, y2, class_="mb-diagonal", stroke=_svg.MUTED, stroke_dasharray="4 4")


@lru_cache(maxsize=256)
def _swatch(index: int, style: Style) -> str:
    line = _line(
        0, 5, 22, 5, class_=_svg.series_class(index), stroke=_svg.colour(index), stroke_width=2,
        stroke_dasharray=_svg.dash(index),
    )  # fmt: skip
    point = _marker(index, 11, 5, 3.5, index)
    pale = _svg.tag("g", point, opacity=0.4)
    return {"points": point, "both": line + point, "pale": pale}.get(style, line)


@lru_cache(maxsize=64, typed=True)
def _circle_look(size: float, index: int) -> str:
    return _svg.look(r=size, class_=f"{_svg.series_class(index)} mb-fill", fill=_svg.colour(index))


def _marker(shape: int, x: float, y: float, size: float, index: int, title: str = "") -> str:
    """A circle, square, diamond or triangle by `shape`, so that colour is not the only difference."""
    told = f"<title>{_svg.fresh(title)}</title>" if title else ""
    if shape % 4 == 0:
        begun = f'<circle cx="{_svg.pixel(x)}" cy="{_svg.pixel(y)}"{_circle_look(size, index)}'
        return f"{begun}>{told}</circle>" if told else f"{begun}/>"
    look: dict[str, Any] = {"class_": f"{_svg.series_class(index)} mb-fill", "fill": _svg.colour(index)}
    children = [told] if told else []
    around = {
        1: ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        2: ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        3: ((0, -1.3), (1.3, 1), (-1.3, 1)),
    }[shape % 4]
    points = " ".join(f"{_svg.pixel(x + dx * size)},{_svg.pixel(y + dy * size)}" for dx, dy in around)
    return _svg.tag("polygon", *children, points=points, **look)


def _figure(chart: XYChart) -> dict[str, Any]:
    traces = [_trace(one, chart) for one in chart.series]
    if chart.diagonal:
        traces.append(
            {"type": "scatter", "mode": "lines", "name": plain(chart.diagonal), "x": [0, 1], "y": [0, 1],
             "line": {"dash": "dot", "width": 1}, "hoverinfo": "skip"}
        )  # fmt: skip
    layout = {
        "title": {"text": plain(chart.title)},
        "xaxis": _plotly_axis(chart.x),
        "yaxis": _plotly_axis(chart.y),
        "showlegend": sum(trace.get("showlegend", True) for trace in traces) > 1,
        "hovermode": "closest" if chart.series[0].style == "points" else "x unified",
    }
    return {"data": traces, "layout": layout}


def _trace(series: Series, chart: XYChart) -> dict[str, Any]:
    kept = scales.thin(series.y, PLOTLY_POINTS)
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": _mode(series),
        "name": plain(series.name or chart.y.label or "value"),
        "x": _plotly_x(scales.chosen(series.x, kept), chart.x),
        "y": _plotly_values(scales.chosen(series.y, kept), chart.y),
        "connectgaps": False,
    }
    if series.style == "step":
        trace["line"] = {"shape": "hv"}
    if series.style in ("faint", "pale"):
        trace["opacity"] = 0.35
    if series.style == "faint":
        trace["showlegend"] = False
    if series.tone is not None:
        trace["meta"] = {"tone": series.tone}
    if series.error:
        trace["error_y"] = {"type": "data", "array": [_at(series.error, at) for at in kept]}
    if series.labels:
        trace["text"] = [plain(_at(series.labels, at) or "") for at in kept]
    return trace


def _mode(series: Series) -> str:
    """A line shows no point that stands alone between gaps, so such a series has marks too."""
    mode = {"points": "markers", "pale": "markers", "both": "lines+markers"}.get(series.style, "lines")
    if mode != "lines" or (len(series.y) > 1 and None not in series.y):
        return mode
    known = [False, *(value is not None for value in series.y), False]
    alone = any(known[at] and not known[at - 1] and not known[at + 1] for at in range(1, len(known) - 1))
    return "lines+markers" if alone else mode


def _plotly_values(values: Sequence[float | None], axis: Axis) -> Sequence[float | str | None]:
    if axis.kind == "date" or None in values:
        return [_plotly_value(value, axis) for value in values]
    if len(msgspec.json.encode(values)) <= _SHORT * len(values):  # as data files have them: rounded already
        return cast("Sequence[float]", values)
    return list(map(float, ("%.7g " * len(values) % tuple(values)).split()))  # all at once, as it is quicker


def _plotly_x(values: Sequence[float | None], axis: Axis) -> Sequence[float | str | None]:
    """Like `_plotly_values`; remembered, since runs have their steps in common. No zero is a minus zero."""
    return _plotly_steps(tuple([value if value is None else value + 0.0 for value in values]), axis)


@lru_cache(maxsize=64)
def _plotly_steps(values: tuple[float | None, ...], axis: Axis) -> Sequence[float | str | None]:
    return _plotly_values(values, axis)


def _plotly_value(value: float | None, axis: Axis) -> float | str | None:
    if value is None:
        return None
    return f"{scales.moment(value):%Y-%m-%dT%H:%M:%S}" if axis.kind == "date" else float(f"{value:.7g}")


def _plotly_axis(axis: Axis) -> dict[str, Any]:
    kind = axis.kind if axis.kind in ("log", "date") else "linear"
    return {"title": {"text": plain(axis.heading)}, "type": kind}


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A metric at one commit or run.

    Attributes:
        date: ISO 8601. label: what the tooltip calls it. href: where it leads.
        error: half the length of its error bar (one standard deviation).
        beside: other values at the same place, drawn as pale points; their dates don't matter.
    """

    date: str
    value: object
    label: str = ""
    href: str | None = None
    error: float | None = None
    beside: tuple[Point, ...] = ()


def history_chart(
    title: str,
    points: Iterable[Point],
    *,
    metric: str = "",
    unit: str = "",
    direction: str | None = None,
    by_commit: bool = False,
    line: str = "",
    beside: str = "",
) -> Chart:
    """A metric over time, or over commits in the given order, with the best value marked.

    Args:
        direction: `maximize`, `minimize`, or None to mark nothing.
        by_commit: number the points from 1 instead of placing them by date, as is done anyway when two of
            them have the same date or one has none.
        line, beside: what the legend calls the line and the pale points.
    """
    rows = list(points)
    dates = [scales.timestamp(row.date) for row in rows]
    by_commit = by_commit or (len(rows) > 1 and (None in dates or len(set(dates)) < len(dates)))
    xs = [float(at) for at in range(1, len(rows) + 1)] if by_commit else dates
    values = [scales.finite(row.value) for row in rows]
    main = Series(
        name=line or metric, x=xs, y=values, style="both", best=best_index(values, direction), tone=0,
        labels=[row.label for row in rows], links=[row.href for row in rows],
        error=[row.error for row in rows],
    )  # fmt: skip
    others = [(at, other) for at, row in zip(xs, rows, strict=True) for other in row.beside]
    pale = Series(
        name=beside or "others",
        x=[at for at, _ in others], y=[scales.finite(one.value) for _, one in others],
        labels=[one.label for _, one in others], links=[one.href for _, one in others], style="pale", tone=0,
    )  # fmt: skip
    label = "commit, in order" if by_commit else "date"
    axis = Axis(label=label, kind="index") if by_commit else Axis(label=label, unit="UTC", kind="date")
    return xy_chart(title, [main, pale], x=axis, y=Axis(label=metric, unit=unit), kind="metric over time")


def best_index(values: Sequence[float | None], direction: str | None) -> int | None:
    """Index of the best value, the first of equals; None without a direction or a value."""
    known = [(value, index) for index, value in enumerate(values) if value is not None]
    if not known or direction not in ("maximize", "minimize"):
        return None
    target = (max if direction == "maximize" else min)(value for value, _ in known)
    return next(index for value, index in known if value == target)
