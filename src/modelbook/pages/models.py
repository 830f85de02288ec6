"""Models: what is registered, where it is in force, and its card."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from modelbook import admission, cards, charts, gates
from modelbook.judge import better
from modelbook.pages import inforce, retraining, text
from modelbook.pages.cells import (
    ABSENT,
    DASH,
    TONES,
    Cell,
    Column,
    Fact,
    Receipt,
    Receipts,
    Table,
    by_weight,
    cell,
    facts,
    heading,
    link_cell,
    metric_columns,
)
from modelbook.pages.drawings import plot_links, spark
from modelbook.pages.index import Index, Link, changes_href, model_href, number, version_href
from modelbook.pages.retraining import Retrained
from modelbook.records import Dataset, MetricInfo, Model, ModelVersion, Promotion, Run

MOST_METRICS = 12
"""Metrics on a model card; the run's page has all of them."""


MOST_DIMENSIONS = 8
MOST_SLICES = 40
MOST_SLICE_METRICS = 8
"""Tables of slices on a card, and their rows and columns; the run's page has all numbers."""

MOST_PROMOTIONS = 200
"""Promotions in the history of a model; Git has the older ones."""


class GateStatus(msgspec.Struct, frozen=True, gc=False):
    """What the project's gates say of a run.

    Attributes:
        says: in a few words; empty when no gate speaks of it.
        tone: `good`, `bad`, or empty when none could be judged.
        rows: (mark, tone, kind of gate, reason), the failed first.
    """

    says: str = ""
    tone: str = ""
    rows: tuple[tuple[str, str, str, str], ...] = ()


class Figure(msgspec.Struct, frozen=True, gc=False):
    """How good a model is.

    Attributes:
        metric: which, and of what; empty where nothing is known.
        value: of the version in force first, else of the newest, else of the candidate.
        delta: against the version `than`, the one before it; `tone` says whether that is good.
        spark: the metric over the versions, or over periods.
    """

    metric: str = ""
    value: Cell = ABSENT
    delta: str = ""
    tone: str = ""
    than: str = ""
    spark: str = ""


class Tile(msgspec.Struct, frozen=True, gc=False):
    """A model at a glance.

    Attributes:
        environments: (environment, version) as declared.
        figure: its headline metric; where its runs have none, what its policy of retraining judges by.
        trained: when its run was made, and how long before the newest commit. registered: when its version
            was; both empty where nobody knows.
    """

    link: Link
    description: str
    owner: str
    environments: tuple[tuple[str, Link], ...]
    figure: Figure
    versions: int
    missing: int
    gates: GateStatus
    trained: str
    registered: str


class ModelsPage(msgspec.Struct, frozen=True, gc=False):
    """`models/`."""

    tiles: tuple[Tile, ...]


class ModelPage(msgspec.Struct, frozen=True, gc=False):
    """`models/NAME/` and, with `version`, `models/NAME/VERSION/`.

    Attributes:
        subject: what the card is about, in words.
        since: what changed since the version before it, if there is one.
        requirements: what environments require, and what the version in force there lacks.
        between: where any two versions are compared, if there are two.
        run: what it was registered from; `reason` says what is wrong when there is none.
        slices: metrics by parts of the data: tables, and how many rows are not in each.
        plots: where its curves are drawn: calibration, ROC, what there is.
        environment: what it was trained on. lineage: where to see what it comes from.
        retraining: of the model as a whole, where it has a policy.
    """

    name: str
    version: str
    since: Link | None
    description: str
    facts: tuple[tuple[str, Link], ...]
    environments: tuple[tuple[str, Link], ...]
    requirements: Table
    versions: Table
    between: Link | None
    gates: GateStatus
    trained: str
    registered: str
    promotions: Table
    chart: str
    candidate: Link | None
    candidate_note: str
    subject: str
    run: Link | None
    run_id: str
    reason: str
    metrics: tuple[Fact, ...]
    more_metrics: int
    params: tuple[Fact, ...]
    receipts: tuple[Receipt, ...]
    data: tuple[Link, ...]
    slices: tuple[tuple[Table, int], ...]
    plots: tuple[Link, ...]
    environment: Link | None
    lineage: Link | None
    sections: tuple[cards.Section, ...]
    missing: tuple[str, ...]
    snippet: str
    retraining: Retrained | None


def listing(index: Index) -> ModelsPage:
    """All models."""
    return ModelsPage(tuple(tile(index, model) for model in index.catalog.models))


def tile(index: Index, model: Model) -> Tile:
    """One model at a glance."""
    version = lead(model)
    run = index.runs.get((version.run if version else model.candidate) or "")
    card = cards.card(model, version, run)
    return Tile(
        link=Link(text.line(model.name), model_href(model.name)),
        description=text.cut(text.line(model.info.description)),
        owner=text.line(model.info.owner),
        environments=inforce.now(model),
        figure=_figure(index, model, version, run) or _lately(index, model),
        versions=len(model.versions),
        missing=len(card.missing),
        gates=gate_status(index, model, version, run),
        trained=_fresh(index, run.date if run else ""),
        registered=text.day(version.date) if version else "",
    )


def _figure(index: Index, model: Model, version: ModelVersion | None, run: Run | None) -> Figure | None:
    """The headline metric of a version's run, or of the candidate; None for a pipeline without any."""
    info = headline(index, model)
    if info is None:
        return None
    change, tone, than = _change(index, model, version, info)
    named = f" of {text.line(version.version)}" if version else " of the candidate" if run else ""
    return Figure(
        metric=text.line(info.name) + named,
        value=_value(index, run, info),
        delta=change,
        tone=tone,
        than=than,
        spark=_spark(index, model, info),
    )


def _lately(index: Index, model: Model) -> Figure:
    """What the policy of retraining judges by, of what was in force in the newest labelled period."""
    known = retraining.newest(index, model)
    if known is None:
        return Figure()
    info, period, values = known
    title = f"{text.line(info.name)} of {text.line(model.name)} over the periods"
    return Figure(
        metric=f"{text.line(info.name)} in {text.line(period)}",
        value=Cell(text.value(values[-1], info), href=f"{model_href(model.name)}#retraining", number=True),
        spark=spark(f"periods-{text.slug(model.name)}", values, info, title),
    )


def _fresh(index: Index, date: str) -> str:
    """A day, and how long before the newest commit it was."""
    then = text.before(date, index.newest)
    return f"{text.day(date)} ({then})" if then else text.day(date)


def _spark(index: Index, model: Model, info: MetricInfo | None) -> str:
    """The headline metric over the versions, oldest first."""
    if info is None:
        return ""
    runs = [run for item in reversed(model.versions) if (run := index.runs.get(item.run))]
    values = [score for run in runs if (score := number(run, info.name)) is not None]
    title = f"{text.line(info.name)} over the versions of {text.line(model.name)}"
    return spark(f"versions-{text.slug(model.name)}", values, info, title)


def gate_status(index: Index, model: Model, version: ModelVersion | None, run: Run | None) -> GateStatus:
    """The gates on a version, beside the one before it; on the candidate, beside the newest version."""
    if run is None:
        return GateStatus()
    older = model.versions[model.versions.index(version) + 1 :] if version else model.versions
    before = next((found for item in older if (found := index.runs.get(item.run))), None)
    return status(gates.judge(index.catalog.project.gates, run, before))


def status(judgements: tuple[gates.Judgement, ...]) -> GateStatus:
    """Judgements for people."""
    if not judgements:
        return GateStatus()
    failed = sum(item.passed is False for item in judgements)
    held = sum(item.passed is True for item in judgements)
    words = text.plural(len(judgements), "gate")
    verdict = gates.passed(judgements)
    says = {
        True: f"passes {words}" if held == len(judgements) else f"passes {held} of {words}",
        False: f"fails {failed} of {words}",
        None: f"{words} cannot be judged",
    }[verdict]
    order = sorted(judgements, key=lambda item: {False: 0, None: 1, True: 2}[item.passed])
    return GateStatus(says, TONES[verdict], tuple(_gate_row(item) for item in order))


def _gate_row(item: gates.Judgement) -> tuple[str, str, str, str]:
    mark = {True: "passes", False: "fails", None: "open"}[item.passed]
    return mark, TONES[item.passed], item.gate.kind.replace("_", " "), text.line(item.reason)


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


def headline(index: Index, model: Model) -> MetricInfo | None:
    """The metric of its pipeline; where the version's run has no such number, the best known one it has."""
    version = lead(model)
    run = index.runs.get(version.run) if version else None
    info = index.headlines.get(model.info.pipeline or (run.pipeline if run else ""))
    if run is None or (info and run.metric(info.name)):
        return info
    names = (value.name for value in run.metrics if number(run, value.name) is not None)
    own = (found for name in names if (found := index.infos.get(name)) and found.direction)
    return next(own, info)


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
    return text.delta(change, info), TONES[better(info, scores[1][0], scores[0][0])], text.line(scores[1][1])


def page(index: Index, model: Model, version: ModelVersion | None = None) -> ModelPage:
    """A model, or one version of it."""
    subject = version or lead(model)
    run_id = subject.run if subject else model.candidate
    run = index.runs.get(run_id or "")
    card = cards.card(model, subject, run)
    metrics, params, receipts = _values(index, run) if run else ((), (), ())
    candidate = index.runs.get(model.candidate or "")
    return ModelPage(
        name=text.line(model.name),
        version=text.line(version.version) if version else "",
        since=_since(model, version) if version else None,
        description=model.info.description,
        facts=_facts(index, model, version, run if version else None),
        environments=inforce.now(model),
        requirements=_requirements(index, model),
        versions=_versions(index, model),
        between=_between(model),
        gates=gate_status(index, model, subject, run),
        trained=_fresh(index, run.date if run else ""),
        registered=_fresh(index, subject.date if subject else ""),
        promotions=promotions(index, model),
        chart=_chart(index, model),
        candidate=index.run_link(candidate) if candidate and not version else None,
        candidate_note=_note(index, model, candidate),
        subject=f"Version {text.line(subject.version)}" if subject else "The candidate",
        run=index.run_link(run) if run else None,
        run_id=run_id or "",
        reason=text.line((subject.reason or "") if subject else "")
        or ("" if run else "no run of it is in the history"),
        metrics=metrics,
        more_metrics=max(0, len(run.metrics) - MOST_METRICS) if run else 0,
        params=params,
        receipts=receipts,
        data=tuple(_data(index, item) for item in run.datasets) if run else (),
        slices=_slices(index, run) if run else (),
        plots=plot_links(index, run) if run else (),
        environment=_environment(index, run) if run else None,
        lineage=replace(index.run_link(run), href=f"{index.run_link(run).href}#lineage") if run else None,
        sections=card.sections,
        missing=card.missing,
        snippet=_snippet(model, candidate),
        retraining=None if version else retraining.section(index, model),
    )


def _values(index: Index, run: Run) -> tuple[tuple[Fact, ...], tuple[Fact, ...], tuple[Receipt, ...]]:
    """Metrics and params of a run, and where they come from."""
    receipts = Receipts(index, run)
    metrics = facts(index, run, by_weight(index, run)[:MOST_METRICS], "m", receipts)
    params = facts(index, run, run.params, "p", receipts)
    return metrics, params, receipts.all


def _data(index: Index, data: Dataset) -> Link:
    """A dataset, with its licence."""
    link = index.dataset_link(data.name)
    return replace(link, text=f"{link.text} ({text.line(data.license)})") if data.license else link


def _environment(index: Index, run: Run) -> Link | None:
    found = next((item for item in reversed(run.environments) if item.python), None)
    if found is None:
        return None
    words = f"Python {text.line(found.python)}, {text.plural(len(found.packages), 'package')}"
    if found.platform:
        words += f", {text.line(found.platform)}"
    return Link(words, f"{index.run_link(run).href}#environment")


def _slices(index: Index, run: Run) -> tuple[tuple[Table, int], ...]:
    """Metrics by parts of the data, a table for each dimension."""
    tables = []
    for found in cards.slices(run)[:MOST_DIMENSIONS]:
        names = found.metrics[:MOST_SLICE_METRICS]
        infos = [index.infos.get(name) or MetricInfo(name=name) for name in names]
        rows = tuple(
            (Cell(text.line(part)), *(cell(value, info) for value, info in zip(values, infos, strict=False)))
            for part, values in found.rows[:MOST_SLICES]
        )
        alone = found.metrics == (found.dimension,)  # a metric by slices that nobody named
        dimension = "slice" if alone else text.line(found.dimension)
        columns = (Column(dimension), *(heading(info) for info in infos))
        what = f"{text.line(found.dimension)} by slice" if alone else f"Metrics by {dimension}"
        table = Table(columns, rows, what)
        tables.append((table, max(0, len(found.rows) - MOST_SLICES)))
    return tuple(tables)


def _since(model: Model, version: ModelVersion) -> Link | None:
    older = model.versions[model.versions.index(version) + 1 :]
    if not older:
        return None
    base, head = (f"{model.name}@{item.version}" for item in (older[0], version))
    return Link(f"What changed since {text.line(older[0].version)}", changes_href(base, head))


def _between(model: Model) -> Link | None:
    if len(model.versions) < 2:
        return None
    base, head = (f"{model.name}@{item.version}" for item in (model.versions[-1], model.versions[0]))
    return Link("Compare any two versions", changes_href(base, head))


def _requirements(index: Index, model: Model) -> Table:
    """What each environment requires, and whether the version in force there has it."""
    required = {name: kinds for name, kinds in index.catalog.project.requirements if kinds}
    placed = dict(model.info.environments)
    rows = []
    for name, kinds in required.items():
        found = next((item for item in model.versions if item.version == placed.get(name)), None)
        unmet = admission.judge(index.catalog, model, found, name) if found else ()
        says = "; ".join(f"{item.kind}: {item.reason}" for item in unmet)
        rows.append(
            (
                Cell(text.line(name)),
                Cell(", ".join(map(text.line, kinds))),
                Cell(text.line(found.version) if found else DASH),
                Cell(
                    text.line(says) or ("has all of it" if found else DASH),
                    tone=TONES[not unmet] if found else "",
                ),
            )
        )
    names = ("environment", "requires", "version in force", "what it lacks")
    return Table(tuple(map(Column, names)), tuple(rows), "What environments require")


def _facts(
    index: Index, model: Model, version: ModelVersion | None, run: Run | None
) -> tuple[tuple[str, Link], ...]:
    info = model.info
    rows = [
        ("task", Link(text.line(info.task))),
        ("owner", Link(info.owner)),
        ("licence", Link(text.line(info.license))),
        ("pipeline", index.pipeline_link(info.pipeline)),
        *_artifact(info.artifact, run),
        ("type", Link(info.type if info.type != "model" else "")),
        ("labels", Link(", ".join(info.labels))),
        ("made again", (index.reproduced(run.id) if run else None) or Link("")),
        ("declared in", Link(info.file)),
    ]
    if version:
        state = _state(version)
        rows += [
            ("in force in", Link(state if state != DASH else "no environment")),
            ("deprecated", Link(text.line(version.deprecation or "yes") if version.deprecated else "")),
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


def promotions(index: Index, model: Model) -> Table:
    """Who put which version where, when and by which commit, newest first."""
    rows = []
    for item in model.promotions:
        what = (
            Cell(text.line(item.version), href=version_href(model, item.version))
            if item.version
            else Cell("taken out", "never")
        )
        rows.append(
            (
                Cell(text.day(item.date) or DASH, title=item.date),
                Cell(text.line(item.environment)),
                what,
                Cell(text.line(item.before) or DASH, href=version_href(model, item.before)),
                Cell(text.line(item.author) or DASH),
                _by(index, item),
            )
        )
    names = ("date", "environment", "version in force", "before", "by", "commit or tag")
    return Table(tuple(map(Column, names)), tuple(rows[:MOST_PROMOTIONS]), "Promotions")


def _by(index: Index, item: Promotion) -> Cell:
    """The commit that made a promotion, with its subject; of a tag, the tag."""
    link = index.commit_link(item.commit)
    if item.tag:
        return Cell(text.line(item.tag), title=f"an annotated tag at {link.text}", href=link.href)
    return link_cell(link)


def _chart(index: Index, model: Model) -> str:
    """The headline metric over the registered versions, from the oldest to the newest."""
    info = headline(index, model)
    if info is None:
        return ""
    found = [(item, run) for item in reversed(model.versions) if (run := index.runs.get(item.run))]
    points = [
        charts.Point(
            value=score,
            date=item.date or run.date,
            label=f"{item.version} ({text.value(score, info)})",
            href="#versions",
        )
        for item, run in found
        if (score := number(run, info.name)) is not None
    ]
    if len(points) < 3:
        return ""
    chart = charts.history_chart(
        f"{info.name} over the versions", points, metric=info.name, unit=info.unit, direction=info.direction
    )
    return "" if isinstance(chart, charts.Nothing) else chart.svg("versions-chart")


def _versions(index: Index, model: Model) -> Table:
    runs = [run for item in model.versions if (run := index.runs.get(item.run))]
    top = headline(index, model)
    infos = metric_columns(index, runs, top.name if top else "", most=4)
    rows = []
    for place, item in enumerate(model.versions):
        run = index.runs.get(item.run)
        older = next((old for old in model.versions[place + 1 :] if old.run in index.runs), None)
        before = index.runs[older.run] if older else None
        verdict = gate_status(index, model, item, run)
        rows.append(
            (
                Cell(text.line(item.version), href=model_href(model.name, item.version)),
                Cell(
                    _state(item),
                    title=text.line(item.deprecation),
                    tone="bad" if item.deprecated else "good" if item.environments else "",
                ),
                Cell(
                    verdict.says or DASH, title="\n".join(row[3] for row in verdict.rows), tone=verdict.tone
                ),
                *(_moved(run, before, info) for info in infos),
                link_cell(index.run_link(item.run))
                if run
                else Cell(item.run or "unknown", "unreadable", item.reason or ""),
                _difference(model, item),
                Cell(text.day(item.date) or DASH, title=item.date),
                Cell(text.line(item.author) or DASH),
            )
        )
    columns = ("version", "in force in", "gates"), ("run", "what changed", "registered", "by")
    return Table(
        (*map(Column, columns[0]), *(heading(info) for info in infos), *map(Column, columns[1])), tuple(rows)
    )


def _moved(run: Run | None, before: Run | None, info: MetricInfo) -> Cell:
    """A metric with its change against the version before."""
    shown = cell(run.metric(info.name) if run else None, info)
    now, then = number(run, info.name) if run else None, number(before, info.name) if before else None
    if now is None or then is None:
        return shown
    return replace(
        shown,
        delta=text.delta(now - then, info),
        delta_tone=TONES[better(info, then, now)],
        title=f"{text.value(then, info)} in the version before",
    )


def _difference(model: Model, item: ModelVersion) -> Cell:
    """A link to all that differs from the version before."""
    link = _since(model, item)
    return replace(link_cell(link), text="what changed") if link else ABSENT


def _state(item: ModelVersion) -> str:
    words = [*item.environments, *(["deprecated"] if item.deprecated else [])]
    return ", ".join(map(text.line, words)) or DASH


def _note(index: Index, model: Model, candidate: Run | None) -> str:
    info = headline(index, model)
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
    by_tag = "" if model.info.file.endswith("mlproject.yaml") else " --tag"
    return f"modelbook register {text.line(model.name)} --run {candidate.id}{by_tag}"
