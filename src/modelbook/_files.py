"""Files that nobody ever reads half of, and logs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def replace_file(file: Path, data: bytes) -> None:
    """Write a file in one step, in the place of what stood there; its folder is made when missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(data)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def replace_checked(file: Path, data: bytes, salt: bytes = b"") -> None:
    """As `replace_file`, with a SHA-256 before the data that `read_checked` holds it against."""
    replace_file(file, hashlib.sha256(salt + data).digest() + data)


def read_checked(file: Path, salt: bytes = b"") -> bytes | None:
    """What `replace_checked` wrote with this salt; None where it is damaged, or was written with another.

    Raises:
        OSError: it cannot be read.
    """
    found = file.read_bytes()
    digest, data = found[:32], found[32:]
    return data if hashlib.sha256(salt + data).digest() == digest else None


def add_line(file: Path, line: bytes) -> None:
    """Write a line that outlasts this process; one that was cut off before is closed first.

    Nothing keeps two processes apart: hold a lock. The folder is made when missing.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, end - 1))
        start = b"" if stream.read(1) in (b"", b"\n") else b"\n"
        stream.write(start + line + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
