"""What can go wrong when a version is deployed."""

from __future__ import annotations

from collections.abc import Iterable

from modelbook.errors import CheckFailed, ModelbookError


class Busy(CheckFailed):
    """Another process deploys to the same place."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is being deployed by another process", hint="try again when it has ended")


class NotDeployed(CheckFailed):
    """What is in force is not where it should be."""

    def __init__(self, says: Iterable[str]) -> None:
        super().__init__("\n".join(says), hint="the log in runs/deployments says what was tried")


class Unfit(ModelbookError):
    """A deployment cannot be carried out as it is."""
