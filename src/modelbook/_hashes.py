"""Hashes of contents as DVC has them: MD5."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path


def md5(content: bytes) -> str:
    """The hash of a content."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def md5s(content: bytes) -> Iterator[str]:
    """The hashes DVC may have given this content: as it stands, and with Unix line ends (before DVC 3)."""
    yield md5(content)
    if b"\r\n" in content:
        yield md5(content.replace(b"\r\n", b"\n"))


def md5_of(file: Path) -> str:
    """The hash of a file, which may be larger than memory.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def md5_of_folder(files: Iterable[tuple[str, str]]) -> str:
    """The hash of a folder, that of the JSON list of its files.

    Args:
        files: (path from the folder, hash).
    """
    rows = sorted(({"md5": one, "relpath": path} for path, one in files), key=lambda row: row["relpath"])
    return f"{md5(json.dumps(rows).encode())}.dir"
