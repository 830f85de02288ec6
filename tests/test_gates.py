"""Gates: every kind of rule, at its edge, with what it says."""

from __future__ import annotations

import math

import pytest

from modelbook import gates
from modelbook.history import wishes
from modelbook.records import Gate, Run, State, Value


def run(**metrics: object) -> Run:
    values = (
        value if isinstance(value, Value) else Value(name=name, value=value)
        for name, value in metrics.items()
    )
    return Run(id="0" * 12, name="r", experiment="e", commit="c", commits=("c",), metrics=tuple(values))


def gate(kind: str, limit: float = 0.0, direction: str | None = "maximize", **more: float) -> Gate:
    return Gate(metric="auc", kind=kind, limit=limit, direction=direction, **more)


@pytest.mark.parametrize(
    ("rule", "before", "after", "passed", "says"),
    [
        (gate("floor", 0.7), None, 0.7, True, "auc 0.7 is at least the floor 0.7"),
        (gate("floor", 0.7), None, 0.69, False, "auc 0.69 is below the floor 0.7"),
        (gate("ceiling", 0.7), None, 0.7, True, "auc 0.7 is at most the ceiling 0.7"),
        (gate("ceiling", 0.7), None, 0.71, False, "auc 0.71 is above the ceiling 0.7"),
        (gate("min_delta", 0.01), 0.7, 0.71, True, "auc went from 0.7 to 0.71: 0.01 better, at least 0.01"),
        (gate("min_delta", 0.01), 0.7, 0.705, False, "0.005 better, at least 0.01 better is asked for"),
        (gate("min_delta", 0.01, "minimize"), 0.7, 0.69, True, "0.01 better"),
        (gate("max_regression", 0.005), 0.7, 0.695, True, "0.005 worse, at most 0.005 worse is allowed"),
        (gate("max_regression", 0.005), 0.7, 0.69, False, "0.01 worse, at most 0.005 worse is allowed"),
        (gate("max_regression", 0.005, "minimize"), 0.7, 0.71, False, "0.01 worse"),
        (gate("max_regression", 0.0), 0.7, 0.9, True, "0.2 better"),
        (gate("max_regression", 0.0, atol=0.01), 0.7, 0.69, True, "equal"),
        (gate("max_regression", 0.0, rtol=0.02), 0.7, 0.69, True, "equal"),
        (gate("max_regression", 0.0, None), 0.7, 0.6, None, "nobody says which way is better"),
        (gate("must_not_change"), 0.7, 0.7, True, "it stayed the same"),
        (gate("must_not_change"), 0.7, 0.7001, False, "it must not change"),
        (gate("must_not_change", atol=0.001), 0.7, 0.7001, True, "it stayed the same"),
        (gate("min_delta", 0.01), None, 0.7, None, "there is none before it to compare with"),
        (gate("floor", 0.7), None, math.nan, None, "auc is no finite number"),
        (gate("floor", 0.7), None, True, None, "auc is no finite number"),
    ],
)
def test_each_rule_says_what_holds_and_why(
    rule: Gate, before: float | None, after: object, passed: bool | None, says: str
) -> None:
    old = None if before is None else run(auc=before)
    (found,) = gates.judge([rule], run(auc=after), old)
    assert (found.passed, says in found.reason) == (passed, True), found.reason


def test_a_decimal_difference_is_not_lost_to_binary_fractions() -> None:
    assert 0.7 - 0.695 > 0.005
    (found,) = gates.judge([gate("max_regression", 0.005)], run(auc=0.695), run(auc=0.7))
    assert found.passed is True


def test_a_gate_on_a_metric_that_a_run_never_had_says_nothing() -> None:
    assert gates.judge([gate("floor", 0.7)], run(loss=1.0), run(loss=1.0)) == ()


def test_a_metric_that_went_is_told_and_not_passed() -> None:
    (found,) = gates.judge([gate("floor", 0.7)], run(), run(auc=0.8))
    assert (found.passed, found.reason) == (None, "auc has no value")


def test_a_metric_that_is_not_there_is_not_judged() -> None:
    away = Value(name="auc", state=State.NOT_PULLED)
    (found,) = gates.judge([gate("floor", 0.7)], run(auc=away))
    assert (found.passed, found.reason) == (None, "auc is not pulled")


def test_a_metric_behind_a_files_name_is_found_when_it_is_the_only_one() -> None:
    one = run(**{"train.json:auc": 0.8})
    two = run(**{"train.json:auc": 0.8, "valid.json:auc": 0.6})
    assert [item.passed for item in gates.judge([gate("floor", 0.7)], one)] == [True]
    assert gates.judge([gate("floor", 0.7)], two) == ()


def test_one_failure_decides_and_nothing_judged_decides_nothing() -> None:
    good, bad = gate("floor", 0.1), gate("floor", 0.9)
    judged = gates.judge([good, bad, gate("min_delta")], run(auc=0.5))
    assert gates.passed(judged) is False
    assert gates.passed(gates.judge([good, gate("min_delta")], run(auc=0.5))) is True
    assert gates.passed(gates.judge([gate("min_delta")], run(auc=0.5))) is None
    assert gates.passed(()) is None


def test_history_carries_the_gates_and_forgives_what_it_does_not_know() -> None:
    rules = {"floor": 0.6, "min_delta": 1, "rtol": 0.1, "ceiling": "high", "flor": 3, "must_not_change": "x"}
    data = {"name": "x", "metrics": {"auc": {"direction": "maximize", "gates": rules}, "f1": {"gates": 3}}}
    found = wishes.project(data, "x").gates
    assert [(item.metric, item.kind, item.limit, item.direction, item.rtol) for item in found] == [
        ("auc", "floor", 0.6, "maximize", 0.1),
        ("auc", "min_delta", 1.0, "maximize", 0.1),
    ]
