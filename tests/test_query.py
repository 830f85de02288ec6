"""The query language in Python, beside the one of the runs table: the same words mean the same rows."""

from __future__ import annotations

import contextlib
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

from modelbook import query
from test_runs_table import PROBLEMS, QUERIES, runs, site

DATA = runs()
COLUMNS = query.read_columns(DATA["columns"])


def rows(text: str) -> list[int]:
    test = query.compile_query(text, COLUMNS)
    return [row for row in range(DATA["rows"]) if test(row)]


@pytest.mark.parametrize(("text", "count"), QUERIES)
def test_a_query_finds_as_many_runs_as_in_the_table(text: str, count: int) -> None:
    assert len(rows(text)) == count


@pytest.mark.parametrize(("text", "problem"), PROBLEMS)
def test_a_wrong_query_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(query.BadQuery) as caught:
        rows(text)
    assert problem in str(caught.value)
    assert 0 <= caught.value.at <= len(text)


@given(st.text(alphabet="auc<>=!~:()\"'\\ and or not 0.5 tag none é -x", max_size=40))
def test_no_query_does_more_than_say_no(text: str) -> None:
    with contextlib.suppress(query.BadQuery):
        rows(text)


def test_deep_nesting_is_refused() -> None:
    for text in ("(" * 5000, "not " * 5000):
        with pytest.raises(query.BadQuery):
            rows(text)


def test_rows_are_sorted_with_the_missing_last_and_digits_by_value() -> None:
    by = {column.key: column for column in COLUMNS}
    down = query.sort_rows(range(12), [(by["metrics.roc_auc"], True)])
    assert down == [11, 10, 8, 7, 6, 5, 4, 3, 2, 1, 0, 9]
    assert query.sort_rows(range(12), [(by["run"], False)]) == list(range(12))
    both = [(by["experiment"], False), (by["metrics.loss"], True)]
    assert query.sort_rows(range(6), both) == [0, 3, 4, 1, 5, 2]  # row 3 has NaN


def test_a_column_is_found_by_any_of_its_names() -> None:
    for name in ("metrics.roc_auc", "ROC_AUC", "auc"):
        assert query.find_column(name, COLUMNS).key == "metrics.roc_auc"
    assert math.isnan(query.find_column("loss", COLUMNS).number(3))


def test_the_queries_of_the_docs_find_runs() -> None:
    page = (Path(__file__).parents[1] / "docs/site.md").read_text("utf-8")
    table = page.partition("| Query | Finds")[2].partition("\n\n")[0]
    queries = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(queries) == 6
    tag = query.read_columns([{**DATA["columns"][2], "key": "tag"}])
    dates = {"2024-03-01": "2024-01-20", "auc > 0.7": "auc > 0.5"}  # what these few runs have
    for text in queries:
        for said, held in dates.items():
            text = text.replace(said, held)
        test = query.compile_query(text, [*COLUMNS[:2], *tag, *COLUMNS[3:]])
        assert 0 < sum(test(row) for row in range(DATA["rows"])) < DATA["rows"], text


FIELDS = (
    "auc",
    "loss",
    "seed",
    "learning_rate",
    "depth",
    "experiment",
    "tags",
    "date",
    "note",
    "run",
    "split",
)
VALUES = (
    "0.52", "1e-5", "3", "auto", "none", "NaN", "inf", "-inf", "gbm", "gbm-deep", "base", '"x y"',
    "2024-01-05", "2024-01-05T03:00", "2024", "2024-01", "run-1", "2013", "'a..b'", "o",
)  # fmt: skip


def _terms(rng: random.Random) -> Iterator[str]:
    for _ in range(rng.randint(1, 3)):
        op = rng.choice((">", ">=", "<", "<=", "=", "==", "!=", ":", "!:", "~"))
        term = f"{rng.choice(FIELDS)} {op} {rng.choice(VALUES)}"
        yield rng.choice((term, term, term, f"not {term}", f"({term})", rng.choice(VALUES)))


def _queries(count: int) -> list[str]:
    rng = random.Random(7)
    return [rng.choice((" and ", " or ", " ")).join(_terms(rng)) for _ in range(count)]


@pytest.mark.browser
def test_two_thousand_queries_mean_the_same_in_the_browser(browser: Browser, tmp_path: Path) -> None:
    asked = _queries(2000)
    page = browser.new_page()
    page.goto(site(tmp_path, DATA).as_uri())
    page.wait_for_selector("[data-modelbook-table][data-ready]")
    told = page.evaluate(
        """(queries) => {
          const table = Modelbook.tables.values().next().value;
          return queries.map((query) => {
            try {
              const test = Modelbook.query.compile(query, table.data.columns);
              return table.data.ids.map((_, row) => row).filter((row) => test(row));
            } catch (problem) { return problem.message; }
          });
        }""",
        asked,
    )
    page.close()
    different = []
    for text, theirs in zip(asked, told, strict=True):
        try:
            ours: object = rows(text)
        except query.BadQuery as error:
            ours = str(error)
        if ours != theirs:
            different.append((text, ours, theirs))
    assert different == []
    assert sum(isinstance(found, list) and 0 < len(found) < DATA["rows"] for found in told) > 100
