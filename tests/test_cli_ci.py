"""`modelbook summary` and `modelbook comment`, as jobs call them, against a forge on loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import forge_stub
import verdict_sample
from forge_stub import HEAD, REPOSITORY, TOKEN, Stub, archive, event, pull
from modelbook.cli import ci, main
from modelbook.verdict import Side, Verdict, to_json

SIDE = Side(label="main", commit="1" * 40)
CALM = Verdict(base=SIDE, head=SIDE, status="unchanged")
CI_VARIABLES = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI", "GITHUB_TOKEN", "MODELBOOK_TOKEN")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job's own variables."""
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A forge on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with forge_stub.forge() as running:
        yield running


def run(*words: object) -> Result:
    """Call the command line."""
    return CliRunner().invoke(main, [str(word) for word in words])


def written(folder: Path, verdict: Verdict) -> Path:
    """A verdict's file."""
    file = folder / "diff.json"
    file.write_bytes(to_json(verdict))
    return file


def github(monkeypatch: pytest.MonkeyPatch, stub: Stub, folder: Path, event: dict[str, Any]) -> None:
    """The variables of a job on GitHub."""
    (folder / "event.json").write_text(json.dumps(event))
    values = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": stub.url,
        "GITHUB_GRAPHQL_URL": f"{stub.url}/graphql",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_TOKEN": TOKEN,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


PULL = {"pull_request": {"number": 7}}


def test_a_comment_is_posted_edited_and_left(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github(monkeypatch, stub, tmp_path, PULL)
    said = [run("comment", written(tmp_path, verdict_sample.verdict())) for _ in range(2)]
    said.append(run("comment", written(tmp_path, CALM)))
    assert [(done.exit_code, done.output) for done in said] == [
        (0, "Posted a comment.\n"),
        (0, "Our comment says so already.\n"),
        (0, "Edited our comment.\n"),
    ]
    assert [item["body"].splitlines()[:2] for item in stub.comments] == [
        ["<!-- modelbook:diff models -->", "**No model changed.**"]
    ]


def test_nothing_is_said_where_nothing_changed(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github(monkeypatch, stub, tmp_path, PULL)
    done = run("comment", written(tmp_path, CALM))
    assert (done.exit_code, stub.comments) == (0, [])
    assert "nothing was posted" in done.output


def test_two_names_are_two_comments(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    github(monkeypatch, stub, tmp_path, PULL)
    file = written(tmp_path, verdict_sample.verdict())
    for name in ("a", "b", "a"):
        assert run("comment", file, "--name", name).exit_code == 0
    assert [item["body"].splitlines()[0] for item in stub.comments] == [
        "<!-- modelbook:diff a -->",
        "<!-- modelbook:diff b -->",
    ]


def test_a_token_that_only_reads_says_what_to_do(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github(monkeypatch, stub, tmp_path, PULL)
    stub.fail("POST", "comments", 403, {}, {"message": "Resource not accessible by integration"})
    done = run("comment", written(tmp_path, verdict_sample.verdict()))
    assert done.exit_code == 2
    assert "hint: the token may not do this." in done.output
    assert TOKEN not in done.output


def test_what_the_job_must_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stub: Stub) -> None:
    file = written(tmp_path, verdict_sample.verdict())
    for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN", "GITHUB_EVENT_PATH"):
        github(monkeypatch, stub, tmp_path, PULL)
        monkeypatch.delenv(name)
        done = run("comment", file)
        assert (done.exit_code, f"{name} is not set" in done.output) == (2, True)
    github(monkeypatch, stub, tmp_path, {"push": {}})
    assert "the number of a pull request is not set" in run("comment", file).output
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/models/../../evil")
    assert "expected OWNER/NAME" in run("comment", file).output


def test_a_note_on_gitlab(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"GITLAB_CI": "true", "CI_API_V4_URL": stub.url, "CI_PROJECT_ID": "acme/models"}
    for name, value in {**values, "CI_MERGE_REQUEST_IID": "3", "MODELBOOK_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    file = written(tmp_path, verdict_sample.verdict())
    assert [run("comment", file).output for _ in range(2)] == [
        "Posted a comment.\n",
        "Our comment says so already.\n",
    ]
    monkeypatch.setenv("CI_MERGE_REQUEST_IID", "3/../4")
    assert run("comment", file).exit_code == 2
    monkeypatch.delenv("MODELBOOK_TOKEN")
    assert "MODELBOOK_TOKEN is not set" in run("comment", file).output


# The trusted half, and what a fork may hand it.


def artifact(raw: bytes, head: str = HEAD) -> bytes:
    """What the untrusted half uploads."""
    return archive({"pull.json": json.dumps({"number": 7, "head": head}).encode(), "diff.json": raw})


def test_a_diff_of_a_fork_is_rendered_here(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github(monkeypatch, stub, tmp_path, event())
    stub.pulls[7] = pull()
    stub.artifacts["modelbook-diff"] = artifact(to_json(verdict_sample.verdict()))
    assert run("comment", "--triggered").output == "Posted a comment.\n"
    assert stub.comments[0]["body"].startswith(
        "<!-- modelbook:diff models -->\n**A gate does not let this pass.**"
    )
    stub.pulls[7] = pull(head="b" * 40)
    stub.artifacts["modelbook-diff"] = artifact(to_json(CALM))
    assert "moved on" in run("comment", "--triggered").output
    assert "does not let this pass" in stub.comments[0]["body"]


def changed(**more: object) -> bytes:
    """A verdict with something else in it."""
    found = json.loads(to_json(verdict_sample.verdict()))
    return json.dumps({**found, **more}).encode()


def nested(deep: int) -> bytes:
    """A verdict with a value in lists in lists."""
    value = {"name": "x", "value": -77}
    found = changed(params=[{"name": "x", "kind": "added", "before": None, "after": value}])
    return found.replace(b"-77", b"[" * deep + b"]" * deep)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b"# <h1>hello</h1> @everyone",
        b"[" * 500_000,
        changed(status="great"),
        changed(status="<img src=x>"),
        changed(markdown="@everyone"),
        changed(runs=[{"name": 1}]),
        changed(runs={}),
        changed(reasons="@everyone"),
        changed(held="1"),
        changed(base={"label": "x", "html": "<b>"}),
        changed(**{"##[add-mask]x\n::error::y": 1}),
        json.dumps({"value": 1}).encode() * 2,
        changed(held=-77).replace(b"-77", b"7" * 5_000),
        nested(400_000),
    ],
    ids=range(18),
)
def test_a_diff_that_is_none_is_refused(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    github(monkeypatch, stub, tmp_path, event())
    stub.pulls[7] = pull()
    stub.artifacts["modelbook-diff"] = artifact(raw)
    done = run("comment", "--triggered")
    assert done.exit_code == 2, done.output
    assert "diff.json is no diff" in done.output
    assert "##[" not in done.output
    assert not any(line.strip().startswith("::") for line in done.output.splitlines())
    assert stub.comments == []


def test_an_odd_value_is_cut_and_posted(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    github(monkeypatch, stub, tmp_path, event())
    stub.pulls[7] = pull()
    stub.artifacts["modelbook-diff"] = artifact(nested(300))
    assert run("comment", "--triggered").output == "Posted a comment.\n"
    assert "`" + "[" * 39 + "…`" in stub.comments[0]["body"]


def test_a_fork_cannot_comment_elsewhere(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    github(monkeypatch, stub, tmp_path, event())
    stub.artifacts["modelbook-diff"] = artifact(to_json(verdict_sample.verdict()))
    for theirs in (pull(source="victim/models"), pull(target="acme/other")):
        stub.pulls[7] = theirs
        done = run("comment", "--triggered")
        assert (done.exit_code, stub.comments) == (1, [])
        assert "nothing was posted" in done.output
    stub.pulls[7] = pull()
    stub.artifacts["modelbook-diff"] = artifact(to_json(verdict_sample.verdict()), head="b" * 40)
    assert (run("comment", "--triggered").exit_code, stub.comments) == (1, [])


def test_a_run_that_left_nothing(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    github(monkeypatch, stub, tmp_path, event())
    done = run("comment", "--triggered")
    assert (done.exit_code, done.output) == (0, "The run left no diff.\n")
    stub.pulls[7] = pull()
    assert "nothing was posted" in run("comment", "--triggered").output
    assert stub.comments == []


def test_a_comment_of_an_older_commit_says_so_when_a_newer_run_left_nothing(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github(monkeypatch, stub, tmp_path, event())
    stub.pulls[7] = pull()
    stub.artifacts["modelbook-diff"] = artifact(to_json(verdict_sample.verdict()))
    run("comment", "--triggered")
    stub.artifacts.clear()
    stub.pulls[7] = pull(head="c" * 40)  # a run of an older commit says nothing
    assert run("comment", "--triggered").output == "The run left no diff.\n"
    assert "does not let this pass" in stub.comments[0]["body"]
    stub.pulls[7] = pull()
    assert run("comment", "--triggered").output == "The run left no diff.\nEdited our comment.\n"
    [found] = stub.comments
    lines = found["body"].splitlines()
    assert lines[0] == "<!-- modelbook:diff models -->"
    assert lines[1].startswith(
        "**There is no diff of `aaaaaaa`.** [The run of it](https://github.com/acme/models/"
    )
    stub.artifacts["modelbook-diff"] = artifact(to_json(verdict_sample.verdict()))
    assert run("comment", "--triggered").output == "Edited our comment.\n"


@pytest.mark.parametrize(("source", "linked"), [("acme/models", True), ("mallory/models", False)])
def test_the_preview_is_linked_but_not_that_of_a_fork(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, linked: bool
) -> None:
    github(monkeypatch, stub, tmp_path, event(source=source))
    stub.pulls[7] = pull(source=source)
    stub.artifacts["modelbook-diff"] = artifact(to_json(verdict_sample.verdict()))
    stub.artifacts["modelbook-site"] = b"PK"
    run("comment", "--triggered")
    where = "(https://github.com/acme/models/actions/runs/55/artifacts/2)"
    assert (where in stub.comments[0]["body"]) == linked


def test_a_link_is_no_file_to_post(tmp_path: Path) -> None:
    (tmp_path / "diff.json").symlink_to("/proc/self/environ")
    done = run("comment", tmp_path / "diff.json", "--print")
    assert done.exit_code == 1
    assert "cannot be read" in done.output


def test_either_a_file_or_the_run(tmp_path: Path) -> None:
    assert run("comment").exit_code == 2
    assert run("comment", tmp_path / "x", "--triggered").exit_code == 2


# The summary of the job, and what stands beside the code.


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a gate on line 7 of its mlproject.yaml."""
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    (root / "mlproject.yaml").write_text(
        "name: x\nmetrics:\n  roc_auc:\n    direction: maximize\n    gates:\n      floor: 0.5\n"
        "      max_regression: 0.005\n"
    )
    return root


def test_the_summary_is_written_and_the_gate_is_pointed_at(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("before\n")
    file = written(tmp_path, verdict_sample.verdict())
    done = run("summary", file, "--repo", project, "--gate")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[0] == (
        "::error file=mlproject.yaml,line=7,col=7,title=Modelbook gate::best of flights (hgb): "
        "roc_auc went from 0.7123 to 0.69"
    )
    assert lines[1] == "::error file=dvc.lock,title=Results are not from this code::train@x: code changed"
    assert "error: failed: best of flights (hgb)" in lines[2]
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith("before\n<!-- modelbook:diff models -->\n**A gate does not let this pass.**")
    assert run("summary", file, "--repo", project).exit_code == 0
    assert run("summary", written(tmp_path, CALM), "--repo", project, "--gate").exit_code == 0


def test_without_a_spec_the_fault_is_told_all_the_same(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    file = written(tmp_path, verdict_sample.verdict())
    (project / "mlproject.yaml").write_text("a: [")
    assert "::error title=Modelbook gate::best" in run("summary", file, "--repo", project).output
    (project / "mlproject.yaml").unlink()
    assert "::error title=Modelbook gate::best" in run("summary", file, "--repo", project).output
    (project / "sub").mkdir()
    (project / "sub/mlproject.yaml").write_text("metrics: {roc_auc: {gates: {max_regression: 0.005}}}\n")
    said = run("summary", file, "--repo", project, "--project", "sub").output
    assert "file=sub/mlproject.yaml,line=1,col=29," in said


def test_outside_of_github_it_is_printed(tmp_path: Path) -> None:
    done = run("summary", written(tmp_path, verdict_sample.verdict()))
    assert done.output.startswith("<!-- modelbook:diff models -->\n**A gate")
    assert "::error" not in done.output


def test_no_text_ends_a_workflow_command() -> None:
    hostile = "a\r\n::add-mask::x%0Ay,line=1::z"
    said = ci.command("error", hostile, file=hostile)
    assert said == (
        "::error file=a%0D%0A%3A%3Aadd-mask%3A%3Ax%250Ay%2Cline=1%3A%3Az"
        "::a%0D%0A::add-mask::x%250Ay,line=1::z"
    )
    assert "\n" not in said
