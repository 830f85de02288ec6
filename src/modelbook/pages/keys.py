"""What a bulk page derives from, as a short digest: while its key stays, a page need not be made again.

A key holds the records a page shows, and what the rest of the Catalog says of them. Whoever makes a page of
an experiment, of a run or of a commit show something else brings it in here; `tests/test_keys.py` compares
pages with keys over all kinds of changes, and lists what pages of runs and experiments look up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from modelbook import verdict
from modelbook.pages import ledger as ledgers
from modelbook.pages.cells import MOST_BEFORE
from modelbook.pages.changes import History
from modelbook.pages.drawings import Album, is_image, moves
from modelbook.pages.experiments import MOST_RUNS
from modelbook.pages.index import Index
from modelbook.pages.inforce import InForce
from modelbook.pages.runs import MOST_COMMITS, MOST_FOLDED
from modelbook.records import WORKSPACE, Environment, Experiment, Record, Run, Snapshot, Watch, content


def digest(value: Any) -> bytes:
    """Digest of records, and of tuples and lists of them and of plain values."""
    return hashlib.blake2b(content(value), digest_size=16).digest()


@lru_cache(maxsize=64)
def _of_packages(packages: tuple[tuple[str, str], ...]) -> bytes:
    """A digest; remembered, since runs have them in common, and they are most of what is known of a run."""
    return digest(packages)


def _all_but(record: type[Record], *names: str) -> attrgetter[tuple[Any, ...]]:
    """Reads the fields of a record, but for some."""
    return attrgetter(*(name for name in record.__struct_fields__ if name not in names))


_of_run = _all_but(Run, "commits", "spec", "environments")
_of_environment = _all_but(Environment, "packages")
_OF_SNAPSHOTS = tuple(
    name for name in Snapshot.__struct_fields__ if name not in ("commit", "project", "params")
)


def watch(items: Sequence[Watch], at: int, held: InForce) -> str:
    """The key of the page of a batch; `items` are those of its monitor that have pages."""
    beside = [item.batch for item in items[max(0, at - 1) : at + 2]]
    same = any(item.batch == items[at].same_as for item in items)
    return digest([items[at], beside, same, held]).hex()


class Results:
    """Digests of runs, without the commits that hold them, and of how their metrics are read.

    Attributes:
        known: by the ids of the runs, as far as anybody has asked, or has found them in another process.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self.known: dict[str, bytes] = {}
        self._shared: dict[int, bytes] = {}
        self._readings: dict[tuple[str, tuple[str, ...]], bytes] = {}

    def of(self, run: Run) -> bytes:
        """The digest of a run."""
        found = self.known.get(run.id)
        if found is None:
            ran_on = [(_of_environment(item), _of_packages(item.packages)) for item in run.environments]
            names = tuple([value.name for value in run.metrics])
            parts = (_of_run(run), ran_on, self.one(run.spec), self._reading(run.pipeline, names))
            found = self.known[run.id] = digest(parts)
        return found

    def of_all(self) -> dict[str, bytes]:
        """Run -> digest."""
        return {run.id: self.of(run) for run in self._index.catalog.runs}

    def one(self, item: Record | None) -> bytes:
        """The digest of a record that others hold too; it is looked at once."""
        found = self._shared.get(id(item))
        if found is None:
            found = self._shared[id(item)] = digest(item)
        return found

    def _reading(self, pipeline: str, names: tuple[str, ...]) -> bytes:
        """How metrics of these names are read, which most runs of a pipeline have in common."""
        found = self._readings.get((pipeline, names))
        if found is None:
            index = self._index
            infos = [index.infos.get(name) for name in names]
            found = self._readings[pipeline, names] = digest([infos, index.headlines.get(pipeline)])
        return found


class Keys:
    """Keys of the pages of one Catalog, which must outlive it: what records share is looked at once."""

    def __init__(self, index: Index, history: History, ledger: ledgers.Ledger, results: Results) -> None:
        self._index, self._history, self._ledger, self._results = index, history, ledger, results
        self._known: dict[int, bytes] = {}
        self._subjects = {sha: item.commit.subject for sha, item in index.snapshots.items()}
        project = index.catalog.project
        datasets = [(item.path, item.name) for item in index.catalog.datasets]
        self._all = digest([project.url, project.metrics, datasets])

    def run(self, run: Run, album: Album) -> str:
        """The key of a run's page, with what the album has room for."""
        index = self._index
        held = run.commits[: MOST_COMMITS + MOST_FOLDED]
        said = [
            [self._subjects.get(sha) for sha in (run.commit, run.baseline, *held)],
            held,
            len(run.commits),
            run.id in index.current,
            run.experiment in index.experiments,
            index.pipeline_link(run.pipeline),
            index.reproductions.get(run.id),
            [(item.id, item.name) for item in (*index.neighbours(run), index.tops.get(run.pipeline)) if item],
            [
                (model.name, model.info, [item for item in model.versions if item.run == run.id])
                for model, _ in index.registered.get(run.id, ())
            ],
            [album.full(blob) for plot in run.plots if is_image(plot) for _, blob in plot.files[:1] if blob],
        ]
        trail = index.trail(run).last(run, MOST_BEFORE + 1)
        return self._joined(digest(said), *map(self._results.of, trail))

    def experiment(self, item: Experiment) -> str:
        """The key of an experiment's page."""
        index = self._index
        runs = [index.runs[name] for name in item.runs if name in index.runs]
        said = [
            item,
            index.spec_file(item),
            index.pipeline_link(item.pipeline),
            index.headlines.get(item.pipeline),
            [link.name in index.experiments for link in (item.spec.chain if item.spec else ())],
            [(run.commit in index.snapshots, self._subjects.get(run.commit)) for run in runs[:MOST_RUNS]],
            [(commit.sha, commit.date, [run.id for run in held]) for commit, held in moves(index, item)],
        ]
        return self._joined(digest(said), *map(self._results.of, runs))

    def commit(self, sha: str) -> str:
        """The key of a commit's page; none for that of the working tree, which is made each time."""
        if sha == WORKSPACE:
            return ""
        index, history, ledger = self._index, self._history, self._ledger
        snapshot = index.snapshots[sha]
        base = history.base(snapshot)
        changed, added, removed = history.pairs(snapshot)
        runs = [*(run for pair in changed for run in pair), *added, *removed]
        in_force = [verdict.in_force(item) for item in (base, snapshot)]
        if runs or in_force[0] != in_force[1]:  # the best of all of them is on the page
            named = [self._index.runs.get(run) for held in in_force for run in held.values()]
            held = [
                *history.held[sha],
                *(history.held[base.commit.sha] if base else ()),
                *filter(None, named),
            ]
            runs += held
        said = [
            snapshot.commit,
            list(map(index.commit_link, snapshot.commit.parents)),
            [index.commit_link(child) for child in index.children.get(sha, ())[:10]],
            len(history.held[sha]),
            [len(changed), len(added), len(removed)],
            [run.experiment in index.experiments for run in removed],
            list(index.headlines.items()),
            [pipeline.name for pipeline in index.pipelines],
            self._against(sha),
            ledger.code[sha],
            ledger.commit(sha, (run.id for run in history.held[sha])),
        ]
        whole = [self._snapshot(item) for item in (snapshot, base) if item]
        return self._joined(digest(said), *whole, *(self._results.of(run) for run in runs))

    def _against(self, sha: str) -> list[Any]:
        """What a commit may be compared with: the best run of each pipeline."""
        index = self._index
        return [
            (run.id, run.name, run.commit, run.commit in index.snapshots, sha in run.commits)
            for run in index.tops.values()
            if run
        ]

    def _joined(self, *digests: bytes) -> str:
        return hashlib.blake2b(b"".join((self._all, *digests)), digest_size=12).hexdigest()

    def _snapshot(self, snapshot: Snapshot) -> bytes:
        parts = (self._each(getattr(snapshot, name)) for name in _OF_SNAPSHOTS)
        return b"".join((self._results.one(snapshot.project), *parts))

    def _each(self, items: tuple[Record, ...]) -> bytes:
        """Digest of records that others hold too; alike snapshots share whole tuples of them."""
        found = self._known.get(id(items))
        if found is None:
            parts = b"".join([self._results.one(item) for item in items])
            found = self._known[id(items)] = hashlib.blake2b(parts, digest_size=16).digest()
        return found
