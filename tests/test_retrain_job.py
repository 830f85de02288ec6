"""The workflow that retrains: its two jobs in real clones, with a real DVC and a `gh` that only notes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from test_retrain import PROJECT, call, csv, files, project, ran
from test_workflows import Job, load, text

JOBS = load(text("github/retrain.yml"))["jobs"]


def job(name: str, clone: Path, temp: Path, model: str = "mean") -> list[tuple[str, int, str]]:
    """(step, exit status, what it said) of a job."""
    values = {
        "inputs.model || vars.MODELBOOK_RETRAIN": model,
        "runner.temp": temp,
        "github.event.repository.default_branch": "main",
        "github.run_id": 7,
        "github.token": "x",
    }
    path = os.pathsep.join([str(temp / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    made = Job(clone, temp, values, {"PATH": path, "GITHUB_STEP_SUMMARY": str(temp / "summary")})
    steps = [step for step in JOBS[name]["steps"] if "run" in step]
    done = made.steps(steps)
    return [(step["name"], one.returncode, one.stderr) for step, one in zip(steps, done, strict=False)]


def clone(remote: Path, to: Path) -> Path:
    subprocess.run(["git", "clone", "-q", str(remote), str(to)], check=True)
    return to


@pytest.mark.slow
def test_what_was_judged_is_proposed_with_what_it_does_to_the_metrics(tmp_path: Path) -> None:
    temp = tmp_path / "temp"
    (temp / "bin").mkdir(parents=True)
    for name, does in (
        ("python", f'[ "$1 $2" = "-m pip" ] || exec {sys.executable} "$@"'),
        ("gh", f'for word in "$@"; do echo "$word" >> {temp}/gh; done'),
    ):
        (temp / "bin" / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (temp / "bin" / name).chmod(0o755)
    root = project(tmp_path / "made", PROJECT, **{"data__p3.csv": csv(14)})
    (root / "mlproject.yaml").write_text(
        PROJECT.replace("      environment: prod\n      assign: true\n", ""), encoding="utf-8"
    )
    (root / "old.txt").write_text("x", encoding="utf-8")
    ran(root, "init", "-q", "-b", "main")
    call(root, "repro")
    ran(root, "add", "-A")
    ran(root, "commit", "-qm", "A first model")
    [run] = json.loads(call(root, "runs", "--json"))
    call(root, "register", "mean", "--run", run["id"])
    ran(root, "commit", "-qam", "Register it")
    remote = tmp_path / "remote.git"
    ran(tmp_path, "clone", "-q", "--bare", str(root), str(remote))

    first = clone(remote, tmp_path / "first")
    (first / "old.txt").unlink()
    assert [item[1] for item in job("retrain", first, temp)] == [0, 0]
    sha = (temp / "output").read_text(encoding="utf-8").strip().removeprefix("sha=")
    out = temp / "modelbook-retrain"
    assert '"outcome": "accepted"' in (temp / "summary").read_text(encoding="utf-8")
    brought = set(files(out / "files"))
    assert {"mlproject.yaml", "dvc.yaml", "dvc.lock", "runs/retrains/mean/p3.json"} <= brought
    assert "experiments/mean/mean-p3-expanding.yaml" in brought
    assert "mean-p3-expanding" in (out / "body.md").read_text(encoding="utf-8")

    second = clone(remote, tmp_path / "second")
    subprocess.run(["git", "checkout", "-q", sha], cwd=second, check=True)
    assert [item[:2] for item in job("propose", second, temp)] == [("Propose", 0)]
    branch = "modelbook/retrain-7"
    shown = subprocess.run(
        ["git", "show", "--format=%s", f"{branch}:mlproject.yaml"],
        cwd=remote,
        capture_output=True,
        check=True,
    )
    assert b"v1.1.0" in shown.stdout
    ls = ["git", "ls-tree", "--name-only", branch]
    assert b"old.txt" not in subprocess.run(ls, cwd=remote, capture_output=True, check=True).stdout
    told = (temp / "gh").read_text(encoding="utf-8").splitlines()
    assert told[:8] == [
        "auth",
        "setup-git",
        "pr",
        "create",
        "--base",
        "main",
        "--head",
        "modelbook/retrain-7",
    ]


def test_the_half_that_may_write_runs_nothing_of_the_project_and_the_model_is_data() -> None:
    assert JOBS["retrain"]["permissions"] == {"contents": "read"}
    said = "".join(step.get("run", "") for step in JOBS["propose"]["steps"])
    assert not any(word in said for word in ("repro", "modelbook retrain", "dvc ", "python", "pip"))
    assert ":(exclude).github" in said
    [step] = [step for step in JOBS["retrain"]["steps"] if step.get("id") == "retrain"]
    assert 'modelbook retrain "$MODEL"' in step["run"]
    assert all("if" in JOBS[name] for name in JOBS)
