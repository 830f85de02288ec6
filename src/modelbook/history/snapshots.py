"""From one tree to a `Snapshot`: the files joined, each parsed once over the whole history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from modelbook._hashes import md5s
from modelbook._paths import parents
from modelbook.history import dvcfiles, files, plots, wishes
from modelbook.history.brought import PULLED, Brought, Pulled
from modelbook.history.dvcfiles import Definition, LockedOut, StageDef, Tracked
from modelbook.history.files import Unreadable
from modelbook.history.joined import Joined, Layout, Source, address_of, sources_of
from modelbook.history.links import Found, follow
from modelbook.history.lockfile import Locks
from modelbook.history.repository import Entry, Tree
from modelbook.history.stale import Defined
from modelbook.records import (
    Artifact,
    Commit,
    Dataset,
    Dependency,
    Environment,
    Later,
    ModelInfo,
    Plot,
    Problem,
    Project,
    Snapshot,
    Spec,
    Stage,
    State,
    Value,
)

PROJECT_FILE = "mlproject.yaml"
ENVIRONMENTS = "runs/environment"
_CACHED = "its content is in DVC's cache or remote, not in Git"
_LINKED = "it is a symbolic link: {} is read in its place, which DVC itself does not do in past commits"
PARSER_VERSION = 1
"""Raised whenever the same bytes come to mean something else; part of every memo key."""

T = TypeVar("T")
_path = attrgetter("path")


class Memo:
    """What every blob meant, by (parser name, parser version, blob id): the one seam for a cache on disk."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._known: dict[tuple[str, int, str], Any] = {}
        self._last = ("", b"")

    def content(self, blob: str) -> bytes:
        """The content of a blob; the one asked for last is still at hand.

        Raises:
            Unreadable: it cannot be read.
        """
        if self._last[0] != blob:
            self._last = blob, self._read(blob)
        return self._last[1]

    def get(self, parser: str, blob: str, parse: Callable[[bytes], T]) -> T:
        """What a blob means to a parser; the same object every time.

        Raises:
            Unreadable: it cannot be parsed; the same reason every time.
        """
        key = (parser, PARSER_VERSION, blob)
        found = self._known.get(key)
        if found is None:
            try:
                found = parse(self.content(blob))
            except Unreadable as error:
                found = error
            self._known[key] = found
        if isinstance(found, Unreadable):
            raise Unreadable(str(found))
        result: T = found
        return result


class _Unit(NamedTuple):
    """A folder with a dvc.yaml, a dvc.lock or both."""

    folder: str
    definition: Entry | None
    lock: Entry | None


class _Declared(NamedTuple):
    """What a dvc.yaml says of params, metrics and plots, whatever its lock has."""

    metrics: dict[str, str]
    loose_metrics: tuple[str, ...]
    params: dict[str, dict[str, str | None] | None]
    stage_plots: dict[str, Plot]
    plots: dict[str, Plot]


@dataclass
class _Parts:
    """What is being put together for one snapshot."""

    stages: list[Stage] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    models: list[ModelInfo] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    metrics: dict[str, str | None] = field(default_factory=dict)
    params: dict[str, dict[str, str | None] | None] = field(default_factory=dict)
    plots: dict[str, Plot] = field(default_factory=dict)
    outs: dict[str, LockedOut] = field(default_factory=dict)
    defined: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def want_params(self, path: str, wanted: dict[str, str | None] | None) -> None:
        """Remember that a params file is used: some of its keys, or, without keys, all of it."""
        _want(self.params, path, wanted)

    def declare(self, declared: _Declared) -> None:
        """Remember what a dvc.yaml or a stage file says."""
        self.metrics.update(declared.metrics)
        for path in declared.loose_metrics:
            self.metrics.setdefault(path, None)
        for path, wanted in declared.params.items():
            self.want_params(path, wanted)
        for name, plot in declared.stage_plots.items():
            self.plots.setdefault(name, plot)
        self.plots.update(declared.plots)


def _want(
    params: dict[str, dict[str, str | None] | None], path: str, wanted: dict[str, str | None] | None
) -> None:
    known = params.get(path, {})
    params[path] = None if known is None or not wanted else {**wanted, **known}


class Reader:
    """Reads snapshots, sharing between them whatever is the same."""

    def __init__(
        self, blob: Callable[[str], bytes], name: str, pulled: Pulled | None = None, folder: str = ""
    ) -> None:
        """Start with nothing known.

        Args:
            blob: the content of a blob by its id.
            name: of a project that does not say its own.
            pulled: what was brought of the files that are not in Git.
            folder: the mlproject.yaml that counts is there, or else in the nearest folder above.
        """
        self._name = name
        self._homes = (*parents(folder), "")
        self._memo = Memo(blob)
        self._brought = Brought(pulled) if pulled else None
        self._pulled_memo = Memo(self._brought.read) if self._brought else self._memo
        self._chunks: dict[str, Any] = {}
        self._shared: dict[Any, Any] = {}
        self._locks = Locks()
        self._joined: dict[tuple[str, int, int, bool], Joined] = {}
        self._last: dict[str, Layout] = {}
        self._rows: dict[tuple[Any, int], tuple[tuple[files.Key, Any], ...]] = {}
        self._kept: list[Any] = []

    def read(self, tree: Tree, commit: Commit) -> Snapshot:
        """Everything at one revision; what cannot be read is among its problems."""
        parts = _Parts()
        try:
            return self._snapshot(tree, commit, parts)
        except Unreadable as error:
            return Snapshot(commit=commit, problems=(*parts.problems, Problem(path="", reason=str(error))))

    def _snapshot(self, tree: Tree, commit: Commit, parts: _Parts) -> Snapshot:
        units, others = self._sorted_out(tree, parts)
        for unit in units:
            self._read_unit(tree, unit, parts)
        for path, entry in others:
            if path.endswith((".dvc", "Dvcfile")):
                self._read_tracked(path, entry, tree, parts)
            elif path.endswith("artifacts.yaml"):
                self._read_artifacts(path, entry, parts)
            elif _is_loose_metric(path, parts.defined):
                parts.metrics.setdefault(path, None)
        home, project_file = self._home(tree)
        project, specs = self._read_project(tree, parts, home, project_file)
        if tree.find(dvcfiles.DEFAULT_PARAMS):
            parts.want_params(dvcfiles.DEFAULT_PARAMS, None)
        metrics = tuple(
            [value for path in sorted(parts.metrics) for value in self._metric(tree, path, parts)]
        )
        params = Later(partial(self._all_params, tree, parts.params, parts.outs))
        return Snapshot(
            commit=commit,
            project=project,
            specs=specs,
            stages=tuple(parts.stages),
            params=params,
            metrics=metrics,
            plots=tuple(self._plots(tree, parts)),
            artifacts=tuple(sorted(parts.artifacts, key=_path)),
            datasets=_datasets(project, parts),
            environments=tuple(self._environments(tree, parts, home)),
            models=tuple(parts.models),
            problems=tuple(dict.fromkeys(parts.problems)),
        )

    def defined(self, tree: Tree) -> tuple[list[Defined], dict[str, LockedOut]]:
        """Every stage that a dvc.yaml defines with its lock entry; and what each output and data file holds.

        Raises:
            Unreadable: a folder's content is not in this clone.
        """
        parts, found = _Parts(), []
        units, others = self._sorted_out(tree, parts)
        for unit in units:
            file = dvcfiles.join(unit.folder, "dvc.yaml")
            definition, entries = self._definition(tree, unit, file, parts), self._lock(unit, parts)
            layout = self._layout(file, unit.folder, definition, entries)
            parts.outs.update(layout.hashes)
            for stage in definition.stages if definition else ():
                address = address_of(file, stage)
                found.append(
                    Defined(address, stage, self._locks.locked(stage.wdir, entries.get(stage.name), address))
                )
        for path, entry in others:
            if path.endswith(".dvc"):
                self._read_tracked(path, entry, tree, parts)
        return found, parts.outs

    # -- parsing, once per blob

    def content(self, blob: str) -> bytes:
        """The content of a blob. Raises: Unreadable: it cannot be read."""
        return self._memo.content(blob)

    def data(self, path: str, blob: str) -> Any:
        """The plain content of a data file."""
        suffix = path.rpartition(".")[2].lower()
        kind = suffix if suffix in ("json", "jsonl", "ndjson", "toml", "py") else "yaml"
        memo = self._pulled_memo if blob.startswith(PULLED) else self._memo
        return memo.get(kind, blob, lambda content: files.parse(content, path, self._chunks))

    def _mapping(self, path: str, blob: str) -> dict[Any, Any]:
        value = self.data(path, blob)
        if not isinstance(value, dict):
            raise Unreadable(f"not a mapping: {type(value).__name__}")
        return value

    def _once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """The same object for the same key, made when first asked for."""
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = make()
        result: T = found
        return result

    # -- dvc.yaml and dvc.lock

    def _read_unit(self, tree: Tree, unit: _Unit, parts: _Parts) -> None:
        file = dvcfiles.join(unit.folder, "dvc.yaml")
        definition = self._definition(tree, unit, file, parts)
        entries = self._lock(unit, parts)
        key = ("layout", file, id(definition), unit.lock.id if unit.lock else None)  # definitions are kept
        layout = self._once(key, lambda: self._layout(file, unit.folder, definition, entries))
        _add_stages(tree, layout, parts)
        if definition:
            parts.defined.add(unit.folder)
            what = ("declared", file, id(definition))
            parts.declare(self._once(what, lambda: _declared_in(file, unit.folder, definition)))
            parts.models.extend(definition.models)

    def _layout(
        self, file: str, folder: str, definition: Definition | None, entries: dict[str, Any]
    ) -> Layout:
        """What a dvc.yaml and a dvc.lock say together; worked out only where it is not as it was last."""
        names = tuple(entries)
        key = ("sources", folder, id(definition), names)
        sources = self._once(key, lambda: sources_of(folder, definition, names))
        raws = [entries.get(source.stage.name) for source in sources]
        last = self._last.get(file)
        if last is None or last.sources is not sources:
            joined = [self._join(file, source, raw) for source, raw in zip(sources, raws, strict=True)]
            found = Layout(sources, raws, joined)
        else:
            found = last.changed(raws, partial(self._join, file))
        self._last[file] = found
        return found

    def _definition(self, tree: Tree, unit: _Unit, file: str, parts: _Parts) -> Definition | None:
        if unit.definition is None:
            return None
        try:
            data = self._mapping(file, unit.definition.id)
        except Unreadable as error:
            parts.problems.append(Problem(path=file, reason=str(error)))
            return None
        used = self._once(("vars", unit.definition.id), lambda: _variables_used(data))
        found = {path: self.find(tree, dvcfiles.join(unit.folder, path)).entry for path in used}
        for path, entry in found.items():
            if entry is not None and entry.kind == "blob":  # a command made from its values depends on them
                parts.want_params(dvcfiles.join(unit.folder, path), None)
        key = ("definition", file, unit.definition.id, tuple(found.values()))
        definition = self._once(key, lambda: self._define(unit.folder, data, found))
        parts.problems.extend(Problem(path=file, reason=reason) for reason in definition.problems)
        return definition

    def _define(self, folder: str, data: dict[Any, Any], found: dict[str, Entry | None]) -> Definition:
        variables: dict[str, Any] = {}
        problems: list[str] = []
        for path, entry in found.items():
            if entry is None or entry.kind != "blob":
                continue
            try:
                variables[path] = self._mapping(path, entry.id)
            except Unreadable as error:
                problems.append(f"vars of {path}: {error}")
        definition = dvcfiles.definition(folder, data, variables)
        return replace(definition, problems=(*problems, *definition.problems))

    def _lock(self, unit: _Unit, parts: _Parts) -> dict[str, Any]:
        if unit.lock is None:
            return {}
        try:
            return self._memo.get("lock", unit.lock.id, self._locks.parse)
        except Unreadable as error:
            parts.problems.append(Problem(path=dvcfiles.join(unit.folder, "dvc.lock"), reason=str(error)))
            return {}

    def _join(self, file: str, source: Source, raw: Any) -> Joined:
        stage, orphan = source
        key = (file, id(stage), id(raw), orphan)
        joined = self._joined.get(key)
        if joined is None:
            self._kept.append((stage, raw))  # the key holds their ids, so they must live as long
            locked = self._locks.locked(stage.wdir, raw, address_of(file, stage))
            joined = self._joined[key] = Joined(file, stage, locked, orphan=orphan)
        return joined

    def find(self, tree: Tree, path: str) -> Found:
        """What stands at a path, links inside the repository followed."""
        return follow(tree, path, self._target)

    def _target(self, blob: str) -> str:
        """Where a symbolic link points to."""
        return self._memo.get("link", blob, lambda content: content.decode("utf-8", "replace"))

    def _sorted_out(self, tree: Tree, parts: _Parts) -> tuple[list[_Unit], list[tuple[str, Entry]]]:
        """The dvc.yaml/dvc.lock pairs of a tree and its other files known by name."""
        units: dict[str, dict[str, Entry]] = {}
        others = []
        for path, at in tree.tracked():
            folder, _slash, name = path.rpartition("/")
            entry, real, reason = (at, path, "") if at.kind == "blob" else self.find(tree, path)
            if entry is None or entry.kind != "blob":
                parts.problems.append(
                    Problem(path=path, reason=reason or "it is a symbolic link to nothing that can be read")
                )
                continue
            if real != path:
                parts.problems.append(Problem(path=path, reason=_LINKED.format(real)))
            if name in ("dvc.yaml", "dvc.lock"):
                units.setdefault(folder, {})[name] = entry
            elif name != PROJECT_FILE:
                others.append((path, entry))
        pairs = [
            _Unit(folder, found.get("dvc.yaml"), found.get("dvc.lock")) for folder, found in units.items()
        ]
        return sorted(pairs, key=lambda unit: unit.folder), others

    def _read_artifacts(self, path: str, entry: Entry, parts: _Parts) -> None:
        """GTO's artifacts.yaml, which counts at the root alone; a file of that name elsewhere is its own."""
        if path != "artifacts.yaml":
            return
        try:
            data = self._mapping(path, entry.id)
            known = {model.name for model in parts.models}
            found = self._once(("artifacts", entry.id), lambda: dvcfiles.artifacts_yaml(data))
        except Unreadable as error:
            parts.problems.append(Problem(path=path, reason=str(error)))
            return
        parts.models.extend(model for model in found if model.name not in known)

    def _read_tracked(self, path: str, entry: Entry, tree: Tree, parts: _Parts) -> None:
        """A `.dvc` file: tracked data, or a stage as DVC wrote them before 1.0."""
        folder = path.rpartition("/")[0]
        try:
            data = self._mapping(path, entry.id)
            if data.get("cmd"):
                stage, raw = self._once(("stage", path, entry.id), lambda: dvcfiles.old_stage(path, data))
                source = Source(stage, orphan=False)
                _add_stages(tree, Layout((source,), [raw], [self._join(path, source, raw)]), parts)
                parts.declare(_declared(path, [stage]))
                return
            outs = self._once(("dvc", path, entry.id), lambda: dvcfiles.tracked(folder, data))
        except Unreadable as error:
            parts.problems.append(Problem(path=path, reason=str(error)))
            return
        for out in outs:
            found = tree.find(out.path)
            blob = found.id if found and found.kind == "blob" else None
            parts.artifacts.append(_tracked_artifact(out, blob))
            parts.datasets.append(_tracked_dataset(out, path))
            parts.outs.setdefault(out.path, _tracked_hash(out))
            if out.metric:
                parts.metrics.setdefault(out.path, None)

    # -- values

    def _metric(self, tree: Tree, path: str, parts: _Parts) -> Iterable[Value]:
        stage = parts.metrics[path]
        at = tree.find(path)
        if at is not None and at.kind == "blob":
            return self._metric_file(path, at.id, parts)
        found = self.find(tree, path)
        if found.entry is None:
            return self._elsewhere(path, stage, parts.outs, found.reason)
        if found.entry.kind == "blob":
            return self._metric_file(path, found.entry.id, parts)
        inner = tree.below(found.path)
        cut = len(found.path)
        return [value for name, blob in inner for value in self._values(path + name[cut:], blob, stage)]

    def _metric_file(self, path: str, blob: str, parts: _Parts) -> tuple[Value, ...]:
        stage, lock = parts.metrics[path], parts.outs.get(path)
        key = ("metric", path, blob, stage, lock.md5 if lock else None)
        values, problems = self._once(
            key, lambda: (self._values(path, blob, stage), tuple(self._metric_problems(path, blob, lock)))
        )
        parts.problems += problems
        return values

    def _metric_problems(self, path: str, blob: str, lock: LockedOut | None) -> Iterator[Problem]:
        """That a file was changed since the run, and that only the last line of it is shown."""
        try:
            if lock and lock.md5 and lock.md5 not in md5s(self._memo.content(blob)):
                yield Problem(path=path, reason=f"changed since the run: dvc.lock has md5 {lock.md5}")
            data = self.data(path, blob) if path.endswith("json") else None
        except Unreadable:
            return  # its value says so
        if isinstance(data, files.Lines):
            reason = f"it holds JSON Lines, which DVC does not read: the last of {len(data)} lines is shown"
            yield Problem(path=path, reason=reason)

    def _elsewhere(
        self, path: str, stage: str | None, outs: dict[str, LockedOut], reason: str
    ) -> Iterator[Value]:
        """The values of a file that is not in Git: those brought from DVC, else why there are none."""
        brought = self._brought.files(path, outs) if self._brought and not reason else []
        if not brought:
            yield _absent(path, stage, outs, reason)
        for inner, md5, size in brought:
            for value in self._values(inner, PULLED + md5, stage):
                yield replace(value, blob=None, md5=md5, size=size)

    def _values(self, path: str, blob: str, stage: str | None) -> tuple[Value, ...]:
        return self._once(("values", path, blob, stage), lambda: self._parse_values(path, blob, stage))

    def _parse_values(self, path: str, blob: str, stage: str | None) -> tuple[Value, ...]:
        try:
            data = self.data(path, blob)
            found = tuple(self._leaves(data[-1] if isinstance(data, files.Lines) else data))
        except Unreadable as error:
            return (_unreadable(path, stage, blob, str(error)),)
        return tuple(
            Value(name=".".join(key) or path, key=key, value=value, path=path, stage=stage, blob=blob)
            for key, value in found
        )

    def _leaves(self, data: Any) -> Iterator[tuple[files.Key, Any]]:
        """All leaves; those below a part that many versions of a file share are worked out once."""
        if not isinstance(data, dict) or not data:
            yield from files.leaves(data)
            return
        for name, part in data.items():
            if not isinstance(part, dict):
                yield (files.name(name),), files.plain(part)
                continue
            rows = self._rows.get((name, id(part)))  # an alias is the same part under another name
            if rows is None:
                rows = self._rows[name, id(part)] = tuple(files.leaves({name: part}))
                self._kept.append(part)
            yield from rows

    def _all_params(
        self,
        tree: Tree,
        wanted: dict[str, dict[str, str | None] | None],
        outs: dict[str, LockedOut],
    ) -> tuple[Value, ...]:
        found: list[Value] = []
        for path in sorted(wanted):
            try:
                found.extend(self._params(tree, path, wanted[path], outs))
            except Unreadable as error:
                found.append(_unreadable(path, None, None, str(error)))
        return tuple(found)

    def _params(
        self, tree: Tree, path: str, keys: dict[str, str | None] | None, outs: dict[str, LockedOut]
    ) -> Iterator[Value]:
        entry, real, reason = self.find(tree, path)
        if entry is None:
            yield from self._elsewhere(path, next(iter(keys.values()), None) if keys else None, outs, reason)
        elif entry.kind == "tree":
            for inner, blob in tree.below(real):
                yield from self._values(path + inner[len(real) :], blob, None)
        elif keys is None:
            yield from self._values(path, entry.id, None)
        else:
            wanted = tuple(sorted(keys.items()))
            yield from self._once(
                ("params", path, entry.id, wanted), lambda: tuple(self._some(path, entry.id, wanted))
            )

    def _some(self, path: str, blob: str, wanted: tuple[tuple[str, str | None], ...]) -> Iterator[Value]:
        try:
            data = self.data(path, blob)
        except Unreadable as error:
            yield _unreadable(path, wanted[0][1], blob, str(error))
            return
        for dotted, stage in wanted:
            there, found = files.lookup(data, dotted)
            base = files.dotted_key(dotted)
            if not there:
                reason = "the file has no such key"
                yield Value(
                    name=dotted, key=base, state=State.NEVER, path=path, stage=stage, blob=blob, reason=reason
                )
                continue
            for key, value in files.leaves(found):
                full = (*base, *key)
                yield Value(name=".".join(full), key=full, value=value, path=path, stage=stage, blob=blob)

    # -- plots

    def _plots(self, tree: Tree, parts: _Parts) -> Iterator[Plot]:
        for name in sorted(parts.plots):
            plot = parts.plots[name]
            entry, real, _reason = self.find(tree, name)
            if entry is not None and entry.kind == "tree" and plot.files == ((name, None),):
                yield from self._folder_of_plots(tree, name, real, plot)
            elif entry is None and (inner := self._brought_plots(name, parts.outs)):
                yield from (_inner(plot, path, PULLED + md5) for path, md5 in inner)
            else:
                yield self._plot(tree, plot, parts.outs)

    def _folder_of_plots(self, tree: Tree, folder: str, real: str, plot: Plot) -> Iterator[Plot]:
        for inner, blob in tree.below(real):
            path = folder + inner[len(real) :]
            if plots.is_plot_file(path):
                yield self._once(("plot", plot, path, blob), lambda p=path, b=blob: _inner(plot, p, b))  # type: ignore[misc]

    def _brought_plots(self, folder: str, outs: dict[str, LockedOut]) -> list[tuple[str, str]]:
        """(path, hash) of the plots in a folder that was brought from DVC; none for a single file."""
        brought = self._brought.files(folder, outs) if self._brought else []
        return [(path, md5) for path, md5, _ in brought if path != folder and plots.is_plot_file(path)]

    def _plot(self, tree: Tree, plot: Plot, outs: dict[str, LockedOut]) -> Plot:
        found = tuple((path, self._plot_blob(tree, path, outs)) for path, _blob in plot.files)
        missing = next((path for path, blob in found if blob is None), None)
        if missing is None:
            return self._once(("plot", plot, found), lambda: replace(plot, files=found))
        absent = _absent(missing, plot.stage, outs)
        return replace(
            plot, files=found, state=absent.state, md5=absent.md5, size=absent.size, reason=absent.reason
        )

    def _plot_blob(self, tree: Tree, path: str, outs: dict[str, LockedOut]) -> str | None:
        entry = self.find(tree, path).entry
        if entry is not None:
            return entry.id if entry.kind == "blob" else None
        brought = self._brought.files(path, outs) if self._brought else []
        return next((PULLED + md5 for inner, md5, _size in brought if inner == path), None)

    # -- what the project says

    def _home(self, tree: Tree) -> tuple[str, Entry | None]:
        """The folder of the mlproject.yaml that counts, and that file."""
        for folder in self._homes:
            entry = self.find(tree, dvcfiles.join(folder, PROJECT_FILE)).entry
            if entry is not None and entry.kind == "blob":
                return folder, entry
        return "", None

    def _read_project(
        self, tree: Tree, parts: _Parts, folder: str, entry: Entry | None
    ) -> tuple[Project | None, tuple[Spec, ...]]:
        if entry is None:
            return None, ()
        file = dvcfiles.join(folder, PROJECT_FILE)
        try:
            data = self._mapping(file, entry.id)
            project = self._once(("project", file, entry.id), lambda: wishes.project(data, self._name, file))
            faults = self._memo.get("faults", entry.id, wishes.faults)
        except Unreadable as error:
            parts.problems.append(Problem(path=file, reason=str(error)))
            return None, ()
        parts.problems.extend(Problem(path=file, reason=fault) for fault in faults)
        experiments = dvcfiles.join(folder, wishes.experiments_folder(data))
        specs = tuple(self._specs(tree, experiments, folder, parts))
        same = tuple(map(id, specs))  # each is the one object of its file, kept as long as we are
        return project, self._once(("specs", same), lambda: wishes.inherit(specs))

    def _specs(self, tree: Tree, folder: str, home: str, parts: _Parts) -> Iterator[Spec]:
        for path, blob in tree.below(folder):
            if not path.endswith((".yaml", ".yml")):
                continue
            try:
                data = self._mapping(path, blob)
                found = self._once(("spec", path, blob), lambda p=path, b=blob, d=data: wishes.spec(p, b, d))  # type: ignore[misc]
                yield self._with_card(tree, found, home, parts) if found.card_file else found
            except Unreadable as error:
                parts.problems.append(Problem(path=path, reason=str(error)))

    def _with_card(self, tree: Tree, spec: Spec, home: str, parts: _Parts) -> Spec:
        """The spec with the sections of the Markdown file that its card names, if that can be read."""
        path = dvcfiles.join(home, spec.card_file)
        entry = tree.find(path)
        try:
            if entry is None or entry.kind != "blob":
                raise Unreadable(f"its card {spec.card_file} is not a file of this commit")
            card = self._memo.get("card", entry.id, lambda content: wishes.card_sections(files.text(content)))
        except Unreadable as error:
            parts.problems.append(Problem(path=spec.path, reason=str(error)))
            return spec
        key = ("card", spec.path, spec.blob, path, entry.id)
        return self._once(key, lambda: replace(spec, card=card, card_file=path))

    def _environments(self, tree: Tree, parts: _Parts, home: str) -> Iterator[Environment]:
        for path, blob in tree.below(dvcfiles.join(home, ENVIRONMENTS)):
            if not path.endswith(".json"):
                continue
            try:
                data = self._mapping(path, blob)
                yield self._once(
                    ("environment", path, blob),
                    lambda p=path, b=blob, d=data: wishes.environment(p, b, d),  # type: ignore[misc]
                )
            except Unreadable as error:
                parts.problems.append(Problem(path=path, reason=str(error)))


def _add_stages(tree: Tree, layout: Layout, parts: _Parts) -> None:
    stages, artifacts = layout.at(tree)
    parts.stages += stages
    parts.artifacts += artifacts
    parts.outs.update(layout.hashes)


def _declared(file: str, stages: Iterable[StageDef]) -> _Declared:
    """What stages say of params, metrics and plots, whatever their lock has."""
    found = _Declared({}, (), {}, {}, {})
    for stage in stages:
        address = address_of(file, stage)
        for path, keys in stage.params:
            _want(found.params, path, dict.fromkeys(keys, address))
        for out in stage.outs:
            if out.kind == "metric":
                found.metrics[out.path] = address
            elif out.kind == "plot":
                plot = plots.declared("", out.path, out.props, address)
                found.stage_plots.setdefault(plot.name, plot)
    return found


def _declared_in(file: str, folder: str, definition: Definition) -> _Declared:
    """The same of a whole dvc.yaml."""
    found = _declared(file, definition.stages)
    for path in definition.params:
        _want(found.params, path, None)
    top = [plots.declared(folder, name, props) for name, props in definition.plots]
    return found._replace(loose_metrics=definition.metrics, plots={plot.name: plot for plot in top})


def _is_loose_metric(path: str, defined: set[str]) -> bool:
    """Whether a committed file that nothing declares holds metrics all the same.

    DVCLive's summary does. So does a metrics.json where no readable dvc.yaml could declare it: one that is
    missing or broken at this commit must not hide the results.
    """
    folder, _slash, name = path.rpartition("/")
    if name == "dvclive.json" or folder.rpartition("/")[2] == "dvclive":
        return True
    return "" not in defined and not any(parent in defined for parent in parents(folder))


def _variables_used(data: dict[Any, Any]) -> tuple[str, ...]:
    """The variable files of a dvc.yaml; none if it has no placeholder at all."""
    return dvcfiles.variable_files(data) if "${" in repr(data) else ()


def _tracked_artifact(out: Tracked, blob: str | None) -> Artifact:
    return Artifact(
        path=out.path,
        md5=out.md5,
        size=out.size,
        nfiles=out.nfiles,
        cached=out.cached,
        blob=blob,
        description=out.description,
    )


def _tracked_dataset(out: Tracked, file: str) -> Dataset:
    return Dataset(
        path=out.path,
        name=out.path,
        md5=out.md5,
        size=out.size,
        nfiles=out.nfiles,
        file=file,
        source=out.source,
        revision=out.revision,
        description=out.description,
    )


def _tracked_hash(out: Tracked) -> LockedOut:
    return LockedOut(path=out.path, md5=out.md5, size=out.size, nfiles=out.nfiles)


def _absent(path: str, stage: str | None, outs: dict[str, LockedOut], reason: str = "") -> Value:
    """A file that is not in Git: in DVC's cache as far as the lock knows, else never made.

    Args:
        reason: what stands in the way, when something is there.
    """
    if reason:
        return _unreadable(path, stage, None, reason)
    around = path
    while around:
        lock = outs.get(around)
        if lock is not None and lock.md5 is not None:
            return Value(
                name=path,
                state=State.NOT_PULLED,
                path=path,
                stage=stage,
                md5=lock.md5,
                size=lock.size,
                reason=_CACHED if around == path else f"it lies in {around}, which DVC caches as a whole",
            )
        around = around.rpartition("/")[0]
    return Value(name=path, state=State.NEVER, path=path, stage=stage, reason="no run has made it yet")


def _unreadable(path: str, stage: str | None, blob: str | None, reason: str) -> Value:
    return Value(name=path, state=State.UNREADABLE, path=path, stage=stage, blob=blob, reason=reason)


def _inner(plot: Plot, path: str, blob: str) -> Plot:
    """One file of a folder that is declared as plots."""
    image = plots.is_image(path)
    return replace(
        plot,
        name=path,
        template="image" if image else plot.template,
        y=tuple((path, name) for _file, name in plot.y),
        files=((path, blob),),
    )


def _datasets(project: Project | None, parts: _Parts) -> tuple[Dataset, ...]:
    """What `.dvc` files track and what the project declares; a declared one takes the hash of its path."""
    found = {dataset.path: dataset for dataset in parts.datasets}
    hashes = _hashes(parts) if project and project.datasets else {}
    for dataset in project.datasets if project else ():
        old = found.get(dataset.path)
        known = hashes.get(dataset.path)
        found[dataset.path] = replace(
            dataset,
            md5=known.md5 if known else None,
            size=known.size if known else None,
            nfiles=known.nfiles if known else None,
            stage=next((a.stage for a in parts.artifacts if a.path == dataset.path and a.stage), None),
            source=dataset.source or (old.source if old else ""),
            revision=old.revision if old else "",
        )
    return tuple(found[path] for path in sorted(found))


def _hashes(parts: _Parts) -> dict[str, Dependency | LockedOut]:
    """The hash of every path that any lock entry reads or writes; what is written wins."""
    read: dict[str, Dependency | LockedOut] = {
        dep.path: dep for stage in parts.stages if stage.lock and not stage.orphan for dep in stage.deps
    }
    return {**read, **parts.outs}
