"""The workflows that `init` writes, and ours: what they may do, and what their steps do in a real clone."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import pytest
from ruamel.yaml import YAML

import forge_stub
from forge_stub import REPOSITORY, TOKEN, Stub, archive
from gitrepo import GitRepo, entry, lock
from modelbook import scaffold, spec
from modelbook.scaffold import schedule

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "src/modelbook/scaffold/template"
GITHUB = scaffold.CI["github"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
CHECKOUT = """      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          ref: ${{ github.event.repository.default_branch }} # never what the pull request says
          persist-credentials: false
"""
INSTALL = """      - name: Install what the stages need
        run: python -m pip install --quiet -c constraints.txt ".[demo,monitor,package]"
"""
MAKE = """      - name: Make the packages, which no remote has
        run: |
          python -m pip install --quiet -c constraints.txt ".[demo,monitor,package]"
          modelbook repro
"""


def text(name: str) -> str:
    """A template."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def load(source: str) -> dict[str, Any]:
    """A workflow as plain data."""
    found: dict[str, Any] = YAML(typ="safe").load(source)
    return found


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(file, name, job) of all workflows, templates included."""
    for path in [*WORKFLOWS, *sorted((TEMPLATES / "github").glob("*.yml"))]:
        found = load(path.read_text(encoding="utf-8"))
        for name, job in found.get("jobs", {}).items():
            yield path.name, name, job


# -- what they may do


@pytest.mark.parametrize(("path", "name"), sorted(GITHUB.items()))
def test_this_repository_uses_what_init_writes(path: str, name: str) -> None:
    """It installs itself, not the package; for that the trusted half checks out the default branch.

    No remote has its packages, so they are made before they are deployed.
    """
    expected = text(name).replace("package: modelbook\n", "package: .\n")
    expected = expected.replace("PACKAGE: modelbook\n", "PACKAGE: .\n")
    if name.endswith("comment.yml"):
        expected = expected.replace(
            "write # to comment\n    steps:\n",
            "write # to comment\n      contents: read # to install this repository's own Modelbook\n"
            f"    steps:\n{CHECKOUT}",
        )
    expected = expected.replace("PACKAGE: modelbook[monitor]\n", "PACKAGE: .[monitor]\n")
    if name.endswith("monitor.yml"):
        expected = expected.replace("      - name: Look\n", f"{INSTALL}      - name: Look\n")
        expected = schedule.text_with(expected, schedule.of(spec.load(ROOT).project))
    if name.endswith("deploy.yml"):
        expected = expected.replace("      - name: Deploy\n", f"{MAKE}      - name: Deploy\n")
    if name.endswith("retrain.yml"):
        expected = expected.replace("      - id: retrain\n", f"{INSTALL}      - id: retrain\n")
    assert (ROOT / path).read_text(encoding="utf-8") == expected


def test_no_job_may_do_more_than_it_must() -> None:
    writes = {
        (file, name, scope)
        for file, name, job in jobs()
        for scope, level in job["permissions"].items()
        if level == "write"
    }
    assert {(name, scope) for _, name, scope in writes} == {
        ("comment", "pull-requests"),
        ("deploy", "pages"),
        ("deploy", "id-token"),
        ("attest", "id-token"),
        ("attest", "attestations"),
        ("record", "contents"),
        ("record", "pull-requests"),
        ("tell", "contents"),
        ("tell", "issues"),
        ("tell", "pull-requests"),
        ("propose", "contents"),
        ("propose", "pull-requests"),
    }
    for path in [*WORKFLOWS, *(TEMPLATES / "github").glob("*.yml")]:
        if path.name != "action.yml":
            assert load(path.read_text(encoding="utf-8"))["permissions"] == {}, path


def test_no_workflow_sees_a_secret_and_no_step_is_written_by_an_event() -> None:
    for file, name, job in jobs():
        assert "secrets" not in json.dumps(job), (file, name)
        assert "timeout-minutes" in job, (file, name)
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), (file, name)
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, (file, name)
    for step in load(text("github/action.yml"))["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_half_that_may_write_runs_nothing_of_the_pull_request() -> None:
    for source in (
        text("github/comment.yml"),
        (ROOT / ".github/workflows/modelbook-comment.yml").read_text(),
    ):
        steps = load(source)["jobs"]["comment"]["steps"]
        refs = [step["with"]["ref"] for step in steps if "checkout" in step.get("uses", "")]
        assert refs in ([], ["${{ github.event.repository.default_branch }}"])
        assert not any("cache" in step.get("uses", "") for step in steps)
        assert "head" not in json.dumps(steps)
        trigger = load(source)["on"]["workflow_run"]
        assert trigger["workflows"] == [load(text("github/pull-request.yml"))["name"]]


# -- what their steps do


@dataclass
class Job:
    """A job's shell steps, run as a runner runs them.

    Attributes:
        folder: the clone. values: what each expression of the workflow comes to; others are an error.
    """

    folder: Path
    temp: Path
    values: Mapping[str, object]
    environ: dict[str, str] = field(default_factory=dict)

    def value(self, source: object) -> str:
        """A value of `env` or `with`, its expressions filled in."""

        def fill(found: re.Match[str]) -> str:
            return str(self.values[found[1]])

        said = re.sub(r"\$\{\{ (.*?) \}\}", fill, str(source))
        return {"True": "true", "False": "false"}.get(said, said)

    def run(self, step: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """One `run` step, by bash as GitHub starts it."""
        env = {name: self.value(value) for name, value in step.get("env", {}).items()}
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder,
            env={**os.environ, "GITHUB_OUTPUT": str(self.temp / "output"), **self.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    def steps(self, steps: list[dict[str, Any]]) -> list[subprocess.CompletedProcess[str]]:
        """All `run` steps, up to the first that fails."""
        done = []
        for step in steps:
            if "run" in step:
                done.append(self.run(step))
                if done[-1].returncode:
                    break
        return done


def files(score: float, depth: int, *, stale: bool = False) -> dict[str, str]:
    """A project whose one stage wrote a score; the gate on it is in line 6."""
    code = f"print({depth})\n"
    metrics = json.dumps({"auc": score})
    hashes = {
        name: hashlib.md5(body.encode()).hexdigest() for name, body in {"c": code, "m": metrics}.items()
    }
    return {
        "train.py": code + ("# changed since\n" if stale else ""),
        "metrics.json": metrics,
        "mlproject.yaml": "name: demo\nmetrics:\n  auc:\n    direction: maximize\n    gates:\n"
        "      max_regression: 0.01\n",
        "dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py]\n    metrics:\n"
        "    - metrics.json: {cache: false}\n",
        "dvc.lock": lock(
            entry(
                "train",
                cmd="python train.py",
                deps={"train.py": hashes["c"]},
                outs={"metrics.json": hashes["m"]},
            )
        ),
        ".dvc/config": "",
    }


@dataclass
class Forked:
    """A bare remote with a pull request in it."""

    remote: Path
    base: str
    head: str

    def clone(self, folder: Path, *depth: str) -> Path:
        """What actions/checkout leaves: the pull request's head, detached."""
        git = ["git", "-c", "advice.detachedHead=false"]
        url = f"file://{self.remote}"
        subprocess.run([*git, "clone", "-q", "--no-local", *depth, url, str(folder)], check=True)
        subprocess.run([*git, "fetch", "-q", *depth, "origin", "refs/pull/7/head"], cwd=folder, check=True)
        subprocess.run([*git, "checkout", "-q", "FETCH_HEAD"], cwd=folder, check=True)
        return folder


def forked(folder: Path, change: Mapping[str, str]) -> Forked:
    """A remote whose `main` went on after the pull request left it."""
    repo = GitRepo(folder / "remote.git", bare=True)
    base = repo.commit(files(0.8, 3), "first")
    head = repo.commit(change, "try", parents=[base], ref="refs/pull/7/head")
    repo.commit({"README.md": "more"}, "later")
    return Forked(folder / "remote.git", str(repo.git.references["refs/heads/main"].target), head)


def job(folder: Path, fork: Forked, *depth: str, **inputs: object) -> Job:
    """The pull request's job in a fresh clone."""
    clone = fork.clone(folder / "clone", *depth)
    temp = folder / "temp"
    (temp / "bin").mkdir(parents=True)
    pip = temp / "bin/python"
    pip.write_text(
        f'#!/bin/sh\n[ "$1 $2 $3" = "-m pip install" ] && {{ echo "$@" >> "{temp}/pip"; exit 0; }}\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    pip.chmod(0o755)
    given = {
        "head": "HEAD",
        "gate": True,
        "project": "",
        "site": "",
        "name": "models",
        "package": "modelbook",
    }
    given |= {"base": fork.base, **inputs}
    values = {f"inputs.{name}": value for name, value in given.items()}
    values |= {
        "runner.temp": temp,
        "github.event.pull_request.number || 0": 7,
        "github.event.pull_request.base.sha": fork.base,
        "github.event.pull_request.head.sha || github.sha": fork.head,
        "vars.MODELBOOK_SITE": "https://acme.example/models",
        "github.token": TOKEN,
    }
    environ = {
        "PATH": os.pathsep.join([str(temp / "bin"), os.environ["PATH"]]),
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
        "GITHUB_REPOSITORY": REPOSITORY,
        "RUNNER_TEMP": str(temp),
        "MODELBOOK_CACHE": str(temp / "cache"),
    }
    return Job(clone, temp, values, environ)


def compare(made: Job) -> list[subprocess.CompletedProcess[str]]:
    """The composite action's own shell steps."""
    return made.steps(load(text("github/action.yml"))["runs"]["steps"])


def test_a_pull_request_is_compared_with_its_merge_base(tmp_path: Path) -> None:
    fork = forked(tmp_path, files(0.85, 4))
    made = job(tmp_path, fork, site="https://acme.example")
    done = compare(made)
    assert [step.returncode for step in done] == [0, 0, 0], done[-1].stderr
    assert (made.temp / "pip").read_text() == "-m pip install --quiet modelbook\n"
    found = json.loads((made.temp / "modelbook-diff/diff.json").read_text())
    assert found["status"] == "passed"
    assert found["base"]["commit"] != fork.base, "main went on; the merge base counts"
    changed = [change["path"] for change in found["code"]["files"]]
    assert changed == ["dvc.lock", "metrics.json", "train.py"], "not README.md, which main got meanwhile"
    assert json.loads((made.temp / "modelbook-diff/pull.json").read_text()) == {
        "number": 7,
        "head": fork.head,
    }
    summary = (made.temp / "summary.md").read_text()
    assert "**The gates let this pass.**" in summary
    assert "](https://acme.example/runs/" in summary
    assert (
        subprocess.run(["git", "status", "--porcelain"], cwd=made.folder, capture_output=True).stdout == b""
    )


def test_a_gate_that_fails_fails_the_step_at_its_line(tmp_path: Path) -> None:
    fork = forked(tmp_path, files(0.7, 4))
    made = job(tmp_path, fork)
    done = compare(made)
    assert [step.returncode for step in done] == [0, 0, 1]
    assert "::error file=mlproject.yaml,line=6,col=7,title=Modelbook gate::" in done[-1].stdout
    assert "**A gate does not let this pass.**" in (made.temp / "summary.md").read_text()
    assert (made.temp / "modelbook-diff/diff.json").exists(), "the comment's half needs it most of all"


def test_a_gate_may_be_left_to_the_reviewer(tmp_path: Path) -> None:
    made = job(tmp_path, forked(tmp_path, files(0.7, 4)), gate=False)
    assert [step.returncode for step in compare(made)] == [0, 0, 0]


def test_results_that_are_not_from_this_code_fail(tmp_path: Path) -> None:
    made = job(tmp_path, forked(tmp_path, files(0.85, 4, stale=True)))
    done = compare(made)
    assert done[-1].returncode == 1
    assert "::error file=dvc.lock,title=Results are not from this code::" in done[-1].stdout


def test_a_change_that_touches_no_model_is_one_line(tmp_path: Path) -> None:
    made = job(tmp_path, forked(tmp_path, {"docs.md": "x"}))
    assert [step.returncode for step in compare(made)] == [0, 0, 0]
    assert (made.temp / "summary.md").read_text().splitlines()[1].startswith("**No model changed.**")


def test_a_shallow_clone_says_what_to_set(tmp_path: Path) -> None:
    made = job(tmp_path, forked(tmp_path, files(0.7, 4)), "--depth=1")
    done = compare(made)
    assert done[-1].returncode == 2
    assert "this clone is shallow" in done[-1].stderr
    assert "fetch-depth: 0" in done[-1].stderr


def test_what_a_fork_names_things_runs_nothing(tmp_path: Path) -> None:
    """Names of metrics, runs and files reach no shell, no summary's markup and no workflow command."""
    change = files(0.7, 4)
    evil = 'x"; touch pwned; $(touch pwned) `touch pwned`\n::add-mask::x'
    change["metrics.json"] = json.dumps({"auc": 0.7, evil: 1.0, "@everyone": 2.0, "<img src=x>": 3.0})
    change["dvc.lock"] = change["dvc.lock"].replace(
        hashlib.md5(b'{"auc": 0.7}').hexdigest(), hashlib.md5(change["metrics.json"].encode()).hexdigest()
    )
    made = job(tmp_path, forked(tmp_path, change))
    done = compare(made)
    assert done[-1].returncode == 1
    assert list(tmp_path.rglob("pwned")) == []
    said = "".join(step.stdout + step.stderr for step in done)
    commands = [line for line in said.splitlines() if line.strip().startswith("::")]
    assert len(commands) == 1
    assert commands[0].startswith("::error file=mlproject.yaml")
    assert "`<img src=x>`" in (made.temp / "summary.md").read_text()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A forge on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with forge_stub.forge() as running:
        yield running


def test_both_halves_end_in_one_comment(tmp_path: Path, stub: Stub) -> None:
    """The untrusted job's folder, as an artifact, is what the trusted job's own steps post."""
    fork = forked(tmp_path, files(0.7, 4))
    made = job(tmp_path, fork)
    compare(made)
    folder = made.temp / "modelbook-diff"
    stub.artifacts["modelbook-diff"] = archive({path.name: path.read_bytes() for path in folder.iterdir()})
    stub.pulls[7] = forge_stub.pull(head=fork.head)
    (tmp_path / "event.json").write_text(json.dumps(forge_stub.event(head=fork.head)))
    empty = tmp_path / "empty"
    empty.mkdir()
    trusted = Job(empty, made.temp, made.values, dict(made.environ))
    trusted.environ |= {
        "GITHUB_API_URL": stub.url,
        "GITHUB_GRAPHQL_URL": f"{stub.url}/graphql",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
    }
    steps = load(text("github/comment.yml"))["jobs"]["comment"]["steps"]
    for _ in range(2):
        done = trusted.steps(steps)
        assert [step.returncode for step in done] == [0, 0], done[-1].stderr
    assert len(stub.comments) == 1
    body = stub.comments[0]["body"]
    assert body.startswith("<!-- modelbook:diff models -->\n**A gate does not let this pass.**")
    assert "](https://acme.example/models/runs/" in body
    assert list(empty.iterdir()) == []


@pytest.mark.slow
def test_the_site_is_built_again_over_the_last_one(tmp_path: Path) -> None:
    made = job(tmp_path, forked(tmp_path, files(0.85, 4)))
    steps = load(text("github/publish.yml"))["jobs"]["build"]["steps"]
    for _ in range(2):
        assert [step.returncode for step in made.steps(steps)] == [0]
    assert (made.folder / "site/index.html").exists()
    manifest = hashlib.sha256((made.folder / "site/modelbook.json").read_bytes()).hexdigest()
    assert (made.temp / "output").read_text().splitlines()[-1] == f"sha256={manifest}"
    preview = load(text("github/pull-request.yml"))["jobs"]["preview"]["steps"]
    assert [step.returncode for step in made.steps(preview)] == [0]
    assert (made.temp / "site/index.html").exists()
    told = (made.temp / "site/verdict/index.html").read_text()
    assert "The gates let this pass" in html.unescape(told)
    assert "README.md" not in told, "main got it meanwhile"


# -- GitLab


GITLAB = load(text("gitlab/modelbook.yml"))
SERVER = {
    "CI_SERVER_HOST": "example.org",
    "CI_SERVER_PROTOCOL": "https",
    "CI_SERVER_PORT": "443",
    "CI_PROJECT_PATH": "acme/models",
    "CI_DEFAULT_BRANCH": "main",
    "CI_PIPELINE_ID": "7",
    "GITLAB_CI": "true",
}
PUSHED = "https://modelbook:secret@example.org:443/acme/models.git"


def reaching(remote: Path) -> dict[str, str]:
    """Variables of a job that has the token: what it pushes goes to this repository."""
    git = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{remote}.insteadOf",
        "GIT_CONFIG_VALUE_0": PUSHED,
    }
    return {**git, "MODELBOOK_PUSH_TOKEN": "secret"}


def inherited(name: str) -> dict[str, Any]:
    """A job with what it extends, the last one first, as GitLab merges them."""
    job = GITLAB[name]
    above = job.get("extends", [])
    merged: dict[str, Any] = {}
    for one in [*map(inherited, [above] if isinstance(above, str) else above), job]:
        merged = {**merged, **one, "variables": {**merged.get("variables", {}), **one.get("variables", {})}}
    return merged


def gitlab(made: Job, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script of a job with its variables, and what runs after it, without what installs programs."""
    job = inherited(name)
    made.environ |= {**SERVER, "MODELBOOK_SITE": "", **variables}
    made.environ.pop("GITHUB_STEP_SUMMARY", None)
    own = {key: Template(str(value)).safe_substitute(made.environ) for key, value in job["variables"].items()}
    [done] = made.steps([{"run": "\n".join(job["script"]), "env": own}])
    if "after_script" in job:
        [after] = made.steps([{"run": "\n".join(job["after_script"])}])
        assert after.returncode == 0, after.stderr
    return done


def test_gitlab_posts_a_note_of_what_its_diff_found(tmp_path: Path, stub: Stub) -> None:
    fork = forked(tmp_path, files(0.7, 4))
    made = job(tmp_path, fork)
    shas = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": fork.base, "CI_COMMIT_SHA": fork.head}
    assert gitlab(made, "modelbook-diff", **shas).returncode == 1
    variables = {"CI_API_V4_URL": stub.url, "CI_PROJECT_ID": "acme/models", "CI_MERGE_REQUEST_IID": "3"}
    for _ in range(2):
        done = gitlab(made, "modelbook-note", **variables, MODELBOOK_TOKEN=TOKEN)
        assert done.returncode == 0, done.stderr
    assert [note["body"].splitlines()[1][:35] for note in stub.notes] == [
        "**A gate does not let this pass.** "
    ]


def test_gitlab_gives_the_token_to_the_note_alone() -> None:
    assert GITLAB["modelbook-note"]["variables"]["GIT_STRATEGY"] == "none"
    assert [name for name in GITLAB if "MODELBOOK_TOKEN" in json.dumps(GITLAB[name])] == ["modelbook-note"]
    assert load(text("gitlab/gitlab-ci.yml")) == {"include": [{"local": ".gitlab/modelbook.yml"}]}


def test_gitlab_gives_the_token_that_pushes_to_jobs_that_run_nothing_of_the_project() -> None:
    pushing = {name for name in GITLAB if "MODELBOOK_REMOTE" in json.dumps(GITLAB[name].get("script", ""))}
    assert pushing == {"modelbook-log", "modelbook-tell", "modelbook-propose"}
    for name, job in GITLAB.items():
        scoped = isinstance(job, dict) and inherited(name).get("environment") is not None
        assert scoped == (name in pushing or name == ".modelbook-push"), name
        if not scoped:
            assert "MODELBOOK_PUSH_TOKEN" not in json.dumps(job), name
    for name in pushing:
        said = "\n".join(GITLAB[name]["script"])
        assert not any(
            word in said for word in ("repro", "monitor run", "modelbook retrain", "dvc ", "pip")
        ), name
        # a variable of an environment is not known when GitLab decides which jobs there are
        assert "MODELBOOK_PUSH_TOKEN" not in json.dumps(GITLAB[name]["rules"])


def test_gitlab_starts_what_looks_and_retrains_by_schedules_alone_and_then_builds_no_site() -> None:
    when = {name: [rule["if"] for rule in job["rules"]] for name, job in GITLAB.items() if "rules" in job}
    scheduled = '$CI_PIPELINE_SOURCE == "schedule"'
    assert when["modelbook-monitor"] == when["modelbook-tell"] == [f"{scheduled} && $MODELBOOK_MONITOR"]
    assert when["modelbook-retrain"] == when["modelbook-propose"] == [f"{scheduled} && $MODELBOOK_RETRAIN"]
    assert all('$CI_PIPELINE_SOURCE != "schedule"' in rule for rule in when["pages"])
