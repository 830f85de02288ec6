"""Git objects -> records: every commit of a history as a `Snapshot`. Never a checkout, never DVC itself."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from modelbook.errors import UnknownRevision
from modelbook.history import deployments, notices, reports, reproductions, retrains, watches
from modelbook.history.brought import PULLED, Pulled
from modelbook.history.cache import Cache, Stored
from modelbook.history.code import CodeReader
from modelbook.history.files import Unreadable
from modelbook.history.plots import plot_rows
from modelbook.history.reports import FOLDER as REPORTS
from modelbook.history.repository import Repository, Tree, workspace_commit
from modelbook.history.snapshots import Reader
from modelbook.history.stale import Contents, stale
from modelbook.records import (
    WORKSPACE,
    Commit,
    Deployment,
    ExperimentRef,
    Later,
    Notice,
    Problem,
    Record,
    Report,
    Reproduction,
    Retraining,
    Score,
    Snapshot,
    Stale,
    Tag,
    Value,
    Watch,
)

__all__ = [
    "PULLED",
    "REPORTS",
    "Cache",
    "CodeReader",
    "History",
    "Pulled",
    "Repository",
    "Stored",
    "Unreadable",
    "collector_paused",
    "export",
    "plot_rows",
    "read",
    "read_one",
    "read_pair",
]


T = TypeVar("T")


class History(Record, frozen=True, kw_only=True):
    """All that was read.

    Attributes:
        name: of the repository, for a project that does not say its own.
        head: sha of HEAD, `WORKSPACE` if the workspace differs from it, empty when there is nothing.
        snapshots: newest first; the workspace, if it differs from HEAD, is the first.
        problems: of the repository itself; those of a commit are in its snapshot.
        reports, reproductions, watches, notices, deployments, retrainings, scores: those of HEAD or the
            workspace; the last five are read when someone asks, and with them `faults`: their problems.
        tags: every Git tag of a commit, by name. experiments: every experiment ref of DVC's.
    """

    name: str
    head: str = ""
    snapshots: tuple[Snapshot, ...] = ()
    problems: tuple[Problem, ...] = ()
    tags: tuple[Tag, ...] = ()
    experiments: tuple[ExperimentRef, ...] = ()
    reports: tuple[Report, ...] = ()
    reproductions: tuple[Reproduction, ...] = ()
    watches: Sequence[Watch] = ()
    notices: Sequence[Notice] = ()
    deployments: Sequence[Deployment] = ()
    retrainings: Sequence[Retraining] = ()
    scores: Sequence[Score] = ()
    faults: Sequence[Problem] = ()


def read(
    repository: Repository | Path | str,
    refs: str = "all",
    *,
    progress: Callable[[int, int], None] | None = None,
    pulled: Pulled | None = None,
    stored: Stored | None = None,
) -> History:
    """Read the history of a repository.

    Args:
        refs: see `Repository.commits`.
        progress: called with (commits read, commits in all) now and then.
        pulled: content by DVC's hash, for files that are not in Git; see `PULLED`.
        stored: what an earlier reading without `pulled` found; the value is the same without.

    Raises:
        NotARepository: the path is in no Git repository.
        UnknownRevision: `refs` names one that is not there.
    """
    repo = repository if isinstance(repository, Repository) else Repository(repository)
    reader = Reader(repo.blob, repo.name, pulled, repo.project)
    with collector_paused():
        snapshots = _snapshots(repo, reader, refs, progress or _silent, stored)
    head = repo.head
    at_head = next((snapshot for snapshot in snapshots if snapshot.commit.sha == head), None)
    tree = repo.workspace()
    workspace = _workspace(tree, reader, at_head)
    commits = {snapshot.commit.sha: snapshot.commit for snapshot in snapshots}
    home = _home(workspace or at_head)
    watched, ill = _later(lambda: watches.read(repo, tree, commits, home))
    noticed, unread = _later(lambda: notices.read(repo, tree, home))
    deployed, odd = _later(lambda: deployments.read(repo, tree, home))
    retrained, wrong = _later(lambda: retrains.read(repo, tree, home))
    scored, unscored = _later(lambda: retrains.scores(repo, tree, home))
    return History(
        name=repo.name,
        head=WORKSPACE if workspace else head,
        snapshots=(workspace, *snapshots) if workspace else tuple(snapshots),
        problems=repo.problems(),
        tags=repo.tags(),
        experiments=repo.experiments(),
        reports=reports.read(repo, tree, commits, home),
        reproductions=reproductions.read(repo, tree, commits, home),
        watches=watched,
        notices=noticed,
        deployments=deployed,
        retrainings=retrained,
        scores=scored,
        faults=Later(lambda: (*ill, *unread, *odd, *wrong, *unscored)),
    )


def _later(make: Callable[[], tuple[tuple[T, ...], tuple[Problem, ...]]]) -> tuple[Later[T], Later[Problem]]:
    """What is read of many files, and what is wrong with them: both when someone asks for one."""
    both = Later[Any](make)
    return Later(lambda: both[0]), Later(lambda: both[1])


def _home(snapshot: Snapshot | None) -> str:
    """The folder of the mlproject.yaml that counts."""
    file = snapshot.project.file if snapshot and snapshot.project else ""
    return file.rpartition("/")[0]


def read_one(repository: Repository | Path | str, revision: str, *, pulled: Pulled | None = None) -> Snapshot:
    """Read one revision: any that Git knows, the short name of a ref, or `workspace`.

    Raises:
        NotARepository: the path is in no Git repository.
        UnknownRevision: there is no such revision; `workspace` in a bare repository.
    """
    repo = repository if isinstance(repository, Repository) else Repository(repository)
    return Reader(repo.blob, repo.name, pulled, repo.project).read(*_at(repo, revision))


def read_pair(repository: Repository, base: str, head: str) -> tuple[Snapshot, Snapshot, tuple[Stale, ...]]:
    """Two revisions, and the stages of the second whose results are not from its code. See `read_one`.

    Raises:
        UnknownRevision: there is no such revision.
    """
    reader = Reader(repository.blob, repository.name, folder=repository.project)
    old = reader.read(*_at(repository, base))
    tree, commit = _at(repository, head)
    new = reader.read(tree, commit)
    try:
        stages, outs = reader.defined(tree)
    except Unreadable:
        return old, new, ()  # the snapshot's problems say why
    return old, new, tuple(stale(stages, Contents(tree, reader, outs)))


def export(repository: Repository, revision: str, wanted: Callable[[Tree], Iterable[str]], to: Path) -> None:
    """Write a few files of a revision below a folder, at their paths; links inside the repository followed.

    Args:
        wanted: the paths, from what the revision holds; those that are no file are left out.
    """
    tree, _commit = _at(repository, revision)
    reader = Reader(repository.blob, repository.name, folder=repository.project)
    for path in wanted(tree):
        entry = reader.find(tree, path).entry
        if entry is None or entry.kind != "blob" or not {"..", "."}.isdisjoint(path.split("/")):
            continue
        with suppress(Unreadable):  # then it is missing there, too
            content = repository.blob(entry.id)
            target = to / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _at(repo: Repository, revision: str) -> tuple[Tree, Commit]:
    """What stands at a revision; the files of HEAD for a workspace where nothing is changed.

    Raises:
        UnknownRevision: there is no such revision; `workspace` in a bare or an empty repository.
    """
    if revision != WORKSPACE:
        commit = repo.commit(repo.resolve(revision))
        return repo.tree(commit.sha), commit
    head = repo.commit(repo.head) if repo.head else None
    tree = repo.workspace()
    if tree is not None:
        return tree, workspace_commit(head)
    if head is None or repo.bare:
        raise UnknownRevision(revision)
    return repo.tree(head.sha), workspace_commit(head)


def _snapshots(
    repo: Repository,
    reader: Reader,
    refs: str,
    progress: Callable[[int, int], None],
    stored: Stored | None,
) -> list[Snapshot]:
    commits = repo.commits(refs, stored.commits if stored else None)
    found = []
    for number, commit in enumerate(commits):
        if number % 100 == 0:
            progress(number, len(commits))
        if stored and commit.sha in stored:
            found.append(stored.snapshot(commit, partial(_params, repo, reader, commit)))
        else:
            found.append(reader.read(repo.tree(commit.sha), commit))
    progress(len(commits), len(commits))
    return found


def _params(repo: Repository, reader: Reader, commit: Commit) -> tuple[Value, ...]:
    return tuple(reader.read(repo.tree(commit.sha), commit).params)


def _silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


@contextmanager
def collector_paused() -> Generator[None]:
    """Hold the cycle collector back: all we make stays, and looking through it costs much of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()


def _workspace(tree: Tree | None, reader: Reader, at_head: Snapshot | None) -> Snapshot | None:
    """The workspace, when what it says differs from what HEAD says; None for a clean one."""
    if tree is None:
        return None
    commit = workspace_commit(at_head.commit if at_head else None)
    found = reader.read(tree, commit)
    if at_head is not None:
        return None if found == msgspec.structs.replace(at_head, commit=commit) else found
    return None if found == Snapshot(commit=commit) else found
