"""Measures of drift: against SciPy's definitions, and what must hold of any data."""

from __future__ import annotations

import itertools
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.spatial import distance

import golden_drift
from modelbook.monitor import drift
from modelbook.monitor.drift import Distribution, distribution

GOLDEN = json.loads((Path(__file__).parent / "fixtures" / "evidently.json").read_bytes())
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
COLUMN = arrays.arrays(np.float64, st.integers(2, 60), elements=NUMBERS)
COUNTS = st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any)


def measures(first: Distribution, second: Distribution) -> dict[str, float]:
    inner = drift.edges(first)
    counts = drift.binned(first, inner), drift.binned(second, inner)
    return {
        "psi": drift.psi(*counts),
        "jensen_shannon": drift.jensen_shannon(*counts),
        "wasserstein": drift.wasserstein(first, second),
        "ks": drift.kolmogorov_smirnov(first, second)[0],
    }


@given(COLUMN, COLUMN)
def test_distances_of_numbers_are_scipys(first: drift.Floats, second: drift.Floats) -> None:
    ours = distribution(first), distribution(second)
    assert drift.wasserstein(*ours) == pytest.approx(
        stats.wasserstein_distance(first, second), rel=1e-9, abs=1e-9
    )
    wanted = stats.ks_2samp(first, second, method="asymp")
    gap, p = drift.kolmogorov_smirnov(*ours)
    assert gap == pytest.approx(wanted.statistic)
    assert p == pytest.approx(wanted.pvalue, abs=1e-9)
    assert ours[0].mean == pytest.approx(np.mean(first), rel=1e-9, abs=1e-9)
    assert ours[0].std == pytest.approx(np.std(first), rel=1e-6, abs=1e-6)


@given(COUNTS, COUNTS)
def test_distances_of_counts_are_scipys(first: list[int], second: list[int]) -> None:
    assert drift.jensen_shannon(first, second) == pytest.approx(
        distance.jensenshannon(first, second, base=2), abs=1e-7
    )
    names = "abc"
    found = drift.chi_squared(dict(zip(names, first, strict=True)), dict(zip(names, second, strict=True)))
    table = np.array([first, second])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        assert found.statistic == found.effect == 0
        return
    wanted = stats.chi2_contingency(table, correction=False)
    assert (found.statistic, found.p) == pytest.approx((wanted.statistic, wanted.pvalue), abs=1e-9)
    assert found.degrees == wanted.dof
    assert found.effect == pytest.approx(stats.contingency.association(table, method="cramer"), abs=1e-9)


def test_the_stability_index_is_the_sum_over_bins_with_empty_ones_at_their_least() -> None:
    wanted = (0.3 - 0.5) * math.log(0.3 / 0.5) + (0.7 - 0.5) * math.log(0.7 / 0.5)
    assert drift.psi([50, 50], [30, 70]) == pytest.approx(wanted)
    least = drift.SMALLEST_SHARE
    empty = (least - 0.5) * math.log(least / 0.5) + 0.5 * math.log(1 / 0.5)
    assert drift.psi([1, 1], [0, 9]) == pytest.approx(empty)
    assert drift.psi([1, 1, 0], [1, 1, 0]) == 0


@given(COLUMN)
def test_equal_data_is_no_drift_in_any_order_and_number(values: drift.Floats) -> None:
    first = distribution(values)
    again = distribution(np.repeat(values[::-1], 3))
    assert all(value == pytest.approx(0, abs=1e-9) for value in measures(first, again).values())


@given(COLUMN, COLUMN)
def test_distances_are_symmetric(first: drift.Floats, second: drift.Floats) -> None:
    one, other = distribution(first), distribution(second)
    assert drift.wasserstein(one, other) == pytest.approx(drift.wasserstein(other, one))
    assert drift.kolmogorov_smirnov(one, other) == pytest.approx(drift.kolmogorov_smirnov(other, one))
    inner = drift.edges(one)
    counts = drift.binned(one, inner), drift.binned(other, inner)
    assert drift.psi(*counts) == pytest.approx(drift.psi(*reversed(counts)))
    assert drift.jensen_shannon(*counts) == pytest.approx(drift.jensen_shannon(*reversed(counts)))


@given(COLUMN, st.lists(st.floats(0, 1e5), min_size=2, max_size=5))
def test_a_larger_shift_is_never_less_drift(values: drift.Floats, shifts: list[float]) -> None:
    first = distribution(values)
    found = [measures(first, distribution(values + shift)) for shift in sorted(shifts)]
    for before, after in itertools.pairwise(found):
        assert after["wasserstein"] >= before["wasserstein"] - 1e-6 * max(1, before["wasserstein"])


BELL = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)


@given(st.lists(st.floats(0, 6), min_size=2, max_size=5), st.sampled_from([BELL, np.sort(np.exp(BELL))]))
def test_a_larger_shift_of_one_hill_is_never_less_drift_by_any_measure(
    shifts: list[float], values: drift.Floats
) -> None:
    first = distribution(values)
    found = [measures(first, distribution(values + shift)) for shift in sorted(shifts)]
    for before, after in itertools.pairwise(found):
        assert all(after[name] >= before[name] - 1e-9 for name in ("wasserstein", "ks"))
    # Bins see a shift as far as it moves values over an edge, and never see less than all in one of them.
    bell = [measures(distribution(BELL), distribution(BELL + shift)) for shift in sorted(shifts)]
    for before, after in itertools.pairwise(bell):
        assert all(after[name] >= before[name] - 1e-9 for name in before)


def of_categories(first: list[float], second: list[float]) -> dict[str, float]:
    names = "abc"
    sides = [dict(zip(names, side, strict=True)) for side in (first, second)]
    return {
        "psi": drift.psi(first, second),
        "jensen_shannon": drift.jensen_shannon(first, second),
        "cramers_v": drift.chi_squared(*sides).effect,
    }


@given(COUNTS, COUNTS, st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_measures_of_categories_are_zero_symmetric_and_grow_with_the_share_that_moved(
    first: list[int], second: list[int], shares: list[float]
) -> None:
    one, other = ([count / sum(side) for count in side] for side in (first, second))
    assert all(value == pytest.approx(0, abs=1e-7) for value in of_categories(one, one).values())
    same = {"a": first[0], "b": first[1], "c": first[2]}
    assert drift.chi_squared(same, {name: 3 * count for name, count in same.items()}).effect == pytest.approx(
        0, abs=1e-7
    )
    assert of_categories(one, other) == pytest.approx(of_categories(other, one), abs=1e-9)
    mixed = [[a + share * (b - a) for a, b in zip(one, other, strict=True)] for share in sorted(shares)]
    for before, after in itertools.pairwise([of_categories(one, found) for found in mixed]):
        for name in before:
            assert after[name] >= before[name] - 1e-6, name


def test_a_shift_moves_the_distance_by_itself() -> None:
    values = np.arange(100.0)
    assert drift.wasserstein(distribution(values), distribution(values + 7)) == pytest.approx(7)
    assert drift.normalised(7, 3.5) == 2
    assert drift.normalised(0, 0) == 0
    assert drift.normalised(1, 0) is None


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_bins_hold_equal_shares_of_the_reference(bins: int) -> None:
    found = distribution(np.arange(1000.0))
    assert drift.binned(found, drift.edges(found, bins)).tolist() == [1000 / bins] * bins


def test_bins_of_few_distinct_values_keep_each_apart() -> None:
    found = distribution(np.array([0.0] * 90 + [1.0] * 10))
    inner = drift.edges(found)
    assert drift.binned(found, inner).tolist() == [90, 10]
    assert drift.edges(distribution(np.array([3.0, 3.0]))).size == 0
    assert drift.edges(distribution(np.empty(0))).size == 0


def test_nothing_to_compare_is_no_number() -> None:
    none, some = distribution(np.array([math.nan, math.inf])), distribution(np.array([1.0]))
    assert none.total == 0
    assert math.isnan(none.mean) and math.isnan(none.std)
    assert math.isnan(drift.wasserstein(none, some))
    assert math.isnan(drift.kolmogorov_smirnov(some, none)[0])
    assert drift.chi_squared({}, {"a": 1}).statistic == 0


@pytest.mark.parametrize("column", ["temp", "humid", "wind_speed", "pressure"])
def test_distances_in_deviations_are_evidentlys(column: str) -> None:
    first, second = (
        distribution(months(column, kept)) for kept in (golden_drift.REFERENCE, golden_drift.BATCH)
    )
    found = drift.normalised(drift.wasserstein(first, second), first.std)
    assert found == pytest.approx(GOLDEN[column]["wasserstein"], rel=1e-9)


def test_distances_of_categories_are_evidentlys() -> None:
    first, second = (
        dict(zip(*np.unique(months("sky", kept), return_counts=True), strict=True))
        for kept in (golden_drift.REFERENCE, golden_drift.BATCH)
    )
    names = sorted({*first, *second})
    counts = [first.get(name, 0) for name in names], [second.get(name, 0) for name in names]
    assert drift.psi(*counts) == pytest.approx(GOLDEN["sky"]["psi"], rel=1e-9)
    natural = drift.jensen_shannon(*counts) * math.sqrt(math.log(2))
    assert natural == pytest.approx(GOLDEN["sky"]["jensenshannon"], rel=1e-9)


@cache
def weather() -> Any:
    """The weather of every flight."""
    return golden_drift.weather()


def months(column: str, kept: tuple[int, ...]) -> Any:
    """The values of a column of the weather in some months."""
    table = weather()
    return table.loc[table["month"].isin(kept), column].dropna().to_numpy()
