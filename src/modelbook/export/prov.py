"""Where a version came from, as PROV-JSON: data and files are entities, stages activities, people agents."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from modelbook.export.subject import Subject
from modelbook.records import Graph, Node

PREFIX = "mb"
NAMESPACE = "urn:modelbook:"


def provenance(subject: Subject, graph: Graph) -> dict[str, Any]:
    """The document as plain data.

    Args:
        graph: the lineage of the version, from where its data came from.
    """
    kinds = {node.id: node.kind for node in graph.nodes}
    found: dict[str, Any] = {"prefix": {PREFIX: NAMESPACE}}
    for node in graph.nodes:
        found.setdefault("activity" if node.kind == "stage" else "entity", {})[_id(node.id)] = _about(node)
    for number, (source, target) in enumerate(graph.edges):
        name, relation = _relation(source, target, kinds)
        found.setdefault(name, {})[f"_:r{number}"] = relation
    _people(found, subject, [node.id for node in graph.nodes if node.kind == "stage"])
    return found


def _id(name: str) -> str:
    return f"{PREFIX}:{quote(name, safe='/@.-_~')}"


def _about(node: Node) -> dict[str, Any]:
    said = {
        "prov:label": node.label,
        "prov:type": {"$": f"{PREFIX}:{node.kind}", "type": "prov:QUALIFIED_NAME"},
        f"{PREFIX}:md5": node.md5,
        f"{PREFIX}:bytes": node.size,
        f"{PREFIX}:command": node.command,
        f"{PREFIX}:lock": node.lock,
        f"{PREFIX}:detail": node.detail,
    }
    return {key: value for key, value in said.items() if value not in ("", None)}


def _relation(source: str, target: str, kinds: dict[str, str]) -> tuple[str, dict[str, str]]:
    """How PROV says an edge: it points back, from what was made to what it was made of."""
    if kinds[target] == "stage":
        if kinds[source] == "stage":
            return "wasInformedBy", {"prov:informed": _id(target), "prov:informant": _id(source)}
        return "used", {"prov:activity": _id(target), "prov:entity": _id(source)}
    if kinds[source] == "stage":
        return "wasGeneratedBy", {"prov:entity": _id(target), "prov:activity": _id(source)}
    return "wasDerivedFrom", {"prov:generatedEntity": _id(target), "prov:usedEntity": _id(source)}


def _people(found: dict[str, Any], subject: Subject, stages: list[str]) -> None:
    """Who committed the run did its stages; who registered the version answers for it."""
    for name in sorted({subject.run.author, subject.version.author} - {""}):
        about = {"prov:label": name, "prov:type": {"$": "prov:Person", "type": "prov:QUALIFIED_NAME"}}
        found.setdefault("agent", {})[_id(f"person:{name}")] = about
    if subject.run.author:
        for number, stage in enumerate(stages):
            said = {"prov:activity": _id(stage), "prov:agent": _id(f"person:{subject.run.author}")}
            found.setdefault("wasAssociatedWith", {})[f"_:a{number}"] = said
    if subject.version.author:
        model, who = _id(f"model:{subject.name}"), _id(f"person:{subject.version.author}")
        found["wasAttributedTo"] = {"_:v0": {"prov:entity": model, "prov:agent": who}}
