"""What a stage ran on: Python, packages, machine, Git state, peak memory.

Everything here is told as well as the machine can: what can't be found out is left out, and nothing takes
longer than a few seconds.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

_PATIENCE = 10.0
"""Seconds that a program we ask may take."""

_NAME = re.compile(r"^Name: *(\S+)$", re.MULTILINE)
_VERSION = re.compile(r"^Version: *(\S+)$", re.MULTILINE)

_ASK_PACKAGES = """\
import importlib.metadata as m, json, platform
named = [d for d in m.distributions() if "Name" in d.metadata and "Version" in d.metadata]
found = {d.metadata["Name"]: d.version for d in named}
print(json.dumps({"python": platform.python_version(), "packages": found}))
"""


def machine() -> dict[str, Any]:
    """Platform, CPU, cores we may use, memory in bytes and GPUs."""
    # Imported here: every stage starts with this module, and shall pay for nothing it does not use.
    import psutil  # type: ignore[import-untyped]

    return {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "gpus": _gpus(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _gpus() -> list[str]:
    """Name and memory of every NVIDIA GPU."""
    if shutil.which("nvidia-smi") is None:
        return []
    answer = ask(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    return [line.strip() for line in (answer or "").splitlines() if line.strip()]


def python_environment(argv: Sequence[str], path: str | None = None) -> dict[str, Any]:
    """Version and packages of the Python that a command runs on: its own, else the first on PATH.

    Args:
        path: in place of the PATH of this process.
    """
    named = argv[0] if argv and Path(argv[0]).name.startswith("python") else "python"
    program = shutil.which(named, path=path) or shutil.which("python3", path=path)
    if program is None or Path(program).absolute().parent == Path(sys.executable).parent:
        found = dict(map(_name_and_version, importlib.metadata.distributions()))
        return {"python": platform.python_version(), "packages": {k: v for k, v in found.items() if k}}
    answer = ask([program, "-c", _ASK_PACKAGES])
    try:
        told = json.loads(answer or "")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _name_and_version(dist: importlib.metadata.Distribution) -> tuple[str, str]:
    """What a package is called, from the head of its metadata; empty where that does not say.

    Parsing the whole, with its README, of every package there is was half the CPU time of a short stage.
    """
    head = (dist.read_text("METADATA") or "").partition("\n\n")[0]
    name, version = _NAME.search(head), _VERSION.search(head)
    if name is not None and version is not None:
        return name[1], version[1]
    told = dist.metadata  # to ask for what it lacks raises in newer versions of Python
    return (told["Name"], dist.version) if "Name" in told and "Version" in told else ("", "")


def git_state(root: Path, outputs: Sequence[str]) -> dict[str, Any]:
    """HEAD, and whether files differ from it; what stages write does not count.

    Args:
        outputs: path patterns of what stages write, with `*` for what differs between runs.
    """
    head = ask(["git", "rev-parse", "HEAD"], cwd=root)
    changes = ask(
        ["git", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", "."], cwd=root
    )
    prefix = (ask(["git", "rev-parse", "--show-prefix"], cwd=root) or "").strip()
    if head is None or changes is None:
        return {"commit": None, "dirty": None}
    paths = [entry[3:].removeprefix(prefix) for entry in changes.split("\0") if entry]
    return {"commit": head.strip(), "dirty": any(not _written(path, outputs) for path in paths)}


def who(root: Path) -> str:
    """The user's name, as Git knows them; empty where it does not."""
    return (ask(["git", "config", "user.name"], cwd=root) or "").strip()


def _written(path: str, outputs: Sequence[str]) -> bool:
    """Whether a path is written by runs: outputs, DVC's own records and our logs."""
    if path == "dvc.lock" or path.startswith("runs/") or Path(path).name == ".gitignore":
        return True
    steps = path.split("/")
    parents = ["/".join(steps[:end]) for end in range(1, len(steps) + 1)]
    return any(fnmatchcase(parent, pattern) for parent in parents for pattern in outputs)


def ask(argv: Sequence[str], cwd: Path | None = None) -> str | None:
    """What a program says on standard output; None when it fails, is not there or takes too long."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


class PeakMemory:
    """Watches the resident memory of a process and all its descendants, from a thread.

    Sampling sees the whole tree but can miss a short peak; the kernel's own record misses none but is that of
    the largest single process. The larger of the two is told.
    """

    def __init__(self) -> None:
        self._largest = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, pid: int) -> None:
        """Start watching a process."""
        self._thread = threading.Thread(target=self._sample, args=(pid,), daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Stop watching; the peak in bytes. Call it when the process has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        unit = 1 if sys.platform == "darwin" else 1024
        return max(self._largest, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)

    def _sample(self, pid: int) -> None:
        import psutil

        pause = 0.05
        while not self._stop.wait(pause):
            pause = min(pause * 1.2, 1.0)
            try:
                top = psutil.Process(pid)
                self._largest = max(self._largest, sum(map(_resident, [top, *top.children(recursive=True)])))
            except psutil.Error:
                return


def _resident(process: Any) -> int:
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended between being listed and being asked
        return 0
