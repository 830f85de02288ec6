"""Content that was brought from DVC's cache or remote, found by the path it has in a snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from modelbook._paths import parents
from modelbook.history.dvcfiles import LockedOut, join
from modelbook.history.files import Unreadable

PULLED = "md5-"
"""What stands before DVC's hash in the place of a blob id, for content that was brought from DVC."""

Pulled = Callable[[str], bytes | None]
"""DVC's hash -> the content, or None when it was not brought."""

File = tuple[str, str, int | None]
"""(path, hash, size)."""


class Brought:
    """Finds brought files: as outputs of their own, and in folders that DVC caches as a whole."""

    def __init__(self, pulled: Pulled) -> None:
        self._pulled = pulled
        self._listings: dict[str, dict[str, str]] = {}

    def read(self, blob: str) -> bytes:
        """The content behind an id that starts with `PULLED`.

        Raises:
            Unreadable: it was not brought.
        """
        content = self._pulled(blob.removeprefix(PULLED))
        if content is None:
            raise Unreadable("its content was not brought from DVC")
        return content

    def files(self, path: str, outs: Mapping[str, LockedOut]) -> list[File]:
        """The file at a path, or the files in the folder there, that were brought; sorted by path."""
        for around in parents(path):
            out = outs.get(around)
            if out is not None and out.md5:
                return self._of(path, around, out, out.md5)
        return []

    def _of(self, path: str, around: str, out: LockedOut, md5: str) -> list[File]:
        if not md5.endswith(".dir"):
            return [(path, md5, out.size)] if around == path and self._pulled(md5) is not None else []
        found: list[File] = []
        for inner, inner_md5 in sorted(self._listing(md5).items()):
            where = join(around, inner)
            if where == path or where.startswith(f"{path}/"):
                content = self._pulled(inner_md5)
                found += [(where, inner_md5, len(content))] if content is not None else []
        return found

    def _listing(self, md5: str) -> dict[str, str]:
        known = self._listings.get(md5)
        if known is None:
            known = self._listings[md5] = _parsed(self._pulled(md5))
        return known


def _parsed(content: bytes | None) -> dict[str, str]:
    try:
        return {str(row["relpath"]): str(row["md5"]) for row in json.loads(content or b"[]")}
    except (ValueError, TypeError, KeyError):
        return {}
