"""What was asked and answered, in Parquet files for whoever watches the model.

Rows are kept in memory and written by a thread of their own, when there are enough of them or some seconds
went by, each time as one new file that appears whole. `close` writes the rest.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from modelbook.serve.model import Served

ROWS = 50_000
"""Rows after which a file is written."""
SECONDS = 60.0
"""Seconds after which a file is written, if there is anything to write."""
MOST_ROWS = 1_000_000
"""Rows that are kept when files cannot be written; beyond that the oldest go."""


class Entry(NamedTuple):
    """One request: when (seconds since 1970), its id, and tensors by name."""

    time: float
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    rows: int


class PredictionLog:
    """Writes entries to a folder; `add` never waits for the disk.

    Attributes:
        written, dropped: rows so far.
    """

    def __init__(self, folder: Path, served: Served, *, rows: int = ROWS, seconds: float = SECONDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._served = folder, served
        self._most, self._seconds = rows, seconds
        self._entries: list[Entry] = []
        self._waiting = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._files = 0
        self.written = self.dropped = 0
        self.fault = ""
        self._thread = threading.Thread(target=self._work, name="prediction-log")
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Keep an entry for the next file."""
        with self._lock:
            self._entries.append(entry)
            self._waiting += entry.rows
            while self._waiting > MOST_ROWS and len(self._entries) > 1:
                gone = self._entries.pop(0)
                self._waiting -= gone.rows
                self.dropped += gone.rows
            full = self._waiting >= self._most
        if full:
            self._wake.set()

    def close(self) -> None:
        """Write what is left and stop; nothing may be added afterwards."""
        self._closed = True
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait(self._seconds)
            self._wake.clear()
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            entries, self._entries = self._entries, []
            self._waiting = 0
        if not entries:
            return
        try:
            self._write_file(table(self._served, entries))
        except (OSError, pa.ArrowException) as error:
            self.fault = str(error)
            with self._lock:
                self._entries = entries + self._entries
                self._waiting += sum(entry.rows for entry in entries)
        else:
            self.fault = ""
            self.written += sum(entry.rows for entry in entries)

    def _write_file(self, made: pa.Table) -> None:
        self._files += 1
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"predictions-{started}-{os.getpid()}-{self._files:06}.parquet"
        beside = self._folder / f".{name}.tmp"
        pa.parquet.write_table(made, beside, compression="zstd")
        beside.replace(self._folder / name)


def table(served: Served, entries: list[Entry]) -> pa.Table:
    """Entries as rows: time, request id, model, version, the model's columns, and its answers."""
    count = [entry.rows for entry in entries]
    made = {
        "time": pa.array(
            np.repeat([round(entry.time * 1e6) for entry in entries], count), pa.timestamp("us", "UTC")
        ),
        "request": pa.array(np.repeat(np.array([entry.id for entry in entries], object), count), pa.string()),
        "model": pa.array([served.name] * sum(count), pa.string()),
        "version": pa.array([served.version] * sum(count), pa.string()),
    }
    for name in served.inputs:
        made |= _columns(name, np.concatenate([np.asarray(entry.inputs[name]) for entry in entries]), served)
    for name in served.outputs:
        joined = np.concatenate([np.asarray(entry.outputs[name]) for entry in entries])
        whole = joined.ndim == 1 or joined.shape[1] == 1
        made[f"output.{name}"] = pa.array(joined.ravel() if whole else list(joined))
    return pa.table(made)


def _columns(name: str, joined: Any, served: Served) -> dict[str, pa.Array]:
    """A tensor as columns, by the names that the data had where they are as many."""
    flat = joined.reshape(len(joined), -1)
    if flat.shape[1] == 1:
        return {f"input.{name}": pa.array(flat[:, 0])}
    names = served.columns if len(served.columns) == flat.shape[1] else range(flat.shape[1])
    return {f"input.{column}": pa.array(np.ascontiguousarray(flat[:, at])) for at, column in enumerate(names)}


def now() -> float:
    """Seconds since 1970."""
    return time.time()
