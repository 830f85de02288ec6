"""What a monitor finds in a batch: real files, real DuckDB, and scikit-learn's numbers beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn import metrics as theirs

from modelbook import monitor
from modelbook.monitor import performance, tables
from modelbook.monitor.tables import Unreadable
from modelbook.records import Watch
from modelbook.spec import Limits, Monitor


def write(folder: Path, name: str, **columns: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), folder / name)
    return folder / name


def scored(rows: int, seed: int = 1) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(seed)
    chance = np.round(dice.random(rows), 2)
    late = dice.random(rows) < chance**1.3
    carrier = dice.choice(["UA", "DL", "AA"], rows)
    return {"chance": chance, "late": late, "carrier": carrier}


def test_metrics_are_scikit_learns(tmp_path: Path) -> None:
    data = scored(5000)
    with tables.opened([write(tmp_path, "a.parquet", **data)]) as table:
        whole, *parts = performance.measured(table, "chance", "late", ["carrier"])
    y, p = data["late"], data["chance"]
    assert whole.metrics["roc_auc"] == pytest.approx(theirs.roc_auc_score(y, p))
    assert whole.metrics["log_loss"] == pytest.approx(theirs.log_loss(y, p))
    assert whole.metrics["brier"] == pytest.approx(theirs.brier_score_loss(y, p))
    assert whole.metrics["accuracy"] == pytest.approx(theirs.accuracy_score(y, p >= 0.5))
    assert whole.metrics["bias"] == pytest.approx(float(np.mean(p) - np.mean(y)))
    bins = np.minimum(np.floor(p * 10), 9)
    ece = sum(abs(p[bins == at].sum() - y[bins == at].sum()) for at in range(10)) / len(p)
    assert whole.metrics["ece"] == pytest.approx(ece)
    assert (whole.rows, whole.labelled) == (5000, 5000)
    assert {part.segment for part in parts} == {"carrier=UA", "carrier=DL", "carrier=AA"}
    ua = next(part for part in parts if part.segment == "carrier=UA")
    here = data["carrier"] == "UA"
    assert ua.metrics["roc_auc"] == pytest.approx(theirs.roc_auc_score(y[here], p[here]))
    assert ua.rows == int(here.sum())


def test_a_calibrated_model_expects_about_what_labels_say(tmp_path: Path) -> None:
    dice = np.random.default_rng(3)
    chance = np.round(dice.random(40_000), 3)
    file = write(tmp_path, "a.parquet", chance=chance, late=(dice.random(40_000) < chance).astype(int))
    with tables.opened([file]) as table:
        [real] = performance.measured(table, "chance", "late")
        [hoped] = performance.measured(table, "chance", "late", estimated=True)
    assert hoped.estimated and hoped.labelled == 0
    for name in ("roc_auc", "log_loss", "brier", "accuracy"):
        assert hoped.metrics[name] == pytest.approx(real.metrics[name], abs=0.01)


def test_numbers_are_judged_as_numbers(tmp_path: Path) -> None:
    file = write(tmp_path, "a.parquet", price=[1.0, 2.0, 3.0], paid=[2.0, 2.0, None])
    with tables.opened([file]) as table:
        [whole] = performance.measured(table, "price", "paid")
    assert whole.metrics == {"mae": 0.5, "rmse": pytest.approx(0.5**0.5), "bias": -0.5}
    assert (whole.rows, whole.labelled) == (3, 2)


def test_one_class_has_no_ranking(tmp_path: Path) -> None:
    with tables.opened([write(tmp_path, "a.parquet", p=[0.2, 0.4], y=[0, 0])]) as table:
        [whole] = performance.measured(table, "p", "y")
    assert whole.metrics["roc_auc"] is None
    assert whole.metrics["accuracy"] == 1


def test_a_column_is_counted_value_by_value(tmp_path: Path) -> None:
    file = write(tmp_path, "a.parquet", x=[1.5, 1.5, None, float("nan"), 2.0], who=["b", "a", None, "a", "a"])
    with tables.opened([file]) as table:
        numbers, words = table.count("x"), table.count("who")
    assert (numbers.rows, numbers.missing) == (5, 2)
    assert numbers.numbers is not None
    assert numbers.numbers.values.tolist() == [1.5, 2.0]
    assert numbers.numbers.counts.tolist() == [2, 1]
    assert (words.missing, words.categories) == (1, {"a": 3, "b": 1})


def test_very_many_numbers_are_counted_in_bins_that_change_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelbook.monitor import drift

    monkeypatch.setattr(tables, "MOST_DISTINCT", 1000)
    dice = np.random.default_rng(5)
    old, new = dice.lognormal(size=60_000), dice.lognormal(0.3, 1.1, size=60_000)
    with tables.opened([write(tmp_path, "old.parquet", x=old)]) as table:
        bounds = table.bounds("x")
        assert bounds is not None
        first = table.count("x", bounds).numbers
    with tables.opened([write(tmp_path, "new.parquet", x=new)]) as table:
        found = table.count("x", bounds)
    assert first is not None and found.numbers is not None and not found.exact
    assert found.numbers.total == 60_000
    exact = drift.distribution(old), drift.distribution(new)
    assert drift.wasserstein(first, found.numbers) == pytest.approx(drift.wasserstein(*exact), rel=0.02)
    assert drift.kolmogorov_smirnov(first, found.numbers)[0] == pytest.approx(
        drift.kolmogorov_smirnov(*exact)[0], abs=0.002
    )


@pytest.mark.parametrize("content", [b"", b"PAR1 broken", bytes(range(200))])
def test_a_broken_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with (
        pytest.raises(Unreadable, match=r"a\.parquet cannot be read"),
        tables.opened([tmp_path / "a.parquet"]),
    ):
        pass


def test_names_are_no_sql(tmp_path: Path) -> None:
    name = "x'; DROP VIEW rows; --\""
    file = write(tmp_path, "it's.parquet", **{name: [1, 2]})
    with tables.opened([file]) as table:
        counts = table.count(name)
        assert counts.numbers is not None and counts.numbers.total == 2
        assert table.rows() == 2


# -- a whole batch


def wish(**more: object) -> Monitor:
    return Monitor.model_validate(
        {
            "reference": "ref.parquet",
            "batches": "b/*.parquet",
            "prediction": "chance",
            "target": "late",
            "segments": ["carrier"],
            "key": ["id"],
            "performance": {"roc_auc": {"warning": 0.7, "breach": 0.6}},
            **more,
        }
    )


def table(rows: int = 2000, seed: int = 1, **changed: object) -> dict[str, object]:
    dice = np.random.default_rng(seed)
    found = {
        "id": np.arange(rows),
        "temp": np.round(dice.normal(10, 3, rows), 1),
        **scored(rows, seed),
        **changed,
    }
    return {name: values for name, values in found.items() if values is not None}


def look(tmp_path: Path, batch: dict[str, object], **more: object) -> Watch:
    asked = wish(**more)
    reference = monitor.profile(asked, [write(tmp_path, "ref.parquet", **table(seed=2))])
    reference = monitor.load(monitor.dump(reference))  # as stages hand it on
    found = monitor.watch("flights", "b", asked, reference, write(tmp_path, "b.parquet", **batch))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Watch) == found
    return found


def bad(found: Watch) -> dict[tuple[str, str, str], str]:
    return {
        (item.kind, item.column, item.measure): item.status for item in found.findings if item.status != "ok"
    }


def test_a_batch_like_the_reference_is_fine(tmp_path: Path) -> None:
    found = look(tmp_path, table())
    assert (found.status, bad(found), found.rows) == ("ok", {}, 2000)
    assert {column.name for column in found.columns} == {"temp", "chance", "carrier"}
    temp = next(column for column in found.columns if column.name == "temp")
    assert sum(temp.batch) == pytest.approx(1, abs=1e-4)
    assert len(temp.bins) == len(temp.batch) == len(temp.reference) == 11
    assert temp.measures["ks_p"] is not None


def test_drift_is_found_where_it_is_and_comes_first(tmp_path: Path) -> None:
    found = look(tmp_path, table(temp=np.random.default_rng(3).normal(13, 3, 2000)))
    assert found.status == "breach"
    assert found.columns[0].name == "temp"
    assert bad(found)["drift", "temp", "psi"] == "breach"


def test_the_stated_measures_judge_and_others_inform(tmp_path: Path) -> None:
    shifted = table(temp=np.random.default_rng(3).normal(13, 3, 2000))
    found = look(tmp_path, shifted, drift={"wasserstein": {"warning": 0.5, "breach": 5}}, quality={})
    assert bad(found) == {("drift", "temp", "wasserstein"): "warning"}


def test_faults_of_the_data_are_found(tmp_path: Path) -> None:
    base = table()
    temp = np.array(base["temp"], dtype=float)
    temp[:600] = np.nan
    temp[600:700] = 99
    carrier = np.array(base["carrier"], dtype=object)
    carrier[:400] = "ZZ"
    found = look(tmp_path, {**base, "temp": temp, "carrier": carrier, "id": np.arange(2000) // 2}, drift={})
    wanted = {
        ("quality", "temp", "missing"): "breach",
        ("quality", "temp", "range"): "breach",
        ("quality", "carrier", "new_categories"): "breach",
        ("quality", "", "duplicates"): "breach",
    }
    assert bad(found) == wanted
    fresh = next(item for item in found.findings if item.measure == "new_categories")
    assert (fresh.value, fresh.note) == (0.2, "'ZZ'")


def test_a_changed_schema_is_a_breach_and_the_rest_is_judged(tmp_path: Path) -> None:
    found = look(tmp_path, table(temp=["warm"] * 2000, carrier=None))
    assert bad(found)["quality", "temp", "type"] == "breach"
    assert bad(found)["quality", "carrier", "column"] == "breach"
    assert [column.name for column in found.columns] == ["chance"]
    assert found.performance[0].metrics["roc_auc"] is not None


def test_labels_that_are_late_are_waited_for(tmp_path: Path) -> None:
    late = pa.array([None] * 2000, pa.bool_())
    found = look(tmp_path, table(late=late), performance={"roc_auc": {"warning": 0.99, "breach": 0.98}})
    assert found.waiting
    assert found.performance[0].estimated
    assert bad(found)["performance", "", "roc_auc"] == "warning"
    assert look(tmp_path, table(late=None)).waiting


def test_performance_is_judged_in_its_direction_and_by_segment(tmp_path: Path) -> None:
    found = look(tmp_path, table(chance=np.random.default_rng(9).random(2000).round(2)), drift={}, quality={})
    assert bad(found)["performance", "", "roc_auc"] == "breach"
    assert ("performance", "carrier=UA", "roc_auc") in bad(found)


@pytest.mark.parametrize(
    ("content", "status"), [(None, "missing"), (b"", "unreadable"), (b"broken", "unreadable")]
)
def test_a_batch_that_is_no_table_says_so(tmp_path: Path, content: bytes | None, status: str) -> None:
    reference = monitor.profile(wish(), [write(tmp_path, "ref.parquet", **table())])
    file = tmp_path / "x.parquet"
    if content is not None:
        file.write_bytes(content)
    found = monitor.watch("flights", "x", wish(), reference, file)
    assert (found.status, bool(found.reason), found.findings) == (status, True, ())


def test_an_empty_batch_says_so(tmp_path: Path) -> None:
    assert look(tmp_path, table(rows=0)).status == "empty"


def test_a_reference_without_a_named_column_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path, "ref.parquet", a=[1])
    with pytest.raises(monitor.NoColumn, match="no column 'b'"):
        monitor.profile(wish(columns=["b"]), [file])


@pytest.mark.parametrize(
    ("value", "limits", "status"),
    [
        (0.1, Limits(warning=0.1, breach=0.2), "warning"),
        (0.2, Limits(warning=0.1, breach=0.2), "breach"),
        (0.05, Limits(warning=0.1, breach=0.2), "ok"),
        (0.7, Limits(warning=0.7, breach=0.6), "warning"),
        (0.59, Limits(warning=0.7, breach=0.6), "breach"),
        (0.8, Limits(warning=0.7, breach=0.6), "ok"),
        (None, Limits(warning=0, breach=1), "ok"),
        (9.0, Limits(), "ok"),
    ],
)
def test_limits(value: float | None, limits: Limits, status: str) -> None:
    from modelbook.monitor import judge

    assert judge.status(value, limits) == status


# -- engines


@pytest.fixture(params=["duckdb", "datafusion"])
def engine(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    return str(request.param)


def both(tmp_path: Path, batch: dict[str, object], **more: object) -> tuple[Watch, Watch]:
    pytest.importorskip("datafusion")
    return look(tmp_path, batch, **more), look(tmp_path, batch, engine="datafusion", **more)


def odd_table() -> dict[str, object]:
    """With all that counting may trip over."""
    dice = np.random.default_rng(8)
    temp = np.round(dice.normal(13, 3, 2000), 1)
    temp[:100], temp[100:110], temp[110:120] = np.nan, np.inf, -np.nan
    carrier = np.array(dice.choice(["UA", "DL", 'it"s;', "ß"], 2000), dtype=object)
    carrier[:50] = None
    late = [None if at % 3 == 0 else bool(at % 2) for at in range(2000)]
    return table(temp=temp, carrier=carrier, late=late, id=np.arange(2000) // 2)


def test_a_second_engine_says_the_same_of_all_that_is_counted_exactly(tmp_path: Path) -> None:
    own = {"metrics": {"late-calls": "avg(CASE WHEN p >= 0.5 THEN y END)", "far": "sum(temp * 0) + max(p)"}}
    for batch in (odd_table(), table()):
        first, second = both(tmp_path, batch, **own)
        assert [item.name for item in second.columns] == [item.name for item in first.columns]
        for one, other in zip(first.columns, second.columns, strict=True):
            assert (other.bins, other.reference, other.batch) == (one.bins, one.reference, one.batch)
            assert near(other.measures) == near(one.measures)
        for score, same in zip(first.performance, second.performance, strict=True):
            assert (same.segment, same.rows, same.labelled) == (score.segment, score.rows, score.labelled)
            assert near(same.metrics) == near(score.metrics)
        assert bad(second) == bad(first)


def near(measures: Mapping[str, float | None]) -> dict[str, float | None]:
    """To nine digits: sums of doubles come in any order."""
    return {name: value and float(f"{value:.9g}") for name, value in measures.items()}


def test_a_second_engine_is_close_where_numbers_are_counted_in_bins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bins are its own; both are as close to the truth as the documentation says."""
    pytest.importorskip("datafusion")
    from modelbook.monitor import drift

    monkeypatch.setattr(tables, "MOST_DISTINCT", 1000)
    dice = np.random.default_rng(5)
    old, new = dice.lognormal(size=60_000) - 2, dice.lognormal(0.3, 1.1, size=60_000) - 2
    new[:10] = np.nan
    exact = drift.distribution(old), drift.distribution(new)
    files = write(tmp_path, "old.parquet", x=old), write(tmp_path, "new.parquet", x=new)
    with tables.opened(files[:1], "datafusion") as held:
        bounds = held.bounds("x")
        assert bounds is not None and len(bounds.edges) > 1500
        first = held.count("x", bounds)
    with tables.opened(files[1:], "datafusion") as held:
        second = held.count("x", bounds)
    with tables.opened(files[1:]) as held:
        same = held.count("x", bounds)
    assert first.numbers is not None and second.numbers is not None and same.numbers is not None
    assert second.missing == 10
    assert second.numbers.values.tolist() == same.numbers.values.tolist(), "in equal bins they count alike"
    assert second.numbers.counts.tolist() == same.numbers.counts.tolist()
    pair = first.numbers, second.numbers
    assert drift.wasserstein(*pair) == pytest.approx(drift.wasserstein(*exact), rel=0.02)
    assert drift.kolmogorov_smirnov(*pair)[0] == pytest.approx(drift.kolmogorov_smirnov(*exact)[0], abs=0.002)


def test_files_of_any_kind_are_read(tmp_path: Path, engine: str) -> None:
    (tmp_path / "a.csv").write_text("x,who\n1.5,a\n,b\n", encoding="utf-8")
    folder = tmp_path / "day"
    write(folder, "1.parquet", x=[1.0], who=["a"])
    write(folder, "2.parquet", who=["b"], x=[None])
    (folder / "notes.md").write_text("no data", encoding="utf-8")
    for path in (tmp_path / "a.csv", folder):
        with tables.opened([path], engine) as held:
            assert (held.count("x").missing, held.count("who").categories) == (1, {"a": 1, "b": 1})
    broken = write_bytes(tmp_path / "b.parquet", b"PAR1 broken")
    for path in (broken, write_bytes(folder / "3.parquet", b"PAR1 broken").parent):
        with (
            pytest.raises(Unreadable, match=rf"{path.name} cannot be read") as caught,
            tables.opened([path], engine),
        ):
            pass
        assert str(tmp_path).lstrip("/") not in str(caught.value), "results are the same on any machine"
    with (
        pytest.raises(Unreadable, match="no Parquet or CSV file"),
        tables.opened([tmp_path / "none"], engine),
    ):
        pass


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    (path.parent / "none").mkdir(exist_ok=True)
    return path


def test_an_engine_that_is_not_there_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "datafusion", None)
    with pytest.raises(monitor.MissingLibrary) as caught, tables.opened([], "datafusion"):
        pass
    assert "modelbook[datafusion]" in caught.value.hint


# -- times, metrics of the project's own


def hours(*days: int) -> object:
    return pa.array([at * 86_400_000_000 for at in days], pa.timestamp("us", "UTC"))


def timed(tmp_path: Path, name: str, engine: str, rows: object) -> Watch:
    asked = Monitor(reference="ref.parquet", batches="*.parquet", time="at", drift={})
    asked = asked.model_copy(update={"engine": engine})
    reference = monitor.profile(asked, [write(tmp_path, "ref.parquet", x=[1, 2, 3, 4], at=rows)])
    return monitor.watch("m", name, asked, reference, write(tmp_path, "b.parquet", x=[1, 2, 3, 4], at=rows))


def test_rows_of_another_time_than_the_batch_is_called_by_are_told(tmp_path: Path, engine: str) -> None:
    january = hours(0, 10, 30, 30)
    found = timed(tmp_path, "1970-01", engine, january)
    assert (found.status, found.first, found.last) == ("ok", "1970-01-01T00:00:00", "1970-01-31T00:00:00")
    found = timed(tmp_path, "1970-01", engine, hours(0, 10, 30, 31))
    [out] = [item for item in found.findings if item.status != "ok"]
    assert (out.measure, out.value, out.status) == ("period", 0.25, "breach")
    assert out.note == "the batch is of 1970-01, its rows from 1970-01-01T00:00:00 to 1970-02-01T00:00:00"
    found = timed(tmp_path, "anything", engine, january)
    assert (found.status, found.first) == ("ok", "1970-01-01T00:00:00")
    found = timed(tmp_path, "1970-01", engine, ["a", "b", "c", "d"])
    assert [(item.measure, item.status) for item in found.findings if item.status != "ok"] == [
        ("type", "breach")
    ]


def test_metrics_of_the_projects_own_are_measured_and_judged(tmp_path: Path) -> None:
    own = {"hit-rate": "sum(CASE WHEN p >= 0.5 THEN y END) / sum(y)"}
    found = look(tmp_path, table(), metrics=own, performance={"hit-rate": {"warning": 0.9, "breach": 0.1}})
    data = table()
    late, chance = np.array(data["late"]), np.array(data["chance"])
    assert found.performance[0].metrics["hit-rate"] == pytest.approx(late[chance >= 0.5].sum() / late.sum())
    assert bad(found)["performance", "", "hit-rate"] == "warning"
    assert {score.segment for score in found.performance if "hit-rate" in score.metrics} == {
        "", "carrier=UA", "carrier=DL", "carrier=AA",
    }  # fmt: skip
    found = look(tmp_path, table(), metrics={"hit-rate": "sum(nothing)"})
    assert bad(found)["performance", "", "hit-rate"] == "breach"
    assert "roc_auc" in found.performance[0].metrics, "the others are measured all the same"


def test_metrics_of_the_projects_own_need_no_column_but_prediction_and_label(
    tmp_path: Path, engine: str
) -> None:
    file = write(tmp_path, "bare.parquet", p=[0.25, 0.75], y=[0.0, 1.0])
    with tables.opened([file], engine) as held:
        [whole] = performance.measured(held, "p", "y", own={"mean": "avg(p + y)"})
    assert whole.metrics["mean"] == 1.0


def test_the_order_of_rows_does_not_matter(tmp_path: Path, engine: str) -> None:
    batch = odd_table()
    order = np.random.default_rng(4).permutation(2000)
    turned = {name: np.array(values, dtype=object)[order].tolist() for name, values in batch.items()}
    first, second = look(tmp_path, batch, engine=engine), look(tmp_path, turned, engine=engine)
    assert (second.status, bad(second)) == (first.status, bad(first))
    for one, other in zip(first.columns, second.columns, strict=True):
        assert (other.name, other.batch, near(other.measures)) == (one.name, one.batch, near(one.measures))
