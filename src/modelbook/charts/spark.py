"""Sparklines: a series at the size of a word."""

from __future__ import annotations

from collections.abc import Sequence

from modelbook.charts import _svg, scales
from modelbook.charts.xy import best_index

_WIDTH, _HEIGHT, _POINTS = 96.0, 24.0, 100


def sparkline(values: Sequence[object], *, key: str, title: str, direction: str | None = None) -> str:
    """A tiny line over `values`, its last point marked, its best too if a direction is known.

    Args:
        title: what it is of, said before a summary of the numbers.
        key: unique on the page.
    """
    known = [scales.finite(value) for value in values]
    numbers = [value for value in known if value is not None]
    if not numbers:
        return _svg.document(key, _WIDTH, _HEIGHT, title, "No values yet.", [], class_="mb-svg mb-spark")
    low, high = scales.widen(min(numbers), max(numbers))
    x = scales.Scale(0, max(len(known) - 1, 1), 4, _WIDTH - 5)
    y = scales.Scale(low, high, _HEIGHT - 4, 4)
    body = [_path(known, x, y)]
    if (best := best_index(known, direction)) is not None:
        body.append(_circle(x(best), y(known[best] or 0.0), 3, "none"))
    last = max(at for at, value in enumerate(known) if value is not None)
    body.append(_circle(x(last), y(known[last] or 0.0), 2, _svg.colour(0)))
    words = (
        f"{len(numbers)} values from {_svg.number(min(numbers))} to {_svg.number(max(numbers))}, "
        f"last {_svg.number(numbers[-1])}."
    )
    return _svg.document(key, _WIDTH, _HEIGHT, title, words, body, class_="mb-svg mb-spark")


def _path(values: Sequence[float | None], x: scales.Scale, y: scales.Scale) -> str:
    commands, pen = [], False
    for at in scales.thin(values, _POINTS):
        value = values[at]
        if value is not None:
            commands.append(f"{'L' if pen else 'M'}{_svg.pixel(x(at))} {_svg.pixel(y(value))}")
        pen = value is not None
    return _svg.tag(
        "path", d="".join(commands), fill="none", class_="mb-s1", stroke=_svg.colour(0), stroke_width=1.5,
        stroke_linejoin="round",
    )  # fmt: skip


def _circle(x: float, y: float, radius: float, fill: str) -> str:
    look = "mb-s1 mb-best" if fill == "none" else "mb-s1 mb-fill"
    return _svg.tag("circle", cx=x, cy=y, r=radius, fill=fill, stroke=_svg.colour(0), class_=look)
