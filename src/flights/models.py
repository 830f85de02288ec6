"""The estimators an experiment may choose from, by `model.kind`; the rest goes to scikit-learn as it is.

Every model takes the features by name, texts included, and does its own encoding: what is saved is all that
serving needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

Settings = Mapping[str, Any]


class UnknownKind(SystemExit):
    """`model.kind` names no model."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"model.kind: {kind!r} is none of {', '.join(KINDS)}")


class Parts(NamedTuple):
    """What becomes of numbers, of texts, and the classifier that gets both."""

    numbers: Any
    texts: Any
    classifier: Any


def dummy(settings: Settings, seed: int) -> Parts:
    """Answers with the share of late flights, whatever the flight: what every model must beat."""
    return Parts("passthrough", ordinal(), DummyClassifier(**settings, random_state=seed))


def logreg(settings: Settings, seed: int) -> Parts:
    """A linear model of scaled numbers; a missing one becomes the median, every text a column."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return Parts(numbers, texts, LogisticRegression(**settings, random_state=seed))


def hgb(settings: Settings, seed: int) -> Parts:
    """Boosted trees on binned numbers; a missing number is a value like any other."""
    return Parts("passthrough", ordinal(), HistGradientBoostingClassifier(**settings, random_state=seed))


def forest(settings: Settings, seed: int) -> Parts:
    """Averaged trees; a missing number becomes the median."""
    numbers = SimpleImputer(strategy="median")
    return Parts(numbers, ordinal(), RandomForestClassifier(**settings, random_state=seed))


def ordinal() -> OrdinalEncoder:
    """Numbers texts in their order, one never seen as -1: trees find the groups, in half the columns."""
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


KINDS: Mapping[str, Callable[[Settings, int], Parts]] = {
    "dummy": dummy,
    "forest": forest,
    "hgb": hgb,
    "logreg": logreg,
}


def build(model: Settings, features: Sequence[str], categories: Sequence[str], seed: int) -> Pipeline:
    """An unfitted pipeline: encode the columns, then classify.

    Raises:
        UnknownKind: there is no such model.
    """
    settings = {name: value for name, value in model.items() if name != "kind"}
    if model["kind"] not in KINDS:
        raise UnknownKind(model["kind"])
    parts = KINDS[model["kind"]](settings, seed)
    texts = [name for name in features if name in categories]
    numbers = [name for name in features if name not in categories]
    columns = ColumnTransformer([("numbers", parts.numbers, numbers), ("texts", parts.texts, texts)])
    return Pipeline([("columns", columns), ("classifier", parts.classifier)])


def steps(model: Pipeline, samples: Mapping[str, tuple[Any, Any]]) -> Iterator[dict[str, float]]:
    """Log loss on each sample after every tree (one point for a model that is not made of trees)."""
    encoded = {name: (model[:-1].transform(rows), labels) for name, (rows, labels) in samples.items()}
    stages = {name: staged(model[-1], rows) for name, (rows, _) in encoded.items()}
    for chances in zip(*stages.values(), strict=True):
        yield {
            f"{name}/log_loss": log_loss(encoded[name][1], chance)
            for name, chance in zip(stages, chances, strict=True)
        }


def staged(classifier: Any, rows: Any) -> Iterator[Any]:
    """The chance of late after every tree."""
    if isinstance(classifier, HistGradientBoostingClassifier):
        yield from (chances[:, 1] for chances in classifier.staged_predict_proba(rows))
    elif isinstance(classifier, RandomForestClassifier):
        total = np.zeros(len(rows))
        for count, tree in enumerate(classifier.estimators_, start=1):
            total += tree.predict_proba(rows)[:, 1]
            yield total / count
    else:
        yield classifier.predict_proba(rows)[:, 1]


def log_loss(labels: Any, chance: Any) -> float:
    """Mean negative log likelihood, chances kept off 0 and 1."""
    safe = np.clip(chance, 1e-9, 1 - 1e-9)
    return float(-np.mean(np.where(labels == 1, np.log(safe), np.log(1 - safe))))
