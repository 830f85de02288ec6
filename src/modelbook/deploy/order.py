"""What is to be deployed: a deployment of mlproject.yaml with the version that is in force."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from modelbook import records
from modelbook.deploy.faults import Unfit
from modelbook.records import Run
from modelbook.spec.models import Deployment
from modelbook.spec.placeholders import fill

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_RUN = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Order:
    """What goes where.

    Raises:
        Unfit: the version's name would be no name of a folder.
    """

    name: str
    wish: Deployment
    version: str
    run: Run

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version) or not _RUN.fullmatch(self.run.id):
            raise Unfit(
                f"{self.wish.model} {self.version!r} can't be deployed: it is no name of a folder",
                hint="register it as a version like v1.2.3",
            )

    def __str__(self) -> str:
        return f"{self.wish.model} {self.version} (run {self.run.id})"

    @property
    def release(self) -> str:
        """Name of its folder among the releases."""
        return f"{self.version}-{self.run.id}"

    def values(self, package: str) -> dict[str, str]:
        """What its placeholders stand for."""
        return {
            "package": package,
            "version": self.version,
            "model": self.wish.model,
            "environment": self.wish.environment,
            "run": self.run.id,
        }

    def command(self, values: Mapping[str, str]) -> str:
        """The command as a person would type it."""
        return shlex.join(words(self.wish.command or "", values))

    def older(self, version: str, run: Run) -> Order:
        """The same deployment of another version."""
        return replace(self, version=version, run=run)

    def record(
        self, outcome: str, before: str, checksum: str, reason: str = "", digest: str = ""
    ) -> records.Deployment:
        """How it ended; without when and by whom."""
        return records.Deployment(
            deployment=self.name,
            model=self.wish.model,
            environment=self.wish.environment,
            version=self.version,
            run=self.run.id,
            before=before,
            checksum=checksum,
            digest=digest,
            outcome=outcome,
            reason=reason,
        )


def words(command: str, values: Mapping[str, str]) -> list[str]:
    """A command's words, filled after they were split: no value can become two words or an operator."""
    return [fill(word, values.__getitem__).replace("\\${", "${") for word in shlex.split(command)]
