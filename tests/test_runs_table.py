"""The runs table and the interactive charts in a real browser, opened from files as a downloaded site is."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import axe, says
from modelbook import charts

pytestmark = pytest.mark.browser

ASSETS = Path(__file__).parents[1] / "site_templates" / "assets"
SCRIPTS = (
    "core.js",
    "judge.js",
    "runs-query.js",
    "runs-model.js",
    "runs-columns.js",
    "runs-table.js",
    "charts.js",
)
HOSTILE = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
EXPERIMENTS = ("gbm", "gbm-deep", "logistic")

TABLE = "Modelbook.tables.values().next().value"

Open = Callable[..., Page]


def runs(count: int = 60, extra: int = 0) -> dict[str, Any]:
    """Columns of every kind: run i has roc_auc 0.5 + i/1000, and every tenth none, not pulled."""
    rng = random.Random(5)
    rows = range(count)
    ids = [f"{at:012x}" for at in rows]
    columns: list[dict[str, Any]] = [
        {"key": "run", "label": "Run", "kind": "link", "pinned": True, "values": [f"run-{at}" for at in rows],
         "hrefs": [f"runs/{name}/index.html" for name in ids]},
        {"key": "experiment", "label": "Experiment", "dictionary": list(EXPERIMENTS),
         "values": [at % 3 for at in rows]},
        {"key": "tags", "label": "Tags", "kind": "tag",
         "values": [["baseline"] if at % 4 == 0 else ["base", "x y"] for at in rows]},
        {"key": "date", "label": "Date", "kind": "date",
         "values": [f"2024-01-{1 + at % 28:02d}T{at % 24:02d}:00:00+00:00" for at in rows]},
        {"key": "note", "label": "Note", "kind": "text",
         "values": [HOSTILE if at == 0 else None for at in rows]},
        {"key": "metrics.roc_auc", "label": "roc_auc", "kind": "metric", "direction": "maximize",
         "format": ".4f",
         "values": [None if at % 10 == 9 else 0.5 + at / 1000 for at in rows],
         "states": {str(at): ["not_pulled", "12 kB"] for at in rows if at % 10 == 9}},
        {"key": "metrics.loss", "label": "loss", "kind": "metric", "direction": "minimize",
         "values": ["NaN" if at == 3 else 1 + at for at in rows]},
        {"key": "trend", "label": "Trend", "kind": "spark", "values": [[1, 2, at] for at in rows]},
        {"key": "params.model.learning_rate", "label": "learning_rate", "kind": "param", "group": "Params",
         "values": [[0.01, 0.1, 1e-5][at // 3 % 3] for at in rows]},
        {"key": "params.seed", "label": "seed", "kind": "param", "group": "Params",
         "values": [at % 5 for at in rows]},
        {"key": "params.mixed", "label": "depth", "kind": "param",
         "values": ["auto" if at % 2 else at for at in rows]},
        {"key": "params.split", "label": "split", "kind": "param", "values": ["2013-01..03"] * count},
    ]  # fmt: skip
    columns += [
        {
            "key": f"params.p{at}",
            "label": f"p{at}",
            "kind": "param",
            "values": [round(rng.random(), 4) for _ in rows],
        }
        for at in range(extra)
    ]
    return {"version": 1, "rows": count, "ids": ids, "columns": columns}


def site(folder: Path, data: dict[str, Any], attributes: str = "", body: str = "") -> Path:
    """One page with a table, as the site has it."""
    for name in (*SCRIPTS, "charts.css", "runs-table.css"):
        shutil.copyfile(ASSETS / name, folder / name)
    (folder / "runs.js").write_text(data_file("runs", data), "utf-8")
    scripts = "".join(f'<script defer src="{name}"></script>' for name in SCRIPTS)
    page = folder / "index.html"
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="script-src file: \'self\'"><title>Runs</title>'
        '<link rel="stylesheet" href="charts.css"><link rel="stylesheet" href="runs-table.css">'
        '<body data-md-color-scheme="default">'
        '<div data-modelbook-table="runs" data-src="runs.js" data-root="../"'
        f' data-compare="compare.html" {attributes}>'
        f"<table><tr><td>plain</td></tr></table></div>{body}{scripts}",
        "utf-8",
    )
    return page


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a table; at the end there must have been no error, no message and no request off the disk."""
    heard: list[str] = []
    context = browser.new_context(viewport={"width": 1300, "height": 800}, accept_downloads=True)

    def go(data: dict[str, Any] | None = None, fragment: str = "", before: str = "", **more: str) -> Page:
        target = site(tmp_path, data or runs(), **more)
        page = context.new_page()
        page.add_init_script(before)
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(("file:", "data:", "blob:")) else heard.append(request.url)
            ),
        )
        page.goto(target.as_uri() + fragment)
        page.wait_for_selector("[data-modelbook-table][data-ready]")
        return page

    yield go
    context.close()
    assert heard == []


def in_parts(data: dict[str, Any], first: int, size: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The data as rundata writes it: the first rows with the columns, the rest in parts."""

    def cut(start: int, end: int) -> list[dict[str, Any]]:
        return [
            {
                "values": column["values"][start:end],
                **({"hrefs": column["hrefs"][start:end]} if "hrefs" in column else {}),
                **({"dictionary": column["dictionary"]} if "dictionary" in column else {}),
                "states": {
                    row: state for row, state in column.get("states", {}).items() if start <= int(row) < end
                },
            }
            for column in data["columns"]
        ]

    starts = range(first, data["rows"], size)
    parts = [{"from": at, "ids": data["ids"][at : at + size], "columns": cut(at, at + size)} for at in starts]
    head = {
        **data,
        "ids": data["ids"][:first],
        "columns": [{**column, **part} for column, part in zip(data["columns"], cut(0, first), strict=True)],
        "parts": [{"name": f"runs-{at}", "src": f"runs-{at}.js"} for at in range(len(parts))],
    }
    return head, parts


def data_file(name: str, value: dict[str, Any]) -> str:
    return f'Modelbook.data("{name}", {json.dumps(json.dumps(value))});\n'


def column(page: Page, name: str) -> list[str]:
    """The text of a column's cells in sight, top to bottom."""
    headings = [
        text.split("\n")[-1].split(" ")[0] for text in page.locator("[role=columnheader]").all_inner_texts()
    ]
    place = headings.index(name) + 1
    rows = page.locator("[data-line]").all()
    return [row.locator(f"[aria-colindex='{place}']").inner_text() for row in rows]


def status(page: Page) -> str:
    return page.locator(".mb-t-status").inner_text()


def ask(page: Page, query: str) -> None:
    """Type a query and wait until the table has taken it: it does so, and draws, in one go."""
    page.fill(".mb-t-query", query)
    page.wait_for_function(f"query => {TABLE}.query === query", arg=query)


def test_the_plain_table_is_replaced_and_only_rows_in_sight_are_drawn(opened: Open) -> None:
    page = opened(runs(5000))
    assert page.locator("table").count() == 0
    assert status(page) == "5,000 runs"
    grid = page.locator("[role=grid]")
    assert (grid.get_attribute("aria-rowcount"), grid.get_attribute("aria-colcount")) == ("5001", "13")
    assert page.locator("[data-line]").count() < 50
    page.evaluate("document.querySelector('.mb-t-scroll').scrollTop = 34 * 4000")
    page.wait_for_selector("[data-line='4000']")
    assert "run-4000" in page.locator("[data-line='4000']").inner_text()
    assert page.locator("[data-line]").count() < 50


def test_one_run_is_one_run(opened: Open) -> None:
    assert status(opened(runs(1))) == "1 run"


def test_hostile_text_is_only_text(opened: Open) -> None:
    page = opened()
    assert HOSTILE in column(page, "Note")
    assert page.locator(".mb-t img, .mb-t script").count() == 0
    ask(page, '"' + "<img src=x" + '"')
    assert status(page) == "1 of 60 runs"
    assert page.title() == "Runs"


def test_links_that_run_code_are_dropped(opened: Open) -> None:
    data = runs(2)
    data["columns"][0]["hrefs"] = ["javascript:alert(1)", "https://example.org/x"]
    page = opened(data)
    links = page.locator("[data-line] a")
    assert links.count() == 1
    assert links.get_attribute("href") == "https://example.org/x"


def test_sorting_knows_directions_puts_the_missing_last_and_takes_several_columns(opened: Open) -> None:
    page = opened(runs(10))
    heading = page.locator("[role=columnheader]", has_text="roc_auc")
    heading.click()
    assert column(page, "Run") == [f"run-{at}" for at in (8, 7, 6, 5, 4, 3, 2, 1, 0, 9)]
    assert page.locator("[aria-sort=descending]").count() == 1
    heading.click()
    assert column(page, "Run") == [f"run-{at}" for at in (*range(9), 9)]
    heading.click()
    page.locator("[role=columnheader]", has_text="Experiment").click()
    page.locator("[role=columnheader]", has_text="loss").click(modifiers=["Shift"])
    assert column(page, "Run")[:4] == ["run-0", "run-6", "run-9", "run-3"]


QUERIES = [
    ("", 60),
    ("auc > 0.55", 8),
    ("roc_auc >= 0.55 and roc_auc < 0.553", 3),
    ("metrics.roc_auc = none", 6),
    ("auc != none tag:baseline", 15),
    ("tags:base", 45),
    ('tag:"x y"', 45),
    ("experiment = gbm", 20),
    ("experiment:gbm", 40),
    ("experiment:gbm and not experiment = gbm-deep", 20),
    ("learning_rate < 0.05 or seed = 3", 44),
    ("(seed = 1 or seed = 2) and loss <= 10", 4),
    ("date >= 2024-01-27", 4),
    ("date = 2024-01-05", 2),
    ("date > 2024-01-05T03:30 and date < 2024-01-06", 2),
    ("depth = auto", 30),
    ("depth > 50", 4),
    ("loss = NaN", 1),
    ("loss < inf", 59),
    ("run-5", 11),
    ("LEARNING_RATE = 1e-5", 18),
]

PROBLEMS = [
    ("auk > 1", "there is no column auk; did you mean"),
    ("auc >", "a value is missing after >"),
    ("(seed = 1", "a parenthesis is not closed"),
    ('note = "open', "a quote is not closed"),
    ("seed = 1)", "unexpected )"),
    ("and seed = 1", "unexpected and"),
    ("auc > high", "high is not a number"),
    ("date > soon", "soon is not a date"),
    ("experiment > gbm", "Experiment holds text: use"),
    ("auc > none", "none can only be compared"),
    ("> 3", "unexpected >"),
    ("not", "something is missing at the end"),
]


def test_queries(opened: Open) -> None:
    page = opened()
    found = {}
    for query, _ in QUERIES:
        ask(page, query)
        assert page.locator(".mb-t-problem").inner_text() == "", query
        found[query] = int(status(page).split(" ")[0])
    assert found == dict(QUERIES)


def test_a_wrong_query_says_what_is_wrong_and_hides_nothing(opened: Open) -> None:
    page = opened()
    for query, problem in PROBLEMS:
        ask(page, query)
        assert problem in page.locator(".mb-t-problem").inner_text()
        assert status(page) == "60 runs"


def test_no_query_hangs_or_throws(opened: Open) -> None:
    page = opened()
    wild = random.Random(1)
    pieces = [
        "auc",
        ">",
        "0.5",
        "(",
        ")",
        "and",
        "or",
        "not",
        '"',
        "'",
        ":",
        "!",
        "\\",
        "tag",
        "é",
        "=",
        " ",
        "!=",
        "~",
    ]
    queries = ["".join(wild.choices(pieces, k=12)) for _ in range(3000)] + [
        "(" * 5000,
        "not " * 5000,
        "a" * 5000 + " > 1",
    ]
    failures = page.evaluate(
        """(queries) => {
          const table = Modelbook.tables.values().next().value;
          return queries.filter((query) => {
            try { Modelbook.query.compile(query, table.data.columns)(0); return false; }
            catch (problem) { return !(problem instanceof Modelbook.query.Problem); }
          });
        }""",
        queries,
    )
    assert failures == []


def test_filters_of_columns(opened: Open) -> None:
    page = opened()
    page.click("text=Filters")
    page.fill("[aria-label='Filter roc_auc']", "0.51..0.52")
    says(page, "10 of 60 runs")
    page.fill("[aria-label='Filter Experiment']", "deep")
    says(page, "3 of 60 runs")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Filter Experiment"
    page.fill("[aria-label='Filter roc_auc']", "> x")
    expect(page.locator(".mb-t-problem")).to_contain_text("roc_auc: x is not a number")
    page.click("text=Reset")
    assert status(page) == "60 runs"


AXE_STATES = {
    "as it opens": ("", ""),
    "groups": ("#group=experiment,params.seed&open=*", ""),
    "filters and a wrong query": ("#f.metrics.roc_auc=0.51..0.52&q=auk+%3E+1", ""),
    "a menu": ("", "[aria-label='Menu of loss']"),
    "the columns": ("", "text=Columns:"),
    "help": ("", "text=Help"),
    "downloads": ("#group=experiment&sel=000000000001", "text=Download"),
}


@pytest.mark.parametrize("state", AXE_STATES)
def test_axe_finds_nothing_wrong_with_the_table(browser: Browser, tmp_path: Path, state: str) -> None:
    fragment, button = AXE_STATES[state]
    page = browser.new_page(bypass_csp=True)
    page.goto(site(tmp_path, runs()).as_uri() + fragment)
    page.wait_for_selector("[data-ready]")
    if button:
        page.click(button)
    page.evaluate(axe())
    found = page.evaluate("axe.run(document.querySelector('.mb-t'))")["violations"]
    assert [(fault["id"], fault["nodes"][0]["target"]) for fault in found] == []
    page.close()


def test_the_best_of_what_is_shown_is_marked(opened: Open) -> None:
    page = opened()
    page.locator("[role=columnheader]", has_text="roc_auc").click()
    assert page.locator(".mb-t-best").first.inner_text().startswith("0.5580")
    ask(page, "seed = 0")
    assert page.locator(".mb-t-best").first.inner_text().startswith("0.5550")


def test_states_have_a_symbol_and_a_word(opened: Open) -> None:
    page = opened()
    cell = page.locator("[data-line='9'] .mb-t-state")
    assert cell.inner_text() == "⇣"
    assert "not pulled" in (cell.get_attribute("aria-label") or "")
    assert "12 kB" in (cell.get_attribute("aria-label") or "")


def test_groups_show_mean_and_deviation_and_open(opened: Open) -> None:
    page = opened(runs(9))
    page.select_option("[aria-label='Group by']", "experiment")
    assert status(page) == "3 groups, 9 runs"
    groups = page.locator(".mb-t-group")
    assert groups.count() == 3
    assert "0.5030 ± 0.0030" in groups.nth(0).inner_text()
    assert groups.nth(0).get_attribute("aria-expanded") == "false"
    groups.nth(0).click()
    assert page.locator("[data-line]").count() == 6
    assert page.locator("[aria-expanded=true]").count() == 1
    page.locator("[role=columnheader]", has_text="roc_auc").click()
    assert "logistic" in page.locator(".mb-t-group").nth(0).inner_text()


def test_only_differences_hides_what_is_the_same(opened: Open) -> None:
    page = opened()
    headings = page.locator("[role=columnheader]")
    assert headings.filter(has_text="split").count() == 1
    page.click("text=Only differences")
    assert headings.filter(has_text="split").count() == 0
    ask(page, "seed = 3")
    assert headings.filter(has_text="seed").count() == 0


def test_columns_are_hidden_pinned_and_moved(opened: Open) -> None:
    page = opened()
    page.click("text=Columns")
    page.locator("[data-key=experiment] input").uncheck()
    assert page.locator("[role=columnheader]", has_text="Experiment").count() == 0
    page.click("[aria-label='Pin seed']")
    assert page.locator("[role=columnheader].mb-t-fixed").all_inner_texts()[-1].endswith("seed")
    page.click("[aria-label='Move Run right']")
    page.click("[aria-label='Move Run right']")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move Run right"
    page.fill("[aria-label='Find a column']", "rate")
    assert page.locator(".mb-t-columns li:visible").count() == 1
    page.keyboard.press("Escape")
    assert not page.locator(".mb-t-panel").is_visible()


def test_the_address_holds_the_whole_state(opened: Open, browser: Browser) -> None:
    page = opened(runs(30))
    ask(page, "auc > 0.505")
    page.locator("[role=columnheader]", has_text="loss").click()
    page.select_option("[aria-label='Group by']", "experiment")
    page.locator(".mb-t-group").nth(0).click()
    page.click("text=Only differences")
    page.click("text=Columns")
    page.locator("[data-key=tags] input").uncheck()
    page.click("[aria-label='Pin seed']")
    page.click("[aria-label='Move Date left']")
    page.locator("[data-line='2'] input").check()
    address = page.url
    before = page.locator(".mb-t-scroll").inner_text()
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector("[data-ready]")
    assert other.locator(".mb-t-scroll").inner_text() == before
    assert other.input_value(".mb-t-query") == "auc > 0.505"
    assert "1 selected" in other.locator(".mb-t-selection").inner_text()
    other.click("text=Reset")
    assert "#" not in other.url
    other.evaluate("location.hash = 'q=seed%3D1'")
    says(other, "6 of 30 runs")


def test_a_broken_address_does_no_harm(opened: Open) -> None:
    page = opened()
    for fragment in (
        "heading",
        "sort=nothing,-gone&group=no&sel=no&f.no=1&pin=x&order=y&hide=z",
        "=&&=",
        "sort=%25&order=%25",
        "f.run=%E0%A4%A",
        "q=)",
    ):
        page.evaluate(
            "(fragment) => new Promise((done) => {"
            " addEventListener('hashchange', done, {once: true}); location.hash = fragment; })",
            fragment,
        )
        assert "runs" in status(page)


def test_rows_are_chosen_and_compared(opened: Open) -> None:
    page = opened()
    boxes = page.locator("[data-line] input[type=checkbox]")
    assert not page.locator(".mb-t-selection").is_visible()
    boxes.nth(1).click()
    assert page.locator("text=Compare").get_attribute("aria-disabled") == "true"
    boxes.nth(3).click(modifiers=["Shift"])
    assert "3 selected" in page.locator(".mb-t-selection").inner_text()
    link = page.locator("text=Compare")
    assert link.get_attribute("href") == "compare.html#runs=000000000001,000000000002,000000000003"
    page.evaluate(
        "addEventListener('modelbook:compare', (e) => { window.asked = e.detail.ids; e.preventDefault(); })"
    )
    link.click()
    assert page.evaluate("window.asked") == ["000000000001", "000000000002", "000000000003"]
    page.locator("[aria-label='Select all shown']").check()
    assert "60 selected" in page.locator(".mb-t-selection").inner_text()
    page.click("text=Clear")
    assert not page.locator(".mb-t-selection").is_visible()


def test_the_keyboard_is_enough(opened: Open) -> None:
    page = opened()
    grid = page.locator("[role=grid]")
    grid.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", " "):
        page.keyboard.press(key)
    assert page.locator("[data-line='2']").get_attribute("aria-selected") == "true"
    page.keyboard.press("Control+End")
    active = grid.get_attribute("aria-activedescendant") or ""
    assert active.endswith("-59-11")
    box, cell = page.locator(".mb-t-scroll").bounding_box(), page.locator(f"#{active}").bounding_box()
    assert box and cell
    assert cell["y"] + cell["height"] <= box["y"] + box["height"] + 1
    assert cell["x"] + cell["width"] <= box["x"] + box["width"] + 1
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowUp")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert (
        page.locator("[aria-sort=descending]").inner_text().startswith("\u00a0")
        or "sort=-metrics.roc_auc" in page.url
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "grid"


def test_downloads_hold_full_values_and_no_formulas(opened: Open) -> None:
    data = runs(3)
    data["columns"][4]["values"] = ["=1+1", 'a "b", c', "x|y\n*z*"]
    page = opened(data)
    page.click("text=Download")
    with page.expect_download() as started:
        page.click("text=CSV")
    rows = list(csv.DictReader(io.StringIO(started.value.path().read_text("utf-8"))))
    assert [row["note"] for row in rows] == ["'=1+1", 'a "b", c', "x|y\n*z*"]
    assert rows[2]["metrics.roc_auc"] == "0.502"
    table = "Modelbook.tables.values().next().value"
    records = json.loads(page.evaluate(f"{table}.export('json')"))
    assert records[1]["id"] == "000000000001" and records[1]["params.model.learning_rate"] == 0.01
    markdown = page.evaluate(f"{table}.export('md')").splitlines()
    assert len(markdown) == 5 and r"x\|y \*z\*" in markdown[4]
    page.locator("[data-line='1'] input").check()
    assert len(json.loads(page.evaluate(f"{table}.export('json')"))) == 1


def test_numbers_are_written_as_python_writes_them(opened: Open) -> None:
    page = opened()
    # No ties: Python rounds 2.5 to even, JavaScript away from zero.
    values = [0.0, 1.0, -3.0, 0.123456, -1234567.891, 98765.4321, 1e-7, 0.9]
    for spec in (".4f", ".2%", ".3g", ",.1f", "+.2f", "d"):
        expected = [format(round(value) if spec == "d" else value, spec) for value in values]
        script = "([values, spec]) => values.map((value) => Modelbook.model.formatted(value, spec))"
        found = [text.replace("\N{MINUS SIGN}", "-") for text in page.evaluate(script, [values, spec])]
        if spec == ".3g":
            assert [float(text) for text in found] == [float(text) for text in expected]
        else:
            assert found == expected, spec


def test_an_always_on_query_and_an_empty_result(opened: Open) -> None:
    page = opened(attributes='data-query="experiment = gbm" data-hash="off"')
    assert status(page) == "20 of 60 runs"
    ask(page, "zzz")
    assert "No runs to show" in page.locator(".mb-t-body").inner_text()
    assert "#" not in page.url


def test_no_rows_at_all(opened: Open) -> None:
    page = opened({"version": 1, "rows": 0, "ids": [], "columns": [{"key": "run", "values": []}]})
    assert status(page) == "0 runs"


def test_a_missing_data_file_leaves_the_plain_table(browser: Browser, tmp_path: Path) -> None:
    target = site(tmp_path, runs())
    (tmp_path / "runs.js").unlink()
    page = browser.new_page()
    page.goto(target.as_uri())
    page.wait_for_selector("[role=alert]")
    assert "plain" in page.locator("table").inner_text()
    page.close()


def test_a_phone_can_use_it(opened: Open) -> None:
    page = opened()
    page.set_viewport_size({"width": 375, "height": 700})
    page.wait_for_function("() => document.documentElement.scrollWidth <= 375")
    page.wait_for_function(f"() => {TABLE}.narrow")
    page.evaluate("document.querySelector('.mb-t-scroll').scrollLeft = 600")
    page.wait_for_function(f"() => {TABLE}.drawn.from > 0")
    assert page.locator("[data-line='0'] [aria-colindex='2']").is_visible()


def test_ten_thousand_runs_are_quick(opened: Open) -> None:
    """The goal is 150 ms for sort and filter; a busy machine is given twice that, and the best of three."""
    page = opened(runs(10_000, extra=28))
    times = page.evaluate(
        """() => {
          const table = Modelbook.tables.values().next().value;
          const took = (work) => Math.min(...[1, 2, 3].map(() => {
            const start = performance.now();
            work();
            table.scroller.getBoundingClientRect();
            return performance.now() - start;
          }));
          const column = (key) => table.data.byKey.get(key);
          const ask = (query) => took(() => { table.query = query; table.refresh(); });
          return {
            number: took(() => table.sortBy(column('params.p3'))),
            text: took(() => table.sortBy(column('run'))),
            query: ask('auc > 0.6 and learning_rate < 1 or tag:base'),
            word: ask('gbm'),
            group: took(() => { table.group = column('experiment'); table.refresh(); }),
          };
        }"""
    )
    assert max(times.values()) < 300, times


def part_files(folder: Path, parts: list[dict[str, Any]]) -> None:
    """Parts are named from the site's root, and the page of these tests says that is the folder above."""
    for at, part in enumerate(parts):
        (folder.parent / f"runs-{at}.js").write_text(data_file(f"runs-{at}", part), "utf-8")


def test_the_first_rows_are_there_before_the_rest_is_read(opened: Open, tmp_path: Path) -> None:
    head, parts = in_parts(runs(900), 50, 300)
    part_files(tmp_path, parts)
    held = """window.held = [];
      const later = window.setTimeout;
      window.setTimeout = (then, ms) => ms === 0 || ms === 300 ? window.held.push(then) : later(then, ms);"""
    page = opened(head, before=held)
    assert status(page) == "900 runs, loading…"
    assert page.locator("[role=grid]").get_attribute("aria-rowcount") == "901"
    assert column(page, "Run")[0] == "run-0"
    page.evaluate("window.held.splice(0).forEach((then) => then())")
    says(page, "900 runs")
    ask_now = "(q) => { const t = Modelbook.tables.values().next().value; t.query = q; t.refresh(); }"
    page.evaluate(ask_now, "roc_auc > 1.3")
    assert status(page) == "89 of 900 runs"
    page.evaluate(ask_now, "roc_auc = none")
    assert status(page) == "90 of 900 runs"
    assert page.locator("[data-line='89'], [data-line='0'] .mb-t-state").count() >= 1


def test_a_shared_view_of_many_runs_waits_for_all_of_them(opened: Open, tmp_path: Path) -> None:
    head, parts = in_parts(runs(900), 50, 300)
    part_files(tmp_path, parts)
    page = opened(head, "#sort=-metrics.roc_auc&sel=000000000300")
    assert status(page) == "900 runs"
    assert column(page, "Run")[0] == "run-898"
    assert "1 selected" in page.locator(".mb-t-selection").inner_text()
    assert page.locator("[data-line='0'] a").first.get_attribute("href") == f"../runs/{898:012x}/index.html"


def test_a_part_that_is_missing_is_said(browser: Browser, tmp_path: Path) -> None:
    head, _ = in_parts(runs(900), 50, 300)
    page = browser.new_page()
    (tmp_path / "x").mkdir()
    page.goto(site(tmp_path / "x", head).as_uri())
    page.wait_for_selector("[role=alert]")
    assert "cannot load" in page.locator("[role=alert]").inner_text()
    assert column(page, "Run")[0] == "run-0"
    page.close()


PLACES = [
    ("seed = 1 and auk > 1", 14, "auk"),
    ("auc >", 5, ">"),
    ("auc > high", 7, "high"),
    ("seed = 1)", 9, ")"),
    ("not", 4, ""),
]


def test_a_wrong_query_says_where_it_is_wrong(opened: Open) -> None:
    page = opened()
    for query, place, marked in PLACES:
        ask(page, query)
        assert f"At character {place}: " in page.locator(".mb-t-problem").inner_text(), query
        assert page.locator(".mb-t-problem mark").inner_text().strip() == marked


NAMES = [
    "params.train.optimizer.lr", "metrics.roc_auc", "metrics.auc_rank", "metrics.loss", "metrics.train.loss",
    "params.a.rate", "params.b.rate", "metrics.best_f1", *(f"params.s{at}.score" for at in range(6)),
]  # fmt: skip

FOUND = {
    "lr": "params.train.optimizer.lr",
    "optimizer.lr": "params.train.optimizer.lr",
    "auc": "metrics.roc_auc",
    "loss": "metrics.loss",
    "best": "metrics.best_f1",
    "rate": "rate could be params.a.rate or params.b.rate",
    "a.rate": "params.a.rate",
    "score": "score could be params.s0.score or params.s1.score or params.s2.score or params.s3.score"
    " or 2 others",
}


def test_short_names_find_the_one_column_that_ends_in_them(opened: Open) -> None:
    columns = [
        {"key": key, "label": key.partition(".")[2], "kind": "metric", "values": [1, 2]} for key in NAMES
    ]
    page = opened({"rows": 2, "ids": ["a", "b"], "columns": columns})
    script = """(name) => {
      const asked = [];
      const columns = Modelbook.tables.values().next().value.data.columns.map((one) => (
        {...one, number: (row) => { asked.push(one.key); return 1; }}));
      try {
        Modelbook.query.compile(name + ' > 0', columns)(0);
      } catch (problem) { return problem.message; }
      return asked[0];
    }"""
    assert {name: page.evaluate(script, name) for name in FOUND} == FOUND


def test_long_names_are_cut_in_the_middle_and_told_whole(opened: Open) -> None:
    data = runs(2)
    long = "experiment/" + "x" * 80 + "/seed-1"
    data["columns"][0]["values"] = [long, "short"]
    page = opened(data)
    link = page.locator("[data-line='0'] a")
    assert link.get_attribute("aria-label") == long
    assert link.inner_text().startswith("experiment")
    assert link.inner_text().endswith("/seed-1")
    assert link.evaluate("(node) => node.offsetWidth <= node.parentNode.clientWidth - 20")
    assert page.locator("[data-line='1'] a").get_attribute("aria-label") is None


def test_groups_nest_as_a_tree(opened: Open) -> None:
    page = opened(runs(30))
    page.select_option("[aria-label='Group by']", "experiment")
    page.select_option("[aria-label='Then group by']", "params.seed")
    assert page.locator("[role=treegrid]").count() == 1
    assert page.locator("[role=columnheader]", has_text="Experiment").count() == 1  # over the tree's heading
    page.click("text=Open all")
    levels = [row.get_attribute("aria-level") for row in page.locator("[data-line]").all()[:5]]
    assert levels == ["1", "2", "3", "3", "2"]
    lines = page.evaluate("Modelbook.tables.values().next().value.lines.length")
    assert lines == 3 + 15 + 30
    labels = page.locator("[aria-level='2'] b").all_inner_texts()
    assert labels[:5] == ["0", "1", "2", "3", "4"]  # by value
    assert "group=experiment%2Cparams.seed" in page.url
    assert "open=*" in page.url
    page.locator("[aria-level='2'] button").first.click()
    assert page.evaluate("Modelbook.tables.values().next().value.lines.length") == lines - 2
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("[data-ready]")
    assert other.locator(".mb-t-scroll").inner_text() == page.locator(".mb-t-scroll").inner_text()


def test_numbers_that_look_alike_are_different_groups(opened: Open) -> None:
    data = runs(4)
    data["columns"][8]["values"] = [0.123456, 0.123457, 0.123456, None]
    page = opened(data, "#group=params.model.learning_rate")
    assert sorted(page.locator(".mb-t-group b").all_inner_texts()) == ["(none)", "0.123456", "0.123457"]


def test_a_group_is_selected_and_opened_by_keys(opened: Open) -> None:
    page = opened(runs(9), "#group=experiment")
    page.locator("[role=treegrid]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.locator("[data-line]").count() == 6
    page.keyboard.press("ArrowLeft")
    assert page.locator("[data-line]").count() == 3
    page.keyboard.press(" ")
    assert "3 selected" in page.locator(".mb-t-selection").inner_text()
    assert page.locator("[aria-label='Select all of gbm']").is_checked()
    page.keyboard.press("Enter")
    page.locator("[aria-label='Select run-3']").uncheck()
    assert page.evaluate("document.querySelector('[aria-label=\"Select all of gbm\"]').indeterminate")


def heading(page: Page, name: str) -> Any:
    return page.locator(f"[role=columnheader]:has([aria-label='Menu of {name}'])")


def headings(page: Page) -> list[str]:
    return [
        text.split("\n")[-1].split(" ")[0] for text in page.locator("[role=columnheader]").all_inner_texts()
    ]


def test_the_menu_of_a_heading_does_everything_by_keys(opened: Open) -> None:
    page = opened()
    page.locator("[role=grid]").focus()
    page.keyboard.press("ArrowRight")  # Experiment

    def choose(item: str) -> None:
        page.keyboard.press("m")
        place = page.locator("[role=menuitem]").all_inner_texts().index(item)
        for _ in range(place):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert page.locator("[role=menu]").count() == 0
        assert page.evaluate("document.activeElement.getAttribute('role')") in ("grid", "treegrid")

    page.keyboard.press("m")
    assert "experiment" in page.locator("[role=menu] code").inner_text()
    page.keyboard.press("Escape")
    choose("Sort Z to A")
    assert column(page, "Experiment")[0] == "logistic"
    assert "Sorted by Experiment descending" in page.locator(".mb-t-sr[role=status]").inner_text()
    choose("Move right")
    assert headings(page)[1:4] == ["Run", "Tags", "Experiment"]
    assert page.url.count("order=") == 1
    page.keyboard.press("ArrowRight")
    choose("Pin to the left")
    assert headings(page)[1:4] == ["Run", "Experiment", "Tags"]
    page.keyboard.press("ArrowLeft")
    before = heading(page, "Experiment").bounding_box()["width"]
    choose("Wider")
    assert heading(page, "Experiment").bounding_box()["width"] == before + 60
    choose("Hide")
    assert "Experiment" not in headings(page)


def test_a_menu_item_filters(opened: Open) -> None:
    page = opened()
    page.click("[aria-label='Menu of loss']")
    page.click("text=Filter…")
    page.keyboard.type("5..7")
    says(page, "3 of 60 runs")
    page.click("[aria-label='Menu of seed']")
    page.click("text=Group by it")
    assert status(page) == "3 groups, 3 of 60 runs"
    page.click("[aria-label='Menu of Run']")
    page.mouse.click(600, 700)
    assert page.locator("[role=menu]").count() == 0


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, start[1])
    page.mouse.move(*end)
    page.mouse.up()


def test_columns_are_moved_and_widened_by_mouse(opened: Open) -> None:
    page = opened()
    tags, experiment = heading(page, "Tags").bounding_box(), heading(page, "Experiment").bounding_box()
    drag(page, (tags["x"] + 20, tags["y"] + 25), (experiment["x"] + 10, tags["y"] + 25))
    assert headings(page)[1:4] == ["Run", "Tags", "Experiment"]
    assert page.locator("[aria-sort=ascending], [aria-sort=descending]").count() == 0
    assert page.url.endswith("order=run%2Ctags")
    edge = heading(page, "Tags").bounding_box()
    drag(
        page,
        (edge["x"] + edge["width"] - 2, edge["y"] + 20),
        (edge["x"] + edge["width"] + 98, edge["y"] + 20),
    )
    assert heading(page, "Tags").bounding_box()["width"] == edge["width"] + 100
    address = page.url
    heading(page, "Tags").click()
    assert page.locator("[aria-sort=ascending]").count() == 1
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector("[data-ready]")
    assert heading(other, "Tags").bounding_box()["width"] == edge["width"] + 100


def test_groups_are_downloaded_as_they_are_shown(opened: Open) -> None:
    page = opened(runs(9), "#group=experiment")
    page.click("text=Download")
    assert "the 3 groups" in page.locator(".mb-t-panel").inner_text()
    assert "the 9 shown runs" in page.locator(".mb-t-panel").inner_text()
    with page.expect_download() as started:
        page.locator(".mb-t-panel-bar", has_text="groups").locator("text=CSV").click()
    rows = list(csv.DictReader(io.StringIO(started.value.path().read_text("utf-8"))))
    assert [row["experiment"] for row in rows] == list(EXPERIMENTS)
    assert [row["count"] for row in rows] == ["3", "3", "3"]
    assert float(rows[0]["metrics.roc_auc mean"]) == pytest.approx(0.503)
    assert float(rows[0]["metrics.roc_auc std"]) == pytest.approx(0.003)
    exported = page.evaluate("Modelbook.tables.values().next().value.export('md', false)").splitlines()
    assert exported[0].startswith("| Experiment | Run |")


def test_text_is_sorted_without_case_and_with_digits_by_value(opened: Open) -> None:
    data = runs(6)
    data["columns"][4]["values"] = ["b2", "B10", "a-007", "a-12", None, "b"]
    page = opened(data)
    heading(page, "Note").click()
    assert column(page, "Note") == ["a-007", "a-12", "b", "b2", "B10", ""]
    data["columns"][4]["values"] = ["z", "\u00e9", "f", "E10", "e9", None]
    page = opened(data)
    heading(page, "Note").click()
    assert column(page, "Note") == ["\u00e9", "e9", "E10", "f", "z", ""]


def test_the_link_of_the_view_is_copied(opened: Open) -> None:
    page = opened(body='<textarea id="paste"></textarea>')
    ask(page, "seed = 3")
    page.click("text=Copy link")
    page.wait_for_selector("text=Copied")
    page.focus("#paste")
    page.keyboard.press("Control+V")
    assert page.input_value("#paste") == page.url
    assert "seed" in page.url


def test_views_are_links_to_states(opened: Open) -> None:
    views = [{"label": "Third seeds", "state": "q=seed+%3D+3&group=experiment"}]
    page = opened({**runs(), "views": views})
    page.click("nav >> text=Third seeds")
    says(page, "3 groups, 12 of 60 runs")
    assert page.input_value(".mb-t-query") == "seed = 3"
    page.click("text=Reset")
    page.click("nav >> text=Third seeds")
    says(page, "3 groups, 12 of 60 runs")


def test_curves_are_drawn_and_told(opened: Open) -> None:
    page = opened()
    curve = page.locator("[data-line='5'] .mb-t-spark")
    assert curve.get_attribute("aria-label") == "Trend: from 1 to 5, between 1 and 5"
    assert len((curve.locator("polyline").get_attribute("points") or "").split(" ")) == 3


def test_the_example_in_the_query_box_is_of_these_runs(opened: Open) -> None:
    data = runs()
    data["columns"][2]["key"] = "tag"
    page = opened(data)
    example = page.get_attribute(".mb-t-query", "placeholder") or ""
    assert example == "Filter: roc_auc > 0.53 and tag:baseline"
    ask(page, example.removeprefix("Filter: "))
    assert status(page).endswith("of 60 runs")
    data["columns"][2]["values"] = [[]] * 60
    assert "tag" not in (opened(data).get_attribute(".mb-t-query", "placeholder") or "")


# Charts


def figure() -> str:
    series = [
        charts.Series(name="train", x=[1, 2, 3], y=[3, 2, 1]),
        charts.Series(name="</script>", x=[1, 2], y=[1, 2]),
    ]
    chart = charts.xy_chart("Loss", series)
    data = json.dumps(chart.plotly()).replace("<", "\\u003c")
    return (
        f'<figure class="mb-chart">{chart.svg("c")}<script type="application/json">{data}</script>'
        '<button type="button" class="mb-button" data-mb-interactive data-src="plotly.min.js" hidden>'
        "Interactive</button>"
        '</figure><button data-copy="dvc repro">Copy</button>'
    )


def plotly_file() -> Path:
    spec = importlib.util.find_spec("plotly")
    assert spec and spec.origin
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


def test_a_chart_becomes_interactive_and_still_again(opened: Open, tmp_path: Path) -> None:
    shutil.copyfile(plotly_file(), tmp_path / "plotly.min.js")
    page = opened(body=figure())
    button = page.locator("[data-mb-interactive]")
    assert page.locator("figure > svg").is_visible()
    assert page.evaluate("typeof window.Plotly") == "undefined"
    button.click()
    page.wait_for_selector(".mb-plotly .main-svg")
    assert not page.locator("figure > svg").is_visible()
    assert (
        page.locator(".legendtext").all_inner_texts() == ["train", "</script>"]
        or page.locator(".legendtext").count() == 2
    )
    titles = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map((b) => b.dataset.title || '')")
    assert not any(word in title.lower() for title in titles for word in ("cloud", "studio", "plotly"))
    assert page.locator(".mb-plotly a[href^='http'], .mb-plotly a[*|href^='http']").count() == 0
    light = page.evaluate("document.querySelector('.mb-plotly').layout.font.color")
    page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    page.wait_for_function(
        "(light) => document.querySelector('.mb-plotly').layout.font.color !== light", arg=light
    )
    button.click()
    assert page.locator("figure > svg").is_visible()
    assert page.locator(".mb-plotly").count() == 0


def test_a_chart_that_cannot_become_interactive_says_so(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(site(tmp_path, runs(2), body=figure()).as_uri())
    page.click("[data-mb-interactive]")
    page.wait_for_selector("figure [role=alert]")
    assert page.locator("figure > svg").is_visible()
    page.close()


def test_copy_buttons_work_from_a_file(opened: Open) -> None:
    page = opened(body=figure() + '<textarea id="paste"></textarea>')
    page.click("[data-copy='dvc repro']")
    page.wait_for_selector("text=Copied")
    page.focus("#paste")
    page.keyboard.press("Control+V")
    assert page.input_value("#paste") == "dvc repro"
