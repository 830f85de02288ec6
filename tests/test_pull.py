"""Results that Git does not have, brought from a real DVC cache and a real remote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelbook import history, pull
from modelbook.cli import main
from modelbook.records import State

pytestmark = pytest.mark.slow

PIPELINE = """\
stages:
  train:
    cmd: >-
      mkdir -p out/plots && cp params.yaml out/p.yaml && echo '{"acc": 0.75}' > metrics.json &&
      echo '{"loss": 0.5}' > out/inner.json && printf 'step,acc\\n1,0.5\\n2,0.75\\n' > out/plots/acc.csv
    params: [lr]
    outs: [out]
    metrics: [metrics.json]
metrics: [out/inner.json]
plots: [out/plots]
"""


def run(*argv: str, cwd: Path) -> None:
    who = {
        f"GIT_{kind}_{what}": "ada@example.org"
        for kind in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    env = {**os.environ, **who, "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(argv, cwd=cwd, env=env, check=True, capture_output=True)


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose results are cached by DVC and pushed to a remote folder."""
    root = tmp_path_factory.mktemp("pushed") / "repo"
    root.mkdir()
    run("git", "init", "-q", cwd=root)
    run("dvc", "init", "-q", cwd=root)
    run("dvc", "remote", "add", "-q", "-d", "store", str(root.parent / "remote"), cwd=root)
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "params.yaml").write_text("lr: 0.1\n")
    run("dvc", "repro", "-q", cwd=root)
    run("dvc", "push", "-q", cwd=root)
    run("git", "add", "-A", cwd=root)
    run("git", "commit", "-qm", "run", cwd=root)
    return root


@pytest.fixture(params=["cache", "remote"])
def clone(request: pytest.FixtureRequest, pushed: Path, tmp_path: Path) -> Path:
    """A clone with a full cache, or with an empty one and a remote that can be reached."""
    root = tmp_path / "clone"
    run("git", "clone", "-q", str(pushed), str(root), cwd=tmp_path)
    if request.param == "cache":
        shutil.copytree(pushed / ".dvc" / "cache", root / ".dvc" / "cache")
    return root


def asked(root: Path, *words: str) -> Any:
    done = CliRunner().invoke(main, [*words, "--repo", str(root), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_values_come_with_their_hash(clone: Path) -> None:
    before = {value["path"]: value["state"] for value in asked(clone, "show")["metrics"]}
    assert before == {"metrics.json": "not_pulled", "out/inner.json": "not_pulled"}
    shown = asked(clone, "show", "--pull")
    after = {value["name"]: value for value in shown["metrics"]}
    assert {name: (value["value"], value["state"]) for name, value in after.items()} == {
        "acc": (0.75, "present"),
        "loss": (0.5, "present"),
    }
    assert (len(after["acc"]["md5"]), after["acc"]["size"], "blob" in after["acc"]) == (32, 14, False)
    assert [(plot["name"], plot["state"]) for plot in shown["plots"]] == [("out/plots/acc.csv", "present")]
    (ran,) = asked(clone, "runs", "--pull")
    assert {value["name"]: value["value"] for value in ran["metrics"]} == {"acc": 0.75, "loss": 0.5}
    assert ran["id"] == asked(clone, "runs")[0]["id"]


def test_the_site_draws_what_was_pulled(clone: Path, tmp_path: Path) -> None:
    words = ["build", "--pull", "--repo", str(clone), "--out", str(tmp_path / "site")]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (page,) = (tmp_path / "site" / "runs").glob("*/index.html")
    text = page.read_text(encoding="utf-8")
    assert "0.75" in text
    assert "<svg" in text


def test_an_unreachable_remote_is_said_and_nothing_breaks(pushed: Path, tmp_path: Path) -> None:
    root = tmp_path / "clone"
    run("git", "clone", "-q", str(pushed), str(root), cwd=tmp_path)
    run("dvc", "remote", "modify", "store", "url", str(tmp_path / "nowhere"), cwd=root)
    found = history.read(root)
    store = pull.bring(root, pull.wanted(found.snapshots))
    again = history.read(root, pulled=store.get)
    assert {value.state for value in again.snapshots[0].metrics} == {State.NOT_PULLED}


def test_a_bare_repository_says_that_it_cannot_pull(pushed: Path, tmp_path: Path) -> None:
    run("git", "clone", "-q", "--bare", str(pushed), "bare", cwd=tmp_path)
    done = CliRunner().invoke(main, ["runs", "--pull", "--json", "--repo", str(tmp_path / "bare")])
    assert done.exit_code == 0
    (metric, _) = json.loads(done.stdout)[0]["metrics"]
    assert metric["state"] == "not_pulled"


def test_a_hash_that_is_none_is_not_looked_for(tmp_path: Path) -> None:
    store = pull.Store()
    store.bring(tmp_path, ["../../etc/passwd", "x" * 32, ""])
    assert store.problems == []
