"""From the bytes of one file to plain values. Pure; whatever the bytes, the only error is `Unreadable`."""

from __future__ import annotations

import ast
import datetime
import itertools
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from modelbook.errors import ModelbookError
from modelbook.history import yaml12

MAX_BYTES = 50_000_000
"""Files larger than this are not read."""

MAX_LEAVES = 200_000
"""Files with more values than this are not taken apart: they are data, or a YAML alias bomb."""

Key = tuple[str, ...]
_INDEX = re.compile(r"\[(\d+)\]")
_NOTHING = object()


class Lines(list[Any]):
    """The mappings of a JSON Lines file, one for each line."""


class Unreadable(ModelbookError):
    """One file could not be read; the message is the reason, in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join(reason.split())[:300] or "unreadable")


def text(data: bytes) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, any line ends made `\\n`.

    Raises:
        Unreadable: it is too large or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"too large to read: {len(data):,} bytes")
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text: byte {error.start}") from error
    return decoded.replace("\r\n", "\n") if "\r" in decoded else decoded


def bounded(data: bytes, what: str, most: int) -> bytes:
    """The same bytes, if they are no more than so many.

    Args:
        what: they are, in words with an article.

    Raises:
        Unreadable: they are more.
    """
    if len(data) > most:
        raise Unreadable(f"{what} of {len(data):,} bytes: at most {most:,} are read")
    return data


def parse(data: bytes, path: str, chunks: dict[str, Any] | None = None) -> Any:
    """The content of a data file by its suffix: JSON, TOML, Python literals, else YAML.

    An empty YAML file is an empty mapping, as it is to DVC.

    Raises:
        Unreadable: with the parser's reason.
    """
    content = text(data)
    _check_conflict(content)
    suffix = path.rpartition(".")[2].lower()
    reader = _READERS.get(suffix)
    try:
        if reader is _json:  # which never warns; holding warnings back costs as much as reading a short file
            return _json(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes and reused anchors are not for our reader to mend
            value = reader(content) if reader is not None else yaml12.load(content, chunks)
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except Exception as error:  # ruamel raises nearly anything on hostile bytes; the file is then unreadable
        raise Unreadable(_reason(error)) from error
    return {} if value is None and reader is None else value


def mapping(data: bytes, path: str, chunks: dict[str, Any] | None = None) -> dict[Any, Any]:
    """Like `parse`, for a file that must be a mapping."""
    value = parse(data, path, chunks)
    if not isinstance(value, dict):
        raise Unreadable(f"not a mapping: {type(value).__name__}")
    return value


def leaves(value: Any) -> Iterator[tuple[Key, Any]]:
    """Every (key path, value) below nested mappings, in file order; lists are values.

    Raises:
        Unreadable: there are more than `MAX_LEAVES`.
    """
    if not isinstance(value, dict):
        yield (), plain(value)
        return
    count = 0
    stack: list[tuple[Key, Any]] = [((), value)]
    while stack:
        key, item = stack.pop()
        count += 1
        if count > MAX_LEAVES:
            raise Unreadable(f"more than {MAX_LEAVES:,} values")
        if isinstance(item, dict) and (item or not key):
            stack.extend([((*key, name(k)), v) for k, v in reversed(item.items())])
        else:
            yield key, plain(item)


def name(key: Any) -> str:
    """A mapping's key as JSON writes it: `true`, `null`, `1`, or the text itself without half surrogates."""
    if isinstance(key, str):
        return key if key.isascii() else key.encode("utf-8", "replace").decode()
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    return str(key)


def plain(value: Any, depth: int = 20) -> Any:
    """A parsed value as JSON knows it: dates become ISO text, sets and tuples lists, keys text.

    Raises:
        Unreadable: it is nested too deeply, or has more than `MAX_LEAVES` parts.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if value is None or isinstance(value, int | float):
        return value
    return _plain(value, depth, itertools.count(1))


def _plain(value: Any, depth: int, parts: Iterator[int]) -> Any:
    if next(parts) > MAX_LEAVES:
        raise Unreadable(f"more than {MAX_LEAVES:,} values")
    if isinstance(value, dict | list | tuple | set | frozenset):
        if not depth:
            raise Unreadable("nested too deeply")
        if isinstance(value, dict):
            return {name(k): _plain(v, depth - 1, parts) for k, v in value.items()}
        return [_plain(item, depth - 1, parts) for item in value]
    if isinstance(value, datetime.date | datetime.datetime | datetime.time):
        return value.isoformat()
    return value if isinstance(value, int | float) or value is None else name(str(value))


def lookup(value: Any, dotted: str) -> tuple[bool, Any]:
    """(True, value) at a dotted key, the way DVC finds a param: an exact key first, then step by step.

    A number is the place in a list: `a.0`, or `a[0]` as in DVC's placeholders.
    """
    if isinstance(value, dict) and dotted in value:
        return True, value[dotted]
    for step in _steps(dotted):
        if isinstance(value, dict):
            key = next((key for key in value if name(key) == step), _NOTHING)
            if key is _NOTHING:
                return False, None
            value = value[key]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return False, None
    return True, value


def dotted_key(dotted: str) -> Key:
    """The key path that a dotted key means: `a.b`, `a.0` and `a[0]` alike."""
    return tuple(_steps(dotted))


def _steps(dotted: str) -> list[str]:
    return _INDEX.sub(r".\1", dotted).split(".")


def _check_conflict(content: str) -> None:
    if "<<<<<<< " in content and "\n>>>>>>> " in content and "\n=======" in content:
        raise Unreadable("it has unresolved merge conflict markers")


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0] or type(error).__name__
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)


def _json(content: str) -> Any:
    if not content.strip():
        raise Unreadable("the file is empty")
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        lines = _json_lines(content) if error.msg == "Extra data" else None
        if lines is None:
            raise
        return lines


def _json_lines(content: str) -> Lines | None:
    """The lines, when each is a mapping of its own; None for anything else."""
    try:
        lines = Lines(json.loads(line) for line in content.splitlines() if line.strip())
    except json.JSONDecodeError:
        return None
    return lines if lines and all(isinstance(line, dict) for line in lines) else None


def _jsonl(content: str) -> Lines:
    lines = _json_lines(content)
    if lines is None:
        raise Unreadable("not one mapping on each line")
    return lines


def _python(content: str) -> dict[str, Any]:
    return _assignments(ast.parse(content).body, prefix="")


def _assignments(body: list[ast.stmt], prefix: str) -> dict[str, Any]:
    """Literals assigned at the top, in classes and (to `self`) in `__init__`, as DVC reads Python params."""
    found: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = _assignments(statement.body, prefix="")
        elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            found.update(_assignments(statement.body, prefix="self"))
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            found.update(_assignment(statement, prefix))
    return found


def _assignment(statement: ast.Assign | ast.AnnAssign, prefix: str) -> dict[str, Any]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    target = _target(targets[0], prefix) if len(targets) == 1 else None
    if target is None or statement.value is None:
        return {}
    try:
        return {target: ast.literal_eval(statement.value)}
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return {}


def _target(node: ast.expr, prefix: str) -> str | None:
    if not prefix:
        return node.id if isinstance(node, ast.Name) else None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == prefix:
        return node.attr
    return None


_READERS: dict[str, Callable[[str], Any]] = {
    "json": _json,
    "jsonl": _jsonl,
    "ndjson": _jsonl,
    "toml": tomllib.loads,
    "py": _python,
}
