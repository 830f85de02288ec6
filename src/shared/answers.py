"""See that a packaged model answers: the health check of the deployments that are files.

    python src/shared/answers.py PACKAGE

Asks `model.onnx` about the package's own example, as a server would; status 1 when a chance is none.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}
"""What ONNX calls a type -> numpy's; all others are texts."""


def chances(package: Path) -> np.ndarray:
    """Chance of every class for every row of the example, shape (rows, classes)."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # after it was told to count nobody

    example = json.loads((package / "input_example.json").read_text())
    columns = dict(zip(example["columns"], zip(*example["data"], strict=True), strict=True))
    session = onnxruntime.InferenceSession(package / "model.onnx", providers=["CPUExecutionProvider"])
    asked = {
        item.name: np.array(
            [[value] for value in columns[item.name]] if item.name in columns else example["data"],
            dtype=KINDS.get(item.type, object),
        )
        for item in session.get_inputs()
    }
    (found,) = session.run(["probabilities"], asked)
    return np.asarray(found)


def main(package: str) -> str | None:
    """What is wrong, in a sentence, or None."""
    found = chances(Path(package))
    if not np.isfinite(found).all() or not np.allclose(found.sum(axis=1), 1, atol=1e-4):
        return f"the chances are {found.tolist()}"
    print(f"{len(found)} rows answered, {found.shape[1]} classes")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
