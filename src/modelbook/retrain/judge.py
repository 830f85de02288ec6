"""Champion and challengers beside one another, on the same data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from modelbook import gates
from modelbook import judge as rule
from modelbook.records import Contestant, Gate, GateResult, MetricInfo, Record, RetrainPolicy, Run, Value


class Judged(Record, frozen=True, kw_only=True):
    """What became of the challengers.

    Attributes:
        outcome: `accepted` or `rejected`. chosen: the run that was accepted, or empty.
        reason: why, in a sentence with the numbers.
    """

    outcome: str
    reason: str
    chosen: str = ""
    challengers: tuple[Contestant, ...] = ()


def judge(
    policy: RetrainPolicy,
    infos: Iterable[MetricInfo],
    champion: Contestant,
    challengers: Sequence[Contestant],
) -> Judged:
    """Hold every challenger against the champion; the best of those that pass is accepted.

    One passes when every gate of the policy does, and when it is better by the policy's metric. What cannot
    be judged does not pass.
    """
    known = next((info for info in infos if info.name == policy.metric), MetricInfo(name=policy.metric))
    [info] = rule.ruled([known], policy.gates)
    seen = tuple(_seen(policy, info, champion, one) for one in challengers)
    passed = [
        (value, one) for one in seen if one.passed and (value := one.metrics[policy.metric]) is not None
    ]
    best = rule.best(info, passed)
    if best is None:
        says = "; ".join(f"{one.window}: {one.reason}" for one in seen) or "there was no challenger"
        return Judged(outcome="rejected", reason=says, challengers=seen)
    other = f", the best of {len(passed)} that pass" if len(passed) > 1 else ""
    reason = f"{best.window}: {best.reason}{other}"
    return Judged(outcome="accepted", reason=reason, chosen=best.run, challengers=seen)


def _seen(policy: RetrainPolicy, info: MetricInfo, champion: Contestant, one: Contestant) -> Contestant:
    found = gates.judge(policy.gates, _run(one), _run(champion))
    before, after = champion.metrics.get(policy.metric), one.metrics.get(policy.metric)
    spoken = {(item.gate.metric, item.gate.kind) for item in found}
    silent = [item for item in policy.gates if (item.metric, item.kind) not in spoken]
    results = [
        *(_result(item.gate, item.reason, passed=item.passed) for item in found),
        *(_result(item, f"{item.metric} has no value") for item in silent),
    ]
    better = rule.better(info, before, after)
    bad = [item.reason for item in results if not item.passed]
    moved = f"{policy.metric} {_shown(before)} -> {_shown(after)}"
    if better is not True and not any(policy.metric in reason for reason in bad):
        bad.insert(0, f"{moved} is not better")
    return replace(
        one,
        gates=tuple(results),
        passed=not bad,
        reason="; ".join(bad) if bad else f"{moved} on the same data",
    )


def _result(gate: Gate, reason: str, *, passed: bool | None = None) -> GateResult:
    return GateResult(metric=gate.metric, kind=gate.kind, limit=gate.limit, passed=passed, reason=reason)


def _run(one: Contestant) -> Run:
    """A contestant as gates look at runs."""
    metrics = tuple(Value(name=name, value=value) for name, value in one.metrics.items())
    return Run(id=one.run, name=one.name, experiment=one.name, commit="", commits=(), metrics=metrics)


def _shown(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6g}"
