"""Gates: whether a run is good enough, alone and beside the one before it, and why in words. Pure.

    judge(gates, run, before) -> one Judgement for each gate that speaks of a metric the run has

The same judgement tells a version's gate status on the site and may decide on a pull request. A gate that
cannot be judged (no value, nothing to compare with, no direction) neither passes nor fails, and says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from modelbook.records import Gate, Record, Run, State, Value

__all__ = ["Gate", "Judgement", "judge", "passed"]

NEEDS_BEFORE = frozenset({"min_delta", "max_regression", "must_not_change"})
"""Kinds of gates that compare a run with the one before it."""


class Judgement(Record, frozen=True, kw_only=True):
    """What a gate says of a run.

    Attributes:
        passed: None when it cannot be judged.
        reason: one sentence with the numbers.
        after, before: the metric's values, where they are finite numbers.
    """

    gate: Gate
    passed: bool | None
    reason: str
    after: float | None = None
    before: float | None = None


def judge(gates: Iterable[Gate], run: Run, before: Run | None = None) -> tuple[Judgement, ...]:
    """Every gate whose metric the run has or, by `before`, should have.

    Args:
        before: what the run would take the place of; without it, gates that compare cannot be judged.
    """
    found = []
    for gate in gates:
        now, then = _value(run, gate.metric), _value(before, gate.metric) if before else None
        if now is not None or then is not None:
            found.append(_judgement(gate, now, then, compared=before is not None))
    return tuple(found)


def passed(judgements: Sequence[Judgement]) -> bool | None:
    """False when a gate failed, True when none did and at least one passed, else None."""
    verdicts = {item.passed for item in judgements}
    return False if False in verdicts else True if True in verdicts else None


def _value(run: Run, metric: str) -> Value | None:
    """The run's metric of that name, or the only one that ends with it behind a file's name."""
    exact = run.metric(metric)
    if exact is not None:
        return exact
    found = [value for value in run.metrics if value.name.rpartition(":")[2] == metric]
    return found[0] if len(found) == 1 else None


def _judgement(gate: Gate, now: Value | None, then: Value | None, *, compared: bool) -> Judgement:
    after, before = number(now), number(then)
    if after is None:
        return Judgement(gate=gate, passed=None, reason=f"{gate.metric} {_missing(now)}", before=before)
    if gate.kind in NEEDS_BEFORE and before is None:
        what = f"the one before {_missing(then)}" if compared else "there is none before it to compare with"
        return Judgement(gate=gate, passed=None, reason=f"{gate.metric} {_shown(after)}: {what}", after=after)
    ok, reason = _rule(gate, after, before)
    return Judgement(gate=gate, passed=ok, reason=f"{gate.metric} {reason}", after=after, before=before)


def number(value: Value | None) -> float | None:
    """A value that is there and a finite number, else None."""
    if value is None or value.state is not State.PRESENT or isinstance(value.value, bool):
        return None
    if not isinstance(value.value, int | float):
        return None
    try:
        found = float(value.value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _missing(value: Value | None) -> str:
    if value is None:
        return "has no value"
    says = {
        State.NOT_PULLED: "is not pulled",
        State.UNREADABLE: "could not be read",
        State.NEVER: "has no value yet",
    }
    return says.get(value.state, "is no finite number")


def _rule(gate: Gate, after: float, before: float | None) -> tuple[bool | None, str]:
    """(whether it holds, why) of one number, or of two."""
    limit = _shown(gate.limit)
    if gate.kind == "floor":
        held = _at_most(gate.limit, after)
        return held, f"{_shown(after)} is {'at least' if held else 'below'} the floor {limit}"
    if gate.kind == "ceiling":
        held = _at_most(after, gate.limit)
        return held, f"{_shown(after)} is {'at most' if held else 'above'} the ceiling {limit}"
    return _change(gate, after, before if before is not None else after)


def _change(gate: Gate, after: float, before: float) -> tuple[bool | None, str]:
    moved = f"went from {_shown(before)} to {_shown(after)}"
    equal = _at_most(abs(after - before), max(gate.atol, gate.rtol * abs(before)))
    if gate.kind == "must_not_change":
        return equal, f"{moved}: it {'stayed the same' if equal else 'must not change'}"
    if gate.direction is None:
        return None, f"{moved}, and nobody says which way is better"
    gain = 0.0 if equal else after - before if gate.direction == "maximize" else before - after
    if gate.kind == "min_delta":
        held = _at_most(gate.limit, gain)
        words = f"{_by(gain)}, at least {_shown(gate.limit)} better is asked for"
    else:
        held = _at_most(-gain, gate.limit)
        words = f"{_by(gain)}, at most {_shown(gate.limit)} worse is allowed"
    return held, f"{moved}: {words}"


def _by(gain: float) -> str:
    if gain == 0:
        return "equal"
    return f"{_shown(abs(gain))} {'better' if gain > 0 else 'worse'}"


def _at_most(low: float, high: float) -> bool:
    """`low <= high`, with room for what a subtraction of decimals loses."""
    return low <= high or math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-12)


def _shown(value: float) -> str:
    return f"{value:.6g}"
