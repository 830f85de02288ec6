"""The command line: the only room that prints or exits.

Command modules are imported when their command is called, and heavy rooms inside the commands: every stage
DVC runs starts with `modelbook exec`, so starting must stay cheap.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from modelbook import __version__
from modelbook.errors import Issue, ModelbookError, SpecError

COMMANDS = {
    "init": "modelbook.cli.specs:init",
    "check": "modelbook.cli.specs:check",
    "schema": "modelbook.cli.specs:schema",
    "sync": "modelbook.cli.specs:sync",
    "repro": "modelbook.cli.specs:repro",
    "plan": "modelbook.cli.specs:plan",
    "exec": "modelbook.cli.specs:execute",
    "runs": "modelbook.cli.reading:runs",
    "show": "modelbook.cli.reading:show",
    "models": "modelbook.cli.reading:models",
    "best": "modelbook.cli.reading:best",
    "lineage": "modelbook.cli.reading:lineage",
    "register": "modelbook.cli.life:register",
    "assign": "modelbook.cli.life:assign",
    "unassign": "modelbook.cli.life:unassign",
    "deprecate": "modelbook.cli.life:deprecate",
    "reproduce": "modelbook.cli.reproduce:reproduce",
    "verify": "modelbook.cli.reproduce:verify",
    "export": "modelbook.cli.export:export",
    "diff": "modelbook.cli.review:diff",
    "summary": "modelbook.cli.ci:summary",
    "comment": "modelbook.cli.ci:comment",
    "package": "modelbook.cli.serving:package",
    "serve": "modelbook.cli.serving:serve",
    "deploy": "modelbook.cli.serving:deploy",
    "badge": "modelbook.cli.reading:badge",
    "monitor": "modelbook.cli.watching:monitor",
    "retrain": "modelbook.cli.retraining:retrain",
    "build": "modelbook.cli.publish:build",
    "preview": "modelbook.cli.publish:preview",
}
"""Command name -> `module:attribute` of its click command, in the order `--help` lists them."""

INTERRUPTED = 130
"""The exit status after Ctrl-C, as a shell has it."""

_F = TypeVar("_F", bound=Callable[..., Any])


def repo_option(command: _F) -> _F:
    """Add `--repo PATH` (parameter `repo`, an existing folder; default: here) to a command."""
    option = click.option(
        "--repo",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=Path(),
        help="The repository to work on (default: here).",
    )
    return option(command)


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for, and prints our errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now; None when there is none."""
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, attribute = target.split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), target  # noqa: S101
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours is printed on standard error and becomes the exit status."""
        try:
            return super().invoke(ctx)
        except ModelbookError as error:
            print_error(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)


def print_error(error: ModelbookError) -> None:
    """Write an error for a person on standard error: every fault of a `SpecError`, else message and hint."""
    if isinstance(error, SpecError):
        for issue in error.issues:
            click.echo(str(issue), err=True)
        return
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(str(error), err=True)
    if error.hint:
        click.secho("hint: ", fg="cyan", bold=True, nl=False, err=True)
        click.echo(error.hint, err=True)


def print_warning(issue: Issue) -> None:
    """Write what is no fault, but may not be meant, on standard error."""
    click.secho("warning: ", fg="yellow", bold=True, nl=False, err=True)
    click.echo(str(issue), err=True)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="modelbook")
def main() -> None:
    """Publish this Git and DVC history as a model registry and an experiment dashboard."""
