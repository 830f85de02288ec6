"""What was deployed: `runs/deployments/NAME.jsonl` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

from modelbook.history import dvcfiles, logs
from modelbook.history.repository import Repository, Tree
from modelbook.records import Deployment, Problem

FOLDER = "runs/deployments"
_OUTCOMES = ("deployed", "rolled back", "failed")
_MOST_BYTES = 2_000_000


def read(
    repo: Repository, workspace: Tree | None, home: str = ""
) -> tuple[tuple[Deployment, ...], tuple[Problem, ...]]:
    """The lines of every log, by its name, and what is wrong with others; arguments as of `reports.read`."""
    return logs.read(repo, workspace, dvcfiles.join(home, FOLDER), parsed)


def parsed(content: bytes, name: str) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
    """The good lines of a log, oldest first, and what is wrong with the others. Of a long log, the newest.

    Args:
        name: of the deployment that the log is of.
    """

    def stray(item: Deployment) -> str:
        good = item.deployment == name and item.outcome in _OUTCOMES
        return "" if good else f"{item.deployment!r}, {item.outcome!r}"

    return logs.parsed(content, Deployment, "a deployment", stray, _MOST_BYTES)
