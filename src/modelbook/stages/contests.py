"""The DVC stages that judge models on labelled periods: one for each run and period. Pure."""

from __future__ import annotations

from typing import Any

from modelbook.spec import Run, Workspace
from modelbook.spec.expand import resolved
from modelbook.spec.models import Retrain
from modelbook.spec.placeholders import fill


def scores_path(model: str, run: str, period: str) -> str:
    """Where the metrics of a run on a period are, from the project's root."""
    return f"runs/scores/{model}/{period}/{run}.json"


def address(model: str, run: str, period: str) -> str:
    """DVC's address of what judges a run on a period."""
    return f"retrain-{model}@{run}.{period}"


def stages(workspace: Workspace) -> dict[str, Any]:
    """What judges, by its name in `dvc.yaml`; nothing for models that nobody retrains."""
    made: dict[str, Any] = {}
    runs = {run.name: run for run in workspace.runs}
    for name, contest in workspace.contests.items():
        policy = workspace.project.models[name].retrain
        if contest.pairs and policy is not None:
            items = {
                f"{run}.{period}": _item(workspace, name, runs[run], period) for run, period in contest.pairs
            }
            made[f"retrain-{name}"] = {"foreach": items, "do": _judged(name, policy)}
    return made


def _item(workspace: Workspace, model: str, run: Run, period: str) -> dict[str, str]:
    artifact = workspace.project.models[model].artifact
    return {
        "model": resolved(workspace.project, run.pipeline, run, artifact),
        "data": workspace.contests[model].periods[period],
        "out": scores_path(model, run.name, period),
    }


def _judged(model: str, policy: Retrain) -> dict[str, Any]:
    return {
        "cmd": fill(policy.evaluate.cmd, lambda name: f"${{item.{name}}}"),
        "deps": ["${item.data}", "${item.model}", *policy.evaluate.deps],
        "outs": [{"${item.out}": {"cache": False}}],
        "meta": {"modelbook": {"scores": model}},
    }
