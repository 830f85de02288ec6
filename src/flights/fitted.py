"""Read back what a train stage saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skops.io

TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
"""Types in our own model files that skops does not know; a file with any other is refused."""


def load_model(path: Path) -> Any:
    """A fitted estimator."""
    return skops.io.load(path, trusted=TRUSTED)
