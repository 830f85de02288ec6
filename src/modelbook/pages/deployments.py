"""Deployments: which version of which model is in force where, since when, and how it came to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelbook.pages import models, text
from modelbook.pages.cells import DASH, Cell, Column, Table, cell, link_cell
from modelbook.pages.index import Index, Link, model_href
from modelbook.records import Model, Promotion

MOST_MOMENTS = 200
"""Promotions in the timeline; every model's own page has its own."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One promotion.

    Attributes:
        says: `in force`, `rolled back` to a version that was in force there before, or `taken out`.
        by: the commit or the tag that says so.
    """

    date: str
    title: str
    model: Link
    environment: str
    says: str
    version: Link | None
    before: str
    author: str
    by: Link


@dataclass(frozen=True, slots=True)
class DeploymentsPage:
    """`deployments/`: what is in force now, and the timeline, newest first."""

    now: Table
    moments: tuple[Moment, ...]
    more: int


def page(index: Index) -> DeploymentsPage | None:
    """What is deployed; None when no model ever had an environment."""
    pairs = [(model, item) for model in index.catalog.models for item in model.promotions]
    pairs.sort(key=lambda pair: -(text.moment(pair[1].date) or 0.0))
    rows = [row for model in index.catalog.models for row in _rows(index, model)]
    if not rows and not pairs:
        return None
    names = ("model", "environment", "version", "metric", "gates", "since", "by", "commit or tag")
    now = Table(tuple(Column(name, number=name == "metric") for name in names), tuple(rows), "In force now")
    moments = tuple(_moment(index, model, item) for model, item in pairs[:MOST_MOMENTS])
    return DeploymentsPage(now, moments, len(pairs) - len(moments))


def _rows(index: Index, model: Model) -> Iterable[tuple[Cell, ...]]:
    for name, version in model.info.environments:
        found = next((item for item in model.versions if item.version == version), None)
        run = index.runs.get(found.run) if found else None
        info = models.headline(index, model)
        last = next((item for item in model.promotions if item.environment == name), None)
        last = last if last and last.version == version else None
        verdict = models.gate_status(index, model, found, run)
        value = cell(run.metric(info.name), info, index.run_link(run).href) if run and info else Cell(DASH)
        yield (
            Cell(text.line(model.name), href=model_href(model.name)),
            Cell(text.line(name)),
            Cell(
                text.line(version),
                "present" if found else "unreadable",
                "" if found else "no version of that name is registered",
                model_href(model.name, version) if found else None,
            ),
            value,
            Cell(verdict.says or DASH, title="\n".join(row[3] for row in verdict.rows), tone=verdict.tone),
            Cell(
                text.day(last.date) if last else DASH,
                title=text.before(last.date, index.newest) if last else "",
            ),
            Cell(text.line(last.author) if last else DASH),
            link_cell(_by(index, last)) if last else Cell(DASH),
        )


def _by(index: Index, item: Promotion) -> Link:
    link = index.commit_link(item.commit)
    return Link(text.line(item.tag), link.href, "an annotated tag") if item.tag else link


def _moment(index: Index, model: Model, item: Promotion) -> Moment:
    known = any(version.version == item.version for version in model.versions)
    return Moment(
        date=text.day(item.date),
        title=item.date,
        model=Link(text.line(model.name), model_href(model.name)),
        environment=text.line(item.environment),
        says="taken out" if not item.version else "rolled back" if _was_there(model, item) else "in force",
        version=Link(text.line(item.version), model_href(model.name, item.version) if known else None)
        if item.version
        else None,
        before=text.line(item.before),
        author=text.line(item.author),
        by=_by(index, item),
    )


def _was_there(model: Model, item: Promotion) -> bool:
    """Whether the version had been in force there before, and another one in between."""
    older = model.promotions[model.promotions.index(item) + 1 :]
    return any(old.environment == item.environment and old.version == item.version for old in older)
