"""`modelbook init`: a first project that runs, and never a file that is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelbook import scaffold, spec, stages
from modelbook.errors import NotARepository


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty Git repository with an awkward name."""
    root = tmp_path / 'a "b": c'
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def test_an_empty_repository_gets_an_example(empty: Path) -> None:
    made = scaffold.init(empty)
    assert made.example
    assert made.dvc
    assert made.skipped == ()
    assert sorted(made.written) == sorted(
        [
            ".github/actions/modelbook/action.yml",
            ".github/workflows/modelbook-comment.yml",
            ".github/workflows/modelbook-deploy.yml",
            ".github/workflows/modelbook-monitor.yml",
            ".github/workflows/modelbook-pull-request.yml",
            ".github/workflows/modelbook-retrain.yml",
            ".github/workflows/modelbook.yml",
            ".gitignore",
            ".modelbook/experiment.schema.json",
            ".modelbook/mlproject.schema.json",
            "experiments/cubic-seeds.yaml",
            "experiments/cubic.yaml",
            "experiments/linear.yaml",
            "mlproject.yaml",
            "moons/data.py",
            "moons/train.py",
        ]
    )
    workspace = spec.load(empty)
    assert workspace.project.name == empty.name
    assert len(workspace.runs) == 5
    assert stages.missing_deps(workspace) == []


def test_it_may_be_run_again_from_a_folder_below(empty: Path) -> None:
    first = scaffold.init(empty)
    before = {path: path.read_bytes() for path in empty.rglob("*") if path.is_file()}
    again = scaffold.init(empty / "moons")
    assert again.written == ()
    assert set(again.skipped) < set(first.written)
    assert before == {path: path.read_bytes() for path in empty.rglob("*") if path.is_file()}


def test_no_file_is_changed(empty: Path) -> None:
    (empty / ".github/workflows").mkdir(parents=True)
    for path in ("mlproject.yaml", ".github/workflows/modelbook.yml"):
        (empty / path).write_text("mine: 1\n")
    (empty / ".gitignore").write_bytes(b"mine\xff\r\n/site\n__pycache__/")
    made = scaffold.init(empty)
    assert set(made.skipped) == {"mlproject.yaml", ".github/workflows/modelbook.yml"}
    assert (empty / "mlproject.yaml").read_text() == "mine: 1\n"
    assert not (empty / "experiments").exists()
    assert (empty / ".gitignore").read_bytes() == b"mine\xff\r\n/site\n__pycache__/\n/.venv/\n"


def test_a_repository_with_dvc_keeps_its_stages(empty: Path) -> None:
    text = "stages: {a: {cmd: echo a}}\n"
    (empty / "dvc.yaml").write_text(text)
    made = scaffold.init(empty)
    assert not made.example
    workspace = spec.load(empty)
    assert workspace.project.name == empty.name
    assert stages.sync(workspace) is False
    assert (empty / "dvc.yaml").read_text() == text


@pytest.mark.parametrize(
    ("ci", "paths"),
    [
        ("none", set()),
        ("gitlab", {".gitlab-ci.yml", ".gitlab/modelbook.yml"}),
        ("github", set(scaffold.CI["github"])),
    ],
)
def test_the_workflows_of_the_forge_that_was_asked_for(empty: Path, ci: str, paths: set[str]) -> None:
    written = scaffold.init(empty, ci).written
    assert {path for path in written if path.startswith((".github/", ".gitlab"))} == paths


def test_jobs_that_are_there_are_kept_and_the_line_to_add_is_told(empty: Path) -> None:
    (empty / ".gitlab-ci.yml").write_text("test: {script: [make]}\n")
    words = ["modelbook", "init", "--ci", "gitlab"]
    done = subprocess.run(words, cwd=empty, capture_output=True, text=True, check=True)
    assert (empty / ".gitlab-ci.yml").read_text() == "test: {script: [make]}\n"
    assert "Add to .gitlab-ci.yml:  include: [{local: .gitlab/modelbook.yml}]" in done.stdout


def test_outside_of_git(tmp_path: Path) -> None:
    with pytest.raises(NotARepository, match="is not inside a Git repository"):
        scaffold.init(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_out_of_the_repository_is_not_followed(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (empty / ".modelbook").symlink_to(tmp_path / "out")
    with pytest.raises(scaffold.Occupied, match="leads out of the repository"):
        scaffold.init(empty)
    assert list((tmp_path / "out").iterdir()) == []
