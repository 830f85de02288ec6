"""Who was told of monitors: `runs/alerts/MONITOR.jsonl` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

from modelbook.history import dvcfiles, logs
from modelbook.history.repository import Repository, Tree
from modelbook.records import Notice, Problem

FOLDER = "runs/alerts"


def read(
    repo: Repository, workspace: Tree | None, home: str = ""
) -> tuple[tuple[Notice, ...], tuple[Problem, ...]]:
    """The lines of every log, by its name, and what is wrong with others; arguments as of `reports.read`."""
    return logs.read(repo, workspace, dvcfiles.join(home, FOLDER), parsed)


def parsed(content: bytes, monitor: str) -> tuple[tuple[Notice, ...], tuple[str, ...]]:
    """The good lines of a log, oldest first, and what is wrong with the others."""

    def stray(item: Notice) -> str:
        return "" if item.monitor == monitor else repr(item.monitor)

    return logs.parsed(content, Notice, "an alert", stray)
