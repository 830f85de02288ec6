"""Commands that only read: runs, show, models, best, lineage. Any DVC repository will do."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelbook.cli import repo_option, terminal
from modelbook.cli.source import cache_options, project_option, pull_option, refs_option
from modelbook.cli.terminal import escaped
from modelbook.records import plain

if TYPE_CHECKING:
    from modelbook.catalog import Ranking
    from modelbook.cli.source import Reading
    from modelbook.history import Repository
    from modelbook.records import Catalog, Commit, Graph, MetricInfo, Model, Run, Snapshot, Value

_RUN_ID = re.compile(r"[0-9a-f]{4,12}")
_FIXED_WIDTH = 80
_COLUMN_WIDTH = 16
_NARROW = ("run", "name", "commit", "date")

json_option = click.option("--json", "as_json", is_flag=True, help="JSON, alone on standard output.")


@click.command()
@repo_option
@refs_option
@project_option
@pull_option
@json_option
@click.option(
    "--csv", "as_csv", is_flag=True, help="CSV: a row for each run, a column for each metric and param."
)
def runs(repo: Path, refs: str, project: str, pull: bool, as_json: bool, as_csv: bool) -> None:
    """List every run of the history, newest first."""
    catalog = _catalog(repo, refs, project, pull=pull)
    if as_json:
        _print_json([_run_json(run) for run in catalog.runs])
    elif as_csv:
        click.echo(_runs_csv(catalog.runs), nl=False)
    else:
        _print_runs(catalog)


@click.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@repo_option
@project_option
@pull_option
@cache_options
@json_option
def show(revision: str, repo: Path, project: str, pull: bool, as_json: bool) -> None:
    """Show everything at one revision, or one run.

    REV is a commit, branch or tag, the name of an experiment ref, a run's id, or `workspace`; HEAD if left
    out.
    """
    from modelbook.errors import UnknownRevision
    from modelbook.history import Repository
    from modelbook.subproject import limited_snapshot

    repository = Repository(repo, project)
    try:
        found: Snapshot | Run = limited_snapshot(_one(repository, revision, pull=pull), project)
    except UnknownRevision:
        found = _run_of(repository, revision, project, pull=pull)
    if as_json:
        _print_json(_snapshot_json(found))
    else:
        _print_snapshot(found)


@click.command()
@repo_option
@refs_option
@project_option
@json_option
def models(repo: Path, refs: str, project: str, as_json: bool) -> None:
    """List the registered models with their versions and environments."""
    catalog = _catalog(repo, refs, project)
    if as_json:
        _print_json([_model_json(model) for model in catalog.models])
    else:
        _print_models(catalog)


@click.command()
@click.argument("metric")
@repo_option
@refs_option
@project_option
@json_option
@click.option(
    "-n", "--n", "count", type=click.IntRange(min=1), default=10, show_default=True, help="How many."
)
@click.option("--direction", type=click.Choice(["maximize", "minimize"]), help="In place of the known one.")
def best(
    metric: str, repo: Path, refs: str, project: str, as_json: bool, count: int, direction: str | None
) -> None:
    """Rank the runs by METRIC, best first; ties share a rank, and runs without a value are counted."""
    from modelbook.catalog import best as rank_by

    ranking = rank_by(_catalog(repo, refs, project), metric, direction=direction)
    if as_json:
        _print_json(_ranking_json(ranking, count))
    else:
        _print_ranking(ranking, count)


@click.command()
@click.argument("name", metavar="METRIC|MODEL")
@repo_option
@refs_option
@project_option
@click.option("--json", "as_json", is_flag=True, help="What the endpoint badge of shields.io reads.")
def badge(name: str, repo: Path, refs: str, project: str, as_json: bool) -> None:
    """Print a badge as SVG: a model's version in production, or a metric of the best run at HEAD."""
    from modelbook.pages import badges

    found = _catalog(repo, refs, project)
    model = next((item for item in found.models if item.name == name), None)
    made = badges.of_model(model) if model else badges.of_metric(found, name)
    click.echo(made.json() if as_json else made.svg() + "\n", nl=False)


@click.command()
@click.argument("node")
@repo_option
@refs_option
@project_option
@json_option
@click.option("--up", is_flag=True, help="Only what it comes from.")
@click.option("--down", is_flag=True, help="Only what comes of it.")
@click.option("--depth", type=click.IntRange(min=0), help="How many steps; all if left out.")
def lineage(
    node: str, repo: Path, refs: str, project: str, as_json: bool, up: bool, down: bool, depth: int | None
) -> None:
    """Trace where NODE comes from and what comes of it.

    NODE is a path, a stage, a run's id, MODEL@VERSION, MODEL/ENVIRONMENT or deployment:NAME; or md5:HASH, for
    what any commit made of that content.
    """
    from modelbook import lineage as graphs

    graph, start = graphs.trace(_catalog(repo, refs, project), node)
    if start is not None:
        both = up == down
        graph = graphs.neighbourhood(
            graph, start, up=depth if up or both else 0, down=depth if down or both else 0
        )
    if as_json:
        _print_json({"node": start, **plain(graph)})
    else:
        _print_graph(graph, start)


# -- reading


def _read(repository: Repository, refs: str, *, pull: bool) -> Reading:
    """The history, with a progress bar on standard error when a person is waiting."""
    from modelbook.cli import source

    if not sys.stderr.isatty():
        return source.read(repository, refs, pull=pull)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Reading history", total=None)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return source.read(repository, refs, pull=pull, progress=report)


def _catalog(repo: Repository | Path, refs: str, project: str = "", *, pull: bool = False) -> Catalog:
    from modelbook.cli import source
    from modelbook.history import Repository

    repository = Repository(repo, project) if isinstance(repo, Path) else repo
    return source.catalog(_read(repository, refs, pull=pull), project)


def _one(repository: Repository, revision: str, *, pull: bool) -> Snapshot:
    """One revision, with `pull` the results that DVC has of it, too."""
    from msgspec.structs import replace

    from modelbook.cli import source
    from modelbook.history import read_one

    found = read_one(repository, revision)
    if not pull:
        return found
    get, problems = source.bring(repository, [found])
    found = read_one(repository, revision, pulled=get) if get else found
    return replace(found, problems=(*found.problems, *problems))


def _run_of(repository: Repository, name: str, project: str, *, pull: bool) -> Run:
    """The run whose id is, or starts with, a name that Git does not know."""
    from modelbook.errors import UnknownRevision

    if _RUN_ID.fullmatch(name):
        runs = _catalog(repository, "all", project, pull=pull).runs
        found = [run for run in runs if run.id.startswith(name)]
        if len(found) == 1:
            return found[0]
    raise UnknownRevision(name)


# -- JSON


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def _value_json(value: Value, commit: str) -> dict[str, Any]:
    """The contract's keys; those that may be missing are left out when nothing is known."""
    found = {
        "name": value.name,
        "value": plain(value.value),
        "state": value.state.value,
        "path": value.path,
        "key": list(value.key),
        "stage": value.stage,
        "commit": commit,
    }
    extra = {"blob": value.blob, "md5": value.md5, "size": value.size, "reason": value.reason}
    return {**found, **{key: item for key, item in extra.items() if item is not None}}


def _facts_json(found: Snapshot | Run, commit: str) -> dict[str, Any]:
    """What a run and a snapshot have in common."""
    return {
        "params": [_value_json(value, commit) for value in found.params],
        "metrics": [_value_json(value, commit) for value in found.metrics],
        "plots": plain(found.plots),
        "artifacts": plain(found.artifacts),
        "datasets": plain(found.datasets),
        "environments": plain(found.environments),
    }


def _run_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "experiment": run.experiment,
        "name": run.name,
        "pipeline": run.pipeline,
        "commit": run.commit,
        "commits": list(run.commits),
        "refs": list(run.refs),
        "date": run.date,
        "author": run.author,
        "tags": list(run.tags),
        "label": run.label or None,
        "baseline": run.baseline or None,
        "stages": [stage.address for stage in run.stages],
        **_facts_json(run, run.commit),
    }


def _snapshot_json(found: Snapshot | Run) -> dict[str, Any]:
    from modelbook.records import Run

    if isinstance(found, Run):
        return {**_run_json(found), "stages": plain(found.stages), "problems": []}
    commit = found.commit
    return {
        "commit": commit.sha,
        "parents": list(commit.parents),
        "date": commit.date,
        "author": commit.author,
        "subject": commit.subject,
        "refs": list(commit.refs),
        "stages": plain(found.stages),
        **_facts_json(found, commit.sha),
        "problems": [
            {"commit": commit.sha, "path": problem.path, "reason": problem.reason}
            for problem in found.problems
        ],
    }


def _model_json(model: Model) -> dict[str, Any]:
    keys = ("version", "run", "tag", "commit", "date", "author", "deprecated", "deprecation", "reason")
    return {
        "name": model.name,
        "path": model.info.artifact or None,
        "type": model.info.type or None,
        "versions": [{key: getattr(version, key) for key in keys} for version in model.versions],
        "environments": dict(sorted(model.info.environments)),
        "candidate": model.candidate,
    }


def _ranking_json(ranking: Ranking, count: int) -> dict[str, Any]:
    return {
        "metric": ranking.metric.name,
        "direction": ranking.metric.direction,
        "guessed": ranking.metric.guessed,
        "runs": [
            {"rank": row.rank, "tied": row.tied, "value": row.value, **_run_reference(row.run)}
            for row in ranking.ranked[:count]
        ],
        "compared": len(ranking.ranked),
        "missing": [{**_run_reference(run), "reason": reason} for run, reason in ranking.missing],
    }


def _run_reference(run: Run) -> dict[str, Any]:
    return {"id": run.id, "experiment": run.experiment, "name": run.name, "commit": run.commit}


# -- CSV


def _runs_csv(runs: Iterable[Run]) -> str:
    """A row for each run; a value that is not known is an empty cell."""
    listed = list(runs)
    metrics = sorted({value.name for run in listed for value in run.metrics})
    params = sorted({value.name for run in listed for value in run.params})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["id", "experiment", "name", "commit", "date", "author", "refs"]
    writer.writerow([*head, *(f"metrics.{name}" for name in metrics), *(f"params.{name}" for name in params)])
    for run in listed:
        fixed = [run.id, run.experiment, run.name, run.commit, run.date, run.author, " ".join(run.refs)]
        writer.writerow([*fixed, *_cells(run.metrics, metrics), *_cells(run.params, params)])
    return out.getvalue()


def _cells(values: Iterable[Value], names: Iterable[str]) -> Iterator[str]:
    known = {value.name: value for value in values}
    for name in names:
        value = known.get(name)
        yield "" if value is None else _cell(value)


def _cell(value: Value) -> str:
    content = plain(value.value)
    if content is None:
        return ""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


# -- tables for people


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(escaped(column), overflow="ellipsis", no_wrap=column in _NARROW)
    return table


def _row(table: Any, *cells: object) -> None:
    table.add_row(*(escaped(cell) for cell in cells))


def _short(commit: str) -> str:
    return commit if len(commit) != 40 else commit[:7]


def shown(value: Value | None, info: MetricInfo | None = None) -> str:
    """A value in a table: by its format, else six digits; a missing one says why in a word."""
    if value is None:
        return "-"
    if value.state.value != "present":
        return value.state.value.replace("_", " ")
    content = value.value
    if content is None:
        return "null"
    if isinstance(content, bool | str | list):
        return _cell(value)
    if isinstance(content, int) and not (info and info.format):
        return str(content)
    if isinstance(content, float) and not math.isfinite(content):
        return str(plain(content))
    try:
        return format(content, info.format) if info and info.format else f"{content:.6g}"
    except (ValueError, OverflowError):
        return str(content)


def _print_runs(catalog: Catalog) -> None:
    console = terminal.console()
    if not catalog.runs:
        from modelbook.catalog import advice

        console.print(f"No runs. {escaped(advice(catalog))}")
        return
    infos = {info.name: info for info in catalog.metrics}
    room = max(1, (console.width - _FIXED_WIDTH) // _COLUMN_WIDTH)
    metrics = _common([run.metrics for run in catalog.runs])[: (room + 1) // 2]
    params = _varying(catalog.runs)[: room // 2]
    table = _table("run", "name", "commit", "date", *metrics, *params)
    for run in catalog.runs:
        measured = [shown(run.metric(name), infos.get(name)) for name in metrics]
        chosen = [shown(run.param(name)) for name in params]
        _row(table, run.id, run.name, _short(run.commit), run.date[:10], *measured, *chosen)
    console.print(table)
    console.print(f"{len(catalog.runs)} runs in {len(catalog.snapshots)} commits")


def _common(values: Iterable[Iterable[Value]]) -> list[str]:
    """Names by how many runs have a number for them, most first."""
    counts: dict[str, int] = {}
    for mine in values:
        for value in mine:
            number = isinstance(value.value, int | float)
            counts[value.name] = counts.get(value.name, 0) + number
    return sorted((name for name, count in counts.items() if count), key=lambda name: (-counts[name], name))


def _varying(runs: Iterable[Run]) -> list[str]:
    """Params that have more than one value over the runs, those of most runs first."""
    seen: dict[str, set[str]] = {}
    listed = list(runs)
    for run in listed:
        for value in run.params:
            seen.setdefault(value.name, set()).add(repr(value.value))
    return [name for name in _common([run.params for run in listed]) if len(seen[name]) > 1]


def _print_snapshot(found: Snapshot | Run) -> None:
    from modelbook.records import Run

    console = terminal.console()
    if isinstance(found, Run):
        console.print(
            f"[bold]{escaped(found.name)}[/] run {found.id}, commit {_short(found.commit)} {found.date}"
        )
    else:
        _print_commit(console, found.commit)
    _print_values(console, "metrics", found.metrics)
    _print_values(console, "params", found.params)
    _print_stages(console, found)
    for problem in () if isinstance(found, Run) else found.problems:
        console.print(f"[yellow]problem[/] {escaped(problem.path)}: {escaped(problem.reason)}")


def _print_commit(console: Any, commit: Commit) -> None:
    where = f" ({', '.join(commit.refs)})" if commit.refs else ""
    console.print(f"[bold]{_short(commit.sha)}[/]{escaped(where)} {escaped(commit.subject)}")
    console.print(f"{escaped(commit.author)} {commit.date}")


def _print_values(console: Any, title: str, values: Iterable[Value]) -> None:
    table = _table(title, "value", "file")
    for value in values:
        reason = f" ({value.reason})" if value.reason else ""
        _row(table, value.name, shown(value) + reason, value.path)
    if table.row_count:
        console.print(table)


def _print_stages(console: Any, found: Snapshot | Run) -> None:
    table = _table("stage", "makes", "hash")
    for stage in found.stages:
        if not stage.outs:
            _row(table, stage.address, "", "locked" if stage.lock else "never run")
        for out in stage.outs:
            _row(table, stage.address, out.path, out.md5 or out.state.value)
    if table.row_count:
        console.print(table)


def _print_models(catalog: Catalog) -> None:
    console = terminal.console()
    if not catalog.models:
        console.print(
            "No models: add `models:` to mlproject.yaml or `artifacts:` to dvc.yaml, or tag one: NAME@v1.0.0."
        )
        return
    table = _table("model", "version", "run", "environments", "since", "by")
    for model in catalog.models:
        for version in model.versions:
            places = ", ".join(version.environments)
            note = f" ({version.reason})" if version.reason else ""
            places += " deprecated" if version.deprecated else ""
            since = f"{version.date[:10]} {_short(version.commit)}"
            what = (version.run + note).strip()
            _row(table, model.name, version.version, what, places.strip(), since, version.author)
        if not model.versions:
            _row(table, model.name, "no version", model.candidate or "", "", "", "")
    console.print(table)


def _print_ranking(ranking: Ranking, count: int) -> None:
    console = terminal.console()
    info = ranking.metric
    guessed = " (guessed by its name)" if info.guessed else ""
    console.print(f"{escaped(info.name)}: {info.direction}{guessed}")
    table = _table("rank", "value", "run", "name", "commit", "date")
    for row in ranking.ranked[:count]:
        rank = f"{row.rank} =" if row.tied else str(row.rank)
        value = shown(row.run.metric(info.name), info)
        _row(table, rank, value, row.run.id, row.run.name, _short(row.run.commit), row.run.date[:10])
    console.print(table)
    if ranking.missing:
        console.print(f"{len(ranking.missing)} runs cannot be compared:")
        for reason in sorted({reason for _run, reason in ranking.missing}):
            same = sum(other == reason for _run, other in ranking.missing)
            console.print(f"  {same} x {escaped(reason)}")


def _print_graph(graph: Graph, start: str | None) -> None:
    console = terminal.console()
    table = _table("from", "to")
    for source, target in graph.edges:
        _row(table, source, target)
    console.print(f"{escaped(start or 'run')}: {len(graph.nodes)} nodes")
    if table.row_count:
        console.print(table)
    for kind in ("source", "model", "environment", "deployment"):
        found = [node for node in graph.nodes if node.kind == kind and node.id != start]
        says = (f"{node.label} ({node.detail})" if node.detail else node.label for node in found)
        if found:
            console.print(f"{kind}s: {escaped('; '.join(says))}", soft_wrap=True)
