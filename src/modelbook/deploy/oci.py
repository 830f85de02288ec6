"""A package as an image in OCI's layout (image-spec 1.1): files that registries and container engines take.

The image has one layer, a tar with the package in `models/`, and nothing that could run: it is mounted, or
copied from. The tar is not compressed: what compresses differs between machines, and a digest must not.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelbook.deploy.order import Order

LAYOUT, INDEX, BLOBS = "oci-layout", "index.json", "blobs"
FOLDER = "models"
"""Where the package lies in the image."""
PLATFORMS = ("amd64", "arm64")
"""A container engine takes only what is for its own processor; the files are the same for each."""
_KIND = "application/vnd.oci.image."
_TAR, _CONFIG = f"{_KIND}layer.v1.tar", f"{_KIND}config.v1+json"
_MANIFEST, _IMAGES = f"{_KIND}manifest.v1+json", f"{_KIND}index.v1+json"
_ANNOTATION = "org.opencontainers.image."
_CREATED = f"{_ANNOTATION}created"
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DEEPEST = 4


def write(order: Order, package: Path, folder: Path) -> None:
    """Lay out the image of a package in an empty folder."""
    (folder / BLOBS / "sha256").mkdir(parents=True)
    layer = _layer(folder, package)
    notes = _annotations(order)
    images = [_image(folder, platform, layer, notes) for platform in PLATFORMS]
    index = {"schemaVersion": 2, "mediaType": _IMAGES, "manifests": images, "annotations": notes}
    whole = _blob(folder, _IMAGES, _json(index))
    named = {**whole, "annotations": {f"{_ANNOTATION}ref.name": order.version}}
    top = {"schemaVersion": 2, "mediaType": _IMAGES, "manifests": [named]}
    (folder / INDEX).write_bytes(_json(top))
    (folder / LAYOUT).write_bytes(_json({"imageLayoutVersion": "1.0.0"}))


def _annotations(order: Order) -> dict[str, str]:
    """What it is, in the specification's own words."""
    told = {
        "title": order.wish.model,
        "version": order.version,
        "revision": order.run.commit,
        "created": order.run.date if _DATE.fullmatch(order.run.date) else "",
    }
    found = {f"{_ANNOTATION}{key}": value for key, value in told.items() if value}
    return {**found, "modelbook.run": order.run.id}


def _image(folder: Path, platform: str, layer: dict[str, Any], notes: Mapping[str, str]) -> dict[str, Any]:
    """The descriptor of an image for one processor, whose blobs are written."""
    where = {"architecture": platform, "os": "linux"}
    config = {
        **where,
        **({"created": created} if (created := notes.get(_CREATED)) else {}),  # what registries clean up by
        "config": {"Labels": dict(notes)},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(folder, _CONFIG, _json(config)),
        "layers": [layer],
        "annotations": dict(notes),
    }
    return {**_blob(folder, _MANIFEST, _json(manifest)), "platform": where}


def _blob(folder: Path, kind: str, content: bytes) -> dict[str, Any]:
    """Write a blob under its digest; its descriptor."""
    digest = hashlib.sha256(content).hexdigest()
    (folder / BLOBS / "sha256" / digest).write_bytes(content)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _layer(folder: Path, package: Path) -> dict[str, Any]:
    """The tar of a package as a blob: files sorted, readable by all, of no user and of no time."""
    made = folder / BLOBS / "layer"
    with tarfile.open(made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_member(f"{FOLDER}/", tarfile.DIRTYPE))
        for path in sorted(package.rglob("*"), key=lambda path: path.relative_to(package).parts):
            name = f"{FOLDER}/{path.relative_to(package).as_posix()}"
            if path.is_dir():
                tar.addfile(_member(f"{name}/", tarfile.DIRTYPE))
            else:
                with path.open("rb") as file:
                    tar.addfile(_member(name, tarfile.REGTYPE, path.stat().st_size), file)
    with made.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = made.stat().st_size
    made.rename(folder / BLOBS / "sha256" / digest)
    return {"mediaType": _TAR, "digest": f"sha256:{digest}", "size": size}


def _member(name: str, kind: bytes, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.mtime = kind, size, 0
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return member


def digest(folder: Path) -> str:
    """The digest of the image in a layout, `sha256:…`; empty when any blob is not what its digest says."""
    try:
        top = json.loads((folder / INDEX).read_bytes())
        (whole,) = top["manifests"]
        wanted = dict(_reached(folder, whole))
        there = {path.name for path in (folder / BLOBS / "sha256").iterdir()}
        good = json.loads((folder / LAYOUT).read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    whole_too = good and {name.removeprefix("sha256:") for name in wanted} == there
    return str(whole["digest"]) if whole_too and all(wanted.values()) else ""


def _reached(folder: Path, found: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, bool]]:
    """Digest -> whether its blob is what it says, of a descriptor and all that its blob leads to."""
    name = str(found["digest"])
    path = folder / BLOBS / name.replace(":", "/")
    if not _DIGEST.fullmatch(name) or depth > _DEEPEST:
        yield name, False
        return
    with path.open("rb") as file:
        same = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == name
    yield name, same and path.stat().st_size == found["size"]
    if same and found["mediaType"] in (_MANIFEST, _IMAGES):
        inner = json.loads(path.read_bytes())
        for item in (*inner.get("manifests", ()), *inner.get("layers", ()), inner.get("config")):
            if item is not None:
                yield from _reached(folder, item, depth + 1)
