"""Templates as they were compiled before, in the user's cache folder: for our own, and as a hook of MkDocs.

A small site waits longer for templates to be compiled than for its pages to be rendered. MkDocs loads this
file by its path, so it must not import the rest of this room.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from modelbook._files import read_checked, replace_checked

FOLDER = "MODELBOOK_COMPILED"
"""Environment variable: tells MkDocs where the folder is."""


class Compiled(BytecodeCache):
    """Compiled templates in a folder, a file each; the history's cache drops files `*.cache` that grow old.

    What cannot be read, is damaged, or was compiled from another source is compiled anew.
    """

    def __init__(self, folder: Path, kind: str, digest: str) -> None:
        """Templates that are compiled in the same way.

        Args:
            kind: of environment: one template is compiled to something else in each.
            digest: of all that decides what a source is compiled to, but for the source.
        """
        self._folder, self._digest = folder, f"{kind}\0{digest}\0".encode()
        self._prefix = f"templates-{hashlib.sha256(kind.encode()).hexdigest()[:8]}"

    def get_source_checksum(self, source: str) -> str:
        """Of a template's source and of how it is compiled; Jinja believes no file that has another one."""
        return hashlib.sha256(self._digest + source.encode("utf-8", "surrogatepass")).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket, or leave it empty."""
        with suppress(OSError):
            if (code := read_checked(self._file(bucket))) is not None:
                bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store a bucket, if that can be."""
        with suppress(OSError):
            replace_checked(self._file(bucket), bucket.bytecode_to_string())

    def _file(self, bucket: Bucket) -> Path:
        return self._folder / f"{self._prefix}-{bucket.key}.cache"


def on_env(env: Environment, **_: Any) -> Environment:
    """MkDocs' event: the environment is there, and nothing is compiled yet."""
    if folder := os.environ.get(FOLDER):
        env.bytecode_cache = Compiled(Path(folder), "mkdocs", f"{version('mkdocs')} {version('jinja2')}")
    return env
