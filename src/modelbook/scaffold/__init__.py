"""`modelbook init`: the first files of a project, none of which replaces one that is there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from modelbook.errors import ModelbookError, NotARepository
from modelbook.runner import dvc
from modelbook.spec import PROJECT_FILE, schemas

_TEMPLATE = Path(__file__).parent / "template"
_IGNORED = ("/site/", "__pycache__/", "/.venv/")
_EXAMPLE = (
    "experiments/linear.yaml",
    "experiments/cubic.yaml",
    "experiments/cubic-seeds.yaml",
    "moons/data.py",
    "moons/train.py",
)


class Occupied(ModelbookError):
    """A link leads out of the repository where a file should be written."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} leads out of the repository", hint="remove the link, then run it again")


@dataclass(frozen=True)
class Made:
    """What `init` did.

    Attributes:
        root: the repository's top folder.
        written, skipped: paths relative to it, in the order they were looked at; those skipped were there.
        example: whether it has an example to run.
        dvc: whether the folder became a DVC repository.
    """

    root: Path
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    example: bool
    dvc: bool


_GITHUB = {
    ".github/actions/modelbook/action.yml": "github/action.yml",
    ".github/workflows/modelbook.yml": "github/publish.yml",
    ".github/workflows/modelbook-pull-request.yml": "github/pull-request.yml",
    ".github/workflows/modelbook-comment.yml": "github/comment.yml",
    ".github/workflows/modelbook-deploy.yml": "github/deploy.yml",
    ".github/workflows/modelbook-monitor.yml": "github/monitor.yml",
    ".github/workflows/modelbook-retrain.yml": "github/retrain.yml",
}
_GITLAB = {".gitlab/modelbook.yml": "gitlab/modelbook.yml", ".gitlab-ci.yml": "gitlab/gitlab-ci.yml"}
CI = {"github": _GITHUB, "gitlab": _GITLAB, "none": dict[str, str]()}
"""Forge -> path in the repository -> template of what its CI runs."""


def init(start: Path, ci: str = "github") -> Made:
    """Write a first project into the Git repository that a folder lies in.

    A repository that uses DVC already, or has experiments of its own, gets no example: just a project file to
    fill, which leaves its stages as they are.

    Args:
        ci: a key of `CI`, the forge to write workflows for.

    Raises:
        NotARepository: there is no Git repository at or above the folder.
        Occupied: a link would lead a file out of the repository.
    """
    root = _top(start)
    example = not any((root / name).exists() for name in (PROJECT_FILE, "dvc.yaml", "experiments", "moons"))
    files = _files(root.name, example) | {path: _read(name) for path, name in CI[ci].items()}
    written = [path for path, text in files.items() if _write(root, path, text)]
    skipped = [path for path in files if path not in written]
    if _ignore(root):
        written.append(".gitignore")
    return Made(root, tuple(written), tuple(skipped), example, dvc.initialise(root))


def _top(start: Path) -> Path:
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    raise NotARepository(str(start))


def _files(name: str, example: bool) -> dict[str, str]:
    """Path -> text of all there is to write."""
    project = _read("mlproject.yaml" if example else "bare.yaml")
    files = {PROJECT_FILE: project.replace("PROJECT_NAME", json.dumps(name, ensure_ascii=False))}
    files |= {path: _read(path) for path in _EXAMPLE if example}
    return files | dict(schemas().values())


def _read(path: str) -> str:
    return (_TEMPLATE / path).read_text(encoding="utf-8")


def _write(root: Path, path: str, text: str) -> bool:
    """Write a file that is not there yet; False when something is."""
    file = root / path
    if not file.resolve().is_relative_to(root):
        raise Occupied(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8", newline="") as new:
            new.write(text)
    except FileExistsError:
        return False
    return True


def _ignore(root: Path) -> bool:
    """Add what is missing to `.gitignore`; True when something was."""
    file = root / ".gitignore"
    if not file.resolve().is_relative_to(root):
        raise Occupied(".gitignore")
    old = file.read_bytes() if file.exists() else b""
    there = {line.strip().strip("/") for line in old.decode("utf-8", "replace").splitlines()}
    missing = [line for line in _IGNORED if line.strip("/") not in there]
    if not missing:
        return False
    joint = "" if not old or old.endswith(b"\n") else "\n"
    with file.open("ab") as more:
        more.write((joint + "".join(f"{line}\n" for line in missing)).encode())
    return True
