"""The model registry: what Git tags and `mlproject.yaml` say of models, as one. Pure."""

from modelbook.registry.tags import Entry, Event, Version, entries, parse, problems
from modelbook.registry.versions import Registered, models

__all__ = ["Entry", "Event", "Registered", "Version", "entries", "models", "parse", "problems"]
