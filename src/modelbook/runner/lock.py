"""Whether HEAD's `dvc.lock` already holds the very execution that just ended.

Then HEAD has the log of an equal execution, and writing another would only make a fresh clone, reproduced,
look changed. HEAD is asked and not the file: other runs may be writing that at this moment. Format of
`dvc.lock` and of hashes: DVC 3.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from modelbook._hashes import md5_of, md5_of_folder
from modelbook._process import run
from modelbook.errors import ModelbookError

_EXPANDED = re.compile(r"[$*?~\[`]")
"""What the shell may have replaced before a command came to us."""


def holds(root: Path, stage: str, argv: Sequence[str]) -> bool:
    """Whether a stage's entry in HEAD's lock has this command, and the deps, params and outs there are now.

    Args:
        stage: DVC's address in the root's `dvc.yaml`, such as `flights-train@gbm`.
        argv: the whole command, from `modelbook` on.
    """
    entry = _entry(root, stage)
    if entry is None or not _same_command(str(entry.get("cmd", "")), argv):
        return False
    files = [*_list(entry.get("deps")), *_list(entry.get("outs"))]
    return all(_same_file(root, item) for item in files) and _same_params(root, entry.get("params"))


def committed(root: Path, path: str) -> str | None:
    """A file below the root as HEAD has it; None when it has none."""
    try:
        return run(["git", "show", f"HEAD:./{path}"], cwd=root)
    except ModelbookError:
        return None


def output_patterns(root: Path) -> list[str]:
    """Patterns of all that the stages in the root's `dvc.yaml` write, with `*` for what is filled in."""
    data = _yaml((root / "dvc.yaml").read_text(errors="replace")) if (root / "dvc.yaml").is_file() else {}
    found = []
    for body in _mapping(_mapping(data).get("stages")).values():
        stage = _mapping(_mapping(body).get("do") or body)
        for kind in ("outs", "metrics", "plots"):
            for out in _list(stage.get(kind)):
                found += [str(path) for path in (out if isinstance(out, Mapping) else [out])]
    return [re.sub(r"\$\{[^}]*\}", "*", path) for path in found]


def _entry(root: Path, stage: str) -> Mapping[str, Any] | None:
    """One stage's entry, cut out of the text: reading a large lock as a whole takes seconds."""
    text = committed(root, "dvc.lock")
    found = re.search(rf"^  {re.escape(stage)}:\n((?:    .*\n|  - .*\n|\s*\n)*)", text or "", re.MULTILINE)
    entry = _yaml(found[1]) if found else None
    return entry if isinstance(entry, Mapping) else None


def _yaml(text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return None


def _same_command(locked: str, argv: Sequence[str]) -> bool:
    if _EXPANDED.search(locked):
        return True
    try:
        return shlex.split(locked) == list(argv)
    except ValueError:
        return False


def _same_file(root: Path, item: Any) -> bool:
    if not isinstance(item, Mapping) or not isinstance(item.get("md5"), str):
        return False
    path = root / str(item.get("path"))
    if path.is_dir():
        return bool(item["md5"] == _folder_hash(path))
    try:
        size = path.stat().st_size
        return bool(item.get("size", size) == size and item["md5"] == md5_of(path))
    except OSError:
        return False


def _folder_hash(top: Path) -> str:
    files = (Path(folder) / name for folder, _, names in os.walk(top) for name in names)
    return md5_of_folder((file.relative_to(top).as_posix(), md5_of(file)) for file in files)


def _same_params(root: Path, locked: Any) -> bool:
    for path, values in _mapping(locked).items():
        try:
            there = _yaml((root / str(path)).read_text())
        except (OSError, UnicodeDecodeError):
            return False
        if any(_lookup(there, str(key)) != value for key, value in _mapping(values).items()):
            return False
    return True


def _lookup(data: Any, dotted: str) -> Any:
    if isinstance(data, Mapping) and dotted in data:
        return data[dotted]
    for step in dotted.split("."):
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
