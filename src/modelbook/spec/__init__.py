"""Wishes: `mlproject.yaml` and the experiment specs, strictly read.

`load` gives a `Workspace`: the project, every spec with what it inherits, and every run they ask for; or
it raises one `SpecError` with all faults of all files at their line and column.
"""

from __future__ import annotations

from modelbook.spec.expand import Run
from modelbook.spec.models import Channel, Experiment, Limits, Monitor, Project
from modelbook.spec.placeholders import PARAMS_FOLDER, params_path
from modelbook.spec.schema import schemas
from modelbook.spec.workspace import (
    PROJECT_FILE,
    NoProject,
    Spec,
    Workspace,
    change_entries,
    change_project,
    find_root,
    load,
    parse_project,
)

__all__ = [
    "PARAMS_FOLDER",
    "PROJECT_FILE",
    "Channel",
    "Experiment",
    "Limits",
    "Monitor",
    "NoProject",
    "Project",
    "Run",
    "Spec",
    "Workspace",
    "change_entries",
    "change_project",
    "find_root",
    "load",
    "params_path",
    "parse_project",
    "schemas",
]
