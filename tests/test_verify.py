"""A published site against its manifest: every way a file can be wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelbook.cli import main
from modelbook.site import manifest
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
