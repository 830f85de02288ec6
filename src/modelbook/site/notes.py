"""What a build noted for the next one into the same folder: the curves of runs, which are in many files."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec

from modelbook._files import replace_file
from modelbook.pages.curves import Known

MOST_BYTES = 64_000_000
"""Larger notes are not kept."""

_DIGEST = 32


class Notes:
    """Curves, in a file of the user's cache folder; the history's cache drops files `*.cache` that grow old.

    Notes of another Modelbook, and damaged ones, are none.
    """

    def __init__(self, cache: Path, out: Path, digest: str) -> None:
        """`out`: where the site is built. `digest`: of all that decides what a curve is, but for its file."""
        place = hashlib.sha256(str(out.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._file, self._salt = cache / f"curves-{place}.cache", digest.encode()
        self._before = b""

    def load(self) -> Known:
        """What was noted."""
        with suppress(OSError, msgspec.DecodeError, UnicodeError):
            data = self._file.read_bytes()
            if data[:_DIGEST] == self._digest(data[_DIGEST:]):
                self._before = data[:_DIGEST]
                return msgspec.msgpack.decode(data[_DIGEST:], type=Known)
        return {}

    def save(self, known: Known) -> None:
        """Note it, if it can be written and is not what stands there."""
        with suppress(OSError, UnicodeError):
            data = msgspec.msgpack.encode(known)
            digest = self._digest(data)
            if digest != self._before and len(data) <= MOST_BYTES:
                replace_file(self._file, digest + data)

    def _digest(self, data: bytes) -> bytes:
        return hashlib.sha256(self._salt + data).digest()
