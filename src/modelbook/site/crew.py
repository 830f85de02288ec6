"""Work in chunks, done by several processes where that is safe, and in any case done.

A chunk that no process brought back, because it raised or was killed, is done here: so an error is the one
that a single process would have met first, and nobody waits for a process that is no more.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe, current_process, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple, TypeVar, cast

MOST = 8
"""Processes: beyond these the disk is what they would wait for."""

_RAISED = b""

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def hands() -> int:
    """How many processes to work with: one for each processor; one alone where forking is not safe.

    That is where there is no fork, on macOS, whose libraries may not outlive one, and beside other threads of
    ours, such as a server's. Threads that numpy started for itself have nothing to do here. A process that is
    itself one of a pool may not start others.
    """
    alone = threading.active_count() == 1 and not current_process().daemon
    if not hasattr(os, "fork") or sys.platform == "darwin" or not alone:
        return 1
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, mine)


def each(
    work: Callable[[Chunk], Result], chunks: Sequence[Chunk], processes: int
) -> Generator[Result, None, None]:
    """What `work` returns for each chunk, in whatever order it comes.

    Args:
        work: may be called again for a chunk that was begun before. What it changes in memory stays in
            the process that calls it; what it returns must be picklable.

    Raises:
        Exception: what `work` raises for the first chunk that it raises for.
    """
    left = dict(enumerate(chunks))
    if processes > 1:
        for at, result in _together(work, chunks, processes):
            del left[at]
            yield result
    for chunk in left.values():
        yield work(chunk)


@contextmanager
def beside(work: Callable[[], Result], processes: int) -> Iterator[Callable[[], Result]]:
    """Begin `work` in a process of its own, if there is more than one; what is yielded returns its result.

    Args:
        work: as for `each`. It is done when its result is asked for where no process brings that back.
    """
    crew: list[_Hand] = []
    try:
        if processes > 1:
            crew.append(_hire(lambda _: work(), [None], crew))
            _give(crew[0].line, iter([0]))

        def result() -> Result:
            found = _taken(crew[0].line) if crew else None
            _dismiss(crew)
            return cast("Result", pickle.loads(found)) if found else work()  # noqa: S301 - as in `_together`

        yield result
    finally:
        _dismiss(crew)


class _Hand(NamedTuple):
    """A process that does what the line to it tells."""

    process: BaseProcess
    line: Connection


def _together(
    work: Callable[[Chunk], Result], chunks: Sequence[Chunk], processes: int
) -> Iterator[tuple[int, Result]]:
    """(number of the chunk, result) of those that processes bring back."""
    waiting = iter(range(len(chunks)))
    crew: list[_Hand] = []
    try:
        for _ in range(min(processes, len(chunks))):
            crew.append(_hire(work, chunks, crew))
        busy = {hand.line: at for hand in crew if (at := _give(hand.line, waiting)) is not None}
        while busy:
            for line in cast("list[Connection]", wait(list(busy))):
                at = busy.pop(line)
                found = _taken(line)
                if found == _RAISED:
                    waiting = iter(())
                if found:
                    if (more := _give(line, waiting)) is not None:
                        busy[line] = more
                    yield at, pickle.loads(found)  # noqa: S301 - from a copy of this very process
    finally:
        _dismiss(crew)


def _hire(work: Callable[[Chunk], Result], chunks: Sequence[Chunk], crew: Sequence[_Hand]) -> _Hand:
    """Fork a process; it ends when its line does, whatever becomes of this one."""
    ours, theirs = Pipe()
    others = [ours, *(hand.line for hand in crew)]
    process = get_context("fork").Process(target=_serve, args=(theirs, others, work, chunks), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: see `hands`
        process.start()
    theirs.close()
    return _Hand(process, ours)


def _serve(
    line: Connection, others: Sequence[Connection], work: Callable[[Chunk], Result], chunks: Sequence[Chunk]
) -> None:
    """Do what the line tells until it ends: with its owner, once `others`, which are copies, are closed."""
    gc.freeze()  # to look through all of the memory would make a copy of it
    for other in others:
        other.close()
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            at = int.from_bytes(line.recv_bytes(), "big")
            try:
                found = pickle.dumps(work(chunks[at]), pickle.HIGHEST_PROTOCOL)
            except Exception:  # it will be raised again where it is understood
                found = _RAISED
            line.send_bytes(found)


def _give(line: Connection, waiting: Iterator[int]) -> int | None:
    """Hand out the next chunk; None when there is none, or nobody to take it."""
    at = next(waiting, None)
    if at is not None:
        with suppress(OSError):
            line.send_bytes(at.to_bytes(8, "big"))
    return at


def _taken(line: Connection) -> bytes | None:
    """What a process brings back; None when it is no more."""
    try:
        return line.recv_bytes()
    except (EOFError, OSError):
        return None


def _dismiss(crew: list[_Hand]) -> None:
    """End all; none is left in the list."""
    for hand in crew:
        hand.line.close()
        hand.process.kill()
    while crew:
        hand = crew.pop()
        hand.process.join()
        hand.process.close()
