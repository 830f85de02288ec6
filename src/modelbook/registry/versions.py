"""Models from their two equal sources: what `mlproject.yaml` declares, and what GTO tags register.

A version that both have is one version with a run and a tag. What a tag registers is whatever its commit
holds; the run it came from is the one run at that commit which made the model's file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from modelbook._paths import inside
from modelbook.records import (
    Commit,
    Model,
    ModelInfo,
    ModelVersion,
    Problem,
    Project,
    Promotion,
    Run,
    Snapshot,
    Tag,
)
from modelbook.registry import tags as grammar
from modelbook.registry.tags import Entry, Version, order


class Registered(NamedTuple):
    """All models, without candidates, and what is wrong with what registers them."""

    models: tuple[Model, ...]
    problems: tuple[Problem, ...]


def models(
    project: Project, snapshots: Sequence[Snapshot], head: str, tags: Sequence[Tag], runs: Iterable[Run]
) -> Registered:
    """Every model: those of `mlproject.yaml` in its order, then those of dvc.yaml files and tags by name.

    Args:
        snapshots: newest first. head: sha of the one that counts as now.
    """
    listed = tuple(runs)
    by_id = {run.id: run for run in listed}
    tagged = _by_model(grammar.entries(tags), project)
    infos = _infos(project, snapshots, head, tagged)
    held = _held(listed, {version.commit for entry in tagged.values() for version in entry.versions})
    found = []
    problems = list(grammar.problems(tags))
    line = _line(snapshots, head)
    for name, info in infos.items():
        entry = tagged.get(name, Entry(name=name))
        problems += _disagreements(info, entry)
        retired = dict(info.deprecated)
        own = [_declared(version, run, by_id, retired) for version, run in info.versions]
        first = _first_runs(name, line)
        problems += _broken(info, own, first)
        dated = _dated(name, [_held_to(item, first) for item in own], snapshots)
        at = _paths_at(name, snapshots) if entry.versions else {}
        tags_say = [
            _named(item, by_id, entry) or _tagged(item, info, at, held, entry) for item in entry.versions
        ]
        problems += _other_runs(info, tags_say)
        versions = _joined(dated, tags_say)
        environments = {**dict(entry.environments), **dict(info.environments)}
        found.append(
            Model(
                name=name,
                info=replace(info, environments=tuple(environments.items())),
                versions=tuple(_placed(version, environments) for version in versions),
                promotions=_promotions(_declared_moves(name, line), entry.promotions),
            )
        )
    return Registered(tuple(found), tuple(problems))


def _by_model(entries: Iterable[Entry], project: Project) -> dict[str, Entry]:
    """What the tags say of each model; a folder's own project declares `FOLDER:NAME` as NAME."""
    folder = project.file.rpartition("/")[0]
    found = {entry.name: entry for entry in entries}
    for info in project.models if folder else ():
        own = found.pop(f"{folder}:{info.name}", None)
        if own is not None:
            found[info.name] = replace(own, name=info.name)
    return found


def _infos(
    project: Project, snapshots: Sequence[Snapshot], head: str, tagged: Mapping[str, Entry]
) -> dict[str, ModelInfo]:
    declared = {info.name: info for info in project.models}
    newest = next((snapshot for snapshot in snapshots if snapshot.commit.sha == head), None)
    now = newest if newest and newest.models else next((item for item in snapshots if item.models), None)
    plain = {info.name: info for info in (now.models if now else ()) if info.type == "model"}
    for snapshot in snapshots:
        for info in snapshot.models:
            if info.name in tagged:
                plain.setdefault(info.name, info)
    for name in tagged:
        plain.setdefault(name, ModelInfo(name=name, type=""))
    rest = {name: plain[name] for name in sorted(plain) if name not in declared}
    return {**declared, **rest}


def _held(runs: Iterable[Run], commits: set[str]) -> dict[str, list[Run]]:
    """Commit -> the runs it holds, for the commits that matter."""
    held: dict[str, list[Run]] = {}
    for run in runs:
        for sha in commits.intersection(run.commits):
            held.setdefault(sha, []).append(run)
    return held


def _paths_at(name: str, snapshots: Sequence[Snapshot]) -> dict[str, str]:
    """Commit -> path of the model's file as declared there."""
    return {
        snapshot.commit.sha: info.artifact
        for snapshot in snapshots
        for info in snapshot.models
        if info.name == name and info.artifact
    }


# -- from mlproject.yaml


def _declared(version: str, run: str, runs: Mapping[str, Run], deprecated: Mapping[str, str]) -> ModelVersion:
    return ModelVersion(
        version=version,
        run=run,
        deprecated=version in deprecated,
        deprecation=deprecated.get(version, ""),
        reason=None if run in runs else f"run {run} is in no commit of this history",
    )


def _first_runs(model: str, line: Iterable[Snapshot]) -> dict[str, tuple[str, str]]:
    """Version -> (the run that HEAD's line first registered it with, the commit that did)."""
    found: dict[str, tuple[str, str]] = {}
    for snapshot in line:
        for info in snapshot.project.models if snapshot.project else ():
            for version, run in info.versions if info.name == model else ():
                found.setdefault(version, (run, snapshot.commit.short))
    return found


def _held_to(item: ModelVersion, first: Mapping[str, tuple[str, str]]) -> ModelVersion:
    """A version, with the fault named when it is not the run that it was registered with."""
    run, commit = first.get(item.version, (item.run, ""))
    if run == item.run:
        return item
    reason = f"it was registered with run {run} (commit {commit}) and now names run {item.run}"
    return replace(item, reason=f"{reason}; a version never changes")


def _broken(
    info: ModelInfo, versions: Iterable[ModelVersion], first: Mapping[str, tuple[str, str]]
) -> list[Problem]:
    """Versions whose run is in no history, or is another one than they were registered with."""
    return [
        Problem(path=info.file, reason=f"{info.name} {item.version}: {item.reason}")
        for item in (_held_to(version, first) for version in versions)
        if item.reason
    ]


def _dated(model: str, versions: list[ModelVersion], snapshots: Sequence[Snapshot]) -> list[ModelVersion]:
    """The versions with the oldest commit that declares each (version, run)."""
    first: dict[tuple[str, str], Commit] = {}
    for snapshot in reversed(snapshots) if versions else ():
        for info in snapshot.project.models if snapshot.project else ():
            if info.name == model:
                for pair in info.versions:
                    first.setdefault(pair, snapshot.commit)
    none = Commit(sha="")
    return [
        replace(item, commit=commit.sha, date=commit.date, author=commit.author)
        for item in versions
        for commit in [first.get((item.version, item.run), none)]
    ]


def _line(snapshots: Sequence[Snapshot], head: str) -> list[Snapshot]:
    """HEAD and its first parents, oldest first: what was in force when."""
    by_sha = {snapshot.commit.sha: snapshot for snapshot in snapshots}
    found = []
    while head in by_sha:
        found.append(by_sha[head])
        head = next(iter(found[-1].commit.parents), "")
    return found[::-1]


def _declared_moves(model: str, line: Iterable[Snapshot]) -> list[Promotion]:
    """Each commit of the line that put another version of a model in force, or none; oldest first."""
    found: list[Promotion] = []
    then: Mapping[str, str] = {}
    for snapshot in line:
        infos = snapshot.project.models if snapshot.project else ()
        now = next((dict(info.environments) for info in infos if info.name == model), {})
        commit = snapshot.commit
        for name in [*now, *(gone for gone in then if gone not in now)] if now != then else ():
            version, before = now.get(name, ""), then.get(name, "")
            if version != before:
                found.append(
                    Promotion(
                        environment=name, version=version, before=before, commit=commit.sha,
                        date=commit.date, author=commit.author,
                    )
                )  # fmt: skip
        then = now
    return found


def _promotions(declared: Sequence[Promotion], tagged: Sequence[Promotion]) -> tuple[Promotion, ...]:
    """Those of both sources, newest first by the moment; of one source in its own order."""
    both = [*declared, *tagged][::-1]
    return tuple(sorted(both, key=lambda item: _moment(item.date), reverse=True))


def _moment(date: str) -> float:
    try:
        return datetime.fromisoformat(date).timestamp()
    except (ValueError, OverflowError):
        return 0.0


# -- from tags


def _named(item: Version, runs: Mapping[str, Run], entry: Entry) -> ModelVersion | None:
    """A version whose tag says which run it is; None for other tags, as GTO itself writes them."""
    if not item.run:
        return None
    reason = None if item.run in runs else f"run {item.run} is in no commit of this history"
    return _of_tag(item, entry, item.run, reason)


def _tagged(
    item: Version, info: ModelInfo, at: Mapping[str, str], held: Mapping[str, list[Run]], entry: Entry
) -> ModelVersion:
    here = held.get(item.commit, [])
    path = at.get(item.commit) or ("" if "${" in info.artifact else info.artifact)
    makers = [run for run in here if path and _makes(run, path)]
    only = makers or ([] if path else [run for run in here if _near(run, info.name)])
    run = only[0].id if len(only) == 1 else ""
    return _of_tag(item, entry, run, None if run else _unknown(path, here, only))


def _of_tag(item: Version, entry: Entry, run: str, reason: str | None) -> ModelVersion:
    return ModelVersion(
        version=item.version,
        run=run,
        tag=item.tag,
        commit=item.commit,
        date=item.date,
        author=item.author,
        deprecated=entry.deprecated,
        reason=reason,
    )


def _near(run: Run, model: str) -> bool:
    """Whether a run is of the folder that a model's name starts with, if it starts with one."""
    folder, colon, _name = model.partition(":")
    return not colon or any(inside(stage.file, folder) for stage in run.stages[-1:])


def _makes(run: Run, path: str) -> bool:
    return any(inside(path, out.path) or inside(out.path, path) for out in run.artifacts)


def _unknown(path: str, here: Sequence[Run], makers: Sequence[Run]) -> str:
    """Why nobody can say which run a tagged version came from."""
    if not here:
        return "no run is in the commit that is tagged"
    if makers:
        return f"{len(makers)} runs of the commit that is tagged could have made it"
    return f"no run of the commit that is tagged makes {path}"


# -- both


def _joined(declared: Sequence[ModelVersion], tagged: Sequence[ModelVersion]) -> list[ModelVersion]:
    """Each version once, greatest first: what is declared knows its run, what is tagged its tag and time."""
    found = {item.version: item for item in declared}
    for item in tagged:
        old = found.get(item.version)
        if old is None:
            found[item.version] = item
        else:
            run, reason = (old.run, old.reason) if old.run else (item.run, item.reason)
            retired = item.deprecated or old.deprecated
            found[item.version] = replace(
                item, run=run, reason=reason, deprecated=retired, deprecation=old.deprecation
            )
    return [found[name] for name in sorted(found, key=order, reverse=True)]


def _placed(version: ModelVersion, environments: Mapping[str, str]) -> ModelVersion:
    names = (name for name, at in environments.items() if at == version.version)
    return replace(version, environments=tuple(sorted(names)))


def _other_runs(info: ModelInfo, tagged: Iterable[ModelVersion]) -> list[Problem]:
    """Versions that a tag says are another run than the file says."""
    declared = dict(info.versions)
    return [
        Problem(
            path=info.file,
            reason=f"{info.name} {item.version} is run {declared[item.version]} here and run {item.run} by "
            f"Git tag {item.tag}; this file counts",
        )
        for item in tagged
        if item.run and declared.get(item.version, item.run) != item.run
    ]


def _disagreements(info: ModelInfo, entry: Entry) -> list[Problem]:
    """Environments that the two sources put different versions in; what a reviewed file says wins."""
    tagged = dict(entry.environments)
    return [
        Problem(
            path=info.file,
            reason=f"{info.name}: {name} is {version} here and {tagged[name]} by Git tag; this file counts",
        )
        for name, version in info.environments
        if tagged.get(name, version) != version
    ]
