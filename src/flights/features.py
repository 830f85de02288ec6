"""What is known about a flight before it leaves, and what is not.

`LEAKS` are columns written down during or after the flight. A model that sees the departure delay scores far
better and is of no use: when it is known, the question has answered itself. The month is left out as well:
a model trained on January to March has seen three values of it and would be asked about nine others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LEAKS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "schedule": ("departure", "arrival", "weekday", "traffic"),
    "route": ("carrier", "origin", "distance", "dest_lat", "dest_lon"),
    "weather": ("temp", "humid", "wind_speed", "precip", "pressure", "visib"),
    "aircraft": ("plane_age", "seats"),
}
"""Groups of features, each of which an experiment may leave out."""

CATEGORIES = ("carrier", "origin")
WINDIEST = 100.0
"""Miles per hour. The weather table has one reading of 1048: an error, taken as missing."""


def chosen(groups: Sequence[str]) -> list[str]:
    """The features of these groups, in a fixed order."""
    return [name for group, names in GROUPS.items() if group in groups for name in names]


def arrived(flights: pa.Table) -> pa.Table:
    """The flights that have an arrival delay: not those cancelled, diverted or never recorded."""
    return flights.filter(pc.is_valid(flights["arr_delay"]))


def build(
    flights: pa.Table, weather: pa.Table, planes: pa.Table, airports: pa.Table, minutes: int
) -> pa.Table:
    """One row per arrived flight, in the order of the input: month, the features, and `late`.

    Args:
        minutes: late means to arrive more than this after the schedule.
    """
    table = arrived(with_traffic(flights))
    table = left_join(table, weather_table(weather), ["origin", "time_hour"])
    table = left_join(table, planes_table(planes), ["tailnum"])
    table = left_join(table, airports_table(airports), ["dest"])
    made = {
        "month": pc.cast(table["month"], pa.int8()),
        "departure": clock_minutes(table["sched_dep_time"]),
        "arrival": clock_minutes(table["sched_arr_time"]),
        "weekday": weekday(table),
        "plane_age": pc.subtract(table["year"], table["built"]),
        "late": pc.cast(pc.greater(table["arr_delay"], minutes), pa.int8()),
    }
    names = ["month", *chosen(list(GROUPS)), "late"]
    return pa.table({name: compact(made[name] if name in made else table[name]) for name in names})


def with_traffic(flights: pa.Table) -> pa.Table:
    """Adds how many departures the origin has on its schedule in the same hour, cancelled ones included."""
    keys = ["origin", "time_hour"]
    counts = flights.group_by(keys, use_threads=False).aggregate([("flight", "count")])
    return left_join(flights, counts.rename_columns([*keys, "traffic"]), keys)


def weather_table(weather: pa.Table) -> pa.Table:
    """Weather by origin and hour, the first reading where an hour has two."""
    keys = ["origin", "time_hour"]
    names = list(GROUPS["weather"])
    first = weather.group_by(keys, use_threads=False).aggregate([(name, "first") for name in names])
    first = first.rename_columns([*keys, *names])
    sane = pc.less(first["wind_speed"], WINDIEST)
    wind = pc.if_else(sane, first["wind_speed"], pa.scalar(None, pa.float64()))
    return first.set_column(first.column_names.index("wind_speed"), "wind_speed", wind)


def planes_table(planes: pa.Table) -> pa.Table:
    """Year of manufacture and seats by tail number."""
    return planes.select(["tailnum", "year", "seats"]).rename_columns(["tailnum", "built", "seats"])


def airports_table(airports: pa.Table) -> pa.Table:
    """Where an airport lies, in degrees; the table has no Caribbean ones, which stay missing."""
    return airports.select(["faa", "lat", "lon"]).rename_columns(["dest", "dest_lat", "dest_lon"])


def left_join(left: pa.Table, right: pa.Table, keys: list[str]) -> pa.Table:
    """Adds the columns of `right`, whose keys are unique; rows keep their order."""
    numbered = left.append_column("row", pa.array(np.arange(left.num_rows)))
    joined = numbered.join(right, keys, join_type="left outer").sort_by("row")
    return joined.drop_columns(["row"])


def clock_minutes(clock: pa.ChunkedArray) -> pa.ChunkedArray:
    """Minutes since midnight of a clock time written as a number: 1745 is 17:45."""
    hours = pc.divide(clock, 100)
    return pc.subtract(clock, pc.multiply(hours, 40))


def weekday(table: pa.Table) -> pa.ChunkedArray:
    """Day of the week at the origin, Monday 0 to Sunday 6."""
    days = [pc.cast(table[name], pa.string()) for name in ("year", "month", "day")]
    text = pc.binary_join_element_wise(*days, "-")
    return pc.day_of_week(pc.strptime(text, "%Y-%m-%d", "s"))


def compact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as 32-bit floats (labels and months as they are); texts unchanged."""
    if pa.types.is_string(column.type) or pa.types.is_int8(column.type):
        return column
    return pc.cast(column, pa.float32(), safe=False)
