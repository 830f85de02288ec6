"""Pages as plain values: what a Catalog becomes before any template sees it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sample
from modelbook import pages, seeds
from modelbook.pages import changes, commits, experiments, home, images, models, runs, text
from modelbook.pages.cells import Cell, recreate
from modelbook.pages.drawings import Album, activity, drawings, run_lineage
from modelbook.pages.index import Index, Link, best, runs_href, spread
from modelbook.pages.ledger import Ledger
from modelbook.pages.steps import finished
from modelbook.pages.verdicts import Verdicts
from modelbook.records import (
    Artifact,
    Catalog,
    Dataset,
    Dependency,
    MetricInfo,
    ModelInfo,
    PipelineInfo,
    Plot,
    Project,
    Run,
    Snapshot,
    Spec,
    Stage,
    State,
    Value,
)

AUC = MetricInfo(name="auc", direction="maximize", format=".3f")


@pytest.fixture(scope="module")
def made() -> dict[str, pages.Page]:
    return {page.path: page for page in pages.compose(sample.catalog(), sample.BLOBS.get)}


def context(made: dict[str, pages.Page], path: str) -> Any:
    return made[path].context


def walk(value: Any) -> Iterator[Any]:
    yield value
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from walk(getattr(value, field.name))
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from walk(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from walk(item)


def run_of(name: str) -> Run:
    return next(run for run in sample.RUNS if run.name == name)


def simple(name: str, score: Any, **params: Any) -> Run:
    return Run(
        id=sample.digest(name, 12),
        name=name,
        experiment="x",
        commit="c",
        commits=("c",),
        metrics=(Value(name="auc", value=score),),
        params=tuple(Value(name=key, value=params[key]) for key in params),
    )


def test_every_thing_has_its_page(made: dict[str, pages.Page]) -> None:
    sections = {"experiments", "runs", "models", "datasets", "lineage", "changes", "problems"}
    assert {f"{name}/index.html" for name in sections} | {"index.html"} <= made.keys()
    assert sum(page.bulk == "run" for page in made.values()) == len(sample.RUNS)
    assert sum(page.bulk == "commit" for page in made.values()) == len(sample.COMMITS)
    assert "models/flight-delay/v1.1.0/index.html" in made
    assert f"runs/{run_of('gbm').id}/index.html" in made


def test_only_sections_are_in_the_navigation(made: dict[str, pages.Page]) -> None:
    assert [page.nav for page in made.values() if page.nav] == [
        "Home", "Experiments", "Runs", "Models", "Datasets", "Lineage", "Deployments", "Monitoring",
        "Changes", "Problems", "Reports",
    ]  # fmt: skip


def test_hand_sized_pages_come_before_the_bulk() -> None:
    bulk = [bool(page.bulk) for page in pages.compose(sample.catalog(), sample.BLOBS.get)]
    assert bulk == sorted(bulk)


def test_links_lead_to_pages_that_are_there(made: dict[str, pages.Page]) -> None:
    there = {*made, *(item.path for page in made.values() for item in page.data)}
    for page in made.values():
        for item in walk(page.context):
            if isinstance(item, Link | Cell) and item.href and not item.href.startswith("https://"):
                assert item.href.partition("#")[0] in there, (page.path, item)


def test_no_cell_is_blank(made: dict[str, pages.Page]) -> None:
    for page in made.values():
        for item in walk(page.context):
            assert not isinstance(item, Cell) or item.text, page.path


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("unpulled", "not_pulled", "dvc pull"),
        ("unreadable", "unreadable", "line 3"),
        ("never", "never", "no run has made it"),
    ],
)
def test_a_value_that_is_not_there_says_why(
    made: dict[str, pages.Page], name: str, state: str, words: str
) -> None:
    fact = context(made, f"runs/{run_of(name).id}/index.html").metrics[0]
    assert fact.cell.state == state
    assert words in fact.cell.title


def test_a_number_has_its_receipt(made: dict[str, pages.Page]) -> None:
    page = context(made, f"runs/{run_of('gbm').id}/index.html")
    source = next(item for item in page.receipts if item.id == page.metrics[0].source)
    receipt = {name: link.text for name, link in source.rows}
    assert receipt["file"] == "results/gbm/metrics.json"
    assert page.metrics[0].key == "roc_auc"
    assert receipt["stage"] == "flights-train@gbm"
    assert {"commit", "Git blob", "lock entry"} <= receipt.keys()
    assert source.command.splitlines() == [
        f"git checkout {sample.COMMITS[2].sha[:12]}",
        "dvc repro flights-train@gbm",
    ]


def test_values_of_one_file_share_a_receipt(made: dict[str, pages.Page]) -> None:
    page = context(made, f"runs/{run_of('gbm').id}/index.html")
    assert len({fact.source for fact in page.metrics}) == 1 < len(page.metrics)
    assert {fact.source for fact in (*page.metrics, *page.params)} == {item.id for item in page.receipts}
    assert len({receipt.id for receipt in page.receipts}) == len(page.receipts) == 2


def test_a_command_quotes_what_a_shell_would_obey() -> None:
    assert recreate(run_of(sample.SCRIPT)).endswith(f"'digits-train@{sample.SCRIPT}'")


def test_home_shows_the_best_and_what_it_gained(made: dict[str, pages.Page]) -> None:
    leader = context(made, "index.html").leaders[0]
    assert (leader.value.text, leader.delta, leader.tone) == ("0.7461", "+0.0029", "good")
    assert leader.run.text == "gbm-sweep-learning_rate-0.1"
    assert (leader.against, leader.rival.text) == ("before 0.7432, by", "gbm-seed-2")
    assert "<svg" in leader.spark


def test_home_names_the_best_ever_where_today_has_none_as_good() -> None:
    catalog = later(rerun(run_of("gbm-sweep-learning_rate-0.1"), roc_auc=0.7))
    lost = run_of("gbm-sweep-learning_rate-0.1").id
    current = tuple(
        msgspec.structs.replace(item, current=tuple(run for run in item.runs if run != lost))
        for item in catalog.experiments
    )
    leader = home.page(Index(msgspec.structs.replace(catalog, experiments=current)), ()).leaders[0]
    assert (leader.value.text, leader.delta) == ("0.7432", "")
    assert leader.rival is not None
    assert (leader.against, leader.rival.text) == ("best ever 0.7461, by", "gbm-sweep-learning_rate-0.1")


def test_a_run_of_many_commits_and_datasets_stays_short() -> None:
    catalog = sample.catalog()
    data = tuple(Dataset(path=f"d{at}", name=f"d{at}") for at in range(runs.MOST_DATASETS + 2))
    held = tuple(sample.digest(f"c{at}") for at in range(runs.MOST_COMMITS + runs.MOST_FOLDED + 7))
    run = msgspec.structs.replace(run_of("gbm"), datasets=data, commits=held)
    page = finished(runs.page(Index(catalog), run, sample.BLOBS.get, Album()))
    facts = dict(page.overview)
    assert len(page.overview) == len(facts)
    assert isinstance(named := facts["datasets"], tuple)
    assert [link.text for link in named][-2:] == ["d7", "2 more"]
    assert (len(page.commits), len(page.folded_commits), page.more_commits) == (10, 40, 7)


def test_hashes_are_short_and_whole_on_demand(made: dict[str, pages.Page]) -> None:
    facts = dict(context(made, "datasets/index.html").datasets[0].facts)
    assert (len(facts["MD5"].text), facts["MD5"].title) == (12, sample.DATASETS[0].md5)


def test_a_version_names_its_file_and_where_it_is_in_force(made: dict[str, pages.Page]) -> None:
    version = context(made, "models/flight-delay/v1.1.0/index.html")
    drawn = {f"{version.run.href}#{item.id}": item for item in context(made, version.run.href).plots}
    assert version.plots
    assert all(drawn[link.href].title == link.text for link in version.plots)
    facts = dict(version.facts)
    assert facts["artifact"].text == "results/gbm/model.skops"
    assert facts["MD5"].text == sample.digest("modelgbm", 12)
    assert (facts["size"].text, facts["in force in"].text) == ("346 kB", "staging")


def test_current_runs_of_an_experiment_come_first(made: dict[str, pages.Page]) -> None:
    rows = context(made, "experiments/gbm/index.html").runs.rows
    assert [(row[0].text, row[0].badge) for row in rows][-2:] == [("gbm", ""), ("gbm-old", "earlier")]


def test_a_model_says_which_version_it_gained_on(made: dict[str, pages.Page]) -> None:
    model = msgspec.structs.replace(sample.MODEL, environments=(("prod", "v1.1.0"),))
    found = msgspec.structs.replace(sample.catalog().models[0], info=model)
    tile = models.tile(Index(sample.catalog()), found)
    assert (tile.figure.delta, tile.figure.than) == ("+0.0534", "v1.0.0")


def test_home_says_what_head_is_though_a_side_branch_is_newer() -> None:
    catalog = sample.catalog()
    older = msgspec.structs.replace(catalog, head=catalog.snapshots[1].commit.sha)
    head = home.page(Index(older), ()).head
    assert head is not None
    assert head.text == catalog.snapshots[1].commit.short


def test_home_shows_the_best_ever_where_no_current_run_has_the_metric() -> None:
    catalog = sample.catalog()
    gone = tuple(msgspec.structs.replace(item, current=()) for item in catalog.experiments)
    leader = home.page(Index(msgspec.structs.replace(catalog, experiments=gone)), ()).leaders[0]
    assert leader.runs == "no current run has a value: the best ever"
    assert leader.value.text


def test_home_lists_only_commits_that_changed_something(made: dict[str, pages.Page]) -> None:
    rows = context(made, "index.html").changes
    assert rows
    assert all(row.words for row in rows)


def test_an_experiment_says_where_its_params_come_from(made: dict[str, pages.Page]) -> None:
    page = context(made, "experiments/gbm-sweep/index.html")
    origins = {row[0].text: row[2].text for row in page.params.rows}
    assert origins["model.learning_rate"] == "swept here: 0.05, 0.1, 0.2"
    assert origins["seed"] == "the pipeline's defaults"
    assert origins["split.month"] == "the pipeline's defaults"
    assert [link.text for link in page.chain] == ["gbm"]
    assert [section.key for section in page.card] == ["intended_use", "limitations", "house_rules"]


@pytest.mark.parametrize(
    ("own", "inherited", "shown"),
    [
        ({"seeds": [3, 4]}, {}, {"seed": "seeds: 3, 4"}),
        ({"seeds": 3}, {}, {"seed": "seeds: 0, 1, 2"}),
        ({}, {"seeds": [3]}, {"seed": "seeds of base: 3"}),
        ({"seeds": None}, {"seeds": [3]}, {"seed": "the pipeline's defaults"}),
        ({"sweep": {"list": [{"depth": 1}, {"depth": 2}, "x"]}}, {}, {"depth": "swept here: 1, 2"}),
        ({"sweep": {"random": {"space": {"depth": {}}}}}, {}, {"depth": "swept here: at random"}),
        ({}, {"sweep": {"grid": {"depth": [1]}}}, {"depth": "swept in base: 1"}),
        ({"sweep": None}, {"sweep": {"grid": {"depth": [1]}}}, {"depth": "inherited from base"}),
        ({"sweep": "no sweep", "seeds": "none"}, {}, {"depth": "inherited from base", "seed": "seeds"}),
        ({"sweep": {"grid": {"depth": 7}}}, {}, {"depth": "swept here"}),
    ],
)  # fmt: skip
def test_what_a_sweep_or_seeds_set_is_not_called_inherited(
    own: dict[str, Any], inherited: dict[str, Any], shown: dict[str, str]
) -> None:
    base = Spec(name="base", path="base.yaml", raw={"params": {"depth": 5}, **inherited})
    spec = Spec(name="own", path="own.yaml", raw=own, chain=(base,))
    table = experiments._params([simple("a", 1.0, seed=3, depth=5)], [spec, base])
    origins = {row[0].text: row[2].text for row in table.rows}
    assert origins | shown == origins


def test_seeds_give_mean_and_deviation(made: dict[str, pages.Page]) -> None:
    assert context(made, "experiments/gbm/index.html").spread == "0.7420 ± 0.0014 (3 seeds)"


def test_the_line_over_time_is_the_best_of_each_commit_not_a_zigzag() -> None:
    index = Index(later(*(rerun(run) for run in sample.RUNS if run.experiment in ("gbm", "gbm-sweep"))))
    sweep, seeds = (experiments.page(index, index.experiments[name]).chart for name in ("gbm-sweep", "gbm"))
    assert "roc_auc over time: best of each commit" in sweep
    assert "roc_auc over time: mean over the seeds" not in seeds  # one of its commits has a single run
    assert "single runs" in seeds
    assert "mean of 3 runs of gbm (0.7420)" in seeds


def test_an_experiment_that_never_ran_says_so(made: dict[str, pages.Page]) -> None:
    page = context(made, "experiments/planned/index.html")
    assert page.best.text == "not run yet"
    assert not page.runs.rows


def test_a_version_without_a_run_says_why(made: dict[str, pages.Page]) -> None:
    slug = text.slug(sample.SCRIPT)
    assert "no commit holds run" in context(made, f"models/{slug}/v0/index.html").reason


def test_plots_are_drawn_or_explained(made: dict[str, pages.Page]) -> None:
    drawn = {plot.title: plot for plot in context(made, f"runs/{run_of('gbm').id}/index.html").plots}
    assert "<svg" in drawn["ROC curve"].svg
    assert drawn["ROC curve"].data is not None
    assert drawn["importance"].state == "not_pulled"
    assert "cache" in drawn["importance"].reason


def test_plots_whose_data_is_gone_are_explained() -> None:
    run_page = next(page for page in pages.compose(sample.catalog(), lambda _: None) if page.bulk == "run")
    assert all(plot.reason for plot in run_page.context.plots)


def test_a_commit_is_compared_with_its_first_parent(made: dict[str, pages.Page]) -> None:
    page = context(made, f"commits/{sample.COMMITS[2].sha[:12]}/index.html")
    assert page.words == ("3 new runs", "1 run gone")
    rows = page.results[0].part.table.rows
    assert [(row[0].text, row[0].badge) for row in rows] == [
        ("gbm", "new"), ("gbm-seed-1", "new"), ("gbm-seed-2", "new"),
    ]  # fmt: skip
    assert [row[0].text for row in page.removed.table.rows] == ["gbm-old"]
    assert page.base.text == sample.COMMITS[1].sha[:7]


def rerun(old: Run, **metrics: float) -> Run:
    """The same run one commit later, with other metrics and one param more."""
    scores = {value.name: value.value for value in old.metrics} | metrics
    params = {value.name: value.value for value in old.params} | {"model.l2": 10.0}
    made = sample.run(old.name, old.experiment, old.pipeline, 5, scores, params)
    return msgspec.structs.replace(made, id=sample.digest(old.name + "again", 12))


def later(*made: Run, project: Project = sample.PROJECT) -> Catalog:
    """The sample, with these runs in place of their namesakes at its last commit."""
    names = {run.name for run in made}
    last = sample.COMMITS[-1].sha
    kept = tuple(
        msgspec.structs.replace(run, commits=tuple(sha for sha in run.commits if sha != last))
        if run.name in names
        else run
        for run in sample.RUNS
    )
    catalog = sample.catalog()
    experiments = tuple(
        msgspec.structs.replace(
            item, runs=tuple(run.id for run in (*made, *kept) if run.experiment == item.name)
        )
        for item in catalog.experiments
    )
    return msgspec.structs.replace(catalog, runs=(*made, *kept), project=project, experiments=experiments)


def last_commit(catalog: Catalog) -> Any:
    index = Index(catalog)
    history = changes.History(index)
    ledger, judged = Ledger(index, lambda _: None), Verdicts(index, history)
    return commits.page(index, history, ledger, judged, catalog.snapshots[0])


def test_changed_runs_have_a_row_each_and_the_headline_first() -> None:
    page = last_commit(later(rerun(run_of("gbm"), roc_auc=0.7605, log_loss=0.42)))
    (group,) = page.results
    assert [column.text for column in group.part.table.columns] == ["run", "roc_auc ↑", "log_loss ↓", "rows"]
    _, auc, loss, rows = group.part.table.rows[0]
    assert (auc.text, auc.delta, auc.delta_tone) == ("0.7605", "+0.0200", "good")
    assert "before 0.7405" in auc.title
    assert (loss.delta, loss.delta_tone) == ("+0.0103", "bad")
    assert rows.delta == ""


def test_metrics_without_a_column_are_folded_away_and_counted() -> None:
    old = run_of("gbm")
    many = {f"slice.{number:02}": number / 100 for number in range(commits.MOST_OTHERS + 3)}
    page = last_commit(later(rerun(old, **many)))
    (fold,) = page.results[0].folded
    assert fold.words == f"{len(many)} other metrics changed"
    assert (len(fold.part.table.rows), fold.part.more) == (commits.MOST_OTHERS, 3)
    assert fold.part.table.rows[0][1].text == "–"


def test_a_project_that_declares_nothing_shows_all_metrics_up_to_a_bound() -> None:
    many = {f"m{number:02}": number / 100 for number in range(commits.MOST_COLUMNS + 3)}
    page = last_commit(later(rerun(run_of("gbm"), **many), project=Project(name="plain")))
    (group,) = page.results
    assert len(group.part.table.columns) == commits.MOST_COLUMNS + 1
    assert group.folded


def test_params_that_changed_alike_are_one_row() -> None:
    made = [rerun(run_of(name)) for name in ("gbm", "gbm-seed-1", "logistic")]
    page = last_commit(later(*made))
    (row,) = page.params.table.rows
    assert [cell.text for cell in row] == ["model.l2", "–", "10.0", "3 runs: gbm, gbm-seed-1, logistic"]
    assert row[0].badge == "added"


@pytest.mark.parametrize(
    ("run", "score", "says", "delta", "tone"),
    [
        ("logistic", 0.69, "changed", "+0.0029", "good"),
        ("logistic", 0.75, "best", "+0.0039", "good"),
        ("gbm-sweep-learning_rate-0.1", 0.744, "best", "−0.0021", "bad"),
        ("gbm-sweep-learning_rate-0.1", 0.7, "changed", "−0.0461", "bad"),
    ],
)
def test_a_commit_is_summed_up_by_its_best_run(
    run: str, score: float, says: str, delta: str, tone: str
) -> None:
    index = Index(later(rerun(run_of(run), roc_auc=score)))
    (item,) = changes.rows(index, changes.History(index))[0].headlines
    assert (item.says, item.run.text) == (says, run)
    assert (item.value.delta, item.value.delta_tone) == (delta, tone)


def test_a_new_run_that_is_not_the_best_is_no_setback(made: dict[str, pages.Page]) -> None:
    new = sample.run("late", "dummy", "flights", 5, {"roc_auc": 0.6}, {})
    index = Index(later(new))
    (item,) = changes.rows(index, changes.History(index))[0].headlines
    assert (item.says, item.run.text, item.value.text, item.value.delta) == ("new", "late", "0.6000", "")


def test_a_promotion_is_a_change() -> None:
    def at(**more: Any) -> Snapshot:
        project = Project(name="p", models=(ModelInfo(name="m", **more),))
        return Snapshot(commit=sample.COMMITS[0], project=project)

    one = at(versions=(("v1", "a"),), environments=(("dev", "v1"),))
    two = at(versions=(("v1", "a"), ("v2", "b")), environments=(("prod", "v2"),))
    assert changes.registry(None, one) == ("m v1 in dev", "m v1 registered")
    assert changes.registry(one, two) == ("m v2 in prod", "m v2 registered", "m out of dev")
    assert changes.registry(two, two) == ()
    many = at(versions=tuple((f"v{number}", "a") for number in range(9)))
    assert changes.registry(None, many)[-1] == "3 more model changes"


def change_row(*, changed: bool) -> changes.Row:
    return changes.Row(Link("x"), "s", "a", "d", (), (), (), changed=changed, better=0, worse=0)


def test_ten_thousand_commits_make_many_short_pages_that_lead_to_each_other() -> None:
    rows = [change_row(changed=at % 10 == 0) for at in range(10_000)]
    found = dict(changes.listings(rows))
    assert all(len(page.rows) <= changes.MOST_ROWS for page in found.values())
    assert sum(len(page.rows) for path, page in found.items() if "/all/" not in path) == 1_000
    assert sum(len(page.rows) for path, page in found.items() if "/all/" in path) == 10_000
    path, seen = "changes/all/index.html", 0
    while path:
        seen += len(found[path].rows)
        older = found[path].older
        path = older.href if older and older.href else ""
    assert seen == 10_000
    assert found["changes/all/2/index.html"].newer == Link("Newer", "changes/all/index.html")


def test_only_long_histories_of_which_little_changed_results_start_with_what_did() -> None:
    def first(count: int, changed: int) -> tuple[int, list[str]]:
        rows = [change_row(changed=at < changed) for at in range(count)]
        found = dict(changes.listings(rows))
        return len(found["changes/index.html"].rows), sorted(found)

    both = "changes/index.html"
    assert first(100, 10) == (10, ["changes/all/index.html", both])
    assert first(100, 90) == (100, [both, "changes/results/index.html"])
    assert first(20, 2) == (20, [both, "changes/results/index.html"])
    assert first(100, 0) == (100, [both])
    assert first(3, 3) == (3, [both])
    assert first(0, 0) == (0, [both])


def test_a_change_says_how_many_runs_got_better_and_worse() -> None:
    def at(commit: int, score: float, loss: float) -> Run:
        return msgspec.structs.replace(
            run_of("gbm"),
            id=sample.digest(f"{commit}{score}", 12),
            commits=(sample.COMMITS[commit].sha,),
            metrics=(Value(name="roc_auc", value=score), Value(name="log_loss", value=loss)),
        )

    catalog = msgspec.structs.replace(sample.catalog(), runs=(at(1, 0.7, 0.1), at(0, 0.6, 0.1)))
    index = Index(catalog)
    found = {row.link.text: row for row in changes.rows(index, changes.History(index))}
    row = found[sample.COMMITS[1].short]
    assert (row.better, row.worse) == (1, 0)


def test_a_models_tile_says_its_gates_and_how_fresh_it_is() -> None:
    index = Index(sample.catalog())
    tile = models.tile(index, index.catalog.models[0])
    assert tile.gates.says == "fails 1 of 3 gates"  # prod's v1.0.0, the first version
    assert [(mark, kind) for mark, _, kind, _ in tile.gates.rows] == [
        ("fails", "ceiling"),
        ("open", "min delta"),
        ("passes", "floor"),
    ]
    assert tile.trained == "2024-03-02 (4 days before the newest commit)"
    assert "over the versions of flight-delay" in tile.figure.spark


def test_a_version_is_judged_beside_the_one_before_it() -> None:
    index = Index(sample.catalog())
    model = index.catalog.models[0]
    page = models.page(index, model, model.versions[0])
    assert {kind: mark for mark, _, kind, _ in page.gates.rows} == {
        "ceiling": "fails",
        "floor": "passes",
        "min delta": "passes",
    }


def test_deployments_tell_what_is_in_force_since_when_and_what_was_rolled_back(
    made: dict[str, pages.Page],
) -> None:
    page = context(made, "deployments/index.html")
    shown = [[cell.text for cell in row] for row in page.now.rows]
    assert [row[:3] + row[5:6] for row in shown] == [
        ["flight-delay", "prod", "v1.0.0", "2024-03-06"],
        ["flight-delay", "staging", "v1.1.0", "2024-03-05"],
    ]
    assert [(item.date, item.environment, item.says) for item in page.moments] == [
        ("2024-03-06", "prod", "rolled back"),
        ("2024-03-05", "staging", "in force"),
        ("2024-03-05", "prod", "in force"),
        ("2024-03-04", "prod", "in force"),
    ]


def test_what_was_deployed_stands_beside_what_is_in_force(made: dict[str, pages.Page]) -> None:
    page = context(made, "deployments/index.html")
    rows = [[(cell.text, cell.badge) for cell in row] for row in page.targets.rows]
    assert [[row[0][0], *row[3:5], *row[6:]] for row in rows] == [
        ["planners", ("v1.0.0", ""), ("2024-03-04", ""), ("rolled back", ""), ("v1.0.0", "")],
        [
            "web",
            ("v1.1.0" + sample.SCRIPT, ""),
            (sample.SCRIPT[:10], ""),
            ("deployed", ""),
            ("v1.0.0", "differs"),
        ],
        ["yet", ("–", ""), ("–", ""), ("failed", ""), ("–", "")],
    ]
    assert page.targets.rows[0][6].title == sample.SCRIPT
    assert [row[2].text for row in page.tried.rows][:3] == ["v1.1.0", "v1.0.0", "v1.0.0"]
    assert page.tried.rows[0][4].href == "models/flight-delay/v1.0.0/index.html"
    assert {row[7].title for row in page.tried.rows} == {"", f"sha256:{'d' * 64}"}


def test_no_environment_no_deployments() -> None:
    found = {page.path for page in pages.compose(sample.EMPTY, sample.BLOBS.get)}
    assert "deployments/index.html" not in found
    assert "index.html" in found


def test_a_leaderboard_ranks_seeds_by_their_mean() -> None:
    runs = [simple(f"s{seed}", score, seed=seed, lr=1) for seed, score in enumerate((0.9, 0.5, 0.4))]
    runs += [simple("steady", 0.7, seed=0, lr=2)]
    catalog = Catalog(
        project=Project(name="p", pipelines=(PipelineInfo(name="", metric="auc"),), metrics=(AUC,)),
        runs=tuple(runs),
        metrics=(AUC,),
    )
    (leader,) = home.page(Index(catalog), ()).leaders
    assert [(place.run.text, place.value.text) for place in leader.places] == [
        ("steady", "0.700"),
        ("s0", "0.600"),
    ]
    assert leader.places[1].spread == "± 0.265 over 3 seeds"


def test_a_leaderboards_link_asks_the_runs_table() -> None:
    assert runs_href("a b", AUC) == "runs/index.html#q=pipeline%20%3D%20%22a%20b%22&sort=-metrics.auc"
    assert runs_href("") == "runs/index.html"


def test_activity_counts_commits_and_runs_of_each_day() -> None:
    drawn = activity(Index(sample.catalog()))
    assert "Commits and new runs of each day" in drawn
    one = msgspec.structs.replace(sample.catalog(), snapshots=sample.catalog().snapshots[:1], runs=())
    assert activity(Index(one)) == ""
    assert activity(Index(sample.EMPTY)) == ""


def test_an_empty_history_has_its_pages() -> None:
    made = {page.path: page for page in pages.compose(sample.EMPTY, sample.BLOBS.get)}
    assert len(made) == 10
    assert not context(made, "index.html").leaders


@pytest.mark.parametrize(
    ("raw", "info", "shown"),
    [
        (0.123456789, None, "0.12346"),
        (0.5, AUC, "0.500"),
        (-0.5, None, "−0.5"),
        (1_234_567, None, "1,234,567"),
        (12, MetricInfo(name="t", unit="s"), "12 s"),
        (math.nan, AUC, "NaN"),
        (-math.inf, AUC, "−∞"),
        (True, AUC, "true"),
        (None, AUC, "null"),
        ([1, "a"], None, '[1, "a"]'),
        ("x", AUC, "x"),
        (0.5, MetricInfo(name="x", format="no format"), "0.5"),
        (10**400, None, "a huge number"),
    ],
)
def test_values_for_people(raw: Any, info: MetricInfo | None, shown: str) -> None:
    assert text.value(raw, info) == shown


@pytest.mark.parametrize(
    ("change", "form", "shown"),
    [(0.0123, ".4f", "+0.0123"), (-0.00002, ".4f", "−2e-05"), (0.00007, ".1%", "+0.007%"), (0.0, ".4f", "")],
)
def test_differences_keep_a_digit_that_is_not_zero(change: float, form: str, shown: str) -> None:
    assert text.delta(change, MetricInfo(name="m", format=form)) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, ""), (0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (345_678, "346 kB"), (10**13, "10.0 TB")],
)
def test_sizes(count: int | None, shown: str) -> None:
    assert text.size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, ""), (1.25, "1.2 s"), (83.4, "1 min 23 s"), (7384, "2 h 03 min"), (math.nan, "")],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("name", ["gbm", "gbm-learning_rate-0.05", "v1.0.0", "_x"])
def test_a_safe_name_is_its_own_address(name: str) -> None:
    assert text.slug(name) == name


@given(st.text())
def test_an_address_is_always_safe(name: str) -> None:
    made = text.slug(name)
    assert made
    assert not set(made) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
    assert not made.startswith(".")
    assert not made.endswith((".", ".html", ".md"))
    assert len(made) <= 80


@given(st.lists(st.text(), unique=True, max_size=8))
def test_two_names_never_share_an_address(names: list[str]) -> None:
    assert len({text.slug(name) for name in names}) == len(names)


@given(st.text())
def test_a_title_is_one_harmless_line(raw: str) -> None:
    assert not set(text.plain(raw)) & set('<>&"{}\n\r\x00')


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//x", "http://a b", 'http://x"y', ""]
)
def test_only_web_addresses_are_links(url: str) -> None:
    assert text.web(url) is None


def test_the_best_run_is_the_older_of_equals_and_never_nan() -> None:
    runs = [
        simple("new", 0.7),
        simple("old", 0.7),
        simple("nan", math.nan),
        simple("word", "high"),
        simple("yes", True),
    ]
    found = best(runs, AUC)
    assert found is not None
    assert found.name == "old"
    assert best(runs, MetricInfo(name="auc")) is None


def test_seeds_are_grouped_by_all_other_params() -> None:
    runs = [
        simple("a", 1.0, seed=0, depth=1),
        simple("b", 2.0, seed=1, depth=1),
        simple("c", 9.0, seed=0, depth=2),
    ]
    groups = sorted(sorted(run.name for run in group) for group in seeds.groups(runs))
    assert groups == [["a", "b"], ["c"]]
    assert spread(runs[:2], "auc") == (1.5, math.sqrt(0.5), 2)
    assert spread(runs[2:], "auc") is None


def test_spread_shows_the_best_group() -> None:
    runs = [simple(name, score, seed=seed, depth=depth) for name, score, seed, depth in (
        ("a", 1.0, 0, 1), ("b", 1.0, 1, 1), ("c", 2.0, 0, 2), ("d", 2.0, 1, 2))]  # fmt: skip
    assert experiments.spread_text(runs, AUC) == "2.000 ± 0.000 (2 seeds)"


def test_an_image_is_shown_only_when_it_is_one() -> None:
    blobs = {
        "png": b"\x89PNG\r\n\x1a\n....",
        "svg": b"<svg onload=alert(1)>",
        "big": b"\xff\xd8\xff" + bytes(3_000_000),
    }
    run = Run(
        id="0", name="x", experiment="x", commit="c", commits=("c",),
        plots=tuple(Plot(name=key, template="image", files=((f"{key}.png", key),)) for key in blobs),
    )  # fmt: skip
    shown = {item.title: item for item in finished(drawings(run, blobs.get, Album()))}
    assert shown["png"].image == ("assets/plots/png.png", "png")
    assert shown["svg"].image is None
    assert "too large" in shown["big"].reason
    assert (shown["big"].state, shown["big"].path) == ("not_shown", "big.png"), "so that it can be linked"
    assert shown["svg"].state == State.UNREADABLE


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
MATPLOTLIB = (
    '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
    '"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    f'{SVG}<defs><style type="text/css">*{{stroke-linejoin: round}}</style></defs>'
    '<text>a \\alpha url(x)</text><g clip-path="url(#p1)"><use xlink:href="#m"/></g></svg>'
)


def test_a_plain_svg_is_shown() -> None:
    assert images.kind_of(MATPLOTLIB.encode()) == ("svg", "")
    assert images.kind_of(MATPLOTLIB.replace("utf-8", "utf-16").encode("utf-16")) == ("svg", "")


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<g onload="alert(1)"/>',
        '<a xlink:href="javascript:alert(1)"/>',
        '<a href="&#106;avascript:alert(1)"/>',
        '<image href="https://example.org/x.png"/>',
        '<use href="data:image/svg+xml;base64,AAAA"/>',
        "<foreignObject/>",
        '<b xmlns="http://www.w3.org/1999/xhtml"/>',
        "<style>@import 'https://example.org/x.css'</style>",
        "<style>g{fill:url(https://example.org/x)}</style>",
        r"<style>g{fill:\75rl(https://example.org/x)}</style>",
        "<g style=\"fill:url( '//example.org/x')\"/>",
        '<g fill="url(//example.org/x)"/>',
        '<set attributeName="href" to="javascript:alert(1)"/>',
        "<?xml-stylesheet href='https://example.org/x.css'?>",
        "<g>",
    ],
)
def test_an_svg_that_could_act_is_not_shown(inside: str) -> None:
    kind, reason = images.kind_of(f"{SVG}{inside}</svg>".encode())
    assert kind == ""
    assert reason
    hidden = f"{SVG}{inside}</svg>".encode("utf-16")
    assert images.kind_of(hidden)[0] == ""


def test_entities_and_other_documents_are_no_images() -> None:
    bomb = f'<!DOCTYPE svg [<!ENTITY a "b">]>{SVG}&a;</svg>'
    for data in (bomb.encode(), b"<html></html>", b"<svg></svg>", b"", b"nonsense"):
        assert images.kind_of(data)[0] == ""


def again(count: int, **metrics: float) -> Catalog:
    """The sample with `count` more runs of the name `retried`, each a bit better than the one before."""
    found = sample.catalog()
    made = tuple(
        msgspec.structs.replace(
            sample.run("retried", "gbm", "flights", 2, {"roc_auc": 0.7 + at / 100, **metrics}, {"seed": 0}),
            id=f"{at:012x}",
        )
        for at in reversed(range(count))
    )
    return msgspec.structs.replace(found, runs=(*made, *found.runs))


def run_page(catalog: Catalog, run_id: str) -> Any:
    composed = pages.compose(catalog, sample.BLOBS.get)
    return next(page.context for page in composed if page.path == f"runs/{run_id}/index.html")


def test_a_metric_says_what_it_was_before_and_draws_its_way() -> None:
    page = run_page(again(4, log_loss=0.5), f"{2:012x}")
    fact = page.headline
    assert (fact.cell.delta, fact.cell.delta_tone) == ("+0.0100", "good")
    assert fact.before.text.startswith("0.7100 at")
    assert fact.before.href == f"runs/{1:012x}/index.html"
    assert "last 0.72" in fact.spark, "nothing of the runs after it"
    same = next(item for item in page.metrics if item.name == "log_loss")
    assert (same.cell.delta, same.before.text[:4]) == ("", "0.50")
    first = run_page(again(4), f"{0:012x}")
    assert (first.headline.before, first.headline.cell.delta, first.headline.spark) == (None, "", "")


def test_a_run_leads_to_its_neighbours_and_to_comparisons() -> None:
    catalog = again(3)
    page = run_page(catalog, f"{1:012x}")
    assert page.before.href == f"runs/{0:012x}/index.html"
    assert page.after.href == f"runs/{2:012x}/index.html"
    previous, best = page.compare
    assert previous.href == f"compare/index.html#runs={0:012x},{1:012x}&base={0:012x}"
    assert best.href.endswith(f"&base={sample.digest('gbm-sweep-learning_rate-0.1', 12)}")
    assert run_page(catalog, sample.digest("gbm-sweep-learning_rate-0.1", 12)).compare[1:] == ()


def test_receipts_stand_once_for_each_file_however_many_values_it_has() -> None:
    page = run_page(again(1, **{f"m{at}": at / 7 for at in range(300)}), f"{0:012x}")
    assert len(page.metrics) + len(page.more_metrics) == 301
    assert [dict(source.rows)["file"].text for source in page.receipts] == [
        "results/retried/metrics.json",
        "runs/params/retried.yaml",
    ]
    assert page.more_metrics[-1].source == page.receipts[0].id


def test_the_code_of_a_run_is_what_no_stage_made() -> None:
    run = sample.run("coded", "gbm", "flights", 2, {}, {})
    code = Dependency(path="src/train.py", md5="c" * 32, size=10)
    stages = (*run.stages[:1], msgspec.structs.replace(run.stages[1], deps=(*run.stages[1].deps, code)))
    found = sample.catalog()
    page = run_page(
        msgspec.structs.replace(found, runs=(msgspec.structs.replace(run, stages=stages), *found.runs)),
        run.id,
    )
    assert [(row[0].text, row[0].badge, row[3].text) for row in page.code.rows] == [
        ("data/flights.parquet", "data", "flights-prepare"),
        ("src/train.py", "", "flights-train@coded"),
    ]
    assert page.code.rows[1][0].href == (
        f"https://example.org/team/late-flights/blob/{run.commit}/src/train.py"
    )


def test_reproduce_makes_every_last_stage_from_nothing() -> None:
    run = sample.run("wide", "gbm", "flights", 2, {}, {})
    report = msgspec.structs.replace(run.stages[1], address="report@it's", outs=())
    found = sample.catalog()
    run = msgspec.structs.replace(
        run,
        stages=(*run.stages, report),
        datasets=(Dataset(path="data/raw", name="raw", file="data/raw.dvc"),),
    )
    page = run_page(msgspec.structs.replace(found, runs=(run, *found.runs)), run.id)
    assert page.command.splitlines() == [
        "git clone https://example.org/team/late-flights again && cd again",
        f"git checkout {run.commit[:12]}",
        "dvc pull data/raw.dvc",
        "dvc repro flights-train@wide 'report@it'\"'\"'s'",
    ]


def test_packages_are_listed_once_when_stages_share_them() -> None:
    run = sample.run("packed", "gbm", "flights", 2, {}, {})
    first = run.environments[0]
    other = msgspec.structs.replace(first, stage="package", packages=first.packages[:1])
    last = msgspec.structs.replace(first, stage="evaluate")
    found = sample.catalog()
    run = msgspec.structs.replace(run, environments=(first, other, last))
    page = run_page(msgspec.structs.replace(found, runs=(run, *found.runs)), run.id)
    shown = [(bool(item.packages), item.count, item.same) for item in page.environments]
    assert shown == [(True, 2, ""), (True, 1, ""), (False, 2, first.stage)]


@pytest.mark.parametrize(
    ("logged", "shown"),
    [
        ([4.0, 60.0], ("1 min 04 s", "")),
        ([4.0, None, 60.0], ("at least 1 min 04 s", "2 of 3 stages logged a time")),
        ([None, 5.0], ("at least 5.0 s", "1 of 2 stages logged a time")),
        ([None], None),
        ([], None),
    ],
)
def test_a_run_says_how_long_it_took_or_at_least_did(
    logged: list[float | None], shown: tuple[str, str] | None
) -> None:
    found = sample.catalog()
    run = run_of("gbm")
    timed = tuple(msgspec.structs.replace(run.environments[0], seconds=one) for one in logged)
    run = msgspec.structs.replace(run, environments=timed)
    page = run_page(msgspec.structs.replace(found, runs=(run, *found.runs[1:])), run.id)
    said = dict(page.overview).get("wall time")
    assert (said and (said.text, said.title)) == shown


def test_a_run_of_head_leads_to_its_place_in_the_lineage(made: dict[str, pages.Page]) -> None:
    gbm = run_of("gbm")
    assert context(made, f"runs/{gbm.id}/index.html").expand == f"lineage/index.html#focus=+run:{gbm.id}+"
    old = run_of("gbm-old")
    assert context(made, f"runs/{old.id}/index.html").expand == ""


def test_a_run_draws_one_step_of_its_lineage_where_the_rest_is_a_click_away() -> None:
    catalog = sample.catalog()
    run = run_of("gbm")
    shared = Stage(
        address="ingest",
        file="dvc.yaml",
        group="ingest",
        cmd="x",
        outs=(Artifact(path="raw.csv", md5="1", stage="ingest"),),
    )
    own = Stage(
        address="train@gbm",
        file="dvc.yaml",
        group="train",
        item="gbm",
        cmd="x",
        deps=(Dependency(path="raw.csv", md5="1"),),
        outs=(Artifact(path="model.bin", md5="2", stage="train@gbm"),),
    )
    changed = msgspec.structs.replace(run, stages=(shared, own))
    runs = tuple(changed if item.id == run.id else item for item in catalog.runs)
    held = Index(msgspec.structs.replace(catalog, runs=runs))
    drawn, earlier = run_lineage(held, changed)
    assert "model.bin" in drawn and "raw.csv" in drawn
    assert "ingest" not in drawn + earlier
    gone = msgspec.structs.replace(changed, id="f" * 12)
    assert "ingest" not in run_lineage(held, gone)[0]
    _, earlier = run_lineage(held, gone)
    assert "ingest" in earlier and "raw.csv" in earlier
    assert "model.bin" not in earlier, "it is drawn already"


def test_a_run_without_a_place_in_the_lineage_draws_no_more_boxes_for_being_expanded() -> None:
    catalog = sample.catalog()
    run = run_of("gbm-old")
    stages = [
        Stage(
            address=f"s{at}",
            file="dvc.yaml",
            group=f"s{at}",
            item="old" if at > 20 else None,
            cmd="x",
            deps=(Dependency(path=f"d{at}", md5="1"),),
            outs=(Artifact(path=f"d{at + 1}", md5="2", stage=f"s{at}"),),
        )
        for at in range(25)
    ]
    long = msgspec.structs.replace(run, stages=tuple(stages))
    drawn, earlier = run_lineage(Index(catalog), long)
    near, before = (part.count('class="mb-box') for part in (drawn, earlier))
    assert (near, before) == (9, 8), "of 51 nodes; the one where both meet is drawn twice"
    assert "35 more" in earlier


def test_many_experiments_become_a_table_to_filter_sort_and_group() -> None:
    first = msgspec.structs.replace(sample.catalog().experiments[0], spec=sample.SPECS[2])
    many = tuple(msgspec.structs.replace(first, name=f"e{at:03}") for at in range(200))
    catalog = msgspec.structs.replace(
        sample.catalog(), experiments=(*sample.catalog().experiments, *many), reports=()
    )
    made = {page.path: page for page in pages.compose(catalog, sample.BLOBS.get)}
    page = made["experiments/index.html"]
    assert page.context.data
    (data,) = page.data
    columns = {column["key"]: column for column in data.value["columns"]}
    assert data.value["rows"] == 207
    assert all(len(column["values"]) == 207 for column in columns.values())
    assert {"metrics.roc_auc", "trend", "runs", "latest", "tag", "owner", "pipeline"} <= columns.keys()
    row = columns["experiment"]["values"].index("gbm")
    assert columns["metrics.roc_auc"]["values"][row] == pytest.approx(0.7432)
    assert columns["metrics.accuracy"]["values"][row] is None
    assert columns["owner"]["values"][row] == "eve"


def test_few_experiments_stay_plain_with_their_trends(made: dict[str, pages.Page]) -> None:
    page = made["experiments/index.html"]
    assert (page.context.data, page.data) == ("", ())
    rows = {row.link.text: row for group in page.context.groups for row in group.rows}
    assert "best roc_auc so far" in rows["gbm"].spark


def test_a_leaderboard_of_what_was_falls_back_to_all_runs() -> None:
    catalog = msgspec.structs.replace(sample.catalog(), head="gone", experiments=())
    leader = home.page(Index(catalog), ()).leaders[0]
    assert leader.places


def test_a_run_of_a_hundred_stages_has_a_short_page() -> None:
    """Most of them it shares with all other runs of that pipeline."""
    stage, artifact = sample.RUNS[0].stages[-1], sample.RUNS[0].artifacts[-1]
    stages = tuple(msgspec.structs.replace(stage, address=f"stage-{number}") for number in range(100))
    artifacts = tuple(msgspec.structs.replace(artifact, path=f"out/{number}") for number in range(70))
    run = msgspec.structs.replace(sample.RUNS[0], stages=stages, artifacts=artifacts)
    catalog = msgspec.structs.replace(sample.catalog(), runs=(run, *sample.RUNS[1:]))
    made = {page.path: page for page in pages.compose(catalog, sample.BLOBS.get)}
    page = context(made, f"runs/{run.id}/index.html")
    assert (len(page.stages.rows), page.more_stages) == (20, 80)
    assert page.stages.rows[-1][0].text == "stage-99"
    assert (len(page.artifacts.rows), page.more_artifacts) == (20, 50)


def test_freshness_counts_days_as_they_are_shown() -> None:
    newest = "2024-03-06T08:00:00+01:00"
    assert text.before("2024-03-06T01:00:00+01:00", newest) == "the day of the newest commit"
    assert text.before("2024-03-05T23:00:00+01:00", newest) == "1 day before the newest commit"
    assert text.before("2023-11-06", newest) == "4 months before the newest commit"
    assert text.before("", newest) == text.before("x", newest) == ""
