"""Files from a run that nobody trusts: read in memory, bounded, and only those we know by name.

Whoever opens a pull request writes the workflow that made them. So nothing is unpacked to a disk, no link is
followed, and a file counts only for what it says after it was checked.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from modelbook.errors import CheckFailed

MOST_ARCHIVE = 8_000_000
"""Bytes of an archive that are read at all."""

MOST_FILE = 4_000_000
"""Bytes of one file in it, unpacked."""

MOST_MEMBERS = 20


class Untrusted(CheckFailed):
    """What another run left is not what our own workflow leaves (exit status 1): nothing was posted."""

    def __init__(self, why: str) -> None:
        super().__init__(f"nothing was posted: {why}")


def members(archive: bytes, names: Iterable[str]) -> dict[str, bytes]:
    """Name -> content of files in a ZIP archive; all of `names` must be there.

    Raises:
        Untrusted: it is too large, is no archive, has an unexpected name or a link in it, or lacks a file.
    """
    if len(archive) > MOST_ARCHIVE:
        raise Untrusted(f"the artifact is larger than {MOST_ARCHIVE:,} bytes")
    wanted = sorted(names)
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            found = opened.infolist()
            if len(found) > MOST_MEMBERS or sorted(item.filename for item in found) != wanted:
                raise Untrusted(f"the artifact must hold {' and '.join(wanted)}, and nothing else")
            return {item.filename: _member(opened, item) for item in found}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError, OSError):
        raise Untrusted("the artifact is no ZIP archive that can be read") from None


def _member(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> bytes:
    kind = stat.S_IFMT(item.external_attr >> 16)
    if item.is_dir() or kind not in (0, stat.S_IFREG):
        raise Untrusted(f"{item.filename} in the artifact is no plain file")
    with archive.open(item) as file:  # the size it claims may be a lie
        content = file.read(MOST_FILE + 1)
    if len(content) > MOST_FILE:
        raise Untrusted(f"{item.filename} in the artifact is larger than {MOST_FILE:,} bytes")
    return content


def file(path: Path) -> bytes:
    """The content of a plain file on disk that is no link.

    Raises:
        Untrusted: it is missing, a link, no plain file, or too large.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Untrusted(f"{path.name} cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Untrusted(f"{path.name} is no plain file")
    with os.fdopen(handle, "rb") as opened:
        content = opened.read(MOST_FILE + 1)
    if len(content) > MOST_FILE:
        raise Untrusted(f"{path.name} is larger than {MOST_FILE:,} bytes")
    return content
