"""Deployments: which version of which model is in force where, how it came to be, and what was deployed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import msgspec
from msgspec.structs import replace

from modelbook.pages import inforce, models, text
from modelbook.pages.cells import DASH, Cell, Column, Table, cell, link_cell
from modelbook.pages.index import Index, Link, model_href, version_href
from modelbook.records import Deployment, Model, Promotion

MOST_MOMENTS = 200
"""Promotions in the timeline; every model's own page has its own."""
MOST_TRIES = 200
"""Deployments in the list of what was tried."""


class Moment(msgspec.Struct, frozen=True, gc=False):
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


class DeploymentsPage(msgspec.Struct, frozen=True, gc=False):
    """`deployments/`: what is in force now, what was deployed, and the timeline, newest first.

    Attributes:
        targets: a row for each deployment that the logs know. tried: each time it was done, newest first.
    """

    now: Table
    targets: Table
    tried: Table
    untold: int
    moments: tuple[Moment, ...]
    more: int


def page(index: Index) -> DeploymentsPage | None:
    """What is in force and deployed; None when no model ever had an environment, and no log is there."""
    pairs = [(model, item) for model in index.catalog.models for item in model.promotions]
    pairs.sort(key=lambda pair: -(text.moment(pair[1].date) or 0.0))
    rows = [row for model in index.catalog.models for row in _rows(index, model)]
    logs = index.catalog.deployments
    if not rows and not pairs and not logs:
        return None
    names = ("model", "environment", "version", "metric", "gates", "since", "by", "commit or tag")
    now = Table(tuple(Column(name, number=name == "metric") for name in names), tuple(rows), "In force now")
    moments = tuple(_moment(index, model, item) for model, item in pairs[:MOST_MOMENTS])
    tried = sorted(logs, key=lambda item: -(text.moment(item.date) or 0.0))
    shown = tuple(_try(index, item) for item in tried[:MOST_TRIES])
    return DeploymentsPage(
        now,
        Table(_columns(_TARGETS), tuple(_target(index, items) for items in _by_name(logs)), "Deployed"),
        Table(_columns(_TRIES), shown, "Every deployment"),
        len(tried) - len(shown),
        moments,
        len(pairs) - len(moments),
    )


_TARGETS = ("deployment", "model", "environment", "deployed", "on", "by", "last outcome", "in force")
_TRIES = ("on", "deployment", "version", "outcome", "before", "by", "package", "image")


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def _by_name(logs: Iterable[Deployment]) -> Iterable[list[Deployment]]:
    return (list(items) for _, items in groupby(logs, key=lambda item: item.deployment))


def _target(index: Index, items: list[Deployment]) -> tuple[Cell, ...]:
    """What stands at a deployment, as far as its log knows, beside what is in force."""
    last = items[-1]
    good = next((item for item in reversed(items) if item.outcome == "deployed"), None)
    return (
        Cell(text.line(last.deployment)),
        Cell(text.line(last.model), href=_known(index, last.model)),
        Cell(text.line(last.environment)),
        _version(index, good.model, good.version) if good else Cell(DASH, title="nothing was deployed yet"),
        Cell(text.line(text.day(good.date)), title=text.line(good.date)) if good else Cell(DASH),
        Cell(text.line(good.by) or DASH) if good else Cell(DASH),
        _outcome(last),
        _in_force(index, last, good.version if good else ""),
    )


def _in_force(index: Index, item: Deployment, deployed: str) -> Cell:
    """What is in force where a deployment belongs; a badge when that is not what is deployed."""
    model = index.catalog.model(item.model)
    version = dict(model.info.environments).get(item.environment, "") if model else ""
    if version == deployed:
        return _version(index, item.model, version)
    return replace(_version(index, item.model, version), tone="bad", badge="differs")


def _try(index: Index, item: Deployment) -> tuple[Cell, ...]:
    return (
        Cell(text.line(text.day(item.date)) or DASH, title=text.line(item.date)),
        Cell(text.line(item.deployment)),
        _version(index, item.model, item.version),
        _outcome(item),
        _version(index, item.model, item.before),
        Cell(text.line(item.by) or DASH),
        Cell(text.line(item.checksum[:12]) or DASH, title=text.line(item.checksum)),
        Cell(text.line(item.digest.removeprefix("sha256:")[:12]) or DASH, title=text.line(item.digest)),
    )


def _outcome(item: Deployment) -> Cell:
    good = item.outcome == "deployed"
    return Cell(text.line(item.outcome), title=text.line(item.reason), tone="good" if good else "bad")


def _version(index: Index, model: str, version: str) -> Cell:
    found = index.catalog.model(model)
    return Cell(text.cut(text.line(version)) or DASH, href=version_href(found, version) if found else None)


def _known(index: Index, model: str) -> str | None:
    return model_href(model) if index.catalog.model(model) else None


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
                version_href(model, version),
            ),
            value,
            Cell(verdict.says or DASH, title="\n".join(row[3] for row in verdict.rows), tone=verdict.tone),
            Cell(
                text.day(last.date) if last else DASH,
                title=text.before(last.date, index.newest) if last else "",
            ),
            Cell(text.line(last.author) if last else DASH),
            link_cell(inforce.by(index, last)) if last else Cell(DASH),
        )


def _moment(index: Index, model: Model, item: Promotion) -> Moment:
    return Moment(
        date=text.day(item.date),
        title=item.date,
        model=Link(text.line(model.name), model_href(model.name)),
        environment=text.line(item.environment),
        says="taken out" if not item.version else "rolled back" if _was_there(model, item) else "in force",
        version=Link(text.line(item.version), version_href(model, item.version)) if item.version else None,
        before=text.line(item.before),
        author=text.line(item.author),
        by=inforce.by(index, item),
    )


def _was_there(model: Model, item: Promotion) -> bool:
    """Whether the version had been in force there before, and another one in between."""
    older = model.promotions[model.promotions.index(item) + 1 :]
    return any(old.environment == item.environment and old.version == item.version for old in older)
