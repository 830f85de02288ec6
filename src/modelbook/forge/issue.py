"""One issue on GitHub about one thing that is wrong: opened, kept up to date, closed when it is well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from modelbook.forge.github import PullRequest
from modelbook.forge.http import Client
from modelbook.forge.sticky import Note, own, publish

Told = Literal["opened", "updated", "closed", "silent", "unchanged"]


class Issue(PullRequest):
    """The open issues of a repository, as a thread for `sticky.publish`: a note is an issue of ours.

    Args:
        title: of a new one.
    """

    def __init__(self, client: Client, repository: str, graphql: str, title: str) -> None:
        super().__init__(client, repository, 0, graphql)
        self._title = title

    def notes(self) -> Iterator[Note]:
        """Every open issue, oldest first; its number is the note's."""
        for item in self._client.pages(f"{self._issues}?state=open&direction=asc&", "the open issues"):
            author = item.get("user")
            if (
                "pull_request" not in item
                and isinstance(author, dict)
                and isinstance(item.get("number"), int)
            ):
                name, body = str(author.get("login") or ""), str(item.get("body") or "")
                yield Note(id=item["number"], author=name, body=body)

    def create(self, body: str) -> None:
        """Open a new one."""
        self._client.ask("POST", self._issues, "a new issue", {"title": self._title, "body": body})

    def edit(self, old: Note, body: str) -> None:
        """Replace the text of one."""
        self._change(old.id, {"body": body})

    def close(self, number: int) -> None:
        """Close one, as done."""
        self._change(number, {"state": "closed", "state_reason": "completed"})

    def _change(self, number: int, body: dict[str, str]) -> None:
        self._client.ask("PATCH", f"{self._issues}/{number}", "our issue", body)

    def comments(self, number: int) -> PullRequest:
        """Those of one of them."""
        return PullRequest(self._client, self._repository, number, self._graphql)


def follow(issue: Issue, marker: str, body: str, note: str, sign: str, *, well: bool) -> Told:
    """Have the one open issue of ours that starts with `marker` say `body`, and comment what is new.

    It may be done again after it broke off anywhere: nothing is said twice.

    Args:
        body: starts with the marker, and holds `sign`. note: the comment; it starts with the sign.
        sign: hidden, and another one for other news.
        well: close it; without one, open none.

    Raises:
        ForgeError: GitHub refuses, or does not recover.
    """
    found = own(issue.notes(), issue.me(), marker)
    if found is None:
        if well:
            return "silent"
        publish(issue, marker, body)
        return "opened"
    if sign not in found.body:
        publish(issue.comments(found.id), sign, note)
        issue.edit(found, body)
    elif not well:
        return "unchanged"
    if well:
        issue.close(found.id)
    return "closed" if well else "updated"
