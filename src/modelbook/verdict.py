"""What a change does to the models, and whether it may: two sides compared run by run and judged. Pure.

    of(base, head, ...) -> Verdict

One typed value with several renderings: the terminal, Markdown for a pull request, JSON, a page of the site.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from modelbook import diff, gates, judge, seeds
from modelbook.diff import DatasetChange, EnvironmentChange, MetricChange, ParamChange
from modelbook.gates import Judgement
from modelbook.records import (
    WORKSPACE,
    CodeChange,
    Gate,
    MetricInfo,
    Problem,
    Project,
    Record,
    Run,
    Snapshot,
    Stale,
    Value,
    number,
    plain,
    values_of,
)

Status = Literal["passed", "failed", "stale", "unjudged", "unchanged"]
RunKind = Literal["changed", "renamed", "added", "removed"]


class Side(Record, frozen=True, kw_only=True):
    """One of the two sides.

    Attributes:
        label: as it was asked for: a revision, a run, `prod`. commit: its full id, or `workspace`.
    """

    label: str
    commit: str = ""
    subject: str = ""
    date: str = ""


class RunChange(Record, frozen=True, kw_only=True):
    """One run that is not what it was.

    Attributes:
        name, experiment, pipeline: of the run as it is; of a removed one, as it was.
        was: its name before, where it is `renamed`. before, after: the ids of the runs.
        headline: the metric its pipeline is judged by, if any.
        metrics, params: what differs, sorted by name; of an added or removed run, all it has.
        judgements: of the gates on it alone; what decides are the `Leader`s.
    """

    name: str
    experiment: str
    kind: RunKind
    pipeline: str = ""
    was: str = ""
    before: str | None = None
    after: str | None = None
    headline: str = ""
    metrics: tuple[MetricChange, ...] = ()
    params: tuple[ParamChange, ...] = ()
    judgements: tuple[Judgement, ...] = ()


class SeedChange(Record, frozen=True, kw_only=True):
    """The runs of an experiment that differ in their seed alone, before and after, as one.

    Attributes:
        metrics: (metric, difference of the means with its interval).
    """

    experiment: str
    pipeline: str = ""
    names: tuple[str, ...] = ()
    metrics: tuple[tuple[str, seeds.Interval], ...] = ()
    judgements: tuple[Judgement, ...] = ()


class Leader(Record, frozen=True, kw_only=True):
    """What decides: the best run of a pipeline, or what is in force in an environment, before and after.

    An experiment may be worse than another: that is what trying things is. The gates hold for what a pipeline
    has to offer at its best, and for what is put in force.

    Attributes:
        what: `best of PIPELINE` or `MODEL in ENVIRONMENT`. metric: the headline, by which it is the best.
        name, was: of the runs after and before; before, after: their ids.
        change: of the headline, whether or not it moved. seeds: whether the means over its seeds are judged.
    """

    what: str
    pipeline: str = ""
    metric: str = ""
    name: str = ""
    was: str = ""
    before: str | None = None
    after: str | None = None
    change: MetricChange | None = None
    seeds: bool = False
    judgements: tuple[Judgement, ...] = ()


class GraphSummary(Record, frozen=True, kw_only=True):
    """How the pipeline itself differs, by the addresses of stages.

    Attributes:
        commands: (stage, command before, command after).
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    commands: tuple[tuple[str, str, str], ...] = ()
    edges_added: tuple[tuple[str, str], ...] = ()
    edges_removed: tuple[tuple[str, str], ...] = ()


class Verdict(Record, frozen=True, kw_only=True):
    """All that differs, and what the gates say.

    Attributes:
        status: `stale` when results are not from this code, else `failed` when a gate failed, `passed` when
            one passed and none failed, `unjudged` when something changed and no gate could judge it, and
            `unchanged` when no run did.
        reasons: why, in sentences; what could not be judged comes last.
        leaders: what the gates decide by, where it changed.
        runs: those that differ, by pipeline and name. held: runs that head has.
        files: metrics that no run claims, by the files they stand in.
        params: what params files say that no run was made with.
        stale: stages whose results are not from this code. problems: what could not be read of head alone.
        metrics: how to read every metric that is named here.
    """

    base: Side
    head: Side
    status: Status
    reasons: tuple[str, ...] = ()
    leaders: tuple[Leader, ...] = ()
    runs: tuple[RunChange, ...] = ()
    held: int = 0
    seeds: tuple[SeedChange, ...] = ()
    files: tuple[MetricChange, ...] = ()
    params: tuple[ParamChange, ...] = ()
    data: tuple[DatasetChange, ...] = ()
    graph: GraphSummary = GraphSummary()
    environment: tuple[EnvironmentChange, ...] = ()
    code: CodeChange | None = None
    stale: tuple[Stale, ...] = ()
    problems: tuple[Problem, ...] = ()
    metrics: tuple[MetricInfo, ...] = ()

    @property
    def judgements(self) -> tuple[tuple[str, Judgement], ...]:
        """(what was judged, judgement) of every gate that decides."""
        return tuple((_titled(leader), item) for leader in self.leaders for item in leader.judgements)

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return self.status not in ("failed", "stale")


class Held(NamedTuple):
    """One side as it was read: its runs, and the whole revision where it is one."""

    side: Side
    runs: Sequence[Run]
    snapshot: Snapshot | None = None


class Pair(NamedTuple):
    """A run as it was and as it is."""

    before: Run | None
    after: Run | None

    @property
    def differs(self) -> bool:
        """Whether it is not one and the same run."""
        return self.before is None or self.after is None or self.before.id != self.after.id


class _Rules(NamedTuple):
    """What runs are judged by."""

    gates: Sequence[Gate]
    infos: Mapping[str, MetricInfo]
    headlines: Mapping[str, str]
    whole: bool


def of(
    base: Held,
    head: Held,
    project: Project,
    *,
    infos: Iterable[MetricInfo] = (),
    headlines: Mapping[str, str] | None = None,
    code: CodeChange | None = None,
    stale: Iterable[Stale] = (),
    registered: Mapping[str, Run] | None = None,
    whole: bool = True,
    alike: Alike | None = None,
) -> Verdict:
    """What differs at `head` from `base`, judged by the gates of `project`, which is head's.

    Args:
        infos: how to read the metrics of both sides. headlines: pipeline -> the metric it is judged by.
        stale: stages of head whose results are not from its code.
        registered: runs by id that versions of models may name, besides those of the two sides.
        whole: whether to tell what has no part in the judgement: values of runs that came or went, data,
            params files, pipeline, environment.
        alike: as for `matched`.
    """
    alike = alike or likeness
    known = {info.name: info for info in judge.ruled(infos, project.gates)}
    rules = _Rules(project.gates, known, headlines or {}, whole)
    pairs = changed(base.runs, head.runs, alike)
    groups = _seed_groups(base.runs, head.runs, pairs, alike)
    changes = [_run_change(pair, rules) for pair in pairs]
    leaders = [
        *_best_runs(base.runs, head.runs, groups, rules),
        *_promoted(base, head, registered or {}, rules),
    ]
    found = Verdict(
        base=base.side,
        head=head.side,
        status="unchanged",
        leaders=tuple(leaders),
        runs=tuple(sorted(changes, key=lambda change: (change.pipeline, change.name))),
        held=len(head.runs),
        seeds=tuple(_seed_change(group, rules) for group in groups),
        files=_files(base, head, pairs, known.values()),
        code=code,
        stale=tuple(stale),
        metrics=tuple(known[name] for name in sorted(known)),
    )
    return _judged(msgspec.structs.replace(found, **_of_snapshots(base, head)) if whole else found)


def _files(
    base: Held, head: Held, pairs: Iterable[Pair], infos: Iterable[MetricInfo]
) -> tuple[MetricChange, ...]:
    """Metrics of two revisions that differ and that no run claims."""
    if base.snapshot is None or head.snapshot is None:
        return ()
    found = diff.metrics(base.snapshot, head.snapshot, infos)
    changed = [run for pair in pairs for run in pair if run]
    for runs in (changed, [*base.runs, *head.runs]):  # most are claimed by the first of them
        if found:
            claimed = {(value.path, value.key) for run in runs for value in run.metrics}
            found = tuple(change for change in found if not _places(change) & claimed)
    return moved(found, infos)


def _of_snapshots(base: Held, head: Held) -> dict[str, Any]:
    """What only whole revisions tell."""
    old, new = base.snapshot, head.snapshot
    if new is None or old is None:
        return {}
    found = diff.snapshots(old, new)
    ran = [{_said(value) for run in side.runs for value in run.params} for side in (base, head)]
    before = {(problem.path, problem.reason) for problem in old.problems}
    return {
        "params": tuple(
            item for item in found.params if not (_is_in(item.before, ran[0]) and _is_in(item.after, ran[1]))
        ),
        "data": found.datasets,
        "graph": summary(diff.graphs(old.stages, new.stages)),
        "environment": diff.environments(old.environments, new.environments),
        "problems": tuple(item for item in new.problems if (item.path, item.reason) not in before),
    }


def _said(value: Value) -> tuple[str, tuple[str, ...], str]:
    return value.path, value.key, repr(value.value)


def _is_in(value: Value | None, ran: set[tuple[str, tuple[str, ...], str]]) -> bool:
    """Whether a params file says what a run was made with: the run tells of it then."""
    return value is None or _said(value) in ran


def _places(change: MetricChange) -> set[tuple[str, tuple[str, ...]]]:
    return {(value.path, value.key) for value in (change.before, change.after) if value}


def summary(change: diff.GraphChange) -> GraphSummary:
    """How two pipelines differ, by the addresses of their stages."""
    return GraphSummary(
        added=tuple(stage.address for stage in change.added),
        removed=tuple(stage.address for stage in change.removed),
        commands=tuple((new.address, old.cmd, new.cmd) for old, new in change.commands),
        edges_added=change.edges_added,
        edges_removed=change.edges_removed,
    )


# -- which run is which


def likeness(run: Run) -> Hashable:
    """The params and the names of the metrics: what a run keeps under another name. None without params."""
    if not run.params:
        return None
    return values_of(run.params), _named(tuple([value.name for value in run.metrics]))


@lru_cache(maxsize=256)
def _named(metrics: tuple[str, ...]) -> frozenset[str]:
    """Names of metrics without the files they stand in; most runs have theirs in common."""
    return frozenset(name.rpartition(":")[2] for name in metrics)


Alike = Callable[[Run], Hashable]


def matched(base: Iterable[Run], head: Iterable[Run], alike: Alike = likeness) -> list[Pair]:
    """Each run of either side with its counterpart: by pipeline and name, else the one with equal params.

    Args:
        alike: `likeness`, or what remembers it.
    """
    old = {(run.pipeline, run.name): run for run in base}
    new = {(run.pipeline, run.name): run for run in head}
    pairs = [Pair(old[key], new[key]) for key in sorted(old.keys() & new.keys())]
    gone = [old[key] for key in sorted(old.keys() - new.keys())]
    come = [new[key] for key in sorted(new.keys() - old.keys())]
    if gone and come:
        renamed = [*_renamed(gone, come, alike)]
        taken = {id(run) for pair in renamed for run in pair}
        gone, come = ([run for run in side if id(run) not in taken] for side in (gone, come))
        pairs += renamed
    return [*pairs, *(Pair(None, run) for run in come), *(Pair(run, None) for run in gone)]


def changed(base: Iterable[Run], head: Iterable[Run], alike: Alike = likeness) -> list[Pair]:
    """The pairs of `matched` that differ; what both sides hold is not even looked at."""
    old, new = list(base), list(head)
    both = {run.id for run in old} & {run.id for run in new}
    gone, come = ([run for run in side if run.id not in both] for side in (old, new))
    return matched(gone, come, alike)


def _renamed(gone: Iterable[Run], come: Iterable[Run], alike: Alike) -> Iterator[Pair]:
    """Runs that are the same under another name, else those alike, where there is just one of each."""
    was, now = list(gone), list(come)
    for same in (_identity, alike):
        before, after = _by(was, same), _by(now, same)
        found = {
            key: Pair(runs[0], after[key][0])
            for key, runs in before.items()
            if key in after and key is not None and len(runs) == len(after[key]) == 1
        }
        if found:
            yield from found.values()
            taken = {id(run) for pair in found.values() for run in pair}
            was, now = ([run for run in side if id(run) not in taken] for side in (was, now))


def _by(runs: Iterable[Run], same: Alike) -> dict[Hashable, list[Run]]:
    found: dict[Hashable, list[Run]] = {}
    for run in runs:
        found.setdefault(same(run), []).append(run)
    return found


def _identity(run: Run) -> Hashable:
    return run.id


# -- runs


def _run_change(pair: Pair, rules: _Rules) -> RunChange:
    run = pair.after or pair.before
    assert run is not None  # noqa: S101 - a pair has at least one of them
    found = diff.Difference()
    if rules.whole or (pair.before and pair.after):
        found = diff.runs(pair.before or _nothing(run), pair.after or _nothing(run), rules.infos.values())
    kind: RunKind = "added" if pair.before is None else "removed" if pair.after is None else "changed"
    renamed = kind == "changed" and pair.before is not None and pair.before.name != run.name
    return RunChange(
        name=run.name,
        experiment=run.experiment,
        kind="renamed" if renamed else kind,
        pipeline=run.pipeline,
        was=pair.before.name if renamed and pair.before else "",
        before=pair.before.id if pair.before else None,
        after=pair.after.id if pair.after else None,
        headline=rules.headlines.get(run.pipeline, ""),
        metrics=moved(found.metrics, rules.infos.values()),
        params=found.params,
        judgements=gates.judge(rules.gates, pair.after, pair.before) if pair.after else (),
    )


def _nothing(run: Run) -> Run:
    return Run(id="", name=run.name, experiment=run.experiment, commit="", commits=())


def moved(changes: Sequence[MetricChange], infos: Iterable[MetricInfo]) -> tuple[MetricChange, ...]:
    """Metrics whose file moved, told as changes: one name went, one came, and only the file differs."""
    if len({change.kind for change in changes}) < 2:
        return tuple(changes)
    known = {info.name: info for info in infos}
    gone = _by_ending(change for change in changes if change.kind == "removed")
    come = _by_ending(change for change in changes if change.kind == "added")
    both = {name for name in gone.keys() & come.keys() if len(gone[name]) == len(come[name]) == 1}
    kept = [
        change for change in changes if change.name.rpartition(":")[2] not in both or change.kind == "changed"
    ]
    found = [_moved(gone[name][0], come[name][0], known.get(come[name][0].name)) for name in both]
    kept += [change for change in found if change.delta != 0]
    return tuple(sorted(kept, key=lambda change: change.name))


def _by_ending(changes: Iterable[MetricChange]) -> dict[str, list[MetricChange]]:
    found: dict[str, list[MetricChange]] = {}
    for change in changes:
        found.setdefault(change.name.rpartition(":")[2], []).append(change)
    return found


def _moved(old: MetricChange, new: MetricChange, info: MetricInfo | None) -> MetricChange:
    before, after = number(old.before), number(new.after)
    return msgspec.structs.replace(
        new,
        kind="changed",
        before=old.before,
        delta=None if before is None or after is None else after - before,
        better=judge.better(info, before, after),
    )


# -- seeds


def _seed_groups(
    base: Sequence[Run], head: Sequence[Run], changed: Sequence[Pair], alike: Alike
) -> list[list[Pair]]:
    """Pairs of runs that differ in their seed alone, two or more on both sides, one of which changed."""
    of = {(run.pipeline, run.experiment) for pair in changed for run in pair if run}
    sides = [[run for run in side if (run.pipeline, run.experiment) in of] for side in (base, head)]
    pairs = matched(sides[0], sides[1], alike) if of else []
    groups = _grouped(pair for pair in pairs if pair.after)
    return [group for group in groups if any(pair.differs for pair in group)]


def _grouped(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    by_experiment: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        if pair.after is not None:
            by_experiment.setdefault((pair.after.pipeline, pair.after.experiment), []).append(pair)
    for held in by_experiment.values():
        of_run = {pair.after.id: pair for pair in held if pair.after}
        for group in seeds.groups(pair.after for pair in held if pair.after):
            found = [of_run[run.id] for run in group]
            if len(found) > 1 and sum(pair.before is not None for pair in found) > 1:
                yield found


def _seed_change(group: Sequence[Pair], rules: _Rules) -> SeedChange:
    after = [pair.after for pair in group if pair.after]
    before = [pair.before for pair in group if pair.before]
    names = sorted({value.name for run in after for value in run.metrics} & set(rules.infos))
    found = [(name, seeds.compare(_numbers(before, name), _numbers(after, name))) for name in names]
    return SeedChange(
        experiment=after[0].experiment,
        pipeline=after[0].pipeline,
        names=tuple(run.name for run in after),
        metrics=tuple((name, interval) for name, interval in found if interval and interval.delta),
        judgements=gates.judge_seeds(rules.gates, dict(found)),
    )


def _numbers(runs: Iterable[Run], metric: str) -> list[float]:
    return [found for run in runs if (found := number(run.metric(metric))) is not None]


# -- what decides


def _best_runs(
    base: Sequence[Run], head: Sequence[Run], groups: Sequence[list[Pair]], rules: _Rules
) -> Iterable[Leader]:
    """The best run of each pipeline, where it is not the one it was."""
    for pipeline in sorted({run.pipeline for run in head}):
        metric = rules.headlines.get(pipeline, "")
        info = rules.infos.get(metric, MetricInfo(name=metric))
        old, new = ([run for run in side if run.pipeline == pipeline] for side in (base, head))
        before = _best(old, info)
        after = _best(new, info, before)
        if after is None or (before is not None and before.id == after.id):
            continue
        group = next((group for group in groups if _holds(group, before, after)), None)
        yield _leader(f"best of {pipeline or 'all'}", metric, before, after, group, rules)


def _best(runs: Iterable[Run], info: MetricInfo, before: Run | None = None) -> Run | None:
    """The best run by a metric; of equals the best before, else the first by name. One alone is the best."""
    rows = [(number(run.metric(info.name)), run) for run in sorted(runs, key=lambda run: run.name)]
    if before is not None:
        rows.sort(key=lambda row: row[1].id != before.id)
    found = judge.best(info, [(score, run) for score, run in rows if score is not None])
    return found or (rows[0][1] if len(rows) == 1 else None)


def _leader(
    what: str, metric: str, before: Run | None, after: Run, group: list[Pair] | None, rules: _Rules
) -> Leader:
    if group is not None:
        names = {gate.metric for gate in rules.gates}
        old, new = (
            [pair.before for pair in group if pair.before],
            [pair.after for pair in group if pair.after],
        )
        means = {name: seeds.compare(_numbers(old, name), _numbers(new, name)) for name in names}
        judgements = gates.judge_seeds(rules.gates, means)
    else:
        judgements = gates.judge(rules.gates, after, before)
    return Leader(
        what=what,
        pipeline=after.pipeline,
        metric=metric,
        name=after.name,
        was=before.name if before else "",
        before=before.id if before else None,
        after=after.id,
        change=_headline(metric, before, after, rules),
        seeds=group is not None,
        judgements=judgements,
    )


def _headline(metric: str, before: Run | None, after: Run, rules: _Rules) -> MetricChange | None:
    old, new = before.metric(metric) if before else None, after.metric(metric)
    return diff.metric(metric, old, new, rules.infos.get(metric)) if old or new else None


def _promoted(base: Held, head: Held, registered: Mapping[str, Run], rules: _Rules) -> Iterable[Leader]:
    """The versions of models that head puts in force in place of others, as mlproject.yaml declares them."""
    old, new = (in_force(held.snapshot) for held in (base, head))
    promoted = [(place, old.get(place), new[place]) for place in sorted(new) if old.get(place) != new[place]]
    # Only then, for `registered` may be all runs of a long history.
    runs = {**registered, **{run.id: run for run in (*base.runs, *head.runs)}} if promoted else {}
    for (model, environment), before, after in promoted:
        run = runs.get(after)
        what = f"{model} in {environment}"
        if run is not None:
            metric = rules.headlines.get(run.pipeline, "")
            yield _leader(what, metric, runs.get(before or ""), run, None, rules)
        else:
            yield Leader(what=what, before=before, after=after)


def in_force(snapshot: Snapshot | None) -> dict[tuple[str, str], str]:
    """(model, environment) -> id of the run of the version in force there, as mlproject.yaml declares it."""
    models = snapshot.project.models if snapshot and snapshot.project else ()
    return {
        (model.name, environment): dict(model.versions).get(version, "")
        for model in models
        for environment, version in model.environments
    }


def _holds(group: Sequence[Pair], before: Run | None, after: Run) -> bool:
    """Whether both are of the same runs that differ in their seed alone."""
    return before in [pair.before for pair in group] and after in [pair.after for pair in group]


# -- as a table


class Moved(NamedTuple):
    """A metric that moved, as tables list it.

    Attributes:
        rank: 0 a gate that fails, 1 a headline that decides, 2 the headline of a run, 3 the rest.
        before, after: numbers of what decides, else values.
        leader: what decides, if this does; `judgements` are of the gates of this metric.
        run: else the run it is of; a metric of no run has neither, and stands in `path`.
    """

    rank: int
    metric: str
    before: Value | float | None
    after: Value | float | None
    delta: float | None
    kind: diff.Kind = "changed"
    better: bool | None = None
    leader: Leader | None = None
    run: RunChange | None = None
    path: str = ""
    judgements: tuple[Judgement, ...] = ()


def metrics(found: Verdict) -> list[Moved]:
    """Every metric that moved, once, what matters most first.

    Of a run that came or went, only the headline is told.
    """
    infos = {info.name: info for info in found.metrics}
    rows = [row for leader in found.leaders for row in _deciding(leader, infos)]
    told = {(row.leader.before, row.leader.after, row.metric) for row in rows if row.leader}
    for run in found.runs:
        rows += [
            _plainly(2 if change.name == run.headline else 3, change, run)
            for change in run.metrics
            if (run.before, run.after, change.name) not in told
            and (run.kind in ("changed", "renamed") or change.name == run.headline)
        ]
    rows += [_plainly(3, change) for change in found.files]
    return sorted(rows, key=_order)


def _deciding(leader: Leader, infos: Mapping[str, MetricInfo]) -> Iterator[Moved]:
    """One row for each metric that gates judge, and one for the headline."""
    by_metric: dict[str, list[Judgement]] = {}
    for item in leader.judgements:
        by_metric.setdefault(item.gate.metric, []).append(item)
    for metric, items in by_metric.items():
        before = next((item.before for item in items if item.before is not None), None)
        after = next((item.after for item in items if item.after is not None), None)
        yield Moved(
            rank=0 if gates.passed(items) is False else 1 if metric == leader.metric else 3,
            metric=metric,
            before=before,
            after=after,
            delta=after - before if before is not None and after is not None else None,
            better=judge.better(infos.get(metric), before, after),
            leader=leader,
            judgements=tuple(items),
        )
    if leader.change and leader.metric not in by_metric:
        yield _plainly(1, leader.change, leader=leader)


def _plainly(
    rank: int, change: MetricChange, run: RunChange | None = None, leader: Leader | None = None
) -> Moved:
    value = change.after or change.before
    return Moved(
        rank=rank,
        metric=change.name,
        before=change.before,
        after=change.after,
        delta=change.delta,
        kind=change.kind,
        better=change.better,
        leader=leader,
        run=run,
        path=value.path if value and not (run or leader) else "",
    )


def _order(row: Moved) -> tuple[int, str, str]:
    of = row.leader or row.run
    return row.rank, of.name if of else row.path, row.metric


# -- the verdict


SAYS: Mapping[Status, str] = {
    "passed": "The gates let this pass.",
    "failed": "A gate does not let this pass.",
    "stale": "Results are not from this code.",
    "unjudged": "Models changed, and no gate judges it.",
    "unchanged": "No model changed.",
}
"""The answer in one sentence."""


def _titled(leader: Leader) -> str:
    return f"{leader.what} ({leader.name})" if leader.name else leader.what


def _judged(found: Verdict) -> Verdict:
    judgements = found.judgements
    failed = [f"{name}: {item.reason}" for name, item in judgements if item.passed is False]
    unsure = [f"{name}: {item.reason}" for name, item in judgements if item.passed is None]
    late = [f"{item.stage}: {item.reason}" for item in found.stale]
    unknown = [
        f"{leader.what}: run {leader.after or '-'} is in no history"
        for leader in found.leaders
        if not leader.name
    ]
    changed = bool(found.runs or found.files or found.leaders)
    status: Status = "unchanged"
    if late:
        status = "stale"
    elif failed or unknown:
        status = "failed"
    elif any(item.passed for _name, item in judgements):
        status = "passed"
    elif changed:
        status = "unjudged"
    return msgspec.structs.replace(found, status=status, reasons=(*late, *unknown, *failed, *unsure))


# -- as JSON


def to_json(found: Verdict) -> bytes:
    """The verdict as JSON; NaN and the infinities are written as their names."""
    return msgspec.json.encode(plain(found))


def from_json(data: bytes) -> Verdict:
    """A verdict that `to_json` wrote, strictly read.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: it is none, or has a key that we do not write.
        RecursionError: a value in it is nested without end.
    """
    found = msgspec.json.decode(data, type=Verdict)
    _refuse_unknown(msgspec.json.decode(data), msgspec.to_builtins(found), "$")
    return found


def _refuse_unknown(raw: Any, known: Any, place: str) -> None:
    """Records forgive what they don't know, for old commits have it; what another run hands over must not."""
    if isinstance(raw, dict) and isinstance(known, dict):
        for name, item in raw.items():
            if name not in known:
                raise msgspec.ValidationError(
                    f"Object contains unknown field `{name[:50]}` - at `{place[:200]}`"
                )
            _refuse_unknown(item, known[name], f"{place}.{name}")
    elif isinstance(raw, list) and isinstance(known, list | tuple):
        for at, (one, other) in enumerate(zip(raw, known, strict=True)):
            _refuse_unknown(one, other, f"{place}[{at}]")


def side_of(label: str, snapshot: Snapshot) -> Side:
    """A side that is a revision."""
    commit = snapshot.commit
    sha = WORKSPACE if commit.sha == WORKSPACE else commit.sha
    return Side(label=label, commit=sha, subject=commit.subject, date=commit.date)
