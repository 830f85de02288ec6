"""YAML as DVC means it: YAML 1.2, read by ruamel; the plain part of it read faster.

Machine-written YAML is nearly all block mappings, block lists and one-line scalars, with commands as block
scalars. That part is read here line by line; whatever else occurs (anchors, tabs, comments behind values...)
sends the text, or just the one scalar, to ruamel. So nothing can mean anything ruamel does not mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_ANCHOR = re.compile(r"(?:: +|- +|^ *|[\[{,] *)[&*]", re.MULTILINE)
_KEY = re.compile(r"([A-Za-z0-9_/.][A-Za-z0-9_/.@+-]{0,400}):(?: (.*))?$")
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})$")
_FLOAT = re.compile(r"-?[0-9]{1,30}\.[0-9]{1,30}(?:e[+-]?[0-9]{1,3})?$")
_HASH = re.compile(r"(?=.*[abcdf])[0-9a-f]{32}(?:\.dir)?$")
_MARKED = re.compile(r"(?!-?0[xXoObB])-?[0-9][0-9A-Za-z_.-]*[0-9A-Za-z]$")
_LETTER = re.compile(r"[A-DF-Za-df-z]")
_QUOTED = re.compile(r"'[^']*'$|\"[^\"\\]*\"$")
_WORD = re.compile(r"[A-Za-z_/$(]|\./")
_CHUNK = re.compile(r"\n(?=[A-Za-z0-9_/.])")
_ITEM = re.compile(r"\n(?=- )")
_BLOCK = re.compile(r"[|>]-?$", re.MULTILINE)
_BLOCK_HEAD = re.compile(r"((?:- +)?)((?:[A-Za-z0-9_/.][A-Za-z0-9_/.@+-]{0,400}: +)?)([|>])(-?)$")
_MARK, _BREAK = "\0", "\1"
"""Around the text of a block scalar in the content of a `Line`, and in it for each line end."""

_LONG = 40
"""Parts of more lines are read entry by entry: versions of them share most entries."""

_MEMO = 1 << 16
"""How many different lines and scalars are remembered: versions of a file have most of them in common."""

_SPECIAL = frozenset({"true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL"})

Line = tuple[int, int, str, bool]
"""(number, indentation, content, whether it is a list item) of a line that is neither blank nor a comment."""


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


def load_part(text: str, known: dict[str, Any]) -> dict[Any, Any]:
    """The value of one entry of a mapping: like `load`, of text that is known to be a part.

    Args:
        known: what earlier parts of such an entry meant, by their text; it is read and added to.

    Raises:
        YAMLError: it is not YAML, or no mapping that stands for itself.
    """
    try:
        return _load_chunk(text, known, long=1)
    except _NotPlain as error:
        raise YAMLError("not plain") from error


def scalar(text: str) -> Any:
    """The value of one line of text behind a key, nothing below it.

    Raises:
        YAMLError: it is no scalar of one line.
    """
    try:
        return _scalar(text.strip(" "), "k: ")
    except _NotPlain as error:
        raise YAMLError("not plain") from error


def _load_chunks(text: str, known: dict[str, Any]) -> Any:
    """Join what the top-level entries mean; a part that is no mapping of its own is not plain."""
    whole: dict[Any, Any] = {}
    count = 0
    parts = _CHUNK.split(text)
    parts[-1] = parts[-1][:-1] if parts[-1].endswith("\n") else f"{parts[-1]}\0"
    for chunk in parts:
        part = known.get(chunk)
        if part is None:
            part = known[chunk] = _load_chunk(chunk[:-1] if chunk.endswith("\0") else f"{chunk}\n", known)
        whole.update(part)
        count += len(part)
    if count != len(whole) or not whole:
        raise _NotPlain
    return whole


def _load_chunk(chunk: str, known: dict[str, Any], long: int = _LONG) -> dict[Any, Any]:
    if not chunk.replace("\n", "").isprintable():
        raise _NotPlain
    if ("&" in chunk or "*" in chunk) and _ANCHOR.search(chunk):
        raise _NotPlain  # an anchor here may be used in another part
    if chunk.count("\n") > long:
        inner = _load_inner(chunk, known)
        if inner is not None:
            return inner
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


def _load_inner(chunk: str, known: dict[str, Any]) -> dict[Any, Any] | None:
    """A long part such as `stages:`, entry by entry, so that versions share what they have in common.

    What stands below a key means the same when it is moved to the left. None when it is not that simple.
    """
    head, _newline, body = chunk.partition("\n")
    entry = _entry(head)
    if entry is None or entry[1] or not body:
        return None
    depth = len(body) - len(body.lstrip(" "))
    listed = body.startswith("- ", depth)
    margin = "\n" + " " * depth
    body = f"\n{body}"
    if not (depth or listed) or body.rstrip("\n").count("\n") != body.count(margin) + body.count("\n\n"):
        return None
    body = body.replace(margin, "\n")[1:] if depth else body[1:]
    try:
        return {_scalar(entry[0], ""): _load_items(body, known) if listed else _load_chunks(body, known)}
    except (_NotPlain, YAMLError):
        return None


def _load_items(text: str, known: dict[str, Any]) -> list[Any]:
    """A list whose items stand at the left, item by item."""
    found = []
    parts = _ITEM.split(text.rstrip("\n"))
    for number, part in enumerate(parts, 1):
        item = f"{part}\n" if number < len(parts) or text.endswith("\n") else part
        value = known.get(item)
        if value is None:
            value = known[item] = _load_item(item)
        found.append(value[0])
    return found


def _load_item(item: str) -> list[Any]:
    lines = _lines(item)
    if not lines[0][3]:
        raise _NotPlain
    value, at = _sequence(lines, 0, 0)
    if at != len(lines) or len(value) != 1:
        raise _NotPlain
    return value


def _lines(text: str) -> list[Line]:
    lines = text.split("\n")
    if ("|" in text or ">" in text) and _BLOCK.search(text):
        return list(_lines_and_blocks(lines))
    return [(number, *row) for number, line in enumerate(lines) if (row := _row(line)) is not None]


def _lines_and_blocks(lines: list[str]) -> Iterator[Line]:
    """The lines; one that starts a block scalar has all the text of it behind its key or dash."""
    at = 0
    while at < len(lines):
        number, row = at, _row(lines[at])
        at += 1
        if row is None:
            continue
        indent, content, item = row
        dash, key, style, strip = head.groups() if (head := _BLOCK_HEAD.match(content)) else ("",) * 4
        if dash or key:
            text, at = _block_scalar(lines, at, indent + (len(dash) if key else 0), folded=style == ">")
            text = text.removesuffix("\n") if strip else text
            content = f"{dash}{key}{_MARK}{text.replace(chr(10), _BREAK)}{_MARK}"
        yield number, indent, content, item


def _block_scalar(lines: list[str], at: int, around: int, *, folded: bool) -> tuple[str, int]:
    """The text of a literal or folded block scalar, and the number of the line behind it.

    Args:
        around: the column of the key or dash that it belongs to; its lines are farther right.
    """
    start = next((number for number in range(at, len(lines)) if lines[number].strip(" ")), len(lines))
    if any(lines[at:start]) or (lines[-1] and not lines[-1].strip(" ")):
        raise _NotPlain  # what spaces alone on a line mean here is for ruamel to tell
    if start == len(lines):
        return "", start
    indent = len(lines[start]) - len(lines[start].lstrip(" "))
    if indent <= around:
        return "", start
    end = start
    while end < len(lines) and (lines[end].startswith(" " * indent) or not lines[end].strip(" ")):
        end += 1
    rows = [line[indent:] for line in lines[start:end]]
    while not rows[-1]:
        rows.pop()
    last = "" if start + len(rows) == len(lines) else "\n"
    return "\n" * (start - at) + ("".join(_folded(rows)) if folded else "\n".join(rows)) + last, end


def _folded(rows: list[str]) -> Iterator[str]:
    """The text of a folded scalar, the last line end left out: lines at the margin are joined by spaces."""
    before, gap = rows[0], 0
    yield before
    for row in rows[1:]:
        if not row:
            gap += 1
            continue
        if before[0] != " " and row[0] != " ":
            yield "\n" * gap or " "
        else:
            yield "\n" * (gap + 1)
        yield row
        before, gap = row, 0


@lru_cache(_MEMO)
def _row(line: str) -> tuple[int, str, bool] | None:
    content = line.lstrip(" ")
    if not content or content[0] == "#":
        return None
    indent = len(line) - len(content)
    content = content.rstrip(" ")
    return indent, content, _is_item(content)


@lru_cache(_MEMO)
def _entry(content: str) -> tuple[str, str] | None:
    """(key, what stands behind it) of a line of a mapping; None when it is none."""
    match = _KEY.match(content)
    return (match[1], (match[2] or "").strip(" ")) if match else None


def _block(lines: list[Line], at: int, indent: int) -> tuple[Any, int]:
    return (_sequence if lines[at][3] else _mapping)(lines, at, indent)


def _is_item(content: str) -> bool:
    return content.startswith("- ") or content == "-"


def _mapping(lines: list[Line], at: int, indent: int) -> tuple[dict[Any, Any], int]:
    found: dict[Any, Any] = {}
    end = len(lines)
    while at < end:
        _number, depth, content, item = lines[at]
        if depth != indent or item:
            break
        entry = _entry(content)
        if entry is None:
            raise _NotPlain
        key = _scalar(entry[0], "")
        if key in found:
            raise _NotPlain
        if not entry[1]:
            found[key], at = _below(lines, at + 1, indent)
        elif at + 1 < end and lines[at + 1][1] > indent:
            found[key], at = _inline(lines, at, indent, entry[1], "k: ")
        else:
            found[key] = _scalar(entry[1], "k: ")
            at += 1
    if at < end and lines[at][1] > indent:
        raise _NotPlain
    return found, at


def _below(lines: list[Line], at: int, indent: int) -> tuple[Any, int]:
    """The value of a key that has nothing behind it."""
    if at < len(lines):
        _number, depth, _content, item = lines[at]
        if depth > indent:
            return _block(lines, at, depth)
        if depth == indent and item:
            return _sequence(lines, at, depth)
    return None, at


def _sequence(lines: list[Line], at: int, indent: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while at < len(lines) and lines[at][1] == indent and lines[at][3]:
        number, _indent, content, _item = lines[at]
        rest = content[1:].lstrip(" ")
        if not rest or _is_item(rest):
            raise _NotPlain
        if _entry(rest):
            depth = indent + len(content) - len(rest)
            lines[at] = (number, depth, rest, False)
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
    return ": " not in text and " #" not in text and not text.endswith(":") and _MARK not in text


@lru_cache(_MEMO)
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
    elif text[0] == _MARK:
        return text[1:-1].replace(_BREAK, "\n")
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
