"""Stage `label`: the flights of 2013, a file for each month, as they become known when the month is over."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet


def main() -> None:
    """Write `2013-MM.parquet` of each month, in the order of the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train, valid and test")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    parts = [pa.parquet.read_table(args.data / f"{part}.parquet") for part in ("train", "valid", "test")]
    flights = pa.concat_tables(parts)
    args.out.mkdir(parents=True, exist_ok=True)
    for month in sorted(pc.unique(flights["month"]).to_pylist()):
        rows = flights.filter(pc.equal(flights["month"], month))
        pa.parquet.write_table(rows, args.out / f"2013-{month:02}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
