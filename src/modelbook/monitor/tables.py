"""Tables in files, asked through an engine: a column is read once, and no more of it is held than its counts.

Only the modules of this room know SQL. Files are named by the project; nothing else is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from modelbook.errors import ModelbookError
from modelbook.monitor.drift import Distribution
from modelbook.monitor.engines import ENGINES, Engine
from modelbook.spec.batches import COMMA, ENDINGS

MOST_DISTINCT = 100_000
"""With more distinct numbers than that, a column is counted in bins between quantiles of the reference."""

MOST_CATEGORIES = 1_000
"""Rarer categories than these are one."""

MOST_PARTS = 20
"""Elements of a list in a serving log that are columns."""

OTHERS = "(others)"


class Unreadable(ModelbookError):
    """A file is no table, or only a part of one."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be read: {reason}", hint="expected a Parquet or CSV file")


_T = TypeVar("_T")


class Bounds(NamedTuple):
    """Grid of a column that has too many distinct numbers to count each.

    Attributes:
        edges: ascending; a bin ends with its edge.
    """

    edges: tuple[float, ...]


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        kind: `number`, `category`, or `list` and `other` for what is not watched (dates, lists, ...).
        type: as the engine calls it.
    """

    name: str
    kind: str
    type: str


class Counts(NamedTuple):
    """What is in a column.

    Attributes:
        rows: all of them; missing: those that are null, or numbers that are not finite.
        numbers: of a column of numbers. categories: how often each occurs, of any other.
        exact: whether each distinct number was counted, and not bins.
    """

    rows: int
    missing: int
    numbers: Distribution | None
    categories: Mapping[str, int]
    exact: bool = True


@contextmanager
def opened(paths: Sequence[Path], engine: str = "duckdb", *, log: bool = False) -> Iterator[Table]:
    """The rows of all files, as one table; a folder stands for the Parquet or CSV files in it.

    Args:
        engine: a key of `engines.ENGINES`.
        log: they are what `modelbook serve --log` wrote: `input.NAME` is read as NAME, and a list of numbers
            as NAME.0, NAME.1 and so on.

    Raises:
        MissingLibrary: the engine is not installed.
        Unreadable: a file is neither Parquet nor CSV, or broken.
    """
    held = ENGINES[engine]()
    try:
        yield Table(held, paths, log=log)
    finally:
        held.close()


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _within(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        found = sorted(item for item in path.iterdir() if item.is_file()) if path.is_dir() else [path]
        known = [item for item in found if item.suffix.lower() in ENDINGS]
        yield from known if path.is_dir() else found


class Table:
    """Rows of files with the columns of all of them."""

    def __init__(self, engine: Engine, paths: Sequence[Path], *, log: bool = False) -> None:
        self._engine = engine
        files = list(_within(paths))
        self._name = paths[0].name if paths else "no file"
        self._folders = sorted({f"{path.parent}/" for path in paths}, key=len, reverse=True)
        if not files:
            raise Unreadable(self._name, "there is no Parquet or CSV file in it")
        comma = all(path.suffix.lower() in COMMA for path in files)
        self._ask(lambda: engine.open(files, comma=comma))
        columns = ", ".join(self._logged()) if log else "*"
        self._ask(lambda: engine.run(f"CREATE VIEW rows AS SELECT {columns} FROM files"))  # noqa: S608
        self.columns = {
            name: Column(name, kind, type_) for name, type_, kind in self._ask(lambda: engine.fields("rows"))
        }

    def _logged(self) -> Iterator[str]:
        """The columns of a serving log by their own names."""
        fields = self._ask(lambda: self._engine.fields("files"))
        taken = {field.name for field in fields}
        for field in fields:
            plain = field.name.removeprefix("input.")
            name = plain if plain not in taken else field.name
            if field.kind != "list":
                yield f"{quoted(field.name)} AS {quoted(name)}"
                continue
            length = self.row(f"SELECT max(array_length({quoted(field.name)})) FROM files")[0] or 0  # noqa: S608
            for at in range(min(int(length), MOST_PARTS)):
                yield f"{quoted(field.name)}[{at + 1}] AS {quoted(f'{name}.{at}')}"

    def _ask(self, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except self._engine.faults as error:
            raise Unreadable(self._name, self._told(error)) from error

    def _told(self, error: BaseException) -> str:
        """What an engine says, without where on this machine the files are: it goes into a result."""
        said = str(error).partition("\n")[0]
        for folder in self._folders:
            said = said.replace(folder, "").replace(folder.lstrip("/"), "")  # DataFusion leaves the root out
        return said[:500]

    def rows(self) -> int:
        """How many there are."""
        return int(self.row("SELECT count(*) FROM rows")[0])

    def row(self, sql: str) -> tuple[Any, ...]:
        """The single row of a query over `rows`."""
        return self.all(sql)[0]

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query over `rows`, which must be few."""
        return self._ask(lambda: self._engine.all(sql))

    def count(self, name: str, bounds: Bounds | None = None) -> Counts:
        """What is in a column; numbers in bins where `bounds` are given, each distinct one otherwise."""
        column = self.columns[name]
        if column.kind != "number":
            return self._categories(name)
        return self._bins(name, bounds) if bounds else self._values(name)

    def _values(self, name: str) -> Counts:
        shown = f"{quoted(name)}::DOUBLE"
        values, counts = self._ask(
            lambda: self._engine.pairs(
                f"SELECT {shown} AS value, count(*)::DOUBLE AS count FROM rows GROUP BY 1 ORDER BY 1"  # noqa: S608
            )
        )
        there = np.isfinite(values)
        rows = int(counts.sum())
        return Counts(rows, rows - int(counts[there].sum()), Distribution(values[there], counts[there]), {})

    def _bins(self, name: str, bounds: Bounds) -> Counts:
        found = self._ask(lambda: self._engine.binned(f"{quoted(name)}::DOUBLE", bounds.edges))
        if not found.present:
            return Counts(found.rows, found.rows, Distribution(np.empty(0), np.empty(0)), {}, exact=False)
        edges = np.clip(np.array([found.low, *bounds.edges, found.high]), found.low, found.high)
        values = (edges[:-1] + edges[1:]) / 2
        kept = found.counts > 0
        shown = _merged(values[kept], found.counts[kept])
        return Counts(found.rows, found.rows - found.present, shown, {}, exact=False)

    def _categories(self, name: str) -> Counts:
        found = self.all(
            f"SELECT {quoted(name)}::VARCHAR, count(*) FROM rows GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608
        )
        counts = {str(value): int(count) for value, count in found if value is not None}
        rows = sum(int(count) for _, count in found)
        missing = rows - sum(counts.values())
        listed = list(counts.items())
        if len(listed) > MOST_CATEGORIES:
            listed = [
                *listed[:MOST_CATEGORIES],
                (OTHERS, sum(count for _, count in listed[MOST_CATEGORIES:])),
            ]
        return Counts(rows, missing, None, dict(listed))

    def bounds(self, name: str) -> Bounds | None:
        """A grid for a column with very many distinct numbers; None where each can be counted."""
        found = self._ask(lambda: self._engine.spread(f"{quoted(name)}::DOUBLE", MOST_DISTINCT))
        if not found.quantiles or found.low is None or found.high is None:
            return None
        low, high = found.low, found.high
        span = (high - low) or 1.0
        steps = [0.01 * 1.15**step * span for step in range(100)]
        outer = [*(low - step for step in steps), *(high + step for step in steps)]
        return Bounds(tuple(sorted({*map(float, found.quantiles), low, high, *outer})))


def _merged(values: Any, counts: Any) -> Distribution:
    """Bins as weighted values, equal ones joined."""
    found, at = np.unique(values, return_inverse=True)
    return Distribution(found, np.bincount(at, weights=counts).astype(np.float64))
