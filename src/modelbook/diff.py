"""What differs between two snapshots or two runs, as typed changes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from modelbook import judge
from modelbook._paths import Owners
from modelbook.records import (
    Artifact,
    Dataset,
    Dependency,
    Environment,
    MetricInfo,
    Record,
    Run,
    Snapshot,
    Stage,
    State,
    Value,
    number,
)

Kind = Literal["added", "removed", "changed"]
T = TypeVar("T")


class ValueChange(Record, frozen=True, kw_only=True):
    """What params and metrics have in common that are not what they were.

    Attributes:
        before, after: None for an added one, and for a removed one.
    """

    name: str
    kind: Kind
    before: Value | None
    after: Value | None

    @property
    def path(self) -> str:
        """The file that it is in, or was in."""
        value = self.after or self.before
        return value.path if value else ""


class ParamChange(ValueChange, frozen=True, kw_only=True):
    """A param that is not what it was."""


class MetricChange(ValueChange, frozen=True, kw_only=True):
    """A metric that is not what it was.

    Attributes:
        delta: after minus before, when both are finite numbers.
        better: by the metric's direction; None when it is not known or nothing can be compared.
        direction: `maximize`, `minimize` or None. guessed: whether that was guessed by the name.
    """

    delta: float | None = None
    better: bool | None = None
    direction: str | None = None
    guessed: bool = False


class ArtifactChange(Record, frozen=True, kw_only=True):
    """An output whose content is not what it was."""

    path: str
    kind: Kind
    before: Artifact | None
    after: Artifact | None


class DatasetChange(Record, frozen=True, kw_only=True):
    """A dataset whose content or origin is not what it was."""

    path: str
    kind: Kind
    before: Dataset | None
    after: Dataset | None


class StageChange(Record, frozen=True, kw_only=True):
    """A stage that ran anew, appeared or went, with the paths of its changed dependencies."""

    address: str
    kind: Kind
    before: Stage | None
    after: Stage | None
    deps: tuple[str, ...] = ()
    command: bool = False


class GraphChange(Record, frozen=True, kw_only=True):
    """How the pipeline itself differs, whatever was run.

    Attributes:
        added, removed: stages. commands: those whose command differs.
        edges_added, edges_removed: (stage, stage that reads what it writes) between stages that both have.
    """

    added: tuple[Stage, ...] = ()
    removed: tuple[Stage, ...] = ()
    commands: tuple[tuple[Stage, Stage], ...] = ()
    edges_added: tuple[tuple[str, str], ...] = ()
    edges_removed: tuple[tuple[str, str], ...] = ()


class EnvironmentChange(Record, frozen=True, kw_only=True):
    """Something that stages ran on, such as `Python` or `package numpy`, and its values over all stages."""

    name: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Difference(Record, frozen=True, kw_only=True):
    """Everything that differs, each list sorted by name."""

    params: tuple[ParamChange, ...] = ()
    metrics: tuple[MetricChange, ...] = ()
    artifacts: tuple[ArtifactChange, ...] = ()
    datasets: tuple[DatasetChange, ...] = ()
    stages: tuple[StageChange, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.params or self.metrics or self.artifacts or self.datasets or self.stages)


def snapshots(base: Snapshot | None, head: Snapshot, infos: Iterable[MetricInfo] = ()) -> Difference:
    """What differs at `head` from `base`; against nothing (the first commit) everything is added.

    Values are matched by file and key, so that the same name in two files stays two values.
    """
    known = {info.name: info for info in infos}
    return Difference(
        params=_params(base.params if base else (), head.params, _by_place),
        metrics=metrics(base, head, known.values()),
        artifacts=_artifacts(base.artifacts if base else (), head.artifacts),
        datasets=_datasets(base.datasets if base else (), head.datasets),
        stages=_stages(_live(base.stages) if base else (), _live(head.stages)),
    )


def metrics(base: Snapshot | None, head: Snapshot, infos: Iterable[MetricInfo]) -> tuple[MetricChange, ...]:
    """The metrics alone of what `snapshots` finds. Values that both share as objects are not compared."""
    old, new = base.metrics if base else (), head.metrics
    both = {*map(id, old)} & {*map(id, new)}
    before, after = ([value for value in side if id(value) not in both] for side in (old, new))
    return _metrics(before, after, _by_place, {info.name: info for info in infos})


def runs(base: Run, head: Run, infos: Iterable[MetricInfo] = ()) -> Difference:
    """What differs in `head` from `base`; values are matched by name, since the files of two runs differ."""
    known = {info.name: info for info in infos}
    return Difference(
        params=_params(base.params, head.params, _by_name),
        metrics=_metrics(base.metrics, head.metrics, _by_name, known),
        artifacts=_artifacts(base.artifacts, head.artifacts),
        datasets=_datasets(base.datasets, head.datasets),
        stages=_stages(base.stages, head.stages),
    )


def graphs(base: Iterable[Stage], head: Iterable[Stage]) -> GraphChange:
    """How the pipelines of two snapshots differ; stages are matched by their addresses."""
    old = {stage.address: stage for stage in _live(base)}
    new = {stage.address: stage for stage in _live(head)}
    both = sorted(old.keys() & new.keys())
    before, after = _edges(old.values()), _edges(new.values())
    return GraphChange(
        added=tuple(new[address] for address in sorted(new.keys() - old.keys())),
        removed=tuple(old[address] for address in sorted(old.keys() - new.keys())),
        commands=tuple((old[name], new[name]) for name in both if old[name].cmd != new[name].cmd),
        edges_added=tuple(sorted(edge for edge in after - before if {*edge} <= old.keys())),
        edges_removed=tuple(sorted(edge for edge in before - after if {*edge} <= new.keys())),
    )


def _edges(stages: Iterable[Stage]) -> set[tuple[str, str]]:
    """(stage that writes, stage that reads it)."""
    kept = list(stages)
    owners = Owners((out.path, stage.address) for stage in kept for out in stage.outs)
    return {
        (owner, stage.address)
        for stage in kept
        for dep in stage.deps
        for owner in owners.of(dep.path)
        if owner != stage.address
    }


def environments(base: Iterable[Environment], head: Iterable[Environment]) -> tuple[EnvironmentChange, ...]:
    """What the stages of two snapshots ran on, where that differs; nothing if a side logged none."""
    old, new = _ran_on(base), _ran_on(head)
    if not old or not new:
        return ()
    return tuple(
        EnvironmentChange(name=name, before=old.get(name, ()), after=new.get(name, ()))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    )


def _ran_on(items: Iterable[Environment]) -> dict[str, tuple[str, ...]]:
    """What -> its values over all stages, packages last."""
    found: dict[str, set[str]] = {}
    packages: dict[str, set[str]] = {}
    for item in items:
        cores = str(item.cores) if item.cores else ""
        rows = (
            ("Python", item.python), ("platform", item.platform), ("CPU", item.cpu), ("cores", cores),
            ("GPU", ", ".join(item.gpus)),
        )  # fmt: skip
        for name, value in rows:
            if value:
                found.setdefault(name, set()).add(value)
        for name, version in item.packages:
            packages.setdefault(f"package {name}", set()).add(version)
    return {name: tuple(sorted(values)) for name, values in (*found.items(), *sorted(packages.items()))}


def _live(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    return tuple(stage for stage in stages if not stage.orphan and not stage.aside)


def _by_place(value: Value) -> tuple[str, ...]:
    return (value.name, value.path, *value.key)


def _by_name(value: Value) -> tuple[str, ...]:
    return (value.name,)


def _pairs(
    before: Iterable[T], after: Iterable[T], key: Callable[[T], Any], same: Callable[[T, T], bool]
) -> list[tuple[Any, Kind, T | None, T | None]]:
    """(key, kind, before, after) of whatever is not the same, sorted by key."""
    old = {key(item): item for item in before}
    new = {key(item): item for item in after}
    found: list[tuple[Any, Kind, T | None, T | None]] = []
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            found.append((name, "added" if one is None else "removed", one, other))
        elif not same(one, other):
            found.append((name, "changed", one, other))
    return found


def _same_value(one: Value, other: Value) -> bool:
    """Equal in state, type and value; NaN equals NaN, and 1 is not 1.0 nor True."""
    if one.state is not other.state:
        return False
    if one.state is not State.PRESENT:
        return (one.md5, one.reason) == (other.md5, other.reason)
    return type(one.value) is type(other.value) and repr(one.value) == repr(other.value)


def _params(
    before: Iterable[Value], after: Iterable[Value], key: Callable[[Value], Any]
) -> tuple[ParamChange, ...]:
    rows = _pairs(before, after, key, _same_value)
    return tuple(ParamChange(name=name[0], kind=kind, before=a, after=b) for name, kind, a, b in rows)


def _metrics(
    before: Iterable[Value],
    after: Iterable[Value],
    key: Callable[[Value], Any],
    infos: Mapping[str, MetricInfo],
) -> tuple[MetricChange, ...]:
    rows = _pairs(before, after, key, _same_value)
    return tuple(metric(name[0], a, b, infos.get(name[0])) for name, _kind, a, b in rows)


def metric(name: str, before: Value | None, after: Value | None, info: MetricInfo | None) -> MetricChange:
    """One metric on two sides, judged; it need not differ."""
    old, new = number(before), number(after)
    return MetricChange(
        name=name,
        kind="added" if before is None else "removed" if after is None else "changed",
        before=before,
        after=after,
        delta=None if old is None or new is None else new - old,
        better=judge.better(info, old, new),
        direction=info.direction if info else None,
        guessed=info.guessed if info else False,
    )


def _artifacts(before: Iterable[Artifact], after: Iterable[Artifact]) -> tuple[ArtifactChange, ...]:
    rows = _pairs(before, after, lambda item: item.path, _same_artifact)
    return tuple(ArtifactChange(path=path, kind=kind, before=a, after=b) for path, kind, a, b in rows)


def _same_artifact(one: Artifact, other: Artifact) -> bool:
    return (one.state, one.md5, one.blob) == (other.state, other.md5, other.blob)


def _datasets(before: Iterable[Dataset], after: Iterable[Dataset]) -> tuple[DatasetChange, ...]:
    rows = _pairs(before, after, lambda item: item.path, _same_dataset)
    return tuple(DatasetChange(path=path, kind=kind, before=a, after=b) for path, kind, a, b in rows)


def _same_dataset(one: Dataset, other: Dataset) -> bool:
    return (one.md5, one.source, one.revision) == (other.md5, other.source, other.revision)


def _stages(before: Iterable[Stage], after: Iterable[Stage]) -> tuple[StageChange, ...]:
    rows = _pairs(before, after, lambda item: item.address, lambda one, other: one.lock == other.lock)
    return tuple(_stage(address, kind, a, b) for address, kind, a, b in rows)


def _stage(address: str, kind: Kind, before: Stage | None, after: Stage | None) -> StageChange:
    if before is None or after is None:
        return StageChange(address=address, kind=kind, before=before, after=after)
    deps = _pairs(before.deps, after.deps, lambda dep: dep.path, _same_dependency)
    return StageChange(
        address=address,
        kind=kind,
        before=before,
        after=after,
        deps=tuple(path for path, _kind, _a, _b in deps),
        command=before.cmd != after.cmd,
    )


def _same_dependency(one: Dependency, other: Dependency) -> bool:
    return one.md5 == other.md5
