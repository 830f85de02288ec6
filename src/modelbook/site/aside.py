"""Finished HTML is put aside before MkDocs, and back afterwards.

A page of ours is a heading and one block of HTML, which Markdown leaves as it is, but only after it has read
every tag of it: for the lists of a large project that is more than all else that MkDocs does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from modelbook.site.engine import SiteNotBuilt

_LEAST = 2_000
"""Characters that are worth it."""

_OPENING = re.compile(r"(?<=\n\n)<div\b")
_DIV = re.compile(r"<(/?)div\b[^>]*>")
_END = re.compile(r"[ ]*(?:\n\s*\n|\s*\Z)")


class Aside:
    """The blocks of a site that stand aside. Each is known by the page it is on and its number there."""

    def __init__(self) -> None:
        self._blocks: dict[str, list[str]] = {}

    def put(self, path: str, markdown: str) -> str:
        """The Markdown of a page, with a mark in the place of each block that Markdown leaves as it is."""
        held: list[str] = []
        parts: list[str] = []
        done = 0
        for start, end in _blocks(markdown):
            parts += [markdown[done:start], _mark(len(held))]
            held.append(markdown[start:end])
            done = end
        if held:
            self._blocks[path] = held
        return "".join([*parts, markdown[done:]])

    def back(self, site: Path) -> None:
        """Put all blocks where their marks are in the pages of a finished site.

        Raises:
            SiteNotBuilt: a mark is not there, or there more than once.
        """
        for path, held in self._blocks.items():
            file = site / path
            html = file.read_bytes()
            for number, block in enumerate(held):
                parts = html.split(_mark(number).encode())
                if len(parts) != 2:
                    raise SiteNotBuilt(f"the theme lost the content of {path}")
                html = block.encode("utf-8", "replace").join(parts)
            file.write_bytes(html)


def _mark(number: int) -> str:
    """What stands for a block: a block itself. No text can be taken for it, for texts are escaped."""
    return f'<div data-mb-aside="{number}"></div>'


def _blocks(markdown: str) -> Iterator[tuple[int, int]]:
    """Where each `<div>` begins and ends that stands between blank lines, and is worth putting aside."""
    at = 0
    while opening := _OPENING.search(markdown, at):
        end = _closing(markdown, opening.start())
        if end is None:  # not as we write it: Markdown may make of it what it will
            return
        if end - opening.start() >= _LEAST:
            yield opening.start(), end
        at = end


def _closing(markdown: str, start: int) -> int | None:
    """Where the `<div>` ends that begins there, if the line ends, too, and a blank one or nothing follows."""
    depth = 0
    for tag in _DIV.finditer(markdown, start):
        depth += -1 if tag[1] else 1
        if not depth:
            return tag.end() if _END.match(markdown, tag.end()) else None
    return None
