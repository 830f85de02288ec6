"""What DVC must be asked for, and in which order, to run just some runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from typing import Any

from modelbook.errors import Issue, ModelbookError
from modelbook.spec import PROJECT_FILE, Run, Workspace
from modelbook.spec.check import GUARD, outputs
from modelbook.spec.expand import resolved, spread, suffix
from modelbook.spec.models import Pipeline
from modelbook.spec.packaging import place, stages_of, takes_part


class NothingToRun(ModelbookError):
    """A target that is an experiment but has no runs."""

    def __init__(self, name: str) -> None:
        super().__init__(f"experiment {name} is abstract: it has no runs", hint="name one that extends it")


def split(workspace: Workspace, words: Sequence[str]) -> tuple[list[Run], list[str]]:
    """The runs that words mean (experiments, runs, pipelines; all, for no words), and all other words.

    Raises:
        NothingToRun: an abstract experiment was named.
    """
    if not words:
        return list(workspace.runs), []
    meant: dict[str, Run] = {}
    others = []
    for word in words:
        found = [run for run in workspace.runs if word in (run.name, run.experiment, run.pipeline)]
        if not found and word in workspace.specs:
            raise NothingToRun(word)
        meant |= {run.name: run for run in found}
        others += [] if found else [word]
    return list(meant.values()), others


def addresses(workspace: Workspace, run: Run) -> list[str]:
    """DVC's addresses of a run's own stages, in the order they must run."""
    pipeline = workspace.project.pipelines[run.pipeline]
    stages = stages_of(pipeline)
    return [
        f"{run.pipeline}-{name}{suffix(stages[name], run)}@{run.name}"
        for name in _ordered(pipeline)
        if not stages[name].shared and takes_part(pipeline, name, run)
    ]


def upstream(workspace: Workspace, runs: Iterable[Run], by_hand: Mapping[str, Any]) -> list[str]:
    """The stages that runs share, and that must be done before runs go side by side.

    Args:
        by_hand: the stages of `dvc.yaml` that were written by hand.
    """
    pipelines = sorted({run.pipeline for run in runs})
    shared = [
        f"{name}-{stage}"
        for name in pipelines
        for stage in _ordered(workspace.project.pipelines[name])
        if stages_of(workspace.project.pipelines[name])[stage].shared
    ]
    deps = [dep for run in runs for _, dep in _deps(workspace, run)]
    own = [
        name
        for name, body in by_hand.items()
        if any(_overlap(out, dep) for out in _outs(body) for dep in deps)
    ]
    return [GUARD, *shared, *own]


def _ordered(pipeline: Pipeline) -> list[str]:
    """Stage names, dependencies first; as written where DVC will refuse the loop anyway."""
    stages = stages_of(pipeline)
    graph = {
        name: {
            other
            for other, before in stages.items()
            if other != name and any(_overlap(out, dep) for _, out in outputs(before) for dep in stage.deps)
        }
        for name, stage in stages.items()
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return list(stages)


def missing_deps(workspace: Workspace, by_hand: Mapping[str, Any], exists: Any) -> list[Issue]:
    """Deps that are not there and that nothing makes.

    Args:
        exists: tells of a path whether there is such a file or folder.
    """
    made = [*_made(workspace), *(out for body in by_hand.values() for out in _outs(body))]
    issues = []
    for name, pipeline in workspace.project.pipelines.items():
        for stage_name, stage in stages_of(pipeline).items():
            mine = [run for run in workspace.runs_in(name) if takes_part(pipeline, stage_name, run)]
            who: list[Run | None] = [None] if stage.shared else [*mine]
            for index, dep in enumerate(stage.deps):
                paths = {path for run in who for path in _paths(workspace, name, run, dep)}
                lost = sorted(path for path in paths if not _there(path, made, exists))
                if lost:
                    loc = place(name, stage_name, ("deps", index), stage_name not in pipeline.stages)
                    message = f"there is no {lost[0]}, and no stage makes it"
                    issues.append(workspace.issue(PROJECT_FILE, loc, message, "DVC can't run the stage"))
    return issues


def _paths(workspace: Workspace, pipeline: str, run: Run | None, dep: str) -> list[str]:
    """What a dependency is for a run: several where it stands for a list."""
    return [resolved(workspace.project, pipeline, run, one) for one in (spread(run, dep) if run else [dep])]


def _made(workspace: Workspace) -> Iterator[str]:
    project = workspace.project
    yield "runs/params"
    for name, pipeline in project.pipelines.items():
        for stage in stages_of(pipeline).values():
            for _, path in outputs(stage):
                for run in [None] if stage.shared else workspace.runs_in(name):
                    yield resolved(project, name, run, path)


def _there(path: str, made: Sequence[str], exists: Any) -> bool:
    if "://" in path or exists(path):
        return True
    steps = path.rstrip("/").split("/")
    above = ["/".join(steps[:end]) for end in range(1, len(steps) + 1)]
    return any(exists(f"{one}.dvc") for one in above) or any(_overlap(out, path) for out in made)


def _deps(workspace: Workspace, run: Run) -> Iterator[tuple[str, str]]:
    pipeline = workspace.project.pipelines[run.pipeline]
    for name, stage in stages_of(pipeline).items():
        for dep in stage.deps:
            for path in _paths(workspace, run.pipeline, None if stage.shared else run, dep):
                yield name, path


def _outs(body: Any) -> list[str]:
    """What a stage of `dvc.yaml` writes, `*` standing for what DVC fills in."""
    stage = body.get("do", body) if isinstance(body, Mapping) else {}
    found: list[str] = []
    for kind in ("outs", "metrics", "plots") if isinstance(stage, Mapping) else ():
        for out in stage.get(kind) or []:
            found += [str(path) for path in (out if isinstance(out, Mapping) else [out])]
    return [re.sub(r"\$\{[^}]*\}", "*", path) for path in found]


def _overlap(out: str, dep: str) -> bool:
    """Whether one path is the other or lies in it."""
    out, dep = out.rstrip("/"), dep.rstrip("/")
    inside = dep.startswith(out + "/") or out.startswith(dep + "/")
    return inside or fnmatchcase(dep, out) or fnmatchcase(dep, f"{out}/*")
