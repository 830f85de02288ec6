"""A site on this machine alone, that reloads itself when it is built anew."""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from modelbook.errors import ModelbookError
from modelbook.site import gone

ADDRESS = "127.0.0.1"
VERSION = "/modelbook-preview-version"
_SOURCES = (".yaml", ".yml", ".lock", ".dvc", ".json", ".jsonl", ".toml", ".py", ".csv", ".tsv", ".md")
_LOOKS = (".j2", ".css", ".js", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")
_KINDS = _SOURCES + _LOOKS
_GIT = ("HEAD", "ORIG_HEAD", "packed-refs", "refs")
_POLL = f"""<script>(function () {{
  var seen = "%s", shown = null;
  function look() {{
    fetch("{VERSION}", {{cache: "no-store"}}).then(read).then(compare, again);
  }}
  function read(answer) {{ return answer.json(); }}
  function again() {{ setTimeout(look, 1000); }}
  function compare(now) {{
    if (now.version !== seen) location.reload();
    seen = now.version;
    tell(now.error);
    again();
  }}
  function tell(error) {{
    if (!error && shown) {{ shown.remove(); shown = null; }}
    if (!error) return;
    if (!shown) {{
      shown = document.createElement("pre");
      shown.setAttribute("role", "alert");
      shown.id = "modelbook-preview-error";
      shown.style.cssText = "position:fixed;z-index:99;left:0;right:0;bottom:0;max-height:60vh;margin:0;" +
        "padding:16px 20px;overflow:auto;background:#3a1d20;color:#fff;border-top:3px solid #ff8f8f;" +
        "font:14px/1.5 monospace;white-space:pre-wrap";
      document.body.append(shown);
    }}
    var text = "The site could not be built. What is here is as it was before.\\n\\n" + error;
    if (shown.textContent !== text) shown.textContent = text;
  }}
  look();
}})();</script>
</body>"""


class PortTaken(ModelbookError):
    """Something else listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is taken", hint="choose another one with --port, or 0 for any free one"
        )


class Server:
    """Serves a folder on the loopback interface, from a thread of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        """Bind the port; 0 stands for any free one.

        Raises:
            PortTaken: something else listens there.
        """
        self._start = secrets.token_hex(4)
        self._version = 0
        self._error = ""
        handler = partial(_Handler, directory=str(folder), state=self._state)
        try:
            self._server = ThreadingHTTPServer((ADDRESS, port), handler)
        except OSError as error:
            raise PortTaken(port) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where the site is."""
        return f"http://{ADDRESS}:{self._server.server_address[1]}/index.html"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reload(self) -> None:
        """Make every open page load itself again."""
        self._error = ""
        self._version += 1

    def tell(self, error: str) -> None:
        """Show on every open page why it could not be built again."""
        self._error = error

    def _state(self) -> dict[str, str]:
        """What open pages ask for; another server on the same port has other versions."""
        return {"version": f"{self._start}-{self._version}", "error": self._error}


_PORT = re.compile(r":\d*\Z")
_HTML = "text/html; charset=utf-8"


def _polling(page: bytes, version: str) -> bytes:
    """A page that looks for a newer version of itself, as served here; what is published never does."""
    return page.replace(b"</body>", (_POLL % version).encode())


class _Handler(SimpleHTTPRequestHandler):
    """Files as they are, but for pages, which learn to look for a newer version of themselves."""

    def __init__(self, *args: Any, state: Callable[[], dict[str, str]], **more: Any) -> None:
        self._state = state
        super().__init__(*args, **more)

    def parse_request(self) -> bool:
        """Take only requests for this machine by name, lest a page elsewhere reads along."""
        if not super().parse_request():
            return False
        if _PORT.sub("", self.headers.get("Host", "")) in (ADDRESS, "localhost"):
            return True
        self.send_error(403)
        return False

    def do_GET(self) -> None:
        """Answer one request."""
        state = self._state()  # before the page is read: one that a build replaces meanwhile is told so
        if self.path == VERSION:
            self._send(json.dumps(state).encode(), "application/json")
            return
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if path.suffix != ".html" or self._folder_without_slash():
            super().do_GET()
        elif path.is_file():
            self._send(_polling(path.read_bytes(), state["version"]), _HTML)
        else:
            self._send(_polling(gone.page("Modelbook").encode(), state["version"]), _HTML, 404)

    def _folder_without_slash(self) -> bool:
        path = self.path.partition("?")[0]
        return not path.endswith(("/", ".html"))

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Never let a browser keep what the next build replaces."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing: the build says what matters."""


def watch(
    root: Path, without: Path, *, stop: threading.Event | None = None, every: float = 0.5
) -> Iterator[None]:
    """Yield each time that files a site is made of have changed, and then have been quiet for a moment.

    What changed is told from how things are when this is called, not from when the first change is asked for.

    Args:
        root: of the repository. without: the folder the site is in.
        stop: ends it.
        every: seconds between two looks, at least.
    """
    return _changes(root, without, _state(root, without), stop or threading.Event(), every)


def _changes(
    root: Path, without: Path, seen: dict[str, tuple[int, int]], stop: threading.Event, every: float
) -> Iterator[None]:
    while not stop.is_set():
        began = time.monotonic()
        now = _state(root, without)
        if now != seen:
            while (later := _state(root, without)) != now:
                now = later
            seen = now
            yield
        time.sleep(max(every, 5 * (time.monotonic() - began)))


def _state(root: Path, without: Path) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for entry in (*_files(root, without.resolve()), *_git_files(root)):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        found[entry.path] = (status.st_mtime_ns, status.st_size)
    return found


def _files(folder: Path | str, without: Path) -> Iterator[os.DirEntry[str]]:
    """Files that say something about runs; hidden folders, environments and the site itself are left out."""
    for entry in _scan(folder):
        if entry.is_dir(follow_symlinks=False):
            if (
                not entry.name.startswith((".", "__pycache__", "node_modules"))
                and Path(entry.path) != without
            ):
                yield from _files(entry.path, without)
        elif entry.name.endswith(_KINDS):
            yield entry


def _git_files(root: Path) -> Iterator[os.DirEntry[str]]:
    for folder in _git_folders(root):
        for entry in _scan(folder):
            if entry.name in _GIT:
                yield from _all(entry)


def _git_folders(root: Path) -> tuple[Path, ...]:
    """Where HEAD and where refs are: two places in a worktree, whose `.git` is a file that names one."""
    git = root / ".git"
    try:
        if git.is_file():
            git = root / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = git / (git / "commondir").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return (git,)
    return git, common


def _all(entry: os.DirEntry[str]) -> Iterator[os.DirEntry[str]]:
    if not entry.is_dir(follow_symlinks=False):
        yield entry
        return
    for inner in _scan(entry.path):
        yield from _all(inner)


def _scan(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
