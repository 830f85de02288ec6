"""The engines that count. All get the same SQL; what they call differently is here.

A relation `files` holds the rows of a batch. Nothing else is read: engines open the files they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from modelbook.errors import MissingLibrary

Floats = NDArray[np.float64]

MEMORY = 600_000_000
"""Bytes that an engine may hold before it goes on on disk."""

FINE = 2_000
_TAILS = [0.5**step / FINE for step in range(1, 11)]
RANKS = (*reversed(_TAILS), *(at / FINE for at in range(1, FINE)), *(1 - tail for tail in _TAILS))
"""The quantiles of the reference that bins lie between: closer to each other at both ends, where numbers are
far apart."""

_MANTISSA = 52 - 14
"""Bits of a double that are left off where quantiles are looked for: 14 that stay tell numbers apart that
differ by 0.006 %."""


class Field(NamedTuple):
    """A column: its name, its type as the engine calls it, and whether it holds numbers, words or lists."""

    name: str
    type: str
    kind: str


class Spread(NamedTuple):
    """Of the finite numbers of a column: about how many differ, the least, the greatest, and, where they are
    more than was asked for, quantiles."""

    distinct: int
    low: float | None
    high: float | None
    quantiles: Sequence[float]


class Binned(NamedTuple):
    """Rows, those with a finite number, the least and greatest of these, and how many lie in each bin."""

    rows: int
    present: int
    low: float
    high: float
    counts: Floats


class Engine(Protocol):
    """What can answer SQL over files."""

    faults: tuple[type[BaseException], ...]

    def open(self, paths: Sequence[Path], *, comma: bool) -> None:
        """Make files, Parquet or with `comma` CSV, the relation `files`."""

    def run(self, sql: str) -> None:
        """Do something that answers nothing."""

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of an answer, which must be few."""

    def pairs(self, sql: str) -> tuple[Floats, Floats]:
        """Two columns of doubles; missing values are NaN."""

    def fields(self, relation: str) -> list[Field]:
        """The columns of a relation."""

    def spread(self, number: str, most: int) -> Spread:
        """Of an expression over `rows`; quantiles where more than `most` values differ."""

    def binned(self, number: str, edges: Sequence[float]) -> Binned:
        """An expression over `rows` in bins that end with each edge, and one more."""

    def close(self) -> None:
        """Let go of everything."""


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


class DuckDB:
    """DuckDB, in this process, out of core. Nothing can be loaded into it."""

    def __init__(self) -> None:
        try:
            import duckdb
        except ImportError as error:
            raise MissingLibrary("duckdb", "monitor") from error
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{MEMORY // 1_000_000}MB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        self.faults: tuple[type[BaseException], ...] = (duckdb.Error,)
        self._connection = duckdb.connect(":memory:", config=settings)

    def open(self, paths: Sequence[Path], *, comma: bool) -> None:
        listed = ", ".join(literal(path.as_posix()) for path in paths)
        reader = "read_csv" if comma else "read_parquet"
        self.run(f"CREATE VIEW files AS SELECT * FROM {reader}([{listed}], union_by_name = true)")  # noqa: S608

    def run(self, sql: str) -> None:
        self._connection.execute(sql)

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
        return found

    def pairs(self, sql: str) -> tuple[Floats, Floats]:
        first, second = self._connection.execute(sql).fetchnumpy().values()
        return (
            np.ma.filled(np.ma.asarray(first, dtype=np.float64), np.nan),
            np.asarray(second, dtype=np.float64),
        )

    def fields(self, relation: str) -> list[Field]:
        described = self.all(f"DESCRIBE {relation}")
        return [Field(str(name), str(kind), _duckdb_kind(str(kind))) for name, kind, *_ in described]

    def spread(self, number: str, most: int) -> Spread:
        there = f"FILTER (WHERE isfinite({number}))"
        [(distinct, low, high)] = self.all(
            f"SELECT approx_count_distinct({number}), min({number}) {there}, max({number}) {there} FROM rows"  # noqa: S608
        )
        if distinct <= most or low is None:
            return Spread(distinct, low, high, ())
        ranks = ", ".join(map(repr, RANKS))
        [(inner,)] = self.all(f"SELECT approx_quantile({number}, [{ranks}]::FLOAT[]) {there} FROM rows")  # noqa: S608
        return Spread(distinct, low, high, inner)

    def binned(self, number: str, edges: Sequence[float]) -> Binned:
        grid = "[" + ", ".join(map(repr, edges)) + "]::DOUBLE[]"
        there = f"FILTER (WHERE isfinite({number}))"
        [(rows, present, low, high, counted)] = self.all(
            f"SELECT count(*), count({number}) {there}, min({number}) {there}, max({number}) {there}, "  # noqa: S608
            f"histogram({number}, {grid}) {there} FROM rows"
        )
        ends = (*edges, np.inf)
        counts = np.array([float((counted or {}).get(end, 0)) for end in ends])
        return Binned(rows, present, low, high, counts)

    def close(self) -> None:
        self._connection.close()


def _duckdb_kind(kind: str) -> str:
    if kind.endswith("[]") or kind.startswith("STRUCT"):
        return "list" if kind.endswith("[]") else "other"
    if kind.startswith(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL")
    ):
        return "category" if kind == "UUID" else "other" if kind.startswith("UNION") else "number"
    return "category" if kind in ("VARCHAR", "BOOLEAN") or kind.startswith("ENUM") else "other"


class DataFusion:
    """Apache DataFusion, in this process, out of core."""

    def __init__(self) -> None:
        try:
            import datafusion
        except ImportError as error:
            raise MissingLibrary("datafusion", "datafusion") from error
        self._library = datafusion
        self.faults: tuple[type[BaseException], ...] = (Exception,)  # it has no base class of its own
        runtime = datafusion.RuntimeEnvBuilder().with_disk_manager_os().with_fair_spill_pool(MEMORY)
        self._context = datafusion.SessionContext(datafusion.SessionConfig(), runtime)
        self._name("sortable", _sortable, "int64")
        self._name("isfinite", np.isfinite, "bool")

    def _name(self, name: str, call: Callable[[Floats], Any], kind: str) -> None:
        """Make a function of doubles known to SQL."""
        import pyarrow as pa

        def called(column: Any) -> Any:
            return pa.array(call(column.to_numpy(zero_copy_only=False)), pa.type_for_alias(kind))

        made = self._library.udf(called, [pa.float64()], pa.type_for_alias(kind), "immutable", name=name)
        self._context.register_udf(made)

    def open(self, paths: Sequence[Path], *, comma: bool) -> None:
        parts = []
        for number, path in enumerate(paths):
            name = f"file_{number}"
            if comma:
                self._context.register_csv(name, str(path), file_extension=path.suffix)
            else:
                self._context.register_parquet(name, str(path), file_extension=path.suffix)
            parts.append(f"SELECT * FROM {name}")  # noqa: S608
        self.run(f"CREATE VIEW files AS {' UNION ALL BY NAME '.join(parts)}")

    def run(self, sql: str) -> None:
        self._context.sql(sql).collect()

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        table = self._context.sql(sql).to_arrow_table()
        columns = [table.column(at).to_pylist() for at in range(table.num_columns)]
        return list(zip(*columns, strict=True))

    def pairs(self, sql: str) -> tuple[Floats, Floats]:
        table = self._context.sql(sql).to_arrow_table()
        first, second = (table.column(at).to_numpy().astype(np.float64) for at in range(2))
        return first, second

    def fields(self, relation: str) -> list[Field]:
        schema = self._context.sql(f"SELECT * FROM {relation} LIMIT 0").schema()  # noqa: S608
        return [Field(field.name, str(field.type), _arrow_kind(field.type)) for field in schema]

    def spread(self, number: str, most: int) -> Spread:
        there = f"FILTER (WHERE isfinite({number}))"
        [(distinct, low, high)] = self.all(
            f"SELECT approx_distinct(sortable({number})), min({number}) {there}, max({number}) {there} "  # noqa: S608
            "FROM rows"
        )
        if distinct <= most or low is None:
            return Spread(distinct, low, high, ())
        keys, counts = self.pairs(
            f"SELECT (sortable({number}) >> {_MANTISSA})::DOUBLE AS k, count(*)::DOUBLE AS n FROM rows "  # noqa: S608
            f"WHERE isfinite({number}) GROUP BY 1 ORDER BY 1"
        )
        ranks = np.cumsum(counts) / counts.sum()
        found = np.searchsorted(ranks, np.array(RANKS) - 1e-12)
        ends = _double((keys[np.minimum(found, keys.size - 1)].astype(np.int64) + 1) << _MANTISSA)
        return Spread(distinct, low, high, tuple(np.clip(ends, low, high).tolist()))

    def binned(self, number: str, edges: Sequence[float]) -> Binned:
        inner = np.array(edges)
        self._name("bin_of", lambda values: np.searchsorted(inner, values, side="left"), "int64")
        there = f"isfinite({number})"
        [(rows, present, low, high)] = self.all(
            f"SELECT count(*), count({number}) FILTER (WHERE {there}), min({number}) FILTER (WHERE {there}), "  # noqa: S608
            f"max({number}) FILTER (WHERE {there}) FROM rows"
        )
        at, found = self.pairs(
            f"SELECT bin_of({number})::DOUBLE AS k, count(*)::DOUBLE AS n FROM rows WHERE {there} GROUP BY 1"  # noqa: S608
        )
        counts = np.zeros(inner.size + 1)
        counts[at.astype(np.int64)] = found
        return Binned(rows, present, low, high, counts)

    def close(self) -> None:
        del self._context


def _sortable(values: Floats) -> NDArray[np.int64]:
    """Integers in the order of doubles: their bits, those of negative ones turned round."""
    bits = np.ascontiguousarray(values + 0.0).view(np.int64)
    return np.where(bits < 0, bits ^ np.int64(0x7FFF_FFFF_FFFF_FFFF), bits)


def _double(keys: NDArray[np.int64]) -> Floats:
    """The doubles that `_sortable` made integers of."""
    return np.where(keys < 0, keys ^ np.int64(0x7FFF_FFFF_FFFF_FFFF), keys).view(np.float64)


def _arrow_kind(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return "list"
    words = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_boolean)
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return "category" if any(known(plain) for known in words) else "other"


ENGINES: dict[str, Callable[[], Engine]] = {"duckdb": DuckDB, "datafusion": DataFusion}
"""Name in a spec -> the engine."""
