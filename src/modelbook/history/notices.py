"""Who was told of monitors: `runs/alerts/MONITOR.jsonl` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

import msgspec

from modelbook.records import Notice

FOLDER = "runs/alerts"


def parsed(content: bytes, monitor: str) -> tuple[tuple[Notice, ...], tuple[str, ...]]:
    """The good lines of a log, oldest first, and what is wrong with the others."""
    known: list[Notice] = []
    faults: list[str] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            item = msgspec.json.decode(line, type=Notice)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults.append(f"line {number} is no record of an alert: {error}")
            continue
        if item.monitor == monitor:
            known.append(item)
        else:
            faults.append(f"line {number} is of {item.monitor!r}")
    return tuple(known), tuple(faults)
