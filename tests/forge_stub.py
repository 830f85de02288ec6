"""A small GitHub and GitLab on loopback: enough of both APIs to post comments, page, limit and break."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_s3cr3t-t0ken"
REPOSITORY = "acme/models"
BOT = "github-actions[bot]"
HEAD = "a" * 40
NONE: Mapping[str, str] = {}


@dataclass
class Stub:
    """What the forge holds, what was asked of it, and what goes wrong next.

    Attributes:
        comments: newest last, as GitHub has them. faults: (method, path pattern, status, headers, body), each
            used once; a status of 0 does what was asked and then breaks the connection.
        moved: requests to the host that artifacts lie on, with their headers. issues: oldest first.
    """

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[str, str, int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    viewer: str = BOT
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    moved: list[dict[str, str]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)

    def count(self, method: str, pattern: str = "") -> int:
        """How often something was asked for."""
        return sum(one == method and re.search(pattern, path) is not None for one, path in self.asked)

    def fail(
        self,
        method: str,
        pattern: str,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> None:
        """Have the next request of that kind go wrong."""
        self.faults.append((method, pattern, status, dict(headers or {}), body))

    def say(self, author: str, body: str) -> None:
        """A comment that is there already."""
        self.comments.append({"id": 1000 + len(self.comments), "user": {"login": author}, "body": body})

    def fault(self, method: str, path: str) -> tuple[int, dict[str, str], Any] | None:
        """The next fault that this request is for."""
        for at, (one, pattern, status, headers, body) in enumerate(self.faults):
            if one == method and re.search(pattern, path):
                del self.faults[at]
                return status, headers, body
        return None

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """(status, JSON) of a request that nothing goes wrong with."""
        page = int(query.get("page", ["1"])[0])
        part = slice((page - 1) * 100, page * 100)
        people: dict[str, Any] = {
            f"/repos/{REPOSITORY}/pulls": self.opened(query.get("head", [""])[0]),
            "/graphql": {"data": {"viewer": {"login": self.viewer}}},
            "/user": {"id": 77, "login": self.viewer},
        }
        if path in people:
            return 200, people[path]
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/issues/(\d+)/comments", path):
            if method == "GET":
                return 200, self.comments[part]
            self.comments.append({"id": 5000, "user": {"login": self.viewer}, "body": body["body"]})
            return 201, self.comments[-1]
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/issues/comments/(\d+)", path):
            return 200, self.edited(self.comments, int(found[1]), body)
        if found := re.fullmatch(r"/projects/acme%2Fmodels/merge_requests/3/notes", path):
            if method == "GET":
                return 200, self.notes[part]
            self.notes.append({"id": 9000, "author": {"id": 77}, "body": body["body"]})
            return 201, self.notes[-1]
        if found := re.fullmatch(r"/projects/acme%2Fmodels/merge_requests/3/notes/(\d+)", path):
            return 200, self.edited(self.notes, int(found[1]), body)
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/pulls/(\d+)", path):
            pull = self.pulls.get(int(found[1]))
            return (200, pull) if pull else (404, {"message": "Not Found"})
        if path == f"/repos/{REPOSITORY}/actions/runs/55/artifacts":
            names = query.get("name", list(self.artifacts))
            known = sorted(self.artifacts)
            items = [
                {"id": 1 + known.index(name), "name": name, "expired": False}
                for name in names
                if name in known
            ]
            return 200, {"total_count": len(items), "artifacts": items}
        return self.issue(method, path, part, body)

    def issue(self, method: str, path: str, part: slice, body: Any) -> tuple[int, Any]:
        """The same of a request about issues."""
        if path == f"/repos/{REPOSITORY}/issues":
            if method == "GET":
                return 200, [item for item in self.issues if item["state"] == "open"][part]
            number = len(self.issues) + 1
            self.issues.append({"number": number, "user": {"login": self.viewer}, "state": "open", **body})
            return 201, self.issues[-1]
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/issues/(\d+)", path):
            item = next(item for item in self.issues if item["number"] == int(found[1]))
            item.update(body)
            return 200, item
        return 404, {"message": "Not Found"}

    def opened(self, head: str) -> list[dict[str, Any]]:
        """Open pull requests from OWNER:BRANCH; every branch is called main."""
        found = []
        for one in self.pulls.values():
            owner = str((one["head"]["repo"] or {}).get("full_name") or "").partition("/")[0]
            if head == f"{owner}:main":
                found.append(one)
        return found

    @staticmethod
    def edited(held: list[dict[str, Any]], number: int, body: Any) -> dict[str, Any]:
        """Replace the text of a comment."""
        item = next(item for item in held if item["id"] == number)
        item["body"] = body["body"]
        return item


def handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    """What answers for a stub."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Nothing."""

        def reply(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def serve(self) -> None:
            parts = urlsplit(self.path)
            method = self.command
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if parts.path.startswith("/blobs/"):
                stub.moved.append(dict(self.headers))
                self.reply(200, stub.artifacts[parts.path.removeprefix("/blobs/")], {})
                return
            stub.asked.append((method, self.path))
            wrong = stub.fault(method, self.path)
            if wrong and wrong[0]:
                self.reply(wrong[0], wrong[2], wrong[1])
                return
            known = (self.headers.get("Authorization"), self.headers.get("PRIVATE-TOKEN"))
            if f"Bearer {TOKEN}" != known[0] and known[1] != TOKEN:
                self.reply(401, {"message": "Bad credentials"}, {})
                return
            if parts.path == f"/repos/{REPOSITORY}/actions/artifacts/1/zip":
                self.reply(302, {}, {"Location": f"{stub.url}/blobs/modelbook-diff"})
                return
            status, body = stub.answer(
                method, parts.path, parse_qs(parts.query), json.loads(raw) if raw else None
            )
            if wrong:
                self.close_connection = True
                return
            self.reply(status, body, {})

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve  # noqa: N815 -- the base class's names

    return Handler


@contextmanager
def forge() -> Iterator[Stub]:
    """A forge that answers on a port of its own until the end of the block."""
    stub = Stub()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(stub)) as server:
        stub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()


def archive(files: Mapping[str, bytes]) -> bytes:
    """A ZIP archive of files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return made.getvalue()


def pull(head: str = HEAD, source: str = "mallory/models", target: str = REPOSITORY) -> dict[str, Any]:
    """A pull request as GitHub tells it."""
    return {
        "number": 7,
        "head": {"sha": head, "repo": {"full_name": source}},
        "base": {"repo": {"full_name": target}},
    }


def event(head: str = HEAD, source: str = "mallory/models", cause: str = "pull_request") -> dict[str, Any]:
    """A `workflow_run` event."""
    run = {
        "id": 55,
        "head_sha": head,
        "head_branch": "main",
        "head_repository": {"full_name": source},
        "event": cause,
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/55",
    }
    return {"workflow_run": run}
