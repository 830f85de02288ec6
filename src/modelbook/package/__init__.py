"""One directory with a model and all that serving it needs, as existing tools take it.

`write` makes it, as the stage that `package:` adds to a pipeline; `verify` sees that it is whole. The same
model, data and versions of the libraries give the same bytes: no clock and no random name gets in.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from modelbook.package import files, flavors, held, parity
from modelbook.package.faults import Damaged, NotOrdered
from modelbook.package.files import SUMS, sums, verify
from modelbook.package.order import Order, parse
from modelbook.package.parity import session

__all__ = ["SUMS", "Damaged", "NotOrdered", "Order", "read_order", "session", "sums", "verify", "write"]


def read_order(root: Path, path: str, run: str) -> Order:
    """What is to be packaged for a run, as the plan of the project says.

    Raises:
        NotOrdered: there is no such file.
    """
    try:
        return parse((root / path).read_bytes(), path)
    except FileNotFoundError:
        raise NotOrdered(run) from None


def write(root: Path, order: Order) -> parity.Parity:
    """Make a run's package, and the metrics that tell how good its ONNX form is; files there are replaced.

    Raises:
        MissingLibrary: the extra `package` is not installed.
        NotSkops, Untrusted, NotConverted: of the model file.
        NoSuchColumn, NoRows: of the held data.
    """
    flavor = flavors.load(root / order.model, order)
    frame = held.read(root / order.data, order, flavor.inputs)
    onnx = flavor.to_onnx(frame)
    measured = parity.measure(flavor, onnx, frame)
    made = files.contents(root, order, flavor, onnx, frame, measured)
    folder = root / order.out
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)
    facts = {"package": {**measured.as_metrics(), "bytes": sum(map(len, made.values()))}}
    (root / order.metrics).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return measured
