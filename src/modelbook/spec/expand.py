"""From specs to runs: `extends` merged, sweeps and seeds multiplied out, every run named. Pure."""

from __future__ import annotations

import copy
import hashlib
import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelbook.spec.models import Distribution, Experiment, Project, RandomSweep, Stage, Sweep
from modelbook.spec.placeholders import fill, names_in, params_path

Point = dict[str, Any]
_OWN = ("name", "description", "abstract", "extends", "challenges")
_LONGEST = 80


@dataclass(frozen=True)
class Run:
    """One run to make: an experiment at one point of its sweep, with one seed.

    Attributes:
        name: unique in the project; safe as a file name, a DVC item and in a URL.
        seed: of `seeds:`, else None.
        point: dotted param -> value of the sweep point; empty without a sweep.
        params: fully resolved: pipeline defaults < extends chain < sweep point < seed.
    """

    name: str
    experiment: str
    pipeline: str
    seed: int | None
    point: Point
    params: dict[str, Any]


def inherit(parent: Experiment, child: Experiment) -> Experiment:
    """The child with what it inherits: params and card merge deeply, the rest is replaced."""
    given = {name: getattr(child, name) for name in child.model_fields_set}
    taken = {name: getattr(parent, name) for name in parent.model_fields_set if name not in _OWN}
    merged = {**taken, **given, "params": merge(parent.params, child.params)}
    if isinstance(parent.card, dict) and isinstance(child.card, dict):
        merged["card"] = {**parent.card, **child.card}
    return Experiment.model_construct(**merged)


def merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """A deep merge: mappings are merged, anything else of `high` replaces that of `low`."""
    merged = copy.deepcopy(dict(low))
    for key, value in high.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = merge(old, value) if both else copy.deepcopy(value)  # type: ignore[arg-type]
    return merged


def runs_of(name: str, experiment: Experiment, defaults: Mapping[str, Any]) -> Iterator[Run]:
    """Every run of an experiment, in the order of its sweep and seeds."""
    params = merge(defaults, experiment.params)
    labels = _labels(key for point in points(experiment.sweep) for key in point)
    seeds: list[int | None] = [*experiment.seeds] if experiment.seeds else [None]
    for point, seed in itertools.product(points(experiment.sweep), seeds):
        parts = [name, *(f"{labels[key]}-{slug(value)}" for key, value in point.items())]
        parts += [] if seed is None else [f"seed-{seed}"]
        resolved = with_point(params, point if seed is None else {**point, "seed": seed})
        yield Run(_short("-".join(parts)), name, experiment.pipeline or "", seed, point, resolved)


def points(sweep: Sweep | None) -> list[Point]:
    """The points of a sweep; one empty point when there is none."""
    if sweep is None:
        return [{}]
    if sweep.grid is not None:
        return [
            dict(zip(sweep.grid, values, strict=True)) for values in itertools.product(*sweep.grid.values())
        ]
    if sweep.points is not None:
        return sweep.points
    assert sweep.random is not None  # noqa: S101 (the model has exactly one of the three)
    return _draw(sweep.random)


def _draw(sweep: RandomSweep) -> list[Point]:
    """Distinct random points: fewer than asked for only when the space has no more.

    Only `Random.random()` is used: its sequence is the same in every Python.
    """
    source = random.Random(sweep.seed)  # noqa: S311 (a search, not a secret)
    drawn: list[Point] = []
    for _ in range(100 * sweep.n):
        point = {key: _pick(sweep.space[key], source.random()) for key in sorted(sweep.space)}
        if point not in drawn:
            drawn.append(point)
        if len(drawn) == sweep.n:
            break
    return drawn


def _pick(distribution: Distribution, share: float) -> Any:
    """The value at a share in [0, 1) of a distribution; numbers to six digits, so that names stay short."""
    if distribution.choice is not None:
        return distribution.choice[int(share * len(distribution.choice))]
    if distribution.integer is not None:
        low, high = distribution.integer
        return low + int(share * (high - low + 1))
    if distribution.uniform is not None:
        low_f, high_f = distribution.uniform
        return float(f"{low_f + share * (high_f - low_f):.6g}")
    low_f, high_f = distribution.log_uniform or [1.0, 1.0]
    return float(f"{low_f * math.exp(share * math.log(high_f / low_f)):.6g}")


def with_point(params: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the params with dotted keys set."""
    result = copy.deepcopy(dict(params))
    for dotted, value in point.items():
        *parents, last = dotted.split(".")
        place = result
        for step in parents:
            inner = place.get(step)
            place[step] = inner if isinstance(inner, dict) else {}
            place = place[step]
        place[last] = copy.deepcopy(value)
    return result


def lookup(params: Mapping[str, Any], dotted: str) -> tuple[bool, Any]:
    """Whether a dotted param is there, and its value."""
    place: Any = params
    for step in dotted.split("."):
        if not isinstance(place, Mapping) or step not in place:
            return False, None
        place = place[step]
    return True, place


def dotted_keys(params: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Every dotted name in params, mappings included."""
    for key, value in params.items():
        yield before + key
        if isinstance(value, Mapping):
            yield from dotted_keys(value, f"{before}{key}.")


def slug(value: Any) -> str:
    """A value as part of a name.

    What can't be written as it is, or could be taken for a value of another kind (the text `true`), gets a
    digest, so that names differ.
    """
    if isinstance(value, str):
        return _text_slug(value, value, plain=not _looks_typed(value))
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        exact = repr(value).lower().replace("e+", "e")
        return re.sub(r"[^a-z0-9._-]+", "-", exact)
    return _text_slug(str(value), f"{type(value).__name__} {value}", plain=False)


def _text_slug(text: str, digested: str, *, plain: bool) -> str:
    safe = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.") or "x"
    return safe if plain and safe == text else f"{safe[:24]}-{_digest(digested, 4)}"


def _looks_typed(text: str) -> bool:
    if text in ("true", "false", "null"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _labels(keys: Iterator[str]) -> dict[str, str]:
    """The last part of every dotted key; the whole key where two end alike."""
    unique = list(dict.fromkeys(keys))
    last = [key.rpartition(".")[2] for key in unique]
    return {key: _safe(key if last.count(end) > 1 else end) for key, end in zip(unique, last, strict=True)}


def _safe(label: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", label.lower())


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}-{_digest(name, 8)}"


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def listed(run: Run, text: str) -> str:
    """The placeholder of a dependency that stands for a list: one dependency for each item. Else empty."""
    names = [name for name in names_in(text) if name.startswith("params.")]
    return next((name for name in names if isinstance(lookup(run.params, name[7:])[1], list)), "")


def spread(run: Run, text: str) -> list[str]:
    """A dependency as it is for a run, `${params.KEY}` of a list as one for each item: `${params.KEY[0]}`."""
    name = listed(run, text)
    if not name:
        return [text]
    count = len(lookup(run.params, name[7:])[1])
    return [
        fill(text, lambda word, at=at: f"${{{word}[{at}]}}" if word == name else f"${{{word}}}")  # type: ignore[misc]
        for at in range(count)
    ]


def suffix(stage: Stage, run: Run) -> str:
    """What DVC's name of a stage has behind it for a run: how long the lists are that its deps stand for.

    DVC writes a stage once for many runs, and all of those must have as many deps.
    """
    counts = [str(len(spread(run, dep))) for dep in stage.deps if listed(run, dep)]
    return "".join(f"-{count}" for count in counts)


def resolved(spec: Project, pipeline: str, run: Run | None, text: str) -> str:
    """A string of a stage as it is for one run (or for a shared stage); unknown placeholders are left."""

    def value(name: str) -> str:
        kind, _, rest = name.partition(".")
        if kind == "datasets" and rest in spec.datasets:
            return spec.datasets[rest].path
        if kind == "params" and rest and run is not None:
            key, _, at = rest.partition("[")
            found = lookup(run.params, key)[1]
            return str(found[int(at[:-1])] if at else found)
        plain = {"pipeline": pipeline, "params": params_path(run.name if run else pipeline)}
        if run is not None:
            plain |= {"run": run.name, "experiment": run.experiment}
        return plain.get(name, f"${{{name}}}")

    return fill(text, value)
