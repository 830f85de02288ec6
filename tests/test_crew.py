"""Work in several processes gives what one gives: results, errors, and an end whatever befalls them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelbook.site import crew

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

CHUNKS = [range(at, at + 5) for at in range(0, 200, 5)]


def squares(chunk: range) -> list[int]:
    return [number * number for number in chunk]


@pytest.mark.parametrize("processes", [1, 2, 5, 100])
def test_every_chunk_comes_back_once(processes: int) -> None:
    found = [number for part in crew.each(squares, CHUNKS, processes) for number in part]
    assert sorted(found) == [number * number for number in range(200)]


def test_it_is_done_elsewhere() -> None:
    assert os.getpid() not in set(crew.each(lambda _: os.getpid(), CHUNKS, 3))
    assert set(crew.each(lambda _: os.getpid(), CHUNKS, 1)) == {os.getpid()}


def test_nothing_to_do() -> None:
    assert list(crew.each(squares, [], 4)) == []


class Odd(Exception):
    """Cannot be pickled, as most errors with a sentence of their own cannot."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"{number} {why}")


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_an_error_is_the_first_that_one_process_meets(processes: int) -> None:
    def picky(chunk: range) -> list[int]:
        if chunk[0] >= 35:
            raise Odd(chunk[0], "is too much")
        time.sleep(0.002)
        return squares(chunk)

    with pytest.raises(Odd, match="35 is too much"):
        list(crew.each(picky, CHUNKS, processes))


def test_after_an_error_nobody_begins_anything(tmp_path: Path) -> None:
    def note(chunk: range) -> list[int]:
        (tmp_path / str(chunk[0])).touch()
        if not chunk[0]:
            raise Odd(0, "is nothing")
        time.sleep(0.1)
        return squares(chunk)

    with pytest.raises(Odd):
        list(crew.each(note, CHUNKS, 2))
    assert len(list(tmp_path.iterdir())) < 10


def _killed(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _left(_: int) -> None:
    os._exit(3)


@pytest.mark.parametrize("end", [_killed, _left])
@pytest.mark.parametrize("when", [lambda at: at == 50, lambda at: at % 10 == 0, lambda at: True])
def test_who_is_killed_leaves_nothing_undone(end: Callable[[int], None], when: Callable[[int], bool]) -> None:
    here = os.getpid()

    def deadly(chunk: range) -> list[int]:
        if os.getpid() != here and when(chunk[0]):
            end(chunk[0])
        return squares(chunk)

    found = [number for part in crew.each(deadly, CHUNKS, 3) for number in part]
    assert sorted(found) == [number * number for number in range(200)]


def test_nobody_is_left_when_it_is_given_up() -> None:
    running = crew.each(lambda _: os.getpid(), CHUNKS, 3)
    process = next(running)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_processes_end_with_the_one_they_work_for(tmp_path: Path) -> None:
    """Whoever kills the build must not have to look for its processes."""
    owner = os.fork()
    if not owner:
        for process in crew.each(lambda _: os.getpid(), CHUNKS, 2):
            (tmp_path / str(process)).touch()
            if len(list(tmp_path.iterdir())) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(owner, 0)
    left = [int(path.name) for path in tmp_path.iterdir()]
    deadline = time.monotonic() + 10
    while any(map(_runs, left)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(left) == 2
    assert not any(map(_runs, left))


def _runs(process: int) -> bool:
    """Whether a process still does something; one that has ended and was not asked for does not."""
    try:
        return (
            "Z" not in Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        )
    except FileNotFoundError:
        return False


def test_beside_threads_it_works_alone() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert crew.hands() == 1
    finally:
        done.set()
        thread.join()


def test_in_a_pool_it_works_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """There each process works with itself alone: it may not start others."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert set(crew.each(lambda _: crew.hands(), CHUNKS[:4], 2)) == {1}


@pytest.mark.skipif(sys.platform != "linux", reason="counts processors as Linux does")
def test_alone_it_works_with_every_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert crew.hands() == min(crew.MOST, len(os.sched_getaffinity(0)))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert crew.hands() == 1


def test_beside_other_work() -> None:
    with crew.beside(os.getpid, 2) as result:
        assert result() != os.getpid()
    with crew.beside(os.getpid, 1) as result:
        assert result() == os.getpid()


@pytest.mark.parametrize("end", [_killed, _left])
def test_who_is_killed_beside_is_not_missed(end: Callable[[int], None]) -> None:
    here = os.getpid()

    def deadly() -> int:
        if os.getpid() != here:
            end(0)
        return 7

    with crew.beside(deadly, 2) as result:
        assert result() == 7


def test_an_error_beside_is_raised_when_the_result_is_asked_for() -> None:
    def odd() -> None:
        raise Odd(3, "is odd")

    with crew.beside(odd, 2) as result, pytest.raises(Odd, match="3 is odd"):
        result()


def test_what_nobody_asks_for_does_not_go_on(tmp_path: Path) -> None:
    def slow() -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(60)

    with crew.beside(slow, 2):
        while not (found := list(tmp_path.iterdir())):
            time.sleep(0.001)
    assert not _runs(int(found[0].name))
