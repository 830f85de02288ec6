"""A stage's definition joined with its lock entry and with the blobs of its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, NamedTuple

from msgspec.structs import replace

from modelbook.history.dvcfiles import Definition, LockedOut, OutDef, StageDef
from modelbook.history.lockfile import Locked
from modelbook.history.repository import Tree
from modelbook.records import Artifact, Dependency, Stage, State


class Source(NamedTuple):
    """Where a stage of a layout comes from: its definition, or only its name in the lock."""

    stage: StageDef
    orphan: bool


def sources_of(folder: str, definition: Definition | None, names: Iterable[str]) -> tuple[Source, ...]:
    """The stages of a dvc.yaml, then those that only its lock names."""
    defined = tuple(Source(stage, orphan=False) for stage in definition.stages) if definition else ()
    known = definition.names if definition else frozenset()
    others = [StageDef(name=name, wdir=folder) for name in names if name not in known]
    return (*defined, *(Source(stage, orphan=definition is not None) for stage in others))


class Layout:
    """What one dvc.yaml and one dvc.lock say together, whatever else is in the tree.

    Attributes:
        sources, raws, joined: of each stage, where it comes from, its raw lock entry and the two joined.
        folders: those that hold outputs of a stage, for every stage. orphans: whether any stage is one.
        hashes: of the stages' outputs, as the lock has them.
    """

    def __init__(self, sources: tuple[Source, ...], raws: list[Any], joined: list[Joined]) -> None:
        self.sources, self.raws, self.joined = sources, raws, joined
        self.folders = {one.folders for one in joined}
        self.orphans = any(source.orphan for source in sources)
        self.hashes: dict[str, LockedOut] = {}
        for one in joined:
            self.hashes.update(one.hashes)

    def changed(self, raws: list[Any], join: Callable[[Source, Any], Joined]) -> Layout:
        """The layout of the same stages with these raw entries: only what is not the same is joined anew."""
        joined, places = self.joined.copy(), []
        for at, (old, raw) in enumerate(zip(self.raws, raws, strict=True)):
            if old is not raw:
                joined[at] = join(self.sources[at], raw)
                places.append(at)
        if any(joined[at].hashes.keys() != self.joined[at].hashes.keys() for at in places):
            return Layout(self.sources, raws, joined)
        found = copy(self)
        found.raws, found.joined, found.hashes = raws, joined, self.hashes.copy()
        found.folders = self.folders.union(joined[at].folders for at in places)
        for at in places:
            found.hashes.update(joined[at].hashes)
        return found

    def at(self, tree: Tree) -> tuple[list[Stage], list[Artifact]]:
        """The stages and their outputs as they are in a tree; an orphan's outputs are nobody's."""
        ids = {folders: tuple([_folder(tree, folder) for folder in folders]) for folders in self.folders}
        stages = [one.known.get(here := ids[one.folders]) or one.at(tree, here) for one in self.joined]
        if self.orphans:
            owned = zip(self.sources, stages, strict=True)
            return stages, [out for source, stage in owned if not source.orphan for out in stage.outs]
        return stages, [out for stage in stages for out in stage.outs]


def _folder(tree: Tree, path: str) -> str | None:
    entry = tree.find(path)
    return entry.id if entry and entry.kind == "tree" else None


class Joined:
    """A stage's definition joined with its lock entry; only the blobs in Git are still open."""

    def __init__(self, file: str, stage: StageDef, locked: Locked | None, *, orphan: bool) -> None:
        self._outs = _outs(stage, locked)
        self._stage = _stage(file, stage, locked, orphan=orphan)
        self._records: dict[tuple[str | None, ...], Stage] = {}
        self._paths = [out.path for out, _lock in self._outs]
        self.folders = tuple(dict.fromkeys([path.rpartition("/")[0] for path in self._paths]))
        self.known: dict[tuple[str | None, ...], Stage] = {}
        self.orphan = orphan
        self.hashes = {} if orphan else {lock.path: lock for _out, lock in self._outs if lock}

    def at(self, tree: Tree, ids: tuple[str | None, ...]) -> Stage:
        """The stage as it is in a tree, which is then `known`. Args: ids: of all `folders` in that tree."""
        entries = [tree.find(path) for path in self._paths]
        blobs = tuple([entry.id if entry and entry.kind == "blob" else None for entry in entries])
        found = self.known[ids] = self._records.get(blobs) or self._record(blobs)
        return found

    def _record(self, blobs: tuple[str | None, ...]) -> Stage:
        """The stage when its outputs have these blobs; the same object for the same blobs."""
        pairs = zip(self._outs, blobs, strict=True)
        outs = tuple([_artifact(out, lock, blob, self._stage.address) for (out, lock), blob in pairs])
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
        params=locked.params if locked else (),
        description=stage.description,
        frozen=stage.frozen,
        experiment=_meta_text(meta, "experiment"),
        run=item if at and meta else None,
        pipeline=_meta_text(meta, "pipeline"),
        guard=meta.get("guard") is True,
        lock=locked.digest if locked else None,
        orphan=orphan,
        monitor=_meta_text(meta, "monitor") or "",
        scores=_meta_text(meta, "scores") or "",
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
