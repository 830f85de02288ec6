"""Folds what is alike in a lineage graph: twelve runs side by side become one node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from modelbook.charts._layers import Arrow
from modelbook.records import Graph, Node

ALIKE = 5
"""Fewest nodes that are folded into one."""


class Group(msgspec.Struct, frozen=True, gc=False):
    """One box of a drawing: a node, or several that are alike."""

    members: tuple[Node, ...]

    @property
    def id(self) -> str:
        """The id of its first member."""
        return self.members[0].id


def alike(graph: Graph) -> dict[str, str]:
    """Node -> the first of those it would be folded with; nodes that stay alone are not in it."""
    groups, _ = fold(graph.nodes, graph.edges, None)
    return {node.id: group.id for group in groups if len(group.members) > 1 for node in group.members}


def fold(
    nodes: Sequence[Node], arrows: Sequence[Arrow], focus: str | None
) -> tuple[list[Group], list[Arrow]]:
    """Groups and the arrows between them; the focused node stays alone.

    First whole lanes (train stage -> its model -> its metrics, once for each run) that hang on a common
    neighbour, then nodes of one kind with exactly the same neighbours.
    """
    single = [Group((node,)) for node in nodes]
    if max(Counter([node.kind for node in nodes]).values(), default=0) < ALIKE:  # nothing to be folded
        return single, list(dict.fromkeys(arrow for arrow in arrows if arrow[0] != arrow[1]))
    groups, between = _merge(single, arrows, _lanes(single, arrows, focus))
    return _merge(groups, between, _twins(groups, between, focus))


def lane_name(node: Node) -> str:
    """What lanes compare: a stage without its item, a file without its folder."""
    if node.kind == "stage":
        return node.label.split("@")[0]
    return node.label.rsplit("/", 1)[-1] if node.kind in ("artifact", "data") else ""


def _lanes(groups: Sequence[Group], arrows: Sequence[Arrow], focus: str | None) -> dict[str, str]:
    """Classes of nodes with the same surroundings, found by refining colours until nothing changes."""
    before, after = _neighbours(groups, arrows)
    colour = {
        group.id: "focus" if group.id == focus else f"{group.members[0].kind} {lane_name(group.members[0])}"
        for group in groups
    }
    count = 0
    while len(set(colour.values())) > count:
        count = len(set(colour.values()))
        seen = {
            node: (
                mine,
                tuple(sorted(colour[n] for n in before[node])),
                tuple(sorted(colour[n] for n in after[node])),
            )
            for node, mine in colour.items()
        }
        names = {signature: str(at) for at, signature in enumerate(sorted(set(seen.values())))}
        colour = {node: names[signature] for node, signature in seen.items()}
    return _anchored(colour, {node: before[node] | after[node] for node in colour})


def _anchored(colour: Mapping[str, str], near: Mapping[str, set[str]]) -> dict[str, str]:
    """Only classes that hang together: all members touch one node, or lanes of a class that does."""
    classes: dict[str, list[str]] = {}
    for node, mine in colour.items():
        classes.setdefault(mine, []).append(node)
    large = {mine for mine, members in classes.items() if len(members) >= ALIKE}
    anchored = {mine for mine in large if set.intersection(*(near[node] for node in classes[mine]))}
    todo = sorted(anchored)
    while todo:
        for node in classes[todo.pop()]:
            reached = {colour[other] for other in near[node]} & large - anchored
            anchored |= reached
            todo += sorted(reached)
    return {node: mine for node, mine in colour.items() if mine in anchored}


def _twins(groups: Sequence[Group], arrows: Sequence[Arrow], focus: str | None) -> dict[str, str]:
    before, after = _neighbours(groups, arrows)
    return {
        group.id: "\0".join(
            [group.members[0].kind, *sorted(before[group.id]), "\0", *sorted(after[group.id])]
        )
        for group in groups
        if group.id != focus and len(group.members) == 1 and (before[group.id] or after[group.id])
    }


def _neighbours(
    groups: Sequence[Group], arrows: Sequence[Arrow]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    before: dict[str, set[str]] = {group.id: set() for group in groups}
    after: dict[str, set[str]] = {group.id: set() for group in groups}
    for source, target in arrows:
        after[source].add(target)
        before[target].add(source)
    return before, after


def _merge(
    groups: Sequence[Group], arrows: Sequence[Arrow], classes: Mapping[str, str]
) -> tuple[list[Group], list[Arrow]]:
    """Joins the groups of a class where there are at least `ALIKE` of them."""
    together: dict[str, list[Group]] = {}
    for group in groups:
        together.setdefault(classes.get(group.id, f"\0{group.id}"), []).append(group)
    merged: list[Group] = []
    home: dict[str, str] = {}
    for alike in together.values():
        joined = [Group(tuple(n for g in alike for n in g.members))] if len(alike) >= ALIKE else alike
        merged += joined
        home.update((group.id, joined[0].id if len(joined) == 1 else group.id) for group in alike)
    moved = ((home[source], home[target]) for source, target in arrows)
    return merged, list(dict.fromkeys(arrow for arrow in moved if arrow[0] != arrow[1]))
