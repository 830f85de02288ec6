"""Model cards: prose from the spec, numbers from the run, and every gap shown as a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelbook.records import Model, ModelVersion, Run, Spec

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


def title(key: str) -> str:
    """A section's heading: the known one, else the key as words."""
    return SECTIONS.get(key) or key.replace("_", " ").replace("-", " ").strip().capitalize()
