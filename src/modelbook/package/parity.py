"""How far the ONNX form of a model is from the original, on held data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelbook.package.flavors import Flavor, by_column
from modelbook.package.libraries import library

CLOSE = 1e-5
"""Numbers that differ by less than this share of the larger count as equal."""


@dataclass(frozen=True)
class Parity:
    """What the comparison found.

    Attributes:
        max_difference: the largest absolute difference of a chance (or of a number that is predicted),
            rounded up to one digit, so that it is the same on every machine.
        equal: share of rows in [0, 1] that both call the same.
        rows: rows compared.
        shape, dtype: of the original's answer, -1 for the rows.
    """

    max_difference: float
    equal: float
    rows: int
    shape: tuple[int, ...]
    dtype: str

    def as_metrics(self) -> dict[str, float | int]:
        """The numbers by the names they have in the metrics file."""
        return {
            "max_difference": self.max_difference,
            "equal_predictions": round(self.equal, 6),
            "rows": self.rows,
        }


def measure(flavor: Flavor, onnx: bytes, frame: Any) -> Parity:
    """Ask both the same."""
    numpy = library("numpy")
    told = numpy.asarray(flavor.answer(frame))
    labels = flavor.labels(frame)
    outputs = run(onnx, feed(onnx, frame))
    there = outputs["probabilities"] if labels is not None else outputs["variable"].reshape(told.shape)
    if told.ndim == 1 and there.ndim > 1:  # XGBoost tells the chance of the second of two classes
        there = there[:, 1]
    same = labels == outputs["label"] if labels is not None else numpy.isclose(told, there, rtol=CLOSE)
    largest = float(numpy.max(numpy.abs(told.astype("float64") - there)))
    return Parity(
        rounded_up(largest), float(numpy.mean(same)), len(frame), (-1, *told.shape[1:]), str(told.dtype)
    )


def rounded_up(value: float) -> float:
    """The next number of one significant digit; a difference that is no number stays as it is."""
    if value == 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** math.floor(math.log10(value))
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.1g}")


def session(onnx: bytes, threads: int = 1) -> Any:
    """An ONNX Runtime session on the CPU."""
    runtime = library("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    return runtime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def run(onnx: bytes, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Every output of an ONNX model by name."""
    made = session(onnx)
    return dict(zip([out.name for out in made.get_outputs()], made.run(None, dict(tensors)), strict=True))


def feed(onnx: bytes, frame: Any) -> dict[str, Any]:
    """A frame as the tensors that an ONNX model of one or of many inputs takes."""
    inputs = session(onnx).get_inputs()
    if len(inputs) == 1 and not by_column(frame):
        return {inputs[0].name: frame.to_numpy("float32")}
    return {each.name: _tensor(frame[each.name], each.type) for each in inputs}


def _tensor(column: Any, kind: str) -> Any:
    types = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}
    if kind in types:
        return column.to_numpy(types[kind]).reshape(-1, 1)
    return column.fillna("").astype(str).to_numpy(object).reshape(-1, 1)
