"""The verdict on the site: on each commit's page, and as a page of its own; what `modelbook diff` tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import sample
import verdict_sample
from gitrepo import GitRepo, entry, lock
from modelbook import catalog, comment, history, pages, verdict
from modelbook.cli import main
from modelbook.pages.changes import History
from modelbook.pages.index import Index
from modelbook.pages.verdicts import VerdictPage, Verdicts, page, view

SPEC = """\
name: p
metrics:
  acc:
    direction: maximize
    gates: {floor: FLOOR, max_regression: 0.05, atol: 0.001}
"""


def commit(repo: GitRepo, floor: float = 0.5, **scores: float) -> None:
    """One run of the stage `fit` for each score, by name."""
    items = "".join(f"    {name}: {{}}\n" for name in scores)
    stage = (
        f"stages:\n  fit:\n    foreach:\n{items.replace('    ', '      ')}"
        "    do:\n      cmd: fit ${key}\n      metrics: [{'${key}.json': {cache: false}}]\n"
    )
    entries = [
        entry(f"fit@{name}", cmd=f"fit {name}", outs={f"{name}.json": f"{score:032.4f}"})
        for name, score in scores.items()
    ]
    files: dict[str, str | bytes | None] = {
        f"{name}.json": json.dumps({"acc": score}) for name, score in scores.items()
    }
    repo.commit(
        {
            **files,
            "dvc.yaml": stage,
            "dvc.lock": lock(*entries),
            "mlproject.yaml": SPEC.replace("FLOOR", str(floor)),
        }
    )


def made(path: Path) -> GitRepo:
    """A history with all that a verdict may say, but for what is stale."""
    repo = GitRepo(path / "work", bare=True)
    commit(repo, a=0.8)
    commit(repo, a=0.8, b=0.7)  # the best stays
    commit(repo, a=0.8, b=0.9)  # another is the best, and better
    commit(repo, a=0.8, b=0.6)  # a gate fails
    commit(repo, a=0.8, b=0.6, floor=0.9)  # no run changed
    commit(repo, a=0.8005, b=0.6)  # as good as equal
    commit(repo, b=0.6)  # the best went
    return repo


def test_each_commits_page_says_what_diff_says_of_it(tmp_path: Path) -> None:
    repo = made(tmp_path)
    index = Index(catalog.build(history.read(history.Repository(repo.path))))
    verdicts = Verdicts(index, History(index))
    seen = []
    for snapshot in index.catalog.snapshots:
        if not snapshot.commit.parents:
            assert verdicts.of(snapshot) is None
            continue
        sides = [snapshot.commit.parents[0], snapshot.commit.sha, "--format", "json"]
        said = CliRunner().invoke(main, ["diff", "--repo", str(repo.path), "--no-cache", *sides])
        told: dict[str, Any] = json.loads(said.stdout)
        told["reasons"] = [text for text in told["reasons"] if "is not what the stage wrote" not in text]
        found = verdicts.of(snapshot)
        if found is None:
            assert (told["runs"], told["leaders"]) == ([], [])
            seen.append("unchanged")
            continue
        ours = json.loads(verdict.to_json(found))
        assert [ours[key] for key in ("reasons", "leaders", "seeds", "metrics", "held")] == [
            told[key] for key in ("reasons", "leaders", "seeds", "metrics", "held")
        ]
        for run in told["runs"]:
            if not (
                run["before"] and run["after"]
            ):  # the page does not tell the values of one that came or went
                run |= {"metrics": [], "params": []}
        assert ours["runs"] == told["runs"]
        seen.append(found.status)
    assert seen == ["failed", "passed", "unchanged", "failed", "passed", "unjudged"]


def test_the_page_and_the_comment_tell_the_same_metrics() -> None:
    found = verdict_sample.verdict()
    told = page(Index(sample.catalog()), found)
    assert told.metrics is not None
    names = [row[1].text for row in told.metrics.table.rows]
    rows = comment._rows(found, comment._Links(""))
    assert [row[1].strip("`") for row in rows][: len(names)] == names
    assert told.view.reasons == found.reasons
    assert (told.view.says, told.view.tone) == ("A gate does not let this pass.", "bad")


def test_the_page_tells_everything_that_differs() -> None:
    told = page(Index(sample.catalog()), verdict_sample.verdict())
    for name in ("metrics", "seeds", "listed", "params", "data", "pipeline", "environment", "code"):
        assert getattr(told, name), name
    assert told.unread == (("bad/dvc.yaml", "is no YAML"),)
    assert told.data is not None
    assert [item.text for item in told.data.table.rows[0]][-4:] == ["1.0 kB", "2.0 kB", "3", "4"]


def test_runs_of_the_site_are_linked_and_others_are_named() -> None:
    run = sample.RUNS[0]
    leader = verdict.Leader(what="best of flights", name=run.name, after=run.id, metric="roc_auc")
    gone = verdict.Leader(what="m in prod", after="f" * 12)
    change = verdict.RunChange(name="away", experiment="away", kind="added", after="e" * 12, headline="x",
                               metrics=(verdict_sample.moved("x", 1, 2),))  # fmt: skip
    found = verdict.Verdict(
        base=verdict.Side(label="a"),
        head=verdict.Side(label="b"),
        status="failed",
        leaders=(leader, gone),
        runs=(change,),
    )
    index = Index(sample.catalog())
    assert view(index, found).deciding is None  # no metric of them is known
    told = page(index, found)
    assert told.metrics is not None
    assert [(row[0].text, row[0].href) for row in told.metrics.table.rows] == [("away", None)]


def test_the_site_has_a_page_of_the_verdict_it_is_given_and_else_none() -> None:
    plain = list(pages.compose(sample.catalog(), sample.BLOBS.get))
    assert not [item for item in plain if item.path == "verdict/index.html"]
    made = list(pages.compose(sample.catalog(), sample.BLOBS.get, verdict=verdict_sample.verdict()))
    [found] = [item for item in made if item.path == "verdict/index.html"]
    assert isinstance(found.context, VerdictPage)
    assert found.nav == "Verdict"
    assert [item.path for item in made if item is not found] == [item.path for item in plain]
