"""Commands that check what was published: a run made again, and a site held against its manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelbook._files import replace_file
from modelbook.cli import repo_option, source, terminal
from modelbook.cli.source import cache_options
from modelbook.cli.terminal import escaped, printable
from modelbook.errors import CheckFailed, ModelbookError

if TYPE_CHECKING:
    from modelbook.cli.life import Desk
    from modelbook.records import Comparison, Reproduction, Run, Value
    from modelbook.reproduce import How, Made
    from modelbook.site.proof import Proof

_MOST_ALIKE = 12
_MOST_DIFFERENT = 40
_LONGEST = 64


class NotReproduced(CheckFailed):
    """A run that was made again is not what it was."""

    def __init__(self, run: Run, record: Reproduction) -> None:
        if record.outcome == "failed":
            super().__init__(
                f"run {run.id} ({run.name}): a stage failed, see above",
                hint="what differs in the environment is the first thing to look at",
            )
            return
        rows = (*record.metrics, *record.outs)
        wrong = [row.name for row in rows if not row.same]
        some = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        super().__init__(
            f"run {run.id} ({run.name}) is not what it was: {some}",
            hint="where only rounding differs, allow for it with --rtol or --atol",
        )


class NotAllReproduced(CheckFailed):
    """Of many runs that were made again, some are not what they were."""

    def __init__(self, wrong: Iterable[Run]) -> None:
        names = [f"{run.id} ({run.name})" for run in wrong]
        some = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        super().__init__(f"not what they were: {some}", hint="`modelbook reproduce RUN` tells more of one")


@click.command()
@click.argument("target", metavar="RUN|MODEL@VERSION", required=False)
@click.option("--all", "every", is_flag=True, help="Every run that HEAD holds, and those of all versions.")
@click.option("--current", is_flag=True, help="With --all: only those that HEAD holds.")
@click.option("--rtol", type=click.FloatRange(min=0), default=0.0, help="A metric may be off by this share.")
@click.option("--atol", type=click.FloatRange(min=0), default=0.0, help="A metric may be off by this much.")
@click.option("--all-stages", is_flag=True, help="Run the shared stages as well, not just the run's own.")
@click.option("--install", is_flag=True, help="With a Python of its own that has the recorded packages.")
@click.option("--no-record", is_flag=True, help="Write no record.")
@click.option("--json", "as_json", is_flag=True, help="The record as JSON, alone on standard output.")
@repo_option
@cache_options
def reproduce(
    target: str | None,
    every: bool,
    current: bool,
    rtol: float,
    atol: float,
    all_stages: bool,
    install: bool,
    no_record: bool,
    as_json: bool,
    repo: Path,
) -> None:
    """Make a run again in a clean worktree at its commit, and compare every metric and output.

    Data comes by its hash from DVC's cache or a remote; the run's own stages really run, with --install on
    the recorded packages. What differs from the recorded environment is told. Writes
    runs/reproduced/RUN.json, for you to commit. Exit status 1 when anything differs. With --all, runs that
    one commit has share a worktree, and one that fails stops no other.
    """
    from modelbook import reproduce as again
    from modelbook.cli.life import desk

    if (target is None) != every or (current and not every):
        raise click.UsageError("give a run, or --all, which --current may narrow")
    here = desk(repo)
    how = again.How(rtol, atol, all_stages, install, lambda line: click.echo(line, err=True))
    if target is None:
        _every(here, how, current, as_json=as_json, record=not no_record)
        return
    run = _run(here, target)
    record = again.of(here.repository, run, how)
    if as_json:
        click.echo(again.written(record), nl=False)
    else:
        _print(run, record)
    if not no_record:
        _keep(here, record)
    if record.outcome != "reproduced":
        raise NotReproduced(run, record)


def _keep(here: Desk, record: Reproduction) -> None:
    from modelbook import reproduce as again

    replace_file(here.root / again.FOLDER / f"{record.run}.json", again.written(record).encode())
    click.echo(f"wrote {again.FOLDER}/{record.run}.json: commit it, and the site shows it", err=True)


def _every(here: Desk, how: How, current: bool, *, as_json: bool, record: bool) -> None:
    """Make many runs again, with a line for each when it ends, and a sum."""
    from modelbook import reproduce as again

    catalog = here.catalog
    named = {item.run for model in catalog.models for item in model.versions} if not current else set()
    runs = [run for run in catalog.runs if catalog.head in run.commits or run.id in named]
    made: list[tuple[Run, Made]] = []
    for run, result in again.each(here.repository, runs, how):
        made.append((run, result))
        click.echo(f"run {run.id} ({printable(run.name)}): {_outcome(result)}", err=as_json)
        if record and not isinstance(result, ModelbookError):
            _keep(here, result)
    if as_json:
        rows = [
            {"run": run.id, "outcome": "not possible", "reason": str(result)}
            if isinstance(result, ModelbookError)
            else json.loads(again.written(result))
            for run, result in made
        ]
        click.echo(json.dumps(rows, indent=1))
    click.echo(_sum([result for _, result in made]), err=as_json)
    wrong = [run for run, result in made if not _is_good(result)]
    if wrong:
        raise NotAllReproduced(wrong)


def _outcome(result: Made) -> str:
    if isinstance(result, ModelbookError):
        return f"not possible: {printable(str(result))}"
    rows = (*result.metrics, *result.outs)
    wrong = [printable(row.name) for row in rows if not row.same]
    if result.outcome == "reproduced":
        how = ", bit by bit" if result.exact else " within the tolerance"
        return f"reproduced{how}: {len(result.metrics)} metrics, {len(result.outs)} outputs"
    return f"{result.outcome}: {', '.join(wrong[:5]) or 'a stage failed'}"


def _sum(results: Iterable[Made]) -> str:
    """How many ended how."""
    names = ["not possible" if isinstance(item, ModelbookError) else item.outcome for item in results]
    exact = sum(not isinstance(item, ModelbookError) and item.exact for item in results)
    parts = [f"{names.count(name)} {name}" for name in dict.fromkeys(names)]
    return f"{len(names)} runs: {', '.join(parts) or 'none'}; {exact} of them bit by bit"


def _is_good(result: Made) -> bool:
    """Whether nothing is wrong: of a run that nobody knows how to make there is nothing to say."""
    from modelbook import reproduce as again

    if isinstance(result, ModelbookError):
        return isinstance(result, again.NotReproducible)
    return result.outcome == "reproduced"


class NotAsPublished(CheckFailed):
    """Files of a site are not those that its manifest lists."""

    def __init__(self, count: int) -> None:
        files = "file is" if count == 1 else "files are"
        super().__init__(
            f"{count} {files} not as the manifest says", hint="build the site again, and publish it whole"
        )


class OtherNumbers(CheckFailed):
    """Numbers of a site are not those of the repository."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} {'thing is' if count == 1 else 'things are'} not as the repository has it",
            hint="is it the repository that the site was built from, with all its branches?",
        )


@click.command()
@click.argument("site", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Hold the numbers against this repository as well.",
)
@source.project_option
@source.pull_option
@click.option("--json", "as_json", is_flag=True, help="JSON, alone on standard output.")
@source.cache_options
def verify(site: Path, repo: Path | None, project: str, pull: bool, as_json: bool) -> None:
    """Hold every file of a published SITE against its manifest; no network, no repository.

    Names each file that was changed, is missing or does not belong there, and exits with 1 if there is any.
    With --repo, the params and metrics of every run, in its data and on its page, are held against the
    repository's history, and metrics files against the hashes of their lock entries.
    """
    from modelbook.site import manifest

    found = manifest.verify(site)
    proof = _proof(site, found.head, repo, project, pull) if repo else None
    if as_json:
        faults = [{"path": path, "fault": fault} for path, fault in found.faults]
        about: dict[str, Any] = {"project": found.project, "head": found.head, "version": found.version}
        about |= {"files": found.files, "faults": faults}
        click.echo(json.dumps({**about, "numbers": _as_json(proof) if proof else None}, indent=1))
    else:
        for path, fault in found.faults:
            click.echo(f"{fault:8} {json.dumps(path)[1:-1]}")
        for path, fault in proof.faults if proof else ():
            click.echo(f"{path}: {printable(fault)}")
        click.echo(
            f"{found.project} at {found.head[:12]}, built by Modelbook {found.version}: {found.files} files"
        )
        click.echo(_told(proof) if proof else "numbers: held against no repository; --repo PATH does that")
    if found.faults:
        raise NotAsPublished(len(found.faults))
    if proof and proof.faults:
        raise OtherNumbers(len(proof.faults))


def _proof(site: Path, head: str, repo: Path, project: str, pull: bool) -> Proof:
    """The site held against a repository, by all of its history."""
    from modelbook.history import Repository
    from modelbook.history.files import Unreadable
    from modelbook.site import proof

    repository = Repository(repo, project)
    reading = source.read(repository, "all", pull=pull)

    def content(value: Value) -> bytes | None:
        if value.blob is None:
            return reading.pulled(value.md5) if reading.pulled and value.md5 else None
        try:
            return repository.blob(value.blob)
        except Unreadable:
            return None

    return proof.prove(site, head, source.catalog(reading, project), content)


def _told(proof: Proof) -> str:
    more = f"; {proof.elsewhere} more are neither in Git nor in DVC's cache" if proof.elsewhere else ""
    return (
        f"numbers: held against the repository, {proof.numbers} in the data and {proof.shown} on the pages "
        f"of {proof.runs} runs; {proof.files} metrics files have the hash of their lock entry{more}"
    )


def _as_json(proof: Proof) -> dict[str, Any]:
    counts = {key: getattr(proof, key) for key in ("runs", "numbers", "shown", "files", "elsewhere")}
    return {**counts, "faults": [{"path": path, "fault": fault} for path, fault in proof.faults]}


def _run(here: Desk, target: str) -> Run:
    """The run of an id, of its start, or of a version of a model."""
    from modelbook.cli.life import NoSuchRun

    name, at, version = target.partition("@")
    wanted = here.version(name, version)[1].run if at else target
    found = [run for run in here.catalog.runs if wanted and run.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    known = here.model(name).versions if at else ()
    reason = next((item.reason for item in known if item.reason and item.run == wanted), None)
    what = f"{len(found)} runs have an id that starts with" if found else "no run has an id that starts with"
    raise NoSuchRun(reason or f"{what} {wanted!r}", hint="`modelbook runs` lists them")


def _print(run: Run, record: Reproduction) -> None:
    console = terminal.console()
    name = printable(run.name)
    console.print(f"run {run.id} ({name}) at {record.commit[:7]}: {len(record.stages)} stages", markup=False)
    if record.environment:
        _table(console, "what it ran on", "recorded", "here", record.environment, verdict=False)
    elif run.environments:
        console.print("environment: as recorded")
    else:
        console.print("environment: the run recorded none")
    for title, rows in (("metric", record.metrics), ("output", record.outs)):
        if rows:
            _table(console, title, "recorded", "found", rows, verdict=True)
    if record.outcome == "reproduced":
        console.print(f"reproduced{'' if not record.exact else ', bit by bit'}", style="green")


def _table(console: Any, what: str, old: str, new: str, rows: Iterable[Comparison], *, verdict: bool) -> None:
    """What differs, and some of what does not."""
    from rich import box
    from rich.table import Table

    table = Table(what, old, new, *([""] if verdict else []), box=box.SIMPLE_HEAD, pad_edge=False)
    listed = sorted(rows, key=lambda row: row.same)
    alike = sum(row.same for row in listed)
    shown = listed[: min(len(listed) - alike, _MOST_DIFFERENT) + (_MOST_ALIKE if verdict else 0)]
    for row in shown:
        says = ["same" if row.same else "differs"] if verdict else []
        table.add_row(_plain(row.name), _plain(row.recorded), _plain(row.found), *says)
    console.print(table)
    if len(listed) > len(shown):
        rest = len(listed) - len(shown)
        console.print(f"and {rest} more{' that are the same' if rest <= alike else ''}")


def _plain(value: object) -> str:
    """A value from a repository, safe for the terminal and for rich."""
    if value is None:
        return "-"
    shown = value if isinstance(value, str) else json.dumps(value)
    return escaped(shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…")
