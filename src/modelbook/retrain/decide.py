"""Whether the policy of a model says that it is to be trained again, and on what. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from modelbook.records import Model, ModelVersion, Record, Retraining, RetrainPolicy, Run, Watch
from modelbook.retrain.schedule import due


class Facts(Record, frozen=True, kw_only=True):
    """What a decision is made from.

    Attributes:
        periods: of labelled data, in the order of time. watches: of the policy's monitor, likewise.
        past: the model's retrainings, likewise. trained: the periods that the champion was trained on.
        seconds: run id -> wall time of its training, of runs that logged it.
        now: for schedules; without it none is due.
    """

    periods: tuple[str, ...]
    watches: tuple[Watch, ...] = ()
    past: tuple[Retraining, ...] = ()
    trained: tuple[str, ...] = ()
    seconds: Mapping[str, float] = {}
    now: datetime | None = None


class Training(Record, frozen=True, kw_only=True):
    """A challenger to be: its window (`expanding`, `rolling-3`) and the periods in it."""

    window: str
    periods: tuple[str, ...]


class Decision(Record, frozen=True, kw_only=True):
    """What the policy says.

    Attributes:
        period: the newest labelled one, which all are judged on; empty where there is none.
        trigger: `breach`, `new_data`, `schedule`, or empty when nothing calls for a retraining.
        why: in a sentence what calls for it. waits: why nothing is to be done; empty when something is.
        trainings: the challengers; none when it waits. left_out: windows that make none, and why.
    """

    period: str = ""
    trigger: str = ""
    why: str = ""
    waits: str = ""
    trainings: tuple[Training, ...] = ()
    left_out: tuple[str, ...] = ()


def decide(policy: RetrainPolicy, facts: Facts) -> Decision:
    """What a policy says of a model as things stand."""
    waiting = {item.batch for item in facts.watches if item.waiting}
    periods = [name for name in facts.periods if name not in waiting]
    if not periods:
        return Decision(waits="there is no labelled data yet")
    period = periods[-1]
    trigger, why = _trigger(policy, facts, periods)
    made = Decision(period=period, trigger=trigger, why=why)
    if not trigger:
        return _waiting(made, why)
    if reason := next(_hindrances(policy, facts, periods), ""):
        return _waiting(made, reason)
    trainings, left_out = _trainings(policy, periods[:-1], facts.trained)
    if not trainings:
        return _waiting(made, f"there is nothing new to train on: {'; '.join(left_out)}", left_out)
    if reason := _over_budget(policy, facts, periods, len(trainings)):
        return _waiting(made, reason, left_out)
    return replace(made, trainings=tuple(trainings), left_out=tuple(left_out))


def champion(model: Model, policy: RetrainPolicy) -> ModelVersion | None:
    """The version that a challenger has to beat: that in force in the policy's environment, else the newest.

    None when nothing is in force there, or what is has been deprecated.
    """
    placed = dict(model.info.environments).get(policy.environment) if policy.environment else None
    if policy.environment and placed is None:
        return None
    usable = (item for item in model.versions if not item.deprecated)
    return next((item for item in usable if placed is None or item.version == placed), None)


def trained_on(run: Run, policy: RetrainPolicy) -> tuple[str, ...] | None:
    """The periods that a run was trained on, as the policy's param tells; None when it does not."""
    found = run.param(policy.param)
    return tuple(map(str, found.value)) if found and isinstance(found.value, list) else None


def champion_at(past: Sequence[Retraining], period: str) -> tuple[str, str] | None:
    """(run, version) of the champion when a period was to be judged, as later records tell it.

    None when no record is of that period or a later one: then the champion is that of now.
    """
    later = next((item for item in past if item.period >= period), None)
    return (later.champion.run, later.champion.version) if later else None


def _waiting(made: Decision, reason: str, left_out: Iterable[str] = ()) -> Decision:
    return replace(made, waits=reason, left_out=tuple(left_out))


def _trigger(policy: RetrainPolicy, facts: Facts, periods: Sequence[str]) -> tuple[str, str]:
    """(what calls for a retraining, why), or (nothing, why not)."""
    quiet = []
    for name in policy.on:
        found, why = _CALLS[name](policy, facts, periods) if name in _CALLS else (False, "")
        if found:
            return name, why
        quiet += [why] if why else []
    return "", "; ".join(quiet)


def _breach(policy: RetrainPolicy, facts: Facts, _periods: Sequence[str]) -> tuple[bool, str]:
    if not facts.watches:
        return False, f"monitor {policy.monitor} has judged no batch yet"
    newest = facts.watches[-1]
    bad = [item for item in newest.findings if item.status == "breach" and item.kind in policy.kinds]
    if not bad:
        return False, f"{policy.monitor} {newest.batch} is not in breach of {' or '.join(policy.kinds)}"
    first = bad[0]
    what = f"{first.column}: " if first.column else ""
    value = "" if first.value is None else f" {first.value:.4g}"
    limit = "" if first.breach is None else f", limit {first.breach:.4g}"
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return True, f"{policy.monitor} {newest.batch} is in breach: {what}{first.measure}{value}{limit}{more}"


def _new_data(policy: RetrainPolicy, facts: Facts, periods: Sequence[str]) -> tuple[bool, str]:
    known = max((*facts.trained, *(item.period for item in facts.past)), default="")
    new = [name for name in periods if name > known]
    if len(new) < policy.every:
        return False, f"{len(new)} of {policy.every} new periods are there"
    return True, f"{len(new)} new: {', '.join(new[-3:])}"


def _schedule(policy: RetrainPolicy, facts: Facts, _periods: Sequence[str]) -> tuple[bool, str]:
    last = max((item.date for item in facts.past), default="")
    if facts.now is None or not due(policy.schedule, last, facts.now):
        return False, f"{policy.schedule} has not come due since {last[:10] or 'ever'}"
    return True, f"{policy.schedule} came due"


_CALLS = {"breach": _breach, "new_data": _new_data, "schedule": _schedule}


def _hindrances(policy: RetrainPolicy, facts: Facts, periods: Sequence[str]) -> Iterator[str]:
    """Why a retraining that is called for has to wait, whatever it would be trained on."""
    period = periods[-1]
    done = next((item for item in facts.past if item.period == period), None)
    if done:
        yield f"{period}, the newest labelled period, was judged already: {done.outcome}"
    if any(item.period > period for item in facts.past):
        yield f"a later period than {period} was judged already"
    if period in facts.trained:
        yield f"the champion was trained on {period}: both need data that neither has seen"
    last = max((item.period for item in facts.past if item.period < period), default="")
    since = sum(name > last for name in periods) - 1
    if last and since < policy.cool_down:
        yield f"cool-down: {since} of {policy.cool_down} periods since the retraining of {last}"


def _over_budget(policy: RetrainPolicy, facts: Facts, periods: Sequence[str], wanted: int) -> str:
    first = periods[-policy.periods :][0]
    past = [item for item in facts.past if item.period >= first]
    if len(past) >= policy.retrains:
        return f"the budget is spent: {len(past)} of {policy.retrains} retrainings since {first}"
    runs = [one.run for item in past for one in item.challengers]
    if policy.runs and len(runs) + wanted > policy.runs:
        return (
            f"the budget is spent: {len(runs)} of {policy.runs} training runs since {first}, {wanted} wanted"
        )
    return _over_hours(policy.hours, dict.fromkeys(runs), facts.seconds, first) if policy.hours else ""


def _over_hours(limit: float, runs: Collection[str], seconds: Mapping[str, float], first: str) -> str:
    """What is not known is not taken for nothing: it might be all there is to spend."""
    known = [seconds[run] for run in runs if run in seconds]
    if len(known) < len(runs):
        silent = len(runs) - len(known)
        return f"the budget can't be told: {silent} of {len(runs)} training runs since {first} logged no time"
    hours = math.fsum(known) / 3600
    return f"the budget is spent: {hours:.4g} of {limit:g} hours since {first}" if hours >= limit else ""


def _trainings(
    policy: RetrainPolicy, before: Sequence[str], trained: Sequence[str]
) -> tuple[list[Training], list[str]]:
    """A challenger of each window that is not as another, and why others make none."""
    made: list[Training] = []
    left_out: list[str] = []
    for kind, size in policy.windows:
        name = f"{kind}-{size}" if size else kind
        periods = tuple(before[-size:] if size else before)
        if not periods or len(periods) < size:
            left_out.append(f"{name} needs {size or 1} periods and has {len(periods)}")
        elif set(periods) == set(trained):
            left_out.append(f"{name} is what the champion was trained on")
        elif same := next((item for item in made if item.periods == periods), None):
            left_out.append(f"{name} is the same as {same.window}")
        else:
            made.append(Training(window=name, periods=periods))
    return made, left_out
