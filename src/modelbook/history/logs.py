"""Logs of what was done, a line each: `FOLDER/NAME.jsonl` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from modelbook.history.files import Unreadable
from modelbook.history.repository import Repository, Tree
from modelbook.records import Problem, Record

_ENDING = ".jsonl"
_MOST = 500

Line = TypeVar("Line", bound=Record)


def read(
    repo: Repository,
    workspace: Tree | None,
    folder: str,
    parse: Callable[[bytes, str], tuple[tuple[Line, ...], tuple[str, ...]]],
) -> tuple[tuple[Line, ...], tuple[Problem, ...]]:
    """The lines of every log of a folder, by its name, and what is wrong with others.

    Args:
        workspace: as of `reports.read`. parse: from a log's content and its name to what `parsed` gives.
    """
    found = repo.below(workspace, folder)
    lines: list[Line] = []
    problems: list[Problem] = []
    for path, blob in sorted(item for item in found if item[0].endswith(_ENDING))[:_MOST]:
        try:
            known, faults = parse(repo.blob(blob), path.rpartition("/")[2].removesuffix(_ENDING))
        except Unreadable as error:
            known, faults = (), (str(error),)
        lines += known
        problems += [Problem(path=path, reason=fault) for fault in faults[:1]]
    return tuple(lines), tuple(problems)


def parsed(
    content: bytes, kind: type[Line], what: str, stray: Callable[[Line], str], most: int | None = None
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The good lines of a log, oldest first, and what is wrong with the others.

    Args:
        kind: what a line is to be, and `what` that is in words.
        stray: what a line is of, in words, where that is nothing that belongs into this log; else empty.
        most: bytes of a long log that are read, its newest; None for all.
    """
    known: list[Line] = []
    faults: list[str] = []
    start = 0 if most is None else len(content) - most
    first = 0 if start <= 0 else content.count(b"\n", 0, start) + 1
    for number, line in enumerate(content.split(b"\n")[first:], first + 1):
        if not line.strip():
            continue
        try:
            item = msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults.append(f"line {number} is no record of {what}: {error}")
            continue
        if other := stray(item):
            faults.append(f"line {number} is of {other}")
        else:
            known.append(item)
    return tuple(known), tuple(faults)
