"""A small valid project as texts, for the tests of specs, stages and the runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROJECT = """\
name: late
description: Will it be late?
datasets:
  raw:
    path: data/raw.csv
    license: CC0-1.0
metrics:
  score:
    direction: maximize
    format: ".4f"
    gates: {floor: 0.1}
pipelines:
  flights:
    description: Late or not.
    datasets: [raw]
    metric: score
    params:
      seed: 0
      split: {test: 0.25}
      model: {kind: tree, learning_rate: 0.1, depth: 3}
    stages:
      prepare:
        shared: true
        cmd: python prepare.py --params ${params} --raw ${datasets.raw}
        deps: [prepare.py, "${datasets.raw}"]
        params: [split]
        outs: [data/train.csv]
      train:
        cmd: python train.py --params ${params} --out results/${run}
        deps: [train.py, data/train.csv]
        params: [model, seed]
        outs:
          - results/${run}/model.json: {desc: The model}
        metrics: ["results/${run}/metrics.json"]
        plots:
          - results/${run}/loss.csv: {x: step, y: loss}
models:
  delay:
    pipeline: flights
    artifact: results/${run}/model.json
    versions: {v1.0.0: 0123456789ab}
    environments: {prod: v1.0.0}
"""

BASE = """\
description: The base.
pipeline: flights
params:
  model:
    learning_rate: 0.05
tags: [baseline]
owner: ada
card:
  limitations: Few.
"""

DEEP = """\
extends: base
params:
  model:
    depth: 8
"""

SWEPT = """\
extends: base
sweep:
  grid:
    model.depth: [2, 4]
"""

SEEDED = """\
extends: deep
seeds: [1, 2]
"""

PREPARE = """\
import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--params", type=pathlib.Path)
parser.add_argument("--raw", type=pathlib.Path)
options = parser.parse_args()
share = json.loads(options.params.read_text())["split"]["test"]
pathlib.Path("data/train.csv").write_text(f"{share}\\n" + options.raw.read_text())
"""

TRAIN = """\
import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--params", type=pathlib.Path)
parser.add_argument("--out", type=pathlib.Path)
options = parser.parse_args()
params = json.loads(options.params.read_text())
options.out.mkdir(parents=True, exist_ok=True)
(options.out / "model.json").write_text(json.dumps(params["model"]))
(options.out / "metrics.json").write_text(json.dumps({"score": params["model"]["depth"] + params["seed"]}))
(options.out / "loss.csv").write_text("step,loss\\n0,1\\n1,0.5\\n")
"""

FILES: Mapping[str, str] = {
    "mlproject.yaml": PROJECT,
    "experiments/base.yaml": BASE,
    "experiments/deep.yaml": DEEP,
    "experiments/swept.yaml": SWEPT,
    "experiments/seeded.yaml": SEEDED,
    "data/raw.csv": "late\n1\n0\n",
    "prepare.py": PREPARE,
    "train.py": TRAIN,
}

REPORT = """\
# mine
stages:
  report:
    cmd: cp results/base/metrics.json report.json
    deps: [results/base/metrics.json]
    outs: [report.json]
"""
"""A dvc.yaml of someone's own, before modelbook writes into it."""

RUNS = ("base", "deep", "seeded-seed-1", "seeded-seed-2", "swept-depth-2", "swept-depth-4")


def write(root: Path, files: Mapping[str, str] = FILES) -> Path:
    """Write files below a folder, and give the folder back."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return root


def edited(path: str, old: str, new: str) -> dict[str, str]:
    """The sample with one edit; the text to replace must be there just once."""
    files = dict(FILES)
    text = files.get(path, "")
    assert text.count(old) == 1 or not text, (path, old, text.count(old))
    files[path] = text.replace(old, new) if text else new
    return files
