"""Stage `cut`: the flights from April on, month by month, with what the model in use said of each.

What a service would log: the model's inputs, its chance of late, and the label, which is known a day later.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet


def main() -> None:
    """Write a file for each month."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with valid and test")
    parser.add_argument("--scores", type=Path, required=True, help="what a model said of the same rows")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    flights = pa.concat_tables(
        [pa.parquet.read_table(args.data / f"{part}.parquet") for part in ("valid", "test")]
    )
    cut(flights, pa.parquet.read_table(args.scores), args.out)


def cut(flights: pa.Table, scores: pa.Table, out: Path) -> None:
    """Join rows with their scores, which are in the same order, and write `2013-MM.parquet` of each month."""
    for name in ("month", "late"):
        if not flights[name].cast("int64").equals(scores[name].cast("int64")):
            raise SystemExit(f"the scores are not of these flights: their {name} differs")
    joined = flights.drop_columns("month").append_column("chance", scores["chance"])
    out.mkdir(parents=True, exist_ok=True)
    for month in sorted(pc.unique(flights["month"]).to_pylist()):
        rows = joined.filter(pc.equal(flights["month"], month))
        pa.parquet.write_table(rows, out / f"2013-{month:02}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
