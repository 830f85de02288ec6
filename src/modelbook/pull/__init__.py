"""Brings what is not in Git: metrics, params and plots that lie in DVC's cache or a remote, by their hashes.

The cache is read as it lies on disk. What it does not have, DVC fetches, in a process of its own: importing
it takes a second, and nobody who does not ask for this should wait for it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from modelbook import _process
from modelbook.errors import ModelbookError
from modelbook.records import Plot, Snapshot, State, Value

MAX_BYTES = 50_000_000
"""Larger files are no metrics, and are left where they are."""

_HASH = re.compile(r"[0-9a-f]{32}(?:\.dir)?")
_LAYOUTS = ("files/md5", ".")
"""Where a cache keeps its files since DVC 3, and before it."""


class Wanted(NamedTuple):
    """A file that some commit speaks of and Git does not have; `md5` may be that of a folder around it."""

    path: str
    md5: str


class Store:
    """What was brought, by hash.

    Args:
        most_bytes: larger files are left where they are.

    Attributes:
        problems: why something could not be brought, a sentence each.
    """

    def __init__(self, most_bytes: int = MAX_BYTES) -> None:
        self._most = most_bytes
        self._found: dict[str, bytes] = {}
        self.problems: list[str] = []

    def get(self, md5: str) -> bytes | None:
        """The content of that hash, or None."""
        return self._found.get(md5)

    def bring(self, root: Path, hashes: Iterable[str]) -> None:
        """Have the content of these hashes at hand, from the cache of a DVC repository or its remote."""
        wanted = {md5 for md5 in hashes if _HASH.fullmatch(md5)} - set(self._found)
        if not wanted:
            return
        try:
            cache = Path(_dvc(root, "cache", "dir").strip())
            missing = self._read(cache, wanted)
            if missing:
                self._fetch(root, missing)
                self._read(cache, missing)
        except ModelbookError as error:
            self.problems.append(" ".join(str(error).split())[-400:])

    def _read(self, cache: Path, hashes: Iterable[str]) -> list[str]:
        """Take in what the cache has; the hashes that it has not."""
        missing = []
        for md5 in sorted(hashes):
            content = _cached(cache, md5, self._most)
            if content is None:
                missing.append(md5)
            else:
                self._found[md5] = content
        return missing

    def _fetch(self, root: Path, hashes: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            listing = Path(folder) / "hashes"
            listing.write_text("\n".join(hashes), encoding="utf-8")
            argv = [sys.executable, "-m", "modelbook.pull.remote", str(root), str(listing)]
            _process.run(argv, cwd=root, env=_process.own_bin_first())


def wanted(snapshots: Iterable[Snapshot]) -> list[Wanted]:
    """Every metric, param and plot file of these snapshots that only its hash is known of, sorted."""
    found: set[Wanted] = set()
    known: set[int] = set()
    for snapshot in snapshots:
        for part in (snapshot.metrics, snapshot.params, snapshot.plots):
            if id(part) not in known:
                known.add(id(part))
                found.update(_wanted(part))
    return sorted(found)


def _wanted(part: Iterable[Value | Plot]) -> Iterator[Wanted]:
    for item in part:
        if item.state is not State.NOT_PULLED or item.md5 is None:
            continue
        if not item.md5.endswith(".dir") and (item.size or 0) > MAX_BYTES:
            continue
        paths = [item.path] if isinstance(item, Value) else [path for path, blob in item.files if not blob]
        yield from (Wanted(path, item.md5) for path in paths)


def bring(root: Path, files: Iterable[Wanted]) -> Store:
    """All these files, as far as a cache or a remote has them.

    Args:
        root: of the working tree; each file is looked for in the nearest DVC repository around it.
    """
    store = Store()
    by_home: dict[Path, list[Wanted]] = {}
    for item in files:
        home = _home(root, item.path)
        if home is None:
            store.problems.append(f"no DVC repository is around {item.path}: there is no .dvc folder to ask")
        else:
            by_home.setdefault(home, []).append(item)
    for home, items in sorted(by_home.items()):
        store.bring(home, {item.md5 for item in items})
        store.bring(home, {md5 for item in items for md5 in _inside(store, item)})
    store.problems = sorted(set(store.problems))
    return store


def listing(content: bytes) -> dict[str, str]:
    """Path in a cached folder -> hash, from the folder's `.dir` object; empty for anything else."""
    try:
        rows = json.loads(content)
        return {str(row["relpath"]): str(row["md5"]) for row in rows}
    except (ValueError, TypeError, KeyError):
        return {}


def _inside(store: Store, item: Wanted) -> Iterator[str]:
    """The hashes of the files of a folder that may be the one wanted."""
    content = store.get(item.md5) if item.md5.endswith(".dir") else None
    for path, md5 in listing(content).items() if content is not None else ():
        if f"/{item.path}".endswith(f"/{path}") or _is_small_by_name(path):
            yield md5


def _is_small_by_name(path: str) -> bool:
    return path.lower().endswith((".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".toml"))


def _home(root: Path, path: str) -> Path | None:
    """The nearest folder above a path, within the repository, that is a DVC repository."""
    here = root.joinpath(*(part for part in path.split("/")[:-1] if part not in ("", ".", "..")))
    for folder in (here, *here.parents):
        if (folder / ".dvc").is_dir():
            return folder
        if folder == root:
            break
    return None


def _cached(cache: Path, md5: str, most_bytes: int) -> bytes | None:
    for layout in _LAYOUTS:
        path = cache / layout / md5[:2] / md5[2:]
        try:
            if path.stat().st_size <= most_bytes:
                return path.read_bytes()
        except OSError:
            continue
    return None


def _dvc(root: Path, *words: str) -> str:
    return _process.run(["dvc", *words], cwd=root, env=_process.own_bin_first())
