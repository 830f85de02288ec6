"""Datasets and problems: one page each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from modelbook.pages import text
from modelbook.pages.cells import ABSENT, DASH, Cell, Column, Table, link_cell
from modelbook.pages.drawings import spark
from modelbook.pages.index import Index, Link
from modelbook.records import Commit, Dataset, MetricInfo, Problem, State

MOST_USERS = 12
MOST_PROBLEMS = 500
MOST_OPEN = 12


class DatasetView(msgspec.Struct, frozen=True, gc=False):
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
    spark: str


class DatasetsPage(msgspec.Struct, frozen=True, gc=False):
    """`datasets/`; `folded` when they are too many to lie open."""

    datasets: tuple[DatasetView, ...]
    folded: bool


class ProblemFile(msgspec.Struct, frozen=True, gc=False):
    """A file and what is wrong with it.

    Attributes:
        name: its path; of the whole repository, words that say so.
        gone: whether HEAD has none of these problems any more.
    """

    name: str
    table: Table
    count: str
    gone: bool


class ProblemsPage(msgspec.Struct, frozen=True, gc=False):
    """`problems/`: everything that could not be read, by file; those of HEAD first."""

    files: tuple[ProblemFile, ...]
    total: int
    more: int
    folded: bool


def datasets(index: Index) -> DatasetsPage:
    """All datasets."""
    held, users = _versions(index), _users(index)
    found = tuple(
        _dataset(index, item, held.get(item.path, []), users.get(item.path, set()))
        for item in index.catalog.datasets
    )
    return DatasetsPage(found, len(found) > MOST_OPEN)


def _users(index: Index) -> Mapping[str, set[str]]:
    """Path of a dataset -> the experiments that read it."""
    found: dict[str, set[str]] = {}
    for run in index.catalog.runs:
        for used in run.datasets:
            found.setdefault(used.path, set()).add(run.experiment)
    return found


def _dataset(
    index: Index, item: Dataset, held: Sequence[tuple[Commit, Dataset]], experiments: Iterable[str]
) -> DatasetView:
    sizes = [float(dataset.size) for _, dataset in held if dataset.size is not None]
    title = f"bytes of {text.line(item.name)} over its versions"
    users = sorted(experiments)
    return DatasetView(
        id=text.slug(item.name),
        name=text.line(item.name),
        size=text.size(item.size),
        description=item.description,
        facts=_facts(item),
        users=tuple(index.experiment_link(name) for name in users[:MOST_USERS]),
        more_users=max(0, len(users) - MOST_USERS),
        versions=_table(index, held),
        spark=spark(f"size-{text.slug(item.name)}", sizes, MetricInfo(name="size"), title),
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


def _versions(index: Index) -> Mapping[str, list[tuple[Commit, Dataset]]]:
    """Path of a dataset -> each content it had with the commit that brought it, oldest first."""
    found: dict[str, list[tuple[Commit, Dataset]]] = {}
    last: Sequence[Dataset] = ()
    for snapshot in reversed(index.catalog.snapshots):
        if snapshot.datasets is last:
            continue
        last = snapshot.datasets
        for item in {held.path: held for held in reversed(last)}.values():
            known = found.setdefault(item.path, [])
            if item.md5 is not None and (not known or item.md5 != known[-1][1].md5):
                known.append((snapshot.commit, item))
    return found


def _table(index: Index, held: Sequence[tuple[Commit, Dataset]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    before: Dataset | None = None
    for commit, item in held:
        rows.append(
            (
                Cell((item.md5 or "")[:12], title=item.md5 or ""),
                _size(item, before),
                Cell(f"{item.nfiles:,}" if item.nfiles is not None else DASH, number=True),
                link_cell(index.commit_link(commit.sha)),
                Cell(text.day(commit.date), title=commit.date),
                Cell(text.line(commit.author) or DASH),
                Cell(text.cut(text.line(commit.subject), 80) or DASH),
            )
        )
        before = item
    names = ("MD5", "size", "files", "commit", "date", "by", "subject")
    columns = tuple(Column(name, number=name in ("size", "files")) for name in names)
    return Table(columns, tuple(reversed(rows[-50:])))


def _size(item: Dataset, before: Dataset | None) -> Cell:
    """The size, with what it grew or shrank by."""
    shown = Cell(text.size(item.size) or DASH, number=True)
    if before is None or item.size is None or before.size is None or item.size == before.size:
        return shown
    grown = item.size - before.size
    moved = f"{'+' if grown > 0 else '−'}{text.size(abs(grown))}"
    return replace(shown, delta=moved, title=f"{text.size(before.size)} before")


def problems(index: Index) -> ProblemsPage:
    """Files that could not be read, and values that are not there, grouped by file."""
    grouped: dict[str, list[tuple[bool, tuple[Cell, ...]]]] = {}
    for path, now, cells in _problem_rows(index):
        grouped.setdefault(path, []).append((now, cells))
    order = sorted(grouped, key=lambda path: (not any(now for now, _ in grouped[path]), path))
    total = sum(map(len, grouped.values()))
    files, room = [], MOST_PROBLEMS
    for path in order:
        if room > 0:
            files.append(_problem_file(path, grouped[path], room))
            room -= len(grouped[path])
    return ProblemsPage(
        tuple(files), total, max(0, -room) + _left(order[len(files) :], grouped), total > MOST_OPEN
    )


def _left(paths: Iterable[str], grouped: Mapping[str, Sequence[object]]) -> int:
    return sum(len(grouped[path]) for path in paths)


def _problem_rows(index: Index) -> Iterator[tuple[str, bool, tuple[Cell, ...]]]:
    """(file, whether HEAD has it, cells) of each problem and each unreadable value."""
    head = index.catalog.head
    for item in index.catalog.problems:
        now = item.commit is None or item.commit == head
        yield item.path, now, (_reason(item.reason), _commit(index, item.since), _last(index, item))
    unreadable = State.UNREADABLE  # looked up once: there may be a million values
    for run in index.catalog.runs:
        for found in (*run.metrics, *run.params):
            if found.state is unreadable:
                where = link_cell(index.run_link(run))
                cells = (_reason(found.reason or "could not be read"), _commit(index, run.commit), where)
                yield found.path, run.id in index.current, cells


def _problem_file(path: str, rows: list[tuple[bool, tuple[Cell, ...]]], room: int) -> ProblemFile:
    shown = [cells for _, cells in sorted(rows, key=lambda row: not row[0])][:room]
    columns = (Column("what is wrong"), Column("since"), Column("where"))
    name = text.line(path) or "the repository"
    return ProblemFile(
        name=name,
        table=Table(columns, tuple(shown), f"What is wrong with {name}"),
        count=text.plural(len(rows), "problem"),
        gone=not any(now for now, _ in rows),
    )


def _reason(words: str) -> Cell:
    return Cell(text.cut(text.line(words), 500))


def _last(index: Index, item: Problem) -> Cell:
    if item.commit is None:
        return Cell("the repository as it stands")
    if item.commit == index.catalog.head:
        return Cell("still so at HEAD")
    link = index.commit_link(item.commit)
    return Cell(f"last in {link.text}", title=link.title, href=link.href)


def _commit(index: Index, sha: str | None) -> Cell:
    if not sha:
        return ABSENT
    commit, link = index.commit(sha), index.commit_link(sha)
    day = text.day(commit.date) if commit else ""
    return Cell(f"{link.text} {day}".rstrip(), title=link.title, href=link.href)
