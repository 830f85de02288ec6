"""Changes: what each commit did to runs, data and specs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelbook import diff
from modelbook.pages import text
from modelbook.pages.cells import ABSENT, DASH, TONES, Cell, Column, Table, cell, link_cell
from modelbook.pages.index import Index, Link, best, better, number
from modelbook.records import WORKSPACE, Dataset, MetricInfo, Run, Snapshot

MOST_ROWS = 200
"""Commits on the changes page; older ones keep their own pages, which every newer one leads to."""

MOST_CHANGES = 300
"""Rows of one table on a commit's page."""


@dataclass(frozen=True, slots=True)
class Row:
    """A commit in the list.

    Attributes:
        changed: whether it made a run, or took one away, or changed data, specs or a problem.
        words: what it changed, a few short phrases.
        headlines: the best new value of each pipeline's headline metric: (metric, value, delta, tone).
    """

    link: Link
    subject: str
    author: str
    date: str
    refs: tuple[str, ...]
    words: tuple[str, ...]
    headlines: tuple[tuple[str, Cell, str, str], ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """`changes/`, newest first."""

    rows: tuple[Row, ...]
    more: int
    next: Link | None


@dataclass(frozen=True, slots=True)
class CommitPage:
    """`commits/SHA/`: against its first parent."""

    short: str
    sha: str
    subject: str
    body: str
    facts: tuple[tuple[str, Link], ...]
    refs: tuple[str, ...]
    base: Link | None
    children: tuple[Link, ...]
    words: tuple[str, ...]
    added: Table | None
    removed: Table | None
    metrics: Table | None
    params: Table | None
    data: Table | None
    specs: Table | None
    more: int
    problems: tuple[tuple[str, str], ...]
    held: int


class History:
    """Snapshots in line: what each holds, and what it stands on."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.held: dict[str, dict[str, Run]] = {sha: {} for sha in index.snapshots}
        for run in index.catalog.runs:
            for sha in run.commits:
                if sha in self.held:
                    self.held[sha][f"{run.pipeline}/{run.name}"] = run
        self.children: dict[str, list[str]] = {}
        for snapshot in index.catalog.snapshots:
            for parent in snapshot.commit.parents:
                self.children.setdefault(parent, []).append(snapshot.commit.sha)

    def base(self, snapshot: Snapshot) -> Snapshot | None:
        """The snapshot of its first parent."""
        parents = snapshot.commit.parents
        return self.index.snapshots.get(parents[0]) if parents else None

    def pairs(self, snapshot: Snapshot) -> tuple[list[tuple[Run, Run]], list[Run], list[Run]]:
        """(changed pairs, added, removed) runs, by their names, against the first parent."""
        base = self.base(snapshot)
        old = self.held.get(base.commit.sha, {}) if base else {}
        new = self.held.get(snapshot.commit.sha, {})
        changed = [(old[key], new[key]) for key in sorted(set(old) & set(new)) if old[key].id != new[key].id]
        added = [new[key] for key in sorted(set(new) - set(old))]
        return changed, added, [old[key] for key in sorted(set(old) - set(new))]


def rows(index: Index, history: History) -> tuple[Row, ...]:
    """Every commit, newest first."""
    return tuple(_row(index, history, snapshot) for snapshot in index.catalog.snapshots)


def listing(rows: Sequence[Row]) -> ChangesPage:
    """The newest commits."""
    shown = tuple(rows[:MOST_ROWS])
    following = rows[MOST_ROWS].link if len(rows) > MOST_ROWS else None
    return ChangesPage(shown, len(rows) - len(shown), following)


def _row(index: Index, history: History, snapshot: Snapshot) -> Row:
    changed, added, removed = history.pairs(snapshot)
    base = history.base(snapshot)
    words = _words(changed, added, removed, _data(base, snapshot), _specs(base, snapshot))
    commit = snapshot.commit
    return Row(
        link=index.commit_link(commit.sha),
        subject=text.cut(text.line(commit.subject)) or "files not committed yet",
        author=text.line(commit.author),
        date=text.day(commit.date),
        refs=tuple(map(text.line, commit.refs)),
        words=words,
        headlines=_headlines(index, [new for _, new in changed] + added, history, base),
        changed=bool(words),
    )


def _words(
    changed: Sequence[object],
    added: Sequence[object],
    removed: Sequence[object],
    data: Sequence[object],
    specs: Sequence[object],
) -> tuple[str, ...]:
    counts = (
        (added, "new run", ""),
        (changed, "changed run", ""),
        (removed, "run gone", "runs gone"),
        (data, "dataset changed", "datasets changed"),
        (specs, "spec edited", "specs edited"),
    )
    return tuple(text.plural(len(items), one, many) for items, one, many in counts if items)


def _headlines(
    index: Index, made: Sequence[Run], history: History, base: Snapshot | None
) -> tuple[tuple[str, Cell, str, str], ...]:
    before = list(history.held.get(base.commit.sha, {}).values()) if base else []
    found = []
    for pipeline, info in index.headlines.items():
        top = best([run for run in made if run.pipeline == pipeline], info)
        if top is None:
            continue
        old = best([run for run in before if run.pipeline == pipeline], info)
        change, tone = _delta(top, old, info)
        shown = cell(top.metric(info.name), info, index.run_link(top).href)
        found.append((text.line(info.name), shown, change, tone))
    return tuple(found)


def _delta(new: Run, old: Run | None, info: MetricInfo) -> tuple[str, str]:
    now, then = number(new, info.name), number(old, info.name) if old else None
    if now is None or then is None:
        return "", ""
    return text.delta(now - then, info), TONES[better(now - then, info)]


def _data(base: Snapshot | None, head: Snapshot) -> tuple[diff.DatasetChange, ...]:
    old = Snapshot(commit=base.commit, datasets=base.datasets) if base else None
    return diff.snapshots(old, Snapshot(commit=head.commit, datasets=head.datasets)).datasets


def _specs(base: Snapshot | None, head: Snapshot) -> list[tuple[str, str]]:
    old = {item.path: item.blob for item in base.specs} if base else {}
    new = {item.path: item.blob for item in head.specs}
    says = {(False, True): "added", (True, False): "removed", (True, True): "edited"}
    return [
        (path, says[path in old, path in new])
        for path in sorted(set(old) | set(new))
        if old.get(path) != new.get(path)
    ]


def page(index: Index, history: History, snapshot: Snapshot) -> CommitPage:
    """One commit."""
    commit, base = snapshot.commit, history.base(snapshot)
    changed, added, removed = history.pairs(snapshot)
    data, specs = _data(base, snapshot), _specs(base, snapshot)
    metrics, params = _values(index, changed)
    return CommitPage(
        short=commit.short,
        sha=commit.sha,
        subject=text.line(commit.subject) or "Files not committed yet",
        body=commit.body,
        facts=_facts(index, snapshot),
        refs=tuple(map(text.line, commit.refs)),
        base=index.commit_link(base.commit.sha) if base else None,
        children=tuple(index.commit_link(sha) for sha in history.children.get(commit.sha, ())[:10]),
        words=_words(changed, added, removed, data, specs),
        added=_runs(index, added),
        removed=_runs(index, removed),
        metrics=_table("metric", metrics),
        params=_table("param", params),
        data=_data_table(data),
        specs=_spec_table(index, commit.sha, specs),
        more=max(0, max(len(metrics), len(params), len(added), len(removed)) - MOST_CHANGES),
        problems=tuple((text.line(item.path), text.line(item.reason)) for item in snapshot.problems),
        held=len(history.held.get(commit.sha, {})),
    )


def _facts(index: Index, snapshot: Snapshot) -> tuple[tuple[str, Link], ...]:
    commit = snapshot.commit
    web = index.forge("commit", commit.sha)
    rows = (
        ("date", Link(text.day(commit.date), title=commit.date)),
        ("author", Link(commit.author)),
        ("commit", Link(commit.sha if commit.sha != WORKSPACE else "", web)),
        ("parents", Link(", ".join(sha[:7] for sha in commit.parents))),
    )
    return tuple((name, link) for name, link in rows if link.text)


def _runs(index: Index, runs: Sequence[Run]) -> Table | None:
    if not runs:
        return None
    columns = (Column("run"), Column("experiment"), Column("metric"), Column("value", number=True))
    made = []
    for run in runs[:MOST_CHANGES]:
        info = index.headlines.get(run.pipeline)
        shown = cell(run.metric(info.name), info) if info else ABSENT
        name = Cell(text.line(info.name) if info else DASH)
        made.append(
            (link_cell(index.run_link(run)), link_cell(index.experiment_link(run.experiment)), name, shown)
        )
    return Table(columns, tuple(made))


Change = tuple[Link, str, Cell, Cell, Cell]


def _values(index: Index, pairs: Iterable[tuple[Run, Run]]) -> tuple[list[Change], list[Change]]:
    """(metrics, params) that are not what they were, of runs that have kept their name."""
    metrics: list[Change] = []
    params: list[Change] = []
    for old, new in pairs:
        found, link = diff.runs(old, new, index.catalog.metrics), index.run_link(new)
        metrics += (_metric(index, link, change) for change in found.metrics)
        params += (
            (link, text.line(change.name), cell(change.before), cell(change.after), ABSENT)
            for change in found.params
        )
    return metrics, params


def _metric(index: Index, run: Link, change: diff.MetricChange) -> Change:
    info = index.infos.get(change.name)
    shown = ABSENT
    if change.delta is not None:
        tone = TONES[change.better]
        shown = Cell(text.delta(change.delta, info), number=True, tone=tone)
    return run, text.line(change.name), cell(change.before, info), cell(change.after, info), shown


def _table(what: str, found: Sequence[Change]) -> Table | None:
    if not found:
        return None
    columns = (
        Column("run"),
        Column(what),
        *(Column(name, number=True) for name in ("before", "after", "change")),
    )
    made = tuple(
        (link_cell(run), Cell(name), then, now, delta) for run, name, then, now, delta in found[:MOST_CHANGES]
    )
    return Table(columns, made)


def _data_table(found: Sequence[diff.DatasetChange]) -> Table | None:
    if not found:
        return None
    columns = tuple(
        map(Column, ("dataset", "change", "hash before", "hash after", "size before", "size after"))
    )
    made = tuple(
        (
            Cell(text.line(change.path)),
            Cell(change.kind),
            *(Cell(_md5(item)[:12] or DASH, title=_md5(item)) for item in (change.before, change.after)),
            *(
                Cell(text.size(item.size if item else None) or DASH, number=True)
                for item in (change.before, change.after)
            ),
        )
        for change in found[:MOST_CHANGES]
    )
    return Table(columns, made)


def _md5(item: Dataset | None) -> str:
    return (item.md5 if item else None) or ""


def _spec_table(index: Index, sha: str, found: Sequence[tuple[str, str]]) -> Table | None:
    if not found:
        return None
    made = tuple(
        (
            Cell(text.line(path), href=index.forge("blob", sha, path) if done != "removed" else None),
            Cell(done),
        )
        for path, done in found[:MOST_CHANGES]
    )
    return Table((Column("spec"), Column("change")), made)
