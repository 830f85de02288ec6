"""Running DVC's own program: whole, or one process for every run, several at a time.

DVC lets go of its repository lock while a command runs, so several `dvc repro` of disjoint stages run side
by side; it takes the lock again to write `dvc.lock`, which it reads anew then. Each process is told to do
just its own stages (`--single-item`): the stages upstream are shared, were done before, and would be locked.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Protocol

from modelbook import _process
from modelbook.errors import CheckFailed, MissingProgram, ProcessFailed
from modelbook.runner import processes

_BUSY = ("Unable to acquire lock", "is busy, it is being blocked by", "Unable to read RWLock-file")
"""What DVC says when another DVC process is in its way for a moment."""
_TRIES = 30
_LAST_SIGNAL = 64
_STANDARD_ERROR = 2
_GRACE = 10.0
"""Seconds that processes have to end after Ctrl-C before they are killed."""


class ReproFailed(CheckFailed):
    """`dvc repro` ended with a fault."""

    def __init__(self, status: int) -> None:
        super().__init__(f"dvc repro ended with status {status}", hint="the stage that failed is named above")
        self.exit_code = status if 128 < status <= 128 + _LAST_SIGNAL else 1


@dataclass(frozen=True)
class Ended:
    """How the stages of one run ended.

    Attributes:
        status: 0, or the exit status of DVC.
        output: all that DVC and the stages wrote.
    """

    run: str
    status: int
    seconds: float
    output: str = field(repr=False)


class Observer(Protocol):
    """Is told how runs go; called from one thread only."""

    def started(self, run: str) -> None:
        """A run's stages begin."""

    def ended(self, result: Ended) -> None:
        """A run's stages ended, well or not."""


def initialise(root: Path) -> bool:
    """Make the folder a DVC repository if it is none; True when it was none."""
    if (root / ".dvc").is_dir():
        return False
    at_top = (root / ".git").exists()
    _process.run(["dvc", "init", "--quiet", *([] if at_top else ["--subdir"])], cwd=root, env=_environment())
    return True


def has_remote(root: Path) -> bool:
    """Whether DVC knows a place to bring data from.

    Raises:
        MissingProgram: there is no dvc.
    """
    return bool(_process.run(["dvc", "remote", "list"], cwd=root, env=_environment()).strip())


def bring(root: Path, files: Sequence[str]) -> None:
    """Bring what `.dvc` files name from the remote, as far as it has it; what DVC says is on our own streams.

    Raises:
        MissingProgram: there is no dvc.
    """
    if processes.run(["dvc", "pull", *files], cwd=root, env=_environment()) == processes.NOT_FOUND:
        raise MissingProgram("dvc")


def repro(
    root: Path, targets: Sequence[str] = (), *, quiet: bool = False, pull: bool = False, aside: bool = False
) -> None:
    """Run `dvc repro`, its output on our own streams; quiet, only what stages and faults say.

    Args:
        pull: bring what is missing from the remote, and leave what is not stale without its data.
        aside: all that is said goes to standard error.

    Raises:
        ReproFailed: a stage failed, or a signal ended it.
        MissingProgram: there is no dvc.
    """
    flags = [*(["--quiet"] if quiet else []), *(["--pull", "--allow-missing"] if pull else [])]
    argv = ["dvc", "repro", *flags, *targets]
    status = processes.run(argv, cwd=root, env=_environment(), stdout=_STANDARD_ERROR if aside else None)
    if status == processes.NOT_FOUND:
        raise MissingProgram("dvc")
    if status:
        raise ReproFailed(status)


def again(root: Path, addresses: Sequence[str], programs: Path | None = None) -> int:
    """Run just these stages, whatever their state, in the order given; DVC's exit status.

    Nothing is taken from DVC's record of earlier runs, and nothing goes into its cache. What is said goes to
    standard error.

    Args:
        programs: a folder whose programs the stages find before all others, such as a `python`.

    Raises:
        MissingProgram: there is no dvc. KeyboardInterrupt: a signal ended it.
    """
    signals: list[int] = []
    env = _environment()
    flags = ["--force", "--single-item", "--no-commit", "--no-run-cache"]
    argv = [shutil.which("dvc", path=env["PATH"]) or "dvc", "repro", *flags, *addresses]
    if programs:
        env["PATH"] = os.pathsep.join([str(programs), env["PATH"]])
    status = processes.run(argv, cwd=root, env=env, signalled=signals.append, stdout=_STANDARD_ERROR)
    if status == processes.NOT_FOUND:
        raise MissingProgram("dvc")
    if signals and status:
        raise KeyboardInterrupt
    return status


def cache_folder(root: Path) -> Path:
    """Where a DVC repository keeps the contents of files."""
    return Path(_process.run(["dvc", "cache", "dir"], cwd=root, env=_environment()).strip())


def restore(root: Path, paths: Sequence[str]) -> None:
    """Bring files and folders by the hashes that DVC has for them, from its cache, else from a remote.

    What neither has stays away: whoever needs it must look.
    """
    for words in (["checkout"], ["pull"]):
        missing = [path for path in paths if not (root / path).exists()]
        if missing:
            with suppress(ProcessFailed):
                _process.run(["dvc", *words, "--allow-missing", *missing], cwd=root, env=_environment())


def changed(root: Path) -> set[str]:
    """Addresses of the stages that DVC would run again."""
    told = json.loads(_process.run(["dvc", "status", "--json"], cwd=root, env=_environment()) or "{}")
    return set(told)


def repro_runs(root: Path, lanes: Mapping[str, Sequence[str]], jobs: int, observer: Observer) -> list[Ended]:
    """Run the stages of many runs, `jobs` runs at a time; what failed, in the order it ended.

    A run that fails does not stop the others. When this is interrupted, every process is stopped before
    KeyboardInterrupt is raised.

    Args:
        lanes: run -> addresses of its stages in the order they must run.
    """
    pool = _Pool(root)
    failed: list[Ended] = []
    with ThreadPoolExecutor(max_workers=jobs) as executor:
        waiting = list(lanes.items())
        running: set[Future[Ended]] = set()
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    run, stages = waiting.pop(0)
                    observer.started(run)
                    running.add(executor.submit(pool.repro, run, stages))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for result in sorted((future.result() for future in done), key=lambda one: one.run):
                    observer.ended(result)
                    failed += [result] if result.status else []
        except BaseException:
            pool.stop()
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
    return failed


class _Pool:
    """The DVC processes that run now, so that they can be stopped all together."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = Lock()
        self._stopped = Event()
        self._processes: set[subprocess.Popen[str]] = set()

    def repro(self, run: str, stages: Sequence[str]) -> Ended:
        """Run one run's stages, again while only another DVC process is in the way."""
        begin = time.monotonic()
        status, output = self._once(stages)
        for attempt in range(_TRIES):
            if status == 0 or not any(words in output for words in _BUSY) or self._stopped.is_set():
                break
            self._stopped.wait(min(0.2 * (attempt + 1), 3))
            status, output = self._once(stages)
        return Ended(run, status, time.monotonic() - begin, output)

    def _once(self, stages: Sequence[str]) -> tuple[int, str]:
        argv = ["dvc", "--wait-for-lock", "repro", "--single-item", *stages]
        with self._lock:
            if self._stopped.is_set():
                return 130, ""
            process = subprocess.Popen(
                argv,
                cwd=self._root,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                process_group=0,
            )
            self._processes.add(process)
        output, _ = process.communicate()
        with self._lock:
            self._processes.discard(process)
        return processes.shell_status(process.returncode), output

    def stop(self) -> None:
        """Interrupt every process and its stages; kill what does not end in time."""
        self._stopped.set()
        with self._lock:
            left = list(self._processes)
        for process in left:
            with suppress(ProcessLookupError):  # it may end in this very moment
                os.killpg(process.pid, signal.SIGINT)
        for process in left:
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                _kill_tree(process.pid)


def _kill_tree(pid: int) -> None:
    """Kill a process and its descendants: a stage's command has a process group of its own."""
    import psutil  # type: ignore[import-untyped]

    with suppress(psutil.Error):
        top = psutil.Process(pid)
        for one in [*top.children(recursive=True), top]:
            with suppress(psutil.Error):
                one.kill()


def _environment() -> dict[str, str]:
    return {**_process.own_bin_first(), "DVC_NO_ANALYTICS": "1"}
