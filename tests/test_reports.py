"""Reports: their blocks, what is wrong with them and where, and what a page makes of hostile Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from msgspec.structs import replace

import sample
from gitrepo import GitRepo, entry, lock
from modelbook import catalog, history, pages
from modelbook.cli import main
from modelbook.pages import reports
from modelbook.pages.drawings import Album
from modelbook.pages.index import Index
from modelbook.records import WORKSPACE, Catalog, Report
from modelbook.site import escape
from modelbook.spec.reports import Block, Prose, issues, parse_report
from test_site import HOSTILE, Parsed


def told(text: str) -> list[str]:
    """All that is wrong with a report's form."""
    return [str(issue) for issue in issues(parse_report(text, "reports/a.md"))]


def block(kind: str, *lines: str) -> str:
    return "\n".join([f"```modelbook {kind}", *lines, "```"])


def of(text: str, catalog: Catalog | None = None) -> reports.Made:
    """A report of the sample."""
    held = replace(catalog or sample.catalog(), reports=(Report(name="a", path="reports/a.md", text=text),))
    (made,) = reports.compose(Index(held), sample.BLOBS.get, Album())
    return made


def part(text: str) -> reports.Part:
    made = of(text)
    assert [str(issue) for issue in made.issues] == []
    return made.context.parts[0]


def faults(text: str) -> list[str]:
    return [str(issue) for issue in of(text).issues]


# -- form


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (block("runs"), []),
        (
            "# A\n\n" + block("rns"),
            ["reports/a.md:3:1 expected runs, metric, plot, compare, lineage or card"],
        ),
        (block(""), ["reports/a.md:1:1 expected runs, metric"]),
        (block("runs where: x"), ["reports/a.md:1:1 expected the kind of the block alone"]),
        (block("runs", "colums: [a]"), ["reports/a.md:2:1 unknown key colums, did you mean columns?"]),
        (block("runs", "where: ''", "limit: 0"), ["reports/a.md:3:8 expected at least 1, found 0"]),
        (block("metric"), ["reports/a.md:2:1 missing key metric"]),
        (block("metric", "metric: [a"), ["reports/a.md:3:1 is no YAML"]),
        (block("plot"), ["reports/a.md:2:1 expected one of plot and metric"]),
        (block("plot", "plot: roc"), ["reports/a.md:2:7 expected the run whose plot it is"]),
        (block("compare", "runs: [a]"), ["reports/a.md:2:7 expected at least 2 runs, found 1"]),
        (block("compare", "runs: [a, b]", "where: x"), ["reports/a.md:2:1 expected one of runs and where"]),
        (block("card", "model: 3"), ["reports/a.md:2:8 expected a string, found 3"]),
        ("  ```modelbook runs\n  limit: x\n  ```", ["reports/a.md:2:10 expected a whole number, found 'x'"]),
        ("~~~modelbook rns\n~~~", ["reports/a.md:1:1 expected runs"]),
        ("- ```modelbook rns\n  ```\n\n> ```modelbook rns\n> ```", []),  # only code, not at the margin
        ("```yaml\n```modelbook rns\n```", []),
    ],
)
def test_a_block_is_checked_at_its_line_and_column(text: str, faults: list[str]) -> None:
    found = told(text)
    assert len(found) == len(faults), found
    for says, start in zip(found, faults, strict=True):
        assert says.startswith(start), found


def test_all_faults_are_told_at_once() -> None:
    text = "\n\n".join([block("rns"), block("runs", "a: 1", "b: 2"), block("metric")])
    assert [issue.partition(" ")[0] for issue in told(text)] == [
        "reports/a.md:1:1",
        "reports/a.md:5:1",
        "reports/a.md:6:1",
        "reports/a.md:10:1",
    ]


def test_prose_and_blocks_keep_their_order_and_their_text() -> None:
    parts = parse_report(f"one\n\n{block('runs')}\n\ntwo\n{block('lineage', 'node: x')}\nthree", "a.md")
    known = [item for item in parts if isinstance(item, Prose | Block)]
    assert [item.text.strip() if isinstance(item, Prose) else item.kind for item in known] == [
        "one",
        "runs",
        "two",
        "lineage",
        "three",
    ]  # fmt: skip


@given(HOSTILE)
def test_no_text_breaks_the_reading(text: str) -> None:
    parse_report(text, "a.md")
    parse_report(block("runs", text), "a.md")


def test_numbers_in_prose_have_their_place_and_only_code_spans_are_numbers() -> None:
    code = "modelbook metric roc_auc of"
    text = (
        f"one `{code} gbm`,\ntwo `modelbook\nmetric f1` `{code} gbm`\n\n{block('runs')}\n\n"
        f"> quoted\n> `{code}\n> gbm`\n\n"
        f"| a |\n| - |\n| `{code} a@prod` |\n\n"
        f"{code} text, `modelbook metric`, `modelbook check`\n\n    {code} block\n\n```\n`{code} fence`\n```"
    )
    found = [quote for part in parse_report(text, "a.md") if isinstance(part, Prose) for quote in part.quotes]
    assert [(item.metric, item.of, item.line, item.column) for item in found] == [
        ("roc_auc", "gbm", 1, 6),
        ("f1", "best", 2, 6),
        ("roc_auc", "gbm", 3, 13),
        ("roc_auc", "gbm", 8, 1),
        ("roc_auc", "a@prod", 14, 4),
    ]


# -- what blocks show


def test_a_table_of_runs_is_asked_sorted_and_cut() -> None:
    made = part(
        block("runs", "where: pipeline = flights", "columns: [roc_auc]", "sort: -roc_auc", "limit: 2")
    )
    assert made.table is not None
    assert [row[1].text for row in made.table.rows] == ["0.7461", "0.7432"]
    assert [row[1].tone for row in made.table.rows] == ["best", ""]
    assert made.note == "2 of 9 runs"


def test_a_metric_has_its_receipt_and_its_change() -> None:
    made = part(block("metric", "metric: roc_auc", "of: flight-delay@staging", "against: logistic"))
    assert made.fact is not None
    assert (made.fact.cell.text, made.delta, made.tone) == ("0.7405", "+0.0534", "good")
    assert made.fact.cell.delta == ""  # its own history is not what was asked for
    assert made.receipt is not None and made.fact.source == made.receipt.id
    assert "file" in dict(made.receipt.rows)


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("gbm", "gbm"),
        (sample.digest("gbm", 12), "gbm"),
        (sample.digest("gbm", 12)[:6], "gbm"),
        ("best flights", "gbm-sweep-learning_rate-0.1"),
        ("best gbm", "gbm-seed-2"),
        ("flight-delay@prod", "logistic"),
        ("flight-delay@v1.1.0", "gbm"),
        ("learning_rate = 0.05 and experiment = gbm-sweep", "gbm-sweep-learning_rate-0.05"),
    ],
)
def test_a_run_is_called_in_many_ways(name: str, run: str) -> None:
    made = part(block("metric", "metric: roc_auc", f"of: '{name}'"))
    assert made.links[0].text == run


def test_a_plot_of_a_run_and_a_metric_over_runs_and_commits() -> None:
    assert "ROC curve" in str(part(block("plot", "plot: roc", "of: gbm")).drawing)
    over = part(block("plot", "metric: roc_auc", "where: experiment = gbm-sweep"))
    assert "learning_rate 0.05" in over.svg
    commits = part(block("plot", "metric: roc_auc", "over: commits", "where: pipeline = flights"))
    assert "best of each commit" in commits.svg


def test_runs_are_compared_with_the_first() -> None:
    made = part(block("compare", "runs: [logistic, gbm]", "columns: [roc_auc, model.kind]"))
    assert made.table is not None
    auc, kind = made.table.rows
    assert [cell.text for cell in auc] == ["roc_auc ↑", "0.6871", "0.7405"]
    assert (auc[2].delta, auc[2].delta_tone) == ("+0.0534", "good")
    assert [cell.text for cell in kind] == ["model.kind", "logistic", "gbm"]


def test_lineage_goes_as_far_as_asked() -> None:
    near = part(block("lineage", "node: flight-delay@v1.1.0", "up: 1", "down: 0"))
    far = part(block("lineage", "node: flight-delay@v1.1.0"))
    assert "flights-train" not in near.svg
    assert "flights-train" in far.svg


def test_a_card_shows_the_sections_asked_for() -> None:
    made = part(block("card", "model: flight-delay@staging", "sections: limitations"))
    assert [section.key for section in made.sections] == ["limitations"]


def test_a_number_in_prose_leads_to_its_run() -> None:
    code = "modelbook metric roc_auc of flight-delay@staging"
    made = of(f"# A\n\nIt reaches `{code}`, `modelbook metric` says.")
    assert not made.issues
    number = made.context.numbers[code]
    run = next(run for run in sample.catalog().runs if number.href == f"runs/{run.id}/index.html#m-roc_auc")
    assert number.text == "0.7405"
    assert number.title.startswith(f"roc_auc of {run.name}")
    assert reports.told(made) == "# A\n\nIt reaches 0.7405, `modelbook metric` says."
    shown = html(made.context.parts[0].markdown, numbers=made.context.numbers)
    assert f'<a title="{number.title}" href="../../{number.href}">0.7405</a>' in shown
    assert "<code>modelbook metric</code>" in shown


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("roc_auk of gbm", "no run has a metric 'roc_auk', did you mean roc_auc?"),
        ("roc_auc of gbn", "no run is called 'gbn', did you mean gbm"),
        ("accuracy of gbm", "run gbm has no metric 'accuracy'"),
        ("roc_auc of seed =", "character"),
        (" of gbm", "no run has a metric ''"),
    ],
)
def test_a_bad_number_in_prose_is_told_at_its_place_and_shown_in_it(code: str, says: str) -> None:
    made = of(f"# A\n\nIt reaches\n`modelbook metric {code}`.")
    (issue,) = made.issues
    assert str(issue).startswith("reports/a.md:4:2 ")
    assert says in str(issue)
    shown = html(made.context.parts[0].markdown, numbers=made.context.numbers)
    (attributes,) = [found for tag, found in Parsed(shown).tags if tag == "span"]
    assert attributes["class"] == "mb-value mb-unreadable"
    assert says in (attributes["title"] or "")
    assert "this number cannot be shown</span>" in shown


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("metric", "metric: roc_auk"), "2:9 no run has a metric 'roc_auk', did you mean roc_auc?"),
        (("metric", "metric: accuracy", "of: gbm"), "2:9 run gbm has no metric 'accuracy'"),
        (("metric", "metric: roc_auc", "of: gbn"), "3:5 no run is called 'gbn', did you mean gbm"),
        (("metric", "metric: roc_auc", "of: seed = 0"), "3:5 the query 'seed = 0' finds"),
        (
            ("metric", "metric: roc_auc", "of: flight-delay@prd"),
            "3:5 flight-delay has no version or environment",
        ),
        (("metric", "metric: rows", "of: best flights"), "3:5 nobody says which way rows is better"),
        (("metric", "metric: roc_auc", "of: best flight"), "did you mean flights or digits?"),
        (
            ("runs", "where: roc_auk > 1"),
            "2:8 there is no column roc_auk; did you mean roc_auc? (character 1",
        ),
        (("runs", "columns: [roc_auc, lr]"), "2:20 there is no column lr"),
        (("runs", "sort: -nothing"), "2:7 there is no column nothing"),
        (("plot", "plot: rok", "of: gbm"), "2:7 run gbm has no plot 'rok', did you mean roc?"),
        (("plot", "metric: roc_auc", "where: pipeline = digits"), "2:9 none of the 6 runs has a number"),
        (("compare", "runs: [gbm, gbm]"), "2:7 expected at least 2 different runs, found 1"),
        (("compare", "runs: [gbm, gbn]"), "2:13 no run is called 'gbn'"),
        (("lineage", "node: nowhere"), "2:7 nothing in the lineage is called 'nowhere'"),
        (("card", "model: fligt-delay"), "2:8 no model is called 'fligt-delay', did you mean flight-delay?"),
        (("card", "model: flight-delay", "sections: [limits]"), "3:12 the card has no section 'limits'"),
    ],
)
def test_what_a_block_names_must_be_there(lines: tuple[str, ...], says: str) -> None:
    (found,) = faults(block(*lines))
    assert found.startswith("reports/a.md:")
    assert says in found


def test_a_bad_block_is_shown_in_its_place_and_on_the_problems_page() -> None:
    made = {page.path: page for page in pages.compose(sample.catalog(), sample.BLOBS.get)}
    parts = made["reports/which-model/index.html"].context.parts
    (broken,) = [item for item in parts if item.kind == "broken"]
    assert broken.faults[0][1].startswith("no run has a metric 'roc_auk'")
    names = {file.name for file in made["problems/index.html"].context.files}
    assert "reports/which-model.md" in names
    assert "roc_auk" in str(pages.report_issues(sample.catalog()))


def test_reports_are_listed_last_changed_first_and_found_by_their_words() -> None:
    made = {page.path: page for page in pages.compose(sample.catalog(), sample.BLOBS.get)}
    rows = made["reports/index.html"].context.rows
    assert [row.link.text for row in rows][:2] == ["other", "Which model, and ‹why›"]
    assert rows[1].summary.startswith("The first paragraph, with a link, [another]")
    assert "first paragraph" in (made["reports/which-model/index.html"].search or "")
    assert "reports/index.html" not in {page.path for page in pages.compose(sample.EMPTY, sample.BLOBS.get)}


# -- Markdown of strangers


def html(raw: str, source: str = "", resolve: Any = None, **more: Any) -> str:
    lead = resolve or (lambda _: None)
    return str(escape.report(raw, source or raw, lead, lambda href: f"../../{href}", **more))


@given(HOSTILE)
def test_a_number_in_prose_is_text_whatever_it_says(raw: str) -> None:
    code = "modelbook metric x"
    number = reports.Number(raw, "runs/a/index.html", raw, "present")
    (tag,) = Parsed(html(f"`{code}`", numbers={code: number})).tags[2:]
    assert tag[0] == "a"
    assert tag[1].keys() == {"title", "href"}


@given(HOSTILE)
def test_no_markdown_runs_anything(raw: str) -> None:
    parsed = Parsed(html(raw, resolve=lambda href: f"assets/{href}"))
    for tag, attributes in parsed.tags:
        assert tag not in ("script", "iframe", "style", "object", "form", "input")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src"):
            value = attributes.get(name) or ""
            assert not value.lower().startswith(("javascript:", "data:", "file:", "vbscript:"))


def test_links_lead_to_the_web_into_the_site_or_nowhere() -> None:
    known = {"other.md": "reports/other/index.html", "p.png": "assets/plots/p.png"}
    text = "[a](other.md) [b](https://e.org) [c](javascript:x) [d](../gone) ![i](p.png) ![w](https://e.org/x.png)"
    tags = Parsed(html(text, resolve=known.get)).tags
    assert [attributes.get("href") for tag, attributes in tags if tag == "a"] == [
        "../../reports/other/index.html",
        "https://e.org",
        None,
        "https://e.org/x.png",
    ]
    assert [attributes["src"] for tag, attributes in tags if tag == "img"] == ["../../assets/plots/p.png"]


def test_a_link_may_be_defined_behind_a_block() -> None:
    assert 'href="https://e.org/x"' in html("[a][b]", "[a][b]\n\n[b]: https://e.org/x")


def test_headings_of_a_report_stand_below_the_pages_own() -> None:
    assert [tag for tag, _ in Parsed(html("# a\n\n## b\n\n### c")).tags if tag[0] == "h"] == [
        "h2",
        "h2",
        "h3",
    ]


# -- history


PIPELINE = "stages: {train: {cmd: x, metrics: [m.json: {cache: false}]}}\n"


def read(path: Path) -> dict[str, Report]:
    return {report.path: report for report in history.read(path).reports}


def test_a_report_knows_who_changed_it_last(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    one = repo.commit({"reports/a.md": "# A\n", "reports/sub/b.md": "b", "reports/no.txt": "x", "c.md": "c"})
    two = repo.commit({"reports/sub/b.md": "b2"})
    repo.commit({"other": "1"})
    found = read(tmp_path)
    assert {path: (report.name, report.text, report.commit) for path, report in found.items()} == {
        "reports/a.md": ("a", "# A\n", one),
        "reports/sub/b.md": ("sub/b", "b2", two),
    }


def test_a_report_that_is_not_committed_is_the_workspaces(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.commit({"reports/a.md": "old"})
    repo.checkout()
    repo.write({"reports/a.md": "new", "reports/b.md": "b"})
    found = history.read(tmp_path)
    assert [(report.text, report.commit) for report in found.reports] == [
        ("new", WORKSPACE),
        ("b", WORKSPACE),
    ]


def test_images_of_a_report_are_files_of_the_same_commit(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    text = "![a](../plots/x.png) ![b](https://e.org/y.png) ![c](../../../etc/passwd) ![d](gone.png)"
    repo.commit({"reports/a.md": text, "plots/x.png": "PNG"})
    (report,) = read(tmp_path).values()
    assert [path for path, _ in report.images] == ["plots/x.png"]


def test_a_report_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"reports/a.md": "x" * 500_001})
    (report,) = read(tmp_path).values()
    assert (report.text, "at most 500,000" in report.reason) == ("", True)
    built = catalog.build(history.read(tmp_path))
    made = {page.path: page for page in pages.compose(built, lambda _: None)}
    assert [file.name for file in made["problems/index.html"].context.files] == ["reports/a.md"]


def test_check_tells_every_fault_of_specs_and_reports_at_once(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    files = {"dvc.yaml": PIPELINE, "dvc.lock": lock(entry("train")), "m.json": '{"auc": 0.5}'}
    text = "\n\n".join(
        [block("metric", "metric: auk"), block("rns"), block("metric", "metric: auc", "of: train")]
    )
    repo.commit(files | {"mlproject.yaml": "name: p\nnam: x\n", "reports/a.md": text})
    repo.checkout()
    ended = CliRunner().invoke(main, ["check", "--repo", str(tmp_path), "--no-cache"])
    assert ended.exit_code == 2
    said = ended.output + ended.stderr
    assert "mlproject.yaml:2:1 unknown key nam" in said
    assert "reports/a.md:2:9 no run has a metric 'auk', did you mean auc?" in said
    assert "reports/a.md:5:1 expected runs, metric" in said
