"""A stage's definition joined with its lock entry and with the blobs of its outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from modelbook.history.dvcfiles import Locked, LockedOut, OutDef, StageDef
from modelbook.history.repository import Tree
from modelbook.records import Artifact, Dependency, Stage, State

Folders = tuple[str, ...]


def stages_at(joined: Iterable[Joined], tree: Tree) -> Iterator[tuple[Stage, bool]]:
    """(stage, whether it is an orphan) as each is in a tree: looked for again only where a folder changed."""
    ids: dict[Folders, tuple[str | None, ...]] = {}
    for one in joined:
        here = ids.get(one.folders)
        if here is None:
            here = ids[one.folders] = tuple([_folder(tree, folder) for folder in one.folders])
        yield one.known.get(here) or one.at(tree, here), one.orphan


def _folder(tree: Tree, path: str) -> str | None:
    entry = tree.find(path)
    return entry.id if entry and entry.kind == "tree" else None


def _blob(tree: Tree, path: str) -> str | None:
    entry = tree.find(path)
    return entry.id if entry and entry.kind == "blob" else None


class Joined:
    """A stage's definition joined with its lock entry; only the blobs in Git are still open."""

    def __init__(self, file: str, stage: StageDef, locked: Locked | None, *, orphan: bool) -> None:
        self._outs = _outs(stage, locked)
        self._stage = _stage(file, stage, locked, orphan=orphan)
        self._records: dict[tuple[str | None, ...], Stage] = {}
        self.folders = tuple(dict.fromkeys(out.path.rpartition("/")[0] for out, _lock in self._outs))
        self.known: dict[tuple[str | None, ...], Stage] = {}
        self.orphan = orphan
        self.hashes = {} if orphan else {lock.path: lock for _out, lock in self._outs if lock}

    def at(self, tree: Tree, ids: tuple[str | None, ...]) -> Stage:
        """The stage as it is in a tree, which is then `known`. Args: ids: of all `folders` in that tree."""
        blobs = tuple([_blob(tree, out.path) for out, _lock in self._outs])
        found = self.known[ids] = self._record(blobs)
        return found

    def _record(self, blobs: tuple[str | None, ...]) -> Stage:
        """The stage when its outputs have these blobs; the same object for the same blobs."""
        found = self._records.get(blobs)
        if found is None:
            pairs = zip(self._outs, blobs, strict=True)
            outs = tuple(_artifact(out, lock, blob, self._stage.address) for (out, lock), blob in pairs)
            found = self._records[blobs] = replace(self._stage, outs=outs)
        return found


def _outs(stage: StageDef, locked: Locked | None) -> tuple[tuple[OutDef, LockedOut | None], ...]:
    """Each output as declared with what the lock has of it; then those that only the lock has.

    A definition may have been edited since the run: what the run made, it made.
    """
    known = {out.path: out for out in locked.outs} if locked else {}
    declared = tuple((out, known.pop(out.path, None)) for out in stage.outs)
    return (*declared, *((OutDef(path=path), lock) for path, lock in known.items()))


def address_of(file: str, stage: StageDef) -> str:
    """DVC's address of a stage: its name in the root dvc.yaml, `FILE:NAME` elsewhere, an old stage's file."""
    if not file.endswith("dvc.yaml"):
        return file
    return stage.name if file == "dvc.yaml" else f"{file}:{stage.name}"


def _stage(file: str, stage: StageDef, locked: Locked | None, *, orphan: bool) -> Stage:
    address = address_of(file, stage)
    group, at, item = stage.name.partition("@")
    meta = stage.meta.get("modelbook")
    meta = meta if isinstance(meta, dict) else {}
    return Stage(
        address=address,
        file=file,
        group=group,
        item=item if at else None,
        cmd=locked.cmd if locked else stage.cmd,
        wdir=stage.wdir,
        deps=locked.deps if locked else tuple(Dependency(path=path) for path in stage.deps),
        params=tuple(replace(value, stage=address) for value in locked.params) if locked else (),
        description=stage.description,
        frozen=stage.frozen,
        experiment=_meta_text(meta, "experiment"),
        run=item if at and meta else None,
        pipeline=_meta_text(meta, "pipeline"),
        guard=meta.get("guard") is True,
        lock=locked.digest if locked else None,
        orphan=orphan,
    )


def _meta_text(meta: dict[str, Any], key: str) -> str | None:
    value = meta.get(key)
    return None if value is None else str(value)


def _artifact(out: OutDef, lock: LockedOut | None, blob: str | None, address: str) -> Artifact:
    return Artifact(
        path=out.path,
        md5=lock.md5 if lock else None,
        size=lock.size if lock else None,
        nfiles=lock.nfiles if lock else None,
        stage=address,
        kind=out.kind,
        cached=out.cached,
        blob=blob,
        state=State.PRESENT if lock or blob else State.NEVER,
        description=out.description,
    )
