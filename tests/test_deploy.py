"""`modelbook deploy`: real folders, real programs, a health server on loopback."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import oras.layout
import oras.schemas
import pytest
from click.testing import CliRunner

import modelbook
from modelbook import deploy, package, spec
from modelbook.cli import main
from modelbook.deploy import Order, docker, forms
from modelbook.deploy.directory import Directory
from modelbook.deploy.log import Log, held
from modelbook.deploy.order import words
from modelbook.errors import SpecError
from modelbook.history.deployments import parsed
from modelbook.records import Artifact, Run
from modelbook.serve import NotPackaged
from modelbook.spec.models import Deployment, Health

BASE = """\
name: late
pipelines:
  p:
    stages:
      package: {cmd: x, outs: ["results/${run}/package"]}
models:
  late:
    pipeline: p
    artifact: results/${run}/package
    versions: {v1.0.0: 0123456789ab}
    environments: {prod: v1.0.0}
"""

DATE = "2026-11-25T00:53:10+00:00"


def run_of(digit: str) -> Run:
    return Run(
        id=digit * 12,
        name=digit,
        experiment=digit,
        commit="c" * 40,
        commits=("c" * 40,),
        date=DATE,
        artifacts=(Artifact(path=f"results/{digit}/package", md5=f"{digit * 32}.dir"),),
    )


ONE, TWO, THREE = map(run_of, "123")
RUNS = {run.id: run for run in (ONE, TWO, THREE)}


def fill(folder: Path, run: Run) -> None:
    """A whole package of a run."""
    content = f"model {run.id}".encode()
    (folder / "model.onnx").write_bytes(content)
    (folder / package.SUMS).write_text(f"{hashlib.sha256(content).hexdigest()}  model.onnx\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose DVC cache has the packages of all runs."""
    from modelbook._process import run

    def fetch(_root: Path, wanted: Run, folder: Path) -> Artifact:
        fill(folder, wanted)
        return Artifact(path="x")

    monkeypatch.setattr(deploy, "fetch", fetch)
    monkeypatch.setattr(deploy.health, "PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    home = tmp_path / "repo"
    home.mkdir()
    run(["git", "init", "-q"], cwd=home)
    run(["git", "config", "user.name", "Ada"], cwd=home)
    return home


def wish(root: Path, **more: Any) -> Deployment:
    return Deployment(
        model="late", environment="prod", **({"target": "directory", "path": str(root.parent / "srv")} | more)
    )


def python(code: str, *more: str) -> str:
    """A command that runs Python."""
    return " ".join([sys.executable, "-c", f"'{code}'", *more])


def go(root: Path, run: Run, version: str, tell: Callable[[str], None] = lambda _: None, **more: Any) -> Any:
    return deploy.carry_out(root, Order("web", wish(root, **more), version, run), RUNS, tell)


def lines(root: Path) -> list[dict[str, Any]]:
    text = (root / "runs/deployments/web.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_version_is_written_beside_and_the_link_switched(root: Path) -> None:
    made = go(root, ONE, "v1.0.0")
    srv = root.parent / "srv"
    assert str((srv / "current").readlink()) == "releases/v1.0.0-111111111111"
    assert (srv / "current/model.onnx").read_text() == "model 111111111111"
    assert (made.outcome, made.before, made.by) == ("deployed", "", "Ada")
    assert made.checksum == hashlib.sha256((srv / "current" / package.SUMS).read_bytes()).hexdigest()
    assert go(root, TWO, "v2.0.0").before == "v1.0.0"
    assert str((srv / "current").readlink()) == "releases/v2.0.0-222222222222"
    assert [(item["version"], item["outcome"]) for item in lines(root)] == [
        ("v1.0.0", "deployed"),
        ("v2.0.0", "deployed"),
    ]
    assert not [item for item in (srv / "releases").iterdir() if item.name.startswith(".")]
    assert Log(root, "web").last() == parsed((root / "runs/deployments/web.jsonl").read_bytes(), "web")[0][-1]


def test_what_stands_there_whole_is_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(root, ONE, "v1.0.0")

    def never(*_: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(deploy, "fetch", never)
        assert go(root, ONE, "v1.0.0") is None
    assert len(lines(root)) == 1


def test_a_damaged_release_is_replaced_beside_it(root: Path) -> None:
    go(root, ONE, "v1.0.0")
    srv = root.parent / "srv"
    (srv / "current/model.onnx").write_text("evil")
    assert go(root, ONE, "v1.0.0").outcome == "deployed"
    assert str((srv / "current").readlink()) == "releases/v1.0.0-111111111111+2"
    assert (srv / "current/model.onnx").read_text() == "model 111111111111"
    assert go(root, ONE, "v1.0.0") is None


def test_old_releases_go_but_not_the_one_before(root: Path) -> None:
    for run, version in ((ONE, "v1.0.0"), (TWO, "v2.0.0"), (THREE, "v3.0.0"), (ONE, "v1.0.0")):
        go(root, run, version, keep=1)
    srv = root.parent / "srv"
    (srv / "releases/other").mkdir()
    go(root, TWO, "v2.0.0", keep=1)
    assert sorted(item.name for item in (srv / "releases").iterdir()) == [
        "other",
        "v1.0.0-111111111111",
        "v2.0.0-222222222222",
    ]


def test_a_release_that_is_not_well_is_taken_back(root: Path) -> None:
    go(root, ONE, "v1.0.0")
    health = Health(command="sh -c '! grep -q 222 $1/model.onnx' sh ${package}", timeout=1)
    made = go(root, TWO, "v2.0.0", health=health)
    assert (made.outcome, made.before) == ("rolled back", "v1.0.0")
    assert made.reason == "not well after 1 s: the command ended with status 1"
    srv = root.parent / "srv"
    assert str((srv / "current").readlink()) == "releases/v1.0.0-111111111111"
    assert [item.name for item in (srv / "releases").iterdir()] == ["v1.0.0-111111111111"]
    assert go(root, THREE, "v3.0.0", health=health).outcome == "deployed"


def test_a_first_release_that_is_not_well_leaves_no_link(root: Path) -> None:
    made = go(root, ONE, "v1.0.0", health=Health(command="false", timeout=0.05))
    assert (made.outcome, made.before) == ("rolled back", "")
    assert not os.path.lexists(root.parent / "srv/current")


def test_an_interrupted_check_puts_the_link_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(root, ONE, "v1.0.0")

    def interrupt(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(deploy.health, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        go(root, TWO, "v2.0.0")
    assert str((root.parent / "srv/current").readlink()) == "releases/v1.0.0-111111111111"


def test_a_crash_before_the_switch_leaves_what_was_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(root, ONE, "v1.0.0")
    srv = root.parent / "srv"

    def full(_root: Path, _run: Run, folder: Path) -> None:
        (folder / "model.onnx").write_text("half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(deploy, "fetch", full)
        with pytest.raises(deploy.Unfit, match="No space left"):
            go(root, TWO, "v2.0.0")
    assert str((srv / "current").readlink()) == "releases/v1.0.0-111111111111"
    (srv / "releases/.v2.0.0-222222222222.new").mkdir()  # as a process that was killed leaves it
    (srv / "releases/.v2.0.0-222222222222.new/half").write_text("")
    (srv / ".current.new").symlink_to("releases/nowhere")
    assert go(root, TWO, "v2.0.0").outcome == "deployed"
    assert sorted(item.name for item in (srv / "current").iterdir()) == [package.SUMS, "model.onnx"]


def test_a_folder_where_the_link_should_be_is_not_touched(root: Path) -> None:
    (root.parent / "srv/current").mkdir(parents=True)
    with pytest.raises(deploy.Unfit, match="is no link"):
        go(root, ONE, "v1.0.0")
    assert (root.parent / "srv/current").is_dir()


class Clinic(HTTPServer):
    """A server whose answers are given: status of each, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Nurse)
        self.statuses = list(statuses)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Nurse(BaseHTTPRequestHandler):
    server: Clinic

    def do_GET(self) -> None:
        status = self.server.statuses[0]
        if len(self.server.statuses) > 1:
            self.server.statuses.pop(0)
        self.server.asked.append(self.path)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def clinic() -> Iterator[Clinic]:
    server = Clinic(503, 200)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_asked_until_it_is_well(root: Path, clinic: Clinic) -> None:
    health = Health(url=f"{clinic.address}/v2/models/${{model}}/versions/${{version}}/ready", timeout=10.0)
    assert go(root, ONE, "v1.0.0+x", health=health).outcome == "deployed"
    assert clinic.asked == ["/v2/models/late/versions/v1.0.0%2Bx/ready"] * 2


@pytest.mark.parametrize("status", [500, 404, 302])
def test_an_address_that_is_not_well_brings_the_old_one_back(root: Path, clinic: Clinic, status: int) -> None:
    go(root, ONE, "v1.0.0")
    clinic.statuses = [status]
    made = go(root, TWO, "v2.0.0", health=Health(url=clinic.address, timeout=0.1))
    assert made.outcome == "rolled back"
    assert made.reason == f"not well after 0.1 s: it answers with status {status}"
    assert "/elsewhere" not in clinic.asked


def test_nobody_at_an_address_is_told(root: Path, clinic: Clinic) -> None:
    port = clinic.server_port
    made = go(
        root,
        ONE,
        "v1.0.0",
        health=Health(url=f"http://127.0.0.1:{port + 1 if port < 65535 else 1}", timeout=0.05),
    )
    assert "no answer" in made.reason


NOTE = (
    'import sys; open("calls", "a").write(" ".join(sys.argv[2:]) + chr(10)); '
    'open(sys.argv[1] + "/model.onnx").close()'
)
TOOL = python(NOTE, "${package} ${model} ${version} ${environment} ${run}")


def by_tool(root: Path, run: Run, version: str, **more: Any) -> Any:
    return go(root, run, version, **{"target": "command", "path": None, "command": TOOL} | more)


def test_a_command_is_run_with_the_package(root: Path) -> None:
    assert by_tool(root, ONE, "v1.0.0").outcome == "deployed"
    assert by_tool(root, ONE, "v1.0.0") is None
    assert by_tool(root, TWO, "v2.0.0").before == "v1.0.0"
    assert (root / "calls").read_text().splitlines() == [
        "late v1.0.0 prod 111111111111",
        "late v2.0.0 prod 222222222222",
    ]


def test_a_command_is_run_again_with_what_was_there_before(root: Path) -> None:
    by_tool(root, ONE, "v1.0.0")
    sick = Health(command="sh -c 'test -d $1 && exit 3' sh ${package}", timeout=1)
    made = by_tool(root, TWO, "v2.0.0", health=sick)
    assert (made.outcome, made.reason) == (
        "rolled back",
        "not well after 1 s: the command ended with status 3",
    )
    assert [line.split()[1] for line in (root / "calls").read_text().splitlines()] == [
        "v1.0.0",
        "v2.0.0",
        "v1.0.0",
    ]
    assert by_tool(root, TWO, "v2.0.0").outcome == "deployed"


def test_a_command_that_fails_is_told(root: Path) -> None:
    made = by_tool(root, ONE, "v1.0.0", command="sh -c 'exit 7'")
    assert (made.outcome, made.reason) == ("failed", "the command ended with status 7")
    missing = by_tool(root, ONE, "v1.0.0", command="no-such-program-here")
    assert (missing.outcome, missing.reason) == ("failed", "no-such-program-here was not found")
    sick = by_tool(root, ONE, "v1.0.0", health=Health(command="false", timeout=0.05))
    assert sick.outcome == "failed"
    assert sick.reason.endswith("there is nothing to go back to")


def test_a_check_that_hangs_is_stopped(root: Path) -> None:
    made = by_tool(root, ONE, "v1.0.0", health=Health(command="sleep 60", timeout=0.2))
    assert "the command took too long" in made.reason


def test_no_value_becomes_a_second_word() -> None:
    values = {"package": "/a b; rm -rf $HOME", "version": "v1"}
    assert words("tool --at=${package} 'x ${version}' '\\${HOME}'", values) == [
        "tool",
        "--at=/a b; rm -rf $HOME",
        "x v1",
        "${HOME}",
    ]


@pytest.mark.parametrize("version", ["../evil", "a/b", "", ".", "-rf", "v1\n", "v" * 200, "v1 x"])
def test_a_version_that_is_no_name_of_a_folder_is_refused(root: Path, version: str) -> None:
    with pytest.raises(deploy.Unfit, match="can't be deployed"):
        Order("web", wish(root), version, ONE)


def test_two_at_once_do_not_mix(root: Path) -> None:
    go(root, ONE, "v1.0.0")
    for lock in (Log(root, "web").lock(), Directory(root.parent / "srv", 3, forms.sealed).lock()):
        with held(lock, "web"), pytest.raises(deploy.Busy):
            go(root, TWO, "v2.0.0")
    assert len(lines(root)) == 1
    assert go(root, TWO, "v2.0.0").outcome == "deployed"


def test_a_plan_writes_nothing(root: Path) -> None:
    before = sorted(root.parent.rglob("*"))
    order = Order("web", wish(root, health=Health(url="http://x/${version}")), "v1.0.0", ONE)
    steps = deploy.plan(root, order)
    assert len(steps) == 4
    assert steps[2].endswith("current from nothing to v1.0.0")
    assert steps[3] == "see that it is well: http://x/v1.0.0"
    tool = Order("web", wish(root, target="command", path=None, command="ship ${package}"), "v1.0.0", ONE)
    assert deploy.plan(root, tool)[1] == "run ship PACKAGE"
    assert sorted(root.parent.rglob("*")) == before
    go(root, ONE, "v1.0.0")
    assert deploy.plan(root, Order("web", wish(root), "v1.0.0", ONE)) == ()


def test_a_plan_promises_no_package_that_a_run_can_not_have(root: Path) -> None:
    artifacts = (Artifact(path="model.json", md5="0" * 32), Artifact(path="plots", md5=None))
    bare = msgspec.structs.replace(TWO, artifacts=artifacts)
    with pytest.raises(NotPackaged, match=r"run 222222222222 \(2\) has no package"):
        deploy.plan(root, Order("web", wish(root), "v2.0.0", bare))


def test_bad_lines_of_a_log_are_left_out() -> None:
    good = (
        b'{"deployment":"web","model":"m","environment":"prod","version":"v1","run":"r","outcome":"deployed"}'
    )
    other = good.replace(b"web", b"app")
    odd = good.replace(b'deployed"}', b'exploded"}')
    known, faults = parsed(
        b"\n".join([good, b"<<<<<<< HEAD", b"[" * 5000, b"\xff", other, odd, b"", good]), "web"
    )
    assert [item.version for item in known] == ["v1", "v1"]
    assert len(faults) == 5
    assert faults[0].startswith("line 2 is no record of a deployment")


def test_a_line_that_was_cut_off_is_closed_before_the_next(root: Path) -> None:
    go(root, ONE, "v1.0.0")
    path = Log(root, "web").path
    path.write_bytes(path.read_bytes() + b'{"deployment":"we')
    go(root, TWO, "v2.0.0")
    known, faults = parsed(path.read_bytes(), "web")
    assert [item.version for item in known] == ["v1.0.0", "v2.0.0"]
    assert len(faults) == 1


def faults_of(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "experiments").mkdir(exist_ok=True)
    (tmp_path / "experiments/a.yaml").write_text("pipeline: p\n")
    (tmp_path / "mlproject.yaml").write_text(BASE + "deployments:\n" + text)
    try:
        spec.load(tmp_path)
    except SpecError as error:
        return [str(issue) for issue in error.issues]
    return []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: lat, target: directory, path: srv", "13:16 unknown model lat, did you mean late?"),
        (
            "model: late, environment: prd, target: directory, path: srv",
            "unknown environment prd, did you mean prod?",
        ),
        ("model: late, target: directory", "target directory needs a path"),
        ("model: late, target: command", "target command needs a command"),
        ("model: late, target: command, command: x, path: srv", "target command has no path"),
        ("model: late, target: command, command: x, keep: 2", "target command has no keep"),
        (
            "model: late, target: kserve, path: srv",
            "expected directory or docker or oci or command, found 'kserve'",
        ),
        ("model: late, target: docker", "target docker needs a path"),
        ("model: late, target: oci, path: srv, command: x", "target oci has no command"),
        ("model: late, target: oci, path: srv, base: python", "target oci has no base"),
        ("model: late, target: docker, path: srv, base: 'x y'", "expected an image such as python:3.12-slim"),
        ("model: late, target: directory, path: ../srv", "expected a path inside the repository"),
        ("model: late, target: directory, path: /srv/../etc", "expected a folder, absolute or inside"),
        ("model: late, target: directory, path: /", "expected a folder, absolute or inside"),
        ("model: late, target: directory, path: .", "expected a folder, absolute or inside"),
        ("model: late, target: directory, path: ~/srv", "expected a folder, absolute or inside"),
        ("model: late, target: directory, path: srv, keep: 0", "expected at least 1, found 0"),
        ("model: late, target: command, command: 'x ${vresion}'", "unknown placeholder ${vresion}"),
        ("model: late, target: command, command: '${package}/x'", "the program can't be a placeholder"),
        ('model: late, target: command, command: "x \'y"', "can't be split into words"),
        ("model: late, target: command, command: ' '", "expected a command, found none"),
        ("model: late, target: directory, path: srv, health: {}", "expected one of url and command"),
        (
            "model: late, target: directory, path: srv, health: {url: 'file:///etc'}",
            "expected an address such as",
        ),
        (
            "model: late, target: directory, path: srv, health: {url: 'http://a b'}",
            "expected an address such as",
        ),
        (
            "model: late, target: directory, path: srv, health: {command: x, timeout: 0}",
            "expected more than 0, found 0",
        ),
    ],
)
def test_faults_are_told_at_their_place(tmp_path: Path, text: str, words: str) -> None:
    more = "" if "environment:" in text else ", environment: prod"
    found = faults_of(tmp_path, f"  web: {{{text}{more}}}\n")
    assert len(found) == 1
    assert words in found[0]
    assert found[0].startswith("mlproject.yaml:13:")


def test_an_environment_that_is_declared_need_not_be_used_yet(tmp_path: Path) -> None:
    text = "  web: {model: late, environment: dev, target: directory, path: /srv/late}\n"
    assert "unknown environment dev" in faults_of(tmp_path, text)[0]
    assert faults_of(tmp_path, text + "environments: {dev: {}, prod: {}}\n") == []


def test_two_deployments_do_not_share_a_folder(tmp_path: Path) -> None:
    item = "{model: late, environment: prod, target: directory, path: "
    found = faults_of(tmp_path, f"  a: {item}/srv/late}}\n  b: {item}/srv/./late/}}\n")
    assert len(found) == 1
    assert "14:" in found[0]
    assert "deployment a has the same folder" in found[0]


# -- what is written for use elsewhere


def image(root: Path, target: str, run: Run = ONE, version: str = "v1.0.0", **more: Any) -> Any:
    return go(root, run, version, target=target, **more)


def test_a_folder_for_docker_has_the_package_and_no_secret(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    made = image(root, "docker")
    current = root.parent / "srv/current"
    assert sorted(path.name for path in current.iterdir()) == [
        ".dockerignore",
        "Dockerfile",
        package.SUMS,
        "package",
    ]
    assert package.verify(current / "package")
    assert made.checksum == forms.sealed(current / "package")
    assert made.digest == forms.sealed(current) != made.checksum
    text = (current / "Dockerfile").read_text()
    told = {line.split()[0]: line for line in text.splitlines() if line[:1].isupper()}
    assert told["FROM"] == "FROM python:3.12-slim"
    assert told["USER"] == "USER 10001:10001"
    assert told["ARG"] == f'ARG MODELBOOK="modelbook[serve]=={modelbook.__version__}"'
    assert "-c /tmp/package-requirements.txt" in told["RUN"]
    assert text.index("\nUSER") > text.index("\nRUN")
    assert (current / ".dockerignore").read_text() == "*\n!package\n"
    assert b"hunter2" not in b"".join(path.read_bytes() for path in current.rglob("*") if path.is_file())
    assert str(root.parent) not in text


def test_the_python_is_the_models_own_where_there_is_an_image_that_can_serve(tmp_path: Path) -> None:
    order = Order("web", Deployment(model="m", environment="e", target="docker", path="x"), "v1.0.0", ONE)
    for python, minor in (("3.13.1", 13), ("3.9.2", 12), ("nonsense", 12)):
        (tmp_path / "python_env.yaml").write_text(f'python: "{python}"\n')
        assert f"FROM python:3.{minor}-slim\n".encode() in docker.files(order, tmp_path)["Dockerfile"]


def test_a_folder_for_docker_is_written_again_when_it_would_be_another(root: Path) -> None:
    first = image(root, "docker")
    assert image(root, "docker") is None
    second = image(root, "docker", base="python:3.13-slim")
    current = root.parent / "srv/current"
    assert "FROM python:3.13-slim" in (current / "Dockerfile").read_text()
    assert first.checksum == second.checksum
    assert first.digest != second.digest
    (current / "Dockerfile").write_text("FROM evil")
    assert image(root, "docker", base="python:3.13-slim").digest == second.digest
    assert package.verify(root.parent / "srv/current")


def test_an_image_has_digests_sizes_and_types_that_hold(root: Path) -> None:
    made = image(root, "oci")
    current = root.parent / "srv/current"
    layout = oras.layout.Layout(str(current))  # another's reading of the specification: raises on faults
    (named,) = json.loads((current / "index.json").read_bytes())["manifests"]
    assert named["annotations"] == {"org.opencontainers.image.ref.name": "v1.0.0"}
    assert named["digest"] == made.digest
    blobs = layout.get_ordered_blobs("v1.0.0")
    assert len(blobs) == len(set(blobs)) == 6  # an index, two manifests, two configurations, a layer
    index = json.loads(blob(current, named))
    assert [item["platform"]["architecture"] for item in index["manifests"]] == ["amd64", "arm64"]
    for item in index["manifests"]:
        manifest = json.loads(blob(current, item))
        jsonschema.validate(manifest, oras.schemas.manifest)
        assert manifest["annotations"]["org.opencontainers.image.version"] == "v1.0.0"
        assert manifest["annotations"]["org.opencontainers.image.revision"] == ONE.commit
        (layer,) = manifest["layers"]
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
        config = json.loads(blob(current, manifest["config"]))
        assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"]]}
        assert (config["os"], config["architecture"]) == ("linux", item["platform"]["architecture"])
        assert config["created"] == DATE, "registries remove old images by it"
        with tarfile.open(fileobj=io.BytesIO(blob(current, layer))) as tar:
            assert [(each.name, each.mtime, each.uid) for each in tar] == [
                ("models", 0, 0),
                (f"models/{package.SUMS}", 0, 0),
                ("models/model.onnx", 0, 0),
            ]
            tar.extractall(root.parent / item["platform"]["architecture"], filter="data")
        assert forms.sealed(root.parent / item["platform"]["architecture"] / "models") == made.checksum


def blob(folder: Path, told: dict[str, Any]) -> bytes:
    """The content of a descriptor, which must be what it says."""
    content: bytes = (folder / "blobs" / told["digest"].replace(":", "/")).read_bytes()
    assert told["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert told["size"] == len(content)
    assert told["mediaType"].startswith("application/vnd.oci.image.")
    return content


@pytest.mark.parametrize("target", ["docker", "oci"])
def test_what_is_written_elsewhere_has_the_same_bytes(root: Path, target: str) -> None:
    first = image(root, target)
    again = image(root, target, path=str(root.parent / "other"))
    assert (first.checksum, first.digest) == (again.checksum, again.digest)
    files = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (root.parent / "srv/current", root.parent / "other/current")
    ]
    assert files[0] == files[1]


def test_an_image_that_was_touched_is_laid_out_again(root: Path) -> None:
    made = image(root, "oci")
    assert image(root, "oci") is None
    blobs = root.parent / "srv/current/blobs/sha256"
    for harm in (
        lambda: max(blobs.iterdir(), key=lambda path: path.stat().st_size).write_bytes(b"evil"),
        lambda: (root.parent / "srv/current/blobs/sha256" / ("0" * 64)).write_bytes(b"too much"),
        lambda: (root.parent / "srv/current/oci-layout").unlink(),
        lambda: (root.parent / "srv/current/index.json").write_text("[]"),
    ):
        harm()
        assert image(root, "oci").digest == made.digest
        assert image(root, "oci") is None


def test_an_image_that_is_not_well_is_taken_back(root: Path) -> None:
    old = image(root, "oci")
    well = Health(command="test -d ${package}/blobs", timeout=1)
    assert image(root, "oci", TWO, "v2.0.0", health=well).outcome == "deployed"
    made = image(root, "oci", ONE, "v1.0.0", health=Health(command="false", timeout=0.05))
    assert (made.outcome, made.before, made.digest) == ("rolled back", "v2.0.0", old.digest)
    assert str((root.parent / "srv/current").readlink()) == "releases/v2.0.0-222222222222"


def test_a_plan_says_what_would_be_written(root: Path) -> None:
    for target, says in (("docker", "a folder for `docker build`"), ("oci", "an image in OCI's layout")):
        steps = deploy.plan(root, Order("web", wish(root, target=target), "v1.0.0", ONE))
        assert steps[1].endswith(f"releases/v1.0.0-111111111111, {says}")
    assert not (root.parent / "srv").exists()


@pytest.mark.slow
def test_the_command_deploys_what_is_in_force(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From mlproject.yaml, the lock file and DVC's cache, to the folder and the log."""
    from test_serve import PROJECT, cached, write_project

    monkeypatch.undo()
    (root / ".dvc").mkdir()
    content = b"model"
    sums = (
        f"{hashlib.sha256(content).hexdigest()}  model.onnx\n{hashlib.sha256(b'{}').hexdigest()}  MLmodel\n"
    )
    md5 = cached(root, {"model.onnx": content, "MLmodel": b"{}", package.SUMS: sums.encode()})
    monkeypatch.setattr(
        "test_serve.PROJECT",
        PROJECT + "deployments:\n  web: {{model: late, environment: prod, target: directory, path: srv}}\n",
    )
    write_project(root, md5, "{}", "{}")

    def call(*words: str) -> Any:
        return CliRunner().invoke(main, [*words, "--repo", str(root), "--no-cache"])

    run = json.loads(call("runs", "--json").stdout)[0]["id"]
    write_project(root, md5, f'{{v1.0.0: "{run}"}}', "{prod: v1.0.0}")
    plan = call("deploy", "prod", "--dry-run")
    assert plan.exit_code == 0, plan.output
    assert f"web: late v1.0.0 (run {run})\n" in plan.stdout
    assert not (root / "srv").exists()
    assert not (root / "runs").exists()
    done = call("deploy", "prod")
    assert done.exit_code == 0, done.output
    assert (root / "srv/current/model.onnx").read_bytes() == content
    again = call("deploy", "prod")
    assert (again.exit_code, "nothing to do" in again.stdout) == (0, True)
    nowhere = call("deploy", "nowhere")
    assert nowhere.exit_code == 2
    assert "there are some for prod" in nowhere.stderr
    text = (
        (root / "mlproject.yaml")
        .read_text()
        .replace("path: srv", 'path: other, health: {command: "false", timeout: 0.05}')
    )
    (root / "mlproject.yaml").write_text(text)
    sick = call("deploy", "prod")
    assert sick.exit_code == 1
    assert "rolled back: not well after 0.05 s" in sick.stderr
    shutil.rmtree(root / ".dvc/cache")
    lost = call("deploy", "prod")
    assert lost.exit_code == 2
    assert [item["outcome"] for item in lines(root)] == ["deployed", "rolled back"]
