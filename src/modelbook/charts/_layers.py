"""Places the nodes of a directed acyclic graph in columns, sources left, by the method of Sugiyama.

Ranks and coordinates are computed here, the order within a column (fewest crossings) by grandalf: its own
ranking pulls every source to the far left, and its coordinates are recursive and may overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from grandalf.graphs import Edge, Vertex, graph_core  # type: ignore[import-untyped]
from grandalf.layouts import SugiyamaLayout, VertexViewer  # type: ignore[import-untyped]

_DUMMIES = 3000
"""Most bends of long edges in one layout; edges beyond them are drawn straight."""
_SWEEPS = 6
_ROW_OF_SINGLES = 4

Arrow = tuple[str, str]


@dataclass(slots=True)
class Placement:
    """Where everything stands.

    Attributes:
        at: node -> (column, middle y). bends: arrow -> (column, y) of each column it passes through.
    """

    at: dict[str, tuple[int, float]] = field(default_factory=dict)
    bends: dict[Arrow, list[tuple[int, float]]] = field(default_factory=dict)
    height: float = 0.0


def acyclic(nodes: Sequence[str], arrows: Sequence[Arrow]) -> tuple[list[str], list[Arrow]]:
    """The nodes in topological order, and the arrows without those that close a circle."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    waiting = dict.fromkeys(nodes, 0)
    for source, target in arrows:
        after[source].append(target)
        waiting[target] += 1
    order: list[str] = []
    ready = [node for node in nodes if not waiting[node]]
    left = dict.fromkeys(nodes)
    while left:
        if not ready:  # a circle: break it at its first node
            ready = [next(iter(left))]
        node = ready.pop(0)
        if node not in left:
            continue
        del left[node]
        order.append(node)
        for target in after[node]:
            waiting[target] -= 1
            if not waiting[target] and target in left:
                ready.append(target)
    place = {node: at for at, node in enumerate(order)}
    return order, [arrow for arrow in arrows if place[arrow[0]] < place[arrow[1]]]


def place(nodes: Sequence[str], arrows: Sequence[Arrow], row: float, gap: float) -> Placement:
    """Columns and heights for `nodes`: connected parts one below the other, single nodes in rows at the end.

    The work is done once for graphs of one shape, as a thousand runs of a pipeline are.

    Args:
        row: height of a node. gap: between two nodes of a column.
    """
    ranks = {name: f"{at:07}" for at, name in enumerate(sorted(nodes))}
    shape = tuple((ranks[source], ranks[target]) for source, target in arrows)
    found = _placed(tuple(ranks[name] for name in nodes), shape, row, gap)
    names = {rank: name for name, rank in ranks.items()}
    return Placement(
        {names[rank]: spot for rank, spot in found.at.items()},
        {(names[source], names[target]): bends for (source, target), bends in found.bends.items()},
        found.height,
    )


@lru_cache(maxsize=256)
def _placed(nodes: tuple[str, ...], arrows: tuple[Arrow, ...], row: float, gap: float) -> Placement:
    """The placement of nodes whose names matter by their order alone."""
    order, forward = acyclic(nodes, arrows)
    result = Placement()
    singles = []
    for members, inner in _parts(order, forward):
        if len(members) == 1:
            singles += members
        else:
            _place_part(members, inner, row, gap, result)
    for at, node in enumerate(singles):
        top = result.height + (at // _ROW_OF_SINGLES) * (row + gap)
        result.at[node] = (at % _ROW_OF_SINGLES, top + row / 2)
    result.height += -(-len(singles) // _ROW_OF_SINGLES) * (row + gap)
    return result


def _parts(order: Sequence[str], arrows: Sequence[Arrow]) -> list[tuple[list[str], list[Arrow]]]:
    """Weakly connected parts, the largest first."""
    root = {node: node for node in order}

    def find(node: str) -> str:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for source, target in arrows:
        root[find(source)] = find(target)
    parts: dict[str, tuple[list[str], list[Arrow]]] = {}
    for node in order:
        parts.setdefault(find(node), ([], []))[0].append(node)
    for arrow in arrows:
        parts[find(arrow[0])][1].append(arrow)
    return sorted(parts.values(), key=lambda part: -len(part[0]))


def _ranks(order: Sequence[str], arrows: Sequence[Arrow]) -> dict[str, int]:
    """The longest way from a source; a source itself stands right before its first reader."""
    rank = dict.fromkeys(order, 0)
    place = {node: at for at, node in enumerate(order)}
    for source, target in sorted(arrows, key=lambda arrow: place[arrow[0]]):
        rank[target] = max(rank[target], rank[source] + 1)
    reached = {target for _, target in arrows}
    nearest: dict[str, int] = {}
    for source, target in arrows:
        nearest[source] = min(nearest.get(source, rank[target]), rank[target])
    return {node: rank[node] if node in reached else nearest[node] - 1 for node in order}


def _place_part(order: list[str], arrows: list[Arrow], row: float, gap: float, result: Placement) -> None:
    rank = _ranks(order, arrows)
    steps, passes = _subdivide(rank, arrows)
    columns = _ordered(rank, passes, steps)
    heights = {point: 8.0 for ways in passes.values() for point in ways}
    y = _heights(columns, steps, {node: heights.get(node, row) for column in columns for node in column}, gap)
    top = min(y[node] - heights.get(node, row) / 2 for node in y)
    shift = result.height - top
    for node in order:
        result.at[node] = (rank[node], y[node] + shift)
    for arrow, ways in passes.items():
        result.bends[arrow] = [(rank[arrow[0]] + 1 + at, y[point] + shift) for at, point in enumerate(ways)]
    result.height = max(y[node] + heights.get(node, row) / 2 for node in y) + shift + gap


def _subdivide(
    rank: Mapping[str, int], arrows: Sequence[Arrow]
) -> tuple[list[Arrow], dict[Arrow, list[str]]]:
    """Arrows cut so that each spans one column, and the names of the cuts, kept from real nodes by a NUL."""
    steps: list[Arrow] = []
    passes: dict[Arrow, list[str]] = {}
    left = _DUMMIES
    for arrow in sorted(arrows, key=lambda arrow: (rank[arrow[1]] - rank[arrow[0]], arrow)):
        source, target = arrow
        span = rank[target] - rank[source] - 1
        if span > left:
            continue
        left -= span
        ways = [f"\0{len(passes)}\0{at}" for at in range(span)]
        passes[arrow] = ways
        steps += zip([source, *ways], [*ways, target], strict=True)
    return steps, passes


def _ordered(
    rank: Mapping[str, int], passes: Mapping[Arrow, list[str]], steps: Sequence[Arrow]
) -> list[list[str]]:
    """Columns of nodes and cuts, ordered by grandalf so that few arrows cross."""
    columns: dict[str, int] = dict(rank)
    for arrow, ways in passes.items():
        columns.update((point, rank[arrow[0]] + 1 + at) for at, point in enumerate(ways))
    reached = {target for _, target in steps}
    sources = {name: column for name, column in columns.items() if name not in reached}
    vertices = {name: Vertex(name) for name in columns}
    # A spine that every source hangs on makes the graph connected, which grandalf insists on, and keeps late
    # sources from being moved to the first column.
    spine = [Vertex(None) for _ in range(max(sources.values()) + 1)]
    for vertex in (*vertices.values(), *spine):
        vertex.view = VertexViewer(w=1, h=1)
    links = [Edge(before, after) for before, after in pairwise(spine)]
    links += [Edge(spine[column], vertices[name]) for name, column in sources.items()]
    forward = sorted(steps, key=lambda step: columns[step[0]])
    links += [Edge(vertices[source], vertices[target]) for source, target in forward]
    graph = graph_core([spine[0]])
    for link in links:  # one by one: given all at once, grandalf checks connectedness in quadratic time
        graph.add_edge(link)
    layout = SugiyamaLayout(graph)
    layout.init_all(roots=[spine[0]], inverted_edges=[])
    for _ in range(_SWEEPS // 2):
        for _step in layout.ordering_step():
            pass
    return [[vertex.data for vertex in layer if vertex.data is not None] for layer in layout.layers[1:]]


def _heights(
    columns: Sequence[Sequence[str]], steps: Sequence[Arrow], size: Mapping[str, float], gap: float
) -> dict[str, float]:
    """A height for everything: as near to its neighbours as order and distance allow."""
    before: dict[str, list[str]] = {name: [] for name in size}
    after: dict[str, list[str]] = {name: [] for name in size}
    for source, target in steps:
        before[target].append(source)
        after[source].append(target)
    y: dict[str, float] = {}
    for column in columns:
        y.update(zip(column, _spread(column, [0.0] * len(column), size, gap), strict=True))
    for sweep in range(_SWEEPS):
        near = (before, after, before, after)[sweep % 4]
        for column in columns if near is before else reversed(columns):
            wanted = [_middle([y[other] for other in near[name]], y[name]) for name in column]
            y.update(zip(column, _spread(column, wanted, size, gap), strict=True))
    return y


def _middle(values: list[float], otherwise: float) -> float:
    if not values:
        return otherwise
    values.sort()
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def _spread(
    column: Sequence[str], wanted: Sequence[float], size: Mapping[str, float], gap: float
) -> list[float]:
    """The heights nearest to `wanted` (least squares) that keep the order and the distances.

    With the distances subtracted this is isotonic regression: neighbours that would be out of order are
    pooled at their mean.
    """
    offsets = [0.0]
    for above, below in pairwise(column):
        offsets.append(offsets[-1] + (size[above] + size[below]) / 2 + gap)
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            more, members = blocks.pop()
            total, count = total + more, count + members
        blocks.append((total, count))
    levels = [total / count for total, count in blocks for _ in range(count)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]
