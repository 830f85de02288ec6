"""Charts as plain values: accessible SVG that needs no script, and figures for Plotly.

Build a chart with one of the functions here, then call its `svg(key)` and `plotly()`. A chart without
data is a `Nothing` with a `reason`; no function here raises for what the data holds, except
`read_columns` for a file that is no table.
"""

from modelbook.charts._clusters import alike
from modelbook.charts._svg import REFERENCES
from modelbook.charts.badge import badge
from modelbook.charts.bars import Bar, BarChart, bar_chart, mean_std
from modelbook.charts.base import Chart, Nothing
from modelbook.charts.dvc import PlotDataError, from_plot, read_columns
from modelbook.charts.lineage import LINEAGE_KINDS, lineage_svg
from modelbook.charts.matrix import MatrixChart, confusion_chart
from modelbook.charts.spark import sparkline
from modelbook.charts.xy import Axis, Point, Series, XYChart, history_chart, xy_chart

__all__ = [
    "LINEAGE_KINDS",
    "REFERENCES",
    "Axis",
    "Bar",
    "BarChart",
    "Chart",
    "MatrixChart",
    "Nothing",
    "PlotDataError",
    "Point",
    "Series",
    "XYChart",
    "alike",
    "badge",
    "bar_chart",
    "confusion_chart",
    "from_plot",
    "history_chart",
    "lineage_svg",
    "mean_std",
    "read_columns",
    "sparkline",
    "xy_chart",
]
