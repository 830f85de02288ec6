"""The seam for kinds of models: how a file is loaded without unpickling, asked, and put as ONNX.

Another kind is one more class with what `Flavor` asks for, one more entry of `FLAVORS`, and its name in
`package.flavor` of the specs.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from modelbook.package.faults import NoModel, NoNames, NotConverted, NotReadable, NotSkops, Untrusted
from modelbook.package.libraries import library
from modelbook.package.order import Order

OPSET = {"": 15, "ai.onnx.ml": 3}
"""ONNX operators of 2021: every runtime since then has them, and every converter writes them."""
ONE_TENSOR = "input"
"""Name of the only input of a model whose columns are all numbers."""


class Flavor(Protocol):
    """A loaded model.

    Attributes:
        file: the name of the model file in the package.
        inputs: names of its columns.
        distributions: what must be installed to load it, for `requirements.txt`.
        loader: MLflow's module that loads it.
        function: what of it answers: `predict_proba` or `predict`.
        entry: MLflow's description of it, by the flavor's name.
    """

    file: str
    inputs: Sequence[str]
    distributions: Sequence[str]
    loader: str
    function: str
    entry: Mapping[str, Mapping[str, Any]]

    def answer(self, frame: Any) -> Any:
        """What the original says to a pandas frame: chances as (rows, classes), or numbers as (rows,)."""

    def labels(self, frame: Any) -> Any:
        """The classes that the original calls, or None when it tells numbers."""

    def to_onnx(self, frame: Any) -> bytes:
        """Its ONNX form. Outputs: `label` and `probabilities` of a classifier, `variable` of a regressor.

        Raises:
            NotConverted: there is none.
        """


class Sklearn:
    """A scikit-learn estimator in a skops file."""

    file = "model.skops"
    distributions: Sequence[str] = ("numpy", "onnxruntime", "pandas", "scikit-learn", "scipy", "skops")
    loader = "mlflow.sklearn"

    def __init__(self, file: Path, order: Order) -> None:
        if not zipfile.is_zipfile(file):
            raise NotSkops(order.model)
        self._path = order.model
        self._model, trusted = _load_skops(file, order)
        names = getattr(self._model, "feature_names_in_", None)
        if names is None:
            raise NoNames(order.model)
        self.inputs: Sequence[str] = [str(name) for name in names]
        self.function = "predict_proba" if hasattr(self._model, "predict_proba") else "predict"
        self.entry: Mapping[str, Mapping[str, Any]] = {
            "sklearn": {
                "code": None,
                "pickled_model": self.file,  # MLflow's word for the file, whatever its format
                "serialization_format": "skops",
                "skops_trusted_types": trusted,
                "sklearn_version": library("sklearn").__version__,
            }
        }

    def answer(self, frame: Any) -> Any:
        return getattr(self._model, self.function)(frame)

    def labels(self, frame: Any) -> Any:
        return self._model.predict(frame) if self.function == "predict_proba" else None

    def to_onnx(self, frame: Any) -> bytes:
        kinds = library("skl2onnx.common.data_types")
        convert = library("skl2onnx").convert_sklearn
        options = {"zipmap": False} if self.function == "predict_proba" else None

        def make() -> Any:
            types = _columns(frame, kinds) if by_column(frame) or _names_columns(self._model) else None
            types = types or [(ONE_TENSOR, kinds.FloatTensorType([None, len(self.inputs)]))]
            return convert(
                self._model, name="model", initial_types=types, options=options, target_opset=OPSET
            )

        return _serialized(self._path, make)


class XGBoost:
    """Trees of XGBoost in its own JSON or UBJSON format, which holds nothing that could run."""

    loader = "mlflow.xgboost"
    distributions: Sequence[str] = ("numpy", "onnxruntime", "pandas", "xgboost")
    function = "predict"

    def __init__(self, file: Path, order: Order) -> None:
        self._path = order.model
        self.file = f"model{file.suffix}"
        self._xgboost = library("xgboost", "xgboost")
        try:
            self._booster = self._xgboost.Booster(model_file=str(file))
        except self._xgboost.core.XGBoostError as error:
            raise NotReadable(order.model, error) from None
        if not self._booster.feature_names:
            raise NoNames(order.model)
        self.inputs: Sequence[str] = list(self._booster.feature_names)
        self._classes = _tells_classes(self._booster)
        self.entry: Mapping[str, Mapping[str, Any]] = {
            "xgboost": {
                "code": None,
                "data": self.file,
                "model_class": "xgboost.core.Booster",
                "model_format": file.suffix.lstrip("."),
                "xgb_version": self._xgboost.__version__,
            }
        }

    def answer(self, frame: Any) -> Any:
        return self._booster.predict(self._xgboost.DMatrix(frame))

    def labels(self, frame: Any) -> Any:
        if not self._classes:
            return None
        found = self.answer(frame)
        return found.argmax(axis=1) if found.ndim > 1 else (found > 0.5).astype("int64")

    def to_onnx(self, frame: Any) -> bytes:  # noqa: ARG002 (its columns are all numbers)
        kinds = library("onnxmltools.convert.common.data_types", "xgboost")
        convert = library("onnxmltools", "xgboost").convert_xgboost
        estimator = self._xgboost.XGBClassifier() if self._classes else self._xgboost.XGBRegressor()
        estimator.load_model(self._booster.save_raw("json"))
        estimator.get_booster().feature_names = None  # the converter knows inputs by number alone

        def make() -> Any:
            types = [(ONE_TENSOR, kinds.FloatTensorType([None, len(self.inputs)]))]
            return convert(estimator, name="model", initial_types=types, target_opset=OPSET[""])

        return _serialized(self._path, make)


FLAVORS: Mapping[str, Callable[[Path, Order], Flavor]] = {"sklearn": Sklearn, "xgboost": XGBoost}


def load(file: Path, order: Order) -> Flavor:
    """The model of an order; nothing is unpickled.

    Raises:
        NoModel, NotSkops, Untrusted, NotReadable, NoNames: what is wrong with the file.
        MissingLibrary: what it takes to load it is not installed.
    """
    if not file.is_file():
        raise NoModel(order.model)
    return FLAVORS[order.flavor](file, order)


def _load_skops(file: Path, order: Order) -> tuple[Any, list[str]]:
    """The estimator, and the types that had to be trusted for it."""
    skops = library("skops.io")
    try:
        asked = sorted(skops.get_untrusted_types(file=file))
        strange = [name for name in asked if name not in order.trusted]
        if strange:
            raise Untrusted(order.model, strange)
        return skops.load(file, trusted=asked), asked
    except (KeyError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise NotReadable(order.model, error) from None


def by_column(frame: Any) -> bool:
    """Whether the ONNX form has an input for each column: where not all of them are numbers."""
    return any(dtype.kind not in "biuf" for dtype in frame.dtypes)


def _names_columns(model: Any) -> bool:
    """Whether some step of an estimator asks for columns by name."""
    steps = [step for _, step in getattr(model, "steps", ())]
    return hasattr(model, "transformers_") or any(map(_names_columns, steps))


def _columns(frame: Any, kinds: Any) -> list[tuple[str, Any]]:
    """One input of shape (rows, 1) for every column."""
    numbers = {"f": kinds.FloatTensorType, "i": kinds.Int64TensorType, "u": kinds.Int64TensorType}
    made = {**numbers, "b": kinds.BooleanTensorType}
    return [
        (name, made.get(dtype.kind, kinds.StringTensorType)([None, 1]))
        for name, dtype in frame.dtypes.items()
    ]


def _tells_classes(booster: Any) -> bool:
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    return objective in ("binary:logistic", "multi:softprob")


def _serialized(path: str, make: Callable[[], Any]) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecations between the libraries
            model = make()
    except Exception as error:  # a converter fails in as many ways as there are models
        raise NotConverted(path, error) from None
    _order_imports(model)
    return bytes(model.SerializeToString(deterministic=True))


def _order_imports(model: Any) -> None:
    """Sort the operator sets that a model imports: converters keep them in a set, so in no order."""
    versions: dict[str, int] = {}
    for each in model.opset_import:
        versions[each.domain] = max(each.version, versions.get(each.domain, 0))
    del model.opset_import[:]
    for domain, version in sorted(versions.items()):
        model.opset_import.add(domain=domain, version=version)
