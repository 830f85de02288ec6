"""Tells people what monitors found, each thing once: a line in a log follows each message that was taken.

    tell(root, monitor, watches, channels, ...) -> what was told to whom, and who could not be told

A message is sent, and then written down before the next one is. So a run that is killed loses nothing; should
it be killed between the two, the same message goes out again with the same id, by which it is known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from modelbook import alerts
from modelbook._files import add_line
from modelbook.comment import code
from modelbook.errors import ModelbookError
from modelbook.forge import Issue, follow, webhook
from modelbook.history.notices import FOLDER, parsed
from modelbook.records import Notice, Watch
from modelbook.spec import Channel
from modelbook.spec.check import HERE

Issues = Callable[[str], Issue]
"""From the title of an issue to those that are open; asks for the token."""


class NoAddress(ModelbookError):
    """The variable that holds the address of a channel is not set."""

    def __init__(self, channel: str, variable: str) -> None:
        super().__init__(
            f"{channel}: {variable} is not set", hint="set it to the address; in a workflow, from a secret"
        )


class Told(NamedTuple):
    """A notice, and why it could not be brought where it should, or nothing."""

    notice: Notice
    fault: ModelbookError | None = None


def tell(
    root: Path,
    monitor: str,
    watches: Sequence[Watch],
    channels: Mapping[str, Channel],
    about: Mapping[str, str],
    issues: Issues,
) -> list[Told]:
    """Tell every channel, and the caller, what each has not been told of a monitor.

    Args:
        root: the folder of mlproject.yaml.
        watches: all results of the monitor, oldest first.
        about: see `alerts.payload`.
    """
    made = []
    log = root / FOLDER / f"{monitor}.jsonl"
    with _held(log.parent):
        for channel, wish in {**channels, HERE: None}.items():
            told = _lines(log, monitor)
            first, notice = _news(told, monitor, watches, channel, wish)
            if first:
                _add(log, first)
            if notice:
                made.append(Told(notice, _sent(notice, wish, about, issues)))
                if not made[-1].fault:
                    _add(log, notice)
    return made


def due(root: Path, monitor: str, watches: Sequence[Watch], channels: Mapping[str, Channel]) -> list[Told]:
    """What `tell` would tell, without telling it."""
    told = _lines(root / FOLDER / f"{monitor}.jsonl", monitor)
    found = (
        _news(told, monitor, watches, channel, wish)[1] for channel, wish in {**channels, HERE: None}.items()
    )
    return [Told(notice) for notice in found if notice]


def _news(
    told: Sequence[Notice], monitor: str, watches: Sequence[Watch], channel: str, wish: Channel | None
) -> tuple[Notice | None, Notice | None]:
    """What a channel that is new is held to know, and what it is to be told."""
    first = alerts.adopted(monitor, watches, told, channel)
    known = [*told, first] if first else told
    return first, alerts.news(monitor, watches, known, channel, wish.level if wish else "warning")


# -- where it is sent


def _sent(
    notice: Notice, wish: Channel | None, about: Mapping[str, str], issues: Issues
) -> ModelbookError | None:
    """What went wrong; to nobody but the caller, nothing can."""
    try:
        if wish:
            _send(notice, wish, about, issues)
    except ModelbookError as error:
        return error
    return None


def _send(notice: Notice, wish: Channel, about: Mapping[str, str], issues: Issues) -> None:
    if wish.to == "github-issue":
        _follow(notice, wish, about, issues)
        return
    assert wish.url_from is not None  # noqa: S101 -- the spec sees to it
    url = os.environ.get(wish.url_from, "").strip()
    if not url:
        raise NoAddress(notice.channel, wish.url_from)
    body = alerts.slack(notice, about) if wish.to == "slack" else alerts.payload(notice, about)
    webhook.post(url, body, notice.channel, key=notice.id)


def _follow(notice: Notice, wish: Channel, about: Mapping[str, str], issues: Issues) -> None:
    marker = f"<!-- modelbook:alert {notice.monitor} -->"
    sign = f"<!-- modelbook:news {notice.id} -->"
    said = "\n".join(f"- {code(text, 300)}" for text in alerts.lines(notice))
    more = f"\n\n[More on the site]({about['url']})" if about.get("url") else ""
    head = code(alerts.headline(notice), 300)
    body = f"{marker}\n{sign}\n{head}\n\nWhat is new:\n\n{said}{more}\n"
    issue = issues(f"Monitor {notice.monitor} is in trouble")
    follow(
        issue,
        marker,
        body,
        f"{sign}\n{head}\n\n{said}\n",
        sign,
        well=alerts.rank(notice.status) < alerts.rank(wish.level),
    )


# -- what was told


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Have all logs to this process alone, as far as the system has such locks; they end with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl  # Windows has none
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _lines(log: Path, monitor: str) -> tuple[Notice, ...]:
    return parsed(log.read_bytes(), monitor)[0] if log.is_file() else ()


def _add(log: Path, notice: Notice) -> None:
    dated = msgspec.structs.replace(notice, date=datetime.now(UTC).isoformat(timespec="seconds"))
    add_line(log, msgspec.json.encode(dated, order="deterministic"))
