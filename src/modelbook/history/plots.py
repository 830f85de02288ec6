"""Plots: what dvc.yaml declares, and the columns of a plot's data file. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from modelbook.history.dvcfiles import join
from modelbook.history.files import Unreadable, parse, plain, text
from modelbook.records import Plot

IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp")
DATA = (".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml")


def plot_rows(data: bytes, path: str) -> dict[str, list[Any]]:
    """The columns of a plot's data file, by its suffix: CSV, TSV, JSON or YAML.

    Numbers in CSV and TSV become numbers; a missing cell is None. In JSON and YAML the rows are the first
    list of mappings found, at the top or below keys (as scikit-learn curves written by DVCLive have it).

    Raises:
        Unreadable: the bytes are not what the suffix says, or hold no rows.
    """
    suffix = path.lower().rpartition(".")[2]
    if suffix in ("csv", "tsv"):
        return _separated(text(data), "," if suffix == "csv" else "\t")
    rows = _find_rows(parse(data, path))
    if rows is None:
        raise Unreadable("no list of rows in it")
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    return {name: [plain(row.get(name)) for row in rows] for name in names}


def is_image(path: str) -> bool:
    """Whether a path is an image by its suffix."""
    return path.lower().endswith(IMAGES)


def is_plot_file(path: str) -> bool:
    """Whether a file in a folder of plots is one that can be shown."""
    return path.lower().endswith((*IMAGES, *DATA))


def declared(folder: str, name: str, props: Mapping[str, Any], stage: str | None = None) -> Plot:
    """A plot as declared: `y: {file: field}` names its files, else its name is the file."""
    pairs = tuple(_series(folder, props.get("y")))
    path = join(folder, name)
    if not pairs:
        pairs = tuple((path, field) for field in _fields(props.get("y")))
    x = props.get("x")
    if isinstance(x, dict):
        x = next((field for fields in x.values() for field in _fields(fields)), None)
    files = dict.fromkeys(file for file, _field in pairs)
    return Plot(
        name=path if path in files else name,
        title=_text(props.get("title")),
        template="image" if is_image(path) else _template(props.get("template")),
        x=_text(x) or None,
        y=pairs,
        x_label=_text(props.get("x_label")),
        y_label=_text(props.get("y_label")),
        files=tuple((file, None) for file in files),
        stage=stage,
    )


def _series(folder: str, y: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(y, dict):
        for file, fields in y.items():
            for field in _fields(fields):
                yield join(folder, file), field


def _fields(value: Any) -> list[str | None]:
    if isinstance(value, list):
        return [_text(item) for item in value] or [None]
    return [None if value is None or isinstance(value, dict) else _text(value)]


def _template(value: Any) -> str:
    name = _text(value).rpartition("/")[2]
    return name.removesuffix(".json") or "linear"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _separated(content: str, mark: str) -> dict[str, list[Any]]:
    try:
        rows = list(csv.reader(io.StringIO(content), delimiter=mark))
    except csv.Error as error:
        raise Unreadable(str(error)) from error
    rows = [row for row in rows if row]
    if not rows:
        raise Unreadable("the file is empty")
    header, *body = rows
    return {
        name: [_cell(row[column]) if column < len(row) else None for row in body]
        for column, name in enumerate(header)
    }


def _cell(value: str) -> Any:
    if not value:
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _find_rows(value: Any, depth: int = 20) -> list[dict[Any, Any]] | None:
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        return rows if rows and len(rows) == len(value) else None
    if isinstance(value, dict) and depth:
        for item in value.values():
            found = _find_rows(item, depth - 1)
            if found is not None:
                return found
    return None
