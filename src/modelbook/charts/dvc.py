"""DVC's plots: reads their data files and picks the chart their template asks for.

Templates and their reading of `x` and `y` are those of https://dvc.org/doc/user-guide/experiment-management/
visualizing-plots#plot-templates-data-series-only.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from msgspec.structs import replace
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from modelbook.charts import scales
from modelbook.charts.bars import Bar, bar_chart
from modelbook.charts.base import Chart, Nothing
from modelbook.charts.matrix import confusion_chart
from modelbook.charts.xy import Axis, Series, Style, xy_chart
from modelbook.errors import ModelbookError
from modelbook.records import Plot, State

Columns = Mapping[str, Sequence[Any]]
_ROC = re.compile(r"(?<![a-z])roc(?![a-z])|receiver", re.IGNORECASE)
_CALIBRATION = re.compile(r"calibration|reliability", re.IGNORECASE)
_RATES = ({"fpr", "false_positive_rate"}, {"tpr", "true_positive_rate"})
_PROBABILITIES = ({"prob_pred", "mean_predicted_value", "predicted"}, {"prob_true", "fraction_of_positives"})

_CALIBRATED = "perfectly calibrated"


class PlotDataError(ModelbookError):
    """A plot's data file that holds no table."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path}: {reason}", hint="a plot's data is a CSV or TSV table, or a JSON or YAML list of rows"
        )
        self.reason = reason


def read_columns(path: str, data: bytes, *, header: bool = True) -> dict[str, list[Any]]:
    """The columns of a plot's data file, by the ending of `path`: .csv, .tsv, .json, .yaml or .yml.

    JSON and YAML hold a list of rows, at the top or as the first one found inside. Cells of CSV and TSV
    stay text. Without a header columns are called `0`, `1`, ...

    Raises:
        PlotDataError: the file cannot be read as a table.
    """
    suffix = posixpath.splitext(path)[1].lower()
    try:
        content = data.decode("utf-8-sig")
        if suffix in (".csv", ".tsv"):
            return _separated(content, "\t" if suffix == ".tsv" else ",", header)
        if suffix in (".json", ".yaml", ".yml"):
            return _rows(_load(suffix, content), path)
    except (ValueError, YAMLError, RecursionError, csv.Error) as error:
        raise PlotDataError(path, str(error).splitlines()[0] if str(error) else "cannot be read") from error
    raise PlotDataError(path, f"cannot read a table from a {suffix or 'nameless'} file")


def _load(suffix: str, content: str) -> object:
    return json.loads(content) if suffix == ".json" else YAML(typ="safe", pure=True).load(content)


def _separated(content: str, delimiter: str, header: bool) -> dict[str, list[Any]]:
    if '"' in content or "\r" in content:
        rows = [row for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter) if row]
    else:
        rows = _split([line for line in content.split("\n") if line], delimiter)
    if not rows:
        return {}
    names = rows[0] if header else [str(at) for at in range(len(rows[0]))]
    body = rows[1:] if header else rows
    if body and min(map(len, body)) >= len(names):
        return {name: list(column) for name, column in zip(names, zip(*body, strict=False), strict=False)}
    return {name: [row[at] if at < len(row) else None for row in body] for at, name in enumerate(names)}


def _split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The cells of each line; of lines that are alike, as a table of classes has them, the same list."""
    distinct = set(lines)
    if 2 * len(distinct) > len(lines):
        return [line.split(delimiter) for line in lines]
    cells = {line: line.split(delimiter) for line in distinct}
    return [cells[line] for line in lines]


def _rows(value: object, path: str) -> dict[str, list[Any]]:
    rows = _find_rows(value)
    if rows is None:
        raise PlotDataError(path, "no list of rows in it")
    names: dict[str, None] = {str(name): None for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}


def _find_rows(value: object) -> list[dict[Any, Any]] | None:
    """The first list of mappings, breadth first."""
    level = [value]
    while level:
        for item in level:
            if isinstance(item, list) and item and all(isinstance(row, dict) for row in item):
                return item
        level = [inner for item in level if isinstance(item, dict) for inner in item.values()]
    return None


def from_plot(plot: Plot, columns: Columns | Mapping[str, Columns]) -> Chart:
    """The chart a plot's template asks for; `Nothing` with the reason when its data cannot be drawn.

    Args:
        columns: field -> values, when all series come from one file; else file path -> field -> values.
            Numbers may be text. Never raises for what they hold.
    """
    title = plot.title or plot.name
    if plot.state is not State.PRESENT:
        return Nothing(title, plot.reason or plot.state.value.replace("_", " "))
    if plot.template == "image":
        return Nothing(title, "it is an image")
    found = [(path, field, table) for path, field, table in _wanted(plot, columns) if field in table]
    if not found:
        return Nothing(title, _missing(plot))
    if plot.template.startswith("confusion"):
        return _confusion(plot, title, found[0])
    if plot.template.startswith("bar_horizontal"):
        return _bars(plot, title, found[0])
    return _curves(plot, title, found)


Found = tuple[str, str, Columns]


def _missing(plot: Plot) -> str:
    fields = ", ".join(sorted({field for _, field in plot.y if field})) or "any column"
    return f"the data has no {fields}"


def _wanted(plot: Plot, columns: Columns | Mapping[str, Columns]) -> Iterable[Found]:
    sources = plot.y or tuple((path, None) for path, _ in plot.files) or (("", None),)
    for path, field in sources:
        table = _table(columns, path)
        last = next((name for name in reversed(list(table)) if name != plot.x), None)
        yield path, field if field is not None else (last or ""), table


def _table(columns: Columns | Mapping[str, Columns], path: str) -> Columns:
    if columns and all(isinstance(value, Mapping) for value in columns.values()):
        return columns.get(path, {})  # type: ignore[return-value]
    return columns  # type: ignore[return-value]


def number(value: object) -> float | None:
    """A cell as a number, or None. Text as CSV has it counts: `0.5`, `1e-3`, not `1_000`."""
    if isinstance(value, str) and "_" not in value:
        try:
            found = float(value)
        except ValueError:
            return None
        return scales.finite(found)
    return scales.finite(value)


def numbers(values: Sequence[Any]) -> list[float | None]:
    """`number` of each; all at once where all of them are text."""
    try:
        plain = "_" not in "".join(values)
        return list(scales.finites(list(map(float, values)))) if plain else [number(item) for item in values]
    except (TypeError, ValueError):
        return [number(value) for value in values]


def _confusion(plot: Plot, title: str, found: Found) -> Chart:
    _, field, table = found
    if plot.x is None or plot.x not in table:
        return Nothing(title, f"the data has no {plot.x or 'x'} to compare {field} with")
    rows, across = table[field], table[plot.x]
    return confusion_chart(
        title,
        zip(rows, across, strict=False),
        row_label=plot.y_label or field,
        column_label=plot.x_label or plot.x,
        normalised=plot.template == "confusion_normalized",
    )


def _bars(plot: Plot, title: str, found: Found) -> Chart:
    """DVC's bars have the number in `x` and the name in `y`; the other way round is understood too."""
    _, field, table = found
    names, values, label = table[field], table.get(plot.x or "", ()), plot.x_label or plot.x or ""
    if not any(number(value) is not None for value in values):
        names, values, label = values or [str(at) for at in range(len(names))], names, plot.y_label or field
    bars = [Bar(name=str(name), value=number(value)) for name, value in zip(names, values, strict=False)]
    return bar_chart(title, bars, label=label, ordered=plot.template.endswith("_sorted"))


def _curves(plot: Plot, title: str, found: Sequence[Found]) -> Chart:
    diagonal, unit_square = _diagonal(plot, found)
    several_files = len({path for path, _, _ in found}) > 1
    several_fields = len({field for _, field, _ in found}) > 1
    tables = {id(table): table for _, _, table in found}
    across = {key: _across(plot, table) for key, table in tables.items()}
    series = [
        one
        for tone, (path, field, table) in enumerate(found)
        for one in _series(
            plot,
            table[field],
            across[id(table)][0],
            _series_name(path, field, several_files, several_fields),
            tone,
        )
    ]
    if diagonal == _CALIBRATED:
        series = [replace(one, style="both") if one.style == "line" else one for one in series]
    x = Axis(
        label=_x_label(plot, found),
        kind="index" if all(whole for _, whole in across.values()) and not unit_square else "linear",
        low=0 if unit_square else None,
        high=1 if unit_square else None,
    )
    label = plot.y_label or ("" if several_fields else found[0][1])
    y = Axis(label=label, low=0 if unit_square else None, high=1 if unit_square else None)
    kind = "scatter plot" if plot.template.startswith("scatter") else "line chart"
    note = "The strong line is an exponential moving average." if plot.template == "smooth" else ""
    return xy_chart(title, series, x=x, y=y, diagonal=diagonal, kind=kind, note=note)


def _x_label(plot: Plot, found: Sequence[Found]) -> str:
    """What the x axis counts: rows, where the field holds no number."""
    given = [column for _, _, table in found if (column := table.get(plot.x or ""))]
    if given and not any(number(value) is not None for column in given for value in column):
        return f"row ({plot.x_label or plot.x} is no number)"
    return plot.x_label or plot.x or "row"


def _series_name(path: str, field: str, several_files: bool, several_fields: bool) -> str:
    if not several_files:
        return field
    stem, parent = PurePosixPath(path).name, PurePosixPath(path).parent.name
    where = f"{parent}/{stem}" if parent else stem
    return f"{where}: {field}" if several_fields else where


def _series(
    plot: Plot, column: Sequence[Any], xs: Sequence[float | None], name: str, tone: int
) -> list[Series]:
    ys = numbers(column)
    if plot.template == "smooth":
        return [
            Series(name=name, x=xs, y=ys, tone=tone, style="faint"),
            Series(name=name, x=xs, y=_smooth(ys), tone=tone),
        ]
    style: Style = "points" if plot.template.startswith("scatter") else "line"
    return [Series(name=name, x=xs, y=ys, style=style)]


Across = tuple[Sequence[float | None], bool]
"""The places of points on the x axis, and whether all of them are whole numbers."""


def _across(plot: Plot, table: Columns) -> Across:
    """The x column as numbers; dates as seconds would lose their axis, so anything else is the row number."""
    count = max(map(len, table.values()), default=0)
    given = table.get(plot.x) if plot.x else None
    if given is None:
        return _rows_of(count)
    known = _steps(tuple(given)) if set(map(type, given)) == {str} else _numbered(given)
    return known if any(value is not None for value in known[0]) else _rows_of(count)


@lru_cache(maxsize=64)
def _rows_of(count: int) -> Across:
    return [float(at) for at in range(count)], True


@lru_cache(maxsize=64)
def _steps(values: tuple[str, ...]) -> Across:
    """Remembered, since runs have their steps in common."""
    return _numbered(values)


def _numbered(values: Sequence[Any]) -> Across:
    found = numbers(values)
    return found, all(value is None or value.is_integer() for value in found)


def _smooth(values: Sequence[float | None], weight: float = 0.6) -> list[float | None]:
    """Exponential moving average; gaps stay gaps."""
    smoothed: list[float | None] = []
    mean: float | None = None
    for value in values:
        if value is not None:
            mean = value if mean is None else weight * mean + (1 - weight) * value
        smoothed.append(None if value is None else mean)
    return smoothed


def _diagonal(plot: Plot, found: Sequence[Found]) -> tuple[str, bool]:
    """The diagonal's name, and whether the axes are those of the unit square."""
    fields, x = {field.lower() for _, field, _ in found}, (plot.x or "").lower()
    words = f"{plot.name} {plot.title}"
    if plot.template not in ("linear", "simple", "smooth", "scatter") or not x:
        return "", False
    named = ""
    if (x in _RATES[0] and fields & _RATES[1]) or _ROC.search(words):
        named = "no skill"
    elif (x in _PROBABILITIES[0] and fields & _PROBABILITIES[1]) or _CALIBRATION.search(words):
        named = _CALIBRATED
    return (named, True) if named and _unit(plot, found) else ("", False)


def _unit(plot: Plot, found: Sequence[Found]) -> bool:
    cells = (
        cell for _, field, table in found for name in (plot.x or "", field) for cell in table.get(name, ())
    )
    return all(value is None or 0 <= value <= 1 for value in map(number, cells))
