"""The one rule of equal, better and best: in Python, in the browser, and in all that picks or colours."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from playwright.sync_api import Browser

import sample
from modelbook import catalog, diff, gates, judge, pages, verdict
from modelbook.pages import experiments
from modelbook.pages.index import Index, best, tops
from modelbook.records import Gate, MetricInfo, Project, Run, Value

ASSETS = Path(__file__).parent.parent / "site_templates" / "assets"

NUMBERS = (-1.0, -0.005, 0.0, 1e-13, 0.1, 0.7, 0.7 - 1e-13, 0.695, 0.705, 0.71, 1e300, -1e300)
RULES = [
    MetricInfo(name="m", direction=direction, atol=atol, rtol=rtol, min_delta=least)
    for direction, atol, rtol, least in itertools.product(
        ("maximize", "minimize", None), (0.0, 0.005, 0.01), (0.0, 0.01), (0.0, 0.005, 0.01)
    )
]
CASES = [(info, one, other) for info in RULES for one in NUMBERS for other in NUMBERS]

finite = st.floats(allow_nan=False, allow_infinity=False)
infos = st.builds(
    MetricInfo,
    name=st.just("m"),
    direction=st.sampled_from(["maximize", "minimize", None]),
    atol=st.floats(0, 1),
    rtol=st.floats(0, 0.5),
    min_delta=st.floats(0, 1),
)


@pytest.mark.parametrize(
    ("before", "after", "more", "says"),
    [
        (0.7, 0.71, {}, True),
        (0.7, 0.69, {}, False),
        (0.7, 0.7, {}, None),
        (0.7, 0.705, {"atol": 0.005}, None),  # equal, though 0.705 - 0.7 is more than 0.005 in binary
        (0.7, 0.706, {"atol": 0.005}, True),
        (0.7, 0.694, {"atol": 0.005}, False),
        (100.0, 101.0, {"rtol": 0.01}, None),
        (100.0, 98.0, {"rtol": 0.01}, False),
        (0.7, 0.705, {"min_delta": 0.01}, None),  # better, by less than is asked for
        (0.7, 0.71, {"min_delta": 0.01}, True),
        (0.7, 0.695, {"min_delta": 0.01}, False),  # what is worse is worse
        (0.7, 0.6, {"direction": "minimize"}, True),
        (0.7, 0.6, {"direction": None}, None),
    ],
)
def test_a_change_is_better_worse_or_none(
    before: float, after: float, more: dict[str, Any], says: bool | None
) -> None:
    info = MetricInfo(name="m", **{"direction": "maximize", **more})
    assert judge.better(info, before, after) is says


@given(infos, st.lists(finite, min_size=1, max_size=8))
def test_nothing_is_better_than_the_best(info: MetricInfo, values: list[float]) -> None:
    found = judge.best(info, [(value, value) for value in values])
    assert (found is None) == (info.direction is None)
    assert found is None or not any(judge.better(info, found, value) for value in values)


@given(infos, finite, finite)
def test_a_gate_agrees_with_the_colour(info: MetricInfo, before: float, after: float) -> None:
    """What a gate on the change lets pass is not red, and what it asks for is green where it passes."""
    rules = [
        Gate(metric="m", kind=kind, limit=limit, direction=info.direction, atol=info.atol, rtol=info.rtol)
        for kind, limit in (("max_regression", 0.0), ("min_delta", info.min_delta))
    ]
    old, new = (_run("r", m=value) for value in (before, after))
    held, asked = gates.judge(rules, new, old)
    says = judge.better(info, before, after)
    if says is False and not math.isclose(before, after, rel_tol=1e-9, abs_tol=1e-11):
        assert (held.passed, asked.passed if info.min_delta else False) == (False, False)
    if says is True:
        assert (held.passed, asked.passed) == (True, True)


def _run(name: str, **metrics: float) -> Run:
    values = tuple(Value(name=key, value=value) for key, value in metrics.items())
    digest = f"{abs(hash((name, values))):012x}"[:12]
    return Run(id=digest, name=name, experiment=name, commit="c", commits=("c",), metrics=values)


EQUALS = MetricInfo(name="m", direction="maximize", atol=0.01)


def test_all_that_pick_the_best_pick_the_same() -> None:
    """0.705 is equal to 0.70, which was there first, and the best; 0.68 is not."""
    newest_first = [_run("new", m=0.705), _run("old", m=0.70), _run("bad", m=0.68)]
    assert best(newest_first, EQUALS).name == "old"  # type: ignore[union-attr]
    ranking = catalog.rank(newest_first, EQUALS).ranked
    assert [(row.rank, row.tied, row.run.name) for row in ranking] == [
        (1, True, "old"),
        (1, True, "new"),
        (3, False, "bad"),
    ]
    assert tops(newest_first, EQUALS) == {run.id for run in newest_first[:2]}
    side = verdict.Side(label="x")
    found = verdict.of(
        verdict.Held(side, newest_first[1:]),
        verdict.Held(side, newest_first),
        Project(name="p", gates=(Gate(metric="m", kind="floor", limit=0.0, atol=0.01),)),
        infos=[MetricInfo(name="m", direction="maximize")],
        headlines={"": "m"},
    )
    assert found.leaders == ()  # the best is what it was


def test_a_delta_within_the_tolerance_has_no_tone() -> None:
    old, new = _run("a", m=0.70), _run("a", m=0.705)
    assert [change.better for change in diff.runs(old, new, [EQUALS]).metrics] == [None]
    exact = replace(EQUALS, atol=0.0)
    assert [change.better for change in diff.runs(old, new, [exact]).metrics] == [True]


def test_gates_say_how_a_catalogs_metrics_are_read() -> None:
    rules = (
        Gate(metric="auc", kind="max_regression", limit=0.1, atol=0.01, rtol=0.02),
        Gate(metric="auc", kind="min_delta", limit=0.005, atol=0.01, rtol=0.02),
    )
    read = judge.ruled([MetricInfo(name="train.json:auc"), MetricInfo(name="loss")], rules)
    assert [(info.atol, info.rtol, info.min_delta) for info in read] == [(0.01, 0.02, 0.005), (0.0, 0.0, 0.0)]


def test_leaderboards_mark_the_best_that_the_rule_picks() -> None:
    """With a tolerance wider than all values are apart, the oldest run of each pipeline leads."""
    found = sample.catalog()
    wide = replace(found, metrics=tuple(replace(info, atol=100.0) for info in found.metrics))
    index = Index(wide)
    for group in experiments.listing(index, "").groups:
        leads = [row for row in group.rows if row.lead]
        assert leads == list(group.rows[:1]) or not leads
    info = index.headlines["flights"]
    scored = [run for run in wide.runs if run.pipeline == "flights" and run.metric(info.name)]
    top = index.tops["flights"]
    assert top is not None
    assert top.id == [run for run in scored if run.metric(info.name).number is not None][-1].id  # type: ignore[union-attr]


def test_the_rule_reaches_the_browser() -> None:
    plain = sample.catalog()
    ruled = replace(plain, metrics=tuple(replace(info, atol=0.25) for info in plain.metrics))
    found = [item for page in pages.compose(ruled, sample.BLOBS.get) for item in page.data]
    found += pages.plan(ruled, sample.BLOBS.get).gather({})[0]
    data = {item.name: item.value for item in found}
    assert data["run-index"]["metrics"]["roc_auc"]["atol"] == 0.25
    columns = {column["key"]: column for column in data["runs"]["columns"]}
    assert columns["metrics.roc_auc"]["atol"] == 0.25


@pytest.mark.browser
def test_the_browsers_script_judges_as_python_does(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<p></p>")
    page.evaluate("window.Modelbook = {}")
    page.add_script_tag(content=(ASSETS / "judge.js").read_text(encoding="utf-8"))
    rows = [
        [{"direction": i.direction, "atol": i.atol, "rtol": i.rtol, "min_delta": i.min_delta}, a, b]
        for i, a, b in CASES
    ]
    found = page.evaluate(
        "rows => rows.map(([rule, a, b], _, __, judge = Modelbook.judge) => [judge.better(rule, a, b), "
        "judge.equal(rule, a, b), judge.isBest(rule, a, judge.best(rule, [a, b, NaN]))])",
        rows,
    )
    page.close()
    expected = [
        [
            judge.better(info, a, b),
            judge.equal(a, b, atol=info.atol, rtol=info.rtol),
            _is_best(info, a, b),
        ]
        for info, a, b in CASES
    ]
    wrong = [
        (case, ours, theirs)
        for case, ours, theirs in zip(CASES, expected, found, strict=True)
        if ours != theirs
    ]
    assert not wrong, wrong[:5]
    assert {row[0] for row in expected} == {True, False, None}


def _is_best(info: MetricInfo, one: float, other: float) -> bool:
    return judge.best(info, [(one, 0), (other, 1)]) == 0
