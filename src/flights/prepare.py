"""Stage `prepare`: features and label of every flight that arrived, split by month.

Months are kept apart because that is how the model is used: trained on the past, asked about the future.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from flights.features import build
from shared.files import read_params, write_json

PARTS = ("train", "valid", "test")


class Overlap(SystemExit):
    """A month is in two parts of the split."""

    def __init__(self, months: set[int]) -> None:
        super().__init__(f"split: months {sorted(months)} are in more than one part")


def main() -> None:
    """Write one Parquet file per part, and how many rows and late flights each month has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with the raw tables")
    parser.add_argument("--out", type=Path, required=True, help="folder for the parts")
    parser.add_argument("--summary", type=Path, required=True, help="JSON: rows and late rates")
    args = parser.parse_args()
    params = read_params(args.params)
    names = ("flights", "weather", "planes", "airports")
    raw = {name: pa.parquet.read_table(args.data / f"{name}.parquet") for name in names}
    table = build(**raw, minutes=params["target"]["late_minutes"])
    args.out.mkdir(parents=True, exist_ok=True)
    for part, rows in split(table, params["split"]).items():
        pa.parquet.write_table(rows, args.out / f"{part}.parquet", compression="zstd")
    write_json(args.summary, summary(raw["flights"], table, params["split"]))


def split(table: pa.Table, months: Mapping[str, Sequence[int]]) -> dict[str, pa.Table]:
    """The rows of each part's months.

    Raises:
        Overlap: a month is in two parts.
    """
    every = [month for part in PARTS for month in months[part]]
    if twice := {month for month in every if every.count(month) > 1}:
        raise Overlap(twice)
    return {part: table.filter(pc.is_in(table["month"], pa.array(months[part], pa.int8()))) for part in PARTS}


def summary(flights: pa.Table, table: pa.Table, months: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """What was kept, what was not and why, and how often flights were late in each month."""
    departed = pc.sum(pc.is_valid(flights["dep_time"])).as_py()
    return {
        "flights": flights.num_rows,
        "cancelled": flights.num_rows - departed,
        "without_arrival_delay": departed - table.num_rows,
        "rows": {part: rows.num_rows for part, rows in split(table, months).items()},
        "late_rate": {f"{month:02}": late_rate(table, month) for month in range(1, 13)},
    }


def late_rate(table: pa.Table, month: int) -> float:
    """Share of late flights among those that arrived."""
    late = table.filter(pc.equal(table["month"], month))["late"]
    return float(pc.mean(late).as_py())


if __name__ == "__main__":
    main()
