"""All experiments in columns, for the interactive list of many; the format is that of the runs table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from modelbook.pages import text
from modelbook.pages.experiments import champion, frontier, seed_mean
from modelbook.pages.index import Index, experiment_href, number, rule
from modelbook.records import Experiment, MetricInfo, Run

MOST_METRICS = 8
"""With more headline metrics than these, those of fewer experiments are hidden at first."""

LONGEST_TREND = 60
"""Points of a trend."""


def columns(index: Index) -> dict[str, Any]:
    """Every experiment, by name: best value, runs, trend, last activity, owner and tags."""
    items = index.catalog.experiments
    runs = [[index.runs[name] for name in item.runs if name in index.runs] for item in items]
    infos = _infos(index, items)
    trends = [_trend(index, item, held) for item, held in zip(items, runs, strict=True)]
    owners = [item.spec.owner if item.spec else "" for item in items]
    words = [item.spec.description if item.spec else "" for item in items]
    latest = [max((run.date for run in held), default=None) for held in runs]
    found = [
        _links(items),
        _plain("pipeline", [item.pipeline for item in items]),
        *(_best(index, items, info) | {"hidden": at >= MOST_METRICS} for at, info in enumerate(infos)),
        {"key": "trend", "kind": "spark", "values": trends, "description": "the best so far after each run"},
        _plain("mean", [seed_mean(index, item) for item in items]) | {"label": "over seeds"},
        _counts("runs", [len(held) for held in runs], "in the whole history"),
        _counts("current", [len(item.current) for item in items], "runs that HEAD holds"),
        {"key": "latest", "kind": "date", "values": latest},
        {"key": "tag", "label": "tags", "kind": "tag", "values": [list(item.tags) for item in items]},
        _plain("owner", owners),
        _plain("description", words),
    ]
    return {
        "version": 2,
        "rows": len(items),
        "ids": [experiment_href(item.name).split("/")[1] for item in items],
        "columns": found,
        "views": [
            {"label": label, "state": urlencode({"group": key, "open": "*"})}
            for label, key in (("By pipeline", "pipeline"), ("By tag", "tag"), ("By owner", "owner"))
        ],
        "parts": [],
    }


def _infos(index: Index, items: Sequence[Experiment]) -> list[MetricInfo]:
    """The headline metrics, that of most experiments first."""
    counts: dict[str, int] = {}
    for item in items:
        if info := index.headlines.get(item.pipeline):
            counts[info.name] = counts.get(info.name, 0) + 1
    names = sorted(counts, key=lambda name: (-counts[name], name))
    return [index.infos.get(name, MetricInfo(name=name)) for name in names]


def _links(items: Sequence[Experiment]) -> dict[str, Any]:
    return {
        "key": "experiment",
        "kind": "link",
        "values": [text.cut(text.line(item.name)) for item in items],
        "hrefs": [experiment_href(item.name) for item in items],
        "pinned": True,
    }


def _plain(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"key": key, "kind": "text", "values": [text.cut(text.line(value)) or None for value in values]}


def _counts(key: str, values: Sequence[int], description: str) -> dict[str, Any]:
    return {"key": key, "kind": "number", "values": list(values), "description": description}


def _best(index: Index, items: Sequence[Experiment], info: MetricInfo) -> dict[str, Any]:
    tops = [champion(index, item, info) if _judged(index, item, info) else None for item in items]
    column = {
        "key": f"metrics.{info.name}",
        "label": info.name,
        "kind": "metric",
        "values": [number(run, info.name) if run else None for run in tops],
        "description": "the best of the current runs",
    }
    more = {"unit": info.unit, "format": info.format, "direction": info.direction, **rule(info)}
    return column | {key: value for key, value in more.items() if value}


def _judged(index: Index, item: Experiment, info: MetricInfo) -> bool:
    headline = index.headlines.get(item.pipeline)
    return headline is not None and headline.name == info.name


def _trend(index: Index, item: Experiment, runs: Sequence[Run]) -> list[float] | None:
    info = index.headlines.get(item.pipeline)
    reached = frontier(list(runs), info) if info else []
    return reached[-LONGEST_TREND:] if len(reached) > 1 else None
