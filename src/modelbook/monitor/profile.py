"""What the reference of a monitor looks like, counted once and kept, so that no batch reads it again."""

from __future__ import annotations

import msgspec
import numpy as np

from modelbook.monitor.drift import Distribution
from modelbook.monitor.tables import Bounds, Counts, Table


class _Column(msgspec.Struct, frozen=True):
    rows: int
    missing: int
    values: list[float] | None = None
    counts: list[float] = []
    categories: dict[str, int] = {}
    edges: list[float] | None = None


class Profile(msgspec.Struct, frozen=True):
    """The columns of a reference.

    Attributes:
        rows: all of them.
    """

    rows: int
    columns: dict[str, _Column]

    def counts(self, name: str) -> Counts:
        """What is in a column."""
        found = self.columns[name]
        numbers = None
        if found.values is not None:
            numbers = Distribution(np.array(found.values, np.float64), np.array(found.counts, np.float64))
        return Counts(found.rows, found.missing, numbers, found.categories, found.edges is None)

    def bounds(self, name: str) -> Bounds | None:
        """The grid that its numbers are counted in; None where each distinct one is counted."""
        edges = self.columns[name].edges
        return Bounds(tuple(edges)) if edges else None


def of_table(table: Table, names: list[str]) -> Profile:
    """Count some columns of a table."""
    return Profile(table.rows(), {name: _column(table, name) for name in names})


def _column(table: Table, name: str) -> _Column:
    bounds = table.bounds(name) if table.columns[name].kind == "number" else None
    found = table.count(name, bounds)
    return _Column(
        rows=found.rows,
        missing=found.missing,
        values=found.numbers.values.tolist() if found.numbers else None,
        counts=found.numbers.counts.tolist() if found.numbers else [],
        categories=dict(found.categories),
        edges=list(bounds.edges) if bounds else None,
    )


def dump(profile: Profile) -> bytes:
    """As JSON, the same bytes for the same profile."""
    return msgspec.json.encode(profile, order="deterministic") + b"\n"


def load(data: bytes) -> Profile:
    """What `dump` made.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    return msgspec.json.decode(data, type=Profile)
