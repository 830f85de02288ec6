"""Keys of bulk pages: a page whose key stays is the page it was, and most keys stay after a change."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

import sample
from modelbook import pages
from modelbook.pages import experiments
from modelbook.pages.changes import History
from modelbook.pages.drawings import Album
from modelbook.pages.index import Index, experiment_href
from modelbook.pages.keys import Keys, Results, digest
from modelbook.pages.ledger import Ledger
from modelbook.records import (
    WORKSPACE,
    Catalog,
    CodeChange,
    Commit,
    FileChange,
    Gate,
    MetricInfo,
    ModelInfo,
    ModelVersion,
    Plot,
    Run,
    Snapshot,
)

Change = Callable[[Catalog], Catalog]


def _runs(change: Callable[[Run], Run | None]) -> Change:
    def changed(catalog: Catalog) -> Catalog:
        made = (change(run) for run in catalog.runs)
        return replace(catalog, runs=tuple(run for run in made if run is not None))

    return changed


def _one(change: Callable[[Run], Run | None], at: int = 3) -> Change:
    def changed(catalog: Catalog) -> Catalog:
        chosen = catalog.runs[at % len(catalog.runs)].id
        return _runs(lambda run: change(run) if run.id == chosen else run)(catalog)

    return changed


def _snapshot(at: int, **more: Any) -> Change:
    def changed(catalog: Catalog) -> Catalog:
        found = list(catalog.snapshots)
        place = at % len(found)
        commit = more.get("commit")
        values = {**more, "commit": replace(found[place].commit, **commit)} if commit else more
        found[place] = replace(found[place], **values)
        return replace(catalog, snapshots=tuple(found))

    return changed


def _new_commit(sha: str) -> Change:
    """HEAD moves on by a commit that holds what was held, but for one run, and a new one."""

    def changed(catalog: Catalog) -> Catalog:
        tip = catalog.snapshots[0]
        commit = replace(tip.commit, sha=sha, parents=(tip.commit.sha,), subject="One more")
        if sha == WORKSPACE:
            commit = replace(commit, subject="", refs=())
        gone = catalog.runs[0].id
        runs = [
            replace(run, commits=(*run.commits, sha))
            if tip.commit.sha in run.commits and run.id != gone
            else run
            for run in catalog.runs
        ]
        fresh = replace(catalog.runs[-1], id=f"{len(runs):012x}", name="fresh", commit=sha, commits=(sha,))
        snapshots = (replace(tip, commit=commit), *catalog.snapshots)
        experiments = tuple(
            replace(item, runs=(fresh.id, *item.runs) if item.name == fresh.experiment else item.runs)
            for item in catalog.experiments
        )
        return replace(catalog, head=sha, snapshots=snapshots, runs=(fresh, *runs), experiments=experiments)

    return changed


def _models(change: Callable[[ModelVersion], ModelVersion | None]) -> Change:
    def changed(catalog: Catalog) -> Catalog:
        models = tuple(
            replace(model, versions=tuple(new for old in model.versions if (new := change(old))))
            for model in catalog.models
        )
        return replace(catalog, models=models)

    return changed


def _project(**more: Any) -> Change:
    return lambda catalog: replace(catalog, project=replace(catalog.project, **more))


CHANGES: dict[str, Change] = {
    "new commit": _new_commit("a" * 40),
    "workspace": _new_commit(WORKSPACE),
    "new tag": _snapshot(2, commit={"refs": ("v9",)}),
    "run on a tag": _one(lambda run: replace(run, refs=(*run.refs, "v9"))),
    "run by another name": _one(lambda run: replace(run, name="renamed")),
    "run with another metric": _one(lambda run: replace(run, metrics=(replace(run.metrics[0], value=0.99),))),
    "run with another param": _one(lambda run: replace(run, params=run.params[1:])),
    "run of another stage": _one(
        lambda run: replace(run, stages=(replace(run.stages[0], cmd="python other.py"), *run.stages[1:]))
    ),
    "run of other data": _one(lambda run: replace(run, datasets=())),
    "run in fewer commits": _one(lambda run: replace(run, commits=run.commits[1:])),
    "run with a label": _one(lambda run: replace(run, label="lucky-fox", baseline=sample.COMMITS[0].sha)),
    "best run": _one(lambda run: replace(run, metrics=tuple(replace(v, value=2.0) for v in run.metrics)), 7),
    "run deleted": _one(lambda _: None),
    "first run deleted": _one(lambda _: None, 0),
    "older head": lambda catalog: replace(
        catalog, experiments=tuple(replace(item, current=item.current[1:]) for item in catalog.experiments)
    ),
    "experiment deleted": lambda catalog: replace(catalog, experiments=catalog.experiments[1:]),
    "shallow": lambda catalog: replace(catalog, snapshots=catalog.snapshots[:-2]),
    "spec changed": _snapshot(1, specs=sample.SPECS[:2]),
    "data changed": _snapshot(1, datasets=(replace(sample.DATASETS[0], md5="0" * 32),)),
    "stages gone": _snapshot(2, stages=()),
    "environments gone": _snapshot(0, environments=()),
    "artifacts gone": _snapshot(1, artifacts=()),
    "problems gone": _snapshot(0, problems=()),
    "models gone": _snapshot(1, project=replace(sample.PROJECT, models=())),
    "gates of a commit": _snapshot(
        0,
        project=replace(
            sample.PROJECT, gates=(Gate(metric="roc_auc", kind="floor", limit=0.99, direction="maximize"),)
        ),
    ),
    "promoted at a commit": _snapshot(
        0,
        project=replace(
            sample.PROJECT,
            models=(
                ModelInfo(name="m", versions=(("v1", sample.RUNS[3].id),), environments=(("prod", "v1"),)),
            ),
        ),
    ),
    "amended": _snapshot(3, commit={"subject": "Amended", "author": "Bob", "body": "why"}),
    "promoted": _models(lambda item: replace(item, environments=("prod", *item.environments))),
    "withdrawn": _models(lambda item: None if item.version == "v1.1.0" else item),
    "made again": lambda catalog: replace(
        catalog,
        reproductions=(replace(sample.REPRODUCTIONS[0], run=sample.RUNS[1].id), *catalog.reproductions[1:]),
    ),
    "re-registered": _models(lambda item: replace(item, run=sample.RUNS[1].id)),
    "model file": lambda catalog: replace(
        catalog,
        models=tuple(
            replace(model, info=replace(model.info, artifact="data/prepared/flights.parquet"))
            for model in catalog.models
        ),
    ),
    "dataset by another name": lambda catalog: replace(
        catalog, datasets=(replace(catalog.datasets[0], name="renamed"), *catalog.datasets[1:])
    ),
    "moved": _project(url="https://example.org/elsewhere"),
    "no metric declared": _project(metrics=()),
    "another headline": _project(
        pipelines=(replace(sample.PROJECT.pipelines[0], metric="log_loss"), *sample.PROJECT.pipelines[1:])
    ),
    "pipelines in another order": _project(pipelines=tuple(reversed(sample.PROJECT.pipelines))),
    "metric in another format": lambda catalog: replace(
        catalog,
        metrics=tuple(
            replace(info, format=".2f", unit="%") if info.name == "accuracy" else info
            for info in catalog.metrics
        ),
    ),
    "metric turned round": lambda catalog: replace(
        catalog, metrics=(MetricInfo(name="roc_auc", direction="minimize"), *catalog.metrics[1:])
    ),
}


def _code(commit: Commit) -> CodeChange:
    return CodeChange(
        files=(FileChange(path=f"src/{commit.short}.py", kind="added", new="b" * 40, added=3, removed=1),)
    )


def _other_code(commit: Commit) -> CodeChange:
    return CodeChange(
        files=(FileChange(path=f"lib/{commit.short}.py", kind="added", new="b" * 40, added=3, removed=1),)
    )


def planned(catalog: Catalog, code: Any = _code) -> dict[str, tuple[str, str]]:
    """Path of each bulk page -> its key, and all that stands on it."""
    drafts = (
        item for item in pages.plan(catalog, sample.BLOBS.get, code).items if isinstance(item, pages.Draft)
    )
    return {draft.path: (draft.key(), repr(draft.make())) for draft in drafts}


def kept(old: dict[str, tuple[str, str]], new: dict[str, tuple[str, str]]) -> Iterator[str]:
    """Pages whose key stayed; it is an error when the page did not."""
    for path in sorted(old.keys() & new.keys()):
        if new[path][0] and old[path][0] == new[path][0]:
            assert old[path][1] == new[path][1], path
            yield path


@pytest.fixture(scope="module")
def before() -> dict[str, tuple[str, str]]:
    return planned(sample.catalog())


@pytest.mark.parametrize("name", CHANGES)
def test_a_page_whose_key_stays_is_the_same(before: dict[str, tuple[str, str]], name: str) -> None:
    after = planned(CHANGES[name](sample.catalog()))
    assert before != after, "the change changes no page, so it proves nothing"
    list(kept(before, after))


def one_name(catalog: Catalog) -> Catalog:
    """All runs as tries of one thing, each of which shows what came before it."""
    return _runs(lambda run: replace(run, name="same", experiment="gbm"))(catalog)


@pytest.fixture(scope="module")
def line() -> dict[str, tuple[str, str]]:
    return planned(one_name(sample.catalog()))


@pytest.mark.parametrize("name", ["run with another metric", "best run", "run deleted", "re-registered"])
def test_a_page_that_shows_earlier_runs_knows_them(line: dict[str, tuple[str, str]], name: str) -> None:
    after = planned(CHANGES[name](one_name(sample.catalog())))
    assert len(list(kept(line, after))) < len(line) - 1


@pytest.mark.parametrize("seed", range(12))
def test_so_it_is_after_any_sequence_of_changes(seed: int) -> None:
    dice = random.Random(seed)
    catalog, before = sample.catalog(), planned(sample.catalog())
    for name in dice.sample(sorted(CHANGES), 4):
        catalog = CHANGES[name](catalog)
        after = planned(catalog)
        list(kept(before, after))
        before = after


def test_other_code_changes_commits_alone(before: dict[str, tuple[str, str]]) -> None:
    assert not any(
        path.startswith("commits/") for path in kept(before, planned(sample.catalog(), _other_code))
    )


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("new tag", 1),
        ("run by another name", 5),
        ("run with a label", 3),
        ("promoted", 2),
    ],
)
def test_most_keys_stay(before: dict[str, tuple[str, str]], name: str, changed: int) -> None:
    after = planned(CHANGES[name](sample.catalog()))
    assert len(before) - len(list(kept(before, after))) <= changed


def test_a_commit_leaves_experiments_without_new_runs_as_they_were() -> None:
    """A page links to its spec as of the commit that wrote it, not as of HEAD."""
    before = planned(catalog := _project(url="https://example.org/team")(sample.catalog()))
    tip = catalog.snapshots[0]
    commit = replace(tip.commit, sha="a" * 40, parents=(tip.commit.sha,), subject="Nothing new")
    runs = tuple(
        replace(run, commits=(*run.commits, commit.sha)) if tip.commit.sha in run.commits else run
        for run in catalog.runs
    )
    snapshots = (replace(tip, commit=commit), *catalog.snapshots)
    after = planned(replace(catalog, head=commit.sha, snapshots=snapshots, runs=runs))
    with_specs = {experiment_href(item.name) for item in catalog.experiments if item.spec}
    assert with_specs
    assert with_specs <= set(kept(before, after))


def test_equal_catalogs_have_equal_keys(before: dict[str, tuple[str, str]]) -> None:
    assert planned(sample.catalog()) == before


def test_the_workspace_is_made_each_time() -> None:
    made = planned(CHANGES["workspace"](sample.catalog()))
    assert made[f"commits/{WORKSPACE}/index.html"][0] == ""


def test_a_key_knows_whether_there_is_room_for_images(before: dict[str, tuple[str, str]]) -> None:
    """A page that leaves its image out is another page than the one that shows it."""
    image = Plot(name="image", template="image", files=(("a.png", "c" * 40),))
    run = replace(sample.RUNS[0], plots=(image,))
    catalog = replace(sample.catalog(), runs=(run, *sample.RUNS[1:]))
    index = Index(catalog)
    history = History(index)
    keys = Keys(index, history, Ledger(index, lambda _: None), Results(index))
    assert keys.run(run, Album(room=1)) != keys.run(run, Album(room=0))


def test_images_are_given_room_in_the_order_of_the_runs() -> None:
    """However pages are made later: the first that fit are in, and who found no room finds none later."""
    png = b"\x89PNG\r\n\x1a\n" + bytes(92)
    plots = [Plot(name="image", template="image", files=(("a.png", blob),)) for blob in "abcad"]
    runs = [replace(run, plots=(plot,)) for run, plot in zip(sample.RUNS, plots, strict=False)]
    album = Album(room=150)
    album.settle(runs, {"a": b"no image", "b": png, "c": png, "d": png}.get)
    assert [album.full(blob) for blob in "abcd"] == [False, False, False, True]


class _Watched:
    """Notes which attributes of an Index somebody asks for."""

    def __init__(self, index: Index) -> None:
        self._index, self.asked = index, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.asked.add(name)
        return getattr(self._index, name)


KNOWN = {
    "infos",
    "headlines",
    "current",
    "runs",
    "registered",
    "dataset_names",
    "catalog",
    "snapshots",
    "experiments",
    "commit_link",
    "experiment_link",
    "dataset_link",
    "forge",
    "pipeline_link",
    "reproduced",
    "in_lineage",
    "neighbours",
    "run_link",
    "tops",
    "trail",
}
"""What a run's page asks of the index, all of which its key answers for. A new one belongs into the key."""


def test_pages_of_runs_ask_for_nothing_their_keys_leave_out() -> None:
    index: Any = _Watched(Index(sample.catalog()))
    for run in sample.RUNS:
        pages._run(index, run, sample.BLOBS.get, Album())
    assert index.asked <= KNOWN, "bring what is new into pages/keys.py, then name it here"


OF_EXPERIMENTS = {
    "catalog",
    "children",
    "experiment_link",
    "experiments",
    "headlines",
    "infos",
    "commit_link",
    "pipeline_link",
    "places",
    "run_link",
    "runs",
    "seed_means",
    "snapshots",
    "spec_file",
}
"""What an experiment's page asks of the index."""


def test_pages_of_experiments_ask_for_nothing_their_keys_leave_out() -> None:
    index: Any = _Watched(Index(sample.catalog()))
    for item in sample.catalog().experiments:
        experiments.page(index, item)
    assert index.asked <= OF_EXPERIMENTS, "bring what is new into pages/keys.py, then name it here"


@pytest.mark.parametrize("value", [2**70, "\ud800", object, {1: (2, {3})}, float("nan")])
def test_anything_has_a_digest(value: object) -> None:
    assert digest(value) == digest(value)
    assert digest(value) != digest([value])


def test_snapshots_alike_have_digests_by_their_content() -> None:
    """Digests are remembered by identity; equal records that are other objects must not differ."""
    catalog = sample.catalog()
    copy = msgspec_copy(catalog.snapshots[0])
    other = planned(replace(catalog, snapshots=(copy, *catalog.snapshots[1:])))
    assert other == planned(catalog)


def msgspec_copy(snapshot: Snapshot) -> Snapshot:
    stages = tuple(replace(stage) for stage in snapshot.stages)
    return replace(snapshot, stages=stages, datasets=tuple(replace(item) for item in snapshot.datasets))
