"""What stands at a path when symbolic links are followed, as far as they stay inside the repository."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import NamedTuple

from modelbook.history.files import Unreadable
from modelbook.history.repository import Entry, Tree

_MAX_LINKS = 20


class Found(NamedTuple):
    """What a path leads to.

    Attributes:
        entry: a blob or a tree; None when there is nothing, or nothing we may read.
        path: where it really stands. reason: why something that is there cannot be read, or empty.
    """

    entry: Entry | None
    path: str
    reason: str = ""


def follow(tree: Tree, path: str, read: Callable[[str], str]) -> Found:
    """What stands at a path.

    Args:
        read: the target of a link by its blob id; may raise `Unreadable`.
    """
    here = tree.find(path)
    if here is not None and here.kind in ("blob", "tree"):
        return Found(here, path)
    for _ in range(_MAX_LINKS):
        place, rest = _obstacle(tree, path)
        entry = tree.find(place) if place else None
        if entry is None or entry.kind in ("blob", "tree"):
            return Found(entry if not rest else None, path)
        if entry.kind == "module":
            return Found(None, path, f"it lies in the submodule {place}, a repository of its own")
        try:
            target = read(entry.id)
        except Unreadable as error:
            return Found(None, path, str(error))
        path = posixpath.normpath(posixpath.join(posixpath.dirname(place), target, rest))
        if path.startswith(("/", "../")) or path == "..":
            return Found(None, path, "it is a symbolic link that leads out of the repository")
        path = "" if path == "." else path
    return Found(None, path, "it is a symbolic link that leads round in a circle")


def _obstacle(tree: Tree, path: str) -> tuple[str, str]:
    """The first part of a path that is no folder, and what comes after it."""
    end = 0
    while end >= 0:
        end = path.find("/", end + 1)
        place = path if end < 0 else path[:end]
        entry = tree.find(place)
        if entry is None or entry.kind != "tree":
            return place, path[len(place) + 1 :]
    return path, ""
