"""Drawings on pages: plots of a run, a metric over history, lineage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from modelbook import charts, lineage, seeds
from modelbook.pages import text
from modelbook.pages.cells import DASH
from modelbook.pages.images import kind_of
from modelbook.pages.index import Index, Link, model_href, number, run_href, spread
from modelbook.pages.steps import Steps, finished
from modelbook.records import WORKSPACE, Commit, Experiment, Graph, MetricInfo, Model, Node, Plot, Run, State

MOST_BYTES = 4_000_000
"""A larger data file is named, not drawn: reading it would make one page cost more than all others."""

MOST_HELD = 1_000
"""Rows of a data file that are held while other pages take the same step."""

MOST_IMAGE_BYTES = 2_000_000
"""A larger image is named, not shown."""

ROOM_FOR_IMAGES = 100_000_000
"""Bytes of all images of a site together: what a free static host takes, with room for the pages."""

MOST_NODES = 16
"""Boxes in the drawing of one run's lineage; the lineage page has the rest."""

LEAST_NODES = 4
"""Boxes that there is always room for when a page shows the rest itself."""

MOST_ROWS = 12
"""Rows of a plot's data shown under it: enough to see what is in the file, which has the rest."""

Read = Callable[[str], bytes | None]
"""Git blob id -> its content, or None when it cannot be read."""


class Album:
    """The images a site takes along: each content once, until the room is used up."""

    def __init__(self, room: int = ROOM_FOR_IMAGES) -> None:
        self._room = room
        self._full: dict[str, bool] = {}
        self._taken: set[str] = set()

    def full(self, blob: str) -> bool:
        """Whether there was no room left when this image was first asked for."""
        return self._full.setdefault(blob, self._room <= 0 and blob not in self._taken)

    def take(self, blob: str, size: int) -> None:
        """Count an image in."""
        if blob not in self._taken:
            self._taken.add(blob)
            self._room -= size

    def settle(self, runs: Iterable[Run], read: Read) -> None:
        """Decide which images of these runs have room; from then on their pages may be made in any order."""
        for run in runs:
            for plot in filter(is_image, run.plots):
                if plot.files and plot.files[0][1] not in self._full:
                    drawing_of(run, plot, "", read, self)


class Grid(msgspec.Struct, frozen=True, gc=False):
    """Rows of plain text under a heading."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Drawing(msgspec.Struct, frozen=True, gc=False):
    """One plot.

    Attributes:
        svg: the still drawing; of an image, empty.
        image: address of the image, from the site's root, and the blob it is copied from.
        figure: what Plotly makes interactive, or None.
        data: the first rows of what is drawn, for those who read rather than look.
        reason: why there is nothing to see, or empty. path: of an image that is there but not shown.
    """

    id: str
    title: str
    svg: str = ""
    image: tuple[str, str] | None = None
    figure: Mapping[str, Any] | None = None
    data: Grid | None = None
    more_rows: int = 0
    source: str = ""
    state: str = "present"
    reason: str = ""
    path: str = ""


def spark(key: str, values: Sequence[float], info: MetricInfo, title: str = "") -> str:
    """Values of a metric at the size of a word, the best so far unless told; nothing for fewer than two."""
    if len(values) < 2:
        return ""
    title = title or f"best {text.line(info.name)} so far"
    return charts.sparkline(values, key=f"spark-{key}", title=title, direction=info.direction)


_DAY = 86_400
_MOST_BINS = 120


def activity(index: Index) -> str:
    """Commits and new runs by day or by week; nothing for a history of fewer than three of them."""
    commits, runs = (
        [when for date in dates if (when := text.moment(date)) is not None]
        for dates in (
            (item.commit.date for item in index.catalog.snapshots if item.commit.sha != WORKSPACE),
            (run.date for run in index.catalog.runs),
        )
    )
    if not commits:
        return ""
    first, last = min(commits) // _DAY, max(commits) // _DAY
    width = 1 if last - first < 30 else 7
    first = max(first, last - _MOST_BINS * width + 1)
    bins = int((last - first) // width) + 1
    if bins < 3:
        return ""
    x = [(last - (bins - 1 - at) * width) * _DAY for at in range(bins)]
    word = "day" if width == 1 else "week"
    series = [
        charts.Series(name=name, x=x, y=_counted(times, last, width, bins))
        for name, times in (("commits", commits), ("new runs", runs))
    ]
    chart = charts.xy_chart(
        f"Commits and new runs of each {word}",
        series,
        x=charts.Axis(kind="date", label=f"{word} that ends"),
        y=charts.Axis(kind="index", label=f"in a {word}", low=0),
    )
    return "" if isinstance(chart, charts.Nothing) else chart.svg("activity")


def _counted(times: Sequence[float], last: float, width: int, bins: int) -> list[float]:
    """How many moments fall into each of the bins, the last of which ends with the day `last`."""
    counts = [0.0] * bins
    for when in times:
        at = bins - 1 - int((last - when // _DAY) // width)
        if 0 <= at < bins:
            counts[at] += 1
    return counts


def history(index: Index, item: Experiment, info: MetricInfo) -> str:
    """The headline metric over the commits that changed the runs of an experiment: a line through the best.

    Runs that differ in their seed alone count by their mean. A metric without a direction has no best: the
    line then goes through the mean of all.
    """
    points = [point for commit, runs in moves(index, item) if (point := _point(commit, runs, info))]
    if len(points) < 2:
        return ""
    what, line = _says(points, info)
    chart = charts.history_chart(
        f"{info.name} over time{what}", points, metric=info.name, unit=info.unit, direction=info.direction,
        line=line, beside="single runs",
    )  # fmt: skip
    return "" if isinstance(chart, charts.Nothing) else chart.svg("history")


def moves(index: Index, item: Experiment) -> Iterator[tuple[Commit, Sequence[Run]]]:
    """The commits that changed which runs of an experiment are held, oldest first, and those they hold."""
    held: dict[str, list[Run]] = {}
    for name in item.runs:
        for sha in index.runs[name].commits if name in index.runs else ():
            if sha in index.snapshots:
                held.setdefault(sha, []).append(index.runs[name])
    near = {*held, *(child for sha in held for child in index.children.get(sha, ()))}
    for sha in sorted(near, key=lambda sha: -index.places[sha]):
        commit = index.snapshots[sha].commit
        runs, before = held.get(sha, []), held.get(next(iter(commit.parents), ""), [])
        if [run.id for run in runs] != [run.id for run in before]:
            yield commit, runs


def _says(points: Sequence[charts.Point], info: MetricInfo) -> tuple[str, str]:
    """(what the title adds, what the legend calls the line)."""
    if not any(point.beside for point in points):
        return "", info.name
    if not info.direction:
        return ": mean of each commit", "mean of each commit"
    if all(point.error is not None for point in points):
        return ": mean over the seeds", "mean of the seeds ± deviation"
    return ": best of each commit", "best of each commit"


def _point(commit: Commit, held: Sequence[Run], info: MetricInfo) -> charts.Point | None:
    """The runs that a commit holds, as a point and what lies beside it."""
    scored = [run for run in held if number(run, info.name) is not None]
    if not scored:
        return None
    groups = seeds.groups(scored) if info.direction else [scored]
    sign = -1 if info.direction == "minimize" else 1
    mean, deviation, runs = max(
        (_mean(group, info.name) for group in groups), key=lambda found: sign * found[0]
    )
    what = runs[0].name if deviation is None else f"mean of {len(runs)} runs of {runs[0].experiment}"
    return charts.Point(
        value=mean, date=commit.date, error=deviation, href=f"../../{run_href(runs[0].id)}",
        label=f"{what} ({text.value(mean, info)}) at {commit.short}",
        beside=tuple(single(run, info) for run in scored) if len(scored) > 1 else (),
    )  # fmt: skip


def _mean(runs: list[Run], metric: str) -> tuple[float, float | None, list[Run]]:
    """Mean, standard deviation (None for a single run) and the runs."""
    found = spread(runs, metric)
    return (found[0], found[1], runs) if found else (number(runs[0], metric) or 0.0, None, runs)


def single(run: Run, info: MetricInfo) -> charts.Point:
    """A run as a point of a chart on a page two folders below the site's root."""
    score = number(run, info.name)
    label = f"{run.name} ({text.value(score, info)})"
    return charts.Point(value=score, date=run.date, label=label, href=f"../../{run_href(run.id)}")


def run_lineage(index: Index, run: Run) -> tuple[str, str]:
    """What a run was made from one step before, and what became of it; and what all that comes from.

    Without code, metrics and plots. The second is empty where the lineage page shows it.
    """
    graph = lineage.without_details(lineage.of_run(run, _models(index, run)))
    own = [f"stage:{stage.address}" for stage in run.stages if stage.item]
    near = lineage.around(graph, own) if own else graph
    rest = Graph() if index.in_lineage(run) else lineage.before(graph, near)
    # What both show is drawn twice; for the rest both together have the room of one.
    twice = len({node.id for node in rest.nodes} & {node.id for node in near.nodes})
    room = max(MOST_NODES - len(near.nodes), LEAST_NODES) + twice
    return (
        _drawn_run(index, near, "lineage", f"Lineage of {run.name}", MOST_NODES),
        _drawn_run(index, rest, "before", f"What {run.name} comes from", min(room, MOST_NODES)),
    )


def _drawn_run(index: Index, graph: Graph, key: str, title: str, limit: int) -> str:
    if len(graph.nodes) < 2:
        return ""
    return charts.lineage_svg(graph, key=key, title=title, href=node_links(index, "../../"), limit=limit)


def _models(index: Index, run: Run) -> list[Model]:
    """The models with versions of a run."""
    return list({model.name: model for model, _ in index.registered.get(run.id, ())}.values())


def overview(index: Index, graph: Graph) -> str:
    """How data becomes models, stage by stage."""
    return charts.lineage_svg(
        graph, key="overview", title="From data to models", href=node_links(index, "../")
    )


def node_links(index: Index, root: str) -> Callable[[Node], str | None]:
    """What gives the page of a node, if it has one; `root` leads to the site's root."""
    datasets, models = index.dataset_names, index.model_names

    def href(node: Node) -> str | None:
        name = node.id.partition(":")[2]
        model, _, version = name.rpartition("@")
        if node.kind == "model" and model in models:
            return root + model_href(model, version)
        if node.kind == "environment" and name.rpartition("/")[0] in models:
            return root + model_href(name.rpartition("/")[0])
        if node.kind == "deployment":
            return f"{root}deployments/index.html"
        if node.kind == "data" and name in datasets:
            return f"{root}datasets/index.html#{text.slug(datasets[name])}"
        return root + run_href(node.run) if node.run and node.run in index.runs else None

    return href


def drawings(run: Run, read: Read, album: Album) -> Steps[tuple[Drawing, ...]]:
    """Every plot of a run; an image only while the album has room."""
    made = []
    for key, plot in _keys(run).items():
        drawn = yield from _drawn(run, plot, key, read, album)
        made.append(drawn)
    return tuple(made)


def _keys(run: Run) -> dict[str, Plot]:
    """Every plot by its id on the page of the run."""
    found: dict[str, Plot] = {}
    for plot in run.plots:
        key = f"plot-{text.slug(plot.name)}"
        found[key if key not in found else f"{key}-{len(found)}"] = plot
    return found


def plot_links(index: Index, run: Run) -> tuple[Link, ...]:
    """Where every plot of a run that there is is drawn."""
    page = index.run_link(run)
    shown = {key: plot for key, plot in _keys(run).items() if plot.state is State.PRESENT and page.href}
    return tuple(
        Link(text.line(plot.title or plot.name), f"{page.href}#{key}") for key, plot in shown.items()
    )


def drawing_of(run: Run, plot: Plot, key: str, read: Read, album: Album) -> Drawing:
    """One plot of a run; `key` is its id on the page."""
    return finished(_drawn(run, plot, key, read, album))


def _drawn(run: Run, plot: Plot, key: str, read: Read, album: Album) -> Steps[Drawing]:
    title = text.line(plot.title or plot.name)
    source = ", ".join(dict.fromkeys(text.line(path) for path, _ in plot.files))
    if plot.state is not State.PRESENT:
        reason = text.line(plot.reason or str(plot.state).replace("_", " "))
        return Drawing(key, title, source=source, state=str(plot.state), reason=reason)
    if is_image(plot):
        return _image(run, plot, key, title, source, read, album)
    return (yield from _chart(plot, key, title, source, read))


def is_image(plot: Plot) -> bool:
    """Whether a plot is an image that can be shown, room permitting."""
    return plot.template == "image" and plot.state is State.PRESENT


def _image(run: Run, plot: Plot, key: str, title: str, source: str, read: Read, album: Album) -> Drawing:
    path, blob = plot.files[0] if plot.files else ("", None)
    if blob is not None and album.full(blob):
        reason = f"left out, as this site has its share of images: git show {run.commit[:12]}:{path}"
        return Drawing(key, title, source=source, state="not_shown", reason=text.line(reason), path=path)
    data = (read(blob) or b"") if blob else b""
    kind, why = kind_of(data) if len(data) <= MOST_IMAGE_BYTES else ("", "")
    if len(data) > MOST_IMAGE_BYTES:
        reason = f"{path} is {text.size(len(data))}, too large to show: git show {run.commit[:12]}:{path}"
        return Drawing(key, title, source=source, state="not_shown", reason=text.line(reason), path=path)
    if not kind or blob is None:
        reason = f"{path} {why}"
    else:
        album.take(blob, len(data))
        return Drawing(key, title, image=(f"assets/plots/{text.slug(blob)}.{kind}", blob), source=source)
    return Drawing(key, title, source=source, state="unreadable", reason=text.line(reason))


def _chart(plot: Plot, key: str, title: str, source: str, read: Read) -> Steps[Drawing]:
    tables, reason = _tables(plot, read)
    if reason:
        return Drawing(key, title, source=source, state="unreadable", reason=text.line(reason))
    small = all(len(column) <= MOST_HELD for table in tables.values() for column in table.values())
    if small:  # or those of all pages that are being made would be held at once
        yield
    chart = charts.from_plot(plot, tables)
    if isinstance(chart, charts.Nothing):
        return Drawing(key, title, source=source, state="unreadable", reason=text.line(chart.reason))
    data, more = _data(next(iter(tables.values()), {}))
    if small:
        yield
    svg = chart.svg(key)
    if small:
        yield
    return Drawing(key, title, svg=svg, figure=chart.plotly(), data=data, more_rows=more, source=source)


def _tables(plot: Plot, read: Read) -> tuple[dict[str, dict[str, list[Any]]], str]:
    tables: dict[str, dict[str, list[Any]]] = {}
    for path, blob in plot.files:
        data = read(blob) if blob else None
        if data is None:
            return {}, f"{path} is not in Git"
        if len(data) > MOST_BYTES:
            return {}, f"{path} is {text.size(len(data))}, too large to draw"
        try:
            tables[path] = charts.read_columns(path, data)
        except charts.PlotDataError as error:
            return {}, str(error)
    return tables, ""


def _data(columns: Mapping[str, Sequence[Any]]) -> tuple[Grid, int]:
    names = list(columns)[:12]
    count = max((len(columns[name]) for name in names), default=0)
    shown = [_column(columns[name][:MOST_ROWS], min(count, MOST_ROWS)) for name in names]
    rows = tuple(zip(*shown, strict=True))
    return Grid(tuple(text.cut(text.line(name), 40) for name in names), rows), max(0, count - MOST_ROWS)


def _column(values: Sequence[Any], count: int) -> Sequence[str]:
    """So many cells of a column; all at once where they are short words and numbers, as CSV has them."""
    if len(values) == count and set(map(type, values)) == {str} and max(map(len, values)) <= 60:
        whole = "".join(values)
        if whole.isascii() and whole.isprintable() and " " not in whole and "" not in values:
            return values
    return [_shown(values[at] if at < len(values) else None) for at in range(count)]


def _shown(raw: Any) -> str:
    if raw is None:
        return DASH
    return text.cut(text.line(raw if type(raw) is str else text.value(raw)), 60) or '""'
