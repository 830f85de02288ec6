"""How fast a history is read: `python benchmarks/history.py [--full] [CASE...]` prints one table.

Each case is a synthetic, real Git and DVC repository, made here. All times are CPU seconds of the process and
its children (user + system), so that a busy machine matters less; the best of a few rounds counts for ours
and for the limit, and DVC runs once. The columns:

    DVC           `dvc exp show -A --json` with an empty site cache folder
    cold          our reading of every commit, up to the Catalog, without a cache
    first         the same with a cache that is empty, and is written
    second        our reading with that cache, after one new commit, up to the Catalog
    limit         walking the commits and reading, once each, the blobs that a reader must look into, by
                  pygit2 as it comes: it works out every object's hash again
    bare          the same without that check; our reader leaves it out, as Git does
    memory        the peak of the cold reading process

DVC takes minutes on the large cases: it is run on those of at most `DVC_COMMITS` commits, or on all with
`--full`. Where it ran, its params and metrics are compared with ours, value by value, types included.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pygit2
from pygit2.enums import FileMode, Option, SortMode

DVC_COMMITS = 100
START = 1_700_000_000
ROUNDS = 3


class Case(NamedTuple):
    """Stages, commits, experiment refs, and how many more lines each lock entry gets to be large."""

    stages: int
    commits: int
    experiments: int = 0
    extra_deps: int = 0


CASES = {
    "10x100": Case(10, 100),
    "10x1000": Case(10, 1000),
    "50x1000": Case(50, 1000),
    "50x1000+200exps": Case(50, 1000, 200),
    "10x10000": Case(10, 10_000),
    "1MB-lock": Case(200, 1000, extra_deps=40),
}


# -- a history


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Pipeline:
    """A chain of stages as it stands at one commit; each has params, a few of them metrics."""

    case: Case
    rates: list[float] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    entries: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = self.case.stages
        self.rates = [0.125] * count
        self.versions = [0] * count
        self.scores = {n: 0.5 for n in range(count) if n % 5 == 4 or n == count - 1}

    def change(self, number: int, dice: random.Random) -> None:
        """Train again with one other learning rate: three stages and one metric are new."""
        first = dice.randrange(self.case.stages)
        self.rates[first] = round(dice.random(), 6)
        measured = dice.choice(list(self.scores))
        self.scores[measured] = dice.random()
        touched = {measured}
        for stage in range(first, min(first + 3, self.case.stages)):
            self.versions[stage] = number + 1
            touched |= {stage, stage + 1}
        for stage in touched:
            self.entries.pop(stage, None)

    def files(self) -> dict[str, str]:
        found = {"dvc.yaml": self.definition(), "dvc.lock": self.lock(), "params.yaml": self.params()}
        return found | {f"metrics/m{n}.json": self.metric(n) for n in self.scores}

    def definition(self) -> str:
        lines = ["stages:"]
        for n in range(self.case.stages):
            lines += [f"  stage{n}:", f"    cmd: python src/s{n}.py", "    deps:"]
            lines += [f"    - {path}" for path in self.deps(n)]
            lines += [
                "    params:",
                f"    - s{n}.depth",
                f"    - s{n}.lr",
                "    outs:",
                f"    - data/o{n}.bin",
            ]
            if n in self.scores:
                lines += ["    metrics:", f"    - metrics/m{n}.json:", "        cache: false"]
        return "\n".join(lines) + "\n"

    def deps(self, n: int) -> list[str]:
        more = [f"src/part{n}/module_{number:03}.py" for number in range(self.case.extra_deps)]
        return [*([f"data/o{n - 1}.bin"] if n else []), f"src/s{n}.py", *more]

    def params(self) -> str:
        return "".join(
            f"s{n}:\n  lr: {self.rates[n]}\n  depth: {n}\n  name: model-{n}\n  eps: 1e-06\n"
            "  opt:\n    beta1: 0.9\n    beta2: 0.99\n"
            for n in range(self.case.stages)
        )

    def metric(self, n: int) -> str:
        score = self.scores[n]
        return json.dumps({"acc": score, "loss": {"train": 1.0, "val": 1 - score}, "rows": 1000}, indent=2)

    def lock(self) -> str:
        for n in range(self.case.stages):
            if n not in self.entries:
                self.entries[n] = self.entry(n)
        return "schema: '2.0'\nstages:\n" + "".join(self.entries[n] for n in range(self.case.stages))

    def entry(self, n: int) -> str:
        lines = [f"  stage{n}:", f"    cmd: python src/s{n}.py", "    deps:"]
        for path in self.deps(n):
            before = n and path == f"data/o{n - 1}.bin"
            lines += hashed(path, f"{path}{self.versions[n - 1] if before else ''}")
        lines += [
            "    params:",
            "      params.yaml:",
            f"        s{n}.depth: {n}",
            f"        s{n}.lr: {self.rates[n]}",
        ]
        lines += ["    outs:", *hashed(f"data/o{n}.bin", f"data/o{n}.bin{self.versions[n]}")]
        if n in self.scores:
            lines += hashed(f"metrics/m{n}.json", self.metric(n))
        return "\n".join(lines) + "\n"


def hashed(path: str, content: str) -> list[str]:
    return [
        f"    - path: {path}",
        "      hash: md5",
        f"      md5: {md5(content)}",
        f"      size: {len(content)}",
    ]


class Writer:
    """Writes commits of files straight into a repository's object store."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
        subprocess.run(["dvc", "init", "--quiet"], cwd=folder, check=True)
        self.git = pygit2.Repository(str(folder))
        self._folder = folder
        self._count = 0
        self._index = pygit2.Index()
        for path in sorted((folder / ".dvc").glob("*")):
            if path.is_file():
                self._put(f".dvc/{path.name}", path.read_bytes())
        self._known: dict[str, str] = {}

    def _put(self, path: str, content: bytes) -> None:
        self._index.add(pygit2.IndexEntry(path, self.git.create_blob(content), FileMode.BLOB))

    def commit(self, files: Mapping[str, str], parent: str | None, ref: str) -> str:
        for path, content in files.items():
            if self._known.get(path) != content:
                self._known[path] = content
                self._put(path, content.encode())
        self._count += 1
        who = pygit2.Signature("Ada", "ada@example.org", START + 600 * self._count)
        tree = self._index.write_tree(self.git)
        above = [pygit2.Oid(hex=parent)] if parent else []
        sha = str(self.git.create_commit(None, who, who, f"run {self._count}", tree, above))
        self.git.references.create(ref, sha, force=True)
        return sha

    def pack(self) -> None:
        subprocess.run(["git", "gc", "--quiet"], cwd=self._folder, check=True)
        subprocess.run(["git", "checkout", "--quiet", "--force", "main"], cwd=self._folder, check=True)


def make(folder: Path, case: Case) -> tuple[Writer, Pipeline, random.Random, str]:
    """A repository with the case's history."""
    dice = random.Random(1)  # noqa: S311 - the same history every time
    writer, pipeline = Writer(folder), Pipeline(case)
    head = None
    for number in range(case.commits):
        pipeline.change(number, dice)
        head = writer.commit(pipeline.files(), head, "refs/heads/main")
    assert head is not None  # noqa: S101
    for number in range(case.experiments):
        pipeline.change(case.commits + number, dice)
        writer.commit(pipeline.files(), head, f"refs/exps/{head[:2]}/{head[2:]}/exp-{number:04}")
    writer.pack()
    return writer, pipeline, dice, head


# -- what is measured; each runs in a process of its own


def limit(folder: Path, *, check: bool) -> int:
    """Walk and read; returns the bytes that were read. Args: check: work out the hash of every object."""
    pygit2.option(Option.ENABLE_STRICT_HASH_VERIFICATION, check)
    git = pygit2.Repository(str(folder))
    walker = git.walk(git.head.target, SortMode.TOPOLOGICAL | SortMode.TIME)
    for name in git.references:
        walker.push(git.references[name].peel(pygit2.Commit).id)
    seen: set[str] = set()
    total = 0
    for commit in walker:
        stack = [str(commit.tree_id)]
        while stack:
            tree = git[stack.pop()]
            for entry in tree:  # type: ignore[attr-defined]
                if str(entry.id) in seen:
                    continue
                seen.add(str(entry.id))
                if entry.filemode == FileMode.TREE:
                    stack.append(str(entry.id))
                elif not str(entry.name).startswith("."):
                    total += len(git.read(entry.id)[1])
    return total


def ours(folder: Path, cache_folder: Path | None) -> dict[str, float]:
    """Read up to the Catalog; and, where there is a cache, read from it and write it as a command does."""
    from modelbook import catalog, history
    from modelbook.cli.source import read_through

    began = time.process_time()
    repository = history.Repository(folder)
    cache = history.Cache(cache_folder, repository.place, repository.name) if cache_folder else None
    found = read_through(cache, repository)
    made = catalog.build(found.history, found.runs)
    seconds = time.process_time() - began
    return {"read": seconds, "runs": len(made.runs), "memory": _peak()}


def _peak() -> float:
    """Peak resident bytes of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def apart(what: str, *arguments: Path) -> dict[str, float]:
    """Measure in a new process."""
    argv = [sys.executable, __file__, "--measure", what, *map(str, arguments)]
    found: dict[str, float] = json.loads(
        subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    )
    return found


def measure(what: str, *arguments: str) -> dict[str, float]:
    paths = [Path(argument) for argument in arguments]
    if what == "ours":
        return ours(paths[0], paths[1] if len(paths) > 1 else None)
    began = time.process_time()
    limit(paths[0], check=what == "limit")
    return {"read": time.process_time() - began}


def dvc(folder: Path) -> tuple[float, list[Any]]:
    """CPU seconds of DVC, and what it said."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "DVC_SITE_CACHE_DIR": scratch, "DVC_NO_ANALYTICS": "1"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        argv = ["dvc", "exp", "show", "-A", "--json"]
        found = subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows: list[Any] = json.loads(found.stdout)
    return seconds, rows


def compared(folder: Path, rows: list[Any]) -> str:
    """How many of DVC's values are ours, and how many are not."""
    from modelbook import history

    snapshots = {snapshot.commit.sha: snapshot for snapshot in history.read(folder).snapshots}
    equal = different = 0
    for sha, data in dvc_rows(rows):
        snapshot = snapshots[sha]
        for kind in ("params", "metrics"):
            mine = {(v.path, v.key): v.value for v in getattr(snapshot, kind)}
            theirs = dict(dvc_values(data.get(kind) or {}))
            same = sum(key in mine and repr(mine[key]) == repr(value) for key, value in theirs.items())
            equal += same
            different += len(theirs.keys() | mine.keys()) - same
    return f"{equal:,} values equal, {different:,} not"


def dvc_rows(rows: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in rows:
        states = [row, *(state for exp in row.get("experiments") or () for state in exp.get("revs") or ())]
        for state in states:
            if state.get("rev") != "workspace" and state.get("data"):
                yield state["rev"], state["data"]


def dvc_values(files: Mapping[str, Any]) -> Iterator[tuple[tuple[str, tuple[str, ...]], Any]]:
    for path, content in files.items():
        stack: list[tuple[tuple[str, ...], Any]] = [((), content.get("data"))]
        while stack:
            key, value = stack.pop()
            if isinstance(value, dict):
                stack.extend([((*key, str(name)), item) for name, item in value.items()])
            else:
                yield (path, key), value


# -- the table


def run(name: str, case: Case, *, with_dvc: bool, folder: Path) -> list[str]:
    repo, cache = folder / "repo", folder / "cache"
    writer, pipeline, dice, head = make(repo, case)
    floor, bare = (min(apart(what, repo)["read"] for _ in range(ROUNDS)) for what in ("limit", "bare-limit"))
    cold = min((apart("ours", repo) for _ in range(ROUNDS)), key=lambda found: found["read"])
    first = apart("ours", repo, cache)["read"]
    seconds, rows = dvc(repo) if with_dvc else (math.nan, [])
    checked = compared(repo, rows) if with_dvc else "not run"
    pipeline.change(case.commits + case.experiments, dice)
    writer.commit(pipeline.files(), head, "refs/heads/main")
    subprocess.run(["git", "checkout", "--quiet", "--force", "main"], cwd=repo, check=True)
    kept = {path: path.read_bytes() for path in cache.iterdir()}
    second = math.inf
    for _ in range(ROUNDS):
        for path, content in kept.items():
            path.write_bytes(content)
        second = min(second, apart("ours", repo, cache)["read"])
    read = cold["read"]
    figures = [seconds, read, first, second, floor, bare]
    return [
        name,
        f"{len(pipeline.lock()) / 1000:,.0f} kB",
        *("-" if math.isnan(figure) else f"{figure:.3f}" for figure in figures),
        "-" if math.isnan(seconds) else f"{seconds / read:,.0f}",
        f"{read / floor:.1f}",
        f"{second / read:.3f}",
        f"{cold['memory'] / 1e6:.0f} MB",
        checked,
    ]


HEADS = [
    "case",
    "lock",
    "DVC",
    "cold",
    "first",
    "second",
    "limit",
    "bare",
    "DVC/cold",
    "cold/limit",
    "second/cold",
    "memory",
    "DVC's-values",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="all if left out")
    parser.add_argument("--full", action="store_true", help="run DVC on every case; it takes many minutes")
    parser.add_argument("--no-dvc", action="store_true")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    print("CPU seconds (user + system)")
    print("| " + " | ".join(HEADS) + " |")
    print("|" + " --- |" * len(HEADS), flush=True)
    for name in options.cases or CASES:
        case = CASES[name]
        with_dvc = not options.no_dvc and (options.full or case.commits <= DVC_COMMITS)
        with tempfile.TemporaryDirectory(prefix="modelbook-benchmark-") as folder:
            row = run(name, case, with_dvc=with_dvc, folder=Path(folder))
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
