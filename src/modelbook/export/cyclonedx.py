"""A machine learning bill of materials: CycloneDX 1.6 JSON of one version, its data and its libraries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from modelbook.cards import slices
from modelbook.export.subject import Subject
from modelbook.records import Dataset, Run

_MD5 = re.compile(r"[0-9a-f]{32}")
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


def bill(subject: Subject, generator: str) -> dict[str, Any]:
    """The document as plain data.

    Args:
        generator: version of Modelbook.
    """
    model = _model(subject)
    data = [_data(item) for item in subject.datasets]
    libraries = [_library(*pair) for pair in _packages(subject.run)]
    refs = [item["bom-ref"] for item in (*data, *libraries)]
    metadata: dict[str, Any] = {
        "tools": {"components": [{"type": "application", "name": "modelbook", "version": generator}]},
        "component": model,
    }
    if _DATE.fullmatch(subject.version.date):
        metadata["timestamp"] = subject.version.date
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": [*data, *libraries],
        "dependencies": [{"ref": model["bom-ref"], "dependsOn": refs}, *({"ref": ref} for ref in refs)],
    }


def _model(subject: Subject) -> dict[str, Any]:
    info, run = subject.model.info, subject.run
    return _filled(
        {
            "type": "machine-learning-model",
            "bom-ref": f"model:{subject.name}",
            "name": subject.model.name,
            "version": subject.version.version,
            "description": info.description,
            "authors": [{"name": info.owner}] if info.owner else [],
            "licenses": _licenses(info.license),
            "hashes": _hashes(subject.file.md5 if subject.file else None),
            "modelCard": _card(subject),
            "properties": [
                {"name": "modelbook:run", "value": run.id},
                {"name": "modelbook:commit", "value": run.commit},
                *({"name": f"modelbook:param:{item.name}", "value": str(item.value)} for item in run.params),
            ],
        }
    )


def _card(subject: Subject) -> dict[str, Any]:
    written = {section.key: section.markdown for section in subject.card.sections if not section.missing}
    part_of = {
        id(value): f"{table.dimension}={part}"
        for table in slices(subject.run)
        for part, row in table.rows
        for value in row
    }
    metrics = [
        _filled({"type": item.name, "value": repr(item.value), "slice": part_of.get(id(item), "")})
        for item in subject.run.metrics
        if item.number is not None
    ]
    ethics = [{"name": written["ethical_considerations"]}] if "ethical_considerations" in written else []
    limits = [written[key] for key in ("limitations", "caveats") if key in written]
    considerations = _filled(
        {
            "useCases": [written[key] for key in ("intended_use", "out_of_scope") if key in written],
            "technicalLimitations": limits,
            "ethicalConsiderations": ethics,
        }
    )
    datasets = [{"ref": f"data:{item.path}"} for item in subject.datasets]
    return _filled(
        {
            "modelParameters": _filled({"task": subject.model.info.task, "datasets": datasets}),
            "quantitativeAnalysis": _filled({"performanceMetrics": metrics}),
            "considerations": considerations,
        }
    )


def _data(item: Dataset) -> dict[str, Any]:
    contents = {"url": item.url} if item.url else {"properties": [{"name": "path", "value": item.path}]}
    body = {"type": "dataset", "name": item.name, "contents": contents, "description": item.description}
    return _filled(
        {
            "type": "data",
            "bom-ref": f"data:{item.path}",
            "name": item.name,
            "version": item.revision or item.md5 or "",
            "description": item.source,
            "licenses": _licenses(item.license),
            "hashes": _hashes(item.md5),
            "data": [_filled(body)],
        }
    )


def _packages(run: Run) -> list[tuple[str, str]]:
    return sorted({pair for item in run.environments for pair in item.packages if all(pair)})


def _library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{quote(re.sub(r'[-_.]+', '-', name).lower())}@{quote(version)}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _licenses(said: str) -> list[dict[str, Any]]:
    if not said:
        return []
    return [{"expression": said}] if _EXPRESSION.fullmatch(said) else [{"license": {"name": said}}]


def _hashes(md5: str | None) -> list[dict[str, str]]:
    """The MD5 of a file; a folder's is that of a listing, which nobody else could check."""
    return [{"alg": "MD5", "content": md5}] if md5 and _MD5.fullmatch(md5) else []


def _filled(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value not in ("", [], {}, None)}
