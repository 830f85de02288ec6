"""The reading commands on a real repository: their JSON is a contract."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gitrepo import GitRepo, entry, lock
from modelbook.cli import main

A = "a" * 32
DVC_YAML = """\
stages:
  prepare:
    cmd: prep
    deps: [raw.csv]
    outs: [data]
  train:
    foreach: [gbm, rf]
    do:
      cmd: train ${item}
      deps: [data]
      params: [lr]
      outs: ["out/${item}"]
      metrics: [{"m/${item}.json": {cache: false}}]
"""


def call(repo: GitRepo, *args: str) -> Result:
    return CliRunner().invoke(main, [args[0], "--repo", str(repo.path), *args[1:]])


def answer(repo: GitRepo, *args: str) -> Any:
    result = call(repo, *args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "some-repo", bare=True)
    for number, accuracy in enumerate(("0.5", "0.75")):
        made.commit(
            {
                "dvc.yaml": DVC_YAML,
                "dvc.lock": lock(
                    entry("prepare", deps={"raw.csv": A}, outs={"data": A}),
                    *(
                        entry(
                            f"train@{item}",
                            deps={"data": A},
                            params={"params.yaml": {"lr": number}},
                            outs={f"out/{item}": A},
                        )
                        for item in ("gbm", "rf")
                    ),
                ),
                "params.yaml": f"lr: {number}\n",
                "m/gbm.json": f'{{"accuracy": {accuracy}, "loss": NaN}}',
                "m/rf.json": '{"accuracy": 0.75}',
            }
        )
    return made


def test_runs(repo: GitRepo) -> None:
    found = answer(repo, "runs")
    assert [(each["name"], len(each["commits"])) for each in found] == [
        ("gbm", 1),
        ("rf", 1),
        ("gbm", 1),
        ("rf", 1),
    ]
    run = found[0]
    keys = "id experiment name commit commits refs date author params metrics artifacts"
    assert set(keys.split()) <= set(run)
    assert run["refs"] == ["main"]
    assert [(value["name"], value["value"]) for value in run["metrics"]] == [
        ("accuracy", 0.75),
        ("loss", "NaN"),
    ]
    (param,) = run["params"]
    assert param == {
        "name": "lr",
        "value": 1,
        "state": "present",
        "path": "params.yaml",
        "key": ["lr"],
        "stage": "train@gbm",
        "commit": run["commit"],
    }
    assert {"path", "md5", "size", "nfiles", "stage"} <= set(run["artifacts"][0])


def test_runs_as_csv(repo: GitRepo) -> None:
    rows = list(csv.DictReader(io.StringIO(call(repo, "runs", "--csv").stdout)))
    assert [row["metrics.accuracy"] for row in rows] == ["0.75", "0.75", "0.5", "0.75"]
    assert [row["metrics.loss"] for row in rows] == ["NaN", "", "NaN", ""]
    assert rows[0]["params.lr"] == "1"


def test_show_a_revision_and_a_run(repo: GitRepo) -> None:
    shown = answer(repo, "show", "main~1")
    keys = "commit stages params metrics plots artifacts datasets problems"
    assert set(keys.split()) <= set(shown)
    assert [(v["path"], v["value"]) for v in shown["metrics"] if v["name"] == "accuracy"] == [
        ("m/gbm.json", 0.5),
        ("m/rf.json", 0.75),
    ]
    assert {v["commit"] for v in shown["metrics"]} == {shown["commit"]}
    run = answer(repo, "runs")[0]
    assert answer(repo, "show", run["id"])["metrics"] == run["metrics"]
    assert answer(repo, "show")["commit"] == run["commit"]


def test_best(repo: GitRepo) -> None:
    found = answer(repo, "best", "accuracy", "--n", "2")
    assert (found["direction"], found["guessed"], found["compared"]) == ("maximize", True, 4)
    assert [(row["rank"], row["tied"], row["value"]) for row in found["runs"]] == [(1, True, 0.75)] * 2
    assert answer(repo, "best", "loss")["missing"][0]["reason"] == "it is nan"


def test_lineage(repo: GitRepo) -> None:
    found = answer(repo, "lineage", "data", "--down", "--depth", "1")
    assert found["node"] == "artifact:data"
    assert [node["id"] for node in found["nodes"]] == ["artifact:data", "stage:train@gbm", "stage:train@rf"]
    up = answer(repo, "lineage", "out/gbm", "--up")
    assert "data:raw.csv" in {node["id"] for node in up["nodes"]}


def test_models_of_a_project(repo: GitRepo) -> None:
    assert answer(repo, "models") == []
    run = answer(repo, "runs")[0]["id"]
    sha = repo.commit(
        {
            "mlproject.yaml": (
                f"name: p\nmodels: {{m: {{pipeline: train, artifact: 'out/${{run}}', "
                f"versions: {{v1.0.0: {run}}}, environments: {{prod: v1.0.0}}}}}}\n"
            )
        }
    )
    (model,) = answer(repo, "models")
    assert (model["name"], model["environments"]) == ("m", {"prod": "v1.0.0"})
    (version,) = model["versions"]
    assert (version["version"], version["run"], version["commit"], version["deprecated"]) == (
        "v1.0.0",
        run,
        sha,
        False,
    )
    assert "m@v1.0.0" in call(repo, "lineage", "m@v1.0.0").stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("show", "nope"), ["unknown revision", "nope"]),
        (("show", "workspace"), ["unknown revision", "workspace"]),
        (("best", "acuracy"), ["no run has a metric", "did you mean accuracy?"]),
        (("best", "loss", "--direction", "sideways"), ["sideways"]),
        (("lineage", "dat"), ["nothing in the lineage", "did you mean data"]),
        (("runs", "--refs", "feature"), ["unknown revision", "feature"]),
    ],
)
def test_bad_input_is_told_in_a_sentence(repo: GitRepo, args: tuple[str, ...], words: list[str]) -> None:
    result = call(repo, *args)
    assert (result.exit_code, result.stdout) == (2, "")
    for word in words:
        assert word in result.stderr


def test_outside_of_a_repository(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["runs", "--repo", str(tmp_path), "--json"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "not inside a Git repository" in result.stderr


@pytest.mark.parametrize(
    "args", [("runs",), ("show",), ("models",), ("best", "accuracy"), ("lineage", "prepare")]
)
def test_tables_for_people(repo: GitRepo, args: tuple[str, ...]) -> None:
    result = call(repo, *args)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip()


def test_names_from_a_repository_are_no_markup(repo: GitRepo) -> None:
    repo.commit({"m/gbm.json": '{"[red]x[/]\\u001b[31m": 1}'})
    shown = call(repo, "show").stdout
    assert "[red]x[/]" in shown
    assert "\x1b[31m" not in shown
