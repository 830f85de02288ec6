"""A published site against its manifest: every way a file can be wrong is named."""

from __future__ import annotations

import json
import re
import shutil
from hashlib import md5
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

import sample
from conftest import ROOT
from modelbook.cli import main
from modelbook.records import Catalog
from modelbook.site import manifest, proof
from modelbook.site.manifest import Kept, Manifest


@pytest.fixture(params=["few", "many"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site whose hashes are in the manifest, or, as of a large one, in files beside it."""
    if request.param == "many":
        monkeypatch.setattr(manifest, "_LISTED", 2)
    for name in ("index.html", "runs/a/index.html", "runs/b/index.html", "runs/b/data.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    about = {"version": "0.1.0", "project": "p", "head": "c" * 40}
    pages = {"runs/a/index.html": Kept("k")}
    manifest.write(tmp_path, about, Manifest(files=manifest.hashes(tmp_path), pages=pages))
    return tmp_path


def verify(site: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["verify", str(site), *args])


def test_a_site_as_it_was_built_passes(site: Path) -> None:
    result = verify(site)
    assert result.exit_code == 0, result.output
    assert "p at cccccccccccc, built by Modelbook 0.1.0" in result.stdout
    assert manifest.verify(site).faults == ()


def test_every_file_that_is_not_as_it_was_is_named(site: Path) -> None:
    (site / "index.html").write_text("changed")
    (site / "runs/a/index.html").unlink()
    (site / "runs/b/data.js").unlink()
    (site / "runs/b/data.js").symlink_to("index.html")
    (site / "evil.html").write_text("new")
    result = verify(site, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["faults"] == [
        {"path": "evil.html", "fault": "extra"},
        {"path": "index.html", "fault": "changed"},
        {"path": "runs/a/index.html", "fault": "missing"},
        {"path": "runs/b/data.js", "fault": "a link"},
    ]
    assert "4 files are not as the manifest says" in result.stderr


def test_a_part_of_the_manifest_that_was_changed_vouches_for_nothing(site: Path) -> None:
    for part in site.glob("modelbook-*-*.json"):
        part.write_text(part.read_text() + " ")
    faults = dict(manifest.verify(site).faults)
    assert faults["modelbook-pages-0.json"] == "changed"
    assert (site / "modelbook-files-0.json").exists() == ("modelbook-files-0.json" in faults)


@pytest.mark.parametrize("content", [None, "{", '{"generator": "mkdocs"}'])
def test_what_has_no_manifest_is_no_site(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / manifest.NAME).write_text(content)
    result = verify(tmp_path)
    assert result.exit_code == 2
    assert "has no manifest that Modelbook wrote" in result.stderr


# -- the numbers


@pytest.fixture
def runs(sample_site: Path, tmp_path: Path) -> Path:
    """The pages of runs of the sample's site, to be changed."""
    shutil.copytree(sample_site / "runs", tmp_path / "runs")
    return tmp_path


def prove(site: Path, catalog: Catalog, content: bytes | None = None) -> proof.Proof:
    return proof.prove(site, catalog.head, catalog, lambda _value: content)


def test_numbers_of_a_site_are_those_of_its_catalog(runs: Path) -> None:
    made = sample.catalog()
    found = prove(runs, made)
    assert found.faults == ()
    assert found.runs == len(made.runs)
    assert found.numbers > 50
    assert found.shown > 20


def test_a_number_that_was_changed_is_found_in_the_data_and_on_the_page(runs: Path) -> None:
    made = sample.catalog()
    run = next(run for run in made.runs if run.metric("roc_auc"))
    value = run.metric("roc_auc")
    assert value is not None
    folder = runs / "runs" / run.id
    data = (folder / "data.js").read_text()
    (folder / "data.js").write_text(data.replace(f'["roc_auc",{value.value}]', '["roc_auc",0.99]'))
    (fault,) = prove(runs, made).faults
    assert fault == (
        f"runs/{run.id}/data.js",
        f"metric roc_auc is 0.99, and {value.value} in the repository",
    )
    (folder / "data.js").write_text(data)
    page = (folder / "index.html").read_text()
    shown = re.search(
        r'>roc_auc</span>(?:<svg.*?</svg>)?<span class="mb-value[^>]*>([\d.]+)', page, re.DOTALL
    )
    assert shown is not None
    (folder / "index.html").write_text(page[: shown.start(1)] + "0.99" + page[shown.end(1) :])
    (fault,) = prove(runs, made).faults
    assert fault[1].startswith("shows roc_auc as 0.99, and it is ")


def test_a_run_that_the_repository_does_not_have_is_found(runs: Path) -> None:
    made = sample.catalog()
    gone = made.runs[0]
    found = prove(runs, replace(made, runs=made.runs[1:], head="d" * 40))
    assert found.faults == (
        ("modelbook.json", "commit dddddddddddd is not in the repository"),
        (f"runs/{gone.id}/index.html", "no run of that id is in the repository's history"),
    )


def test_a_metrics_file_is_held_against_its_lock_entry(runs: Path) -> None:
    made = sample.catalog()
    run = next(run for run in made.runs if run.metrics and run.stages)
    assert prove(runs, made).files == 0, "nothing is at hand"
    path = run.metrics[0].path
    for content, digest, good in ((b"{}", b"{}", True), (b"{\r\n}", b"{\n}", True), (b"{}", b"[]", False)):
        lock = md5(digest).hexdigest()
        stage = replace(run.stages[-1], outs=(replace(run.stages[-1].outs[0], path=path, md5=lock),))
        found = prove(runs, replace(made, runs=(replace(run, stages=(stage,)),)), content)
        words = [fault for _, fault in found.faults if "its lock entry" in fault]
        assert words == ([] if good else [f"{path} is not the file that its lock entry names ({lock})"])
        assert found.files == good


@pytest.mark.parametrize(
    ("shown", "number", "near"),
    [
        ("0.6828", 0.68283, True),
        ("0.6828", 0.68287, False),
        ("76.6%", 0.766286, True),
        ("76.6%", 0.767, False),
        ("−3e-06", -0.0000032, True),
        ("27,564", 27564, True),
        ("27,564", 27565, False),
        ("1.5 s", 1.46, True),
        ("yes", 1.0, None),
    ],
)
def test_a_number_is_rounded_as_it_is_shown(shown: str, number: float, near: bool | None) -> None:
    assert proof._near(shown, number) is near


@pytest.mark.slow
def test_the_demos_numbers_come_from_its_lock_hashes(demo_site: Path) -> None:
    result = verify(demo_site, "--json")
    assert json.loads(result.stdout)["numbers"] is None
    result = verify(demo_site, "--repo", str(ROOT), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["numbers"]
    assert found["faults"] == []
    assert found["runs"] >= 49
    assert found["shown"] >= 3000
    assert found["files"] >= 130
    assert found["elsewhere"] == 0
    assert "numbers: held against the repository" in verify(demo_site, "--repo", str(ROOT)).stdout
    assert "numbers: held against no repository" in verify(demo_site).stdout
