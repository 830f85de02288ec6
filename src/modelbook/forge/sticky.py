"""One comment on a pull request, found by a hidden marker and by who wrote it; edited, never repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

from modelbook.forge.http import TRIES, ForgeError, Uncertain
from modelbook.records import Record

Done = Literal["created", "edited", "unchanged", "silent"]


class Note(Record, frozen=True, kw_only=True):
    """A comment. `author` is whom the forge says wrote it, in the words that `Thread.me` uses."""

    id: int
    author: str
    body: str


def note(item: Mapping[str, Any], key: str) -> Note:
    """A comment as both forges write it; `key` is what of its author never changes.

    Raises:
        ForgeError: it has no number.
    """
    author = item.get("author") or item.get("user") or {}  # none when the account is gone
    if not isinstance(item.get("id"), int) or not isinstance(author, dict):
        raise ForgeError("a comment", "the API's answer has no id")
    return Note(id=item["id"], author=str(author.get(key) or ""), body=str(item.get("body") or ""))


class Thread(Protocol):
    """The comments of one pull request."""

    def me(self) -> str:
        """Who we are to the forge."""

    def notes(self) -> Iterable[Note]:
        """Every comment, on all pages."""

    def create(self, body: str) -> None:
        """Write a new one."""

    def edit(self, old: Note, body: str) -> None:
        """Replace the text of one."""

    def pause(self, seconds: float) -> None:
        """Wait for the forge to recover, within what it may take."""


def publish(thread: Thread, marker: str, body: str, *, quiet: bool = False) -> Done:
    """Make `body` the one comment of ours that starts with `marker`.

    A comment of someone else's is never touched, whatever it starts with, and nothing is deleted. Of
    several of ours, the oldest is the one.

    Args:
        body: starts with the marker. quiet: there is nothing to tell, so without a comment make none.

    Raises:
        ForgeError: the forge refuses, or does not recover.
    """
    assert body.startswith(marker)  # noqa: S101 -- else it would never be found again
    me = thread.me()
    for left in reversed(range(TRIES)):
        found = own(thread.notes(), me, marker)
        if found is not None:
            if _same(found.body, body):
                return "unchanged"
            thread.edit(found, body)
            return "edited"
        if quiet:
            return "silent"
        try:
            thread.create(body)
        except Uncertain:
            # It may be there: a second try without looking could be a second comment.
            if not left:
                raise
            thread.pause(2.0 ** (TRIES - left - 1))
        else:
            return "created"
    raise AssertionError  # the last round returns or raises


def own(notes: Iterable[Note], me: str, marker: str) -> Note | None:
    """The oldest comment that we wrote and that starts with the marker."""
    ours = (found for found in notes if found.author == me and found.body.startswith(marker))
    return min(ours, key=lambda found: found.id, default=None)


def _same(one: str, other: str) -> bool:
    """Forges change line ends and trim."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
