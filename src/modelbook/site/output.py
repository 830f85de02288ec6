"""The folder a site is published in: ours to replace, or not ours to touch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from modelbook.errors import ModelbookError
from modelbook.site import crew
from modelbook.site.manifest import is_ours


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
    if out.is_symlink() or not out.is_dir() or (any(out.iterdir()) and not is_ours(out)):
        raise NotOurs(out.as_posix())


@contextmanager
def workshop(out: Path) -> Iterator[Path]:
    """A folder beside `out` to build in: on the same disk, so that the site can be moved in one step."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield folder
    finally:
        _remove(folder)


_MANY = 500
"""Folders that are worth other processes."""


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it; that of a large site takes seconds."""
    bulk = [path for name in ("runs", "commits") for path in _within(folder / "replaced" / name)]
    if len(bulk) >= _MANY:
        chunks = [bulk[at : at + 100] for at in range(0, len(bulk), 100)]
        for _ in crew.each(_remove_each, chunks, crew.hands()):
            pass
    shutil.rmtree(folder, ignore_errors=True)


def _within(folder: Path) -> list[str]:
    with suppress(OSError):
        return [f"{folder}/{name}" for name in os.listdir(folder)]  # noqa: PTH208 - as below
    return []


def _remove_each(paths: Sequence[str]) -> None:
    """Remove folders of a page each; what is not as pages have it is left to `shutil.rmtree`."""
    for path in paths:
        with suppress(OSError):
            for name in os.listdir(path):  # noqa: PTH208 - a path for each would take longer than the rest
                os.unlink(f"{path}/{name}")  # noqa: PTH108
            os.rmdir(path)  # noqa: PTH106


def publish(site: Path, out: Path) -> None:
    """Put a finished site in the place of what stood at `out`.

    Raises:
        NotOurs: something else has come to stand there.
    """
    check(out)
    if out.exists():
        out.rename(site.parent / "replaced")
    site.rename(out)
