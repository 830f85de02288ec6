"""Small promises about the repository itself that nobody should have to remember."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelbook

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "modelbook"

MACHINE_PATHS = re.compile(r"(?<![\w.:/-])/(?:work|mnt|root|home/\w+|Users/\w+)/(?=[\w.])")
INDEX_ADDRESSES = re.compile(
    r"--(?:extra-)?index-url|--find-links|\bindex-url\s*=|https?://[\w.-]*(?:pypi|pythonhosted|npmjs|yarnpkg)\.\w+|"
    r"https?://[\w.-]+/(?:simple|repository)/"
)
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def tracked_files() -> list[Path]:
    """The files of the repository as Git has them; all below the root outside a checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    return [path for name in listed if name and (path := ROOT / name).is_file() and not path.is_symlink()]


def texts() -> Iterator[tuple[str, str]]:
    """(path, text) of every tracked text file but this one."""
    for path in tracked_files():
        raw = path.read_bytes()
        if b"\0" not in raw and path != Path(__file__):
            yield path.relative_to(ROOT).as_posix(), raw.decode("utf-8", "replace")


def undocumented(source: str) -> list[str]:
    """What public of a source says nothing of itself: the module, classes, functions, methods.

    A method need not repeat what a class of the same module says of it, such as the protocol it follows.
    """
    tree = ast.parse(source)
    public: list[ast.stmt] = [*tree.body]
    for node in public:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            public += node.body
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    named = [node for node in public if isinstance(node, kinds) and not node.name.startswith("_")]
    said = {node.name for node in named if ast.get_docstring(node)}
    silent = [node.name for node in named if node.name not in said]
    return silent if ast.get_docstring(tree) else ["the module", *silent]


def test_no_file_names_a_machine_or_a_registry() -> None:
    faults = [
        f"{path}: {found[0]}"
        for path, text in texts()
        for pattern in (MACHINE_PATHS, INDEX_ADDRESSES)
        if (found := pattern.search(text))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("text", ["cd /mnt/disk", "path = '/root/x'", '"/home/ada/x"', "(/Users/ada/x)"])
def test_a_machine_path_is_found(text: str) -> None:
    assert MACHINE_PATHS.search(text)


@pytest.mark.parametrize(
    "text", ["src/work/x", "https://example.org/home/a/x", "./root/x", "file.root/work/x"]
)
def test_other_paths_are_not(text: str) -> None:
    assert not MACHINE_PATHS.search(text)


def test_everything_public_says_what_it_is() -> None:
    faults = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in undocumented(path.read_text(encoding="utf-8"))
    ]
    assert not faults, "no docstring:\n" + "\n".join(faults)


def test_a_missing_docstring_is_found() -> None:
    source = '"""M."""\nclass A:\n    """A."""\n    def b(self): ...\n    def _c(self): ...\ndef d(): ...\n'
    assert undocumented(source) == ["d", "b"]


def test_a_docstring_of_the_protocol_is_enough() -> None:
    protocol = '"""M."""\nclass P:\n    """P."""\n    def b(self):\n        """B."""\n'
    source = protocol + 'class A:\n    """A."""\n    def b(self): ...\n'
    assert undocumented(source) == []


def test_the_version_is_one_and_the_changelog_knows_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == modelbook.__version__
    assert f"## [{modelbook.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_workflow_actions_are_pinned_by_commit() -> None:
    folders = (".github", "src/modelbook/scaffold/template/github")
    workflows = [
        path
        for path in tracked_files()
        for folder in folders
        if path.is_relative_to(ROOT / folder) and path.suffix == ".yml"
    ]
    assert len(workflows) > 2, "ours, and the one that init writes"
    lines = [line.strip() for path in workflows for line in path.read_text(encoding="utf-8").splitlines()]
    uses = [line.removeprefix("- ") for line in lines if re.match(r"(- )?uses: (?!\$/)", line)]
    assert len(uses) > 10
    assert not [line for line in uses if not PINNED.fullmatch(line)]


def test_constraints_pin_everything_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *(line for group in project["dependency-groups"].values() for line in group),
    ]
    pinned = set(re.findall(r"(?m)^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8")))
    names = {re.split(r"[^\w.-]", line)[0].lower().replace(".", "-").replace("_", "-") for line in asked}
    assert not names - pinned, "run `make lock`"
