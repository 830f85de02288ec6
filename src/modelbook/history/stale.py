"""Whether results are from the code, params and data beside them, told from a tree; nothing is run.

What DVC's `status` finds out in a workspace, from Git alone: each stage's definition beside its lock entry,
each dependency beside what the lock says it was. Only what is certain is said: a folder that may hold files
which Git ignores is compared only when it has as many files as the lock counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from modelbook._hashes import md5_of_folder, md5s
from modelbook.history import files
from modelbook.history.dvcfiles import LockedOut, StageDef, text
from modelbook.history.files import Unreadable
from modelbook.history.lockfile import Locked
from modelbook.history.repository import Tree
from modelbook.records import Stale, Value

if TYPE_CHECKING:
    from modelbook.history.snapshots import Reader

MOST_REASONS = 4
"""Reasons given for one stage; the rest are counted."""


class Defined(NamedTuple):
    """A stage as its dvc.yaml defines it, with its lock entry; None for one that never ran."""

    address: str
    stage: StageDef
    locked: Locked | None


class Contents:
    """What stands at paths of one tree, for whoever compares it with hashes and values."""

    def __init__(self, tree: Tree, reader: Reader, outs: Mapping[str, LockedOut]) -> None:
        """Args: outs: path -> what a lock or a `.dvc` file says it holds now."""
        self._tree, self._reader, self._outs = tree, reader, outs

    def hashes(self, path: str, nfiles: int | None) -> set[str] | None:
        """The hashes that DVC may give what stands there; None when that cannot be told."""
        found = self._reader.find(self._tree, path)
        if found.entry is None:
            out = self._outs.get(path)
            return {out.md5} if out and out.md5 else None
        if found.entry.kind == "blob":
            return set(md5s(self._reader.content(found.entry.id)))
        inner = self._tree.below(found.path)
        if found.entry.kind != "tree" or nfiles is None or len(inner) != nfiles:
            return None
        return {self._folder(found.path, inner, first) for first in (True, False)}

    def _folder(self, path: str, inner: list[tuple[str, str]], first: bool) -> str:
        """The hash of a folder's list of files. Args: first: which of a file's two hashes to take."""
        at = 0 if first else -1
        hashed = ((name, list(md5s(self._reader.content(blob)))[at]) for name, blob in inner)
        return md5_of_folder((name[len(path) + 1 :], one) for name, one in hashed)

    def values(self, path: str) -> Any:
        """The content of a params file; None when it is not in Git.

        Raises:
            Unreadable: it is, and cannot be read.
        """
        entry = self._reader.find(self._tree, path).entry
        return self._reader.data(path, entry.id) if entry and entry.kind == "blob" else None


def stale(stages: Iterable[Defined], contents: Contents) -> Iterator[Stale]:
    """Every stage whose results are not from what stands beside them, with the reasons in one sentence."""
    for defined in stages:
        reasons: list[str] = []
        with suppress(Unreadable):  # what this clone lacks is not judged; the reasons before it stand
            reasons.extend(_reasons(defined, contents))
        if reasons:
            more = len(reasons) - MOST_REASONS
            said = "; ".join(reasons[:MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")
            yield Stale(stage=defined.address, reason=said)


def _reasons(defined: Defined, contents: Contents) -> Iterator[str]:
    stage, locked = defined.stage, defined.locked
    if stage.frozen or not stage.cmd:
        return
    if locked is None:
        yield "it is defined, and dvc.lock has no run of it"
        return
    if text(stage.cmd) != locked.cmd:
        yield "its command is not the one that was run"
    yield from _params(stage, locked, contents)
    yield from _deps(stage, locked, contents)
    for out in stage.outs:
        known = next((item for item in locked.outs if item.path == out.path), None)
        if known is None:
            yield f"{out.path} is a new output"
        elif not out.cached and known.md5:
            now = contents.hashes(out.path, known.nfiles)
            if now is not None and known.md5 not in now:
                yield f"{out.path} is not what the stage wrote"


def _deps(stage: StageDef, locked: Locked, contents: Contents) -> Iterator[str]:
    known = {dep.path: dep for dep in locked.deps}
    for path in stage.deps:
        dep = known.get(path)
        if dep is None:
            yield f"{path} is a new dependency"
        elif dep.md5:
            now = contents.hashes(path, dep.nfiles)
            if now is not None and dep.md5 not in now:
                yield f"{path} changed"


def _params(stage: StageDef, locked: Locked, contents: Contents) -> Iterator[str]:
    recorded: dict[str, dict[tuple[str, ...], Value]] = {}
    for value in locked.params:
        recorded.setdefault(value.path, {})[value.key] = value
    for path, keys in stage.params:
        try:
            data = contents.values(path)
        except Unreadable as error:
            yield f"{path} cannot be read: {error}"
            continue
        if data is not None:
            yield from _changed(path, dict(_wanted(data, keys)), recorded.get(path, {}))


def _wanted(data: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every leaf that a stage reads of a params file."""
    for dotted in keys or [""]:
        there, value = files.lookup(data, dotted) if dotted else (True, data)
        if there:
            for key, leaf in files.leaves(value):
                yield ".".join([*([dotted] if dotted else []), *key]), leaf


def _changed(path: str, now: Mapping[str, Any], recorded: Mapping[tuple[str, ...], Value]) -> Iterator[str]:
    then = {value.name: value.value for value in recorded.values()}
    for name in sorted(now.keys() & then.keys()):
        if _spelled(now[name]) != _spelled(then[name]):
            yield f"{name} of {path} is {_spelled(now[name])}, and was {_spelled(then[name])} in the run"
    for name in sorted(now.keys() - then.keys()):
        yield f"{name} of {path} was not there in the run"
    for name in sorted(then.keys() - now.keys()):
        yield f"{name} is gone from {path}"


def _spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)[:60]
