"""What earlier readings found, on disk: the snapshots and runs of commits, so that only new commits are read.

One file for each repository holds every commit once, by its id: a commit never changes, so what a parser
makes of it changes only with the parser. The file says which parser wrote it (a digest of the parser's own
source code), and another one's file is not read at all. Records that many commits share stand in it once, and
the commits refer to them by number.

A file is written beside its place and then put there in one step, so that a process sees the old file or the
new one, whole, whatever other processes do and whenever they end. A checksum covers all of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
import ruamel.yaml

from modelbook.records import (
    WORKSPACE,
    Artifact,
    Commit,
    Dataset,
    Environment,
    Later,
    Plot,
    Problem,
    Project,
    Record,
    Run,
    Snapshot,
    Spec,
    Stage,
    Value,
)

MAX_FILE_BYTES = 256_000_000
"""A repository whose cache would be larger is read anew each time."""

MAX_FOLDER_BYTES = 1_000_000_000
"""Above this, the files not used for the longest time are dropped."""

MAX_AGE = 90 * 24 * 3600.0
"""Seconds after which a file that nobody used is dropped."""

_STRAY_AGE = 3600.0
_REWRITE_SHARE = 50
"""A file is written again when at least one commit in so many is new: so writing costs less than it saves."""

_MAGIC = b"modelbook cache 2\n"
_POOLED = (Stage, Value, Artifact, Plot, Dataset, Environment, Spec, Problem, Project)
_PARSERS = ("history", "spec", "records.py", "catalog.py", "_paths.py")
_SET_ASIDE = {"commit", "commits", "refs"}
_LATER = {"params"}

T = TypeVar("T")


class _Bad(Exception):
    """The file is not what was written."""


def default_folder() -> Path:
    """Where caches of this user belong on this platform."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "modelbook"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "modelbook" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "modelbook"


def _pydantic() -> bytes:
    """What tells pydantic's version: it is not imported for histories without specs, and that is cheap."""
    spec = importlib.util.find_spec("pydantic")
    return Path(spec.origin).with_name("version.py").read_bytes() if spec and spec.origin else b""


@cache
def parser_version() -> str:
    """A digest of all that decides what bytes mean: our own source, the libraries that parse, the machine."""
    package = Path(__file__).parent.parent
    found = hashlib.sha256(f"{sys.version_info[:2]} {sys.byteorder}".encode())
    found.update(f"{msgspec.__version__} {ruamel.yaml.__version__}".encode() + _pydantic())
    for part in _PARSERS:
        for path in sorted((package / part).rglob("*.py") if (package / part).is_dir() else [package / part]):
            found.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return found.hexdigest()


# -- rows: a record whose parts stand in pools


class _Field(msgspec.Struct, frozen=True):
    name: str
    pool: type[Record] | None
    many: bool


def _field(cls: type[Record], name: str, kind: Any) -> _Field:
    if name in _LATER and cls is Snapshot:
        return _Field(name, None, many=False)
    pool = next((arg for arg in (kind, *get_args(kind)) if arg in _POOLED), None)
    if pool is None and any(arg in _POOLED for inner in get_args(kind) for arg in get_args(inner)):
        raise TypeError(f"the cache cannot hold {cls.__name__}.{name}")
    return _Field(name, pool, many=Ellipsis in get_args(kind) or _is_sequence(kind))


def _is_sequence(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is Sequence


def _fields(cls: type[Record]) -> tuple[_Field, ...]:
    aside = _SET_ASIDE - ({"commit"} if cls is Run else set()) | (_LATER if cls is Snapshot else set())
    return tuple(_field(cls, f.name, f.type) for f in msgspec.structs.fields(cls) if f.name not in aside)


def _row_type(cls: type[Record]) -> type[Any]:
    """Like the record, with numbers (many) or a number (one, -1 for none) in place of pooled parts."""
    types = {f.name: f.type for f in msgspec.structs.fields(cls)}
    columns = [
        (f.name, types[f.name] if f.pool is None else list[int] if f.many else int) for f in _fields(cls)
    ]
    return msgspec.defstruct(f"{cls.__name__}Row", columns, array_like=True, gc=False)


_FIELDS: dict[type[Record], tuple[_Field, ...]] = {cls: _fields(cls) for cls in (Snapshot, Run)}
_POOLED_FIELDS = {
    cls: [(field.name, field.pool, field.many) for field in fields if field.pool is not None]
    for cls, fields in _FIELDS.items()
}
_SnapshotRow = _row_type(Snapshot)
_RunRow = _row_type(Run)


class _File(msgspec.Struct, array_like=True):
    """The content of a cache file.

    Attributes:
        params: those of stages, each tuple once: versions of a stage share them. stage_params: the number of
            each stage's. values: the others.
        held: the numbers of the runs that each snapshot holds.
    """

    project: str
    params: list[tuple[Value, ...]]
    stages: list[Stage]
    stage_params: list[int]
    values: list[Value]
    artifacts: list[Artifact]
    plots: list[Plot]
    datasets: list[Dataset]
    environments: list[Environment]
    specs: list[Spec]
    problems: list[Problem]
    projects: list[Project]
    commits: list[Commit]
    snapshots: list[_SnapshotRow]  # type: ignore[valid-type]
    runs: list[_RunRow]  # type: ignore[valid-type]
    held: list[bytes]


class _Pool:
    """Records by number, each object once."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._numbers: dict[int, int] = {}

    def number(self, record: Any) -> int:
        found = self._numbers.get(id(record))
        if found is None:
            found = self._numbers[id(record)] = len(self.rows)
            self.rows.append(record)
        return found

    def numbers(self, records: Iterable[Any]) -> list[int]:
        known = self._numbers
        try:
            return [known[id(record)] for record in records]
        except KeyError:
            return [self.number(record) for record in records]


class _Rows:
    """Records of one kind as rows: a row's numbers are written as what differs from the row before.

    Of most fields that is nothing, or a few of hundreds. A field of many is empty when it is as before; it
    begins with 1 for pairs of a place and the number now there, with 0 for all numbers of its own.
    """

    def __init__(self, cls: type[Record], row: type[Any], pools: Mapping[type[Record], _Pool]) -> None:
        self._fields, self._row, self._pools = _FIELDS[cls], row, pools
        self._last: dict[str, list[int]] = {}

    def pack(self, record: Any) -> Any:
        """The next row."""
        packed = []
        for field in self._fields:
            value = getattr(record, field.name)
            if field.pool is None:
                packed.append(value)
            elif field.many:
                packed.append(self._changes(field.name, self._pools[field.pool].numbers(value)))
            else:
                packed.append(-1 if value is None else self._pools[field.pool].number(value))
        return self._row(*packed)

    def _changes(self, name: str, numbers: list[int]) -> list[int]:
        last = self._last.get(name, [])
        self._last[name] = numbers
        if numbers == last:
            return []
        pairs = [(at, new) for at, (old, new) in enumerate(zip(last, numbers, strict=False)) if old != new]
        if len(last) != len(numbers) or 2 * len(pairs) > len(numbers):
            return [0, *numbers]
        return [1, *(number for pair in pairs for number in pair)]


def _unpacked(
    cls: type[Record], rows: Iterable[Any], pools: Mapping[type[Record], Sequence[Any]]
) -> Iterator[dict[str, Any]]:
    """The fields of each row of `_Rows`; a field that is as in the row before is the same tuple."""
    one = [(name, pools[kind]) for name, kind, many in _POOLED_FIELDS[cls] if not many]
    more = [(name, pools[kind]) for name, kind, many in _POOLED_FIELDS[cls] if many]
    last: dict[str, tuple[Any, ...]] = {name: () for name, _pool in more}
    for row in rows:
        found: dict[str, Any] = msgspec.structs.asdict(row)
        for name, pool in one:
            found[name] = None if found[name] < 0 else pool[found[name]]
        for name, pool in more:
            if found[name]:
                last[name] = _changed(last[name], found[name], pool)
        found.update(last)
        yield found


def _changed(last: tuple[Any, ...], changes: list[int], pool: Sequence[Any]) -> tuple[Any, ...]:
    numbers = iter(changes)
    if not next(numbers):
        return tuple([pool[number] for number in numbers])
    found = list(last)
    for place in numbers:
        found[place] = pool[next(numbers)]
    return tuple(found)


class Stored:
    """What a cache file holds.

    Attributes:
        project: the name of the project that its runs were named with.
        commits: by sha, without their refs.
    """

    def __init__(self, content: _File) -> None:
        self.project = content.project
        shas = [commit.sha for commit in content.commits]
        self.commits = dict(zip(shas, content.commits, strict=True))
        self._held = dict(zip(shas, content.held, strict=True))
        for stage, number in zip(content.stages, content.stage_params, strict=True):
            msgspec.structs.force_setattr(stage, "params", content.params[number])  # nobody has seen it yet
        outs = [out for stage in content.stages for out in stage.outs]
        pools: dict[type[Record], Sequence[Any]] = {
            Stage: content.stages,
            Value: [*chain.from_iterable(content.params), *content.values],
            Artifact: [*outs, *content.artifacts],
            Plot: content.plots,
            Dataset: content.datasets,
            Environment: content.environments,
            Spec: content.specs,
            Problem: content.problems,
            Project: content.projects,
        }
        self._rows = dict(zip(shas, _unpacked(Snapshot, content.snapshots, pools), strict=True))
        self._runs = [Run(commits=(), **found) for found in _unpacked(Run, content.runs, pools)]

    def __contains__(self, sha: str) -> bool:
        return sha in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def snapshot(self, commit: Commit, params: Callable[[], tuple[Value, ...]]) -> Snapshot:
        """The snapshot of a commit that is in it. Args: params: reads what is not stored, if asked for."""
        return Snapshot(commit=commit, params=Later(params), **self._rows[commit.sha])

    def runs(self) -> tuple[dict[str, list[str]], dict[str, Run]]:
        """(commit -> ids of the runs it holds, run by id as its oldest commit had it)."""
        ids = [run.id for run in self._runs]
        held = {sha: [ids[at] for at in memoryview(numbers).cast("I")] for sha, numbers in self._held.items()}
        return held, {run.id: run for run in self._runs}


def encode(snapshots: Iterable[Snapshot], runs: Iterable[Run], project: str) -> bytes:
    """The content of a cache file.

    Raises:
        ValueError, OverflowError, TypeError: something in it cannot be written, such as a very large number.
    """
    kept = list(snapshots)
    found = list(runs)
    pools: dict[type[Record], _Pool] = {cls: _Pool() for cls in _POOLED}
    for stages_of in (*(snapshot.stages for snapshot in kept), *(run.stages for run in found)):
        pools[Stage].numbers(stages_of)
    stages = pools[Stage].rows
    params = _Pool()
    stage_params = [params.number(stage.params) for stage in stages]
    for value in chain.from_iterable(params.rows):  # the reader counts these first, and the outputs likewise
        _append(pools[Value], value)
    for out in chain.from_iterable(stage.outs for stage in stages):
        _append(pools[Artifact], out)
    values, outs = len(pools[Value].rows), len(pools[Artifact].rows)
    snapshot_rows, run_rows = _Rows(Snapshot, _SnapshotRow, pools), _Rows(Run, _RunRow, pools)
    rows = [snapshot_rows.pack(snapshot) for snapshot in kept]
    held_rows = [run_rows.pack(run) for run in found]
    content = _File(
        project=project,
        params=params.rows,
        stages=stages,
        stage_params=stage_params,
        values=pools[Value].rows[values:],
        artifacts=pools[Artifact].rows[outs:],
        plots=pools[Plot].rows,
        datasets=pools[Dataset].rows,
        environments=pools[Environment].rows,
        specs=pools[Spec].rows,
        problems=pools[Problem].rows,
        projects=pools[Project].rows,
        commits=[msgspec.structs.replace(snapshot.commit, refs=()) for snapshot in kept],
        snapshots=rows,
        runs=held_rows,
        held=_held(kept, found),
    )
    lean = {
        "params": msgspec.convert(content.params, list[tuple[_lean(Value), ...]], from_attributes=True),  # type: ignore[misc]
        "stages": msgspec.convert(content.stages, list[_lean(Stage)], from_attributes=True),  # type: ignore[misc]
        "values": msgspec.convert(content.values, list[_lean(Value)], from_attributes=True),  # type: ignore[misc]
    }
    return msgspec.msgpack.encode([lean.get(n, getattr(content, n)) for n in _File.__struct_fields__])


@cache
def _lean(cls: type[Record]) -> type[Any]:
    """Like the record, but written without the fields that have their defaults; read back as the record."""
    fields = []
    for f in msgspec.structs.fields(cls):
        if cls is Stage and f.name == "params":
            continue  # they are kept apart
        inner = next(
            (arg for arg in get_args(f.type) if isinstance(arg, type) and issubclass(arg, Record)), None
        )
        kind = tuple[_lean(inner), ...] if inner else Any  # type: ignore[misc]
        fields.append((f.name, kind) if f.required else (f.name, kind, f.default))
    return msgspec.defstruct(f"Lean{cls.__name__}", fields, omit_defaults=True, kw_only=True, gc=False)


def _append(pool: _Pool, record: Any) -> None:
    """Number a record anew even if it was met before: the reader counts them as they come."""
    pool._numbers.setdefault(id(record), len(pool.rows))
    pool.rows.append(record)


def _held(snapshots: Sequence[Snapshot], runs: Sequence[Run]) -> list[bytes]:
    places = {snapshot.commit.sha: array("I") for snapshot in snapshots}
    for number, run in enumerate(runs):
        for sha in run.commits:
            if sha in places:
                places[sha].append(number)
    return [places[snapshot.commit.sha].tobytes() for snapshot in snapshots]


# -- the file


class Cache:
    """The cache of one repository.

    Attributes:
        faults: what went wrong, each one sentence; values are right all the same.
    """

    def __init__(self, folder: Path, place: str, name: str) -> None:
        """Args: place: the repository's own folder; name: what it is called."""
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:40].strip(".-")
        key = hashlib.sha256(f"{name}\0{place}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._folder = folder
        self._path = folder / f"{slug or 'repository'}-{key}.cache"
        self.faults: list[str] = []

    def load(self) -> Stored | None:
        """What is stored; None when there is nothing, or nothing that this parser wrote."""
        return self._load(self._path, _decode)

    def load_part(self, part: str) -> memoryview | None:
        """What `save_part` stored under that name, by this very code; else None."""
        return self._load(self._part(part), _payload)

    def save_part(self, part: str, payload: bytes) -> None:
        """Store what not every command needs in a file of its own beside the cache."""
        self._save(self._part(part), payload)

    def _part(self, part: str) -> Path:
        return self._path.with_name(f"{self._path.stem}.{part}.cache")

    def _load(self, path: Path, decode: Callable[[bytes], T]) -> T | None:
        try:
            data = path.read_bytes()
            os.utime(path)  # it is of use: see `prune`
        except FileNotFoundError:
            return None
        except OSError as error:
            self.faults.append(f"the cache cannot be read: {error.strerror or error}")
            return None
        try:
            return decode(data)
        except _Bad:
            self.faults.append(f"the cache {path} was damaged; everything was read again")
            return None

    def save(
        self,
        old: Stored | None,
        snapshots: Sequence[Snapshot],
        runs: Sequence[Run],
        project: str,
        *,
        all_refs: bool,
    ) -> None:
        """Store what was read, if enough of it is new to be worth it.

        Args:
            all_refs: whether the snapshots are all that the repository has; else what is already stored is
                stored again with them.
        """
        kept = [snapshot for snapshot in snapshots if snapshot.commit.sha != WORKSPACE]
        new = sum(old is None or snapshot.commit.sha not in old for snapshot in kept)
        if not new or (old and new * _REWRITE_SHARE < len(kept)):
            return
        if old and not all_refs and not {snapshot.commit.sha for snapshot in kept} >= set(old):
            return  # a part of the history: the file of all of it is worth more
        try:
            payload = encode(kept, [run for run in runs if run.commit != WORKSPACE], project)
        except (ValueError, OverflowError, TypeError):
            return  # a number too large for the format, a name that is no text: such histories are read anew
        self._save(self._path, payload)

    def _save(self, path: Path, payload: bytes) -> None:
        if len(payload) > MAX_FILE_BYTES:
            return
        try:
            writer = parser_version().encode()
            self._write(path, b"".join([_MAGIC, writer, b"\n", _checksum(writer, payload), payload]))
        except OSError as error:
            self.faults.append(f"the cache cannot be written: {error.strerror or error}")

    def _write(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=f"{path.stem}-", suffix=".new")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        prune(self._folder, keep=path)


def prune(folder: Path, *, keep: Path) -> None:
    """Drop what ended processes left, what nobody used for long, and the oldest above the size limit."""
    now = time.time()
    left: list[tuple[float, int, Path]] = []
    for path in [*folder.glob("*.cache"), *folder.glob("*.new")]:
        with contextlib.suppress(OSError):
            found = path.stat()
            if now - found.st_mtime > (_STRAY_AGE if path.suffix == ".new" else MAX_AGE) and path != keep:
                path.unlink()
            elif path.suffix == ".cache":
                left.append((found.st_mtime, found.st_size, path))
    total = sum(size for _time, size, _path in left)
    for _time, size, path in sorted(left):
        if total <= MAX_FOLDER_BYTES:
            return
        if path != keep:
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


def _checksum(version: bytes, payload: bytes | memoryview) -> bytes:
    found = hashlib.sha256(version)
    found.update(payload)
    return found.digest()


def _payload(data: bytes) -> memoryview | None:
    """The content of a file; None when another version wrote it."""
    head = len(_MAGIC) + 64 + 1
    if not data.startswith(_MAGIC) or len(data) < head + 32 or data[head - 1 : head] != b"\n":
        raise _Bad
    payload = memoryview(data)[head + 32 :]
    writer = data[len(_MAGIC) : head - 1]
    if data[head : head + 32] != _checksum(writer, payload):
        raise _Bad
    return payload if writer == parser_version().encode() else None


def _decode(data: bytes) -> Stored | None:
    payload = _payload(data)
    try:
        return None if payload is None else Stored(msgspec.msgpack.decode(payload, type=_File))
    except (msgspec.DecodeError, ValueError) as error:
        raise _Bad from error
