"""JSON Schemas of the spec files, for editors."""

from __future__ import annotations

import json

from pydantic import BaseModel

from modelbook.spec.models import Experiment, Project

_FILES: dict[str, tuple[str, type[BaseModel]]] = {
    "project": (".modelbook/mlproject.schema.json", Project),
    "experiment": (".modelbook/experiment.schema.json", Experiment),
}


def schemas() -> dict[str, tuple[str, str]]:
    """Kind of spec -> (path its schema is kept at, the schema as JSON text)."""
    return {kind: (path, _text(model)) for kind, (path, model) in _FILES.items()}


def _text(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True, mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
