"""The verdict: which run is which, what decides, and what the gates say of it. Plain values."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from modelbook import gates, seeds, verdict
from modelbook.records import (
    Commit,
    Gate,
    MetricInfo,
    ModelInfo,
    Project,
    Run,
    Snapshot,
    Stale,
    State,
    Value,
)

INFOS = (
    MetricInfo(name="auc", direction="maximize"),
    MetricInfo(name="loss", direction="minimize"),
)


def run(
    name: str, *, pipeline: str = "fit", experiment: str = "", seed: int | None = None, **metrics: Any
) -> Run:
    params = [Value(name="lr", key=("lr",), value=metrics.pop("lr", 0.1), path="params.yaml")]
    if seed is not None:
        params.append(Value(name="seed", key=("seed",), value=seed, path="params.yaml"))
    values = tuple(
        Value(name=key, key=(key,), value=value, path=f"{name}.json")
        for key, value in sorted(metrics.items())
    )
    return Run(
        id=f"{abs(hash((name, repr(params), repr(values)))):012x}"[:12],
        name=name,
        experiment=experiment or name,
        commit="c",
        commits=("c",),
        pipeline="fit",
        params=tuple(params),
        metrics=values,
    )


def held(*runs: Run, snapshot: Snapshot | None = None) -> verdict.Held:
    return verdict.Held(verdict.Side(label="x"), runs, snapshot)


def judged(base: verdict.Held, head: verdict.Held, *rules: Gate, **more: Any) -> verdict.Verdict:
    project = Project(name="p", gates=rules)
    return verdict.of(base, head, project, infos=INFOS, headlines={"fit": "auc"}, **more)


FLOOR = Gate(metric="auc", kind="floor", limit=0.6, direction="maximize")
NO_WORSE = Gate(metric="auc", kind="max_regression", limit=0.01, direction="maximize")


def test_what_did_not_change_is_not_judged() -> None:
    same = run("a", auc=0.1)
    found = judged(held(same), held(same), FLOOR)
    assert (found.status, found.runs, found.leaders, found.ok) == ("unchanged", (), (), True)


def test_the_gates_hold_for_the_best_run_and_not_for_every_trial() -> None:
    base = held(run("good", auc=0.8))
    worse = judged(base, held(run("good", auc=0.8), run("trial", auc=0.5)), FLOOR, NO_WORSE)
    assert worse.status == "unjudged"  # something is new, but the best is what it was
    [change] = worse.runs
    assert [item.passed for item in change.judgements] == [False, None]
    assert judged(base, held(run("good", auc=0.9)), FLOOR, NO_WORSE).status == "passed"
    failed = judged(base, held(run("good", auc=0.7)), FLOOR, NO_WORSE)
    assert failed.status == "failed"
    assert failed.reasons == (
        "best of fit (good): auc went from 0.8 to 0.7: 0.1 worse, at most 0.01 worse is allowed",
    )


def test_stale_results_come_before_all_else() -> None:
    found = judged(
        held(run("a", auc=0.8)),
        held(run("a", auc=0.9)),
        FLOOR,
        stale=[Stale(stage="fit", reason="x.py changed")],
    )
    assert (found.status, found.ok, found.reasons[0]) == ("stale", False, "fit: x.py changed")


def test_a_renamed_run_is_told_as_one() -> None:
    found = judged(held(run("old", auc=0.8, lr=0.3)), held(run("new", auc=0.8, lr=0.3)))
    assert [(change.kind, change.was, change.name) for change in found.runs] == [("renamed", "old", "new")]
    two = judged(held(run("old", auc=0.8)), held(run("new", auc=0.8), run("newer", auc=0.8)))
    assert sorted(change.kind for change in two.runs) == ["added", "added", "removed"]  # it may be either


def test_a_metric_whose_file_moved_is_no_other_metric() -> None:
    old, new = run("a", auc=0.5), run("a", auc=0.6)
    named = [
        replace(
            one,
            metrics=tuple(
                replace(v, name=f"{folder}/m.json:auc", path=f"{folder}/m.json") for v in one.metrics
            ),
        )
        for one, folder in ((old, "out"), (new, "results"))
    ]
    found = judged(held(named[0]), held(named[1]))
    [metric] = found.runs[0].metrics
    assert (metric.kind, metric.name) == ("changed", "results/m.json:auc")
    assert metric.delta == pytest.approx(0.1)


def test_what_is_not_pulled_is_said_and_does_not_pass() -> None:
    away = replace(
        run("a"),
        id="f" * 12,
        metrics=(Value(name="auc", path="m.json", state=State.NOT_PULLED, md5="d" * 32),),
    )
    found = judged(held(run("a", auc=0.9)), held(away), FLOOR)
    assert found.status == "unjudged"
    assert found.reasons == ("best of fit (a): auc is not pulled",)
    assert [change.after.state for change in found.runs[0].metrics if change.after] == [State.NOT_PULLED]


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ([0.80, 0.81, 0.79], [0.60, 0.61, 0.59], "failed"),  # surely worse
        ([0.80, 0.90, 0.70], [0.78, 0.88, 0.68], "unjudged"),  # worse, but the seeds scatter more than that
        ([0.80, 0.90, 0.70], [0.80, 0.90, 0.71], "passed"),
    ],
)
def test_seeds_are_judged_by_their_means(before: list[float], after: list[float], status: str) -> None:
    base = [run(f"s{n}", experiment="s", seed=n, auc=value) for n, value in enumerate(before)]
    head = [run(f"s{n}", experiment="s", seed=n, auc=value, loss=1.0) for n, value in enumerate(after)]
    found = judged(held(*base), held(*head), NO_WORSE)
    assert found.status == status
    assert found.leaders[0].seeds
    assert "95 % interval" in found.leaders[0].judgements[0].reason


def test_a_promotion_is_judged_by_what_it_replaces() -> None:
    old, new = run("a", auc=0.8), run("b", auc=0.7)

    def at(version: str) -> Snapshot:
        model = ModelInfo(
            name="m", versions=(("v1", old.id), ("v2", new.id)), environments=(("prod", version),)
        )
        return Snapshot(commit=Commit(sha=version), project=Project(name="p", models=(model,)))

    both = {old.id: old, new.id: new}
    found = judged(held(snapshot=at("v1")), held(snapshot=at("v2")), NO_WORSE, registered=both)
    assert found.status == "failed"
    assert found.reasons[0].startswith("m in prod (b): auc went from 0.8 to 0.7")
    nowhere = judged(held(snapshot=at("v1")), held(snapshot=at("v2")), NO_WORSE)
    assert (nowhere.status, "is in no history" in nowhere.reasons[0]) == ("failed", True)


numbers = st.one_of(st.floats(), st.integers(-5, 5), st.none(), st.booleans(), st.text(max_size=3))
some_runs = st.lists(
    st.builds(
        lambda name, auc, lr: run(name, auc=auc, lr=lr),
        st.sampled_from("abc"),
        numbers,
        st.sampled_from([1, 2]),
    ),
    max_size=4,
    unique_by=lambda one: one.name,
)


@given(some_runs, some_runs)
def test_every_run_is_accounted_for_and_json_comes_back(base: list[Run], head: list[Run]) -> None:
    found = judged(held(*base), held(*head), FLOOR, NO_WORSE)
    told = {change.after for change in found.runs} | {change.before for change in found.runs}
    same = {one.id for one in base} & {one.id for one in head}
    assert {one.id for one in [*base, *head]} - same <= told
    data = verdict.to_json(found)
    assert verdict.to_json(verdict.from_json(data)) == data


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), st.floats(-1e6, 1e6))
def test_the_interval_holds_the_difference_and_moves_with_it(values: list[float], shift: float) -> None:
    found = seeds.compare(values, [value + shift for value in values])
    assert found is not None
    assert found.low <= found.delta <= found.high
    assert math.isclose(found.delta, shift, rel_tol=1e-6, abs_tol=1e-3)
    same = seeds.compare(values, values)
    assert same is not None
    assert same.delta == 0


def test_the_interval_is_welchs() -> None:
    """SciPy's ttest_ind(after, before, equal_var=False).confidence_interval() ends at 1.94899 here."""
    found = seeds.compare([1.0, 2.0, 3.0, 4.0], [2.0, 2.5, 3.0])
    assert found is not None
    assert found.delta == 0.0
    assert 1.94899 <= found.high <= 1.97  # ours has whole degrees of freedom, rounded down: a little wider


def test_gates_without_a_direction_say_so() -> None:
    unknown = replace(NO_WORSE, direction=None)
    found = judged(held(run("a", auc=0.8)), held(run("a", auc=0.7)), unknown)
    assert (found.status, gates.passed(found.leaders[0].judgements)) == ("unjudged", None)
