"""Commands that make the site: build and preview."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelbook.cli import print_error, repo_option

if TYPE_CHECKING:
    from modelbook.site import Built

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    help="The folder to write; one that is not a site is left alone.",
)
refs_option = click.option(
    "--refs",
    default="all",
    show_default=True,
    help="all, HEAD, or names, patterns and kinds of refs, with commas between.",
)


@click.command()
@repo_option
@out_option
@refs_option
def build(repo: Path, out: Path, refs: str) -> None:
    """Build the site of this history: every experiment, run, model and change, as pages."""
    began = time.monotonic()
    made = _build(repo, out, refs)
    _print_built(made, time.monotonic() - began)
    click.echo(f"Open {made.out / 'index.html'}")


@click.command()
@repo_option
@out_option
@refs_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free one."
)
def preview(repo: Path, out: Path, refs: str, port: int) -> None:
    """Build the site, serve it on this machine, and build it again when files change."""
    from modelbook.site.preview import Server, watch

    began = time.monotonic()
    _print_built(_build(repo, out, refs), time.monotonic() - began)
    with Server(out, port) as server:
        click.echo(f"Open {server.url} (Ctrl-C ends)")
        try:
            for _ in watch(_root(repo), out):
                _rebuild(repo, out, refs, server.reload)
        except KeyboardInterrupt:
            click.echo("\nDone.")


def _rebuild(repo: Path, out: Path, refs: str, then: Callable[[], None]) -> None:
    """Build again; what goes wrong is said, and the site stays as it was."""
    from modelbook.errors import ModelbookError

    began = time.monotonic()
    try:
        made = _build(repo, out, refs)
    except ModelbookError as error:
        print_error(error)
        return
    then()
    _print_built(made, time.monotonic() - began)


def _root(repo: Path) -> Path:
    """The folder of the working tree: where the specs' own templates are, too."""
    found = repo.resolve()
    return next((folder for folder in (found, *found.parents) if (folder / ".git").exists()), found)


def _build(repo: Path, out: Path, refs: str) -> Built:
    from modelbook import catalog, history, site

    site.check(out)
    repository = history.Repository(repo)

    def read(blob: str) -> bytes | None:
        try:
            return repository.blob(blob)
        except history.Unreadable:
            return None

    own = _root(repo) / "site_templates"
    project = own if own.is_dir() and own.resolve() != site.default_folder().resolve() else None
    with _progress() as report:
        report("Reading the history", 0, 0)
        found = history.read(
            repository, refs, progress=lambda done, total: report("Reading the history", done, total)
        )
        return site.build(catalog.build(found), out, read=read, project=project, progress=report)


def _print_built(made: Built, seconds: float) -> None:
    counts = f"{made.runs:,} {'run' if made.runs == 1 else 'runs'} on {made.pages:,} pages in {seconds:.1f} s"
    click.echo(f"Built {counts}")
    if made.problems:
        what = "problem" if made.problems == 1 else "problems"
        click.echo(f"{made.problems} {what}: see {made.out / 'problems' / 'index.html'}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error; nothing of it is left in the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield report
