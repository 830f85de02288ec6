"""The front page: the best of each pipeline, the models in force, and what changed last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from modelbook import seeds
from modelbook.catalog import advice
from modelbook.judge import better
from modelbook.pages import changes, models, text
from modelbook.pages.cells import ARROWS, TONES, Cell, Column, Table, cell, direction, link_cell
from modelbook.pages.drawings import activity, spark
from modelbook.pages.experiments import current, frontier, spread_text
from modelbook.pages.index import Index, Link, best, number, runs_href, spread
from modelbook.records import MetricInfo, PipelineInfo, Run


class Place(msgspec.Struct, frozen=True, gc=False):
    """A place on a leaderboard: a run, or runs that differ in their seed alone, by their mean."""

    run: Link
    experiment: Link
    value: Cell
    spread: str


class Leader(msgspec.Struct, frozen=True, gc=False):
    """The best current run of a pipeline, or its best ever where no current run has the metric.

    Attributes:
        delta: how far it is better than the best before it, when it is the best of all that ever were;
            `tone` says whether that is good.
        against, rival: in words what it is compared with: the best before it, or the best ever.
        spark: drawing of the best value over time.
        places: the leaderboard, when there is more than one place. all: the table of all runs, ranked.
    """

    pipeline: Link
    description: str
    metric: str
    metric_note: str
    value: Cell
    run: Link
    experiment: Link
    spread: str
    delta: str
    tone: str
    against: str
    rival: Link | None
    spark: str
    runs: str
    places: tuple[Place, ...]
    all: Link


MOST_PLACES = 5
"""Places of a leaderboard; all runs are one click away."""

MOST_LEADERS = 8
"""Pipelines that get a card of their own, those that ran last; more stand in a table."""

MOST_MODELS = 8
"""Models on the front page; all of them are one click away."""


class HomePage(msgspec.Struct, frozen=True, gc=False):
    """The front page.

    Attributes:
        more_leaders: the pipelines without a card, as a table; no rows when each has one.
        more_models: how many models are not here.
        advice: what to do when there is little to see, or empty.
    """

    name: str
    description: str
    stats: tuple[tuple[str, Link], ...]
    leaders: tuple[Leader, ...]
    more_leaders: Table
    models: tuple[models.Tile, ...]
    more_models: int
    changes: tuple[changes.Row, ...]
    activity: str
    problems: str
    head: Link | None
    head_date: str
    repository: str | None
    advice: str


def page(index: Index, rows: tuple[changes.Row, ...]) -> HomePage:
    """The front page, with the newest of the changes that `rows` lists."""
    catalog = index.catalog
    head = index.commit(catalog.head)
    cards, rest = _leaders(index)
    return HomePage(
        name=text.line(catalog.project.name),
        description=catalog.project.description,
        stats=_stats(index),
        leaders=cards,
        more_leaders=_table(rest),
        models=tuple(models.tile(index, model) for model in catalog.models[:MOST_MODELS]),
        more_models=max(0, len(catalog.models) - MOST_MODELS),
        changes=tuple(row for row in rows if row.changed)[:10],
        activity=activity(index),
        problems=text.plural(len(catalog.problems), "problem") if catalog.problems else "",
        head=index.commit_link(head.sha) if head else None,
        head_date=text.day(head.date) if head else "",
        repository=text.web(catalog.project.url),
        advice=advice(catalog),
    )


def _stats(index: Index) -> tuple[tuple[str, Link], ...]:
    catalog = index.catalog
    counts = (
        ("experiment", len(catalog.experiments), "experiments/index.html"),
        ("run", len(catalog.runs), "runs/index.html"),
        ("model", len(catalog.models), "models/index.html"),
        ("dataset", len(catalog.datasets), "datasets/index.html"),
        ("commit", len(catalog.snapshots), "changes/index.html"),
    )
    return tuple(
        (name if count == 1 else f"{name}s", Link(f"{count:,}", href)) for name, count, href in counts
    )


def _leaders(index: Index) -> tuple[tuple[Leader, ...], tuple[Leader, ...]]:
    """The pipelines with a card, and the rest; the declared ones first, then those that ran last."""
    declared = len(index.catalog.project.pipelines)
    order = {run.pipeline: place for place, run in reversed(list(enumerate(index.catalog.runs)))}
    last = len(order)
    guessed = sorted(index.pipelines[declared:], key=lambda info: (order.get(info.name, last), info.name))
    if len(index.pipelines) <= MOST_LEADERS:
        guessed = list(index.pipelines[declared:])
    found = [
        leader
        for info in (*index.pipelines[:declared], *guessed)
        if (leader := _leader(index, info)) is not None
    ]
    return tuple(found[:MOST_LEADERS]), tuple(found[MOST_LEADERS:])


def _table(leaders: tuple[Leader, ...]) -> Table:
    names = ("pipeline", "metric", "best", "run", "runs")
    columns = tuple(Column(name, number=name == "best") for name in names)
    rows = (
        (
            link_cell(item.pipeline),
            Cell(item.metric, title=item.metric_note),
            item.value,
            link_cell(item.run),
            Cell(item.runs),
        )
        for item in sorted(leaders, key=lambda item: item.pipeline.text)
    )
    return Table(columns, tuple(rows), "The other pipelines")


def _leader(index: Index, pipeline: PipelineInfo) -> Leader | None:
    info = index.headlines.get(pipeline.name)
    runs = index.runs_of_pipeline.get(pipeline.name, ())
    if info is None or not runs:
        return None
    alive = [run for run in runs if run.id in index.current]
    top = best(alive, info)
    held = text.plural(len(alive), "current run") if top else "no current run has a value: the best ever"
    top = top or best(runs, info)
    if top is None:
        return None
    experiment = index.experiments.get(top.experiment)
    change, tone, against, rival = _against(runs, top, info)
    return Leader(
        pipeline=Link(
            text.line(pipeline.name) or "runs",
            f"experiments/index.html#{text.slug(pipeline.name or 'pipeline')}",
        ),
        description=text.line(pipeline.description),
        metric=f"{text.line(info.name)} {ARROWS.get(info.direction or '', '')}".rstrip(),
        metric_note=direction(info),
        value=cell(top.metric(info.name), info, f"{index.run_link(top).href}#m-{text.slug(info.name)}"),
        run=index.run_link(top),
        experiment=index.experiment_link(top.experiment),
        spread=spread_text(current(index, experiment), info) if experiment else "",
        delta=change,
        tone=tone,
        against=against,
        rival=index.run_link(rival) if rival else None,
        spark=spark(text.slug(pipeline.name or "pipeline"), frontier(list(runs), info), info),
        runs=held,
        places=_places(index, alive if best(alive, info) else runs, info),
        all=Link(
            f"{'the run' if len(runs) == 1 else f'all {len(runs):,} runs'} in the table",
            runs_href(pipeline.name, info),
        ),
    )


def _places(index: Index, runs: Iterable[Run], info: MetricInfo) -> tuple[Place, ...]:
    """The best runs of a pipeline; seeds count by their mean, so that luck does not win."""
    by_experiment: dict[str, list[Run]] = {}
    for run in runs:
        if number(run, info.name) is not None:
            by_experiment.setdefault(run.experiment, []).append(run)
    groups = [group for held in by_experiment.values() for group in seeds.groups(held)]
    sign = -1.0 if info.direction == "minimize" else 1.0
    scored = sorted(groups, key=lambda group: -sign * _mean(group, info))
    return tuple(_place(index, group, info) for group in scored[:MOST_PLACES]) if len(scored) > 1 else ()


def _mean(group: Sequence[Run], info: MetricInfo) -> float:
    found = spread(group, info.name)
    return found[0] if found else number(group[0], info.name) or 0.0


def _place(index: Index, group: Sequence[Run], info: MetricInfo) -> Place:
    top = best(group, info) or group[0]
    found = spread(group, info.name)
    shown = cell(top.metric(info.name), info)
    if found:
        mean, _deviation, count = found
        shown = Cell(text.value(mean, info), title=f"mean of {count} seeds; the best has {shown.text}")
    return Place(
        run=index.run_link(top),
        experiment=index.experiment_link(top.experiment),
        value=shown,
        spread=f"± {text.value(found[1], info)} over {found[2]} seeds" if found else "",
    )


def _against(runs: Sequence[Run], top: Run, info: MetricInfo) -> tuple[str, str, str, Run | None]:
    """(delta, tone, words, rival) of the best current run against all there ever were."""
    ever = best(runs, info) or top
    now, most = number(top, info.name), number(ever, info.name)
    if now is None or most is None:
        return "", "", "", None
    if better(info, now, most):
        return "", "", f"best ever {text.value(most, info)}, by", ever
    before = best([run for run in runs if run.date < top.date], info)
    then = number(before, info.name) if before else None
    if before is None or then is None:
        return "", "", "", None
    change = now - then
    return (
        text.delta(change, info),
        TONES[better(info, then, now)],
        f"before {text.value(then, info)}, by",
        before,
    )
