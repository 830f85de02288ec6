"""Commands that register versions of models and put them in force, in mlproject.yaml or by Git tags."""

from __future__ import annotations

import difflib
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import click

from modelbook.cli import repo_option
from modelbook.cli.source import cache_options
from modelbook.errors import ModelbookError

if TYPE_CHECKING:
    from modelbook.admission import Unmet
    from modelbook.history import Repository
    from modelbook.records import Catalog, Model, ModelVersion, Run, Tag

_F = TypeVar("_F", bound=Callable[..., Any])


class UnknownModel(ModelbookError):
    """No model of that name is declared."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1)
        some = (
            f"models are {', '.join(names[:10])}" if names else "declare it under models: in mlproject.yaml"
        )
        super().__init__(f"there is no model {name!r}", hint=f"did you mean {close[0]}?" if close else some)


class UnknownVersion(ModelbookError):
    """A model has no such version."""

    def __init__(self, model: str, version: str, known: Iterable[str]) -> None:
        names = ", ".join(list(known)[:10])
        super().__init__(
            f"{model} has no version {version!r}",
            hint=f"its versions are {names}" if names else f"`modelbook register {model}` makes the first",
        )


class NoSuchRun(ModelbookError):
    """A run that cannot be registered as a version of a model."""


class TakenVersion(ModelbookError):
    """A version is there already, with another run."""

    def __init__(self, model: str, version: ModelVersion) -> None:
        super().__init__(
            f"{model} {version.version} is run {version.run or 'unknown'}, and a version never changes",
            hint="leave --version out for the next one",
        )


class NoTag(ModelbookError):
    """Git tags cannot say it."""


class Desk(NamedTuple):
    """Where a registration is made.

    Attributes:
        root: the folder of mlproject.yaml; of a repository without one, its top.
        below: that folder relative to the Git root, or empty.
    """

    root: Path
    repository: Repository
    below: str
    catalog: Catalog
    tags: tuple[Tag, ...]

    def model(self, name: str) -> Model:
        """The model of a name."""
        found = self.catalog.model(name)
        if found is None:
            raise UnknownModel(name, (item.name for item in self.catalog.models))
        return found

    def version(self, name: str, version: str) -> tuple[Model, ModelVersion]:
        """A version of a model, by its name with or without the `v`."""
        model = self.model(name)
        wanted = (version, f"v{version}")
        found = next((item for item in model.versions if item.version in wanted), None)
        if found is None:
            raise UnknownVersion(name, version, (item.version for item in model.versions))
        return model, found

    def tag_name(self, model: str) -> str:
        """A model's name as tags have it: `DIR=NAME` in a monorepo."""
        return f"{self.below}={model}" if self.below and ":" not in model else model.replace(":", "=")

    def put(self, loc: tuple[str, ...], value: str | None, says: str) -> None:
        """Change mlproject.yaml, and say what to do next."""
        from modelbook import spec

        if spec.change_project(self.root, ("models", *loc), value):
            path = f"{self.below}/{spec.PROJECT_FILE}" if self.below else spec.PROJECT_FILE
            click.echo(f"{path}: {says}")
            click.echo(f"next: commit {path} on a branch and open a pull request; merging it is the approval")
        else:
            click.echo(f"nothing to do: {says} already")

    def tag(self, name: str, commit: str, message: str) -> None:
        """Make an annotated tag, as Git is configured to (name, time, signature)."""
        from modelbook import _process, registry
        from modelbook.records import Tag

        if registry.parse(Tag(name=name, commit=commit)) is None:
            raise NoTag(f"{name} would be no tag of GTO's grammar", hint="rename the model or environment")
        last = max((tag.time for tag in self.tags if tag.annotated), default=0)
        later = {"GIT_COMMITTER_DATE": f"@{last + 1} +0000"} if last >= time.time() - 1 else {}
        argv = ["git", "tag", "-a", "-m", message, name, commit]
        _process.run(argv, cwd=self.root, env={**os.environ, **later})  # what came last counts, by the second
        click.echo(f"tagged {name} at {commit[:7]}: {message.splitlines()[0]}")
        click.echo(f"next: git push origin '{name}'")


def desk(repo: Path) -> Desk:
    """All that a registration needs to know."""
    from modelbook import spec
    from modelbook.cli import source
    from modelbook.history import Repository

    repository = Repository(repo)
    try:
        root = spec.find_root(repo)
    except spec.NoProject:
        root = repository.root or repo
    below = root.resolve().relative_to((repository.root or root).resolve()).as_posix().removeprefix(".")
    repository = Repository(repo, below) if below else repository
    reading = source.read(repository, "all", pull=False)
    return Desk(root, repository, below, source.catalog(reading, below), reading.history.tags)


tag_option = click.option("--tag", "by_tag", is_flag=True, help="Write an annotated Git tag, as GTO does.")


@click.command()
@click.argument("model")
@click.option("--version", "wanted", metavar="VERSION", help="Such as v1.2.0.")
@click.option(
    "--bump",
    type=click.Choice(["major", "minor", "patch"]),
    help="The version after the greatest one (default: minor; v1.0.0 when there is none).",
)
@click.option("--run", "run_id", metavar="RUN", help="The run's id, or its start (default: the best one).")
@tag_option
@repo_option
@cache_options
def register(
    model: str, wanted: str | None, bump: str | None, run_id: str | None, by_tag: bool, repo: Path
) -> None:
    """Register a run as a version of MODEL.

    Without --run it is the best run of the model's pipeline that HEAD holds, by the pipeline's headline
    metric; the output says which one, and by how much. mlproject.yaml is changed, not committed.
    """
    from modelbook import registry

    if wanted and bump:
        raise click.UsageError("give --version or --bump, not both")
    here = desk(repo)
    found = here.model(model)
    run = _chosen(here, found, run_id)
    versions = [item.version for item in found.versions]
    version = _full(wanted) if wanted else registry.following(versions, bump or "minor")
    same = next((item for item in found.versions if item.version == version), None)
    if same and same.run != run.id:
        raise TakenVersion(model, same)
    if by_tag:
        commit = _free_commit(here, found, run, same)
        here.tag(f"{here.tag_name(model)}@{version}", commit, f"Register {model} {version}\n\nRun: {run.id}")
    else:
        here.put((model, "versions", version), run.id, f"{model} {version} is run {run.id} ({run.name})")


def _full(version: str) -> str:
    return version if version.startswith("v") else f"v{version}"


def _chosen(here: Desk, model: Model, run_id: str | None) -> Run:
    """The run that was asked for, or the best one; said aloud."""
    from modelbook.records import WORKSPACE

    runs = [run for run in here.catalog.runs if run.id.startswith(run_id or model.candidate or "?")]
    if len(runs) != 1:
        _no_run(model, run_id, len(runs))
    run = runs[0]
    if run.commits == (WORKSPACE,):
        raise NoSuchRun(f"run {run.id} ({run.name}) is not committed yet", hint="commit its results first")
    if model.info.pipeline and run.pipeline != model.info.pipeline:
        says = (
            f"run {run.id} is of pipeline {run.pipeline or 'none'}, and {model.name} of {model.info.pipeline}"
        )
        raise NoSuchRun(says, hint=f"`modelbook runs` lists those of {model.info.pipeline}")
    path = model.info.artifact.replace("${run}", run.name)
    if path and not any(out.path == path or path.startswith(f"{out.path}/") for out in run.artifacts):
        raise NoSuchRun(
            f"run {run.id} ({run.name}) makes no {path}", hint="that is where the model should be"
        )
    if run_id is None:
        _say_best(here, model, run)
    others = [item.version for item in model.versions if item.run == run.id]
    if others:
        click.echo(f"note: {', '.join(others)} is the same run", err=True)
    return run


def _no_run(model: Model, run_id: str | None, found: int) -> NoReturn:
    if run_id is None:
        says = f"no run at HEAD is the best of pipeline {model.info.pipeline or 'unknown'}"
        raise NoSuchRun(says, hint="name one with --run; `modelbook runs` lists them")
    if found:
        raise NoSuchRun(f"{found} runs have an id that starts with {run_id!r}", hint="give more digits of it")
    raise NoSuchRun(f"no run has an id that starts with {run_id!r}", hint="`modelbook runs` lists them")


def _say_best(here: Desk, model: Model, run: Run) -> None:
    from modelbook.catalog import headlines

    info = headlines(here.catalog).get(run.pipeline)
    value = run.metric(info.name) if info else None
    score = f" by {info.name}: {value.number:.6g}" if info and value and value.number is not None else ""
    click.echo(f"chose run {run.id} ({run.name}), the best of pipeline {run.pipeline} at HEAD{score}")
    runs = {item.id: item for item in here.catalog.runs}
    for item in model.versions[:1]:
        old = runs[item.run].metric(info.name) if info and item.run in runs else None
        if info and old is not None and old.number is not None:
            click.echo(f"{item.version}, the newest version, has {info.name} {old.number:.6g}")


def _free_commit(here: Desk, model: Model, run: Run, same: ModelVersion | None) -> str:
    """The newest commit with a run that no version tag stands at: GTO allows one version for a commit."""
    from modelbook import registry
    from modelbook.records import WORKSPACE

    name = here.tag_name(model.name).replace("=", ":")
    if same and same.tag:
        raise NoTag(f"{model.name} {same.version} is registered by tag {same.tag} already")
    events = [event for tag in here.tags if (event := registry.parse(tag)) and event.name == name]
    taken = {event.tag.commit for event in events if event.version}
    held = [sha for sha in run.commits if sha != WORKSPACE]
    free = [sha for sha in held if sha not in taken]
    head = here.repository.head
    if not free:
        raise NoTag(
            f"every commit with run {run.id} has a version of {model.name} by tag, and GTO allows one",
            hint="register it in mlproject.yaml: leave --tag out",
        )
    return head if head in free else free[-1]


@click.command()
@click.argument("model")
@click.argument("version")
@click.argument("environment", metavar="ENV")
@tag_option
@repo_option
@cache_options
def assign(model: str, version: str, environment: str, by_tag: bool, repo: Path) -> None:
    """Put VERSION of MODEL in force in ENV.

    Refused, with the reasons and exit status 1, when it lacks what `environments: {ENV: {requires: ...}}` of
    mlproject.yaml asks for.
    """
    from modelbook import admission, registry

    here = desk(repo)
    found, item = here.version(model, version)
    unmet = admission.judge(here.catalog, found, item, environment) or _damage(here, item, environment)
    if unmet:
        raise admission.Refused(f"{model} {item.version}", environment, unmet)
    if by_tag:
        if not item.tag:
            hint = f"`modelbook register {model} --version {item.version} --run {item.run} --tag`"
            raise NoTag(f"{model} {item.version} has no tag that registers it", hint=hint)
        name = here.tag_name(model)
        number = registry.counter(here.tags, name.replace("=", ":"))
        commit = next(tag.commit for tag in here.tags if tag.name == item.tag)
        here.tag(f"{name}#{environment}#{number}", commit, f"Put {model} {item.version} in {environment}")
    else:
        if item.version not in dict(found.info.versions):
            hint = f"add it to mlproject.yaml with `modelbook register {model}`, or assign it with --tag"
            raise NoTag(f"{model} {item.version} is registered by tag {item.tag} alone", hint=hint)
        here.put(
            (model, "environments", environment), item.version, f"{model} {item.version} is in {environment}"
        )


def _damage(here: Desk, version: ModelVersion, environment: str) -> tuple[Unmet, ...]:
    """What is wrong with the package that an environment requires, held file by file against checksums."""
    from modelbook import admission, serve

    if "package" not in dict(here.catalog.project.requirements).get(environment, ()):
        return ()
    run = next(item for item in here.catalog.runs if item.id == version.run)
    try:
        with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
            serve.fetch(here.root, run, Path(folder))
    except ModelbookError as error:
        return (admission.Unmet(kind="package", reason=str(error), hint=error.hint),)
    return ()


@click.command()
@click.argument("model")
@click.argument("environment", metavar="ENV")
@tag_option
@repo_option
@cache_options
def unassign(model: str, environment: str, by_tag: bool, repo: Path) -> None:
    """Take MODEL out of force in ENV."""
    from modelbook import registry

    here = desk(repo)
    found = here.model(model)
    version = dict(found.info.environments).get(environment)
    if version is None:
        places = ", ".join(name for name, _ in found.info.environments)
        raise UnknownEnvironment(model, environment, places)
    if not by_tag:
        here.put((model, "environments", environment), None, f"{model} is no longer in {environment}")
        return
    name = here.tag_name(model)
    item = next((one for one in found.versions if one.version == version), None)
    commit = next((tag.commit for tag in here.tags if item and tag.name == item.tag), "")
    if not commit:
        raise NoTag(f"no tag put {model} {version} in {environment}", hint="leave --tag out")
    number = registry.counter(here.tags, name.replace("=", ":"))
    here.tag(f"{name}#{environment}!#{number}", commit, f"Take {model} {version} out of {environment}")


class UnknownEnvironment(ModelbookError):
    """A model is not in force in an environment."""

    def __init__(self, model: str, environment: str, known: str) -> None:
        hint = f"it is in {known}" if known else "it is in no environment"
        super().__init__(f"{model} is not in force in {environment!r}", hint=hint)


class StillInForce(ModelbookError):
    """A version that is in force is not deprecated before another one takes its place."""

    exit_code = 1

    def __init__(self, model: str, version: ModelVersion) -> None:
        super().__init__(
            f"{model} {version.version} is in force in {', '.join(version.environments)}",
            hint=f"put another one there first: `modelbook assign {model} VERSION {version.environments[0]}`",
        )


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", default="", metavar="TEXT", help="Why, in a sentence.")
@tag_option
@repo_option
@cache_options
def deprecate(model: str, version: str, reason: str, by_tag: bool, repo: Path) -> None:
    """Say that nobody should use VERSION of MODEL any more.

    GTO has no word for that: with --tag its version is taken back (deregistered).
    """
    from modelbook import registry

    here = desk(repo)
    _found, item = here.version(model, version)
    if item.environments:
        raise StillInForce(model, item)
    if not by_tag:
        says = f"{model} {item.version} is deprecated"
        here.put((model, "deprecated", item.version), reason or item.deprecation, says)
        return
    if not item.tag:
        raise NoTag(f"{model} {item.version} has no tag that registers it", hint="leave --tag out")
    name = here.tag_name(model)
    commit = next(tag.commit for tag in here.tags if tag.name == item.tag)
    number = registry.counter(here.tags, name.replace("=", ":"))
    why = f"Take back {model} {item.version}" + (f"\n\n{reason}" if reason else "")
    here.tag(f"{name}@{item.version}!#{number}", commit, why)
