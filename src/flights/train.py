"""Stage `train`: fit on the past, save the model, score the months it has not seen, and say what it used.

The scores are a file of their own, so that judging them (`evaluate`) needs neither the model nor the
library it was made with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from flights.features import CATEGORIES, chosen
from flights.models import build, steps
from shared.curve import log_curve
from shared.files import read_params, write_csv
from shared.model_file import save_model

SAMPLE = 2000
"""Rows that learning curves and importances are computed on: enough for two digits, in half a second."""


def main() -> None:
    """Train the model that the parameters describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with train, valid and test")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    args = parser.parse_args()
    with threadpool_limits(limits=1):  # sums in one order, so that results are the same on every machine
        train(read_params(args.params), args.data, args.out)


def train(params: dict[str, Any], data: Path, out: Path) -> None:
    """Fit, then write `model.skops`, `scores.parquet`, `live/` and `plots/importance.csv`."""
    features = chosen(params["features"])
    frames = {part: pd.read_parquet(data / f"{part}.parquet") for part in ("train", "valid", "test")}
    model = build(params["model"], features, CATEGORIES, params["seed"])
    model.fit(frames["train"][features], frames["train"]["late"])
    save_model(out / "model.skops", model)
    samples = {part: sample(frames[part], features) for part in ("train", "valid")}
    log_curve(out / "live", steps(model, samples))
    write_importance(out / "plots" / "importance.csv", model, samples["valid"], params["seed"])
    unseen = pd.concat(
        [scored(model, frames[part], features).assign(part=part) for part in ("valid", "test")]
    )
    unseen.to_parquet(out / "scores.parquet", index=False, compression="zstd")


def sample(frame: pd.DataFrame, features: list[str]) -> tuple[pd.DataFrame, Any]:
    """At most `SAMPLE` rows, evenly spaced, as features and labels."""
    rows = frame.iloc[:: max(1, len(frame) // SAMPLE)]
    return rows[features], rows["late"].to_numpy()


def scored(model: Any, frame: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """Month, origin, label and the model's chance of late for every row."""
    chance = model.predict_proba(frame[features])[:, 1]
    return frame[["month", "origin", "late"]].assign(chance=chance.astype("float32"))


def write_importance(path: Path, model: Any, valid: tuple[pd.DataFrame, Any], seed: int) -> None:
    """How much ROC AUC falls when one feature is shuffled, largest first."""
    rows, labels = valid
    result = permutation_importance(model, rows, labels, scoring="roc_auc", n_repeats=2, random_state=seed)
    falls = zip(rows.columns, result.importances_mean.tolist(), strict=True)
    write_csv(path, ["feature", "importance"], sorted(falls, key=lambda fall: (-fall[1], fall[0])))


if __name__ == "__main__":
    main()
