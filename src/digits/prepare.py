"""Stage `prepare`: scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, in two parts of equal mixture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shared.files import read_params

LEVELS = 16
"""Pixels are counts from 0 to 16; models get them from 0 to 1."""


def main() -> None:
    """Write one Parquet file: pixels, label, and which part a digit belongs to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    split = read_params(args.params)["split"]
    pixels, labels = load_digits(return_X_y=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(
        table(pixels, labels, split["test_share"], split["seed"]), args.out, compression="zstd"
    )


def table(
    pixels: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], test_share: float, seed: int
) -> pa.Table:
    """All digits in their order, each marked `train` or `test`."""
    numbers = np.arange(len(labels))
    _, test = train_test_split(numbers, test_size=test_share, random_state=seed, stratify=labels)
    columns = {
        f"pixel_{place:02}": (pixels[:, place] / LEVELS).astype(np.float32)
        for place in range(pixels.shape[1])
    }
    part = np.where(np.isin(numbers, test), "test", "train")
    return pa.table(columns | {"digit": labels.astype(np.int8), "part": part})


if __name__ == "__main__":
    main()
