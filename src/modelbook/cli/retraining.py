"""The command that trains a model again when its policy says so, and lets the better one have its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from modelbook._files import replace_file
from modelbook._hashes import md5_of
from modelbook._periods import span
from modelbook.cli import repo_option
from modelbook.cli.source import cache_options
from modelbook.errors import CheckFailed, ModelbookError

if TYPE_CHECKING:
    from modelbook.cli.life import Desk
    from modelbook.records import Contestant, Model, Retraining, RetrainPolicy
    from modelbook.retrain import Decision, Judged, Training
    from modelbook.spec import Workspace


class NoPolicy(ModelbookError):
    """A model that nobody said when to retrain."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} has no retrain: policy", hint=f"declare one at models.{model}.retrain")


class NoChampion(ModelbookError):
    """There is nothing to compare a challenger with."""


class UnknownPeriod(ModelbookError):
    """No labelled data is called like that."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        some = f"periods are {', '.join(known[-12:])}" if known else "the policy's data finds no file"
        super().__init__(f"there is no period {name!r}", hint=f"did you mean {near[0]}?" if near else some)


class SpecTaken(ModelbookError):
    """A spec is there already and says something else."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is there and is not the challenger that is asked for now",
                         hint="remove or rename it: specs of past challengers are never changed")  # fmt: skip


class Rejected(CheckFailed):
    """No challenger was better, and --gate was given."""

    def __init__(self, made: Retraining) -> None:
        super().__init__(f"{made.model} stays as it is on {made.period}: {made.reason}")


class Case(NamedTuple):
    """A model, its policy, and what the policy says.

    Attributes:
        champion: its name, run and version, without metrics. as_of: as it was asked for, or empty.
    """

    here: Desk
    model: Model
    policy: RetrainPolicy
    workspace: Workspace
    champion: Contestant
    decision: Decision
    as_of: str

    @property
    def periods(self) -> dict[str, str]:
        """Labelled period -> its file."""
        return self.workspace.contests[self.model.name].periods


@click.command()
@click.argument("model")
@click.option("--as-of", metavar="PERIOD", help="As if this were the newest period: to replay the past.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@click.option("--gate", is_flag=True, help="Exit with 1 when no challenger is accepted.")
@click.option("--json", "as_json", is_flag=True, help="JSON, alone on standard output.")
@repo_option
@cache_options
def retrain(model: str, as_of: str | None, dry_run: bool, gate: bool, as_json: bool, repo: Path) -> None:
    """Train MODEL again if its policy says so, and register the new one if it is better.

    Champion and challengers are judged on the newest labelled period, which none of them was trained on.
    Writes a spec for each challenger, runs it and what judges it with DVC, and keeps a record in
    runs/retrains/MODEL/PERIOD.json, whichever way it goes. Nothing is committed.
    """
    case = _case(repo, model, as_of or "", dry_run)
    finished = None if dry_run else _finish(case)
    if finished or case.decision.waits or dry_run:
        _tell(case, finished, as_json)
        return
    made = _carry_out(case)
    _finish(case, made)
    _tell(case, made, as_json)
    if gate and made.outcome != "accepted":
        raise Rejected(made)


# -- what the policy says


def _case(repo: Path, name: str, as_of: str, dry_run: bool) -> Case:
    from modelbook import retrain as rules
    from modelbook import spec
    from modelbook.cli.life import desk

    here = desk(repo)
    model = here.model(name)
    policy = model.info.retrain
    if policy is None:
        raise NoPolicy(name)
    workspace = spec.load(here.root)
    periods = list(workspace.contests[name].periods)
    if as_of and as_of not in periods:
        raise UnknownPeriod(as_of, periods)
    past = tuple(item for item in here.catalog.retrainings if item.model == name)
    known = rules.champion_at(past, as_of) if as_of and dry_run else None
    champion = _champion(here, model, policy, known)
    facts = rules.Facts(
        periods=tuple(_until(as_of, periods)),
        watches=tuple(
            item
            for item in here.catalog.watches
            if item.monitor == policy.monitor and (not as_of or item.batch <= as_of)
        ),
        past=tuple(item for item in past if not (dry_run and as_of) or item.period < as_of),
        trained=champion.periods,
        seconds={run.id: run.seconds for run in here.catalog.runs if run.seconds is not None},
        now=datetime.now(UTC),
    )
    return Case(here, model, policy, workspace, champion, rules.decide(policy, facts), as_of)


def _until(as_of: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if not as_of or name <= as_of]


def _champion(here: Desk, model: Model, policy: RetrainPolicy, known: tuple[str, str] | None) -> Contestant:
    """The version that a challenger must beat: that in force, else the newest; or one that a record names."""
    from modelbook import retrain as rules
    from modelbook.records import Contestant

    if known is None:
        version = rules.champion(model, policy)
        if version is None:
            where = f"in force in {policy.environment}" if policy.environment else "registered"
            raise NoChampion(
                f"no version of {model.name} is {where}",
                hint=f"`modelbook register {model.name}` makes the first",
            )
        known = version.run, version.version
    run = here.catalog.run(known[0])
    if run is None:
        raise NoChampion(
            f"run {known[0]} of {model.name} {known[1]} is in no commit", hint="fetch the history that has it"
        )
    periods = rules.trained_on(run, policy)
    if periods is None:
        raise NoChampion(
            f"run {run.id} ({run.name}) does not say at {policy.param} what it was trained on",
            hint="let its train stage depend on that param",
        )
    return Contestant(run=run.id, name=run.name, version=known[1], periods=periods)


# -- carrying it out


def _carry_out(case: Case) -> Retraining:
    """Train and judge; nothing is registered yet."""
    from modelbook import spec, stages
    from modelbook.runner import dvc

    _must_be_here(case, case.champion)
    names = [_write_spec(case, training) for training in case.decision.trainings]
    workspace = spec.load(case.here.root)
    stages.sync(workspace)
    runs = [run for run in workspace.runs if run.experiment in names]
    period, model = case.decision.period, case.model.name
    judged = [
        stages.scores_address(model, name, period) for name in (case.champion.name, *(r.name for r in runs))
    ]
    trained = [address for run in runs for address in stages.addresses(workspace, run)]
    dvc.repro(case.here.root, [*trained, *judged], aside=True)
    return _recorded(case, {run.experiment: run.name for run in runs}, names)


def _must_be_here(case: Case, champion: Contestant) -> None:
    """The champion's run is made by a spec that is here, and is what that spec makes."""
    current = [run for run in case.here.catalog.runs if case.here.catalog.head in run.commits]
    found = next((run for run in current if run.name == champion.name), None)
    planned = any(run.name == champion.name for run in case.workspace.runs)
    if not planned or found is None or found.id != champion.run:
        raise NoChampion(
            f"run {champion.run} ({champion.name}), the champion, is not what the specs here make",
            hint="keep the spec of what is in force, and bring its results up to date: `modelbook repro`",
        )


def _write_spec(case: Case, training: Training) -> str:
    """Write the spec of a challenger, if it is not there yet; its name."""
    from modelbook.spec.models import name_like

    name = name_like(f"{case.model.name}-{case.decision.period}-{training.window}")
    folder = f"{case.workspace.project.experiments.rstrip('/')}/{case.model.name}"
    file = case.here.root / folder / f"{name}.yaml"
    text = _spec_text(case, training, folder.count("/") + 1)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise SpecTaken(f"{folder}/{name}.yaml")
    if not file.exists():
        replace_file(file, text.encode())
    return name


def _spec_text(case: Case, training: Training, depth: int) -> str:
    """What a challenger is, in YAML: what it extends, what it challenges, and the periods in its window."""

    from modelbook.spec.edit import scalar as said

    champion = f"{case.model.name} {case.champion.version}"
    description = (
        f"Is a model trained on {span(training.periods)} better than {champion} in {case.decision.period}?"
    )
    schema = ".modelbook/experiment.schema.json"
    lines = []
    if (case.here.root / schema).is_file():
        lines.append(f"# yaml-language-server: $schema={'../' * depth}{schema}")
    lines += [
        f"# Written by `modelbook retrain`, because {' '.join(case.decision.why.split())}.",
        f"description: {said(description)}",
        f"extends: {said(case.policy.experiment)}",
        "challenges:",
        f"  model: {said(case.model.name)}",
        f"  champion: {said(case.champion.name)}",
        f"  period: {said(case.decision.period)}",
        "params:",
    ]
    steps = case.policy.param.split(".")
    lines += [f"{'  ' * depth}{said(step)}:" for depth, step in enumerate(steps, 1)]
    lines += [f"{'  ' * (len(steps) + 1)}- {said(name)}" for name in training.periods]
    return "\n".join(lines) + "\n"


def _recorded(case: Case, runs: dict[str, str], names: Sequence[str]) -> Retraining:
    """What came out: all contestants with their metrics, and the verdict."""
    from msgspec.structs import replace

    from modelbook import retrain as rules
    from modelbook.cli.life import desk
    from modelbook.records import Contestant, Retraining
    from modelbook.runner import telemetry

    again = desk(case.here.root)
    ids = {run.name: run.id for run in again.catalog.runs if again.catalog.head in run.commits}
    champion = _scored(case, case.champion)
    challengers = [
        _scored(
            case,
            Contestant(
                run=ids[runs[name]], name=runs[name], window=training.window, periods=training.periods
            ),
        )
        for name, training in zip(names, case.decision.trainings, strict=True)
    ]
    verdict = rules.judge(case.policy, again.catalog.project.metrics, champion, challengers)
    path = case.periods[case.decision.period]
    made = Retraining(
        model=case.model.name,
        period=case.decision.period,
        data=path,
        md5=md5_of(case.here.root / path),
        trigger=case.decision.trigger,
        why=case.decision.why,
        metric=case.policy.metric,
        champion=champion,
        challengers=verdict.challengers,
        outcome=verdict.outcome,
        reason=verdict.reason,
        chosen=verdict.chosen,
        as_of=case.as_of,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        by=telemetry.who(case.here.root),
    )
    return replace(made, **_place(again, case, verdict)) if verdict.chosen else made


def _scored(case: Case, one: Contestant) -> Contestant:
    from msgspec.structs import replace

    from modelbook import stages
    from modelbook.history.retrains import metrics

    path = stages.scores_path(case.model.name, one.name, case.decision.period)
    return replace(one, metrics=metrics((case.here.root / path).read_bytes()), scores=path)


def _place(here: Desk, case: Case, verdict: Judged) -> dict[str, str]:
    """Which version an accepted run becomes, and where it is put in force."""
    from modelbook import admission, registry
    from modelbook.records import ModelVersion

    version = registry.following([item.version for item in case.model.versions], "minor")
    if not case.policy.assign:
        return {"version": version}
    item = ModelVersion(version=version, run=verdict.chosen)
    unmet = admission.judge(here.catalog, here.model(case.model.name), item, case.policy.environment)
    if not unmet:
        return {"version": version, "environment": case.policy.environment}
    why = "; ".join(f"{one.kind}: {one.reason}" for one in unmet)
    return {"version": version, "reason": f"{verdict.reason}; not put in {case.policy.environment}: {why}"}


# -- what is kept


def _finish(case: Case, made: Retraining | None = None) -> Retraining | None:
    """Keep the record, then register what it says; without one, end what an earlier command began.

    The record comes first: whoever is killed in between leaves one that says what is still to be done, and
    the next command does that and no more. A record that is committed is done with.
    """
    from modelbook import spec
    from modelbook.records import written
    from modelbook.runner import lock

    root, name = case.here.root, case.model.name
    if made is not None:
        path = f"runs/retrains/{name}/{made.period}.json"
        replace_file(root / path, written(made))
    else:
        past = [item for item in case.here.catalog.retrainings if item.model == name]
        open_ = [
            item for item in past[-1:] if item.version and item.version not in dict(case.model.info.versions)
        ]
        if not open_ or lock.committed(root, f"runs/retrains/{name}/{open_[0].period}.json"):
            return None
        [made] = open_
    entries: dict[tuple[str | int, ...], str | None] = {}
    if made.version:
        entries["models", name, "versions", made.version] = made.chosen
    if made.environment:
        entries["models", name, "environments", made.environment] = made.version
    if entries:
        spec.change_entries(root, entries)
    return made


# -- what is told


def _tell(case: Case, made: Retraining | None, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_json(case, made), indent=1))
        return
    name, decision = case.model.name, case.decision
    if made is not None:
        _tell_made(made)
    elif decision.waits:
        click.echo(f"{name}: nothing to do: {decision.waits}")
        if decision.trigger:
            click.echo(f"  although {decision.why}")
    else:
        click.echo(f"{name}: would be trained again: {decision.why}")
        click.echo(
            f"  champion {case.champion.version}, {_trained(case.champion.periods)}, run {case.champion.run}"
        )
        for one in decision.trainings:
            click.echo(f"  challenger {one.window}, {_trained(one.periods)}")
        click.echo(
            f"  all judged on {decision.period} ({case.periods[decision.period]}) by {case.policy.metric}"
        )
    for words in decision.left_out:
        click.echo(f"  left out: {words}")


def _tell_made(made: Retraining) -> None:
    def shown(one: Contestant) -> str:
        value = one.metrics.get(made.metric)
        return "not measured" if value is None else f"{value:.6g}"

    click.echo(f"{made.model}: {made.outcome} on {made.period}: {made.reason}")
    click.echo(f"  champion {made.champion.version}: {made.metric} {shown(made.champion)}")
    for one in made.challengers:
        mark = "accepted" if one.run == made.chosen else "passed" if one.passed else "failed"
        click.echo(f"  {one.window}, run {one.run}: {made.metric} {shown(one)}, {mark}")
    if made.version:
        place = f", in force in {made.environment}" if made.environment else ""
        click.echo(f"mlproject.yaml: {made.model} {made.version} is run {made.chosen}{place}")
    click.echo("next: commit all of it on a branch and open a pull request; merging it is the approval")


def _trained(periods: Sequence[str]) -> str:
    return f"trained on {span(periods) or 'nothing that is known'}"


def _as_json(case: Case, made: Retraining | None) -> dict[str, Any]:
    from modelbook.records import plain

    outcome = made.outcome if made else "waits" if case.decision.waits else "planned"
    reason = made.reason if made else case.decision.waits or case.decision.why
    return {
        "model": case.model.name,
        "outcome": outcome,
        "reason": reason,
        "decision": plain(case.decision),
        "champion": plain(case.champion),
        "record": plain(made) if made else None,
    }
