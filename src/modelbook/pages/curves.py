"""Curves of runs at the size of a word: a metric over the steps of its training, for the runs table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from modelbook.records import Plot, Run, State

MOST_CURVES = 2
"""Columns of curves: those that most runs have."""

POINTS = 20
"""Points kept of a curve; a sparkline is 96 pixels wide."""

MOST_BYTES = 1_000_000
"""A larger file is not read for a curve."""

_LIVE = "plots/metrics/"
_STEPS = ("step", "epoch", "iteration", "iter", "global_step")

Read = Callable[[str], bytes | None]
Series = tuple[str, str | None, str]
"""(Git blob id, column or None for the last, delimiter)."""


def curves(runs: Sequence[Run], read: Read) -> dict[str, list[list[float] | None]]:
    """Name of a metric -> its curve in each run, None where a run has none; the most frequent names first.

    Curves are what DVCLive writes to `plots/metrics/NAME.tsv`, and plots over a step or an epoch.
    """
    series = [dict(_series(run)) for run in runs]
    counts = Counter(name for held in series for name in held)
    names = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CURVES]
    known: dict[Series, list[float] | None] = {}
    for held in series:
        for name in names:
            if name in held and held[name] not in known:
                known[held[name]] = _points(held[name], read)
    found = {name: [known[held[name]] if name in held else None for held in series] for name in names}
    return {name: values for name, values in found.items() if any(values)}


def _series(run: Run) -> Iterator[tuple[str, Series]]:
    for plot in run.plots:
        if plot.state is State.PRESENT and plot.template in ("linear", "simple", "smooth"):
            yield from _of_plot(plot)


def _of_plot(plot: Plot) -> Iterator[tuple[str, Series]]:
    blobs: Mapping[str, str | None] = dict(plot.files)
    for path, field in plot.y:
        delimiter = {".tsv": "\t", ".csv": ","}.get(PurePosixPath(path).suffix.lower())
        blob = blobs.get(path)
        live = _LIVE in path
        name = path.rpartition(_LIVE)[2].rpartition(".")[0] if live else field
        if delimiter and blob and name and (live or (plot.x or "").lower() in _STEPS):
            yield name, (blob, None if live else field, delimiter)


def _points(series: Series, read: Read) -> list[float] | None:
    """At most POINTS of the values, the first and the last among them; only those lines are parsed."""
    blob, field, delimiter = series
    data = read(blob) or b""
    lines = [line for line in data[: MOST_BYTES + 1].splitlines() if line]
    if len(data) > MOST_BYTES or len(lines) < 3:
        return None
    names = [name.strip(' "') for name in lines[0].decode("utf-8-sig", "replace").split(delimiter)]
    column = len(names) - 1 if field is None else names.index(field) if field in names else -1
    last = len(lines) - 2
    chosen = range(last + 1) if last < POINTS else (round(at * last / (POINTS - 1)) for at in range(POINTS))
    values = [_number(lines[at + 1].decode("utf-8", "replace").split(delimiter), column) for at in chosen]
    finite = [float(f"{value:.4g}") for value in values if value is not None]
    return finite if column >= 0 and len(finite) > 1 else None


def _number(cells: Sequence[str], column: int) -> float | None:
    try:
        value = float(cells[column].strip(' "'))
    except (ValueError, IndexError):
        return None
    return value if math.isfinite(value) else None
