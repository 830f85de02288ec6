"""Models: what is registered, where it is in force, and its card."""

from __future__ import annotations

from dataclasses import dataclass

from modelbook import cards
from modelbook.pages import text
from modelbook.pages.cells import (
    DASH,
    TONES,
    Cell,
    Column,
    Fact,
    Table,
    by_weight,
    cell,
    facts,
    heading,
    link_cell,
    metric_columns,
)
from modelbook.pages.index import Index, Link, better, changes_href, model_href, number
from modelbook.records import MetricInfo, Model, ModelVersion, Run

MOST_METRICS = 12
"""Metrics on a model card; the run's page has all of them."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A model at a glance.

    Attributes:
        environments: (environment, version) as declared.
        value: the headline metric of the version in force first, else of the newest, else of the candidate.
        delta: against the version `than`, the one before it; `tone` says whether that is good.
    """

    link: Link
    description: str
    owner: str
    version: str
    environments: tuple[tuple[str, Link], ...]
    metric: str
    value: Cell
    delta: str
    tone: str
    than: str
    versions: int
    missing: int


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """`models/`."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class ModelPage:
    """`models/NAME/` and, with `version`, `models/NAME/VERSION/`.

    Attributes:
        subject: what the card is about, in words.
        since: what changed since the version before it, if there is one.
        run: what it was registered from; `reason` says what is wrong when there is none.
    """

    name: str
    version: str
    since: Link | None
    description: str
    facts: tuple[tuple[str, Link], ...]
    environments: tuple[tuple[str, Link], ...]
    versions: Table
    candidate: Link | None
    candidate_note: str
    subject: str
    run: Link | None
    run_id: str
    reason: str
    metrics: tuple[Fact, ...]
    more_metrics: int
    params: tuple[Fact, ...]
    data: tuple[Link, ...]
    sections: tuple[cards.Section, ...]
    missing: tuple[str, ...]
    snippet: str


def listing(index: Index) -> ModelsPage:
    """All models."""
    return ModelsPage(tuple(tile(index, model) for model in index.catalog.models))


def tile(index: Index, model: Model) -> Tile:
    """One model at a glance."""
    version = lead(model)
    info = _headline(index, model)
    run = index.runs.get((version.run if version else model.candidate) or "")
    card = cards.card(model, version, run)
    change, tone, than = _change(index, model, version, info)
    return Tile(
        link=Link(text.line(model.name), model_href(model.name)),
        description=text.cut(text.line(model.info.description)),
        owner=text.line(model.info.owner),
        version=text.line(version.version) if version else "the candidate" if run else "",
        environments=_environments(model),
        metric=text.line(info.name) if info else "",
        value=_value(index, run, info),
        delta=change,
        tone=tone,
        than=than,
        versions=len(model.versions),
        missing=len(card.missing),
    )


def lead(model: Model) -> ModelVersion | None:
    """The version people mean: the one in the first declared environment, else the newest."""
    wanted = next((version for _, version in model.info.environments), None)
    return next(
        (item for item in model.versions if item.version == wanted),
        model.versions[0] if model.versions else None,
    )


def _value(index: Index, run: Run | None, info: MetricInfo | None) -> Cell:
    if run is None or info is None:
        return Cell("no run", "never", "no version of this model has a run in the history")
    return cell(run.metric(info.name), info, f"{index.run_link(run).href}#m-{text.slug(info.name)}")


def _headline(index: Index, model: Model) -> MetricInfo | None:
    """The metric of its pipeline; of a model that only dvc.yaml or tags know, that of its run."""
    version = lead(model)
    run = index.runs.get(version.run) if version else None
    return index.headlines.get(model.info.pipeline or (run.pipeline if run else ""))


def _change(
    index: Index, model: Model, version: ModelVersion | None, info: MetricInfo | None
) -> tuple[str, str, str]:
    """(delta, tone, version it is against)."""
    if version is None or info is None:
        return "", "", ""
    older = model.versions[model.versions.index(version) + 1 :]
    scores = [
        (score, item.version)
        for item in (version, *older)
        if (run := index.runs.get(item.run)) and (score := number(run, info.name)) is not None
    ]
    if len(scores) < 2:
        return "", "", ""
    change = scores[0][0] - scores[1][0]
    return text.delta(change, info), TONES[better(change, info)], text.line(scores[1][1])


def _environments(model: Model) -> tuple[tuple[str, Link], ...]:
    known = {item.version for item in model.versions}
    return tuple(
        (
            text.line(name),
            Link(text.line(version), model_href(model.name, version) if version in known else None),
        )
        for name, version in model.info.environments
    )


def page(index: Index, model: Model, version: ModelVersion | None = None) -> ModelPage:
    """A model, or one version of it."""
    subject = version or lead(model)
    run_id = subject.run if subject else model.candidate
    run = index.runs.get(run_id or "")
    card = cards.card(model, subject, run)
    candidate = index.runs.get(model.candidate or "")
    return ModelPage(
        name=text.line(model.name),
        version=text.line(version.version) if version else "",
        since=_since(model, version) if version else None,
        description=model.info.description,
        facts=_facts(index, model, version, run if version else None),
        environments=_environments(model),
        versions=_versions(index, model),
        candidate=index.run_link(candidate) if candidate and not version else None,
        candidate_note=_note(index, model, candidate),
        subject=f"Version {text.line(subject.version)}" if subject else "The candidate",
        run=index.run_link(run) if run else None,
        run_id=run_id or "",
        reason=text.line((subject.reason or "") if subject else "")
        or ("" if run else "no run of it is in the history"),
        metrics=facts(index, run, by_weight(index, run)[:MOST_METRICS], "m") if run else (),
        more_metrics=max(0, len(run.metrics) - MOST_METRICS) if run else 0,
        params=facts(index, run, run.params, "p") if run else (),
        data=tuple(index.dataset_link(item.name) for item in run.datasets) if run else (),
        sections=card.sections,
        missing=card.missing,
        snippet=_snippet(model, candidate),
    )


def _since(model: Model, version: ModelVersion) -> Link | None:
    older = model.versions[model.versions.index(version) + 1 :]
    if not older:
        return None
    base, head = (f"{model.name}@{item.version}" for item in (older[0], version))
    return Link(f"What changed since {text.line(older[0].version)}", changes_href(base, head))


def _facts(
    index: Index, model: Model, version: ModelVersion | None, run: Run | None
) -> tuple[tuple[str, Link], ...]:
    info = model.info
    rows = [
        ("owner", Link(info.owner)),
        ("pipeline", Link(info.pipeline, f"experiments/index.html#{text.slug(info.pipeline or 'pipeline')}")),
        *_artifact(info.artifact, run),
        ("type", Link(info.type if info.type != "model" else "")),
        ("labels", Link(", ".join(info.labels))),
        ("declared in", Link(info.file)),
    ]
    if version:
        state = _state(version)
        rows += [
            ("in force in", Link(state if state != DASH else "no environment")),
            ("registered", Link(text.day(version.date), title=version.date)),
            ("by", Link(version.author)),
            ("commit", index.commit_link(version.commit) if version.commit else Link("")),
            ("tag", Link(version.tag or "")),
        ]
    return tuple((name, link) for name, link in rows if link.text)


def _artifact(pattern: str, run: Run | None) -> list[tuple[str, Link]]:
    """The model's file: as declared, and of a version with its hash and size."""
    path = pattern.replace("${run}", run.name) if run else pattern
    found = next((item for item in run.artifacts if item.path == path), None) if run else None
    md5 = (found.md5 if found else None) or ""
    return [
        ("artifact", Link(text.line(path))),
        ("MD5", Link(md5[:12], title=md5)),
        ("size", Link(text.size(found.size if found else None))),
    ]


def _versions(index: Index, model: Model) -> Table:
    runs = [run for item in model.versions if (run := index.runs.get(item.run))]
    headline = _headline(index, model)
    infos = metric_columns(index, runs, headline.name if headline else "", most=4)
    rows = []
    for item in model.versions:
        run = index.runs.get(item.run)
        rows.append(
            (
                Cell(text.line(item.version), href=model_href(model.name, item.version)),
                Cell(_state(item), tone="good" if item.environments else "bad" if item.deprecated else ""),
                *(cell(run.metric(info.name) if run else None, info) for info in infos),
                link_cell(index.run_link(item.run))
                if run
                else Cell(item.run or "unknown", "unreadable", item.reason or ""),
                Cell(text.day(item.date) or DASH, title=item.date),
                Cell(text.line(item.author) or DASH),
            )
        )
    columns = ("version", "environment"), ("run", "registered", "by")
    return Table(
        (*map(Column, columns[0]), *(heading(info) for info in infos), *map(Column, columns[1])), tuple(rows)
    )


def _state(item: ModelVersion) -> str:
    words = [*item.environments, *(["deprecated"] if item.deprecated else [])]
    return ", ".join(map(text.line, words)) or DASH


def _note(index: Index, model: Model, candidate: Run | None) -> str:
    info = _headline(index, model)
    if candidate is None or info is None:
        return ""
    if any(item.run == candidate.id for item in model.versions):
        return "The best current run is registered already."
    return (
        f"{text.line(info.name)} {cell(candidate.metric(info.name), info).text}, the best of the current runs"
    )


def _snippet(model: Model, candidate: Run | None) -> str:
    if candidate is None or any(item.run == candidate.id for item in model.versions):
        return ""
    return f"models:\n  {text.line(model.name)}:\n    versions:\n      NEW-VERSION: {candidate.id}"
