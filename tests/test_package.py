"""Packages: what is in them, that the same gives the same bytes, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelbook import package
from modelbook._process import own_bin_first
from modelbook.errors import MissingLibrary
from modelbook.package import faults, parity
from modelbook.package.order import Order, parse


def frame(rows: int = 60) -> Any:
    """Held data with a number, one that is missing at times, a text and a label."""
    source = np.random.default_rng(0)
    x = source.normal(size=rows).astype("float32")
    return pd.DataFrame(
        {
            "x": x,
            "y": source.normal(size=rows),
            "carrier": source.choice(["AA", "UA", "B6"], rows),
            "late": (x + source.normal(size=rows) > 0).astype("int8"),
            "part": ["train", "test"] * (rows // 2),
        }
    )


def order(**given: Any) -> Order:
    """What the plan would say of run `a`."""
    plain: dict[str, Any] = {
        "run": "a",
        "stage": "train",
        "model": "model.skops",
        "flavor": "sklearn",
        "trusted": [],
        "data": "held.parquet",
        "where": {"part": "test"},
        "rows": 20,
        "out": "package",
        "metrics": "package.json",
        "about": {"name": "late", "description": "Is it late?", "owner": "ada"},
        "card": [["Intended use", "To *plan*."], ["Limitations", ""]],
        "measured": ["metrics.json"],
    }
    return parse(json.dumps({**plain, **given}).encode(), "a.package.json")


def mixed() -> Any:
    """A fitted classifier of numbers and a text."""
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("texts", texts, ["carrier"])], remainder="passthrough")
    table = frame()
    return make_pipeline(columns, LogisticRegression()).fit(table[["x", "y", "carrier"]], table["late"])


def home(folder: Path, model: Any) -> Path:
    """A project with a model, held data, metrics and the log of the stage that trained."""
    skops.io.dump(model, folder / "model.skops")
    frame().to_parquet(folder / "held.parquet")
    (folder / "metrics.json").write_text('{"auc": 0.75, "test": {"auc": 0.5}}')
    log = folder / "runs/environment/a/train.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"python": "3.11.9", "packages": {"numpy": "1.99.0", "scikit-learn": "1.98.0"}}')
    return folder


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    """The package of `mixed`."""
    package.write(home(tmp_path, mixed()), order())
    return tmp_path / "package"


def read(folder: Path, name: str = "MLmodel") -> Any:
    return json.loads((folder / name).read_text())


def test_onnx_says_what_the_original_says(tmp_path: Path) -> None:
    found = package.write(home(tmp_path, mixed()), order())
    assert found.rows == 15, "half of 60 rows are of the test part, every second of them is at most 20"
    assert found.max_difference < 1e-5
    assert found.equal == 1
    assert found.shape == (-1, 2)
    facts = read(tmp_path, "package.json")["package"]
    assert facts["rows"] == 15
    assert facts["bytes"] == sum(file.stat().st_size for file in (tmp_path / "package").iterdir())


def test_a_difference_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home(tmp_path, mixed())
    flavor = package.flavors.load(tmp_path / "model.skops", order())
    table = frame()[list(flavor.inputs)]
    onnx = flavor.to_onnx(table)
    answers = flavor.answer(table)
    monkeypatch.setattr(flavor, "answer", lambda _: 1 - answers)
    monkeypatch.setattr(flavor, "labels", lambda _: np.full(len(table), 7))
    found = parity.measure(flavor, onnx, table)
    assert found.max_difference >= 0.9
    assert found.equal == 0


def test_a_regressor_is_packaged(tmp_path: Path) -> None:
    table = frame()
    found = package.write(home(tmp_path, LinearRegression().fit(table[["x", "y"]], table["late"])), order())
    assert found.max_difference < 1e-5
    assert found.equal == 1
    assert read(tmp_path / "package")["flavors"]["python_function"]["predict_fn"] == "predict"


def test_the_same_gives_the_same_bytes(packaged: Path) -> None:
    before = {file.name: file.read_bytes() for file in packaged.iterdir()}
    (packaged / "stray").write_text("from before")
    package.write(packaged.parent, order())
    assert {file.name: file.read_bytes() for file in packaged.iterdir()} == before


MAKE = """
import json, sys
from pathlib import Path
from modelbook import package
package.write(Path(sys.argv[1]), package.read_order(Path(sys.argv[1]), "order.json", "a"))
"""


@pytest.mark.slow
def test_every_process_makes_the_same_bytes(packaged: Path) -> None:
    """Also where sets are in another order: converters have some."""
    (packaged.parent / "order.json").write_bytes(msgspec.json.encode(order()))
    made = set()
    for seed in ("1", "2", "3"):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MAKE, str(packaged.parent)],
            env=own_bin_first({**os.environ, "PYTHONHASHSEED": seed}),
            check=True,
        )
        made.add((packaged / "SHA256SUMS").read_text())
    assert len(made) == 1


def test_the_model_file_is_copied_as_it_is(packaged: Path) -> None:
    assert (packaged / "model.skops").read_bytes() == (packaged.parent / "model.skops").read_bytes()


def test_requirements_are_those_that_the_model_was_made_with(packaged: Path) -> None:
    lines = (packaged / "requirements.txt").read_text().splitlines()
    assert lines[0] == "numpy==1.99.0"
    assert "scikit-learn==1.98.0" in lines
    assert any(line.startswith("onnxruntime==") for line in lines), "what the log lacks is that of here"
    assert 'python: "3.11.9"' in (packaged / "python_env.yaml").read_text()


def test_the_card_has_prose_gaps_and_numbers(packaged: Path) -> None:
    card = (packaged / "README.md").read_text()
    assert "# late\n\nIs it late?\n" in card
    assert "## Intended use\n\nTo *plan*.\n" in card
    assert "nobody has written: Limitations." in card
    assert "| test.auc | 0.5 | metrics.json |" in card
    assert "| carrier | string |" in card


def test_the_example_and_the_signature_are_of_held_rows(packaged: Path) -> None:
    example = read(packaged, "input_example.json")
    held = frame()[frame()["part"] == "test"]
    assert example["columns"] == ["x", "y", "carrier"]
    assert example["data"][0] == [float(str(held["x"].iloc[0])), held["y"].iloc[0], held["carrier"].iloc[0]]
    inputs = json.loads(read(packaged)["signature"]["inputs"])
    assert [(each["name"], each["type"]) for each in inputs] == [
        ("x", "double"),
        ("y", "double"),
        ("carrier", "string"),
    ]


def test_a_whole_package_is_verified(packaged: Path) -> None:
    assert set(package.verify(packaged)) == {file.name for file in packaged.iterdir()} - {"SHA256SUMS"}
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=packaged, check=True)


def _change(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"other")


def _add(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "evil.py").write_text("")


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (_change, "model.onnx was changed"),
        (_add, "more/evil.py is too much"),
        (lambda folder: (folder / "MLmodel").unlink(), "MLmodel is missing"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "there is no SHA256SUMS"),
    ],
)
def test_a_damaged_package_is_refused(packaged: Path, harm: Callable[[Path], Any], fault: str) -> None:
    harm(packaged)
    with pytest.raises(package.Damaged, match=fault):
        package.verify(packaged)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.where),)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    home(tmp_path, mixed())
    (tmp_path / "model.skops").write_bytes(pickle.dumps(Bomb(tmp_path / "gone-off")))
    with pytest.raises(faults.NotSkops, match=r"model\.skops is not a skops file"):
        package.write(tmp_path, order())
    assert not (tmp_path / "gone-off").exists()
    assert not (tmp_path / "package").exists()


def strange() -> Any:
    """A model that skops does not know all of."""
    from sklearn.ensemble import RandomForestClassifier

    table = frame()
    return RandomForestClassifier(2, random_state=0).fit(table[["x", "y"]], table["late"])


def test_an_untrusted_type_is_named(tmp_path: Path) -> None:
    home(tmp_path, strange())
    with pytest.raises(faults.Untrusted, match=r"not trusted: .*sklearn\.tree\._tree\.Tree"):
        package.write(tmp_path, order())


def test_a_type_that_is_declared_is_trusted_and_listed(tmp_path: Path) -> None:
    declared = ["never.met", "sklearn.tree._tree.Tree"]
    package.write(home(tmp_path, strange()), order(trusted=declared))
    listed = read(tmp_path / "package")["flavors"]["sklearn"]["skops_trusted_types"]
    assert listed == ["sklearn.tree._tree.Tree"]


@pytest.mark.parametrize(
    ("given", "fault", "words"),
    [
        ({"where": {"quarter": 1}}, faults.NoSuchColumn, "no column quarter"),
        ({"where": {"part": "valid"}}, faults.NoRows, "has no rows"),
        ({"model": "other.skops"}, faults.NoModel, r"there is no other\.skops"),
        ({"data": "other.parquet"}, faults.NotReadable, r"other\.parquet can't be read"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, given: Mapping[str, Any], fault: type[Exception], words: str
) -> None:
    home(tmp_path, mixed())
    with pytest.raises(fault, match=words):
        package.write(tmp_path, order(**given))


def test_a_model_without_an_onnx_form_is_named(tmp_path: Path) -> None:
    from sklearn.dummy import DummyClassifier

    table = frame()
    home(tmp_path, DummyClassifier().fit(table[["x", "y"]], table["late"]))
    with pytest.raises(faults.NotConverted, match=r"model\.skops has no ONNX form"):
        package.write(tmp_path, order())


def test_a_model_of_an_array_is_told_apart(tmp_path: Path) -> None:
    home(tmp_path, LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    with pytest.raises(faults.NoNames):
        package.write(tmp_path, order())


def test_an_order_of_another_shape_is_refused() -> None:
    with pytest.raises(faults.NotAnOrder, match="rows"):
        order(rows="many")


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx.common.data_types", None)
    with pytest.raises(MissingLibrary) as caught:
        package.write(home(tmp_path, mixed()), order())
    assert caught.value.hint == 'pip install "modelbook[package]"'


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, 0.0), (1.08e-7, 2e-7), (2e-7, 2e-7), (0.95, 1.0), (float("inf"), float("inf"))]
)
def test_differences_are_rounded_up(value: float, shown: float) -> None:
    assert parity.rounded_up(value) == shown


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_a_model_of_xgboost_is_packaged_natively(tmp_path: Path, classes: int) -> None:
    xgboost = pytest.importorskip("xgboost", reason="the extra: pip install modelbook[xgboost]")
    table = frame()
    label = np.arange(len(table)) % classes if classes > 1 else table["y"]
    kind = xgboost.XGBClassifier if classes > 1 else xgboost.XGBRegressor
    model = kind(n_estimators=5, max_depth=2, n_jobs=1).fit(table[["x", "y"]], label)
    home(tmp_path, mixed())
    model.save_model(tmp_path / "model.ubj")
    wish = order(model="model.ubj", flavor="xgboost")
    found = package.write(tmp_path, wish)
    assert found.max_difference < 1e-5
    assert found.equal == 1
    before = {file.name: file.read_bytes() for file in (tmp_path / "package").iterdir()}
    package.write(tmp_path, wish)
    assert {file.name: file.read_bytes() for file in (tmp_path / "package").iterdir()} == before
    assert "xgboost" in (tmp_path / "package" / "requirements.txt").read_text()
    assert "model.ubj" in before


PROGRAM = """
import sys, json
import mlflow, mlflow.onnx, mlflow.sklearn, mlflow.pyfunc
import pandas
folder = sys.argv[1]
example = json.load(open(folder + "/input_example.json"))
frame = pandas.DataFrame(example["data"], columns=example["columns"])
asked = {"pyfunc": mlflow.pyfunc.load_model(folder).predict(frame).tolist()}
if "sklearn" in sys.argv[2]:
    asked["native"] = mlflow.sklearn.load_model(folder).predict_proba(frame).tolist()
else:
    import mlflow.xgboost, xgboost
    asked["native"] = mlflow.xgboost.load_model(folder).predict(xgboost.DMatrix(frame)).tolist()
onnx = mlflow.onnx.load_model(folder)
asked["onnx"] = [out.name for out in onnx.graph.output]
wrapper = mlflow.onnx._load_pyfunc(folder + "/model.onnx")
if len(wrapper.inputs) == 1:
    tensors = {wrapper.inputs[0][0]: frame.to_numpy("float32")}
else:
    tensors = {name: frame[name].to_numpy(object if kind == "tensor(string)" else "float32").reshape(-1, 1)
               for name, kind in wrapper.inputs}
wrapped = wrapper.predict(tensors)
asked["served"] = wrapped["probabilities"].tolist()
model = mlflow.models.Model.load(folder)
asked["inputs"] = model.get_input_schema().input_names()
asked["example"] = model.load_input_example(folder).to_dict("split")["data"] == example["data"]
print(json.dumps(asked))
"""


def ask_mlflow(folder: Path, flavor: str) -> Any:
    """What MLflow makes of a package, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), flavor],
        env=own_bin_first(quiet()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def quiet() -> dict[str, str]:
    """An environment in which MLflow asks nobody and tells nobody."""
    return {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@pytest.mark.slow
def test_mlflow_takes_the_package_as_it_is(packaged: Path) -> None:
    pytest.importorskip("mlflow")
    told = ask_mlflow(packaged, "sklearn")
    assert told["pyfunc"] == told["native"]
    assert np.allclose(told["served"], told["native"], atol=1e-5)
    assert told["onnx"] == ["label", "probabilities"]
    assert told["inputs"] == ["x", "y", "carrier"]
    assert told["example"]


@pytest.mark.slow
def test_mlflow_takes_a_package_of_xgboost(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    pytest.importorskip("mlflow")
    table = frame()
    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(table[["x", "y"]], table["late"])
    home(tmp_path, mixed())
    model.save_model(tmp_path / "model.json")
    package.write(tmp_path, order(model="model.json", flavor="xgboost"))
    told = ask_mlflow(tmp_path / "package", "xgboost")
    assert told["pyfunc"] == told["native"]
    assert np.allclose(np.array(told["served"])[:, 1], told["native"], atol=1e-5)
