"""The wheel, as someone gets it who never sees this checkout."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"

pytestmark = pytest.mark.slow


def run(*argv: str | Path, cwd: Path) -> str:
    """Run a program outside of this environment, and show what it said if it fails."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    path = os.pathsep.join(
        part for part in kept["PATH"].split(os.pathsep) if part != str(Path(sys.executable).parent)
    )
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env=kept | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def install_into(python: Path, *what: str | Path) -> None:
    """Install packages into another environment: by uv, which make puts beside Python, else by pip."""
    uv = Path(sys.executable).with_name("uv")
    argv: list[str | Path] = [uv, "pip", "install", "--python", python]
    if not uv.exists():
        argv = [sys.executable, "-m", "pip", "--python", python, "install"]
    run(*argv, "-q", *what, cwd=python.parent)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by way of the source distribution, so both hold all that is needed."""
    out = tmp_path_factory.mktemp("dist")
    chosen = ["--installer", "uv"] if importlib.util.find_spec("uv") else []
    run(sys.executable, "-m", "build", *chosen, "--outdir", out, ROOT, cwd=out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts' folder of an environment with nothing but the wheel and what it depends on."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install_into(python, "-c", CONSTRAINTS, wheel)
    return python.parent


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    outside = [name for name in names if not name.startswith("modelbook/") and ".dist-info/" not in name]
    assert not outside
    assert "modelbook/py.typed" in names
    assert [name for name in names if name.startswith("modelbook/_templates/") and name.endswith(".j2")]
    assert [name for name in names if name.startswith("modelbook/_templates/assets/")]
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_holds_every_template_of_the_checkout(wheel: Path) -> None:
    templates = ROOT / "site_templates"
    names = {path.relative_to(templates).as_posix() for path in templates.rglob("*") if path.is_file()}
    packed = zipfile.ZipFile(wheel).namelist()
    assert {f"modelbook/_templates/{name}" for name in names} <= set(packed)


def test_a_site_is_built_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    modelbook = installed / "modelbook"
    run("git", "init", "-q", cwd=project)
    run(modelbook, "init", cwd=project)
    run(modelbook, "repro", "linear", cwd=project)
    run("git", "add", "-A", cwd=project)
    run("git", "commit", "-q", "-m", "First runs", cwd=project)
    run(modelbook, "build", cwd=project)
    home = (project / "site" / "index.html").read_text(encoding="utf-8")
    assert "</html>" in home
    assert str(ROOT) not in home
    assert run("git", "status", "--porcelain", cwd=project) == ""
