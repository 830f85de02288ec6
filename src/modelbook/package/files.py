"""The files of a package: what is in each, and whether they are as they were written."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from modelbook.package.faults import Damaged
from modelbook.package.flavors import Flavor
from modelbook.package.libraries import library
from modelbook.package.order import Order
from modelbook.package.parity import Parity

SUMS = "SHA256SUMS"
"""Checksums of all other files, as `sha256sum -c` reads them."""
MODEL = "MLmodel"
ONNX = "model.onnx"
EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
EXAMPLE_ROWS = 3
MOST_NUMBERS = 200
"""Lines of the card's table of metrics."""


def contents(
    root: Path, order: Order, flavor: Flavor, onnx: bytes, frame: Any, parity: Parity
) -> dict[str, bytes]:
    """Name -> content of every file of a package, sorted."""
    python, versions = environment(root, order)
    example = _example(frame)
    made = {
        flavor.file: (root / order.model).read_bytes(),
        ONNX: onnx,
        MODEL: _json(_mlmodel(order, flavor, frame, parity, python)),
        EXAMPLE: _json(example),
        SERVING_EXAMPLE: _json({"dataframe_split": example}),
        "requirements.txt": _requirements(flavor, versions).encode(),
        "python_env.yaml": _python_env(python).encode(),
        "README.md": _card(root, order, frame, parity).encode(),
    }
    return dict(sorted({**made, SUMS: sums(made).encode()}.items()))


def _json(value: Any) -> bytes:
    """JSON, which is YAML as well and means the same to readers of either version of YAML."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def environment(root: Path, order: Order) -> tuple[str, dict[str, str]]:
    """Version of Python, and of every package by its lower-case name, that the model was made with.

    They are those that the stage's log has; what it does not say is that of the environment here.
    """
    here = {dist.metadata["Name"]: dist.version for dist in metadata.distributions()}
    log = _logged(root / "runs" / "environment" / order.run / f"{order.stage}.json")
    there = log.get("packages")
    versions = {**here, **(there if isinstance(there, dict) else {})}
    return str(log.get("python") or platform.python_version()), {
        str(name).lower().replace("_", "-"): str(version) for name, version in versions.items() if name
    }


def _logged(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _requirements(flavor: Flavor, versions: Mapping[str, str]) -> str:
    names = {name: name for name in flavor.distributions}
    if "xgboost" in names and "xgboost" not in versions:
        names["xgboost"] = "xgboost-cpu"  # the same module, without what a GPU needs
    found = sorted(name for name in names.values() if name in versions)
    return "".join(f"{name}=={versions[name]}\n" for name in found)


def _python_env(python: str) -> str:
    return f'python: "{python}"\nbuild_dependencies: []\ndependencies:\n- -r requirements.txt\n'


def _mlmodel(order: Order, flavor: Flavor, frame: Any, parity: Parity, python: str) -> dict[str, Any]:
    """What MLflow reads first; without the time and the id of a run, which would differ each time."""
    function = {
        "env": {"virtualenv": "python_env.yaml"},
        "loader_module": flavor.loader,
        "predict_fn": flavor.function,
        "python_version": python,
        "data": flavor.file,
    }
    onnx = {
        "code": None,
        "data": ONNX,
        "onnx_version": library("onnx").__version__,
        "providers": ["CPUExecutionProvider"],
    }
    answer = {"type": "tensor", "tensor-spec": {"dtype": parity.dtype, "shape": list(parity.shape)}}
    return {
        "flavors": {**flavor.entry, "onnx": onnx, "python_function": function},
        "metadata": {"model": order.about.name, "run": order.run},
        "saved_input_example_info": {
            "artifact_path": EXAMPLE,
            "pandas_orient": "split",
            "serving_input_path": SERVING_EXAMPLE,
            "type": "dataframe",
        },
        "signature": {
            "inputs": json.dumps(signature(frame)),
            "outputs": json.dumps([answer]),
            "params": None,
        },
    }


def signature(frame: Any) -> list[dict[str, Any]]:
    """Name and MLflow's type of every column.

    Numbers are `double`, whatever their size here: what people send is, and MLflow would not shorten it.
    """
    kinds = {"f": "double", "i": "long", "u": "long", "b": "boolean"}
    return [
        {"name": name, "type": kinds.get(dtype.kind, "string"), "required": True}
        for name, dtype in frame.dtypes.items()
    ]


def _example(frame: Any) -> dict[str, Any]:
    """A few rows, evenly spaced, as `DataFrame.to_dict("split")` without an index has them."""
    rows = frame.iloc[:: max(1, len(frame) // EXAMPLE_ROWS)].head(EXAMPLE_ROWS)
    columns = [[_plain(value) for value in rows[name].to_numpy()] for name in rows]
    return {"columns": list(rows), "data": [list(row) for row in zip(*columns, strict=True)]}


def _plain(value: Any) -> Any:
    """A cell for JSON: null for one that is missing, and no digits that its type does not have."""
    if hasattr(value, "dtype"):
        value = float(str(value)) if value.dtype.kind == "f" else value.item()
    return None if value is None or (isinstance(value, float) and not math.isfinite(value)) else value


def _card(root: Path, order: Order, frame: Any, parity: Parity) -> str:
    """The model card: prose from the experiment's spec, numbers from the run."""
    about = order.about
    owner = f" Owner: {about.owner}." if about.owner else ""
    parts = [f"# {about.name}", about.description, f"Made by run `{order.run}`.{owner}"]
    missing = [title for title, text in order.card if not text.strip()]
    for title, text in order.card:
        if text.strip():
            parts += [f"## {title}", text.strip()] if title else [text.strip()]
    if missing:
        lacking = f"Sections of a model card that nobody has written: {', '.join(missing)}."
        parts += ["## Not written yet", lacking]
    parts += ["## Inputs", _table(("Name", "Type"), [(col["name"], col["type"]) for col in signature(frame)])]
    numbers = list(_numbers(root, order))
    if numbers:
        parts += ["## Metrics", _table(("Metric", "Value", "File"), numbers[:MOST_NUMBERS])]
    parts += [
        "## ONNX",
        f"On {parity.rows} rows that the model was not fitted on, `{ONNX}` and the original differ by at "
        f"most {parity.max_difference:g}, and agree on {parity.equal:.4%} of the rows.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _numbers(root: Path, order: Order) -> Iterator[tuple[str, str, str]]:
    for path in order.measured:
        for name, value in _leaves(_logged(root / path)):
            yield name, f"{value:.6g}", path


def _leaves(value: Any, before: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{before}.{key}" if before else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield before, value


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def sums(made: Mapping[str, bytes]) -> str:
    """The list of checksums of files by name, a line each, sorted."""
    return "".join(f"{hashlib.sha256(made[name]).hexdigest()}  {name}\n" for name in sorted(made))


def verify(folder: Path) -> dict[str, str]:
    """See that a package is as it was written: every file, and no other.

    Returns:
        Name -> SHA-256 of every file but the list of checksums itself.

    Raises:
        Damaged: what is missing, different, or too much.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Damaged(str(folder), [f"there is no {SUMS}"]) from None
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() and path != folder / SUMS
    }
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - there.keys())]
    faults += [f"{name} is too much" for name in sorted(there.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & there.keys()):
        with there[name].open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted[name]:
                faults.append(f"{name} was changed")
    if faults:
        raise Damaged(str(folder), faults)
    return wanted
