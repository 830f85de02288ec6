"""The folder a site is published in: ours to replace, or not ours to touch."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelbook.errors import ModelbookError

MANIFEST = "modelbook.json"
"""Stands at the top of every site: what built it from what, and the hash of every file."""


class NotOurs(ModelbookError):
    """The folder to write to holds something that Modelbook did not make."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is not empty and not a site that Modelbook built",
            hint="choose another folder with --out, or empty this one yourself",
        )


def check(out: Path) -> None:
    """Refuse a place that is not free for a site.

    Raises:
        NotOurs: it is a file, or a folder with something else in it.
    """
    if not out.exists() and not out.is_symlink():
        return
    if out.is_symlink() or not out.is_dir() or (any(out.iterdir()) and not _ours(out)):
        raise NotOurs(out.as_posix())


def _ours(out: Path) -> bool:
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("generator") == "modelbook"


@contextmanager
def workshop(out: Path) -> Iterator[Path]:
    """A folder beside `out` to build in: on the same disk, so that the site can be moved in one step."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(site: Path, out: Path) -> None:
    """Put a finished site in the place of what stood at `out`.

    Raises:
        NotOurs: something else has come to stand there.
    """
    check(out)
    if out.exists():
        out.rename(site.parent / "replaced")
    site.rename(out)


def write_manifest(site: Path, about: dict[str, Any]) -> int:
    """Write the manifest and return how many files it lists."""
    files = {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }
    manifest = {"generator": "modelbook", **about, "files": files}
    (site / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return len(files)
