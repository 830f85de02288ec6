"""What every test relies on: an environment of its own, and a browser where there is one."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ON_CI = os.environ.get("CI", "").lower() == "true"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = "no Chromium found: install it, or set CHROMIUM to its path"
ROOT = Path(__file__).resolve().parents[1]
COMPILE_EACH_TIME = "PYTHONDONTWRITEBYTECODE"
"""With it set, each process that a test starts compiles all that it imports: twice the time."""
PERSON = {"NAME": "Ada Example", "EMAIL": "ada@example.org"}

hypothesis.settings.register_profile("modelbook", deadline=None, derandomize=ON_CI)
hypothesis.settings.load_profile("modelbook")


def find_browser() -> str | None:
    """The path of a Chromium or Chrome: what CHROMIUM says, else what PATH has, else None."""
    names = [os.environ.get("CHROMIUM", ""), *BROWSERS]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def isolated(environ: dict[str, str], scratch: Path) -> dict[str, str]:
    """The environment less what a person or a Git hook may have set, our own scripts first on PATH."""
    personal = ("GIT_", "DVC_", COMPILE_EACH_TIME)
    kept = {name: value for name, value in environ.items() if not name.startswith(personal)}
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in PERSON.items()}
    return (
        kept
        | people
        | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)]),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "init.defaultBranch",
            "GIT_CONFIG_VALUE_0": "main",
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(scratch / "dvc-global"),
            "DVC_SYSTEM_CONFIG_DIR": str(scratch / "dvc-system"),
            "DVC_SITE_CACHE_DIR": str(scratch / "dvc-site-cache"),
            "MODELBOOK_CACHE": str(scratch / "modelbook-cache"),
        }
    )


@pytest.fixture(scope="session", autouse=True)
def environment() -> Generator[None]:
    """Run every test in an environment that does not depend on whose machine it is."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="modelbook-tests-") as scratch:
        changed = isolated(before, Path(scratch))
        os.environ.clear()
        os.environ.update(changed)
        yield
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; the test is skipped where there is none, and fails on CI."""
    found = find_browser()
    if found is None:
        pytest.skip(NO_BROWSER)
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of a worker; each page is opened in a context of its own."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield started
        started.close()


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """A folder that is built by whichever worker asks first, and then read by all of them."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "site").is_dir():
            build(folder / "site")
    return folder / "site"


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the sample: every kind of page, every state, hostile names. Not to be changed."""
    import sample
    from modelbook import site

    def build(out: Path) -> None:
        site.build(sample.catalog(), out, read=sample.BLOBS.get)

    return once(tmp_path_factory, "sample", build)


@pytest.fixture(scope="session")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of 2,000 runs. Not to be changed."""
    import sample
    import synthetic
    from modelbook import site

    def build(out: Path) -> None:
        site.build(synthetic.catalog(), out, read=sample.BLOBS.get)

    return once(tmp_path_factory, "large", build)


@pytest.fixture(scope="session")
def demo_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this repository's own history. Not to be changed."""
    from click.testing import CliRunner

    from modelbook.cli import main

    def build(out: Path) -> None:
        done = CliRunner().invoke(main, ["build", "--repo", str(ROOT), "--out", str(out)])
        assert done.exit_code == 0, done.output

    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: there is no history to build the demo's site from")
    return once(tmp_path_factory, "demo", build)


@pytest.fixture(scope="session")
def finished_specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's specs in a repository of Git and DVC, run and committed. Not to be changed."""
    import specs_sample

    def build(root: Path) -> None:
        specs_sample.write(root, {**specs_sample.FILES, "dvc.yaml": specs_sample.REPORT})
        for words in (["git", "init", "--quiet"], ["modelbook", "repro"], ["git", "add", "--all"]):
            subprocess.run(words, cwd=root, check=True, capture_output=True)
        subprocess.run(["git", "commit", "--quiet", "-m", "Results"], cwd=root, check=True)

    return once(tmp_path_factory, "finished", build)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the browser tests with their reason where there is no browser."""
    if find_browser() is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=NO_BROWSER))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI nothing is skipped in silence: a test that could not run is a test that failed."""
    report = yield
    if ON_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI must run every test: {report.longrepr}"
    return report
