"""Making a run again: a worktree at its commit, its data by hash, its stages for real, everything compared.

    of(repository, run, how) -> Reproduction
    each(repository, runs, how) -> one after the other, with Reproductions

The worktree is gone when this ends, however it ends, short of a kill that nobody can catch. Nothing goes into
DVC's cache, and neither the working tree nor what is installed is touched.
"""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from modelbook import _process
from modelbook._paths import inside
from modelbook.errors import ModelbookError, ProcessFailed
from modelbook.history import Repository, read_one
from modelbook.records import (
    WORKSPACE,
    Comparison,
    Environment,
    Reproduction,
    Run,
    Snapshot,
    Stage,
    State,
    Value,
    plain,
)
from modelbook.reproduce.installed import python_with
from modelbook.runner import dvc, telemetry

FOLDER = "runs/reproduced"
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


class NotReproducible(ModelbookError):
    """A run that cannot be made again here."""


class DataMissing(ModelbookError):
    """Something that a stage reads is in no cache and no remote, and no stage makes it."""

    def __init__(self, path: str, md5: str | None) -> None:
        super().__init__(
            f"{path} (md5 {md5 or 'unknown'}) is in no DVC cache and no remote that this machine can reach",
            hint="`dvc remote list` tells where DVC looks; whoever has the data can `dvc push` it",
        )


Made = Reproduction | ModelbookError
"""How it ended, or why a run could not be made again."""
Tell = Callable[[str], object]


@dataclass(frozen=True)
class How:
    """How runs are made again and compared.

    Attributes:
        rtol, atol: how far a metric may be off, as a share of the recorded one and as a number; with either,
            the metrics decide, for output hashes cannot be the same then.
        everything: run the shared stages as well, not just the run's own.
        install: run the stages with a Python of its own that has the packages that the run logged.
        tell: is told what happens, a line each.
    """

    rtol: float = 0.0
    atol: float = 0.0
    everything: bool = False
    install: bool = False
    tell: Tell = lambda _text: None


def of(repository: Repository, run: Run, how: How) -> Reproduction:
    """Make a run again and compare.

    Raises:
        NotReproducible: no commit has it, or it has no stages. DataMissing: see there.
        KeyboardInterrupt: it was interrupted.
    """
    ((_, made),) = each(repository, [run], how)
    if isinstance(made, ModelbookError):
        raise made
    return made


def each(repository: Repository, runs: Sequence[Run], how: How) -> Iterator[tuple[Run, Made]]:
    """Make runs again, those that a commit has in common one after the other in one worktree.

    What one of them wrote is gone before the next one starts, and a run that fails stops no other.

    Raises:
        NotReproducible: there is no DVC cache. KeyboardInterrupt: it was interrupted.
    """
    root = repository.root
    if root is None:
        raise NotReproducible("a bare repository has no DVC cache", hint="clone it, and `dvc pull` there")
    faults = {run.id: fault for run in runs if (fault := _fault(run))}
    yield from ((run, faults[run.id]) for run in runs if run.id in faults)
    for commit, some in _by_commit(run for run in runs if run.id not in faults):
        left = {run.id: run for run in some}
        try:
            with _worktree(root, commit, how.tell) as tree:
                bench = _Bench(root, tree, commit)
                while left:
                    run = left.pop(next(iter(left)))
                    yield run, bench.tried(run, how)
        except ModelbookError as error:  # there is no such commit in a shallow clone, say
            yield from ((run, error) for run in left.values())


def _fault(run: Run) -> NotReproducible | None:
    """Why a run cannot be made again anywhere."""
    if not run.stages or not _committed(run):
        why = "is not committed" if run.stages else "has no stages: nobody knows what made it"
        return NotReproducible(f"run {run.id} ({run.name}) {why}", hint="commit its dvc.lock first")
    frozen = [stage.address for stage in run.own_stages if stage.frozen]
    if frozen:
        return NotReproducible(f"stage {frozen[0]} is frozen: DVC never runs it", hint="`dvc unfreeze` it")
    return None


def _committed(run: Run) -> list[str]:
    return [sha for sha in run.commits if sha != WORKSPACE]


def _by_commit(runs: Iterable[Run]) -> Iterator[tuple[str, list[Run]]]:
    """Few commits that have all the runs between them: the one with the most first, of equals the oldest."""
    left = {run.id: run for run in runs}
    while left:
        held: dict[str, list[Run]] = {}
        for run in left.values():
            for sha in _committed(run):
                held.setdefault(sha, []).append(run)
        commit = max(held, key=lambda sha: len(held[sha]))
        yield commit, held[commit]
        for run in held[commit]:
            del left[run.id]


class _Bench:
    """A worktree in which runs are made again, one after the other."""

    def __init__(self, root: Path, tree: Path, commit: str) -> None:
        self._root, self._tree, self._commit = root, tree, commit
        self._homes: set[Path] = set()
        self._pythons: dict[frozenset[tuple[str, str]], Path] = {}

    def tried(self, run: Run, how: How) -> Made:
        """Make a run again and compare, or say why that was not possible."""
        try:
            return self._again(run, how)
        except ModelbookError as error:
            return error

    def _again(self, run: Run, how: How) -> Reproduction:
        """The worktree is as it was when this ends, but for data."""
        programs = self._programs(run, how) if how.install else None
        differences = tuple(environment(run.environments, programs))
        place = _Place(self._root, self._tree, run, self._homes)
        stages = place.ready(run.stages if how.everything else run.own_stages, how.tell)
        how.tell(f"running {', '.join(stage.address for stage in stages)}")
        try:
            status = dvc.again(place.home, [place.address(stage) for stage in stages], programs)
            found = None if status else read_one(Repository(self._tree), WORKSPACE)
        finally:
            self._clear(stages)
        record = Reproduction(
            run=run.id,
            outcome="failed",
            rtol=how.rtol,
            atol=how.atol,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            by=telemetry.who(self._root),
            commit=self._commit,
            stages=tuple(stage.address for stage in stages),
            environment=differences,
        )
        return _compared(record, run, stages, found) if found else record

    def _programs(self, run: Run, how: How) -> Path | None:
        """The programs of a Python with the packages that a run logged; one for all that logged the same."""
        packages = dict(pair for item in run.environments for pair in item.packages)
        if not packages:
            how.tell(f"run {run.id} recorded no packages: it runs on what is installed here")
            return None
        key = frozenset(packages.items())
        if key not in self._pythons:
            folder = self._tree.parent / f"python-{len(self._pythons)}"
            self._pythons[key] = python_with(folder, packages, how.tell)
        return self._pythons[key]

    def _clear(self, stages: Iterable[Stage]) -> None:
        """Take away what stages wrote, and bring back what the commit has."""
        for out in (out for stage in stages for out in stage.outs):
            path = self._tree / out.path
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for words in (["reset", "--quiet", "--hard"], ["clean", "--quiet", "-d", "--force"]):
            _process.run(["git", *_NO_HOOKS, *words], cwd=self._tree)


def _compared(record: Reproduction, run: Run, stages: Sequence[Stage], found: Snapshot) -> Reproduction:
    """The record with what came out beside what was recorded."""
    addresses = {stage.address for stage in stages}
    metrics = tuple(_metrics(run, addresses, found.metrics, record.rtol, record.atol))
    outs = tuple(_outs(stages, found.stages))
    exact = all(row.same for row in outs) and all(_same(row.recorded, row.found) for row in metrics)
    good = exact or (record.rtol + record.atol > 0 and all(row.same for row in metrics))
    outcome = "reproduced" if good else "differs"
    return msgspec.structs.replace(record, outcome=outcome, exact=exact, metrics=metrics, outs=outs)


def written(record: Reproduction) -> str:
    """A record as the text of its file: JSON, keys sorted."""
    data = plain(record)
    kept = ("run", "outcome", "exact", "date", "by", "commit", "stages", "environment", "metrics", "outs")
    told = {key: data[key] for key in kept} | {"version": 1}
    told["tolerance"] = {key: data[key] for key in ("rtol", "atol")}
    return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


# -- the worktree


@contextmanager
def _worktree(root: Path, commit: str, tell: Tell) -> Iterator[Path]:
    """A worktree of its own at a commit, without hooks; taken away in the end."""
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    above = Path(tempfile.mkdtemp(prefix="modelbook-reproduce-"))
    tree = above / "tree"
    try:
        tell(f"checking out {commit[:7]}")
        _process.run(["git", *_NO_HOOKS, "worktree", "add", "--detach", str(tree), commit], cwd=root)
        yield tree
    finally:
        quiet = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *_SIGNALS)}
        try:
            _gone(root, tree, above)
        finally:
            for number, handler in {**quiet, **before}.items():
                signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _gone(root: Path, tree: Path, above: Path) -> None:
    try:
        _process.run(["git", "worktree", "remove", "--force", "--force", str(tree)], cwd=root)
    except ProcessFailed:  # it was interrupted before Git knew of it, or half known
        shutil.rmtree(above, ignore_errors=True)
        _process.run(["git", "worktree", "prune"], cwd=root)
    shutil.rmtree(above, ignore_errors=True)


class _Place:
    """The DVC repository in a worktree: it has the cache and the private configuration of the one it is of.

    Args:
        homes: those that are set up in this worktree; this one is added.

    Attributes:
        home: its top, where DVC is started.
    """

    def __init__(self, root: Path, tree: Path, run: Run, homes: set[Path]) -> None:
        folder = run.stages[-1].file.rpartition("/")[0]
        self.home = _dvc_root(tree, folder)
        self._tree, self._stages = tree, run.stages
        below = self.home.relative_to(tree).as_posix()
        self._base = "" if below == "." else f"{below}/"
        if self.home in homes:
            return
        original = _dvc_root(root, folder)
        own = original / ".dvc" / "config.local"
        if own.is_file():
            shutil.copyfile(own, self.home / ".dvc" / "config.local")
        cache = str(dvc.cache_folder(original))
        _process.run(["dvc", "cache", "dir", "--local", cache], cwd=self.home, env=_process.own_bin_first())
        homes.add(self.home)

    def address(self, stage: Stage) -> str:
        """A stage as DVC knows it from its own top."""
        file = stage.file.removeprefix(self._base)
        if not file.endswith("dvc.yaml"):
            return file
        name = stage.group if stage.item is None else f"{stage.group}@{stage.item}"
        return name if file == "dvc.yaml" else f"{file}:{name}"

    def ready(self, wanted: Iterable[Stage], tell: Tell) -> list[Stage]:
        """Bring what stages read; those to run, dependencies first, with any that make what is nowhere.

        Raises:
            DataMissing: something is nowhere, and no stage makes it.
        """
        chosen = {stage.address for stage in wanted}
        while True:
            needed = self._missing(chosen)
            if needed:
                tell(f"bringing {', '.join(sorted(needed)[:8])} by hash")
                dvc.restore(self.home, [path.removeprefix(self._base) for path in sorted(needed)])
            makers = set()
            for path, md5 in self._missing(chosen).items():
                maker = next((item for item in self._stages if _makes(item, path)), None)
                if maker is None:
                    raise DataMissing(path, md5)
                makers.add(maker.address)
            if not makers:
                return [stage for stage in self._stages if stage.address in chosen]
            tell(f"not to be had: {', '.join(sorted(makers))} will make it again")
            chosen |= makers

    def _missing(self, chosen: Iterable[str]) -> dict[str, str | None]:
        """Path -> hash of what the chosen stages read, none of them makes, and is not there."""
        mine = [stage for stage in self._stages if stage.address in chosen]
        return {
            dep.path: dep.md5
            for stage in mine
            for dep in stage.deps
            if not any(_makes(other, dep.path) for other in mine) and not (self._tree / dep.path).exists()
        }


def _dvc_root(top: Path, folder: str) -> Path:
    """The nearest folder at or above one that is a DVC repository."""
    here = top / folder
    found = (place for place in (here, *here.parents) if (place / ".dvc").is_dir())
    home = next(found, None)
    if home is None or not home.is_relative_to(top):
        raise NotReproducible("there is no DVC repository at that commit", hint="`dvc init`, and commit .dvc")
    return home


def _makes(stage: Stage, path: str) -> bool:
    return any(inside(path, out.path) or inside(out.path, path) for out in stage.outs)


# -- what is compared


def environment(recorded: Sequence[Environment], programs: Path | None = None) -> Iterator[Comparison]:
    """What differs between what a run logged and where we are: Python, machine, packages; nothing for equals.

    A package that is here and was not there then changes nothing, and is left out.

    Args:
        programs: of the Python that stages run on, in place of ours.
    """
    if not recorded:
        return
    path = str(programs) if programs else _process.own_bin_first()["PATH"]
    here = {**telemetry.machine(), **telemetry.python_environment(["python"], path)}
    log = recorded[-1]
    for name in ("python", "platform", "cpu", "cores", "gpus"):
        then, now = getattr(log, name), here.get(name)
        then = list(then) if isinstance(then, tuple) else then
        if then not in (None, "", now):
            yield Comparison(name=name, recorded=then, found=now)
    now = here.get("packages", {})
    for package, version in sorted({pair for item in recorded for pair in item.packages}):
        if now.get(package) != version:
            yield Comparison(name=package, recorded=version, found=now.get(package))
    if any(item.dirty for item in recorded):
        yield Comparison(name="files", recorded="some were not committed", found="as committed")


def _metrics(
    run: Run, stages: set[str], found: Iterable[Value], rtol: float, atol: float
) -> Iterator[Comparison]:
    """Every metric of the stages that ran again, by file and key."""
    new = {(value.path, value.key): value for value in found}
    for old in run.metrics:
        if old.state is not State.PRESENT or (old.stage is not None and old.stage not in stages):
            continue
        value = new.get((old.path, old.key))
        now = value.value if value and value.state is State.PRESENT else None
        yield Comparison(
            name=old.name,
            recorded=old.value,
            found=now,
            same=_same(old.value, now) or _near(old, value, rtol, atol),
        )


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # NaN is NaN again


def _near(old: Value, new: Value | None, rtol: float, atol: float) -> bool:
    before, after = old.number, new.number if new else None
    if before is None or after is None:
        return False
    return abs(after - before) <= max(atol, rtol * abs(before))


def _outs(ran: Iterable[Stage], found: Iterable[Stage]) -> Iterator[Comparison]:
    """The hash of every output of the stages that ran again."""
    new = {stage.address: {out.path: out.md5 for out in stage.outs} for stage in found}
    for stage in ran:
        for out in stage.outs:
            now = new.get(stage.address, {}).get(out.path)
            yield Comparison(
                name=out.path, recorded=out.md5, found=now, same=now is not None and now == out.md5
            )
