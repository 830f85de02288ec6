"""Runs: one page each, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from modelbook._paths import parents
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
    shell,
)
from modelbook.pages.drawings import Album, Drawing, drawings, run_lineage
from modelbook.pages.index import Entry, Index, Link, compare_href, model_href
from modelbook.pages.rundata import tells
from modelbook.pages.steps import Steps
from modelbook.records import Artifact, Dependency, Environment, Run, Stage, State

FIRST_ROWS = 100
"""Rows of the runs table that are HTML and need no JavaScript."""

MOST_METRICS = 12
"""Metrics in sight on a run's page; the rest are one click away."""

MOST_COMMITS = 10
"""Commits in sight on a run's page; a run that lives for a thousand commits is not a thousand times news."""

MOST_FOLDED = 40
"""Further commits that are folded away; the rest are only counted."""

MOST_DATASETS = 8

MOST_LISTED = 20
"""Artifacts, and the last of the stages, on a run's page: most of a hundred are those of other runs."""

MOST_FILES = 30
"""Files that its stages read, on a run's page."""

Read = Callable[[str], bytes | None]
"""Git blob id -> its content, or None when it cannot be read."""


class RunsPage(msgspec.Struct, frozen=True, gc=False):
    """`runs/`."""

    table: Table
    shown: int
    total: int
    data: str


class EnvironmentView(msgspec.Struct, frozen=True, gc=False):
    """What a stage ran on, as (what, value) rows; packages apart, because they are many.

    Attributes:
        packages: none when they are those of the stage `same`. count: how many there are.
    """

    stage: str
    rows: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str], ...]
    count: int
    same: str


class RunPage(msgspec.Struct, frozen=True, gc=False):
    """`runs/ID/`.

    Attributes:
        before, after: the runs of the same experiment right before and after it. compare: with others.
        data: what the run's facts are asked for by, and their address from the site's root.
        code: the files that its stages read and none of them made.
        at: its commit on the forge, if that is known. files: where its files are there.
        whole: the command begins with a clone. more_artifacts, more_stages: how many are not listed.
        lineage: one step before it, and what came of it. expand: where that is part of the whole, if it is;
            earlier: else a drawing of what all that comes from.
        reproduced: how it came out when it was made again.
    """

    id: str
    name: str
    experiment: str
    at: Link
    files: str
    headline: Fact | None
    before: Link | None
    after: Link | None
    compare: tuple[Link, ...]
    overview: tuple[Entry, ...]
    tags: tuple[str, ...]
    models: tuple[Link, ...]
    reproduced: Link | None
    metrics: tuple[Fact, ...]
    more_metrics: tuple[Fact, ...]
    params: tuple[Fact, ...]
    receipts: tuple[Receipt, ...]
    plots: tuple[Drawing, ...]
    data: Link
    code: Table
    more_code: int
    artifacts: Table
    more_artifacts: int
    not_in_git: bool
    stages: Table
    more_stages: int
    environments: tuple[EnvironmentView, ...]
    lineage: str
    earlier: str
    expand: str
    command: str
    whole: bool
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
    experiments, pipelines = [run.experiment for run in runs], [run.pipeline for run in runs]
    more: list[tuple[Column, list[Cell]]] = []
    if tells(experiments, [run.name for run in runs]):
        more.append((Column("experiment"), [link_cell(index.experiment_link(name)) for name in experiments]))
    if tells(pipelines, experiments):
        more.append((Column("pipeline"), [Cell(text.line(name) or DASH) for name in pipelines]))
    columns = (table.columns[0], *(column for column, _ in more), *table.columns[1:])
    rows = tuple((row[0], *(cells[at] for _, cells in more), *row[1:]) for at, row in enumerate(table.rows))
    return columns, rows


def page(index: Index, run: Run, read: Read, album: Album) -> Steps[RunPage]:
    """One run."""
    info = index.headlines.get(run.pipeline)
    receipts = Receipts(index, run)
    metrics = facts(index, run, by_weight(index, run), "m", receipts, MOST_METRICS)
    params = facts(index, run, run.params, "p", receipts)
    yield
    plots = runfacts.interactive((yield from drawings(run, read, album)))
    yield
    drawn, earlier = run_lineage(index, run)
    yield
    before, after = index.neighbours(run)
    code = _code(index, run)
    commits = tuple(index.commit_link(sha) for sha in run.commits[: MOST_COMMITS + MOST_FOLDED])
    headline = next((fact for fact in metrics if info and fact.name == text.line(info.name)), None)
    return RunPage(
        id=run.id,
        name=text.line(run.name) or run.id,
        experiment=text.line(run.experiment),
        files=f"{blob}/" if (blob := index.forge("blob", run.commit)) else "",
        at=Link("its commit on the forge", address)
        if (address := index.forge("commit", run.commit))
        else Link(""),
        headline=headline,
        before=index.run_link(before) if before else None,
        after=index.run_link(after) if after else None,
        compare=_compare(index, run, before),
        overview=_overview(index, run),
        tags=tuple(text.line(tag) for tag in run.tags),
        models=tuple(
            Link(f"{text.line(model.name)} {version}", model_href(model.name, version))
            for model, version in index.registered.get(run.id, ())
        ),
        reproduced=index.reproduced(run.id),
        metrics=metrics[:MOST_METRICS],
        more_metrics=metrics[MOST_METRICS:],
        params=params,
        receipts=receipts.all,
        plots=plots,
        data=Link(runfacts.name_of(run.id), runfacts.href(run.id)),
        code=Table(_CODE, code[:MOST_FILES], "Files that the stages read"),
        more_code=max(0, len(code) - MOST_FILES),
        artifacts=_artifacts(run.artifacts[:MOST_LISTED]),
        more_artifacts=max(0, len(run.artifacts) - MOST_LISTED),
        not_in_git=any(item.cached and item.state is State.PRESENT for item in run.artifacts),
        stages=_stages(run.stages[-MOST_LISTED:]),
        more_stages=max(0, len(run.stages) - MOST_LISTED),
        environments=_environments(run.environments),
        lineage=drawn,
        earlier=earlier,
        expand=_expand(index, run),
        command=_command(index, run),
        whole=text.web(index.catalog.project.url) is not None,
        commits=commits[:MOST_COMMITS],
        folded_commits=commits[MOST_COMMITS:],
        more_commits=len(run.commits) - len(commits),
        refs=run.refs,
        current=run.id in index.current,
    )


_CODE = (Column("file"), Column("MD5"), Column("size", number=True), Column("read by"))


def _code(index: Index, run: Run) -> tuple[tuple[Cell, ...], ...]:
    """What the stages read and none of them made: code, and data from outside."""
    made = {out.path for stage in run.stages for out in stage.outs}
    readers: dict[str, list[str]] = {}
    known: dict[str, Dependency] = {}
    for stage in run.stages:
        for dep in stage.deps:
            if made.isdisjoint(parents(dep.path)):
                known.setdefault(dep.path, dep)
                readers.setdefault(dep.path, []).append(stage.address)
    data = {item.path for item in run.datasets}
    return tuple(
        (
            Cell(
                text.line(path),
                href=None if not data.isdisjoint(parents(path)) else index.forge("blob", run.commit, path),
                badge="" if data.isdisjoint(parents(path)) else "data",
            ),
            Cell((dep.md5 or DASH)[:12], title=dep.md5 or ""),
            Cell(text.size(dep.size) or DASH, number=True),
            Cell(text.cut(text.line(", ".join(readers[path])))),
        )
        for path, dep in sorted(known.items())
    )


def _compare(index: Index, run: Run, before: Run | None) -> tuple[Link, ...]:
    """Comparisons with the run before it, of its name if there is one, and with the best of its pipeline."""
    last = index.trail(run).before(run) or before
    top = index.tops.get(run.pipeline)
    found = []
    if last:
        found.append(Link("Compare with previous", compare_href([last.id, run.id], last.id), _named(last)))
    if top and top.id != run.id and top is not last:
        found.append(Link("Compare with best", compare_href([top.id, run.id], top.id), _named(top)))
    return tuple(found)


def _named(run: Run) -> str:
    return f"{text.cut(text.line(run.name), 80)}, run {run.id}"


def _expand(index: Index, run: Run) -> str:
    """The run on the lineage page, if that has it."""
    return f"lineage/index.html#focus=+run:{run.id}+" if index.in_lineage(run) else ""


def _command(index: Index, run: Run) -> str:
    """Every command from nothing to the results, as far as the address of the repository is known."""
    url = text.web(index.catalog.project.url.rstrip("/"))
    clone = [f"git clone {shell(url)} again && cd again"] if url and run.stages else []
    pulled = sorted({item.file for item in run.datasets if item.file.endswith(".dvc")})
    pull = [f"dvc pull {' '.join(map(shell, pulled))}"] if pulled and run.stages else []
    checkout, _, repro = recreate(run).partition("\n")
    return "\n".join(line for line in (*clone, checkout, *pull, repro) if line)


def _wall_time(run: Run) -> Link:
    """Of all stages that logged one; where some did not, it says so."""
    if run.least_seconds is None or run.seconds is not None:
        return Link(text.duration(run.seconds))
    known = sum(item.seconds is not None for item in run.environments)
    logged = f"{known} of {text.plural(len(run.environments), 'stage')} logged a time"
    return Link(f"at least {text.duration(run.least_seconds)}", title=logged)


def _overview(index: Index, run: Run) -> tuple[Entry, ...]:
    rows = (
        ("experiment", index.experiment_link(run.experiment)),
        ("named by DVC", Link(run.label)),
        ("based on", index.commit_link(run.baseline) if run.baseline else Link("")),
        ("pipeline", index.pipeline_link(run.pipeline)),
        ("first commit", index.commit_link(run.commit)),
        ("date", Link(text.day(run.date), title=run.date)),
        ("author", Link(run.author)),
        ("wall time", _wall_time(run)),
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


def _stages(stages: Sequence[Stage]) -> Table:
    rows = [
        (
            Cell(text.line(stage.address), title=text.line(stage.description)),
            Cell(text.cut(text.line(stage.cmd), 300), title=text.line(stage.cmd)),
            Cell(str(len(stage.deps)), title="\n".join(item.path for item in stage.deps), number=True),
            Cell(str(len(stage.outs)), title="\n".join(item.path for item in stage.outs), number=True),
            Cell((stage.lock or "none")[:12], title=stage.lock or ""),
        )
        for stage in stages
    ]
    columns = ("stage", "command", "inputs", "outputs", "lock entry")
    return Table(tuple(Column(name, number=name.endswith("puts")) for name in columns), tuple(rows))


def _environments(items: Sequence[Environment]) -> tuple[EnvironmentView, ...]:
    """Every stage's; packages only where no stage before it had the same."""
    if len(items) == 1:
        return (_environment(items[0], ""),)
    made = []
    known: dict[tuple[tuple[str, str], ...], str] = {}
    for item in items:
        made.append(_environment(item, known.get(item.packages, "")))
        known.setdefault(item.packages, text.line(item.stage))
    return tuple(made)


def _environment(item: Environment, same: str) -> EnvironmentView:
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
    shown = tuple((name, text.line(value)) for name, value in rows if value)
    return EnvironmentView(
        text.line(item.stage), shown, () if same else item.packages, len(item.packages), same
    )
