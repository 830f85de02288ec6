"""Charts: SVG that is well-formed, accessible, bounded and the same every time, whatever the data holds."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelbook import charts
from modelbook.charts import _svg, scales
from modelbook.charts._clusters import fold
from modelbook.charts._layers import place
from modelbook.charts.dvc import number, numbers
from modelbook.charts.matrix import MatrixChart, confusion_chart
from modelbook.records import Graph, Node, Plot, State

SVG = "{http://www.w3.org/2000/svg}"
CSS = Path(__file__).parents[1] / "site_templates" / "assets" / "charts.css"
WILD = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["0.5", "nan", "inf", "1e400", "-1e-320", "1_0", " 3 ", "<b>"]),
    st.lists(st.integers(), max_size=2),
)
columns = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.lists(cells, max_size=30), max_size=3)
templates = st.sampled_from(
    [
        *("linear", "simple", "smooth", "scatter", "confusion", "confusion_normalized"),
        *("bar_horizontal", "bar_horizontal_sorted", "image", "made-up"),
    ]
)


def plot(x: str | None = "x", y: tuple[str | None, ...] = ("y",), **more: Any) -> Plot:
    return Plot(name=more.pop("name", "p"), x=x, y=tuple(("f.csv", field) for field in y), **more)


def parse(svg: str) -> ElementTree.Element:
    """The drawing, after checking what holds for each: well-formed, named, described, bounded by its box."""
    root = ElementTree.fromstring(svg)
    ids = {node.get("id") for node in root.iter() if node.get("id")}
    assert root.get("role") in ("img", "group")
    assert set((root.get("aria-labelledby") or "").split()) <= ids
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and title.text
    assert desc is not None and desc.text
    numbers = [
        node.get(name, "")
        for node in root.iter()
        for name in ("d", "x", "y", "cx", "cy", "points", "viewBox")
    ]
    assert not any(re.search("nan|inf", value) for value in numbers)
    return root


def texts(root: ElementTree.Element) -> list[str]:
    return [node.text or "" for node in root.iter(f"{SVG}text")]


def lines(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The lines of series, without those of the axes."""
    return [path for path in root.iter(f"{SVG}path") if path.get("class") not in ("mb-grid", "mb-axis")]


def drawn(plotted: Plot, data: Any) -> ElementTree.Element:
    chart = charts.from_plot(plotted, data)
    json.dumps(chart.plotly(), allow_nan=False)
    return parse(chart.svg("k"))


# Numbers and scales


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [
        (0.123456, "", "0.1235"),
        (12, "", "12"),
        (1e9, "", "1e9"),
        (-0.5, ".2f", "−0.50"),
        (0.00001, "", "1e-5"),
        (math.nan, "", "NaN"),
        (0.5, "not a format", "0.5"),
    ],
)
def test_numbers_are_written_for_people(value: float, spec: str, shown: str) -> None:
    assert _svg.number(value, spec) == shown


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
@WILD
def test_linear_ticks_are_few_distinct_and_inside(a: float, b: float) -> None:
    low, high = scales.widen(min(a, b), max(a, b))
    ticks = scales.linear_ticks(low, high)
    assert 1 <= len(ticks) <= 13
    values = [value for value, _ in ticks]
    assert all(before < after for before, after in pairwise(values))
    slack = (high - low) * 1e-6
    assert all(low - slack <= value <= high + slack for value in values)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.701, 0.748, ["0.71", "0.72", "0.73", "0.74"]),
        (0, 2e7, ["0", "5e6", "1.0e7", "1.5e7", "2.0e7"]),
        (0, 250, ["0", "50", "100", "150", "200", "250"]),
    ],
)
def test_tick_labels_have_the_digits_they_need(low: float, high: float, labels: list[str]) -> None:
    assert [name for _, name in scales.linear_ticks(low, high)] == labels


def test_log_ticks_are_powers_of_ten() -> None:
    assert [name for _, name in scales.log_ticks(1e-5, 10)] == [
        "1e-5",
        "0.0001",
        "0.001",
        "0.01",
        "0.1",
        "1",
        "10",
    ]
    assert [name for _, name in scales.log_ticks(0.05, 0.4)] == ["0.05", "0.1", "0.2"]


@given(st.floats(-6.2e10, 2.5e11), st.floats(1, 1e11))
@WILD
def test_date_ticks_are_few_and_inside(start: float, span: float) -> None:
    ticks = scales.date_ticks(start, start + span)
    assert len(ticks) <= 12
    assert all(start - 1 <= value <= start + span + 1 for value, _ in ticks)


def test_date_ticks_are_labelled_as_precisely_as_they_are_apart() -> None:
    day = scales.timestamp("2024-03-01T00:00:00+02:00")
    assert day is not None
    assert scales.date_ticks(day, day + 90 * 86400)[0][1] == "Mar 2024"
    assert scales.date_ticks(day, day + 5 * 86400)[0][1] == "2024-03-01"
    assert scales.date_ticks(day, day + 3600)[0][1] == "Feb 29 22:00"


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), max_size=3000))
@WILD
def test_thinning_is_bounded_and_keeps_extremes_ends_and_gaps(values: list[float | None]) -> None:
    kept = list(scales.thin(values, 1000))
    assert kept == sorted(set(kept)) and len(kept) <= 1000
    known = [value for value in values if value is not None]
    left = [values[at] for at in kept]
    assert not known or {min(known), max(known)} <= set(left)
    assert (None in left) == (None in values)
    if known:
        assert next(value for value in left if value is not None) == known[0]


# Charts


@given(
    columns,
    templates,
    st.sampled_from(["x", "y", None]),
    st.lists(st.sampled_from(["y", "z", None]), max_size=3),
)
@settings(parent=WILD, max_examples=300)
def test_no_data_makes_it_fail(
    data: dict[str, list[Any]], template: str, x: str | None, y: list[str | None]
) -> None:
    drawn(plot(x, tuple(y), template=template, title="t"), data)
    drawn(plot(x, tuple(y), template=template), {"f.csv": data})


@given(st.text(), st.text(), st.text(min_size=1))
@WILD
def test_hostile_text_stays_text(title: str, label: str, key: str) -> None:
    series = [charts.Series(name=label + str(at), x=[1, 2], y=[1, 2]) for at in range(2)]
    chart = charts.xy_chart(title, series, x=charts.Axis(label=label), y=charts.Axis(label=label, unit=title))
    root = parse(chart.svg(key))
    allowed = {f"{SVG}{name}" for name in ("svg", "title", "desc", "text", "g", "line", "path")}
    assert {node.tag for node in root.iter()} <= allowed


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,x", "vbscript:x"]
)
def test_links_that_run_code_are_dropped(href: str) -> None:
    points = [
        charts.Point(date="2024-01-01", value=1, href=href),
        charts.Point(date="2024-01-02", value=2, href="a:b"),
    ]
    assert "href" not in charts.history_chart("t", points).svg("k")
    assert "href" not in charts.bar_chart("t", [charts.Bar(name="a", value=1, href=href)]).svg("k")


def test_drawing_twice_gives_the_same_bytes_and_keys_give_the_ids() -> None:
    chart = charts.from_plot(plot(), {"x": [1.0, 2.0, 3.0], "y": [1.0, 0.5, 0.25]})
    assert chart.svg("a") == chart.svg("a")
    assert 'id="mb-a-title"' in chart.svg("a")
    assert _svg.identifier("a b") != _svg.identifier("a-b")
    assert re.fullmatch(r"[A-Za-z][\w-]*", _svg.identifier("ü <>"))


def test_gaps_break_the_line() -> None:
    root = drawn(plot(), {"x": [0, 1, 2, 3, 4, 5], "y": [1, 2, math.nan, 3, 4, 5]})
    (path,) = lines(root)
    assert (path.get("d") or "").count("M") == 2
    assert "1 missing" in (root.findtext(f"{SVG}desc") or "")


def test_a_point_between_gaps_is_still_seen() -> None:
    root = drawn(plot(), {"x": [0, 1, 2, 3], "y": [None, 2, None, 3]})
    assert len(list(root.iter(f"{SVG}circle"))) == 2


def test_a_long_series_is_thinned_and_says_so() -> None:
    svg = charts.from_plot(plot(x=None), {"y": [math.sin(at / 50) for at in range(100_000)]}).svg("k")
    assert len(svg) < 20_000
    assert "thinned" in svg


def test_csv_text_counts_as_numbers_and_the_last_column_is_the_default() -> None:
    data = charts.read_columns("p.csv", b"step,loss\n0,0.5\n1,0.25\n")
    root = drawn(plot("step", (None,)), data)
    assert "loss" in texts(root) and "step" in texts(root)


@pytest.mark.parametrize(
    ("x", "y", "title", "name"),
    [
        ("fpr", "tpr", "p", "no skill"),
        ("prob_pred", "prob_true", "p", "perfectly calibrated"),
        ("x", "y", "ROC", "no skill"),
    ],
)
def test_roc_and_calibration_get_their_diagonal(x: str, y: str, title: str, name: str) -> None:
    assert name in texts(drawn(plot(x, (y,), title=title), {x: [0, 0.5, 1], y: [0, 0.8, 1]}))


def test_no_diagonal_where_the_axes_are_no_rates() -> None:
    assert "no skill" not in texts(drawn(plot("fpr", ("tpr",)), {"fpr": [0, 50, 100], "tpr": [0, 80, 100]}))
    assert "no skill" not in texts(
        drawn(plot("step", ("loss",), title="Process"), {"step": [0, 1], "loss": [0, 1]})
    )


def test_several_series_have_a_legend_and_differ_in_more_than_colour() -> None:
    data: dict[str, list[Any]] = {"x": [1, 2], **{f"s{at}": [at, at + 1] for at in range(10)}}
    fields: tuple[str | None, ...] = tuple(f"s{at}" for at in range(10))
    root = drawn(plot("x", fields), data)
    assert {f"s{at}" for at in range(10)} <= set(texts(root))
    looks = [(node.get("stroke"), node.get("stroke-dasharray")) for node in lines(root)]
    assert len(set(looks)) == 10
    shapes = drawn(plot("x", ("s1", "s2", "s3"), template="scatter"), data)
    assert {"circle", "polygon"} <= {node.tag.removeprefix(SVG) for node in shapes.iter()}


def test_files_of_one_field_are_told_apart_by_their_names() -> None:
    both = Plot(name="p", x="x", y=(("a/loss.csv", "loss"), ("b/loss.csv", "loss")))
    table = {"x": [1, 2], "loss": [2, 1]}
    assert {"a/loss.csv", "b/loss.csv"} <= set(texts(drawn(both, {"a/loss.csv": table, "b/loss.csv": table})))


def test_smoothing_shows_the_raw_values_faintly_in_the_same_colour() -> None:
    root = drawn(plot(template="smooth"), {"x": [0, 1, 2, 3], "y": [0, 1, 0, 1]})
    raw, smooth = lines(root)
    assert raw.get("stroke") == smooth.get("stroke")
    assert raw.get("stroke-opacity") and not smooth.get("stroke-opacity")


def test_the_best_of_a_history_is_marked_in_its_direction() -> None:
    points = [
        charts.Point(date=f"2024-01-0{at + 1}", value=value) for at, value in enumerate([0.5, 0.9, 0.7])
    ]
    assert "best 0.9" in texts(parse(charts.history_chart("t", points, direction="maximize").svg("k")))
    assert "best 0.5" in texts(parse(charts.history_chart("t", points, direction="minimize").svg("k")))
    assert "best" not in charts.history_chart("t", points, by_commit=True).svg("k").replace("mb-best", "")


def test_values_beside_a_point_are_pale_and_off_the_line() -> None:
    points = [
        charts.Point(date=f"2024-01-0{day}", value=0.9, beside=(charts.Point(date="", value=0.1 * day),))
        for day in (1, 2, 3)
    ]
    root = parse(charts.history_chart("t", points, metric="auc", line="best", beside="others").svg("k"))
    pale = [group for group in root.iter(f"{SVG}g") if group.get("opacity")]
    assert {"best", "others"} <= set(texts(root))
    assert len(list(pale[-1].iter(f"{SVG}circle"))) == 3
    (line,) = (path for path in root.iter(f"{SVG}path") if path.get("stroke-width") == "2")
    assert len({at.split(" ")[1] for at in re.split("[ML]", line.get("d") or "")[1:]}) == 1


@pytest.mark.parametrize("dates", [("2024-01-01", "2024-01-01"), ("2024-01-01", "")])
def test_points_that_share_a_date_or_have_none_are_numbered(dates: tuple[str, str]) -> None:
    points = [charts.Point(date=date, value=at) for at, date in enumerate(dates)]
    shown = texts(parse(charts.history_chart("t", points).svg("k")))
    assert {"1", "2", "commit, in order"} <= set(shown)


@given(st.integers(0, 10**9), st.integers(60, 10**8))
def test_labels_of_the_x_axis_stay_inside_the_drawing(start: int, span: int) -> None:
    dates = [scales.moment(start + at * span / 7).isoformat() for at in range(8)]
    root = parse(charts.history_chart("t", [charts.Point(date=date, value=1) for date in dates]).svg("k"))
    width = float((root.get("viewBox") or "").split()[2])
    (ticks,) = (group for group in root.iter(f"{SVG}g") if group.get("text-anchor") == "middle")
    assert len(ticks)
    for one in ticks:
        half = _svg.text_width("".join(one.itertext()), 11) / 2
        assert half <= float(one.get("x") or 0) <= width - half


def test_error_bars_reach_one_deviation_and_widen_the_axis() -> None:
    chart = charts.xy_chart("t", [charts.Series(x=[1, 2], y=[10, 10], error=[5, None])])
    labels = [float(text) for text in texts(parse(chart.svg("k"))) if text.replace(".", "").isdigit()]
    assert max(labels) >= 14


def test_log_axes_leave_out_what_is_not_positive() -> None:
    chart = charts.xy_chart(
        "t", [charts.Series(x=[0.001, 0.1, 0, -1], y=[1, 2, 3, 4])], x=charts.Axis(kind="log")
    )
    assert "2 missing" in chart.svg("k")
    nothing = charts.xy_chart("t", [charts.Series(x=[-1], y=[1])], x=charts.Axis(kind="log"))
    assert "above zero" in nothing.reason


def test_confusion_counts_and_shares() -> None:
    data = {"actual": ["cat"] * 4 + ["dog"] * 2, "predicted": ["cat", "cat", "cat", "dog", "dog", "dog"]}
    counts = charts.from_plot(plot("predicted", ("actual",), template="confusion"), data)
    assert isinstance(counts, charts.MatrixChart)
    assert counts.classes == ("cat", "dog")
    assert counts.counts == ((3, 1), (0, 2))
    shares = drawn(plot("predicted", ("actual",), template="confusion_normalized"), data)
    assert {"0.75", "0.25", "0.00", "1.00", "actual", "predicted"} <= set(texts(shares))


def test_confusion_classes_are_in_natural_order_and_bounded() -> None:
    chart = charts.confusion_chart("t", [(str(at), at) for at in range(12)])
    assert isinstance(chart, charts.MatrixChart)
    assert chart.classes == tuple(str(at) for at in range(12))
    many = charts.confusion_chart("t", [(at, at) for at in range(100)])
    assert isinstance(many, charts.MatrixChart)
    assert (len(many.classes), many.left_out) == (40, 60)
    assert "60 rarest classes are left out" in many.svg("k")


def test_bars_keep_their_order_unless_sorted() -> None:
    data = {"importance": ["0.1", "0.5", "bad"], "name": ["a", "b", "c"]}
    plain = texts(drawn(plot("importance", ("name",), template="bar_horizontal"), data))
    ordered = texts(drawn(plot("importance", ("name",), template="bar_horizontal_sorted"), data))
    assert plain.index("a") < plain.index("b")
    assert ordered.index("b") < ordered.index("a")
    assert "c" not in plain


def test_mean_and_deviation() -> None:
    assert charts.mean_std([1, 2, 3, None, math.nan]) == (2, 1, 3)
    assert charts.mean_std([4]) == (4, None, 1)
    assert math.isnan(charts.mean_std([])[0])
    rows = [charts.Bar(name="gbm", value=0.75, error=0.01, note="n=3")]
    assert "0.7500 ± 0.0100 n=3" in texts(
        parse(charts.bar_chart("t", rows, dots=True, format=".4f").svg("k"))
    )


@given(st.lists(cells, max_size=200))
@WILD
def test_sparklines_are_tiny_and_draw_anything(values: list[Any]) -> None:
    svg = charts.sparkline(values, key="k", title="auc", direction="maximize")
    parse(svg)
    assert len(svg) < 4000


@pytest.mark.parametrize(
    ("made", "data", "reason"),
    [
        (plot(state=State.NOT_PULLED, reason="run `dvc fetch`"), {}, "run `dvc fetch`"),
        (plot(template="image"), {}, "it is an image"),
        (plot(), {"x": [1]}, "the data has no y"),
        (plot(), {"x": [1], "y": ["word"]}, "there is no number in the data"),
        (plot("missing", template="confusion"), {"y": [1]}, "the data has no missing to compare y with"),
        (plot(template="confusion"), {"x": [], "y": []}, "there are no rows in the data"),
    ],
)
def test_nothing_to_draw_says_why(made: Plot, data: dict[str, list[Any]], reason: str) -> None:
    chart = charts.from_plot(made, data)
    assert chart.reason == reason
    assert f"nothing to draw: {reason}"[:60] in "".join(texts(parse(chart.svg("k"))))
    assert chart.plotly()["data"] == []


def test_plotly_gets_plain_text_and_dates() -> None:
    figure = charts.history_chart(
        "<b>t</b>", [charts.Point(date="2024-01-01T01:00:00+01:00", value=1)]
    ).plotly()
    assert figure["layout"]["title"]["text"] == "&lt;b&gt;t&lt;/b&gt;"
    assert figure["data"][0]["x"] == ["2024-01-01T00:00:00"]
    assert figure["layout"]["xaxis"]["type"] == "date"


# Plot data files


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.csv", b"\xef\xbb\xbfx,y\r\n1,2\r\n3,4\r\n"),
        ("a.tsv", b"x\ty\n1\t2\n3\t4\n"),
        ("a.json", b'[{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]'),
        ("a.json", b'{"meta": {"n": 1}, "curve": {"rows": [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]}}'),
        ("a.yaml", b"- {x: '1', y: '2'}\n- {x: '3', y: '4'}\n"),
    ],
)
def test_plot_data_is_read_in_each_format(path: str, data: bytes) -> None:
    assert charts.read_columns(path, data) == {"x": ["1", "3"], "y": ["2", "4"]}


def test_rows_that_are_alike_are_rows_of_their_own() -> None:
    found = charts.read_columns("a.csv", b"x,y\n1,2\n1,2\n1,2\n\n1,2\n3\n3\n")
    assert found == {"x": ["1"] * 4 + ["3"] * 2, "y": ["2"] * 4 + [None] * 2}


def test_rows_without_a_header_or_of_unequal_length() -> None:
    assert charts.read_columns("a.csv", b"1,2\n3\n", header=False) == {"0": ["1", "3"], "1": ["2", None]}
    assert charts.read_columns("a.json", b'[{"x": 1}, {"y": 2}]') == {"x": [1, None], "y": [None, 2]}
    assert charts.read_columns("a.csv", b"") == {}


@given(st.sampled_from(["a.csv", "a.tsv", "a.json", "a.yaml", "a.png", "a"]), st.binary(max_size=60))
@WILD
def test_bad_plot_data_is_one_kind_of_error(path: str, data: bytes) -> None:
    try:
        columns = charts.read_columns(path, data)
    except charts.PlotDataError as error:
        assert error.reason and str(error).startswith(path)
    else:
        drawn(plot(None, (None,)), columns)


# Colours


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def variables() -> tuple[dict[str, str], dict[str, str]]:
    light, dark = re.findall(r"\{([^}]*--mb-s1[^}]*)\}", CSS.read_text("utf-8"))[:2]
    found = [dict(re.findall(r"--mb-([\w-]+): (#\w{6});", block)) for block in (light, dark)]
    return found[0], found[1]


@pytest.mark.parametrize(("scheme", "paper"), [(0, "#ffffff"), (1, "#1e2129")])
def test_colours_have_contrast_on_both_backgrounds(scheme: int, paper: str) -> None:
    colours = variables()[scheme]
    for name in (*(f"s{at}" for at in range(1, 9)), "ink", "muted"):
        assert contrast(colours[name], paper) >= 4.5, name
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    for level in range(8):
        text = colours["heat-low-text" if level < 4 else "heat-high-text"]
        assert contrast(colours[f"heat{level}"], text) >= 4.5, level


def test_the_fallback_colours_are_those_of_the_light_theme() -> None:
    light = variables()[0]
    assert tuple(light[f"s{at}"] for at in range(1, 9)) == _svg.PALETTE
    assert (light["ink"], light["muted"], light["grid"], light["paper"]) == (
        *(_svg.INK, _svg.MUTED, _svg.GRID, _svg.PAPER),
    )


# Lineage


def graph(edges: list[tuple[str, str]], extra: tuple[str, ...] = ()) -> Graph:
    names = sorted({name for edge in edges for name in edge} | set(extra))
    return Graph(
        nodes=tuple(Node(id=name, kind=name.split(":")[0], label=name.split(":")[-1]) for name in names),
        edges=tuple(sorted(edges)),
    )


@st.composite
def dags(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 40))
    kinds = ["data", "stage", "artifact", "run", "model", "environment", "odd"]
    names = [f"{draw(st.sampled_from(kinds))}:{at}" for at in range(count)]
    pairs = st.tuples(st.integers(0, max(count - 1, 0)), st.integers(0, max(count - 1, 0)))
    chosen = draw(st.lists(pairs, max_size=80)) if count else []
    edges = sorted({(names[min(pair)], names[max(pair)]) for pair in chosen if pair[0] != pair[1]})
    return graph(edges, tuple(names))


def boxes(root: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each node's front box."""
    found = []
    for group in root.iter(f"{SVG}g"):
        rect = group.findall(f"{SVG}rect")[-1]
        x, y, width, height = (float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    return found


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@given(dags(), st.booleans())
@settings(parent=WILD, max_examples=150)
def test_no_two_nodes_overlap_and_all_are_inside(drawn_graph: Graph, focused: bool) -> None:
    focus = drawn_graph.nodes[0].id if focused and drawn_graph.nodes else None
    svg = charts.lineage_svg(drawn_graph, key="l", focus=focus, href=lambda node: f"#{node.label}")
    root = parse(svg)
    if not drawn_graph.nodes:
        return
    _, _, width, height = (float(part) for part in (root.get("viewBox") or "").split())
    found = boxes(root)
    assert not any(overlap(one, other) for one, other in combinations(found, 2))
    assert all(min(x, y) >= 0 and right <= width and bottom <= height for x, y, right, bottom in found)


@given(dags())
@WILD
def test_arrows_point_right(drawn_graph: Graph) -> None:
    names = [node.id for node in drawn_graph.nodes]
    where = place(names, drawn_graph.edges, 40, 10)
    assert set(where.at) == set(names)
    assert all(where.at[source][0] < where.at[target][0] for source, target in drawn_graph.edges)


def test_a_source_stands_next_to_its_reader() -> None:
    where = place(["a", "b", "c", "late"], [("a", "b"), ("b", "c"), ("late", "c")], 40, 10)
    assert where.at["late"][0] == 1


def test_circles_and_strangers_do_no_harm() -> None:
    odd = Graph(
        nodes=(Node(id="stage:a", kind="stage", label="a"), Node(id="stage:b", kind="stage", label="b")),
        edges=(
            ("stage:a", "stage:b"),
            ("stage:b", "stage:a"),
            ("stage:a", "stage:a"),
            ("stage:a", "data:gone"),
        ),
    )
    assert len(boxes(parse(charts.lineage_svg(odd, key="l")))) == 2


def runs_graph(count: int) -> Graph:
    edges = [("data:raw.csv", "stage:prepare"), ("stage:prepare", "artifact:data/train.csv")]
    for at in range(count):
        stage, model, run = f"stage:train@r{at}", f"artifact:results/r{at}/model.skops", f"run:{at}"
        edges += [("artifact:data/train.csv", stage), (stage, model), (model, run)]
    return graph(edges)


def test_parallel_lanes_are_folded() -> None:
    root = parse(charts.lineage_svg(runs_graph(12), key="l"))
    assert len(boxes(root)) == 6
    assert {"… 12 stages", "… 12 artifacts", "… 12 runs", "model.skops"} <= set(texts(root))


def test_the_lane_of_the_focus_stays_open() -> None:
    focus = "artifact:results/r3/model.skops"
    root = parse(charts.lineage_svg(runs_graph(12), key="l", focus=focus))
    assert {"… 11 stages", "… 11 artifacts", "… 11 runs"} <= set(texts(root))
    focused = [
        node.get("data-node") for node in root.iter(f"{SVG}g") if "mb-focus" in (node.get("class") or "")
    ]
    assert focused == [focus]


def test_four_are_too_few_to_fold_and_strangers_are_not_folded() -> None:
    assert len(boxes(parse(charts.lineage_svg(runs_graph(4), key="l")))) == 15
    chains = graph([(f"data:{at}", f"stage:{at}") for at in range(6)])
    assert len(boxes(parse(charts.lineage_svg(chains, key="l")))) == 12


@given(dags())
@WILD
def test_folding_keeps_every_node_once(drawn_graph: Graph) -> None:
    groups, arrows = fold(drawn_graph.nodes, drawn_graph.edges, None)
    assert sorted(node.id for group in groups for node in group.members) == [
        node.id for node in drawn_graph.nodes
    ]
    ids = {group.id for group in groups}
    assert all(source in ids and target in ids and source != target for source, target in arrows)


def test_a_huge_graph_is_bounded_around_its_focus() -> None:
    chain = graph([(f"stage:s{at:04}", f"stage:s{at + 1:04}") for at in range(1500)])
    svg = charts.lineage_svg(chain, key="l", focus="stage:s0700")
    root = parse(svg)
    assert len(boxes(root)) == 500
    assert "1001 more nodes are left out." in texts(root)
    assert any("s0700" in name for name in texts(root))


def test_long_arrows_do_not_explode() -> None:
    names = [f"stage:s{at:03}" for at in range(200)]
    edges = [
        *pairwise(names),
        *((names[0], name) for name in names[2:]),
        *((name, names[-1]) for name in names[1:-2]),
    ]
    svg = charts.lineage_svg(graph(edges), key="l")
    assert len(boxes(parse(svg))) == 200
    assert len(svg) < 1_500_000


def test_links_and_labels_of_nodes() -> None:
    node = Node(id="data:x", kind="data", label="<data>/" + "long/" * 20 + "x.csv", detail="9 MB", md5="abc")
    root = parse(charts.lineage_svg(Graph(nodes=(node,)), key="l", href=lambda found: f"../{found.kind}/"))
    (link,) = root.iter(f"{SVG}a")
    assert link.get("href") == "../data/"
    assert root.get("role") == "group"
    titles = [found.text or "" for found in root.iter(f"{SVG}title")]
    assert any(node.label in title and "abc" in title for title in titles)


def test_lineage_is_the_same_whatever_the_hash_seed() -> None:
    code = (
        "from test_charts import runs_graph; from modelbook import charts; import hashlib;"
        "svg = charts.lineage_svg(runs_graph(9), key='l', focus='run:4');"
        "print(hashlib.sha256(svg.encode()).hexdigest())"
    )
    seen = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
        )
        seen.add(ran.stdout)
    assert len(seen) == 1


def test_what_is_left_out_is_said_where_it_can_be_seen() -> None:
    def seen(made: charts.Chart) -> str:
        return " ".join(item.text or "" for item in parse(made.svg("k")).iter(f"{SVG}text"))

    rows = charts.bar_chart("t", [charts.Bar(name=f"f{at}", value=float(at)) for at in range(90)])
    assert "Only the first 60 of 90 rows are drawn." in seen(rows)
    many = charts.xy_chart("t", [charts.Series(name=f"s{at}", x=[0, 1], y=[0, at]) for at in range(30)])
    assert "Only the first 24 of 30 series are drawn." in seen(many)
    classes = charts.confusion_chart("t", [(f"c{at}", f"c{at}") for at in range(200)])
    assert "rarest classes are left out." in seen(classes)


def test_an_interactive_line_shows_points_that_stand_alone() -> None:
    def mode(values: list[float | None]) -> str:
        made = charts.xy_chart("t", [charts.Series(name="s", x=list(range(len(values))), y=values)])
        return str(made.plotly()["data"][0]["mode"])

    assert mode([1.0]) == "lines+markers"
    assert mode([1.0, 2.0, None, 3.0]) == "lines+markers"
    assert mode([1.0, 2.0, None, 3.0, 4.0]) == "lines"


def test_interactive_smoothing_has_one_name_in_the_legend() -> None:
    plot = Plot(name="loss", template="smooth", x="x", y=(("f.csv", "y"),), files=(("f.csv", "b"),))
    layout = charts.from_plot(plot, {"x": [1, 2], "y": [3, 4]}).plotly()
    assert layout is not None
    assert layout["layout"]["showlegend"] is False


def test_long_names_are_shortened_on_the_axes_of_interactive_charts_too() -> None:
    name = "a very long name " * 9
    bars = charts.bar_chart("t", [charts.Bar(name=name, value=1.0)]).plotly()["layout"]["yaxis"]
    assert (len(bars["ticktext"][0]) < 40, bars["tickvals"][0][:6]) == (True, "a very")
    matrix = charts.confusion_chart("t", [(name, at) for at in range(20)]).plotly()
    assert max(map(len, matrix["layout"]["xaxis"]["ticktext"])) < 30
    assert "texttemplate" not in matrix["data"][0], "numbers of 20 classes cannot be read"


def test_an_axis_of_words_says_that_it_counts_rows() -> None:
    plot = Plot(name="p", x="day", y=(("f.csv", "y"),), files=(("f.csv", "b"),))
    columns: dict[str, list[Any]] = {"day": ["Mon", "Tue"], "y": [1, 2]}
    figure = charts.from_plot(plot, columns).plotly()
    assert figure is not None
    assert figure["layout"]["xaxis"]["title"]["text"] == "row (day is no number)"


near_pixels = st.one_of(st.floats(-600, 600), st.sampled_from([-0.04, 0.0, -0.0, 9.96, -9.96, 10.0, 0.05]))


@given(st.lists(st.tuples(near_pixels, near_pixels), min_size=1, max_size=20), st.sampled_from(["L", "V"]))
def test_many_coordinates_at_once_are_written_as_each_alone(
    points: list[tuple[float, float]], command: str
) -> None:
    between = "H{}V{}" if command == "V" else "L{} {}"
    form = "M{} {}" + between * (len(points) - 1)
    flat = [at for point in points for at in point]
    assert _svg.pixels(form.replace("{}", "%.1f"), flat) == form.format(*map(_svg.pixel, flat))


@given(st.lists(st.floats(-1e9, 1e9), max_size=20), st.booleans())
def test_a_scale_places_many_values_as_it_places_each(values: list[float], log: bool) -> None:
    scale = scales.Scale(0.5, 80.0, 30.0, 546.0, log)
    assert scale.many(values) == [scale(value) for value in values]


@WILD
@given(st.lists(cells, max_size=12))
def test_a_column_is_read_as_its_cells_are(column: list[Any]) -> None:
    assert numbers(column) == [number(cell) for cell in column]


def test_classes_that_only_equal_each_other_in_python_are_counted_apart() -> None:
    chart = confusion_chart("t", [(True, 1), (1, 1.0), ("1", "1"), (None, True)])
    assert isinstance(chart, MatrixChart)
    assert chart.classes == ("1", "(none)", "True")
    assert chart.counts == ((2, 0, 0), (0, 0, 1), (1, 0, 0))
    lists = confusion_chart("t", [(["a"], "b"), (["a"], "b"), ("b", "b")])
    assert isinstance(lists, MatrixChart)
    assert lists.classes == ("['a']", "b") and lists.counts == ((0, 2), (0, 1))
