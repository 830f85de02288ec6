"""A package as something to ask: what goes in, what comes out, and the ONNX session between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelbook import package
from modelbook.errors import ModelbookError
from modelbook.package.libraries import library

DATATYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(int64)": "INT64",
    "tensor(int32)": "INT32",
    "tensor(bool)": "BOOL",
    "tensor(string)": "BYTES",
}
"""What ONNX Runtime calls a type -> what the protocol calls it."""


class NoOnnx(ModelbookError):
    """A package has no ONNX model that can be served."""

    def __init__(self, folder: str, reason: object) -> None:
        super().__init__(f"{folder} can't be served: {' '.join(str(reason).split())[:300]}")


@dataclass(frozen=True)
class Tensor:
    """An input or an output; `shape` is (rows, ...) with -1 for the rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def described(self) -> dict[str, Any]:
        """As the protocol's metadata have it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Served:
    """A loaded model.

    Attributes:
        digest: SHA-256 of the package's list of checksums, which stands for all its files.
        columns: names of the columns of the data that it was fitted on, in order.
    """

    name: str
    version: str
    run: str
    digest: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    columns: Sequence[str]
    session: Any

    def metadata(self) -> dict[str, Any]:
        """What the protocol tells of a model."""
        return {
            "name": self.name,
            "versions": [self.version] if self.version else [],
            "platform": "onnxruntime_onnx",
            "inputs": [each.described() for each in self.inputs.values()],
            "outputs": [each.described() for each in self.outputs.values()],
            "parameters": {"run": self.run, "package_sha256": self.digest},
        }


def load(folder: Path, name: str = "", version: str = "", threads: int = 1) -> Served:
    """A package that is whole, ready to answer.

    Args:
        name, version: of the registry; those of the package itself by default.

    Raises:
        Damaged: some file is not as it was written.
        NoOnnx: there is no model in it that ONNX Runtime takes.
    """
    package.verify(folder)
    try:
        described = json.loads((folder / "MLmodel").read_bytes())
        file = folder / described["flavors"]["onnx"]["data"]
        session = package.session(file.read_bytes(), threads)
        columns = [str(each["name"]) for each in json.loads(described["signature"]["inputs"])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoOnnx(str(folder), error) from None
    except library("onnxruntime", "serve").capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
        raise NoOnnx(str(folder), error) from None
    strange = [each.type for each in session.get_inputs() if each.type not in DATATYPES]
    if strange:
        raise NoOnnx(str(folder), f"its ONNX model takes {', '.join(strange)}")
    about = described.get("metadata") or {}
    digest = hashlib.sha256((folder / package.SUMS).read_bytes()).hexdigest()
    return Served(
        name or str(about.get("model") or folder.resolve().name),
        version,
        str(about.get("run") or ""),
        digest,
        {each.name: _tensor(each) for each in session.get_inputs()},
        {each.name: _tensor(each) for each in session.get_outputs()},
        columns,
        session,
    )


def _tensor(found: Any) -> Tensor:
    shape = tuple(size if isinstance(size, int) else -1 for size in found.shape)
    return Tensor(found.name, DATATYPES.get(found.type, found.type), (-1, *shape[1:]))
