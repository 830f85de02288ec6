"""What watching a batch costs: `python benchmarks/monitor.py [MILLIONS...] [--engine NAME]`.

Reference and batch have as many rows of 12 columns: eight of numbers (four continuous, so that each value
is its own), three of categories, and a chance, with labels beside it. Each is measured in a process of its
own, whose imports count. The columns of the table it prints:

    profile     counting the reference, once for all batches: seconds
    batch       judging one batch: quality, drift of every column, performance: seconds
    memory      the peak of the larger of the two, MB
    ns/row      of the batch: about the same for any size, where cost is linear
    cpu         seconds of all processors for the batch, which other programs do not lengthen
    theirs      with `--evidently`, the Python of an environment that has Evidently 0.7: its drift of the same
                columns by the same measures of distance, reading the same files with pandas: seconds, MB
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUMBERS = ("temp", "humid", "pressure", "distance")
WHOLE = ("hour", "seats", "wind", "age")
CATEGORIES = ("carrier", "origin", "dest")
HEADS = ("rows", "profile", "batch", "memory", "ns/row", "cpu", "theirs", "their memory", "theirs/ours")

THEIRS = """
import json, resource, sys, time, warnings
warnings.filterwarnings("ignore")
began = time.perf_counter()
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift
numbers, words, old, new = json.loads(sys.argv[1])
kinds = DataDefinition(numerical_columns=numbers, categorical_columns=words)
tables = [Dataset.from_pandas(pd.read_parquet(path, columns=numbers + words), data_definition=kinds)
          for path in (old, new)]
ways = [(name, "wasserstein") for name in numbers] + [(name, "psi") for name in numbers + words]
Report([ValueDrift(column=name, method=way) for name, way in ways]).run(tables[1], tables[0]).dict()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([time.perf_counter() - began, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime]))
"""


def write(path: Path, rows: int, seed: int) -> None:
    """Made by DuckDB, so that no more than a few row groups are held."""
    import duckdb

    shift = seed % 2
    columns = [
        *(
            f"(random() + random() + random()) * {10 + at} + {shift} AS {name}"
            for at, name in enumerate(NUMBERS)
        ),
        *(f"CAST(random() * {20 * (at + 1)} AS INTEGER) AS {name}" for at, name in enumerate(WHOLE)),
        *(
            f"'c' || CAST(random() * {8 * (at + 1)} AS INTEGER) AS {name}"
            for at, name in enumerate(CATEGORIES)
        ),
        "round(random(), 4) AS chance",
        "random() < 0.3 AS late",
    ]
    connection = duckdb.connect(config={"memory_limit": "500MB", "threads": 1})
    connection.execute(f"SELECT setseed({seed / 10})")
    query = f"SELECT {', '.join(columns)} FROM range({rows})"  # noqa: S608
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


def measure(what: str, folder: Path, engine: str) -> None:
    """Print seconds, the peak of memory, and seconds of all processors, as JSON."""
    began = time.perf_counter()
    from modelbook import monitor
    from modelbook.spec import Monitor

    wish = Monitor(
        reference="old.parquet",
        batches="new.parquet",
        prediction="chance",
        target="late",
        segments=["origin"],
    ).model_copy(update={"engine": engine})
    kept = folder / "profile.json"
    if what == "profile":
        kept.write_bytes(monitor.dump(monitor.profile(wish, [folder / "old.parquet"])))
    else:
        found = monitor.watch("m", "new", wish, monitor.load(kept.read_bytes()), folder / "new.parquet")
        if not found.columns:
            raise SystemExit(found.reason)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([time.perf_counter() - began, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime]))


def apart(*argv: str) -> tuple[float, float, float]:
    """(seconds, bytes, seconds of all processors) as a process of its own says."""
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, peak, cpu = json.loads(said.strip().splitlines()[-1])
    return seconds, peak, cpu


def row(rows: int, theirs: str, engine: str) -> list[str]:
    """One line of the table."""
    with tempfile.TemporaryDirectory(prefix="modelbook-benchmark-") as name:
        folder = Path(name)
        write(folder / "old.parquet", rows, 2)
        write(folder / "new.parquet", rows, 3)
        ours = (sys.executable, __file__, "--engine", engine, "--measure")
        first, held, _ = apart(*ours, "profile", name)
        second, more, cpu = apart(*ours, "batch", name)
        found = [f"{rows:,}", f"{first:.1f} s", f"{second:.1f} s", f"{max(held, more) / 1e6:.0f} MB"]
        found += [f"{1e9 * second / rows:.0f}", f"{cpu:.1f} s"]
        if not theirs:
            return [*found, "-", "-", "-"]
        files = [str(folder / "old.parquet"), str(folder / "new.parquet")]
        wish = json.dumps([[*NUMBERS, *WHOLE, "chance"], [*CATEGORIES], *files])
        seconds, peak, _ = apart(theirs, "-c", THEIRS, wish)
        return [*found, f"{seconds:.1f} s", f"{peak / 1e6:.0f} MB", f"{seconds / second:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("millions", nargs="*", type=float, default=[1, 10])
    parser.add_argument("--engine", default="duckdb", choices=["duckdb", "datafusion"])
    parser.add_argument("--evidently", default="", metavar="PYTHON")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]), options.engine)
        return
    print("| " + " | ".join(HEADS) + " |\n|" + " --- |" * len(HEADS), flush=True)
    for millions in options.millions:
        print(
            "| " + " | ".join(row(int(millions * 1e6), options.evidently, options.engine)) + " |", flush=True
        )


if __name__ == "__main__":
    main()
