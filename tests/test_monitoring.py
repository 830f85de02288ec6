"""Monitors from mlproject.yaml to the site: stages, results in Git, pages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import sample
from gitrepo import GitRepo
from modelbook import catalog, history, spec, stages
from modelbook._process import own_bin_first
from modelbook.cli import main
from modelbook.errors import SpecError
from modelbook.pages import compose, monitoring
from modelbook.pages.index import Index
from modelbook.records import Watch

PROJECT = """
name: watched
monitors:
  flights:
    reference: data/reference.parquet
    batches: data/2013-*.parquet
    prediction: chance
    target: late
    performance: {roc_auc: {warning: 0.6, breach: 0.5}}
"""


def month(folder: Path, name: str, warmth: float = 10.0) -> None:
    dice = np.random.default_rng(sum(map(ord, name)))
    chance = np.round(dice.random(800), 2)
    columns = {
        "temp": np.round(dice.normal(warmth, 3, 800), 1),
        "chance": chance,
        "late": dice.random(800) < chance,
    }
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), folder / f"{name}.parquet")


def project(root: Path, text: str = PROJECT) -> Path:
    root.mkdir(exist_ok=True)
    (root / "mlproject.yaml").write_text(text, encoding="utf-8")
    month(root / "data", "reference")
    month(root / "data", "2013-04")
    month(root / "data", "2013-05", 17)
    return root


# -- stages


def test_a_monitor_is_one_stage_for_the_reference_and_one_for_each_batch(tmp_path: Path) -> None:
    (project(tmp_path) / "data" / "2013-06.parquet.dvc").write_text("outs: []\n", encoding="utf-8")
    made = stages.generate.stages(spec.load(tmp_path))
    assert made["monitor-flights-reference"]["deps"] == ["data/reference.parquet"]
    assert made["monitor-flights"]["foreach"] == {
        f"2013-0{at}": f"data/2013-0{at}.parquet" for at in (4, 5, 6)
    }
    assert made["modelbook-plan"]["deps"] == ["mlproject.yaml"]


def test_batches_that_stages_will_make_are_batches(tmp_path: Path) -> None:
    text = PROJECT + (
        "pipelines:\n  months:\n    stages:\n      cut:\n        shared: true\n        cmd: x\n"
        "        params: []\n"
        "        outs: [data/2013-07.parquet, other/2013-08.parquet]\n"
    )
    (project(tmp_path, text) / "experiments").mkdir()
    (tmp_path / "experiments" / "a.yaml").write_text("abstract: true\npipeline: months\n", encoding="utf-8")
    assert list(spec.load(tmp_path).watched["flights"].batches) == ["2013-04", "2013-05", "2013-07"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("data/reference.parquet", "data/none.parquet", "mlproject.yaml:5:16 no file is called that"),
        ("prediction: chance", "model: nobody", "unknown model nobody"),
        ("prediction:", "predicton:", "unknown key predicton"),
        ("data/2013-*.parquet", "data/*/a.parquet", "two batches would be called a"),
        ("data/2013-*", "../*", "expected a path inside the repository"),
    ],
)
def test_faults_of_a_monitor_are_told_at_their_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    root = project(tmp_path, PROJECT.replace(old, new))
    for name in ("x", "y"):
        month(root / "data" / name, "a")
    with pytest.raises(SpecError) as caught:
        spec.load(root)
    assert says in str(caught.value)


def test_a_link_out_of_the_repository_is_no_batch(tmp_path: Path) -> None:
    root = project(tmp_path / "in")
    month(tmp_path / "out", "2013-09")
    (root / "data" / "2013-09.parquet").symlink_to(tmp_path / "out" / "2013-09.parquet")
    assert "2013-09" not in spec.load(root).watched["flights"].batches


@pytest.mark.slow
def test_dvc_runs_each_batch_once_and_the_site_tells_it(tmp_path: Path) -> None:
    root = project(tmp_path)

    def ran(*argv: str, code: int = 0) -> str:
        done = subprocess.run(
            argv, cwd=root, env=own_bin_first(), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    ran("git", "init", "-q")
    ran("dvc", "init", "-q")
    ran("modelbook", "sync")
    ran("modelbook", "repro")
    said = ran("modelbook", "monitor", "status", code=1)
    assert "flights 2013-05: BREACH" in said and "temp: psi" in said
    results = root / "runs" / "monitors" / "flights"
    assert json.loads((results / "2013-04.json").read_bytes())["status"] == "ok"
    before = (results / "2013-04.json").stat().st_mtime_ns

    (root / "data" / "2013-06.parquet").write_bytes((root / "data" / "2013-05.parquet").read_bytes())
    (root / "data" / "2013-07.parquet").write_bytes(b"cut off")
    ran("modelbook", "repro")
    assert (results / "2013-04.json").stat().st_mtime_ns == before
    ran("git", "add", "-A")
    ran("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-qm", "Watch")

    found = catalog.build(history.read(root))
    assert not found.runs, "what watches is no experiment"
    assert [(item.batch, item.status, item.same_as) for item in found.watches] == [
        ("2013-04", "ok", ""),
        ("2013-05", "breach", ""),
        ("2013-06", "breach", "2013-05"),
        ("2013-07", "unreadable", ""),
    ]
    page = next(page for page in compose(found, lambda _: None) if page.path == "monitoring/index.html")
    assert page.context.monitors[0].status == "unreadable"


# -- what is read


def result(**more: Any) -> str:
    return msgspec.json.encode(Watch(monitor="m", batch="b", **more)).decode()


def test_results_are_read_and_bad_ones_are_problems(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit(
        {
            "runs/monitors/m/b.json": result(rows=3),
            "runs/monitors/m/other.json": result(),
            "runs/monitors/m/broken.json": "{",
            "runs/monitors/m/typed.json": '{"monitor": "m", "batch": "typed", "rows": "many"}',
            "runs/monitors/m.reference.json": "{}",
            "runs/monitors/m/notes.md": "no result",
        },
        "Watch",
    )
    found = history.read(repo.path)
    assert [(item.batch, item.rows) for item in found.watches] == [("b", 3)]
    assert {
        (problem.path.rpartition("/")[2], problem.reason.partition(":")[0]) for problem in found.problems
    } == {
        ("other.json", "it says it is of m b"),
        ("broken.json", "no result of a monitor"),
        ("typed.json", "no result of a monitor"),
    }


# -- pages


def test_the_worst_monitor_comes_first_and_says_since_when() -> None:
    found = monitoring.overview(Index(sample.catalog())).monitors
    assert [(item.link.text, item.status) for item in found] == [("flights", "unreadable"), ("quiet", "ok")]
    watches = sample.WATCHES[:3]
    index = Index(msgspec.structs.replace(sample.catalog(), watches=watches))
    [now] = monitoring.overview(index).monitors
    assert (now.status, now.since.text, now.newest.text) == ("breach", "2013-05", "2013-06")
    assert "psi 0.4, limit 0.25" in now.worst


def test_a_batch_leads_to_those_beside_it() -> None:
    page = monitoring.batch(sample.WATCHES[:4], 2)
    assert page.before is not None and page.before.href == "monitoring/flights.2013-05/index.html"
    assert page.after is not None and page.after.href == monitoring.batch_href(sample.WATCHES[3])
    assert page.same_as is not None and page.same_as.text == "2013-05"
    assert page.columns[0].bars[0].batch == "10.0%"
    assert [row[-2].text for row in page.findings.rows] == ["breach", "ok"]


def test_a_thousand_batches_are_cut_on_one_page_and_each_has_its_own() -> None:
    watches = tuple(
        msgspec.structs.replace(sample.WATCHES[1], batch=f"{2000 + at // 12}-{at % 12 + 1:02}")
        for at in range(1000)
    )
    index = Index(msgspec.structs.replace(sample.catalog(), watches=watches))
    page = monitoring.monitor(index, "flights", watches)
    assert len(page.batches.rows) + page.more_batches == 1000
    assert len(page.alerts) + page.more_alerts == 1000
    made = [item for item in compose(index.catalog, sample.BLOBS.get) if item.bulk == "batch"]
    assert len(made) == 1000


def test_status_of_a_project_without_monitors(tmp_path: Path) -> None:
    (tmp_path / "mlproject.yaml").write_text("name: x\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["monitor", "status", "--repo", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, "mlproject.yaml declares no monitors.\n")
    done = CliRunner().invoke(main, ["monitor", "status", "m", "--repo", str(tmp_path)])
    assert done.exit_code == 2
