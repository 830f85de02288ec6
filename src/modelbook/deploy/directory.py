"""A server's folder: a release for each version, and the link `current`, which is switched in one step."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from modelbook.deploy.faults import Unfit

_RELEASE = re.compile(r"(?P<version>.+)-[0-9a-f]{12}(\+\d+)?")
_RELEASES = "releases"


class Directory:
    """The folder; nothing is written before `lock` or `staging` is called.

    Args:
        keep: how many releases to keep besides the one that is current.
        seal: a digest of all that is in a release; empty when it is not as it was written.
    """

    def __init__(self, path: Path, keep: int, seal: Callable[[Path], str]) -> None:
        self.shown = path.name
        self.current = path / "current"
        self._path = path
        self._releases = path / _RELEASES
        self._keep = keep
        self._seal = seal

    def lock(self) -> Path:
        """The file that is locked while it is changed; the folder is there then."""
        try:
            self._releases.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unfit(f"{self._releases} can't be made: {error.strerror}") from None
        return self._path / ".modelbook.lock"

    def link(self) -> str:
        """Where `current` leads to; empty when there is none.

        Raises:
            Unfit: a file or a folder of that name is there.
        """
        if self.current.is_symlink():
            return str(self.current.readlink())
        if self.current.exists():
            raise Unfit(
                f"{self.current} is no link", hint="move it away: it was not made by `modelbook deploy`"
            )
        return ""

    @property
    def version(self) -> str:
        """The version that is current; empty when there is none of ours."""
        folder, _, name = self.link().rpartition("/")
        found = _RELEASE.fullmatch(name) if folder == _RELEASES else None
        return found["version"] if found else ""

    def holds(self, seal: str) -> bool:
        """Whether `current` is a whole release with that digest."""
        return bool(self.version and seal) and self._seal(self.current) == seal

    def staging(self, release: str) -> Path:
        """An empty folder beside the releases, for a new one."""
        self.link()
        folder = self._releases / f".{release}.new"
        self.forget(folder)
        folder.mkdir()
        return folder

    def keep_release(self, staged: Path, name: str) -> Path:
        """Make a release of a staged folder; one that is there, whole and the same, is taken instead.

        One that was damaged stays as it is, for `current` may lead to it: the new one gets a number.
        """
        wanted = self._seal(staged)
        for number in range(1, 10_000):
            folder = self._releases / (name if number == 1 else f"{name}+{number}")
            if not os.path.lexists(folder):
                staged.rename(folder)
                return folder
            if not folder.is_symlink() and self._seal(folder) == wanted:
                return folder
        raise Unfit(f"{self._releases} has too many damaged releases {name}", hint="remove them")

    def switch(self, release: Path) -> str:
        """Let `current` lead to a release, in one step; where it leads to now."""
        os.utime(release)  # releases are kept by when they last were current
        target = f"{_RELEASES}/{release.name}"
        self.put_back(target)
        return target

    def put_back(self, target: str) -> None:
        """Let `current` lead where it did; nowhere if `target` is empty."""
        if not target:
            self.current.unlink(missing_ok=True)
            return
        beside = self._path / ".current.new"
        beside.unlink(missing_ok=True)
        beside.symlink_to(target)
        beside.replace(self.current)

    def prune(self, before: str) -> None:
        """Remove old releases, those that were current longest ago first, but never the one before."""
        now = self.link()
        mine = [
            item
            for item in self._releases.iterdir()
            if _RELEASE.fullmatch(item.name) and item.is_dir() and not item.is_symlink()
        ]
        old = [item for item in mine if f"{_RELEASES}/{item.name}" != now]
        old.sort(
            key=lambda item: (f"{_RELEASES}/{item.name}" == before, item.stat().st_mtime_ns), reverse=True
        )
        for item in old[self._keep :]:
            self.drop(item)

    def drop(self, release: Path) -> None:
        """Remove a release, unless `current` leads to it."""
        if self.link() != f"{_RELEASES}/{release.name}":
            self.forget(release)

    def forget(self, folder: Path) -> None:
        """Remove a folder that nothing leads to."""
        shutil.rmtree(folder, ignore_errors=True)
