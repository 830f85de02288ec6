"""The workflow that looks at new batches: its schedules, and what its steps do in real clones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import forge_stub
from gitrepo import GitRepo
from modelbook import scaffold, spec, stages
from modelbook.cli import main
from modelbook.scaffold import schedule
from test_monitoring import month, project
from test_workflows import ROOT, Job, load, text

PROJECT = """
name: watched
alerts:
  issue: {to: github-issue}
monitors:
  flights:
    reference: data/reference.parquet
    batches: data/2013-*.parquet
    schedule: 0 6 1 * *
  other:
    reference: data/reference.parquet
    batches: data/none-*.parquet
    schedule: 30 */6 * * 1-5
"""


def ask(root: Path, *words: str) -> Any:
    return CliRunner().invoke(main, [*words, "--repo", str(root)])


# -- schedules


def test_sync_writes_the_schedules_into_the_workflow_and_checks_them(tmp_path: Path) -> None:
    root = project(tmp_path, PROJECT)
    assert ask(root, "sync").exit_code == 0
    assert not (root / schedule.FILE).exists(), "who has no such workflow gets none"
    file = root / schedule.FILE
    file.parent.mkdir(parents=True)
    file.write_text(text("github/monitor.yml"), encoding="utf-8")
    done = ask(root, "sync", "--check")
    assert (done.exit_code, "has other schedules than mlproject.yaml" in done.output) == (1, True)
    assert f"{schedule.FILE} written: 0 6 1 * *, 30 */6 * * 1-5" in ask(root, "sync").output
    assert load(file.read_text(encoding="utf-8"))["on"] == {
        "workflow_dispatch": None,
        "schedule": [{"cron": "0 6 1 * *"}, {"cron": "30 */6 * * 1-5"}],
    }
    assert ask(root, "sync", "--check").exit_code == 0
    (root / "mlproject.yaml").write_text("name: x\n", encoding="utf-8")
    ask(root, "sync")
    assert file.read_text(encoding="utf-8") == text("github/monitor.yml")


def test_a_workflow_without_marks_or_outside_is_left_alone(tmp_path: Path) -> None:
    root = project(tmp_path / "in", PROJECT)
    file = root / schedule.FILE
    file.parent.mkdir(parents=True)
    file.write_text("on: push\n", encoding="utf-8")
    assert ask(root, "sync").exit_code == 0
    assert file.read_text(encoding="utf-8") == "on: push\n"
    outside = tmp_path / "outside.yml"
    outside.write_text(text("github/monitor.yml"), encoding="utf-8")
    file.unlink()
    file.symlink_to(outside)
    assert ask(root, "sync").exit_code == 0
    assert outside.read_text(encoding="utf-8") == text("github/monitor.yml")


def test_our_own_workflow_has_the_schedules_of_our_monitors() -> None:
    schedule.check(ROOT, spec.load(ROOT).project)


def test_what_a_schedule_starts_is_its_monitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], bool]] = []
    monkeypatch.setattr("modelbook.runner.dvc.has_remote", lambda _: True)
    monkeypatch.setattr(
        "modelbook.runner.dvc.repro", lambda _, targets, *, pull: asked.append((targets, pull))
    )
    root = project(tmp_path, PROJECT)
    ask(root, "monitor", "run", "--schedule", "0 6 1 * *")
    ask(root, "monitor", "run", "--schedule", "")
    ask(root, "monitor", "run", "other")
    assert (
        "No monitor has the schedule '1 1 1 1 1'"
        in ask(root, "monitor", "run", "--schedule", "1 1 1 1 1").output
    )
    flights = ["monitor-flights-reference", "monitor-flights@2013-04", "monitor-flights@2013-05"]
    other = ["monitor-other-reference"]
    assert asked == [(flights, True), ([*flights, *other], True), (other, True)]


def test_a_batch_that_is_nowhere_is_missing_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr("modelbook.runner.dvc.has_remote", lambda _: True)
    monkeypatch.setattr("modelbook.runner.dvc.repro", lambda _, targets, *, pull: asked.append(targets))
    root = project(tmp_path, PROJECT)
    for name in ("2013-06", "2013-07"):
        (root / "data" / f"{name}.parquet.dvc").write_text("outs: []\n", encoding="utf-8")

    def bring(_root: Path, files: list[str]) -> None:
        assert files == ["data/2013-06.parquet.dvc", "data/2013-07.parquet.dvc"]
        month(root / "data", "2013-07")

    monkeypatch.setattr("modelbook.runner.dvc.bring", bring)
    done = ask(root, "monitor", "run", "flights")
    assert "flights 2013-06: missing (its .dvc file is here" in done.output
    assert asked == [["monitor-flights-reference", *(f"monitor-flights@2013-0{at}" for at in (4, 5, 7))]]
    folder = root / "runs/monitors/flights"
    assert [file.name for file in folder.iterdir()] == ["2013-06.json"]
    assert json.loads((folder / "2013-06.json").read_bytes())["status"] == "missing"


# -- the jobs


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[forge_stub.Stub]:
    with forge_stub.forge() as stub:
        yield stub


class Runner:
    """A remote with a monitor, and jobs in fresh clones of it."""

    def __init__(self, folder: Path, stub: forge_stub.Stub) -> None:
        self.folder, self.jobs = folder, 0
        root = project(folder / "made", PROJECT)
        stages.sync(spec.load(root))
        files = {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
        }
        self.repo = GitRepo(folder / "remote.git", bare=True)
        more = {".dvc/config": "", ".dvc/.gitignore": "/cache\n/tmp\n", "old [1].json": "{}"}
        self.repo.commit({**files, **more, ".github/x.yml": "{}\n"}, "One")
        self.temp = folder / "temp"
        (self.temp / "bin").mkdir(parents=True)
        for name, does in (
            ("python", f'[ "$1 $2" = "-m pip" ] || exec {sys.executable} "$@"'),
            ("gh", f'for word in "$@"; do echo "$word" >> {self.temp}/gh; done'),
        ):
            (self.temp / "bin" / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
            (self.temp / "bin" / name).chmod(0o755)
        self.environ = {
            "PATH": os.pathsep.join(
                [str(self.temp / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
            "GITHUB_API_URL": stub.url,
            "GITHUB_GRAPHQL_URL": f"{stub.url}/graphql",
            "GITHUB_REPOSITORY": forge_stub.REPOSITORY,
        }

    def job(self, name: str, sha: str = "main", meanwhile: str = "true") -> list[tuple[str, int]]:
        """(step, exit status) of a job, whose failed steps end all but those that always run.

        Args:
            meanwhile: a command that runs before its steps.
        """
        self.jobs += 1
        clone = self.folder / f"clone-{self.jobs}"
        for words in (
            ["clone", "-q", str(self.repo.path), str(clone)],
            ["-C", str(clone), "checkout", "-q", sha],
        ):
            subprocess.run(["git", *words], check=True)
        values = {
            "runner.temp": self.temp,
            "github.event.repository.default_branch": "main",
            "github.event.schedule": "0 6 1 * *",
            "github.run_id": 7,
            "github.token": forge_stub.TOKEN,
            "vars.MODELBOOK_SITE": "https://acme.example/models",
        }
        subprocess.run(["sh", "-c", meanwhile], cwd=clone, check=True)
        made, done, failed = Job(clone, self.temp, values, self.environ), list[tuple[str, int]](), False
        for step in load(text("github/monitor.yml"))["jobs"][name]["steps"]:
            if "run" in step and (not failed or "cancelled()" in step.get("if", "")):
                result = made.run(step)
                done.append((step["name"], result.returncode))
                failed |= bool(result.returncode)
        return done

    def log(self) -> list[str]:
        """Subjects of the remote's commits, newest first."""
        return self.git("log", "--format=%s", "main")

    def git(self, *words: str) -> list[str]:
        """Lines of what git says in the remote."""
        git = ["git", "-C", str(self.repo.path), *words]
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.slow
def test_what_is_new_is_committed_and_told_once(tmp_path: Path, github: forge_stub.Stub) -> None:
    runner = Runner(tmp_path, github)
    deleted = runner.job("look", meanwhile="rm 'old [1].json' .github/x.yml")
    assert deleted == [("Look", 0), ("Keep what was found", 0)]
    sha = (runner.temp / "output").read_text(encoding="utf-8").strip().removeprefix("sha=")
    found = runner.temp / "modelbook-found"
    assert json.loads((found / "runs/monitors/flights/2013-05.json").read_bytes())["status"] == "breach"
    (found / ".git").mkdir()
    (found / ".git/config").write_text(f'[core]\nfsmonitor = "touch {tmp_path}/hooked; false"\n')
    assert runner.job("tell", sha) == [
        ("Commit what was found", 0),
        ("Tell", 1),
        ("Commit what was told", 0),
    ]
    assert runner.log() == ["Log what monitors told", "Watch new batches", "One"]
    files = runner.git("ls-tree", "--name-only", "-r", "main~1")
    assert (".github/x.yml" in files, "old [1].json" in files) == (True, False)
    assert not (tmp_path / "hooked").exists(), "nothing that a stage left runs here"
    [issue] = github.issues
    assert "https://acme.example/models/monitoring/flights/index.html" in issue["body"]
    shutil.rmtree(found)
    assert runner.job("look") == [("Look", 0), ("Keep what was found", 0)]
    assert [file.name for file in found.iterdir()] == [".modelbook-deleted"], "nothing is counted again"
    assert runner.job("tell") == [("Commit what was found", 0), ("Tell", 0), ("Commit what was told", 0)]
    assert (len(runner.log()), len(github.issues), github.comments) == (3, 1, [])
    assert "pr" not in (runner.temp / "gh").read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
def test_a_branch_that_takes_no_pushes_gets_a_pull_request(tmp_path: Path, github: forge_stub.Stub) -> None:
    runner = Runner(tmp_path, github)
    found = runner.temp / "modelbook-found"
    found.mkdir()
    (found / "new.txt").write_text("x", encoding="utf-8")
    (found / ".modelbook-deleted").touch()
    hook = runner.repo.path / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n', encoding="utf-8")
    hook.chmod(0o755)
    assert [status for _, status in runner.job("tell")] == [0, 0, 0]
    told = (runner.temp / "gh").read_text(encoding="utf-8").splitlines()
    assert told[2:8] == ["pr", "create", "--base", "main", "--head", "modelbook/monitor-7"]


def test_the_job_that_may_write_runs_nothing_of_the_project() -> None:
    jobs = load(text("github/monitor.yml"))["jobs"]
    assert jobs["look"]["permissions"] == {"contents": "read"}
    said = [step.get("run", "") for step in jobs["tell"]["steps"]]
    assert not any(word in line for line in said for word in ("repro", "monitor run", "dvc "))
    assert scaffold.CI["github"][schedule.FILE] == "github/monitor.yml"
