"""Model cards: prose from the spec, numbers from the run, and every gap shown as a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelbook.records import Model, ModelVersion, Run, Spec, Value

SECTIONS: Mapping[str, str] = {
    "intended_use": "Intended use",
    "out_of_scope": "Out-of-scope use",
    "training_data": "Training data",
    "evaluation_data": "Evaluation data",
    "factors": "Factors",
    "limitations": "Limitations",
    "ethical_considerations": "Ethical considerations",
    "caveats": "Caveats and recommendations",
}
"""The sections every card has, in order; a spec may add its own, which follow."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of prose.

    Attributes:
        markdown: as the spec's author wrote it; empty for a section that is missing.
        source: path of the file that says it: the spec, one that it extends, or a Markdown card.
    """

    key: str
    title: str
    markdown: str = ""
    source: str = ""

    @property
    def missing(self) -> bool:
        """Whether nobody has written it yet."""
        return not self.markdown


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model version.

    Attributes:
        run: what it was registered from, or the candidate; None when no history holds it.
    """

    model: Model
    version: ModelVersion | None
    run: Run | None
    sections: tuple[Section, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Titles of the sections that nobody has written."""
        return tuple(section.title for section in self.sections if section.missing)


def card(model: Model, version: ModelVersion | None, run: Run | None) -> Card:
    """The card of a version, or of the candidate when `version` is None."""
    return Card(model, version, run, sections(run.spec if run else None))


def sections(spec: Spec | None) -> tuple[Section, ...]:
    """Every known section, filled or missing, then the author's own; the nearest spec of a chain wins."""
    written: dict[str, Section] = {}
    for link in (spec, *spec.chain) if spec else ():
        for key, markdown in link.card.items():
            if key not in written and markdown.strip():
                written[key] = Section(key, title(key), markdown, link.card_file or link.path)
    known = [written.pop(key, Section(key, name)) for key, name in SECTIONS.items()]
    return (*known, *written.values())


@dataclass(frozen=True, slots=True)
class Slices:
    """Metrics of an evaluation by one dimension of its data, such as the month.

    Attributes:
        dimension: its name. metrics: the columns. rows: (slice, a value for each metric or None).
    """

    dimension: str
    metrics: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Value | None, ...]], ...]


def slices(run: Run) -> tuple[Slices, ...]:
    """What a run's files named after slices (`slices.json`) hold, in the order of the files.

    `{DIMENSION: {SLICE: {METRIC: number}}}` is a table for each dimension; `{METRIC: {SLICE: number}}` is one
    of a single column.
    """
    found: dict[str, dict[str, dict[str, Value]]] = {}
    for value in run.metrics:
        if "slice" in value.path.rpartition("/")[2].lower() and len(value.key) in (2, 3):
            dimension, part, metric = (*value.key, value.key[0])[:3]
            found.setdefault(dimension, {}).setdefault(part, {})[metric] = value
    return tuple(_table(dimension, parts) for dimension, parts in found.items())


def _table(dimension: str, parts: Mapping[str, Mapping[str, Value]]) -> Slices:
    metrics = tuple(dict.fromkeys(metric for row in parts.values() for metric in row))
    rows = tuple((part, tuple(row.get(metric) for metric in metrics)) for part, row in parts.items())
    return Slices(dimension, metrics, rows)


def title(key: str) -> str:
    """A section's heading: the known one, else the key as words."""
    return SECTIONS.get(key) or key.replace("_", " ").replace("-", " ").strip().capitalize()
