"""Changes: what each commit did to runs, data and specs, in a line or two each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from modelbook import diff, verdict
from modelbook.judge import better
from modelbook.pages import text
from modelbook.pages.cells import TONES, Cell, cell
from modelbook.pages.index import Index, Link, number
from modelbook.records import MetricInfo, Run, Snapshot

MOST_ROWS = 200
"""Commits on one page of changes; older ones follow on the next."""

LONG = 50
"""With more commits than these, of which most changed no result, the list starts with those that did."""

MOST_PHRASES = 6
"""Changes to models that a commit's line names."""


class Headline(msgspec.Struct, frozen=True, gc=False):
    """The best run of a pipeline that a commit made or changed.

    Attributes:
        says: `new`, `changed`, or `best` when no other run of that commit is as good.
        value: its headline metric; the delta is against what was best before, for a run that is not the
            best against that same run before, and for a new run that is not the best there is none.
    """

    says: str
    run: Link
    metric: str
    value: Cell


class Row(msgspec.Struct, frozen=True, gc=False):
    """A commit in the list.

    Attributes:
        changed: whether it made a run, or took one away, or changed data, specs or models.
        words: what it changed, a few short phrases.
        headlines: of each pipeline, the best run that it made or changed.
        better, worse: how many runs it changed whose headline metric moved that way.
    """

    link: Link
    subject: str
    author: str
    date: str
    refs: tuple[str, ...]
    words: tuple[str, ...]
    headlines: tuple[Headline, ...]
    changed: bool
    better: int
    worse: int


class ChangesPage(msgspec.Struct, frozen=True, gc=False):
    """A page of `changes/`, newest first.

    Attributes:
        lists: (label, address, whether it is this one): only what changed results, and everything.
        newer, older: the pages beside this one. span: which of the list's commits stand here.
    """

    rows: tuple[Row, ...]
    lists: tuple[tuple[Link, bool], ...]
    newer: Link | None
    older: Link | None
    span: str


class History:
    """Snapshots in line: what each holds, and what it stands on."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.held: dict[str, list[Run]] = {sha: [] for sha in index.snapshots}
        for run in index.catalog.runs:
            for sha in run.commits:
                if sha in self.held:
                    self.held[sha].append(run)
        self._pairs: dict[str, tuple[list[tuple[Run, Run]], list[Run], list[Run]]] = {}
        self._tops: dict[tuple[str, str], Run | None] = {}
        self._alike: dict[str, Hashable] = {}

    def top(self, sha: str, pipeline: str) -> Run | None:
        """The best run of a pipeline that a commit holds; found once."""
        if (sha, pipeline) not in self._tops:
            self._tops[sha, pipeline] = self.index.best(self.held.get(sha, ()), pipeline)
        return self._tops[sha, pipeline]

    def base(self, snapshot: Snapshot) -> Snapshot | None:
        """The snapshot of its first parent."""
        parents = snapshot.commit.parents
        return self.index.snapshots.get(parents[0]) if parents else None

    def pairs(self, snapshot: Snapshot) -> tuple[list[tuple[Run, Run]], list[Run], list[Run]]:
        """(changed or renamed pairs, added, removed) runs against the first parent; found once."""
        found = self._pairs.get(snapshot.commit.sha)
        if found is None:
            found = self._pairs[snapshot.commit.sha] = self._find(snapshot)
        return found

    def likeness(self, run: Run) -> Hashable:
        """As `verdict.likeness`; found once, for a run comes once and goes once."""
        if run.id not in self._alike:
            self._alike[run.id] = verdict.likeness(run)
        return self._alike[run.id]

    def _find(self, snapshot: Snapshot) -> tuple[list[tuple[Run, Run]], list[Run], list[Run]]:
        base = self.base(snapshot)
        old = self.held.get(base.commit.sha, []) if base else []
        pairs = verdict.changed(old, self.held[snapshot.commit.sha], self.likeness)
        changed = [(pair.before, pair.after) for pair in pairs if pair.before and pair.after]
        added = [pair.after for pair in pairs if pair.after and not pair.before]
        return changed, added, [pair.before for pair in pairs if pair.before and not pair.after]


def rows(index: Index, history: History) -> tuple[Row, ...]:
    """Every commit, newest first."""
    return tuple(_row(index, history, snapshot) for snapshot in index.catalog.snapshots)


def listings(rows: Sequence[Row]) -> Iterator[tuple[str, ChangesPage]]:
    """(address, page) of every page of the list of commits and of the list of those that changed something.

    The one that is worth more stands at `changes/`, the other below it. One list alone when they are equal.
    """
    told = [row for row in rows if row.changed]
    everything = (f"All commits ({len(rows):,})", "all", list(rows))
    results = (f"Those that changed runs, data, specs or models ({len(told):,})", "results", told)
    sparse = len(rows) > LONG and 0 < len(told) * 2 < len(rows)
    first, other = (results, everything) if sparse else (everything, results)
    series = [first, other] if 0 < len(told) < len(rows) else [everything]
    links = [Link(label, _list_href("" if at == 0 else name)) for at, (label, name, _) in enumerate(series)]
    for at, (_, name, held) in enumerate(series):
        lists = tuple((link, place == at) for place, link in enumerate(links)) if len(links) > 1 else ()
        yield from _pages("" if at == 0 else name, held, lists)


def _pages(
    name: str, rows: Sequence[Row], lists: tuple[tuple[Link, bool], ...]
) -> Iterator[tuple[str, ChangesPage]]:
    starts = range(0, max(1, len(rows)), MOST_ROWS)
    for place, start in enumerate(starts):
        end = min(len(rows), start + MOST_ROWS)
        newer = Link("Newer", _list_href(name, place)) if place else None
        older = Link("Older", _list_href(name, place + 2)) if end < len(rows) else None
        span = f"{start + 1:,} to {end:,} of {len(rows):,}" if len(starts) > 1 else ""
        yield _list_href(name, place + 1), ChangesPage(tuple(rows[start:end]), lists, newer, older, span)


def _list_href(name: str, number: int = 1) -> str:
    parts = ["changes", *([name] if name else []), *([str(number)] if number > 1 else []), "index.html"]
    return "/".join(parts)


def _row(index: Index, history: History, snapshot: Snapshot) -> Row:
    changed, added, removed = history.pairs(snapshot)
    base = history.base(snapshot)
    words = summary(changed, added, removed, data(base, snapshot), specs(base, snapshot))
    words += registry(base, snapshot)
    commit = snapshot.commit
    moves = _moves(index, changed)
    return Row(
        link=index.commit_link(commit.sha),
        subject=text.cut(text.line(commit.subject)) or "files not committed yet",
        author=text.line(commit.author),
        date=text.day(commit.date),
        refs=tuple(map(text.line, commit.refs)),
        words=words,
        headlines=_headlines(index, history, snapshot),
        changed=bool(words),
        better=moves.count(True),
        worse=moves.count(False),
    )


def _moves(index: Index, changed: Sequence[tuple[Run, Run]]) -> list[bool]:
    """Of each changed run whose headline metric moved, whether it got better."""
    found = []
    for old, new in changed:
        info = index.headlines.get(new.pipeline)
        now, then = (number(run, info.name) if info else None for run in (new, old))
        if now is not None and then is not None and (moved := better(info, then, now)) is not None:
            found.append(moved)
    return found


def summary(
    changed: Sequence[object],
    added: Sequence[object],
    removed: Sequence[object],
    data: Sequence[object],
    specs: Sequence[object],
) -> tuple[str, ...]:
    """What a commit changed, a few short phrases."""
    counts = (
        (added, "new run", ""),
        (changed, "changed run", ""),
        (removed, "run gone", "runs gone"),
        (data, "dataset changed", "datasets changed"),
        (specs, "spec changed", "specs changed"),
    )
    return tuple(text.plural(len(items), one, many) for items, one, many in counts if items)


def _headlines(index: Index, history: History, snapshot: Snapshot) -> tuple[Headline, ...]:
    changed, added, _ = history.pairs(snapshot)
    if not changed and not added:
        return ()
    base = history.base(snapshot)
    now, then = snapshot.commit.sha, base.commit.sha if base else ""
    found = []
    for pipeline, info in index.headlines.items():
        before: dict[str, Run | None] = {run.id: None for run in added if run.pipeline == pipeline}
        before |= {new.id: old for old, new in changed if new.pipeline == pipeline}
        made = index.best([run for run in history.held[now] if run.id in before], pipeline)
        if made is None:
            continue
        top, old = (history.top(sha, pipeline) for sha in (now, then))
        found.append(_headline(index, info, made, before[made.id], top, old))
    return tuple(found)


def _headline(
    index: Index, info: MetricInfo, made: Run, before: Run | None, top: Run | None, old: Run | None
) -> Headline:
    """Of the best run made, what it was before, and the best of all runs now and then."""
    says = "best" if top is made and old else "changed" if before else "new"
    against = old if says == "best" else before
    shown = cell(made.metric(info.name), info, index.run_link(made).href)
    now, then = number(made, info.name), number(against, info.name) if against else None
    if against is not None and now is not None and then is not None:
        what = f"the best before, {text.line(against.name)}" if says == "best" else "this run before"
        title = f"against {what}: {text.value(then, info)}"
        tone = TONES[better(info, then, now)]
        shown = replace(shown, delta=text.delta(now - then, info), delta_tone=tone, title=title)
    return Headline(says, index.run_link(made), text.line(info.name), shown)


def registry(base: Snapshot | None, head: Snapshot) -> tuple[str, ...]:
    """What a commit did to registered models, a short phrase each."""
    old, new = (_registered(snapshot) for snapshot in (base, head))
    phrases = []
    for (name, kind, key), value in sorted(new.items()):
        if old.get((name, kind, key)) != value:
            says = {"version": f"{name} {key} registered", "environment": f"{name} {value} in {key}"}[kind]
            phrases.append(text.line(says))
    for name, kind, key in sorted(old.keys() - new.keys()):
        says = {"version": f"{name} {key} withdrawn", "environment": f"{name} out of {key}"}[kind]
        phrases.append(text.line(says))
    more = len(phrases) - MOST_PHRASES
    return (*phrases[:MOST_PHRASES], *((f"{more} more model changes",) if more > 0 else ()))


def _registered(snapshot: Snapshot | None) -> dict[tuple[str, str, str], str]:
    """(model, `version` or `environment`, its name) -> run or version."""
    models = snapshot.project.models if snapshot and snapshot.project else ()
    found = {(item.name, "version", version): run for item in models for version, run in item.versions}
    return found | {
        (item.name, "environment", name): version for item in models for name, version in item.environments
    }


def data(base: Snapshot | None, head: Snapshot) -> tuple[diff.DatasetChange, ...]:
    """Datasets that are not what they were."""
    old = Snapshot(commit=base.commit, datasets=base.datasets) if base else None
    return diff.snapshots(old, Snapshot(commit=head.commit, datasets=head.datasets)).datasets


def specs(base: Snapshot | None, head: Snapshot) -> list[tuple[str, str]]:
    """(path, `added`, `removed` or `edited`) of specs that are not what they were."""
    old = {item.path: item.blob for item in base.specs} if base else {}
    new = {item.path: item.blob for item in head.specs}
    says = {(False, True): "added", (True, False): "removed", (True, True): "edited"}
    return [
        (path, says[path in old, path in new])
        for path in sorted(set(old) | set(new))
        if old.get(path) != new.get(path)
    ]
