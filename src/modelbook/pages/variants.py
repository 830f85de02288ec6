"""What a run tried, apart from chance: its experiment, and the params but seeds that tell its runs apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from modelbook import seeds
from modelbook.pages import text
from modelbook.records import Run

MOST_PARAMS = 6
"""Params in the name of a variant; with more of them the name ends in a number of its own."""


def variants(runs: Sequence[Run]) -> list[str]:
    """For each run, the name of its variant: runs of one experiment that differ in seeds alone share it.

    Nothing where no run has another seed than the others.
    """
    names = {name for name in {value.name for run in runs for value in run.params} if seeds.is_seed(name)}
    drawn = {(item.name, str(item.value)) for run in runs for item in run.params if item.name in names}
    if len(drawn) <= len(names):
        return []
    by_experiment: dict[str, list[int]] = defaultdict(list)
    for at, run in enumerate(runs):
        by_experiment[run.experiment].append(at)
    found = [""] * len(runs)
    for experiment, places in by_experiment.items():
        made = _names(experiment, [_settings(runs[at], names) for at in places])
        for at, name in zip(places, made, strict=True):
            found[at] = name
    return found


def _settings(run: Run, seeds: set[str]) -> dict[str, str]:
    return {value.name: str(value.value) for value in run.params if value.name not in seeds}


def _names(experiment: str, settings: Sequence[dict[str, str]]) -> list[str]:
    names = sorted({name for held in settings for name in held})
    telling = [name for name in names if len({held.get(name) for held in settings}) > 1]
    keys = [tuple(held.get(name, "none") for name in telling) for held in settings]
    unique = enumerate(dict.fromkeys(reversed(keys)), 1)
    made = {key: _name(experiment, telling, key, number) for number, key in unique}
    return [made[key] for key in keys]


def _name(experiment: str, telling: Sequence[str], values: Sequence[str], number: int) -> str:
    pairs = list(zip(telling, values, strict=True))[:MOST_PARAMS]
    shown = [f"{name.rpartition('.')[2]} {text.cut(value, 40)}" for name, value in pairs]
    more = [f"variant {number}"] if len(telling) > MOST_PARAMS else []
    return ": ".join(part for part in (experiment, ", ".join(shown + more)) if part)
