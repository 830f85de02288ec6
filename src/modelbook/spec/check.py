"""What a project's files must agree on: names exist, placeholders resolve, outputs don't clash.

Pure: models and sources in, issues out. Each function checks all it can and raises nothing.
"""

from __future__ import annotations

import itertools
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from modelbook.errors import Issue
from modelbook.spec.expand import Run, dotted_keys, lookup, merge, points, resolved, suffix
from modelbook.spec.models import (
    PACKAGE,
    Experiment,
    Model,
    Monitor,
    Pipeline,
    Project,
    Retrain,
    Stage,
    Sweep,
)
from modelbook.spec.packaging import place, stages_of, takes_part
from modelbook.spec.placeholders import names_in
from modelbook.spec.source import Loc, Source, suggestion

GUARD = "modelbook-plan"
"""Name of the guard stage in `dvc.yaml`."""
CHANCES = ("roc_auc", "log_loss", "brier", "accuracy", "ece", "bias")
"""What monitors measure of a chance between 0 and 1 against a label of 0 or 1."""
NUMBERS = ("mae", "rmse", "bias")
"""What monitors measure of a predicted number; `bias` is the mean of prediction minus label."""
MEASURES = frozenset((*CHANCES, *NUMBERS))
HERE = "here"
"""What the log of alerts calls the command itself, whose exit status is an alert too."""
MOST_POINTS = 10_000
_SHELL_SIGNS = frozenset("|&;<>()'\"\n$`\\*?[]#~!{}")
_SHARED = ("pipeline", "params", "datasets.*")
_PER_RUN = ("run", "experiment", *_SHARED, "params.*")


def project(spec: Project, source: Source) -> list[Issue]:
    """Faults within `mlproject.yaml`."""
    issues: list[Issue] = []
    for name, pipeline in spec.pipelines.items():
        issues += _pipeline(spec, source, name, pipeline)
    issues += _stage_names(spec, source)
    for name, model in spec.models.items():
        issues += _model(spec, source, name, model)
    issues += _monitors(spec, source)
    issues += _deployments(spec, source)
    return issues


def _monitors(spec: Project, source: Source) -> Iterator[Issue]:
    """Monitors of models, and for people, that nobody declared."""
    for name, monitor in spec.monitors.items():
        at: Loc = ("monitors", name)
        if monitor.model and monitor.model not in spec.models:
            yield _unknown(source, (*at, "model"), "model", monitor.model, spec.models)
        yield from _environment(spec, source, at, monitor)
        for measure in monitor.performance:
            if measure not in (*MEASURES, *monitor.metrics):
                yield _unknown(source, (*at, "performance", measure), "metric", measure, MEASURES)
        for measure in MEASURES & monitor.metrics.keys():
            message = f"{measure} is measured anyway"
            yield source.issue((*at, "metrics", measure), message, "give yours another name", key=True)
        for index, channel in enumerate(monitor.alerts or ()):
            if channel not in spec.alerts:
                yield _unknown(source, (*at, "alerts", index), "alert", channel, spec.alerts)
    if HERE in spec.alerts:
        message = f"{HERE} is what the log calls the command itself"
        yield source.issue(("alerts", HERE), message, "give it another name", key=True)


def _environment(spec: Project, source: Source, at: Loc, monitor: Monitor) -> Iterator[Issue]:
    """A monitor of an environment that nothing is in force in, or more than one model."""
    if monitor.environment is None:
        return
    used: dict[str, list[str]] = {known: [] for known in spec.environments}
    for name, model in spec.models.items():
        for known in model.environments:
            used.setdefault(known, []).append(name)
    if monitor.environment not in used:
        yield _unknown(source, (*at, "environment"), "environment", monitor.environment, sorted(used))
    elif not monitor.model and len(used[monitor.environment]) > 1:
        models = " and ".join(used[monitor.environment])
        message = f"{models} are in force in {monitor.environment}"
        yield source.issue((*at, "environment"), message, "say which one is watched: model: NAME")


def _deployments(spec: Project, source: Source) -> Iterator[Issue]:
    """Deployments of models and environments that nobody declared, and two that would share a folder."""
    used = {place for model in spec.models.values() for place in model.environments}
    known = sorted(spec.environments or used)
    folders: dict[str, str] = {}
    for name, item in spec.deployments.items():
        at: Loc = ("deployments", name)
        if item.model not in spec.models:
            yield _unknown(source, (*at, "model"), "model", item.model, spec.models)
        if item.environment not in known:
            hint = suggestion(item.environment, known) or "declare it under environments"
            yield source.issue((*at, "environment"), f"unknown environment {item.environment}", hint)
        if item.path is not None:
            folder = posixpath.normpath(item.path)
            if folder in folders:
                message = f"deployment {folders[folder]} has the same folder"
                yield source.issue((*at, "path"), message, "give each a folder of its own")
            folders.setdefault(folder, name)


def _pipeline(spec: Project, source: Source, name: str, pipeline: Pipeline) -> Iterator[Issue]:
    at: Loc = ("pipelines", name)
    for index, dataset in enumerate(pipeline.datasets):
        if dataset not in spec.datasets:
            yield _unknown(source, (*at, "datasets", index), "dataset", dataset, spec.datasets)
    if pipeline.metric and pipeline.metric not in spec.metrics:
        yield _unknown(source, (*at, "metric"), "metric", pipeline.metric, spec.metrics)
    for stage_name, stage in stages_of(pipeline).items():
        where = _Where(name, stage_name, stage_name not in pipeline.stages)
        yield from _placeholders(spec, source, where, stage)
        yield from _run_in_outs(source, where, stage)
        if stage.shared:
            yield from _shared_params(source, where, stage, pipeline)
    if pipeline.package is not None:
        yield from _artifact(source, (*at, PACKAGE, "model"), pipeline.package.model, name, pipeline)


@dataclass(frozen=True)
class _Where:
    """Where a project's file speaks of a stage; `added` when `package:` added it."""

    pipeline: str
    stage: str
    added: bool = False

    def at(self, *loc: str | int) -> Loc:
        """The place of what lies at `loc` of the stage."""
        return place(self.pipeline, self.stage, loc, self.added)


def _unknown(source: Source, loc: Loc, kind: str, name: str, known: Iterable[str]) -> Issue:
    hint = suggestion(name, known) or f"there are no {kind}s yet"
    return source.issue(loc, f"unknown {kind} {name}", hint)


def strings(stage: Stage) -> Iterator[tuple[Loc, str]]:
    """Every string of a stage that may hold placeholders, with its place below the stage."""
    for index, command in enumerate(stage.cmd):
        yield ("cmd", index), command
    for index, dep in enumerate(stage.deps):
        yield ("deps", index), dep
    yield from outputs(stage)


def outputs(stage: Stage) -> Iterator[tuple[Loc, str]]:
    """Every path a stage writes, with its place below the stage."""
    for kind in ("outs", "metrics", "plots"):
        for index, out in enumerate(getattr(stage, kind)):
            for path in out:
                yield (kind, index, path), path


def _placeholders(spec: Project, source: Source, where: _Where, stage: Stage) -> Iterator[Issue]:
    for loc, text in strings(stage):
        for name in names_in(text):
            fault = _placeholder_fault(spec, stage, name)
            if fault:
                yield source.issue(where.at(*loc), *fault, key=True)


def _placeholder_fault(spec: Project, stage: Stage, name: str) -> tuple[str, str] | None:
    kind, _, rest = name.partition(".")
    known = name in _PER_RUN or (kind == "params" and rest)
    if kind == "datasets" and rest:
        if rest in spec.datasets:
            return None
        return f"${{{name}}}: unknown dataset {rest}", suggestion(rest, spec.datasets)
    if not known:
        return f"unknown placeholder ${{{name}}}", _placeholder_hint(name, stage)
    if stage.shared and name not in _SHARED:
        return (
            f"${{{name}}} is not allowed in a shared stage",
            "it runs once for all runs; remove shared, or use ${params}",
        )
    return None


def _placeholder_hint(name: str, stage: Stage) -> str:
    words = _SHARED if stage.shared else _PER_RUN
    near = suggestion(name, words, list_all=False)
    return near or f"expected one of {', '.join(words)}; write \\${{…}} for the shell's own"


def _run_in_outs(source: Source, where: _Where, stage: Stage) -> Iterator[Issue]:
    for loc, path in outputs(stage):
        if not stage.shared and "run" not in names_in(path):
            hint = "put ${run} in its path, or make the stage shared"
            yield source.issue(where.at(*loc), f"every run would write {path}", hint, key=True)


def _shared_params(source: Source, where: _Where, stage: Stage, pipeline: Pipeline) -> Iterator[Issue]:
    for index, dotted in enumerate(stage.params or []):
        if not lookup(pipeline.params, dotted)[0]:
            hint = suggestion(dotted, dotted_keys(pipeline.params))
            yield source.issue(where.at("params", index), f"the pipeline has no param {dotted}", hint)


def _stage_names(spec: Project, source: Source) -> Iterator[Issue]:
    """DVC knows a stage as `PIPELINE-STAGE`: two must not become the same."""
    seen = {GUARD: "the stage that checks the plan"}
    for name, pipeline in spec.pipelines.items():
        for stage in stages_of(pipeline):
            full = f"{name}-{stage}"
            loc = place(name, stage, (), stage not in pipeline.stages)
            if full in seen:
                message = f"DVC would know this stage as {full}, and so is {seen[full]}"
                yield source.issue(loc, message, "rename one of them", key=True)
            seen.setdefault(full, f"stage {stage} of pipeline {name}")
    for name in spec.monitors:
        for full in (f"monitor-{name}", f"monitor-{name}-reference"):
            if full in seen:
                message = f"DVC would know its stage as {full}, and so is {seen[full]}"
                yield source.issue(("monitors", name), message, "rename one of them", key=True)
            seen.setdefault(full, f"a stage of monitor {name}")
    for name in (name for name, model in spec.models.items() if model.retrain):
        if (full := f"retrain-{name}") in seen:
            message = f"DVC would know what judges it as {full}, and so is {seen[full]}"
            yield source.issue(("models", name, "retrain"), message, "rename one of them", key=True)


def _model(spec: Project, source: Source, name: str, model: Model) -> Iterator[Issue]:
    at: Loc = ("models", name)
    pipeline = spec.pipelines.get(model.pipeline)
    if pipeline is None:
        yield _unknown(source, (*at, "pipeline"), "pipeline", model.pipeline, spec.pipelines)
    else:
        yield from _artifact(source, (*at, "artifact"), model.artifact, model.pipeline, pipeline)
    for environment, version in model.environments.items():
        if version not in model.versions:
            loc = (*at, "environments", environment)
            hint = suggestion(version, model.versions) or "register a version first"
            yield source.issue(loc, f"unknown version {version}", hint)
        if version in model.deprecated:
            message = f"{version} is deprecated, and so may not be in force"
            yield source.issue((*at, "environments", environment), message, "put another version there")
        if spec.environments and environment not in spec.environments:
            loc, hint = (*at, "environments", environment), suggestion(environment, spec.environments)
            yield source.issue(loc, f"unknown environment {environment}", hint, key=True)
    if model.retrain is not None:
        yield from _retrain(spec, source, (*at, "retrain"), model.retrain)
    for version in model.deprecated:
        if version not in model.versions:
            hint = suggestion(version, model.versions)
            yield source.issue((*at, "deprecated", version), f"unknown version {version}", hint, key=True)


def _retrain(spec: Project, source: Source, at: Loc, policy: Retrain) -> Iterator[Issue]:
    """Names that a policy uses and nobody declared."""
    if policy.monitor and policy.monitor not in spec.monitors:
        yield _unknown(source, (*at, "monitor"), "monitor", policy.monitor, spec.monitors)
    if policy.metric not in spec.metrics:
        yield _unknown(source, (*at, "metric"), "metric", policy.metric, spec.metrics)
    for metric in policy.gates:
        if metric not in spec.metrics:
            hint = suggestion(metric, spec.metrics)
            yield source.issue((*at, "gates", metric), f"unknown metric {metric}", hint, key=True)
    if policy.environment is not None and spec.environments and policy.environment not in spec.environments:
        hint = suggestion(policy.environment, spec.environments)
        yield source.issue((*at, "environment"), f"unknown environment {policy.environment}", hint)


def _artifact(source: Source, loc: Loc, path: str, name: str, pipeline: Pipeline) -> Iterator[Issue]:
    outs = [out for stage in stages_of(pipeline).values() for _, out in outputs(stage)]
    if not any(path == out or path.startswith(out.rstrip("/") + "/") for out in outs):
        hint = suggestion(path, outs) or "add it to the outs of a stage"
        yield source.issue(loc, f"no stage of pipeline {name} writes {path}", hint)


def experiment(
    root: Path, spec: Project, name: str, merged: Experiment, chain: Sequence[Source]
) -> list[Issue]:
    """Faults of one resolved experiment; `chain` has its own source and those it extends, nearest first."""
    own = chain[0]
    issues = list(_card_file(root, own, merged))
    if name in spec.pipelines:
        loc: Loc = ("name",) if "name" in own.data else ()
        issues.append(own.issue(loc, f"experiment {name} is named like a pipeline", "give it another name"))
    if merged.pipeline is None:
        if not merged.abstract and all(source.data.get("abstract") for source in chain[1:]):
            issues.append(own.issue((), "missing key pipeline", suggestion("", spec.pipelines)))
        return issues
    if merged.pipeline not in spec.pipelines:
        source, loc = _origin(chain, ("pipeline",))
        return [*issues, _unknown(source, loc, "pipeline", merged.pipeline, spec.pipelines)]
    defaults = spec.pipelines[merged.pipeline].params
    issues += _near_misses(own, merged, defaults, chain)
    if merged.sweep is not None:
        issues += _sweep(chain, merged, merge(defaults, merged.params))
    return issues


def _card_file(root: Path, own: Source, merged: Experiment) -> Iterator[Issue]:
    if isinstance(merged.card, str) and "card" in own.data:
        file = (root / merged.card).resolve()
        if not file.is_relative_to(root.resolve()) or not file.is_file():
            yield own.issue(
                ("card",), f"there is no file {merged.card}", "its path is relative to mlproject.yaml"
            )


def _origin(chain: Sequence[Source], loc: Loc) -> tuple[Source, Loc]:
    """The nearest file of an `extends` chain that has something at `loc`."""
    for source in chain:
        place: Any = source.data
        for step in loc:
            place = place.get(step, _NOTHING) if isinstance(place, Mapping) else _NOTHING
        if place is not _NOTHING:
            return source, loc
    return chain[0], loc[:-1]


_NOTHING = object()


def _near_misses(
    own: Source, merged: Experiment, defaults: Mapping[str, Any], chain: Sequence[Source]
) -> Iterator[Issue]:
    """Params that look like a typo of one that the pipeline or a base declares.

    An experiment may have params of its own, so only a slip of a single letter is taken for a typo.
    """
    known = dict(defaults)
    for source in reversed(chain[1:]):
        inherited = source.data.get("params")
        known = merge(known, inherited if isinstance(inherited, dict) else {})
    given = own.data.get("params")
    for loc, key, words in _new_keys(given if isinstance(given, dict) else {}, known):
        near = [word for word in words if _one_slip(key, word)]
        if near:
            hint = (
                f"did you mean {near[0]}? (if not, give it a default in pipelines.{merged.pipeline}.params)"
            )
            yield own.issue(("params", *loc), f"unknown key {key}", hint, key=True)


def _new_keys(
    given: Mapping[str, Any], known: Mapping[str, Any], before: Loc = ()
) -> Iterator[tuple[Loc, str, list[str]]]:
    for key, value in given.items():
        if key not in known:
            yield (*before, key), key, sorted(word for word in known if word not in given)
        elif isinstance(value, Mapping) and isinstance(known[key], Mapping):
            yield from _new_keys(value, known[key], (*before, key))


def _one_slip(one: str, other: str) -> bool:
    """Whether two words of five letters or more differ by one letter left out, put in, changed or swapped."""
    short, long = sorted((one, other), key=len)
    if len(short) < 5 or len(long) - len(short) > 1 or any(c.isdigit() for c in set(one) ^ set(other)):
        return False
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest_short, rest_long = short[start:], long[start:]
    if len(short) < len(long):
        return rest_short == rest_long[1:]
    swapped = rest_short[:2] == rest_long[:2][::-1] and rest_short[2:] == rest_long[2:]
    return rest_short[1:] == rest_long[1:] or swapped


def _sweep(chain: Sequence[Source], merged: Experiment, params: Mapping[str, Any]) -> Iterator[Issue]:
    sweep = merged.sweep
    assert sweep is not None  # noqa: S101 (the caller looked)
    source, _ = _origin(chain, ("sweep",))
    if "sweep" not in source.data:
        source = chain[0]
    for loc, key in _sweep_keys(sweep):
        if key == "seed" and merged.seeds:
            yield source.issue(loc, "seed is swept, and set by seeds as well", "keep one of them", key=True)
        elif not lookup(params, key)[0]:
            hint = suggestion(key, dotted_keys(params))
            yield source.issue(loc, f"the params have no {key} to sweep", hint, key=True)
    yield from _sweep_size(source, sweep)


def _sweep_keys(sweep: Sweep) -> Iterator[tuple[Loc, str]]:
    for key in sweep.grid or {}:
        yield ("sweep", "grid", key), key
    for index, point in enumerate(sweep.points or []):
        for key in point:
            yield ("sweep", "list", index, key), key
    for key in sweep.random.space if sweep.random else {}:
        yield ("sweep", "random", "space", key), key


def _sweep_size(source: Source, sweep: Sweep) -> Iterator[Issue]:
    if sweep.grid and math.prod(len(values) for values in sweep.grid.values()) > MOST_POINTS:
        message = f"the grid has more than {MOST_POINTS} points"
        yield source.issue(("sweep", "grid"), message, "use a random sweep", key=True)
        return
    found = points(sweep)
    twice = next((index for index, point in enumerate(found) if point in found[:index]), None)
    if twice is not None:
        loc: Loc = ("sweep", "list", twice) if sweep.points else ("sweep", "grid")
        yield source.issue(loc, f"a point is there twice: {_shown(found[twice])}", "keep one of them")
    if sweep.random and len(found) < sweep.random.n:
        message = f"the space has only {len(found)} distinct points"
        yield source.issue(("sweep", "random", "n"), message, f"set n to {len(found)} or widen the space")


def _shown(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in point.items())


def run_names(spec: Project, planned: Sequence[Run], places: Mapping[str, Source]) -> Iterator[Issue]:
    """Runs of different experiments that would have one name."""
    owner: dict[str, str] = {}
    for run in planned:
        other = owner.setdefault(run.name, run.experiment)
        if other != run.experiment:
            message = f"its run {run.name} is named like a run of experiment {other}"
            yield places[run.experiment].issue((), message, "rename one of them")
        if run.name in spec.pipelines and run.name != run.experiment:
            message = f"its run {run.name} is named like a pipeline"
            yield places[run.experiment].issue((), message, "rename one of them")


def runs(
    spec: Project, source: Source, planned: Sequence[Run], chains: Mapping[str, Sequence[Source]]
) -> list[Issue]:
    """Faults that show only when every run's params are known."""
    issues: list[Issue] = []
    for name, pipeline in spec.pipelines.items():
        mine = [run for run in planned if run.pipeline == name]
        for stage_name, stage in stages_of(pipeline).items():
            where = _Where(name, stage_name, stage_name not in pipeline.stages)
            if stage.shared:
                issues += _overridden(pipeline, stage_name, stage, mine, chains)
            else:
                issues += _missing_params(source, where, stage, mine)
                issues += _unusable_values(source, where, stage, mine)
                issues += _spread_names(spec, source, where, stage, mine)
        issues += _nobody_wanted(source, name, pipeline, mine)
    issues += _clashes(spec, source, planned)
    return issues


def _nobody_wanted(source: Source, name: str, pipeline: Pipeline, mine: Sequence[Run]) -> Iterator[Issue]:
    """Patterns of `package.only` that no run has the name of."""
    for index, pattern in enumerate(pipeline.package.only if pipeline.package else ()):
        known = sorted({name for run in mine for name in (run.name, run.experiment)})
        if mine and not any(fnmatchcase(one, pattern) for one in known):
            message = f"no run or experiment of pipeline {name} is called {pattern}"
            yield source.issue(
                ("pipelines", name, PACKAGE, "only", index), message, suggestion(pattern, known)
            )


def _missing_params(source: Source, where: _Where, stage: Stage, mine: Sequence[Run]) -> Iterator[Issue]:
    for index, dotted in enumerate(stage.params or []):
        lacking = next((run for run in mine if not lookup(run.params, dotted)[0]), None)
        if lacking is not None:
            near = suggestion(dotted, dotted_keys(lacking.params), list_all=False)
            hint = near or "give it a default in the pipeline's params"
            yield source.issue(where.at("params", index), f"run {lacking.name} has no param {dotted}", hint)


def _unusable_values(source: Source, where: _Where, stage: Stage, mine: Sequence[Run]) -> Iterator[Issue]:
    for loc, text in strings(stage):
        for name in names_in(text):
            if not name.startswith("params."):
                continue
            faults = (_value_fault(run, name[len("params.") :], loc[0] == "deps") for run in mine)
            fault = next(filter(None, faults), None)
            if fault:
                yield source.issue(where.at(*loc), f"${{{name}}}: {fault[0]}", fault[1], key=True)


def _value_fault(run: Run, dotted: str, a_dep: bool) -> tuple[str, str] | None:
    there, value = lookup(run.params, dotted)
    if not there:
        return f"run {run.name} has no such param", suggestion(
            dotted, dotted_keys(run.params), list_all=False
        )
    values = value if a_dep and isinstance(value, list) else [value]
    if not values:
        return f"run {run.name} has an empty list there", "a dependency is one for each item"
    if not all(isinstance(one, str | int | float) and not _SHELL_SIGNS & set(str(one)) for one in values):
        return f"run {run.name} has a value there that a command can't hold", "read it from ${params} instead"
    return None


def _spread_names(
    spec: Project, source: Source, where: _Where, stage: Stage, mine: Sequence[Run]
) -> Iterator[Issue]:
    """Stages that get a number behind their name, and are then called like another."""
    taken = {f"{name}-{stage}" for name, pipeline in spec.pipelines.items() for stage in stages_of(pipeline)}
    for end in sorted({suffix(stage, run) for run in mine} - {""}):
        full = f"{where.pipeline}-{where.stage}{end}"
        if full in taken:
            yield source.issue(
                where.at(), f"DVC would know this stage as {full}, as it does another", key=True
            )


def _overridden(
    pipeline: Pipeline,
    stage_name: str,
    stage: Stage,
    mine: Sequence[Run],
    chains: Mapping[str, Sequence[Source]],
) -> Iterator[Issue]:
    """Experiments that set a param which a shared stage reads for all of them."""
    if not any("params" in names_in(text) for _, text in strings(stage)):
        return
    read = [*pipeline.params] if stage.params is None else stage.params
    for run in mine:
        for dotted in read:
            if lookup(run.params, dotted) != lookup(pipeline.params, dotted):
                place, loc = _where_set(chains[run.experiment], run, pipeline, dotted)
                message = f"shared stage {stage_name} reads {dotted}, so no experiment may change it"
                yield place.issue(loc, message, _override_hint(stage), key=True)


def _override_hint(stage: Stage) -> str:
    if stage.params is None:
        return "list the params it really reads under its params, or don't share the stage"
    return "change it in the pipeline's params, or don't share the stage"


def _where_set(chain: Sequence[Source], run: Run, pipeline: Pipeline, dotted: str) -> tuple[Source, Loc]:
    """Where the value of a param that differs from the default comes from: seeds, sweep or params."""
    if run.seed is not None and dotted == "seed":
        return _origin(chain, ("seeds",))
    if any(_touches(key, dotted) for key in run.point):
        return _origin(chain, ("sweep",))
    steps = tuple(dotted.split("."))
    for source in chain:
        for end in range(len(steps), 0, -1):
            place, loc = _origin([source], ("params", *steps[:end]))
            if len(loc) == end + 1:
                return _deepest_change(place, loc, lookup(pipeline.params, ".".join(steps[:end]))[1])
    return chain[0], ("params",)


def _deepest_change(source: Source, loc: Loc, default: Any) -> tuple[Source, Loc]:
    """Into a mapping, to the first key whose value is not the default's."""
    value: Any = source.data
    for step in loc:
        value = value[step]
    while isinstance(value, Mapping) and isinstance(default, Mapping):
        changed = next((key for key in value if value[key] != default.get(key)), None)
        if changed is None:
            break
        loc, value, default = (*loc, changed), value[changed], default.get(changed)
    return source, loc


def _touches(one: str, other: str) -> bool:
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")


def _clashes(spec: Project, source: Source, planned: Sequence[Run]) -> Iterator[Issue]:
    """Paths that two stages would write, or that lie in one another."""
    written = sorted(_written(spec, planned), key=lambda one: (one[0] + "/", one[1]))
    seen: set[Loc] = set()
    for (path, owner, _), (below, other, loc) in itertools.pairwise(written):
        if loc in seen:
            continue
        if below == path and owner != other:
            message = f"{other} would write {below}, and so would {owner}"
        elif below == path:
            message = f"{below} is there twice"
        elif below.startswith(path + "/"):
            message = f"{below} lies in {path}, which is an output as well"
        else:
            continue
        seen.add(loc)
        yield source.issue(loc, message, "DVC needs a path of its own for every output", key=True)


def _written(spec: Project, planned: Sequence[Run]) -> Iterator[tuple[str, str, Loc]]:
    yield "runs/params", f"stage {GUARD}", ()
    yield "runs/environment", "the log of every run", ()
    for name, pipeline in spec.pipelines.items():
        mine = [run for run in planned if run.pipeline == name]
        for stage_name, stage in stages_of(pipeline).items():
            having = [run for run in mine if takes_part(pipeline, stage_name, run)]
            for loc, path in outputs(stage):
                if not stage.shared and "run" not in names_in(path):
                    continue  # told before, once and not for every pair of runs
                at = place(name, stage_name, loc, stage_name not in pipeline.stages)
                for run in [None] if stage.shared else having:
                    owner = f"stage {stage_name} of {name if run is None else f'run {run.name}'}"
                    yield resolved(spec, name, run, path).rstrip("/"), owner, at
