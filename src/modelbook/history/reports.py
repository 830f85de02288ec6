"""Reports: the Markdown files of `reports/` at HEAD or in the workspace, and who changed each last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from modelbook.history import dvcfiles, files
from modelbook.history.files import Unreadable
from modelbook.history.links import follow
from modelbook.history.repository import Repository, Tree
from modelbook.records import WORKSPACE, Commit, Report

FOLDER = "reports"
MOST_REPORTS = 200
"""More than these are data in Markdown, not reports."""

MOST_BYTES = 500_000
_MOST_IMAGES = 100
_IMAGE = re.compile(r"!\[[^\]\n]*\]\(\s*<?([^)>\s]+)")
_WEB = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")


def read(
    repo: Repository, workspace: Tree | None, commits: Mapping[str, Commit], home: str = ""
) -> tuple[Report, ...]:
    """Every report, by path.

    Args:
        workspace: the files of the working tree, if they differ from HEAD's.
        commits: those of the history that was read, by sha.
        home: the folder that `reports/` is in.
    """
    tree = workspace or (repo.tree(repo.head) if repo.head else None)
    folder = dvcfiles.join(home, FOLDER)
    found = repo.below(workspace, folder)
    marked = [(path, blob) for path, blob in found if path.endswith(".md")][:MOST_REPORTS]
    last = LastChange(repo, commits)
    return tuple(_report(repo, tree, folder, path, blob, last) for path, blob in marked if tree)


def _report(repo: Repository, tree: Tree, folder: str, path: str, blob: str, last: LastChange) -> Report:
    commit = last.changed(path, blob)
    text, reason = "", ""
    try:
        text = files.text(files.bounded(repo.blob(blob), "a report", MOST_BYTES))
    except Unreadable as error:
        reason = str(error)
    return Report(
        name=path.removeprefix(f"{folder}/").removesuffix(".md"),
        path=path,
        text=text,
        commit=commit.sha if commit else WORKSPACE,
        date=commit.date if commit else "",
        author=commit.author if commit else "",
        images=tuple(_images(repo, tree, path, text)),
        reason=reason,
    )


def _images(repo: Repository, tree: Tree, path: str, text: str) -> Iterator[tuple[str, str]]:
    """(path, blob id) of what a text shows by a relative address, as far as it is there."""
    wanted = dict.fromkeys(unquote(found[1]) for found in _IMAGE.finditer(text) if not _WEB.match(found[1]))
    for href in list(wanted)[:_MOST_IMAGES]:
        target = dvcfiles.join(path.rpartition("/")[0], href)
        entry = follow(tree, target, lambda link: repo.blob(link).decode("utf-8", "replace")).entry
        if entry is not None and entry.kind == "blob":
            yield target, entry.id


class LastChange:
    """Who changed a file last, as `git log -1` tells it: along parents that have it unchanged."""

    def __init__(self, repo: Repository, commits: Mapping[str, Commit]) -> None:
        self._repo = repo
        self._commits = commits

    def changed(self, path: str, blob: str) -> Commit | None:
        """The commit that gave a file this content; None when HEAD has another one."""
        commit = self._commits.get(self._repo.head)
        if commit is None or self._blob(commit.sha, path) != blob:
            return None
        while True:
            same = (
                parent
                for sha in commit.parents
                if (parent := self._commits.get(sha)) and self._blob(sha, path) == blob
            )
            older = next(same, None)
            if older is None:
                return commit
            commit = older

    def _blob(self, sha: str, path: str) -> str | None:
        try:
            entry = self._repo.tree(sha).find(path)
        except Unreadable:
            return None
        return entry.id if entry and entry.kind == "blob" else None
