"""Monitors from mlproject.yaml to the site: stages, results in Git, pages."""

from __future__ import annotations

import json
import os
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
from modelbook._periods import gaps, span
from modelbook._process import own_bin_first
from modelbook.cli import main
from modelbook.errors import SpecError
from modelbook.pages import batches, compose, inforce, monitoring
from modelbook.pages.index import Index
from modelbook.records import Dependency, Deployment, MonitorInfo, Promotion, Stage, Watch

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


NOWHERE = """
outs:
- md5: 0123456789abcdef0123456789abcdef
  size: 5
  hash: md5
  path: 2013-08.parquet
"""

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
    ("pattern", "says"),
    [
        ("data/2014-*.parquet", "'data' has '2013-04.parquet', '2013-05.parquet', 'reference.parquet'"),
        ("data/months/*.parquet", "there is no folder 'data/months' in the project"),
        ("out/*.parquet", "there is no folder 'out' in the project"),
        ("empty/*/*.parquet", "'empty' has nothing in it"),
        ("none*.parquet", "the project has 'data', 'empty', 'mlproject.yaml', …"),
    ],
)
def test_a_monitor_that_finds_no_batch_is_a_warning(tmp_path: Path, pattern: str, says: str) -> None:
    root = project(tmp_path / "in", PROJECT.replace("data/2013-*.parquet", pattern))
    (root / "empty").mkdir()
    (root / "out").symlink_to(tmp_path)
    told = CliRunner().invoke(main, ["check", "--repo", str(root)])
    assert (told.exit_code, told.stdout.splitlines()[-1].endswith("no faults, 1 warning")) == (0, True)
    assert told.stderr == (
        "warning: mlproject.yaml:6:14 no file, no .dvc file and no output of a shared stage is called "
        f"{pattern!r}, {says}: correct it, or let the files come\n"
    )


def test_a_pattern_that_finds_its_files_is_no_warning(tmp_path: Path) -> None:
    assert spec.load(project(tmp_path)).warnings() == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("data/reference.parquet", "data/none.parquet", "mlproject.yaml:5:16 no file is called that"),
        ("prediction: chance", "model: nobody", "unknown model nobody"),
        ("prediction:", "predicton:", "unknown key predicton"),
        ("data/2013-*.parquet", "data/*/a.parquet", "two batches would be called a"),
        ("data/2013-*", "../*", "expected a path inside the repository"),
        (
            "prediction:",
            "drift: {psy: {breach: 1}}\n    prediction:",
            ":13 unknown key psy, did you mean psi?",
        ),
        (
            "prediction:",
            "quality: {rows: {breach: 1}}\n    prediction:",
            "unknown key rows, expected one of duplicates, missing, new_categories, period, range",
        ),
    ],
)
def test_faults_of_a_monitor_are_told_at_their_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    root = project(tmp_path, PROJECT.replace(old, new))
    for name in ("x", "y"):
        month(root / "data" / name, "a")
    with pytest.raises(SpecError) as caught:
        spec.load(root)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("2013-06; touch x", "'2013-06; touch x'"),
        ("2013-06$(x)", "'2013-06$(x)'"),
        ("${x}", "'${x}'"),
        ("--help", "'--help'"),
        ("a b", "'a b'"),
        ("a\nb", r"'a\nb'"),
        ("x" * 201, f"'{'x' * 60}…'"),
        ("ä" * 101, f"'{'ä' * 60}…'"),
    ],
)
def test_a_batch_whose_name_would_run_as_a_command_or_is_too_long_is_a_fault(
    tmp_path: Path, name: str, shown: str
) -> None:
    root = project(tmp_path, PROJECT.replace("data/2013-*", "data/*"))
    (root / "data" / "2013-05.parquet").rename(root / "data" / f"{name}.parquet")
    with pytest.raises(SpecError) as caught:
        spec.load(root)
    assert f"mlproject.yaml:6:14 the name of {shown} can't be part of a command" in str(caught.value)


def test_a_batch_may_have_a_long_name_in_any_script(tmp_path: Path) -> None:
    root = project(tmp_path, PROJECT.replace("data/2013-*", "data/*"))
    for name in ("x" * 200, "März_2013", "2013年6月"):
        month(root / "data", name)
    assert {"x" * 200, "März_2013", "2013年6月"} < set(spec.load(root).watched["flights"].batches)


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
    (root / "data" / "2013-08.parquet.dvc").write_text(NOWHERE, encoding="utf-8")
    ran("modelbook", "monitor", "run")
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
        ("2013-08", "missing", ""),
    ]
    page = next(page for page in compose(found, lambda _: None) if page.path == "monitoring/index.html")
    assert page.context.monitors[0].status == "missing"
    month(root / "data", "2013-08")
    (root / "data" / "2013-08.parquet.dvc").unlink()
    ran("modelbook", "monitor", "run")
    assert json.loads((results / "2013-08.json").read_bytes())["status"] == "ok"
    assert (results / "2013-04.json").stat().st_mtime_ns == before


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
    assert [(item.batch, item.rows, item.status) for item in found.watches] == [
        ("b", 3, "ok"),
        ("broken", 0, "unreadable"),
        ("other", 0, "unreadable"),
        ("typed", 0, "unreadable"),
    ]
    assert {
        (problem.path.rpartition("/")[2], problem.reason.partition(":")[0]) for problem in found.faults
    } == {
        ("other.json", "it says it is of m b"),
        ("broken.json", "no result of a monitor"),
        ("typed.json", "no result of a monitor"),
    }


# -- pages


def test_the_worst_monitor_comes_first_and_says_since_when() -> None:
    found = monitoring.overview(monitoring.seen(Index(sample.catalog()))).monitors
    assert [(item.link.text, item.status) for item in found] == [("flights", "unreadable"), ("quiet", "ok")]
    watches = sample.WATCHES[:3]
    index = Index(msgspec.structs.replace(sample.catalog(), watches=watches))
    [now] = monitoring.overview(monitoring.seen(index)).monitors
    assert (now.status, now.since.text, now.newest.text) == ("breach", "2013-05", "2013-06")
    assert "psi 0.4, limit 0.25" in now.worst


def test_a_batch_leads_to_those_beside_it() -> None:
    held = inforce.at_time_of(Index(sample.catalog()), sample.WATCHES[2])
    page = batches.batch(sample.WATCHES[:4], 2, held)
    assert page.before is not None and page.before.href == "monitoring/flights.2013-05/index.html"
    assert page.after is not None and page.after.href == batches.batch_href(sample.WATCHES[3])
    assert page.same_as is not None and page.same_as.text == "2013-05"
    assert page.columns[0].bars[0].batch == "10.0%"
    assert [row[-2].text for row in page.findings.rows] == ["breach", "ok"]


def test_a_thousand_batches_are_cut_on_one_page_and_each_has_its_own() -> None:
    watches = tuple(
        msgspec.structs.replace(sample.WATCHES[1], batch=f"{2000 + at // 12}-{at % 12 + 1:02}")
        for at in range(1000)
    )
    index = Index(msgspec.structs.replace(sample.catalog(), watches=watches))
    page = monitoring.monitor(index, monitoring.seen(index)[0])
    assert len(page.batches.rows) + page.more_batches == 1000
    assert len(page.beyond) + page.more_beyond == 1000
    made = [item for item in compose(index.catalog, sample.BLOBS.get) if item.bulk == "batch"]
    assert len(made) == 1000


def test_status_of_a_project_without_monitors(tmp_path: Path) -> None:
    (tmp_path / "mlproject.yaml").write_text("name: x\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["monitor", "status", "--repo", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, "mlproject.yaml declares no monitors.\n")
    done = CliRunner().invoke(main, ["monitor", "status", "m", "--repo", str(tmp_path)])
    assert done.exit_code == 2


def moved(batch: str, date: str, **more: Any) -> Watch:
    """A result that came with a commit of that date."""
    return msgspec.structs.replace(sample.WATCHES[0], batch=batch, commit="c" * 40, date=date, **more)


def held(batch: str, date: str, name: str = "flights") -> list[list[str]]:
    """What was in force at the time of a batch, as its page says it."""
    at = "2024-{}T12:00:00+00:00"
    model = msgspec.structs.replace(
        sample.catalog().models[0],
        promotions=tuple(
            Promotion(environment=place, version=version, date=at.format(day), commit="d" * 40)
            for place, version, day in (
                ("prod", "v1.2.0", "07-20"),
                ("staging", "v1.2.0", "07-10"),
                ("prod", "v1.1.0", "06-15"),
                ("prod", "v1.0.0", "03-01"),
            )
        ),
    )
    deployed = (
        Deployment(
            deployment="web", model="flight-delay", environment="prod", version="v1.1.0", run="x",
            outcome=outcome, date=at.format(day),
        )
        for outcome, day in (("deployed", "06-16"), ("failed", "07-21"))
    )  # fmt: skip
    project = msgspec.structs.replace(
        sample.catalog().project,
        monitors=(
            MonitorInfo(name="flights", model="flight-delay"),
            MonitorInfo(name="prod", model="flight-delay", environment="prod"),
        ),
    )
    index = Index(
        msgspec.structs.replace(
            sample.catalog(), project=project, models=(model,), deployments=tuple(deployed)
        )
    )
    found = inforce.at_time_of(index, moved(batch, date, monitor=name))
    assert {row[5].href for row in found.table.rows if row[5].text != "–"} <= {"deployments/index.html"}
    return [[cell.text for cell in row[:4]] + [row[5].text] for row in found.table.rows]


def test_versions_in_force_have_links_if_they_are_registered() -> None:
    model = sample.catalog().models[0]
    held = {"prod": ("v1.0.0", "models/flight-delay/v1.0.0/index.html"), "lab": ("v9", None)}
    places = tuple((name, version) for name, (version, _) in held.items())
    model = msgspec.structs.replace(model, info=msgspec.structs.replace(model.info, environments=places))
    assert {name: (item.text, item.href) for name, item in inforce.now(model)} == held
    assert [name for name, _ in inforce.now(model, "lab")] == ["lab"]
    standing = monitoring.seen(Index(sample.catalog()))[0].standing
    assert [(name, item.text) for name, item in standing.environments] == list(sample.MODEL.environments)


def test_a_batch_tells_what_was_in_force_in_its_period_and_when_its_result_came() -> None:
    assert held("2024-07", "2024-08-02T00:00:00+00:00", "prod") == [
        ["its period", "prod", "v1.1.0", "2024-06-15", "web v1.1.0"],
        ["its period", "prod", "v1.2.0", "2024-07-20", "web v1.1.0"],
        ["its result", "prod", "v1.2.0", "2024-07-20", "web v1.1.0"],
    ]
    assert held("one", "2024-05-02T00:00:00+00:00") == [
        ["its result", "prod", "v1.0.0", "2024-03-01", "–"],
        ["its result", "staging", "none", "–", "–"],
    ]


def test_a_clock_that_is_wrong_and_an_order_that_is_odd_are_told() -> None:
    items = (
        moved("2024-05", "2024-07-03T00:00:00+00:00"),
        moved("2024-06", "2024-07-02T00:00:00+00:00"),
        moved("2024-08", "2024-07-04T00:00:00+00:00"),
    )
    late = inforce.came_late(items)
    index = Index(sample.catalog())
    odd = [inforce.at_time_of(index, item, late.get(item.batch, "")).odd for item in items]
    assert odd == [
        ("It came late: the result of 2024-06 was there before.",),
        (),
        ("It is of 2024-08, and its result came before that: its name or a clock is wrong.",),
    ]


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        (["2013-04", "2013-05", "2013-08"], ["2013-06", "2013-07"]),
        (["2013-12-30", "2013-12-31", "2014-01-02"], ["2014-01-01"]),
        (["2013-04", "2013-05", "again"], []),
        (["2013-01", "2013-04", "2013-07"], []),
        (["x-20130401T0600Z-1", "x-20130401T0700Z-2", "x-20130402T0000Z-3"], []),
        (["2013-04", "2013-05-01"], []),
        ([], []),
    ],
)
def test_periods_that_no_batch_is_of_are_told(names: list[str], lost: list[str]) -> None:
    assert gaps(names) == lost


def test_periods_are_told_from_the_first_to_the_last() -> None:
    assert [span(names) for names in ((), ("05",), ("05", "06", "07"))] == ["", "05", "05 to 07"]


def test_old_batches_keep_their_line_alone() -> None:
    project = msgspec.structs.replace(
        sample.catalog().project, monitors=(MonitorInfo(name="flights", retention=2),)
    )
    catalog = msgspec.structs.replace(
        sample.catalog(), project=project, watches=sample.WATCHES[:3], notices=sample.NOTICES
    )
    pages = list(compose(catalog, sample.BLOBS.get))
    assert [item.path for item in pages if item.bulk == "batch"] == [
        f"monitoring/flights.2013-0{month}/index.html" for month in (5, 6)
    ]
    page = next(item.context for item in pages if item.path == "monitoring/flights/index.html")
    assert [row[0].href is None for row in page.batches.rows] == [False, False, True]
    assert (page.paged, page.standing.batches) == (2, 3)
    [row] = page.told.rows
    assert [cell.text for cell in row[:5]] == [
        "2024-03-05", f"team{sample.SCRIPT}, here", "breach", "2013-05", "2013-05",
    ]  # fmt: skip


def test_data_that_came_before_is_not_counted_again() -> None:
    index = Index(msgspec.structs.replace(sample.catalog(), watches=sample.WATCHES[:3]))
    [found] = monitoring.seen(index)
    assert [item.batch for item in found.counted] == ["2013-04", "2013-05"]
    assert {item.batch.text for item in monitoring.monitor(index, found).beyond} == {"2013-05"}


def test_results_know_the_commit_that_brought_them(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    file = "runs/monitors/m/{}.json"
    first = repo.commit({file.format("b"): result()}, "One")
    repo.commit({"other.txt": "x"}, "Two")
    third = repo.commit(
        {file.format("b"): result(rows=2), file.format("c"): result().replace('"b"', '"c"')}, "Three"
    )
    found = history.read(repo.path)
    assert [(item.batch, item.rows, item.commit) for item in found.watches] == [
        ("b", 2, first),
        ("c", 0, third),
    ]


def test_whoever_asks_for_runs_reads_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_args: object) -> Any:
        raise AssertionError

    for room in ("watches", "notices", "deployments"):
        monkeypatch.setattr(f"modelbook.history.{room}.read", read)
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"runs/monitors/m/b.json": result(), "runs/alerts/m.jsonl": "{}"}, "One")
    found = catalog.build(history.read(repo.path))
    assert found.runs == ()
    with pytest.raises(AssertionError):
        list(found.watches)


def test_a_log_of_alerts_is_read_and_its_broken_lines_are_a_problem(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    lines = b"\n".join([msgspec.json.encode(item) for item in sample.NOTICES] + [b'{"monitor": "fl'])
    repo.commit({"runs/alerts/flights.jsonl": lines}, "Tell")
    found = catalog.build(history.read(repo.path))
    assert tuple(found.notices) == sample.NOTICES
    assert [problem.path for problem in found.faults] == ["runs/alerts/flights.jsonl"]
    page = next(page for page in compose(found, lambda _: None) if page.path == "problems/index.html")
    assert "runs/alerts/flights.jsonl" in str(page.context)


# -- when things go wrong


def judge(root: Path, batch: str) -> int:
    """What the stages of the monitor `flights` do for a batch."""
    runner = CliRunner()
    assert runner.invoke(main, ["monitor", "profile", "flights", "--repo", str(root)]).exit_code == 0
    return runner.invoke(main, ["monitor", "batch", "flights", batch, "--repo", str(root)]).exit_code


def test_a_run_that_is_killed_leaves_the_old_result_or_none_and_the_next_one_is_whole(tmp_path: Path) -> None:
    root = project(tmp_path)
    folder = root / "runs" / "monitors" / "flights"
    assert judge(root, "2013-04") == 0
    old = (folder / "2013-04.json").read_bytes()
    month(root / "data", "2013-04", 17)
    for batch in ("2013-04", "2013-05"):
        child = os.fork()
        if not child:
            Path.replace = lambda *_: os.kill(os.getpid(), 9)  # type: ignore[assignment,method-assign]
            main(["monitor", "batch", "flights", batch, "--repo", str(root)])
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 9
    assert [file.name for file in folder.glob("*.json")] == ["2013-04.json"]
    assert (folder / "2013-04.json").read_bytes() == old
    assert len(list(folder.iterdir())) == 3, "what was half written is beside them"
    for batch in ("2013-04", "2013-05"):
        assert judge(root, batch) == 0
    assert sorted(file.name for file in folder.iterdir()) == ["2013-04.json", "2013-05.json"]
    assert json.loads((folder / "2013-04.json").read_bytes())["status"] == "breach"


def test_the_newest_batches_have_stages_and_folders_are_batches(tmp_path: Path) -> None:
    text = PROJECT.replace("2013-*.parquet", "2013-*").replace("    target", "    retention: 3\n    target")
    root = project(tmp_path, text)
    for name in ("2013-06", "2013-07"):
        month(root / "data" / name, "part")
    part = root / "data" / "2013-07" / "part.parquet"
    part.rename(part.with_name("PART.PARQUET"))
    (root / "data" / "2013-08").mkdir()
    (root / "data" / "2013-09.dvc").write_text("outs: []\n", encoding="utf-8")
    assert spec.load(root).watched["flights"].batches == {
        "2013-06": "data/2013-06", "2013-07": "data/2013-07", "2013-09": "data/2013-09",
    }  # fmt: skip
    for name in ("2013-06", "2013-07"):
        assert judge(root, name) == 0
        found = json.loads((root / "runs" / "monitors" / "flights" / f"{name}.json").read_bytes())
        assert found["rows"] == 800


def test_what_changes_no_result_makes_no_stage_stale(tmp_path: Path) -> None:
    root = project(tmp_path)
    before = stages.resolved_params(spec.load(root))
    reference = stages.generate.stages(spec.load(root))["monitor-flights-reference"]
    assert "engine" not in before["runs/params/monitor-flights.yaml"]
    text = PROJECT.replace(
        "    target", "    retention: 9\n    schedule: 0 6 * * 1\n    alerts: []\n    target"
    )
    assert stages.resolved_params(spec.load(project(tmp_path, text))) == before
    text = PROJECT.replace("    target", "    engine: datafusion\n    target")
    after = spec.load(project(tmp_path, text))
    assert stages.resolved_params(after)["runs/params/monitor-flights.yaml"]["engine"] == "datafusion"
    assert stages.generate.stages(after)["monitor-flights-reference"] != reference


ENVIRONMENTS = """
pipelines: {p: {stages: {s: {cmd: x, outs: ["results/${run}/m"]}}}}
models:
""" + "".join(
    f"  {name}: {{pipeline: p, artifact: 'results/${{run}}/m', versions: {{v1.0.0: 0123456789ab}}, "
    f"environments: {{{places}}}}}\n"
    for name, places in (("a", "prod: v1.0.0"), ("b", "prod: v1.0.0, lab: v1.0.0"))
)


def of_environment(root: Path, lines: str) -> str:
    text = PROJECT.replace("    prediction", f"    {lines}\n    prediction") + ENVIRONMENTS
    with pytest.raises(SpecError) as caught:
        spec.load(project(root, text))
    return str(caught.value)


def test_a_monitor_may_be_of_an_environment(tmp_path: Path) -> None:
    assert "unknown environment prd, did you mean prod?" in of_environment(tmp_path, "environment: prd")
    assert "a and b are in force in prod, say which one" in of_environment(tmp_path, "environment: prod")
    text = PROJECT.replace("    prediction", "    environment: lab\n    prediction") + ENVIRONMENTS
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "a.yaml").write_text("abstract: true\npipeline: p\n", encoding="utf-8")
    assert spec.load(project(tmp_path, text)).project.monitors["flights"].environment == "lab"
    model = sample.catalog().models[0]
    info = MonitorInfo(name="m", environment="prod")
    assert inforce.watched(Index(sample.catalog()), info) == model
    assert inforce.environments(info, model) == ("prod",)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{roc_auc:", "{roc_uac:", "unknown metric roc_uac, did you mean roc_auc?"),
        ("    target", "    metrics: {bias: avg(p)}\n    target", "bias is measured anyway"),
        ("    target", "    schedule: every day\n    target", "expected five fields as cron has them"),
        ("    target", "    schedule: 61 * * * *\n    target", "'61' is no minute"),
        ("    target", "    retention: 0\n    target", "mlproject.yaml:8:"),
    ],
)
def test_more_faults_of_a_monitor_are_told(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.load(project(tmp_path, PROJECT.replace(old, new, 1)))
    assert says in str(caught.value)


def test_equal_data_is_known_by_its_own_hash_wherever_it_lies() -> None:
    """DVC sorts what a stage reads by its path, and `samples/` comes after `runs/`."""
    stages_ = tuple(
        Stage(
            address=f"monitor-m@{batch}",
            group="monitor-m",
            file="dvc.yaml",
            item=batch,
            monitor="m",
            deps=(
                Dependency(path="runs/monitors/m.reference.json", md5="r"),
                Dependency(path=f"samples/{batch}.csv", md5=md5),
            ),
        )
        for batch, md5 in (("a", "1"), ("b", "2"), ("c", "1"))
    )
    head = msgspec.structs.replace(sample.catalog().snapshots[0], stages=stages_)
    found = catalog._watches([Watch(monitor="m", batch=batch) for batch in "abc"], head)
    assert [item.same_as for item in found] == ["", "", "a"]
