"""What a build noted for the next one into the same folder: the curves of runs, which are in many files."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec

from modelbook._files import read_checked, replace_checked
from modelbook.pages.curves import Known

MOST_BYTES = 64_000_000
"""Larger notes are not kept."""


class Notes:
    """Curves, in a file of the user's cache folder; the history's cache drops files `*.cache` that grow old.

    Notes of another Modelbook, and damaged ones, are none.
    """

    def __init__(self, cache: Path, out: Path, digest: str) -> None:
        """`out`: where the site is built. `digest`: of all that decides what a curve is, but for its file."""
        place = hashlib.sha256(str(out.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._file, self._salt = cache / f"curves-{place}.cache", digest.encode()
        self._before: bytes | None = None

    def load(self) -> Known:
        """What was noted."""
        with suppress(OSError, msgspec.DecodeError, UnicodeError):
            self._before = read_checked(self._file, self._salt)
            if self._before is not None:
                return msgspec.msgpack.decode(self._before, type=Known)
        return {}

    def save(self, known: Known) -> None:
        """Note it, if it can be written and is not what stands there."""
        with suppress(OSError, UnicodeError):
            data = msgspec.msgpack.encode(known)
            if data != self._before and len(data) <= MOST_BYTES:
                replace_checked(self._file, data, self._salt)
