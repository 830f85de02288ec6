"""What real DVC repositories do, each as a small history: the right value or a named problem, no gap."""

from __future__ import annotations

import html
import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gitrepo import GitRepo, entry, lock
from modelbook import catalog, history, subproject
from modelbook.cli import main
from modelbook.records import Catalog, Snapshot, State

A, B, C = "a" * 32, "b" * 32, "c" * 32
IN_DVC = {
    "dvc.yaml": "stages: {train: {cmd: x, metrics: [m.json]}}\n",
    "dvc.lock": "schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n"
    "    - {path: m.json, hash: md5, md5: 0123456789abcdef0123456789abcdef, size: 9}\n",
}
STAGE = "stages: {train: {cmd: x, metrics: [{m.json: {cache: false}}]}}\n"


@dataclass
class Case:
    """One commit and what must be read from it.

    Attributes:
        metrics, params: name -> value, or a `State` when there is none.
        problems: path -> words of the reason. runs: names of its runs; None for any.
    """

    id: str
    files: Mapping[str, str | bytes]
    metrics: Mapping[str, object] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[str, ...] | None = None
    runs: tuple[str, ...] | None = None


def one(metric: str | bytes, **more: Any) -> dict[str, str | bytes]:
    """A root pipeline whose metrics file has this content."""
    return {"dvc.yaml": STAGE, "m.json": metric, **more}


CASES = [
    # -- where things stand
    Case(
        "subfolders_alone",
        {
            "a/dvc.yaml": STAGE,
            "a/dvc.lock": lock(entry("train")),
            "a/m.json": '{"acc": 1}',
            "b/c/dvc.yaml": STAGE,
            "b/c/dvc.lock": lock(entry("train", cmd="y")),
            "b/c/m.json": '{"acc": 2}',
        },
        {"a/m.json:acc": 1, "b/c/m.json:acc": 2},
        stages=("a/dvc.yaml:train", "b/c/dvc.yaml:train"),
        runs=("a", "b/c"),
    ),
    Case(
        "wdir",
        {
            "dvc.yaml": "stages: {t: {wdir: src, cmd: x, params: [lr], metrics: [m.json: {cache: false}]}}\n",
            "src/params.yaml": "lr: 1e-3\n",
            "src/m.json": '{"acc": 1}',
        },
        {"src/m.json:acc": 1},
        {"src/params.yaml:lr": 0.001},
    ),
    Case(
        "backslashes",
        {
            "p/dvc.yaml": "stages: {t: {cmd: x, metrics: ['..\\out\\m.json': {cache: false}]}}\n",
            "out/m.json": '{"acc": 1}',
        },
        {"out/m.json:acc": 1},
    ),
    Case(
        "crlf_and_a_byte_order_mark",
        {"dvc.yaml": STAGE.replace("\n", "\r\n"), "m.json": b'\xef\xbb\xbf{"acc": 1}\r\n'},
        {"m.json:acc": 1},
    ),
    Case(
        "schema_one_lock",
        {"dvc.yaml": STAGE, "dvc.lock": f"train:\n  cmd: x\n  outs:\n  - path: m.pkl\n    md5: {A}\n"},
        {"m.json:m.json": State.NEVER},
        runs=("repo",),
    ),
    Case("lock_without_dvc_yaml", {"dvc.lock": lock(entry("train", outs={"m.pkl": A}))}, runs=("repo",)),
    Case("dvc_yaml_without_lock", one('{"acc": 1}'), {"m.json:acc": 1}, stages=("train",), runs=("repo",)),
    Case("dvc_yaml_that_never_ran", {"dvc.yaml": STAGE}, {"m.json:m.json": State.NEVER}, runs=()),
    Case(
        "dvclive_without_a_pipeline",
        {
            "dvclive/metrics.json": '{"acc": 1, "step": 3}',
            "dvclive/params.yaml": "lr: 0.1\n",
            "dvc.yaml": "params: [dvclive/params.yaml]\nmetrics: [dvclive/metrics.json]\n",
        },
        {"dvclive/metrics.json:acc": 1, "dvclive/metrics.json:step": 3},
        {"dvclive/params.yaml:lr": 0.1},
        runs=("repo",),
    ),
    # -- old DVC
    Case(
        "old_stage_files",
        {
            "prepare.dvc": f"cmd: prep\ndeps:\n- path: raw\n  md5: {A}\nouts:\n- path: data\n  md5: {B}\n",
            "Dvcfile": (
                f"cmd: fit\ndeps:\n- path: data\n  md5: {B}\n- path: params.yaml\n  params: {{lr: 0.5}}\n"
                f"outs:\n- path: m.json\n  md5: {C}\n  cache: false\n  metric: true\n"
            ),
            "m.json": '{"acc": 1}',
            "params.yaml": "lr: 0.5\nother: 1\n",
        },
        {"m.json:acc": 1},
        {"params.yaml:lr": 0.5},
        problems={"m.json": "changed since the run"},
        stages=("Dvcfile", "prepare.dvc"),
        runs=("repo",),
    ),
    Case(
        "legacy_live",
        {
            "dvc.yaml": "stages: {t: {cmd: x, live: {logs: {cache: false}}}}\n",
            "logs.json": '{"acc": 1, "step": 9}',
            "logs/acc.tsv": "step\tacc\n1\t0.5\n",
        },
        {"logs.json:acc": 1, "logs.json:step": 9},
    ),
    # -- broken files
    Case(
        "conflict_markers",
        one('<<<<<<< HEAD\n{"acc": 1}\n=======\n{"acc": 2}\n>>>>>>> other\n'),
        {"m.json:m.json": State.UNREADABLE},
    ),
    Case(
        "conflict_markers_in_a_lock",
        one('{"acc": 1}', **{"dvc.lock": "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n"}),
        {"m.json:acc": 1},
        problems={"dvc.lock": "conflict markers"},
    ),
    Case(
        "duplicate_keys",
        one('{"acc": 1}', **{"dvc.lock": "schema: '2.0'\nstages:\n  t:\n    cmd: a\n    cmd: b\n"}),
        {"m.json:acc": 1},
        problems={"dvc.lock": "duplicate key"},
    ),
    Case("truncated_json", one('{"acc": 1, "loss": 0.'), {"m.json:m.json": State.UNREADABLE}),
    Case("empty_json", one(""), {"m.json:m.json": State.UNREADABLE}),
    Case("binary_metrics", one(b"\x80\x00\xff"), {"m.json:m.json": State.UNREADABLE}),
    Case(
        "one_of_many_is_broken",
        {
            "a/dvc.yaml": "stages: [",
            **{f"b{n}/{name}": text for n in range(5) for name, text in one("{}").items()},
        },
        problems={"a/dvc.yaml": "line"},
        stages=tuple(f"b{n}/dvc.yaml:train" for n in range(5)),
    ),
    # -- values
    Case(
        "json_lines",
        one('{"acc": 0.1, "step": 1}\n{"acc": 0.2, "step": 2}\n'),
        {"m.json:acc": 0.2, "m.json:step": 2},
        problems={"m.json": "JSON Lines"},
    ),
    Case(
        "nan_and_infinity",
        one('{"a": NaN, "b": Infinity, "c": -Infinity}'),
        {"m.json:a": math.nan, "m.json:b": math.inf, "m.json:c": -math.inf},
    ),
    Case(
        "strings_bools_lists_null",
        one('{"a": "0.5", "b": true, "c": [1, [2]], "d": null}'),
        {"m.json:a": "0.5", "m.json:b": True, "m.json:c": [1, [2]], "m.json:d": None},
    ),
    Case(
        "slashes_and_dots_in_keys",
        one('{"val/acc": 1, "a.b": {"c/d.e": 2}, "": 3}'),
        {"m.json:val/acc": 1, "m.json:a.b.c/d.e": 2, "m.json:m.json": 3},
    ),
    Case(
        "nested_to_any_depth",
        one('{"a":' * 40 + "1" + "}" * 40),
        {"m.json:" + ".".join("a" * 40): 1},
    ),
    Case("one_bare_number", one("0.5"), {"m.json:m.json": 0.5}),
    Case(
        "yaml_one_point_two",
        {
            "dvc.yaml": "stages: {t: {cmd: x, params: [a, b, c, d, e]}}\n",
            "params.yaml": "a: 1e-3\nb: yes\nc: 014\nd: 1e-06\ne: on\n",
        },
        params={
            "params.yaml:a": 0.001,
            "params.yaml:b": "yes",
            "params.yaml:c": 14,
            "params.yaml:d": 1e-6,
            "params.yaml:e": "on",
        },
    ),
    Case(
        "params_in_toml_json_and_python",
        {
            "dvc.yaml": (
                "stages: {t: {cmd: x, params: [p.toml: [a.b], p.json: [c], p.py: [D, Net.width]]}}\n"
            ),
            "p.toml": "[a]\nb = 0.5\n",
            "p.json": '{"c": [1, 2]}',
            "p.py": "import os\nD = 3\nclass Net:\n    width: int = 8\n    skip = os.name\n",
        },
        params={"p.toml:a.b": 0.5, "p.json:c": [1, 2], "p.py:D": 3, "p.py:Net.width": 8},
    ),
    Case(
        "places_in_lists",
        {
            "dvc.yaml": "stages: {t: {cmd: x, params: [p.yaml: ['a[0]', a.1.b, 1]]}}\n",
            "p.yaml": "a: [5, {b: 6}]\n1: one\n",
        },
        params={"p.yaml:a.0": 5, "p.yaml:a.1.b": 6, "p.yaml:1": "one"},
    ),
    # -- paths
    Case(
        "templated_paths",
        {
            "dvc.yaml": (
                "vars: [conf.yaml]\nmetrics: ['${out.dir}/top.json']\n"
                "stages: {t: {cmd: x, metrics: ['${out.dir}/${name}.json': {cache: false}]}}\n"
            ),
            "conf.yaml": "out: {dir: res}\n",
            "params.yaml": "name: m\n",
            "res/m.json": '{"acc": 1}',
            "res/top.json": '{"f1": 2}',
        },
        {"res/m.json:acc": 1, "res/top.json:f1": 2},
    ),
    Case(
        "inside_a_cached_folder",
        {
            "dvc.yaml": "stages: {t: {cmd: x, outs: [out]}}\nmetrics: [out/m.json]\n",
            "dvc.lock": lock(entry("t", outs={"out": f"{A}.dir"})),
        },
        {"out/m.json:out/m.json": State.NOT_PULLED},
    ),
    Case(
        "committed_though_cached",
        {
            "dvc.yaml": "stages: {t: {cmd: x, metrics: [m.json]}}\n",
            "dvc.lock": lock(entry("t", outs={"m.json": A})),
            "m.json": '{"acc": 1}',
        },
        {"m.json:acc": 1},
        problems={"m.json": "changed since the run"},
    ),
    # -- links and submodules
    Case(
        "links_inside",
        {
            "real/pipeline.yaml": STAGE,
            "real/params.yaml": "lr: 1\n",
            "real/deep/m.json": '{"acc": 1}',
        },
        {"proj/m.json:acc": 1},
        {"params.yaml:lr": 1},
        links={
            "proj/dvc.yaml": "../real/pipeline.yaml",
            "proj/m.json": "../results/m.json",
            "results": "real/deep",
            "params.yaml": "real/params.yaml",
        },
        problems={"proj/dvc.yaml": "real/pipeline.yaml is read in its place"},
        stages=("proj/dvc.yaml:train",),
    ),
    Case(
        "links_outside_and_in_circles",
        {"dvc.yaml": STAGE.replace("m.json", "loop.json")},
        {"loop.json:loop.json": State.UNREADABLE},
        links={"a/dvc.yaml": "../../dvc.yaml", "b/dvc.yaml": "/etc/passwd", "loop.json": "loop.json"},
        problems={"a/dvc.yaml": "leads out", "b/dvc.yaml": "leads out"},
        stages=("train",),
    ),
    Case("no_dvc_at_all", {"README.md": "hello"}, runs=()),
]


def read(case: Case, path: Path) -> tuple[Snapshot, Catalog]:
    repo = GitRepo(path / "repo", bare=True)
    repo.commit(case.files, links=case.links)
    found = history.read(repo.path)
    return found.snapshots[0], catalog.build(found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_one_commit(case: Case, tmp_path: Path) -> None:
    snapshot, found = read(case, tmp_path)
    for wanted, values in ((case.metrics, snapshot.metrics), (case.params, snapshot.params)):
        known = {f"{value.path}:{value.name}": value for value in values}
        for name, content in wanted.items():
            value = known[name]
            if isinstance(content, State):
                assert value.state is content
                assert value.reason
            else:
                assert (value.state, repr(value.value)) == (State.PRESENT, repr(content))
    if case.metrics:
        assert {f"{value.path}:{value.name}" for value in snapshot.metrics} == set(case.metrics)
    reasons = {problem.path: problem.reason for problem in snapshot.problems}
    assert set(reasons) == set(case.problems)
    assert not [path for path, words in case.problems.items() if words not in reasons[path]]
    if case.stages is not None:
        assert tuple(sorted(stage.address for stage in snapshot.stages)) == case.stages
    if case.runs is not None:
        assert tuple(sorted(run.name for run in found.runs)) == case.runs


def test_a_run_is_pulled_by_its_folder_hash(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.id == "inside_a_cached_folder")
    (value,) = read(case, tmp_path)[0].metrics
    assert (value.md5, value.size) == (f"{A}.dir", 10)


# -- histories


def test_a_metric_that_moved(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    old = repo.commit(one('{"acc": 1}', **{"dvc.lock": lock(entry("train", cmd="a"))}))
    moved = STAGE.replace("m.json", "results/m.json")
    new = repo.commit(
        {
            "m.json": None,
            "results/m.json": '{"acc": 2}',
            "dvc.yaml": moved,
            "dvc.lock": lock(entry("train", cmd="b")),
        }
    )
    found = catalog.build(history.read(repo.path))
    assert {run.commit: run.metrics[0].value for run in found.runs} == {old: 1, new: 2}
    assert {run.metrics[0].name for run in found.runs} == {"acc"}


def test_runs_on_side_refs_alone_and_no_dvc_at_head(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    base = repo.commit({"README.md": "hello"})
    for number, ref in enumerate(["refs/heads/try", "refs/pull/7/head", "refs/remotes/origin/x"]):
        files = one(f'{{"acc": {number}}}', **{"dvc.lock": lock(entry("train", cmd=f"c{number}"))})
        repo.commit(files, parents=[base], ref=ref)
    found = catalog.build(history.read(repo.path))
    assert {run.refs for run in found.runs} == {("try",), ("pull/7/head",), ("origin/x",)}
    assert found.head == base


def test_experiments_have_their_names_and_baselines(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    base = repo.commit(one('{"acc": 0}', **{"dvc.lock": lock(entry("train"))}))
    top = base
    for step in range(2):  # a checkpoint, and what came of it
        files = one(f'{{"acc": {step + 1}}}', **{"dvc.lock": lock(entry("train", cmd=f"s{step}"))})
        top = repo.commit(files, parents=[top], ref=f"refs/exps/{base[:2]}/{base[2:]}/lucky-fox")
    found = catalog.build(history.read(repo.path))
    labels = [(run.name, run.label, run.baseline) for run in found.runs]
    assert labels == [("lucky-fox", "lucky-fox", base)] * 2 + [("repo", "", "")]
    assert found.runs[0].refs == ("exps/lucky-fox",)
    assert {run.experiment for run in found.runs} == {"repo"}


def test_plain_tags_are_labels_and_no_models(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    sha = repo.commit(one('{"acc": 0}', **{"dvc.lock": lock(entry("train"))}))
    names = [f"v0.{number}.0" for number in range(264)]
    for name in names:
        repo.tag(name, sha)
    found = catalog.build(history.read(repo.path))
    assert found.models == ()
    assert found.runs[0].refs == tuple(sorted([*names, "main"]))


def test_a_run_without_a_lock_is_one_as_long_as_its_values_are(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    for text in ('{"acc": 1}', '{"acc": 2}'):
        repo.commit({"dvclive/metrics.json": text})
        repo.commit({"README.md": text})
    found = catalog.build(history.read(repo.path))
    assert [(run.metrics[0].value, len(run.commits)) for run in found.runs] == [(2, 2), (1, 2)]


def git(*words: str, cwd: Path) -> None:
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words], cwd=cwd, check=True, capture_output=True
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A history of three commits to clone from."""
    repo = GitRepo(tmp_path / "source")
    for number in range(3):
        files = one(f'{{"acc": {number}}}', **{"dvc.lock": lock(entry("train", cmd=f"c{number}"))})
        repo.commit(files, f"Run {number}")
    return repo.path


def test_a_shallow_clone(source: Path, tmp_path: Path) -> None:
    git("clone", "-q", "--depth", "1", source.as_uri(), "clone", cwd=tmp_path)
    found = catalog.build(history.read(tmp_path / "clone"))
    assert [run.metrics[0].value for run in found.runs] == [2]
    assert "shallow" in found.problems[0].reason


def test_a_bare_clone(source: Path, tmp_path: Path) -> None:
    git("clone", "-q", "--bare", str(source), "bare", cwd=tmp_path)
    found = catalog.build(history.read(tmp_path / "bare"))
    assert [run.metrics[0].value for run in found.runs] == [2, 1, 0]
    assert found.problems == ()


def test_a_clone_that_was_never_checked_out(source: Path, tmp_path: Path) -> None:
    git("clone", "-q", "--no-checkout", str(source), "clone", cwd=tmp_path)
    found = catalog.build(history.read(tmp_path / "clone"))
    assert found.head == found.snapshots[0].commit.sha
    assert len(found.runs) == len(found.snapshots) == 3


def test_a_clone_without_blobs(source: Path, tmp_path: Path) -> None:
    """A partial clone has no older content at hand: each file says so, and the rest is read."""
    (source / ".git" / "config").open("a").write("[uploadpack]\n\tallowFilter = true\n")
    git("clone", "-q", "--filter=blob:none", source.as_uri(), "clone", cwd=tmp_path)
    found = history.read(tmp_path / "clone")
    assert len(found.snapshots) == 3
    assert any("not in this clone" in problem.reason for item in found.snapshots for problem in item.problems)


def test_what_lies_in_a_submodule_is_said_to(source: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    git("init", "-q", str(outer), cwd=tmp_path)
    git("submodule", "add", "-q", str(source), "sub", cwd=outer)
    (outer / "dvc.yaml").write_text("metrics: [sub/m.json, sub]\n")
    git("add", ".", cwd=outer)
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x", cwd=outer)
    snapshot = history.read_one(outer, "HEAD")
    assert [(value.path, value.state) for value in snapshot.metrics] == [
        ("sub", State.UNREADABLE),
        ("sub/m.json", State.UNREADABLE),
    ]
    assert all("submodule sub" in (value.reason or "") for value in snapshot.metrics)


# -- the command line


def modelbook(*words: str) -> Any:
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


@pytest.mark.slow
def test_a_site_without_a_metric_to_read_says_where_they_are(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit(IN_DVC)
    done = modelbook("build", "--repo", str(repo.path), "--out", str(tmp_path / "site"))
    assert (done.exit_code, "metrics of the run are in DVC" in done.stderr) == (0, True)
    home = html.unescape((tmp_path / "site" / "index.html").read_text(encoding="utf-8"))
    assert "modelbook build --pull" in home


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "advice"),
    [
        (None, "no commit yet"),
        ({"README.md": "hello"}, "No commit has a dvc.yaml"),
        ({"dvc.yaml": STAGE}, "dvc repro"),
    ],
    ids=["empty", "no_dvc", "never_ran"],
)
def test_a_site_of_nothing_says_what_to_do(files: dict[str, str] | None, advice: str, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=files is not None)
    if files:
        repo.commit(files)
    done = modelbook("build", "--repo", str(repo.path), "--out", str(tmp_path / "site"))
    assert done.exit_code == 0
    assert advice in done.stderr
    home = html.unescape((tmp_path / "site" / "index.html").read_text(encoding="utf-8"))
    assert advice in home.replace("<code>", "").replace("</code>", "")
    listed = modelbook("runs", "--json", "--repo", str(repo.path))
    assert (listed.exit_code, json.loads(listed.stdout)) == (0, [])


@pytest.mark.slow
def test_the_whole_zoo_becomes_one_site(tmp_path: Path) -> None:
    """Every case as a branch of one repository: all of it in one site, every link leading somewhere."""
    repo = GitRepo(tmp_path / "repo", bare=True)
    base = repo.commit({"README.md": "hello"})
    for case in CASES:
        repo.commit(case.files, case.id, parents=[base], ref=f"refs/heads/{case.id}", links=case.links)
    done = modelbook("build", "--repo", str(repo.path), "--out", str(tmp_path / "site"))
    assert done.exit_code == 0, done.output
    problems = (tmp_path / "site" / "problems" / "index.html").read_text(encoding="utf-8")
    assert "conflict markers" in problems
    assert "leads out" in problems
    shutil.rmtree(tmp_path / "site")


# -- monorepos


def test_one_folder_of_a_monorepo(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    repo.commit(
        {
            "a/dvc.yaml": STAGE,
            "a/dvc.lock": lock(entry("train", cmd="a", deps={"../data/raw": A})),
            "a/m.json": '{"acc": 1}',
            "ab/dvc.yaml": STAGE,
            "ab/dvc.lock": lock(entry("train", cmd="b")),
            "ab/m.json": '{"f1": 2}',
            "data/raw.dvc": f"outs:\n- path: raw\n  md5: {A}\n",
            "data/other.dvc": f"outs:\n- path: other\n  md5: {B}\n",
            "ab/bad.dvc": "{",
        }
    )
    whole = catalog.build(history.read(repo.path))
    part = subproject.limited(whole, "./a/")
    assert [run.id for run in part.runs] == [run.id for run in whole.runs if run.name == "a"]
    assert [item.name for item in part.experiments] == ["a"]
    assert [info.name for info in part.metrics] == ["acc"]
    assert [item.path for item in part.datasets] == ["data/raw"]
    assert part.problems == ()
    assert subproject.limited(whole, ".") is whole
    assert [item.path for item in subproject.limited(whole, "data").datasets] == ["data/other", "data/raw"]
    listed = modelbook("runs", "--json", "--project", "ab", "--repo", str(repo.path))
    assert [run["name"] for run in json.loads(listed.stdout)] == ["ab"]
    wrong = modelbook("runs", "--project", "nope", "--repo", str(repo.path))
    assert wrong.exit_code == 2
    assert "nope" in wrong.stderr
    assert "a, ab" in wrong.stderr


def test_a_folder_with_a_project_of_its_own(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    own = """name: churn
pipelines: {train: {metric: acc}}
metrics: {acc: {direction: minimize}}
datasets: {customers: {path: ../data/raw}}
models: {clf: {pipeline: train, artifact: m.pkl}}
"""
    first = repo.commit({"a/dvc.yaml": STAGE, "a/m.json": '{"acc": 1}', "mlproject.yaml": "name: all\n"})
    sha = repo.commit(
        {
            "a/mlproject.yaml": own,
            "a/experiments/one.yaml": "pipeline: train\n",
            "a/runs/environment/a/train.json": '{"python": "3.12"}',
            "a/dvc.lock": lock(entry("train", cmd="a", deps={"../data/raw": A}, outs={"m.pkl": B})),
            "b/dvc.yaml": STAGE,
            "b/m.json": '{"f1": 1}',
        }
    )
    repo.annotate("a=clf@v1.0.0", sha)
    repo.annotate("b=clf@v1.0.0", sha)
    part = subproject.limited(catalog.build(history.read(history.Repository(repo.path, "./a/"))), "a")
    assert (part.project.name, part.project.file) == ("churn", "a/mlproject.yaml")
    assert [(item.name, item.path, item.md5) for item in part.datasets] == [("customers", "data/raw", A)]
    assert [(info.name, info.direction) for info in part.metrics] == [("acc", "minimize")]
    (model,) = part.models
    assert (model.name, model.info.artifact, [one.tag for one in model.versions]) == (
        "clf",
        "a/m.pkl",
        ["a=clf@v1.0.0"],
    )
    assert model.versions[0].run == part.runs[0].id
    assert [spec.path for spec in part.snapshots[0].specs] == ["a/experiments/one.yaml"]
    assert [log.python for log in part.runs[0].environments] == ["3.12"]
    older = history.read_one(history.Repository(repo.path, "a"), first)
    assert older.project is not None
    assert older.project.name == "all"
    shown = modelbook("show", "--project", "a", "--json", "--repo", str(repo.path))
    assert {value["path"] for value in json.loads(shown.stdout)["metrics"]} == {"a/m.json"}


def test_show_says_that_a_bare_repository_cannot_pull(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    text = "stages: {train: {cmd: x, metrics: [m.json]}}\n"
    repo.commit({"dvc.yaml": text, "dvc.lock": lock(entry("train", outs={"m.json": A}))})
    shown = modelbook("show", "--pull", "--json", "--repo", str(repo.path))
    assert "needs a working tree" in shown.stderr
    assert ["needs a working tree" in item["reason"] for item in json.loads(shown.stdout)["problems"]] == [
        True
    ]
