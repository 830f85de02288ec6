"""What can go wrong when a model is packaged."""

from __future__ import annotations

from collections.abc import Iterable

from modelbook.errors import CheckFailed, ModelbookError


class NotOrdered(ModelbookError):
    """The plan says nothing of a package for this run."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"no package is asked for of run {run}",
            hint="name it under package: of its pipeline in mlproject.yaml, then `modelbook sync`",
        )


class NotAnOrder(ModelbookError):
    """The file that says what to package is not what `modelbook plan` writes."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}", hint="`modelbook plan` writes it anew")


class NoModel(ModelbookError):
    """The model file is not there."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no {path}", hint="`modelbook repro` makes it, `dvc pull` brings it")


class NotSkops(ModelbookError):
    """A model file that only unpickling could read, which is never done."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is not a skops file", hint="a pickle is never loaded: save the model with skops.io.dump"
        )


class Untrusted(ModelbookError):
    """A skops file has types that nobody declared."""

    def __init__(self, path: str, types: Iterable[str]) -> None:
        super().__init__(
            f"{path} has types that are not trusted: {', '.join(types)}",
            hint="if they belong in the model, add them to package.trusted of its pipeline",
        )


class NotReadable(ModelbookError):
    """A library could not make a model of the file, or a table of the data."""

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f"{path} can't be read: {_short(reason)}")


class NoNames(ModelbookError):
    """The model does not know the names of its inputs."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} has no names of its inputs", hint="fit the model on a data frame, not on an array"
        )


class NoSuchColumn(ModelbookError):
    """The held data lacks columns."""

    def __init__(self, path: str, missing: Iterable[str]) -> None:
        super().__init__(
            f"{path} has no column {', '.join(missing)}",
            hint="package.data needs every input of the model, and what package.where names",
        )


class NoRows(ModelbookError):
    """No row of the held data is as `where` asks."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} has no rows that are as package.where asks")


class NotConverted(ModelbookError):
    """The model has no ONNX form."""

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(
            f"{path} has no ONNX form: {_short(reason)}",
            hint="build it of parts that the converter knows, or leave the run out with package.only",
        )


class Damaged(CheckFailed):
    """A package is not as it was written."""

    def __init__(self, folder: str, faults: Iterable[str]) -> None:
        super().__init__(f"{folder} is not as it was written: {'; '.join(faults)}")


def _short(reason: object) -> str:
    return " ".join(str(reason).split())[:300]
