"""A verdict as a page of the site, and as the part of a commit's page that says what the gates say of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from modelbook import catalog, verdict
from modelbook.diff import ParamChange
from modelbook.pages import effects, text
from modelbook.pages.cells import ABSENT, DASH, TONES, Cell, Column, Part, cell, link_cell, part
from modelbook.pages.changes import History
from modelbook.pages.index import Index, Link, changes_href
from modelbook.pages.models import status
from modelbook.records import MetricInfo, Project, Run, Snapshot, Value
from modelbook.verdict import Held, Moved, RunChange, Side, Verdict

MOST_REASONS = 12
_SHA = re.compile("[0-9a-f]{40}")

_TONES = {"passed": "good", "failed": "bad", "stale": "bad"}


class VerdictView(msgspec.Struct, frozen=True, gc=False):
    """What the gates say of a change.

    Attributes:
        reasons: why, in sentences; `more` counts those that are left out.
        deciding: the best run of each pipeline, and what is in force in an environment, where it changed.
    """

    says: str
    tone: str
    reasons: tuple[str, ...]
    more: int
    deciding: Part | None


class VerdictPage(msgspec.Struct, frozen=True, gc=False):
    """`verdict/`: what one revision does to the models against another, as `modelbook diff` tells it.

    Attributes:
        base, head: what was asked for, its commit, and what it says.
        counts: how many runs differ. compare: the two side by side, where both are in the history.
        listed: runs that came, went or have another name.
        unread: (path, reason) of what could not be read at head and could at base.
    """

    view: VerdictView
    base: tuple[str, Link, str]
    head: tuple[str, Link, str]
    counts: str
    compare: Link | None
    metrics: Part | None
    seeds: Part | None
    listed: Part | None
    params: Part | None
    data: Part | None
    pipeline: Part | None
    environment: Part | None
    code: effects.CodeView | None
    unread: tuple[tuple[str, str], ...]


class Verdicts:
    """The verdict on each commit of a history against its first parent, by the gates that it declares itself.

    It is what `modelbook diff PARENT COMMIT` finds, but for results that are not from their code: no file of
    the commit is read for it.
    """

    def __init__(self, index: Index, history: History) -> None:
        self._index, self._history = index, history
        self._names: dict[str, tuple[str, ...]] = {}
        self._readings: dict[object, tuple[tuple[MetricInfo, ...], dict[str, str]]] = {}

    def of(self, snapshot: Snapshot) -> Verdict | None:
        """The verdict; None for a commit without a parent here, and where no run and no model changed."""
        base = self._history.base(snapshot)
        if base is None:
            return None
        old, new = (self._history.held[item.commit.sha] for item in (base, snapshot))
        unmoved = {run.id for run in old} == {run.id for run in new} and base.metrics == snapshot.metrics
        if unmoved and verdict.in_force(base) == verdict.in_force(snapshot):
            return None
        project = snapshot.project or base.project or Project(name=self._index.catalog.project.name)
        infos, headlines = self._reading(project, {run.id: run for run in (*new, *old)}.values())
        found = verdict.of(
            Held(verdict.side_of(base.commit.short, base), old, base),
            Held(verdict.side_of(snapshot.commit.short, snapshot), new, snapshot),
            project,
            infos=infos,
            headlines=headlines,
            registered=self._index.runs,
            whole=False,
            alike=self._history.likeness,
        )
        return None if found.status == "unchanged" else found

    def _reading(
        self, project: Project, runs: Iterable[Run]
    ) -> tuple[tuple[MetricInfo, ...], dict[str, str]]:
        """How to read the metrics of some runs, and the headlines: found once for alike runs."""
        kept, names = list(runs), self._names
        for run in kept:
            if run.id not in names:
                names[run.id] = tuple([value.name for value in run.metrics])
        key = (id(project), frozenset(Counter([(run.pipeline, names[run.id]) for run in kept]).items()))
        found = self._readings.get(key)
        if found is None:
            infos = catalog.metric_infos(project, kept)
            headlines = catalog.headlines_of(project, infos, kept)
            found = self._readings[key] = infos, {name: info.name for name, info in headlines.items()}
        return found


def view(index: Index, found: Verdict) -> VerdictView:
    """What the gates say."""
    rows = [row for row in verdict.metrics(found) if row.leader]
    reasons = [text.cut(text.line(reason), 400) for reason in found.reasons]
    return VerdictView(
        says=verdict.SAYS[found.status],
        tone=_TONES.get(found.status, ""),
        reasons=tuple(reasons[:MOST_REASONS]),
        more=max(0, len(reasons) - MOST_REASONS),
        deciding=_metrics(index, found, rows, "What decides"),
    )


def page(index: Index, found: Verdict) -> VerdictPage:
    """The whole of it."""
    of_runs = [(run.name, item) for run in found.runs if run.before and run.after for item in run.params]
    sides = [index.snapshots.get(side.commit) for side in (found.base, found.head)]
    count, one = len(found.runs), len(found.runs) == 1
    return VerdictPage(
        view=replace(view(index, found), deciding=None),
        base=_side(index, found.base),
        head=_side(index, found.head),
        counts=f"{text.plural(count, 'run')} of {found.held:,} {'differs' if one else 'differ'}",
        compare=Link("Compare", changes_href(found.base.commit, found.head.commit)) if all(sides) else None,
        metrics=_metrics(index, found, verdict.metrics(found), "Metrics that moved"),
        seeds=_seeds(found),
        listed=_listed(index, found.runs),
        params=_params([*of_runs, *((item.path, item) for item in found.params)]),
        data=effects.data(found.data),
        pipeline=effects.pipeline(found.graph, {}),
        environment=effects.ran_on(found.environment),
        code=effects.code(index, sides[0], sides[1], found.code),
        unread=tuple((text.line(item.path), text.line(item.reason)) for item in found.problems),
    )


def called(side: Side) -> str:
    """As it was asked for; a whole id by its beginning."""
    return side.label[:7] if _SHA.fullmatch(side.label) else text.cut(text.line(side.label), 80)


def _side(index: Index, side: Side) -> tuple[str, Link, str]:
    label = called(side)
    link = index.commit_link(side.commit) if side.commit else Link("")
    shown = "" if side.commit.startswith(side.label) else label
    return shown, link, text.cut(text.line(side.subject), 120)


# -- tables


def _metrics(index: Index, found: Verdict, rows: Sequence[Moved], caption: str) -> Part | None:
    infos = {info.name: info for info in found.metrics}
    columns = (
        *map(Column, ("run", "metric")),
        *(Column(name, number=True) for name in ("before", "after")),
        *map(Column, ("judged", "what")),
    )
    return part(columns, [_row(index, row, infos.get(row.metric)) for row in rows], caption)


def _row(index: Index, row: Moved, info: MetricInfo | None) -> tuple[Cell, ...]:
    after = _value(row.after, info)
    if row.delta:
        after = replace(after, delta=text.delta(row.delta, info), delta_tone=TONES[row.better])
    judged = status(row.judgements)
    word = Cell({True: "better", False: "worse", None: DASH}[row.better], tone=TONES[row.better])
    if row.judgements:
        word = Cell(judged.says, title="\n".join(reason for *_, reason in judged.rows), tone=judged.tone)
    run, what = _whose(index, row)
    return run, Cell(text.line(row.metric) or DASH), _value(row.before, info), after, word, what


def _whose(index: Index, row: Moved) -> tuple[Cell, Cell]:
    """(run, what it is)."""
    if row.leader:
        leader = row.leader
        was = f", before {leader.was}" if leader.was not in ("", leader.name) else ""
        name = leader.name or f"run {leader.after or DASH}, in no history"
        return _run(index, name, leader.after), Cell(text.cut(text.line(leader.what + was)))
    if row.run:
        run = row.run
        return _run(index, run.name, run.after or run.before), Cell(_kind(run))
    return Cell(text.cut(text.line(row.path)) or DASH), Cell("in no run")


def _run(index: Index, name: str, run: str | None) -> Cell:
    known = index.runs.get(run or "")
    return (
        replace(link_cell(index.run_link(known)), text=text.cut(text.line(name), 80))
        if known
        else Cell(text.line(name) or DASH)
    )


def _kind(run: RunChange) -> str:
    return f"renamed, was {text.cut(text.line(run.was), 80)}" if run.kind == "renamed" else run.kind


def _value(found: Value | float | None, info: MetricInfo | None) -> Cell:
    if found is None:
        return ABSENT
    return cell(found if isinstance(found, Value) else Value(name="", value=found), info)


def _seeds(found: Verdict) -> Part | None:
    """Means of metrics that have a declared direction: of the others nobody could say what they show."""
    infos = {info.name: info for info in found.metrics if info.direction and not info.guessed}
    columns = (
        *map(Column, ("experiment", "metric")),
        *(Column(name, number=True) for name in ("before", "after", "change", "95 % interval", "seeds")),
    )
    rows = [
        (
            Cell(text.line(group.experiment)),
            Cell(text.line(name)),
            *(Cell(text.value(mean, infos[name]), number=True) for mean in (means.before, means.after)),
            Cell(text.delta(means.delta, infos[name]), number=True),
            Cell(f"{text.value(means.low)} to {text.value(means.high)}", number=True),
            Cell(f"{means.n_before}, {means.n_after}", number=True),
        )
        for group in found.seeds
        for name, means in group.metrics
        if name in infos
    ]
    return part(columns, rows, "Means over seeds")


def _listed(index: Index, runs: Iterable[RunChange]) -> Part | None:
    rows = [
        (
            _run(index, run.name, run.after or run.before),
            Cell(_kind(run)),
            Cell(text.line(run.pipeline) or DASH),
        )
        for run in runs
        if run.kind != "changed"
    ]
    return part(
        tuple(map(Column, ("run", "change", "pipeline"))), rows, "Runs that came, went or are renamed"
    )


def _params(found: Iterable[tuple[str, ParamChange]]) -> Part | None:
    rows = [
        (
            Cell(text.cut(text.line(where), 80) or DASH),
            Cell(text.line(item.name) or DASH),
            *(cell(value) if value else ABSENT for value in (item.before, item.after)),
        )
        for where, item in found
    ]
    return part(tuple(map(Column, ("where", "param", "before", "after"))), rows, "Params that changed")
