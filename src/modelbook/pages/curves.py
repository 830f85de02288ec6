"""Curves of runs at the size of a word: a metric over the steps of its training, for the runs table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from modelbook.records import Plot, Run, State

MOST_CURVES = 2
"""Columns of curves: those that most runs have."""

POINTS = 20
"""Points kept of a curve; a sparkline is 96 pixels wide."""

MOST_BYTES = 1_000_000
"""A larger file is not read for a curve."""

_LIVE = "plots/metrics/"
_DELIMITERS = {".tsv": "\t", ".csv": ","}
_STEPS = ("step", "epoch", "iteration", "iter", "global_step")

Read = Callable[[str], bytes | None]
Series = tuple[str, str | None, str]
"""(Git blob id, column or None for the last, delimiter)."""

Known = dict[str, list[float] | None]
"""Curves that were found before, None where a file has none, by what `_key` makes of their series."""


def curves(
    runs: Sequence[Run], read: Read, known: Known | None = None
) -> dict[str, list[list[float] | None]]:
    """Name of a metric -> its curve in each run, None where a run has none; the most frequent names first.

    Curves are what DVCLive writes to `plots/metrics/NAME.tsv`, and plots over a step or an epoch.

    Args:
        known: spares the reading of a file; afterwards it holds the curves of these runs, and no others.
    """
    series = [dict(_series(run)) for run in runs]
    counts = Counter(name for held in series for name in held)
    names = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CURVES]
    files = _Files(read, known if known is not None else {})
    found = {name: list[list[float] | None]() for name in names}
    for held in series:
        files.tables.clear()  # but what a run has in one file is read once
        for name in names:
            found[name].append(files.curve(held[name]) if name in held else None)
    if known is not None:
        known.clear()
        known |= files.used
    return {name: values for name, values in found.items() if any(values)}


class _Files:
    """Reads the files of plots that nobody read before."""

    def __init__(self, read: Read, known: Known) -> None:
        self._read, self._known = read, known
        self.used: Known = {}
        self.tables: dict[tuple[str, str], Rows] = {}

    def curve(self, series: Series) -> list[float] | None:
        key = _key(series)
        if key in self.used:
            return self.used[key]
        if key in self._known:
            found = self._known[key]
        else:
            blob, field, delimiter = series
            if (blob, delimiter) not in self.tables:
                data = self._read(blob)
                if data is None:  # it may be there another time
                    return None
                self.tables[blob, delimiter] = _rows(data, delimiter)
            found = _points(self.tables[blob, delimiter], field)
        self.used[key] = found
        return found


def _key(series: Series) -> str:
    blob, field, delimiter = series
    return f"{blob}{delimiter}" if field is None else f"{blob}{delimiter}={field}"


def _series(run: Run) -> Iterator[tuple[str, Series]]:
    for plot in run.plots:
        if plot.state is State.PRESENT and plot.template in ("linear", "simple", "smooth"):
            yield from _of_plot(plot)


def _of_plot(plot: Plot) -> Iterator[tuple[str, Series]]:
    stepped = (plot.x or "").lower() in _STEPS
    blobs: Mapping[str, str | None] = dict(plot.files)
    for path, field in plot.y:
        live = _LIVE in path
        delimiter = _DELIMITERS.get(path[-4:].lower()) if live or stepped else None
        blob = blobs.get(path)
        name = path.rpartition(_LIVE)[2].rpartition(".")[0] if live else field
        if delimiter and blob and name:
            yield name, (blob, None if live else field, delimiter)


Rows = tuple[list[str], list[list[str]]]
"""Names of columns, and some rows of cells."""


def _rows(data: bytes, delimiter: str) -> Rows:
    """At most POINTS rows, the first and the last among them; none of a file that is too large or short."""
    if len(data) > MOST_BYTES:
        return [], []
    words = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r", "\n")
    lines = list(filter(None, words.split("\n")))
    if len(lines) < 3:
        return [], []
    names = [name.strip(' "') for name in lines[0].split(delimiter)]
    return names, [lines[at].split(delimiter) for at in _chosen(len(lines) - 1)]


def _points(table: Rows, field: str | None) -> list[float] | None:
    """The values of a column, the last one's for no field; None when there is no curve in it."""
    names, cells = table
    column = len(names) - 1 if field is None else names.index(field) if field in names else -1
    if column < 0:
        return None
    try:
        values = [float(row[column]) for row in cells]
    except (ValueError, IndexError):
        values = [_number(row, column) for row in cells]
    finite = values if all(map(math.isfinite, values)) else list(filter(math.isfinite, values))
    shown = list(map(float, ("%.4g " * len(finite) % tuple(finite)).split()))
    return shown if len(shown) > 1 else None


@lru_cache(maxsize=256)
def _chosen(count: int) -> tuple[int, ...]:
    """Which of so many lines below the first are read."""
    if count <= POINTS:
        return tuple(range(1, count + 1))
    return tuple(round(at * (count - 1) / (POINTS - 1)) + 1 for at in range(POINTS))


def _number(cells: Sequence[str], column: int) -> float:
    """A cell as a number; not a number where it is none."""
    try:
        return float(cells[column].strip(' "'))
    except (ValueError, IndexError):
        return math.nan
