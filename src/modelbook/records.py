"""Facts: what a Git history says about models. Frozen, plain, tolerant of old commits.

Every record is an immutable `msgspec.Struct`, so that a thousand snapshots can share the parts they have
in common and any of them can be written as JSON. Facts read from one file do not name the commit they
were read at: the same blob at ten commits is one object, and the snapshot or run that holds it knows
where it stands. Paths are relative to the Git root, with forward slashes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import Any, Generic, TypeVar, overload

import msgspec

WORKSPACE = "workspace"
"""The `sha` of the pseudo-commit that stands for files not committed yet."""


class State(StrEnum):
    """What we know of a value.

    `present`: it was read. `not_pulled`: it lies in DVC's cache or remote; only hash and size are known.
    `unreadable`: it is there, and `reason` says why it could not be read. `never`: declared, but no run
    has made it yet.
    """

    PRESENT = "present"
    NOT_PULLED = "not_pulled"
    UNREADABLE = "unreadable"
    NEVER = "never"


def finite(raw: object) -> float | None:
    """A value when it is a finite number that a float holds, else None; True is no number."""
    if type(raw) is float:  # what it nearly always is
        return raw if math.isfinite(raw) else None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    try:
        found = float(raw)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


_encode = msgspec.msgpack.Encoder(enc_hook=repr, order=None).encode


def content(value: Any) -> bytes:
    """Records, plain values, and tuples and lists of them, as MessagePack: the same bytes mean the same.

    What the format cannot hold, such as very large integers and lone surrogates, is as Python shows it.
    """
    try:
        return _encode(value)
    except (OverflowError, TypeError, ValueError):
        return repr(value).encode("utf-8", "backslashreplace")


def plain(value: Any) -> Any:
    """Records as plain data that JSON can write: NaN and the infinities become their names."""
    return _named(msgspec.to_builtins(value))


def written(value: object) -> bytes:
    """A record or map as the content of a file of its own: JSON that two versions of can be compared by line.

    The keys of maps are sorted; fields of records stand as they are declared.
    """
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=1) + b"\n"


def _named(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    return [_named(item) for item in value] if isinstance(value, list | tuple) else value


def values_of(items: Iterable[Value]) -> bytes:
    """Names and values, whatever their order, as bytes: equal for equal ones; 1, 1.0 and True are three."""
    return content(sorted([(item.name, item.value) for item in items], key=itemgetter(0)))


def number(value: Value | None) -> float | None:
    """A value that is there and a finite number, else None."""
    return value.number if value else None


T = TypeVar("T")


class Later(Sequence[T], Generic[T]):
    """A tuple that is made when someone first looks into it, and equals the tuple it stands for."""

    __slots__ = ("_found", "_make")

    def __init__(self, make: Callable[[], tuple[T, ...]]) -> None:
        self._make: Callable[[], tuple[T, ...]] | None = make
        self._found: tuple[T, ...] = ()

    def _all(self) -> tuple[T, ...]:
        if self._make is not None:
            self._found, self._make = self._make(), None
        return self._found

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[T, ...]: ...
    def __getitem__(self, at: int | slice) -> T | tuple[T, ...]:
        return self._all()[at]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Later) else other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all facts. They hold no cycles, so the cycle collector need not look through all of them."""


class Commit(Record, frozen=True, kw_only=True):
    """One commit, or the workspace.

    Attributes:
        sha: 40 hex digits, or `WORKSPACE`.
        date: ISO 8601 of the author date with its own UTC offset, to the second; for the workspace, HEAD's.
        refs: short names of the refs that point right at it (`main`, `v1.0`, `origin/dev`, `exps/name`).
    """

    sha: str
    parents: tuple[str, ...] = ()
    author: str = ""
    date: str = ""
    subject: str = ""
    body: str = ""
    refs: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The first seven digits, or `workspace`."""
        return self.sha if self.sha == WORKSPACE else self.sha[:7]


class Tag(Record, frozen=True, kw_only=True):
    """A Git tag.

    Attributes:
        name: without `refs/tags/`. commit: what it leads to.
        annotated: it is an object of its own, with a tagger and a time; `date`, `author` and `time` (seconds
            since 1970, what tags are ordered by) are then its own, else its commit's.
        run: the run id that its message names in a line `Run: ID`, or empty.
    """

    name: str
    commit: str
    annotated: bool = False
    date: str = ""
    author: str = ""
    time: int = 0
    run: str = ""


class ExperimentRef(Record, frozen=True, kw_only=True):
    """What `dvc exp run` keeps: a commit under a name of its own, made on top of the commit `baseline`."""

    name: str
    commit: str
    baseline: str


class Value(Record, frozen=True, kw_only=True):
    """One param or metric: a leaf of a file.

    Attributes:
        name: the key path joined with dots; what tables show.
        key: the path inside the file, from its root.
        value: number, string, bool, None, or a list; None unless the state is `present`. NaN and the
            infinities are floats here and become their names as strings in JSON.
        path: the file. A value without a key stands for the whole file (when it is not `present`).
        stage: address of the stage that declares it, if any.
        blob: Git id of the file's content, if it is in Git.
    """

    name: str
    key: tuple[str, ...] = ()
    value: Any = None
    state: State = State.PRESENT
    path: str = ""
    stage: str | None = None
    blob: str | None = None
    md5: str | None = None
    size: int | None = None
    reason: str | None = None

    @property
    def number(self) -> float | None:
        """The value when it is there and a finite number, else None; True is no number."""
        return finite(self.value) if self.state is State.PRESENT else None


class Dependency(Record, frozen=True, kw_only=True):
    """A file or folder that a stage reads. `md5` ends with `.dir` for a folder."""

    path: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None


class Artifact(Record, frozen=True, kw_only=True):
    """A file or folder that a stage writes, or that a `.dvc` file tracks.

    Attributes:
        kind: `out`, `metric` or `plot` by how the stage declares it.
        cached: False when the content is in Git (`cache: false`).
        blob: Git id of the content, when it is a file in Git.
        state: `present` when its hash is known, `never` when the stage has no lock entry for it.
    """

    path: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    stage: str | None = None
    kind: str = "out"
    cached: bool = True
    blob: str | None = None
    state: State = State.PRESENT
    description: str = ""


class Dataset(Record, frozen=True, kw_only=True):
    """Data that comes from outside the pipelines: a `.dvc` file, or what `mlproject.yaml` declares.

    Attributes:
        file: the file that says so (`data/raw.dvc`, `mlproject.yaml`).
        name: as declared, else the path.
        source: where it was imported from, if known; `revision` its Git revision there, or what
            the place calls the version (an ETag, a version of an S3 object).
    """

    path: str
    name: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    stage: str | None = None
    file: str = ""
    source: str = ""
    revision: str = ""
    license: str = ""
    url: str = ""
    description: str = ""


class Plot(Record, frozen=True, kw_only=True):
    """A curve, table or image that a stage writes for people to look at.

    Attributes:
        name: unique within the run; what its heading says if there is no title.
        template: DVC's word: `linear`, `simple`, `smooth`, `scatter`, `confusion`, `confusion_normalized`,
            `bar_horizontal`, `bar_horizontal_sorted`; or `image`.
        x: field of the x axis; None for the row number.
        y: (file, field) of each series; a field of None means the last column.
        files: (path, blob id) of every data file or image; the blob is None when it is not in Git.
        reason: why there is nothing to draw, for a state that is not `present`.
    """

    name: str
    title: str = ""
    template: str = "linear"
    x: str | None = None
    y: tuple[tuple[str, str | None], ...] = ()
    x_label: str = ""
    y_label: str = ""
    files: tuple[tuple[str, str | None], ...] = ()
    stage: str | None = None
    state: State = State.PRESENT
    md5: str | None = None
    size: int | None = None
    reason: str | None = None


class Stage(Record, frozen=True, kw_only=True):
    """One stage as the lock has it, joined with what its definition adds.

    Attributes:
        address: DVC's address: `train@gbm` in a root dvc.yaml, `sub/dvc.yaml:train@gbm` elsewhere.
        file: the dvc.yaml it stands in.
        group: the name before `@`; `item`: the part after it, or None.
        params: the values the lock recorded, that is: those the results were made with.
        params_declared: (file, keys) as the definition has them, keys empty for a whole file.
        meta: DVC's `meta:` of the definition, as it stands.
        experiment, run, pipeline: what a stage written by `modelbook sync` says it belongs to.
        guard: True for the stage that only checks the plan. monitor: the monitor it belongs to, or empty.
        scores: the model that it judges runs for, or empty.
        lock: digest of the canonical lock entry, None when the stage has never run.
        orphan: True when the lock still has it and its dvc.yaml does not; it is in no run.
    """

    address: str
    file: str
    group: str
    item: str | None = None
    cmd: str = ""
    wdir: str = ""
    deps: tuple[Dependency, ...] = ()
    params: tuple[Value, ...] = ()
    outs: tuple[Artifact, ...] = ()
    description: str = ""
    frozen: bool = False
    experiment: str | None = None
    run: str | None = None
    pipeline: str | None = None
    guard: bool = False
    lock: str | None = None
    orphan: bool = False
    monitor: str = ""
    scores: str = ""

    @property
    def aside(self) -> bool:
        """Whether it makes no model and stands in no run: the guard, and what only watches or judges."""
        return self.guard or bool(self.monitor or self.scores)


class Spec(Record, frozen=True, kw_only=True):
    """An experiment spec as it stood at a commit, read tolerantly.

    Attributes:
        pipeline, owner, tags: its own, else those of the nearest spec it extends that has them.
        chain: the specs it extends, nearest first, as they stood at the same commit; it ends at a parent
            that is not there and at a loop.
        card: section name -> Markdown, its own alone; of the file `card_file` where it names one.
        raw: the whole file as plain data.
    """

    name: str
    path: str
    blob: str | None = None
    pipeline: str = ""
    description: str = ""
    extends: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    card: dict[str, str] = {}
    card_file: str = ""
    raw: dict[str, Any] = {}
    chain: tuple[Spec, ...] = ()


class MetricInfo(Record, frozen=True, kw_only=True):
    """How to read a metric.

    Attributes:
        direction: `maximize`, `minimize` or None when nobody knows.
        guessed: True when the direction comes from a well-known name, not from `mlproject.yaml`.
        unit: shown behind the number. format: a Python format spec such as `.4f`, or empty.
        atol, rtol: two values that differ by no more than this, or than this share of the old one, are equal.
        min_delta: what a value must be better by to count as better.
    """

    name: str
    direction: str | None = None
    guessed: bool = False
    unit: str = ""
    format: str = ""
    description: str = ""
    atol: float = 0.0
    rtol: float = 0.0
    min_delta: float = 0.0


class PipelineInfo(Record, frozen=True, kw_only=True):
    """A pipeline as declared: its headline metric and what it is for."""

    name: str
    description: str = ""
    metric: str = ""
    datasets: tuple[str, ...] = ()


class Gate(Record, frozen=True, kw_only=True):
    """One rule that a metric must hold, as `metrics: {NAME: {gates: ...}}` declares it.

    Attributes:
        kind: `floor`, `ceiling`, `min_delta`, `max_regression` or `must_not_change`.
        limit: in the metric's own unit; 0 for `must_not_change`.
        direction: of the metric, `maximize` or `minimize`; None when nobody says it.
        atol, rtol: two values that differ by no more than this, or than this share of the old one, are equal.
    """

    metric: str
    kind: str
    limit: float = 0.0
    direction: str | None = None
    atol: float = 0.0
    rtol: float = 0.0


class MonitorInfo(Record, frozen=True, kw_only=True):
    """What a monitor is declared to be, as far as it matters to what it found.

    Attributes:
        model, environment: that it watches; either may be empty.
        retention: how many of the newest batches are shown in full; 0 for all.
    """

    name: str
    description: str = ""
    model: str = ""
    environment: str = ""
    schedule: str = ""
    retention: int = 0


class RetrainPolicy(Record, frozen=True, kw_only=True):
    """When a model is trained again, as `models: {NAME: {retrain: ...}}` declares it.

    Attributes:
        on: `breach`, `new_data`, `schedule`. kinds: of findings of the monitor that count as a breach.
        windows: (`expanding` or `rolling`, how many periods, 0 for all).
        retrains, runs: at most so many within the newest `periods`; runs of 0 is no limit.
        hours: of wall time that training runs within them may take; 0 is no limit.
        cool_down: periods after a retraining in which there is no other.
        environment: where the champion is in force; empty for the newest version. assign: put one there.
    """

    on: tuple[str, ...] = ()
    monitor: str = ""
    kinds: tuple[str, ...] = ()
    every: int = 1
    schedule: str = ""
    experiment: str = ""
    param: str = ""
    windows: tuple[tuple[str, int], ...] = ()
    metric: str = ""
    gates: tuple[Gate, ...] = ()
    retrains: int = 4
    periods: int = 12
    runs: int = 0
    hours: float = 0.0
    cool_down: int = 0
    environment: str = ""
    assign: bool = False


class ModelInfo(Record, frozen=True, kw_only=True):
    """A model as declared in `mlproject.yaml`, in the `artifacts:` of a dvc.yaml or in GTO's artifacts.yaml.

    Attributes:
        artifact: path of the model file, with `${run}` where the run's name stands.
        task: what kind of problem it solves, as the Hub names it; empty when nobody says it.
        versions: (version, run id) in file order. environments: (environment, version).
        deprecated: (version, why nobody should use it any more).
        file: where it is declared, empty when only tags speak of it. type: DVC's word, such as `model`.
        retrain: its policy of retraining, if it has one.
    """

    name: str
    pipeline: str = ""
    artifact: str = ""
    description: str = ""
    task: str = ""
    owner: str = ""
    license: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    deprecated: tuple[tuple[str, str], ...] = ()
    environments: tuple[tuple[str, str], ...] = ()
    file: str = ""
    type: str = "model"
    labels: tuple[str, ...] = ()
    retrain: RetrainPolicy | None = None


class Project(Record, frozen=True, kw_only=True):
    """What `mlproject.yaml` declares at a commit; all defaults where there is none.

    Attributes:
        file: the mlproject.yaml, which may be one of a folder of a monorepo; empty where there is none.
        monitors: as they are declared there.
        requirements: (environment, what a version must have to be put in force there).
    """

    name: str
    description: str = ""
    url: str = ""
    file: str = ""
    metrics: tuple[MetricInfo, ...] = ()
    pipelines: tuple[PipelineInfo, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    models: tuple[ModelInfo, ...] = ()
    gates: tuple[Gate, ...] = ()
    requirements: tuple[tuple[str, tuple[str, ...]], ...] = ()
    monitors: tuple[MonitorInfo, ...] = ()


class Environment(Record, frozen=True, kw_only=True):
    """What a stage ran on, as its run logged it.

    Attributes:
        seconds: wall time. peak_memory: bytes of the largest resident set of the stage's processes.
        commit: HEAD when it ran; dirty: whether files were changed since.
        packages: (name, version), sorted.
    """

    stage: str
    path: str
    blob: str | None = None
    run: str = ""
    python: str = ""
    platform: str = ""
    cpu: str = ""
    cores: int | None = None
    memory: int | None = None
    gpus: tuple[str, ...] = ()
    seconds: float | None = None
    peak_memory: int | None = None
    commit: str | None = None
    dirty: bool | None = None
    packages: tuple[tuple[str, str], ...] = ()


class FileChange(Record, frozen=True, kw_only=True):
    """A file that one commit changed.

    Attributes:
        before: the path it was renamed from, or empty.
        kind: `added`, `removed`, `changed` or `renamed` (with or without edits).
        old, new: Git ids of its content before and after.
        added, removed: lines; None when they were not counted, for `binary` is true or the file is large or
            DVC's own.
    """

    path: str
    kind: str
    before: str = ""
    old: str | None = None
    new: str | None = None
    added: int | None = None
    removed: int | None = None
    binary: bool = False


class CodeChange(Record, frozen=True, kw_only=True):
    """What a commit did to files, against its first parent.

    Attributes:
        files: sorted by path. more: how many more there are.
        reason: why there is nothing, when it could not be read.
    """

    files: tuple[FileChange, ...] = ()
    more: int = 0
    reason: str = ""


class Stale(Record, frozen=True, kw_only=True):
    """A stage whose results are not from the code, params and data that stand beside them.

    Attributes:
        stage: its address, or the spec or dvc.yaml it should come from. file: to point at, else the lock.
    """

    stage: str
    reason: str
    file: str = ""


class Problem(Record, frozen=True, kw_only=True):
    """Something that could not be read. Never a crash, never a gap without a word.

    Attributes:
        commit: the newest commit that has it. since: the oldest one, when a Catalog holds it.
    """

    path: str
    reason: str
    commit: str | None = None
    since: str | None = None


class Snapshot(Record, frozen=True, kw_only=True):
    """Everything at one revision.

    Attributes:
        params: the values of the params files themselves, as DVC's `params show` reads them; what a run was
            made with is in its stages. Of a history they are a `Later`: most who read it never ask.
        models: what the `artifacts:` of dvc.yaml files and GTO's artifacts.yaml declare, of every type.
    """

    commit: Commit
    project: Project | None = None
    specs: tuple[Spec, ...] = ()
    stages: tuple[Stage, ...] = ()
    params: Sequence[Value] = ()
    metrics: tuple[Value, ...] = ()
    plots: tuple[Plot, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    environments: tuple[Environment, ...] = ()
    models: tuple[ModelInfo, ...] = ()
    problems: tuple[Problem, ...] = ()


class Run(Record, frozen=True, kw_only=True):
    """One content-addressed execution of an experiment.

    Attributes:
        id: first 12 hex digits of the SHA-256 of its canonical lock entries; equal runs on ten commits are
            one run. Telemetry is no part of it.
        name: the foreach/matrix item, else the experiment's name. experiment: the spec it belongs to.
        commits: every commit that holds it, oldest first; refs: every ref whose tip holds it.
        commit: the oldest of them, where its values were read; date and author are that commit's.
        stages: in the order they ran (dependencies first), shared upstream stages included; none when only
            what was logged is known, as DVCLive logs without a pipeline. With no lock entry at all the id is
            that of its metrics.
        label: the name DVC gave the experiment ref that brought it (`lucky-fox`), or empty.
        baseline: the commit that experiment started from.
    """

    id: str
    name: str
    experiment: str
    commit: str
    commits: tuple[str, ...]
    pipeline: str = ""
    refs: tuple[str, ...] = ()
    date: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    params: tuple[Value, ...] = ()
    metrics: tuple[Value, ...] = ()
    plots: tuple[Plot, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    environments: tuple[Environment, ...] = ()
    spec: Spec | None = None
    label: str = ""
    baseline: str = ""

    def metric(self, name: str) -> Value | None:
        """The metric of that name, or None."""
        for value in self.metrics:
            if value.name == name:
                return value
        return None

    @property
    def own_stages(self) -> tuple[Stage, ...]:
        """Those that are this run's alone, not shared with others: of a run without an item all of them."""
        mine = tuple(stage for stage in self.stages if stage.item is not None and stage.item == self.name)
        return mine or self.stages

    @property
    def seconds(self) -> float | None:
        """Wall time of its stages, as they logged it; None where none did, or one does not tell."""
        partial = any(item.seconds is None for item in self.environments)
        return None if partial else self.least_seconds

    @property
    def least_seconds(self) -> float | None:
        """Wall time of those of its stages that logged one: it took at least so long. None where none did."""
        known = [item.seconds for item in self.environments if item.seconds is not None]
        return math.fsum(known) if known else None

    def param(self, name: str) -> Value | None:
        """The param of that name, or None."""
        for value in self.params:
            if value.name == name:
                return value
        return None


class Experiment(Record, frozen=True, kw_only=True):
    """All runs of one experiment over the whole history.

    Attributes:
        name: of the spec; for a repository without specs the foreach/matrix item, else the folder of its
            dvc.yaml (the project's name for the root).
        file: the spec, or the dvc.yaml where there is none. spec: as it stands at the newest snapshot that
            has it.
        runs: ids of all its runs, newest first. current: ids of those that HEAD (or the workspace) holds.
        tags: of the newest spec.
    """

    name: str
    file: str = ""
    pipeline: str = ""
    spec: Spec | None = None
    runs: tuple[str, ...] = ()
    current: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class ModelVersion(Record, frozen=True, kw_only=True):
    """A registered version of a model.

    Attributes:
        run: the id it was registered with, whether or not a run of that id exists; for a version that only a
            tag registers, the run whose artifact its commit holds, empty when that cannot be told.
        commit, date, author: where it was first declared; for a tag, its commit, and who tagged it when.
        environments: those that this version is in force in.
        deprecated: nobody should use it any more; `deprecation` says why, where somebody said it.
        reason: what is wrong with it (the run is in no history), or None.
    """

    version: str
    run: str
    tag: str | None = None
    commit: str = ""
    date: str = ""
    author: str = ""
    deprecated: bool = False
    deprecation: str = ""
    environments: tuple[str, ...] = ()
    reason: str | None = None


class Promotion(Record, frozen=True, kw_only=True):
    """The moment an environment of a model got another version, or none.

    Attributes:
        version: in force from then on; empty when it was taken out. before: the one in force until then.
        commit: the commit on HEAD's line that says so; of a tag, the commit it stands at.
        date, author: of that commit; of a tag, when it was made and by whom. tag: its name, else None.
    """

    environment: str
    version: str
    before: str = ""
    commit: str = ""
    date: str = ""
    author: str = ""
    tag: str | None = None


class Model(Record, frozen=True, kw_only=True):
    """A declared model, its versions (newest first) and the run that would be best to register next.

    Attributes:
        candidate: id of the best run of its pipeline by the headline metric among current runs, or None.
        promotions: how its environments came to be what they are, newest first.
    """

    name: str
    info: ModelInfo
    versions: tuple[ModelVersion, ...] = ()
    candidate: str | None = None
    promotions: tuple[Promotion, ...] = ()


class Report(Record, frozen=True, kw_only=True):
    """A Markdown file of `reports/`, as HEAD or the workspace has it.

    Attributes:
        name: its path below `reports/` without `.md`, which its address is made of.
        text: all of it; empty when `reason` says why it could not be read.
        commit, date, author: the last commit that changed it; `WORKSPACE` for changes not committed yet.
        images: (path, blob id) of the images it shows that are files of the same revision.
    """

    name: str
    path: str
    text: str = ""
    commit: str = ""
    date: str = ""
    author: str = ""
    images: tuple[tuple[str, str], ...] = ()
    reason: str = ""


class Comparison(Record, frozen=True, kw_only=True):
    """One thing that a reproduction compared: a metric, the hash of an output, a version of a package.

    Attributes:
        recorded: as the run has it, None where it has none. found: as it came out, None where it did not.
    """

    name: str
    recorded: Any = None
    found: Any = None
    same: bool = False


class Reproduction(Record, frozen=True, kw_only=True):
    """What `modelbook reproduce` found when it made a run again, as the file of its record says.

    Attributes:
        run: its id. path: the file, `runs/reproduced/RUN.json`. recorded_in: the commit that changed it last.
        outcome: `reproduced`, `differs`, or `failed` when a stage did.
        stages: those that ran again; what they read and nobody ran again came by its hash.
        exact: whether every metric and output hash was the same, and not just within tolerance.
        rtol, atol: how far a metric may be off.
        date, by: when it ended, and who did it. commit: whose files were taken.
        environment: what differs from what the run logged; metrics, outs: all that was compared.
        reason: what is wrong with the record itself: it cannot be read, or is not about this run's outputs.
    """

    run: str
    path: str = ""
    recorded_in: str = ""
    outcome: str = ""
    exact: bool = False
    rtol: float = 0.0
    atol: float = 0.0
    date: str = ""
    by: str = ""
    commit: str = ""
    stages: tuple[str, ...] = ()
    environment: tuple[Comparison, ...] = ()
    metrics: tuple[Comparison, ...] = ()
    outs: tuple[Comparison, ...] = ()
    reason: str = ""


class Finding(Record, frozen=True, kw_only=True):
    """One thing a monitor judged of a batch.

    Attributes:
        kind: `quality`, `drift` or `performance`. column: it is about; empty when it is about all.
        measure: what was measured, such as `psi`. value: None where it cannot be measured.
        warning, breach: the limits. status: `ok`, `warning` or `breach`. note: more about it, in a sentence.
    """

    kind: str
    column: str = ""
    measure: str
    value: float | None = None
    warning: float | None = None
    breach: float | None = None
    status: str = "ok"
    note: str = ""


class ColumnDrift(Record, frozen=True, kw_only=True):
    """A column of a batch beside that of the reference.

    Attributes:
        kind: `number` or `category`. measures: by name; effect sizes, and p-values that only inform.
        bins: what each of `reference` and `batch`, shares of all values, is the share of.
        exact: False where numbers were counted in bins.
    """

    name: str
    kind: str
    status: str = "ok"
    measures: dict[str, float | None] = {}
    bins: tuple[str, ...] = ()
    reference: tuple[float, ...] = ()
    batch: tuple[float, ...] = ()
    exact: bool = True


class Performance(Record, frozen=True, kw_only=True):
    """How a model did on rows of a batch.

    Attributes:
        segment: `column=value` for a part of the rows, empty for all.
        labelled: rows with a label. estimated: the metrics are what the model itself expects, without labels.
    """

    segment: str = ""
    rows: int = 0
    labelled: int = 0
    metrics: dict[str, float | None] = {}
    estimated: bool = False


class Watch(Record, frozen=True, kw_only=True):
    """What a monitor found in one batch.

    Attributes:
        status: `ok`, `warning`, `breach`, or why there is nothing to judge: `empty`, `unreadable`, `missing`.
        reason: of the latter. waiting: labels are to come.
        findings: all that was judged. columns: the worst first. performance: all rows, then segments.
        first, last: times of the first and the last row, where the monitor names a column of times.
        same_as: an earlier batch that holds the same data. commit, date: the first commit of HEAD's line that
            has the result, `WORKSPACE` for one that none has. The Catalog says these, no result does.
    """

    version: int = 1
    monitor: str
    batch: str
    status: str = "ok"
    reason: str = ""
    rows: int = 0
    reference_rows: int = 0
    waiting: bool = False
    findings: tuple[Finding, ...] = ()
    columns: tuple[ColumnDrift, ...] = ()
    performance: tuple[Performance, ...] = ()
    first: str = ""
    last: str = ""
    same_as: str = ""
    commit: str = ""
    date: str = ""


class Event(Record, frozen=True, kw_only=True):
    """One thing that began, got worse or better, or ended, from one batch of a monitor to the next.

    Attributes:
        kind, column, measure: as of a `Finding`; kind `batch` for a batch that cannot be judged.
        before, status: what it was and is: `ok`, `warning`, `breach`, or why a batch cannot be judged.
        says: in a sentence.
    """

    batch: str
    kind: str
    column: str = ""
    measure: str = ""
    before: str = "ok"
    status: str
    says: str = ""


class Notice(Record, frozen=True, kw_only=True):
    """One time somebody was told of a monitor, as a line of `runs/alerts/MONITOR.jsonl` says.

    Attributes:
        date: when. channel: who, by the name of an alert; never an address.
        id: the same for the same news, however often it is sent.
        status, batch, since: of the monitor then, and the first batch of those in a row that are like it.
        events: what was told; none for the first line of a channel, which only says what was there before.
        known: batch -> what is bad about it -> how bad, of the batches that this line adds or changes.
    """

    version: int = 1
    date: str = ""
    monitor: str
    channel: str
    id: str = ""
    status: str = "ok"
    batch: str = ""
    since: str = ""
    events: tuple[Event, ...] = ()
    known: dict[str, dict[str, str]] = {}


class Deployment(Record, frozen=True, kw_only=True):
    """One time a version was brought to where it is used, as a line of `runs/deployments/NAME.jsonl` says.

    Attributes:
        date: when it ended. deployment: the name. version, run: of what was brought there.
        before: the version that was there, or empty. checksum: SHA-256 of the package's list of checksums.
        digest: of what was made of the package, an image or what it is built from; empty when nothing was.
        outcome: `deployed`, `rolled back` to what was there before, or `failed`. reason: why, if it was not.
        by: who did it.
    """

    date: str = ""
    deployment: str
    model: str
    environment: str
    version: str
    run: str
    before: str = ""
    checksum: str = ""
    digest: str = ""
    outcome: str
    reason: str = ""
    by: str = ""


class GateResult(Record, frozen=True, kw_only=True):
    """What a gate said of a challenger beside its champion. `passed` is None where it could not tell."""

    metric: str
    kind: str
    limit: float = 0.0
    passed: bool | None = None
    reason: str = ""


class Contestant(Record, frozen=True, kw_only=True):
    """A run that was judged on a period.

    Attributes:
        run: its id. name: of the run. version: that it is registered as, if it is.
        window: the kind of window (`expanding`, `rolling-3`), empty for a champion. periods: trained on.
        metrics: on the period. scores: the file that has them.
        gates, passed, reason: of a challenger, what was said of it.
    """

    run: str
    name: str
    version: str = ""
    window: str = ""
    periods: tuple[str, ...] = ()
    metrics: dict[str, float | None] = {}
    scores: str = ""
    gates: tuple[GateResult, ...] = ()
    passed: bool = False
    reason: str = ""


class Retraining(Record, frozen=True, kw_only=True):
    """One time a model was trained again, as `runs/retrains/MODEL/PERIOD.json` says.

    Attributes:
        period: the labelled period that all were judged on. data: its file; md5: of its content.
        trigger: `breach`, `new_data` or `schedule`. why: in a sentence.
        outcome: `accepted` or `rejected`. reason: why, in a sentence.
        chosen: the run that was accepted, registered as `version` and put in force in `environment`, if any.
        date: when it was decided. by: who did it. path: of the file.
        as_of: the period that was taken for the newest, when a past decision was made later; else empty.
    """

    format: int = 1
    model: str
    period: str
    data: str = ""
    md5: str = ""
    trigger: str = ""
    why: str = ""
    metric: str = ""
    champion: Contestant
    challengers: tuple[Contestant, ...] = ()
    outcome: str
    reason: str = ""
    chosen: str = ""
    version: str = ""
    environment: str = ""
    as_of: str = ""
    date: str = ""
    by: str = ""
    path: str = ""


class Score(Record, frozen=True, kw_only=True):
    """The metrics of a run on a labelled period, as `runs/scores/MODEL/PERIOD/RUN.json` has them."""

    model: str
    period: str
    name: str
    metrics: dict[str, float | None] = {}
    path: str = ""


class Catalog(Record, frozen=True, kw_only=True):
    """The waist: everything is read into it, everything is rendered from it.

    Attributes:
        head: sha that HEAD stands at, `WORKSPACE` if the workspace differs from it, empty for no commits.
        snapshots: newest first; the workspace, if it differs from HEAD, is the first.
        runs: newest first. metrics: how to read every metric name that occurs in any run.
        datasets: of the newest snapshot, with what older ones add.
        watches: by monitor and batch. notices: by monitor, each from the oldest to the newest.
        deployments: by name, each from the oldest to the newest.
        retrainings: by model, each from the oldest period to the newest. scores: by model, period and run.
        faults: problems of watches, notices, deployments, retrainings and scores. These six are each a
            `Later` of a history.
    """

    project: Project
    head: str = ""
    snapshots: tuple[Snapshot, ...] = ()
    runs: tuple[Run, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    models: tuple[Model, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    metrics: tuple[MetricInfo, ...] = ()
    problems: tuple[Problem, ...] = ()
    reports: tuple[Report, ...] = ()
    reproductions: tuple[Reproduction, ...] = ()
    watches: Sequence[Watch] = ()
    notices: Sequence[Notice] = ()
    deployments: Sequence[Deployment] = ()
    retrainings: Sequence[Retraining] = ()
    scores: Sequence[Score] = ()
    faults: Sequence[Problem] = ()

    def run(self, id: str) -> Run | None:  # noqa: A002 - what a run calls it
        """The run of an id; None for one that is in no commit."""
        return next((item for item in self.runs if item.id == id), None)

    def model(self, name: str) -> Model | None:
        """The declared model of a name, if there is one."""
        return next((item for item in self.models if item.name == name), None)


class Node(Record, frozen=True, kw_only=True):
    """A node of a lineage graph.

    Attributes:
        id: `source:PLACE@REVISION`, `data:PATH`, `md5:HASH` (kind `data`), `stage:ADDRESS`, `artifact:PATH`,
            `run:ID`, `model:NAME@VERSION`, `environment:MODEL/NAME`, `deployment:NAME` (`@DATE` behind the
            last two when they are past).
        kind: the part of the id before the colon.
        run: id of the run a stage or artifact belongs to, when it belongs to just one.
        nfiles: files in a folder. command, lock: of a stage; the lock is empty when it has never run.
    """

    id: str
    kind: str
    label: str
    run: str | None = None
    md5: str | None = None
    size: int | None = None
    detail: str = ""
    nfiles: int | None = None
    command: str = ""
    lock: str = ""


class Graph(Record, frozen=True, kw_only=True):
    """A directed acyclic graph; edges (from id, to id) point the way data flows. Sorted, no duplicates."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
