"""Experiments: what was tried, why, and how it went."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

import msgspec
from msgspec.structs import replace

from modelbook import cards, seeds
from modelbook.pages import text
from modelbook.pages.cells import DASH, Cell, Column, Table, cell, direction, runs_table
from modelbook.pages.drawings import history, spark
from modelbook.pages.index import MOST_PLAIN, Entry, Index, Link, best, number, spread
from modelbook.records import Experiment, MetricInfo, Run, Spec, State, Value

MOST_GROUPS = 12
"""With more pipelines than that, those with one experiment share a table."""

MOST_RUNS = 100
"""More runs of one experiment are left to the runs table, which can hold any number."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One experiment in the list."""

    link: Link
    description: str
    tags: tuple[str, ...]
    owner: str
    best: Cell
    spread: str
    runs: str
    date: str
    lead: bool
    spark: str
    id: str = ""


class Group(msgspec.Struct, frozen=True, gc=False):
    """The experiments of one pipeline, the best first."""

    id: str
    name: str
    description: str
    metric: str
    metric_note: str
    rows: tuple[Row, ...]


class ExperimentsPage(msgspec.Struct, frozen=True, gc=False):
    """`experiments/`.

    Attributes:
        data: address of the data of the interactive list; empty where they are few enough to be looked over.
    """

    groups: tuple[Group, ...]
    data: str


class ExperimentPage(msgspec.Struct, frozen=True, gc=False):
    """`experiments/NAME/`.

    Attributes:
        chain: the specs it extends, nearest first.
        params: every param: its values over the current runs, and which spec says so.
        card: filled sections only.
    """

    name: str
    description: str
    facts: tuple[Entry, ...]
    tags: tuple[str, ...]
    chain: tuple[Link, ...]
    headline: str
    best: Cell
    best_run: Link | None
    spread: str
    params: Table
    runs: Table
    more_runs: int
    chart: str
    card: tuple[cards.Section, ...]


def listing(index: Index, data: str) -> ExperimentsPage:
    """All experiments, by pipeline.

    Args:
        data: address of the data for the interactive list.
    """
    groups = []
    for pipeline in index.pipelines:
        members = [item for item in index.catalog.experiments if item.pipeline == pipeline.name]
        if not members:
            continue
        info = index.headlines.get(pipeline.name)
        groups.append(
            Group(
                id=text.slug(pipeline.name or "pipeline"),
                name=text.line(pipeline.name) or "Experiments",
                description=text.line(pipeline.description),
                metric=text.line(info.name) if info else "",
                metric_note=direction(info) if info else "",
                rows=_rows(index, members, info),
            )
        )
    shown = _merged(groups) if len(groups) > MOST_GROUPS else tuple(groups)
    return ExperimentsPage(shown, data if len(index.catalog.experiments) > MOST_PLAIN else "")


def _merged(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Many pipelines: those with more experiments as they are, those with just one together in one table."""
    listed = list(groups)
    rows = tuple(
        replace(row, id=group.id, lead=False, best=replace(row.best, badge=group.metric))
        for group in listed
        if len(group.rows) == 1
        for row in group.rows
    )
    alone = Group("pipelines", "Pipelines with one experiment", "", "", "", rows)
    return (*(group for group in listed if len(group.rows) > 1), *([alone] if rows else []))


def _rows(index: Index, members: Iterable[Experiment], info: MetricInfo | None) -> tuple[Row, ...]:
    scored = [(item, champion(index, item, info)) for item in members]
    top = best([run for _, run in scored if run], info) if info else None
    scored.sort(key=lambda pair: (pair[1] is not top, -_score(pair[1], info), pair[0].name))
    return tuple(_row(index, item, run, info, top) for item, run in scored)


def _score(run: Run | None, info: MetricInfo | None) -> float:
    score = number(run, info.name) if run and info and info.direction else None
    if score is None:
        return -math.inf
    return score if info and info.direction == "maximize" else -score


def _row(index: Index, item: Experiment, run: Run | None, info: MetricInfo | None, top: Run | None) -> Row:
    runs = [index.runs[name] for name in item.runs if name in index.runs]
    lead = bool(run and top and run.id == top.id)
    return Row(
        link=index.experiment_link(item.name),
        description=text.cut(text.line(item.spec.description if item.spec else "")),
        tags=tuple(text.line(tag) for tag in item.tags),
        owner=text.line(item.spec.owner if item.spec else ""),
        best=_headline_cell(index, run, info),
        spread=seed_mean(index, item),
        runs=f"{len(item.current)} / {len(runs)}",
        date=max((text.day(run.date) for run in runs), default=DASH),
        lead=lead,
        spark=spark(f"trend-{text.slug(item.name)}", frontier(runs, info), info) if info else "",
    )


def _headline_cell(index: Index, run: Run | None, info: MetricInfo | None) -> Cell:
    if run is None:
        return Cell("not run yet", "never", "no run of this experiment is in the history")
    if info is None:
        return Cell(DASH, "absent", "this pipeline declares no headline metric")
    return cell(run.metric(info.name), info, index.run_link(run).href)


def current(index: Index, item: Experiment) -> list[Run]:
    """Its runs that HEAD holds; all it ever had when HEAD holds none."""
    return [index.runs[name] for name in item.current or item.runs if name in index.runs]


def champion(index: Index, item: Experiment, info: MetricInfo | None) -> Run | None:
    """Its best current run by the headline metric, else its newest."""
    runs = current(index, item)
    return (best(runs, info) if info else None) or (runs[0] if runs else None)


def frontier(runs: list[Run], info: MetricInfo) -> list[float]:
    """The best value so far after each run, oldest first."""
    scores = [score for run in reversed(runs) if (score := number(run, info.name)) is not None]
    return list(accumulate(scores, min if info.direction == "minimize" else max))


def seed_mean(index: Index, item: Experiment) -> str:
    """`spread_text` of its current runs by the headline metric of its pipeline; worked out once."""
    found = index.seed_means.get(item.name)
    if found is None:
        found = spread_text(current(index, item), index.headlines.get(item.pipeline))
        index.seed_means[item.name] = found
    return found


def spread_text(runs: Iterable[Run], info: MetricInfo | None) -> str:
    """`0.7422 ± 0.0010 (3 seeds)` of the best group of runs that differ in their seed alone."""
    if info is None:
        return ""
    found = [made for group in seeds.groups(runs) if (made := spread(group, info.name))]
    if not found:
        return ""
    mean, deviation, count = (min if info.direction == "minimize" else max)(found)
    return f"{text.value(mean, info)} ± {text.value(deviation, info)} ({count} seeds)"


def page(index: Index, item: Experiment) -> ExperimentPage:
    """One experiment."""
    spec = item.spec
    info = index.headlines.get(item.pipeline)
    runs = [index.runs[name] for name in item.runs if name in index.runs]
    run = champion(index, item, info)
    chain = [spec, *spec.chain] if spec else []
    return ExperimentPage(
        name=text.line(item.name),
        description=spec.description if spec else "",
        facts=_facts(index, item),
        tags=tuple(text.line(tag) for tag in item.tags),
        chain=tuple(index.experiment_link(link.name) for link in chain[1:]),
        headline=text.line(info.name) if info else "",
        best=_headline_cell(index, run, info),
        best_run=index.run_link(run) if run else None,
        spread=seed_mean(index, item),
        params=_params(current(index, item), chain),
        runs=_marked(runs_table(index, runs[:MOST_RUNS], info), runs, set(item.current)),
        more_runs=max(0, len(runs) - MOST_RUNS),
        chart=history(index, item, info) if info else "",
        card=tuple(section for section in cards.sections(spec) if not section.missing),
    )


def _marked(table: Table, runs: list[Run], current: set[str]) -> Table:
    """The table with the current runs first and a word for the others, where there are both."""
    pairs = list(zip(runs, table.rows, strict=False))
    if not current or all(run.id in current for run, _ in pairs):
        return table
    now = [row for run, row in pairs if run.id in current]
    old = [(replace(row[0], badge="earlier"), *row[1:]) for run, row in pairs if run.id not in current]
    return replace(table, rows=(*now, *old))


def _facts(index: Index, item: Experiment) -> tuple[tuple[str, Link], ...]:
    spec = item.spec
    facts = (
        ("pipeline", index.pipeline_link(item.pipeline)),
        ("owner", Link(spec.owner if spec else "")),
        ("runs", Link(f"{len(item.current)} now, {len(item.runs)} ever")),
        ("spec" if spec else "defined in", index.spec_file(item)),
    )
    return tuple((name, link) for name, link in facts if link.text)


def _params(runs: list[Run], chain: list[Spec]) -> Table:
    origins = _origins(chain)
    held: dict[str, dict[tuple[State, str], Value]] = {}
    for run in runs:
        for name, value in {value.name: value for value in reversed(run.params)}.items():
            held.setdefault(name, {}).setdefault((value.state, repr(value.value)), value)
    rows = []
    for name in sorted(filter(None, held)):
        values = [cell(value) for value in sorted(held[name].values(), key=_natural)]
        shown = list(dict.fromkeys(item.text for item in values))
        only = (
            replace(values[0], number=False)
            if len(shown) == 1
            else Cell(text.cut(", ".join(shown[:12]), 160), title=", ".join(shown)[:2000])
        )
        origin = _made(name, chain) or _origin(name, origins, chain, varies=len(shown) > 1)
        rows.append((Cell(text.line(name)), only, origin))
    return Table((Column("param"), Column("value"), Column("set in")), tuple(rows))


def _natural(found: Value) -> tuple[bool, float, str]:
    raw = found.value
    is_number = isinstance(raw, int | float)
    return not is_number, raw if is_number else 0.0, str(raw)


def _made(name: str, chain: list[Spec]) -> Cell | None:
    """Where a sweep or seeds set the param, over whatever the specs' own params say."""
    sweep, values = _nearest(chain, "sweep")
    if sweep and name in (swept := _swept(values)):
        where = "swept here" if sweep is chain[0] else f"swept in {text.line(sweep.name)}"
        return _listed(where, swept[name], sweep)
    spec, seeds = _nearest(chain, "seeds")
    if spec and name == "seed" and seeds:
        where = "seeds" if spec is chain[0] else f"seeds of {text.line(spec.name)}"
        counted = isinstance(seeds, int) and not isinstance(seeds, bool)
        return _listed(where, list(range(min(seeds, 1000))) if counted else seeds, spec)
    return None


def _listed(where: str, values: Any, spec: Spec) -> Cell:
    shown = ", ".join(text.value(value) for value in values[:50]) if isinstance(values, list) else ""
    return Cell(
        text.cut(text.line(f"{where}: {shown}" if shown else where), 120), title=spec.path, tone="best"
    )


def _nearest(chain: list[Spec], key: str) -> tuple[Spec | None, Any]:
    """The nearest spec that has the key, and what it says; nothing where a nearer one drops it by null."""
    spec = next((spec for spec in chain if key in spec.raw), None)
    return (spec, spec.raw[key]) if spec and spec.raw[key] is not None else (None, None)


def _swept(sweep: Any) -> dict[str, Any]:
    """Param -> its values, of a sweep as a spec has it; a random one gives no list of values."""
    if not isinstance(sweep, dict):
        return {}
    if isinstance(grid := sweep.get("grid"), dict):
        return {str(name): values for name, values in grid.items()}
    if isinstance(points := sweep.get("list"), list):
        found: dict[str, list[Any]] = {}
        for name, value in (item for point in points if isinstance(point, dict) for item in point.items()):
            values = found.setdefault(str(name), [])
            values += [] if value in values else [value]
        return dict(found)
    random = sweep.get("random")
    space = random.get("space") if isinstance(random, dict) else None
    return {str(name): ["at random"] for name in space} if isinstance(space, dict) else {}


def _origin(name: str, origins: Mapping[str, Spec], chain: list[Spec], *, varies: bool) -> Cell:
    spec = next((origins[key] for key in _prefixes(name) if key in origins), None)
    if spec is None:
        where = (
            "its seeds"
            if varies and seeds.is_seed(name)
            else "its sweep"
            if varies
            else "the pipeline's defaults"
        )
        return Cell(where if chain else "the params file")
    if spec is chain[0]:
        return Cell("this spec", title=spec.path, tone="best")
    return Cell(f"inherited from {text.line(spec.name)}", title=spec.path)


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _origins(chain: list[Spec]) -> dict[str, Spec]:
    origins: dict[str, Spec] = {}
    for spec in reversed(chain):
        origins.update(dict.fromkeys(_leaves(spec.raw.get("params")), spec))
    return origins


def _leaves(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict) or not node:
        return [prefix] if prefix else []
    parts = ((f"{prefix}.{key}" if prefix else str(key), child) for key, child in node.items())
    return [leaf for name, child in parts for leaf in _leaves(child, name)]
