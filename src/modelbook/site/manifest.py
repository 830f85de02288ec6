"""What a site says of itself: what built it from what, the hash of every file, the key of every bulk page.

The manifest is `modelbook.json`, at the top. The keys, and most hashes of a large site, are in files beside
it, none of them over a few megabytes, whose own hashes are in the manifest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from modelbook.errors import ModelbookError
from modelbook.records import written

NAME = "modelbook.json"

_LISTED = 20_000
"""Hashes, or keys, in one file."""


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bulk page as it was written.

    Attributes:
        key: digest of all that it derives from.
        files: its data files, by name; they stand beside it.
        images: (address from the site's root, Git blob id).
        checksum: CRC-32 of the page and of its data files, one after the other. It finds what was changed
            by accident, ten times as fast as SHA-256, which `verify` holds each file against.
        sizes: bytes of the page and of its data files.
    """

    key: str
    files: tuple[str, ...] = ()
    images: tuple[tuple[str, str], ...] = ()
    checksum: int = 0
    sizes: tuple[int, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest, put together.

    Attributes:
        files: path -> SHA-256, in hexadecimal digits, of every file but the manifest itself.
        pages: path -> what is known of a bulk page that may be kept.
        shells: kind of bulk page -> digest of what its pages are put into, templates and theme.
    """

    files: dict[str, str]
    pages: dict[str, Kept] = {}
    shells: dict[str, str] = {}


class _Top(msgspec.Struct, kw_only=True):
    generator: str
    version: str | None = None
    project: str | None = None
    head: str | None = None
    files: dict[str, str] = {}
    shells: dict[str, str] = {}
    more: dict[str, str] = {}


def is_ours(site: Path) -> bool:
    """Whether a folder has a manifest that Modelbook wrote."""
    try:
        return _top(site).generator == "modelbook"
    except (OSError, msgspec.DecodeError, UnicodeError):
        return False


def _top(site: Path) -> _Top:
    return msgspec.json.decode((site / NAME).read_bytes(), type=_Top)


def load(site: Path) -> Manifest:
    """The manifest of a site; an empty one where there is none, or a part of it is not what it was."""
    try:
        top = _top(site)
        files, pages = dict(top.files), dict[str, Kept]()
        for name in top.more:
            data = (site / name).read_bytes()
            if Path(name).name != name or sha256(data) != top.more[name]:
                return Manifest(files={})
            files[name] = top.more[name]
            if name.startswith("modelbook-files"):
                files |= msgspec.json.decode(data, type=dict[str, str])
            else:
                pages |= msgspec.json.decode(data, type=dict[str, Kept])
    except (OSError, msgspec.DecodeError, UnicodeError):
        return Manifest(files={})
    return Manifest(files=files, pages=pages, shells=top.shells)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A site held against its manifest.

    Attributes:
        project, head, version: what was built, at which commit, by which Modelbook.
        files: how many the manifest lists.
        faults: (path, `changed`, `missing`, `extra`, or `a link`), sorted by path.
    """

    project: str
    head: str
    version: str
    files: int
    faults: tuple[tuple[str, str], ...] = ()


class NoManifest(ModelbookError):
    """A folder is no site of ours, or its manifest cannot be read."""

    def __init__(self, site: str) -> None:
        super().__init__(
            f"{site} has no manifest that Modelbook wrote",
            hint=f"a site has {NAME} at its top; name that folder",
        )


def verify(site: Path) -> Checked:
    """Hold every file of a site against the manifest at its top. No network, no repository.

    Raises:
        NoManifest: there is none that can be read.
    """
    try:
        top = _top(site)
    except (OSError, msgspec.DecodeError, UnicodeError):
        raise NoManifest(site.as_posix()) from None
    if top.generator != "modelbook":
        raise NoManifest(site.as_posix())
    listed = {**top.files, **top.more}
    for name in sorted(top.more):  # a part that was changed says nothing that can be believed
        if name.startswith("modelbook-files") and _digest(site / name) == top.more[name]:
            listed |= msgspec.json.decode((site / name).read_bytes(), type=dict[str, str])
    there = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if not _is_folder(path)}
    faults = dict.fromkeys(there.keys() - listed.keys() - {NAME}, "extra")
    for path, digest in listed.items():
        if path not in there:
            faults[path] = "missing"
        elif there[path].is_symlink():
            faults[path] = "a link"
        elif _digest(there[path]) != digest:
            faults[path] = "changed"
    return Checked(
        project=top.project or "",
        head=top.head or "",
        version=top.version or "",
        files=len(listed),
        faults=tuple(sorted(faults.items())),
    )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _digest(path: Path) -> str:
    """SHA-256 of a file; empty for what cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def write(site: Path, about: Mapping[str, Any], made: Manifest) -> None:
    """Write the manifest of a site. Equal sites have equal manifests, whatever way they were made."""
    more: dict[str, str] = {}
    files = dict(sorted(made.files.items()))
    parts = [("modelbook-pages", part) for part in _parts(made.pages)]
    if len(files) > _LISTED:
        bulk = {path: files.pop(path) for path in [*files] if path.startswith(("runs/", "commits/"))}
        parts += [("modelbook-files", part) for part in _parts(bulk)]
    for number, (kind, part) in enumerate(parts):
        name = f"{kind}-{number}.json"
        data = written(part)
        (site / name).write_bytes(data)
        more[name] = sha256(data)
    top = {"generator": "modelbook", **about, "files": files, "shells": made.shells, "more": more}
    (site / NAME).write_bytes(written(top))


_SECOND = 1_000_000_000


def seal(site: Path) -> None:
    """Note that everything in a site is as it was written.

    The manifest is given a time whose nanoseconds stand for its place on the disk. Whoever writes, copies or
    touches it later gives it another one, and the seal is broken.
    """
    with suppress(OSError):
        found = os.lstat(site / NAME)
        time = found.st_mtime_ns // _SECOND * _SECOND + _mark(found)
        os.utime(site / NAME, ns=(time, time), follow_symlinks=False)


def sealed(site: Path) -> int:
    """When a site was sealed, as time of change (`st_ctime_ns`) of its files; 0 where it is not.

    A file whose own is earlier is what it was then: unlike the time of modification, no program can set it.
    On Windows it is that of creation, so nothing is sealed there.
    """
    with suppress(OSError):
        found = os.lstat(site / NAME)
        if os.name != "nt" and found.st_mtime_ns % _SECOND == _mark(found):
            return found.st_ctime_ns
    return 0


def _mark(found: os.stat_result) -> int:
    return crc32(f"{found.st_dev} {found.st_ino}".encode()) % _SECOND


def _parts(rows: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    keys = sorted(rows)
    for at in range(0, len(keys), _LISTED):
        yield {key: rows[key] for key in keys[at : at + _LISTED]}


def hashes(site: Path) -> dict[str, str]:
    """Path -> SHA-256 of every file there is in a folder, sorted."""
    found = sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    return {path: sha256((site / path).read_bytes()) for path in found}


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
