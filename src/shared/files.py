"""What every stage program does with files: read its parameters, write small results that Git can hold."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DIGITS = 6
"""Decimal places of every number written: enough to compare runs, and the same text on every machine."""


def read_params(path: Path) -> dict[str, Any]:
    """The resolved parameters of one run, as plain data."""
    params: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return params


def rounded(value: Any) -> Any:
    """The value with every float in it, however deep, cut to `DIGITS` places."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def write_json(path: Path, value: Any) -> None:
    """Write JSON in the order given, with folders made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(value), indent=2) + "\n", encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with `\\n` line ends, with folders made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rounded(row) for row in rows)
