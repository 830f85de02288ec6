"""Draws a lineage graph, left to right: data, stages, artifacts, runs, models, environments, deployments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec

from modelbook.charts import _svg
from modelbook.charts._clusters import Group, fold, lane_name
from modelbook.charts._layers import Arrow, Placement, place
from modelbook.charts.base import Nothing
from modelbook.records import Graph, Node

NODES = 500
"""Most boxes in a drawing."""
_WIDTH, _HEIGHT, _GAP, _COLUMN = 172.0, 42.0, 14.0, 232.0
_MARGIN = 12.0
_ICONS = {
    "data": "M3 5c0-3 14-3 14 0v10c0 3-14 3-14 0zM3 5c0 3 14 3 14 0M3 10c0 3 14 3 14 0",
    "stage": "M10 3l6 3.5v7L10 17l-6-3.5v-7zM10 10l6-3.5M10 10v7M10 10L4 6.5",
    "artifact": "M5 2.5h7l4 4V17.5H5zM12 2.5v4h4",
    "run": "M6 3.5l10 6.5-10 6.5z",
    "model": "M10 2.5l2.3 4.9 5.2.7-3.8 3.7.9 5.3-4.6-2.5-4.6 2.5.9-5.3-3.8-3.7 5.2-.7z",
    "environment": "M5 14.5a3.5 3.5 0 0 1 .5-7 5 5 0 0 1 9.5 1 3 3 0 0 1 0 6z",
    "deployment": "M3 4h14v5H3zM3 11h14v5H3zM6 6.5h2M6 13.5h2",
}
_PLURALS = {"data": "datasets", "artifact": "artifacts", "environment": "environments"}
_ROUND = {"stage": 3, "data": 10, "artifact": 0, "run": 21, "model": 10, "environment": 21, "deployment": 3}
_TONES = {"data": 0, "stage": 6, "artifact": 4, "run": 2, "model": 3, "environment": 5, "deployment": 1}
LINEAGE_KINDS: dict[str, dict[str, Any]] = {
    kind: {
        "icon": icon,
        "round": _ROUND[kind],
        "tone": _TONES[kind],
        "plural": _PLURALS.get(kind, f"{kind}s"),
    }
    for kind, icon in _ICONS.items()
}
"""How the nodes of each kind look, for scripts that draw them too."""

Href = Callable[[Node], str | None]


def lineage_svg(
    graph: Graph,
    *,
    key: str,
    title: str = "Lineage",
    href: Href | None = None,
    focus: str | None = None,
    limit: int = NODES,
) -> str:
    """The graph as SVG, as wide as it needs: let it scroll sideways.

    Args:
        key: unique on the page.
        href: where a node leads, or None.
        focus: id of the node the page is about; it is highlighted and never folded.
        limit: most boxes; those farthest from the focus (or last by id) are left out, and the drawing says
            how many nodes that hides.
    """
    nodes = sorted({node.id: node for node in graph.nodes}.values(), key=lambda node: node.id)
    known = {node.id for node in nodes}
    arrows = sorted({(a, b) for a, b in graph.edges if a != b and a in known and b in known})
    groups, folded = fold(nodes, arrows, focus)
    shown, hidden = _bounded(groups, folded, focus, limit)
    ids = {group.id for group in shown}
    kept = [(a, b) for a, b in folded if a in ids and b in ids]
    where = place([group.id for group in shown], kept, _HEIGHT, _GAP)
    texts = {group.id: _texts(group) for group in shown}
    return _draw(_Picture(key, title, shown, kept, where, focus, hidden, href or _nowhere, texts))


def _nowhere(_: Node) -> None:
    return None


def _bounded(
    groups: Sequence[Group], arrows: Sequence[Arrow], focus: str | None, limit: int
) -> tuple[list[Group], int]:
    """At most `limit` groups, nearest to the focus first, in their old order; and the nodes left out."""
    if len(groups) <= limit:
        return list(groups), 0
    distance = _distances(arrows, focus)
    places = {group.id: (distance.get(group.id, len(groups)), at) for at, group in enumerate(groups)}
    nearest = set(sorted(places, key=lambda name: places[name])[:limit])
    left_out = sum(len(group.members) for group in groups if group.id not in nearest)
    return [group for group in groups if group.id in nearest], left_out


def _distances(arrows: Sequence[Arrow], focus: str | None) -> dict[str, int]:
    """Steps from the focus, whichever way the arrows point."""
    near: dict[str, list[str]] = {}
    for source, target in arrows:
        near.setdefault(source, []).append(target)
        near.setdefault(target, []).append(source)
    distance = {focus: 0} if focus else {}
    ring = list(distance)
    while ring:
        found = dict.fromkeys(other for node in ring for other in near.get(node, ()) if other not in distance)
        distance.update(dict.fromkeys(found, distance[ring[0]] + 1))
        ring = list(found)
    return distance


class _Picture(msgspec.Struct, frozen=True, gc=False):
    key: str
    title: str
    groups: Sequence[Group]
    arrows: Sequence[Arrow]
    where: Placement
    focus: str | None
    hidden: int
    href: Href
    texts: dict[str, tuple[str, str]]

    def corner(self, name: str) -> tuple[float, float]:
        """Left end and middle of a box."""
        column, y = self.where.at[name]
        return _MARGIN + column * _COLUMN, _MARGIN + y


def _draw(picture: _Picture) -> str:
    if not picture.groups:
        return Nothing(picture.title, "the graph is empty").svg(picture.key)
    arrowhead = f"{_svg.identifier(picture.key)}-arrow"
    columns = 1 + max(column for column, _ in picture.where.at.values())
    width = 2 * _MARGIN + (columns - 1) * _COLUMN + _WIDTH
    height = 2 * _MARGIN + picture.where.height - _GAP
    body = [_arrowhead(arrowhead)]
    body += [_arrow(picture, arrow, arrowhead) for arrow in picture.arrows]
    body += [_box(picture, group) for group in picture.groups]
    if picture.hidden:
        note = f"{picture.hidden} more nodes are left out."
        body.append(_svg.label(_MARGIN, height + 10, note, fill="muted"))
        height, width = height + 20, max(width, 240.0)
    linked = any(picture.href(member) for group in picture.groups for member in group.members)
    return _svg.document(
        picture.key,
        width,
        height,
        picture.title,
        _words(picture),
        body,
        linked=linked,
        class_="mb-svg mb-lineage",
    )


@lru_cache(maxsize=64)
def _arrowhead(name: str) -> str:
    tip = _svg.tag("path", d="M0 0L8 4L0 8z", class_="mb-arrowhead", fill=_svg.MUTED)
    return _svg.tag(
        "defs",
        _svg.tag(
            "marker",
            tip,
            id=name,
            viewBox="0 0 8 8",
            refX=8,
            refY=4,
            markerWidth=7,
            markerHeight=7,
            orient="auto",
        ),
    )


def _arrow(picture: _Picture, arrow: Arrow, arrowhead: str) -> str:
    """A curve from box to box, through the gaps that the layout left for it."""
    x, y = picture.corner(arrow[0])
    stops = [(x + _WIDTH, y)]
    for column, bend in picture.where.bends.get(arrow, ()):
        left = _MARGIN + column * _COLUMN
        stops += [(left, _MARGIN + bend), (left + _WIDTH, _MARGIN + bend)]
    stops.append(picture.corner(arrow[1]))
    return _curve(tuple(stops), picture.focus in arrow, arrowhead)


@lru_cache(maxsize=1 << 10)
def _curve(stops: tuple[tuple[float, float], ...], near: bool, arrowhead: str) -> str:
    """An arrow through some places; remembered, since runs of one pipeline are drawn alike."""
    commands = [f"M{_svg.pixel(stops[0][0])} {_svg.pixel(stops[0][1])}"]
    for (x1, y1), (x2, y2) in pairwise(stops):
        middle = _svg.pixel((x1 + x2) / 2)
        commands.append(
            f"C{middle} {_svg.pixel(y1)} {middle} {_svg.pixel(y2)} {_svg.pixel(x2)} {_svg.pixel(y2)}"
            if y1 != y2
            else f"H{_svg.pixel(x2)}"
        )
    return _svg.tag(
        "path", d="".join(commands), class_="mb-arrow mb-near" if near else "mb-arrow", fill="none",
        stroke=_svg.MUTED, stroke_width=2 if near else 1.3, marker_end=f"url(#{arrowhead})",
    )  # fmt: skip


def _box(picture: _Picture, group: Group) -> str:
    node = group.members[0]
    x, y = picture.corner(node.id)
    heading, under = picture.texts[node.id]
    focused, single = node.id == picture.focus, len(group.members) == 1
    name = f' data-node="{_svg.fresh(node.id)}"' if single else ""
    frame, above, below = _frame(node.kind, x, y, focused, not single)
    drawn = (
        f'<g class="{"mb-box mb-focus" if focused else "mb-box"}"{name}>'
        f"<title>{_svg.fresh(_tooltip(group))}</title>{frame}"
        f"{above}{_svg.fresh(_svg.shorten(heading, _WIDTH - (52 if focused else 42)))}</text>"
        f"{below}{_svg.fresh(_svg.shorten(under, _WIDTH - 42, 10.5))}</text></g>"
    )
    href = _svg.safe_link(picture.href(node)) if single else None
    return f'<a href="{_svg.fresh(href)}">{drawn}</a>' if href else drawn


@lru_cache(maxsize=1 << 10)
def _frame(kind: str, x: float, y: float, focused: bool, several: bool) -> tuple[str, str, str]:
    """A box with its icon, and the beginnings of its two texts.

    Remembered, since runs of one pipeline are drawn alike.
    """
    top, tone = y - _HEIGHT / 2, _TONES.get(kind, 6)
    look = _svg.look(
        width=_WIDTH, height=_HEIGHT, rx=_ROUND.get(kind, 6), fill=_svg.PAPER,
        stroke=_svg.colour(tone), stroke_width=3 if focused else 1.3,
        class_=f"mb-node {_svg.series_class(tone)}",
    )  # fmt: skip
    behind = _rectangle(x + 4, top + 4, look) if several else ""
    icon = (
        f"<path{_svg.look(d=_ICONS.get(kind, _ICONS['artifact']), fill='none', stroke_width=1.4)}"
        f' transform="translate({_svg.pixel(x + 8)} {_svg.pixel(y - 10)})"'
        f"{_svg.look(stroke=_svg.colour(tone), class_=_svg.series_class(tone))}/>"
    )
    above = _svg.label(x + 34, y - 2, "", font_weight=700 if focused else 500)
    below = _svg.label(x + 34, y + 13, "", size=10.5, fill="muted")
    drawn = behind + _rectangle(x, top, look) + icon
    return drawn, above.removesuffix("</text>"), below.removesuffix("</text>")


def _rectangle(x: float, y: float, look: str) -> str:
    return f'<rect x="{_svg.pixel(x)}" y="{_svg.pixel(y)}"{look}/>'


def _texts(group: Group) -> tuple[str, str]:
    node = group.members[0]
    if len(group.members) == 1:
        folder, _, name = (node.label or node.id).rpartition("/")
        if not name or node.kind not in ("artifact", "data"):
            return node.label or node.id, node.detail or node.kind
        return name, " · ".join(part for part in (node.detail, folder) if part and part != "out") or node.kind
    plural = _PLURALS.get(node.kind, f"{node.kind}s")
    common = {lane_name(member) for member in group.members}
    return f"… {len(group.members)} {plural}", common.pop() if len(common) == 1 else ""


def _tooltip(group: Group) -> str:
    if len(group.members) == 1:
        node = group.members[0]
        name = f"{node.kind} {node.label or node.id}"
        return " · ".join([name, *filter(None, (node.detail, node.md5))])
    names = [member.label or member.id for member in group.members]
    return "\n".join(names[:30]) + (f"\n… and {len(names) - 30} more" if len(names) > 30 else "")


def _words(picture: _Picture) -> str:
    kinds = Counter(member.kind for group in picture.groups for member in group.members)
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    left_out = f" {picture.hidden} more nodes are left out." if picture.hidden else ""
    names = picture.texts
    flow = "; ".join([f"{names[a][0]} to {names[b][0]}" for a, b in picture.arrows[:20]])
    more = f"; and {len(picture.arrows) - 20} more" if len(picture.arrows) > 20 else ""
    return f"How data flows, left to right. Nodes: {counted}.{left_out} Arrows: {flow or 'none'}{more}."
