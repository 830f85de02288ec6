"""The log of a deployment, `runs/deployments/NAME.jsonl`, and the locks that keep two processes apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from modelbook import _process
from modelbook._files import add_line
from modelbook.deploy.faults import Busy, Unfit
from modelbook.history.deployments import FOLDER, parsed
from modelbook.records import Deployment
from modelbook.runner import telemetry


class Log:
    """What was done so far, oldest first; a line each.

    Args:
        root: the folder of mlproject.yaml.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name
        self.path = root / FOLDER / f"{name}.jsonl"

    def lines(self) -> tuple[Deployment, ...]:
        """What can be read of it."""
        return parsed(self.path.read_bytes(), self._name)[0] if self.path.is_file() else ()

    def last(self) -> Deployment | None:
        """What was done last, however it ended."""
        return next(reversed(self.lines()), None)

    def good(self) -> Deployment | None:
        """What went well last."""
        return next((item for item in reversed(self.lines()) if item.outcome == "deployed"), None)

    def add(self, made: Deployment) -> Deployment:
        """Write a line, with the time and who it is, as Git knows them."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = msgspec.structs.replace(made, date=now, by=telemetry.who(self._root))
        add_line(self.path, msgspec.json.encode(made))
        return made

    def lock(self) -> Path:
        """The file that is locked while something is done; it lies with Git's own."""
        shared = _process.run(["git", "rev-parse", "--git-common-dir"], cwd=self._root).strip()
        return self._root / shared / f"modelbook-deploy-{self._name}.lock"


@contextmanager
def held(path: Path, name: str) -> Iterator[None]:
    """Hold a lock, which ends with the process at the latest.

    Raises:
        Busy: another one holds it.
    """
    try:
        import fcntl  # Windows has none
    except ImportError:
        raise Unfit("this system has no locks of files that can be relied upon") from None
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise Unfit(f"{path} can't be locked: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(name) from None
        yield
    finally:
        os.close(handle)
