"""Runs side by side and what changed between two commits, in a real Chromium, from a folder of files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

import sample
from browsing import Site, axe, close, says, violations
from modelbook import site
from modelbook.records import Catalog, CodeChange, Commit, FileChange, Plot, Run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MANY = tuple(
    sample.run(
        f"many-{at}", "gbm", "flights", 3, {"roc_auc": 0.7 + at / 1000, "log_loss": 0.5 - at / 1000},
        {"seed": at, "model.learning_rate": 10.0 ** (-at % 5), "split.month": 3},
    )
    for at in range(22)
)  # fmt: skip
HOSTILE = sample.digest(sample.SCRIPT, 12)


Open = Callable[..., Page]


def ids(*names: str) -> str:
    return ",".join(sample.digest(name, 12) for name in names)


def twins(name: str) -> Run:
    """A run with two plots of one title."""
    run = sample.run(name, "gbm", "flights", 3, {"roc_auc": 0.71}, {"seed": 0})
    plots = tuple(
        Plot(
            name=f"{name}-{part}", title="Twice", x="step", y=((f"results/{name}/plots/{part}.tsv", "auc"),),
            files=((f"results/{name}/plots/{part}.tsv", sample.blob("step\tauc\n0\t0.5\n1\t0.6\n")),),
        )
        for part in ("train", "valid")
    )  # fmt: skip
    return replace(run, plots=plots)


def code(commit: Commit) -> CodeChange | None:
    """What each commit of the sample did: the second edits, the third edits again, the fourth renames."""
    number = [one.sha for one in sample.COMMITS].index(commit.sha)
    path = "src/train.py"
    changes = {
        0: [FileChange(path=path, kind="added", new="a0", added=10, removed=0)],
        1: [FileChange(path=path, kind="changed", old="a0", new="a1", added=2, removed=1)],
        2: [
            FileChange(path=path, kind="changed", old="a1", new="a2", added=3, removed=0),
            FileChange(path="results/gbm/model.skops", kind="added", new="m0", binary=True),
            FileChange(path=f"src/{sample.SCRIPT}.py", kind="added", new="h0", added=1, removed=0),
        ],
        3: [
            FileChange(path="src/fit.py", before=path, kind="renamed", old="a2", new="a2", added=0, removed=0)
        ],
        4: [],
        5: [FileChange(path="README.md", kind="added", new="r0", added=5, removed=0)],
    }
    return CodeChange(files=tuple(changes[number]))


def catalog() -> Catalog:
    made = sample.catalog()
    return replace(made, runs=(twins("twins"), twins("twins-too"), *MANY, *made.runs))


class Browsing(Site):
    """The built site; what a machine without a graphics card says of that is not the site's fault."""

    def _console(self, path: str, message: ConsoleMessage) -> None:
        if "WebGL" not in message.text:
            super()._console(path, message)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compare") / "site"
    site.build(catalog(), out, read=sample.BLOBS.get, code=code)
    return out


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Callable[..., Page]]:
    made = Browsing(folder.as_uri() + "/", browser)
    yield made.open
    close(browser)
    assert not made.faults, "\n".join(made.faults)


def row(page: Page, name: str) -> list[str]:
    """The cells of the row of that name, without the name."""
    found = page.locator(".mb-compare tbody tr", has=page.locator(f"th:text-is('{name}')"))
    return [" ".join(cell.inner_text().split()) for cell in found.first.locator("td").all()]


def heads(page: Page) -> list[str]:
    return [item.inner_text() for item in page.locator(".mb-compare thead a").all()]


def test_two_runs_side_by_side(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('logistic', 'gbm')}")
    page.locator(".mb-compare").wait_for()
    assert heads(page) == ["logistic", "gbm"]
    assert row(page, "roc_auc ↑") == ["0.6871", "0.7405★ ▲ +0.0534"]
    assert row(page, "log_loss ↓") == ["0.4613", "0.4097★ ▼ −0.0516"]
    assert page.locator(".mb-compare .mb-delta.mb-good").count() == 2
    assert row(page, "model.kind") == ["logistic", "gbm"]
    assert row(page, "rows")[0] == "80789 rows"
    assert page.locator(".mb-group").all_inner_texts() == [
        "Run", "Metrics", "Params", "Data", "Artifacts", "Stages", "Environment",
    ]  # fmt: skip
    assert row(page, "results/*/model.skops")[0].endswith("346 kB")
    figure = page.locator("figure", has_text="ROC curve")
    assert figure.locator("svg.mb-svg path:not(.mb-diagonal)").count() == 2
    assert "".join(figure.locator(".mb-legend li").all_inner_texts()).split() == ["logistic", "gbm"]
    assert page.locator("figure", has_text="confusion").locator("table.mb-matrix").count() == 2
    assert page.locator("figure", has_text="importance").locator(".mb-not-pulled").count() == 2
    figure.get_by_role("button", name="Interactive").click()
    page.wait_for_selector(".mb-plotly .main-svg", timeout=20_000)


def test_plots_of_one_title_and_run_lie_apart_by_their_files(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('twins', 'twins-too')}")
    page.locator(".mb-compare").wait_for()
    figures = page.locator("figure", has_text="Twice")
    assert figures.count() == 2
    assert "results/*/plots/train.tsv, 2 runs" in figures.first.inner_text()


def test_twenty_runs_and_no_more(opened: Open) -> None:
    page = opened("compare/index.html#runs=" + ",".join(run.id for run in MANY))
    page.locator(".mb-compare").wait_for()
    assert len(heads(page)) == 20
    assert "2 more are left out" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Add a run").is_disabled()
    assert "★" in row(page, "roc_auc ↑")[19]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_baseline_is_chosen_and_the_address_says_so(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('logistic', 'gbm', 'dummy')}&base={ids('gbm')}")
    page.locator(".mb-compare").wait_for()
    assert row(page, "roc_auc ↑")[0] == "0.6871 ▼ −0.0534"
    assert page.locator(".mb-compare .mb-delta.mb-bad").count() == 4
    page.get_by_label("Baseline: dummy").click()
    assert row(page, "roc_auc ↑")[0] == "0.6871 ▲ +0.1871"
    assert page.evaluate("location.hash").endswith(f"&base={ids('dummy')}")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Baseline: dummy"
    again = opened("compare/index.html" + page.evaluate("location.hash"))
    again.locator(".mb-compare").wait_for()
    assert again.get_by_label("Baseline: dummy").get_attribute("aria-pressed") == "true"


def test_runs_are_moved_removed_and_added(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('logistic', 'gbm', 'dummy')}")
    page.locator(".mb-compare").wait_for()
    page.get_by_label("Move gbm left").click()
    expect(page.locator(".mb-compare thead a").first).to_have_text("gbm")
    page.get_by_label("Remove dummy").click()
    expect(page.locator(".mb-compare thead a")).to_have_count(2)
    page.get_by_label("Add a run").fill("svm")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".mb-compare thead a")).to_have_count(3)
    assert heads(page)[:2] == ["gbm", "logistic"]
    assert page.evaluate("location.hash").startswith(f"#runs={ids('gbm', 'logistic')},")


def test_only_differences(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('logistic', 'gbm')}")
    page.locator(".mb-compare").wait_for()
    assert row(page, "rows")
    page.get_by_role("button", name="Only differences").click()
    assert not row(page, "rows")
    assert row(page, "roc_auc ↑")
    assert "are hidden" in page.locator(".mb-compare-bar [role=status]").inner_text()
    assert "diff=1" in page.evaluate("location.hash")


def test_a_value_that_is_not_there_is_said_as_such(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('svm', 'unpulled', 'unreadable', 'never', 'bare')}")
    page.locator(".mb-compare").wait_for()
    assert row(page, "accuracy ↑") == ["0.981", "not pulled", "unreadable", "never run", "–"]


def test_hostile_names_are_shown_not_obeyed(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('svm')},{HOSTILE}")
    page.locator(".mb-compare").wait_for()
    assert heads(page)[1] == sample.SCRIPT
    assert row(page, "accuracy ↑")[1] == "NaN"
    page.get_by_role("button", name="Plot", exact=True).click()
    page.wait_for_selector(".mb-explore .main-svg", timeout=30_000)
    bad = opened("compare/index.html#runs=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E,../../x")
    assert "No runs of this history have the ids" in bad.get_by_role("alert").inner_text()


def test_without_runs_the_best_are_offered(opened: Open) -> None:
    page = opened("compare/index.html")
    page.get_by_text("No runs are chosen yet").wait_for()
    page.get_by_role("link", name="The best 5 of flights by roc_auc").click()
    page.locator(".mb-compare").wait_for()
    assert heads(page)[0] == "gbm-sweep-learning_rate-0.1"
    assert not page.locator(".mb-offers").is_visible()
    plain = opened("compare/index.html", javascript=False)
    assert plain.get_by_role("link", name="The best 5 of flights by roc_auc").is_visible()


def test_an_unknown_run_does_not_hide_the_known(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('svm')},ffffffffffff,{ids('bare')}")
    page.locator(".mb-compare").wait_for()
    assert heads(page) == ["svm", "bare"]
    assert "ffffffffffff" in page.get_by_role("alert").inner_text()


def test_the_comparison_is_a_file(opened: Open) -> None:
    page = opened(f"compare/index.html#runs={ids('logistic', 'gbm')}&diff=1")
    page.locator(".mb-compare").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    lines = waiting.value.path().read_text("utf-8").splitlines()
    assert lines[0] == f"section,name,logistic ({ids('logistic')}),gbm ({ids('gbm')})"
    assert "Metrics,roc_auc,0.6871,0.7405" in lines
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Markdown").click()
    assert "| Metrics | roc\\_auc | 0.6871 | 0.7405 |" in waiting.value.path().read_text("utf-8")


@pytest.mark.parametrize("path", ["compare/index.html", "changes/compare/index.html"])
def test_a_phone_has_room_for_it(opened: Open, path: str) -> None:
    runs = f"#runs={ids('logistic', 'gbm', 'dummy')}&open=plot"
    commits = f"#base={sample.COMMITS[1].sha[:12]}&head=main"
    page = opened(path + (commits if "changes" in path else runs), width=375, dark=True)
    if "changes" in path:
        page.get_by_text("README.md").wait_for()
    else:
        expect(page.locator(".mb-explore [data-ready]")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for region in page.locator(".mb-scroll").all():
        assert region.get_attribute("aria-label")
        assert region.get_attribute("tabindex") == "0"


@pytest.mark.parametrize("dark", [False, True])
def test_what_scripts_fill_in_is_accessible(opened: Open, dark: bool) -> None:
    first = sample.COMMITS[1].sha[:12]
    for path in (
        f"compare/index.html#runs={ids('logistic', 'gbm', 'unpulled')}",
        f"changes/compare/index.html#base={first}&head=main",
    ):
        page = opened(path, dark=dark)
        page.locator("table").first.wait_for()
        page.evaluate(axe())
        assert not violations(page), path


def test_plots_follow_the_colour_scheme_and_the_address(opened: Open) -> None:
    runs = ",".join(run.id for run in MANY[:12])
    where = f"compare/index.html#runs={runs}&open=plot&x=Params.model.learning_rate&logx=1&y=Metrics.log_loss"
    page = opened(where, dark=True)
    page.wait_for_selector(".mb-explore [data-ready] .main-svg", timeout=30_000)
    expect(page.locator(".mb-explore [data-ready]")).to_have_count(2)
    found: dict[str, Any] = page.evaluate(
        "(() => { const [lines, dots] = document.querySelectorAll('.mb-explore .mb-plotly');"
        "return {axes: lines.data[0].dimensions.map((one) => one.label),"
        "reversed: lines.data[0].line.reversescale,"
        "x: dots.layout.xaxis.type, y: dots.layout.yaxis.title.text, ink: dots.layout.font.color} })()"
    )
    assert found["axes"][0] == "model.learning_rate"
    assert "split.month" not in found["axes"]  # the same in every run
    assert (found["x"], found["y"], found["reversed"]) == ("log", "log_loss ↓", True)
    assert found["ink"] == "#e6e8ec"
    page.get_by_label("Colour", exact=True).select_option(label="seed")
    assert "colour=Params.seed" in page.evaluate("location.hash")


def test_all_runs_of_the_table_are_plotted(opened: Open) -> None:
    page = opened("compare/index.html#of=all&q=many and log_loss < 0.49")
    page.wait_for_selector(".mb-explore .main-svg", timeout=30_000)
    assert (
        f"11 of {len(MANY) + len(sample.RUNS) + 2} runs"
        in page.locator("[data-modelbook-compare]").inner_text()
    )


def test_the_plot_of_the_runs_page_keeps_its_filters(opened: Open) -> None:
    page = opened("runs/index.html#q=many")
    page.locator(".mb-t-query").fill("many and log_loss < 0.485")
    says(page, "6 ")
    page.get_by_role("link", name="Plot these runs").click()
    page.get_by_text("6 of ").first.wait_for()
    assert "of=all&q=many" in page.evaluate("location.hash")


def test_runs_are_compared_from_the_runs_table(opened: Open) -> None:
    page = opened(f"runs/index.html#sel={ids('svm', 'bare')}")
    page.locator(".mb-t-selection a", has_text="Compare").click()
    page.locator(".mb-compare").wait_for()
    assert heads(page) == ["svm", "bare"]


def text_of(page: Page, title: str) -> str:
    """What stands under a heading."""
    found = page.locator(f"h2:text-is('{title}') + *").inner_text()
    return " ".join(found.split())


def test_what_changed_between_two_commits(opened: Open) -> None:
    first, last = sample.COMMITS[1].sha[:12], sample.COMMITS[5].sha[:12]
    page = opened(f"changes/compare/index.html#base={first}&head={last}")
    page.get_by_text("README.md").wait_for()
    assert "README.md added +5 −0" in text_of(page, "Code")
    # Edited by one commit and renamed by the next: followed, and said to be a sum.
    assert "src/fit.py renamed from src/train.py ~ +3 −0" in text_of(page, "Code")
    assert sample.SCRIPT in text_of(page, "Code")
    assert page.get_by_text("1 file that DVC and stages write").is_visible()
    assert "flights-train@svm" not in text_of(page, "Pipeline")
    assert "digits-train@svm added" in text_of(page, "Pipeline")
    assert "gbm-old" in text_of(page, "Runs that went")
    page.get_by_label("Swap the two").click()
    expect(page).to_have_url(re.compile(f"#base={last}"))
    page.get_by_text("renamed from src/fit.py").wait_for()
    assert "src/train.py renamed from src/fit.py ~ +0 −3" in text_of(page, "Code")
    assert "README.md removed +0 −5" in text_of(page, "Code")
    assert "digits-train@svm removed" in text_of(page, "Pipeline")


def test_what_changed_between_two_versions_of_a_model(opened: Open) -> None:
    page = opened("models/flight-delay/v1.1.0/index.html")
    page.get_by_role("link", name="What changed since v1.0.0").click()
    page.get_by_text("gbm, was logistic").wait_for()
    line = page.locator("tbody tr", has_text="gbm, was logistic").first.inner_text()
    assert "▲ +0.0534" in line
    assert "better" in line
    assert "model.kind" in text_of(page, "Params")
    page.get_by_label("From").fill("flight-delay@staging")
    page.get_by_label("to", exact=True).focus()
    page.get_by_text("Both are the same commit").wait_for()


@pytest.mark.parametrize(
    ("hash", "says"),
    [
        ("base=nothing&head=main", "is no commit, branch, tag or model version"),
        ("base=main", "Choose two"),
        (f"base={sample.SCRIPT}@v0&head=main", "has no run in this history"),
    ],
)
def test_names_that_lead_nowhere_are_explained(opened: Open, hash: str, says: str) -> None:  # noqa: A002
    page = opened(f"changes/compare/index.html#{hash}")
    assert says in page.get_by_role("alert").inner_text()


STEPS = """(steps) => Modelbook.changes.composed(steps.map((rows) => ({more: 0, reason: "", rows: rows.map(
    ([path, before, old, now]) => ({path, before, old, now, added: 1, removed: 1}))})))
    .files.map((file) => [file.kind, file.path, file.before, file.steps])"""


@pytest.mark.parametrize(
    ("steps", "net"),
    [
        ([[["a", "", "1", "2"]], [["a", "", "2", "1"]]], []),
        ([[["a", "", "", "1"]], [["a", "", "1", ""]]], []),
        ([[["a", "", "1", ""]], [["a", "", "", "2"]]], [["changed", "a", "", 2]]),
        ([[["b", "a", "1", "1"]], [["c", "b", "1", "2"]]], [["renamed", "c", "a", 2]]),
        ([[["b", "a", "1", "1"]], [["a", "b", "1", "1"]]], []),
        ([[["b", "a", "1", "1"]], [["a", "", "", "9"]]], [["changed", "a", "", 1], ["added", "b", "", 1]]),
        ([[["b", "a", "1", "1"], ["a", "b", "2", "2"]]], [["changed", "a", "", 1], ["changed", "b", "", 1]]),
        ([[["b", "", "2", ""]], [["b", "a", "1", "1"]]], [["removed", "a", "", 1], ["changed", "b", "", 1]]),
    ],
)
def test_steps_add_up_to_their_net_change(opened: Open, steps: Any, net: Any) -> None:
    page = opened("changes/compare/index.html")
    assert page.evaluate(STEPS, json.loads(json.dumps(steps))) == net


def history(random: Random) -> tuple[dict[str, str], dict[str, str], list[list[list[str]]]]:
    """(files before, files after, steps between) of a history: edits, renames, files that come and go."""
    files = {name: f"{name}0" for name in "abc"}
    before = dict(files)
    steps = []
    for number in range(random.randint(1, 6)):
        old = dict(files)
        rows: list[list[str]] = []
        for name in random.sample("abcde", random.randint(1, 3)):
            target = random.choice([name, *"abcde"])
            free = target not in old and not any(target in row[:2] for row in rows)
            if any(name in row[:2] for row in rows):
                continue
            if name not in old:
                files[name] = f"{name}{number}"
                rows.append([name, "", "", files[name]])
            elif target != name and free:
                files[target] = files.pop(name)
                rows.append([target, name, old[name], files[target]])
            elif random.random() < 0.4:
                del files[name]
                rows.append([name, "", old[name], ""])
            else:
                files[name] = random.choice([f"{name}{number}!", f"{name}0"])
                rows.append([name, "", old[name], files[name]])
        steps.append(rows)
    return before, files, steps


def test_whatever_happens_on_the_way_the_sum_is_what_differs(opened: Open) -> None:
    page = opened("changes/compare/index.html")
    made = [history(Random(seed)) for seed in range(300)]
    told = page.evaluate(f"(all) => all.map({STEPS})", [steps for _, _, steps in made])
    for (before, after, steps), found in zip(made, told, strict=True):
        gone, come, edited = set(), set(), set()
        for kind, path, old, _ in found:
            gone |= {old} if kind == "renamed" else {path} if kind == "removed" else set()
            come |= {path} if kind in ("renamed", "added") else set()
            edited |= {path} if kind == "changed" else set()
        assert gone == before.keys() - after.keys(), steps
        assert come == after.keys() - before.keys(), steps
        assert edited == {name for name in before.keys() & after.keys() if before[name] != after[name]}, steps
