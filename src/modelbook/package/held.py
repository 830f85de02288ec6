"""Held data: the rows that the input example and the comparison with ONNX are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelbook.package.faults import NoRows, NoSuchColumn, NotReadable
from modelbook.package.libraries import library
from modelbook.package.order import Order


def read(file: Path, order: Order, inputs: Sequence[str]) -> Any:
    """A pandas frame of the model's inputs: rows as `where` asks, at most `rows` of them, evenly spaced.

    Raises:
        NotReadable: it is neither Parquet nor CSV.
        NoSuchColumn, NoRows: something is missing in it.
    """
    pandas = library("pandas")
    try:
        table = pandas.read_csv(file) if file.suffix == ".csv" else pandas.read_parquet(file)
    except (OSError, ValueError) as error:
        raise NotReadable(order.data, error) from None
    missing = [name for name in (*inputs, *order.where) if name not in table.columns]
    if missing:
        raise NoSuchColumn(order.data, missing)
    for name, value in order.where.items():
        table = table[table[name] == value]
    if table.empty:
        raise NoRows(order.data)
    return _spaced(table[list(inputs)], order.rows).reset_index(drop=True)


def _spaced(table: Any, rows: int) -> Any:
    return table.iloc[:: -(-len(table) // rows)]
