"""The version of a model that something is said of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from modelbook.cards import Card, card
from modelbook.errors import ModelbookError
from modelbook.records import Artifact, Catalog, Dataset, Model, ModelVersion, Run


class NotThere(ModelbookError):
    """No model, version or run of that name."""

    def __init__(self, name: str, known: Iterable[str], reason: str = "") -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1)
        some = f"there are {', '.join(names[:8])}" if names else "`modelbook register` makes a first version"
        super().__init__(
            f"nothing can be said of {name!r}" + (f": {reason}" if reason else ""),
            hint=f"did you mean {close[0]}?" if close and close[0] != name else some,
        )


class Subject(NamedTuple):
    """A version of a model, with all that is known of it.

    Attributes:
        file: the model's own file, if its run has it. datasets: what it was trained on, with what is declared
            of them.
    """

    model: Model
    version: ModelVersion
    run: Run
    card: Card
    file: Artifact | None
    datasets: tuple[Dataset, ...]

    @property
    def name(self) -> str:
        """Such as `flight-delay@v1.2.0`."""
        return f"{self.model.name}@{self.version.version}"


def subject(catalog: Catalog, name: str) -> Subject:
    """The version that `MODEL@VERSION`, `MODEL@ENVIRONMENT` or `MODEL` (its newest) means.

    Raises:
        NotThere: there is none, or its run is in no history.
    """
    wanted, _, which = name.partition("@")
    model = catalog.model(wanted)
    known = [f"{item.name}@{version.version}" for item in catalog.models for version in item.versions]
    version = next((item for item in model.versions if _is(item, which)), None) if model else None
    if model is None or version is None:
        raise NotThere(name, known)
    run = catalog.run(version.run)
    if run is None:
        raise NotThere(name, known, version.reason or "its run is in no commit of this history")
    path = model.info.artifact.replace("${run}", run.name)
    file = next((item for item in run.artifacts if item.path == path), None)
    return Subject(model, version, run, card(model, version, run), file, run.datasets)


def _is(version: ModelVersion, which: str) -> bool:
    return not which or which in (version.version, *version.environments)
