"""dvc.lock: from its text to facts. Pure.

DVC writes it, always laid out alike, and each version shares nearly all of its text with the one before. So a
lock is cut into entries, an entry into sections, a section into items, and each text is read once; what was
read before is the same object again. Whatever is laid out in any other way is read with the whole file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from modelbook.history import files, yaml12
from modelbook.history.dvcfiles import LockedOut, content_of, join, text
from modelbook.history.files import leaves
from modelbook.history.files import name as key_name
from modelbook.records import Dependency, Record, Value

_CANONICAL = "schema: '2.0'\nstages:\n  "
_ENTRY = re.compile(r"\n  (?=[A-Za-z0-9_/.])")
_SECTION = re.compile(r"\n    (?=[a-z]+:)")
_ITEM = "\n    - "
_FILE = re.compile(
    r"path: (?P<path>[^\n]+)\n      (?:hash: (?P<hash>md5)\n      )?md5: (?P<md5>[^\n]+)"
    r"\n      size: (?P<size>0|[1-9][0-9]{0,17})(?:\n      nfiles: (?P<nfiles>0|[1-9][0-9]{0,17}))?"
)
_NUMBERS = ("size", "nfiles")


class Locked(Record, frozen=True, kw_only=True):
    """A stage's lock entry; `digest` is the SHA-256 of its canonical form."""

    cmd: str
    deps: tuple[Dependency, ...]
    params: tuple[Value, ...]
    outs: tuple[LockedOut, ...]
    digest: str


class _Files(NamedTuple):
    """Files of an entry, and the canonical spelling of (path, hash) of each, sorted."""

    records: tuple[Any, ...]
    spelled: str


class _File(NamedTuple):
    """One of them: `place` is what it is sorted by."""

    place: tuple[str, str]
    spelled: str
    record: Any


class Locks:
    """Reads locks, sharing between them whatever is the same. It keeps what it has read."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Any]] = {}
        self._last: tuple[list[str], list[dict[str, Any]]] = ([], [])
        self._names: dict[str, dict[Any, Any]] = {}
        self._sections: dict[str, tuple[Any, Any]] = {}
        self._items: dict[str, Any] = {}
        self._parts: dict[str, Any] = {}
        self._files: dict[tuple[int, str, type[Record]], _File | None] = {}
        self._lists: dict[tuple[int, str, type[Record]], _Files] = {}
        self._params: dict[tuple[int, str, str], tuple[tuple[Value, ...], str]] = {}
        self._kept: list[Any] = []

    def parse(self, data: bytes) -> dict[str, Any]:
        """Stage name -> raw entry of a dvc.lock; entries whose text was met before are the same objects.

        Raises:
            Unreadable: it is not a mapping of stages.
        """
        content = files.text(data)
        if content.startswith(_CANONICAL) and "<<<<<<< " not in content:
            found = self._canonical(content[len(_CANONICAL) :].rstrip("\n"))
            if found is not None:
                return found
        return entries(files.mapping(data, "dvc.lock"))

    def _canonical(self, body: str) -> dict[str, Any] | None:
        """The entries of a lock as DVC lays it out; None when the file must be read as a whole."""
        chunks = _ENTRY.split(body)
        old, parts = self._last
        if len(old) == len(chunks):  # comparing a text with the one before costs less than looking it up
            pairs = zip(chunks, old, parts, strict=True)
            parts = [part if chunk == before else self._known(chunk) for chunk, before, part in pairs]
        else:
            parts = [self._known(chunk) for chunk in chunks]
        if not all(parts):
            return None
        self._last = chunks, parts
        whole: dict[str, Any] = {}
        for part in parts:
            whole.update(part)
        return whole if len(whole) == len(chunks) else None

    def _known(self, chunk: str) -> dict[str, Any]:
        """What `_entry` makes of a text, made once."""
        found = self._entries.get(chunk)
        if found is None:
            found = self._entries[chunk] = self._entry(chunk)
        return found

    def _entry(self, chunk: str) -> dict[str, Any]:
        """{name: raw entry}; empty when it cannot be told from the entry's text alone."""
        if chunk.count("\n") != chunk.count("\n    ") or not chunk.replace("\n", "").isprintable():
            return {}
        try:
            found = self._sectioned(chunk) if "&" not in chunk and "*" not in chunk else None
            if found is None:
                found = yaml12.load_part(chunk.replace("\n  ", "\n") + "\n", self._parts)
        except Exception:  # whatever is wrong, the whole file gives the reason with its own line numbers
            return {}
        return found if len(found) == 1 and all(isinstance(name, str) for name in found) else {}

    def _sectioned(self, chunk: str) -> dict[str, Any] | None:
        """The entry as a name over sections such as `deps:`; None when it is laid out in another way."""
        head, *sections = _SECTION.split(chunk)
        if "\n" in head or not sections:
            return None
        known = self._sections
        raw: dict[Any, Any] = {}
        for section in sections:
            pair = known.get(section)
            if pair is None:
                pair = known[section] = self._section(section)
            raw[pair[0]] = pair[1]
        if head not in self._names:
            self._names[head] = yaml12.load_part(f"{head}\n", self._parts)
        [(name, below)] = self._names[head].items()
        return {name: raw} if below is None and len(raw) == len(sections) else None

    def _section(self, section: str) -> tuple[Any, Any]:
        """(key, value) of a section.

        Raises:
            YAMLError: it is none.
        """
        head, _dash, listed = section.partition(_ITEM)
        if listed and head in ("deps:", "outs:"):
            found = [self._item(item) for item in listed.split(_ITEM)]
            if None not in found:
                return head[:-1], found
        [pair] = yaml12.load_part(section.replace("\n    ", "\n") + "\n", self._parts).items()
        return pair

    def _item(self, item: str) -> Any:
        """A file with its hash, as the plain mapping that it is; None when it is laid out in another way."""
        found = self._items.get(item)
        if found is None:
            match = _FILE.fullmatch(item)
            if match is None:
                return None
            found = {
                key: int(value) if key in _NUMBERS else yaml12.scalar(value)
                for key, value in match.groupdict().items()
                if value is not None
            }
            self._items[item] = found
        return found

    def locked(self, wdir: str, raw: Any, stage: str = "") -> Locked | None:
        """A lock entry as facts, its paths relative to the Git root; None when it is not a mapping.

        Args:
            stage: the address that its params are given.

        Its canonical form is the JSON of [cmd, deps, params, outs], sorted, without white space.
        """
        if not isinstance(raw, dict):
            return None
        deps = self._records(wdir, raw.get("deps"), Dependency)
        outs = self._records(wdir, raw.get("outs"), LockedOut)
        params, spelled = self._values(wdir, raw.get("params"), stage)
        cmd = text(raw.get("cmd"))
        canonical = f"[{_quote(cmd)},[{deps.spelled}],[{spelled}],[{outs.spelled}]]"
        return Locked(
            cmd=cmd,
            deps=deps.records,
            params=params,
            outs=outs.records,
            digest=hashlib.sha256(canonical.encode()).hexdigest(),
        )

    def _records(self, wdir: str, listed: Any, kind: type[Record]) -> _Files:
        key = (id(listed), wdir, kind)
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = self._listed(wdir, listed, kind)
            self._kept.append(listed)  # the key holds its id, so it must live as long
        return found

    def _listed(self, wdir: str, listed: Any, kind: type[Record]) -> _Files:
        known = self._files
        found = []
        for item in listed if isinstance(listed, list) else [listed]:
            key = (id(item), wdir, kind)
            try:
                file = known[key]
            except KeyError:
                file = known[key] = _file(wdir, item, kind)
                self._kept.append(item)
            if file is not None:
                found.append(file)
        return _Files(
            tuple([file.record for file in found]),
            ",".join([spelled for _place, spelled in sorted([file[:2] for file in found])]),
        )

    def _values(self, wdir: str, listed: Any, stage: str) -> tuple[tuple[Value, ...], str]:
        if not isinstance(listed, dict):
            return (), ""
        found = self._params.get((id(listed), wdir, stage))
        if found is None:
            values = tuple(_values(wdir, listed, stage or None))
            rows = sorted(([value.path, list(value.key), value.value] for value in values), key=_place)
            found = self._params[id(listed), wdir, stage] = values, ",".join(map(_spell, rows))
            self._kept.append(listed)
        return found


def entries(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Stage name -> raw entry, of schema 2.0 and of 1.0 (which has no `stages:`)."""
    stages = data.get("stages") if "schema" in data or "stages" in data else data
    return {key_name(name): entry for name, entry in stages.items()} if isinstance(stages, dict) else {}


def _file(wdir: str, item: Any, kind: type[Record]) -> _File | None:
    if not isinstance(item, dict) or item.get("path") is None:
        return None
    path = join(wdir, item["path"])
    md5, size, nfiles = content_of(item)
    spelled = f"[{_quote(path)},{_quote(md5 or '')}]"
    return _File((path, md5 or ""), spelled, kind(path=path, md5=md5, size=size, nfiles=nfiles))


def _values(wdir: str, listed: Mapping[Any, Any], stage: str | None) -> Iterator[Value]:
    for path, values in listed.items():
        where = join(wdir, path)
        for dotted, value in values.items() if isinstance(values, dict) else ():
            for key, leaf in leaves(value):
                parts = (key_name(dotted), *key)
                yield Value(name=".".join(parts), key=parts, value=leaf, path=where, stage=stage)


_spell = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_quote = json.encoder.encode_basestring_ascii


def _place(param: list[Any]) -> tuple[Any, Any]:
    return param[0], param[1]
