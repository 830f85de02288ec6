"""Runs: one page each, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelbook.pages import runfacts, text
from modelbook.pages.cells import (
    DASH,
    Cell,
    Column,
    Fact,
    Receipt,
    Receipts,
    Table,
    by_weight,
    facts,
    link_cell,
    recreate,
    runs_table,
)
from modelbook.pages.drawings import Album, Drawing, drawings, run_lineage
from modelbook.pages.index import Entry, Index, Link, model_href, models_of
from modelbook.records import Artifact, Environment, Run, State

FIRST_ROWS = 100
"""Rows of the runs table that are HTML and need no JavaScript."""

MOST_METRICS = 12
"""Metrics in sight on a run's page; the rest are one click away."""

MOST_COMMITS = 10
"""Commits in sight on a run's page; a run that lives for a thousand commits is not a thousand times news."""

MOST_FOLDED = 40
"""Further commits that are folded away; the rest are only counted."""

MOST_DATASETS = 8

Read = Callable[[str], bytes | None]
"""Git blob id -> its content, or None when it cannot be read."""


@dataclass(frozen=True, slots=True)
class RunsPage:
    """`runs/`."""

    table: Table
    shown: int
    total: int
    data: str


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """What a stage ran on, as (what, value) rows; packages apart, because they are many."""

    stage: str
    rows: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RunPage:
    """`runs/ID/`.

    Attributes:
        data_name, data: what the run's facts are asked for by, and their address from the site's root.
    """

    id: str
    name: str
    headline: Fact | None
    overview: tuple[Entry, ...]
    tags: tuple[str, ...]
    models: tuple[Link, ...]
    metrics: tuple[Fact, ...]
    more_metrics: tuple[Fact, ...]
    params: tuple[Fact, ...]
    receipts: tuple[Receipt, ...]
    plots: tuple[Drawing, ...]
    data_name: str
    data: str
    artifacts: Table
    not_in_git: bool
    stages: Table
    environments: tuple[EnvironmentView, ...]
    lineage: str
    command: str
    commits: tuple[Link, ...]
    folded_commits: tuple[Link, ...]
    more_commits: int
    refs: tuple[str, ...]
    current: bool


def listing(index: Index, data: str) -> RunsPage:
    """The runs table: the first rows here, all of them in the file `data` (address from the site's root)."""
    runs = index.catalog.runs[:FIRST_ROWS]
    columns, rows = _wide(index, runs)
    return RunsPage(Table(columns, rows, "Runs, newest first"), len(runs), len(index.catalog.runs), data)


def _wide(index: Index, runs: Sequence[Run]) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    table = runs_table(index, runs, None)
    columns = (table.columns[0], Column("experiment"), Column("pipeline"), *table.columns[1:])
    rows = tuple(
        (
            row[0],
            link_cell(index.experiment_link(run.experiment)),
            Cell(text.line(run.pipeline) or DASH),
            *row[1:],
        )
        for run, row in zip(runs, table.rows, strict=True)
    )
    return columns, rows


def page(index: Index, run: Run, read: Read, album: Album) -> RunPage:
    """One run."""
    info = index.headlines.get(run.pipeline)
    receipts = Receipts(index, run)
    metrics = facts(index, by_weight(index, run), "m", receipts)
    params = facts(index, run.params, "p", receipts)
    commits = tuple(index.commit_link(sha) for sha in run.commits[: MOST_COMMITS + MOST_FOLDED])
    headline = next((fact for fact in metrics if info and fact.name == text.line(info.name)), None)
    return RunPage(
        id=run.id,
        name=text.line(run.name) or run.id,
        headline=headline,
        overview=_overview(index, run),
        tags=tuple(text.line(tag) for tag in run.tags),
        models=tuple(
            Link(f"{text.line(model.name)} {version}", model_href(model.name, version))
            for model, version in models_of(index.catalog, run)
        ),
        metrics=metrics[:MOST_METRICS],
        more_metrics=metrics[MOST_METRICS:],
        params=params,
        receipts=receipts.all,
        plots=runfacts.interactive(drawings(run, read, album)),
        data_name=runfacts.name_of(run.id),
        data=runfacts.href(run.id),
        artifacts=_artifacts(run.artifacts),
        not_in_git=any(item.cached and item.state is State.PRESENT for item in run.artifacts),
        stages=_stages(run),
        environments=tuple(_environment(item) for item in run.environments),
        lineage=run_lineage(index, run),
        command=recreate(run),
        commits=commits[:MOST_COMMITS],
        folded_commits=commits[MOST_COMMITS:],
        more_commits=len(run.commits) - len(commits),
        refs=run.refs,
        current=run.id in index.current,
    )


def _overview(index: Index, run: Run) -> tuple[Entry, ...]:
    spent = sum(item.seconds or 0.0 for item in run.environments)
    rows = (
        ("experiment", index.experiment_link(run.experiment)),
        ("named by DVC", Link(run.label)),
        ("based on", index.commit_link(run.baseline) if run.baseline else Link("")),
        ("pipeline", index.pipeline_link(run.pipeline)),
        ("first commit", index.commit_link(run.commit)),
        ("date", Link(text.day(run.date), title=run.date)),
        ("author", Link(run.author)),
        ("wall time", Link(text.duration(spent or None))),
    )
    data = tuple(index.dataset_link(item.name) for item in run.datasets[:MOST_DATASETS])
    more = len(run.datasets) - len(data)
    data += (Link(f"{more} more", "datasets/index.html"),) if more > 0 else ()
    named: Entry = ("datasets" if len(data) > 1 else "dataset", data)
    return (*((name, link) for name, link in rows if link.text), *((named,) if data else ()))


def _artifacts(artifacts: Sequence[Artifact]) -> Table:
    columns = (
        Column("path"),
        Column("kind"),
        Column("size", number=True),
        Column("MD5"),
        Column("where"),
        Column("made by"),
    )
    return Table(columns, tuple(_artifact(item) for item in artifacts))


def _artifact(item: Artifact) -> tuple[Cell, ...]:
    count = f"{item.nfiles:,} files, " if item.nfiles is not None else ""
    return (
        Cell(text.line(item.path), title=text.line(item.description)),
        Cell({"out": "output"}.get(item.kind, item.kind)),
        Cell(count + (text.size(item.size) or DASH), number=True),
        Cell((item.md5 or DASH)[:12], title=item.md5 or ""),
        _where(item),
        Cell(text.line(item.stage or DASH)),
    )


def _where(item: Artifact) -> Cell:
    if item.state is State.NEVER:
        return Cell("never made", "never", "no lock entry says that it was ever made")
    if not item.cached:
        return Cell("in Git")
    return Cell("in DVC", "not_pulled", f"dvc pull {item.path}")


def _stages(run: Run) -> Table:
    rows = [
        (
            Cell(text.line(stage.address), title=text.line(stage.description)),
            Cell(text.cut(text.line(stage.cmd), 300), title=text.line(stage.cmd)),
            Cell(str(len(stage.deps)), title="\n".join(item.path for item in stage.deps), number=True),
            Cell(str(len(stage.outs)), title="\n".join(item.path for item in stage.outs), number=True),
            Cell((stage.lock or "none")[:12], title=stage.lock or ""),
        )
        for stage in run.stages
    ]
    columns = ("stage", "command", "inputs", "outputs", "lock entry")
    return Table(tuple(Column(name, number=name.endswith("puts")) for name in columns), tuple(rows))


def _environment(item: Environment) -> EnvironmentView:
    gpus = ", ".join(item.gpus)
    state = {True: " (with changed files)", False: "", None: ""}[item.dirty]
    rows = (
        ("Python", item.python),
        ("platform", item.platform),
        ("CPU", " × ".join(part for part in (item.cpu, f"{item.cores} cores" if item.cores else "") if part)),
        ("memory", text.size(item.memory)),
        ("GPU", gpus),
        ("wall time", text.duration(item.seconds)),
        ("peak memory", text.size(item.peak_memory)),
        ("Git state", f"{item.commit[:12]}{state}" if item.commit else ""),
        ("log", item.path),
    )
    return EnvironmentView(
        text.line(item.stage), tuple((name, text.line(shown)) for name, shown in rows if shown), item.packages
    )
