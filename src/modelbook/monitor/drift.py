"""How far one distribution lies from another. Pure: weighted values or counts in, numbers out.

Effect sizes judge; p-values only inform, for with enough rows any difference is significant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SMALLEST_SHARE = 1e-4
"""What an empty bin counts as in the population stability index, which would be infinite otherwise."""

BINS = 10
"""Bins of a number: between the deciles of the reference."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The finite values of a column of numbers.

    Attributes:
        values: distinct, ascending; float64 of shape (n,).
        counts: how often each occurs, at least once; float64 of shape (n,).
    """

    values: Floats
    counts: Floats

    @property
    def total(self) -> float:
        """How many values there are, repeated ones counted."""
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """The mean; NaN when there is no value."""
        return float(np.average(self.values, weights=self.counts)) if self.values.size else math.nan

    @property
    def std(self) -> float:
        """The standard deviation of the population (no correction); NaN when there is no value."""
        if not self.values.size:
            return math.nan
        return math.sqrt(float(np.average((self.values - self.mean) ** 2, weights=self.counts)))


def distribution(values: Floats) -> Distribution:
    """The distribution of raw values; those that are not finite are left out."""
    found, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    return Distribution(found.astype(np.float64), counts.astype(np.float64))


def edges(reference: Distribution, bins: int = BINS) -> Floats:
    """Inner borders of bins that hold about as many values of the reference each; a value on one is below it.

    Returns:
        Ascending and distinct, at most `bins` - 1; fewer where many values are equal.
    """
    if not reference.values.size:
        return np.empty(0)
    ranks = np.cumsum(reference.counts) / reference.total
    cuts = [reference.values[np.searchsorted(ranks, at / bins - 1e-12)] for at in range(1, bins)]
    return np.array([cut for cut in np.unique(cuts) if cut < reference.values[-1]], dtype=np.float64)


def binned(found: Distribution, inner: Floats) -> Floats:
    """How many values lie in each of the bins between inner borders; the outer two are open."""
    at = np.searchsorted(inner, found.values, side="left")
    return np.bincount(at, weights=found.counts, minlength=inner.size + 1).astype(np.float64)


def psi(reference: Sequence[float] | Floats, batch: Sequence[float] | Floats) -> float:
    """The population stability index of counts over the same bins: sum of (b - r) ln(b / r) over shares.

    Empty bins count as `SMALLEST_SHARE`. Natural logarithm. Below 0.1 is usually called stable, above 0.25 a
    shift (Siddiqi, Credit Risk Scorecards, 2006, ch. 9).
    """
    expected, found = (np.maximum(_shares(counts), SMALLEST_SHARE) for counts in (reference, batch))
    return float(np.sum((found - expected) * np.log(found / expected)))


def jensen_shannon(reference: Sequence[float] | Floats, batch: Sequence[float] | Floats) -> float:
    """The Jensen-Shannon distance of counts over the same bins: from 0, equal, to 1, nothing in common.

    The square root of the divergence, with logarithms to the base 2 (Endres and Schindelin, 2003).
    """
    first, second = _shares(reference), _shares(batch)
    middle = (first + second) / 2
    divergence = (_entropy(first, middle) + _entropy(second, middle)) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def _shares(counts: Sequence[float] | Floats) -> Floats:
    found = np.asarray(counts, dtype=np.float64)
    total = found.sum()
    return found / total if total else found


def _entropy(first: Floats, second: Floats) -> float:
    """The relative entropy in bits."""
    there = first > 0
    return float(np.sum(first[there] * np.log2(first[there] / second[there])))


def wasserstein(reference: Distribution, batch: Distribution) -> float:
    """The first Wasserstein distance, in the unit of the values: the area between the two distribution
    functions (Villani, Topics in Optimal Transportation, 2003, 2.18). NaN when one of them is empty."""
    if not reference.values.size or not batch.values.size:
        return math.nan
    grid, first, second = _functions(reference, batch)
    return float(np.sum(np.abs(first - second)[:-1] * np.diff(grid)))


def normalised(distance: float, spread: float) -> float | None:
    """A distance in standard deviations of the reference; None when the reference is constant and the batch
    is not the same constant."""
    if spread > 0:
        return distance / spread
    return 0.0 if distance == 0 else None


def kolmogorov_smirnov(reference: Distribution, batch: Distribution) -> tuple[float, float]:
    """The two-sample statistic, the largest gap between the distribution functions, and its p-value.

    The p-value is asymptotic, from the exact distribution of the one-sample statistic with n m / (n + m)
    rounded as its size, as `scipy.stats.ks_2samp(method="asymp")` has it. (NaN, NaN) when one is empty.
    """
    from scipy.stats import kstwo

    if not reference.values.size or not batch.values.size:
        return math.nan, math.nan
    _, first, second = _functions(reference, batch)
    gap = float(np.max(np.abs(first - second)))
    rows = reference.total * batch.total / (reference.total + batch.total)
    return gap, float(np.clip(kstwo.sf(gap, max(1, round(rows))), 0, 1))


def _functions(first: Distribution, second: Distribution) -> tuple[Floats, Floats, Floats]:
    """All values, and both cumulative distribution functions at each."""
    grid = np.union1d(first.values, second.values)
    return grid, _cumulative(first, grid), _cumulative(second, grid)


def _cumulative(found: Distribution, grid: Floats) -> Floats:
    sums = np.concatenate([[0.0], np.cumsum(found.counts)])
    return sums[np.searchsorted(found.values, grid, side="right")] / found.total


@dataclass(frozen=True, slots=True)
class Independence:
    """Pearson's test of whether counts by category depend on where they come from.

    Attributes:
        statistic: chi squared; degrees: of freedom. p: its p-value.
        effect: Cramér's V, from 0, no difference, to 1.
    """

    statistic: float
    degrees: int
    p: float
    effect: float


def chi_squared(reference: Mapping[str, float], batch: Mapping[str, float]) -> Independence:
    """Pearson's chi squared of two sets of counts, without correction; Cramér's V (Cramér, 1946, 21.9)."""
    from scipy.stats import chi2

    names = sorted({*reference, *batch})
    table = np.array([[side.get(name, 0.0) for name in names] for side in (reference, batch)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return Independence(0.0, 0, 1.0, 0.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    degrees = table.shape[1] - 1
    return Independence(
        statistic, degrees, float(chi2.sf(statistic, degrees)), math.sqrt(statistic / float(table.sum()))
    )
