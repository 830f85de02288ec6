"""Runs found in snapshots, made equal over commits, named and ranked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook import catalog
from modelbook.catalog import UnknownDirection, UnknownMetric, best, build, guess
from modelbook.history import History
from modelbook.records import (
    WORKSPACE,
    Artifact,
    Commit,
    Dataset,
    Dependency,
    Environment,
    MetricInfo,
    ModelInfo,
    PipelineInfo,
    Problem,
    Project,
    Run,
    Snapshot,
    Spec,
    Stage,
    State,
    Value,
)


def stage(
    address: str,
    lock: str | None = "-",
    *,
    deps: tuple[str, ...] = (),
    outs: tuple[str, ...] = (),
    params: dict[str, object] | None = None,
    file: str = "dvc.yaml",
    params_file: str = "params.yaml",
    experiment: str | None = None,
    pipeline: str | None = None,
    guard: bool = False,
    orphan: bool = False,
) -> Stage:
    name = address.rpartition(":")[2]
    group, at, item = name.partition("@")
    return Stage(
        address=address,
        file=file,
        group=group,
        item=item if at else None,
        deps=tuple(Dependency(path=path) for path in deps),
        outs=tuple(Artifact(path=path, md5="m", stage=address) for path in outs),
        params=tuple(
            Value(name=key, key=(key,), value=value, path=params_file, stage=address)
            for key, value in (params or {}).items()
        ),
        lock=f"{address}{lock}" if lock else None,
        experiment=experiment,
        pipeline=pipeline,
        guard=guard,
        orphan=orphan,
    )


def metric(
    name: str, value: object, address: str | None, path: str = "m.json", state: State = State.PRESENT
) -> Value:
    return Value(name=name, key=(name,), value=value, path=path, stage=address, state=state)


def snapshot(sha: str, *stages: Stage, refs: tuple[str, ...] = (), **more: object) -> Snapshot:
    date = f"2024-01-0{sha[-1]}T00:00:00+00:00" if sha[-1].isdigit() else ""
    commit = Commit(sha=sha, date=date, author="Ada", refs=refs)
    return Snapshot(commit=commit, stages=stages, **more)  # type: ignore[arg-type]


def history(*snapshots: Snapshot, name: str = "repo") -> History:
    return History(name=name, head=snapshots[0].commit.sha if snapshots else "", snapshots=snapshots)


PREPARE = stage("prepare", outs=("data/train.csv",), params={"split": 0.2})
GBM = stage(
    "train@gbm", deps=("data",), outs=("out/gbm",), params={"lr": 0.1}, experiment="gbm", pipeline="flights"
)
EVAL = stage("evaluate@gbm", deps=("out/gbm/model.pkl",), outs=("out/gbm.json",))
SEED = stage(
    "train@gbm-1", deps=("data/train.csv",), outs=("out/gbm-1",), experiment="gbm", pipeline="flights"
)


def test_items_make_runs_with_what_is_upstream() -> None:
    guard = stage("modelbook-plan", outs=("runs/params",), guard=True)
    old = stage("train@gone", orphan=True)
    never = stage("train@never", None)
    found = build(history(snapshot("c1", EVAL, GBM, SEED, PREPARE, guard, old, never)))
    runs = {run.name: run for run in found.runs}
    assert sorted(runs) == ["gbm", "gbm-1"]
    assert [s.address for s in runs["gbm"].stages] == ["prepare", "train@gbm", "evaluate@gbm"]
    assert [s.address for s in runs["gbm-1"].stages] == ["prepare", "train@gbm-1"]
    assert (runs["gbm-1"].experiment, runs["gbm-1"].pipeline) == ("gbm", "flights")
    assert {value.name: value.value for value in runs["gbm"].params} == {"lr": 0.1, "split": 0.2}
    assert [e.name for e in found.experiments] == ["gbm"]
    assert set(found.experiments[0].runs) == {run.id for run in found.runs}


def test_the_rest_is_one_run_for_its_folder() -> None:
    a = stage("a", outs=("x",))
    b = stage("b", deps=("x",))
    sub = stage("sub/dvc.yaml:s", file="sub/dvc.yaml", deps=("x",))
    found = build(history(snapshot("c1", a, b, sub)))
    runs = {run.name: run for run in found.runs}
    assert {name: [s.address for s in run.stages] for name, run in runs.items()} == {
        "repo": ["a", "b"],
        "sub": ["a", "sub/dvc.yaml:s"],
    }


def test_equal_runs_are_one() -> None:
    moved = stage("train@gbm", "+", deps=("data",), outs=("out/gbm",))
    found = build(
        history(
            snapshot("c4", PREPARE, moved, refs=("main",)),
            snapshot("c3", PREPARE, GBM, refs=("dev", "v1")),
            snapshot("c2", PREPARE, GBM),
            snapshot("c1", PREPARE, GBM),
        )
    )
    new, old = found.runs
    assert (old.commits, old.commit, old.refs, old.date[:10]) == (
        ("c1", "c2", "c3"),
        "c1",
        ("dev", "v1"),
        "2024-01-01",
    )
    assert (new.commits, new.refs) == (("c4",), ("main",))
    assert len(new.id) == 12
    assert new.id != old.id
    (experiment,) = [e for e in found.experiments if e.name == "gbm"]
    assert (experiment.runs, experiment.current) == ((new.id, old.id), (new.id,))


def test_an_upstream_change_is_another_run_and_telemetry_is_not() -> None:
    other = stage("prepare", "+", outs=("data/train.csv",))
    ran = Environment(stage="train", run="gbm", path="runs/environment/gbm/train.json", seconds=1.0)
    found = build(
        history(
            snapshot("c3", other, GBM),
            snapshot("c2", PREPARE, GBM, environments=(ran,)),
            snapshot("c1", PREPARE, GBM),
        )
    )
    assert [run.commits for run in found.runs] == [("c3",), ("c1", "c2")]


def test_names_stay_unique_in_a_run() -> None:
    one = stage("a", params={"lr": 1, "same": 2}, params_file="a/params.yaml")
    two = stage("b", params={"lr": 1, "only": 3}, params_file="b/params.yaml")
    (run,) = build(
        history(
            snapshot(
                "c1",
                one,
                two,
                metrics=(
                    metric("acc", 1, "a", "a/m.json"),
                    metric("acc", 1, "b", "b/m.json"),
                    metric("x", 1, "b"),
                ),
            )
        )
    ).runs
    assert [value.name for value in run.params] == ["a/params.yaml:lr", "b/params.yaml:lr", "only", "same"]
    assert [value.name for value in run.metrics] == ["a/m.json:acc", "b/m.json:acc", "x"]


def test_a_run_keeps_the_plain_name_before_what_is_upstream() -> None:
    above = stage(
        "prepare", outs=("data",), params={"seed": 0, "k": 1}, params_file="runs/params/flights.yaml"
    )
    own = stage("train@gbm", deps=("data",), params={"seed": 5, "k": 1}, params_file="runs/params/gbm.yaml")
    (run,) = build(history(snapshot("c1", above, own))).runs
    named = {value.name: (value.value, value.path) for value in run.params}
    assert named == {
        "seed": (5, "runs/params/gbm.yaml"),
        "k": (1, "runs/params/gbm.yaml"),
        "runs/params/flights.yaml:seed": (0, "runs/params/flights.yaml"),
    }


def test_values_go_to_the_run_that_made_them() -> None:
    found = build(
        history(
            snapshot(
                "c1",
                PREPARE,
                GBM,
                EVAL,
                SEED,
                metrics=(
                    metric("auc", 0.9, "evaluate@gbm", "out/gbm.json"),
                    metric("top", 0.8, None, "out/gbm/live.json"),
                    metric("rows", 7, "prepare", "rows.json"),
                    metric("other", 1, "train@gbm-1", "out/gbm-1/m.json"),
                    metric("nobody", 1, None, "else/m.json"),
                ),
                datasets=(Dataset(path="data/train.csv", name="d"), Dataset(path="unused", name="u")),
                environments=(
                    Environment(stage="train", run="gbm", path="1"),
                    Environment(stage="prepare", run="flights", path="2"),
                    Environment(stage="train", run="gbm-1", path="3"),
                ),
            )
        )
    )
    run = next(run for run in found.runs if run.name == "gbm")
    assert [value.name for value in run.metrics] == ["auc", "rows", "top"]
    assert [data.name for data in run.datasets] == ["d"]
    assert [ran.path for ran in run.environments] == ["1"]


def test_shared_environments_are_found_by_pipeline() -> None:
    shared = stage("flights-prepare", outs=("data",), pipeline="flights")
    own = stage("flights-train@gbm", deps=("data",), pipeline="flights", experiment="gbm")
    ran = (
        Environment(stage="prepare", run="flights", path="1"),
        Environment(stage="train", run="gbm", path="2"),
        Environment(stage="train", run="rf", path="3"),
    )
    (run,) = build(history(snapshot("c1", shared, own, environments=ran))).runs
    assert [found.path for found in run.environments] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("accuracy", "maximize"),
        ("val_acc", "maximize"),
        ("avg_prec.train", "maximize"),
        ("ROC-AUC", "maximize"),
        ("metrics.mAP50-95(B)", "maximize"),
        ("f1", "maximize"),
        ("test/R2", "maximize"),
        ("log_loss", "minimize"),
        ("train.RMSE", "minimize"),
        ("brier", "minimize"),
        ("accuracyLoss", "minimize"),
        ("test_r_squared", "maximize"),
        ("mean_squared_error", "minimize"),
        ("psds1_psds_eval", "maximize"),
        ("step", None),
        ("n", None),
        ("seconds", None),
        ("factory", None),
        ("", None),
    ],
)
def test_directions_by_well_known_names(name: str, direction: str | None) -> None:
    assert guess(name) == direction


def project(**more: object) -> Project:
    return Project(
        name="late",
        metrics=(MetricInfo(name="auc", direction="maximize", unit="%"),),
        pipelines=(PipelineInfo(name="flights", metric="auc"),),
        models=(
            ModelInfo(
                name="delay",
                pipeline="flights",
                artifact="out/${run}",
                versions=more.get("versions", ()),  # type: ignore[arg-type]
                environments=(("prod", "v1.9.0"),),
            ),
        ),
    )


def test_models_versions_and_the_candidate() -> None:
    metrics = (metric("auc", 0.7, "train@gbm"), metric("auc", 0.8, "train@gbm-1", "m1.json"))
    first = snapshot("c1", PREPARE, GBM, SEED, metrics=metrics, project=project())
    runs = {run.name: run.id for run in build(history(first)).runs}
    one = project(versions=(("v1.9.0", runs["gbm"]),))
    two = project(versions=(("v1.9.0", runs["gbm"]), ("v1.10.0", "0" * 12)))
    found = build(
        history(
            snapshot("c3", PREPARE, GBM, SEED, metrics=metrics, project=two),
            snapshot("c2", PREPARE, GBM, SEED, metrics=metrics, project=one),
            first,
        )
    )
    (model,) = found.models
    assert [(v.version, v.commit, v.environments) for v in model.versions] == [
        ("v1.10.0", "c3", ()),
        ("v1.9.0", "c2", ("prod",)),
    ]
    assert "no commit" in (model.versions[0].reason or "")
    assert model.versions[1].reason is None
    assert model.candidate == runs["gbm-1"]
    assert found.metrics[0] == MetricInfo(name="auc", direction="maximize", unit="%")


def test_specs_without_runs_are_experiments_and_abstract_ones_are_not() -> None:
    specs = (
        Spec(name="base", path="experiments/base.yaml", raw={"abstract": True}),
        Spec(name="gbm", path="experiments/gbm.yaml", pipeline="flights", tags=("x",)),
        Spec(name="new", path="experiments/new.yaml"),
    )
    found = build(history(snapshot("c1", PREPARE, GBM, specs=specs)))
    assert [(e.name, e.file, len(e.runs)) for e in found.experiments] == [
        ("gbm", "experiments/gbm.yaml", 1),
        ("new", "experiments/new.yaml", 0),
    ]
    assert found.runs[0].tags == ("x",)
    assert found.runs[0].spec == specs[1]


def test_a_problem_is_told_once_with_its_newest_and_its_oldest_commit() -> None:
    bad = Problem(path="dvc.yaml", reason="bad")
    found = build(history(snapshot("c2", problems=(bad,)), snapshot("c1", problems=(bad,))))
    assert found.problems == (Problem(path="dvc.yaml", reason="bad", commit="c2", since="c1"),)


def test_the_workspace_is_the_last_to_hold_a_run() -> None:
    found = build(history(snapshot(WORKSPACE, PREPARE, GBM), snapshot("c1", PREPARE, GBM)))
    assert found.runs[0].commits == ("c1", WORKSPACE)
    assert found.experiments[0].current == (found.runs[0].id,)


def test_nothing_gives_an_empty_catalog() -> None:
    found = build(history())
    assert (found.project.name, found.runs, found.head) == ("repo", (), "")


def run(name: str, value: object, state: State = State.PRESENT) -> Run:
    values = () if value is None else (metric("auc", value, None, state=state),)
    return Run(id=name, name=name, experiment=name, commit="c", commits=("c",), metrics=values)


def measured(name: str, *names: str, state: State = State.PRESENT) -> Run:
    values = tuple(metric(one, 0.5, None, state=state) for one in names)
    return Run(id=name, name=name, experiment=name, commit="c", commits=("c",), metrics=values, pipeline="p")


@pytest.mark.parametrize(
    ("now", "headline"),
    [
        ([measured("new", "auc", "rows")], "auc"),
        ([measured("new", "rows")], ""),
        ([measured("new")], "f1"),
        ([measured("new", "auc", state=State.NOT_PULLED)], "f1"),
        ([], "f1"),
    ],
)
def test_a_headline_is_guessed_by_what_the_current_runs_have(now: list[Run], headline: str) -> None:
    runs = [*now, *(measured(name, "f1") for name in ("a", "b")), measured("older", "f1", "auc")]
    infos = [MetricInfo(name=name, direction="maximize") for name in ("auc", "f1")]
    project = Project(name="x")
    found = catalog.headlines_of(project, [*infos, MetricInfo(name="rows")], runs, {run.id for run in now})
    assert (found["p"].name if found else "") == headline
    declared = Project(name="x", pipelines=(PipelineInfo(name="p", metric="f1"),))
    assert catalog.headlines_of(declared, infos, runs, {run.id for run in now})["p"].name == "f1"


def test_ranking_is_honest_about_ties_and_gaps() -> None:
    runs = [
        run("a", 0.5),
        run("b", math.nan),
        run("c", 0.9),
        run("d", 0.5),
        run("e", None),
        run("f", "x"),
        run("g", True),
        run("h", None),
        run("i", 0.1),
        run("j", 1.0, State.NOT_PULLED),
        run("k", 10**400),
    ]
    up = catalog.rank(runs, MetricInfo(name="auc", direction="maximize"))
    assert [(row.rank, row.run.name, row.tied) for row in up.ranked] == [
        (1, "c", False),
        (2, "d", True),  # the older one: runs come newest first
        (2, "a", True),
        (4, "i", False),
    ]
    assert [found.name for found, _reason in up.missing] == ["b", "e", "f", "g", "h", "j", "k"]
    down = catalog.rank(runs, MetricInfo(name="auc", direction="minimize"))
    assert [row.run.name for row in down.ranked] == ["i", "d", "a", "c"]


@given(st.lists(st.floats() | st.integers() | st.none() | st.text(max_size=3), max_size=12))
def test_every_run_is_ranked_or_missing(values: list[object]) -> None:
    runs = [run(str(number), value) for number, value in enumerate(values)]
    found = catalog.rank(runs, MetricInfo(name="auc", direction="maximize"))
    assert sorted([row.run.name for row in found.ranked] + [r.name for r, _ in found.missing]) == sorted(
        r.name for r in runs
    )
    ordered = [row.value for row in found.ranked]
    assert ordered == sorted(ordered, reverse=True)


def test_best_says_what_it_does_not_know() -> None:
    metrics = (metric("accuracy", 1, "train@gbm"), metric("n", 3, "train@gbm"))
    found = build(history(snapshot("c1", PREPARE, GBM, metrics=metrics)))
    assert best(found, "accuracy").metric.guessed
    with pytest.raises(UnknownMetric) as wrong:
        best(found, "acuracy")
    assert "accuracy" in wrong.value.hint
    with pytest.raises(UnknownDirection):
        best(found, "n")
    assert best(found, "n", direction="minimize").ranked[0].value == 3


def test_a_circle_in_a_broken_lock_does_no_harm() -> None:
    a = stage("a@x", deps=("two",), outs=("one",))
    b = stage("b@x", deps=("one",), outs=("two",))
    (found,) = build(history(snapshot("c1", a, b))).runs
    assert sorted(s.address for s in found.stages) == ["a@x", "b@x"]
