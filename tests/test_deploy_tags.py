"""Deploying what Git tags say: by the command, and by the jobs that `modelbook init` writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gitrepo import GitRepo
from modelbook import package
from modelbook.cli import main
from test_serve import LOCK, PROJECT, STAGES, cached
from test_workflows import GITLAB, ROOT, Job, gitlab, load, reaching, text

DEPLOYMENTS = """\
environments: {prod: {}}
deployments:
  image: {model: late, environment: prod, target: docker, path: image}
  tool:
    model: late
    environment: prod
    target: command
    command: sh -c 'echo $1 >> calls' sh ${version}
"""
TAG = "late#prod#1"


class Shelf:
    """A remote whose tags register two versions and put the first one in force; `main` went on after that."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "dvc"
        self.repo = GitRepo(folder / "remote.git", bare=True)
        files = {"mlproject.yaml": PROJECT.format(versions="{}", environments="{}"), "dvc.yaml": STAGES}
        files |= {"experiments/a.yaml": "pipeline: p\n", ".dvc/config": "", ".gitignore": "/image/\n/calls\n"}
        self.one = self.repo.commit({**files, "dvc.lock": self._lock("one")}, "One")
        self.two = self.repo.commit({"dvc.lock": self._lock("two")}, "Two")
        self.repo.annotate("late@v1.0.0", self.one)
        self.repo.annotate("late@v2.0.0", self.two)
        self.repo.annotate(TAG, self.one)
        self.repo.commit({"mlproject.yaml": files["mlproject.yaml"] + DEPLOYMENTS}, "Say where to")

    def _lock(self, content: str) -> str:
        model = content.encode()
        sums = {"model.onnx": model, "MLmodel": b"{}"}
        return LOCK.format(md5=cached(self.cache, {**sums, package.SUMS: package.sums(sums).encode()}))

    def clone(self, folder: Path, ref: str = "main") -> Path:
        """A clone as actions/checkout leaves it, with what a DVC remote would have."""
        git(folder.parent, "clone", "-q", str(self.repo.path), str(folder))
        git(folder, "checkout", "-q", "--detach", ref)
        (folder / ".dvc/cache").symlink_to(self.cache / ".dvc/cache")
        return folder


def git(folder: Path, *words: str) -> str:
    """A Git command's output."""
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def call(root: Path, *words: str) -> Any:
    return CliRunner().invoke(main, ["deploy", *words, "--repo", str(root)])


def test_what_the_tags_say_is_deployed(shelf: Shelf, tmp_path: Path) -> None:
    root = shelf.clone(tmp_path / "clone")
    assert call(root, "prod").exit_code == 0
    assert (root / "image/current/package/model.onnx").read_text() == "one"
    assert (root / "calls").read_text() == "v1.0.0\n"
    assert "nothing to do" in call(root, "--tag", TAG).stdout
    shelf.repo.annotate("late#prod#2", shelf.two)
    git(root, "fetch", "-q", "--tags")
    plan = json.loads(call(root, "--tag", "late#prod#2", "--dry-run", "--json").stdout)
    assert plan["environment"] == "prod"
    assert [(item["name"], item["version"]) for item in plan["deployments"]] == [
        ("image", "v2.0.0"),
        ("tool", "v2.0.0"),
    ]
    assert (root / "calls").read_text() == "v1.0.0\n"
    assert call(root, "--tag", TAG).exit_code == 0, "an older tag again: what counts is what is in force now"
    assert (root / "image/current/package/model.onnx").read_text() == "two"
    assert (root / "calls").read_text() == "v1.0.0\nv2.0.0\n"
    for number, sha in ((3, shelf.two), (4, shelf.one)):
        shelf.repo.annotate(f"late#prod!#{number}", sha)
    git(root, "fetch", "-q", "--tags")
    gone = call(root, "--tag", "late#prod!#4")
    assert (gone.exit_code, gone.stdout) == (0, "nothing that late#prod!#4 speaks of is to be deployed\n")
    assert call(root, "prod").exit_code == 2


def test_a_tag_that_puts_nothing_in_force_is_told(shelf: Shelf, tmp_path: Path) -> None:
    shelf.repo.tag("late#prod#7", shelf.one)
    shelf.repo.annotate("v1.0.0", shelf.one)
    shelf.repo.annotate("other#prod#8", shelf.one)
    root = shelf.clone(tmp_path / "clone")
    for words, says in (
        (["--tag", "late#prod#9"], "'late#prod#9' is no tag of this repository"),
        (["--tag", "late@v1.0.0"], "does not speak of an environment"),
        (["--tag", "v1.0.0"], "does not speak of an environment"),
        (["--tag", "late#prod#7"], "is a lightweight tag"),
        (["prod", "--tag", TAG], "give ENV or --tag"),
        ([], "give ENV or --tag"),
        (["prod", "--json"], "--json is of --dry-run"),
    ):
        done = call(root, *words)
        assert done.exit_code == 2, done.output
        assert says in done.stderr
    other = call(root, "--tag", "other#prod#8", "--dry-run", "--json")
    assert json.loads(other.stdout) == {"environment": "prod", "deployments": []}


def test_a_package_that_is_required_is_checked_file_by_file(shelf: Shelf, tmp_path: Path) -> None:
    root = shelf.clone(tmp_path / "clone")
    project = root / "mlproject.yaml"
    project.write_text(project.read_text().replace("{prod: {}}", "{prod: {}, dev: {requires: [package]}}"))
    words = ["assign", "late", "v2.0.0", "dev", "--tag", "--repo", str(root)]
    assert CliRunner().invoke(main, words).exit_code == 0
    (damaged,) = [
        path for path in (root / ".dvc/cache").rglob("*") if path.is_file() and path.read_bytes() == b"one"
    ]
    damaged.write_bytes(b"eno")
    refused = CliRunner().invoke(main, [*words[:2], "v1.0.0", *words[3:]])
    assert refused.exit_code == 1
    assert "what DVC's cache has is not what the hash says" in refused.stderr
    assert "late#dev" not in git(root, "tag", "--points-at", shelf.one)


# -- the workflow


@pytest.fixture
def runner(shelf: Shelf, tmp_path: Path) -> Job:
    """Where the workflow's jobs run; `gh` there writes down what it is told."""
    temp = tmp_path / "temp"
    (temp / "bin").mkdir(parents=True)
    for name, does in (
        ("python", f'[ "$1 $2" = "-m pip" ] || exec {sys.executable} "$@"'),
        ("gh", f'for word in "$@"; do echo "$word" >> {temp}/gh; done'),
    ):
        (temp / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (temp / "bin" / name).chmod(0o755)
    values = {
        "runner.temp": temp,
        "inputs.tag || github.ref_name": TAG,
        "github.event.repository.default_branch": "main",
        "github.run_id": 7,
        "github.token": "token",
    }
    environ = {
        "PATH": os.pathsep.join([str(temp / "bin"), os.environ["PATH"]]),
        "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
    }
    return Job(shelf.clone(tmp_path / "runner"), temp, values, environ)


def steps(job: str) -> list[dict[str, Any]]:
    """The steps of a job of the workflow."""
    found: list[dict[str, Any]] = load(text("github/deploy.yml"))["jobs"][job]["steps"]
    return found


def outputs(made: Job) -> dict[str, str]:
    lines = (made.temp / "output").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_pushed_tag_deploys_and_the_log_comes_back(shelf: Shelf, runner: Job) -> None:
    assert [step.returncode for step in runner.steps(steps("plan"))] == [0]
    assert outputs(runner)["environment"] == "prod"
    assert '"version": "v1.0.0"' in (runner.temp / "summary.md").read_text()
    done = runner.steps(steps("deploy"))
    assert [step.returncode for step in done] == [0, 0], done[-1].stderr
    assert (runner.folder / "calls").read_text() == "v1.0.0\n"
    assert outputs(runner)["sha"] == git(runner.folder, "rev-parse", "HEAD")
    facts = {"deployment": "tool", "model": "late", "environment": "prod", "run": "r"}
    line = json.dumps({**facts, "version": "v0.9.0", "outcome": "deployed"}) + "\n"
    shelf.repo.commit({"runs/deployments/tool.jsonl": line}, "Meanwhile, by hand")
    place = shelf.clone(runner.folder.parent / "record", outputs(runner)["sha"])
    fresh = Job(place, runner.temp, runner.values, runner.environ)
    done = fresh.steps(steps("record"))
    assert [step.returncode for step in done] == [0], done[-1].stderr
    remote = shelf.repo.path
    assert git(remote, "log", "-1", "--format=%s", "main") == f"Log what {TAG} deployed"
    assert git(remote, "diff", "--name-only", "main~1", "main").splitlines() == [
        "runs/deployments/image.jsonl",
        "runs/deployments/tool.jsonl",
    ]
    logged = git(remote, "show", "main:runs/deployments/tool.jsonl").splitlines()
    assert [json.loads(item)["version"] for item in logged] == ["v0.9.0", "v1.0.0"]
    assert "pr" not in (runner.temp / "gh").read_text().splitlines()


def test_a_branch_that_takes_no_pushes_gets_a_pull_request(shelf: Shelf, runner: Job) -> None:
    for name in ("image", "tool"):
        log = runner.temp / f"modelbook-log/runs/deployments/{name}.jsonl"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("{}\n")
    hook = shelf.repo.path / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n')
    hook.chmod(0o755)
    done = runner.steps(steps("record"))
    assert [step.returncode for step in done] == [0], done[-1].stderr
    told = (runner.temp / "gh").read_text().splitlines()
    assert told[:2] == ["auth", "setup-git"]
    assert told[2:9] == ["pr", "create", "--base", "main", "--head", "modelbook/log-7", "--title"]
    assert git(shelf.repo.path, "diff", "--name-only", "main", "modelbook/log-7").splitlines() == [
        "runs/deployments/image.jsonl",
        "runs/deployments/tool.jsonl",
    ]


def test_a_deployment_that_fails_is_logged_too(shelf: Shelf, runner: Job) -> None:
    (runner.folder / "mlproject.yaml").write_text(
        (runner.folder / "mlproject.yaml").read_text().replace("sh -c 'echo", "sh -c 'exit 3; echo")
    )
    deploy, log = (step for step in steps("deploy") if "run" in step)
    assert "cancelled()" in log["if"]
    assert runner.run(deploy).returncode == 1
    assert runner.run(log).returncode == 0
    kept = (runner.temp / "modelbook-log/runs/deployments/tool.jsonl").read_text()
    assert json.loads(kept)["outcome"] == "failed"


def test_the_workflow_takes_the_tag_as_data_and_each_job_may_do_one_thing() -> None:
    for source in (text("github/deploy.yml"), (ROOT / ".github/workflows/modelbook-deploy.yml").read_text()):
        found = load(source)
        assert found["on"]["push"] == {"tags": ["**#**"]}
        assert found["permissions"] == {}
        jobs = found["jobs"]
        assert {name: job["permissions"] for name, job in jobs.items()} == {
            "plan": {"contents": "read"},
            "deploy": {"contents": "read"},
            "record": {"contents": "write", "pull-requests": "write"},
        }
        assert jobs["deploy"]["environment"] == "${{ needs.plan.outputs.environment }}"
        for job in jobs.values():
            assert all("${{" not in step.get("run", "") for step in job["steps"])
        assert "modelbook deploy" not in json.dumps(jobs["record"]), (
            "what may write runs nothing of the project"
        )
        for name in ("plan", "deploy"):
            checkout = jobs[name]["steps"][0]["with"]
            assert checkout["ref"] == "${{ github.event.repository.default_branch }}"
            assert (checkout["fetch-depth"], checkout["persist-credentials"]) == (0, False)


def test_a_tag_is_never_run(shelf: Shelf, runner: Job) -> None:
    evil = "late#prod#1;touch$IFS$(pwd)/pwned"
    runner.values["inputs.tag || github.ref_name"] = evil  # type: ignore[index]
    done = runner.steps(steps("plan"))
    assert done[-1].returncode == 2
    assert "is no tag of this repository" in done[-1].stderr
    assert not (runner.folder / "pwned").exists()


# -- GitLab


def test_gitlab_deploys_and_pushes_the_log(shelf: Shelf, runner: Job) -> None:
    tagged = shelf.clone(runner.folder.parent / "tagged", TAG)
    (tagged / ".git/info/exclude").write_text(".dvc/cache\n")
    made = Job(tagged, runner.temp, {}, {**runner.environ, "CI_COMMIT_TAG": TAG})
    done = gitlab(made, "modelbook-deploy")
    assert done.returncode == 0, done.stderr
    assert (tagged / "calls").read_text() == "v1.0.0\n"
    before = git(shelf.repo.path, "rev-parse", "main")
    assert gitlab(made, "modelbook-log").returncode == 0, "without the token there is nothing it may do"
    assert git(shelf.repo.path, "rev-parse", "main") == before
    done = gitlab(made, "modelbook-log", **reaching(shelf.repo.path))
    assert done.returncode == 0, done.stderr
    logged = git(shelf.repo.path, "show", "main:runs/deployments/tool.jsonl")
    assert json.loads(logged)["version"] == "v1.0.0"
    assert git(shelf.repo.path, "log", "-1", "--format=%s", "main") == f"Log what {TAG} deployed"
    for name in ("modelbook-deploy", "modelbook-log"):
        assert "=~ /#/" in GITLAB[name]["rules"][0]["if"]
