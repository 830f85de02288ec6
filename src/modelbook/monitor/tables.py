"""Tables in files, asked through DuckDB: a column is read once, and no more of it is held than its counts.

Only this module knows SQL. Files are named by the project; nothing else is read: no extension is loaded, and
the configuration is locked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from modelbook.errors import MissingLibrary, ModelbookError
from modelbook.monitor.drift import Distribution

MEMORY = "600MB"
"""What DuckDB may hold before it goes on on disk."""

MOST_DISTINCT = 100_000
"""With more distinct numbers than that, a column is counted in bins between quantiles of the reference."""

FINE = 2_000
"""So many bins hold the values of the reference then."""

MOST_CATEGORIES = 1_000
"""Rarer categories than these are one."""

OTHERS = "(others)"

_NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)\Z")
_WORDS = re.compile(r"(VARCHAR|BOOLEAN|ENUM.*|UUID)\Z")


class Unreadable(ModelbookError):
    """A file is no table, or only a part of one."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be read: {reason}", hint="expected a Parquet or CSV file")


class Bounds(NamedTuple):
    """Grid of a column that has too many distinct numbers to count each.

    Attributes:
        edges: ascending; a bin ends with its edge.
    """

    edges: tuple[float, ...]


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        kind: `number`, `category`, or `other` for what is not watched (dates, lists, ...).
        type: as DuckDB calls it.
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
def opened(paths: Sequence[Path]) -> Iterator[Table]:
    """The rows of all files, as one table.

    Raises:
        MissingLibrary: DuckDB is not installed.
        Unreadable: a file is neither Parquet nor CSV, or broken.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingLibrary("duckdb", "monitor") from error
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "false",
    }
    connection = duckdb.connect(":memory:", config=settings)
    try:
        yield Table(connection, paths, duckdb.Error)
    finally:
        connection.close()


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Table:
    """Rows of files with the columns of the first."""

    def __init__(self, connection: Any, paths: Sequence[Path], fault: type[Exception]) -> None:
        self._connection, self._fault = connection, fault
        self._name = paths[0].name if paths else "no file"
        listed = ", ".join(_literal(path.as_posix()) for path in paths)
        comma = all(path.suffix.lower() in (".csv", ".tsv", ".txt", ".gz") for path in paths)
        reader = "read_csv" if comma else "read_parquet"
        self._ask(f"CREATE VIEW rows AS SELECT * FROM {reader}([{listed}], union_by_name = true)")  # noqa: S608
        described = self._ask("DESCRIBE rows").fetchall()
        self.columns = {
            str(name): Column(str(name), _kind(str(kind)), str(kind)) for name, kind, *_ in described
        }

    def _ask(self, sql: str) -> Any:
        try:
            return self._connection.execute(sql)
        except self._fault as error:
            raise Unreadable(self._name, str(error).partition("\n")[0]) from error

    def rows(self) -> int:
        """How many there are."""
        return int(self._ask("SELECT count(*) FROM rows").fetchone()[0])

    def row(self, sql: str) -> tuple[Any, ...]:
        """The single row of a query over `rows`."""
        found: tuple[Any, ...] = self._ask(sql).fetchone()
        return found

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query over `rows`, which must be few."""
        found: list[tuple[Any, ...]] = self._ask(sql).fetchall()
        return found

    def count(self, name: str, bounds: Bounds | None = None) -> Counts:
        """What is in a column; numbers in bins where `bounds` are given, each distinct one otherwise."""
        column = self.columns[name]
        if column.kind != "number":
            return self._categories(name)
        return self._bins(name, bounds) if bounds else self._values(name)

    def _values(self, name: str) -> Counts:
        shown = f"{quoted(name)}::DOUBLE"
        found = self._ask(
            f"SELECT {shown} AS value, count(*)::DOUBLE AS count FROM rows GROUP BY 1 ORDER BY 1"  # noqa: S608
        ).fetchnumpy()
        values = np.ma.filled(np.ma.asarray(found["value"], dtype=np.float64), np.nan)
        counts = np.asarray(found["count"], dtype=np.float64)
        there = np.isfinite(values)
        rows = int(counts.sum())
        return Counts(rows, rows - int(counts[there].sum()), Distribution(values[there], counts[there]), {})

    def _bins(self, name: str, bounds: Bounds) -> Counts:
        shown = f"{quoted(name)}::DOUBLE"
        grid = "[" + ", ".join(map(repr, bounds.edges)) + "]::DOUBLE[]"
        there = f"FILTER (WHERE isfinite({shown}))"
        rows, present, low, high, counted = self.row(
            f"SELECT count(*), count({shown}) {there}, min({shown}) {there}, max({shown}) {there}, "  # noqa: S608
            f"histogram({shown}, {grid}) {there} FROM rows"
        )
        if not present:
            return Counts(rows, rows, Distribution(np.empty(0), np.empty(0)), {}, exact=False)
        ends = np.array([*bounds.edges, np.inf])
        counts = np.array([float(counted.get(end, 0)) for end in ends])
        edges = np.clip(np.array([low, *bounds.edges, high]), low, high)
        values = (edges[:-1] + edges[1:]) / 2
        kept = counts > 0
        return Counts(rows, rows - present, _merged(values[kept], counts[kept]), {}, exact=False)

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
        shown = f"{quoted(name)}::DOUBLE"
        there = f"FILTER (WHERE isfinite({shown}))"
        ranks = ", ".join(repr(at / FINE) for at in range(FINE + 1))
        distinct, low, high = self.row(
            f"SELECT approx_count_distinct({shown}), min({shown}) {there}, max({shown}) {there} FROM rows"  # noqa: S608
        )
        if distinct <= MOST_DISTINCT or low is None:
            return None
        [inner] = self.row(f"SELECT approx_quantile({shown}, [{ranks}]) {there} FROM rows")  # noqa: S608
        span = (high - low) or 1.0
        steps = [0.01 * 1.15**step * span for step in range(100)]
        outer = [*(low - step for step in steps), *(high + step for step in steps)]
        return Bounds(tuple(sorted({*map(float, inner), low, high, *outer})))


def _merged(values: Any, counts: Any) -> Distribution:
    """Bins as weighted values, equal ones joined."""
    found, at = np.unique(values, return_inverse=True)
    return Distribution(found, np.bincount(at, weights=counts).astype(np.float64))


def _kind(kind: str) -> str:
    if _NUMBERS.match(kind):
        return "number"
    return "category" if _WORDS.match(kind) else "other"
