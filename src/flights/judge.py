"""Judge a model on a month of labelled flights: what champions and challengers are compared by."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from flights import scoring
from flights.fitted import load_model
from shared.files import write_json

THRESHOLD = 0.3
BINS = 10


def main() -> None:
    """Write the metrics of `scoring`, the bias (mean chance less share late) and the number of flights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="a month of flights with their labels")
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the metrics")
    args = parser.parse_args()
    model = load_model(args.model)
    flights = pd.read_parquet(args.data)
    labels = flights["late"].to_numpy()
    chances = model.predict_proba(flights[list(model.feature_names_in_)])[:, 1].astype(np.float64)
    found = scoring.metrics(labels, chances, threshold=THRESHOLD, bins=BINS)
    bias = float(np.mean(chances) - np.mean(labels))
    write_json(args.out, found | {"bias": bias, "rows": len(flights)})


if __name__ == "__main__":
    main()
