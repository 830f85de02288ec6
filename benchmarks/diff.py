"""How fast a change is told: `python benchmarks/diff.py` prints one table.

A synthetic, real Git and DVC repository of 50 stages; two of its commits are compared by `modelbook diff`
and by `dvc metrics diff` with `dvc params diff`, each in processes of its own, as CI starts them. Times are
CPU seconds (user + system) of whole processes, the best of a few rounds. What DVC says of metrics and params
is looked for in what we say.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from history import Case, make

ROUNDS = 5


def timed(argv: list[str], folder: Path) -> tuple[float, Any]:
    """(CPU seconds, what it printed as JSON)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    found = subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, json.loads(found.stdout)


def best(argv: list[str], folder: Path) -> tuple[float, Any]:
    rounds = [timed(argv, folder) for _ in range(ROUNDS)]
    return min(seconds for seconds, _ in rounds), rounds[0][1]


def changes(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(file, key, new value) of what DVC says changed."""
    return {
        (path, key, json.dumps(change.get("new")))
        for path, keys in found.items()
        for key, change in keys.items()
    }


def ours(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    rows = [change for run in found["runs"] for kind in ("metrics", "params") for change in run[kind]]
    values = [row["after"] or row["before"] for row in [*rows, *found["files"], *found["params"]]]
    return {(value["path"], ".".join(value["key"]), json.dumps(value["value"])) for value in values}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="modelbook-benchmark-") as scratch:
        repo = Path(scratch) / "repo"
        make(repo, Case(50, 20))
        sides = ["main~1", "main"]
        metrics, one = best(["dvc", "metrics", "diff", "--json", *sides], repo)
        params, two = best(["dvc", "params", "diff", "--json", *sides], repo)
        modelbook = [
            str(Path(sys.executable).with_name("modelbook")),
            "diff",
            "--no-cache",
            "--format",
            "json",
        ]
        mine, found = best([*modelbook, *sides], repo)
    theirs = changes(one) | changes(two)
    print("CPU seconds (user + system), 50 stages")
    print("| dvc metrics diff | dvc params diff | modelbook diff | DVC/ours | DVC's changes | also ours |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(
        f"| {metrics:.2f} | {params:.2f} | {mine:.2f} | {(metrics + params) / mine:.1f} "
        f"| {len(theirs)} | {len(theirs & ours(found))} |"
    )


if __name__ == "__main__":
    main()
