"""Which path leads to which: the one place that says when a dependency is made by an output."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def parents(path: str) -> Iterator[str]:
    """The path itself, then every folder it lies in, without the root."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def normal_folder(text: str) -> str:
    """A folder as people type it (`./a/`, `a\\b`) as a path below the root, which is the empty one."""
    path = posixpath.normpath(text.replace("\\", "/")).strip("/")
    return "" if path == "." else path


def inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it; the empty folder holds everything."""
    return not folder or path == folder or path.startswith(f"{folder}/")


class Owners(Generic[T]):
    """Finds who owns a path, when owners hold files and whole folders."""

    def __init__(self, owned: Iterable[tuple[str, T]]) -> None:
        self._owners: dict[str, list[T]] = {}
        for path, owner in owned:
            self._owners.setdefault(path, []).append(owner)
        self._sorted = sorted(self._owners)

    def around(self, path: str) -> list[T]:
        """The owners of the path itself or of a folder it lies in, nearest first."""
        return [owner for parent in parents(path) for owner in self._owners.get(parent, ())]

    def of(self, path: str) -> list[T]:
        """The owners of the path, of a folder it lies in, or of anything that lies in it."""
        found = self.around(path)
        prefix = f"{path}/"
        for at in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[at].startswith(prefix):
                break
            found.extend(self._owners[self._sorted[at]])
        return found
