"""DVC's `${...}`: the variables of a dvc.yaml and how they are put into its strings. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from modelbook.history.files import name as key_name

_PLACE = re.compile(r"(?<!\\)\$\{(.*?)\}")
_MAX_DEPTH = 50


class Unresolved(Exception):
    """A placeholder names no variable; the message is the placeholder's inside."""


def merge(base: Mapping[Any, Any], over: Mapping[Any, Any]) -> dict[Any, Any]:
    """Both mappings, deeply; the second wins where both have a value."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def resolve(value: Any, context: Mapping[Any, Any], depth: int = _MAX_DEPTH) -> Any:
    """The value with every placeholder in its strings (keys too) replaced.

    A string that is one placeholder becomes the variable's own value, of whatever type.

    Raises:
        Unresolved: a placeholder names no variable.
    """
    if isinstance(value, str):
        return _string(value, context) if "${" in value else value
    if not depth:
        raise Unresolved("nested too deeply")
    if isinstance(value, Mapping):
        return {resolve(k, context, depth - 1): resolve(v, context, depth - 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, context, depth - 1) for item in value]
    return value


def text(value: Any) -> str:
    """A value inside a longer string, as DVC writes it there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return " ".join(_arguments(value))
    return str(value)


def _string(template: str, context: Mapping[Any, Any]) -> Any:
    whole = _PLACE.fullmatch(template)
    if whole and "${" not in whole[1]:
        return _find(whole[1], context)
    filled = _PLACE.sub(lambda match: text(_find(match[1], context)), template)
    return filled.replace("\\${", "${")


def _find(path: str, context: Mapping[Any, Any]) -> Any:
    value: Any = context
    for part in path.strip().replace("[", ".").replace("]", "").split("."):
        value = _step(value, part.strip(), path)
    return value


def _step(value: Any, part: str, path: str) -> Any:
    if isinstance(value, Mapping):
        if part in value:
            return value[part]
        for key, item in value.items():
            if key_name(key) == part:
                return item
    elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    raise Unresolved(path)


def _arguments(values: Mapping[Any, Any], prefix: str = "") -> Iterable[str]:
    """A mapping inside a command: `--key value` for each leaf."""
    for key, value in values.items():
        flag = f"{prefix}{key_name(key)}"
        if isinstance(value, Mapping):
            yield from _arguments(value, f"{flag}.")
        elif isinstance(value, bool):
            yield from [f"--{flag}"] if value else []
        elif isinstance(value, list):
            yield " ".join([f"--{flag}", *(shlex.quote(text(item)) for item in value)])
        else:
            yield f"--{flag} {shlex.quote(text(value))}"
