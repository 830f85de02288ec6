"""The stage that `package:` adds to a pipeline, and what it is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from modelbook._paths import inside
from modelbook.spec.expand import Run, resolved
from modelbook.spec.models import CARD_SECTIONS, PACKAGE, OutOptions, Package, Pipeline, Project, Stage
from modelbook.spec.placeholders import PARAMS_FOLDER


def stages_of(pipeline: Pipeline) -> dict[str, Stage]:
    """The stages of a pipeline by name, with the one that packages last."""
    if pipeline.package is None:
        return pipeline.stages
    return {**pipeline.stages, PACKAGE: _stage(pipeline, pipeline.package)}


def _stage(pipeline: Pipeline, package: Package) -> Stage:
    return Stage(
        desc="The model with all that serving it needs, in one folder.",
        cmd=["modelbook package ${run}"],
        deps=[order_path("${run}"), package.model, package.data, *_measured(pipeline)],
        params=[],
        outs=[{package.out: OutOptions(desc="The packaged model", type="package")}],
        metrics=[{package.metrics: OutOptions()}],
    )


PLACES = {("deps", 1): "model", ("deps", 2): "data", ("outs", 0): "out", ("metrics", 0): "metrics"}
"""Where the strings of the stage come from: its place in a `Stage` -> the key of `package:`."""


def place(pipeline: str, stage: str, loc: tuple[str | int, ...], added: bool) -> tuple[str | int, ...]:
    """Where a project's file has what is at `loc` of a stage; `added` when `package:` added the stage."""
    if not added:
        return ("pipelines", pipeline, "stages", stage, *loc)
    key = PLACES.get((str(loc[0]), int(loc[1]))) if len(loc) > 1 else None
    return ("pipelines", pipeline, PACKAGE, *([key] if key else []))


def order_path(run: str) -> str:
    """Path of the file that tells `modelbook package` all it must know of a run."""
    return f"{PARAMS_FOLDER}/{run}.package.json"


def takes_part(pipeline: Pipeline, stage: str, run: Run) -> bool:
    """Whether a stage is there for a run: all are for each, but packaging may be for some, or for none."""
    if stage != PACKAGE or PACKAGE in pipeline.stages:
        return True
    if pipeline.package is None:
        return False
    names = (run.name, run.experiment)
    return not pipeline.package.only or any(
        fnmatchcase(name, pattern) for name in names for pattern in pipeline.package.only
    )


def order(project: Project, run: Run, card: str | Mapping[str, str]) -> dict[str, Any]:
    """All that `modelbook package` must know of a run, as plain data.

    A change of it makes the stage run again, and no other change of `mlproject.yaml` does.

    Args:
        card: prose of the model card: sections by name, or a whole Markdown text.
    """
    pipeline = project.pipelines[run.pipeline]
    package = pipeline.package
    assert package is not None  # noqa: S101 (the run takes part)

    def filled(text: str) -> str:
        return resolved(project, run.pipeline, run, text)

    paths = {key: filled(getattr(package, key)) for key in ("model", "data", "out", "metrics")}
    return {
        **package.model_dump(exclude={"only"}),
        **paths,
        "run": run.name,
        "stage": _maker(pipeline, package.model),
        "about": _about(project, run.pipeline, pipeline),
        "card": [["", card]] if isinstance(card, str) else _sections(card),
        "measured": [filled(path) for path in _measured(pipeline)],
    }


def _measured(pipeline: Pipeline) -> list[str]:
    """Metrics files that the stages of a run write."""
    own = [stage for stage in pipeline.stages.values() if not stage.shared]
    return [path for stage in own for out in stage.metrics for path in out]


def _maker(pipeline: Pipeline, model: str) -> str:
    """Name of the stage that writes the model file."""
    for name, stage in pipeline.stages.items():
        if any(inside(model, path.rstrip("/")) for out in stage.outs for path in out):
            return name
    return ""


def _about(project: Project, name: str, pipeline: Pipeline) -> dict[str, str]:
    """Name, description and owner of the model; the pipeline's where no model is made of the file."""
    for key, model in project.models.items():
        if pipeline.package and model.pipeline == name and model.artifact == pipeline.package.model:
            return {"name": key, "description": model.description, "owner": model.owner}
    return {"name": name, "description": pipeline.description, "owner": ""}


def _sections(card: Mapping[str, str]) -> list[list[str]]:
    """Titles and texts, those that every card should have first, each there even when nobody wrote it."""
    keys = [*CARD_SECTIONS, *(key for key in card if key not in CARD_SECTIONS)]
    return [[re.sub("[_-]+", " ", key).capitalize(), card.get(key, "").strip()] for key in keys]
