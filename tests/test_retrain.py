"""Retraining: what a policy says, who is better, what is recorded, and what the site shows of it."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import sample
from gitrepo import GitRepo
from modelbook import catalog, history, spec, stages
from modelbook import retrain as rules
from modelbook.cli import main
from modelbook.errors import SpecError
from modelbook.history import wishes
from modelbook.pages import compose, models, retraining
from modelbook.pages.index import Index
from modelbook.records import (
    Contestant,
    Environment,
    Finding,
    Gate,
    MetricInfo,
    Model,
    ModelInfo,
    ModelVersion,
    Retraining,
    RetrainPolicy,
    Score,
    Value,
    Watch,
)
from modelbook.retrain import Decision, Facts, champion, champion_at, decide, due, judge
from modelbook.spec.models import Retrain
from modelbook.stages import generate, targets

POLICY = RetrainPolicy(
    on=("breach",),
    monitor="m",
    kinds=("performance",),
    experiment="base",
    param="window",
    windows=(("expanding", 0), ("rolling", 2)),
    metric="auc",
    gates=(Gate(metric="auc", kind="min_delta", limit=0.01, direction="maximize"),),
)
AUC = MetricInfo(name="auc", direction="maximize")


def policy(**more: Any) -> RetrainPolicy:
    return msgspec.structs.replace(POLICY, **more)


def watch(batch: str, status: str = "breach", kind: str = "performance", *, waiting: bool = False) -> Watch:
    found = Finding(kind=kind, measure="auc", value=0.6, breach=0.65, status=status)
    return Watch(monitor="m", batch=batch, status=status, findings=(found,), waiting=waiting)


def past(period: str, outcome: str = "rejected", **more: Any) -> Retraining:
    champion = Contestant(run="c" * 12, name="base", version="v1.0.0", periods=("01",))
    return Retraining(model="model", period=period, outcome=outcome, champion=champion, **more)


def said(given: RetrainPolicy, periods: str, *, trained: str = "01", **more: Any) -> Decision:
    watches = more.pop("watches", tuple(watch(name) for name in periods.split()))
    facts = Facts(periods=tuple(periods.split()), trained=tuple(trained.split()), watches=watches, **more)
    return decide(given, facts)


# -- what a policy says


def test_a_breach_makes_a_challenger_of_each_window_and_holds_the_newest_period_out() -> None:
    found = said(POLICY, "01 02 03 04", trained="01")
    assert (found.period, found.trigger, found.waits) == ("04", "breach", "")
    assert [(one.window, one.periods) for one in found.trainings] == [
        ("expanding", ("01", "02", "03")),
        ("rolling-2", ("02", "03")),
    ]
    assert found.why == "m 04 is in breach: auc 0.6, limit 0.65"


@pytest.mark.parametrize(
    ("changed", "facts", "says"),
    [
        ({}, {"periods": ""}, "there is no labelled data yet"),
        ({}, {"periods": "01 02", "watches": (watch("02", "ok"),)}, "m 02 is not in breach of performance"),
        ({}, {"periods": "01 02", "watches": (watch("02", kind="drift"),)}, "not in breach of performance"),
        ({}, {"periods": "01 02", "watches": ()}, "monitor m has judged no batch yet"),
        ({}, {"periods": "01 02"}, "nothing new to train on: expanding is what the champion was trained on"),
        ({}, {"periods": "01 02 03", "trained": "01 02 03"}, "the champion was trained on 03"),
        (
            {},
            {"periods": "01 02 03", "past": (past("03"),)},
            "03, the newest labelled period, was judged already",
        ),
        ({}, {"periods": "01 02 03", "past": (past("04"),)}, "a later period than 03 was judged already"),
        ({"cool_down": 2}, {"periods": "01 02 03 04", "past": (past("03"),)}, "cool-down: 0 of 2 periods"),
        ({"retrains": 1}, {"periods": "01 02 03 04", "past": (past("02"),)}, "1 of 1 retrainings since 01"),
        ({"runs": 1}, {"periods": "01 02 03 04"}, "0 of 1 training runs since 01, 2 wanted"),
        ({"on": ("new_data",), "every": 3}, {"periods": "01 02 03"}, "2 of 3 new periods are there"),
        ({"on": ("schedule",), "schedule": "0 6 1 * *"}, {"periods": "01 02"}, "has not come due since ever"),
    ],
)
def test_it_says_why_there_is_nothing_to_do(changed: Any, facts: Any, says: str) -> None:
    found = said(policy(**changed), facts.pop("periods"), **facts)
    assert says in found.waits
    assert not found.trainings


def test_a_period_whose_labels_are_to_come_does_not_count() -> None:
    watches = (watch("03"), watch("04", waiting=True))
    found = said(POLICY, "01 02 03 04", watches=watches)
    assert (found.period, found.waits) == ("03", "")
    assert found.trainings[0].periods == ("01", "02")


def challenged(period: str, *runs: str) -> Retraining:
    return past(period, challengers=tuple(Contestant(run=run, name=run) for run in runs))


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        ({"a": 1800.0, "b": 1799.9}, ""),
        ({"a": 1800.0, "b": 1800.0}, "the budget is spent: 1 of 1 hours since 01"),
        ({"a": 3600.5, "b": 0.0}, "the budget is spent: 1 of 1 hours since 01"),
        ({"a": 5.0}, "the budget can't be told: 1 of 2 training runs since 01 logged no time"),
        ({"a": 9999.0}, "the budget can't be told: 1 of 2 training runs since 01 logged no time"),
        ({}, "the budget can't be told: 2 of 2 training runs since 01 logged no time"),
    ],
)
def test_hours_that_runs_logged_are_a_limit_and_what_they_did_not_log_is_not_nothing(
    seconds: dict[str, float], says: str
) -> None:
    given, done = policy(hours=1.0), (challenged("02", "a", "b"), challenged("03", "b"))
    assert said(given, "01 02 03 04", past=done, seconds=seconds).waits == says
    assert said(POLICY, "01 02 03 04", past=done, seconds=seconds).waits == "", "without a limit nobody asks"
    old = msgspec.structs.replace(given, periods=1)
    assert said(old, "01 02 03 04", past=done, seconds=seconds).waits == "", "of older periods nothing counts"


def test_the_time_of_a_run_is_that_of_its_stages_if_each_of_them_logged_it() -> None:
    def taking(*seconds: float | None) -> float | None:
        logs = tuple(Environment(stage="s", path="p", seconds=one) for one in seconds)
        return msgspec.structs.replace(sample.RUNS[0], environments=logs).seconds

    assert taking(1.5, 2.0) == 3.5
    assert taking(0.0) == 0.0
    assert taking() is taking(1.5, None) is None


def test_old_retrainings_no_longer_count_and_new_data_is_what_nobody_was_judged_on() -> None:
    spent = policy(retrains=1, periods=2)
    assert said(spent, "01 02 03 04", past=(past("02"),)).waits == ""
    found = said(policy(on=("new_data",)), "01 02 03 04", past=(past("02"),))
    assert (found.trigger, found.why) == ("new_data", "2 new: 03, 04")


def test_windows_that_make_no_challenger_of_their_own_say_why() -> None:
    found = said(policy(windows=(("rolling", 5), ("expanding", 0), ("rolling", 2))), "01 02 03")
    assert [one.window for one in found.trainings] == ["expanding"]
    assert found.left_out == ("rolling-5 needs 5 periods and has 2", "rolling-2 is the same as expanding")


NAMES = st.lists(st.integers(1, 99).map(lambda number: f"{number:02}"), min_size=1, max_size=8, unique=True)


@given(
    periods=NAMES.map(sorted),
    trained=NAMES,
    judged=NAMES,
    windows=st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
    budget=st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(0, 4), st.integers(0, 3)),
)
def test_no_challenger_sees_what_it_is_judged_on_or_what_came_later(
    periods: list[str],
    trained: list[str],
    judged: list[str],
    windows: list[int],
    budget: tuple[int, int, int, int],
) -> None:
    retrains, within, runs, cool_down = budget
    given = policy(
        windows=tuple(("rolling" if size else "expanding", size) for size in windows),
        retrains=retrains,
        periods=within,
        runs=runs,
        cool_down=cool_down,
    )
    done = tuple(past(name) for name in sorted(judged))
    found = decide(
        given, Facts(periods=tuple(periods), watches=(watch("x"),), past=done, trained=tuple(trained))
    )
    assert bool(found.trainings) != bool(found.waits)
    for one in found.trainings:
        assert one.periods
        assert max(one.periods) < found.period == periods[-1]
        assert found.period not in {*trained, *judged}
        assert set(one.periods) != set(trained)
    if found.trainings:
        recent = [name for name in judged if name >= periods[-within:][0]]
        assert len(recent) < retrains
        assert not runs or len(found.trainings) <= runs


def test_the_champion_of_the_past_is_that_of_the_next_record() -> None:
    later = msgspec.structs.replace(
        past("05"), champion=Contestant(run="d" * 12, name="other", version="v1.1.0")
    )
    done = (past("03", "accepted"), later)
    assert champion_at(done, "02") == champion_at(done, "03") == ("c" * 12, "v1.0.0")
    assert champion_at(done, "04") == ("d" * 12, "v1.1.0")
    assert champion_at(done, "06") is None


def test_the_champion_is_what_is_in_force_else_the_newest() -> None:
    model = told_model()
    assert champion(model, policy()) == model.versions[0]
    assert champion(model, policy(environment="prod")) is None, "nothing is in force there"
    placed = msgspec.structs.replace(model.info, environments=(("prod", "v1.0.0"),))
    model = msgspec.structs.replace(model, info=placed)
    assert champion(model, policy(environment="prod")) == model.versions[1]
    newest, oldest = model.versions
    bad = msgspec.structs.replace(newest, deprecated=True)
    assert champion(msgspec.structs.replace(model, versions=(bad, oldest)), policy()) == oldest
    assert champion(msgspec.structs.replace(model, versions=(bad,)), policy()) is None


# -- schedules


@pytest.mark.parametrize(
    ("schedule", "last", "now", "is_due"),
    [
        ("0 6 1 * *", "", "2024-02-01T06:00", True),
        ("0 6 1 * *", "2024-01-01T06:00", "2024-02-01T05:59", False),
        ("0 6 1 * *", "2024-01-01T06:00", "2024-02-01T06:00", True),
        ("*/20 8-10 * * 1-5", "2024-03-01T10:40", "2024-03-03T23:00", False),
        ("*/20 8-10 * * 1-5", "2024-03-01T10:40", "2024-03-04T08:00", True),
        (
            "0 0 13 * 5",
            "2024-03-01T00:00",
            "2024-03-08T00:00",
            True,
        ),  # a Friday: either is enough, as in cron
        ("0 0 29 2 *", "2024-02-29T00:00", "2027-12-31T00:00", False),
        ("0 0 * * 7", "2024-03-02T12:00", "2024-03-03T00:00", True),
    ],
)
def test_when_a_schedule_comes_due(schedule: str, last: str, now: str, is_due: bool) -> None:
    then = f"{last}:00+00:00" if last else ""
    assert due(schedule, then, datetime.fromisoformat(f"{now}:00+00:00")) is is_due


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    start=st.integers(0, 3 * 1440),
    span=st.integers(0, 3 * 1440),
)
def test_a_daily_schedule_is_due_when_its_minute_went_by(
    minute: int, hour: int, start: int, span: int
) -> None:
    first = datetime(2024, 2, 27, tzinfo=UTC) + timedelta(minutes=start)
    passed = (first + timedelta(minutes=at) for at in range(1, span + 1))
    wanted = any((one.hour, one.minute) == (hour, minute) for one in passed)
    assert due(f"{minute} {hour} * * *", first.isoformat(), first + timedelta(minutes=span)) is wanted


# -- who is better


def contestant(auc: float | None, window: str = "", loss: float = 0.5) -> Contestant:
    return Contestant(
        run=f"{window or 'champion':.<12}", name=window, window=window, metrics={"auc": auc, "loss": loss}
    )


def test_the_best_of_those_that_pass_is_accepted_and_each_says_why() -> None:
    challengers = [
        contestant(0.72, "expanding"),
        contestant(0.75, "rolling-2"),
        contestant(0.705, "rolling-3"),
    ]
    found = judge(POLICY, [AUC], contestant(0.70), challengers)
    assert (found.outcome, found.chosen) == ("accepted", "rolling-2...")
    assert found.reason == "rolling-2: auc 0.7 -> 0.75 on the same data, the best of 2 that pass"
    assert [one.passed for one in found.challengers] == [True, True, False]
    [gate] = found.challengers[2].gates
    assert gate.passed is False
    assert gate.reason == "auc went from 0.7 to 0.705: 0.005 better, at least 0.01 better is asked for"


@pytest.mark.parametrize(
    ("gates", "value", "loss", "says"),
    [
        ((), 0.69, 0.5, "auc 0.7 -> 0.69 is not better"),
        ((), 0.70, 0.5, "auc 0.7 -> 0.7 is not better"),
        ((), None, 0.5, "auc 0.7 -> not measured is not better"),
        (
            (Gate(metric="auc", kind="floor", limit=0.8, direction="maximize"),),
            0.75,
            0.5,
            "below the floor 0.8",
        ),
        (
            (Gate(metric="loss", kind="max_regression", limit=0.01, direction="minimize"),),
            0.75,
            0.6,
            "0.1 worse",
        ),
        (
            (Gate(metric="gone", kind="floor", limit=0.8, direction="maximize"),),
            0.75,
            0.5,
            "gone has no value",
        ),
        (
            (Gate(metric="loss", kind="max_regression", limit=0.01),),
            0.75,
            0.6,
            "nobody says which way is better",
        ),
    ],
)
def test_what_is_not_better_or_cannot_be_judged_is_rejected(
    gates: tuple[Gate, ...], value: float | None, loss: float, says: str
) -> None:
    found = judge(policy(gates=gates), [AUC], contestant(0.70), [contestant(value, "expanding", loss)])
    assert (found.outcome, found.chosen) == ("rejected", "")
    assert says in found.reason


# -- what people write

PROJECT = """\
name: kept
metrics:
  error: {direction: minimize}
pipelines:
  means:
    params:
      window: [p1]  # what the first model knows
    stages:
      train:
        cmd: python train.py --params ${params} --out results/${run}/model.json
        deps: [train.py, "data/${params.window}.csv"]
        params: [window]
        outs: ["results/${run}/model.json"]
models:
  mean:
    pipeline: means
    artifact: results/${run}/model.json
    # the policy, on which we agreed in May
    retrain:
      on: [new_data]
      experiment: base
      param: window
      data: data/*.csv
      window: expanding
      metric: error
      gates:
        error: {min_delta: 0.5}
      evaluate:
        cmd: python judge.py ${model} ${data} ${out}
        deps: [judge.py]
      environment: prod
      assign: true
"""
TRAIN = """\
import argparse, json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--params")
parser.add_argument("--out")
args = parser.parse_args()
window = json.loads(Path(args.params).read_text())["window"]
values = [float(line) for name in window for line in Path(f"data/{name}.csv").read_text().split()[1:]]
Path(args.out).parent.mkdir(parents=True, exist_ok=True)
Path(args.out).write_text(json.dumps({"mean": sum(values) / len(values)}))
"""
JUDGE = """\
import json, sys
from pathlib import Path

model, data, out = map(Path, sys.argv[1:])
mean = json.loads(model.read_text())["mean"]
values = [float(line) for line in data.read_text().split()[1:]]
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps({"error": sum(abs(value - mean) for value in values) / len(values)}))
"""


def csv(*values: float) -> str:
    return "value\n" + "".join(f"{value}\n" for value in values)


def project(root: Path, text: str = PROJECT, **files: str) -> Path:
    wanted = {
        "mlproject.yaml": text,
        "experiments/base.yaml": "pipeline: means\n",
        "train.py": TRAIN,
        "judge.py": JUDGE,
        "data/p1.csv": csv(9, 11),
        "data/p2.csv": csv(13, 13),
        **{name.replace("__", "/"): content for name, content in files.items()},
    }
    for name, content in wanted.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("on: [new_data]", "on: [newdata]", "20:12 expected breach or new_data or schedule, found 'newdata'"),
        ("on: [new_data]", "on: [breach]", "mlproject.yaml:20:11 on: breach needs a monitor"),
        ("on: [new_data]", "on: [schedule]", "on: schedule and a schedule go together"),
        ("on: [new_data]", "on: [schedule]\n      schedule: 0 25 1 * *", "21:17 '25' is no hour"),
        ("on: [new_data]", "on: [schedule]\n      schedule: monthly", "21:17 expected five fields"),
        ("on: [new_data]", "on: [breach]\n      monitor: m", "21:16 unknown monitor m"),
        ("experiment: base", "experiment: bas", "21:19 unknown experiment bas, did you mean base?"),
        ("param: window", "param: windows", "22:14 base has no list of names at windows"),
        ("window: expanding", "window: {kind: rolling}", "a rolling window needs a size"),
        ("window: expanding", "window: {kind: expanding, size: 2}", "an expanding window has no size"),
        ("window: expanding", "window: [expanding, expanding]", "a window is there twice"),
        ("metric: error", "metric: eror", "25:15 unknown metric eror, did you mean error?"),
        ("        error: {min", "        eror: {min", "27:9 unknown metric eror, did you mean error?"),
        ("${out}", "", "the command does not say where ${out} goes"),
        ("${out}", "${out} ${run}", "29:14 unknown placeholder ${run}"),
        ("environment: prod\n", "environment: prd\n", "31:20 unknown environment prd, did you mean prod?"),
        ("environment: prod\n      assign", "assign", "assign needs an environment"),
        ("data: data/*.csv", "data: ../*.csv", "expected a path inside the repository"),
        ("assign: true", "budgt: {}", "unknown key budgt, did you mean budget?"),
        ("assign: true", "budget: {hours: 0}", "32:23 expected more than 0, found 0"),
    ],
)
def test_faults_of_a_policy_are_told_at_their_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = PROJECT.replace(old, new, 1) + "environments:\n  prod: {}\n"
    assert text.count(new) and new != old
    with pytest.raises(SpecError) as caught:
        spec.load(project(tmp_path, text))
    assert says in str(caught.value)


def test_a_policy_that_finds_no_labelled_data_is_a_warning(tmp_path: Path) -> None:
    [warning] = spec.load(project(tmp_path, PROJECT.replace("data/*.csv", "late/*.csv"))).warnings()
    assert str(warning).startswith("mlproject.yaml:23:13 no file")
    assert "there is no folder 'late' in the project" in warning.hint


@pytest.mark.parametrize(
    ("challenge", "says"),
    [
        ("{model: mena, champion: base, period: p2}", "unknown model mena, did you mean mean?"),
        ("{model: mean, champion: bsae, period: p2}", "there is no run bsae, did you mean base?"),
        ("{model: mean, champion: base, period: p9}", "no labelled data is called p9"),
    ],
)
def test_a_challenge_of_nobody_is_a_fault(tmp_path: Path, challenge: str, says: str) -> None:
    text = f"extends: base\nchallenges: {challenge}\n"
    with pytest.raises(SpecError) as caught:
        spec.load(project(tmp_path, **{"experiments__new.yaml": text}))
    assert says in str(caught.value)


def test_history_reads_a_policy_as_its_spec_has_it() -> None:
    written = {
        "on": ["breach", "schedule"],
        "monitor": "m",
        "schedule": "0 6 1 * *",
        "experiment": "e",
        "param": "w",
        "data": "d/*",
        "window": ["expanding", {"kind": "rolling", "size": 3}],
        "metric": "auc",
        "gates": {"auc": {"min_delta": 0.1, "atol": 0.01}},
        "evaluate": {"cmd": "x ${model} ${data} ${out}"},
        "budget": {"retrains": 2, "periods": 6, "runs": 5, "hours": 1.5, "cool_down": 1},
    }
    strict = Retrain.model_validate(written)
    metrics = {"auc": {"direction": "maximize"}}
    data = {"metrics": metrics, "models": {"m": {"retrain": written}}}
    [model] = wishes.project(data, "x").models
    found = model.retrain
    assert found is not None
    assert found.windows == (("expanding", 0), ("rolling", 3))
    assert found.gates == (Gate(metric="auc", kind="min_delta", limit=0.1, direction="maximize", atol=0.01),)
    assert (found.on, found.kinds) == (tuple(strict.on), tuple(strict.breach))
    assert (found.every, found.schedule, found.assign) == (strict.every, strict.schedule, strict.assign)
    budget = strict.budget
    assert (found.retrains, found.periods, found.runs, found.hours, found.cool_down) == (
        budget.retrains, budget.periods, budget.runs or 0, budget.hours or 0, budget.cool_down,
    )  # fmt: skip


def test_a_period_whose_name_would_run_as_a_command_is_a_fault(tmp_path: Path) -> None:
    root = project(tmp_path, PROJECT + "environments:\n  prod: {}\n")
    (root / "data" / "p3;touch x.csv").write_text(csv(1), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        spec.load(root)
    assert "mlproject.yaml:23:13 the name of 'p3;touch x' can't be part of a command" in str(caught.value)


# -- stages


def test_a_list_is_a_dependency_for_each_item_and_runs_with_as_many_share_a_stage(tmp_path: Path) -> None:
    more = {
        "experiments__two.yaml": "extends: base\nparams: {window: [p1, p2]}\n",
        "experiments__other.yaml": "extends: base\nparams: {window: [p2]}\n",
    }
    workspace = spec.load(project(tmp_path, **more))
    made = generate.stages(workspace)
    assert set(made["means-train-1"]["foreach"]) == {"base", "other"}
    assert made["means-train-2"]["foreach"] == {
        "two": {"experiment": "two", "params": {"window": ["p1", "p2"]}}
    }
    assert made["means-train-2"]["do"]["deps"] == [
        "train.py",
        "data/${item.params.window[0]}.csv",
        "data/${item.params.window[1]}.csv",
    ]
    [two] = [run for run in workspace.runs if run.name == "two"]
    assert targets.addresses(workspace, two) == ["means-train-2@two"]
    assert not stages.missing_deps(workspace)
    (tmp_path / "data" / "p2.csv").unlink()
    assert "there is no data/p2.csv" in str(SpecError(stages.missing_deps(spec.load(tmp_path))))


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ("[]", "run base has an empty list there"),
        ("[p1, 'a b;c']", "a value there that a command can't hold"),
    ],
)
def test_a_list_of_what_is_no_path_is_a_fault(tmp_path: Path, window: str, says: str) -> None:
    text = f"pipeline: means\nparams: {{window: {window}}}\n"
    with pytest.raises(SpecError) as caught:
        spec.load(project(tmp_path, **{"experiments__base.yaml": text}))
    assert says in str(caught.value)


def test_the_first_run_is_judged_on_all_that_came_after_it_and_challengers_on_their_period(
    tmp_path: Path,
) -> None:
    new = "extends: base\nchallenges: {model: mean, champion: base, period: p3}\nparams: {window: [p1, p2]}\n"
    more = {"experiments__mean__new.yaml": new, "data__p3.csv": csv(1)}
    workspace = spec.load(project(tmp_path, **more))
    assert workspace.contests["mean"].pairs == (("base", "p2"), ("base", "p3"), ("new", "p3"))
    made = generate.stages(workspace)["retrain-mean"]
    assert made["foreach"]["new.p3"] == {
        "model": "results/new/model.json",
        "data": "data/p3.csv",
        "out": "runs/scores/mean/p3/new.json",
    }
    assert made["do"]["cmd"] == "python judge.py ${item.model} ${item.data} ${item.out}"


# -- what is recorded


def record(**more: Any) -> str:
    return msgspec.json.encode(past("p2", **more)).decode()


def test_records_and_scores_are_read_and_bad_ones_are_problems(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit(
        {
            "runs/retrains/model/p2.json": record(reason="worse"),
            "runs/retrains/model/p3.json": record(),
            "runs/retrains/model/p4.json": "{",
            "runs/retrains/odd/p2.json": record()
            .replace("rejected", "perhaps")
            .replace('"model"', '"odd"', 1),
            "runs/scores/model/p2/base.json": '{"auc": 0.5, "by": {"origin": NaN}, "note": "x", "rows": 3}',
            "runs/scores/model/p2/list.json": "[1]",
            "runs/scores/notes.json": "{}",
        },
        "Retrain",
    )
    found = history.read(repo.path)
    assert [(item.period, item.reason, item.path) for item in found.retrainings] == [
        ("p2", "worse", "runs/retrains/model/p2.json")
    ]
    [score] = found.scores
    assert (score.name, score.metrics) == ("base", {"auc": 0.5, "by.origin": None, "rows": 3.0})
    reasons = {item.path.removeprefix("runs/"): item.reason.partition(":")[0] for item in found.faults}
    assert set(reasons) == {
        "retrains/model/p3.json",
        "retrains/model/p4.json",
        "retrains/odd/p2.json",
        "scores/model/p2/list.json",
    }


# -- the command


def ran(root: Path, *argv: str) -> None:
    names = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *names, *argv], cwd=root, check=True, capture_output=True)


def call(root: Path, *argv: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*argv, "--repo", str(root)], catch_exceptions=True)
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.stdout


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


@pytest.mark.slow
def test_one_is_accepted_the_next_is_rejected_and_a_kill_in_between_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELBOOK_CACHE", str(tmp_path / "cache"))
    root = project(tmp_path / "repo")
    ran(root.parent, "init", "-q", "repo")
    text = PROJECT.replace("      environment: prod\n      assign: true\n", "")
    (root / "mlproject.yaml").write_text(text, encoding="utf-8")
    call(root, "repro")
    ran(root, "add", "-A")
    ran(root, "commit", "-qm", "A first model")
    [first] = catalog.build(history.read(root)).runs
    assert {dep.path for dep in first.own_stages[-1].deps} == {"train.py", "data/p1.csv"}
    assert (
        "no version of mean is registered"
        in CliRunner().invoke(main, ["retrain", "mean", "--repo", str(root)]).output
    )
    (root / "mlproject.yaml").write_text(PROJECT, encoding="utf-8")
    call(root, "register", "mean", "--run", first.id)
    call(root, "assign", "mean", "v1.0.0", "prod")
    ran(root, "commit", "-qam", "Put it in force")
    assert "nothing new to train on" in call(root, "retrain", "mean")

    # labels of p3 are there: 14, so that what knows p2 as well is nearer
    (root / "data" / "p3.csv").write_text(csv(14), encoding="utf-8")
    before = files(root)
    told = json.loads(call(root, "retrain", "mean", "--dry-run", "--json"))
    assert (told["outcome"], told["decision"]["period"], told["champion"]["version"]) == (
        "planned",
        "p3",
        "v1.0.0",
    )
    assert "would be trained again" in call(root, "retrain", "mean", "--dry-run")
    assert files(root) == before, "a dry run touches nothing"

    # killed when all is trained and nothing recorded
    with monkeypatch.context() as patch:
        patch.setattr("modelbook.retrain.judge", interrupt)
        call(root, "retrain", "mean", code=130)
    assert not (root / "runs" / "retrains").exists()
    # killed when it is recorded and not registered
    with monkeypatch.context() as patch:
        patch.setattr("modelbook.spec.change_entries", interrupt)
        call(root, "retrain", "mean", code=130)
    assert "v1.1.0" not in (root / "mlproject.yaml").read_text(encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("modelbook.runner.dvc.repro", interrupt)  # nothing is left to be trained
        assert "accepted on p3" in call(root, "retrain", "mean")
        assert "0 of 1 new periods are there" in call(root, "retrain", "mean")
    found = catalog.build(history.read(root))
    [kept] = found.retrainings
    assert (kept.outcome, kept.version, kept.environment) == ("accepted", "v1.1.0", "prod")
    assert [one.metrics for one in (kept.champion, *kept.challengers)] == [{"error": 4.0}, {"error": 2.5}]
    assert kept.challengers[0].periods == ("p1", "p2")
    [model] = found.models
    assert [(item.version, item.run) for item in model.versions] == [
        ("v1.1.0", kept.chosen), ("v1.0.0", first.id),
    ]  # fmt: skip
    assert dict(model.info.environments) == {"prod": "v1.1.0"}
    now = (root / "mlproject.yaml").read_text(encoding="utf-8")
    assert now.startswith(PROJECT), "comments and all else stay"
    ran(root, "add", "-A")
    ran(root, "commit", "-qm", "Retrain on p3")

    # p4 is as p1 was: what also knows p3 is further away
    (root / "data" / "p4.csv").write_text(csv(9), encoding="utf-8")
    told = json.loads(call(root, "retrain", "mean", "--json", "--gate", code=1))
    assert (told["outcome"], told["record"]["version"]) == ("rejected", "")
    assert "0.5 worse, at least 0.5 better is asked for" in told["reason"]
    assert (root / "mlproject.yaml").read_text(encoding="utf-8") == now
    [run] = [
        item
        for item in catalog.build(history.read(root)).runs
        if item.id == told["record"]["challengers"][0]["run"]
    ]
    assert {dep.path for dep in run.own_stages[-1].deps} == {
        "train.py",
        *(f"data/p{at}.csv" for at in (1, 2, 3)),
    }
    replay = json.loads(call(root, "retrain", "mean", "--as-of", "p3", "--dry-run", "--json"))
    assert (replay["outcome"], replay["champion"]["version"]) == ("planned", "v1.0.0")
    status = subprocess.run(
        ["git", "status", "--short"], cwd=root, capture_output=True, text=True, check=True
    )
    assert "experiments/mean/" in status.stdout


def interrupt(*_args: object, **_more: object) -> None:
    raise KeyboardInterrupt


def test_a_model_without_a_policy_or_a_period_that_is_not_there_is_told(tmp_path: Path) -> None:
    repo = GitRepo(project(tmp_path, PROJECT.split("    # the policy")[0]))
    repo.commit({"a": "b"})
    done = CliRunner().invoke(main, ["retrain", "mean", "--repo", str(tmp_path), "--no-cache"])
    assert (done.exit_code, "mean has no retrain: policy" in done.output) == (2, True)
    (tmp_path / "mlproject.yaml").write_text(PROJECT + "    environments: {}\n", encoding="utf-8")
    done = CliRunner().invoke(
        main, ["retrain", "mean", "--as-of", "p9", "--repo", str(tmp_path), "--no-cache"]
    )
    assert "there is no period 'p9'" in done.output
    done = CliRunner().invoke(main, ["retrain", "nobody", "--repo", str(tmp_path), "--no-cache"])
    assert "there is no model 'nobody'" in done.output


# -- pages


def told_model(**more: Any) -> Model:
    info = ModelInfo(name="model", retrain=policy(**more), environments=())
    return Model(
        name="model",
        info=info,
        versions=(ModelVersion(version="v1.1.0", run="d" * 12), ModelVersion(version="v1.0.0", run="c" * 12)),
    )


def told_index() -> Index:
    """A model whose first run knows 01; 02 found nothing new, 03 was accepted, 04 rejected, 05 held back."""
    base = msgspec.structs.replace(
        sample.RUNS[0], id="c" * 12, name="base", params=(Value(name="window", value=["01"]),)
    )
    new = msgspec.structs.replace(
        base, id="d" * 12, name="new", params=(Value(name="window", value=["01", "02"]),),
        environments=(Environment(stage="train", path="e", seconds=90.0),),
    )  # fmt: skip
    scored = {"02": 0.60, "03": 0.61, "04": 0.62, "05": 0.63}
    scores = [
        Score(model="model", period=key, name="base", metrics={"auc": value}) for key, value in scored.items()
    ]
    scores += [Score(model="model", period="05", name="new", metrics={"auc": 0.71})]
    accepted = past(
        "03", "accepted", chosen="d" * 12, version="v1.1.0", reason="expanding: better", why="a breach",
        challengers=(Contestant(run="d" * 12, name="new", window="expanding", periods=("01", "02"),
                                metrics={"auc": 0.70}, passed=True),),
        path="runs/retrains/model/03.json",
    )  # fmt: skip
    rejected = msgspec.structs.replace(
        past("04", reason="rolling-2: not better", challengers=(contestant(0.5, "rolling-2"),)),
        champion=Contestant(run="d" * 12, name="new", version="v1.1.0", periods=("01", "02")),
    )
    found = msgspec.structs.replace(
        sample.catalog(),
        models=(told_model(retrains=2),),
        runs=(new, base),
        watches=tuple(watch(name) for name in scored),
        retrainings=(accepted, rejected),
        scores=tuple(scores),
    )
    return Index(found)


def test_the_timeline_tells_each_period_and_why() -> None:
    index = told_index()
    page = retraining.section(index, index.catalog.models[0])
    assert page is not None
    rows = [[cell.text for cell in row] for row in page.timeline.rows]
    assert rows[0][:3] == ["05", "breach", "v1.1.0"]
    assert [row[-1] for row in rows] == ["held back", "rejected", "accepted", "held back"]
    assert [row[3:5] for row in rows] == [["0.71", "0.63"], ["–", "0.62"], ["0.61", "0.61"], ["0.6", "0.6"]]
    assert [(one.period.text, one.outcome, one.says) for one in page.told][:3] == [
        ("05", "held back", "the budget is spent: 2 of 2 retrainings since 01"),
        ("04", "rejected", "rolling-2: not better"),
        ("03", "accepted", "v1.1.0, expanding: better"),
    ]
    assert "nothing new to train on" in page.told[3].says
    contests = [[cell.text for cell in row] for row in page.contests.rows]
    assert [row[1] for row in contests] == ["champion v1.1.0", "rolling-2", "champion v1.0.0", "expanding"]
    assert [row[-2] for row in contests] == ["–", "rejected", "–", "accepted"]
    assert page.contests.rows[2][2].href == "runs/cccccccccccc/index.html"
    for words in ("policy followed", "never retrained", "challenger, accepted", "challenger, not accepted"):
        assert words in page.chart
    assert page.receipts[1].rows[2][1].text == "runs/retrains/model/03.json"
    took = [dict(one.rows)["training took"].text for one in page.receipts]
    assert took == ["1 run logged no time", "1 min 30 s"]
    assert "dvc repro retrain-model@base.03 retrain-model@new.03" in page.receipts[1].command


def test_a_model_whose_runs_have_no_headline_shows_how_it_did_in_the_newest_period() -> None:
    told = told_index().catalog
    runs = tuple(msgspec.structs.replace(run, metrics=()) for run in told.runs)
    project = msgspec.structs.replace(told.project, pipelines=())
    catalog = msgspec.structs.replace(told, runs=runs, project=project)
    figure = models.tile(Index(catalog), catalog.models[0]).figure
    assert (figure.metric, figure.value.text) == ("auc in 05", "0.71")
    assert figure.value.href == "models/model/index.html#retraining"
    assert "auc of model over the periods" in figure.spark
    untold = msgspec.structs.replace(catalog, scores=(), watches=())
    assert models.tile(Index(untold), untold.models[0]).figure == models.Figure()


def test_the_newest_periods_are_told_and_no_others_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def looking(given: RetrainPolicy, facts: Facts) -> Decision:
        looked.append(facts.periods[-1])
        return decide(given, facts)

    monkeypatch.setattr(retraining, "MOST_PERIODS", 2)
    monkeypatch.setattr(rules, "decide", looking)
    index = told_index()
    page = retraining.section(index, index.catalog.models[0])
    assert page is not None
    assert [row[0].text for row in page.timeline.rows] == ["05", "04"]
    assert looked == ["04", "05"]


def test_the_page_tells_which_decisions_were_replayed_and_why_there_is_no_line_of_always_retraining() -> None:
    catalog = told_index().catalog
    replayed = tuple(
        msgspec.structs.replace(item, as_of=item.period, date=f"2024-02-0{at}T00:00:00+00:00")
        for at, item in enumerate(catalog.retrainings, 1)
    )
    as_if = "each as if its period were the newest"
    for past_, says in (
        (catalog.retrainings, []),
        (replayed[:1], [f"Replayed with --as-of on 2024-02-01, {as_if}: 03."]),
        (replayed, [f"Replayed with --as-of on 2024-02-01 to 2024-02-02, {as_if}: 03, 04."]),
    ):
        index = Index(msgspec.structs.replace(catalog, retrainings=past_))
        page = retraining.section(index, index.catalog.models[0])
        assert page is not None
        assert page.notes[0].startswith("Always retraining has points and no line: a challenger")
        assert list(page.notes[1:]) == says
    index = Index(msgspec.structs.replace(catalog, retrainings=()))
    page = retraining.section(index, index.catalog.models[0])
    assert page is not None
    assert page.notes == ()


def test_the_page_tells_the_hours_that_may_be_spent_and_holds_back_without_them() -> None:
    catalog = told_index().catalog
    index = Index(msgspec.structs.replace(catalog, models=(told_model(runs=9, hours=1.5),)))
    page = retraining.section(index, index.catalog.models[0])
    assert page is not None
    assert "At most 4 retrainings, 9 training runs, 1.5 h of training within 12 periods." in page.says
    assert page.told[0].says == "the budget can't be told: 1 of 2 training runs since 01 logged no time"


def test_monitoring_lists_models_that_are_trained_again() -> None:
    index = told_index()
    page = next(
        page for page in compose(index.catalog, lambda _: None) if page.path == "monitoring/index.html"
    )
    [row] = page.context.retraining.rows
    assert [cell.text for cell in row] == ["model", "1", "1", "04", "rejected", "rolling-2: not better"]
    assert row[0].href == "models/model/index.html#retraining"
    assert retraining.overview(Index(sample.EMPTY)) is None
