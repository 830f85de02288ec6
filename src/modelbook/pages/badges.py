"""Badges for READMEs: which version of a model is in force, and the best score of a pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from modelbook import charts
from modelbook.catalog import best as ranked
from modelbook.pages import text
from modelbook.pages.index import Index, best
from modelbook.records import Catalog, Model

GOOD, PLAIN = "#00795a", "#5c6370"
"""Behind the message, each with a contrast of 4.5:1 to its white text."""

PRODUCTION = ("prod", "production")
_LONGEST = 60


class Badge(msgspec.Struct, frozen=True, gc=False):
    """What a badge says. `color` is a hexadecimal colour with its `#`."""

    label: str
    message: str
    color: str = PLAIN

    def svg(self) -> str:
        """The drawing."""
        return charts.badge(self.label, self.message, self.color)

    def json(self) -> str:
        """What the endpoint badge of shields.io reads."""
        said = {"schemaVersion": 1, "label": self.label, "message": self.message, "color": self.color}
        return json.dumps(said, ensure_ascii=False) + "\n"


def files(index: Index) -> Iterator[tuple[str, str]]:
    """(address, content) of every badge of the site, as SVG and as JSON."""
    for model in index.catalog.models:
        yield from _both(f"badges/models/{text.slug(model.name)}", of_model(model))
    for pipeline in index.headlines:
        found = of_pipeline(index, pipeline)
        if found is not None:
            yield from _both(f"badges/pipelines/{text.slug(pipeline or 'pipeline')}", found)


def _both(path: str, badge: Badge) -> Iterator[tuple[str, str]]:
    yield f"{path}.svg", badge.svg()
    yield f"{path}.json", badge.json()


def of_model(model: Model) -> Badge:
    """The version of a model in production, else the newest that is in force somewhere or registered."""
    label = _said(model.name)
    for name in PRODUCTION:
        for version in model.versions:
            if name in version.environments:
                return Badge(label, f"{_said(version.version)} in {name}", GOOD)
    for version in model.versions:
        if version.environments:
            return Badge(label, f"{_said(version.version)} in {_said(version.environments[0])}")
    usable = [version for version in model.versions if not version.deprecated]
    return Badge(label, _said(usable[0].version) if usable else "no version")


def of_pipeline(index: Index, pipeline: str) -> Badge | None:
    """The headline metric of the best run of a pipeline that HEAD holds, else of any; None for none."""
    info = index.headlines[pipeline]
    runs = index.runs_of_pipeline.get(pipeline, ())
    top = best([run for run in runs if run.id in index.current], info) or best(runs, info)
    if top is None:
        return None
    found = top.metric(info.name)
    return Badge(_said(info.name), text.value(found.value if found else None, info), GOOD)


def of_metric(catalog: Catalog, metric: str) -> Badge:
    """A metric of the best run that HEAD holds, else of any.

    Raises:
        UnknownMetric: no run has it. UnknownDirection: nobody knows which way is better.
    """
    ranking = ranked(catalog, metric)
    current = Index(catalog).current
    runs, info = catalog.runs, ranking.metric
    top = best([run for run in runs if run.id in current], info) or best(runs, info)
    found = top.metric(metric) if top else None
    return Badge(_said(metric), text.value(found.value, ranking.metric) if found else "no value", GOOD)


def _said(raw: str) -> str:
    return text.cut(text.line(raw), _LONGEST) or "?"
