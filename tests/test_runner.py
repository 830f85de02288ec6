"""The runner: exit status and signals pass through, and every stage logs what it ran on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

import specs_sample as sample
from modelbook.runner import BadKey, execute, lock, processes, telemetry
from modelbook.runner.dvc import Ended, ReproFailed

PYTHON = sys.executable
LOG = "runs/environment/gbm/train.json"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A Git repository with one commit."""
    (tmp_path / "code.py").write_text("pass\n")
    commit_all(tmp_path)
    return tmp_path


def commit_all(root: Path) -> None:
    """Everything in a folder as a commit."""
    for argv in (["init", "--quiet"], ["add", "-A"], ["commit", "--quiet", "--message", "One"]):
        subprocess.run(["git", *argv], cwd=root, check=True)


def log(root: Path) -> dict[str, Any]:
    """The log of gbm/train."""
    found = json.loads((root / LOG).read_text())
    assert isinstance(found, dict)
    return found


def test_a_stage_logs_what_it_ran_on(repository: Path) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (
        execute(
            "gbm/train", [PYTHON, "-c", "x = bytearray(80_000_000); import time; time.sleep(.3)"], repository
        )
        == 0
    )
    told = log(repository)
    assert (told["run"], told["stage"], told["commit"], told["dirty"]) == ("gbm", "train", head, False)
    assert told["peak_memory"] > 80_000_000
    assert 0.3 <= told["seconds"] < 30
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "click" in told["packages"]
    assert list(told["packages"]) == sorted(told["packages"])
    assert told["command"][0] == PYTHON
    assert told["cores"] >= 1
    assert told["memory"] > 0
    assert told["platform"]
    assert told["gpus"] == [] or "nvidia" in " ".join(told["gpus"]).lower()


def test_the_memory_of_children_counts(tmp_path: Path) -> None:
    child = "x = bytearray(60_000_000); import time; time.sleep(.8)"
    start = f"subprocess.Popen([sys.executable, '-c', '{child}'])"
    parent = f"import subprocess, sys; [p.wait() for p in [{start} for _ in 'ab']]"
    assert execute("gbm/train", [PYTHON, "-c", parent], tmp_path) == 0
    assert log(tmp_path)["peak_memory"] > 120_000_000


def test_outputs_do_not_make_a_repository_dirty(repository: Path) -> None:
    (repository / "dvc.yaml").write_text(
        "stages:\n  a:\n    foreach: [x]\n    do:\n      cmd: x\n      metrics: ['out/${item}/m.json']\n"
    )
    subprocess.run(["git", "add", "dvc.yaml"], cwd=repository, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "Two"], cwd=repository, check=True)
    for path in ("out/x/m.json", "runs/params/x.yaml", "dvc.lock", "out/.gitignore"):
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text("x")
    patterns = lock.output_patterns(repository)
    assert patterns == ["out/*/m.json"]
    assert telemetry.git_state(repository, patterns)["dirty"] is False
    (repository / "new.py").write_text("x")
    assert telemetry.git_state(repository, patterns)["dirty"] is True


def test_without_git_nothing_is_made_up(tmp_path: Path) -> None:
    assert telemetry.git_state(tmp_path, []) == {"commit": None, "dirty": None}


def test_a_command_that_fails_leaves_the_log(tmp_path: Path) -> None:
    assert execute("gbm/train", ["true"], tmp_path) == 0
    before = (tmp_path / LOG).read_bytes()
    assert execute("gbm/train", ["sh", "-c", "exit 7"], tmp_path) == 7
    assert execute("gbm/train", ["sh", "-c", "kill -TERM $$"], tmp_path) == 128 + signal.SIGTERM
    assert execute("gbm/train", ["no-such-program"], tmp_path) == processes.NOT_FOUND
    assert execute("gbm/train", [str(tmp_path)], tmp_path) == processes.NOT_EXECUTABLE
    assert (tmp_path / LOG).read_bytes() == before


@pytest.mark.parametrize("key", ["train", "../x/train", "a/b/c", "/train", "a/", "a/b c", ""])
def test_a_key_is_run_and_stage(key: str, tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="expected RUN/STAGE"):
        execute(key, ["true"], tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_command(number: signal.Signals, tmp_path: Path) -> None:
    script = (
        "import signal, sys, time, pathlib\n"
        "for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "    signal.signal(n, lambda n, _: (pathlib.Path('got').write_text(str(n)), sys.exit(40)))\n"
        "pathlib.Path('ready').touch()\n"
        "time.sleep(60)\n"
    )
    argv = ["modelbook", "exec", "gbm/train", "--", PYTHON, "-c", script]
    with subprocess.Popen(argv, cwd=tmp_path, stdin=subprocess.DEVNULL) as process:
        wait_for(tmp_path / "ready")
        process.send_signal(number)
        assert process.wait(30) == 40
    assert (tmp_path / "got").read_text() == str(int(number))


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(path)


def md5(text: str) -> str:
    """DVC's hash of a file."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A repository with an execution that its committed dvc.lock holds."""
    for path, text in {"a.py": "a", "out/x": "x", "out/s/y": "y", "p.yaml": '{"m": {"d": 3}}'}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    listed = [{"md5": md5("y"), "relpath": "s/y"}, {"md5": md5("x"), "relpath": "x"}]
    (tmp_path / "dvc.lock").write_text(
        f"""\
schema: '2.0'
stages:
  other@gbm:
    cmd: x
  train@gbm:
    cmd: modelbook exec gbm/train -- python a.py 'b c'
    deps:
    - path: a.py
      hash: md5
      md5: {md5("a")}
      size: 1
    params:
      p.yaml:
        m.d: 3
        m:
          d: 3
    outs:
    - path: out
      hash: md5
      md5: {md5(json.dumps(listed))}.dir
      size: 2
      nfiles: 2
  train@last:
    cmd: z
"""
    )
    commit_all(tmp_path)
    return tmp_path


ARGV = ["modelbook", "exec", "gbm/train", "--", "python", "a.py", "b c"]


def test_the_lock_holds_what_it_says(locked: Path) -> None:
    assert lock.holds(locked, "train@gbm", ARGV)
    assert not lock.holds(locked, "train@gbm", [*ARGV, "d"])
    assert not lock.holds(locked, "train@none", ARGV)
    assert not lock.holds(locked / "out", "train@gbm", ARGV)


def test_a_lock_that_is_being_written_does_not_matter(locked: Path) -> None:
    (locked / "dvc.lock").write_text("schema: '2.0'\nstages:\n")
    assert lock.holds(locked, "train@gbm", ARGV)


def test_without_a_commit_nothing_is_held(tmp_path: Path) -> None:
    assert lock.committed(tmp_path, "dvc.lock") is None
    assert not lock.holds(tmp_path, "train@gbm", ARGV)


@pytest.mark.parametrize("path", ["a.py", "out/x", "out/new", "p.yaml"])
def test_any_other_content_is_another_execution(path: str, locked: Path) -> None:
    (locked / path).write_text("{}")
    assert not lock.holds(locked, "train@gbm", ARGV)


def test_an_execution_that_head_holds_keeps_heads_log(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (locked / LOG).parent.mkdir(parents=True)
    (locked / LOG).write_text("committed")
    text = (locked / "dvc.lock").read_text().replace("python a.py 'b c'", "true")
    (locked / "dvc.lock").write_text(text)
    commit_all(locked)
    monkeypatch.setenv("DVC_STAGE", "train@gbm")
    (locked / LOG).write_text("of a run in between")
    assert execute("gbm/train", ["true"], locked) == 0
    assert (locked / LOG).read_text() == "committed"
    (locked / "out/x").write_text("changed")
    assert execute("gbm/train", ["true"], locked) == 0
    assert log(locked)["run"] == "gbm"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: ruamel.yaml\nVersion: 1.0.post1\n"),
        ("a-1.dist-info/METADATA", "Version: 2\nSummary: x\n Name: no\nName: a\n\nName: b\nVersion: 3\n"),
        ("a-1.dist-info/METADATA", "Summary: x\n\nName: b\nVersion: 3\n"),
        ("a-1.dist-info/METADATA", "Name: a\r\nVersion: 1\r\n\r\nName: b\r\n"),
        ("a-1.dist-info/METADATA", "name: a\nversion:1\n"),
        ("a-1.dist-info/METADATA", "Name: two words\nVersion: 1\n"),
        ("a-1.egg-info/PKG-INFO", "Name: a\nVersion: 1\n"),
    ],
)
def test_packages_are_called_as_importlib_calls_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_bytes(text.encode())
    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: iter([found]))
    told = {found.metadata["Name"]: found.version} if "Name" in found.metadata else {}
    assert telemetry.python_environment(["python"])["packages"] == told


def test_another_python_is_asked_for_its_packages(tmp_path: Path) -> None:
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\necho \'{"python": "9.9", "packages": {"a": "1"}}\'\n')
    fake.chmod(0o755)
    assert telemetry.python_environment([str(fake)]) == {"python": "9.9", "packages": {"a": "1"}}
    fake.write_text("#!/bin/sh\necho nonsense\n")
    assert telemetry.python_environment([str(fake)]) == {}


def test_gpus_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "nvidia-smi"
    fake.write_text("#!/bin/sh\necho 'NVIDIA A100, 40960 MiB'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert telemetry.machine()["gpus"] == ["NVIDIA A100, 40960 MiB"]
    fake.write_text("#!/bin/sh\nexit 9\n")
    assert telemetry.machine()["gpus"] == []


def test_the_exit_status_of_dvc_is_ours_only_for_signals() -> None:
    assert (ReproFailed(255).exit_code, ReproFailed(130).exit_code) == (1, 130)
    assert Ended("a", 0, 1.0, "x") == Ended("a", 0, 1.0, "x")


@pytest.mark.slow
def test_ctrl_c_stops_every_run(tmp_path: Path) -> None:
    slow = "import os, pathlib, time\npathlib.Path('began').write_text(str(os.getpid()))\ntime.sleep(120)\n"
    root = sample.write(tmp_path, {**sample.FILES, "train.py": slow})
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    with subprocess.Popen(["modelbook", "repro", "-j", "2"], cwd=root, stdin=subprocess.DEVNULL) as process:
        wait_for(root / "began")
        time.sleep(1)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert time.monotonic() - begin < 30
    assert not psutil.pid_exists(int((root / "began").read_text()))
