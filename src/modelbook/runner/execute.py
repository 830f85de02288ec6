"""One stage of one run: its command, and the log of what it ran on."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelbook._files import replace_file
from modelbook.errors import ModelbookError
from modelbook.runner import lock, processes, telemetry

LOGS = "runs/environment"
"""Folder of the logs: `RUN/STAGE.json` in it. They are in Git, and no DVC outs."""

_KEY = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)/([A-Za-z0-9][A-Za-z0-9_-]*)")


class BadKey(ModelbookError):
    """What is to run is not named as RUN/STAGE."""

    def __init__(self, key: str) -> None:
        super().__init__(f"expected RUN/STAGE, found {key!r}", hint="`modelbook sync` writes such commands")


def execute(key: str, argv: Sequence[str], root: Path) -> int:
    """Run a stage's command in the project's root and log what it ran on.

    A command that fails leaves an earlier log as it is. One that did again exactly what HEAD's `dvc.lock`
    holds leaves HEAD's log.

    Args:
        key: `RUN/STAGE`; for a shared stage the pipeline stands for the run.

    Returns:
        The command's exit status; 128 + n when signal n ended it.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise BadKey(key)
    run, stage = match.groups()
    facts = _Facts(argv, root)
    facts.start()
    memory = telemetry.PeakMemory()
    begin = time.monotonic()
    status = processes.run(argv, cwd=root, started=memory.watch)
    seconds = time.monotonic() - begin
    peak = memory.stop()
    if status == 0:
        name = f"{LOGS}/{run}/{stage}.json"
        known = lock.committed(root, name) if _in_lock(key, argv, root) else None
        measured = {"seconds": round(seconds, 3), "peak_memory": peak, "command": list(argv)}
        said = known or _text({"run": run, "stage": stage, **facts.result(), **measured})
        replace_file(root / name, said.encode())
    return status


class _Facts(threading.Thread):
    """Finds out what there is to know while the command runs."""

    def __init__(self, argv: Sequence[str], root: Path) -> None:
        super().__init__(daemon=True)
        self._argv, self._root = argv, root
        self._found: dict[str, Any] = {}

    def run(self) -> None:
        self._found |= telemetry.git_state(self._root, lock.output_patterns(self._root))
        self._found |= telemetry.python_environment(self._argv)
        self._found |= telemetry.machine()

    def result(self) -> dict[str, Any]:
        """Everything found."""
        self.join()
        return self._found


def _in_lock(key: str, argv: Sequence[str], root: Path) -> bool:
    stage = os.environ.get("DVC_STAGE", "")
    return bool(stage) and lock.holds(root, stage, ["modelbook", "exec", key, "--", *argv])


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
