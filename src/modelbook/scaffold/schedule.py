"""The schedules of monitors in the workflow that looks at new batches: a forge reads them nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

from modelbook._files import replace_file
from modelbook.errors import CheckFailed
from modelbook.spec import Project

FILE = ".github/workflows/modelbook-monitor.yml"
_BLOCK = re.compile(r"(^ *# modelbook:schedule\r?\n)(.*?)(^ *# modelbook:end\r?$)", re.MULTILINE | re.DOTALL)


class StaleSchedule(CheckFailed):
    """The workflow starts at other times than the monitors say."""

    def __init__(self) -> None:
        super().__init__(f"{FILE} has other schedules than mlproject.yaml", hint="run `modelbook sync`")


def of(project: Project) -> list[str]:
    """Every schedule once, sorted."""
    return sorted({item.schedule for item in project.monitors.values() if item.schedule})


def text_with(old: str, schedules: list[str]) -> str:
    """The text of a workflow with these schedules between its two marks; as it is without the marks."""
    lines = [f'    - cron: "{cron}"\n' for cron in schedules]
    block = "".join(["  schedule:\n", *lines] if lines else [])
    return _BLOCK.sub(lambda found: f"{found[1]}{block}{found[3]}", old, count=1)


def sync(root: Path, project: Project) -> bool:
    """Write the schedules into the workflow, if it is there; True when that changed it.

    Args:
        root: the folder of mlproject.yaml; workflows lie there only where it is the repository's own.
    """
    old, new = _texts(root, project)
    if new != old:
        replace_file(root / FILE, new.encode("utf-8", "surrogateescape"))
    return new != old


def check(root: Path, project: Project) -> None:
    """See that the workflow is what `sync` would write.

    Raises:
        StaleSchedule: it is not.
    """
    old, new = _texts(root, project)
    if new != old:
        raise StaleSchedule


def _texts(root: Path, project: Project) -> tuple[str, str]:
    file = root / FILE
    if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
        return "", ""
    old = file.read_bytes().decode("utf-8", "surrogateescape")
    return old, text_with(old, of(project))
