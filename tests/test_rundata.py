"""The data of the runs table: what its columns hold, how it is cut into files, which branch a run is from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

import sample
from modelbook import site
from modelbook.pages import curves, rundata
from modelbook.pages.branches import branches
from modelbook.pages.index import Index, run_href
from modelbook.pages.variants import variants
from modelbook.records import Catalog, Commit, Plot, Project, Run, Snapshot, State, Value


@dataclass
class Read:
    """The files read back as a browser reads them: every column whole, with its hrefs and states."""

    files: tuple[tuple[str, Any], ...]
    ids: list[str] = field(default_factory=list)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        head = self.files[0][1]
        for shape in head["columns"]:
            self.columns[shape["key"]] = {**shape, "values": [], "hrefs": [], "states": {}}
        for _, part in self.files:
            self.ids += part["ids"]
            for column, cut in zip(self.columns.values(), part["columns"], strict=True):
                self._put(column, cut)

    def _put(self, column: dict[str, Any], cut: Mapping[str, Any]) -> None:
        words = cut.get("dictionary")
        for at, value in enumerate(cut["values"]):
            column["values"].append(words[value] if words and value is not None else value)
            links = cut.get("hrefs", ())
            column["hrefs"].append(links[value if words else at] if links and value is not None else "")
        column["states"].update(cut.get("states", {}))


def read(catalog: Catalog) -> Read:
    return Read(rundata.files(Index(catalog), sample.BLOBS.get, lambda name: f"assets/data/{name}.js"))


@pytest.fixture(scope="module")
def table() -> Read:
    return read(sample.catalog())


def commit(sha: str, *parents: str, refs: tuple[str, ...] = ()) -> Snapshot:
    return Snapshot(commit=Commit(sha=sha, parents=parents, refs=refs, subject=f"Subject of {sha}"))


def run(run_id: str, at: str = "c1", **more: Any) -> Run:
    fields: dict[str, Any] = {"name": run_id, "experiment": "e", "commits": (at,)}
    return Run(id=run_id, commit=at, **{**fields, **more})


def param(name: str, value: Any) -> Value:
    return Value(name=name, key=(name,), value=value)


def catalog(runs: tuple[Run, ...], snapshots: tuple[Snapshot, ...] = (), head: str = "") -> Catalog:
    return Catalog(project=Project(name="p"), head=head, snapshots=snapshots, runs=runs)


def test_every_run_and_every_name_is_there(table: Read) -> None:
    assert table.ids == [run.id for run in sample.RUNS]
    assert all(len(column["values"]) == len(table.ids) for column in table.columns.values())
    assert {"metrics.roc_auc", "params.model.learning_rate", "tag", "date"} <= table.columns.keys()
    assert {state[0] for state in table.columns["metrics.accuracy"]["states"].values()} == {
        "not_pulled", "unreadable", "never",
    }  # fmt: skip
    assert "NaN" in table.columns["metrics.accuracy"]["values"]


def test_links_are_those_of_the_pages(table: Read) -> None:
    pattern = table.columns["run"]["href"]
    assert [pattern.replace("{id}", one) for one in table.ids] == [run_href(one) for one in table.ids]
    linked = dict(
        zip(table.columns["experiment"]["values"], table.columns["experiment"]["hrefs"], strict=True)
    )
    assert linked["gbm"] == "experiments/gbm/index.html"
    assert table.columns["commit"]["hrefs"][0].startswith("commits/")


def test_columns_that_say_nothing_are_out_of_sight_at_first() -> None:
    missing = Value(name="auc", state=State.NOT_PULLED, size=12)
    made = read(catalog((run("a", metrics=(missing, param("loss", 0.5))), run("b", metrics=(missing,)))))
    hidden = {key for key, column in made.columns.items() if column.get("hidden")}
    assert {"metrics.auc", "experiment", "pipeline", "tag"} <= hidden
    assert not hidden & {"metrics.loss", "run", "commit", "branch"}
    alone = read(catalog((run("a", metrics=(missing,)),)))
    assert not alone.columns["metrics.auc"]["hidden"]


def test_an_experiment_that_is_the_name_of_the_run_is_not_said_twice() -> None:
    alike = tuple(run(f"r{at}", name=f"e{at}", experiment=f"e{at}") for at in range(30))
    assert read(catalog(alike)).columns["experiment"]["hidden"]
    other = (*alike, run("x", name="x"), run("y", name="y"))
    assert not read(catalog(other)).columns["experiment"]["hidden"]


def test_many_runs_are_cut_into_files_of_bounded_size() -> None:
    names = [f"p{at}" for at in range(30)]
    wide = tuple(
        run(f"{at:012x}", params=tuple(param(name, f"{'<' * 40}{at}") for name in names))
        for at in range(3000)
    )
    made = read(catalog(wide))
    assert made.ids == [one.id for one in wide]
    assert made.columns["params.p7"]["values"] == [f"{'<' * 40}{at}" for at in range(3000)]
    head = made.files[0][1]
    assert (head["rows"], len(head["ids"])) == (3000, rundata.FIRST_ROWS)
    assert [(part["name"], part["src"]) for part in head["parts"]] == [
        (name, f"assets/data/{name}.js") for name, _ in made.files[1:]
    ]
    assert max(len(site.data_script(name, value).encode()) for name, value in made.files) < 5_000_000


def test_words_that_come_again_are_written_once() -> None:
    values = [{"model": word} for word in ("gbm", "mlp") * 50]
    made = read(
        catalog(tuple(run(f"r{at}", params=(param("m", value["model"]),)) for at, value in enumerate(values)))
    )
    column = next(one for one in made.files[0][1]["columns"] if one["key"] == "params.m")
    assert column["dictionary"] == ["gbm", "mlp"]
    assert made.columns["params.m"]["values"] == ["gbm", "mlp"] * 50


@pytest.mark.parametrize(
    ("raw", "held"),
    [
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (True, True),
        (2**60, "1152921504606846976"),
        (10**400, "a huge number"),
        ([1, float("inf")], [1, "Infinity"]),
        ("x" * 900, "x" * 499 + "…"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_any_value_can_be_held(raw: Any, held: Any) -> None:
    made = read(catalog((run("a", params=(param("p", raw),)),)))
    assert made.columns["params.p"]["values"] == [held]
    msgspec.json.encode(made.files)


def test_a_long_list_is_cut() -> None:
    (shown,) = read(catalog((run("a", params=(param("p", list(range(10_000))),)),))).columns["params.p"][
        "values"
    ]
    assert len(shown) == rundata.LONGEST


def test_the_best_run_of_each_experiment_is_marked(table: Read) -> None:
    best = [
        run for run, yes in zip(sample.RUNS, table.columns["best"]["values"], strict=True) if yes == "yes"
    ]
    assert len({run.experiment for run in best}) == len(best)
    flights = [run for run in sample.RUNS if run.experiment == "gbm-sweep"]
    top = max(flights, key=lambda one: one.metric("roc_auc").value)  # type: ignore[union-attr]
    assert top in best


def test_views_lead_to_what_is_there(table: Read) -> None:
    views = {view["label"]: parse_qs(view["state"]) for view in table.files[0][1]["views"]}
    assert views["Current"] == {"q": ["current = yes"]}
    assert views["Mean of each experiment"] == {"group": ["experiment"], "sort": ["-metrics.roc_auc"]}
    assert views["Mean over seeds"] == {"group": ["variant"], "sort": ["-metrics.roc_auc"]}
    assert views["By branch and commit"] == {"group": ["branch,base"], "open": ["*"]}
    assert read(catalog((run("a"),))).files[0][1]["views"] == []


# -- branches


HISTORY = (
    commit("m3", "m2", "f2", refs=("main",)),
    commit("d2", "m2", refs=("dev", "exps/lucky-fox", "origin/dev")),
    commit("m2", "m1"),
    commit("f2", "f1"),
    commit("f1", "m1", refs=("v1.0",)),
    commit("x1", "m2", refs=("exps/shy-owl",)),
    commit("m1"),
)


def test_a_commit_belongs_to_the_branch_it_came_from() -> None:
    found = branches(Index(catalog((), HISTORY, "m3")))
    assert found == {
        "m3": "main", "m2": "main", "m1": "main", "f2": "main",
        "d2": "dev", "f1": "v1.0", "x1": "exps/shy-owl",
    }  # fmt: skip


def test_the_branch_of_head_comes_before_others() -> None:
    found = branches(Index(catalog((), HISTORY, "d2")))
    assert (found["m2"], found["m1"], found["m3"]) == ("dev", "dev", "main")


def test_the_workspace_is_on_the_branch_of_its_parent() -> None:
    found = branches(Index(catalog((), (commit("workspace", "m3"), *HISTORY), "workspace")))
    assert (found["workspace"], found["m2"]) == ("main", "main")


def test_an_experiment_stands_under_the_commit_it_was_started_from() -> None:
    runs = (run("a", "x1", baseline="m2", refs=("exps/shy-owl",)), run("b", "x1"), run("c", "gone"))
    made = read(catalog(runs, HISTORY, "m3"))
    assert made.columns["branch"]["values"] == ["main", "exps/shy-owl", None]
    assert made.columns["base"]["values"] == ["m2 Subject of m2", "x1 Subject of x1", "gone"]
    assert made.columns["base"]["hrefs"][0] == "commits/m2/index.html"
    assert made.columns["ref"]["values"][0] == ["exps/shy-owl"]


# -- variants


def test_runs_that_differ_in_their_seed_alone_are_one_variant() -> None:
    def tried(name: str, rate: float, seed: int) -> Run:
        params = (param("model.rate", rate), param("model.seed", seed), param("same", 1))
        return run(name, experiment=name[0], params=params)

    found = variants((tried("a1", 0.1, 0), tried("b1", 0.1, 0), tried("a2", 0.2, 1), tried("a3", 0.1, 2)))
    assert found == ["a: rate 0.1", "b", "a: rate 0.2", "a: rate 0.1"]


def test_runs_with_one_seed_have_no_means_over_seeds() -> None:
    def seeds(*values: int) -> set[str]:
        runs = tuple(run(f"r{at}", params=(param("seed", value),)) for at, value in enumerate(values))
        return {view["label"] for view in read(catalog(runs)).files[0][1]["views"]}

    assert "Mean over seeds" in seeds(1, 2)
    assert "Mean over seeds" not in seeds(1, 1)


def test_variants_of_many_params_stay_apart() -> None:
    def params(at: int) -> tuple[Value, ...]:
        return (param("seed", at), *(param(f"p{bit}", at >> bit & 1) for bit in range(9)))

    names = variants(tuple(run(f"r{at}", params=params(at)) for at in range(300)))
    assert len(set(names)) == 300
    assert max(map(len, names)) < 80


# -- curves


def plot(path: str, content: str, field: str | None = None, x: str | None = "step", **more: Any) -> Plot:
    return Plot(name=path, x=x, y=((path, field),), files=((path, sample.blob(content)),), **more)


def tsv(values: list[Any], name: str = "loss") -> str:
    return "\n".join([f"step\t{name}", *(f"{at}\t{value}" for at, value in enumerate(values))]) + "\n"


def curve(*plots: Plot) -> dict[str, Any]:
    return curves.curves([run("a", plots=plots)], sample.BLOBS.get)


def test_curves_are_what_dvclive_wrote_and_plots_over_steps() -> None:
    live = plot("results/live/plots/metrics/train/loss.tsv", tsv([3, 2.5, 1]), x=None)
    own = plot("own.csv", "epoch,acc,b\n0,0.25,1\n1,0.5,2\n", "acc", "epoch")
    assert curve(live, own) == {"acc": [[0.25, 0.5]], "train/loss": [[3.0, 2.5, 1.0]]}


def test_what_is_no_curve_over_steps_is_left_out() -> None:
    roc = plot("roc.csv", "fpr,tpr\n0,0\n1,1\n", "tpr", "fpr")
    words = plot("live/plots/metrics/note.tsv", tsv(["a", "b"], "note"))
    short = plot("live/plots/metrics/one.tsv", tsv([1], "one"))
    gone = plot("live/plots/metrics/gone.tsv", tsv([1, 2]), state=State.NOT_PULLED)
    assert curve(roc, words, short, gone) == {}


def test_a_long_curve_keeps_its_first_and_last_point_and_no_more_than_it_needs() -> None:
    (values,) = curve(plot("live/plots/metrics/loss.tsv", tsv(list(range(1001)))))["loss"]
    assert (values[0], values[-1], len(values)) == (0.0, 1000.0, curves.POINTS)
    assert values == sorted(values)


def test_values_that_are_no_numbers_leave_a_curve_shorter() -> None:
    assert curve(plot("a/plots/metrics/loss.tsv", tsv([1, "nan", "", 2])))["loss"] == [[1.0, 2.0]]


def test_only_the_curves_that_most_runs_have_are_kept() -> None:
    common = [plot(f"live/plots/metrics/{name}.tsv", tsv([1, 2])) for name in ("a", "b")]
    runs = [
        run("1", plots=tuple(common)),
        run("2", plots=(*common, plot("live/plots/metrics/c.tsv", tsv([1, 2])))),
    ]
    assert set(curves.curves(runs, sample.BLOBS.get)) == {"a", "b"}


def test_curves_come_into_the_table(table: Read) -> None:
    column = table.columns["curves.auc"]
    assert column["kind"] == "spark"
    assert any(column["values"])


def test_two_makings_are_alike(table: Read) -> None:
    assert json.dumps(read(sample.catalog()).files) == json.dumps(table.files)
