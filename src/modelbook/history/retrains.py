"""What was trained again, and how all were judged: `runs/retrains/` and `runs/scores/`, read tolerantly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from modelbook.history import dvcfiles, files
from modelbook.history.files import Unreadable
from modelbook.history.repository import Repository, Tree
from modelbook.records import Problem, Retraining, Score, finite

FOLDER = "runs/retrains"
SCORES = "runs/scores"
_MOST = 5_000
_MOST_BYTES = 2_000_000
_OUTCOMES = ("accepted", "rejected")


def read(
    repo: Repository, workspace: Tree | None, home: str = ""
) -> tuple[tuple[Retraining, ...], tuple[Problem, ...]]:
    """Every record, and what is wrong with others; arguments as of `reports.read`."""
    found: list[Retraining] = []
    problems: list[Problem] = []
    for path, blob, place in _files(repo, workspace, dvcfiles.join(home, FOLDER), 2):
        try:
            found.append(replace(record(_content(repo, blob), *place), path=path))
        except Unreadable as error:
            problems.append(Problem(path=path, reason=str(error)))
    return tuple(sorted(found, key=lambda item: (item.model, item.period))), tuple(problems)


def scores(
    repo: Repository, workspace: Tree | None, home: str = ""
) -> tuple[tuple[Score, ...], tuple[Problem, ...]]:
    """Every score, and what is wrong with others; arguments as of `reports.read`."""
    found: list[Score] = []
    problems: list[Problem] = []
    for path, blob, (model, period, name) in _files(repo, workspace, dvcfiles.join(home, SCORES), 3):
        try:
            values = metrics(_content(repo, blob))
            found.append(Score(model=model, period=period, name=name, metrics=values, path=path))
        except Unreadable as error:
            problems.append(Problem(path=path, reason=str(error)))
    return tuple(sorted(found, key=lambda item: (item.model, item.period, item.name))), tuple(problems)


def _files(
    repo: Repository, workspace: Tree | None, folder: str, depth: int
) -> Iterator[tuple[str, str, list[str]]]:
    """(path, blob, the parts of its place below the folder) of JSON files as deep as that."""
    found = 0
    for path, blob in repo.below(workspace, folder):
        place = path.removeprefix(f"{folder}/").removesuffix(".json").split("/")
        if len(place) == depth and path.endswith(".json") and found < _MOST:
            found += 1
            yield path, blob, place


def _content(repo: Repository, blob: str) -> bytes:
    return files.bounded(repo.blob(blob), "a file", _MOST_BYTES)


def record(content: bytes, model: str, period: str) -> Retraining:
    """A record from the content of its file.

    Raises:
        Unreadable: it is none, or says that it is of something else than its name does.
    """
    try:
        found = msgspec.json.decode(content, type=Retraining)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"no record of a retraining: {error}") from error
    if (found.model, found.period) != (model, period):
        raise Unreadable(f"it says it is of {found.model} {found.period}")
    if found.outcome not in _OUTCOMES:
        raise Unreadable(f"its outcome is {found.outcome[:40]!r}, neither accepted nor rejected")
    return found


def metrics(content: bytes) -> dict[str, float | None]:
    """The numbers of a JSON file by name, those below others with dots; None for what is no finite number.

    Raises:
        Unreadable: it holds no JSON object.
    """
    try:
        data = json.loads(files.text(content))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(data, dict):
        raise Unreadable("no JSON object of metrics")
    return dict(_flat(data, ""))


def _flat(data: dict[str, Any], before: str) -> Iterator[tuple[str, float | None]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        elif not isinstance(value, list | str | bool):
            yield f"{before}{key}", finite(value)
