"""A large Catalog made in memory: 2,000 runs of two pipelines on 200 commits, with everything a run can have.

Its runs are the sample's, made many: seeds, sweeps, curves, confusion matrices, images, models with versions.
"""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

import sample
from modelbook import catalog as waist
from modelbook.history import History
from modelbook.records import Catalog, Commit, Plot, Run, Snapshot, Spec

NEW, LIVES, EXPERIMENTS = 10, 5, 40
"""Runs that each commit brings; commits that hold a run; experiments, which take turns."""


def share(text: str) -> float:
    """A number from 0 to 1 that the text decides."""
    return int(sample.digest(text, 8), 16) / 0xFFFFFFFF


def png(shade: int) -> bytes:
    """A grey image of 8 x 8 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes([0, *[shade] * 8]) * 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def image(name: str, number: int) -> Plot:
    """A plot that is a picture; sixteen of them are different."""
    path, blob = f"results/{name}/plots/errors.png", sample.digest(f"png {number % 16}")
    sample.BLOBS[blob] = png(16 * (number % 16))
    return Plot(
        name="errors", title="Worst errors", template="image", files=((path, blob),), stage=f"train@{name}"
    )


def commit(number: int, total: int) -> Commit:
    """One of a straight history, an hour after the one before."""
    when = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return Commit(
        sha=sample.digest(f"large {number}"),
        parents=(sample.digest(f"large {number - 1}"),) if number else (),
        author=("Ada", "Eve", "Lin")[number % 3],
        date=when.isoformat(timespec="seconds"),
        subject=f"Try {NEW} more, number {number}",
        refs=("main",) if number == total - 1 else (),
    )


def spec(number: int) -> Spec:
    """Of an experiment; every third reads digits."""
    return Spec(
        name=f"trial-{number:02}",
        path=f"experiments/trial-{number:02}.yaml",
        blob=sample.digest(f"spec {number}"),
        pipeline="digits" if number % 3 == 0 else "flights",
        description=f"What width {8 * (number + 1)} does",
        tags=("baseline",) if number % 10 == 1 else ("sweep",),
        owner=("ada", "eve")[number % 2],
    )


def run(number: int, commits: list[Commit], specs: list[Spec]) -> Run:
    """The run of that number, held by a few commits."""
    first = number // NEW
    held, wanted = commits[first : first + LIVES], specs[first % EXPERIMENTS]
    name = f"{wanted.name}-{number}"
    score = 0.6 + 0.35 * share(f"score {number}")
    params = {
        "seed": number % NEW,
        "model.kind": ("gbm", "forest", "linear")[first % 3],
        "model.learning_rate": (0.01, 0.05, 0.1, 0.2)[first % 4],
        "model.width": 8 * (1 + first % EXPERIMENTS),
        **{f"model.layer{layer}.dropout": round(share(f"{layer} {first}"), 3) for layer in range(6)},
        "split.month": 3,
    }
    metrics = {"accuracy" if wanted.pipeline == "digits" else "roc_auc": score, "log_loss": 1.1 - score}
    made = sample.run(name, wanted.name, wanted.pipeline, 0, metrics, params)
    return replace(
        made,
        commit=held[0].sha,
        commits=tuple(item.sha for item in held),
        refs=("main",) if held[-1].refs else (),
        date=held[0].date,
        author=held[0].author,
        tags=wanted.tags,
        spec=wanted,
        plots=(*made.plots, image(name, number)),
    )


def catalog(runs: int = 2_000) -> Catalog:
    """All of it; the files of its plots are in `sample.BLOBS`."""
    total = runs // NEW
    commits = [commit(number, total) for number in range(total)]
    specs = [spec(number) for number in range(EXPERIMENTS)]
    made = [run(number, commits, specs) for number in range(runs)]
    flights = [item for item in made if item.pipeline == "flights"]
    versions = tuple((f"v1.{at}.0", flights[-1 - 40 * at].id) for at in reversed(range(8)))
    model = replace(sample.MODEL, versions=versions, environments=(("prod", "v1.2.0"), ("staging", "v1.0.0")))
    project = replace(sample.PROJECT, models=(model,))
    bare = Snapshot(commit=commits[-1], project=project, specs=tuple(specs), datasets=sample.DATASETS)
    stages = tuple(one for item in made if commits[-1].sha in item.commits for one in item.stages)
    snapshots = (replace(bare, stages=stages), *(replace(bare, commit=item) for item in commits[-2::-1]))
    found = History(name="late-flights", head=commits[-1].sha, snapshots=snapshots)
    return waist.build(found, tuple(reversed(made)))
