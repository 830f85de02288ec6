"""A commit's page: what it did to runs, params, data and specs, against its first parent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from modelbook import diff
from modelbook.pages import effects, text
from modelbook.pages.cells import (
    ABSENT,
    DASH,
    MOST_ROWS,
    TONES,
    Cell,
    Column,
    Part,
    Table,
    cell,
    heading,
    link_cell,
    metric_columns,
    part,
)
from modelbook.pages.changes import History, data, registry, specs, summary
from modelbook.pages.effects import CodeView, code, environment, graph
from modelbook.pages.index import Entry, Index, Link, changes_href
from modelbook.pages.ledger import Ledger
from modelbook.pages.verdicts import Verdicts, VerdictView, view
from modelbook.records import WORKSPACE, MetricInfo, Run, Snapshot, Value

MOST_COLUMNS = 10
"""Metrics that get a column; what else changed is folded away below the table."""

MOST_FOLDED = 20
"""Runs whose other metrics are folded away on the page; those of more runs are on the runs' own pages."""

MOST_OTHERS = 40
"""Metrics in one of those folds."""

MOST_NAMES = 5
"""Runs called by name where a param changed alike in many."""

Pair = tuple[Run | None, Run]
"""A run as it was, or None for a new one, and as it is."""


class Others(msgspec.Struct, frozen=True, gc=False):
    """The metrics of a changed run that have no column of their own."""

    run: Link
    words: str
    part: Part


class Results(msgspec.Struct, frozen=True, gc=False):
    """The changed and new runs of a pipeline, a row each, the headline metric first.

    Attributes:
        folded: metrics without a column, by run; `more_folded` counts the runs that have none here.
    """

    id: str
    pipeline: str
    part: Part
    folded: tuple[Others, ...]
    more_folded: int


class CommitPage(msgspec.Struct, frozen=True, gc=False):
    """`commits/SHA/`: against its first parent.

    Attributes:
        held: how many runs it holds; `moved` says whether it changed one that was there before.
        against: what else it can be compared with.
    """

    short: str
    sha: str
    subject: str
    body: str
    facts: tuple[Entry, ...]
    refs: tuple[str, ...]
    base: Link | None
    children: tuple[Link, ...]
    verdict: VerdictView | None
    words: tuple[str, ...]
    results: tuple[Results, ...]
    params: Part | None
    removed: Part | None
    data: Part | None
    specs: Part | None
    code: CodeView | None
    graph: Part | None
    environment: Part | None
    against: tuple[Link, ...]
    problems: tuple[tuple[str, str], ...]
    held: int
    moved: bool


def page(
    index: Index, history: History, ledger: Ledger, verdicts: Verdicts, snapshot: Snapshot
) -> CommitPage:
    """One commit."""
    commit, base = snapshot.commit, history.base(snapshot)
    changed, added, removed = history.pairs(snapshot)
    datasets, files = data(base, snapshot), specs(base, snapshot)
    held = ledger.held[commit.sha]
    before = ledger.held[base.commit.sha] if base else {}
    return CommitPage(
        short=commit.short,
        sha=commit.sha,
        subject=text.line(commit.subject) or "Files not committed yet",
        body=commit.body,
        facts=_facts(index, snapshot),
        refs=tuple(map(text.line, commit.refs)),
        base=index.commit_link(base.commit.sha) if base else None,
        children=tuple(index.commit_link(sha) for sha in index.children.get(commit.sha, ())[:10]),
        verdict=view(index, found) if (found := verdicts.of(snapshot)) else None,
        words=summary(changed, added, removed, datasets, files) + registry(base, snapshot),
        results=_results(index, [*changed, *((None, run) for run in added)]),
        params=_params(index, changed),
        removed=_removed(index, removed),
        data=effects.data(datasets),
        specs=_specs(index, commit.sha, files),
        code=code(index, base, snapshot, ledger.code[commit.sha]),
        graph=graph(base, snapshot) if before.get("stages") != held["stages"] else None,
        environment=environment(base, snapshot)
        if before.get("environments") != held["environments"]
        else None,
        against=_against(index, commit.sha),
        problems=tuple((text.line(item.path), text.line(item.reason)) for item in snapshot.problems),
        held=len(history.held[commit.sha]),
        moved=bool(changed),
    )


def _against(index: Index, sha: str) -> tuple[Link, ...]:
    """The commit of the best run of each pipeline, then any that one may choose."""
    found = []
    for pipeline, top in index.tops.items():
        if top and top.commit != sha and top.commit in index.snapshots and sha not in top.commits:
            name = text.line(pipeline) or "all runs"
            title = f"{text.line(top.name)} at {index.snapshots[top.commit].commit.short}"
            found.append(Link(f"with the best of {name}", changes_href(top.commit, sha), title))
    return (*found[:MOST_NAMES], Link("with any other commit", changes_href("", sha)))


def _facts(index: Index, snapshot: Snapshot) -> tuple[Entry, ...]:
    commit = snapshot.commit
    sha = "" if commit.sha == WORKSPACE else commit.sha
    rows: tuple[Entry, ...] = (
        ("date", Link(commit.date[:16].replace("T", " "), title=commit.date)),
        ("author", Link(commit.author)),
        ("commit", Link(sha[:12], index.forge("commit", sha), sha)),
        ("parents" if len(commit.parents) > 1 else "parent", tuple(map(index.commit_link, commit.parents))),
    )
    return tuple((name, item) for name, item in rows if item and (isinstance(item, tuple) or item.text))


def _results(index: Index, pairs: Sequence[Pair]) -> tuple[Results, ...]:
    made = []
    for pipeline in index.pipelines:
        mine = [pair for pair in pairs if pair[1].pipeline == pipeline.name]
        if mine:
            made.append(_of_pipeline(index, pipeline.name, mine))
    return tuple(made)


def _of_pipeline(index: Index, pipeline: str, pairs: Sequence[Pair]) -> Results:
    infos = _infos(index, pipeline, [new for _, new in pairs])
    shown = {info.name for info in infos}
    rows, folded = [], []
    for at, (old, new) in enumerate(pairs):
        changes = diff.runs(old, new, index.catalog.metrics).metrics if old else ()
        if at < MOST_ROWS:
            rows.append(_row(index, infos, old, new, {change.name: change for change in changes}))
        others = [change for change in changes if change.name not in shown]
        if others:
            folded.append((new, others))
    columns = (Column("run"), *(replace(heading(info), number=True) for info in infos))
    name = text.line(pipeline)
    return Results(
        id=f"runs-{text.slug(pipeline)}" if pipeline else "results",
        pipeline=name,
        part=Part(
            Table(columns, tuple(rows), f"Metrics of {name or 'runs'}"), max(0, len(pairs) - MOST_ROWS)
        ),
        folded=tuple(_others(index, run, changes) for run, changes in folded[:MOST_FOLDED]),
        more_folded=max(0, len(folded) - MOST_FOLDED),
    )


def _infos(index: Index, pipeline: str, runs: Sequence[Run]) -> list[MetricInfo]:
    """The headline and what the project declares; of a project that declares nothing, all there is."""
    headline = index.headlines.get(pipeline)
    first = headline.name if headline else ""
    every = metric_columns(index, runs, first, most=10_000)
    declared = {info.name for info in index.catalog.project.metrics}
    chosen = [info for info in every if info.name in declared or info.name == first]
    return (chosen if declared & {info.name for info in every} else every)[:MOST_COLUMNS]


def _row(
    index: Index,
    infos: Sequence[MetricInfo],
    old: Run | None,
    new: Run,
    changes: dict[str, diff.MetricChange],
) -> tuple[Cell, ...]:
    first = link_cell(index.run_link(new))
    if old is None or old.name != new.name:
        badge = f"was {text.cut(text.line(old.name), 40)}" if old else "new"
        first = replace(first, badge=badge)
    return (
        first,
        *(_value(new.metric(info.name), info, changes.get(info.name)) for info in infos),
    )


def _value(found: Value | None, info: MetricInfo | None, change: diff.MetricChange | None) -> Cell:
    """A metric as it is, with how far it moved."""
    shown = cell(found, info)
    if change is None:
        return shown
    before = f"before {cell(change.before, info).text}" if change.before else "not there before"
    title = "; ".join(part for part in (before, shown.title) if part)
    moved = text.delta(change.delta, info) if change.delta is not None else ""
    return replace(shown, title=title, delta=moved, delta_tone=TONES[change.better])


def _others(index: Index, run: Run, changes: Sequence[diff.MetricChange]) -> Others:
    columns = (Column("metric"), *(Column(name, number=True) for name in ("before", "after", "change")))
    rows = []
    for change in changes[:MOST_OTHERS]:
        info = index.infos.get(change.name)
        moved = text.delta(change.delta, info) if change.delta is not None else ""
        rows.append(
            (
                Cell(text.line(change.name) or DASH),
                cell(change.before, info),
                cell(change.after, info),
                Cell(moved, number=True, tone=TONES[change.better]) if moved else ABSENT,
            )
        )
    table = Table(columns, tuple(rows), f"Other metrics of {text.line(run.name)}")
    words = text.plural(len(changes), "other metric") + " changed"
    return Others(index.run_link(run), words, Part(table, max(0, len(changes) - MOST_OTHERS)))


def _params(index: Index, pairs: Iterable[tuple[Run, Run]]) -> Part | None:
    """Params that are not what they were, a row for all runs in which one changed alike."""
    alike: dict[tuple[str, str, str], tuple[diff.ParamChange, list[Run]]] = {}
    for old, new in pairs:
        for change in diff.runs(old, new).params:
            key = (change.name, _exact(change.before), _exact(change.after))
            alike.setdefault(key, (change, []))[1].append(new)
    groups = sorted(alike.values(), key=lambda group: (group[0].name, -len(group[1])))
    columns = tuple(map(Column, ("param", "before", "after", "in")))
    return part(columns, [_param(index, change, runs) for change, runs in groups], "Params that changed")


def _exact(found: Value | None) -> str:
    return "" if found is None else f"{found.state} {found.value!r}"


def _param(index: Index, change: diff.ParamChange, runs: Sequence[Run]) -> tuple[Cell, ...]:
    name = Cell(text.line(change.name) or DASH, badge="" if change.kind == "changed" else change.kind)
    before, after = (cell(found) if found else ABSENT for found in (change.before, change.after))
    return name, before, after, _names(index, runs)


def _names(index: Index, runs: Sequence[Run]) -> Cell:
    if len(runs) == 1:
        return link_cell(index.run_link(runs[0]))
    names = [text.line(run.name) for run in runs]
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return Cell(f"{len(runs)} runs: {text.cut(shown)}", title=text.cut(", ".join(names), 2000))


def _removed(index: Index, runs: Sequence[Run]) -> Part | None:
    rows = []
    for run in runs:
        info = index.headlines.get(run.pipeline)
        name = Cell(text.line(info.name) if info else DASH)
        rows.append(
            (
                link_cell(index.run_link(run)),
                link_cell(index.experiment_link(run.experiment)),
                name,
                cell(run.metric(info.name), info) if info else ABSENT,
            )
        )
    columns = (Column("run"), Column("experiment"), Column("metric"), Column("last value", number=True))
    return part(columns, rows, "Runs that went")


def _specs(index: Index, sha: str, found: Sequence[tuple[str, str]]) -> Part | None:
    rows = [
        (
            Cell(text.line(path), href=index.forge("blob", sha, path) if done != "removed" else None),
            Cell(done),
        )
        for path, done in found
    ]
    return part((Column("spec"), Column("change")), rows, "Specs that changed")
