"""Stage `evaluate`: judge the scores. Numbers for validation and test, for each month and origin; curves.

Choices between models are made on the validation months: their numbers stand at the top of `metrics.json`.
Those of the test months, which no choice has seen, stand under `test`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from flights import scoring
from shared.files import read_params, write_csv, write_json

POINTS = 60
"""Points of a curve: what a chart on a page can show."""

CELLS = 1000
"""Flights in the confusion matrix, evenly spaced over time: DVC's format has a line for each."""

WORDS = ("on time", "late")
SLICED = ("roc_auc", "log_loss", "ece")


def main() -> None:
    """Write `metrics.json`, `slices.json` and the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder with the scores, and for the results")
    args = parser.parse_args()
    settings = read_params(args.params)["evaluate"]
    scores = pa.parquet.read_table(args.out / "scores.parquet")
    valid, test = (scores.filter(pc.equal(scores["part"], part)) for part in ("valid", "test"))
    write_json(args.out / "metrics.json", judge(valid, settings) | {"test": judge(test, settings)})
    write_json(
        args.out / "slices.json",
        {"month": slices(scores, "month", settings), "origin": slices(test, "origin", settings)},
    )
    write_plots(args.out / "plots", *arrays(valid), settings)


def arrays(scores: pa.Table) -> tuple[scoring.Labels, scoring.Chances]:
    """Labels and chances as numpy arrays."""
    return scores["late"].to_numpy(), scores["chance"].to_numpy().astype(np.float64)


def judge(scores: pa.Table, settings: dict[str, Any]) -> dict[str, float]:
    """The metrics of these scores."""
    return scoring.metrics(*arrays(scores), threshold=settings["threshold"], bins=settings["bins"])


def slices(scores: pa.Table, column: str, settings: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Some metrics, rows and late rate for every value of a column."""
    return {
        f"{value:02}" if isinstance(value, int) else value: one_slice(
            scores.filter(pc.equal(scores[column], value)), settings
        )
        for value in sorted(pc.unique(scores[column]).to_pylist())
    }


def one_slice(scores: pa.Table, settings: dict[str, Any]) -> dict[str, float]:
    """Some metrics, rows and late rate of one slice."""
    every = judge(scores, settings)
    late = float(pc.mean(scores["late"]).as_py())
    return {name: every[name] for name in SLICED} | {"late_rate": late, "rows": scores.num_rows}


def write_plots(
    folder: Path, labels: scoring.Labels, chances: scoring.Chances, settings: dict[str, Any]
) -> None:
    """ROC, precision and recall, calibration, and confusion, as DVC's plots read them."""
    roc = scoring.thinned(scoring.roc(labels, chances), POINTS)
    write_csv(folder / "roc.csv", ["fpr", "tpr"], roc)
    recall = scoring.thinned(scoring.precision_recall(labels, chances), POINTS)
    write_csv(folder / "precision_recall.csv", ["recall", "precision"], recall)
    bins = scoring.calibration(labels, chances, settings["bins"])
    write_csv(folder / "calibration.csv", ["predicted", "observed", "flights"], bins)
    write_csv(
        folder / "confusion.csv", ["actual", "predicted"], calls(labels, chances, settings["threshold"])
    )


def calls(labels: scoring.Labels, chances: scoring.Chances, threshold: float) -> list[tuple[str, str]]:
    """What happened and what was called, for `CELLS` flights or all there are."""
    rows = np.linspace(0, len(labels) - 1, min(CELLS, len(labels))).astype(int)
    called = chances >= threshold
    return [(WORDS[int(labels[row])], WORDS[int(called[row])]) for row in rows]


if __name__ == "__main__":
    main()
