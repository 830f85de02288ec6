"""Whether what stands in a folder is what its specs ask for: `dvc.yaml`, and the params of its runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelbook.errors import SpecError
from modelbook.spec import PROJECT_FILE, Workspace, load
from modelbook.stages import FILE, StalePlan, check, has_plan, orders, resolved_params
from modelbook.stages.params import as_text
from modelbook.stages.splice import UnsafeChange

MOST = 8
"""Faults that are told of one folder."""

_GONE = object()


def late(root: Path) -> Iterator[tuple[str, str]]:
    """(file, why) of what is not as the specs ask for; nothing is run, and nothing where there is no spec.

    Args:
        root: with `mlproject.yaml`, `dvc.yaml`, specs, cards and `runs/params/` in it; no more is read.
    """
    found = list(_late(root))
    yield from found[:MOST]
    if len(found) > MOST:
        yield FILE, f"and {len(found) - MOST} more faults like these"


def _late(root: Path) -> Iterator[tuple[str, str]]:
    try:
        workspace = load(root)
    except SpecError as error:
        if _was_synced(root):  # else no result was ever made from these specs
            for issue in error.issues:
                yield issue.path, str(issue).removeprefix(issue.path).lstrip(": ")
        return
    if workspace.project.pipelines:
        yield from _plan(workspace)
        yield from _params(workspace)


def _was_synced(root: Path) -> bool:
    try:
        return has_plan(root)
    except SpecError:
        return False  # whoever reads the history says what is wrong with its dvc.yaml


def _plan(workspace: Workspace) -> Iterator[tuple[str, str]]:
    try:
        check(workspace)
    except StalePlan:
        yield FILE, f"it is not what {PROJECT_FILE} and the specs ask for: run `modelbook sync`"
    except (SpecError, UnsafeChange) as error:
        yield FILE, " ".join(str(error).split())


def _params(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Runs whose params are not those that `modelbook plan` wrote before they ran."""
    files = {run.name: workspace.specs[run.experiment].path for run in workspace.runs}
    for path, wanted in {**resolved_params(workspace), **orders(workspace)}.items():
        name = Path(path).name.removesuffix(".package.json").removesuffix(".yaml")
        yield from (
            (files.get(name, PROJECT_FILE), why) for why in _differs(workspace.root / path, name, wanted)
        )


def _differs(file: Path, name: str, wanted: Mapping[str, Any]) -> Iterator[str]:
    if not file.is_file():
        yield f"{name} was never planned, so it has no results"
        return
    text = file.read_text(encoding="utf-8", errors="replace")
    if text == as_text(wanted):
        return
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if not isinstance(known, dict):
        yield f"{file.name} is not what `modelbook plan` writes"
        return
    now, then = dict(_leaves(json.loads(as_text(wanted)))), dict(_leaves(known))
    for key in sorted(now.keys() | then.keys()):
        if (new := now.get(key, _GONE)) != (old := then.get(key, _GONE)) or type(new) is not type(old):
            yield f"{key} of {name} is {_shown(new)} now, and was {_shown(old)} when it ran"


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _leaves(item, f"{above}{key}.")
        else:
            yield f"{above}{key}", item


def _shown(value: Any) -> str:
    return "not there" if value is _GONE else json.dumps(value)[:60]
