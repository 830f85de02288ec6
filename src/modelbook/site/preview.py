"""A site on this machine alone, that reloads itself when it is built anew."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from modelbook.errors import ModelbookError

ADDRESS = "127.0.0.1"
VERSION = "/modelbook-preview-version"
_KINDS = (
    ".yaml",
    ".yml",
    ".lock",
    ".dvc",
    ".json",
    ".toml",
    ".csv",
    ".tsv",
    ".md",
    ".j2",
    ".css",
    ".js",
    ".svg",
)
_GIT = ("HEAD", "ORIG_HEAD", "packed-refs", "refs")
_POLL = f"""<script>(function () {{
  var seen = null;
  function look() {{
    fetch("{VERSION}", {{cache: "no-store"}}).then(read).then(compare, again);
  }}
  function read(answer) {{ return answer.text(); }}
  function again() {{ setTimeout(look, 1000); }}
  function compare(now) {{
    if (seen !== null && now !== seen) location.reload();
    seen = now;
    again();
  }}
  look();
}})();</script>
</body>""".encode()


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
        self._version = 0
        handler = partial(_Handler, directory=str(folder), version=lambda: self._version)
        try:
            self._server = ThreadingHTTPServer((ADDRESS, port), handler)
        except OSError as error:
            raise PortTaken(port) from error
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

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
        self._version += 1


class _Handler(SimpleHTTPRequestHandler):
    """Files as they are, but for pages, which learn to look for a newer version of themselves."""

    def __init__(self, *args: Any, version: Callable[[], int], **more: Any) -> None:
        self._version = version
        super().__init__(*args, **more)

    def do_GET(self) -> None:
        """Answer one request; only those for this machine, lest a page elsewhere reads along."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (ADDRESS, "localhost"):
            self.send_error(403)
        elif self.path == VERSION:
            self._send(str(self._version()).encode(), "text/plain")
        else:
            path = Path(self.translate_path(self.path))
            path = path / "index.html" if path.is_dir() else path
            if path.suffix == ".html" and path.is_file() and not self._folder_without_slash():
                self._send(path.read_bytes().replace(b"</body>", _POLL), "text/html; charset=utf-8")
            else:
                super().do_GET()

    def _folder_without_slash(self) -> bool:
        path = self.path.partition("?")[0]
        return not path.endswith(("/", ".html"))

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
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
    root: Path, without: Path, *, stop: threading.Event | None = None, every: float = 1.0
) -> Iterator[None]:
    """Yield each time that files a site is made of have changed, and then have been quiet for a moment.

    Args:
        root: of the repository. without: the folder the site is in.
        stop: ends it.
    """
    seen = _state(root, without)
    while stop is None or not stop.is_set():
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
    for entry in _scan(root / ".git"):
        if entry.name in _GIT:
            yield from _all(entry)


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
