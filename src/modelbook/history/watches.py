"""What monitors found: `runs/monitors/MONITOR/BATCH.json` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from modelbook.history import dvcfiles, files
from modelbook.history.files import Unreadable
from modelbook.history.repository import GitTree, Repository, Tree
from modelbook.records import WORKSPACE, Commit, Problem, Watch

FOLDER = "runs/monitors"
_MOST = 5_000
_MOST_BYTES = 2_000_000


def read(
    repo: Repository, workspace: Tree | None, commits: Mapping[str, Commit], home: str = ""
) -> tuple[tuple[Watch, ...], tuple[Problem, ...]]:
    """Every result, by monitor and batch, and what is wrong with others; arguments as of `reports.read`."""
    folder = dvcfiles.join(home, FOLDER)
    watches: list[Watch] = []
    problems: list[Problem] = []
    found = [item for item in repo.below(workspace, folder) if _is_result(item[0].removeprefix(f"{folder}/"))]
    first = _first(repo, commits, folder)
    for path, blob in found[:_MOST]:
        monitor, batch = path.removeprefix(f"{folder}/").removesuffix(".json").split("/")
        try:
            made = parsed(repo.blob(blob), monitor, batch)
        except Unreadable as error:
            problems.append(Problem(path=path, reason=str(error)))
            made = Watch(monitor=monitor, batch=batch, status="unreadable", reason=f"the result: {error}")
        commit = first.get(path.removeprefix(f"{folder}/"))
        known = (commit.sha, commit.date) if commit else (WORKSPACE, "")
        watches.append(replace(made, commit=known[0], date=known[1]))
    return tuple(sorted(watches, key=lambda item: (item.monitor, item.batch))), tuple(problems)


def _is_result(path: str) -> bool:
    return path.endswith(".json") and path.count("/") == 1


def _first(repo: Repository, commits: Mapping[str, Commit], folder: str) -> dict[str, Commit]:
    """Path below the folder -> the commit that brought it to HEAD's line: along first parents."""
    found: dict[str, Commit] = {}
    commit = commits.get(repo.head)
    tree, here = _files(repo, commit, folder)
    left = here
    while commit and left:
        before = commits.get(commit.parents[0]) if commit.parents else None
        if _tree(repo, before, folder) != tree:
            tree, here = _files(repo, before, folder)
            found |= dict.fromkeys(left - here, commit)
            left &= here
        commit = before
    return found


def _tree(repo: Repository, commit: Commit | None, folder: str) -> str:
    """The id of a folder in a commit; empty where there is none."""
    try:
        entry = repo.tree(commit.sha).find(folder) if commit else None
    except Unreadable:
        return ""
    return entry.id if entry and entry.kind == "tree" else ""


def _files(repo: Repository, commit: Commit | None, folder: str) -> tuple[str, frozenset[str]]:
    """The same, and the paths of all files in it."""
    tree = _tree(repo, commit, folder)
    try:
        return tree, frozenset(path for path, _ in GitTree(repo, tree).below("")) if tree else frozenset()
    except Unreadable:
        return tree, frozenset()


def parsed(content: bytes, monitor: str, batch: str) -> Watch:
    """A result from the content of its file.

    Raises:
        Unreadable: it is none, or of another monitor or batch.
    """
    try:
        found = msgspec.json.decode(files.bounded(content, "a result", _MOST_BYTES), type=Watch)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"no result of a monitor: {error}") from error
    if (found.monitor, found.batch) != (monitor, batch):
        raise Unreadable(f"it says it is of {found.monitor} {found.batch}")
    return found
