"""Datasets, lineage and problems: one page each."""

from __future__ import annotations

from dataclasses import dataclass

from modelbook.pages import text
from modelbook.pages.cells import ABSENT, DASH, Cell, Column, Table, link_cell
from modelbook.pages.drawings import HeadLineage, head_lineage
from modelbook.pages.index import Index, Link
from modelbook.records import Dataset, State

MOST_USERS = 12
MOST_PROBLEMS = 500
MOST_OPEN = 12


@dataclass(frozen=True, slots=True)
class DatasetView:
    """One dataset.

    Attributes:
        versions: each content it had, newest first, with the commit that brought it.
    """

    id: str
    name: str
    size: str
    description: str
    facts: tuple[tuple[str, Link], ...]
    users: tuple[Link, ...]
    more_users: int
    versions: Table


@dataclass(frozen=True, slots=True)
class DatasetsPage:
    """`datasets/`; `folded` when they are too many to lie open."""

    datasets: tuple[DatasetView, ...]
    folded: bool


@dataclass(frozen=True, slots=True)
class LineagePage:
    """`lineage/`: the graph of HEAD."""

    head: HeadLineage


@dataclass(frozen=True, slots=True)
class ProblemsPage:
    """`problems/`: everything that could not be read."""

    table: Table
    total: int


def datasets(index: Index) -> DatasetsPage:
    """All datasets."""
    found = tuple(_dataset(index, item) for item in index.catalog.datasets)
    return DatasetsPage(found, len(found) > MOST_OPEN)


def _dataset(index: Index, item: Dataset) -> DatasetView:
    users = sorted(
        {run.experiment for run in index.catalog.runs if any(used.path == item.path for used in run.datasets)}
    )
    return DatasetView(
        id=text.slug(item.name),
        name=text.line(item.name),
        size=text.size(item.size),
        description=item.description,
        facts=_facts(item),
        users=tuple(index.experiment_link(name) for name in users[:MOST_USERS]),
        more_users=max(0, len(users) - MOST_USERS),
        versions=_versions(index, item.path),
    )


def _facts(item: Dataset) -> tuple[tuple[str, Link], ...]:
    rows = (
        ("path", Link(item.path)),
        ("size", Link(text.size(item.size))),
        ("files", Link(f"{item.nfiles:,}" if item.nfiles is not None else "")),
        (
            "MD5",
            Link((item.md5 or "")[:12] or "unknown", title=item.md5 or "no lock entry or .dvc file has it"),
        ),
        ("source", Link(item.source)),
        ("revision", Link(item.revision)),
        ("licence", Link(item.license)),
        ("address", Link(item.url, text.web(item.url))),
        ("declared in", Link(item.file)),
    )
    return tuple((name, link) for name, link in rows if link.text)


def _versions(index: Index, path: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    last: str | None = None
    for snapshot in reversed(index.catalog.snapshots):
        item = next((held for held in snapshot.datasets if held.path == path), None)
        if item is None or item.md5 is None or item.md5 == last:
            continue
        last = item.md5
        commit = snapshot.commit
        rows.append(
            (
                Cell(item.md5[:12], title=item.md5),
                Cell(text.size(item.size) or DASH, number=True),
                link_cell(index.commit_link(commit.sha)),
                Cell(text.day(commit.date), title=commit.date),
                Cell(text.cut(text.line(commit.subject), 80)),
            )
        )
    columns = (
        Column("MD5"),
        Column("size", number=True),
        Column("commit"),
        Column("date"),
        Column("subject"),
    )
    return Table(columns, tuple(reversed(rows[-50:])))


def lineage(index: Index) -> LineagePage:
    """The graph of HEAD."""
    return LineagePage(head_lineage(index))


def problems(index: Index) -> ProblemsPage:
    """Files that could not be read, and values that are not there."""
    rows = [
        (Cell(text.line(item.path)), Cell(text.cut(text.line(item.reason), 500)), _commit(index, item.commit))
        for item in index.catalog.problems
    ]
    for run in index.catalog.runs:
        rows += [
            (
                Cell(text.line(found.path)),
                Cell(text.cut(text.line(found.reason or "could not be read"), 500)),
                link_cell(index.run_link(run)),
            )
            for found in (*run.metrics, *run.params)
            if found.state is State.UNREADABLE
        ]
    columns = (Column("file"), Column("what is wrong"), Column("where"))
    return ProblemsPage(Table(columns, tuple(rows[:MOST_PROBLEMS])), len(rows))


def _commit(index: Index, sha: str | None) -> Cell:
    return link_cell(index.commit_link(sha)) if sha else ABSENT
