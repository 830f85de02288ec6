"""YAML as DVC means it: YAML 1.2, read by ruamel; the plain part of it read faster.

Machine-written YAML is nearly all block mappings, block lists and one-line scalars. That part is read
here line by line; whatever else occurs (anchors, block scalars, tabs, comments behind values...) sends the
text, or just the one scalar, to ruamel. So nothing can mean anything ruamel does not mean.
"""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_UNPLAIN = re.compile(r"[^\x20-\x7e\n]|(?:: +|- +|^ *|[\[{,] *)[&*]", re.MULTILINE)
_KEY = re.compile(r"([A-Za-z0-9_/.][A-Za-z0-9_/.@+-]{0,400}):(?: (.*))?$")
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})$")
_FLOAT = re.compile(r"-?[0-9]{1,30}\.[0-9]{1,30}(?:e[+-]?[0-9]{1,3})?$")
_HASH = re.compile(r"(?=.*[abcdf])[0-9a-f]{32}(?:\.dir)?$")
_MARKED = re.compile(r"(?!-?0[xXoObB])-?[0-9][0-9A-Za-z_.-]*[0-9A-Za-z]$")
_LETTER = re.compile(r"[A-DF-Za-df-z]")
_QUOTED = re.compile(r"'[^']*'$|\"[^\"\\]*\"$")
_WORD = re.compile(r"[A-Za-z_/$(]|\./")
_CHUNK = re.compile(r"\n(?=[A-Za-z0-9_/.])")
_SPECIAL = frozenset({"true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL"})

Line = tuple[int, int, str]
"""(number, indentation, content) of a line that is neither blank nor a comment."""


class _NotPlain(Exception):
    """The text has something that only ruamel reads."""


def load(text: str, chunks: dict[str, Any] | None = None) -> Any:
    """The value of a YAML document.

    Args:
        chunks: what earlier top-level parts meant, by their text; it is read and added to. Results share
            parts with it and must not be changed.

    Raises:
        YAMLError: it is not YAML. ruamel may raise other errors on hopeless input.
    """
    try:
        return _load_chunks(text, {} if chunks is None else chunks)
    except (_NotPlain, YAMLError, RecursionError):
        return load_exactly(text)


def load_exactly(text: str) -> Any:
    """The value of a YAML document by ruamel alone: the truth that `load` must agree with."""
    return YAML(typ="safe", pure=True).load(text)


def _load_chunks(text: str, known: dict[str, Any]) -> Any:
    """Join what the top-level entries mean; a part that is no mapping of its own is not plain."""
    whole: dict[Any, Any] = {}
    count = 0
    parts = _CHUNK.split(text)
    parts[-1] = parts[-1][:-1] if parts[-1].endswith("\n") else f"{parts[-1]}\0"
    for chunk in parts:
        part = known.get(chunk)
        if part is None:
            part = known[chunk] = _load_chunk(chunk[:-1] if chunk.endswith("\0") else f"{chunk}\n")
        whole.update(part)
        count += len(part)
    if count != len(whole) or not whole:
        raise _NotPlain
    return whole


def _load_chunk(chunk: str) -> dict[Any, Any]:
    if _UNPLAIN.search(chunk):
        raise _NotPlain  # an anchor here may be used in another part
    lines = _lines(chunk)
    if not lines:
        return {}
    if lines[0][1] > 0 or lines[0][2][0] in "%-?:{[!":
        raise _NotPlain  # only as a part of its document does this mean what it means
    try:
        value, at = _block(lines, 0, 0)
        if at != len(lines):
            raise _NotPlain
    except _NotPlain:
        value = load_exactly(chunk)
    if not isinstance(value, dict):
        raise _NotPlain
    return value


def _lines(text: str) -> list[Line]:
    found = []
    for number, line in enumerate(text.split("\n")):
        content = line.lstrip(" ")
        if content and content[0] != "#":
            found.append((number, len(line) - len(content), content.rstrip(" ")))
    return found


def _block(lines: list[Line], at: int, indent: int) -> tuple[Any, int]:
    return (_sequence if _is_item(lines[at][2]) else _mapping)(lines, at, indent)


def _is_item(content: str) -> bool:
    return content.startswith("- ") or content == "-"


def _mapping(lines: list[Line], at: int, indent: int) -> tuple[dict[Any, Any], int]:
    found: dict[Any, Any] = {}
    while at < len(lines) and lines[at][1] == indent and not _is_item(lines[at][2]):
        match = _KEY.match(lines[at][2])
        if match is None:
            raise _NotPlain
        key = _scalar(match[1], "")
        if key in found:
            raise _NotPlain
        rest = (match[2] or "").strip(" ")
        found[key], at = _inline(lines, at, indent, rest, "k: ") if rest else _below(lines, at + 1, indent)
    if at < len(lines) and lines[at][1] > indent:
        raise _NotPlain
    return found, at


def _below(lines: list[Line], at: int, indent: int) -> tuple[Any, int]:
    """The value of a key that has nothing behind it."""
    if at < len(lines):
        _number, depth, content = lines[at]
        if depth > indent:
            return _block(lines, at, depth)
        if depth == indent and _is_item(content):
            return _sequence(lines, at, depth)
    return None, at


def _sequence(lines: list[Line], at: int, indent: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while at < len(lines) and lines[at][1] == indent and _is_item(lines[at][2]):
        number, _indent, content = lines[at]
        rest = content[1:].lstrip(" ")
        if not rest or _is_item(rest):
            raise _NotPlain
        if _KEY.match(rest):
            depth = indent + len(content) - len(rest)
            lines[at] = (number, depth, rest)
            value, at = _mapping(lines, at, depth)
        else:
            value, at = _inline(lines, at, indent, rest, "- ")
        found.append(value)
    if at < len(lines) and lines[at][1] > indent:
        raise _NotPlain
    return found, at


def _inline(lines: list[Line], at: int, indent: int, text: str, before: str) -> tuple[Any, int]:
    """A scalar that starts on this line and, if it is plain text, may go on over deeper lines."""
    number = lines[at][0]
    at += 1
    if at < len(lines) and lines[at][1] > indent:
        parts = [text]
        while at < len(lines) and lines[at][1] > indent:
            number += 1
            if lines[at][0] != number:
                raise _NotPlain
            parts.append(lines[at][2])
            at += 1
        if not all(map(_is_text, parts)) or not _WORD.match(text):
            raise _NotPlain
        return " ".join(parts), at
    return _scalar(text, before), at


def _is_text(text: str) -> bool:
    return ": " not in text and " #" not in text and not text.endswith(":")


def _scalar(text: str, before: str) -> Any:
    if _WORD.match(text):
        if text not in _SPECIAL and _is_text(text):
            return text
    elif _INT.match(text):
        return int(text)
    elif _FLOAT.match(text):
        return float(text)
    elif _HASH.match(text) or (_MARKED.match(text) and _LETTER.search(text)):
        return text  # digits with a letter that no number has: a hash, an id, a file's name
    elif before and _QUOTED.match(text):
        return text[1:-1]
    return _ask(before + text)


_asked: dict[str, Any] = {}
_ASKED_LIMIT = 100_000


def _ask(line: str) -> Any:
    """What ruamel makes of one scalar where it stands: behind a key, a dash, or as a key itself."""
    if line.startswith(("k: |", "k: >", "k: !", "- |", "- >", "- !")):
        raise _NotPlain
    if line in _asked:
        return _asked[line]
    if len(_asked) > _ASKED_LIMIT:
        _asked.clear()
    value = load_exactly(line if line[1:2] == " " or line[1:3] == ": " else f"{line}: 0")
    if line.startswith("k: "):
        value = value["k"]
    elif line.startswith("- "):
        value = value[0]
    else:
        value = next(iter(value))
    _asked[line] = value
    return value
