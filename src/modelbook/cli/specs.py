"""Commands on wishes: what specs say, and how DVC runs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from modelbook.cli import print_warning, repo_option
from modelbook.cli.source import cache_options
from modelbook.errors import CheckFailed, Issue, SpecError

if TYPE_CHECKING:
    from modelbook.records import Catalog
    from modelbook.runner.dvc import Ended
    from modelbook.spec import Run, Workspace


def _workspace(repo: Path) -> Workspace:
    from modelbook import spec

    return spec.load(spec.find_root(repo))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@click.command()
@repo_option
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab", "none"]),
    default="github",
    show_default=True,
    help="Whose workflows to write.",
)
def init(repo: Path, ci: str) -> None:
    """Write a first project into this Git repository; no file that is there is changed."""
    from modelbook import scaffold

    made = scaffold.init(repo, ci)
    for path in made.written:
        click.echo(f"wrote    {path}")
    for path in made.skipped:
        click.echo(f"skipped  {path} (it is there)")
    if made.dvc:
        click.echo("made this a DVC repository")
    if ".gitlab-ci.yml" in made.skipped:
        click.echo("\nAdd to .gitlab-ci.yml:  include: [{local: .gitlab/modelbook.yml}]")
    if made.example:
        click.echo("\nNow run the example and look at it: modelbook repro && modelbook build")
    else:
        click.echo("\nNow look at your own history: modelbook build")


class NotAllowed(SpecError):
    """The files are valid, and say something of models that the history or a requirement forbids."""

    exit_code = 1


@click.command()
@click.option("--cards", is_flag=True, help="Each model's newest version must have a complete model card.")
@cache_options
@repo_option
def check(cards: bool, repo: Path) -> None:
    """Validate mlproject.yaml, every experiment spec and the blocks of all reports.

    Held against the history: that a version of a model is the run it was registered with, and that what is in
    force has what its environment requires. Exit status 1 when only these are amiss. What is no fault but may
    not be meant, such as a monitor that finds no batch, is a warning on standard error.
    """
    from modelbook import spec, stages

    root = spec.find_root(repo)
    issues: list[Issue] = []
    workspace = None
    try:
        workspace = spec.load(root)
        issues += stages.missing_deps(workspace)
    except SpecError as error:
        issues += error.issues
    registered = bool(workspace and any(model.versions for model in workspace.project.models.values()))
    catalog = _history(root, registered or cards)
    issues += _report_issues(catalog)
    if issues or workspace is None:
        raise SpecError(issues)
    forbidden = list(_forbidden(workspace, catalog)) if catalog and registered else []
    forbidden += _gaps(workspace, catalog) if catalog and cards else []
    if forbidden:
        raise NotAllowed(forbidden)
    _print_summary(workspace)


def _history(root: Path, registered: bool) -> Catalog | None:
    """The history, which is read only where a report or a registered version asks for it."""
    from modelbook import history
    from modelbook.cli import source
    from modelbook.errors import NotARepository

    if not registered and not any((root / history.REPORTS).glob("**/*.md")):
        return None
    try:
        repository = history.Repository(root)
    except NotARepository:
        return None
    below = root.resolve().relative_to((repository.root or root).resolve()).as_posix().removeprefix(".")
    repository = history.Repository(root, below) if below else repository
    return source.catalog(source.read(repository, "all", pull=False), below)


def _report_issues(catalog: Catalog | None) -> list[Issue]:
    """What is wrong with the blocks of reports."""
    from modelbook import pages

    return list(pages.report_issues(catalog)) if catalog and catalog.reports else []


def _forbidden(workspace: Workspace, catalog: Catalog) -> Iterator[Issue]:
    """What mlproject.yaml says of models that the history, or what an environment requires, forbids."""
    from modelbook import admission
    from modelbook.spec import PROJECT_FILE

    for model in catalog.models:
        known = {item.version: item for item in model.versions}
        declared = workspace.project.models.get(model.name)
        for name in declared.versions if declared else ():
            if name in known and known[name].reason:
                at = ("models", model.name, "versions", name)
                yield workspace.issue(PROJECT_FILE, at, f"{name}: {known[name].reason}", _reread(catalog))
        for place, name in declared.environments.items() if declared else ():
            for unmet in admission.judge(catalog, model, known[name], place) if name in known else ():
                if unmet.kind != "version":
                    at = ("models", model.name, "environments", place)
                    says = f"{name} may not be in {place}: {unmet.kind}: {unmet.reason}"
                    yield workspace.issue(PROJECT_FILE, at, says, unmet.hint)


def _gaps(workspace: Workspace, catalog: Catalog) -> Iterator[Issue]:
    """Sections that the card of a model's newest version, or of its candidate, lacks."""
    from modelbook.cards import card
    from modelbook.spec import PROJECT_FILE

    runs = {run.id: run for run in catalog.runs}
    for model in catalog.models:
        version = next((item for item in model.versions if not item.deprecated), None)
        run = runs.get(version.run if version else model.candidate or "")
        missing = card(model, version, run).missing if model.name in workspace.project.models else ()
        if missing:
            at = ("models", model.name, *(("versions", version.version) if version else ()))
            where = run.spec.path if run and run.spec else "its experiment"
            which = version.version if version else "the candidate"
            says = f"the model card of {which} lacks {', '.join(missing)}"
            yield workspace.issue(PROJECT_FILE, at, says, f"write them under card: in {where}")


def _reread(catalog: Catalog) -> str:
    """What to do about a version that is not what it was."""
    shallow = next((item.reason for item in catalog.problems if "shallow" in item.reason), "")
    return shallow or "give the other run a version of its own"


def _print_summary(workspace: Workspace) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("experiment", "pipeline", "runs", "description", box=None, header_style="bold")
    for spec in workspace.specs.values():
        runs = sum(run.experiment == spec.name for run in workspace.runs)
        shown = "abstract" if spec.experiment.abstract else str(runs)
        description = " ".join(spec.experiment.description.split())
        table.add_row(
            spec.name, spec.experiment.pipeline or "", shown, Text(description, overflow="ellipsis")
        )
    warnings = workspace.warnings()
    for warning in warnings:
        print_warning(warning)
    console = Console(highlight=False)
    console.print(table)
    numbers = [
        _count(len(workspace.project.pipelines), "pipeline"),
        _count(len(workspace.specs), "experiment"),
        _count(len(workspace.runs), "run"),
    ]
    said = ["no faults", *([_count(len(warnings), "warning")] if warnings else [])]
    console.print(Text(f"{workspace.project.name}: {', '.join([*numbers, *said])}"))


@click.command()
@click.argument("kind", type=click.Choice(["project", "experiment"]), required=False)
@click.option(
    "--write", is_flag=True, help="Write both to .modelbook/, where the specs' first lines point to."
)
@repo_option
def schema(repo: Path, kind: str | None, write: bool) -> None:
    """Print the JSON Schema of mlproject.yaml (project) or of experiment specs, for editors."""
    from modelbook import spec

    schemas = spec.schemas()
    if not write:
        click.echo(schemas[kind or "project"][1], nl=False)
        return
    root = spec.find_root(repo)
    for path, text in schemas.values():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        click.echo(f"wrote {path}")


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 when dvc.yaml is stale.")
@repo_option
def sync(repo: Path, only_check: bool) -> None:
    """Write the DVC stages that mlproject.yaml and the experiment specs ask for to dvc.yaml."""
    from modelbook import stages
    from modelbook.scaffold import schedule

    workspace = _workspace(repo)
    if only_check:
        stages.check(workspace)
        schedule.check(workspace.root, workspace.project)
    changed = not only_check and stages.sync(workspace)
    if not only_check and schedule.sync(workspace.root, workspace.project):
        click.echo(f"{schedule.FILE} written: {', '.join(schedule.of(workspace.project)) or 'no schedule'}")
    state = "written" if changed else "is up to date"
    click.echo(f"{stages.FILE} {state}: {_count(len(workspace.runs), 'run')}")


@click.command(hidden=True)
@repo_option
def plan(repo: Path) -> None:
    """Check dvc.yaml and write every run's resolved params; DVC runs this before all other stages."""
    from modelbook import stages

    stages.plan(_workspace(repo))


@click.command("exec", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("key", metavar="RUN/STAGE")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def execute(ctx: click.Context, key: str, command: tuple[str, ...]) -> None:
    """Run a stage's command and log what it ran on; DVC calls this in every stage."""
    from modelbook import runner

    status = runner.execute(key, command, Path.cwd())
    if status in (126, 127):
        click.echo(f"{command[0]}: {'not found' if status == 127 else 'not executable'}", err=True)
    ctx.exit(status)


class RunsFailed(CheckFailed):
    """Some runs failed; what they said was printed before."""

    def __init__(self, failed: Sequence[str], total: int) -> None:
        super().__init__(
            f"{len(failed)} of {_count(total, 'run')} failed: {', '.join(failed)}",
            hint="what they said is above; the others are done: the next `modelbook repro` runs just these",
        )


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=1, help="How many runs at a time (default: 1)."
)
@repo_option
def repro(repo: Path, targets: tuple[str, ...], jobs: int) -> None:
    """Sync dvc.yaml, then run what is stale with DVC.

    A TARGET is an experiment, a run, a pipeline, or anything that `dvc repro` takes; all, when none is given.
    """
    from modelbook import stages
    from modelbook.runner import dvc

    workspace = _workspace(repo)
    runs, others = stages.split(workspace, targets)
    if dvc.initialise(workspace.root):
        click.echo("made this a DVC repository: `git commit` what `dvc init` added")
    if stages.sync(workspace):
        click.echo(f"{stages.FILE} written: {_count(len(workspace.runs), 'run')}")
    wanted = [*_addresses(workspace, runs), *others] if targets else []
    if jobs > 1 and runs:
        _repro_side_by_side(workspace, runs, jobs)
    dvc.repro(workspace.root, wanted, quiet=jobs > 1)


def _addresses(workspace: Workspace, runs: Sequence[Run]) -> list[str]:
    from modelbook import stages

    return [address for run in runs for address in stages.addresses(workspace, run)]


def _repro_side_by_side(workspace: Workspace, runs: list[Run], jobs: int) -> None:
    """What the runs share first, then those that are stale, several at a time."""
    from modelbook import stages
    from modelbook.runner import dvc

    dvc.repro(workspace.root, stages.upstream(workspace, runs))
    stale = dvc.changed(workspace.root)
    lanes = {run.name: stages.addresses(workspace, run) for run in runs}
    lanes = {run: own for run, own in lanes.items() if stale & set(own)}
    click.echo(f"{_count(len(lanes), 'run')} to do, {len(runs) - len(lanes)} up to date")
    with _Progress(len(lanes)) as progress:
        failed = dvc.repro_runs(workspace.root, lanes, jobs, progress)
    if failed:
        raise RunsFailed([one.run for one in failed], len(lanes))


class _Progress(AbstractContextManager["_Progress"]):
    """Tells how runs go: a bar on a terminal, and a line for each run that ended."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(highlight=False, soft_wrap=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", total=total)
        self._running: list[str] = []

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def started(self, run: str) -> None:
        """A run's stages begin."""
        self._running.append(run)
        self._show()

    def ended(self, result: Ended) -> None:
        """A run's stages ended; of one that failed, print all it said."""
        self._running.remove(result.run)
        self._bar.advance(self._task)
        self._show()
        if result.status:
            self._print(result.output.rstrip() + "\n", "")
            self._print(f"failed {result.run} (status {result.status}, {result.seconds:.1f} s)", "bold red")
        else:
            self._print(f"done {result.run} ({result.seconds:.1f} s)", "green")

    def _show(self) -> None:
        self._bar.update(self._task, description=", ".join(self._running))

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text

        self._console.print(Text(text, style=style))
