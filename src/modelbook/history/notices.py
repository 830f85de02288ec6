"""Who was told of monitors: `runs/alerts/MONITOR.jsonl` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

import msgspec

from modelbook.history import dvcfiles
from modelbook.history.files import Unreadable
from modelbook.history.repository import Repository, Tree
from modelbook.records import Notice, Problem

FOLDER = "runs/alerts"
_ENDING = ".jsonl"
_MOST_LOGS = 500


def read(
    repo: Repository, workspace: Tree | None, home: str = ""
) -> tuple[tuple[Notice, ...], tuple[Problem, ...]]:
    """The lines of every log, by its name, and what is wrong with others; arguments as of `reports.read`."""
    found = repo.below(workspace, dvcfiles.join(home, FOLDER))
    lines: list[Notice] = []
    problems: list[Problem] = []
    for path, blob in sorted(item for item in found if item[0].endswith(_ENDING))[:_MOST_LOGS]:
        try:
            known, faults = parsed(repo.blob(blob), path.rpartition("/")[2].removesuffix(_ENDING))
        except Unreadable as error:
            known, faults = (), (str(error),)
        lines += known
        problems += [Problem(path=path, reason=fault) for fault in faults[:1]]
    return tuple(lines), tuple(problems)


def parsed(content: bytes, monitor: str) -> tuple[tuple[Notice, ...], tuple[str, ...]]:
    """The good lines of a log, oldest first, and what is wrong with the others."""
    known: list[Notice] = []
    faults: list[str] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            item = msgspec.json.decode(line, type=Notice)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults.append(f"line {number} is no record of an alert: {error}")
            continue
        if item.monitor == monitor:
            known.append(item)
        else:
            faults.append(f"line {number} is of {item.monitor!r}")
    return tuple(known), tuple(faults)
