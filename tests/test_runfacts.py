"""The data of a run beside its page: complete, bounded, and plain JSON whatever the repository holds."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import sample
from modelbook import pages
from modelbook.pages import runfacts
from modelbook.pages.drawings import Drawing
from modelbook.records import State, Value
from modelbook.site import escape

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=8,
)


def run_of(name: str) -> Any:
    return next(run for run in sample.RUNS if run.name == name)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    composed = pages.compose(sample.catalog(), sample.BLOBS.get)
    return {page.context.id: page for page in composed if page.bulk == "run"}


def test_a_runs_facts_stand_beside_its_page(made: dict[str, Any]) -> None:
    run = run_of("gbm")
    (data,) = made[run.id].data
    assert data.path == f"runs/{run.id}/data.js"
    assert data.name == f"run:{run.id}" == made[run.id].context.data.text
    facts = data.value
    assert (facts["id"], facts["name"], facts["commit"]) == (run.id, "gbm", run.commit)
    assert ["model.learning_rate", 0.1] in facts["params"]
    assert ["roc_auc", 0.7405] in facts["metrics"]
    assert facts["environments"][0]["peak"] == 734_003_200
    assert ["numpy", "2.1.0"] in facts["packages"][facts["environments"][0]["packages"]]
    assert facts["stages"][1][0] == "flights-train@gbm"
    assert [item[0] for item in facts["datasets"]] == ["data/flights.parquet"]
    assert [plot["title"] for plot in facts["plots"] if plot.get("figure")] == [
        "ROC curve", "Learning curve", "confusion",
    ]  # fmt: skip
    assert next(plot for plot in facts["plots"] if plot["title"] == "importance")["state"] == "not_pulled"


@pytest.mark.parametrize("name", ["unpulled", "unreadable", "never"])
def test_a_value_that_is_not_there_says_why(made: dict[str, Any], name: str) -> None:
    (value,) = made[run_of(name).id].data[0].value["metrics"]
    assert value[:2] == ["accuracy", None]
    assert value[2] == {"unpulled": "not_pulled"}.get(name, name)
    assert (value[3] == "512 B") is (name == "unpulled")


@given(st.lists(st.tuples(st.text(), VALUES)))
def test_whatever_a_param_is_the_data_is_json(values: list[tuple[str, Any]]) -> None:
    run = replace(run_of("bare"), params=tuple(Value(name=name, value=value) for name, value in values))
    found = json.loads(escape.script_json(runfacts.facts(run, ())))["params"]
    assert len(found) == len({name for name, _ in values})


def test_numbers_that_json_lacks_keep_their_names() -> None:
    values = tuple(Value(name=str(at), value=value) for at, value in enumerate((math.nan, -math.inf)))
    found = runfacts.facts(replace(run_of("bare"), metrics=values), ())["metrics"]
    assert found == [["0", "NaN"], ["1", "-Infinity"]]


def test_a_run_of_a_million_values_stays_small() -> None:
    many = tuple(Value(name=f"m{at}", value="x" * 10_000) for at in range(5_000))
    lists = (Value(name="list", value=list(range(100_000))),)
    missing = tuple(Value(name=f"n{at}", state=State.UNREADABLE, reason="y" * 10_000) for at in range(2_000))
    facts = runfacts.facts(replace(run_of("gbm"), metrics=many, params=lists + missing), ())
    assert len(facts["metrics"]) == len(facts["params"]) == runfacts.MOST_VALUES
    assert len(facts["params"][0][1]) == runfacts.LONGEST
    assert len(json.dumps(facts)) < 1_000_000


def test_figures_beyond_the_room_stay_still_drawings() -> None:
    def drawing(key: str, points: int) -> Drawing:
        figure = {"data": [{"x": [0] * points, "y": [0] * points}, {"z": [[1, 2], [3, 4]]}], "layout": {}}
        return Drawing(key, key, svg="<svg/>", figure=figure)

    large = runfacts.MOST_NUMBERS // 2
    kept = runfacts.interactive([drawing("a", 10), drawing("b", large), drawing("c", 10)])
    assert [item.figure is not None for item in kept] == [True, False, True]
    assert all(item.svg for item in kept)
