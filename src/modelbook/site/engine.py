"""The only place that knows MkDocs: its configuration, its run, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from modelbook._process import own_bin_first, run
from modelbook.errors import ModelbookError, ProcessFailed
from modelbook.site import compiled

_PALETTE = (
    ("(prefers-color-scheme)", "", "material/brightness-auto", "Switch to light mode"),
    ("(prefers-color-scheme: light)", "default", "material/brightness-7", "Switch to dark mode"),
    ("(prefers-color-scheme: dark)", "slate", "material/brightness-4", "Switch to system preference"),
)

_UNUSED = (
    "404.html",
    "sitemap.xml",
    "sitemap.xml.gz",
    "assets/javascripts/lunr",
    "assets/javascripts/workers",
)
"""What MkDocs and its theme write for a site with an address and a search of its own: ours has neither."""


_BLANK = re.compile(r"[ \t]*\n\s*")


class SiteNotBuilt(ModelbookError):
    """MkDocs found something to complain about; a warning is enough."""

    def __init__(self, output: str) -> None:
        found = [line for line in output.strip().splitlines() if not line.startswith(("INFO", "`"))]
        super().__init__(
            "\n".join(["MkDocs could not build the site:", *found]),
            hint="a template of the project's own is the likeliest cause",
        )


def configuration(
    name: str, description: str, nav: Sequence[tuple[str, str]], css: Sequence[str], js: Sequence[str]
) -> dict[str, Any]:
    """What `mkdocs.yml` says.

    Args:
        name: of the site, and
        description: what search engines say of it; both already harmless.
        nav: (label, Markdown file) in order.
    """
    return {
        "site_name": name,
        "site_description": description,
        "use_directory_urls": False,
        "strict": True,
        "plugins": [],
        "nav": [{label: path} for label, path in nav],
        "theme": {
            "name": "material",
            "font": False,
            "logo": "assets/logo.svg",
            "favicon": "assets/favicon.svg",
            "features": ["navigation.tabs"],
            "palette": [_scheme(*item) for item in _PALETTE],
        },
        "extra": {"generator": False},
        "extra_css": list(css),
        "extra_javascript": list(js),
        "markdown_extensions": [{"toc": {"permalink": False}}],
        "validation": {"omitted_files": "ignore", "links": {"not_found": "warn", "anchors": "warn"}},
    }


def write_configuration(folder: Path, config: dict[str, Any]) -> Path:
    """Write `folder/mkdocs.yml` (JSON is YAML) and return its path."""
    file = folder / "mkdocs.yml"
    file.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return file


def _scheme(media: str, scheme: str, icon: str, name: str) -> dict[str, Any]:
    colours = {"scheme": scheme, "primary": "custom", "accent": "custom"} if scheme else {}
    return {"media": media, **colours, "toggle": {"icon": icon, "name": name}}


def front_matter(title: str) -> str:
    """The head of a Markdown file. The whole width is the page's: eight sections need no side bars."""
    return f'---\ntitle: {json.dumps(title, ensure_ascii=False)}\nhide: ["navigation", "toc"]\n---\n\n'


def build(folder: Path, config: dict[str, Any], date: str, cache: Path | None = None) -> Path:
    """Build `folder/docs` and return the folder of the finished site.

    Args:
        date: ISO 8601, of the commit that is built; stands in for the clock.
        cache: where compiled templates of the theme are kept.

    Raises:
        SiteNotBuilt: MkDocs failed, or warned.
    """
    if cache:
        config = {**config, "hooks": [compiled.__file__]}
    file = write_configuration(folder, config)
    env = own_bin_first() | {
        "SOURCE_DATE_EPOCH": str(epoch(date)),
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        compiled.FOLDER: str(cache.absolute()) if cache else "",
    }
    # Not --quiet: MkDocs counts only the warnings it would print.
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", file.name, "-d", "site"]
    try:
        run(argv, cwd=folder, env=env)
    except ProcessFailed as error:
        raise SiteNotBuilt(str(error)) from error
    site = folder / "site"
    _tidy(site)
    return site


def epoch(date: str) -> int:
    """Seconds since 1970 of an ISO 8601 date; 1980, the oldest a ZIP file can hold, when there is none."""
    oldest = 315_532_800
    try:
        return max(oldest, int(datetime.fromisoformat(date).timestamp()))
    except ValueError:
        return oldest


def _tidy(site: Path) -> None:
    for name in _UNUSED:
        path = site / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in site.rglob("*.map"):
        path.unlink()


class Shell:
    """A page that MkDocs built once, to be stamped with the content of thousands.

    Attributes:
        digest: of all that the page brings along.
    """

    TITLE = "modelbook-shell-title"
    _TITLE = TITLE.encode()
    CONTENT = "modelbook-shell-content"
    MARKDOWN = f'<div class="{CONTENT}"><h1>{TITLE}</h1></div>\n'

    def __init__(self, html: str) -> None:
        head, _, tail = html.partition(f'<div class="{self.CONTENT}"><h1>{self.TITLE}</h1></div>')
        if not tail:
            raise SiteNotBuilt("the theme lost the content of a page")
        # A third of what a theme writes is blank; the shell is in every page, and holds nothing preformatted.
        head, tail = (_BLANK.sub("\n", part) for part in (head, tail))
        self._head, self._tail = head.encode().split(self._TITLE), tail.encode().split(self._TITLE)
        self.digest = hashlib.sha256(f"{head}\0{tail}".encode()).hexdigest()

    def stamp(self, title: str, content: str) -> bytes:
        """The page with this title (escaped already) and content (HTML), encoded."""
        name = title.encode("utf-8", "replace")
        return b"".join((name.join(self._head), content.encode("utf-8", "replace"), name.join(self._tail)))
