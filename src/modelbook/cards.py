"""Model cards: prose from the spec, numbers from the run, and every gap shown as a gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelbook.records import Experiment, Model, ModelVersion, Run, Spec

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
        source: path of the spec that says it, which may be one that this one extends.
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


def card(
    model: Model, version: ModelVersion | None, run: Run | None, experiments: Sequence[Experiment]
) -> Card:
    """The card of a version, or of the candidate when `version` is None."""
    specs = {item.name: item.spec for item in experiments if item.spec}
    return Card(model, version, run, sections(run.spec if run else None, specs))


def sections(spec: Spec | None, specs: Mapping[str, Spec]) -> tuple[Section, ...]:
    """Every known section, filled or missing, then the author's own."""
    written: dict[str, Section] = {}
    for link in chain(spec, specs):
        for key, markdown in link.card.items():
            if key not in written and markdown.strip():
                written[key] = Section(key, title(key), markdown, link.path)
    known = [written.pop(key, Section(key, name)) for key, name in SECTIONS.items()]
    return (*known, *written.values())


def chain(spec: Spec | None, specs: Mapping[str, Spec]) -> list[Spec]:
    """The spec, the one it extends, and so on; ends at a loop or at a spec that is not there."""
    found: list[Spec] = []
    while spec is not None and spec not in found:
        found.append(spec)
        spec = specs.get(_stem(spec.extends))
    return found


def title(key: str) -> str:
    """A section's heading: the known one, else the key as words."""
    return SECTIONS.get(key) or key.replace("_", " ").replace("-", " ").strip().capitalize()


def _stem(extends: str) -> str:
    name = extends.rpartition("/")[2]
    return name.removesuffix(".yaml").removesuffix(".yml")
