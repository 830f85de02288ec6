"""`modelbook preview`: what it serves, what changes it sees, and what two open tabs show of them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page

from gitrepo import GitRepo
from modelbook.cli import main, publish
from modelbook.errors import ModelbookError
from modelbook.site.preview import VERSION, Server, watch

PIPELINE = """stages:
  train:
    cmd: python train.py
    params: [lr]
    metrics: [{metrics.json: {cache: false}}]
"""


def get(url: str, host: str = "", method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "site"
    made.mkdir()
    (made / "index.html").write_text("<body>hello</body>", encoding="utf-8")
    (made / "x.css").write_text("b{}", encoding="utf-8")
    return made


def test_pages_look_for_changes_and_nothing_else_does(folder: Path) -> None:
    with Server(folder, 0) as server:
        base = server.url.removesuffix("/index.html")
        assert VERSION.encode() in get(base + "/")[1]
        assert get(base + "/x.css") == (200, b"b{}")
        assert VERSION not in (folder / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["/index.html", "/gone/index.html"])
def test_a_page_knows_which_build_it_is_of(folder: Path, path: str) -> None:
    """So one that was built anew between its being served and its first question is not taken for new."""
    with Server(folder, 0) as server:
        base = server.url.removesuffix("/index.html")
        page = get(base + path)[1].decode()
        version = json.loads(get(base + VERSION)[1])["version"]
        assert f'"{version}"' in page
        server.reload()
        assert json.loads(get(base + VERSION)[1])["version"] not in page


def test_the_version_moves_with_each_build_and_with_each_server(folder: Path) -> None:
    def state(server: Server) -> dict[str, str]:
        found: dict[str, str] = json.loads(get(server.url.replace("/index.html", VERSION))[1])
        return found

    with Server(folder, 0) as server:
        first = state(server)
        server.tell("line 3: no")
        assert state(server) == {"version": first["version"], "error": "line 3: no"}
        server.reload()
        second = state(server)
        assert second["error"] == ""
    with Server(folder, 0) as server:
        assert len({first["version"], second["version"], state(server)["version"]}) == 3


def test_a_page_that_is_gone_waits_for_its_return(folder: Path) -> None:
    with Server(folder, 0) as server:
        base = server.url.removesuffix("/index.html")
        status, page = get(base + "/runs/0123456789ab/index.html")
        assert status == 404
        assert VERSION.encode() in page
        assert get(base + "/../secret")[0] == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example:80", 403), ("evil.example", 403), ("localhost", 200), ("127.0.0.1:1", 200), ("[", 403)],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_this_machine_is_answered(folder: Path, host: str, status: int, method: str) -> None:
    with Server(folder, 0) as server:
        assert get(server.url, host, method)[0] == status


@contextmanager
def watching(root: Path) -> Iterator[threading.Event]:
    """An event that is set at each change."""
    stop, seen = threading.Event(), threading.Event()
    changes = watch(root, root / "site", stop=stop, every=0.02)

    def look() -> None:
        for _ in changes:
            seen.set()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_changes_are_seen_but_not_the_sites_own(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "experiments").mkdir()
    with watching(tmp_path) as seen:
        (tmp_path / "site" / "index.json").write_text("x", encoding="utf-8")
        assert not seen.wait(0.3)
        (tmp_path / "experiments" / "a.yaml").write_text("x", encoding="utf-8")
        assert seen.wait(10)


def test_a_change_before_the_first_look_is_seen(tmp_path: Path) -> None:
    changes = watch(tmp_path, tmp_path / "site", every=0.02)
    (tmp_path / "params.py").write_text("lr = 1", encoding="utf-8")
    next(changes)


def test_a_commit_is_seen_in_a_worktree_too(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"a.yaml": "x"})
    repo.git.add_worktree("other", str(tmp_path / "other"))
    with watching(tmp_path / "other") as seen:
        assert not seen.wait(0.3)
        repo.commit({"a.yaml": "y"}, ref="refs/heads/other")
        assert seen.wait(10)


def test_a_port_that_is_taken_is_told_before_anything_is_built(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        args = ["preview", "--repo", str(repo.path), "--out", str(tmp_path / "site"), "--port", str(port)]
        done = CliRunner().invoke(main, args)
    assert done.exit_code == 2
    assert f"port {port} is taken" in done.output
    assert not (tmp_path / "site").exists()


def results(auc: float, lr: float) -> dict[str, str | bytes | None]:
    return {"params.yaml": f"lr: {lr}\n", "metrics.json": json.dumps({"auc": auc})}


@contextmanager
def previewed(repo: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command itself, as a person starts it, and the address it prints."""
    code = "from modelbook.cli import main; main()"
    argv = [sys.executable, "-u", "-c", code, "preview", "--port", "0", "--repo", str(repo), "--out"]
    process = subprocess.Popen(
        [*argv, str(repo / "site")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    try:
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Open "):
                break
        assert "Open http://127.0.0.1:" in said, said
        yield process, said.rsplit("Open ", 1)[1].split()[0]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def shows(page: Page, text: str) -> None:
    """Wait until a page holds a text, by whatever reloading of its own."""
    page.get_by_text(text).first.wait_for(timeout=60_000)


@pytest.mark.slow
@pytest.mark.browser
def test_two_tabs_follow_edits_commits_and_mistakes(tmp_path: Path, browser: Browser) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"dvc.yaml": PIPELINE, **results(0.71, 0.1)}, "Start")
    repo.checkout()
    error = "#modelbook-preview-error"
    with previewed(repo.path) as (process, url):
        context = browser.new_context()
        home, runs = context.new_page(), context.new_page()
        home.goto(url)
        runs.goto(url.replace("index.html", "runs/index.html"))
        shows(runs, "0.71")

        repo.write(results(0.7255, 0.2))  # not committed
        shows(runs, "0.7255")
        template = repo.path / "site_templates" / "home.md.j2"
        template.parent.mkdir()
        template.write_text("# {{ nothing }}", encoding="utf-8")
        for tab in (home, runs):
            tab.locator(error).wait_for(timeout=60_000)
            assert "home.md.j2:1" in tab.locator(error).inner_text()
        shows(runs, "0.7255")
        template.write_text("# A home of our own", encoding="utf-8")
        shows(home, "A home of our own")
        runs.locator(error).wait_for(state="detached", timeout=60_000)

        template.unlink()
        repo.commit(results(0.7255, 0.2), "Raise the learning rate")
        shows(home, "Raise the learning rate")

        process.send_signal(signal.SIGINT)  # to it alone: MkDocs, if it runs just now, goes on to its end
        said, _ = process.communicate(timeout=120)
        context.close()
    assert process.returncode == 0
    assert said.endswith("Done.\n")
    assert "Traceback" not in said
    assert not [path for path in repo.path.iterdir() if path.name.startswith(".site-")]
    for page in (repo.path / "site").rglob("*.html"):
        assert VERSION not in page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.browser
def test_a_first_build_that_fails_is_told_in_the_browser_and_mended_by_an_edit(
    tmp_path: Path, browser: Browser
) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"dvc.yaml": PIPELINE, **results(0.71, 0.1)}, "Start")
    repo.checkout()
    template = repo.path / "site_templates" / "home.md.j2"
    template.parent.mkdir()
    template.write_text("# {{ nothing }}", encoding="utf-8")
    with previewed(repo.path) as (_, url):
        page = browser.new_page()
        page.goto(url)
        page.locator("#modelbook-preview-error").wait_for()
        assert "home.md.j2:1" in page.locator("#modelbook-preview-error").inner_text()
        template.write_text("# A home of our own", encoding="utf-8")
        shows(page, "A home of our own")
        page.close()


def test_an_interrupt_that_gets_lost_ends_it_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that comes while a library calls back: Python prints it, and goes on."""
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"dvc.yaml": PIPELINE, **results(0.71, 0.1)}, "Start")
    repo.checkout()
    built: list[int] = []

    def build(_: object) -> None:
        repo.write(results(0.71 + len(built) / 100, 0.1))  # there is something to build again
        built.append(1)
        if len(built) == 2:
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        if len(built) > 2:
            raise SystemExit(3)
        raise NotBuilt("not now")

    class NotBuilt(ModelbookError):
        """What a build may raise."""

    monkeypatch.setattr(publish, "_build", build)
    before = signal.getsignal(signal.SIGINT)
    args = ["preview", "--repo", str(repo.path), "--out", str(tmp_path / "site"), "--port", "0"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0
    assert done.output.endswith("\nDone.\n")
    assert len(built) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_that_is_no_repository_is_told_at_once(tmp_path: Path) -> None:
    args = ["preview", "--repo", str(tmp_path), "--out", str(tmp_path / "site"), "--port", "0"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 2
    assert "Open" not in done.output
