"""GitLab: notes of a merge request."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from modelbook.forge.http import Client, ForgeError
from modelbook.forge.sticky import Note, note


def client(api: str, token: str) -> Client:
    """GitLab's API (`CI_API_V4_URL`), with a personal, group or project access token of scope `api`."""
    return Client(api, {"PRIVATE-TOKEN": token, "Accept": "application/json"})


class MergeRequest:
    """The notes of one merge request, for `sticky.publish`."""

    def __init__(self, client: Client, project: str, number: int) -> None:
        self._client = client
        self._notes = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"

    def me(self) -> str:
        """The token's user, by number: names can change hands."""
        body = self._client.get("/user", "who the token belongs to").body
        if not isinstance(body, dict) or not isinstance(body.get("id"), int):
            raise ForgeError("who the token belongs to", "the API's answer has no id")
        return str(body["id"])

    def notes(self) -> Iterator[Note]:
        """Every note of a person or a bot, oldest first."""
        path = f"{self._notes}?sort=asc&order_by=created_at&"
        for item in self._client.pages(path, "the merge request's notes"):
            if not item.get("system"):
                yield note(item, "id")

    def create(self, body: str) -> None:
        """Write a new note."""
        self._client.ask("POST", self._notes, "a new note", {"body": body})

    def edit(self, old: Note, body: str) -> None:
        """Replace the text of one."""
        self._client.ask("PUT", f"{self._notes}/{old.id}", "our note", {"body": body})

    def pause(self, seconds: float) -> None:
        """Wait for the API to recover."""
        self._client.pause(seconds, "a new note")
