"""The Open Inference Protocol V2 in JSON: requests to tensors, tensors to answers.

Every fault names its input, and where it can the place of the value.

A missing number (`null`) is what the model was fitted with for a missing number: NaN.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from modelbook.serve.model import Served, Tensor

KINDS = {
    **{f"{sign}INT{bits}": "i" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": "f" for bits in (16, 32, 64)},
    "BOOL": "b",
    "BYTES": "s",
}
"""The protocol's datatypes: whole numbers, numbers, truth values, texts."""
TAKES = {"f": "if", "i": "i", "b": "b", "s": "s"}
"""What kinds an input of a kind takes."""
ARRAYS = {"FP32": "float32", "FP64": "float64", "INT64": "int64", "INT32": "int32", "BOOL": "bool"}
WORDS = {"f": "a number", "i": "a whole number", "b": "true or false", "s": "a text"}
_NUMERIC = {"f": "iuf", "i": "iu", "b": "b"}


class BadRequest(Exception):
    """A request that cannot be answered; `status` is that of HTTP."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A request: tensors by the model's names for them, and the names of the outputs to tell."""

    id: str | None
    tensors: Mapping[str, Any]
    outputs: Sequence[str]
    rows: int


def parse(body: bytes, served: Served, most_rows: int) -> Asked:
    """A request's body as tensors.

    Raises:
        BadRequest: what is wrong, with the name of the input.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("inputs"), list):
        raise BadRequest('expected {"inputs": [{"name", "shape", "datatype", "data"}, ...]}')
    number = data.get("id")
    if number is not None and not isinstance(number, str):
        raise BadRequest("id: expected a text")
    tensors: dict[str, Any] = {}
    for index, given in enumerate(data["inputs"]):
        name = _name(given, index, served.inputs)
        if name in tensors:
            raise BadRequest(f"input {name} is there twice")
        tensors[name] = _tensor(given, served.inputs[name])
    missing = [name for name in served.inputs if name not in tensors]
    if missing:
        raise BadRequest(f"input {', '.join(missing)} is missing")
    return Asked(number, tensors, _outputs(data.get("outputs"), served), _rows(tensors, most_rows))


def _name(given: Any, index: int, known: Mapping[str, Tensor]) -> str:
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str):
        raise BadRequest(f"inputs[{index}]: expected an object with a name")
    if name not in known:
        raise BadRequest(f"unknown input {name[:100]!r}{_meant(name, known)}")
    return name


def _meant(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f", did you mean {near[0]}?" if near else f": expected {', '.join(names[:20])}"


def _rows(tensors: Mapping[str, Any], most: int) -> int:
    rows = {name: len(tensor) for name, tensor in tensors.items()}
    first, count = next(iter(rows.items()))
    for name, other in rows.items():
        if other != count:
            raise BadRequest(f"input {name} has {other} rows, and {first} has {count}")
    if count > most:
        raise BadRequest(f"input {first} has {count} rows: at most {most} at a time", 413)
    if count == 0:
        raise BadRequest(f"input {first} has no rows")
    return count


def _outputs(asked: Any, served: Served) -> Sequence[str]:
    if not asked:
        return list(served.outputs)
    names = (
        [each.get("name") if isinstance(each, dict) else None for each in asked]
        if isinstance(asked, list)
        else [None]
    )
    for name in names:
        if not isinstance(name, str) or name not in served.outputs:
            raise BadRequest(f"unknown output {str(name)[:100]!r}{_meant(str(name), served.outputs)}")
    return [str(name) for name in names]


def _tensor(given: Mapping[str, Any], wanted: Tensor) -> Any:
    kind = KINDS[wanted.datatype]
    told = given.get("datatype")
    if not isinstance(told, str) or told not in KINDS or KINDS[told] not in TAKES[kind]:
        raise BadRequest(
            f"input {wanted.name}: expected datatype {wanted.datatype}, found {str(told)[:40]!r}"
        )
    data = given.get("data")
    if not isinstance(data, list):
        raise BadRequest(f"input {wanted.name}: expected data as a list")
    array = _texts(data, wanted) if kind == "s" else _numbers(data, wanted, kind)
    return _shaped(array, given.get("shape"), wanted)


def _shaped(array: Any, shape: Any, wanted: Tensor) -> Any:
    """The array in the shape that the request gives, which must be that of the model."""
    if not isinstance(shape, list) or not shape or not all(type(size) is int and size >= 0 for size in shape):
        raise BadRequest(
            f"input {wanted.name}: expected a shape such as {list(wanted.shape)}, -1 for the rows"
        )
    width = list(wanted.shape[1:])
    if shape[1:] != width and not (width == [1] and len(shape) == 1):
        raise BadRequest(f"input {wanted.name}: expected shape {['rows', *width]}, found {shape}")
    size = int(np.prod(shape, dtype=object))
    if array.size != size:
        raise BadRequest(f"input {wanted.name}: shape {shape} needs {size} values, found {array.size}")
    return array.reshape([shape[0], *width])


def _numbers(data: list[Any], wanted: Tensor, kind: str) -> Any:
    try:
        array = np.array(data)
    except (ValueError, OverflowError):
        raise BadRequest(f"input {wanted.name}: its data are lists of different lengths") from None
    if array.dtype.kind not in _NUMERIC[kind] and array.size:
        array = _odd_ones(data, wanted, kind)
    with np.errstate(over="ignore"):
        made = array.astype(ARRAYS[wanted.datatype])
    lost = np.isinf(made) if kind == "f" else made != array
    if lost.any():
        at = int(lost.ravel().argmax())
        raise BadRequest(f"input {wanted.name}: value {at} is too large for {wanted.datatype}")
    return made


def _odd_ones(data: list[Any], wanted: Tensor, kind: str) -> Any:
    """Numbers with some missing; anything else among them is told with its place."""
    flat = list(_flat(data))
    for index, value in enumerate(flat):
        if not _fits(value, kind):
            raise BadRequest(
                f"input {wanted.name}: value {index} is {_shown(value)}, expected {WORDS[kind]}"
                + (" or null" if kind == "f" else "")
            )
    return np.array(
        [np.nan if value is None else value for value in flat], "float64" if kind == "f" else None
    )


def _fits(value: Any, kind: str) -> bool:
    if kind == "b":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or value is None if kind == "f" else _is_long(value)


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _texts(data: list[Any], wanted: Tensor) -> Any:
    flat = list(_flat(data))
    for index, value in enumerate(flat):
        if not isinstance(value, str):
            raise BadRequest(f"input {wanted.name}: value {index} is {_shown(value)}, expected a text")
    return np.array(flat, dtype=object)


def _flat(data: list[Any]) -> Iterable[Any]:
    for value in data:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()[:40] if not isinstance(value, int) else str(value)[:40]


def answer(served: Served, asked: Asked, results: Mapping[str, Any]) -> bytes:
    """The answer's body."""
    told: dict[str, Any] = {"model_name": served.name}
    if served.version:
        told["model_version"] = served.version
    if asked.id is not None:
        told["id"] = asked.id
    told["outputs"] = [_output(served.outputs[name], results[name]) for name in asked.outputs]
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)


def _output(tensor: Tensor, array: Any) -> dict[str, Any]:
    flat = np.ascontiguousarray(array).ravel()
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(array.shape),
        "data": flat.tolist() if flat.dtype == object else flat,
    }
