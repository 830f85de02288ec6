"""What commits hold, numbered: complete, shared between commits, and stable when commits are added."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

import sample
from modelbook import diff, pages
from modelbook.pages import effects, ledger
from modelbook.pages.index import Index
from modelbook.pages.ledger import Ledger
from modelbook.records import Artifact, CodeChange, Dependency, Environment, FileChange, Snapshot, Stage


def of(catalog: Any = None, code: Any = None) -> tuple[Index, Ledger]:
    index = Index(catalog or sample.catalog())
    return index, Ledger(index, code or (lambda _: None))


def change(path: str, **more: Any) -> FileChange:
    return FileChange(path=path, **{"kind": "changed", "old": "0" * 40, "new": "1" * 40, **more})


def test_a_commit_is_numbers_of_facts() -> None:
    index, made = of()
    sha = sample.COMMITS[2].sha
    data = made.commit(sha, [run.id for run in sample.RUNS if sha in run.commits])
    runs = ledger.run_index(index, made)["runs"]
    assert {runs[number][1] for number in data["runs"]} == {
        "dummy", "logistic", "gbm", "gbm-seed-1", "gbm-seed-2",
    }  # fmt: skip
    stages = [made.facts[number] for number in data["stages"]]
    assert ["flights-train@gbm", ["data/prepared/flights.parquet"], ["results/gbm/model.skops"]] in [
        [stage[0], *stage[2:]] for stage in stages
    ]
    (machine,) = [made.facts[number] for number in data["environments"]]
    assert made.facts[machine[6]] == [["numpy", "2.1.0"], ["scikit-learn", "1.6.0"]]
    assert {made.facts[number][0] for number in data["datasets"]} >= {"data/flights.parquet"}
    assert "rows" not in json.dumps(data)


def test_new_commits_change_no_number_of_the_old() -> None:
    catalog = sample.catalog()
    old = replace(catalog, snapshots=catalog.snapshots[2:])
    before, after = of(old)[1], of(catalog)[1]
    assert after.facts[: len(before.facts)] == before.facts
    assert all(after.held[sha] == held for sha, held in before.held.items())


def test_what_many_commits_hold_stands_in_the_data_once() -> None:
    catalog = sample.catalog()
    newest = catalog.snapshots[0]
    commits = [replace(newest.commit, sha=f"{at:040x}", parents=()) for at in range(1, 301)]
    many = tuple(replace(newest, commit=commit) for commit in commits)
    small, large = of(catalog)[1], of(replace(catalog, snapshots=(*many, *catalog.snapshots)))[1]
    assert large.facts == small.facts
    assert len(json.dumps(large.commit(commits[0].sha, []))) < 600


def test_shards_are_cut_at_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SHARD", 300)
    made = of()[1]
    starts, shards = made.shards()
    assert [fact for shard in shards for fact in shard] == made.facts
    assert starts == [sum(map(len, shards[:at])) for at in range(len(shards))]
    assert len(shards) > 3
    assert all(len(shard) == 1 or len(json.dumps(shard)) < 600 for shard in shards)


def test_changed_files_are_written_with_their_paths_once() -> None:
    files = (change("src/a.py", added=1, removed=2), change("dvc.lock"), change("b", before="a", binary=True))
    index, made = of(code=lambda commit: CodeChange(files=files, more=7))
    starts, (shard,) = ledger.code_shards(index, made)
    assert starts == [0]
    assert shard["paths"] == ["", "src/a.py", "dvc.lock", "b", "a"]
    assert len(shard["commits"]) == len(sample.COMMITS)
    rows, more, _reason = shard["commits"][3]
    assert more == 7
    assert rows == [
        [1, 0, "0" * 10, "1" * 10, 1, 2, 0],
        [2, 0, "0" * 10, "1" * 10, None, None, 2],
        [3, 4, "0" * 10, "1" * 10, None, None, 1],
    ]


def test_commits_and_what_leads_to_them() -> None:
    index, made = of()
    found = ledger.commit_index(index, made, [0], [0])
    assert [commit[1] for commit in found["commits"]] == [-1, 0, 1, 2, 3, 4]
    assert ["v0.1", 2] in found["refs"]
    assert found["head"] == 5
    versions = {version[0]: version[1:] for version in dict(found["models"])["flight-delay"]}
    assert versions["v1.1.0"] == [sample.digest("gbm", 12), 2, ["staging"]]
    assert dict(found["models"])[sample.SCRIPT][0][2] == -1


def test_a_history_without_commits_has_its_data() -> None:
    index, made = of(sample.EMPTY)
    assert made.shards() == ([], [])
    assert ledger.code_shards(index, made) == ([], [])
    assert ledger.run_index(index, made)["runs"] == []


def stage(name: str, reads: str = "", writes: str = "", cmd: str = "run", **more: Any) -> Stage:
    return Stage(
        address=name, file="dvc.yaml", group=name, cmd=cmd,
        deps=tuple(Dependency(path=path) for path in reads.split()),
        outs=tuple(Artifact(path=path) for path in writes.split()), **more,
    )  # fmt: skip


def test_two_pipelines_differ_in_stages_commands_and_edges() -> None:
    base = [
        stage("prepare", "raw", "data"),
        stage("train", "raw", "model"),
        stage("old"),
        stage("g", guard=True),
    ]
    head = [
        stage("prepare", "raw", "data"),
        stage("train", "data/x.csv", "model", "fast"),
        stage("new", "model"),
    ]
    found = diff.graphs(base, head)
    assert [item.address for item in found.added] == ["new"]
    assert [item.address for item in found.removed] == ["old"]
    assert [(old.cmd, new.cmd) for old, new in found.commands] == [("run", "fast")]
    assert found.edges_added == (("prepare", "train"),)
    assert diff.graphs(head, base).edges_removed == (("prepare", "train"),)
    assert diff.graphs(base, base) == diff.GraphChange()


def test_a_commit_page_says_what_happened_to_files_pipeline_and_environment() -> None:
    catalog = sample.catalog()
    newest, *older = catalog.snapshots
    machine = replace(
        newest.environments[0], python="3.12.1", packages=(("numpy", "2.2.0"), ("torch", "2.6.0"))
    )
    later = replace(newest, stages=(*newest.stages, stage("extra")), environments=(machine,))
    files = (change("src/a.py", added=12, removed=3), change("results/gbm/model.skops", binary=True))
    composed = pages.compose(
        replace(catalog, snapshots=(later, *older)), sample.BLOBS.get, lambda commit: CodeChange(files=files)
    )
    page = next(
        item.context for item in composed if item.path.startswith(f"commits/{newest.commit.sha[:12]}")
    )
    assert page.code.words == "1 file, +12 −3 lines"
    assert [row[0].text for row in page.code.made.table.rows] == ["results/gbm/model.skops"]
    assert [row[0].text for row in page.graph.table.rows] == ["extra"]
    assert {row[0].text: (row[1].text, row[2].text) for row in page.environment.table.rows} == {
        "Python": ("3.11.9", "3.12.1"),
        "package numpy": ("2.1.0", "2.2.0"),
        "package scikit-learn": ("1.6.0", "–"),
        "package torch": ("–", "2.6.0"),
    }


def test_a_commit_leads_to_the_best_and_to_any_other() -> None:
    composed = pages.compose(sample.catalog(), sample.BLOBS.get)
    made = {page.path: page.context for page in composed if page.bulk == "commit"}
    sha = sample.COMMITS[1].sha[:12]
    best, any_other = (
        made[f"commits/{sha}/index.html"].against[0],
        made[f"commits/{sha}/index.html"].against[-1],
    )
    assert best.text == "with the best of flights"
    assert best.href == f"changes/compare/index.html#base={sample.COMMITS[3].sha[:12]}&head={sha}"
    assert any_other.href == f"changes/compare/index.html#head={sha}"


@pytest.mark.parametrize(
    ("added", "removed", "shown"),
    [
        (0, 0, ""),
        (1, 0, "+"),
        (0, 2, "−−"),
        (100, 1, "++++−"),
        (1, 100, "+−−−−"),
        (50, 50, "++−−−"),
        (1, 1, "+−"),
    ],
)
def test_a_bar_shows_shares(added: int, removed: int, shown: str) -> None:
    assert effects.bar(added, removed) == shown


def test_an_environment_that_nobody_logged_did_not_change() -> None:
    logged = Snapshot(
        commit=sample.COMMITS[0], environments=(Environment(stage="s", path="p", python="3.11"),)
    )
    assert effects.environment(Snapshot(commit=sample.COMMITS[0]), logged) is None
    assert effects.environment(logged, logged) is None
