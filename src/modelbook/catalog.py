"""The waist: snapshots in, one `Catalog` out. Pure.

A run is found in a snapshot by its stages. The foreach or matrix stages of one dvc.yaml that share an item
are one run, named by the item; with them go the stages upstream of them by paths. The stages that are in no
such run are one run for the folder of their dvc.yaml. A run's id is the SHA-256 of the sorted digests of its
stages' lock entries, so equal runs on many commits are one. Metrics that no run claims, as DVCLive logs them
without a pipeline, are a run of their own for their folder, known by the content of their files.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from modelbook import judge, registry
from modelbook._paths import Owners, inside
from modelbook.errors import ModelbookError
from modelbook.records import (
    Catalog,
    Dataset,
    Experiment,
    ExperimentRef,
    Later,
    MetricInfo,
    Model,
    Problem,
    Project,
    Record,
    Reproduction,
    Run,
    Snapshot,
    Spec,
    Stage,
    State,
    Value,
    Watch,
)

if TYPE_CHECKING:
    from modelbook.history import History

_UP = """
    accuracy acc auc auroc auprc roc prc f1 f2 fbeta fscore r2 precision prec recall sensitivity specificity
    map ap ndcg mrr iou miou dice jaccard bleu rouge meteor kappa mcc coverage silhouette hit hits explained
    psds
"""
_DOWN = """
    loss logloss error err errors rmse mse mae mape mdape smape rmsle msle nll brier perplexity ppl wer cer
    ece deviance residual residuals fpr fnr
"""
_LONGEST_EXPERIMENT = 1_000
"""Commits between an experiment and its baseline: one, or one for each checkpoint of old DVC versions."""

_TOKENS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")


class UnknownMetric(ModelbookError):
    """No run has a metric of that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        close = close or [other for other in names if name.lower() in other.lower()][:3]
        super().__init__(
            f"no run has a metric {name!r}",
            hint=f"did you mean {' or '.join(close)}?" if close else _metrics_hint(names),
        )


class UnknownDirection(ModelbookError):
    """Nobody says whether more of a metric is better."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"it is not known whether {name!r} should be high or low",
            hint=f"declare it in mlproject.yaml (metrics: {{{name}: {{direction: maximize}}}}), "
            "or pass --direction",
        )


class Ranked(Record, frozen=True, kw_only=True):
    """One run's place: runs with the same value share a rank (1, 2, 2, 4)."""

    rank: int
    run: Run
    value: float
    tied: bool = False


class Ranking(Record, frozen=True, kw_only=True):
    """All runs by one metric, best first; `missing` are those that cannot be compared, with the reason."""

    metric: MetricInfo
    ranked: tuple[Ranked, ...] = ()
    missing: tuple[tuple[Run, str], ...] = ()


def build(history: History, found: tuple[Run, ...] | None = None) -> Catalog:
    """Everything a history says, each run once. Deterministic: the same history gives the same value.

    Args:
        found: what `find_runs` gave for this history, if it was asked already.
    """
    project = _project(history)
    runs = _labelled(find_runs(history) if found is None else found, history)
    registered = registry.models(project, history.snapshots, history.head, history.tags, runs)
    metrics = metric_infos(project, runs)
    head = next((s for s in history.snapshots if s.commit.sha == history.head), None)
    current = {run.id for run in runs if history.head in run.commits}
    reproductions = _believed(history.reproductions, runs)
    return Catalog(
        project=project,
        head=history.head,
        snapshots=history.snapshots,
        runs=runs,
        experiments=_experiments(history.snapshots, runs, current, head),
        models=tuple(_with_candidate(model, project, runs, current, metrics) for model in registered.models),
        datasets=_datasets(history.snapshots),
        metrics=metrics,
        problems=(*_problems(history), *registered.problems, *_unbelieved(reproductions)),
        reports=history.reports,
        reproductions=reproductions,
        watches=Later(lambda: _watches(history.watches, head)),
        notices=history.notices,
        deployments=history.deployments,
        faults=history.faults,
        retrainings=history.retrainings,
        scores=history.scores,
    )


def _watches(found: Sequence[Watch], head: Snapshot | None) -> tuple[Watch, ...]:
    """The results of monitors; one of data that an earlier batch brought already says so."""
    data = {
        (stage.monitor, stage.item): dep.md5
        for stage in (head.stages if head else ())
        if stage.monitor and stage.item
        for dep in stage.deps
        if not dep.path.endswith(f"runs/monitors/{stage.monitor}.reference.json")
    }
    first: dict[tuple[str, str], str] = {}
    made = []
    for item in found:
        md5 = data.get((item.monitor, item.batch))
        same = first.setdefault((item.monitor, md5), item.batch) if md5 else item.batch
        made.append(item if same == item.batch else msgspec.structs.replace(item, same_as=same))
    return tuple(made)


def best(catalog: Catalog, metric: str, *, direction: str | None = None) -> Ranking:
    """All runs of a catalog ranked by a metric.

    Args:
        direction: `maximize` or `minimize`, in place of what is declared or guessed.

    Raises:
        UnknownMetric: no run has it. UnknownDirection: neither declared nor guessable.
    """
    info = next((info for info in catalog.metrics if info.name == metric), None)
    if info is None or all(run.metric(metric) is None for run in catalog.runs):
        used = {value.name for run in catalog.runs for value in run.metrics}
        raise UnknownMetric(metric, used)
    return rank(catalog.runs, msgspec.structs.replace(info, direction=direction or info.direction))


def rank(runs: Iterable[Run], info: MetricInfo) -> Ranking:
    """Runs by one metric, best first; of those that count as the same, the older one.

    Args:
        runs: newest first, as a Catalog has them.

    Raises:
        UnknownDirection: the metric has none.
    """
    if info.direction is None:
        raise UnknownDirection(info.name)
    scored = [(run, run.metric(info.name)) for run in runs]
    found = [
        (number, run) for run, value in scored if (number := value.number if value else None) is not None
    ]
    missing = [(run, _missing(value)) for run, value in scored if value is None or value.number is None]
    sign = -1.0 if info.direction == "maximize" else 1.0
    order = sorted(range(len(found)), key=lambda at: (sign * found[at][0], -at))
    places = judge.ranks(info, [found[at][0] for at in order])
    shared = Counter(places)
    rows = sorted(zip(places, order, strict=True), key=lambda row: (row[0], -row[1]))
    ranked = (
        Ranked(rank=place, run=found[at][1], value=found[at][0], tied=shared[place] > 1) for place, at in rows
    )
    return Ranking(metric=info, ranked=tuple(ranked), missing=tuple(missing))


def headlines(catalog: Catalog) -> dict[str, MetricInfo]:
    """Pipeline -> the metric it is judged by: the declared one, else what most of its current runs have.

    Only a metric whose direction is known will do; a pipeline without any has no entry. Declared ones come
    first.
    """
    current = {run for experiment in catalog.experiments for run in experiment.current}
    return headlines_of(catalog.project, catalog.metrics, catalog.runs, current)


def headlines_of(
    project: Project, metrics: Iterable[MetricInfo], runs: Iterable[Run], current: Container[str] = ()
) -> dict[str, MetricInfo]:
    """`headlines` of some runs, as a project declares them.

    Args:
        current: ids of the runs that are asked first: what others had and these have no more says nothing of
            how good they are. Only of a pipeline where none of them has any metric are all runs asked.
    """
    infos = {info.name: info for info in metrics}
    ever: dict[str, Counter[str]] = {}
    now: dict[str, Counter[str]] = {}
    for run in runs:
        ever.setdefault(run.pipeline, Counter()).update([value.name for value in run.metrics])
        if run.id in current:
            present = [value.name for value in run.metrics if value.state is State.PRESENT]
            now.setdefault(run.pipeline, Counter()).update(present)
    declared = {info.name: info.metric for info in project.pipelines}
    found = {}
    for name in (*declared, *sorted(ever.keys() - declared.keys())):
        counts = now.get(name) or ever.get(name) or Counter()
        fit = [one for one in counts if (info := infos.get(one)) and info.direction]
        metric = declared.get(name) or min(fit, key=lambda one: (-counts[one], one), default="")
        if metric:
            found[name] = infos.get(metric, MetricInfo(name=metric))
    return found


def _missing(value: Value | None) -> str:
    """Why a run cannot be ranked by a value that is no finite number."""
    if value is None:
        return "the run has no such metric"
    if value.state is not State.PRESENT:
        return value.reason or value.state.value
    if isinstance(value.value, bool) or not isinstance(value.value, int | float):
        return f"it is not a number: {value.value!r}"
    return "it is too large" if isinstance(value.value, int) else f"it is {value.value}"


def _metrics_hint(names: Sequence[str]) -> str:
    return f"metrics are {', '.join(names[:10])}" if names else "no run has any metric"


# -- runs


@dataclass(frozen=True)
class _Plan:
    """Which stages of a snapshot make one run, by their numbers: the same wherever the same stages stand.

    Attributes:
        own: those that make it this run and not another. upstream: those they need. Both in
            the order they ran.
        logged: (run, stage) that telemetry of it may name. reads: whether a path overlaps what it reads.
    """

    name: str
    file: str
    item: bool
    own: tuple[int, ...]
    upstream: tuple[int, ...]
    own_addresses: frozenset[str]
    addresses: frozenset[str]
    outs: Owners[str]
    deps: frozenset[str]
    logged: frozenset[tuple[str | None, str]]
    reads: dict[str, bool] = field(default_factory=dict)

    def overlaps(self, path: str) -> bool:
        """Whether a stage reads the path, something in it, or a folder around it."""
        found = self.reads.get(path)
        if found is None:
            found = self.reads[path] = any(inside(path, dep) or inside(dep, path) for dep in self.deps)
        return found

    def holds(self, path: str, stage: str | None) -> bool:
        """Whether a value is this run's: its stage made it, or (for a folder's run) it lies there."""
        if stage is not None:
            return stage in self.addresses
        if self.outs.around(path):
            return True
        return not self.item and inside(path, self.file.rpartition("/")[0])


@dataclass
class _Group:
    """The stages of one run in one snapshot."""

    plan: _Plan
    own: list[Stage]
    upstream: list[Stage]

    @property
    def stages(self) -> list[Stage]:
        return [*self.own, *self.upstream]


_Found = tuple[str, Callable[[], Run]]
"""The id of a run, and how to make it if no older commit has it."""


@dataclass
class _Seen:
    """A run while its history is being gathered."""

    run: Run
    order: int
    commits: list[str] = field(default_factory=list)
    refs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Known:
    """Runs that an earlier reading of the same history found.

    Attributes:
        project: the name of the project they were named with. held: commit -> ids of the runs it holds, for
            every commit that was read. runs: by id, each as its oldest commit had it then.
    """

    project: str
    held: Mapping[str, Sequence[str]]
    runs: Mapping[str, Run]


def find_runs(history: History, known: Known | None = None) -> tuple[Run, ...]:
    """Every run of a history once, newest first, as the commits alone tell it: without labels.

    Args:
        known: runs of these commits that need not be found again; the value is the same without.
    """
    seen: dict[str, _Seen] = {}
    snapshots, project = history.snapshots, project_name(history)
    finder = _Finder(project, known if known and known.project == project else None)
    for order, snapshot in enumerate(reversed(snapshots)):
        for run_id in finder.held(snapshot):
            if run_id not in seen:
                seen[run_id] = _Seen(finder.run(run_id, snapshot), order)
            seen[run_id].commits.append(snapshot.commit.sha)
            seen[run_id].refs.extend(snapshot.commit.refs)
    newest = sorted(seen.values(), key=lambda found: (-found.order, found.run.name, found.run.id))
    return tuple(
        msgspec.structs.replace(found.run, commits=tuple(found.commits), refs=tuple(sorted(set(found.refs))))
        for found in newest
    )


class _Finder:
    """Finds the runs of snapshots, working out once what many snapshots have in common.

    What it remembers goes by the identity of stages and values; the snapshots must outlive it.
    """

    def __init__(self, project: str, known: Known | None) -> None:
        self._project = project
        self._known = known
        self._groups: tuple[tuple[int, ...], list[tuple[str, _Group]]] = ((), [])
        self._plans: dict[tuple[int, ...], list[_Plan]] = {}
        self._shapes: dict[int, int] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._names = _Names()
        self._at: Snapshot | None = None
        self._found: list[_Found] = []

    def held(self, snapshot: Snapshot) -> Sequence[str]:
        """The ids of the runs that a snapshot holds."""
        if self._known and snapshot.commit.sha in self._known.held:
            return self._known.held[snapshot.commit.sha]
        return [run_id for run_id, _make in self._all(snapshot)]

    def run(self, run_id: str, snapshot: Snapshot) -> Run:
        """The run of that id as a snapshot has it."""
        run = self._known.runs.get(run_id) if self._known else None
        if run is not None and run.commit == snapshot.commit.sha:
            return run
        return next(make for found, make in self._all(snapshot) if found == run_id)()

    def _all(self, snapshot: Snapshot) -> Sequence[_Found]:
        if self._at is not snapshot:
            self._at = snapshot
            self._found = [*self._executed(snapshot), *self._logged(snapshot)]
        return self._found

    def _executed(self, snapshot: Snapshot) -> Iterator[_Found]:
        """The runs that a snapshot's locks hold."""
        for run_id, group in self.groups(snapshot):
            yield run_id, partial(_run, run_id, group, snapshot, self._names)

    def _logged(self, snapshot: Snapshot) -> Iterator[_Found]:
        """Those that only logged."""
        for logged in _logged(self.groups(snapshot), snapshot, self._project):
            yield logged.id, partial(_logged_run, logged, snapshot, self._names)

    def groups(self, snapshot: Snapshot) -> list[tuple[str, _Group]]:
        """(id, stages) of every run in a snapshot."""
        key = tuple(map(id, snapshot.stages))
        if key != self._groups[0]:
            self._groups = key, list(self._find(snapshot.stages))
        return self._groups[1]

    def _find(self, stages: Sequence[Stage]) -> Iterator[tuple[str, _Group]]:
        known, shape = self._shapes.get, self._shape
        shapes = [shape(stage) if (at := known(id(stage))) is None else at for stage in stages]
        made = [stage for stage, at in zip(stages, shapes, strict=True) if at]
        key = tuple(filter(None, shapes))
        plans = self._plans.get(key)
        if plans is None:
            plans = self._plans[key] = _plans(made, self._project)
        for plan in plans:
            group = _Group(plan, [made[n] for n in plan.own], [made[n] for n in plan.upstream])
            yield _run_id(group), group

    def _shape(self, stage: Stage) -> int:
        """A number for all of a stage that decides to which run it belongs; 0 when it is in none."""
        made = stage.lock and not stage.aside and not stage.orphan
        found = self._numbers.setdefault(_shape_of(stage), len(self._numbers) + 1) if made else 0
        self._shapes[id(stage)] = found
        return found


def _shape_of(stage: Stage) -> tuple[Any, ...]:
    names = (stage.address, stage.file, stage.group, stage.item, stage.run, stage.pipeline)
    return (*names, tuple([dep.path for dep in stage.deps]), tuple([out.path for out in stage.outs]))


def _labelled(runs: tuple[Run, ...], history: History) -> tuple[Run, ...]:
    """The runs that DVC's experiments brought, with the names and baselines of those.

    A folder's run, which has no name of its own, takes the experiment's.
    """
    brought = _brought(history)
    return tuple(
        msgspec.structs.replace(
            run,
            label=ref.name,
            baseline=ref.baseline,
            name=ref.name if all(stage.item is None for stage in run.stages) else run.name,
        )
        if (ref := brought.get(run.commit))
        else run
        for run in runs
    )


def _brought(history: History) -> dict[str, ExperimentRef]:
    """Commit -> its experiment: that of each ref, and of the commits between it and its baseline."""
    parents = {snapshot.commit.sha: snapshot.commit.parents for snapshot in history.snapshots}
    found: dict[str, ExperimentRef] = {}
    for ref in history.experiments:
        line = [ref.commit]
        while line[-1] in parents and line[-1] != ref.baseline and len(line) < _LONGEST_EXPERIMENT:
            line.append(next(iter(parents[line[-1]]), ""))
        own = line[:-1] if line[-1] == ref.baseline else line[:1]
        for sha in own:
            found.setdefault(sha, ref)
    return found


def _run_id(group: _Group) -> str:
    return _digest(stage.lock for stage in group.stages if stage.lock)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(set(parts))).encode()).hexdigest()[:12]


def _plans(made: Sequence[Stage], project: str) -> list[_Plan]:
    """The runs of a snapshot, each with its stages in the order they ran."""
    owners = Owners((out.path, number) for number, stage in enumerate(made) for out in stage.outs)
    feeds = [
        [feeder for dep in stage.deps for feeder in owners.of(dep.path) if feeder != number]
        for number, stage in enumerate(made)
    ]
    items: dict[tuple[str, str], list[int]] = {}
    for number, stage in enumerate(made):
        if stage.item is not None:
            items.setdefault((stage.file, stage.run or stage.item), []).append(number)
    groups = []
    used: set[int] = set()
    for (file, name), own in items.items():
        above = _upstream(own, feeds)
        used.update(own, above)
        groups.append(_plan(name, file, own, above, made, feeds, item=True))
    rest: dict[str, list[int]] = {}
    for number, stage in enumerate(made):
        if number not in used:
            rest.setdefault(_home(stage), []).append(number)
    for file, own in rest.items():
        above = {number for number in _upstream(own, feeds) if made[number].item is None}
        groups.append(_plan(_folder_name(file, project), file, own, above, made, feeds, item=False))
    return groups


def _home(stage: Stage) -> str:
    """The file whose stages are one run; the stage files of old DVC versions are one pipeline together."""
    return stage.file if stage.file.endswith("dvc.yaml") else "Dvcfile"


def _plan(
    name: str,
    file: str,
    own: list[int],
    above: set[int],
    made: Sequence[Stage],
    feeds: Sequence[Sequence[int]],
    *,
    item: bool,
) -> _Plan:
    order = {number: place for place, number in enumerate(_sorted_by_flow({*own, *above}, made, feeds))}
    stages = [made[number] for number in (*own, *above)]
    return _Plan(
        name=name,
        file=file,
        item=item,
        own=tuple(sorted(own, key=order.__getitem__)),
        upstream=tuple(sorted(above, key=order.__getitem__)),
        own_addresses=frozenset(made[number].address for number in own),
        addresses=frozenset(stage.address for stage in stages),
        outs=Owners((out.path, stage.address) for stage in stages for out in stage.outs),
        deps=frozenset(dep.path for stage in stages for dep in stage.deps),
        logged=frozenset(
            (run, short)
            for stage in stages
            for run in (stage.run, stage.item, stage.pipeline, name)
            for short in (stage.group, stage.group.removeprefix(f"{stage.pipeline}-"))
        ),
    )


def _upstream(own: Sequence[int], feeds: Sequence[Sequence[int]]) -> set[int]:
    found: set[int] = set()
    stack = list(own)
    while stack:
        for feeder in feeds[stack.pop()]:
            if feeder not in found:
                found.add(feeder)
                stack.append(feeder)
    return found - set(own)


def _sorted_by_flow(
    numbers: set[int], made: Sequence[Stage], feeds: Sequence[Sequence[int]]
) -> Iterator[int]:
    """Dependencies first, otherwise by address; a circle (only possible in a broken lock) is cut anywhere."""
    done: set[int] = set()
    stack = sorted(numbers, key=lambda number: made[number].address, reverse=True)
    open_: set[int] = set()
    while stack:
        number = stack[-1]
        waiting = [n for n in feeds[number] if n in numbers and n not in done and n not in open_]
        if number in done or (number in open_ and not waiting):
            stack.pop()
            if number not in done:
                done.add(number)
                yield number
            continue
        open_.add(number)
        stack.extend(sorted(set(waiting), key=lambda n: made[n].address, reverse=True))


def advice(catalog: Catalog) -> str:
    """What to do about a history without runs or results, in a line; empty when there is nothing to do."""
    if not catalog.snapshots:
        return "This repository has no commit yet."
    seen = [snapshot for snapshot in catalog.snapshots if snapshot.stages or snapshot.metrics]
    if not seen and not catalog.datasets:
        return (
            "No commit has a dvc.yaml, a dvc.lock or a .dvc file: this is no DVC repository yet. "
            "`modelbook init` writes a project that runs."
        )
    if not catalog.runs:
        what = "but none has run" if seen else "but no pipeline"
        return f"There are DVC files, {what}: commit the dvc.lock that `dvc repro` writes, and its results."
    head = next((item for item in catalog.snapshots if item.commit.sha == catalog.head), None)
    if head and head not in seen:
        return "HEAD has no pipeline: what is here comes from older commits and from other branches."
    scored = [run for run in catalog.runs if run.metrics]
    if scored and all(value.state is State.NOT_PULLED for run in scored for value in run.metrics):
        whose = f"the {len(scored):,} runs" if len(scored) > 1 else "the run"
        return (
            f"The metrics of {whose} are in DVC, not in Git: `modelbook build --pull` reads them. "
            "Metrics that dvc.yaml declares with `cache: false` are in Git from then on."
        )
    return ""


def _folder_name(file: str, project: str) -> str:
    return file.rpartition("/")[0] or project


def _run(run_id: str, group: _Group, snapshot: Snapshot, names: _Names) -> Run:
    plan = group.plan
    first = group.own[0]
    commit = snapshot.commit
    experiment = first.experiment or plan.name
    spec = next((spec for spec in snapshot.specs if spec.name == experiment), None)
    stages = (*group.upstream, *group.own)
    return Run(
        id=run_id,
        name=plan.name,
        experiment=experiment,
        commit=commit.sha,
        commits=(),
        pipeline=first.pipeline
        or (spec.pipeline if spec else "")
        or (first.group if plan.item else plan.name),
        date=commit.date,
        author=commit.author,
        tags=spec.tags if spec else (),
        stages=stages,
        params=names.named(_run_params(group), plan),
        metrics=names.named(
            [value for value in snapshot.metrics if plan.holds(value.path, value.stage)], plan
        ),
        plots=tuple(
            plot
            for plot in snapshot.plots
            if any(plan.holds(path, plot.stage) for path, _blob in plot.files[:1])
        ),
        artifacts=tuple([out for stage in stages for out in stage.outs]),
        datasets=tuple(dataset for dataset in snapshot.datasets if plan.overlaps(dataset.path)),
        environments=tuple(
            found for found in snapshot.environments if (found.run, found.stage) in plan.logged
        ),
        spec=spec,
    )


# -- runs that only logged


class _Logged(NamedTuple):
    """A folder whose metrics no stage made."""

    id: str
    folder: str
    metrics: tuple[Value, ...]
    stages: tuple[Stage, ...]
    name: str


def _logged(groups: Sequence[tuple[str, _Group]], snapshot: Snapshot, project: str) -> Iterator[_Logged]:
    """A run for each folder with metrics that no stage made, or only stages without a lock entry."""
    open_ = [stage for stage in snapshot.stages if not (stage.lock or stage.aside or stage.orphan)]
    nobody = {None, *(stage.address for stage in open_)}
    loose = [value for value in snapshot.metrics if value.stage in nobody and value.blob]
    if not loose:
        return
    plans = [group.plan for _id, group in groups]
    taken = [plan.file.rpartition("/")[0] for plan in plans if not plan.item]
    free = [
        value
        for value in loose
        if not any(plan.outs.around(value.path) for plan in plans)
        and not any(inside(value.path, folder) for folder in taken)
    ]
    folders = {_logged_in(value.path) for value in free}
    if len(folders) == 1 and not groups:
        folders = {""}  # nothing else is known of this commit, so this is what its project did
    for folder in sorted(folders):
        mine = tuple(value for value in free if inside(value.path, folder))
        inner = any(inside(folder, other) for other in folders - {folder})
        if not inner and any(isinstance(value.value, int | float) for value in mine):
            run_id = _digest(f"{value.path} {value.blob}" for value in mine)
            stages = () if groups else tuple(stage for stage in open_ if inside(stage.file, folder))
            yield _Logged(run_id, folder, mine, stages, folder or project)


def _logged_in(path: str) -> str:
    """The folder that a metrics file speaks for: DVCLive keeps its own inside of that."""
    folder = path.rpartition("/")[0]
    above, _slash, name = folder.rpartition("/")
    return above if name == "dvclive" else folder


def _logged_run(logged: _Logged, snapshot: Snapshot, names: _Names) -> Run:
    name, folder = logged.name, logged.folder
    plan = _plan(name, f"{folder}/dvc.yaml".lstrip("/"), [], set(), (), (), item=False)
    owners = {None, *(stage.address for stage in logged.stages)}
    return Run(
        id=logged.id,
        name=name,
        experiment=name,
        commit=snapshot.commit.sha,
        commits=(),
        pipeline=name,
        date=snapshot.commit.date,
        author=snapshot.commit.author,
        stages=logged.stages,
        params=names.named([v for v in snapshot.params if v.blob and inside(v.path, folder)], plan),
        metrics=names.named(logged.metrics, plan),
        plots=tuple(
            plot
            for plot in snapshot.plots
            if plot.stage in owners and any(inside(path, folder) for path, _blob in plot.files[:1])
        ),
    )


def _run_params(group: _Group) -> list[Value]:
    """What the lock recorded; what upstream stages only repeat is left out."""
    mine = [value for stage in group.own for value in stage.params]
    if not group.upstream:
        return mine
    by_name = {value.name: value for value in mine}
    return mine + [
        value
        for stage in group.upstream
        for value in stage.params
        if value.name not in by_name or not _equal(value, by_name[value.name])
    ]


class _Names:
    """Gives the values of each run names that are unique in it, the same work for alike runs once."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._known_places: dict[_Place, int] = {}
        self._orders: dict[tuple[Any, ...], _Order] = {}
        self._renamed: dict[tuple[int, str], Value] = {}

    def named(self, values: Sequence[Value], plan: _Plan) -> tuple[Value, ...]:
        """The values, sorted; of each file and key the first.

        A name that two files give gets the file in front, whether or not the values differ, so that it means
        the same in every run. Only the files of upstream stages leave the plain name to the run's own file.
        """
        known, place = self._places.get, self._place
        places = tuple([place(value) if (at := known(id(value))) is None else at for value in values])
        key = (plan.name if plan.item else None, plan.own_addresses, places)
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = _ordered(_order([_place(value) for value in values], plan))
        found = order.pick(values)
        if order.renamed:
            changed = list(found)
            for at, name in order.renamed:
                changed[at] = self._as(changed[at], name)
            return tuple(changed)
        return found

    def _place(self, value: Value) -> int:
        found = self._known_places.setdefault(_place(value), len(self._known_places))
        self._places[id(value)] = found
        return found

    def _as(self, value: Value, name: str) -> Value:
        found = self._renamed.get((id(value), name))
        if found is None:
            found = self._renamed[id(value), name] = msgspec.structs.replace(value, name=name)
        return found


_Place = tuple[str, str, str | None, tuple[str, ...]]
"""Name, file, stage and key: what decides the name that a value gets."""


class _Order(NamedTuple):
    """How to name values at the same places: which to pick, and (place in those, new name) of a few."""

    pick: Callable[[Sequence[Value]], tuple[Value, ...]]
    renamed: list[tuple[int, str]]


def _ordered(rows: Sequence[tuple[int, str]]) -> _Order:
    numbers = [number for number, _name in rows]
    return _Order(_picker(numbers), [(at, name) for at, (_number, name) in enumerate(rows) if name])


def _picker(numbers: Sequence[int]) -> Callable[[Sequence[Value]], tuple[Value, ...]]:
    """Picks what stands at these numbers; `itemgetter` is the fastest way, but not for fewer than two."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return lambda values: tuple([values[number] for number in numbers])


def _place(value: Value) -> _Place:
    return value.name, value.path, value.stage, value.key


def _order(places: Sequence[_Place], plan: _Plan) -> list[tuple[int, str]]:
    """The numbers of values in the order of their names, each with its new name if it needs one."""
    first: dict[tuple[str, tuple[str, ...]], int] = {}
    for number, (_name, path, _stage, key) in enumerate(places):
        first.setdefault((path, key), number)
    by_name: dict[str, list[int]] = {}
    for number in first.values():
        by_name.setdefault(places[number][0], []).append(number)
    found: list[tuple[int, str]] = []
    for same in by_name.values():
        mine = [number for number in same if places[number][2] in plan.own_addresses]
        keep = same[0] if len(same) == 1 else mine[0] if len(mine) == 1 else None
        found.extend((number, "" if number == keep else _prefixed(places[number], plan)) for number in same)
    return sorted(found, key=lambda row: (row[1] or places[row[0]][0], places[row[0]][1]))


def _equal(one: Value, other: Value) -> bool:
    return (
        one.state is State.PRESENT
        and other.state is State.PRESENT
        and (type(one.value), repr(one.value)) == (type(other.value), repr(other.value))
    )


def _prefixed(place: _Place, plan: _Plan) -> str:
    name, path, _stage, _key = place
    parts = path.split("/")
    short = parts[parts.index(plan.name) + 1 :] if plan.item and plan.name in parts[:-1] else parts
    return f"{'/'.join(short)}:{name}"


# -- metrics


def guess(name: str) -> str | None:
    """The direction of a well-known metric by its name; None if it is not one."""
    tokens = {token.lower() for token in _TOKENS.findall(name.replace("r_squared", "r2"))}
    tokens |= {token.rstrip("0123456789") for token in tokens}
    if tokens & set(_DOWN.split()):
        return "minimize"
    return "maximize" if tokens & set(_UP.split()) else None


def metric_infos(project: Project, runs: Iterable[Run]) -> tuple[MetricInfo, ...]:
    """How to read every metric of some runs, and those that a project declares, by name."""
    declared = {info.name: info for info in project.metrics}
    used = map(attrgetter("name"), chain.from_iterable(run.metrics for run in runs))
    names = sorted({*used, *declared})
    return judge.ruled((_metric_info(name, declared) for name in names), project.gates)


def _metric_info(name: str, declared: Mapping[str, MetricInfo]) -> MetricInfo:
    info = declared.get(name) or declared.get(name.rpartition(":")[2])
    if info is not None and info.direction:
        return msgspec.structs.replace(info, name=name)
    direction = guess(name)
    return msgspec.structs.replace(
        info or MetricInfo(name=name), name=name, direction=direction, guessed=direction is not None
    )


# -- project, experiments, models, datasets


def project_name(history: History) -> str:
    """The name of the project, which runs without a folder or an item are named with."""
    return _project(history).name


def _project(history: History) -> Project:
    newest = [snapshot for snapshot in history.snapshots if snapshot.commit.sha == history.head]
    for snapshot in [*newest, *history.snapshots]:
        if snapshot.project is not None:
            return snapshot.project
    return Project(name=history.name)


def _experiments(
    snapshots: Sequence[Snapshot], runs: Sequence[Run], current: set[str], head: Snapshot | None
) -> tuple[Experiment, ...]:
    specs: dict[str, Spec] = {}
    for snapshot in [*([head] if head else []), *snapshots]:
        for spec in snapshot.specs:
            specs.setdefault(spec.name, spec)
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        by_name.setdefault(run.experiment, []).append(run)
    names = {name for name, spec in specs.items() if spec.raw.get("abstract") is not True} | set(by_name)
    return tuple(_experiment(name, specs.get(name), by_name.get(name, []), current) for name in sorted(names))


def _experiment(name: str, spec: Spec | None, runs: Sequence[Run], current: set[str]) -> Experiment:
    newest = runs[0] if runs else None
    file = spec.path if spec else newest.stages[-1].file if newest and newest.stages else ""
    return Experiment(
        name=name,
        file=file,
        pipeline=(spec.pipeline if spec else "") or (newest.pipeline if newest else ""),
        spec=spec,
        runs=tuple(run.id for run in runs),
        current=tuple(run.id for run in runs if run.id in current),
        tags=spec.tags if spec else (),
    )


def _with_candidate(
    model: Model,
    project: Project,
    runs: Iterable[Run],
    current: set[str],
    metrics: Sequence[MetricInfo],
) -> Model:
    """The model with the best current run of its pipeline, if that can be told."""
    info = model.info
    headline = next((pipe.metric for pipe in project.pipelines if pipe.name == info.pipeline), "")
    measure = next((metric for metric in metrics if metric.name == headline), None)
    mine = [run for run in runs if run.id in current and run.pipeline == info.pipeline]
    ranking = rank(mine, measure) if measure and measure.direction else None
    best_run = ranking.ranked[0].run.id if ranking and ranking.ranked else None
    return msgspec.structs.replace(model, candidate=best_run)


def _datasets(snapshots: Sequence[Snapshot]) -> tuple[Dataset, ...]:
    found: dict[str, Dataset] = {}
    for snapshot in snapshots:
        for dataset in snapshot.datasets:
            found.setdefault(dataset.path, dataset)
    return tuple(found[path] for path in sorted(found))


def _believed(records: Iterable[Reproduction], runs: Iterable[Run]) -> tuple[Reproduction, ...]:
    """Records of reproductions, each held against the run it names: its id says what its outputs are."""
    by_id = {run.id: run for run in runs}
    return tuple(
        msgspec.structs.replace(item, reason=item.reason or _not_of(item, by_id.get(item.run)))
        for item in records
    )


def _not_of(item: Reproduction, run: Run | None) -> str:
    if run is None:
        return f"run {item.run} is in no commit of this history"
    if item.outcome == "failed":
        return ""
    outs = {out.path: out.md5 for stage in run.stages for out in stage.outs}
    own = {out.path for stage in run.own_stages for out in stage.outs}
    listed = {row.name: row.recorded for row in item.outs}
    if any(outs.get(path) != md5 for path, md5 in listed.items()) or not own <= listed.keys():
        return f"it does not list the outputs of run {item.run}"
    same = all(row.same for row in item.metrics)
    exact = same and all(row.same and row.recorded == row.found for row in item.outs)
    if item.exact != exact or (item.outcome == "reproduced") > (
        exact or (same and item.rtol + item.atol > 0)
    ):
        return "it says that more is the same than it lists"
    return ""


def _unbelieved(records: Iterable[Reproduction]) -> tuple[Problem, ...]:
    return tuple(Problem(path=item.path, reason=item.reason) for item in records if item.reason)


def _problems(history: History) -> tuple[Problem, ...]:
    """Each problem once, at the newest commit that has it, with the oldest that does."""
    newest: dict[tuple[str, str], str] = {}
    oldest: dict[tuple[str, str], str] = {}
    for snapshot in history.snapshots:
        for problem in snapshot.problems:
            newest.setdefault((problem.path, problem.reason), snapshot.commit.sha)
            oldest[problem.path, problem.reason] = snapshot.commit.sha
    found = (
        Problem(path=path, reason=reason, commit=newest[path, reason], since=oldest[path, reason])
        for path, reason in sorted(newest)
    )
    return (*history.problems, *found)
