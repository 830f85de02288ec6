"""Stage `train` of the monthly model: fit on the months of its window, and on nothing that came after."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from flights.features import CATEGORIES, chosen
from flights.models import build
from shared.files import read_params, write_json
from shared.model_file import save_model


def main() -> None:
    """Train the model that the parameters describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with a file for each month")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    args = parser.parse_args()
    with threadpool_limits(limits=1):  # sums in one order, so that results are the same on every machine
        refit(read_params(args.params), args.data, args.out)


def refit(params: dict[str, Any], data: Path, out: Path) -> None:
    """Fit, then write `model.skops`, and what it was fitted on to `metrics.json`."""
    features = chosen(params["features"])
    months = [pd.read_parquet(data / f"{month}.parquet") for month in params["window"]]
    rows = pd.concat(months, ignore_index=True)
    model = build(params["model"], features, CATEGORIES, params["seed"])
    model.fit(rows[features], rows["late"])
    save_model(out / "model.skops", model)
    fitted = {"months": len(months), "rows": len(rows), "late_rate": float(rows["late"].mean())}
    write_json(out / "metrics.json", {"fit": fitted})


if __name__ == "__main__":
    main()
