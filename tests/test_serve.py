"""Serving: what the protocol says, what is refused and why, and that nothing is lost when it stops."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from modelbook import package, serve
from modelbook._process import own_bin_first
from modelbook.cli import main
from modelbook.deploy import Order, docker
from modelbook.records import Artifact, Run
from modelbook.serve import protocol
from modelbook.serve.log import Entry, PredictionLog
from modelbook.serve.model import Served, Tensor
from modelbook.serve.protocol import BadRequest
from modelbook.spec.models import Deployment
from test_package import frame, home, mixed, order

MANY = 3000
INFER = "/v2/models/late/infer"


def served(**inputs: tuple[str, tuple[int, ...]]) -> Served:
    """A model of these inputs that nobody will ask."""
    tensors = {name: Tensor(name, kind, shape) for name, (kind, shape) in inputs.items()}
    outputs = {"label": Tensor("label", "INT64", (-1,)), "chance": Tensor("chance", "FP32", (-1, 2))}
    return Served("late", "v1.0.0", "a", "00", tensors, outputs, list(inputs), None)


PLAIN = served(x=("FP32", (-1, 1)), n=("INT64", (-1, 1)), carrier=("BYTES", (-1, 1)))


def tensor(name: str, data: list[Any], kind: str = "FP32", **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": kind, "shape": [len(data), 1], "data": data, **more}


def good() -> list[dict[str, Any]]:
    """Inputs of `PLAIN` in two rows."""
    return [
        tensor("x", [0.5, None]),
        tensor("n", [1, 2], "INT64"),
        tensor("carrier", ["AA", "UA"], "BYTES"),
    ]


def parsed(inputs: list[Any], model: Served = PLAIN, most: int = 10, **more: Any) -> protocol.Asked:
    return protocol.parse(json.dumps({"inputs": inputs, **more}).encode(), model, most)


def test_a_request_becomes_tensors() -> None:
    asked = parsed(good(), id="7", outputs=[{"name": "chance"}])
    assert (asked.id, asked.rows, list(asked.outputs)) == ("7", 2, ["chance"])
    assert asked.tensors["x"].dtype == np.float32
    assert asked.tensors["x"].shape == (2, 1)
    assert np.isnan(asked.tensors["x"][1, 0]), "a missing number"
    assert asked.tensors["n"].dtype == np.int64
    assert asked.tensors["carrier"].ravel().tolist() == ["AA", "UA"]


def test_data_may_be_nested_and_a_column_flat() -> None:
    inputs = good()
    inputs[0] = {"name": "x", "datatype": "FP64", "shape": [2], "data": [[1], [2.5]]}
    assert parsed(inputs).tensors["x"].tolist() == [[1.0], [2.5]]
    wide = served(input=("FP32", (-1, 3)))
    rows = {"name": "input", "datatype": "INT32", "shape": [2, 3], "data": [[1, 2, 3], [4, 5, 6]]}
    assert parsed([rows], wide).tensors["input"].tolist() == [[1, 2, 3], [4, 5, 6]]


def changed(at: int, **change: Any) -> list[dict[str, Any]]:
    inputs = good()
    inputs[at] |= change
    return inputs


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (changed(0, data=["a", 1]), 'input x: value 0 is "a", expected a number or null'),
        (changed(0, data=["1", "2"]), 'input x: value 0 is "1", expected a number'),
        (changed(0, data=[True, False]), "input x: value 0 is True, expected a number"),
        (changed(0, data=[{}, 1]), "input x: value 0 is {}, expected a number"),
        (changed(0, data=[1e39, 1]), "input x: value 0 is too large for FP32"),
        (changed(0, data=[[1, 2], [3]]), "input x: its data are lists of different lengths"),
        (changed(0, data=3), "input x: expected data as a list"),
        (changed(0, datatype="BYTES"), "input x: expected datatype FP32, found 'BYTES'"),
        (changed(0, datatype=["FP32"]), "input x: expected datatype FP32, found"),
        (changed(0, shape=[2, 2]), "input x: expected shape ['rows', 1], found [2, 2]"),
        (changed(0, shape=[3, 1]), "input x: shape [3, 1] needs 3 values, found 2"),
        (changed(0, shape=[-2, 1]), "input x: expected a shape such as [-1, 1]"),
        (changed(0, shape=None), "input x: expected a shape"),
        (changed(1, data=[1.5, 2]), "input n: value 0 is 1.5, expected a whole number"),
        (changed(1, data=[None, 2]), "input n: value 0 is null, expected a whole number"),
        (changed(1, data=[2**63, 2**63]), "input n: value 0 is too large for INT64"),
        (changed(1, data=[2**70, 2]), "input n: value 0 is 1.18059"),
        (changed(2, data=["AA", None]), "input carrier: value 1 is null, expected a text"),
        (changed(1, data=[1], shape=[1, 1]), "input n has 1 rows, and x has 2"),
        (changed(0, name="carier"), "unknown input 'carier', did you mean carrier?"),
        (changed(0, name="zzz"), "unknown input 'zzz': expected x, n, carrier"),
        ([good()[1], *good()], "input n is there twice"),
        (good()[:2], "input carrier is missing"),
        ([*good(), 5], "inputs[3]: expected an object with a name"),
    ],
)
def test_what_is_wrong_is_said_with_its_input(inputs: list[Any], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parsed(inputs)
    assert str(caught.value).startswith(words)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b"[]", "expected {"),
        (b'{"inputs": {}}', "expected {"),
        (b'{"inputs": [], "id": 5}', "id: expected a text"),
        (b'{"inputs": []}', "input x, n, carrier is missing"),
        (b"[" * 5000, "the body is no JSON"),
    ],
)
def test_what_is_no_request_is_told(body: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words.replace("{", r"\{")):
        protocol.parse(body, PLAIN, 10)


def test_unknown_outputs_are_told() -> None:
    with pytest.raises(BadRequest, match="unknown output 'chanse', did you mean chance"):
        parsed(good(), outputs=[{"name": "chanse"}])
    with pytest.raises(BadRequest, match="unknown output"):
        parsed(good(), outputs=7)


def test_rows_have_a_limit() -> None:
    with pytest.raises(BadRequest, match="input x has 2 rows: at most 1 at a time") as caught:
        parsed(good(), most=1)
    assert caught.value.status == 413
    with pytest.raises(BadRequest, match="input x has no rows"):
        parsed([{**each, "data": [], "shape": [0, 1]} for each in good()])


def test_an_answer_has_the_outputs_that_were_asked_for() -> None:
    asked = parsed(good(), id="7", outputs=[{"name": "chance"}])
    results = {"chance": np.array([[0.25, 0.75], [0.5, 0.5]], np.float32), "label": np.array([1, 0])}
    assert json.loads(protocol.answer(PLAIN, asked, results)) == {
        "model_name": "late",
        "model_version": "v1.0.0",
        "id": "7",
        "outputs": [{"name": "chance", "datatype": "FP32", "shape": [2, 2], "data": [0.25, 0.75, 0.5, 0.5]}],
    }


def entry(at: int) -> Entry:
    tensors = {
        "x": np.array([[float(at)]], np.float32),
        "n": np.array([[at]]),
        "carrier": np.array([["AA"]], object),
    }
    return Entry(
        1.5, str(at), tensors, {"label": np.array([1]), "chance": np.array([[0.25, 0.75]], np.float32)}, 1
    )


def logged(folder: Path) -> list[dict[str, Any]]:
    """Every row of a log."""
    files = sorted(folder.glob("*.parquet"))
    return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]


def test_the_log_has_a_column_for_each_input_and_output(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path / "new", PLAIN)
    log.add(entry(3))
    log.close()
    [row] = logged(tmp_path / "new")
    assert row.pop("time").isoformat() == "1970-01-01T00:00:01.500000+00:00"
    assert row == {
        "request": "3",
        "model": "late",
        "version": "v1.0.0",
        "input.x": 3.0,
        "input.n": 3,
        "input.carrier": "AA",
        "output.label": 1,
        "output.chance": [0.25, 0.75],
    }


def test_the_log_is_cut_into_files_and_loses_nothing(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, PLAIN, rows=5)
    for at in range(23):
        log.add(entry(at))
        if at % 5 == 4:
            while log.written <= at - 5:
                threading.Event().wait(0.01)
    log.close()
    assert sorted(row["input.n"] for row in logged(tmp_path)) == list(range(23))
    assert len(list(tmp_path.iterdir())) > 2
    assert log.written == 23


def test_rows_that_cannot_be_written_are_kept_until_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "log"
    log = PredictionLog(folder, PLAIN, rows=1)
    folder.rmdir()
    log.add(entry(1))
    while not log.fault:
        threading.Event().wait(0.01)
    folder.mkdir()
    log.close()
    assert [row["input.n"] for row in logged(folder)] == [1]


def test_what_never_can_be_written_makes_room_for_what_is_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelbook.serve.log.MOST_ROWS", 3)
    log = PredictionLog(tmp_path, PLAIN)
    for at in range(5):
        log.add(entry(at))
    log.close()
    assert log.dropped == 2
    assert [row["input.n"] for row in logged(tmp_path)] == [2, 3, 4]


class Stuck:
    """A session that answers nothing until it is told to give up."""

    def __init__(self) -> None:
        self.gave_up = threading.Event()

    def run(self, _names: Any, _tensors: Any, options: Any) -> Any:
        while not options.terminate:
            threading.Event().wait(0.01)
        self.gave_up.set()
        raise RuntimeError("terminated")


def test_an_answer_that_takes_too_long_is_broken_off() -> None:
    from modelbook.serve.app import FEW, application

    stuck = Stuck()
    model = dataclasses.replace(served(x=("FP32", (-1, 1))), session=stuck)
    app = application(model, serve.Limits(seconds=0.1), None)
    body = json.dumps({"inputs": [tensor("x", [0.5] * (FEW + 1))]}).encode()
    assert called(app, INFER, body) == (503, {"error": "no answer within 0.1 s: send fewer rows"})
    assert stuck.gave_up.wait(10)


def called(app: Any, path: str, body: bytes | None = None) -> tuple[int, Any]:
    """Status and JSON (or text) of an answer, without a network."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    method = "GET" if body is None else "POST"
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    with ThreadPoolExecutor(1) as beside:  # a browser's loop may be running in this thread
        beside.submit(asyncio.run, app(scope, receive, send)).result()
    text = sent[1]["body"].decode()
    return sent[0]["status"], json.loads(text) if text.startswith("{") else text


class Broken:
    """A session that fails."""

    def run(self, *_: Any) -> Any:
        raise RuntimeError("no such\ncategory")


def test_a_model_that_fails_is_told_counted_and_asked_again() -> None:
    from modelbook.serve.app import application

    model = dataclasses.replace(served(x=("FP32", (-1, 1))), session=Broken())
    app = application(model, serve.Limits(), None)
    body = json.dumps({"inputs": [tensor("x", [0.5])]}).encode()
    for _ in range(2):
        assert called(app, INFER, body) == (500, {"error": "the model failed: no such category"})
    assert 'modelbook_requests_total{status="500"} 2.0' in called(app, "/metrics")[1]
    assert called(app, "/v3") == (404, {"error": "there is nothing here"})
    assert called(app, INFER) == (405, {"error": "not by this method"})


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a model of numbers and a text."""
    root = home(tmp_path_factory.mktemp("served"), mixed())
    package.write(root, order())
    return root / "package"


def test_a_package_knows_its_own_name(packaged: Path) -> None:
    found = serve.load(packaged)
    assert (found.name, found.version, found.run) == ("late", "", "a")
    described = found.metadata()
    assert described["inputs"][2] == {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]}
    assert described["outputs"][1] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}
    assert serve.load(packaged, "other", "v2.0.0").metadata()["versions"] == ["v2.0.0"]


def test_a_damaged_package_is_not_served(packaged: Path, tmp_path: Path) -> None:
    for file in packaged.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(package.Damaged, match=r"model\.onnx was changed"):
        serve.load(tmp_path)


def resigned(folder: Path, source: Path, **files: bytes) -> Path:
    """A copy of a package with other files and checksums that fit them."""
    for file in source.iterdir():
        (folder / file.name).write_bytes(files.get(file.stem, file.read_bytes()))
    names = sorted(file.name for file in folder.iterdir() if file.name != package.SUMS)
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / package.SUMS).write_text("".join(sums))
    return folder


def test_a_package_without_a_good_onnx_model_is_told(packaged: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(serve.NoOnnx):
        serve.load(resigned(tmp_path / "one", packaged, MLmodel=b"{}"))
    (tmp_path / "two").mkdir()
    path = packaged / "MLmodel"
    out = json.loads(path.read_text())
    out["flavors"]["onnx"]["data"] = "../../../etc/passwd"
    with pytest.raises(serve.NoOnnx):
        serve.load(resigned(tmp_path / "two", packaged, MLmodel=json.dumps(out).encode()))


def cached(root: Path, files: Mapping[str, bytes]) -> str:
    """Put a folder into the cache of a DVC repository as DVC does; its hash."""

    def put(content: bytes, ending: str = "") -> str:
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + ending
        file = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return md5

    rows = [{"md5": put(content), "relpath": name} for name, content in sorted(files.items())]
    return put(json.dumps(rows).encode(), ".dir")


def run_of(md5: str, stage: str = "flights-package@a") -> Run:
    out = Artifact(path="results/a/package", md5=md5, stage=stage)
    return Run(
        id="0123456789ab", name="a", experiment="a", commit="c" * 40, commits=("c" * 40,), artifacts=(out,)
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A DVC repository."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    return tmp_path


@pytest.mark.slow
def test_a_package_comes_out_of_the_cache_by_its_hash(packaged: Path, store: Path) -> None:
    files = {file.name: file.read_bytes() for file in packaged.iterdir()}
    folder = store / "out"
    folder.mkdir()
    serve.fetch(store, run_of(cached(store, files)), folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files


@pytest.mark.slow
def test_a_cache_that_lies_is_not_believed(packaged: Path, store: Path) -> None:
    files = {file.name: file.read_bytes() for file in packaged.iterdir()}
    md5 = cached(store, files)
    victim = hashlib.md5(files["model.onnx"], usedforsecurity=False).hexdigest()
    (store / ".dvc/cache/files/md5" / victim[:2] / victim[2:]).write_bytes(b"evil")
    with pytest.raises(serve.NotInCache, match="is not what the hash says"):
        serve.fetch(store, run_of(md5), store / "out")


@pytest.mark.slow
def test_files_do_not_leave_the_folder(store: Path) -> None:
    md5 = cached(store, {"MLmodel": b"{}", "../evil": b""})
    with pytest.raises(serve.NotInCache, match=r"'\.\./evil'"):
        serve.fetch(store, run_of(md5), store / "out")
    assert not (store / "evil").exists()


@pytest.mark.slow
def test_what_is_not_there_is_told(store: Path) -> None:
    with pytest.raises(serve.NotInCache, match="results/a/package"):
        serve.fetch(store, run_of("0" * 32 + ".dir"), store / "out")
    with pytest.raises(serve.NotPackaged, match=r"run 0123456789ab \(a\) has no package"):
        serve.fetch(store, run_of(cached(store, {"x": b""}), "flights-train@a"), store / "out")


@dataclass
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON (or text) of an answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        client.request("GET" if body is None else "POST", path, raw, dict(headers or {}))
        answer = client.getresponse()
        text = answer.read().decode()
        client.close()
        return answer.status, json.loads(text) if text.startswith("{") else text

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running(*words: str, cwd: Path | None = None) -> Iterator[Server]:
    """`modelbook serve ...`, from when it listens."""
    process = subprocess.Popen(
        ["modelbook", "serve", *words, "--port", "0"],
        cwd=cwd,
        env=own_bin_first(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert " at http://127.0.0.1:" in line, line + process.stdout.read()
        yield Server(process, int(line.rsplit(":", 1)[1].split("/")[0]))
    finally:
        process.kill()
        process.wait()


def question(rows: int = 2) -> dict[str, Any]:
    """A request for the packaged model."""
    table = frame(200)
    picked = [at % 200 for at in range(rows)]
    return {
        "id": "q",
        "inputs": [
            tensor("x", [float(table["x"][at]) for at in picked]),
            tensor("y", [float(table["y"][at]) for at in picked], "FP64"),
            tensor("carrier", [str(table["carrier"][at]) for at in picked], "BYTES"),
        ],
    }


@pytest.mark.slow
def test_a_server_speaks_the_protocol(packaged: Path, tmp_path: Path) -> None:
    with running(
        str(packaged), "--log", str(tmp_path), "--max-bytes", "200000", "--max-rows", "2000"
    ) as server:
        assert server.ask("/v2/health/live") == (200, {"live": True})
        assert server.ask("/v2/health/ready") == (200, {"ready": True})
        assert server.ask("/v2")[1]["name"] == "modelbook"
        assert server.ask("/v2/models/late")[1]["inputs"][0]["name"] == "x"
        assert server.ask("/v2/models/late/ready") == (200, {"name": "late", "ready": True})
        assert server.ask("/v2/models/other")[0] == 404
        assert server.ask("/v2/models/other/infer", question())[0] == 404
        assert server.ask("/v2/models/late/versions/v9/infer", question())[0] == 404
        status, told = server.ask(INFER, question(1000))
        assert (status, told["id"]) == (200, "q")
        assert {each["name"]: each["shape"] for each in told["outputs"]} == {
            "label": [1000],
            "probabilities": [1000, 2],
        }
        status, told = server.ask(INFER, {"inputs": question()["inputs"][:2]})
        assert (status, told) == (400, {"error": "input carrier is missing"})
        assert server.ask(INFER, question(2001))[0] == 413
        assert server.ask(INFER, b" " * 200_001) == (
            413,
            {"error": "the body has 200001 bytes: at most 200000 are taken"},
        )
        assert server.ask(INFER, b"{}", {"Inference-Header-Content-Length": "2"})[0] == 415
        text = server.ask("/metrics")[1]
        assert 'modelbook_requests_total{status="200"} 1.0' in text
        assert "modelbook_rows_total 1000.0" in text
        assert server.stop() == 0
    assert len(logged(tmp_path)) == 1000


@pytest.mark.slow
def test_a_body_that_does_not_end_is_given_up(packaged: Path) -> None:
    with running(str(packaged), "--max-bytes", "1000", "--timeout", "0.5") as server:
        for body, wanted in ((b"1\r\n{\r\n", b"408"), (b"800\r\n" + b" " * 2048 + b"\r\n", b"413")):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
                head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                client.sendall(head.encode() + body)
                assert client.recv(1000).split(b" ")[1] == wanted


@pytest.mark.slow
def test_a_server_says_what_the_original_says_and_loads_none_of_it(packaged: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom modelbook import serve\n"
        "import modelbook.serve.app, modelbook.serve.log\n"
        "serve.load(Path(sys.argv[1]))\nprint(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(packaged)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "onnxruntime" in loaded
    assert not loaded & {"sklearn", "skops", "skl2onnx", "joblib", "dvc", "pandas"}
    asked = protocol.parse(json.dumps(question(50)).encode(), serve.load(packaged), 100)
    [chances] = serve.load(packaged).session.run(["probabilities"], dict(asked.tensors))
    original = mixed().predict_proba(frame(200)[["x", "y", "carrier"]][:50])
    assert np.abs(chances - original).max() < 1e-5


@pytest.mark.slow
def test_what_was_served_is_watched_and_labels_come_later(packaged: Path, tmp_path: Path) -> None:
    """A server's log is a batch beside the training data, which calls its columns by their own names."""
    today = datetime.now(UTC).date().isoformat()
    with running(str(packaged), "--log", str(tmp_path / "logs" / today)) as server:
        assert server.ask(INFER, question(200))[0] == 200
        assert server.ask(INFER, question(100))[0] == 200
        assert server.stop() == 0
    (tmp_path / "mlproject.yaml").write_text(WATCHED, encoding="utf-8")
    pyarrow.parquet.write_table(pa.Table.from_pandas(frame(200)), tmp_path / "train.parquet")

    def judged() -> dict[str, Any]:
        for words in (["profile", "live"], ["batch", "live", today]):
            done = CliRunner().invoke(main, ["monitor", *words, "--repo", str(tmp_path)])
            assert done.exit_code == 0, done.output
        return json.loads((tmp_path / "runs" / "monitors" / "live" / f"{today}.json").read_bytes())  # type: ignore[no-any-return]

    found = judged()
    assert (found["rows"], found["waiting"], found["first"][:10]) == (300, True, today)
    assert {column["name"] for column in found["columns"]} == {"x", "y", "carrier"}
    assert found["status"] in ("ok", "warning"), found["findings"]
    assert found["performance"][0]["estimated"]
    assert 0 < found["performance"][0]["metrics"]["roc_auc"] <= 1
    for file in (tmp_path / "logs" / today).iterdir():
        table = pyarrow.parquet.read_table(file)
        late = pa.array([value == 1 for value in table.column("output.label").to_pylist()])
        pyarrow.parquet.write_table(table.append_column("late", late), file)
    found = judged()
    assert (found["waiting"], found["performance"][0]["labelled"]) == (False, 300)
    assert found["performance"][0]["metrics"]["accuracy"] == 1
    assert [score["segment"] for score in found["performance"]] == ["", "version="]


WATCHED = """
name: served
monitors:
  live:
    reference: train.parquet
    batches: logs/*
    serving_log: true
    time: time
    columns: [x, y, carrier]
    prediction: output.probabilities.1
    target: late
    segments: [version]
"""


@pytest.mark.slow
def test_nothing_is_lost_when_it_is_told_to_stop(packaged: Path, tmp_path: Path) -> None:
    """Clients ask without pause while SIGTERM comes: every answer they got is in the log."""
    answered: list[str] = []
    with running(str(packaged), "--log", str(tmp_path)) as server:

        def client(number: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            for at in range(MANY):
                name = f"{number}-{at}"
                try:
                    connection.request("POST", INFER, json.dumps({**question(1), "id": name}))
                    told = connection.getresponse()
                    if told.status == 200 and json.loads(told.read())["id"] == name:
                        answered.append(name)
                except (OSError, http.client.HTTPException):
                    return

        clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
        for thread in clients:
            thread.start()
        while len(answered) < 100 and any(thread.is_alive() for thread in clients):
            threading.Event().wait(0.01)
        assert server.stop() == 0
        for thread in clients:
            thread.join()
    rows = [row["request"] for row in logged(tmp_path)]
    assert len(answered) >= 100
    assert not set(answered) - set(rows)
    assert len(rows) == len(set(rows))
    assert not [file.name for file in tmp_path.iterdir() if file.suffix != ".parquet"]


@pytest.mark.slow
def test_a_version_of_a_model_is_served_from_the_repository(packaged: Path, store: Path) -> None:
    """From `mlproject.yaml`, the lock file and DVC's cache; the workspace has no package."""
    files = {file.name: file.read_bytes() for file in packaged.iterdir()}
    md5 = cached(store, files)
    write_project(store, md5, "{}")
    run = json.loads(ask_modelbook(store, "runs", "--json", "--no-cache"))[0]["id"]
    write_project(store, md5, f'{{v1.0.0: "{run}"}}', "{prod: v1.0.0}")
    for target in ("late@prod", "late@v1.0.0", "late@1.0.0"):
        with running(target, "--no-cache", cwd=store) as server:
            assert server.ask("/v2/models/late")[1]["versions"] == ["v1.0.0"]
            assert server.ask("/v2/models/late/versions/v1.0.0/infer", question())[0] == 200
    for target, words in (
        ("late@nowhere", "late has no version 'nowhere'"),
        ("lat@prod", "did you mean late?"),
        ("nothing", "neither a folder nor MODEL@VERSION"),
    ):
        done = subprocess.run(
            ["modelbook", "serve", target, "--no-cache"],
            cwd=store,
            env=own_bin_first(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert words in done.stderr


def test_nobody_is_told_that_a_model_is_served(packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    serve.load(packaged)
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.mark.slow
def test_what_a_dockerfile_starts_answers_and_is_found_well(packaged: Path, tmp_path: Path) -> None:
    """Its last two instructions, with the package where it lies here, by a user's own hands."""
    wish = Deployment(model="late", environment="prod", target="docker", path="x")
    made = docker.files(Order("web", wish, "v1.0.0", run_of("0" * 32)), packaged)["Dockerfile"].decode()
    program, health = (
        json.loads(line) for line in re.findall(r"^(?:CMD|HEALTHCHECK .*CMD) (.*)$", made, re.M)[::-1]
    )
    assert program[:3] == ["modelbook", "serve", "/models"]
    words = [
        str(packaged) if word == "/models" else word.replace("0.0.0.0", "127.0.0.1") for word in program[2:]
    ]
    with running(*words, cwd=tmp_path) as server:
        assert server.ask("/v2/models/late")[1]["versions"] == ["v1.0.0"]
        assert server.ask("/v2/models/late/versions/v1.0.0/infer", question())[0] == 200
        look = [word.replace("8080", str(server.port)) for word in health]
        assert subprocess.run(look, env=own_bin_first(), check=False).returncode == 0
        assert server.stop() == 0
        assert subprocess.run(look, env=own_bin_first(), capture_output=True, check=False).returncode == 1


@pytest.mark.slow
def test_what_stands_in_the_way_of_a_start_is_told(packaged: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
        for words, told in (
            (["--port", port], f"can't listen at 127.0.0.1:{port}"),
            (["--log", str(tmp_path / "file" / "log")], "can't hold a log"),
        ):
            done = subprocess.run(
                ["modelbook", "serve", str(packaged), *words],
                env=own_bin_first(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 2
            assert told in done.stderr


def ask_modelbook(root: Path, *words: str) -> str:
    return subprocess.run(
        ["modelbook", *words], cwd=root, env=own_bin_first(), capture_output=True, text=True, check=True
    ).stdout


PROJECT = """\
name: late
pipelines:
  p:
    stages:
      package: {{cmd: x, outs: ["results/${{run}}/package"]}}
models:
  late:
    pipeline: p
    artifact: results/${{run}}/package
    versions: {versions}
    environments: {environments}
"""
LOCK = """\
schema: '2.0'
stages:
  p-package@a:
    cmd: x
    outs:
    - path: results/a/package
      hash: md5
      md5: {md5}
"""
STAGES = """\
stages:
  p-package:
    foreach: {a: {experiment: a}}
    do:
      cmd: x
      outs: ["results/${key}/package"]
      meta: {modelbook: {pipeline: p, stage: package, experiment: a}}
"""


def write_project(root: Path, md5: str, versions: str, environments: str = "{}") -> None:
    """A project of one packaged run, committed."""
    (root / "experiments").mkdir(exist_ok=True)
    (root / "experiments/a.yaml").write_text("pipeline: p\n")
    (root / "mlproject.yaml").write_text(PROJECT.format(versions=versions, environments=environments))
    (root / "dvc.yaml").write_text(STAGES)
    (root / "dvc.lock").write_text(LOCK.format(md5=md5))
    (root / ".dvc" / "config").write_text("")
    env = {
        **os.environ,
        **{f"GIT_{who}_{key}": "a@b" for who in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
    }
    for words in (["init", "-q"], ["add", "*.yaml", "*.lock", ".dvc/config"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, env=env, check=True)


@pytest.mark.slow
def test_mlflow_serves_the_same(packaged: Path) -> None:
    """`mlflow models serve` on loopback, and its answers beside ours."""
    pytest.importorskip("mlflow")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = ["mlflow", "models", "serve", "-m", str(packaged), "--env-manager", "local", "-p", str(port)]
    env = own_bin_first({**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"})
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        theirs = Server(process, port)  # type: ignore[arg-type]
        wait_for(process, lambda: theirs.ask("/ping")[0] == 200)
        body = (packaged / "serving_input_example.json").read_bytes()
        status, told = theirs.ask("/invocations", body, {"Content-Type": "application/json"})
        assert status == 200, told
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    data = json.loads((packaged / "input_example.json").read_text())
    columns = dict(zip(data["columns"], zip(*data["data"], strict=True), strict=True))
    kinds = {"carrier": "BYTES"}
    inputs = [tensor(name, list(values), kinds.get(name, "FP32")) for name, values in columns.items()]
    model = serve.load(packaged)
    asked = protocol.parse(json.dumps({"inputs": inputs}).encode(), model, 100)
    [chances] = model.session.run(["probabilities"], dict(asked.tensors))
    assert np.abs(chances - np.array(told["predictions"])).max() < 1e-5


def wait_for(process: Any, is_so: Callable[[], bool]) -> None:
    """Until something is so, or a process has ended."""
    for _ in range(600):
        assert process.poll() is None, "it ended"
        try:
            if is_so():
                return
        except OSError:
            pass
        threading.Event().wait(0.1)
    raise AssertionError("it never was")
