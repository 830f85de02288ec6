"""Stage `train`: fit a classifier of digits, save it, and score the digits it has not seen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shared.curve import log_curve
from shared.files import read_params
from shared.model_file import save_model


class UnknownKind(SystemExit):
    """`model.kind` names no model."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"model.kind: {kind!r} is none of logreg, mlp, svm")


def main() -> None:
    """Write `model.skops`, `scores.parquet` and `live/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    args = parser.parse_args()
    params = read_params(args.params)
    digits = pd.read_parquet(args.data)
    train, test = (digits[digits["part"] == part].drop(columns="part") for part in ("train", "test"))
    with threadpool_limits(limits=1):  # sums in one order, so that results are the same on every machine
        model = build(params["model"], params["seed"])
        model.fit(train.drop(columns="digit"), train["digit"])
        save_model(args.out / "model.skops", model)
        log_curve(args.out / "live", steps(model, train))
        scores(model, test).to_parquet(args.out / "scores.parquet", index=False, compression="zstd")


def build(settings: Mapping[str, Any], seed: int) -> Any:
    """An unfitted classifier that can tell chances.

    Raises:
        UnknownKind: there is no such model.
    """
    options = {name: value for name, value in settings.items() if name != "kind"}
    match settings["kind"]:
        case "logreg":
            return LogisticRegression(**options, random_state=seed)
        case "mlp":
            return MLPClassifier(**options, random_state=seed)
        case "svm":
            return CalibratedClassifierCV(SVC(**options, random_state=seed), cv=3, ensemble=False)
        case kind:
            raise UnknownKind(kind)


def steps(model: Any, train: pd.DataFrame) -> Iterator[dict[str, float]]:
    """Training loss after every epoch of a network; accuracy on the training part, once, of any other."""
    if isinstance(model, MLPClassifier):
        yield from ({"train/log_loss": loss} for loss in model.loss_curve_)
    else:
        yield {"train/accuracy": model.score(train.drop(columns="digit"), train["digit"])}


def scores(model: Any, test: pd.DataFrame) -> pd.DataFrame:
    """The label and the chance of each of the ten digits."""
    chances = model.predict_proba(test.drop(columns="digit")).astype("float32")
    table = pd.DataFrame(chances, columns=[f"chance_{digit}" for digit in model.classes_])
    return table.assign(digit=test["digit"].to_numpy())


if __name__ == "__main__":
    main()
