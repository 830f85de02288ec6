"""Specs whose results are not theirs, told without running anything: by real results of a real project."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import specs_sample as sample
from gitrepo import GitRepo
from modelbook import spec, stages
from modelbook.cli import main
from modelbook.stages.late import late

DEEP = "experiments/deep.yaml"


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """The sample, synced and planned."""
    root = sample.write(tmp_path / "planned")
    stages.sync(spec.load(root))
    stages.plan(spec.load(root))
    return root


def replan(root: Path) -> None:
    """What `modelbook sync` does."""
    stages.sync(spec.load(root))


def edit(root: Path, path: str, old: str, new: str) -> None:
    """Replace what stands there once."""
    text = (root / path).read_text()
    assert text.count(old) == 1
    (root / path).write_text(text.replace(old, new))


def test_what_was_planned_is_as_the_specs_ask(planned: Path) -> None:
    assert list(late(planned)) == []


def test_an_edited_param_is_told_at_its_spec_with_both_values(planned: Path) -> None:
    edit(planned, DEEP, "depth: 8", "depth: 9")
    why = "model.depth of {} is 9 now, and was 8 when it ran"
    assert list(late(planned)) == [
        (DEEP, why.format("deep")),
        ("experiments/seeded.yaml", why.format("seeded-seed-1")),
        ("experiments/seeded.yaml", why.format("seeded-seed-2")),
    ]


def test_a_new_spec_is_not_in_the_plan_and_has_no_run(planned: Path) -> None:
    sample.write(planned, {"experiments/new.yaml": "extends: base\n"})
    assert list(late(planned)) == [
        ("dvc.yaml", "it is not what mlproject.yaml and the specs ask for: run `modelbook sync`"),
        ("experiments/new.yaml", "new was never planned, so it has no results"),
    ]
    replan(planned)
    assert list(late(planned)) == [("experiments/new.yaml", "new was never planned, so it has no results")]


def test_a_generated_stage_that_somebody_edited_is_told(planned: Path) -> None:
    edit(planned, "dvc.yaml", "--out results/${key}", "--out results/${key} --fast")
    [(file, why)] = late(planned)
    assert (file, "modelbook sync" in why) == ("dvc.yaml", True)


def test_specs_that_cannot_be_read_are_told_with_line_and_column(planned: Path) -> None:
    edit(planned, DEEP, "extends: base", "extends: base\nlerning_rate: 2")
    [(file, why)] = late(planned)
    assert (file, why.startswith("2:1 unknown key lerning_rate")) == (DEEP, True)


def test_faulty_specs_that_nothing_was_made_from_are_for_check(planned: Path) -> None:
    edit(planned, DEEP, "extends: base", "extends: base\nlerning_rate: 2")
    (planned / "dvc.yaml").write_text("stages:\n  a:\n    cmd: x\n")
    assert list(late(planned)) == []


def test_a_damaged_params_file_is_told(planned: Path) -> None:
    (planned / "runs/params/deep.yaml").write_text("[1]")
    assert list(late(planned)) == [(DEEP, "deep.yaml is not what `modelbook plan` writes")]


def test_a_project_without_pipelines_and_a_folder_without_specs_have_nothing_late(tmp_path: Path) -> None:
    hand = "stages:\n  a:\n    cmd: x\n"
    assert list(late(sample.write(tmp_path / "a", {"mlproject.yaml": "name: p\n", "dvc.yaml": hand}))) == []


# By way of `modelbook diff` ---------------------------------------------------------------------------------


@pytest.fixture
def project(finished_specs: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(finished_specs, tmp_path / "project", symlinks=True)


def told(root: Path) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["diff", "--repo", str(root), "--no-cache", "--format", "json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_results_of_these_specs_are_not_stale(project: Path) -> None:
    assert (told(project)["status"], told(project)["stale"]) == ("unchanged", [])
    assert CliRunner().invoke(main, ["diff", "HEAD", "HEAD", "--gate", "--repo", str(project)]).exit_code == 0


def _spec(root: Path) -> None:
    edit(root, DEEP, "depth: 8", "depth: 9")


def _prose(root: Path) -> None:
    edit(root, "experiments/base.yaml", "limitations: Few.", "limitations: Many.")


def _new(root: Path) -> None:
    sample.write(root, {"experiments/new.yaml": "extends: base\n"})


def _synced(root: Path) -> None:
    _new(root)
    replan(root)


def _plan(root: Path) -> None:
    edit(root, "dvc.yaml", "--out results/${key}", "--out results/${key} --fast")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_spec, (DEEP, "model.depth of deep is 9 now, and was 8 when it ran")),
        (_prose, ("modelbook-plan", "experiments changed")),
        (_new, ("experiments/new.yaml", "new was never planned, so it has no results")),
        (_synced, ("flights-train@new", "it is defined, and dvc.lock has no run of it")),
        (_plan, ("flights-train@deep", "its command is not the one that was run")),
    ],
)
def test_each_kind_of_staleness_fails_the_gate(
    project: Path, change: Callable[[Path], None], says: tuple[str, str]
) -> None:
    change(project)
    found = told(project)
    assert says in [(item["stage"], item["reason"]) for item in found["stale"]]
    assert found["status"] == "stale"
    done = CliRunner().invoke(main, ["diff", "--gate", "--repo", str(project), "--no-cache"])
    assert (done.exit_code, "results are not from this code" in done.output) == (1, True)


def test_a_foreign_repository_has_no_specs_to_be_late(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "work", bare=True)
    repo.commit({"dvc.yaml": "stages: {}\n", "experiments/a.yaml": "not: ours\n", "runs/params/a.yaml": "1"})
    repo.commit({"README": "x"})
    done = CliRunner().invoke(
        main, ["diff", "main~1", "main", "--repo", str(repo.path), "--no-cache", "--format", "json"]
    )
    assert json.loads(done.stdout)["stale"] == []


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    """A link out of the repository is no file of it, so nothing of what it leads to is read."""
    repo = GitRepo(tmp_path / "work")
    repo.commit({"mlproject.yaml": sample.PROJECT, "experiments/base.yaml": sample.BASE, "dvc.yaml": ""})
    repo.checkout()
    (repo.path / DEEP).symlink_to("/etc/passwd")
    subprocess.run(["git", "add", "--all"], cwd=repo.path, check=True)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *who, "commit", "--quiet", "-m", "Link"], cwd=repo.path, check=True)
    words = ["diff", "HEAD~1", "HEAD", "--repo", str(repo.path), "--no-cache", "--format", "json"]
    found = json.loads(CliRunner().invoke(main, words).stdout)
    assert "dvc.yaml" in [item["stage"] for item in found["stale"]]
    assert "root:" not in json.dumps(found)
