"""What every commit holds, as data from which any two are compared; described in assets/changes-data.js.

A thousand commits hold nearly the same things. So each distinct stage, dataset, spec, environment and model
stands in the data once, with a number, and a commit's data is lists of numbers. Numbers are given from the
oldest commit on: a new commit adds to them and changes none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import msgspec

from modelbook._paths import parents
from modelbook.pages import text
from modelbook.pages.index import Index, rule
from modelbook.records import (
    WORKSPACE,
    CodeChange,
    Commit,
    Environment,
    FileChange,
    MetricInfo,
    ModelVersion,
    Snapshot,
    Stage,
)

SHARD = 300_000
"""Bytes of JSON, about, in one file of numbered facts or of changed files."""

LONGEST = 600
MOST_PATHS = 60
MOST_PACKAGES = 1_500

Code = Callable[[Commit], CodeChange | None]
"""A commit -> what it did to files; None when nobody can tell."""

_DVCS = ("dvc.lock", ".dvc")


class Ledger:
    """The facts of all commits, numbered, and what each commit did to files.

    Attributes:
        held: commit -> kind of fact -> numbers, in order.
        facts: by number.
        code: commit -> what it did to files.
        numbers: commit -> its number, oldest first; so for `runs`, by id.
    """

    def __init__(self, index: Index, code: Code) -> None:
        self.facts: list[Any] = []
        self._known: dict[Hashable, int] = {}
        self._seen: dict[int, int] = {}
        snapshots = tuple(reversed(index.catalog.snapshots))
        self.numbers = {item.commit.sha: number for number, item in enumerate(snapshots)}
        self.runs = {run.id: number for number, run in enumerate(reversed(index.catalog.runs))}
        self.held = {item.commit.sha: self._of(item) for item in snapshots}
        self.code = {item.commit.sha: code(item.commit) for item in snapshots}

    def _of(self, snapshot: Snapshot) -> dict[str, list[int]]:
        models = snapshot.project.models if snapshot.project else ()
        live = (item for item in snapshot.stages if not item.orphan and not item.aside)
        return {
            "stages": self._all(live, _stage),
            "datasets": self._all(
                snapshot.datasets, lambda item: [item.path, item.md5, item.size, item.nfiles]
            ),
            "specs": self._all(snapshot.specs, lambda item: [item.path, (item.blob or "")[:12]]),
            "environments": self._all(snapshot.environments, self._environment),
            "models": self._all(
                models,
                lambda item: [item.name, list(map(list, item.versions)), list(map(list, item.environments))],
            ),
        }

    def _all(self, items: Iterable[Any], fact: Callable[[Any], Any]) -> list[int]:
        """The numbers of facts, each once; a record that many commits share is looked at once."""
        found: set[int] = set()
        for item in items:
            number = self._seen.get(id(item))
            if number is None:
                number = self._seen[id(item)] = self._number(fact(item))
            found.add(number)
        return sorted(found)

    def _number(self, fact: Any) -> int:
        key = msgspec.msgpack.encode(fact, order=None)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.facts)
            self.facts.append(fact)
        return number

    def _environment(self, item: Environment) -> list[Any]:
        """What a stage ran on, without what differs each time; packages are a fact of their own."""
        packages = self._number([list(pair) for pair in item.packages[:MOST_PACKAGES]])
        machine = [item.python, item.platform, item.cpu, item.cores, item.memory, list(item.gpus)]
        return [*machine, packages if item.packages else None]

    def shards(self) -> tuple[list[int], list[list[Any]]]:
        """(the first number of each shard, the facts in each)."""
        return _cut(self.facts)

    def commit(self, sha: str, runs: Iterable[str]) -> dict[str, Any]:
        """The data of one commit."""
        held = {kind: numbers for kind, numbers in self.held[sha].items() if numbers}
        return {"version": 1, "sha": sha, "runs": sorted(self.runs[run] for run in runs), **held}


def _stage(stage: Stage) -> list[Any]:
    return [
        stage.address,
        text.cut(stage.cmd, LONGEST),
        sorted({item.path for item in stage.deps})[:MOST_PATHS],
        sorted({item.path for item in stage.outs})[:MOST_PATHS],
    ]


def _cut(rows: Sequence[Any]) -> tuple[list[int], list[list[Any]]]:
    """Rows in shards of about the same size, each of consecutive rows; (where each starts, the shards)."""
    starts: list[int] = []
    shards: list[list[Any]] = []
    room = 0
    for number, row in enumerate(rows):
        cost = len(msgspec.json.encode(row))
        if room < cost:
            starts.append(number)
            shards.append([])
            room = max(SHARD, cost)
        shards[-1].append(row)
        room -= cost
    return starts, shards


def made_by_stages(*snapshots: Snapshot | None) -> Callable[[str], bool]:
    """Tells whether a file is one that DVC or a stage writes, and not what a person does."""
    known = {item.path for snapshot in snapshots if snapshot for item in snapshot.artifacts}
    known |= {item.path for snapshot in snapshots if snapshot for item in snapshot.environments}
    return lambda path: path.endswith(_DVCS) or not known.isdisjoint(parents(path))


def code_shards(index: Index, ledger: Ledger) -> tuple[list[int], list[dict[str, Any]]]:
    """(the first commit of each shard, the shards): what each commit did to files, paths written once."""
    rows = [_changes(index, sha, ledger.code[sha]) for sha in ledger.numbers]
    starts, cut = _cut(rows)
    return starts, [_paths_once(shard) for shard in cut]


def _changes(index: Index, sha: str, found: CodeChange | None) -> list[Any]:
    """[rows, how many more, why there are none]."""
    if found is None:
        return [[], 0, "nobody can tell"]
    snapshot = index.snapshots[sha]
    base = index.snapshots.get(snapshot.commit.parents[0]) if snapshot.commit.parents else None
    made = made_by_stages(snapshot, base)
    rows = [_row(item, made(item.path)) for item in found.files]
    return [rows, found.more, found.reason] if found.more or found.reason else [rows]


def _row(item: FileChange, made: bool) -> list[Any]:
    flags = (1 if item.binary else 0) | (2 if made else 0)
    old, new = ((blob or "")[:10] for blob in (item.old, item.new))
    return [item.path, item.before, old, new, item.added, item.removed, flags]


def _paths_once(shard: Sequence[list[Any]]) -> dict[str, Any]:
    paths: dict[str, int] = {"": 0}
    for rows, *_ in shard:
        for row in rows:
            row[0] = paths.setdefault(row[0], len(paths))
            row[1] = paths.setdefault(row[1], len(paths))
    return {"paths": list(paths), "commits": list(shard)}


def run_index(index: Index, ledger: Ledger) -> dict[str, Any]:
    """Every run in a line, and how to read metrics."""
    experiments: dict[str, int] = {}
    pipelines: dict[str, int] = {}
    rows = [
        [
            run.id,
            text.cut(run.name, 120),
            experiments.setdefault(run.experiment, len(experiments)),
            pipelines.setdefault(run.pipeline, len(pipelines)),
            ledger.numbers.get(run.commit, -1),
        ]
        for run in reversed(index.catalog.runs)
    ]
    return {
        "version": 1,
        "runs": rows,
        "experiments": list(experiments),
        "pipelines": list(pipelines),
        "metrics": {info.name: _metric(info) for info in index.catalog.metrics},
        "headlines": {pipeline: info.name for pipeline, info in index.headlines.items()},
    }


def _metric(info: MetricInfo) -> dict[str, Any]:
    found = {
        "direction": info.direction,
        "guessed": info.guessed,
        "format": info.format,
        "unit": info.unit,
        "description": text.line(info.description),
        **rule(info),
    }
    return {key: item for key, item in found.items() if item}


def commit_index(index: Index, ledger: Ledger, facts: Sequence[int], code: Sequence[int]) -> dict[str, Any]:
    """Every commit in a line, what leads to commits, and the first number of each shard."""
    newest_last = tuple(reversed(index.catalog.snapshots))
    return {
        "version": 1,
        "commits": [_line(item.commit, ledger) for item in newest_last],
        "refs": [
            [name, ledger.numbers[item.commit.sha]] for item in newest_last for name in item.commit.refs
        ],
        "models": [
            [model.name, [_version(index, item, ledger) for item in model.versions]]
            for model in index.catalog.models
        ],
        "head": ledger.numbers.get(index.catalog.head, -1),
        "facts": list(facts),
        "code": list(code),
    }


def _line(commit: Commit, ledger: Ledger) -> list[Any]:
    parent = ledger.numbers.get(commit.parents[0], -1) if commit.parents else -1
    subject = text.cut(text.line(commit.subject), 100) or "files not committed yet"
    sha = commit.sha if commit.sha == WORKSPACE else commit.sha[:12]
    return [sha, parent, commit.date[:16], subject]


def _version(index: Index, item: ModelVersion, ledger: Ledger) -> list[Any]:
    """[version, run, the commit its run was made at, environments]."""
    run = index.runs.get(item.run)
    commit = ledger.numbers.get(run.commit if run else item.commit, -1)
    return [item.version, item.run, commit, list(item.environments)]
