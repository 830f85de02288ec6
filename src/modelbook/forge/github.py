"""GitHub: comments of a pull request, and the artifact of the run that triggered ours."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from modelbook.forge import untrusted
from modelbook.forge.http import SECONDS, Client, Forbidden, ForgeError
from modelbook.forge.sticky import Note, note
from modelbook.forge.untrusted import Untrusted
from modelbook.records import Record

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,99}/[\w.-]{1,100}", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}")
_WEB = re.compile(r"https?://[A-Za-z0-9.:-]+/[A-Za-z0-9._/-]+")

ACTIONS = "github-actions[bot]"
"""Who a workflow's own token is."""

PREVIEW = "modelbook-site"
"""The artifact with the site that a pull request makes."""


def client(api: str, token: str) -> Client:
    """GitHub's REST API (`GITHUB_API_URL`), with a workflow's, an app's or a person's token."""
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    return Client(api, {**headers, "Authorization": f"Bearer {token}"})


class PullRequest:
    """The comments of one pull request, for `sticky.publish`.

    Args:
        graphql: the address of the GraphQL API, which alone tells an Actions token who it is.
    """

    def __init__(self, client: Client, repository: str, number: int, graphql: str) -> None:
        self._client, self._repository = client, repository
        self._issues = f"/repos/{repository}/issues"
        self._comments = f"{self._issues}/{number}/comments"
        self._graphql = graphql

    def me(self) -> str:
        """The login that our comments carry, `github-actions[bot]` for a workflow's own token.

        GraphQL tells it of every kind of token, `/user` of people's alone. A token that neither tells of is
        taken for a workflow's own; if it is not, its comments are never edited, and nobody else's either.
        """
        query = {"query": "query { viewer { login } }"}
        what = "who the token belongs to"
        for method, path, body, keys in (
            ("POST", self._graphql, query, ("data", "viewer", "login")),
            ("GET", "/user", None, ("login",)),
        ):
            try:
                found = self._client.ask(method, path, what, body, again=True).body  # type: ignore[arg-type]
            except Forbidden:
                continue
            if isinstance(login := _path(found, *keys), str) and login:
                return login
        return ACTIONS

    def notes(self) -> Iterator[Note]:
        """Every comment, oldest first."""
        for item in self._client.pages(f"{self._comments}?", "the pull request's comments"):
            yield note(item, "login")

    def create(self, body: str) -> None:
        """Write a new comment."""
        self._client.ask("POST", self._comments, "a new comment", {"body": body})

    def edit(self, old: Note, body: str) -> None:
        """Replace the text of one."""
        self._client.ask("PATCH", f"{self._issues}/comments/{old.id}", "our comment", {"body": body})

    def pause(self, seconds: float) -> None:
        """Wait for the API to recover."""
        self._client.pause(seconds, "a new comment")


def pull_request_of(event: Mapping[str, Any]) -> int | None:
    """Number of the pull request that an event (`GITHUB_EVENT_PATH`) is about, or None."""
    number = _path(event, "pull_request", "number")
    return number if isinstance(number, int) and number > 0 else None


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the artifact says it belongs to; believed only as far as the API agrees."""

    number: int
    head: str


class Triggered(Record, frozen=True, kw_only=True):
    """What a run left, and the pull request that the API says it belongs to.

    Attributes:
        verdict: the content of the diff, unread. current: whether the pull request still stands where it did.
        preview: address of the site that the run kept; empty without one, and of another repository's run,
            for nobody here wrote the scripts in it.
    """

    number: int
    head: str
    verdict: bytes
    current: bool
    preview: str = ""


CLAIM, DIFF = "pull.json", "diff.json"


def triggering(client: Client, repository: str, event: Mapping[str, Any], artifact: str) -> Triggered | None:
    """The diff that the run behind a `workflow_run` event left, if it belongs to the pull request it names.

    None when the run left none.

    The artifact may say anything. The run's commit and repository come from GitHub, and the pull request is
    asked for there: it must be in this repository, and its head must be that commit of that repository.

    Raises:
        Untrusted: the artifact is not what we write, or belongs to something else.
        ForgeError: the API does not answer.
    """
    run = run_of(event)
    archive = _archive(client, repository, run.id, artifact)
    if archive is None:
        return None
    files = untrusted.members(archive, (CLAIM, DIFF))
    claim = _claim(files[CLAIM])
    if claim.head != run.head:
        raise Untrusted("the artifact speaks of another commit than its run")
    current = _current(client, repository, claim, run.source)
    site = _artifact(client, repository, run.id, PREVIEW) if run.url and run.source == repository else None
    preview = f"{run.url}/artifacts/{site}" if site else ""
    return Triggered(
        number=claim.number, head=run.head, verdict=files[DIFF], current=current, preview=preview
    )


class Workflow(Record, frozen=True, kw_only=True):
    """The run that triggered ours, as GitHub tells it: its commit and repository, and its address."""

    id: int
    head: str
    source: str
    branch: str = ""
    url: str = ""


def run_of(event: Mapping[str, Any]) -> Workflow:
    """The run behind a `workflow_run` event.

    Raises:
        ForgeError: it is none. Untrusted: no pull request started it.
    """
    run = event.get("workflow_run")
    number, head = _path(run, "id"), _path(run, "head_sha")
    source = _path(run, "head_repository", "full_name")
    if not isinstance(number, int) or not isinstance(head, str) or not isinstance(source, str):
        raise ForgeError("the event", "it is no `workflow_run`: its run has no id, commit or repository")
    if _path(run, "event") != "pull_request":
        raise Untrusted("the run was not started by a pull request")
    url, branch = str(_path(run, "html_url") or ""), str(_path(run, "head_branch") or "")
    return Workflow(
        id=number, head=head, source=source, branch=branch, url=url if _WEB.fullmatch(url) else ""
    )


def standing(client: Client, repository: str, run: Workflow) -> list[int]:
    """Numbers of the open pull requests that stand at the commit of a run.

    Raises:
        ForgeError: the API does not answer.
    """
    if not run.branch:
        return []
    head = quote(f"{run.source.partition('/')[0]}:{run.branch}", safe="")
    pulls = client.pages(f"/repos/{repository}/pulls?state=open&head={head}&", "its pull requests")
    return [
        item["number"]
        for item in pulls
        if _path(item, "head", "sha") == run.head
        and _path(item, "head", "repo", "full_name") == run.source
        and isinstance(item.get("number"), int)
    ]


def _claim(raw: bytes) -> Claim:
    try:
        claim = msgspec.json.decode(raw, type=Claim)
    except (msgspec.DecodeError, RecursionError):
        raise Untrusted(f"{CLAIM} in the artifact is not what we write") from None
    if claim.number <= 0 or not _SHA.fullmatch(claim.head):
        raise Untrusted(f"{CLAIM} in the artifact is not what we write")
    return claim


def _current(client: Client, repository: str, claim: Claim, source: str) -> bool:
    """Whether the pull request still stands at the run's commit.

    Raises:
        Untrusted: it comes from another repository than the run, or goes to another than ours.
    """
    pull = client.get(f"/repos/{repository}/pulls/{claim.number}", "the pull request").body
    if _path(pull, "head", "repo", "full_name") != source:
        raise Untrusted(f"pull request {claim.number} does not come from {source}, where the run does")
    if _path(pull, "base", "repo", "full_name") != repository:
        raise Untrusted(f"pull request {claim.number} is not one of {repository}")
    return bool(_path(pull, "head", "sha") == claim.head)


def _archive(client: Client, repository: str, run: int, name: str) -> bytes | None:
    found = _artifact(client, repository, run, name)
    return _download(client, f"/repos/{repository}/actions/artifacts/{found}/zip") if found else None


def _artifact(client: Client, repository: str, run: int, name: str) -> int | None:
    """The newest artifact of that name."""
    path = f"/repos/{repository}/actions/runs/{run}/artifacts?name={name}&per_page=100"
    body = client.get(path, "the run's artifacts").body
    found = _path(body, "artifacts")
    items = [item for item in found if _path(item, "name") == name] if isinstance(found, list) else []
    ids = [item["id"] for item in items if isinstance(item.get("id"), int) and not item.get("expired")]
    return max(ids, default=None)


def _download(client: Client, path: str) -> bytes:
    """The bytes that the API's redirect leads to; they lie on another host, which never sees the token."""
    where = client.location(path, "the artifact")
    try:
        with urllib.request.urlopen(where, timeout=SECONDS) as reply:  # noqa: S310 -- `location` allows http(s) alone
            content: bytes = reply.read(untrusted.MOST_ARCHIVE + 1)
    except (urllib.error.URLError, OSError):
        raise ForgeError("the artifact", "it could not be downloaded", "run this job again") from None
    return content


def _path(value: object, *keys: str) -> Any:
    """What lies at a path of keys; None where something on the way is no mapping or lacks the key."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
