"""GitLab's jobs that look at new batches and retrain: what they carry to the jobs that push, in real clones.

`modelbook` and `dvc` are stand-ins that leave files: the tests of GitHub's jobs hold what the real ones do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitrepo import GitRepo
from test_workflows import Job, gitlab, reaching

PROGRAMS = {
    "python": f'[ "$1 $2" = "-m pip" ] || exec {sys.executable} "$@"',
    "dvc": 'echo "$@" >> "$SAID"',
    "modelbook": r"""
echo "modelbook $*" >> "$SAID"
case "$1 $2" in
"monitor run") mkdir -p runs/monitors/flights; echo '{}' > runs/monitors/flights/05.json
  echo changed > dvc.lock; rm "old [1].json" .gitlab/x.yml; mkdir -p modelbook-found/.git
  cp .git/config modelbook-found/.git
  printf '[core]\nfsmonitor = "echo hooked >> %s; false"\n' "$SAID" >> modelbook-found/.git/config
  echo evil >> .gitlab-ci.yml; echo x > scratch.txt ;;
"monitor alert") mkdir -p runs/alerts; echo "$TOLD" >> runs/alerts/flights.jsonl; exit 1 ;;
"retrain mean") if [ -n "$QUIET" ]; then echo '{"record": null}'; exit 0; fi
  mkdir -p runs/retrains/mean; echo '{}' > runs/retrains/mean/p3.json; echo 'v: 1' >> mlproject.yaml
  rm "old [1].json" .gitlab/x.yml
  echo evil >> .gitlab-ci.yml; echo '{"record": {}}' ;;
"diff HEAD~1") printf '# Verdict\n\nIt changes '; git show --format= --name-only HEAD | tr '\n' ' ' ;;
esac
""",
}


class Remote:
    """A project on a forge, and its jobs, each pair in one clone of it as a runner leaves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = GitRepo(folder / "remote.git", bare=True)
        files = {"mlproject.yaml": "name: x\n", "dvc.lock": "old\n", ".gitlab-ci.yml": "{}\n"}
        files |= {"runs/alerts/flights.jsonl": "first\n", "old [1].json": "{}", ".gitlab/x.yml": "x: 1\n"}
        self.repo.commit(files, "One")
        (folder / "bin").mkdir()
        for name, does in PROGRAMS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
            (folder / "bin" / name).chmod(0o755)

    def job(self) -> Job:
        """A fresh clone, as a runner has it for each job but for artifacts."""
        clone = self.folder / f"clone-{len(list(self.folder.iterdir()))}"
        self.git("clone", "-q", str(self.repo.path), str(clone))
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return Job(clone, self.folder, {}, {"PATH": path, "SAID": str(self.folder / "said"), "TOLD": "told"})

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.repo.path, check=True, capture_output=True, text=True)
        return done.stdout

    def protect(self) -> None:
        """Let `main` take no pushes, and note what is asked for with them."""
        self.git("config", "receive.advertisePushOptions", "true")
        hook = self.repo.path / "hooks/pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(
            "#!/bin/sh\nread -r old new ref\n[ $ref != refs/heads/main ] || exit 1\n"
            f"env | grep ^GIT_PUSH_OPTION_ | sort > {self.folder}/asked\n"
        )
        hook.chmod(0o755)

    def asked(self) -> set[str]:
        return {line.split("=", 1)[1] for line in (self.folder / "asked").read_text().splitlines()[:-1]}


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


def carried(remote: Remote, before: Job, folder: str) -> Job:
    """The next job, which gets the artifact of the one before."""
    after = remote.job()
    if (before.folder / folder).exists():
        (before.folder / folder).rename(after.folder / folder)
    return after


def test_what_was_found_is_committed_and_told_and_the_breach_fails_the_job(remote: Remote) -> None:
    look = remote.job()
    done = gitlab(look, "modelbook-monitor", MODELBOOK_MONITOR="0 6 1 * *")
    assert done.returncode == 0, done.stderr
    assert "modelbook monitor run --schedule 0 6 1 * *\n" in (remote.folder / "said").read_text()
    found = look.folder / "modelbook-found"
    there = {path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()}
    kept = {"dvc.lock", "runs/monitors/flights/05.json"}
    assert there == {*kept, ".modelbook", ".modelbook-deleted", ".git/config"}
    remote.repo.commit({"README.md": "meanwhile"}, "Two")
    tell = carried(remote, look, "modelbook-found")
    done = gitlab(tell, "modelbook-tell", MODELBOOK_SITE="https://acme.example", **reaching(remote.repo.path))
    assert done.returncode == 1, "a breach is told by the status"
    assert "modelbook monitor alert --site https://acme.example\n" in (remote.folder / "said").read_text()
    log = remote.git("log", "--format=%s by %an <%ae>", "main").splitlines()
    by = "by Modelbook <modelbook@example.org>"
    assert log[:2] == [f"Log what monitors told {by}", f"Watch new batches {by}"]
    assert remote.git("show", "main:runs/alerts/flights.jsonl") == "first\ntold\n"
    assert remote.git("show", "main:README.md") == "meanwhile"
    assert remote.git("show", "main:.gitlab-ci.yml") == "{}\n"
    changed = remote.git("diff", "--name-status", "main~3", "main~1").splitlines()
    gone = [line for line in changed if line.startswith("D")]
    assert gone == ["D\told [1].json"], "what a stage deleted is, but for what says which jobs run"
    assert "hooked" not in (remote.folder / "said").read_text(), "nothing of the project runs here"


def test_all_monitors_are_looked_at_when_the_schedule_says_all(remote: Remote) -> None:
    gitlab(remote.job(), "modelbook-monitor", MODELBOOK_MONITOR="all")
    assert (remote.folder / "said").read_text() == "modelbook monitor run --schedule \n"


def test_a_branch_that_takes_no_pushes_gets_a_merge_request(remote: Remote) -> None:
    look = remote.job()
    gitlab(look, "modelbook-monitor", MODELBOOK_MONITOR="all")
    remote.protect()
    tell = carried(remote, look, "modelbook-found")
    assert gitlab(tell, "modelbook-tell", **reaching(remote.repo.path)).returncode == 1
    assert {"merge_request.create", "merge_request.target=main"} < remote.asked()
    assert "told" in remote.git("show", "modelbook/monitor-7:runs/alerts/flights.jsonl")


def test_a_job_without_the_token_says_so_before_it_tells_anybody(remote: Remote) -> None:
    done = gitlab(remote.job(), "modelbook-tell", MODELBOOK_PUSH_TOKEN="")
    assert (done.returncode, "MODELBOOK_PUSH_TOKEN is not here" in done.stdout) == (1, True)
    assert not (remote.folder / "said").exists()


def test_what_was_judged_is_proposed_with_what_it_does_to_the_metrics(remote: Remote) -> None:
    remote.protect()
    retrain = remote.job()
    done = gitlab(retrain, "modelbook-retrain", MODELBOOK_RETRAIN="mean")
    assert done.returncode == 0, done.stderr
    propose = carried(remote, retrain, "modelbook-retrain")
    variables = {"MODELBOOK_RETRAIN": "mean", **reaching(remote.repo.path)}
    done = gitlab(propose, "modelbook-propose", **variables)
    assert done.returncode == 0, done.stderr
    branch = "modelbook/retrain-7"
    assert remote.asked() == {"merge_request.create", "merge_request.target=main"}
    told = remote.git("log", "-1", "--format=%B", branch)
    changes = ".gitlab-ci.yml .gitlab/x.yml mlproject.yaml "
    assert told.startswith(f"Retrain mean\n\n# Verdict\n\nIt changes {changes}"), told
    changed = remote.git("diff", "--name-only", "main", branch).splitlines()
    made = ["mlproject.yaml", "old [1].json", "runs/retrains/mean/p3.json"]
    assert changed == made, "no job may change what runs next"
    assert remote.git("log", "--format=%s", "main") == "One\n"


def test_nothing_is_proposed_when_nothing_was_trained(remote: Remote) -> None:
    retrain = remote.job()
    assert gitlab(retrain, "modelbook-retrain", MODELBOOK_RETRAIN="mean", QUIET="1").returncode == 0
    assert not (retrain.folder / "modelbook-retrain").exists()
    assert gitlab(carried(remote, retrain, "modelbook-retrain"), "modelbook-propose").returncode == 0
    assert remote.git("branch", "--format=%(refname:short)") == "main\n"
