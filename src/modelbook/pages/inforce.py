"""Which versions of a model are in force, and which were, and were deployed, at the time of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from modelbook._periods import Period, period
from modelbook.pages import text
from modelbook.pages.cells import DASH, Cell, Column, Table, link_cell
from modelbook.pages.index import Index, Link, version_href
from modelbook.records import WORKSPACE, Deployment, Model, MonitorInfo, Promotion, Watch

_NOTHING: Sequence[Promotion | None] = (None,)


class InForce(msgspec.Struct, frozen=True, gc=False):
    """What was in force at the time of a batch.

    Attributes:
        says: which time that is.
        table: a row for each environment at each of the times; no rows without a model.
        odd: what does not go together about the times of the batch.
    """

    says: str
    table: Table
    odd: tuple[str, ...]


def declared(index: Index, name: str) -> MonitorInfo:
    """What a monitor is declared to be; nothing but its name for one that is declared no more."""
    found = (item for item in index.catalog.project.monitors if item.name == name)
    return next(found, MonitorInfo(name=name))


def watched(index: Index, info: MonitorInfo) -> Model | None:
    """The model of a monitor, if it is registered: the one it names, or the only one of its environment."""
    if info.model or not info.environment:
        return index.catalog.model(info.model)
    there = [item for item in index.catalog.models if info.environment in dict(item.info.environments)]
    return there[0] if len(there) == 1 else None


def environments(info: MonitorInfo, model: Model) -> tuple[str, ...]:
    """The environments that a monitor is about: the one it names, else all that its model was ever in."""
    if info.environment:
        return (info.environment,)
    used = dict.fromkeys(name for name, _ in model.info.environments)
    return (*used, *sorted({item.environment for item in model.promotions} - used.keys()))


def now(model: Model, environment: str = "") -> tuple[tuple[str, Link], ...]:
    """(Environment, version in force) as declared: of all, or of one alone."""
    return tuple(
        (text.line(name), Link(text.line(version), version_href(model, version)))
        for name, version in model.info.environments
        if environment in ("", name)
    )


def at_time_of(index: Index, item: Watch, late: str = "") -> InForce:
    """What was in force at the time of a batch.

    Args:
        late: see `came_late`.
    """
    info = declared(index, item.monitor)
    model = watched(index, info)
    when = period(item.batch)
    rows = [row for at in _times(when, item) for row in _rows(index, info, model, *at)] if model else []
    names = ("at", "environment", "version", "since", "by", "deployed")
    table = Table(tuple(map(Column, names)), tuple(rows), "In force at the time of this batch")
    return InForce(_says(when, item), table, tuple(_odd(when, item, late)))


def _says(when: Period | None, item: Watch) -> str:
    """Which times count."""
    came = "" if item.commit == WORKSPACE else f" Its result came with a commit of {text.day(item.date)}."
    if when is None:
        return f"Its name says no period, so the time of its result counts.{came}"
    last = text.day((when.end - timedelta(days=1)).isoformat())
    until = f" to {last}" if when.is_month else ""
    return f"Its name says that it is of {text.day(when.start.isoformat())}{until}.{came}"


def _times(when: Period | None, item: Watch) -> Iterator[tuple[str, float, float]]:
    """(name, from, to) of the times that count, in seconds since 1970."""
    if when:
        yield "its period", when.start.timestamp(), when.end.timestamp()
    came = text.moment(item.date)
    if came is not None and item.commit != WORKSPACE:
        yield "its result", came, came


def _rows(
    index: Index, info: MonitorInfo, model: Model, name: str, start: float, end: float
) -> Iterator[tuple[Cell, ...]]:
    for environment in environments(info, model):
        for held in _held(model, environment, start, end) or _NOTHING:
            version = held.version if held else ""
            yield (
                Cell(name),
                Cell(text.line(environment)),
                _version(model, version),
                Cell(text.day(held.date) if held else DASH, title=text.line(held.date) if held else ""),
                link_cell(by(index, held)) if held else Cell(DASH),
                _deployed(index, model.name, environment, end),
            )


def _held(model: Model, environment: str, start: float, end: float) -> list[Promotion]:
    """What was in force at the start, and what came in force until the end; oldest first."""
    known = [
        (at, item)
        for item in reversed(model.promotions)
        if item.environment == environment and (at := text.moment(item.date)) is not None
    ]
    before = [item for at, item in known if at <= start][-1:]
    return [*before, *(item for at, item in known if start < at < end)]


def _version(model: Model, version: str) -> Cell:
    if not version:
        return Cell("none", title="nothing was in force")
    return Cell(text.line(version), href=version_href(model, version))


def by(index: Index, item: Promotion) -> Link:
    """What put a version in force: a tag, else a commit."""
    found = index.commit_link(item.commit)
    return Link(text.line(item.tag), found.href, "an annotated tag") if item.tag else found


def _deployed(index: Index, model: str, environment: str, end: float) -> Cell:
    """The version at each deployment then, as far as logs say."""
    last: dict[str, Deployment] = {}
    for item in index.catalog.deployments:
        at = text.moment(item.date)
        mine = (item.model, item.environment, item.outcome) == (model, environment, "deployed")
        if mine and at is not None and at <= end:
            last[item.deployment] = item
    said = [f"{text.line(name)} {text.line(item.version)}" for name, item in sorted(last.items())]
    return Cell(text.cut(", ".join(said)), href="deployments/index.html") if said else Cell(DASH)


def came_late(items: Iterable[Watch]) -> dict[str, str]:
    """Batch -> one of a later name whose result was there before, of those that came in another order.

    Args:
        items: by name.
    """
    found: dict[str, str] = {}
    earliest: tuple[float, str] | None = None
    for item in reversed(tuple(items)):
        came = text.moment(item.date)
        if came is None or item.commit == WORKSPACE:
            continue
        if earliest and earliest[0] < came:
            found[item.batch] = earliest[1]
        else:
            earliest = came, item.batch
    return found


def _odd(when: Period | None, item: Watch, late: str) -> Iterator[str]:
    """What a clock that is wrong, or a batch that came late, looks like."""
    came = text.moment(item.date)
    if came is None or item.commit == WORKSPACE:
        return
    if when and when.start > datetime.fromtimestamp(came, UTC):
        yield f"It is of {when}, and its result came before that: its name or a clock is wrong."
    if late:
        yield f"It came late: the result of {text.line(late)} was there before."
