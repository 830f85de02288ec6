"""Stage `evaluate`: accuracy, macro F1, log loss, the recall of each digit, and the confusion matrix."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shared.files import write_csv, write_json

Labels = npt.NDArray[np.int8]
Chances = npt.NDArray[np.float64]

TINY = 1e-9


def main() -> None:
    """Write `metrics.json`, `slices.json` and `plots/confusion.csv`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder with the scores, and for the results")
    args = parser.parse_args()
    labels, chances = read(args.out / "scores.parquet")
    called = chances.argmax(axis=1)
    write_json(args.out / "metrics.json", metrics(labels, chances))
    recall = {str(digit): float(np.mean(called[labels == digit] == digit)) for digit in range(10)}
    write_json(args.out / "slices.json", {"recall": recall})
    pairs = zip(labels.tolist(), called.tolist(), strict=True)
    write_csv(args.out / "plots" / "confusion.csv", ["actual", "predicted"], pairs)


def read(path: Path) -> tuple[Labels, Chances]:
    """Labels, and one row of ten chances for each."""
    scores = pa.parquet.read_table(path)
    columns = [scores[f"chance_{digit}"].to_numpy().astype(np.float64) for digit in range(10)]
    return scores["digit"].to_numpy(), np.column_stack(columns)


def metrics(labels: Labels, chances: Chances) -> dict[str, float]:
    """Accuracy, F1 averaged over the digits, and mean negative log likelihood."""
    called = chances.argmax(axis=1)
    likelihood = np.clip(chances[np.arange(len(labels)), labels], TINY, 1.0)
    return {
        "accuracy": float(np.mean(called == labels)),
        "f1_macro": float(np.mean([f1(labels == digit, called == digit) for digit in np.unique(labels)])),
        "log_loss": float(-np.mean(np.log(likelihood))),
    }


def f1(actual: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall; 0 when there is neither."""
    total = int(actual.sum() + called.sum())
    return 2 * float(np.sum(actual & called)) / total if total else 0.0


if __name__ == "__main__":
    main()
