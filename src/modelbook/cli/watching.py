"""Commands that watch models in use: `modelbook monitor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelbook._files import replace_file
from modelbook.cli import repo_option

if TYPE_CHECKING:
    from modelbook.records import Finding, Watch
    from modelbook.spec import Workspace

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
    import msgspec

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
    data = msgspec.json.format(msgspec.json.encode(found, order="deterministic"), indent=1)
    replace_file(workspace.root / stages.result_path(name, batch), data + b"\n")
    _print(found)


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
    shown = MARKS.get(found.status, found.status)
    rest = found.reason or f"{found.rows:,} rows"
    click.echo(f"{found.monitor} {found.batch}: {shown} ({rest})")
    for item in found.findings:
        if item.status != "ok":
            click.echo(f"  {_sentence(item)}")


def _sentence(item: Finding) -> str:
    limit = item.breach if item.status == "breach" else item.warning
    value = "cannot be measured" if item.value is None else f"{item.value:.4g}"
    note = f" ({item.note})" if item.note else ""
    return (
        f"{item.status} {item.kind} {item.column or 'all rows'}: {item.measure} {value}, limit {limit}{note}"
    )
