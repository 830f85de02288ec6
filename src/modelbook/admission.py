"""Whether a version of a model may be put in force in an environment, and if not, why. Pure.

    judge(catalog, model, version, environment) -> one Unmet for each thing that speaks against it

The command `assign`, `modelbook check` and the site ask the same question, so that none lets through what
another one refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from modelbook import cards, gates
from modelbook.errors import CheckFailed
from modelbook.records import Catalog, Model, ModelVersion, Project, Record, Reproduction, Run

_PACKAGE = "package"


class Unmet(Record, frozen=True, kw_only=True):
    """Something that speaks against a version.

    Attributes:
        kind: what is required (`gates`, `card`, `package`, `reproduced`), or `version` for what always is.
        reason: what was found. hint: what to do about it.
    """

    kind: str
    reason: str
    hint: str = ""


class Refused(CheckFailed):
    """A version may not be put in force in an environment."""

    def __init__(self, what: str, environment: str, unmet: Iterable[Unmet]) -> None:
        found = tuple(unmet)
        lines = "".join(f"\n- {item.kind}: {item.reason}" for item in found)
        hints = dict.fromkeys(item.hint for item in found if item.hint)
        super().__init__(f"{what} may not be put in {environment}:{lines}", hint="; ".join(hints))


class _Case(NamedTuple):
    catalog: Catalog
    model: Model
    version: ModelVersion
    environment: str
    run: Run
    rules: tuple[Project, ...]


def judge(catalog: Catalog, model: Model, version: ModelVersion, environment: str) -> tuple[Unmet, ...]:
    """All that speaks against a version in an environment; none when it may be put there.

    A version that is in force there already is judged as it was when it was put there: beside the one it
    took the place of, and by the rules of the commit before that one as well as by those of now. So nobody
    loosens a rule and makes use of it in one pull request.
    """
    found: list[Unmet] = []
    if version.deprecated:
        why = f": {version.deprecation}" if version.deprecation else ""
        found.append(Unmet(kind="version", reason=f"it is deprecated{why}", hint="choose another version"))
    run = catalog.run(version.run)
    if version.reason or run is None:
        reason = version.reason or f"run {version.run} is in no commit of this history"
        found.append(Unmet(kind="version", reason=reason, hint="register a version of a run that is"))
    if run is not None:
        rules = _rules(catalog, model, version, environment)
        case = _Case(catalog, model, version, environment, run, rules)
        kinds = (kind for project in rules for kind in dict(project.requirements).get(environment, ()))
        for kind in dict.fromkeys(kinds):
            found += _CHECKS[kind](case) if kind in _CHECKS else ()
    return tuple(found)


def _rules(catalog: Catalog, model: Model, version: ModelVersion, environment: str) -> tuple[Project, ...]:
    """The project as it is; and as it was right before the commit that put the version there."""
    last = next((item for item in model.promotions if item.environment == environment), None)
    by_sha = {item.commit.sha: item for item in catalog.snapshots}
    if last is None or last.tag or last.version != version.version or last.commit not in by_sha:
        return (catalog.project,)
    parent = by_sha.get(next(iter(by_sha[last.commit].commit.parents), ""))
    return (catalog.project, parent.project) if parent and parent.project else (catalog.project,)


def reproduction(catalog: Catalog, run: str) -> Reproduction | None:
    """The record of a run's reproduction that can be believed; None without one."""
    return next((item for item in catalog.reproductions if item.run == run and not item.reason), None)


def packaged(run: Run) -> bool:
    """Whether a stage of the run made a package of its model."""
    return any(stage.group.rpartition("-")[2] == _PACKAGE and stage.lock for stage in run.stages)


# -- what may be required


def _gates(case: _Case) -> Iterator[Unmet]:
    before, again = _before(case)
    runs = {item.id: item for item in case.catalog.runs}
    other = next((runs.get(item.run) for item in case.model.versions if item.version == before), None)
    rules = dict.fromkeys(rule for project in case.rules for rule in project.gates)
    if again:  # a way back is open: what was good enough once need not beat what came after it
        rules = dict.fromkeys(rule for rule in rules if rule.kind not in gates.NEEDS_BEFORE)
    judgements = gates.judge(rules, case.run, other)
    if not judgements:
        yield Unmet(
            kind="gates",
            reason="no gate speaks of a metric that it has",
            hint="declare gates of its metrics in mlproject.yaml, or don't require them",
        )
    for item in judgements:
        if item.passed is False:
            kind = item.gate.kind.replace("_", " ")
            yield Unmet(kind="gates", reason=f"{kind}: {item.reason}", hint="register a run that passes")
        elif item.passed is None and item.after is None:
            yield Unmet(
                kind="gates",
                reason=f"a gate cannot be judged: {item.reason}",
                hint="commit the metric with the run, or bring it (`dvc pull`)",
            )


def _before(case: _Case) -> tuple[str, bool]:
    """The version that this one takes the place of, and whether it was in force there once before."""
    version = case.version.version
    moves = [item for item in case.model.promotions if item.environment == case.environment]
    now = dict(case.model.info.environments).get(case.environment, "")
    if now == version and moves:
        moves, now = moves[1:], moves[0].before
    return now, any(item.version == version for item in moves)


def _card(case: _Case) -> Iterator[Unmet]:
    missing = cards.card(case.model, case.version, case.run).missing
    if missing:
        file = case.run.spec.path if case.run.spec else "the experiment's spec"
        yield Unmet(
            kind="card",
            reason=f"its model card says nothing of: {', '.join(missing)}",
            hint=f"write it under card: in {file}; a run has the card that was committed with it",
        )


def _package(case: _Case) -> Iterator[Unmet]:
    if not packaged(case.run):
        yield Unmet(
            kind="package",
            reason=f"no stage of run {case.run.id} made a package of it",
            hint=f"add package: to pipeline {case.run.pipeline}, run it, and register the run that it makes",
        )


def _reproduced(case: _Case) -> Iterator[Unmet]:
    run = case.run
    record = reproduction(case.catalog, run.id)
    again = f"`modelbook reproduce {run.id}`, and commit its record"
    if record is None:
        yield Unmet(kind="reproduced", reason=f"no record says that run {run.id} was reproduced", hint=again)
    elif record.outcome != "reproduced":
        yield Unmet(
            kind="reproduced",
            reason=f"when run {run.id} was run again on {record.date[:10]}, it {_ended(record)}",
            hint=f"find out why; then {again}",
        )


def _ended(record: Reproduction) -> str:
    return "failed" if record.outcome == "failed" else "gave other results"


_CHECKS = {"gates": _gates, "card": _card, "package": _package, "reproduced": _reproduced}
