"""The DVC stages of monitors: one that counts the reference, one for each batch. Pure."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from modelbook.spec import Monitor, Workspace, params_path

OF_REFERENCE = ("columns", "ignore", "key", "prediction", "reference", "target")
"""What the reference is counted by: other changes of a monitor leave it as it is."""

OF_NO_RESULT = ("alerts", "description", "environment", "retention", "schedule")
"""What changes no result."""

OF_SOME = {"engine": "duckdb", "metrics": {}, "serving_log": False, "time": ""}
"""Keys that came later: where they say nothing they are left out, so that what was judged stays judged."""

OF_READING = ("engine", "serving_log")
"""Those of them that the reference is counted by, too."""

_NEVER = object()


def params_name(monitor: str) -> str:
    """The name of the params file of a monitor."""
    return params_path(f"monitor-{monitor}")


def params(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Path -> what a monitor is declared to judge by, defaults included."""
    return {params_name(name): _params(monitor) for name, monitor in workspace.project.monitors.items()}


def _params(monitor: Monitor) -> dict[str, Any]:
    found = monitor.model_dump(mode="json", exclude=set(OF_NO_RESULT))
    return {key: value for key, value in found.items() if OF_SOME.get(key, _NEVER) != value}


def reference_path(monitor: str) -> str:
    """Where the counts of the reference are, from the project's root."""
    return f"runs/monitors/{monitor}.reference.json"


def result_path(monitor: str, batch: str) -> str:
    """Where the result of a batch is, from the project's root."""
    return f"runs/monitors/{monitor}/{batch}.json"


def monitor_stages(workspace: Workspace, name: str, without: Container[str] = ()) -> list[str]:
    """What DVC must be asked for to look at the batches of a monitor, but for some."""
    batches = [f"monitor-{name}@{batch}" for batch in workspace.watched[name].batches if batch not in without]
    return [f"monitor-{name}-reference", *batches]


def stages(workspace: Workspace) -> dict[str, Any]:
    """The stages of every monitor, by their names in `dvc.yaml`."""
    made: dict[str, Any] = {}
    for name, watched in workspace.watched.items():
        read_by = [key for key in OF_READING if key in _params(workspace.project.monitors[name])]
        made[f"monitor-{name}-reference"] = _reference(name, watched.reference, [*OF_REFERENCE, *read_by])
        if watched.batches:
            made[f"monitor-{name}"] = {"foreach": watched.batches, "do": _batch(name)}
    return made


def _reference(name: str, files: tuple[str, ...], keys: list[str]) -> dict[str, Any]:
    return {
        "cmd": f"modelbook monitor profile {name}",
        "deps": list(files),
        "params": [{params_name(name): keys}],
        "outs": [reference_path(name)],
        "meta": {"modelbook": {"monitor": name}},
    }


def _batch(name: str) -> dict[str, Any]:
    return {
        "cmd": f"modelbook monitor batch {name} ${{key}}",
        "deps": ["${item}", reference_path(name)],
        "params": [{params_name(name): None}],
        "outs": [{result_path(name, "${key}"): {"cache": False}}],
        "meta": {"modelbook": {"monitor": name, "batch": "${key}"}},
    }
