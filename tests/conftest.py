"""What every test relies on: an environment of its own, and a browser where there is one."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

ON_CI = os.environ.get("CI", "").lower() == "true"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = "no Chromium found: install it, or set CHROMIUM to its path"
PERSON = {"NAME": "Ada Example", "EMAIL": "ada@example.org"}

hypothesis.settings.register_profile("modelbook", deadline=None, derandomize=ON_CI)
hypothesis.settings.load_profile("modelbook")


def find_browser() -> str | None:
    """The path of a Chromium or Chrome: what CHROMIUM says, else what PATH has, else None."""
    names = [os.environ.get("CHROMIUM", ""), *BROWSERS]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def isolated(environ: dict[str, str], scratch: Path) -> dict[str, str]:
    """The environment less what a person or a Git hook may have set, our own scripts first on PATH."""
    kept = {name: value for name, value in environ.items() if not name.startswith(("GIT_", "DVC_"))}
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
