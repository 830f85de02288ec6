"""`modelbook diff` on real Git histories: what it compares, when results are stale, and how it ends."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gitrepo import Files, GitRepo, entry, lock
from modelbook.cli import main

DVC_YAML = """\
stages:
  fit:
    cmd: python fit.py
    deps: [fit.py, src, data.csv]
    params: [lr]
    metrics: [{m.json: {cache: false}}]
"""
DATA = "a" * 32


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def folder(**inner: str) -> str:
    rows = [{"md5": md5(text), "relpath": name} for name, text in sorted(inner.items())]
    return md5(json.dumps(rows, sort_keys=True)) + ".dir"


def result(
    score: float, *, lr: float = 0.1, code: str = "fit()\n", data: str = DATA
) -> dict[str, str | bytes | None]:
    """All files of a commit whose results are from its code."""
    metric = json.dumps({"acc": score})
    made = entry(
        "fit",
        cmd="python fit.py",
        deps={"fit.py": md5("fit()\n"), "src": folder(**{"a.py": "a\n"}), "data.csv": data},
        params={"params.yaml": {"lr": lr}},
        outs={"m.json": md5(metric)},
    )
    made = made.replace("    - path: src\n", "    - path: src\n      nfiles: 1\n")
    return {
        "dvc.yaml": DVC_YAML,
        "dvc.lock": lock(made),
        "params.yaml": f"lr: {lr}\n",
        "fit.py": "fit()\n",
        "src/a.py": "a\n",
        "data.csv.dvc": f"outs:\n- path: data.csv\n  md5: {data}\n",
        "m.json": metric,
    }


def call(repo: GitRepo, *args: str) -> Result:
    return CliRunner().invoke(main, ["diff", "--repo", str(repo.path), "--no-cache", *args])


def answer(repo: GitRepo, *args: str) -> Any:
    found = call(repo, *args, "--format", "json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "work", bare=True)
    made.tag("first", made.commit(result(0.8)))
    made.commit(result(0.7, lr=0.5))
    return made


def test_what_changed_is_told_in_every_form(repo: GitRepo) -> None:
    found = answer(repo, "first", "main")
    [run] = found["runs"]
    assert (run["name"], run["kind"]) == ("work", "changed")
    [metric] = run["metrics"]
    assert (metric["name"], metric["delta"], metric["better"]) == ("acc", pytest.approx(-0.1), False)
    assert [(p["name"], p["before"]["value"], p["after"]["value"]) for p in run["params"]] == [
        ("lr", 0.1, 0.5)
    ]
    assert [file["path"] for file in found["code"]["files"]] == ["dvc.lock", "m.json", "params.yaml"]
    text = call(repo, "first", "main").output
    assert "acc" in text
    assert "-0.1 (-12.5%) worse" in text
    assert "lr 0.1 to 0.5" in text


def test_gates_decide_how_it_ends(repo: GitRepo) -> None:
    assert call(repo, "first", "main", "--gate").exit_code == 0  # no gate
    failed = call(repo, "first", "main", "--gate", "--max-regression", "acc=0.05")
    assert failed.exit_code == 1
    assert "0.1 worse, at most 0.05 worse is allowed" in failed.output
    assert call(repo, "first", "main", "--max-regression", "acc=0.05").exit_code == 0  # told, not enforced
    assert call(repo, "first", "main", "--gate", "--floor", "acc=0.6").exit_code == 0
    wrong = call(repo, "first", "main", "--floor", "acc")
    assert (wrong.exit_code, "expected METRIC=NUMBER" in wrong.output) == (2, True)


def test_declared_gates_count_as_well(repo: GitRepo) -> None:
    spec = "name: p\nmetrics:\n  acc:\n    direction: maximize\n    gates: {floor: 0.75}\n"
    repo.commit({"mlproject.yaml": spec, **result(0.6)})
    assert answer(repo, "first", "main")["status"] == "failed"


STALE: dict[str, tuple[Files, str]] = {
    "code": ({"fit.py": "other()\n"}, "fit.py changed"),
    "a file in a folder": ({"src/a.py": "b\n"}, "src changed"),
    "a param": ({"params.yaml": "lr: 0.9\n"}, "lr of params.yaml is 0.9, and was 0.1 in the run"),
    "data": ({"data.csv.dvc": f"outs:\n- path: data.csv\n  md5: {'b' * 32}\n"}, "data.csv changed"),
    "the command": (
        {"dvc.yaml": DVC_YAML.replace("python fit.py", "python fit.py -v")},
        "its command is not",
    ),
    "a new dependency": ({"dvc.yaml": DVC_YAML.replace("[fit.py,", "[fit.py, more.py,")}, "more.py is a new"),
    "a result": ({"m.json": '{"acc": 1.0}'}, "m.json is not what the stage wrote"),
    "a new stage": ({"dvc.yaml": f"{DVC_YAML}  test:\n    cmd: x\n"}, "dvc.lock has no run of it"),
}


@pytest.mark.parametrize(("files", "reason"), STALE.values(), ids=STALE)
def test_results_that_are_not_from_this_code(tmp_path: Path, files: Files, reason: str) -> None:
    repo = GitRepo(tmp_path / "work", bare=True)
    repo.commit(result(0.8))
    assert answer(repo, "main", "main")["stale"] == []
    repo.commit(files)
    found = call(repo, "main~1", "main", "--gate")
    assert found.exit_code == 1
    assert "results are not from this code" in found.output
    assert reason in found.output


def test_a_folder_with_files_that_git_ignores_is_not_judged(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "work", bare=True)
    files = result(0.8)
    files["dvc.lock"] = str(files["dvc.lock"]).replace("nfiles: 1", "nfiles: 2")
    repo.commit(files)
    repo.commit({"src/a.py": "b\n"})
    assert answer(repo, "main~1", "main")["stale"] == []


def test_the_workspace_is_what_head_is_compared_with(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "work")
    repo.commit(result(0.8))
    repo.checkout()
    assert answer(repo)["status"] == "unchanged"
    repo.write(result(0.9, lr=0.2))
    found = answer(repo)
    assert (found["head"]["commit"], found["runs"][0]["metrics"][0]["delta"]) == (
        "workspace",
        pytest.approx(0.1),
    )
    assert found["code"]["files"]


def test_a_branch_is_compared_with_where_it_left(repo: GitRepo) -> None:
    left = str(repo.git.references["refs/heads/main"].target)
    repo.commit(result(0.9), ref="refs/heads/side", parents=[left])
    repo.commit({"README": "x"})
    found = answer(repo, "main", "side", "--merge-base")
    assert found["base"]["commit"] == left
    other = repo.commit(result(0.5), ref="refs/heads/other", parents=[])
    alone = call(repo, "main", "other", "--merge-base")
    assert (alone.exit_code, "share no commit" in alone.output) == (2, True)
    assert other


def test_runs_versions_and_environments_can_be_named(repo: GitRepo) -> None:
    listed = CliRunner().invoke(main, ["runs", "--json", "--repo", str(repo.path)]).stdout
    ids = [run["id"] for run in json.loads(listed)]
    found = answer(repo, ids[1], ids[0])
    assert found["runs"][0]["metrics"][0]["delta"] == pytest.approx(-0.1)
    model = f"    versions: {{v1.0.0: {ids[1]}}}\n    environments: {{prod: v1.0.0}}\n"
    spec = f"name: p\nmodels:\n  m:\n    pipeline: p\n    artifact: m.json\n{model}"
    repo.commit({"mlproject.yaml": spec})
    for label in ("m@v1.0.0", "m@prod", "@prod"):
        assert answer(repo, label, "main")["runs"][0]["before"] == ids[1], label
    missing = call(repo, "m@v9.9.9", "main")
    assert (missing.exit_code, "m@v9.9.9" in missing.output) == (2, True)


def test_what_is_not_pulled_is_said(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "work", bare=True)
    cached = DVC_YAML.replace("{m.json: {cache: false}}", "m.json")
    for score in (0.8, 0.7):
        repo.commit({**result(score), "dvc.yaml": cached, "m.json": None})
    text = call(repo, "main~1", "main").output
    assert "not pulled" in text


ODD: dict[str, tuple[str | None, str]] = {
    "broken": ('{"acc": ', "unreadable"),
    "nan": ('{"acc": NaN}', "NaN"),
    "a string": ('{"acc": "good"}', "good"),
    "nothing": ('{"acc": null}', "null"),
    "huge": ('{"acc": 1e999}', "Infinity|∞"),
    "another key": ('{"accuracy": 0.7}', "accuracy"),
    "a list": ('{"acc": [0.7, 0.8]}', r"\[0.7, 0.8\]"),
    "empty": ("", "unreadable"),
    "gone": (None, "acc"),
}


@pytest.mark.parametrize(("content", "says"), ODD.values(), ids=ODD)
def test_a_value_that_is_none_is_said_in_every_form(tmp_path: Path, content: str | None, says: str) -> None:
    """Whatever becomes of a metric, it is told; as JSON it is never left out."""
    repo = GitRepo(tmp_path / "work", bare=True)
    repo.commit(result(0.8))
    files = result(0.7)
    repo.commit(
        {
            **files,
            "m.json": content,
            "dvc.lock": str(files["dvc.lock"]).replace(md5('{"acc": 0.7}'), md5(content or "")),
        }
    )
    found = answer(repo, "main~1", "main")
    rows = [change for run in found["runs"] for change in run["metrics"]] + found["files"]
    assert rows, "nothing is said of the metric"
    assert any(row["before"] and row["before"]["value"] == 0.8 for row in rows)
    for form in ("text", "markdown"):
        said = call(repo, "main~1", "main", "--format", form).output
        assert "acc" in said, said
        assert re.search(says, said), said


def test_a_metrics_file_that_moved_is_the_metric_it_was(tmp_path: Path) -> None:
    """In a run of a stage, and where no stage makes it."""
    repo = GitRepo(tmp_path / "work", bare=True)
    repo.commit(result(0.8))
    files = {name: str(text).replace("m.json", "out/scores.json") for name, text in result(0.7).items()}
    moved: Files = {**files, "out/scores.json": files.pop("m.json"), "m.json": None}
    repo.commit(moved)
    [run] = answer(repo, "main~1", "main")["runs"]
    [metric] = run["metrics"]
    assert (run["kind"], metric["kind"], metric["delta"]) == ("changed", "changed", pytest.approx(-0.1))


def test_a_stage_by_another_name_is_the_run_it_was(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "work", bare=True)
    stages = (
        "stages:\n  fit:\n    foreach: [NAME]\n    do:\n      cmd: fit\n      params: [lr]\n"
        "      metrics: [{m.json: {cache: false}}]\n"
    )
    for name, score in (("old", 0.8), ("new", 0.7)):
        metric = json.dumps({"acc": score})
        made = entry(
            f"fit@{name}", cmd="fit", params={"params.yaml": {"lr": 1}}, outs={"m.json": md5(metric)}
        )
        repo.commit(
            {
                "dvc.yaml": stages.replace("NAME", name),
                "dvc.lock": lock(made),
                "params.yaml": "lr: 1\n",
                "m.json": metric,
            }
        )
    [run] = answer(repo, "main~1", "main")["runs"]
    assert (run["kind"], run["was"], run["name"]) == ("renamed", "old", "new")
    assert run["metrics"][0]["delta"] == pytest.approx(-0.1)
    assert "`new`" in call(repo, "main~1", "main", "--format", "markdown").output
