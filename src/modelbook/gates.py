"""Gates: whether a run is good enough, alone and beside the one before it, and why in words. Pure.

    judge(gates, run, before) -> one Judgement for each gate that speaks of a metric the run has

The same judgement tells a version's gate status on the site and may decide on a pull request. A gate that
cannot be judged (no value, nothing to compare with, no direction) neither passes nor fails, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from modelbook.judge import at_most, equal, gain
from modelbook.records import Gate, Record, Run, State, Value, number
from modelbook.seeds import Interval

__all__ = ["Gate", "Judgement", "judge", "judge_seeds", "passed"]

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


def judge_seeds(gates: Iterable[Gate], means: Mapping[str, Interval | None]) -> tuple[Judgement, ...]:
    """Every gate of a metric with means over seeds, before and after.

    A floor, a ceiling and `must_not_change` are held against the means. A gate on the change passes or fails
    where the whole interval of the difference does, or where the mean stays on the allowed side; where only
    the mean is beyond, the seeds cannot tell.
    """
    return tuple(
        _of_means(gate, interval) for gate in gates if (interval := means.get(gate.metric)) is not None
    )


def _of_means(gate: Gate, means: Interval) -> Judgement:
    held, reason = _rule(gate, means.after, means.before)
    if held is not None and gate.kind in ("min_delta", "max_regression"):
        ends = {_rule(gate, means.before + end, means.before)[0] for end in (means.low, means.high)}
        lenient = held and gate.kind == "max_regression"  # as good as before: nobody has to prove that
        if ends != {held} and not lenient:
            held = None
    over = f"mean over {means.n_after} seeds, {means.n_before} before"
    between = f"95 % interval of the change {_shown(means.low)} to {_shown(means.high)}"
    unsure = ": the seeds cannot tell" if held is None and gate.direction else ""
    return Judgement(
        gate=gate,
        passed=held,
        reason=f"{gate.metric} {reason} ({over}; {between}){unsure}",
        after=means.after,
        before=means.before,
    )


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
        held = at_most(gate.limit, after)
        return held, f"{_shown(after)} is {'at least' if held else 'below'} the floor {limit}"
    if gate.kind == "ceiling":
        held = at_most(after, gate.limit)
        return held, f"{_shown(after)} is {'at most' if held else 'above'} the ceiling {limit}"
    return _change(gate, after, before if before is not None else after)


def _change(gate: Gate, after: float, before: float) -> tuple[bool | None, str]:
    moved = f"went from {_shown(before)} to {_shown(after)}"
    same = equal(before, after, atol=gate.atol, rtol=gate.rtol)
    if gate.kind == "must_not_change":
        return same, f"{moved}: it {'stayed the same' if same else 'must not change'}"
    if gate.direction is None:
        return None, f"{moved}, and nobody says which way is better"
    won = 0.0 if same else gain(gate.direction, before, after)
    if gate.kind == "min_delta":
        held = at_most(gate.limit, won)
        words = f"{_by(won)}, at least {_shown(gate.limit)} better is asked for"
    else:
        held = at_most(-won, gate.limit)
        words = f"{_by(won)}, at most {_shown(gate.limit)} worse is allowed"
    return held, f"{moved}: {words}"


def _by(gain: float) -> str:
    if gain == 0:
        return "equal"
    return f"{_shown(abs(gain))} {'better' if gain > 0 else 'worse'}"


def _shown(value: float) -> str:
    return f"{value:.6g}"
