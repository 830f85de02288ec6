"""The catalog as plain tables, for a data frame or a database: one row a run, a value, a version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from modelbook.records import Catalog, Value

Row = dict[str, Any]


def tables(catalog: Catalog) -> dict[str, list[Row]]:
    """Name of a table -> its rows, all with the same columns; a number and a text column hold a value."""
    return {
        "runs": [
            {
                "run": run.id,
                "name": run.name,
                "experiment": run.experiment,
                "pipeline": run.pipeline,
                "commit": run.commit,
                "date": run.date,
                "author": run.author,
                "commits": len(run.commits),
                "in_head": catalog.head in run.commits,
            }
            for run in catalog.runs
        ],
        "metrics": [row for run in catalog.runs for row in _values(run.id, run.metrics)],
        "params": [row for run in catalog.runs for row in _values(run.id, run.params)],
        "artifacts": [
            {"run": run.id, "path": item.path, "md5": item.md5, "size": item.size, "kind": item.kind}
            for run in catalog.runs
            for item in run.artifacts
        ],
        "versions": [
            {
                "model": model.name,
                "version": item.version,
                "run": item.run,
                "tag": item.tag,
                "commit": item.commit,
                "date": item.date,
                "author": item.author,
                "deprecated": item.deprecated,
                "environments": ",".join(item.environments),
            }
            for model in catalog.models
            for item in model.versions
        ],
        "promotions": [
            {
                "model": model.name,
                "environment": item.environment,
                "version": item.version,
                "before": item.before,
                "date": item.date,
                "author": item.author,
                "commit": item.commit,
                "tag": item.tag,
            }
            for model in catalog.models
            for item in model.promotions
        ],
        "datasets": [
            {
                "dataset": item.name,
                "path": item.path,
                "md5": item.md5,
                "size": item.size,
                "source": item.source,
                "revision": item.revision,
                "license": item.license,
            }
            for item in catalog.datasets
        ],
    }


def _values(run: str, values: Iterable[Value]) -> Iterator[Row]:
    for item in values:
        number = item.number
        text = None if number is not None or item.value is None else _text(item.value)
        yield {
            "run": run,
            "name": item.name,
            "number": number,
            "text": text,
            "state": item.state.value,
            "path": item.path,
            "stage": item.stage,
        }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
