"""How good chances are: the usual numbers, in numpy alone, so that judging a run does not load scikit-learn.

Labels are 0 and 1, chances between 0 and 1. The tests hold these against scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int8]
Chances = npt.NDArray[np.float64]
Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

TINY = 1e-9


def metrics(labels: Labels, chances: Chances, *, threshold: float, bins: int) -> dict[str, float]:
    """All of the numbers below; accuracy and F1 call a flight late from `threshold` on."""
    called = chances >= threshold
    return {
        "roc_auc": roc_auc(labels, chances),
        "average_precision": average_precision(labels, chances),
        "log_loss": log_loss(labels, chances),
        "brier": float(np.mean((chances - labels) ** 2)),
        "ece": calibration_error(labels, chances, bins),
        "accuracy": float(np.mean(called == labels)),
        "f1": f1(labels, called),
    }


def roc_auc(labels: Labels, chances: Chances) -> float:
    """Chance that a late flight is ranked above one on time, ties counting half."""
    false, true = roc(labels, chances)
    return float(np.trapezoid(true, false))


def roc(labels: Labels, chances: Chances) -> Curve:
    """False and true positive rate at every distinct chance, from the highest down."""
    hits, count = _cumulated(labels, chances)
    misses = count - hits
    return np.append(0.0, misses / max(misses[-1], 1)), np.append(0.0, hits / max(hits[-1], 1))


def precision_recall(labels: Labels, chances: Chances) -> Curve:
    """Recall and precision at every distinct chance, from the highest down."""
    hits, count = _cumulated(labels, chances)
    return hits / max(hits[-1], 1), hits / count


def average_precision(labels: Labels, chances: Chances) -> float:
    """Precision averaged over the steps of recall, without interpolation."""
    recall, precision = precision_recall(labels, chances)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def log_loss(labels: Labels, chances: Chances) -> float:
    """Mean negative log likelihood, chances kept off 0 and 1."""
    safe = np.clip(chances, TINY, 1 - TINY)
    return float(-np.mean(np.where(labels == 1, np.log(safe), np.log1p(-safe))))


def f1(labels: Labels, called: npt.NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall; 0 when nothing is called and nothing is there."""
    hits = float(np.sum(called & (labels == 1)))
    total = float(np.sum(called) + np.sum(labels))
    return 2 * hits / total if total else 0.0


def calibration(labels: Labels, chances: Chances, bins: int) -> Iterator[tuple[float, float, int]]:
    """Mean chance, share of late flights and number of flights in each bin of equal width that has any."""
    place = np.minimum((chances * bins).astype(int), bins - 1)
    for number in range(bins):
        inside = place == number
        if count := int(np.sum(inside)):
            yield float(np.mean(chances[inside])), float(np.mean(labels[inside])), count


def calibration_error(labels: Labels, chances: Chances, bins: int) -> float:
    """Expected calibration error: how far chance and share are apart, weighted by flights."""
    gaps = [abs(chance - share) * count for chance, share, count in calibration(labels, chances, bins)]
    return float(sum(gaps) / len(labels))


def thinned(curve: Curve, points: int) -> list[tuple[float, float]]:
    """The curve at no more than `points` places, evenly spread over x, both ends kept."""
    x, y = curve
    wanted = np.searchsorted(x, np.linspace(x[0], x[-1], points))
    kept = np.unique(np.append(np.minimum(wanted, len(x) - 1), [0, len(x) - 1]))
    return list(zip(x[kept].tolist(), y[kept].tolist(), strict=True))


def _cumulated(labels: Labels, chances: Chances) -> Curve:
    """Late flights, and flights, down to every distinct chance, from the highest."""
    order = np.argsort(-chances, kind="stable")
    last = np.append(np.flatnonzero(np.diff(chances[order])), len(order) - 1)
    hits = np.cumsum(labels[order], dtype=np.float64)[last]
    return hits, (last + 1).astype(np.float64)
