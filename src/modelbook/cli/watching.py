"""Commands that watch models in use: `modelbook monitor`."""

from __future__ import annotations

import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelbook._files import replace_file
from modelbook.cli import print_warning, repo_option

if TYPE_CHECKING:
    from modelbook import forge, notify
    from modelbook.records import Watch
    from modelbook.spec import Channel, Workspace

_NOWHERE = "its .dvc file is here, and its data are not, nor in the DVC remote"
MARKS = {"ok": "ok", "warning": "WARNING", "breach": "BREACH"}


@click.group()
def monitor() -> None:
    """Watch data and models in use, batch by batch."""


@monitor.command()
@click.argument("name")
@repo_option
def profile(name: str, repo: Path) -> None:
    """Count the reference of the monitor NAME, as its first stage does."""
    from modelbook import monitor, stages

    workspace = _workspace(repo, name)
    watched = workspace.watched[name]
    files = [workspace.root / path for path in watched.reference]
    found = monitor.profile(workspace.project.monitors[name], files)
    replace_file(workspace.root / stages.reference_path(name), monitor.dump(found))


@monitor.command()
@click.argument("name")
@click.argument("batch")
@repo_option
def batch(name: str, batch: str, repo: Path) -> None:
    """Judge one BATCH of the monitor NAME, as the stage of that batch does."""

    from modelbook import monitor, stages

    workspace = _workspace(repo, name)
    batches = workspace.watched[name].batches
    if batch not in batches:
        raise click.BadParameter(f"{name} has no batch {batch!r}; it has {', '.join(list(batches)[:12])}")
    reference = workspace.root / stages.reference_path(name)
    if not reference.is_file():
        raise click.ClickException(f"{reference.name} is missing: run modelbook monitor profile {name} first")
    found = monitor.watch(
        name,
        batch,
        workspace.project.monitors[name],
        monitor.load(reference.read_bytes()),
        workspace.root / batches[batch],
    )
    _write(workspace, found)


def _write(workspace: Workspace, found: Watch) -> None:
    """Put a result in its place, and say it."""
    from modelbook import stages
    from modelbook.records import written

    file = workspace.root / stages.result_path(found.monitor, found.batch)
    for left in file.parent.glob(f".{glob.escape(file.name)}.*.tmp"):  # of a run that was killed
        left.unlink(missing_ok=True)
    replace_file(file, written(found))
    _print(found)


@monitor.command()
@click.argument("names", nargs=-1)
@repo_option
@click.option(
    "--schedule", default="", metavar="CRON", help="Only monitors of this schedule, as cron has it."
)
def run(names: tuple[str, ...], repo: Path, schedule: str) -> None:
    """Look at the batches of each monitor that are new or changed, as DVC stages.

    What its stages need and is not here comes from the DVC remote, if there is one. The result of a batch
    that is nowhere says so, and the others go on.
    """
    from modelbook import stages
    from modelbook.records import Watch
    from modelbook.runner import dvc

    workspace = _workspace(repo, *names)
    declared = workspace.project.monitors
    due = [name for name in names or declared if schedule in ("", declared[name].schedule)]
    if not due:
        click.echo(f"No monitor has the schedule {schedule!r}." if schedule else "There are no monitors.")
        return
    for warning in workspace.warnings():
        print_warning(warning)
    if stages.sync(workspace):
        click.echo(f"{stages.FILE} written")
    pull = dvc.has_remote(workspace.root)
    lost = {name: _absent(workspace, name) for name in due}
    if pull and any(lost.values()):
        dvc.bring(workspace.root, [f"{path}.dvc" for found in lost.values() for path in found.values()])
        lost = {name: _absent(workspace, name) for name in due}
    for name, found in lost.items():
        for batch in found:
            _write(workspace, Watch(monitor=name, batch=batch, status="missing", reason=_NOWHERE))
    targets = [stage for name in due for stage in stages.monitor_stages(workspace, name, lost[name])]
    dvc.repro(workspace.root, targets, pull=pull)


def _absent(workspace: Workspace, name: str) -> dict[str, str]:
    """Batch -> file of those that a `.dvc` file names and that are not here."""
    return {
        batch: path
        for batch, path in workspace.watched[name].batches.items()
        if not (workspace.root / path).exists() and (workspace.root / f"{path}.dvc").is_file()
    }


@monitor.command()
@click.argument("names", nargs=-1)
@repo_option
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def status(names: tuple[str, ...], repo: Path, as_json: bool) -> None:
    """Say how the newest batch of each monitor is; exit 1 when one is in breach or cannot be judged."""
    import msgspec

    workspace = _workspace(repo, *names)
    wanted = names or tuple(workspace.watched)
    found = [item for name in wanted if (item := _newest(workspace, name))]
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=1))
    else:
        for item in found:
            _print(item)
        if not wanted:
            click.echo("mlproject.yaml declares no monitors.")
        for name in (name for name in wanted if name not in {item.monitor for item in found}):
            click.echo(f"{name}: no batch has been judged yet: modelbook repro does that")
    if any(item.status not in ("ok", "warning") for item in found):
        raise SystemExit(1)


@monitor.command()
@click.argument("names", nargs=-1)
@repo_option
@click.option("--site", default="", metavar="URL", help="Where the site is published, for links to it.")
@click.option("--dry-run", is_flag=True, help="Say what would be told, and tell nobody.")
def alert(names: tuple[str, ...], repo: Path, site: str, dry_run: bool) -> None:
    """Tell what is new about each monitor, once, as alerts in mlproject.yaml say.

    Exits with 1 when something got to be in breach, and with 2 when somebody could not be told, which is
    tried again the next time. What was told is in runs/alerts, which belongs into Git.
    """
    from modelbook import notify

    workspace = _workspace(repo, *names)
    found: list[notify.Told] = []
    for name in names or tuple(workspace.watched):
        watches, channels = _results(workspace, name), _channels(workspace, name)
        if dry_run:
            found += notify.due(workspace.root, name, watches, channels)
        else:
            about = _about(workspace, name, site)
            found += notify.tell(workspace.root, name, watches, channels, about, _issues)
    _told(found, dry_run=dry_run)


def _results(workspace: Workspace, name: str) -> list[Watch]:
    """All results of a monitor, oldest first, but those that cannot be read, or whose data came before."""
    from modelbook.history.files import Unreadable
    from modelbook.history.watches import FOLDER, parsed

    found, data, known = [], _data(workspace, name), set[str]()
    for file in sorted((workspace.root / FOLDER / name).glob("*.json")):
        if (md5 := data.get(file.stem, "")) and md5 in known:
            continue
        known.add(md5)
        try:
            found.append(parsed(file.read_bytes(), name, file.stem))
        except Unreadable as error:
            click.echo(f"{FOLDER}/{name}/{file.name}: {error}", err=True)
    return found


def _data(workspace: Workspace, name: str) -> dict[str, str]:
    """Batch -> hash of its data, as far as `dvc.lock` says."""
    from modelbook import stages
    from modelbook.history.files import Unreadable
    from modelbook.history.lockfile import Locks

    lock, start = workspace.root / "dvc.lock", f"monitor-{name}@"
    try:
        entries = Locks().parse(lock.read_bytes()) if lock.is_file() else {}
    except Unreadable:
        return {}
    return {
        stage.removeprefix(start): str(dep.get("md5", ""))
        for stage, entry in entries.items()
        if stage.startswith(start)
        for dep in entry.get("deps", ())
        if dep.get("path") != stages.reference_path(name)
    }


def _channels(workspace: Workspace, name: str) -> dict[str, Channel]:
    wanted = workspace.project.monitors[name].alerts
    every = workspace.project.alerts
    return every if wanted is None else {key: every[key] for key in wanted}


def _about(workspace: Workspace, name: str, site: str) -> dict[str, str]:
    from modelbook.pages.batches import monitor_href

    watched = workspace.project.monitors[name]
    url = f"{site.rstrip('/')}/{monitor_href(name)}" if site else ""
    about = {"project": workspace.project.name, "model": watched.model, "url": url}
    return about | ({"environment": watched.environment} if watched.environment else {})


def _issues(title: str) -> forge.Issue:
    from modelbook import forge
    from modelbook.cli.ci import github

    client, repository, graphql = github()
    return forge.Issue(client, repository, graphql, title)


def _told(found: list[notify.Told], *, dry_run: bool) -> None:
    """Print what was told, and end with what it means."""
    from modelbook import alerts
    from modelbook.spec.check import HERE

    for item, fault in found:
        if item.channel == HERE:
            click.echo(alerts.headline(item))
            for line in alerts.lines(item):
                click.echo(f"  {line}")
        elif fault:
            click.echo(f"{item.monitor}: could not tell {item.channel}: {fault} ({fault.hint})", err=True)
        else:
            click.echo(f"{item.monitor}: {'would tell' if dry_run else 'told'} {item.channel}")
    if not found:
        click.echo("There is nothing new.")
    if any(fault for _, fault in found):
        raise SystemExit(2)
    if any(alerts.worse(item) for item, _ in found if item.channel == HERE):
        raise SystemExit(1)


def _workspace(repo: Path, *names: str) -> Workspace:
    from modelbook import spec

    workspace = spec.load(spec.find_root(repo))
    for name in names:
        if name not in workspace.watched:
            known = ", ".join(workspace.watched) or "none"
            raise click.BadParameter(f"there is no monitor {name!r} in mlproject.yaml; it declares {known}")
    return workspace


def _newest(workspace: Workspace, name: str) -> Watch | None:
    """The result of the last batch, by name, that has one."""
    import msgspec

    from modelbook import stages
    from modelbook.records import Watch

    for batch in reversed(workspace.watched[name].batches):
        file = workspace.root / stages.result_path(name, batch)
        if file.is_file():
            return msgspec.json.decode(file.read_bytes(), type=Watch)
    return None


def _print(found: Watch) -> None:
    from modelbook.alerts import sentence

    shown = MARKS.get(found.status, found.status)
    rest = found.reason or f"{found.rows:,} rows"
    click.echo(f"{found.monitor} {found.batch}: {shown} ({rest})")
    for item in found.findings:
        if item.status != "ok":
            click.echo(f"  {item.status} {item.kind} {item.column or 'all rows'}: {sentence(item)}")
