"""A model card as the README.md of a model on the Hugging Face Hub, with its `model-index`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from modelbook.cards import slices
from modelbook.export.subject import Subject
from modelbook.records import Dataset, Value

LIBRARIES = {
    ".skops": "sklearn",
    ".joblib": "sklearn",
    ".onnx": "onnx",
    ".safetensors": "pytorch",
    ".keras": "keras",
}
"""End of a model file -> what the Hub calls the library that loads it."""

_MOST_METRICS = 100
_HUB_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")


def readme(subject: Subject) -> str:
    """The file: metadata as YAML (which JSON is), then the prose of the card, gaps named.

    The Hub wants a task for each result; where the model declares none, it is `other`.
    """
    head = "\n".join(f"{key}: {_yaml(value)}" for key, value in _metadata(subject).items())
    return f"---\n{head}\n---\n\n" + "\n\n".join(_body(subject)) + "\n"


def _yaml(value: Any) -> str:
    """A value as YAML on one line: JSON, with what YAML does not print written by its number."""
    said = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in said)


def _metadata(subject: Subject) -> dict[str, Any]:
    model, run = subject.model, subject.run
    end = subject.file.path[subject.file.path.rfind(".") :] if subject.file else ""
    found: dict[str, Any] = {
        **_license(model.info.license),
        "library_name": LIBRARIES.get(end, ""),
        "pipeline_tag": model.info.task,
        "tags": sorted({*run.tags, *model.info.labels}),
        "model-index": [{"name": model.name, "results": _results(subject)}],
    }
    return {key: value for key, value in found.items() if value}


def _license(said: str) -> dict[str, str]:
    like = said.lower()
    if not said:
        return {}
    return {"license": like} if _HUB_LICENSE.fullmatch(like) else {"license": "other", "license_name": said}


def _results(subject: Subject) -> list[dict[str, Any]]:
    """One result, on the data that it starts from, with every metric that no slice has."""
    names = [item.name for item in subject.datasets] or [subject.run.pipeline or subject.run.experiment]
    metrics = [
        {"type": value.name, "value": value.number, "name": value.name}
        for value in _whole(subject)
        if value.number is not None
    ]
    dataset: dict[str, Any] = {"type": names[0], "name": ", ".join(names)}
    if subject.datasets and (revision := subject.datasets[0].md5):
        dataset["revision"] = revision
    task = {"type": subject.model.info.task or "other"}
    return [{"task": task, "dataset": dataset, "metrics": metrics}] if metrics else []


def _whole(subject: Subject) -> list[Value]:
    parts = {id(value) for table in slices(subject.run) for _, row in table.rows for value in row}
    return [value for value in subject.run.metrics if id(value) not in parts][:_MOST_METRICS]


def _body(subject: Subject) -> Iterator[str]:
    model, version, run = subject.model, subject.version, subject.run
    yield f"# {_line(model.name)} {_line(version.version)}"
    if model.info.description:
        yield model.info.description.strip()
    yield f"Registered from run `{run.id}` of commit `{run.commit}`."
    for section in subject.card.sections:
        said = section.markdown.strip() or "*Nobody has written this section yet.*"
        yield f"## {_line(section.title)}\n\n{said}"
    if metrics := [value for value in _whole(subject) if value.number is not None]:
        rows = "\n".join(f"| {_cell(value.name)} | {value.number:.6g} |" for value in metrics)
        yield f"## Metrics\n\n| metric | value |\n| --- | --- |\n{rows}"
    for table in slices(run):
        head = " | ".join(map(_cell, (table.dimension, *table.metrics)))
        line = " | ".join(["---"] * (1 + len(table.metrics)))
        rows = "\n".join(
            f"| {' | '.join([_cell(part), *(_number(value) for value in values)])} |"
            for part, values in table.rows
        )
        yield f"## Metrics by {_line(table.dimension)}\n\n| {head} |\n| {line} |\n{rows}"
    if subject.datasets:
        yield "## Data\n\n" + "\n".join(map(_data, subject.datasets))


def _data(item: Dataset) -> str:
    license_ = f" ({_line(item.license)})" if item.license else ""
    return f"- {_line(item.name)}{license_}: {_line(item.source or item.path)}"


def _number(value: Value | None) -> str:
    return f"{value.number:.6g}" if value and value.number is not None else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("\\", "\\\\").replace("|", "\\|")
