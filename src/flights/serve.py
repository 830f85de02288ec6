"""Stage `serve`: what the model in force in each month said of that month's flights.

A service would log it: the inputs, the chance, and the label, which is known a day later. `in_force` says
which run was in force in which month, as the decisions of the months before had it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from flights.fitted import load_model
from shared.files import read_params


def main() -> None:
    """Write `MONTH.parquet` for each month of `in_force`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with a file for each month")
    parser.add_argument("--results", type=Path, required=True, help="folder with a folder for each run")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    in_force: dict[str, str] = read_params(args.params)["in_force"]
    models = {run: load_model(args.results / run / "model.skops") for run in sorted(set(in_force.values()))}
    args.out.mkdir(parents=True, exist_ok=True)
    for month, run in in_force.items():
        flights = pa.parquet.read_table(args.data / f"{month}.parquet")
        model = models[run]
        inputs = flights.select(list(model.feature_names_in_)).to_pandas()
        chance = pa.array(model.predict_proba(inputs)[:, 1], pa.float32())
        served = flights.drop_columns("month").append_column("chance", chance)
        pa.parquet.write_table(served, args.out / f"{month}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
