"""All runs in columns, for the runs table; the format is described in assets/runs-table.js."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from modelbook.pages import text
from modelbook.pages.index import Index, commit_href, experiment_href, run_href
from modelbook.records import MetricInfo, Run, State, Value

Column = dict[str, Any]

MOST_METRICS = 12
"""With more than these, only metrics that the project declares are in sight at first."""


def columns(index: Index) -> dict[str, Any]:
    """Every run, newest first."""
    runs = index.catalog.runs
    return {
        "version": 1,
        "rows": len(runs),
        "ids": [run.id for run in runs],
        "columns": [*_names_of(index, runs), *_metrics(index, runs), *_params(runs), *_about(index, runs)],
    }


def _names_of(index: Index, runs: Sequence[Run]) -> list[Column]:
    hrefs = [run_href(run.id) for run in runs]
    return [
        {"key": "run", "kind": "link", "values": [run.name for run in runs], "hrefs": hrefs, "pinned": True},
        {
            "key": "commit",
            "kind": "link",
            "values": [run.commit[:7] for run in runs],
            "hrefs": [commit_href(run.commit) if run.commit in index.snapshots else "" for run in runs],
        },
        {"key": "date", "kind": "date", "values": [run.date or None for run in runs]},
        {
            **_indexed("experiment", runs, lambda run: run.experiment),
            "hrefs": [
                experiment_href(run.experiment) if run.experiment in index.experiments else "" for run in runs
            ],
        },
        _indexed("pipeline", runs, lambda run: run.pipeline)
        | ({} if len({run.pipeline for run in runs}) > 1 else {"hidden": True}),
    ]


def _about(index: Index, runs: Sequence[Run]) -> list[Column]:
    hrefs = [run_href(run.id) for run in runs]
    return [
        {"key": "tag", "label": "tags", "kind": "tag", "values": [list(run.tags) for run in runs]},
        _indexed("author", runs, lambda run: run.author),
        {"key": "branch", "label": "refs", "kind": "tag", "values": [list(run.refs) for run in runs]},
        _indexed("current", runs, lambda run: "yes" if run.id in index.current else "no")
        | {"description": "whether HEAD holds it", "hidden": True},
        {"key": "id", "kind": "link", "values": [run.id for run in runs], "hrefs": hrefs, "hidden": True},
        {
            "key": "seconds",
            "label": "wall time",
            "kind": "number",
            "unit": "s",
            "format": ".1f",
            "values": [_seconds(run) for run in runs],
            "hidden": True,
        },
    ]


def _indexed(key: str, runs: Sequence[Run], read: Callable[[Run], str]) -> Column:
    """A column of few words: each is written once."""
    words: dict[str, int] = {}
    found = [read(run) for run in runs]
    values = [words.setdefault(word, len(words)) if word else None for word in found]
    return {"key": key, "kind": "text", "values": values, "dictionary": list(words)}


def _seconds(run: Run) -> float | None:
    known = [item.seconds for item in run.environments if item.seconds is not None]
    return round(math.fsum(known), 3) if known else None


def _metrics(index: Index, runs: Sequence[Run]) -> list[Column]:
    headlines = [info.name for info in index.headlines.values()]
    names = dict.fromkeys([*headlines, *_names(run.metrics for run in runs)])
    declared = {info.name for info in index.catalog.project.metrics} | set(headlines)
    crowd = len(names) > MOST_METRICS and not declared.isdisjoint(names)
    found = []
    for name in sorted(names, key=lambda name: name not in declared):
        column = _metric(index.infos.get(name, MetricInfo(name=name)), runs)
        found.append(column | ({"hidden": True} if crowd and name not in declared else {}))
    return found


def _metric(info: MetricInfo, runs: Sequence[Run]) -> Column:
    column = _values("metrics", "metric", info.name, [run.metric(info.name) for run in runs])
    more = {
        "group": "Metrics",
        "unit": info.unit,
        "format": info.format,
        "direction": info.direction,
        "description": text.line(info.description),
    }
    return column | {key: item for key, item in more.items() if item}


def _params(runs: Sequence[Run]) -> list[Column]:
    found = []
    by_run = [{value.name: value for value in run.params} for run in runs]
    for name in _names(run.params for run in runs):
        column = _values("params", "param", name, [held.get(name) for held in by_run])
        found.append(column | {"group": "Params"})
    return found


def _names(values: Iterable[Iterable[Value]]) -> list[str]:
    return sorted({value.name for held in values for value in held if value.name})


def _values(prefix: str, kind: str, name: str, values: Sequence[Value | None]) -> Column:
    states = {
        str(row): [str(value.state), text.line(value.reason or text.size(value.size))]
        for row, value in enumerate(values)
        if value is not None and value.state is not State.PRESENT
    }
    column: Column = {
        "key": f"{prefix}.{name}",
        "label": name,
        "kind": kind,
        "values": [
            raw(value.value) if value is not None and value.state is State.PRESENT else None
            for value in values
        ],
    }
    return column | ({"states": states} if states else {})


def raw(value: Any) -> Any:
    """A param or metric as JSON can hold it; the numbers it cannot are their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return text.cut(value, 500) if isinstance(value, str) else value
