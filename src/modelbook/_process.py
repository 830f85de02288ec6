"""The one place that starts other programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelbook.errors import MissingProgram, ProcessFailed


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it wrote to standard output.

    Raises:
        MissingProgram: there is no such program.
        ProcessFailed: it ended with a non-zero status.
    """
    done = _start(argv, cwd=cwd, env=env, capture=True)
    if done.returncode:
        raise ProcessFailed(argv, done.returncode, done.stderr or "")
    return done.stdout or ""


TOOK_TOO_LONG = 124
"""The exit status of a program that was stopped because its time was over, as `timeout` has it."""


def stream(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, timeout: float | None = None
) -> int:
    """Run a program with our own standard streams and return its exit status.

    Args:
        timeout: seconds, after which it is stopped and the status is `TOOK_TOO_LONG`.

    Raises:
        MissingProgram: there is no such program.
    """
    try:
        return _start(argv, cwd=cwd, env=env, capture=False, timeout=timeout).returncode
    except subprocess.TimeoutExpired:
        return TOOK_TOO_LONG


def own_bin_first(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment with this interpreter's scripts first on PATH.

    So `dvc`, `mkdocs` and a stage's own `modelbook` and `python` are those installed beside us, even
    when the virtual environment was never activated.
    """
    merged = dict(os.environ if env is None else env)
    merged["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), merged.get("PATH", os.defpath)])
    return merged


def _start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None,
    capture: bool,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    pipe = subprocess.PIPE if capture else None
    try:
        return subprocess.run(
            argv,
            cwd=cwd,
            env=env,
            stdout=pipe,
            stderr=pipe,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout,
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise
        raise MissingProgram(argv[0]) from error
