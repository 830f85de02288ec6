"""What commits did to the files themselves: which changed, and by how many lines. Read only when asked for.

Two trees are walked side by side and only what differs is opened, so a commit costs what it changed. All of
it is bounded: files beyond `MOST_FILES` are counted and not listed, large ones are listed and not counted.
What was found is kept on disk by the ids of the two trees, in one file beside the repository's cache.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import pygit2

from modelbook.history.cache import Cache
from modelbook.history.files import Unreadable
from modelbook.history.repository import Entry, Repository
from modelbook.records import WORKSPACE, CodeChange, Commit, FileChange

MOST_FILES = 400
"""Files of one commit that are listed."""

MOST_WALKED = 50_000
"""Files of one commit that are counted; who commits more in one go is not told the exact number."""

MOST_BYTES = 400_000
"""A larger file is listed without its lines: to compare it costs more than to read a thousand commits."""

MOST_READ = 4_000_000
"""Bytes read for one commit; what comes after is listed without its lines."""

MOST_RENAMES = 40
"""Added, and removed, files that are searched for a rename with edits."""

ALIKE = 0.5
"""Share of lines that a file keeps when it was renamed rather than replaced; Git's own."""

FEW_LINES = 4

KEPT_BYTES = 32_000_000
"""Contents that are kept in memory: the next commit's file is often this one's."""

_LOOKED_AT = 8_000
_NO_TEXT = re.compile(
    r"\.(7z|bin|bmp|bz2|ckpt|gif|gz|h5|ico|jar|jpe?g|joblib|mp[34]|np[yz]|onnx|parquet|pb|pdf|pickle|pkl|png|"
    r"pth?|pyc|safetensors|so|tar|tiff?|ttf|wav|webp|whl|woff2?|xlsx|xz|zip)$",
    re.IGNORECASE,
)
"""Endings of files that are not opened to see that they hold no text."""

_UNCOUNTED = ("dvc.lock", ".dvc")

Pair = tuple[str, Entry | None, Entry | None]
"""A path, and what stood and stands there."""


class CodeReader:
    """Reads what each commit did to files, against its first parent."""

    def __init__(self, repository: Repository, cache: Cache | None = None) -> None:
        """Args: cache: of the same repository; None to read all anew and keep nothing."""
        self._repository = repository
        self._cache = cache
        self._stored: dict[str, CodeChange] | None = None
        self._used: dict[str, CodeChange] = {}
        self._contents = _Contents(repository)

    def __call__(self, commit: Commit) -> CodeChange | None:
        """What a commit changed; of the first commit everything is added. None when it cannot be read."""
        try:
            if commit.sha == WORKSPACE:
                return self._workspace()
            if not commit.parents and self._repository.shallow:
                return CodeChange(reason="the commit before it is not in this clone")
            old = self._repository.tree_id(commit.parents[0]) if commit.parents else ""
            return self._between(old, self._repository.tree_id(commit.sha))
        except Unreadable as error:
            return CodeChange(reason=str(error))

    def between(self, old: str, new: str) -> CodeChange | None:
        """What differs at one commit from another; either may be `workspace`. None when nothing does."""
        try:
            if old == new:
                return None
            if WORKSPACE in (old, new):
                return self._workspace() if new == WORKSPACE and old == self._repository.head else None
            return self._between(self._repository.tree_id(old), self._repository.tree_id(new))
        except Unreadable as error:
            return CodeChange(reason=str(error))

    def save(self) -> None:
        """Keep what was found, if any of it is new."""
        if self._cache and self._used.keys() - (self._stored or {}).keys():
            self._cache.save_part("code", msgspec.msgpack.encode(self._used))

    def _between(self, old: str, new: str) -> CodeChange:
        key = f"{old}..{new}"
        if self._stored is None:
            self._stored = self._load()
        found = self._stored.get(key)
        if found is None:
            found = change(self._contents, list(_walk(self._repository, old, new)))
        self._used[key] = found
        return found

    def _load(self) -> dict[str, CodeChange]:
        data = self._cache.load_part("code") if self._cache else None
        try:
            return msgspec.msgpack.decode(data, type=dict[str, CodeChange]) if data else {}
        except (msgspec.DecodeError, ValueError):
            return {}

    def _workspace(self) -> CodeChange | None:
        tree = self._repository.workspace()
        head = self._repository.head
        if tree is None:
            return None
        base = self._repository.tree(head) if head else None
        pairs = (
            (path, base.find(path) if base else None, Entry("blob", blob) if blob else None)
            for path, blob in tree.changed.items()
        )
        return change(self._contents, [pair for pair in pairs if pair[1] != pair[2]])


def _walk(repository: Repository, old: str, new: str) -> Iterator[Pair]:
    """Every file that is not the same in two trees; an empty id is a tree without files."""
    stack: list[tuple[str, str, str]] = [("", old, new)]
    walked = 0
    while stack and walked < MOST_WALKED:
        folder, one, other = stack.pop()
        before, after = (repository.entries(tree) if tree else {} for tree in (one, other))
        for name in before.keys() | after.keys():
            was, now = before.get(name), after.get(name)
            if was == now:
                continue
            path = f"{folder}{name}"
            if _tree(was) or _tree(now):
                stack.append((f"{path}/", _tree(was), _tree(now)))
            if _leaf(was) or _leaf(now):
                walked += 1
                yield path, _leaf(was), _leaf(now)


def _tree(entry: Entry | None) -> str:
    return entry.id if entry and entry.kind == "tree" else ""


def _leaf(entry: Entry | None) -> Entry | None:
    return entry if entry and entry.kind != "tree" else None


def change(contents: _Contents, pairs: Sequence[Pair]) -> CodeChange:
    """The change that pairs of files make, those that were only renamed found."""
    room = _Room(contents)
    listed = sorted(pairs, key=lambda pair: pair[0])
    kept, left = listed[:MOST_FILES], listed[MOST_FILES:]
    renames = _renames(room, kept)
    moved = {old for old, _ in renames.values()}
    files = []
    for path, was, now in kept:
        if path in moved and now is None:
            continue
        before, held = renames.get(path, ("", was))
        files.append(_file(room, path, before, held, now))
    return CodeChange(files=tuple(files), more=len(left))


def _file(room: _Room, path: str, before: str, was: Entry | None, now: Entry | None) -> FileChange:
    kind = "renamed" if before else "added" if was is None else "removed" if now is None else "changed"
    counts = room.lines(path, was, now)
    return FileChange(
        path=path,
        before=before,
        kind=kind,
        old=was.id if was else None,
        new=now.id if now else None,
        added=counts[0] if counts else None,
        removed=counts[1] if counts else None,
        binary=counts is None and not path.endswith(_UNCOUNTED) and room.binary(path, was, now),
    )


class _Contents:
    """Contents of blobs, the last ones kept."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._kept: dict[str, bytes] = {}
        self._size = 0

    def size(self, blob: str) -> int | None:
        """Bytes of a blob; None when it is not in this clone."""
        return len(self._kept[blob]) if blob in self._kept else self._repository.size(blob)

    def get(self, blob: str) -> bytes | None:
        """A blob's content; None when it is not in this clone."""
        found = self._kept.get(blob)
        if found is None:
            try:
                found = self._repository.blob(blob)
            except Unreadable:
                return None
            self._size += len(found)
            if self._size > KEPT_BYTES:
                self._kept, self._size = {}, len(found)
            self._kept[blob] = found
        return found


class _Room:
    """Contents of files, as long as there is room for one commit's."""

    def __init__(self, contents: _Contents) -> None:
        self._contents = contents
        self._left = MOST_READ
        self._read: dict[str, bytes | None] = {}

    def content(self, entry: Entry | None) -> bytes | None:
        """A file's content; nothing for no file, None for one that is too large or not there."""
        if entry is None:
            return b""
        if entry.kind == "module":
            return f"Subproject commit {entry.id}\n".encode()
        if entry.id not in self._read:
            self._read[entry.id] = self._open(entry.id)
        return self._read[entry.id]

    def _open(self, blob: str) -> bytes | None:
        size = self._contents.size(blob)
        if size is None or size > min(MOST_BYTES, self._left):
            return None
        self._left -= size
        return self._contents.get(blob)

    def binary(self, path: str, *entries: Entry | None) -> bool:
        """Whether one of the files is known not to be text."""
        if _NO_TEXT.search(path):
            return True
        return any(b"\0" in (self.content(entry) or b"")[:_LOOKED_AT] for entry in entries)

    def lines(self, path: str, was: Entry | None, now: Entry | None) -> tuple[int, int] | None:
        """(added, removed) lines; None for what is no text, too large, or DVC's own."""
        if path.endswith(_UNCOUNTED) or self.binary(path, was, now):
            return None
        old, new = self.content(was), self.content(now)
        if old is None or new is None:
            return None
        if old == new:
            return 0, 0
        if not old or not new:
            return _count(new), _count(old)
        patch = pygit2.Patch.create_from(old, new, context_lines=0)
        _context, added, removed = patch.line_stats
        return added, removed


def _count(content: bytes) -> int:
    return content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))


def _renames(room: _Room, pairs: Sequence[Pair]) -> dict[str, tuple[str, Entry]]:
    """New path -> (old path, what stood there): the same content first, then content that is much alike."""
    gone = {path: was for path, was, now in pairs if was and now is None}
    come = {path: now for path, was, now in pairs if now and was is None}
    found: dict[str, tuple[str, Entry]] = {}
    places: dict[str, list[str]] = {}
    for path, was in gone.items():
        places.setdefault(was.id, []).append(path)
    for path, now in come.items():
        if places.get(now.id):
            old = places[now.id].pop(0)
            found[path] = (old, gone.pop(old))
    rest = [path for path in come if path not in found]
    if gone and rest and max(len(gone), len(rest)) <= MOST_RENAMES:
        found |= _alike(room, gone, {path: come[path] for path in rest})
    return found


def _alike(room: _Room, gone: dict[str, Entry], come: dict[str, Entry]) -> dict[str, tuple[str, Entry]]:
    """Of files removed and added, the pairs that share most of their lines, the most alike first."""
    old = {path: _bag(room, path, entry) for path, entry in gone.items()}
    new = {path: _bag(room, path, entry) for path, entry in come.items()}
    scores = sorted(
        (-_share(one, other), was, now)
        for was, one in old.items()
        for now, other in new.items()
        if one and other and _share(one, other) >= ALIKE
    )
    found: dict[str, tuple[str, Entry]] = {}
    taken: set[str] = set()
    for _score, was, now in scores:
        if now not in found and was not in taken:
            taken.add(was)
            found[now] = (was, gone[was])
    return found


def _bag(room: _Room, path: str, entry: Entry) -> Counter[bytes]:
    """The lines of a text; none of links, of DVC's files and of those with few lines: they all look alike."""
    if entry.kind != "blob" or path.endswith(_UNCOUNTED) or room.binary(path, entry):
        return Counter()
    content = room.content(entry) or b""
    found = Counter(line for line in content.splitlines() if line.strip())
    return found if found.total() >= FEW_LINES else Counter()


def _share(one: Counter[bytes], other: Counter[bytes]) -> float:
    total = max(one.total(), other.total())
    if min(one.total(), other.total()) < ALIKE * total:
        return 0.0
    return (one & other).total() / total
