"""Which branch a commit belongs to. Git does not keep that: it is told from where the refs point now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from modelbook.pages.index import Index
from modelbook.records import WORKSPACE, Run

_MAIN = ("main", "master", "trunk", "develop")
_VERSION = re.compile(r"v?\d+(\.\d+)+|.*[@#]")


def branches(index: Index) -> Mapping[str, str]:
    """Commit -> the ref it belongs to.

    Refs take commits one after the other, HEAD's first: each takes those on its own line of first parents,
    then what was merged into it. So a commit on ten branches belongs to the one that most others came from.
    """
    tips = {ref: sha for sha, snapshot in index.snapshots.items() for ref in snapshot.commit.refs}
    order = sorted(tips, key=lambda ref: _weight(ref, tips[ref] == _head(index)))
    found: dict[str, str] = {}
    for line in (_first_parents, _ancestors):
        for ref in order:
            for sha in line(index, tips[ref], found, ref):
                found[sha] = ref
    if WORKSPACE in index.snapshots:
        found[WORKSPACE] = found.get(_head(index), "")
    return found


def base(run: Run) -> str:
    """The commit a run was made on: where `dvc exp run` started from, else the first that holds it."""
    return run.baseline or run.commit


def _head(index: Index) -> str:
    head = index.catalog.head
    parents = index.snapshots[head].commit.parents if head == WORKSPACE and head in index.snapshots else ()
    return parents[0] if parents else head


def _weight(ref: str, head: bool) -> tuple[object, ...]:
    """Branches that others start from come first; then others, remotes, tags, pull requests, experiments."""
    name = ref.rpartition("/")[2]
    kinds = ("exps/", "pull/", "merge-requests/")
    kind = 3 if ref.startswith(kinds) else 2 if _VERSION.match(ref) else 1 if ref.startswith("origin/") else 0
    return kind >= 2, not head, _MAIN.index(name) if name in _MAIN else len(_MAIN), kind, ref


def _first_parents(index: Index, sha: str, taken: Mapping[str, str], _ref: str) -> Iterator[str]:
    while sha in index.snapshots and sha not in taken:
        yield sha
        sha = next(iter(index.snapshots[sha].commit.parents), "")


def _ancestors(index: Index, tip: str, taken: Mapping[str, str], ref: str) -> Iterator[str]:
    """What was merged into a line of first parents and belongs to no ref yet."""
    own = [tip]
    while own and own[-1] in index.snapshots and taken.get(own[-1]) == ref:
        own.append(next(iter(index.snapshots[own[-1]].commit.parents), ""))
    waiting = list(_parents(index, own))
    while waiting:
        sha = waiting.pop()
        if sha in index.snapshots and sha not in taken:
            yield sha
            waiting += index.snapshots[sha].commit.parents


def _parents(index: Index, shas: Iterable[str]) -> Iterator[str]:
    for sha in shas:
        if sha in index.snapshots:
            yield from index.snapshots[sha].commit.parents[1:]
