"""Files that monitors and policies look at: there already, named by `.dvc` files, or made by stages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from modelbook.errors import Issue
from modelbook.spec.models import Monitor, Project
from modelbook.spec.placeholders import names_in
from modelbook.spec.source import Loc, Source

COMMA = frozenset({".csv", ".tsv", ".txt", ".gz"})
"""Endings, in lower case, of files whose values are parted by commas or the like."""

ENDINGS = COMMA | {".parquet"}
"""Of all files of data."""

_NAME = re.compile(r"\w[\w-]*")
_LONGEST = 200
"""Bytes: a name gets an ending and more while its file is written, and 255 is the most that systems take."""
_SHOWN = 60
_LISTED = 3
_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Watched:
    """What a monitor looks at; paths are relative to the project's root.

    Attributes:
        reference: at least one file. batches: name -> file or folder, sorted by name; the newest, if only so
            many are kept.
    """

    reference: tuple[str, ...]
    batches: dict[str, str]


def find(root: Path, project: Project, source: Source, issues: list[Issue]) -> dict[str, Watched]:
    """The files of every monitor; what is wrong with them is added to `issues`."""
    return {
        name: _watched(root, project, source, name, monitor, issues)
        for name, monitor in project.monitors.items()
    }


def _watched(
    root: Path, project: Project, source: Source, name: str, monitor: Monitor, issues: list[Issue]
) -> Watched:
    reference = _matching(root, project, monitor.reference)
    if not reference:
        hint = "it may be a file, a pattern, or an output of a stage"
        issues.append(source.issue(("monitors", name, "reference"), "no file is called that", hint))
    batches = named(root, project, monitor.batches, source, ("monitors", name, "batches"), issues)
    return Watched(tuple(reference), dict(list(batches.items())[-(monitor.retention or 0) :]))


def named(
    root: Path, project: Project, pattern: str, source: Source, at: Loc, issues: list[Issue]
) -> dict[str, str]:
    """Name -> file of all that a pattern finds, sorted by name; `at` is where the pattern stands.

    The name stands in commands that a shell runs, and in names of files.
    """
    found: dict[str, str] = {}
    for path in _matching(root, project, pattern):
        stem = PurePosixPath(path).name.partition(".")[0]
        if not _NAME.fullmatch(stem) or len(stem.encode(errors="replace")) > _LONGEST or "${" in path:
            message = f"the name of {_shown(stem)} can't be part of a command"
            hint = f"letters, digits, _ and - can, at most {_LONGEST} bytes of them, - not in front"
            issues.append(source.issue(at, message, hint))
            continue
        if stem in found:
            message = f"two batches would be called {stem}: {found[stem]} and {path}"
            issues.append(source.issue(at, message, "give one another name"))
        found.setdefault(stem, path)
    return dict(sorted(found.items()))


def nothing(root: Path, pattern: str, source: Source, at: Loc) -> Issue:
    """What is told of a pattern at `at` that finds no file: no fault, for the files may come later."""
    fixed = takewhile(lambda part: not set(part) & _WILD, PurePosixPath(pattern).parts[:-1])
    folder = "/".join(fixed)
    message = f"no file, no .dvc file and no output of a shared stage is called {_shown(pattern)}"
    return source.issue(at, message, f"{_held(root, folder)}: correct it, or let the files come")


def _held(root: Path, folder: str) -> str:
    """What a folder of the project has in it, of which a few are named."""
    there = root / folder
    if not there.is_dir() or not there.resolve().is_relative_to(root.resolve()):
        return f"there is no folder {_shown(folder)} in the project"
    names = sorted(item.name for item in there.iterdir() if not item.name.startswith("."))
    shown = ", ".join(map(_shown, names[:_LISTED])) + (", …" if len(names) > _LISTED else "")
    return f"{_shown(folder) if folder else 'the project'} has {shown or 'nothing in it'}"


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")


def _matching(root: Path, project: Project, pattern: str) -> list[str]:
    if not set(pattern) & _WILD:
        known = _is_data(root / pattern) or (root / f"{pattern}.dvc").is_file()
        return [pattern] if known or pattern in set(_outs(project)) else []
    found = {path.removesuffix(".dvc") for path in _files(root, pattern) + _files(root, f"{pattern}.dvc")}
    return sorted(found | {path for path in _outs(project) if PurePosixPath(path).match(pattern)})


def _files(root: Path, pattern: str) -> list[str]:
    home = root.resolve()
    return [
        path.relative_to(root).as_posix()
        for path in root.glob(pattern)
        if _is_data(path) and path.resolve().is_relative_to(home)
    ]


def _is_data(path: Path) -> bool:
    """Whether a file, or a folder that has files of data in it."""
    return path.is_file() or (
        path.is_dir() and any(item.suffix.lower() in ENDINGS for item in path.iterdir())
    )


def _outs(project: Project) -> Iterator[str]:
    """Files that shared stages make, and data sets by their paths."""
    yield from (dataset.path for dataset in project.datasets.values())
    for pipeline in project.pipelines.values():
        for stage in pipeline.stages.values():
            for kind in (stage.outs, stage.metrics, stage.plots):
                yield from (path for out in kind for path in out if not names_in(path))
