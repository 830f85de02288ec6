"""A site that is built again is the site a first build would give, byte for byte, whatever came between."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

import sample
from gitrepo import GitRepo
from modelbook import site
from modelbook.cli import main
from modelbook.records import Catalog, Plot
from modelbook.site import engine, manifest, press, themes
from modelbook.site.manifest import Kept, Manifest
from modelbook.site.notes import Notes
from modelbook.site.press import Press, Standing
from test_keys import CHANGES

BULK = len(sample.catalog().experiments) + len(sample.RUNS) + len(sample.COMMITS) + len(sample.WATCHES)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
IMAGE = Plot(name="image", template="image", files=(("out/a.png", sample.digest("png")),))


def read(blob: str) -> bytes | None:
    return PNG if blob == sample.digest("png") else sample.BLOBS.get(blob)


def catalog() -> Catalog:
    """The sample, two of whose runs show the same image."""
    found = sample.catalog()
    runs = tuple(
        replace(run, plots=(*run.plots, IMAGE)) if at in (4, 6) else run for at, run in enumerate(found.runs)
    )
    return replace(found, runs=runs)


@pytest.fixture(autouse=True)
def engine_without_mkdocs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bulk pages need but a shell: without MkDocs and Plotly these tests take a tenth of the time."""
    if "slow" in request.keywords:
        return

    def build(folder: Path, config: dict[str, Any], date: str, cache: Path | None = None) -> Path:
        shutil.copytree(folder / "docs", folder / "site")
        for path in (folder / "site").rglob("*.md"):
            title, _, body = path.read_text(encoding="utf-8").partition("\n---\n")
            html = f"<!doctype html>\n\n  <title>{engine.Shell.TITLE}</title>{config['site_name']}\n{body}"
            path.with_suffix(".html").write_text(html + title, encoding="utf-8")
            path.unlink()
        return folder / "site"

    monkeypatch.setattr(engine, "build", build)
    monkeypatch.setattr(site, "_plotly", lambda: Path(__file__))


def content(folder: Path) -> dict[str, str]:
    """Path -> digest of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def built(found: Catalog, out: Path, **more: Any) -> site.Built:
    return site.build(found, out, read=read, **more)


def fresh(found: Catalog, tmp_path: Path, **more: Any) -> dict[str, str]:
    shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
    assert built(found, tmp_path / "fresh", **more).kept == 0
    return content(tmp_path / "fresh")


def test_nothing_changed(tmp_path: Path) -> None:
    out = tmp_path / "site"
    assert built(catalog(), out).kept == 0
    before = content(out)
    assert built(catalog(), out).kept == BULK
    assert content(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_make_the_same_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(press, "_CHUNK", 3)
    out = tmp_path / "site"
    built(catalog(), out, processes=processes)
    assert content(out) == fresh(catalog(), tmp_path, processes=1)
    changed = CHANGES["run with another metric"](catalog())
    _image_gone(out)
    assert 0 < built(changed, out, processes=processes).kept < BULK
    assert content(out) == fresh(changed, tmp_path, processes=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_killed_process_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pages are begun again, and what stands where they were taken from stays as it is."""
    monkeypatch.setattr(press, "_CHUNK", 3)
    out, here, take = tmp_path / "site", os.getpid(), Standing.take
    built(catalog(), out)
    inodes = {path: path.stat().st_ino for path in out.glob("runs/*/index.html")}

    def deadly(*arguments: Any) -> Any:
        found = take(*arguments)
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    monkeypatch.setattr(Standing, "take", deadly)
    monkeypatch.setattr(press, "keep", lambda *_: [])  # which is done in no process but the first
    monkeypatch.setattr(Press, "adopt", lambda *_: frozenset())
    assert built(catalog(), out, processes=2).kept == BULK
    assert {path: path.stat().st_ino for path in out.glob("runs/*/index.html")} == inodes
    assert content(out) == fresh(catalog(), tmp_path, processes=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_an_error_in_another_process_is_the_same_error(tmp_path: Path) -> None:
    own = tmp_path / "site_templates"
    own.mkdir()
    (own / "commit.html.j2").write_text("{{ page.nothing }}", encoding="utf-8")
    said = []
    for processes in (1, 3):
        with pytest.raises(themes.TemplateFault) as raised:
            built(catalog(), tmp_path / "site", project=own, processes=processes)
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert said[0].startswith("commit.html.j2:1: ")
    assert [path.name for path in tmp_path.iterdir()] == ["site_templates"]


def test_what_stands_there_is_replaced_not_written_to(tmp_path: Path) -> None:
    """A file may be a link to one of the site that stands, which must stay as it is."""
    (tmp_path / "old").write_text("old", encoding="utf-8")
    os.link(tmp_path / "old", tmp_path / "new")
    press.write(tmp_path / "new", "new")
    assert (tmp_path / "old").read_text(encoding="utf-8") == "old"
    assert (tmp_path / "new").read_text(encoding="utf-8") == "new"


def test_told_to_it_makes_everything_anew(tmp_path: Path) -> None:
    built(catalog(), tmp_path / "site")
    assert built(catalog(), tmp_path / "site", keep=False).kept == 0


def _touched(out: Path) -> None:
    page = out / f"runs/{sample.RUNS[0].id}/index.html"
    page.write_text(page.read_text(encoding="utf-8") + "<!-- touched -->", encoding="utf-8")


def _one_byte(out: Path) -> None:
    data = out / f"runs/{sample.RUNS[0].id}/data.js"
    if data.is_file():
        found = data.read_bytes()
        data.unlink()
        data.write_bytes(found[:100] + bytes([found[100] ^ 1]) + found[101:])


def _gone(out: Path) -> None:
    (out / f"runs/{sample.RUNS[0].id}/data.js").unlink(missing_ok=True)


def _led_away(out: Path) -> None:
    data = out / f"runs/{sample.RUNS[0].id}/data.js"
    elsewhere = out.parent / "elsewhere.js"
    if data.is_file():
        shutil.copyfile(data, elsewhere)
        data.unlink()
        data.symlink_to(elsewhere)


def _image_gone(out: Path) -> None:
    for path in (out / "assets/plots").glob("*"):
        path.write_bytes(b"not what it was")


def _keys_forged(out: Path) -> None:
    path = out / "modelbook-pages-0.json"
    path.write_text(path.read_text(encoding="utf-8").replace("data.js", "../data.js"), encoding="utf-8")


def _manifest_torn(out: Path) -> None:
    path = out / manifest.NAME
    top = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({"generator": top["generator"], "files": {}}), encoding="utf-8")


def _behind_its_back(out: Path) -> None:
    """A byte of a page, its size and its time of modification as they were."""
    page = out / f"runs/{sample.RUNS[0].id}/index.html"
    before, found = page.stat(), page.read_bytes()
    page.write_bytes(found[:100] + bytes([found[100] ^ 1]) + found[101:])
    os.utime(page, ns=(before.st_atime_ns, before.st_mtime_ns))


def _sealed(out: Path) -> None:
    """Seal a site so late that the disk's clock has moved on from its last file."""
    last = max(path.stat().st_ctime_ns for path in out.rglob("*") if path.name != manifest.NAME)
    while manifest.sealed(out) <= last:
        manifest.seal(out)


HARM: list[Callable[[Path], None]] = [
    _touched,
    _one_byte,
    _behind_its_back,
    _gone,
    _led_away,
    _image_gone,
    _keys_forged,
    _manifest_torn,
]


@pytest.mark.parametrize("harm", HARM)
def test_what_was_touched_is_made_again(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    out = tmp_path / "site"
    built(catalog(), out)
    before = content(out)
    _sealed(out)
    harm(out)
    made = built(catalog(), out)
    assert made.kept < BULK
    assert content(out) == before
    assert not [path for path in out.rglob("*") if path.is_symlink()]


@pytest.mark.skipif(os.name == "nt", reason="there is no time of change on Windows")
def test_what_nobody_touched_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, real, found = tmp_path / "site", press._read, list[str]()
    built(catalog(), out)
    _sealed(out)

    def noted(path: str) -> bytes:
        found.append(path)
        return real(path)

    monkeypatch.setattr(press, "_read", noted)
    assert built(catalog(), out).kept == BULK
    assert not [path for path in found if "/assets/plots/" not in path]


def test_a_seal_is_of_one_place(tmp_path: Path) -> None:
    """A site that was changed, and then copied or packed, has the times of the copy: they say nothing."""
    out, copy = tmp_path / "site", tmp_path / "copy"
    built(catalog(), out)
    _behind_its_back(out)
    shutil.copytree(out, copy)
    assert manifest.sealed(out)
    assert not manifest.sealed(copy)
    assert built(catalog(), copy).kept == BULK - 1
    assert manifest.sealed(copy)
    (copy / manifest.NAME).write_bytes((copy / manifest.NAME).read_bytes())
    assert not manifest.sealed(copy)


@pytest.mark.parametrize("name", ["new commit", "new tag", "spec changed", "promoted", "run deleted"])
def test_after_a_change_it_is_as_new(tmp_path: Path, name: str) -> None:
    out = tmp_path / "site"
    built(catalog(), out)
    changed = CHANGES[name](catalog())
    built(changed, out)
    assert content(out) == fresh(changed, tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_so_it_is_after_any_sequence(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    found, out = catalog(), tmp_path / "site"
    built(found, out)
    kept = 0
    for name in dice.sample(sorted(CHANGES), 5):
        if dice.random() < 0.5:
            dice.choice(HARM)(out)
        found = CHANGES[name](found) if dice.random() < 0.8 else catalog()
        kept += built(found, out).kept
        assert content(out) == fresh(found, tmp_path)
    assert kept


def test_other_templates_make_other_pages(tmp_path: Path) -> None:
    out, own = tmp_path / "site", tmp_path / "site_templates"
    built(catalog(), out)
    own.mkdir()
    (own / "run.html.j2").write_text("<h1>{{ page.name }}</h1>", encoding="utf-8")
    assert built(catalog(), out, project=own).kept == 0
    assert content(out) == fresh(catalog(), tmp_path, project=own)
    (own / "run.html.j2").write_text("<h1>{{ page.id }}</h1>", encoding="utf-8")
    assert built(catalog(), out, project=own).kept == 0


def test_a_plot_that_was_missing_is_drawn_when_it_is_there(tmp_path: Path) -> None:
    out = tmp_path / "site"
    site.build(catalog(), out, read=lambda _: None)
    built(catalog(), out)
    assert content(out) == fresh(catalog(), tmp_path)


def _read_by(found: Catalog, out: Path, cache: Path | None) -> set[str]:
    """Blobs that a build reads."""
    asked = set[str]()

    def noting(blob: str) -> bytes | None:
        asked.add(blob)
        return read(blob)

    site.build(found, out, read=noting, cache=cache, processes=1)
    return asked


def test_curves_that_were_noted_are_not_read_again(tmp_path: Path) -> None:
    out, cache = tmp_path / "site", tmp_path / "cache"
    _read_by(catalog(), out, cache)
    (file,) = cache.glob("curves-*.cache")
    noted = file.stat().st_mtime_ns
    kept = _read_by(catalog(), out, cache)
    without = _read_by(catalog(), out, None)
    assert kept < without
    assert file.stat().st_mtime_ns == noted
    changed = CHANGES["run deleted"](catalog())
    built(changed, out, cache=cache)
    assert content(out) == fresh(changed, tmp_path)


def test_a_curve_that_could_not_be_read_is_not_noted(tmp_path: Path) -> None:
    out, cache = tmp_path / "site", tmp_path / "cache"
    site.build(catalog(), out, read=lambda _: None, cache=cache)
    built(catalog(), out, cache=cache)
    assert content(out) == fresh(catalog(), tmp_path)


def test_notes_are_of_one_place_and_one_modelbook(tmp_path: Path) -> None:
    cache, known = tmp_path / "cache", {"blob\t=auc": [0.5, 0.25], "other,": None}
    notes = Notes(cache, tmp_path / "site", "digest")
    assert notes.load() == {}
    notes.save(known)
    assert Notes(cache, tmp_path / "site", "digest").load() == known
    assert Notes(cache, tmp_path / "site", "another").load() == {}
    assert Notes(cache, tmp_path / "beside", "digest").load() == {}
    (file,) = cache.iterdir()
    for damaged in (b"", file.read_bytes()[:40], file.read_bytes()[:-1] + b"\xff"):
        file.write_bytes(damaged)
        assert Notes(cache, tmp_path / "site", "digest").load() == {}


def test_a_disk_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "site"
    built(catalog(), out)
    before = content(out)

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert built(catalog(), out).kept == BULK
    assert content(out) == before


@pytest.mark.parametrize(
    "kept",
    [
        Kept("key", ("../../secret.js",)),
        Kept("key", ("sub\\secret.js",)),
        Kept("key", ("",)),
        Kept("key", (), (("secret.js", "blob"),)),
        Kept("key", (), (("assets/plots/../../secret.js", "blob"),)),
    ],
)
def test_a_manifest_leads_nowhere_else(tmp_path: Path, kept: Kept) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path in ("runs/a/index.html", "secret.js", "runs/a/sub\\secret.js"):
        (old / path).parent.mkdir(parents=True, exist_ok=True)
        (old / path).write_text("x", encoding="utf-8")
    files = manifest.hashes(old) | {"runs/a/../../secret.js": manifest.sha256(b"x")}
    standing = Standing(old, Manifest(files=files, pages={"runs/a/index.html": kept}))
    assert not standing.take("runs/a/index.html", "key", new)
    assert not new.exists()


def test_a_large_manifest_is_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_LISTED", 10)
    out = tmp_path / "site"
    built(catalog(), out)
    parts = sorted(path.name for path in out.glob("modelbook-*.json"))
    assert len(parts) > 4
    assert all(len(json.loads((out / name).read_text(encoding="utf-8"))) <= 10 for name in parts)
    found = manifest.load(out)
    assert found.files == {path: sha for path, sha in content(out).items() if path != manifest.NAME}
    assert len(found.pages) == BULK
    assert built(catalog(), out).kept == BULK


def test_the_command_says_what_it_kept(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"dvc.lock": LOCK, "dvc.yaml": PIPELINE, "m.json": '{"acc": 0.5}'})
    argv = ["build", "--repo", str(repo.path), "--out", str(tmp_path / "site")]
    run = partial(CliRunner().invoke, main)
    assert "all rendered" in run(argv).output
    assert ", 3 kept" in run(argv).output
    assert "all rendered" in run([*argv, "--no-cache"]).output


PIPELINE = "stages:\n  train:\n    cmd: python train.py\n    metrics:\n    - m.json:\n        cache: false\n"
LOCK = """schema: '2.0'
stages:
  train:
    cmd: python train.py
    outs:
    - path: m.json
      md5: 0123456789abcdef0123456789abcdef
      size: 12
"""


@pytest.mark.slow
def test_where_and_when_it_is_built_does_not_show(tmp_path: Path) -> None:
    """Folder, time zone, order of hashes, locale and permissions: none of them gets into a file."""
    repo = GitRepo(tmp_path / "repo")
    for number in range(3):
        repo.commit({"dvc.lock": LOCK, "dvc.yaml": PIPELINE, "m.json": f'{{"acc": 0.{number}}}'})
    surroundings = (
        ("a", 0o022, {"TZ": "UTC", "PYTHONHASHSEED": "1", "LC_ALL": "C"}),
        ("deeper/b", 0o077, {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8"}),
    )
    made = []
    for name, umask, variables in surroundings:
        out = tmp_path / name
        command = Path(sys.executable).with_name("modelbook")
        argv = [str(command), "build", "--no-cache", "--repo", str(repo.path), "--out", str(out)]
        environment = {**os.environ, **variables}
        subprocess.run(argv, check=True, env=environment, umask=umask, capture_output=True)
        made.append(content(out))
    assert made[0] == made[1]
    assert any(path.startswith("runs/") and path.endswith("/index.html") for path in made[0])
