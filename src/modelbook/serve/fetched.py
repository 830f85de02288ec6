"""A version's package, out of DVC's cache or remote, checked against the hash that `dvc.lock` has of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from modelbook import _hashes, package, pull
from modelbook.errors import ModelbookError
from modelbook.records import Artifact, Run

MOST_BYTES = 20_000_000_000
_MARK = "MLmodel"


class NotPackaged(ModelbookError):
    """A run made no package."""

    def __init__(self, run: Run) -> None:
        super().__init__(
            f"run {run.id} ({run.name}) has no package",
            hint="add package: to its pipeline, `modelbook repro`, commit, and register the run that makes",
        )


class NotInCache(ModelbookError):
    """Neither DVC's cache nor its remote has a package, or not as it was written."""

    def __init__(self, path: str, md5: str, reason: str) -> None:
        super().__init__(
            f"{path} ({md5}): {reason}", hint="`dvc pull` where it was made, `dvc push` there first"
        )


def fetch(root: Path, run: Run, folder: Path) -> Artifact:
    """Write the files of a run's package into a folder; every one is what the lock file says.

    Args:
        root: of the DVC repository.

    Raises:
        NotPackaged, NotInCache: there is none, or it is not to be had.
        Damaged: it was not whole when it was made.
    """
    store = pull.Store(MOST_BYTES)
    out = _package(store, root, run)
    listing = pull.listing(_content(store, out, out.md5 or ""))
    store.bring(root, listing.values())
    for path, md5 in listing.items():
        target = folder / _inside(path, out)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_content(store, out, md5))
    package.verify(folder)
    return out


def expect(run: Run) -> None:
    """See that a run may have a package, by what its lock says alone.

    Raises:
        NotPackaged: it made no folder at all.
    """
    if not any(_folders(run)):
        raise NotPackaged(run)


def _package(store: pull.Store, root: Path, run: Run) -> Artifact:
    """The out that is a package: a folder with `MLmodel` in it, that of a stage called package first."""
    outs = sorted(_folders(run), key=lambda out: (not _is_packaging(out.stage), out.path))
    for out in outs:
        store.bring(root, [out.md5 or ""])
        content = store.get(out.md5 or "")
        if content is not None and _MARK in pull.listing(content):
            return out
    if outs and _is_packaging(outs[0].stage):
        raise NotInCache(
            outs[0].path, outs[0].md5 or "", "; ".join(store.problems) or "is not in DVC's cache"
        )
    raise NotPackaged(run)


def _folders(run: Run) -> Iterator[Artifact]:
    return (out for out in run.artifacts if out.kind == "out" and (out.md5 or "").endswith(".dir"))


def _is_packaging(stage: str | None) -> bool:
    return (stage or "").rpartition(":")[2].partition("@")[0].endswith("package")


def _content(store: pull.Store, out: Artifact, md5: str) -> bytes:
    content = store.get(md5)
    if content is None:
        raise NotInCache(out.path, md5, "; ".join(store.problems) or "is not in DVC's cache")
    if _hashes.md5(content) != md5.removesuffix(".dir"):
        raise NotInCache(out.path, md5, "what DVC's cache has is not what the hash says")
    return content


def _inside(path: str, out: Artifact) -> PurePosixPath:
    """A path of the listing, which must not lead out of the folder."""
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts or not found.parts:
        raise NotInCache(out.path, out.md5 or "", f"its list of files has {path!r}")
    return found
