"""Changing one entry of a YAML file, every other byte left as it is. Pure.

    put(text, ("models", "m", "environments", "prod"), "v1.2.0") -> the new text

Places come from ruamel.yaml's nodes, as offsets into the text. In the end the new text is read again, and is
only given back if it says what it said before with that one entry changed.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from modelbook.errors import ModelbookError
from modelbook.spec.source import parse

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


class UnsafeEdit(ModelbookError):
    """The new text would not say what it should, so nothing was changed."""

    def __init__(self, path: str, loc: Sequence[str]) -> None:
        super().__init__(
            f"{path} can't be changed at {'.'.join(loc)} without touching something else",
            hint="an anchor, alias or merge key there is the usual reason: change the line by hand",
        )


class NoEntry(ModelbookError):
    """There is nothing to take out."""

    def __init__(self, path: str, loc: Sequence[str]) -> None:
        super().__init__(
            f"{path} has no {'.'.join(loc)}", hint="where a Git tag says it, only a tag takes it back: --tag"
        )


def put(text: str, loc: Sequence[str], value: str, path: str) -> str:
    """The text with a string at `loc`, whose last keys may be new; equal bytes elsewhere.

    Args:
        loc: keys from the top; a mapping on the way that is not there is made.
        path: names the file in errors.

    Raises:
        SpecError: the text is no YAML mapping. UnsafeEdit: see there.
    """
    wanted = copy.deepcopy(parse(text, path).data)
    place: Any = wanted
    for step in loc[:-1]:
        if place.get(step) is None:
            place[step] = {}
        place = place[step]
    place[loc[-1]] = value
    return _checked(_put(text, loc, value), wanted, loc, path)


def drop(text: str, loc: Sequence[str], path: str) -> str:
    """The text without the entry at `loc`; a mapping that would be left empty goes as well.

    Raises:
        SpecError: the text is no YAML mapping. NoEntry: there is nothing at `loc`. UnsafeEdit: see there.
    """
    wanted = copy.deepcopy(parse(text, path).data)
    try:
        steps = _emptied(wanted, loc)
    except (KeyError, TypeError):
        raise NoEntry(path, loc) from None
    place: Any = wanted
    for step in steps[:-1]:
        place = place[step]
    del place[steps[-1]]
    return _checked(_drop(text, steps), wanted, loc, path)


def _emptied(data: Any, loc: Sequence[str]) -> Sequence[str]:
    """How far up an entry is the only one."""
    places = [data]
    for step in loc[:-1]:
        places.append(places[-1][step])
    places[-1][loc[-1]]  # is it there?
    depth = len(loc)
    while depth > 1 and len(places[depth - 1]) == 1:
        depth -= 1
    return loc[:depth]


def _checked(new: str, wanted: Any, loc: Sequence[str], path: str) -> str:
    try:
        said = parse(new, path).data
    except ModelbookError:
        raise UnsafeEdit(path, loc) from None
    if said != wanted:
        raise UnsafeEdit(path, loc)
    return new


def _put(text: str, loc: Sequence[str], value: str) -> str:
    node: Node = YAML(typ="rt", pure=True).compose(text)
    for depth, step in enumerate(loc):
        found = _pair(node, step)
        if found is None:
            return _inserted(text, node, loc[depth:], value)
        key, node = found
        if depth < len(loc) - 1 and not isinstance(node, MappingNode):  # `environments:` with nothing behind
            end = key.end_mark.index + 1
            return _spliced(text, end, end, f" {_flow(loc[depth + 1 :], value)}")
    return _spliced(text, node.start_mark.index, node.end_mark.index, scalar(value))


def _pair(node: Node, name: str) -> tuple[Node, Node] | None:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next(
        ((key, item) for key, item in pairs if isinstance(key, ScalarNode) and key.value == name), None
    )


def _inserted(text: str, node: Any, keys: Sequence[str], value: str) -> str:
    """The text with a new entry at the end of a mapping."""
    if node.flow_style:
        end = node.value[-1][1].end_mark.index if node.value else node.end_mark.index - 1
        entry = _flow(keys, value)[1:-1]
        return _spliced(text, end, end, f", {entry}" if node.value else entry)
    key, last = node.value[-1]
    end = _line_end(text, _end(text, key, last))
    newline = "\r\n" if "\r\n" in text else "\n"
    column = node.value[0][0].start_mark.column
    step = _step(node) or 2
    lines = [f"{' ' * (column + step * depth)}{scalar(name)}:" for depth, name in enumerate(keys)]
    lines[-1] += f" {scalar(value)}"
    return _spliced(text, end, end, "".join(newline + line for line in lines))


def _step(node: Any) -> int:
    """By how much the mappings below a block mapping are indented; 0 where there are none."""
    below = (
        item.value[0][0].start_mark.column - key.start_mark.column
        for key, item in node.value
        if isinstance(item, MappingNode) and not item.flow_style and item.value
    )
    return next(below, 0)


def _end(text: str, key: Any, node: Any) -> int:
    """Where an entry's last character is; comments and empty lines behind it do not count."""
    if isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index:
        return int(key.end_mark.index) + 1
    if isinstance(node, ScalarNode) or node.flow_style or not node.value:
        return len(text[: node.end_mark.index].rstrip())
    last = node.value[-1]
    return _end(text, *last) if isinstance(node, MappingNode) else _end(text, last, last)


def _line_end(text: str, start: int) -> int:
    """Where the line of a place ends, before its line break."""
    found = text.find("\n", start)
    end = len(text) if found < 0 else found
    return end - 1 if text[start:end].endswith("\r") else end


def _drop(text: str, loc: Sequence[str]) -> str:
    node: Any = YAML(typ="rt", pure=True).compose(text)
    for step in loc[:-1]:
        found = _pair(node, step)
        node = found[1] if found else node
    at = next((n for n, (key, _) in enumerate(node.value) if key.value == loc[-1]), None)
    if at is None:  # it comes from a merge key
        return text
    key, last = node.value[at]
    if node.flow_style and at:
        return _spliced(text, node.value[at - 1][1].end_mark.index, last.end_mark.index, "")
    if node.flow_style:
        after = node.value[1][0].start_mark.index if len(node.value) > 1 else last.end_mark.index
        return _spliced(text, key.start_mark.index, after, "")
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    end = _line_end(text, _end(text, key, last))
    return _spliced(text, start, end + len(re.match(r"\r?\n?", text[end:])[0]), "")  # type: ignore[index]


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _flow(keys: Sequence[str], value: str) -> str:
    said = scalar(value)
    for name in reversed(keys):
        said = f"{{{scalar(name)}: {said}}}"
    return said


def scalar(value: str) -> str:
    """A string as YAML, in quotes where it would be something else without."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    said = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in said)
