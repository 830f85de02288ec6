"""What was deployed: `runs/deployments/NAME.jsonl` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

import msgspec

from modelbook.history import dvcfiles
from modelbook.history.files import Unreadable
from modelbook.history.repository import Repository, Tree
from modelbook.records import Deployment, Problem

FOLDER = "runs/deployments"
_ENDING = ".jsonl"
_OUTCOMES = ("deployed", "rolled back", "failed")
_MOST_LOGS = 500
_MOST_BYTES = 2_000_000


def read(
    repo: Repository, workspace: Tree | None, home: str = ""
) -> tuple[tuple[Deployment, ...], tuple[Problem, ...]]:
    """The lines of every log, by its name, and what is wrong with others; arguments as of `reports.read`."""
    found = repo.below(workspace, dvcfiles.join(home, FOLDER))
    lines: list[Deployment] = []
    problems: list[Problem] = []
    for path, blob in sorted(item for item in found if item[0].endswith(_ENDING))[:_MOST_LOGS]:
        try:
            known, faults = parsed(repo.blob(blob), path.rpartition("/")[2].removesuffix(_ENDING))
        except Unreadable as error:
            known, faults = (), (str(error),)
        lines += known
        problems += [Problem(path=path, reason=fault) for fault in faults[:1]]
    return tuple(lines), tuple(problems)


def parsed(content: bytes, name: str) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
    """The good lines of a log, oldest first, and what is wrong with the others. Of a long log, the newest.

    Args:
        name: of the deployment that the log is of.
    """
    known: list[Deployment] = []
    faults: list[str] = []
    start = len(content) - _MOST_BYTES
    first = 0 if start <= 0 else content.count(b"\n", 0, start) + 1
    for number, line in enumerate(content.split(b"\n")[first:], first + 1):
        if not line.strip():
            continue
        try:
            item = msgspec.json.decode(line, type=Deployment)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults.append(f"line {number} is no record of a deployment: {error}")
            continue
        if item.deployment == name and item.outcome in _OUTCOMES:
            known.append(item)
        else:
            faults.append(f"line {number} is of {item.deployment!r}, {item.outcome!r}")
    return tuple(known), tuple(faults)
