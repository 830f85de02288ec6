"""A Python of its own with the packages that a run logged, as far as they are to be had."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

import modelbook
from modelbook import _process
from modelbook.errors import ModelbookError

_OWN = "modelbook"
_SCRIPT = "#!{python}\nimport sys\nfrom modelbook.cli import main\nsys.exit(main())\n"


def python_with(folder: Path, packages: Mapping[str, str], tell: Callable[[str], object]) -> Path:
    """Make it in a folder that is not there yet; the folder of its programs.

    What no index has is told and left out. Modelbook itself, which runs the stages' commands, is the one that
    is running now.

    Args:
        packages: name -> version.
    """
    tell(f"installing {len(packages)} packages as they were recorded")
    _process.run([sys.executable, "-m", "venv", str(folder)], cwd=folder.parent)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    wanted = [f"{name}=={version}" for name, version in sorted(packages.items()) if name.lower() != _OWN]
    install = _installer(programs / "python")
    if wanted and not _has(install, wanted, folder):
        for one in wanted:
            if not _has(install, [one], folder):
                tell(f"{one} is not to be had")
    _own(folder, programs)
    return programs


def _installer(python: Path) -> list[str]:
    """The command that installs; uv, where it is, is ten times faster."""
    env = _process.own_bin_first()
    uv = shutil.which("uv", path=env["PATH"])
    return (
        [uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python)]
        if uv
        else [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    )


def _has(install: list[str], wanted: list[str], folder: Path) -> bool:
    listing = folder / "wanted.txt"
    listing.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    try:
        _process.run([*install, "-r", str(listing)], cwd=folder)
    except ModelbookError:
        return False
    return True


def _own(folder: Path, programs: Path) -> None:
    """Let the new Python find this Modelbook and nothing else of ours."""
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / _OWN).symlink_to(Path(modelbook.__file__).parent, target_is_directory=True)
    about = packages / f"{_OWN}-{modelbook.__version__}.dist-info"
    about.mkdir(exist_ok=True)
    told = f"Metadata-Version: 2.1\nName: {_OWN}\nVersion: {modelbook.__version__}\n"
    (about / "METADATA").write_text(told, encoding="utf-8")
    script = programs / _OWN
    script.write_text(_SCRIPT.format(python=programs / "python"), encoding="utf-8")
    script.chmod(0o755)
