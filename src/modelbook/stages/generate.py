"""The DVC stages that a workspace asks for, as plain data. Pure.

A pipeline's per-run stage becomes one `foreach` stage over the runs, which are listed in `vars:`, so that
another experiment is one more line of `dvc.yaml`. Every stage reads its params from a file of its own run,
which the guard stage writes first: a plan that is stale can't run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from modelbook._paths import inside
from modelbook.spec import PARAMS_FOLDER, PROJECT_FILE, Project, Run, Workspace, params_path
from modelbook.spec.check import GUARD
from modelbook.spec.expand import lookup, spread, suffix, with_point
from modelbook.spec.models import OutOptions, Pipeline, Stage
from modelbook.spec.packaging import stages_of, takes_part
from modelbook.spec.placeholders import fill, names_in
from modelbook.stages import contests, watching

NOTE = f"{PARAMS_FOLDER}/README.md"
"""A file of the guard that never changes, for stages that read no params to wait for."""
_OPERATORS = set("|&;<>()")
_SHELL_WORDS = frozenset(
    shlex.split(
        "! . : [ [[ { alias break case cd command continue do eval exec exit export for function if let read "
        "return set shift source test time times trap type ulimit umask unset until wait while"
    )
)


def variables(workspace: Workspace) -> dict[str, Any]:
    """The content of the `modelbook` variable: pipeline -> run -> what its stages need to know of it."""
    return {
        name: {run.name: _item(run, pipeline) for run in workspace.runs_in(name)}
        for name, pipeline in workspace.project.pipelines.items()
        if workspace.runs_in(name)
    }


def _item(run: Run, pipeline: Pipeline) -> dict[str, Any]:
    item: dict[str, Any] = {"experiment": run.experiment}
    used = {key: lookup(run.params, key)[1] for key in sorted(_used_params(pipeline))}
    return {**item, "params": with_point({}, used)} if used else item


def _used_params(pipeline: Pipeline) -> set[str]:
    """Dotted params that a stage's strings hold the value of."""
    texts = [text for stage in stages_of(pipeline).values() for text in _texts(stage)]
    return {name[len("params.") :] for text in texts for name in names_in(text) if name.startswith("params.")}


def _texts(stage: Stage) -> list[str]:
    return [*stage.cmd, *stage.deps, *_outs(stage)]


def _outs(stage: Stage) -> list[str]:
    return [path for kind in (stage.outs, stage.metrics, stage.plots) for out in kind for path in out]


def stages(workspace: Workspace) -> dict[str, Any]:
    """Every generated stage by its DVC name, the guard first."""
    project = workspace.project
    made: dict[str, Any] = {GUARD: _guard(project)}
    for name, pipeline in project.pipelines.items():
        for stage_name, stage in stages_of(pipeline).items():
            if stage.shared:
                made[f"{name}-{stage_name}"] = _stage(workspace, name, stage_name, stage, [])
                continue
            for end, runs in _alike(stage, workspace.runs_in(name)).items():
                made[f"{name}-{stage_name}{end}"] = _stage(workspace, name, stage_name, stage, runs)
    return made | watching.stages(workspace) | contests.stages(workspace)


def _alike(stage: Stage, runs: list[Run]) -> dict[str, list[Run]]:
    """The runs that DVC can write a stage for in one: those with as many deps. Most stages have one such."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(suffix(stage, run), []).append(run)
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split("-")[1:]]))


def _guard(project: Project) -> dict[str, Any]:
    experiments = [project.experiments.rstrip("/")] if project.pipelines else []
    return {
        "cmd": "modelbook plan",
        "deps": sorted([*experiments, PROJECT_FILE]),
        "outs": [{PARAMS_FOLDER: {"cache": False}}],
        "meta": {"modelbook": {"guard": True}},
    }


def _stage(workspace: Workspace, pipeline: str, name: str, stage: Stage, runs: list[Run]) -> dict[str, Any]:
    who = pipeline if stage.shared else "${key}"
    values = _values(workspace, pipeline, who)
    body: dict[str, Any] = {}
    if stage.desc:
        body["desc"] = stage.desc
    body["cmd"] = f"modelbook exec {who}/{name} -- {fill(command(stage.cmd), values)}"
    listed = [one for dep in stage.deps for one in (spread(runs[0], dep) if runs else [dep])]
    deps = [fill(dep, values) for dep in listed]
    if stage.params == [] and not _is_fed(workspace, deps):
        deps.append(NOTE)
    if deps:
        body["deps"] = deps
    if stage.params != []:
        body["params"] = [{params_path(who): stage.params}]
    for kind in ("outs", "metrics", "plots"):
        made = [_out(out, values, in_git=kind != "outs") for out in getattr(stage, kind)]
        if made:
            body[kind] = made
    body |= {key: True for key in ("frozen", "always_changed") if getattr(stage, key)}
    owner = {"pipeline": pipeline, "stage": name}
    if stage.shared:
        return {**body, "meta": {**stage.meta, "modelbook": owner}}
    body["meta"] = {**stage.meta, "modelbook": {**owner, "experiment": "${item.experiment}"}}
    return {"foreach": _items(workspace, pipeline, name, runs), "do": body}


def _items(workspace: Workspace, name: str, stage: str, runs: list[Run]) -> str | dict[str, Any]:
    """The runs that a stage is there for: the variable that lists all, or those by name."""
    pipeline = workspace.project.pipelines[name]
    mine = [run for run in runs if takes_part(pipeline, stage, run)]
    if len(mine) == len(workspace.runs_in(name)):
        return f"${{modelbook.{name}}}"
    return {run.name: _item(run, pipeline) for run in mine}


def _is_fed(workspace: Workspace, deps: list[str]) -> bool:
    """Whether another of our stages makes one of the deps: then that one waits for the guard."""
    made = [
        fill(path, _values(workspace, name, name if stage.shared else "${key}"))
        for name, pipeline in workspace.project.pipelines.items()
        for stage in stages_of(pipeline).values()
        for path in _outs(stage)
    ]
    return any(inside(dep, out) or inside(out, dep) for dep in deps for out in made)


def _values(workspace: Workspace, pipeline: str, who: str) -> Any:
    """What a placeholder becomes in `dvc.yaml`: a value, or DVC's own variable."""
    datasets = workspace.project.datasets
    words = {
        "run": "${key}",
        "experiment": "${item.experiment}",
        "pipeline": pipeline,
        "params": params_path(who),
    }

    def value(name: str) -> str:
        kind, _, rest = name.partition(".")
        if kind == "datasets":
            return datasets[rest].path
        return f"${{item.{name}}}" if rest else words[name]

    return value


def _out(out: Mapping[str, OutOptions], values: Any, *, in_git: bool) -> Any:
    [(path, options)] = out.items()
    given = {key: value for key in type(options).model_fields if (value := getattr(options, key)) is not None}
    if in_git:
        given = {"cache": False, **given}
    return {fill(path, values): given} if given else fill(path, values)


def command(commands: list[str]) -> str:
    """One simple command for `modelbook exec` to run: as it is, or `sh -c '...'` where it needs a shell.

    The shell that DVC starts still expands variables, globs and quotes of a simple command. As in DVC, every
    line of a longer text is a command of its own, and the first that fails is the last that runs.
    """
    lines = [line.strip() for text in commands for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and not needs_shell(lines[0]):
        return lines[0]
    script = lines[0] if len(lines) == 1 else " && ".join(_grouped(line) for line in lines)
    return f"sh -c {shlex.quote(script)}"


def _grouped(line: str) -> str:
    return f"( {line} )" if needs_shell(line) else line


def needs_shell(line: str) -> bool:
    """Whether a command has operators, assignments, words or comments of the shell's, outside of quotes."""
    lexer = shlex.shlex(line, posix=False, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # quotes that don't end: the shell shall say so
        return True
    first = words[0] if words else ""
    assigns = re.match(r"[A-Za-z_]\w*=", first) is not None
    return (
        assigns or first in _SHELL_WORDS or any(set(word) <= _OPERATORS or word[0] == "#" for word in words)
    )
