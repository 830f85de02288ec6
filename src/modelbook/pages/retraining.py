"""Models that are trained again: what their policy says, what was decided when, and what it brought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from modelbook import charts
from modelbook import retrain as rules
from modelbook._periods import span
from modelbook.pages import inforce, text
from modelbook.pages.batches import TONES as WATCHED
from modelbook.pages.batches import batch_href, metric
from modelbook.pages.cells import ABSENT, DASH, Cell, Column, Receipt, Table, link_cell
from modelbook.pages.index import Index, Link, model_href, version_href
from modelbook.pages.monitoring import axis
from modelbook.records import (
    Contestant,
    MetricInfo,
    Model,
    Retraining,
    RetrainPolicy,
    Watch,
)

MOST_PERIODS = 120
"""Periods in the timeline and the chart; the records of older ones are in Git."""

MOST_DECISIONS = 30
TONES = {"accepted": "good", "rejected": "bad"}


class Retrained(msgspec.Struct, frozen=True, gc=False):
    """The retraining of a model, as a section of its page.

    Attributes:
        says: the policy in a few sentences. chart: by period, as SVG; empty where there is little to draw.
        notes: what one must know to read it.
        timeline: newest period first. told: the same in words, as far as something was called for.
        contests: who was judged on what, newest first.
        more: decisions that are not listed.
        receipts: of the decisions, where the numbers come from.
    """

    says: tuple[str, ...]
    chart: str
    notes: tuple[str, ...]
    timeline: Table
    told: tuple[Told, ...]
    contests: Table
    more: int
    receipts: tuple[Receipt, ...]


class Told(msgspec.Struct, frozen=True, gc=False):
    """A period in which something called for a retraining, what became of that, and why."""

    period: Link
    outcome: str
    tone: str
    called: str
    says: str


class Step(msgspec.Struct, frozen=True, gc=False):
    """A period in the life of a model.

    Attributes:
        watch: how the monitor found it; href: the page of that batch, if it has one.
        version: in force then. value: of the policy's metric, in force; base: that of the first run.
        done: the record of a retraining; else `why` says why there was none. called: what called for one.
    """

    period: str
    watch: Watch | None
    href: str | None
    version: str
    value: float | None
    base: float | None
    done: Retraining | None
    why: str
    called: str


def section(index: Index, model: Model) -> Retrained | None:
    """The section of a model's page; None for a model without a policy."""
    policy = model.info.retrain
    if policy is None:
        return None
    past = _past(index, model)
    steps = list(_steps(index, model, policy, past))
    newest = past[::-1][:MOST_DECISIONS]
    info = index.infos.get(policy.metric) or MetricInfo(name=policy.metric)
    chart = _chart(model, policy, steps)
    return Retrained(
        says=tuple(_says(policy)),
        chart=chart,
        notes=tuple(_notes(past, drawn=bool(chart))),
        timeline=_timeline(model, policy, info, steps[::-1]),
        told=tuple(_told(step) for step in steps[::-1] if step.done or step.called),
        contests=_contests(index, policy, info, newest),
        more=max(0, len(past) - MOST_DECISIONS),
        receipts=tuple(_receipts(index, newest)),
    )


def newest(index: Index, model: Model) -> tuple[MetricInfo, str, list[float]] | None:
    """The metric that the policy judges by, the newest period known, and its values in force up to there."""
    policy = model.info.retrain
    steps = list(_steps(index, model, policy, _past(index, model))) if policy else []
    known = [(step.period, step.value) for step in steps if step.value is not None]
    if policy is None or not known:
        return None
    info = index.infos.get(policy.metric) or MetricInfo(name=policy.metric)
    return info, known[-1][0], [value for _, value in known]


def overview(index: Index) -> Table | None:
    """Every model with a policy and what was decided last; None where there is none."""
    rows = []
    for model in index.catalog.models:
        if model.info.retrain is None:
            continue
        past = _past(index, model)
        last = past[-1] if past else None
        accepted = sum(item.outcome == "accepted" for item in past)
        rows.append(
            (
                Cell(text.line(model.name), href=f"{model_href(model.name)}#retraining"),
                Cell(str(accepted), number=True),
                Cell(str(len(past) - accepted), number=True),
                Cell(text.line(last.period) if last else DASH),
                Cell(last.outcome, tone=TONES[last.outcome]) if last else ABSENT,
                Cell(text.cut(text.line(last.reason), 160), title=text.line(last.reason))
                if last
                else Cell("never trained again"),
            )
        )
    columns = (
        Column("model"),
        Column("accepted", number=True),
        Column("rejected", number=True),
        Column("last"),
        Column("outcome"),
        Column("why"),
    )
    return Table(columns, tuple(rows), "Retraining") if rows else None


def _past(index: Index, model: Model) -> tuple[Retraining, ...]:
    return tuple(item for item in index.catalog.retrainings if item.model == model.name)


# -- what happened


def _steps(index: Index, model: Model, policy: RetrainPolicy, past: tuple[Retraining, ...]) -> Iterator[Step]:
    """The newest labelled periods that the model was asked about, oldest first."""
    scores = {
        (item.period, item.name): item.metrics for item in index.catalog.scores if item.model == model.name
    }
    watches = [item for item in index.catalog.watches if item.monitor == policy.monitor]
    watched = {item.batch: item for item in watches}
    paged = {item.batch for item in watches[-inforce.declared(index, policy.monitor).retention :]}
    trained = {
        period for item in past for one in (item.champion, *item.challengers) for period in one.periods
    }
    now = rules.champion(model, policy)
    asked = sorted({period for period, _ in scores} | {item.period for item in past} | set(watched))
    known = sorted({*trained, *asked, *_periods(index, policy, now.run if now else "")})
    seconds = {run.id: run.seconds for run in index.runs.values() if run.seconds is not None}
    for period in asked[-MOST_PERIODS:]:
        then = rules.champion_at(past, period) or ((now.run, now.version) if now else ("", ""))
        done = next((item for item in past if item.period == period), None)
        decision = rules.decide(
            policy,
            rules.Facts(
                periods=tuple(name for name in known if name <= period),
                watches=tuple(item for item in watches if item.batch <= period),
                past=tuple(item for item in past if item.period < period),
                trained=_periods(index, policy, then[0]),
                seconds=seconds,
            ),
        )
        run = index.runs.get(then[0])
        watch = watched.get(period)
        labelled = metric(watch, policy.metric, estimated=False) if watch else None
        yield Step(
            period=period,
            watch=watch,
            href=batch_href(watch) if watch and period in paged else None,
            version=then[1],
            value=scores.get((period, run.name if run else ""), {}).get(policy.metric, labelled),
            base=scores.get((period, policy.experiment), {}).get(policy.metric),
            done=done,
            why=decision.waits or "it is due: the command was not called",
            called=done.why if done else decision.why if decision.trigger else "",
        )


def _periods(index: Index, policy: RetrainPolicy, run: str) -> tuple[str, ...]:
    """The periods that a run was trained on."""
    found = index.runs.get(run)
    return (rules.trained_on(found, policy) or ()) if found else ()


# -- how it is shown


def _says(policy: RetrainPolicy) -> Iterator[str]:
    calls = {
        "breach": f"monitor {text.line(policy.monitor)} finds its newest batch in breach of "
        f"{text.line(' or '.join(policy.kinds))}",
        "new_data": f"{text.plural(policy.every, 'new labelled period')} came",
        "schedule": f"{text.line(policy.schedule)} (UTC) comes due",
    }
    yield f"Trained again when {', or when '.join(calls[name] for name in policy.on if name in calls)}."
    windows = [f"the newest {size} periods" if size else "all periods" for _, size in policy.windows]
    yield (
        f"A challenger is {text.line(policy.experiment)}, trained on {' or on '.join(windows)} before the "
        f"newest labelled one, on which it and the model in force are judged by {text.line(policy.metric)}."
    )
    if gates := [f"{one.metric} {one.kind.replace('_', ' ')} {one.limit:.6g}" for one in policy.gates]:
        yield f"Gates: {text.line(', '.join(gates))}."
    runs = f", {text.plural(policy.runs, 'training run')}" if policy.runs else ""
    runs += f", {policy.hours:g} h of training" if policy.hours else ""
    cool = f", {text.plural(policy.cool_down, 'period')} of cool-down" if policy.cool_down else ""
    within = text.plural(policy.periods, "period")
    yield f"At most {text.plural(policy.retrains, 'retraining')}{runs} within {within}{cool}."


def _notes(past: Sequence[Retraining], *, drawn: bool) -> Iterator[str]:
    """What the chart can't show, and which decisions were made when their periods were long over."""
    if drawn and past:
        yield (
            "Always retraining has points and no line: a challenger is judged on one period alone, "
            "and where nothing called for one none was trained."
        )
    replayed = [text.line(item.period) for item in past if item.as_of]
    if replayed:
        days = sorted({text.day(item.date) for item in past if item.as_of})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        yield (
            f"Replayed with --as-of on {when}, each as if its period were the newest: "
            f"{text.cut(', '.join(replayed), 300)}."
        )


def _chart(model: Model, policy: RetrainPolicy, steps: Sequence[Step]) -> str:
    """The metric by period: in force, never retrained, and what was tried."""
    if len(steps) < 2:
        return ""
    along, x = axis([step.period for step in steps])
    labels = [f"{text.line(step.period)} {text.line(step.version)}" for step in steps]
    plain = [text.line(step.period) for step in steps]
    base, force = [step.base for step in steps], [step.value for step in steps]
    series = [
        charts.Series(name="policy followed", x=x, y=force, labels=labels, style="both"),
        charts.Series(name="never retrained", x=x, y=base, labels=plain, style="both"),
    ]
    for outcome, which in (("accepted", True), ("not accepted", False)):
        points = [
            (at, one.metrics.get(policy.metric), f"{text.line(step.period)} {text.line(one.window)}")
            for at, step in zip(x, steps, strict=True)
            if step.done
            for one in step.done.challengers
            if (one.run == step.done.chosen) is which
        ]
        xs, ys, names = ([point[part] for point in points] for part in range(3))
        series.append(
            charts.Series(name=f"challenger, {outcome}", x=xs, y=ys, labels=names, style="points")  # type: ignore[arg-type]
        )
    name = text.line(policy.metric)
    title = f"{name} by period, as it went and without retraining"
    chart = charts.xy_chart(title, series, x=along, y=charts.Axis(label=name))
    return "" if chart.reason else chart.svg(f"retraining-{text.slug(model.name)}")


def _timeline(model: Model, policy: RetrainPolicy, info: MetricInfo, steps: Sequence[Step]) -> Table:
    name = text.line(policy.metric)
    columns = (
        Column("period"),
        Column("monitor", "how the monitor found the batch of that name"),
        Column("in force"),
        Column(name, "of the model in force, on that period", number=True),
        Column(
            "never retrained", f"{name} of {text.line(policy.experiment)} on the same period", number=True
        ),
        Column("retraining"),
    )
    rows = tuple(_step_row(model, info, step) for step in steps)
    return Table(columns, rows, "Retraining by period")


def _step_row(model: Model, info: MetricInfo, step: Step) -> tuple[Cell, ...]:
    watch = step.watch
    outcome, tone = _outcome(step)
    return (
        link_cell(_period(step)),
        Cell(watch.status, tone=WATCHED.get(watch.status, "bad")) if watch else ABSENT,
        Cell(text.line(step.version) or DASH, href=version_href(model, step.version)),
        _number(step.value, info),
        _number(step.base, info),
        Cell(outcome, tone=tone, badge=text.line(step.done.version) if step.done else ""),
    )


def _period(step: Step) -> Link:
    """A period, with the batch of that name."""
    return Link(text.line(step.period), step.href)


def _outcome(step: Step) -> tuple[str, str]:
    if step.done:
        return step.done.outcome, TONES[step.done.outcome]
    return ("held back", "warn") if step.called else (DASH, "")


def _told(step: Step) -> Told:
    outcome, tone = _outcome(step)
    reason = step.done.reason if step.done else step.why
    as_version = f"{step.done.version}, " if step.done and step.done.version else ""
    return Told(
        period=_period(step),
        outcome=outcome,
        tone=tone,
        called=text.cut(text.line(step.called), 300),
        says=text.cut(text.line(f"{as_version}{reason}"), 600),
    )


def _number(value: float | None, info: MetricInfo, title: str = "") -> Cell:
    if value is None:
        return Cell(DASH, "absent", number=True)
    return Cell(text.value(value, info), number=True, title=title or f"{value:.6g}")


def _contests(index: Index, policy: RetrainPolicy, info: MetricInfo, past: Sequence[Retraining]) -> Table:
    """Everyone who was judged, the champion first."""
    others = [one for one in dict.fromkeys(gate.metric for gate in policy.gates) if one != policy.metric]
    infos = [info, *(index.infos.get(name) or MetricInfo(name=name) for name in others)]
    columns = (
        Column("judged on"),
        Column("who"),
        Column("run"),
        Column("trained on"),
        *(Column(text.line(one.name), number=True) for one in infos),
        Column("verdict"),
        Column("reason"),
    )
    rows = [
        _contest_row(index, item, one, infos) for item in past for one in (item.champion, *item.challengers)
    ]
    return Table(columns, tuple(rows), "Champions and challengers")


def _contest_row(
    index: Index, item: Retraining, one: Contestant, infos: Sequence[MetricInfo]
) -> tuple[Cell, ...]:
    champion = one is item.champion
    who = f"champion {text.line(one.version)}" if champion else text.line(one.window)
    chosen = bool(item.chosen) and one.run == item.chosen
    verdict = Cell(DASH) if champion else _verdict(one, chosen=chosen, version=item.version)
    return (
        Cell(text.line(item.period), href=f"{model_href(item.model)}#{_anchor(item)}"),
        Cell(who),
        link_cell(index.run_link(one.run))
        if one.run in index.runs
        else Cell(text.line(one.run), "unreadable"),
        Cell(text.line(span(one.periods)) or DASH, title=text.line(", ".join(one.periods))),
        *(_number(one.metrics.get(info.name), info, text.line(one.scores)) for info in infos),
        verdict,
        Cell(text.cut(text.line(one.reason), 240) or DASH),
    )


def _verdict(one: Contestant, *, chosen: bool, version: str) -> Cell:
    if chosen:
        return Cell("accepted", tone="good", badge=text.line(version))
    return Cell("passed, not the best") if one.passed else Cell("rejected", tone="bad")


def _anchor(item: Retraining) -> str:
    return f"receipt-{text.slug(item.model)}-{text.slug(item.period)}"


def _spent(index: Index, item: Retraining) -> str:
    """The wall time of what was trained."""
    runs = [index.runs[one.run] for one in item.challengers if one.run in index.runs]
    known = [run.seconds for run in runs if run.seconds is not None]
    silent = len(item.challengers) - len(known)
    told = [text.duration(sum(known))] if known else []
    told += [f"{text.plural(silent, 'run')} logged no time"] if silent else []
    return "; ".join(told)


def _receipts(index: Index, past: Sequence[Retraining]) -> Iterator[Receipt]:
    for item in past:
        stages = [
            f"retrain-{item.model}@{one.name}.{item.period}" for one in (item.champion, *item.challengers)
        ]
        rows: Mapping[str, str] = {
            "period": item.period,
            "what called for it": item.why,
            "record": item.path,
            "data": f"{item.data}, MD5 {item.md5}",
            "training took": _spent(index, item),
            "scores": ", ".join(one.scores for one in (item.champion, *item.challengers)),
            "decided": f"{item.date[:10]}{' by ' if item.by else ''}{item.by}",
            **({"replayed": f"as if {item.as_of} were the newest period"} if item.as_of else {}),
        }
        yield Receipt(
            id=_anchor(item),
            rows=tuple((name, Link(text.line(value))) for name, value in rows.items()),
            command=text.line(f"dvc repro {' '.join(stages)}"),
        )
