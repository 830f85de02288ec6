"""What changed between two snapshots or runs."""

from __future__ import annotations

import math

import pytest

from modelbook import diff
from modelbook.records import (
    Artifact,
    Commit,
    Dataset,
    Dependency,
    MetricInfo,
    Run,
    Snapshot,
    Stage,
    State,
    Value,
)

UP = MetricInfo(name="acc", direction="maximize")
DOWN = MetricInfo(name="acc", direction="minimize", guessed=True)


def value(content: object, name: str = "acc", path: str = "m.json", state: State = State.PRESENT) -> Value:
    return Value(name=name, key=(name,), value=content, path=path, state=state)


def snapshot(*metrics: Value, **more: object) -> Snapshot:
    return Snapshot(commit=Commit(sha="c"), metrics=metrics, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "info", "delta", "better"),
    [
        (0.5, 0.75, UP, 0.25, True),
        (0.5, 0.75, DOWN, 0.25, False),
        (0.75, 0.5, DOWN, -0.25, True),
        (0.5, 0.75, None, 0.25, None),
        (0.5, math.nan, UP, None, None),
        (0.5, "x", UP, None, None),
        (1, 1.0, UP, 0.0, None),
        (True, 1, UP, None, None),
    ],
)
def test_a_metric_change(
    before: object, after: object, info: MetricInfo | None, delta: float | None, better: bool | None
) -> None:
    found = diff.snapshots(snapshot(value(before)), snapshot(value(after)), [info] if info else [])
    (change,) = found.metrics
    assert (change.kind, change.delta, change.better) == ("changed", delta, better)
    assert change.guessed is (info is DOWN)


def test_what_is_equal_is_no_change() -> None:
    same = snapshot(value(math.nan), value(1, "n"), value(None, state=State.NOT_PULLED, path="x"))
    assert diff.snapshots(same, same).empty


def test_the_same_name_in_two_files_stays_two() -> None:
    found = diff.snapshots(snapshot(value(1, path="a")), snapshot(value(1, path="a"), value(2, path="b")))
    assert [(change.kind, change.after and change.after.path) for change in found.metrics] == [("added", "b")]


def test_a_value_that_is_no_longer_there_and_one_that_cannot_be_read() -> None:
    gone = diff.snapshots(snapshot(value(1)), snapshot()).metrics[0]
    assert (gone.kind, gone.after, gone.better) == ("removed", None, None)
    lost = diff.snapshots(snapshot(value(1)), snapshot(value(None, state=State.UNREADABLE)), [UP]).metrics[0]
    assert (lost.kind, lost.delta) == ("changed", None)


def test_against_nothing_everything_is_added() -> None:
    data = Dataset(path="d", name="d", md5="1")
    stage = Stage(address="s", file="dvc.yaml", group="s", lock="x")
    found = diff.snapshots(
        None, snapshot(value(1), params=(value(2, "lr"),), datasets=(data,), stages=(stage,))
    )
    kinds = {
        change.kind
        for group in (found.params, found.metrics, found.datasets, found.stages)
        for change in group
    }
    assert kinds == {"added"}


def test_stages_and_artifacts() -> None:
    def made(lock: str, md5: str, cmd: str) -> Snapshot:
        stage = Stage(
            address="s", file="dvc.yaml", group="s", lock=lock, cmd=cmd,
            deps=(Dependency(path="code.py", md5=md5), Dependency(path="data", md5="same")),
        )  # fmt: skip
        guard = Stage(address="g", file="dvc.yaml", group="g", lock=lock, guard=True)
        return snapshot(stages=(stage, guard), artifacts=(Artifact(path="model", md5=md5),))

    found = diff.snapshots(made("1", "a", "x"), made("2", "b", "x"))
    (stage,) = found.stages
    assert (stage.address, stage.deps, stage.command) == ("s", ("code.py",), False)
    assert [change.path for change in found.artifacts] == ["model"]
    assert diff.snapshots(made("1", "a", "x"), made("2", "a", "y")).stages[0].command


def test_runs_are_compared_by_name() -> None:
    def run(lr: float, path: str) -> Run:
        return Run(
            id=path, name="r", experiment="r", commit="c", commits=("c",), params=(value(lr, "lr", path),),
            metrics=(value(lr * 2, "acc", path),),
        )  # fmt: skip

    found = diff.runs(run(1, "a.yaml"), run(2, "b.yaml"), [UP])
    assert [(change.name, change.kind) for change in found.params] == [("lr", "changed")]
    assert (found.metrics[0].delta, found.metrics[0].better) == (2, True)
    assert diff.runs(run(1, "a.yaml"), run(1, "b.yaml")).empty
