"""Which runs are judged on which labelled periods: champions and challengers of models that are retrained.

All of it follows from specs: an experiment that `modelbook retrain` wrote says what it challenges, and the
experiment that a policy starts from is judged on every period after those it was trained on, which tells
what would have become of the model without retraining.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelbook.errors import Issue
from modelbook.spec.batches import named
from modelbook.spec.expand import Run, lookup
from modelbook.spec.models import Experiment, Model, Project, Retrain
from modelbook.spec.source import Loc, Source, suggestion

_SAFE = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True, slots=True)
class Contest:
    """What a model is judged on; paths are relative to the project's root.

    Attributes:
        periods: name -> file of labelled data, sorted by name.
        pairs: (run, period), each to be judged once; sorted.
    """

    periods: dict[str, str]
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tried:
    """An experiment as its own file and those it extends have it."""

    own: Experiment
    merged: Experiment
    source: Source


def find(
    root: Path,
    project: Project,
    source: Source,
    tried: Mapping[str, Tried],
    runs: Sequence[Run],
    issues: list[Issue],
) -> dict[str, Contest]:
    """The contests of every model with a policy; what is wrong is added to `issues`."""
    found: dict[str, Contest] = {}
    for name, model in project.models.items():
        if model.retrain is not None:
            at: Loc = ("models", name, "retrain")
            periods = named(root, project, model.retrain.data, source, (*at, "data"), issues)
            for name_of, path in periods.items():
                if not _SAFE.fullmatch(path):
                    message = f"the name of {name_of!r} can't be part of a command"
                    hint = "letters, digits and . _ - / can"
                    issues.append(source.issue((*at, "data"), message, hint))
            issues += _base(source, at, model, model.retrain, tried, runs)
            found[name] = Contest(periods, _base_pairs(model.retrain, runs, periods))
    issues += _challenges(project, tried, runs, found)
    for one in tried.values():
        wish = one.own.challenges
        if wish is not None and wish.model in found:
            old = found[wish.model]
            mine = [run.name for run in runs if tried[run.experiment] is one]
            pairs = {*old.pairs, *((run, wish.period) for run in (*mine, wish.champion))}
            found[wish.model] = Contest(old.periods, tuple(sorted(pairs)))
    return found


def _base(
    source: Source, at: Loc, model: Model, policy: Retrain, tried: Mapping[str, Tried], runs: Sequence[Run]
) -> Iterator[Issue]:
    """What is wrong with the experiment that is to be trained again."""
    place = (*at, "experiment")
    if policy.experiment not in tried:
        hint = suggestion(policy.experiment, tried) or "there are no experiments yet"
        yield source.issue(place, f"unknown experiment {policy.experiment}", hint)
        return
    merged = tried[policy.experiment].merged
    if merged.pipeline != model.pipeline:
        message = f"{policy.experiment} is of pipeline {merged.pipeline}, and the model of {model.pipeline}"
        yield source.issue(place, message, "name an experiment that makes this model")
        return
    if merged.sweep is not None or merged.seeds:
        message = f"{policy.experiment} has more than one run"
        yield source.issue(place, message, "name one without a sweep and without seeds")
    for run in runs:
        if run.experiment == policy.experiment:
            there, value = lookup(run.params, policy.param)
            if not there or not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                message = f"{policy.experiment} has no list of names at {policy.param}"
                yield source.issue((*at, "param"), message, "the periods that it is trained on")


def _base_pairs(
    policy: Retrain, runs: Sequence[Run], periods: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    pairs = []
    for run in runs:
        window = lookup(run.params, policy.param)[1]
        if run.experiment == policy.experiment and isinstance(window, list) and window:
            last = max(map(str, window))
            pairs += [(run.name, period) for period in periods if period > last]
    return tuple(sorted(pairs))


def _challenges(
    project: Project, tried: Mapping[str, Tried], runs: Sequence[Run], found: Mapping[str, Contest]
) -> Iterator[Issue]:
    """Challenges of models, runs and periods that are not there."""
    names = [run.name for run in runs]
    for one in tried.values():
        wish = one.own.challenges
        if wish is None:
            continue
        if wish.model not in found:
            known = [name for name, model in project.models.items() if model.retrain]
            hint = suggestion(wish.model, known) or "no model has a retrain: policy"
            yield one.source.issue(("challenges", "model"), f"unknown model {wish.model}", hint)
            continue
        if wish.champion not in names:
            message = f"there is no run {wish.champion}"
            yield one.source.issue(("challenges", "champion"), message, suggestion(wish.champion, names))
        if wish.period not in found[wish.model].periods:
            message = f"no labelled data is called {wish.period}"
            hint = suggestion(wish.period, found[wish.model].periods)
            yield one.source.issue(("challenges", "period"), message, hint)
