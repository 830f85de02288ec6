"""DVC stages out of specs: the only room that writes and speaks `dvc.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelbook._files import replace_file
from modelbook.errors import CheckFailed, Issue, SpecError
from modelbook.spec import PARAMS_FOLDER, Run, Workspace, packaging, params_path
from modelbook.spec.models import PACKAGE
from modelbook.spec.source import parse
from modelbook.stages import generate, targets, watching
from modelbook.stages.contests import address as scores_address
from modelbook.stages.contests import scores_path
from modelbook.stages.params import as_text
from modelbook.stages.splice import FILE, is_generated, splice
from modelbook.stages.targets import NothingToRun, addresses, split
from modelbook.stages.watching import monitor_stages, reference_path, result_path

__all__ = [
    "FILE",
    "NothingToRun",
    "StalePlan",
    "addresses",
    "check",
    "has_plan",
    "missing_deps",
    "monitor_stages",
    "plan",
    "reference_path",
    "resolved_params",
    "result_path",
    "scores_address",
    "scores_path",
    "split",
    "sync",
    "upstream",
]


_NOTE = """\
The params of every run, as its spec, what that extends, its sweep and its seed make them. `modelbook plan`
writes this folder: edit `mlproject.yaml` or the specs in `experiments/` instead.
"""
"""Stages that read no params depend on it: another text makes them run again."""


class StalePlan(CheckFailed):
    """`dvc.yaml` is not what the specs ask for."""

    def __init__(self) -> None:
        super().__init__(
            f"{FILE} is not what mlproject.yaml and the experiment specs ask for", hint="run `modelbook sync`"
        )


def sync(workspace: Workspace) -> bool:
    """Write the generated parts of `dvc.yaml`; True when that changed it.

    Raises:
        SpecError: what is there can't be joined with what the specs ask for.
        UnsafeChange: what was written by hand would have changed.
    """
    old, new = _texts(workspace)
    if new != old:
        replace_file(_file(workspace.root), new.encode())
    return new != old


def check(workspace: Workspace) -> None:
    """See that `dvc.yaml` is what `sync` would write.

    Raises:
        StalePlan: it is not.
        SpecError, UnsafeChange: as `sync`.
    """
    old, new = _texts(workspace)
    if new != old:
        raise StalePlan


def plan(workspace: Workspace) -> None:
    """Check `dvc.yaml`, and write the resolved params of every run and pipeline to `runs/params/`.

    Raises:
        StalePlan: `modelbook sync` has to run first.
    """
    check(workspace)
    wanted = {path: as_text(params) for path, params in resolved_params(workspace).items()}
    wanted |= {path: as_text(order) for path, order in orders(workspace).items()}
    folder = workspace.root / PARAMS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for there in folder.iterdir():
        if f"{PARAMS_FOLDER}/{there.name}" not in (*wanted, generate.NOTE) and there.is_file():
            there.unlink()
    for path, text in wanted.items():
        replace_file(workspace.root / path, text.encode())
    replace_file(workspace.root / generate.NOTE, _NOTE.encode())


def resolved_params(workspace: Workspace) -> dict[str, Mapping[str, Any]]:
    """Path -> params: one file for every run, one per pipeline for its shared stages, one per monitor."""
    shared = {params_path(name): pipeline.params for name, pipeline in workspace.project.pipelines.items()}
    runs = {params_path(run.name): run.params for run in workspace.runs}
    return {**shared, **runs, **watching.params(workspace)}


def orders(workspace: Workspace) -> dict[str, Mapping[str, Any]]:
    """Path -> what `modelbook package` is told of a run, for every run that is packaged."""
    return {
        packaging.order_path(run.name): packaging.order(workspace.project, run, _card(workspace, run))
        for run in workspace.runs
        if packaging.takes_part(workspace.project.pipelines[run.pipeline], PACKAGE, run)
    }


def _card(workspace: Workspace, run: Run) -> str | dict[str, str]:
    """The prose of a run's model card: sections by name, or the text of its Markdown file."""
    card = workspace.specs[run.experiment].experiment.card
    return card if isinstance(card, dict) else (workspace.root / card).read_text(encoding="utf-8")


def upstream(workspace: Workspace, runs: list[Run]) -> list[str]:
    """Addresses of the stages that must be done before these runs go side by side."""
    return targets.upstream(workspace, runs, _by_hand(workspace))


def missing_deps(workspace: Workspace) -> list[Issue]:
    """Deps of stages that are not there and that nothing makes."""
    return targets.missing_deps(workspace, _by_hand(workspace), lambda path: (workspace.root / path).exists())


def has_plan(root: Path) -> bool:
    """Whether the `dvc.yaml` in a folder has stages that `sync` wrote.

    Raises:
        SpecError: it is no YAML, or no text.
    """
    return _has_generated(_text(_file(root)))


def _has_generated(text: str) -> bool:
    found = (parse(text, FILE).data.get("stages") if text.strip() else None) or {}
    return any(is_generated(body) for body in found.values())


def _by_hand(workspace: Workspace) -> dict[str, Any]:
    """The stages of `dvc.yaml` that people wrote."""
    text = _text(_file(workspace.root))
    found = (parse(text, FILE).data.get("stages") if text.strip() else None) or {}
    return {name: body for name, body in found.items() if not is_generated(body)}


def _texts(workspace: Workspace) -> tuple[str, str]:
    """The text of `dvc.yaml` as it is and as it should be."""
    old = _text(_file(workspace.root))
    if not (workspace.project.pipelines or workspace.project.monitors or _has_generated(old)):
        return old, old  # all stages are written by hand: nothing of ours has a place there
    return old, splice(old, generate.variables(workspace), generate.stages(workspace))


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8") if file.exists() else ""
    except UnicodeDecodeError as error:
        raise SpecError([Issue(FILE, 0, 0, f"is not UTF-8 text (byte {error.start})")]) from None


def _file(root: Path) -> Path:
    """The file itself where `dvc.yaml` is a link within the repository."""
    file = (root / FILE).resolve()
    if not file.is_relative_to(root.resolve()):
        raise SpecError([Issue(FILE, 0, 0, "is a link out of the repository", "put the file itself there")])
    return file
