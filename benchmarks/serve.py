"""What an answer costs: `python benchmarks/serve.py [PACKAGE]` asks two servers the same.

The package (default: results/hgb/package) is served by `modelbook serve` and by `mlflow models serve`, one
after the other, several times in turns, over loopback. Each is asked by as many connections as the first line
says, for one row and for a hundred rows at a time, in the form that it understands. The columns:

    requests/s    answered, all connections together
    p50, p99      milliseconds from sending a request to the end of its answer
    CPU ms        of the server's process and its children, for one request: a busy machine matters less

The last lines are how many times as much `modelbook serve` answers; the goal is five, and below it the exit
status is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

ROUNDS = 3
SECONDS = 4.0
CONNECTIONS = 8
GOAL = 5.0
START = 120.0
"""Seconds that a server may take to start."""


@dataclass
class Measured:
    """What a server did: seconds of each answer, seconds of wall clock and of CPU."""

    latencies: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.wall

    def row(self) -> str:
        """The columns of the table."""
        ordered = sorted(self.latencies)
        p50, p99 = (1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.99))
        return f"{self.rate:12,.0f} {p50:8.2f} {p99:8.2f} {1e3 * self.cpu / len(ordered):8.3f}"


def example(package: Path, rows: int) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the input example, repeated to the number of rows; zero for what is missing.

    MLflow would refuse some rows with null, so neither gets one.
    """
    found = json.loads((package / "input_example.json").read_bytes())
    data = [[0.0 if value is None else value for value in row] for row in found["data"]]
    return found["columns"], [data[at % len(data)] for at in range(rows)]


def for_mlflow(package: Path, rows: int) -> tuple[str, bytes]:
    """Path and body of a request to MLflow's scoring server."""
    columns, data = example(package, rows)
    return "/invocations", json.dumps({"dataframe_split": {"columns": columns, "data": data}}).encode()


def for_modelbook(package: Path, rows: int) -> tuple[str, bytes]:
    """Path and body of a request by the Open Inference Protocol."""
    columns, data = example(package, rows)
    name = json.loads((package / "MLmodel").read_bytes())["metadata"]["model"]
    if all(isinstance(value, float) for value in data[0]):
        shape = [rows, len(columns)]
        flat = [value for row in data for value in row]
        inputs = [{"name": "input", "datatype": "FP32", "shape": shape, "data": flat}]
    else:
        inputs = [
            {
                "name": column,
                "datatype": "BYTES" if isinstance(values[0], str) else "FP32",
                "shape": [rows, 1],
                "data": list(values),
            }
            for column, values in zip(columns, zip(*data, strict=True), strict=True)
        ]
    return f"/v2/models/{name}/infer", json.dumps({"inputs": inputs}).encode()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(argv: Sequence[str], port: int, health: str) -> Iterator[psutil.Process]:
    """A server, from when it is healthy until it has ended."""
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    process = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    family = psutil.Process(process.pid)
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}{health}")
        yield family
    finally:
        children = family.children(recursive=True)
        process.terminate()
        process.wait(30)
        for child in children:
            if child.is_running():
                child.terminate()
        psutil.wait_procs(children, 30)


def wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    """Ask until it answers.

    Raises:
        SystemExit: it ended, or never answers.
    """
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (loopback)
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{process.args!r} does not answer at {url}")


def cpu(family: psutil.Process) -> float:
    """CPU seconds of a process and its living children."""
    total = 0.0
    for process in (family, *family.children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system
    return total


async def connection(port: int, request: bytes, until: float, latencies: list[float]) -> None:
    """One client that asks again as soon as it has its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(f"{head.decode()}{body.decode()[:500]}")
        latencies.append(time.perf_counter() - start)
    writer.close()


def load(port: int, path: str, body: bytes, seconds: float) -> list[float]:
    """Seconds of each answer that all connections got."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    latencies: list[float] = []

    async def everyone() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(connection(port, request, until, latencies) for _ in range(CONNECTIONS)))

    asyncio.run(everyone())
    return latencies


def measure(port: int, family: psutil.Process, request: tuple[str, bytes], into: Measured) -> None:
    """Warm up, then measure."""
    load(port, *request, 0.5)
    before, start = cpu(family), time.perf_counter()
    into.latencies += load(port, *request, SECONDS)
    into.wall += time.perf_counter() - start
    into.cpu += cpu(family) - before


def servers(package: Path, port: int) -> Mapping[str, tuple[list[str], str, Any]]:
    """Name -> how it is started, where it says that it is well, and how it is asked."""
    mlflow = ["mlflow", "models", "serve", "-m", str(package), "--env-manager", "local", "-h", "127.0.0.1"]
    ours = ["modelbook", "serve", str(package)]
    return {
        "mlflow": ([*mlflow, "-p", str(port)], "/ping", for_mlflow),
        "modelbook": ([*ours, "--port", str(port)], "/v2/health/ready", for_modelbook),
    }


def main() -> int:
    """Print the table; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("package", nargs="?", type=Path, default=Path("results/hgb/package"))
    package = parser.parse_args().package
    found: dict[tuple[str, int], Measured] = {}
    for _ in range(ROUNDS):
        port = free_port()
        for name, (argv, health, ask) in servers(package, port).items():
            with running(argv, port, health) as family:
                for rows in (1, 100):
                    measure(port, family, ask(package, rows), found.setdefault((name, rows), Measured()))
    print(f"{CONNECTIONS} connections, {ROUNDS} x {SECONDS:g} s each")
    print(f"{'rows':>5} {'server':10} {'requests/s':>12} {'p50':>8} {'p99':>8} {'CPU ms':>8}")
    for (name, rows), measured in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        print(f"{rows:5} {name:10} {measured.row()}")
    ratios = {rows: found["modelbook", rows].rate / found["mlflow", rows].rate for rows in (1, 100)}
    for rows, ratio in ratios.items():
        print(f"{ratio:.1f} times the throughput for {rows} row{'s' if rows > 1 else ''} (goal: {GOAL:g})")
    return int(math.floor(min(ratios.values())) < GOAL)


if __name__ == "__main__":
    sys.exit(main())
