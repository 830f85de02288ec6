"""Commands on wishes: what specs say, and how DVC runs them."""

from __future__ import annotations

from pathlib import Path

import click

from modelbook.cli import repo_option


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 when dvc.yaml is stale.")
@repo_option
def sync(repo: Path, only_check: bool) -> None:
    """Write the DVC stages that mlproject.yaml and the experiment specs ask for to dvc.yaml."""
    from modelbook import spec, stages

    workspace = spec.load(spec.find_root(repo))
    if only_check:
        stages.check(workspace)
    changed = not only_check and stages.sync(workspace)
    runs = len(workspace.runs)
    click.echo(f"{stages.FILE} {'written' if changed else 'is up to date'}: {runs} run{'s' * (runs != 1)}")


@click.command(hidden=True)
@repo_option
def plan(repo: Path) -> None:
    """Check dvc.yaml and write the resolved params of every run; DVC runs this before all other stages."""
    from modelbook import spec, stages

    stages.plan(spec.load(spec.find_root(repo)))


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


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@repo_option
def repro(repo: Path, targets: tuple[str, ...]) -> None:
    """Sync, then run what is stale with DVC."""
    from modelbook import spec, stages
    from modelbook.runner import dvc

    workspace = spec.load(spec.find_root(repo))
    dvc.initialise(workspace.root)
    stages.sync(workspace)
    dvc.repro(workspace.root, targets)
