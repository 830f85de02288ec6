"""`${...}` in a pipeline's strings: found and filled. As in DVC, a backslash before `$` escapes it."""

from __future__ import annotations

import re
from collections.abc import Callable

PARAMS_FOLDER = "runs/params"
"""Where `modelbook plan` writes one file of resolved params per run."""

_PLACEHOLDER = re.compile(r"(?<!\\)\$\{([^{}]*)\}")


def names_in(text: str) -> list[str]:
    """What stands between `${` and `}`, in order of appearance."""
    return [found.strip() for found in _PLACEHOLDER.findall(text)]


def fill(text: str, value: Callable[[str], str]) -> str:
    """The text with every placeholder replaced by what `value` gives for its name."""
    return _PLACEHOLDER.sub(lambda match: value(match[1].strip()), text)


def params_path(name: str) -> str:
    """Path of the resolved params of a run, or of a pipeline's shared stages."""
    return f"{PARAMS_FOLDER}/{name}.yaml"
