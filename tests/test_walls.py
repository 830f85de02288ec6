"""The rooms of `src/modelbook` stand on floors, and this holds the walls between them.

A room is a module or a folder right under `modelbook`. It imports only rooms of lower floors, so every room
can be read, tested and replaced with nothing but what lies below it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "modelbook"

STOREYS: tuple[tuple[str, ...], ...] = (
    ("errors", "_paths", "_periods"),
    ("_process", "_files", "_hashes"),
    ("spec", "records"),  # wishes: what people write; facts: what history says
    ("history", "stages", "runner", "registry", "pull", "forge", "seeds", "judge", "package", "monitor"),
    ("catalog", "lineage", "diff", "cards", "charts", "gates", "query", "subproject", "reproduce", "alerts"),
    ("verdict", "admission", "export", "retrain"),
    ("pages",),
    ("site", "scaffold", "comment", "serve"),
    ("deploy", "notify"),
    ("cli",),
)
FLOORS = {room: floor for floor, rooms in enumerate(STOREYS) for room in rooms}

PURE = {
    "alerts",
    "errors",
    "_paths",
    "_periods",
    "records",
    "registry",
    "catalog",
    "lineage",
    "diff",
    "cards",
    "charts",
    "gates",
    "judge",
    "query",
    "seeds",
    "subproject",
    "verdict",
    "admission",
    "export",
    "retrain",
    "comment",
    "pages",
}
"""Rooms that take plain values and return plain values."""

IMPURE_MODULES = (
    "asyncio",
    "http",
    "io.open",
    "logging",
    "os",
    "pathlib.Path",
    "pathlib.PosixPath",
    "random",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
)

OWNERS = {
    "click": {"cli"},
    "fastapi": {"serve"},
    "dvc": {"pull"},
    "dvc_data": {"pull"},
    "dvclive": set[str](),
    "jinja2": {"site"},
    "mkdocs": {"site"},
    "pydantic": {"spec"},
    "prometheus_client": {"serve"},
    "pygit2": {"history"},
    "rich": {"cli"},
    "ruamel": {"spec", "stages", "history", "runner", "charts", "scaffold"},
    "subprocess": {"_process", "runner"},
}
"""Whose business a library is. DVC is imported by one program of `pull` alone: elsewhere it is run, for its
import takes a second, and it is the tests' oracle for what `history` reads."""

ENDS_OR_PRINTS = {
    "print",
    "input",
    "exit",
    "quit",
    "breakpoint",
    "sys.exit",
    "sys.stdout",
    "sys.stderr",
    "os._exit",
}

NEW_ROOM = (
    "{room} is a new room: give it a floor in STOREYS of tests/test_walls.py, the lowest that is above every "
    "room it imports, and name it in PURE if it reads and writes nothing"
)


def module_name(path: Path, root: Path) -> str:
    """The dotted name of a file below `root`, which is the package `modelbook`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(["modelbook", *(part for part in parts if part != "__init__")])


def room_of(module: str) -> str:
    """The room a dotted name lies in; empty for the package itself."""
    return module.split(".")[1] if module.count(".") else ""


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a module imports, names taken from modules included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")
                above = above[: len(above) - node.level + is_package]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of every plain or once dotted name that a module uses: `print`, `sys.exit`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.lineno, f"{node.value.id}.{node.attr}"


def within(name: str, modules: Iterable[str]) -> bool:
    """Whether a dotted name is one of the modules or lies in one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def floor_fault(room: str, name: str) -> str | None:
    """What is wrong with a room importing something of Modelbook's; None when nothing is."""
    other = room_of(name)
    if not within(name, ["modelbook"]) or other == room or other not in FLOORS:
        return (
            None  # an attribute of the package such as __version__, or a new room, which is told on its own
        )
    if FLOORS[other] >= FLOORS[room]:
        return (
            f"{room} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]}): imports go strictly down"
        )
    return None


def import_fault(room: str, name: str) -> str | None:
    """What is wrong with a room importing a library; None when nothing is."""
    for library, owners in OWNERS.items():
        if within(name, [library]) and room not in owners:
            return f"{room} imports {library}, the business of {' and '.join(sorted(owners)) or 'nobody'}"
    if room in PURE and within(name, IMPURE_MODULES):
        return f"{room} is pure: it takes and returns plain values, and must not import {name}"
    return None


ON_IMPORT = (floor_fault, import_fault)


def use_fault(room: str, name: str) -> str | None:
    """What is wrong with a room using a name; None when nothing is."""
    if room != "cli" and name in ENDS_OR_PRINTS:
        return f"{room} uses {name}: only cli prints or exits; return a value or raise an error of ours"
    if room in PURE and name == "open":
        return f"{room} is pure: it must not open files"
    return None


def faults_of(module: str, source: str, is_package: bool) -> Iterator[str]:
    """Every fault of one module, each with its place."""
    room = room_of(module)
    if room and room not in FLOORS:
        yield NEW_ROOM.format(room=room)
        return
    tree = ast.parse(source)
    found = [
        (line, check(room, name)) for line, name in imported(tree, module, is_package) for check in ON_IMPORT
    ]
    found += [(line, use_fault(room, name)) for line, name in used(tree)]
    if room:
        yield from dict.fromkeys(f"{module}:{line} {fault}" for line, fault in found if fault)


def faults(sources: Mapping[str, tuple[str, bool]]) -> list[str]:
    """Every fault of a package: `sources` maps a module to its source and whether it is a package."""
    return [
        fault
        for module, (source, is_package) in sorted(sources.items())
        for fault in faults_of(module, source, is_package)
    ]


def sources_below(root: Path) -> dict[str, tuple[str, bool]]:
    """The sources of a package on disk, for `faults`."""
    return {
        module_name(path, root): (path.read_text(encoding="utf-8"), path.name == "__init__.py")
        for path in sorted(root.rglob("*.py"))
        if not path.relative_to(root).parts[0].startswith(("_templates", "_scaffold"))
    }


def test_the_walls_stand() -> None:
    assert not faults(sources_below(ROOT)), "\n" + "\n".join(faults(sources_below(ROOT)))


def test_every_floor_names_a_room_that_exists() -> None:
    rooms = {room_of(module) for module in sources_below(ROOT)} - {""}
    assert set(FLOORS) == rooms
    assert set(FLOORS) >= PURE


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("modelbook.records", "import modelbook.catalog", "imports go strictly down"),
        ("modelbook.records", "from modelbook import spec", "imports go strictly down"),
        ("modelbook.stages", "from modelbook.history import read", "imports go strictly down"),
        ("modelbook.history.git", "from ..catalog import build", "imports go strictly down"),
        (
            "modelbook.spec",
            "if True:\n    def f():\n        from modelbook.cli import main",
            "modelbook.spec:3",
        ),
        ("modelbook.history", "import dvc.api", "the business of pull"),
        ("modelbook.runner", "import dvclive", "the business of nobody"),
        ("modelbook.pages", "import jinja2", "the business of site"),
        ("modelbook.stages", "from mkdocs.config import load_config", "the business of site"),
        ("modelbook.catalog", "import pygit2", "the business of history"),
        ("modelbook.catalog", "import subprocess", "the business of _process and runner"),
        ("modelbook.catalog", "import os.path", "modelbook.catalog:1 catalog is pure"),
        ("modelbook.pages", "from pathlib import Path, PurePosixPath", "must not import pathlib.Path"),
        ("modelbook.charts", "open('x')", "must not open files"),
        ("modelbook.stages", "print('done')", "only cli prints or exits"),
        ("modelbook.site", "import sys\nsys.exit(1)", "modelbook.site:2 site uses sys.exit"),
        ("modelbook.history.git", "import sys\nsys.stdout.write('x')", "only cli prints or exits"),
        ("modelbook.novelty", "", "novelty is a new room: give it a floor"),
    ],
)
def test_a_breach_is_found(module: str, source: str, fault: str) -> None:
    found = faults({module: (source, False)})
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "modelbook.catalog",
            "from modelbook.records import Run\nfrom pathlib import PurePosixPath\nimport urllib.parse",
        ),
        (
            "modelbook.cli.specs",
            "import click, sys\nfrom modelbook import __version__, site\nprint(1); sys.exit(0)",
        ),
        ("modelbook.history.git", "from .lock import parse\nfrom . import lock\nimport pygit2"),
        ("modelbook.site", "import os, jinja2\nfrom modelbook import pages\nopen('x')"),
        ("modelbook", "import os"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert faults({module: (source, False)}) == []


def test_a_package_on_disk_is_read_as_it_lies(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "__init__.py").write_text("from . import git\nfrom .. import site\n")
    (tmp_path / "history" / "git.py").write_text("from ..errors import ModelbookError\n")
    (tmp_path / "errors.py").write_text("")
    found = faults(sources_below(tmp_path))
    assert found == ["modelbook.history:2 history (floor 3) imports site (floor 7): imports go strictly down"]
