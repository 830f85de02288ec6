"""One folder of a monorepo: a Catalog with what belongs to that folder, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from modelbook._paths import inside, normal_folder
from modelbook.errors import ModelbookError
from modelbook.records import (
    Artifact,
    Catalog,
    CodeChange,
    Dataset,
    FileChange,
    Later,
    Model,
    Plot,
    Problem,
    Report,
    Run,
    Snapshot,
    Value,
)

T = TypeVar("T", Artifact, Problem, Report, Value)


class NothingThere(ModelbookError):
    """A folder that no commit has any DVC file in."""

    def __init__(self, folder: str, catalog: Catalog) -> None:
        known = sorted({run.stages[-1].file.rpartition("/")[0] or "." for run in catalog.runs if run.stages})
        some = ", ".join(known[:6]) + (f" and {len(known) - 6} more" if len(known) > 6 else "")
        super().__init__(
            f"no commit has anything of DVC's in the folder {folder!r}",
            hint=f"runs are in {some}" if known else "paths are relative to the repository's root",
        )


def limited(catalog: Catalog, folder: str) -> Catalog:
    """What belongs to a folder: its runs with all they came from, their experiments, and its models and data.

    A run keeps its id: what it is made of does not depend on what is looked at.

    Args:
        folder: relative to the Git root; empty or `.` for all.

    Raises:
        NothingThere: no commit has anything in it.
    """
    folder = normal_folder(folder)
    if not folder:
        return catalog
    own = inside(catalog.project.file, folder)
    runs = tuple(run for run in catalog.runs if run.stages and inside(run.stages[-1].file, folder))
    ids = {run.id for run in runs}
    names = {run.experiment for run in runs}
    used = {dataset.path for run in runs for dataset in run.datasets}
    metrics = {value.name for run in runs for value in run.metrics}
    datasets = tuple(item for item in catalog.datasets if item.path in used or _is_in(item, folder))
    if not (runs or datasets or own):
        raise NothingThere(folder, catalog)
    return replace(
        catalog,
        project=catalog.project
        if own
        else replace(catalog.project, name=f"{catalog.project.name}: {folder}"),
        snapshots=tuple(_snapshot(snapshot, folder, used) for snapshot in catalog.snapshots),
        runs=runs,
        experiments=tuple(
            replace(
                item,
                runs=tuple(run for run in item.runs if run in ids),
                current=tuple(run for run in item.current if run in ids),
            )
            for item in catalog.experiments
            if item.name in names or inside(item.file, folder)
        ),
        models=tuple(model for model in catalog.models if _model_is_in(model, folder, runs)),
        datasets=datasets,
        metrics=tuple(info for info in catalog.metrics if info.name in metrics),
        problems=_in(catalog.problems, folder),
        reports=_in(catalog.reports, folder),
        reproductions=tuple(item for item in catalog.reproductions if item.run in ids),
        watches=catalog.watches if own else (),
        notices=catalog.notices if own else (),
        deployments=Later(lambda: tuple(item for item in catalog.deployments if item.run in ids)),
        faults=Later(lambda: _in(catalog.faults, folder)),
        retrainings=catalog.retrainings if own else (),
        scores=catalog.scores if own else (),
    )


def limited_snapshot(snapshot: Snapshot, folder: str) -> Snapshot:
    """What belongs to a folder at one revision."""
    folder = normal_folder(folder)
    stages = [stage for stage in snapshot.stages if inside(stage.file, folder)]
    read = [dep.path for stage in stages for dep in stage.deps]
    used = {item.path for item in snapshot.datasets if any(_overlap(item.path, path) for path in read)}
    return _snapshot(snapshot, folder, used) if folder else snapshot


def _overlap(one: str, other: str) -> bool:
    return inside(one, other) or inside(other, one)


def code(change: CodeChange | None, folder: str) -> CodeChange | None:
    """What a commit did to the files of one folder; a file that was moved out of it is one that went."""
    folder = normal_folder(folder)
    if change is None or not folder:
        return change
    files = (_gone(item) if _moved_out(item, folder) else item for item in change.files)
    kept = sorted((item for item in files if inside(item.path, folder)), key=lambda item: item.path)
    return replace(change, files=tuple(kept))


def _moved_out(item: FileChange, folder: str) -> bool:
    return bool(item.before) and inside(item.before, folder) and not inside(item.path, folder)


def _gone(item: FileChange) -> FileChange:
    return FileChange(path=item.before, kind="removed", old=item.old)


def _snapshot(snapshot: Snapshot, folder: str, used: set[str]) -> Snapshot:
    return replace(
        snapshot,
        stages=tuple(stage for stage in snapshot.stages if inside(stage.file, folder)),
        params=Later(lambda: _in(snapshot.params, folder)),
        metrics=_in(snapshot.metrics, folder),
        plots=tuple(plot for plot in snapshot.plots if _plot_is_in(plot, folder)),
        artifacts=_in(snapshot.artifacts, folder),
        datasets=tuple(item for item in snapshot.datasets if item.path in used or _is_in(item, folder)),
        models=tuple(info for info in snapshot.models if inside(info.file, folder)),
        problems=_in(snapshot.problems, folder),
    )


def _in(items: Iterable[T], folder: str) -> tuple[T, ...]:
    """Those whose path lies in the folder; a problem of the whole repository is everyone's."""
    return tuple(item for item in items if not item.path or inside(item.path, folder))


def _is_in(item: Dataset, folder: str) -> bool:
    return inside(item.path, folder) or inside(item.file, folder)


def _plot_is_in(plot: Plot, folder: str) -> bool:
    return any(inside(path, folder) for path, _blob in plot.files)


def _model_is_in(model: Model, folder: str, runs: Iterable[Run]) -> bool:
    if (
        inside(model.info.file, folder)
        or model.name.startswith(f"{folder}:")
        or model.name.startswith(f"{folder}/")
    ):
        return True
    if model.info.artifact and inside(model.info.artifact, folder):
        return True
    ids = {run.id for run in runs}
    return any(version.run in ids for version in model.versions)
