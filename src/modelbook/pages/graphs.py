"""The lineage page, and the lineage as data for it; the format is described in assets/lineage-graph.js."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from modelbook import charts, lineage
from modelbook.pages import text
from modelbook.pages.cells import DASH, Cell, Column, Table
from modelbook.pages.drawings import node_links, overview
from modelbook.pages.index import Index, Link, run_href
from modelbook.records import Graph, Node, Run

MOST_NODES = 12_000
"""Beyond this many nodes results and code are left out, then the single runs: one data file stays small."""


MOST_ROWS = 300
"""Rows of the table of nodes."""

MOST_NAMED = 8
"""Neighbours that such a row names."""


class LineagePage(msgspec.Struct, frozen=True, gc=False):
    """`lineage/`: the graph of HEAD and of every model version.

    Attributes:
        overview: SVG, stage by stage; empty when there is nothing to draw.
        nodes: of the overview as a table. more: how many do not fit into it.
        total, edges: of the whole graph, which a script draws from the data file at `data`.
    """

    overview: str
    nodes: Table
    more: int
    total: int
    edges: int
    data: str


def page(index: Index, data: str) -> tuple[LineagePage, dict[str, Any]]:
    """The page, and the data that is to stand at `data` (address from the site's root)."""
    graph = lineage.of_project(index.catalog)
    short = lineage.by_stage(lineage.without_details(graph))
    made = LineagePage(
        overview=overview(index, short) if graph.nodes else "",
        nodes=_nodes(index, short),
        more=max(0, len(short.nodes) - MOST_ROWS),
        total=len(graph.nodes),
        edges=len(graph.edges),
        data=data,
    )
    return made, columns(index, graph, node_links(index, ""))


def _nodes(index: Index, graph: Graph) -> Table:
    """Nodes with what they are made from and what they become, for those who read rather than look."""
    names = {node.id: text.cut(text.line(node.label), 80) for node in graph.nodes}
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for source, target in graph.edges:
        before.setdefault(target, []).append(names[source])
        after.setdefault(source, []).append(names[target])
    href = node_links(index, "")
    rows = tuple(
        (
            Cell(names[node.id], href=href(node)),
            Cell(node.kind),
            Cell(_listed(before.get(node.id, ()))),
            Cell(_listed(after.get(node.id, ()))),
        )
        for node in graph.nodes[:MOST_ROWS]
    )
    headings = (Column("node"), Column("kind"), Column("made from"), Column("becomes"))
    return Table(headings, rows, "Nodes with their inputs and outputs")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more or DASH


def shortened(graph: Graph) -> tuple[Graph, str]:
    """The graph, with at most `MOST_NODES` nodes where leaving things out helps; and what was left out."""
    plain = lineage.without_details(graph) if len(graph.nodes) > MOST_NODES else graph
    short = lineage.by_stage(plain) if len(plain.nodes) > MOST_NODES else plain
    if short is graph:
        return graph, ""
    what = "Code, metrics and plots" + ("" if short is plain else ", and the single runs of each stage,")
    return short, f"{what} are left out of these {len(graph.nodes):,} nodes."


def columns(index: Index, graph: Graph, href: Callable[[Node], str | None]) -> dict[str, Any]:
    """Nodes, edges and what they belong to.

    Args:
        href: where a node leads, from the site's root.
    """
    graph, left_out = shortened(graph)
    nodes = graph.nodes
    at = {node.id: number for number, node in enumerate(nodes)}
    kept = {node.id for node in lineage.without_details(graph).nodes}
    runs: dict[str, int] = {}
    for node in nodes:
        if node.run and node.run in index.runs:
            runs.setdefault(node.run, len(runs) + 1)
    boxes, inside = _boxes(graph)
    since = _since(index)
    commits = {link: number for number, link in enumerate(dict.fromkeys(since.values()), 1)}
    return {
        "version": 1,
        "leftOut": left_out,
        "head": _head(index),
        "kinds": charts.LINEAGE_KINDS,
        "runs": [_run(index, index.runs[run]) for run in runs],
        "boxes": boxes,
        "nodes": {
            "kind": [node.kind for node in nodes],
            "name": [node.id.partition(":")[2] for node in nodes],
            "label": _sparse(node.label if node.label != node.id.partition(":")[2] else "" for node in nodes),
            "detail": _sparse("" if node.detail == "out" else node.detail for node in nodes),
            "hash": _sparse(node.md5 or node.lock for node in nodes),
            "size": _sparse(text.size(node.size) for node in nodes),
            "files": _sparse(node.nfiles for node in nodes),
            "command": _sparse(text.cut(node.command, 2000) for node in nodes),
            "href": _sparse(href(node) if node.kind not in ("stage", "artifact") else None for node in nodes),
            "run": _sparse(runs.get(node.run or "") for node in nodes),
            "box": _sparse(inside.get(node.id) for node in nodes),
            "commit": _sparse(commits[since[node.id]] if node.id in since else 0 for node in nodes),
            "minor": _sparse(int(node.id not in kept) for node in nodes),
        },
        "commits": [[link.text, link.href or "", link.title] for link in commits],
        "edges": [at[end] for edge in graph.edges for end in edge],
    }


def _head(index: Index) -> list[str] | None:
    if not index.catalog.head:
        return None
    link = index.commit_link(index.catalog.head)
    return [link.text, link.href or ""]


def _sparse(values: Iterable[Any]) -> dict[str, Any]:
    """Only what is there, by the number of its node: most columns are mostly empty."""
    return {str(number): value for number, value in enumerate(values) if value}


def _boxes(graph: Graph) -> tuple[list[list[str]], dict[str, int]]:
    """What may be drawn as one: [id, label] of each box; and node -> its number, counted from 1.

    The items of a stage and what they make, then whatever else is alike beside them.
    """
    home = lineage.items_of_stages(graph)
    short = lineage.by_stage(graph)
    if short is graph:
        home = {}
    part_of = {node.id: home.get(node.id, (node.id, ""))[0] for node in graph.nodes}
    like = charts.alike(short)
    labels = dict(home.values())
    members: dict[str, list[str]] = {}
    for node in graph.nodes:
        members.setdefault(like.get(part_of[node.id], part_of[node.id]), []).append(node.id)
    joint = {key: found for key, found in members.items() if len(found) > 1}
    inside = {node: number for number, found in enumerate(joint.values(), 1) for node in found}
    return [[f"{key}*" if key not in labels else key, labels.get(key, "")] for key in joint], inside


def _run(index: Index, run: Run) -> list[str]:
    links = (index.experiment_link(run.experiment), index.commit_link(run.commit))
    about = [part for link in links for part in (link.text, link.href or "")]
    return [run.id, text.line(run.name), run_href(run.id), *about]


def _since(index: Index) -> Mapping[str, Link]:
    """Node -> the commit that brought it: data as it is now, and model versions."""
    found: dict[str, Link] = {}
    last: dict[str, str | None] = {}
    seen: Sequence[Any] = ()
    for snapshot in reversed(index.catalog.snapshots):
        if snapshot.datasets is seen:
            continue
        seen = snapshot.datasets
        for held in snapshot.datasets:
            if held.md5 and last.get(held.path) != held.md5:
                last[held.path] = held.md5
                link = index.commit_link(snapshot.commit.sha)
                found[f"data:{held.path}"] = link
                found.setdefault(f"data:{held.path}@{held.md5[:7]}", link)
    for model in index.catalog.models:
        for version in model.versions:
            if version.commit:
                found[f"model:{model.name}@{version.version}"] = index.commit_link(version.commit)
    return found
