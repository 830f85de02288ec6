"""The lineage page: its data in memory, its behaviour in a real browser, opened from a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api
from playwright.sync_api import Browser, Page, expect

import sample
from modelbook import charts, lineage
from modelbook.pages import graphs
from modelbook.pages.index import Index
from modelbook.records import Graph, Node
from modelbook.site import data_script, escape

ASSETS = Path(__file__).parents[1] / "site_templates" / "assets"
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


def node(id_: str, label: str = "", detail: str = "", **more: Any) -> Node:
    kind, _, name = id_.partition(":")
    return Node(id=id_, kind=kind, label=label or name, detail=detail, **more)


def project(runs: int = 12) -> Graph:
    """data -> prepare -> train@r0.. -> a model each; the third is v1, in production. Code and metrics too."""
    nodes = [
        node("data:raw.csv", "flights", "dataset", md5="d" * 32, size=8_000_000),
        node("data:train.py", detail="file"),
        node("stage:prepare", command="python prepare.py", lock="a" * 64),
        node("artifact:prepared.parquet", detail="out", size=5),
        node("model:m@v1"),
        node("environment:m/prod"),
        node(f"data:{HOSTILE}", detail="file"),
    ]
    edges = [
        ("data:raw.csv", "stage:prepare"),
        ("data:train.py", "stage:train@r0"),
        ("stage:prepare", "artifact:prepared.parquet"),
        ("artifact:out/r2/model", "model:m@v1"),
        ("model:m@v1", "environment:m/prod"),
        (f"data:{HOSTILE}", "stage:prepare"),
    ]
    for at in range(runs):
        stage, made, metric = f"stage:train@r{at}", f"artifact:out/r{at}/model", f"artifact:out/r{at}/m.json"
        nodes += [node(stage), node(made, detail="out"), node(metric, detail="metric")]
        edges += [("artifact:prepared.parquet", stage), (stage, made), (stage, metric)]
    return Graph(nodes=tuple(sorted(nodes, key=lambda one: one.id)), edges=tuple(sorted(edges)))


def data(graph: Graph) -> dict[str, Any]:
    return graphs.columns(Index(sample.catalog()), graph, lambda one: f"{one.kind}s/index.html")


# -- data


def test_a_version_whose_run_left_head_still_comes_from_its_run_and_its_data() -> None:
    found = sample.catalog()
    graph = lineage.of_project(found)
    assert ("model:flight-delay@v1.0.0", "environment:flight-delay/prod") in graph.edges
    assert {"model:flight-delay@v1.0.0", "model:flight-delay@v1.1.0"} <= {one.id for one in graph.nodes}


def test_every_node_has_its_number_its_run_and_its_box() -> None:
    made = data(project())
    ids = [f"{kind}:{name}" for kind, name in zip(made["nodes"]["kind"], made["nodes"]["name"], strict=True)]
    assert ids == [one.id for one in project().nodes]
    boxes = {made["boxes"][box - 1][0]: 0 for box in made["nodes"]["box"].values()}
    assert set(boxes) == {
        "artifact:out/*/m.json of train",
        "artifact:out/*/model of train",
        "stage:train",
    }
    edges = list(zip(made["edges"][::2], made["edges"][1::2], strict=True))
    assert [(ids[a], ids[b]) for a, b in edges] == list(project().edges)
    minor = {ids[int(at)] for at in made["nodes"]["minor"]}
    assert "data:train.py" in minor
    assert "artifact:out/r0/m.json" in minor
    assert "artifact:out/r0/model" not in minor


def test_data_and_versions_know_the_commit_that_brought_them() -> None:
    index = Index(sample.catalog())
    made = graphs.columns(index, lineage.of_project(index.catalog), lambda _: None)
    ids = [f"{kind}:{name}" for kind, name in zip(made["nodes"]["kind"], made["nodes"]["name"], strict=True)]
    at = str(ids.index("model:flight-delay@v1.1.0"))
    assert made["commits"][made["nodes"]["commit"][at] - 1][0] == sample.COMMITS[4].short


def test_what_is_too_large_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST_NODES", 35)
    made = data(project())
    assert made["leftOut"] == "Code, metrics and plots are left out of these 43 nodes."
    monkeypatch.setattr(graphs, "MOST_NODES", 10)
    made = data(project())
    assert "the single runs of each stage" in made["leftOut"]
    assert len(made["nodes"]["kind"]) == 8


# -- behaviour


Open = Callable[..., Page]
FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title>{styles}
<style>* {{ box-sizing: border-box }}</style><body class="md-typeset">
<div class="mb-lin" data-modelbook-lineage="lineage" data-src="data.js" data-root="">
<p class="mb-lin-status"></p><div class="mb-lin-body"><div class="mb-scroll mb-graph">{drawn}</div></div>
<details class="mb-lin-list"><summary>As a table</summary><table><tbody></tbody></table></details>
</div>{scripts}</body></html>"""


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page with just the lineage on it; it may not complain."""
    faults: list[str] = []

    def opened(graph: Graph, hash_: str = "", *, javascript: bool = True, width: int = 1280) -> Page:
        shutil.copytree(ASSETS, tmp_path / "assets", dirs_exist_ok=True)
        (tmp_path / "data.js").write_text(data_script("lineage", data(graph)))
        short = lineage.by_stage(lineage.without_details(graph))
        drawn = escape.drawing(charts.lineage_svg(short, key="o", href=lambda one: f"{one.kind}.html"))
        styles = "".join(
            f'<link rel="stylesheet" href="assets/{name}.css">' for name in ("modelbook", "charts")
        )
        scripts = "".join(
            f'<script src="assets/{name}.js" defer></script>' for name in ("core", "lineage-graph", "lineage")
        )
        (tmp_path / "page.html").write_text(FRAME.format(styles=styles, scripts=scripts, drawn=drawn))
        page = browser.new_context(
            java_script_enabled=javascript, viewport={"width": width, "height": 800}
        ).new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.goto((tmp_path / "page.html").as_uri() + hash_)
        if javascript:
            page.wait_for_selector(".mb-lin-tools")
        return page

    yield opened
    for context in browser.contexts:
        context.close()
    assert not faults


def keys(page: Page) -> set[str]:
    found: list[str] = page.eval_on_selector_all(".mb-box", "all => all.map(one => one.dataset.key)")
    return set(found)


def wait_for_keys(page: Page, shown: set[str]) -> None:
    """Waits until just these boxes are drawn: the address changes before the drawing does."""
    script = """shown => {
        const drawn = Array.from(document.querySelectorAll('.mb-box'), one => one.dataset.key);
        return drawn.length === shown.length && shown.every(key => drawn.includes(key));
    }"""
    try:
        page.wait_for_function(script, arg=sorted(shown), timeout=10_000)
    except sync_api.TimeoutError:
        assert keys(page) == shown
        raise


def go(page: Page, selector: str) -> None:
    page.locator(".mb-lin-input").fill(selector)
    page.keyboard.press("Escape")
    page.locator(".mb-lin-input").press("Enter")


LANE = {"stage:train@r2", "artifact:out/r2/model", "model:m@v1", "environment:m/prod"}
ABOVE = {"data:raw.csv", f"data:{HOSTILE}", "stage:prepare", "artifact:prepared.parquet"}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("selector", "shown"),
    [
        ("m@v1", {"model:m@v1"}),
        ("+m@v1+", LANE | ABOVE),
        ("+m@v1", (LANE | ABOVE) - {"environment:m/prod"}),
        ("m@v1+", {"model:m@v1", "environment:m/prod"}),
        ("2+m@v1+1", LANE),
        ("out/r2/model", {"artifact:out/r2/model"}),
        ("1+prepare", {"data:raw.csv", f"data:{HOSTILE}", "stage:prepare"}),
    ],
)
def test_focus_as_dbt_has_it(open_page: Open, selector: str, shown: set[str]) -> None:
    page = open_page(project())
    go(page, selector)
    wait_for_keys(page, shown)
    again = page.url.partition("#")[2]
    other = open_page(project(), f"#{again}")
    assert keys(other) == shown


@pytest.mark.browser
def test_a_name_with_a_plus_of_its_own(open_page: Open) -> None:
    graph = Graph(nodes=(node("artifact:c++"), node("stage:s")), edges=(("artifact:c++", "stage:s"),))
    page = open_page(graph, "#focus=c%2B%2B")
    assert keys(page) == {"artifact:c++"}
    go(page, "c+++1")
    wait_for_keys(page, {"artifact:c++", "stage:s"})


@pytest.mark.browser
def test_siblings_are_one_box_that_opens_and_closes(open_page: Open) -> None:
    page = open_page(project())
    assert "stage:train" in keys(page)
    assert "12 stages" in (page.locator("[data-key='stage:train']").text_content() or "")
    page.locator("[data-key='stage:train']").click()
    page.wait_for_selector("[data-key='stage:train@r11']")
    assert "open=stage:train" in page.url
    page.get_by_role("button", name="Close train").click()
    page.wait_for_selector("[data-key='stage:train']")
    assert "stage:train@r11" not in keys(page)


@pytest.mark.browser
def test_a_click_focuses_and_the_panel_says_what_is_known(open_page: Open) -> None:
    page = open_page(project())
    page.locator("[data-key='stage:prepare']").click()
    panel = page.locator(".mb-lin-panel")
    panel.wait_for()
    said = panel.inner_text()
    assert "python prepare.py" in said
    assert "a" * 64 in said
    assert HOSTILE in said
    assert page.title() == "t"
    panel.get_by_role("link", name="flights").click()
    expect(panel).to_contain_text("8.0 MB")
    assert panel.get_by_role("link", name="Open the data set").get_attribute("href") == "datas/index.html"
    page.get_by_role("button", name="Show everything").click()
    panel.wait_for(state="hidden")


@pytest.mark.browser
def test_names_are_completed_and_keep_their_steps(open_page: Open) -> None:
    page = open_page(project())
    page.locator(".mb-lin-input").fill("1+r2/mod")
    page.locator(".mb-lin-offers li").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for_keys(page, {"artifact:out/r2/model", "stage:train@r2"})
    assert page.url.endswith("#focus=1+artifact:out/r2/model")


@pytest.mark.browser
def test_arrow_keys_follow_the_arrows(open_page: Open) -> None:
    page = open_page(project(), "#focus=%2Bm@v1%2B")
    page.locator("[data-key='model:m@v1']").focus()
    key = "document.activeElement.dataset.key"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(key) == "artifact:out/r2/model"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(key) == "environment:m/prod"
    assert page.locator(".mb-box[tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    page.locator("[data-key='environment:m/prod'].mb-focus").wait_for()
    assert page.evaluate(key) == "environment:m/prod"


@pytest.mark.browser
def test_code_and_results_come_when_asked_for(open_page: Open) -> None:
    page = open_page(project())
    assert "data:train.py" not in keys(page)
    page.get_by_label("code, metrics, plots").check()
    page.wait_for_selector("[data-key='data:train.py']")
    assert "details=1" in page.url


@pytest.mark.browser
def test_the_table_says_the_same(open_page: Open) -> None:
    page = open_page(project(), "#focus=1+m@v1+1")
    page.get_by_text("As a table").click()
    row = page.locator("tbody tr", has=page.get_by_role("link", name="m@v1"))
    row.wait_for()
    assert row.locator("td").all_inner_texts() == ["model", "out/r2/model", "m/prod"]


@pytest.mark.browser
def test_an_unknown_name_is_said(open_page: Open) -> None:
    page = open_page(project(), "#focus=nonsense&open=%E0%A4%A")
    assert "Nothing is called “nonsense”" in page.locator(".mb-lin-status").inner_text()
    assert "stage:prepare" in keys(page)


@pytest.mark.browser
def test_without_javascript_the_drawing_stands_with_its_links(open_page: Open) -> None:
    page = open_page(project(), javascript=False)
    assert page.locator("svg a[href='model.html']").is_visible()


@pytest.mark.browser
def test_thousands_of_stages_are_shown_without_their_artifacts_first(open_page: Open) -> None:
    nodes, edges = [], []
    for at in range(500):
        nodes += [node(f"stage:s{at:04}"), *(node(f"artifact:o{at:04}/{n}") for n in range(2))]
        edges += [(f"stage:s{at:04}", f"artifact:o{at:04}/{n}") for n in range(2)]
        if at:
            edges.append((f"artifact:o{at // 2:04}/0", f"stage:s{at:04}"))
    graph = Graph(nodes=tuple(sorted(nodes, key=lambda one: one.id)), edges=tuple(sorted(edges)))
    page = open_page(graph)
    assert "too many to draw" in page.locator(".mb-lin-status").inner_text()
    assert len(keys(page)) == 500
    go(page, "1+s0003+1")
    wait_for_keys(page, {"artifact:o0001/0", "stage:s0003", "artifact:o0003/0", "artifact:o0003/1"})
