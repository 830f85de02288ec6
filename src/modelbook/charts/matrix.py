"""Confusion matrices: counts, or shares of each actual class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Any, cast

import msgspec

from modelbook.charts import _svg
from modelbook.charts.base import WIDTH, Chart, Nothing, plain

CLASSES = 40
"""Most classes in a drawing; the most frequent ones are kept."""
_LEVELS = 7


_NUMBERED = 16
"""Most classes that have their names and numbers written in, where a script draws them."""


class MatrixChart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Counts of (row class, column class).

    Attributes:
        classes: names of rows and columns alike.
        counts: one row for each class.
        normalised: show each row's shares instead of counts.
        left_out: classes that did not fit.
    """

    title: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    row_label: str = "actual"
    column_label: str = "predicted"
    normalised: bool = False
    left_out: int = 0
    reason: str = ""

    def share(self, row: int, column: int) -> float:
        """The part of its row that a cell holds; 0 for an empty row."""
        total = sum(self.counts[row])
        return self.counts[row][column] / total if total else 0.0

    def svg(self, key: str) -> str:
        """The drawing: a shade and a number in every cell, the shade by its share of the row."""
        return _markup(self, key)

    def plotly(self) -> dict[str, Any]:
        """A heat map."""
        count = range(len(self.classes))
        shares = [[round(self.share(row, column), 6) for column in count] for row in count]
        names = [plain(name) for name in self.classes]
        trace = {
            "type": "heatmap",
            "x": names,
            "y": names,
            "z": shares if self.normalised else [list(row) for row in self.counts],
            "colorscale": "Blues",
        }
        if len(names) <= _NUMBERED:
            trace["texttemplate"] = "%{z:.2f}" if self.normalised else "%{z}"
        marked = names[:: -(-len(names) // _NUMBERED)]
        ticks = {
            "type": "category", "tickmode": "array", "tickvals": marked,
            "ticktext": [_svg.shorten(name, 110, 11) for name in marked],
        }  # fmt: skip
        layout = {
            "title": {"text": plain(self.title)},
            "xaxis": {"title": {"text": plain(self.column_label)}, **ticks},
            "yaxis": {"title": {"text": plain(self.row_label)}, **ticks, "autorange": "reversed"},
        }
        return {"data": [trace], "layout": layout}


def confusion_chart(
    title: str,
    pairs: Iterable[tuple[object, object]],
    *,
    row_label: str = "actual",
    column_label: str = "predicted",
    normalised: bool = False,
) -> Chart:
    """The matrix of (row class, column class) pairs, or `Nothing` when there are none."""
    counted = _counted(list(pairs))
    if not counted:
        return Nothing(title, "there are no rows in the data")
    weight: Counter[str] = Counter()
    for (row, column), count in counted.items():
        weight[row] += count
        weight[column] += count
    frequent = {name for name, _ in sorted(weight.items(), key=lambda item: (-item[1], item[0]))[:CLASSES]}
    classes = tuple(sorted(frequent, key=_natural))
    counts = tuple(tuple(counted[row, column] for column in classes) for row in classes)
    return MatrixChart(
        title=title, classes=classes, counts=counts, row_label=row_label, column_label=column_label,
        normalised=normalised, left_out=len(weight) - len(classes),
    )  # fmt: skip


def _counted(pairs: Sequence[tuple[object, object]]) -> Counter[tuple[str, str]]:
    """How often each pair of names occurs; texts, as CSV has them, are their own names.

    No text equals anything but a text: what is counted shows whether all were.
    """
    with suppress(TypeError):  # JSON has lists, too, which cannot be counted as they are
        counted = Counter(pairs)
        if set(map(type, chain.from_iterable(counted))) <= {str}:
            return cast("Counter[tuple[str, str]]", counted)
    return Counter((_name(row), _name(column)) for row, column in pairs)


def _name(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "(none)" if value is None else str(value)


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers by value and before words."""
    try:
        value = float(name)
    except ValueError:
        return (1, 0.0, name)
    return (0, value, name) if value == value else (1, 0.0, name)


class _Frame(msgspec.Struct, frozen=True, gc=False):
    """What surrounds the cells, and where they are: the left upper corner of all, and the size of one.

    Attributes:
        before, after: what is drawn before the cells, and after them. width, height: of the drawing.
    """

    before: str
    after: str
    left: float
    top: float
    size: float
    width: float
    height: float


def _markup(chart: MatrixChart, key: str) -> str:
    frame = _frame(chart.title, chart.classes, chart.row_label, chart.column_label)
    count = range(len(chart.classes))
    body = [
        frame.before,
        *(_cell(chart, row, column, frame) for row in count for column in count),
        frame.after,
    ]
    height = frame.height
    if chart.left_out:
        note = f"The {chart.left_out} rarest classes are left out."
        body.append(_svg.label(14, height + 10, note, size=11, fill="muted"))
        height += 18
    return _svg.document(key, frame.width, height, chart.title or "Confusion matrix", _words(chart), body)


@lru_cache(maxsize=64)
def _frame(title: str, classes: tuple[str, ...], row_label: str, column_label: str) -> _Frame:
    """Remembered, since runs have their classes in common."""
    count = len(classes)
    size = max(11.0, min(64.0, 340 / count))
    names = [_svg.shorten(name, 110, 11) for name in classes]
    longest = max(_svg.text_width(name, 11) for name in names)
    turned = longest > size - 2
    below = longest + 8 if turned else 18
    top = 38 if title else 10
    side = size * count
    left = max(34 + longest, (WIDTH - side) / 2)
    middle, edge = top + side / 2, left - longest - 16
    heading = _svg.label(14, 22, _svg.shorten(title, WIDTH - 28, 14.5), size=14, font_weight=600)
    after = [_row_name(names[at], left - 6, top + (at + 0.5) * size) for at in range(count)]
    after += [_column_name(names[at], left + (at + 0.5) * size, top + side, turned) for at in range(count)]
    across = _svg.shorten(column_label, 300)
    after.append(_svg.label(left + side / 2, top + side + below + 18, across, anchor="middle"))
    turn = f"rotate(-90 {_svg.pixel(edge)} {_svg.pixel(middle)})"
    after.append(_svg.label(edge, middle, _svg.shorten(row_label, side), anchor="middle", transform=turn))
    width, height = max(WIDTH, left + side + 10), top + side + below + 28
    return _Frame(heading, "".join(after), left, top, size, width, height)


def _cell(chart: MatrixChart, row: int, column: int, frame: _Frame) -> str:
    share, count = chart.share(row, column), chart.counts[row][column]
    level = 0 if not count else 1 + min(int(share * _LEVELS), _LEVELS - 1)
    x, y = frame.left + column * frame.size, frame.top + row * frame.size
    where = f"{chart.row_label} {chart.classes[row]}, {chart.column_label} {chart.classes[column]}"
    shown = f"{share:.2f}" if chart.normalised else str(count)
    box, number = _shade(x, y, frame.size, level, len(shown))
    title = f"<title>{_svg.escaped(where)}: {count} ({share:.1%} of the row)</title>"
    return f"{box}{title}</rect>{number}{shown}</text>" if number else f"{box}{title}</rect>"


@lru_cache(maxsize=1 << 12)
def _shade(x: float, y: float, size: float, level: int, length: int) -> tuple[str, str]:
    """The beginnings of a cell and of the number in it, which is so long; empty where it has no room."""
    look = _svg.look(width=size - 1, height=size - 1, class_=f"mb-heat{level}", fill=HEAT[level])
    box = f'<rect x="{_svg.pixel(x)}" y="{_svg.pixel(y)}"{look}>'
    points = min(13.0, size * 0.34 if length < 5 else (size - 4) / (length * 0.56))
    if points < 6:
        return box, ""
    look = _svg.look(
        font_size=round(points, 1),
        text_anchor="middle",
        class_="mb-on-dark" if level >= 4 else "mb-on-light",
        fill=_svg.PAPER if level >= 4 else _svg.INK,
    )
    at = f'x="{_svg.pixel(x + size / 2 - 0.5)}" y="{_svg.pixel(y + size / 2 + points * 0.35)}"'
    return box, f"<text {at}{look}>"


HEAT = ("#f3f5f8", "#e3eef7", "#cbe0f0", "#a9cce6", "#3474a6", "#2b6a9e", "#17558a", "#083f70")
"""Shades for an empty cell and seven levels; text on them is dark up to the third level, then white."""


def _row_name(name: str, x: float, y: float) -> str:
    return _svg.label(x, y + 4, name, size=11, anchor="end", fill="muted")


def _column_name(name: str, x: float, bottom: float, turned: bool) -> str:
    if not turned:
        return _svg.label(x, bottom + 15, name, size=11, anchor="middle", fill="muted")
    turn = f"rotate(-90 {_svg.pixel(x + 4)} {_svg.pixel(bottom + 8)})"
    return _svg.label(x + 4, bottom + 8, name, size=11, anchor="end", fill="muted", transform=turn)


def _words(chart: MatrixChart) -> str:
    total = sum(map(sum, chart.counts))
    right = sum(chart.counts[at][at] for at in range(len(chart.classes)))
    left_out = f" The {chart.left_out} rarest classes are left out." if chart.left_out else ""
    rows: Sequence[str] = [
        f"{name}: {chart.share(at, at):.1%} right of {sum(chart.counts[at])}."
        for at, name in enumerate(chart.classes)
    ]
    accuracy = f"{right / total:.1%} on the diagonal" if total else "all empty"
    return (
        f"Confusion matrix, {len(chart.classes)} classes, {total} rows of data, {accuracy}. "
        f"Rows are {chart.row_label}, columns {chart.column_label}.{left_out} " + " ".join(rows[:12])
    )
