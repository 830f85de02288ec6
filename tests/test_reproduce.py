"""Making a run again: real DVC in small repositories; and which records of it are believed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from conftest import once
from life_sample import Shop
from modelbook import catalog, history, reproduce
from modelbook.cli import main
from modelbook.history import History
from modelbook.records import (
    WORKSPACE,
    Artifact,
    Catalog,
    Commit,
    Comparison,
    Reproduction,
    Run,
    Snapshot,
    Stage,
)

SCRIPT = """\
import json, os, pathlib, sys
data = pathlib.Path(sys.argv[1]).read_text()
noise = float(os.environ.get("NOISE") or 0)
if os.environ.get("BREAK"):
    sys.exit("no luck today")
if os.environ.get("WAIT"):
    import time
    pathlib.Path(os.environ["WAIT"]).touch()
    time.sleep(60)
pathlib.Path(sys.argv[2]).write_text(data.upper() + str(noise))
pathlib.Path("metrics.json").write_text(json.dumps({"auc": 0.5 + noise, "rows": len(data)}))
"""
DVC_YAML = """\
stages:
  prepare:
    cmd: cp raw.txt data.txt
    deps: [raw.txt]
    outs: [data.txt]
  train:
    cmd: python train.py data.txt model.txt
    deps: [data.txt, train.py]
    outs: [model.txt]
    metrics: [{metrics.json: {cache: false}}]
"""


class Made:
    """A repository with one run, made by DVC."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, start: Path, files: Mapping[str, str] | None = None) -> None:
        """Write files, run their stages and commit them.

        Args:
            start: a repository that `begin` made.
        """
        shutil.copytree(start, self.path, symlinks=True)
        for name, text in (files or {"train.py": SCRIPT, "dvc.yaml": DVC_YAML}).items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.sh("dvc", "repro", "-q")
        self.commit("Train")

    def begin(self) -> None:
        """A repository of Git and DVC with `raw.txt`, and no commit."""
        self.path.mkdir()
        (self.path / "raw.txt").write_text("a\nb\n")
        self.sh("git", "init", "-q", "-b", "main")
        self.sh("git", "config", "user.name", "Ada")
        self.sh("git", "config", "user.email", "ada@example.org")
        self.sh("dvc", "init", "-q")
        self.sh("dvc", "add", "-q", "raw.txt")

    def sh(self, *argv: str) -> str:
        env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
        done = subprocess.run(argv, cwd=self.path, env=env, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self, message: str) -> None:
        self.sh("git", "add", "-A")
        self.sh("git", "commit", "-q", "-m", message)

    def catalog(self) -> Catalog:
        return catalog.build(history.read(self.path))

    def run_id(self) -> str:
        return self.catalog().runs[-1].id

    def call(self, *args: str, **env: str) -> Result:
        return CliRunner().invoke(
            main, ["reproduce", "--repo", str(self.path), self.run_id(), *args], env=env
        )

    def state(self) -> tuple[str, str, list[str]]:
        """What must not change: Git's worktrees, the working tree, DVC's cache."""
        cache = self.path / ".dvc" / "cache" / "files"
        status = self.sh("git", "status", "--porcelain", "--", ".", ":!runs/reproduced")
        return self.sh("git", "worktree", "list"), status, sorted(map(str, cache.rglob("*")))


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of Git and DVC with `raw.txt` and no commit. Not to be changed."""
    return once(tmp_path_factory, "begun", lambda path: Made(path).begin())


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, start: Path) -> Path:
    return once(tmp_path_factory, "reproduce", lambda path: Made(path).make(start))


@pytest.fixture
def made(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return Made(shutil.copytree(made_once, tmp_path / "repo", symlinks=True))


def record_of(made: Made) -> dict[str, object]:
    (file,) = (made.path / "runs" / "reproduced").iterdir()
    found: dict[str, object] = json.loads(file.read_text())
    return found


@pytest.mark.slow
def test_a_run_is_made_again_and_the_record_is_believed(made: Made, tmp_path: Path) -> None:
    (made.path / "train.py").write_text("raise SystemExit('of a later commit')\n")
    made.commit("Break it")
    before = made.state()
    result = made.call()
    assert result.exit_code == 0, result.output
    assert "reproduced, bit by bit" in result.stdout
    assert made.state() == before
    assert not list(tmp_path.glob("modelbook-reproduce-*"))
    record = record_of(made)
    assert (record["outcome"], record["exact"], record["by"]) == ("reproduced", True, "Ada")
    assert record["stages"] == ["prepare", "train"]
    metrics = {row["name"]: (row["recorded"], row["found"]) for row in record["metrics"]}  # type: ignore[attr-defined]
    assert metrics == {"auc": (0.5, 0.5), "rows": (4, 4)}
    outs = {row["name"]: row["same"] for row in record["outs"]}  # type: ignore[attr-defined]
    assert outs == {"data.txt": True, "model.txt": True, "metrics.json": True}
    made.commit("Record it")
    (believed,) = made.catalog().reproductions
    assert (believed.run, believed.reason, believed.outcome) == (made.run_id(), "", "reproduced")
    assert believed.recorded_in == made.sh("git", "rev-parse", "HEAD").strip()
    assert made.catalog().problems == ()


@pytest.mark.slow
def test_what_differs_is_named_and_what_rounding_explains_may_pass(made: Made) -> None:
    result = made.call(NOISE="0.001")
    assert result.exit_code == 1
    assert "is not what it was: auc, " in result.stderr
    assert "--rtol" in result.stderr
    assert record_of(made)["outcome"] == "differs"
    result = made.call("--rtol", "0.01", "--json", NOISE="0.001")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["outcome"], told["exact"], told["tolerance"]) == (
        "reproduced",
        False,
        {"atol": 0.0, "rtol": 0.01},
    )
    assert [item.reason for item in made.catalog().reproductions] == [""]


@pytest.mark.slow
def test_a_stage_that_fails_is_a_record_too(made: Made) -> None:
    before = made.state()
    result = made.call(BREAK="1")
    assert result.exit_code == 1
    assert "a stage failed" in result.stderr
    assert made.state() == before
    assert record_of(made)["outcome"] == "failed"


@pytest.mark.slow
def test_data_that_is_nowhere_is_named(made: Made) -> None:
    before = made.state()
    md5 = made.catalog().snapshots[0].datasets[0].md5
    made.sh("sh", "-c", "chmod -R u+w .dvc/cache && rm -r .dvc/cache/files/md5")
    result = made.call()
    assert result.exit_code == 2
    assert f"raw.txt (md5 {md5}) is in no DVC cache and no remote" in result.stderr
    assert not (made.path / "runs").exists()
    assert made.state()[:2] == before[:2]


@pytest.mark.slow
def test_data_comes_from_a_remote_by_its_hash(made: Made, tmp_path: Path) -> None:
    made.sh("dvc", "remote", "add", "--local", "-d", "far", str(tmp_path / "far"))
    made.sh("dvc", "push", "-q")
    made.sh("sh", "-c", "chmod -R u+w .dvc/cache && rm -r .dvc/cache/files/md5")
    result = made.call()
    assert result.exit_code == 0, result.output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_interrupts_it_finds_nothing_left(made: Made, tmp_path: Path, number: int) -> None:
    before = made.state()
    waits = tmp_path / "waits"
    argv = [
        str(Path(sys.executable).parent / "modelbook"),
        "reproduce",
        "--repo",
        str(made.path),
        made.run_id(),
    ]
    process = subprocess.Popen(
        argv, env={**os.environ, "WAIT": str(waits)}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    end = time.monotonic() + 300  # of a machine that has much else to do
    while not waits.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert waits.exists(), said
    assert process.returncode == 130, said
    assert made.state() == before
    assert not list(tmp_path.glob("modelbook-reproduce-*"))
    assert not (made.path / "runs").exists()


MANY = """\
import json, os, pathlib, sys
here = pathlib.Path(sys.argv[1])
others = [path for path in here.parent.glob("*/model.txt") if path.parent != here]
if here.name == os.environ.get("BREAK") or (others and os.environ.get("LONELY")):
    sys.exit("no luck today")
here.mkdir(parents=True, exist_ok=True)
(here / "model.txt").write_text(pathlib.Path("raw.txt").read_text() * len(here.name))
score = len(here.name) + 0.5 * (here.name == os.environ.get("NOISE"))
(here / "metrics.json").write_text(json.dumps({"auc": score}))
"""
FOREACH = """\
stages:
  train:
    foreach: [a, bb, ccc]
    do:
      cmd: python train.py out/${item}
      deps: [raw.txt, train.py]
      outs:
      - out/${item}/model.txt
      metrics:
      - out/${item}/metrics.json: {cache: false}
"""


@pytest.mark.slow
def test_all_runs_are_made_again_in_one_worktree_whatever_becomes_of_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = Made(tmp_path / "repo")
    made.make(start, {"train.py": MANY, "dvc.yaml": FOREACH})
    before = made.state()
    env = {"BREAK": "bb", "NOISE": "a", "LONELY": "1"}
    result = CliRunner().invoke(main, ["reproduce", "--repo", str(made.path), "--all"], env=env)
    assert result.exit_code == 1
    assert result.stderr.count("checking out") == 1
    outcomes = {line.split("(")[1].split(")")[0]: line for line in result.stdout.splitlines() if "(" in line}
    assert "differs: auc, out/a/metrics.json" in outcomes["a"]
    assert "failed: a stage failed" in outcomes["bb"]
    assert "reproduced, bit by bit: 1 metrics, 2 outputs" in outcomes["ccc"]
    assert "3 runs: " in result.stdout
    assert "1 of them bit by bit" in result.stdout
    assert made.state() == before
    records = [json.loads(file.read_text()) for file in (made.path / "runs/reproduced").iterdir()]
    assert sorted(record["outcome"] for record in records) == ["differs", "failed", "reproduced"]


LOGGED = """\
stages:
  p-train:
    foreach: {a: {experiment: a}}
    do:
      cmd: python train.py
      deps: [train.py]
      outs: [model.txt]
      meta: {modelbook: {pipeline: p, stage: train, experiment: a}}
"""


@pytest.mark.slow
def test_stages_run_on_the_packages_that_were_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Path
) -> None:
    """`tiny` is nowhere but in a wheel here, and `nowhere` not even there."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with ZipFile(wheels / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        about = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        files = {"tiny.py": "said = 'one'\n", "tiny-1.0.dist-info/METADATA": about}
        for name, text in {**files, "tiny-1.0.dist-info/WHEEL": kind}.items():
            wheel.writestr(name, text)
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(wheels)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
        monkeypatch.setenv(f"UV_{name}", value)
    (tmp_path / "then").mkdir()
    (tmp_path / "then/tiny.py").write_text("said = 'one'\n")
    known = {dist.metadata["Name"]: dist.version for dist in distributions()}
    log = {"python": platform.python_version(), "packages": {"tiny": "1.0", "nowhere": "2.0"}}
    with monkeypatch.context() as then:
        then.setenv("PYTHONPATH", str(tmp_path / "then"))
        made = Made(tmp_path / "repo")
        script = "import tiny\nopen('model.txt', 'w').write(tiny.said)\n"
        files = {"train.py": script, "dvc.yaml": LOGGED}
        made.make(start, {**files, "runs/environment/a/train.json": json.dumps(log)})
    assert "tiny" not in known
    before = made.state()
    assert made.call("--no-record").exit_code == 1, "there is no tiny here"
    result = made.call("--install", "--json", "--no-record")
    assert result.exit_code == 0, result.output
    assert "nowhere==2.0 is not to be had" in result.stderr
    told = json.loads(result.stdout)
    assert (told["outcome"], told["exact"]) == ("reproduced", True)
    differing = {row["name"]: row["found"] for row in told["environment"]}
    assert differing == {"nowhere": None}
    assert made.state() == before
    assert not list(tmp_path.glob("modelbook-reproduce-*"))


def test_all_are_those_of_head_and_of_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path, {"a": 0.7, "b": 0.8})
    old = shop.run("b")
    shop.ok("register", "m", "--run", old)
    shop.commit("Register")
    shop.train({"a": 0.7, "b": 0.9})
    asked: list[set[str]] = []

    def each(_repository: object, runs: list[Run], _how: object) -> Iterator[tuple[Run, object]]:
        asked.append({run.id for run in runs})
        return iter([(run, reproduce.NotReproducible("it has no stages")) for run in runs])

    monkeypatch.setattr(reproduce, "each", each)
    said = shop.ok("reproduce", "--all", "--json")
    assert {row["outcome"] for row in json.loads(said)} == {"not possible"}
    shop.ok("reproduce", "--all", "--current")
    assert asked == [{shop.run("a"), shop.run("b"), old}, {shop.run("a"), shop.run("b")}]
    for words in ([], ["--current", "abc"], ["--all", "abc"]):
        assert "give a run, or --all" in shop.wrong("reproduce", *words)


def test_few_commits_have_all_the_runs_between_them() -> None:
    def run(name: str, *commits: str) -> Run:
        return Run(id=name, name=name, experiment=name, commit=commits[0], commits=commits)

    runs = [run("a", "1", "2"), run("b", "2", WORKSPACE), run("c", "3"), run("d", "2", "3")]
    found = [(commit, [item.id for item in some]) for commit, some in reproduce._by_commit(runs)]
    assert found == [("2", ["a", "b", "d"]), ("3", ["c"])]


# -- which records are believed

STAGE = Stage(
    address="train",
    file="dvc.yaml",
    group="train",
    lock="l",
    outs=(Artifact(path="model", md5="a" * 32, stage="train"),),
)


def believed(**changes: object) -> str:
    """Why a record is not believed; empty when it is."""
    snapshot = Snapshot(commit=Commit(sha="c1"), stages=(STAGE,))
    plain = History(name="r", head="c1", snapshots=(snapshot,))
    (run,) = catalog.build(plain).runs
    out = Comparison(name="model", recorded="a" * 32, found="a" * 32, same=True)
    record = Reproduction(run=run.id, path="x.json", outcome="reproduced", exact=True, outs=(out,))
    found = catalog.build(replace(plain, reproductions=(replace(record, **changes),)))
    assert [item.path for item in found.problems] == ["x.json"] * bool(found.reproductions[0].reason)
    return found.reproductions[0].reason


def test_a_record_is_held_against_the_run_it_names() -> None:
    other = Comparison(name="model", recorded="b" * 32, found="b" * 32, same=True)
    changed = Comparison(name="model", recorded="a" * 32, found="b" * 32)
    claimed = Comparison(name="model", recorded="a" * 32, found="b" * 32, same=True)
    near = Comparison(name="auc", recorded=0.5, found=0.51, same=True)
    assert believed() == ""
    assert "is in no commit" in believed(run="f" * 12)
    assert "does not list the outputs" in believed(outs=())
    assert "does not list the outputs" in believed(outs=(other,))
    assert "more is the same than it lists" in believed(outs=(changed,))
    assert "more is the same than it lists" in believed(outs=(claimed,))
    assert "more is the same than it lists" in believed(outs=(changed,), exact=False)
    assert believed(outs=(changed,), exact=False, outcome="differs") == ""
    assert believed(outs=(changed,), exact=False, metrics=(near,), rtol=0.1) == ""
    assert believed(outs=(), exact=False, outcome="failed") == ""


def test_a_record_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    from gitrepo import GitRepo

    repo = GitRepo(tmp_path, bare=True)
    files = {"aaaaaaaaaaaa": "{", "bbbbbbbbbbbb": '{"run": "x"}', "cccccccccccc": '{"run": "cccccccccccc"}'}
    repo.commit({f"runs/reproduced/{name}.json": text for name, text in files.items()})
    reasons = [item.reason for item in catalog.build(history.read(tmp_path)).problems]
    assert len(reasons) == 3
    assert "it is not named by the run id that it is about" in reasons
    assert "it does not say how the reproduction ended" in reasons
