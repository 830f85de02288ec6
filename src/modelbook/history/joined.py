"""A stage's definition joined with its lock entry and with the blobs of its outputs."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from modelbook.history.dvcfiles import Locked, LockedOut, OutDef, StageDef
from modelbook.history.repository import Tree
from modelbook.records import Artifact, Dependency, Stage, State


class Blobs:
    """Finds the blobs of many paths in one tree, asking each folder once."""

    def __init__(self, tree: Tree, known: dict[tuple[str, str], str | None]) -> None:
        """Args: known: (folder's id, name) -> blob id, shared by all trees and added to."""
        self._tree = tree
        self._known = known
        self._folders: dict[str, str | None] = {}

    def find(self, place: tuple[str, str]) -> str | None:
        """The id of the blob at (folder, name), or None."""
        folder, name = place
        try:
            here = self._folders[folder]
        except KeyError:
            entry = self._tree.find(folder)
            here = self._folders[folder] = entry.id if entry and entry.kind == "tree" else None
        if here is None:
            return None
        try:
            return self._known[here, name]
        except KeyError:
            entry = self._tree.find(f"{folder}/{name}" if folder else name)
            blob = self._known[here, name] = entry.id if entry and entry.kind == "blob" else None
            return blob


class Joined:
    """A stage's definition joined with its lock entry; only the blobs in Git are still open."""

    def __init__(self, file: str, stage: StageDef, locked: Locked | None, *, orphan: bool) -> None:
        self._outs = _outs(stage, locked)
        self._stage = _stage(file, stage, locked, orphan=orphan)
        self._records: dict[tuple[str | None, ...], Stage] = {}
        self.places = tuple(_place(out.path) for out, _lock in self._outs)
        self.hashes = {lock.path: lock for _out, lock in self._outs if lock}

    def record(self, blobs: tuple[str | None, ...]) -> Stage:
        """The stage when its outputs have these blobs; the same object for the same blobs."""
        found = self._records.get(blobs)
        if found is None:
            pairs = zip(self._outs, blobs, strict=True)
            outs = tuple(_artifact(out, lock, blob, self._stage.address) for (out, lock), blob in pairs)
            found = self._records[blobs] = replace(self._stage, outs=outs)
        return found


def _place(path: str) -> tuple[str, str]:
    folder, _slash, name = path.rpartition("/")
    return folder, name


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
