"""The model registry: what Git tags and `mlproject.yaml` say of models, as one. Pure."""

from modelbook.registry.tags import (
    Entry,
    Event,
    Version,
    counter,
    entries,
    following,
    order,
    parse,
    problems,
)
from modelbook.registry.versions import Registered, models

__all__ = [
    "Entry",
    "Event",
    "Registered",
    "Version",
    "counter",
    "entries",
    "following",
    "models",
    "order",
    "parse",
    "problems",
]
