"""Bulk pages: stamped by several processes, or taken as they are from the site that stands already."""

# Without pathlib where a line runs for every one of tens of thousands of files: it would be half of the time.
# ruff: noqa: PTH102, PTH103, PTH108, PTH120

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple
from zlib import crc32

from markupsafe import escape as escape_html

from modelbook.pages import Data, Draft, Page
from modelbook.site import crew, engine, escape, manifest
from modelbook.site.manifest import Kept, Manifest, sha256
from modelbook.site.themes import Theme

Read = Callable[[str], bytes | None]

_IMAGES = "assets/plots/"

_ROOM = 1 << 17
"""Bytes that are read at once: more than nearly every page has."""

_CHUNK = 25
_LARGE_CHUNK = 50
"""Pages that are made step by step together, where that leaves every process several chunks."""

_MOST_CHUNKS = 1_000


def write(path: Path | str, content: str) -> str:
    """Write a file and return its SHA-256."""
    data = content.encode("utf-8", "replace")
    _put(str(path), data)
    return sha256(data)


def _put(path: str, data: bytes) -> None:
    """Write a file; its folder is made when it is missing, which for most files of a page it is not.

    What stands there is replaced, not written to: it may be a link to a file of another site.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:
        os.unlink(path)
        descriptor = os.open(path, flags, 0o666)
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def _read(path: str) -> bytes:
    """A file that is no link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        parts = [os.read(descriptor, _ROOM)]
        while len(parts[-1]) == _ROOM:
            parts.append(os.read(descriptor, _ROOM))
    finally:
        os.close(descriptor)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def copy_images(site: Path, images: Iterable[tuple[str, str]], read: Read) -> dict[str, str]:
    """Write images, (path, blob) each; path -> SHA-256 of what was written."""
    found: dict[str, str] = {}
    for path, blob in images:
        if path not in found and (data := read(blob)) is not None:
            _put(f"{site}/{path}", data)
            found[path] = sha256(data)
    return found


def data_script(name: str, value: object) -> str:
    """Data as a script, for `Modelbook.load` of core.js: a page opened from a file may not fetch."""
    return f"Modelbook.data({escape.script_json(name)},{escape.script_string(value)});\n"


def _data(item: Data) -> bytes:
    return data_script(item.name, item.value).encode("utf-8", "replace")


def _kept(page: Page, key: str, contents: Collection[bytes]) -> Kept:
    names = tuple(item.path.rpartition("/")[2] for item in page.data)
    return Kept(key, names, page.files, _checksum(contents), tuple(map(len, contents)))


def _checksum(contents: Iterable[bytes]) -> int:
    found = 0
    for data in contents:
        found = crc32(data, found)
    return found


class Standing:
    """The site that stands already, whose pages may be kept.

    Nothing of it is believed without a checksum, but for files that nobody has touched since it was finished.
    """

    def __init__(self, folder: Path, found: Manifest) -> None:
        """Attribute `shells`: as in its manifest."""
        self.shells = found.shells
        self._folder, self._files, self._pages = str(folder), found.files, found.pages
        self._sealed = manifest.sealed(folder)
        self._made = ""
        self._sound: dict[str, bool] = {}

    def take(self, page: str, key: str, site: Path) -> bool:
        """Put a page with its data into `site`, as links where that can be; its images are only looked at.

        Nothing is put there when the page has another key, or a file or an image of it is not what it was.
        """
        kept = self._pages.get(page)
        if kept is None or kept.key != key or not _plain(kept):
            return False
        wanted = _paths(page, kept)
        if not self._files.keys() >= set(wanted):
            return False
        files = [f"{self._folder}/{path}" for path in wanted]
        try:
            sound = self._untouched(files, kept.sizes) or _checksum(map(_read, files)) == kept.checksum
        except OSError:
            return False
        if not sound or not all(self._is_sound(path) for path, _ in kept.images):
            return False
        for path in wanted:
            self._place(path, str(site))
        return True

    def _untouched(self, files: Sequence[str], sizes: Sequence[int]) -> bool:
        """Whether files are as they were when the site was finished, as far as the disk knows."""
        return len(sizes) == len(files) and all(
            S_ISREG(found.st_mode) and found.st_size == size and found.st_ctime_ns < self._sealed
            for found, size in zip(map(os.lstat, files), sizes, strict=True)
        )

    def known(self, page: str) -> tuple[Kept, dict[str, str]]:
        """What is known of a page that was taken: (the page, path -> SHA-256 of its files)."""
        kept = self._pages[page]
        return kept, {path: self._files[path] for path in _paths(page, kept)}

    def _is_sound(self, image: str) -> bool:
        """Whether an image, which many pages may show, is what it was."""
        if image not in self._sound:
            try:
                data = _read(f"{self._folder}/{image}")
            except OSError:
                self._sound[image] = False
            else:
                self._sound[image] = sha256(data) == self._files.get(image)
        return self._sound[image]

    def image(self, path: str, site: Path) -> str | None:
        """Put an image into `site`; its SHA-256, or None when it is not what it was."""
        if not self._is_sound(path):
            return None
        self._place(path, str(site))
        return self._files[path]

    def _place(self, path: str, site: str) -> None:
        target = f"{site}/{path}"
        folder = os.path.dirname(target)
        if folder != self._made:
            try:
                os.mkdir(folder)
            except OSError:  # it is there, or what it is to be in is not
                os.makedirs(folder, exist_ok=True)
            self._made = folder
        try:
            os.link(f"{self._folder}/{path}", target)
        except OSError:  # a disk without hard links, or a file of a page that was begun before
            _put(target, _read(f"{self._folder}/{path}"))


def _merge(source: Path, target: Path) -> None:
    """Move everything out of a folder into another one that may have some of its folders, but no file."""
    for path in source.iterdir():
        into = target / path.name
        if path.is_dir() and into.is_dir():
            _merge(path, into)
            path.rmdir()
        else:
            path.rename(into)


def _paths(page: str, kept: Kept) -> list[str]:
    folder = page.rpartition("/")[0]
    return [page, *(f"{folder}/{name}" for name in kept.files)]


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


class Sheets(NamedTuple):
    """Pages that were put into the site.

    Attributes:
        taken: those that are as they were, by their paths; what is known of them was known before.
        made: the others, by their paths. files: SHA-256 of what was written, by path.
    """

    taken: list[str]
    made: dict[str, Kept]
    files: dict[str, str]


def _salted(key: str, shell: str) -> str:
    """The key of a page in its shell; none for a page that is made each time."""
    return sha256(f"{key} {shell}".encode())[:24] if key else ""


def keep(drafts: Iterable[Draft], keys: Mapping[str, str], standing: Standing, folder: Path) -> list[str]:
    """Put the pages into a folder that may be kept if the shells become what they were; their paths.

    It is done while MkDocs makes the shells: nearly always they do.
    """
    folder.mkdir()
    shells = standing.shells
    return [
        draft.path
        for draft in drafts
        if (shell := shells.get(draft.bulk))
        and (key := _salted(keys[draft.path], shell))
        and standing.take(draft.path, key, folder)
    ]


class Press:
    """Makes the bulk pages of one site.

    Attributes:
        files, pages, shells: as in its manifest.
        rendered, kept: how many pages were made, and taken as they were.
    """

    def __init__(
        self,
        site: Path,
        theme: Theme,
        read: Reading,
        shells: Mapping[str, engine.Shell],
        standing: Standing,
        keys: Mapping[str, str],
    ) -> None:
        """`keys`: of drafts, by their paths."""
        self._keys = keys
        self._site, self._theme, self._read, self._shells = site, theme, read, shells
        self._standing = standing
        self.shells = {
            kind: sha256(f"{theme.digest} {shell.digest}".encode()) for kind, shell in shells.items()
        }
        self.files = manifest.hashes(site)
        self.pages: dict[str, Kept] = {}
        self._images: dict[str, str] = {}
        self.rendered = self.kept = 0

    def run(self, drafts: Sequence[Draft], processes: int) -> Iterator[int]:
        """Put pages into the site; it is the same with any number of processes.

        Yields:
            How many pages there are so far.
        """
        size = max(_CHUNK, min(_LARGE_CHUNK, len(drafts) // (8 * processes)), -(-len(drafts) // _MOST_CHUNKS))
        chunks = [drafts[at : at + size] for at in range(0, len(drafts), size)]
        for sheets in crew.each(self._stamp, chunks, processes):
            self.files |= sheets.files
            self._enter(sheets.taken)
            self.pages |= {path: entry for path, entry in sheets.made.items() if entry.key}
            self._images |= {path: blob for entry in sheets.made.values() for path, blob in entry.images}
            self.rendered += len(sheets.made)
            yield self.rendered + self.kept
        for path in sorted(self._images.keys() - self.files.keys()):
            self._add_image(path, self._images[path])

    def adopt(self, folder: Path, paths: Sequence[str]) -> frozenset[str]:
        """Take pages that `keep` has put into a folder into the site; none if the shells are other ones."""
        if self.shells != self._standing.shells:
            shutil.rmtree(folder)
            return frozenset()
        _merge(self._site, folder)
        self._site.rmdir()
        folder.rename(self._site)
        self._enter(paths)
        return frozenset(paths)

    def _enter(self, paths: Sequence[str]) -> None:
        """Note pages that were kept."""
        for path in paths:
            entry, files = self._standing.known(path)
            self.files |= files
            self.pages[path] = entry
            self._images |= dict(entry.images)
        self.kept += len(paths)

    def _stamp(self, drafts: Sequence[Draft]) -> Sheets:
        """Put some pages into the site.

        Each step is done for all of them before the next: a processor is quicker where it stays with one.
        What is made is written at once, while a processor still has it at hand.
        """
        taken: list[str] = []
        left: list[tuple[Draft, str]] = []
        for draft in drafts:
            key = _salted(self._keys[draft.path], self.shells[draft.bulk])
            if key and self._standing.take(draft.path, key, self._site):
                taken.append(draft.path)
            else:
                left.append((draft, key))
        made = self._made(left)
        contents = [self._theme.render(page, "html", stamped=True) for page, _ in made]
        files: dict[str, str] = {}
        kept: dict[str, Kept] = {}
        for (page, key), content in zip(made, contents, strict=True):
            parts = {page.path: self._stamped(page, content)} | {item.path: _data(item) for item in page.data}
            kept[page.path] = _kept(page, key, parts.values())
            self._make_folder(page.path)
            for path, data in parts.items():
                _put(f"{self._site}/{path}", data)
                files[path] = sha256(data)
        return Sheets(taken, kept, files)

    def _made(self, drafts: Sequence[tuple[Draft, str]]) -> list[tuple[Page, str]]:
        """Pages with their keys; none where a file of a plot was missing, which may come another time."""
        going = {at: draft.steps() for at, (draft, _) in enumerate(drafts)}
        missed = dict.fromkeys(going, 0)
        made: dict[int, Page] = {}
        while going:
            for at, steps in list(going.items()):
                before = self._read.missed
                try:
                    next(steps)
                except StopIteration as end:
                    made[at] = end.value
                    del going[at]
                missed[at] += self._read.missed - before
        return [(made[at], "" if missed[at] else key) for at, (_, key) in enumerate(drafts)]

    def _stamped(self, page: Page, content: str) -> bytes:
        return self._shells[page.bulk].stamp(str(escape_html(page.title)), content)

    def _make_folder(self, path: str) -> None:
        """The folder of a page, made without asking first: each page has its own."""
        with suppress(OSError):  # it is there, or `_put` says what is wrong
            os.mkdir(f"{self._site}/{path.rpartition('/')[0]}")

    def _add_image(self, path: str, blob: str) -> None:
        if found := self._standing.image(path, self._site):
            self.files[path] = found
        else:
            self.files |= copy_images(self._site, [(path, blob)], self._read)

    def take(self, folder: Path, files: Mapping[str, str]) -> None:
        """Move files, path -> SHA-256, from a folder on the same disk into the site."""
        for path in files:
            target = self._site / path
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / path).replace(target)
        self.files |= files

    def write(self, path: str, content: str) -> None:
        """Write a file of the site."""
        self.files[path] = write(f"{self._site}/{path}", content)

    def manifest(self) -> Manifest:
        """What the site has to say of itself."""
        return Manifest(files=self.files, pages=self.pages, shells=self.shells)
