"""Histories made for the purpose, read whole."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitrepo import GitRepo, entry, lock
from modelbook import history
from modelbook.errors import NotARepository, UnknownRevision
from modelbook.history import plot_rows
from modelbook.history.files import Unreadable
from modelbook.history.snapshots import Reader
from modelbook.records import WORKSPACE, Commit, Snapshot, State, Value

A, B, C = "a" * 32, "b" * 32, "c" * 32


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def head(repo: GitRepo) -> Snapshot:
    return history.read_one(repo.path, "main")


def values(found: Iterable[Value]) -> dict[str, object]:
    return {f"{value.path}:{value.name}": value.value for value in found}


def reasons(snapshot: Snapshot) -> dict[str, str]:
    return {problem.path: problem.reason for problem in snapshot.problems}


TRAIN = """\
stages:
  train:
    cmd: python train.py
    deps: [data.csv]
    params: [lr, model.depth]
    outs: [model.pkl]
    metrics: [{metrics.json: {cache: false}}]
    desc: fits
"""
METRICS = '{"acc": 0.5, "loss": {"val": NaN, "train": -Infinity}, "ok": true, "tag": "x", "list": [1, 2]}'
LOCK = lock(
    entry(
        "train",
        cmd="python train.py",
        deps={"data.csv": A},
        params={"params.yaml": {"lr": 0.1, "model.depth": 3}},
        outs={"metrics.json": md5(METRICS), "model.pkl": B},
    )
)
BASE = {
    "dvc.yaml": TRAIN,
    "dvc.lock": LOCK,
    "metrics.json": METRICS,
    "params.yaml": "lr: 0.1\nmodel: {depth: 3}\n",
}


def test_a_stage_with_its_values(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    sha = repo.commit(BASE, "First\n\nand more")
    snapshot = head(repo)
    assert (snapshot.commit.sha, snapshot.commit.refs) == (sha, ("main",))
    assert (snapshot.commit.subject, snapshot.commit.body) == ("First", "and more")
    assert snapshot.commit.date == "2023-11-14T23:14:20+01:00"
    (stage,) = snapshot.stages
    assert (stage.address, stage.cmd, stage.description) == ("train", "python train.py", "fits")
    assert [(dep.path, dep.md5, dep.size) for dep in stage.deps] == [("data.csv", A, 10)]
    assert [(p.name, p.value, p.key, p.stage) for p in stage.params] == [
        ("lr", 0.1, ("lr",), "train"),
        ("model.depth", 3, ("model.depth",), "train"),
    ]
    metrics = {value.name: value.value for value in snapshot.metrics}
    assert math.isnan(metrics.pop("loss.val"))
    assert metrics == {"acc": 0.5, "loss.train": -math.inf, "ok": True, "tag": "x", "list": [1, 2]}
    assert values(snapshot.params) == {"params.yaml:lr": 0.1, "params.yaml:model.depth": 3}
    kinds = {out.path: (out.kind, out.cached, out.md5, out.blob is not None) for out in stage.outs}
    assert kinds == {
        "model.pkl": ("out", True, B, False),
        "metrics.json": ("metric", False, md5(METRICS), True),
    }
    assert snapshot.problems == ()


def test_three_states_and_a_receipt(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    stages = (
        TRAIN
        + "    plots: [p.csv]\n  later:\n    cmd: x\n    metrics: [new.json]\n"
        + "  dirs:\n    cmd: y\n    outs: [dir]\n"
    )
    files = {
        **BASE,
        "dvc.yaml": stages.replace("{metrics.json: {cache: false}}", "metrics.json, bad.json")
        + "metrics: [dir/in.json]\n",
        "dvc.lock": lock(
            entry("train", outs={"metrics.json": A, "p.csv": B}), entry("dirs", outs={"dir": f"{C}.dir"})
        ),
        "metrics.json": None,
        "bad.json": '{"acc": 0.',
    }
    repo.commit(BASE)
    repo.commit(files)
    found = {value.path: value for value in head(repo).metrics}
    assert {path: value.state.value for path, value in found.items()} == {
        "metrics.json": "not_pulled",
        "bad.json": "unreadable",
        "new.json": "never",
        "dir/in.json": "not_pulled",
    }
    assert (found["metrics.json"].md5, found["metrics.json"].size) == (A, 10)
    assert (found["dir/in.json"].md5, "dir" in (found["dir/in.json"].reason or "")) == (f"{C}.dir", True)
    assert found["bad.json"].reason and found["bad.json"].blob
    assert found["new.json"].stage == "later"
    (plot,) = head(repo).plots
    assert (plot.state, plot.md5) == (State.NOT_PULLED, B)


def test_a_metric_that_the_lock_does_not_know(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({**BASE, "metrics.json": '{"acc": 0.9}'})
    snapshot = head(repo)
    assert values(snapshot.metrics) == {"metrics.json:acc": 0.9}
    assert "changed since the run" in reasons(snapshot)["metrics.json"]


def test_line_ends_do_not_count_as_a_change(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {key: text.replace("\n", "\r\n") for key, text in BASE.items()} | {"metrics.json": METRICS + "\r\n"}
    )
    unix = md5(METRICS + "\n")
    repo.commit({"dvc.lock": LOCK.replace(md5(METRICS), unix).replace("\n", "\r\n")})
    snapshot = head(repo)
    assert snapshot.problems == ()
    assert len(snapshot.stages) == 1


def test_foreach_matrix_and_variables(tmp_path: Path) -> None:
    text = """\
vars:
- more.json
- own: {names: [x, y], deep: {k: 7}}
- other.yaml:picked
stages:
  each:
    foreach: ${own.names}
    do:
      cmd: run ${item} --lr ${train.lr} ${own.deep} \\${literal}
      outs: ["out/${item}/${picked}"]
  keyed:
    foreach: {one: {n: 1}, two: {n: 2}}
    do:
      cmd: run ${key} ${item.n}
      metrics: [{"m/${key}.json": {cache: false}}]
  composite:
    foreach: [{a: 1}, {a: 2}]
    do: {cmd: "run ${item.a}"}
  grid:
    matrix: {m: [cnn, true], f: ["${flist[1]}", {z: 1}]}
    cmd: run ${item.m} ${key}
  broken:
    cmd: run ${nothing.here}
"""
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            "p/dvc.yaml": text,
            "p/params.yaml": "train: {lr: 1e-3}\n",
            "p/more.json": '{"flist": [0, 5]}',
            "p/other.yaml": "picked: z\nunpicked: 1\n",
            "p/m/one.json": '{"acc": 1}',
        }
    )
    snapshot = head(repo)
    stages = {stage.address.removeprefix("p/dvc.yaml:"): stage for stage in snapshot.stages}
    assert sorted(stages) == [
        "composite@0",
        "composite@1",
        "each@x",
        "each@y",
        "grid@cnn-5",
        "grid@cnn-f1",
        "grid@true-5",
        "grid@true-f1",
        "keyed@one",
        "keyed@two",
    ]
    assert stages["each@x"].cmd == "run x --lr 0.001 --k 7 ${literal}"
    assert stages["each@y"].outs[0].path == "p/out/y/z"
    assert (stages["keyed@two"].cmd, stages["keyed@two"].item, stages["keyed@two"].group) == (
        "run two 2",
        "two",
        "keyed",
    )
    assert stages["grid@true-5"].cmd == "run true true-5"
    assert values(snapshot.metrics) == {"p/m/one.json:acc": 1, "p/m/two.json:p/m/two.json": None}
    assert "nothing.here" in reasons(snapshot)["p/dvc.yaml"]


def test_one_bad_file_hides_nothing_else(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            **BASE,
            "a/dvc.yaml": "stages: [",
            "b/dvc.yaml": "just text",
            "c/dvc.lock": "stages:\n  s: {cmd: x}\n  s: {cmd: y}\n",
            "d.dvc": "outs: {",
            "e/dvc.yaml": "stages:\n  none:\n  ok: {cmd: x}\n",
            "f/dvc.lock": b"\xff\x00",
        },
        links={"g/dvc.yaml": "../../dvc.yaml"},
    )
    snapshot = head(repo)
    assert [stage.address for stage in snapshot.stages] == ["train", "e/dvc.yaml:ok"]
    found = reasons(snapshot)
    assert sorted(found) == [
        "a/dvc.yaml",
        "b/dvc.yaml",
        "c/dvc.lock",
        "d.dvc",
        "e/dvc.yaml",
        "f/dvc.lock",
        "g/dvc.yaml",
    ]
    assert "not a mapping: str" in found["b/dvc.yaml"]
    assert "duplicate key" in found["c/dvc.lock"]
    assert "NoneType" in found["e/dvc.yaml"]
    assert "symbolic link" in found["g/dvc.yaml"]


def test_wdir_windows_paths_and_schema_one(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            "sub/dvc.yaml": (
                "stages:\n  s:\n    wdir: ../src\n    cmd: [a, b]\n"
                "    outs: ['..\\out\\m.pkl']\n    params: [x, other.toml: [t.u]]\n"
            ),
            "sub/dvc.lock": f"s:\n  cmd: a\n  outs:\n  - path: ..\\out\\m.pkl\n    md5: {A}\n    size: 3\n",
            "src/params.yaml": "x: [1, 2]\n",
            "src/other.toml": "[t]\nu = 0.5\n",
        }
    )
    snapshot = head(repo)
    (stage,) = snapshot.stages
    assert (stage.wdir, stage.outs[0].path, stage.outs[0].md5) == ("src", "out/m.pkl", A)
    assert values(snapshot.params) == {"src/params.yaml:x": [1, 2], "src/other.toml:t.u": 0.5}


def test_data_files_and_imports(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            "data/raw.dvc": f"outs:\n- md5: {A}.dir\n  size: 5\n  nfiles: 2\n  path: raw\n",
            "data/imp.dvc": (
                "deps:\n- path: x/y.csv\n  repo:\n    url: https://example.org/r\n    rev_lock: abc\n"
                f"outs:\n- md5: {B}\n  path: imp.csv\n"
            ),
            "data/url.dvc": f"deps:\n- path: https://example.org/f\nouts:\n- md5: {C}\n  path: f\n",
        }
    )
    found = {data.path: (data.md5, data.nfiles, data.source, data.revision) for data in head(repo).datasets}
    assert found == {
        "data/raw": (f"{A}.dir", 2, "", ""),
        "data/imp.csv": (B, None, "https://example.org/r x/y.csv", "abc"),
        "data/f": (C, None, "https://example.org/f", ""),
    }


def test_plots(tmp_path: Path) -> None:
    text = """\
stages:
  s:
    cmd: x
    plots:
    - a.csv: {x: step, y: [loss, acc], title: T, cache: false}
    - pics
    - img.png
plots:
- ROC: {template: simple, x: fpr, y: {roc/train.json: tpr, roc/test.json: tpr}, x_label: F}
- live/metrics: {x: step}
"""
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            "dvc.yaml": text,
            "a.csv": "step,loss,acc\n1,2,3\n",
            "pics/one.png": "p",
            "pics/readme.md": "no",
            "roc/train.json": "[]",
            "roc/test.json": "[]",
            "live/metrics/train/acc.tsv": "step\tacc\n",
        }
    )
    plots = {plot.name: plot for plot in head(repo).plots}
    assert sorted(plots) == ["ROC", "a.csv", "img.png", "live/metrics/train/acc.tsv", "pics/one.png"]
    assert plots["ROC"].y == (("roc/train.json", "tpr"), ("roc/test.json", "tpr"))
    assert (plots["ROC"].template, plots["ROC"].x, plots["ROC"].x_label, plots["ROC"].stage) == (
        "simple",
        "fpr",
        "F",
        None,
    )
    assert (plots["a.csv"].x, plots["a.csv"].y, plots["a.csv"].title) == (
        "step",
        (("a.csv", "loss"), ("a.csv", "acc")),
        "T",
    )
    assert plots["live/metrics/train/acc.tsv"].x == "step"
    assert (plots["pics/one.png"].template, plots["img.png"].state) == ("image", State.NEVER)


@pytest.mark.parametrize(
    ("data", "path", "columns"),
    [
        (b"a,b\n1,x\n2.5,\n", "p.csv", {"a": [1, 2.5], "b": ["x", None]}),
        (b"a\tb\n1\t2\n", "p.tsv", {"a": [1], "b": [2]}),
        (b'[{"a": 1}, {"a": 2, "b": 3}]', "p.json", {"a": [1, 2], "b": [None, 3]}),
        (b'{"roc": [{"fpr": 0.0}]}', "p.json", {"fpr": [0.0]}),
        (b"- {a: 1}\n- {a: 2}\n", "p.yaml", {"a": [1, 2]}),
    ],
)
def test_plot_rows(data: bytes, path: str, columns: dict[str, list[object]]) -> None:
    assert plot_rows(data, path) == columns


@pytest.mark.parametrize(
    ("data", "path"), [(b"", "p.csv"), (b"{}", "p.json"), (b"[1]", "p.json"), (b"\xff", "p.tsv")]
)
def test_plots_without_rows(data: bytes, path: str) -> None:
    with pytest.raises(Unreadable):
        plot_rows(data, path)


def test_all_refs_newest_first(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    one = repo.commit(BASE, "one")
    exp = repo.commit({"x": "1"}, "exp", parents=[one], ref=f"refs/exps/{one[:2]}/{one[2:]}/lucky-fox")
    pull = repo.commit({"x": "2"}, "pull", parents=[one], ref="refs/pull/7/head")
    two = repo.commit({"x": "3"}, "two")
    stash = repo.commit({"x": "4"}, "stash", parents=[one], ref="refs/exps/exec/EXEC_HEAD")
    repo.tag("v1", one)
    repo.ref("refs/remotes/origin/dev", two)
    found = history.read(repo.path)
    assert [snapshot.commit.sha for snapshot in found.snapshots] == [two, pull, exp, one]
    assert [snapshot.commit.refs for snapshot in found.snapshots] == [
        ("main", "origin/dev"),
        ("pull/7/head",),
        ("exps/lucky-fox",),
        ("v1",),
    ]
    assert stash not in {snapshot.commit.sha for snapshot in found.snapshots}
    assert found.head == two
    assert [s.commit.sha for s in history.read(repo.path, "HEAD").snapshots] == [two, one]
    assert [s.commit.sha for s in history.read(repo.path, "exps, v*").snapshots] == [two, exp, one]
    with pytest.raises(UnknownRevision, match="nope"):
        history.read(repo.path, "nope")


def test_equal_parts_are_one_object(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(BASE)
    repo.commit({"README.md": "hello"})
    new, old = history.read(repo.path).snapshots
    assert new.stages[0] is old.stages[0]
    assert new.metrics[0] is old.metrics[0]


def test_the_workspace_appears_only_when_it_says_something_else(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write(BASE)
    (only,) = history.read(repo.path).snapshots
    assert only.commit.sha == WORKSPACE
    assert values(only.metrics)["metrics.json:acc"] == 0.5
    assert history.read(repo.path).head == WORKSPACE
    sha = repo.commit(BASE)
    repo.checkout()
    assert history.read(repo.path).head == sha
    repo.write({"notes.txt": "nothing that matters"})
    assert history.read(repo.path).head == sha
    repo.write({"metrics.json": '{"acc": 0.75}', "sub/dvc.yaml": "stages: {new: {cmd: x}}\n"})
    found = history.read(repo.path)
    assert (found.head, found.snapshots[0].commit.parents) == (WORKSPACE, (sha,))
    assert values(found.snapshots[0].metrics) == {"metrics.json:acc": 0.75}
    assert [stage.address for stage in found.snapshots[0].stages] == ["train", "sub/dvc.yaml:new"]
    repo.write({"dvc.yaml": None, "sub/dvc.yaml": None})
    assert history.read_one(repo.path, WORKSPACE).stages[0].orphan is False
    blob = found.snapshots[0].metrics[0].blob
    assert blob is not None
    reader = history.Repository(repo.path)
    reader.workspace()
    assert reader.blob(blob) == b'{"acc": 0.75}'
    assert blob not in repo.git


def test_ignored_files_and_links_stay_out_of_the_workspace(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    (tmp_path / "secret.json").write_text('{"password": 1}')
    repo.commit({**BASE, ".gitignore": "ignored\n", "metrics.json": None})
    repo.checkout()
    (repo.path / "metrics.json").symlink_to(tmp_path / "secret.json")
    repo.write({"ignored/dvc.yaml": TRAIN})
    snapshot = history.read_one(repo.path, WORKSPACE)
    assert [stage.address for stage in snapshot.stages] == ["train"]
    assert [value.state for value in snapshot.metrics] == [State.NOT_PULLED]


def test_no_commit_no_file(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    found = history.read(repo.path)
    assert (found.head, found.snapshots) == ("", ())
    with pytest.raises(UnknownRevision):
        history.read_one(repo.path, WORKSPACE)
    with pytest.raises(UnknownRevision):
        history.read_one(repo.path, "HEAD")


def test_not_a_repository(tmp_path: Path) -> None:
    with pytest.raises(NotARepository):
        history.read(tmp_path)


def test_a_shallow_clone_says_so(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(BASE)
    last = repo.commit({"x": "1"})
    (tmp_path / "shallow").write_text(f"{last}\n")
    found = history.read(tmp_path)
    assert found.snapshots[0].commit.sha == last
    assert "shallow" in found.problems[0].reason


def test_a_project_with_specs_and_environments(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            "mlproject.yaml": (
                "name: late\nmetrics: {auc: {direction: maximize, unit: '%'}, odd: {direction: sideways}}\n"
                "pipelines: {p: {metric: auc, stages: {}}}\nunknown: 1\n"
                "datasets: {raw: {path: data/raw.csv, license: CC0-1.0}}\n"
                "models: {m: {pipeline: p, versions: {v1.0.0: abc}, environments: {prod: v1.0.0}}}\n"
            ),
            "experiments/gbm.yaml": (
                "extends: base\ntags: [x]\ncard: {intended_use: Try}\nparams: {lr: 1e-3}\n"
            ),
            "experiments/bad.yaml": "a: [",
            "runs/environment/gbm/train.json": '{"packages": {"b": "1", "a": "2"}, "seconds": 1.5}',
            "dvc.lock": lock(entry("train@gbm", deps={"data/raw.csv": A})),
        }
    )
    snapshot = head(repo)
    assert snapshot.project is not None
    assert [(info.name, info.direction) for info in snapshot.project.metrics] == [
        ("auc", "maximize"),
        ("odd", None),
    ]
    assert snapshot.project.models[0].versions == (("v1.0.0", "abc"),)
    (spec,) = snapshot.specs
    assert (spec.name, spec.extends, spec.tags, spec.card) == ("gbm", "base", ("x",), {"intended_use": "Try"})
    assert spec.raw["params"] == {"lr": 0.001}
    (ran,) = snapshot.environments
    assert (ran.run, ran.stage, ran.packages, ran.seconds) == ("gbm", "train", (("a", "2"), ("b", "1")), 1.5)
    assert [(data.name, data.md5, data.license) for data in snapshot.datasets] == [("raw", A, "CC0-1.0")]
    assert sorted(reasons(snapshot)) == ["experiments/bad.yaml", "mlproject.yaml"]
    assert any("unknown" in problem.reason for problem in snapshot.problems)


def test_committed_results_that_nothing_readable_declares(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    files = {
        "reports/metrics.json": '{"acc": 1}',
        "x/dvclive.json": '{"step": 2}',
        "dvclive/metrics.json": '{"a": 3}',
    }
    for content, extra in ((None, True), ("a: [", True), (TRAIN, False)):
        repo.commit({**files, "dvc.yaml": content})
        found = set(values(head(repo).metrics)) - {"metrics.json:metrics.json"}
        wanted = {"x/dvclive.json:step", "dvclive/metrics.json:a"}
        assert found == (wanted | {"reports/metrics.json:acc"} if extra else wanted)


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    for n in range(3):
        repo.commit({**BASE, "metrics.json": f'{{"acc": {n}}}'})
    assert history.read(repo.path) == history.read(repo.path)


NAMES = (
    "dvc.yaml",
    "dvc.lock",
    "data.dvc",
    "mlproject.yaml",
    "experiments/a.yaml",
    "runs/environment/a/b.json",
    "params.yaml",
    "m.json",
)
WILD = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [TRAIN.encode(), LOCK.encode(), METRICS.encode(), b"stages: {a: {foreach: 3, do: 1}}", b"stages: 1"]
    ),
    st.recursive(
        st.sampled_from(
            [
                "stages",
                "vars",
                "cmd",
                "outs",
                "deps",
                "params",
                "path",
                "do",
                "${a.b}",
                "m.json",
                "1",
                "",
                "[a",
            ]
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
            st.lists(
                st.tuples(
                    st.sampled_from(
                        [
                            "stages",
                            "vars",
                            "foreach",
                            "matrix",
                            "do",
                            "cmd",
                            "outs",
                            "deps",
                            "params",
                            "metrics",
                            "plots",
                            "wdir",
                            "meta",
                            "modelbook",
                            "path",
                            "md5",
                            "size",
                            "s",
                            "live",
                            "name",
                            "models",
                            "versions",
                            "card",
                            "tags",
                            "git",
                        ]
                    ),
                    inner,
                ),
                max_size=4,
            ).map(lambda rows: "{" + ", ".join(f"{k}: {v}" for k, v in rows) + "}"),
        ),
        max_leaves=12,
    ).map(str.encode),
)


class MemoryTree:
    """Files in memory, as a `Tree`."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def tracked(self) -> tuple[tuple[str, history.repository.Entry], ...]:
        names = ("dvc.yaml", "dvc.lock", "data.dvc", "mlproject.yaml")
        return tuple(
            (path, history.repository.Entry("blob", path)) for path in sorted(self.files) if path in names
        )

    def find(self, path: str) -> history.repository.Entry | None:
        return history.repository.Entry("blob", path) if path in self.files else None

    def below(self, folder: str) -> list[tuple[str, str]]:
        return [(path, path) for path in sorted(self.files) if path.startswith(f"{folder}/")]


@settings(max_examples=400)
@given(st.dictionaries(st.sampled_from(NAMES), WILD))
def test_no_bytes_break_the_reader(files: dict[str, bytes]) -> None:
    tree = MemoryTree(files)
    snapshot = Reader(files.__getitem__, "wild").read(tree, Commit(sha="0" * 40))
    assert snapshot.commit.sha == "0" * 40
