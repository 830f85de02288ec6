"""What is printed for people: safe whatever a repository holds, and whole in a pipe."""

from __future__ import annotations

from typing import Any

_PIPE_WIDTH = 200


def console() -> Any:
    """A `rich.console.Console` as wide as the terminal; wide enough for most lines where there is none."""
    from rich.console import Console

    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def printable(text: object) -> str:
    """Text without line ends and control characters."""
    return "".join(char if char.isprintable() else " " for char in str(text))


def escaped(text: object) -> str:
    """The same, and without rich's markup."""
    from rich.markup import escape

    return escape(printable(text))
