"""The facts of one run as data, beside its page; the format is described in assets/compare-data.js."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from modelbook.pages import text
from modelbook.pages.drawings import Drawing
from modelbook.pages.index import run_href
from modelbook.pages.rundata import raw
from modelbook.records import Artifact, Dataset, Environment, Run, State, Value

MOST_VALUES = 1_000
"""Params, and metrics, of one run: embeddings that somebody logged as metrics must not make megabytes."""

MOST_FILES = 300
MOST_STAGES = 200
MOST_PACKAGES = 1_500

MOST_NUMBERS = 40_000
"""Numbers in all figures of a run together; a figure that would go beyond stays a still drawing."""

LONGEST = 1_000


def name_of(run_id: str) -> str:
    """What a run's data is asked for by."""
    return f"run:{run_id}"


def href(run_id: str) -> str:
    """Address of a run's data, from the site's root."""
    return run_href(run_id).removesuffix("index.html") + "data.js"


def facts(run: Run, drawings: Sequence[Drawing]) -> dict[str, Any]:
    """Everything that two runs are compared by."""
    sets: list[list[list[str]]] = []
    return {
        "version": 1,
        "id": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "pipeline": run.pipeline,
        "commit": run.commit,
        "date": run.date,
        "author": run.author,
        "tags": list(run.tags),
        "params": _values(run.params),
        "metrics": _values(run.metrics),
        "environments": [_environment(item, sets) for item in run.environments[:MOST_STAGES]],
        "packages": sets,
        "datasets": [_file(item) for item in run.datasets[:MOST_FILES]],
        "artifacts": [_file(item) for item in run.artifacts[:MOST_FILES]],
        "stages": [
            [stage.address, text.cut(stage.cmd, LONGEST), stage.lock] for stage in run.stages[:MOST_STAGES]
        ],
        "plots": [_plot(item) for item in drawings],
    }


def _values(values: Iterable[Value]) -> list[list[Any]]:
    """[name, value], or [name, None, state, reason]; of a name that stands in two files, the first."""
    found: dict[str, list[Any]] = {}
    for value in values:
        if len(found) >= MOST_VALUES:
            break
        if value.state is State.PRESENT:
            found.setdefault(value.name, [value.name, _bounded(value.value)])
        else:
            reason = text.line(value.reason or text.size(value.size))
            found.setdefault(value.name, [value.name, None, str(value.state), text.cut(reason)])
    return list(found.values())


def _bounded(value: Any) -> Any:
    """A list that is too long to compare by eye as the text it would be shown as."""
    if type(value) is float and math.isfinite(value):  # what it nearly always is
        return value
    if not isinstance(value, list | tuple | dict):
        return raw(value)
    shown = text.exact(value)
    return text.cut(shown, LONGEST) if len(shown) > LONGEST else value


def _environment(item: Environment, sets: list[list[list[str]]]) -> dict[str, Any]:
    """What a stage ran on; `packages` is the place of its packages in `sets`."""
    packages = _pairs(item.packages)
    if packages and packages not in sets:
        sets.append(packages)
    found = {
        "stage": item.stage,
        "python": item.python,
        "platform": item.platform,
        "cpu": item.cpu,
        "cores": item.cores,
        "memory": item.memory,
        "gpus": list(item.gpus),
        "seconds": item.seconds,
        "peak": item.peak_memory,
        "packages": sets.index(packages) if packages else None,
    }
    return {key: value for key, value in found.items() if value not in (None, "", [])}


@lru_cache(maxsize=64)
def _pairs(packages: tuple[tuple[str, str], ...]) -> list[list[str]]:
    """As JSON has them; remembered, since runs have them in common."""
    return [list(pair) for pair in packages[:MOST_PACKAGES]]


def _file(item: Dataset | Artifact) -> list[Any]:
    return [item.path, item.md5, item.size, item.nfiles]


def interactive(drawings: Iterable[Drawing]) -> tuple[Drawing, ...]:
    """The drawings, those figures that would make the data too large left out."""
    found, room = [], MOST_NUMBERS
    for item in drawings:
        cost = _numbers(item.figure) if item.figure else 0
        found.append(item if cost <= room else replace(item, figure=None))
        room -= cost if cost <= room else 0
    return tuple(found)


def _numbers(figure: Mapping[str, Any]) -> int:
    """How many numbers the traces of a figure hold."""
    return sum(
        sum(len(row) if isinstance(row, list) else 1 for row in values)
        if list in map(type, values)
        else len(values)
        for trace in figure["data"]
        for values in trace.values()
        if isinstance(values, list)
    )


def _plot(item: Drawing) -> dict[str, Any]:
    """A figure, or the address of an image from the site's root, or the reason why there is neither."""
    found = {
        "id": item.id,
        "title": item.title,
        "source": text.cut(item.source, 300),
        "figure": item.figure,
        "image": item.image[0] if item.image else None,
        "state": item.state if item.reason else None,
        "reason": item.reason,
    }
    return {key: value for key, value in found.items() if value}
