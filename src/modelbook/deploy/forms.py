"""What a release is made of: the package itself, what `docker build` takes, or an image laid out in files."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelbook import package
from modelbook.deploy import docker, oci
from modelbook.deploy.order import Order

Fetch = Callable[[Path], object]
"""Writes the files of a package into a folder that is there, every one of them checked."""


def checksum(folder: Path) -> str:
    """SHA-256 of a folder's list of checksums."""
    return hashlib.sha256((folder / package.SUMS).read_bytes()).hexdigest()


def sealed(folder: Path) -> str:
    """The same of a folder that is whole; empty when it is not."""
    try:
        package.verify(folder)
        return checksum(folder)
    except (package.Damaged, OSError):
        return ""


def _plain(fetch: Fetch, _order: Order, folder: Path) -> str:
    fetch(folder)
    return checksum(folder)


def _context(fetch: Fetch, order: Order, folder: Path) -> str:
    """The package in a folder of its own, what an image needs beside it, and checksums of all of that."""
    inner = folder / docker.PACKAGE
    inner.mkdir()
    fetch(inner)
    for name, content in docker.files(order, inner).items():
        (folder / name).write_bytes(content)
    made = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    sums = package.sums({name: path.read_bytes() for name, path in made.items()})
    (folder / package.SUMS).write_text(sums, encoding="utf-8")
    return checksum(inner)


def _is_context(order: Order, folder: Path) -> bool:
    """Whether a Dockerfile is what it would be now."""
    wanted = docker.files(order, folder / docker.PACKAGE)
    return all((folder / name).read_bytes() == content for name, content in wanted.items())


def _layout(fetch: Fetch, order: Order, folder: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="modelbook-") as name:
        beside = Path(name)
        fetch(beside)
        oci.write(order, beside, folder)
        return checksum(beside)


@dataclass(frozen=True)
class Form:
    """How a package lies in the folder of a release. The same package and order give the same bytes.

    Attributes:
        write: fills an empty folder; gives the SHA-256 of the package's list of checksums.
        seal: a digest of all that is in a folder; empty when it is not as it was written.
        fits: whether a whole folder is what would be written for the same version now.
        says: what it is, in words; empty for the package itself.
    """

    write: Callable[[Fetch, Order, Path], str]
    seal: Callable[[Path], str] = sealed
    fits: Callable[[Order, Path], bool] = lambda _order, _folder: True
    says: str = ""


FORMS = {
    "directory": Form(_plain),
    "docker": Form(_context, fits=_is_context, says="a folder for `docker build`"),
    "oci": Form(_layout, oci.digest, says="an image in OCI's layout"),
}
"""Target of a deployment -> what is written; a target that is not here writes nothing."""
