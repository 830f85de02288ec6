"""Model files: skops, so that nobody has to unpickle one, with bytes that depend on the model alone."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import skops.io

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold: ours stand at it, so that no clock gets in."""

MEMBER = re.compile(r"[\w-]+\.(npy|npz|bin)")


def save_model(path: Path, model: Any) -> None:
    """Write a fitted estimator; equal models give equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model_bytes(model))


def model_bytes(model: Any) -> bytes:
    """The estimator as a skops archive without memory addresses and times.

    skops names objects and array files by their address in memory; here they are numbered in the order the
    schema mentions them, and every member gets the same date.
    """
    with ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        schema = json.loads(archive.read("schema.json"))
        names: dict[Any, Any] = {}
        members = {"schema.json": json.dumps(_renamed(schema, names), indent=1).encode()}
        members |= {names[name]: archive.read(name) for name in names if isinstance(name, str)}
    return _packed(members)


def _renamed(node: Any, names: dict[Any, Any]) -> Any:
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _value(key, item, names) for key, item in node.items()}


def _value(key: str, item: Any, names: dict[Any, Any]) -> Any:
    if key == "__id__" and isinstance(item, int):
        return names.setdefault(item, len(names))
    if key == "file" and isinstance(item, str) and MEMBER.fullmatch(item):
        return names.setdefault(item, f"{len(names)}{Path(item).suffix}")
    return _renamed(item, names)


def _packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", compression=ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, members[name], compress_type=ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()
