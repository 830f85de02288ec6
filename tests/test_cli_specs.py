"""The commands on specs as a user meets them: what is printed where, and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import specs_sample as sample
from modelbook import __version__, spec
from modelbook.cli import COMMANDS, main


def run(root: Path, *words: str) -> Result:
    """Call a command on a project."""
    return CliRunner().invoke(main, [*words, "--repo", str(root)])


def test_help_lists_every_public_command_in_order() -> None:
    told = CliRunner().invoke(main, ["--help"]).stdout
    listed = [line.split()[0] for line in told.partition("Commands:\n")[2].splitlines()]
    assert listed == [name for name in COMMANDS if name not in ("plan", "exec")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    told = CliRunner().invoke(main, [name, "-h"])
    assert told.exit_code == 0
    assert told.stdout.startswith(f"Usage: main {name}")


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"modelbook, version {__version__}\n"


def test_an_unknown_command_is_bad_input() -> None:
    assert CliRunner().invoke(main, ["chekc"]).exit_code == 2


def test_check_tells_what_there_is(tmp_path: Path) -> None:
    told = run(sample.write(tmp_path), "check")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[-1] == "late: 1 pipeline, 4 experiments, 6 runs, no faults"


def test_faults_go_to_standard_error_all_at_once(tmp_path: Path) -> None:
    files = sample.edited("experiments/base.yaml", "tags:", "tag:") | {
        "experiments/swept.yaml": sample.SWEPT.replace("sweep:", "sweeep:")
    }
    told = run(sample.write(tmp_path, files), "check")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.splitlines() == [
        "experiments/base.yaml:6:1 unknown key tag, did you mean tags?",
        "experiments/swept.yaml:2:1 unknown key sweeep, did you mean sweep?",
    ]


def test_check_tells_of_deps_that_nothing_makes(tmp_path: Path) -> None:
    root = sample.write(tmp_path)
    (root / "train.py").unlink()
    told = run(root, "check")
    assert told.exit_code == 2
    assert told.stderr.startswith("mlproject.yaml:30:16 there is no train.py, and no stage makes it")


def test_an_error_comes_with_its_hint(tmp_path: Path) -> None:
    told = run(tmp_path, "sync")
    assert told.exit_code == 2
    assert told.stderr.splitlines() == [
        f"error: {tmp_path} has no mlproject.yaml",
        "hint: `modelbook init` writes a first one",
    ]


def test_sync_and_its_check(tmp_path: Path) -> None:
    root = sample.write(tmp_path)
    stale = run(root, "sync", "--check")
    assert (stale.exit_code, stale.stdout) == (1, "")
    assert "hint: run `modelbook sync`" in stale.stderr
    assert run(root, "sync").stdout == "dvc.yaml written: 6 runs\n"
    assert run(root, "sync").stdout == "dvc.yaml is up to date: 6 runs\n"
    assert run(root / "experiments", "sync", "--check").exit_code == 0
    assert run(root, "plan").exit_code == 0
    assert (root / "runs/params/deep.yaml").exists()


def test_schema_prints_and_writes(tmp_path: Path) -> None:
    sample.write(tmp_path)
    assert json.loads(run(tmp_path, "schema").stdout)["title"] == "Project"
    assert json.loads(run(tmp_path, "schema", "experiment").stdout)["title"] == "Experiment"
    told = run(tmp_path, "schema", "--write").stdout
    assert told == "wrote .modelbook/mlproject.schema.json\nwrote .modelbook/experiment.schema.json\n"
    for path, text in spec.schemas().values():
        assert (tmp_path / path).read_text() == text


def test_init_says_what_it_did(tmp_path: Path) -> None:
    assert run(tmp_path, "init").exit_code == 2
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".modelbook").mkdir()
    (tmp_path / ".modelbook/mlproject.schema.json").write_text("{}")
    told = run(tmp_path, "init").stdout
    assert "wrote    mlproject.yaml\n" in told
    assert "skipped  .modelbook/mlproject.schema.json (it is there)\n" in told
    assert told.endswith("modelbook repro && modelbook build\n")


def test_exec_passes_options_on_and_tells_of_missing_programs(tmp_path: Path) -> None:
    argv = ["modelbook", "exec", "gbm/train", "--"]
    done = subprocess.run(
        [*argv, "sh", "-c", "echo $1 $2", "--", "--help", "-x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "--help -x\n")
    lost = subprocess.run(
        [*argv, "no-such-program"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (lost.returncode, lost.stderr) == (127, "no-such-program: not found\n")


FOR_BUILDING = ["pygit2", "jinja2", "msgspec"]
HEAVY = ["pydantic", "dvc", "plotly", "mkdocs", "rich.console", "psutil"]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("modelbook.cli", HEAVY + FOR_BUILDING),
        ("modelbook.cli.specs", HEAVY + FOR_BUILDING),
        ("modelbook.runner", HEAVY + FOR_BUILDING),
        ("modelbook.history, modelbook.catalog, modelbook.site", HEAVY),
    ],
)
def test_what_every_stage_and_every_build_starts_with_stays_light(module: str, heavy: list[str]) -> None:
    script = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
