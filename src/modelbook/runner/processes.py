"""Running a program in our place: signals are passed on to it, and its exit status is ours."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""What a shell's exit status is when it can't run a command."""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    started: Callable[[int], object] = lambda _pid: None,
    signalled: Callable[[int], object] = lambda _number: None,
    stdout: int | None = None,
) -> int:
    """Run a program with our own standard streams; signals we get are its signals.

    Away from a terminal it has a process group of its own, so that its whole tree gets each signal once. At
    a terminal it stays in ours, where the kernel sends Ctrl-C to it, and it may read the keyboard.

    Args:
        started: called with its process id as soon as it runs.
        signalled: called with the number of each signal that was passed on.
        stdout: a file descriptor for what it writes to standard output, in place of our own.

    Returns:
        Its exit status; 128 + n when signal n ended it; 127 or 126 when it could not be started.
    """
    own_group = not os.isatty(0)
    try:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdout=stdout, process_group=0 if own_group else None
        )
    except FileNotFoundError:
        return NOT_FOUND
    except PermissionError:
        return NOT_EXECUTABLE
    with _forwarding(process.pid, own_group, signalled):
        started(process.pid)
        return shell_status(process.wait())


def shell_status(returncode: int) -> int:
    """A return code of `subprocess` as a shell would tell it."""
    return returncode if returncode >= 0 else 128 - returncode


@contextmanager
def _forwarding(pid: int, own_group: bool, signalled: Callable[[int], object]) -> Iterator[None]:
    def forward(number: int, _frame: FrameType | None) -> None:
        signalled(number)
        try:
            if own_group:
                os.killpg(pid, number)
            elif number != signal.SIGINT:
                os.kill(pid, number)
        except ProcessLookupError:  # it ended in this very moment
            pass

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
