"""Bulk pages: stamped one at a time, or taken as they are from the site that stands already."""

# Without pathlib where a line runs for every one of tens of thousands of files: it would be half of the time.
# ruff: noqa: PTH102, PTH103, PTH120, PTH123, PTH202

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from markupsafe import escape as escape_html

from modelbook.pages import Draft, Page
from modelbook.site import engine, escape, manifest
from modelbook.site.manifest import Kept, Manifest, sha256
from modelbook.site.themes import Theme

Read = Callable[[str], bytes | None]

_IMAGES = "assets/plots/"


def write(path: Path | str, content: str) -> str:
    """Write a file and return its SHA-256."""
    data = content.encode("utf-8", "replace")
    _put(str(path), data)
    return sha256(data)


def _put(path: str, data: bytes) -> None:
    """Write a file; its folder is made when it is missing, which for most files of a page it is not."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, flags, 0o666)
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def copy_images(
    site: Path, images: Iterable[tuple[str, str]], read: Read, known: Container[str] = ()
) -> dict[str, str]:
    """Write images, (path, blob) each, but those known already; path -> SHA-256 of what was written."""
    found: dict[str, str] = {}
    for path, blob in images:
        if path not in known and path not in found and (data := read(blob)) is not None:
            _put(f"{site}/{path}", data)
            found[path] = sha256(data)
    return found


def data_script(name: str, value: object) -> str:
    """Data as a script, for `Modelbook.load` of core.js: a page opened from a file may not fetch."""
    return f"Modelbook.data({escape.script_json(name)},{escape.script_string(value)});\n"


class Taken(NamedTuple):
    """A page that was kept: its entry, the hashes of files it brought, and (blob, size) of its images."""

    kept: Kept
    files: Mapping[str, str]
    images: Sequence[tuple[str, int]]


class Standing:
    """The site that stands already, whose pages may be kept. Nothing of it is believed without its hash."""

    def __init__(self, folder: Path, found: Manifest) -> None:
        self._folder, self._files, self._pages = str(folder), found.files, found.pages
        self._made = ""

    def take(self, page: str, key: str, site: Path, known: Mapping[str, str]) -> Taken | None:
        """Put a page with its files into `site`, as links where that can be.

        Args:
            known: files that are in `site` already, which are left alone.

        Returns:
            What was put there; None, and nothing is put there, when the page has another key, or a file of
            it is not what it was.
        """
        kept = self._pages.get(page)
        if kept is None or kept.key != key or not _plain(kept):
            return None
        folder = page.rpartition("/")[0]
        beside = (page, *(f"{folder}/{name}" for name in kept.files))
        images = [path for path, _ in kept.images]
        wanted = [path for path in dict.fromkeys((*beside, *images)) if path not in known]
        contents = {path: data for path in wanted if (data := self._content(path)) is not None}
        if len(contents) < len(wanted):
            return None
        for path, data in contents.items():
            self._place(path, data, str(site))
        sizes = [(blob, os.path.getsize(site / path)) for path, blob in kept.images]
        return Taken(kept, {path: self._files[path] for path in wanted}, sizes)

    def _content(self, path: str) -> bytes | None:
        """A file as it was written; None when it has been changed since, or is no file of its own."""
        try:
            descriptor = os.open(f"{self._folder}/{path}", os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            with open(descriptor, "rb", buffering=0) as file:
                data = file.read()
        except OSError:
            return None
        return data if sha256(data) == self._files.get(path) else None

    def _place(self, path: str, data: bytes, site: str) -> None:
        target = f"{site}/{path}"
        folder = os.path.dirname(target)
        if folder != self._made:
            os.makedirs(folder, exist_ok=True)
            self._made = folder
        try:
            os.link(f"{self._folder}/{path}", target)
        except OSError:  # a disk without hard links
            _put(target, data)


def _plain(kept: Kept) -> bool:
    """Whether names in a manifest lead where they may: beside the page, and into the folder of images."""
    names = [*kept.files, *(path.removeprefix(_IMAGES) for path, _ in kept.images)]
    inside = all(path.startswith(_IMAGES) for path, _ in kept.images)
    return inside and all(name not in ("", ".", "..") and not set(name) & set("/\\\0") for name in names)


class Reading:
    """Reads files of plots, and counts those that were not there."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.missed = 0

    def __call__(self, blob: str) -> bytes | None:
        """The content, if it can be read."""
        data = self._read(blob)
        self.missed += data is None
        return data


class Press:
    """Makes the bulk pages of one site.

    Attributes:
        files: SHA-256 of everything in the site, by path. pages: what another build may keep.
        rendered, kept: how many pages were made, and taken as they were.
    """

    def __init__(
        self, site: Path, theme: Theme, read: Reading, shells: Mapping[str, engine.Shell], standing: Standing
    ) -> None:
        self._site, self._theme, self._read, self._shells = site, theme, read, shells
        self._standing = standing
        self._salts = {kind: f"{theme.digest} {shell.digest}" for kind, shell in shells.items()}
        self.files = manifest.hashes(site)
        self.pages: dict[str, Kept] = {}
        self.rendered = self.kept = 0

    def add(self, draft: Draft) -> None:
        """Put one page into the site."""
        key = sha256(f"{draft.key} {self._salts[draft.bulk]}".encode())[:24] if draft.key else ""
        taken = self._standing.take(draft.path, key, self._site, self.files) if key else None
        if taken is None:
            self._render(draft, key)
            return
        draft.skip(taken.images)
        self.pages[draft.path] = taken.kept
        self.files.update(taken.files)
        self.kept += 1

    def _render(self, draft: Draft, key: str) -> None:
        """Make a page; it may be kept unless a file of a plot was missing, which may come another time."""
        missed = self._read.missed
        page = draft.make()
        content = self._theme.render(page, "html")
        self._make_folder(page.path)
        self.write(page.path, self._shells[page.bulk].stamp(str(escape_html(page.title)), content))
        for item in page.data:
            self.write(item.path, data_script(item.name, item.value))
        self._add_images(page)
        self.rendered += 1
        if key and self._read.missed == missed:
            names = tuple(item.path.rpartition("/")[2] for item in page.data)
            self.pages[page.path] = Kept(key, names, page.files)

    def _make_folder(self, path: str) -> None:
        """The folder of a page, made without asking first: each page has its own."""
        with suppress(OSError):  # it is there, or `_put` says what is wrong
            os.mkdir(f"{self._site}/{path.rpartition('/')[0]}")

    def write(self, path: str, content: str) -> None:
        """Write a file of the site."""
        self.files[path] = write(f"{self._site}/{path}", content)

    def _add_images(self, page: Page) -> None:
        self.files.update(copy_images(self._site, page.files, self._read, self.files))
