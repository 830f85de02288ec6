"""Commands that make the site: build and preview."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

import click

from modelbook.cli import print_error, repo_option
from modelbook.cli.source import (
    cache_folder,
    cache_of,
    project_option,
    pull_option,
    read,
    refs_option,
    told_no_cache,
)
from modelbook.cli.source import catalog as catalog_of

if TYPE_CHECKING:
    from modelbook.history import Pulled, Repository
    from modelbook.site import Built
    from modelbook.site.preview import Server
    from modelbook.verdict import Verdict

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    help="The folder to write; one that is not a site is left alone.",
)


class Wish(NamedTuple):
    """What to build, and where to."""

    repo: Path
    out: Path
    refs: str
    project: str
    pull: bool
    against: str = ""
    source: bool = False
    """Only what the engine builds the site from."""


@click.command()
@repo_option
@out_option
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the Markdown and mkdocs.yml that a site is made of there, and build no site.",
)
@refs_option
@project_option
@pull_option
@click.option(
    "--against",
    default="",
    metavar="BASE",
    help="Add a page with what this does to the models since it left BASE, as `modelbook diff` tells it.",
)
def build(
    repo: Path, out: Path, source: Path | None, refs: str, project: str, pull: bool, against: str
) -> None:
    """Build the site of this history: every experiment, run, model and change, as pages."""
    began = time.monotonic()
    made = _build(Wish(repo, source or out, refs, project, pull, against, source is not None))
    _print_built(made, time.monotonic() - began, "Wrote" if source else "Built")
    click.echo(f"See {made.out / 'mkdocs.yml'}" if source else f"Open {made.out / 'index.html'}")


@click.command()
@repo_option
@out_option
@refs_option
@project_option
@pull_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free one."
)
def preview(repo: Path, out: Path, refs: str, project: str, pull: bool, port: int) -> None:
    """Build the site, serve it on this machine, and build it again when files change."""
    from modelbook import history, site
    from modelbook.site.preview import Server, watch

    wish = Wish(repo, out, refs, project, pull)
    site.check(out)
    history.Repository(repo, project)  # what no edit can mend is said at once
    with Server(out, port) as server, _ended_by_interrupt() as stop:
        changes = watch(_root(repo), out, stop=stop)
        _rebuild(wish, server)
        click.echo(f"Open {server.url} (Ctrl-C ends)")
        with suppress(KeyboardInterrupt):
            for _ in changes:
                _rebuild(wish, server)
        click.echo("\nDone.")


@contextmanager
def _ended_by_interrupt() -> Iterator[threading.Event]:
    """What Ctrl-C sets, besides raising KeyboardInterrupt: where that is lost in a library, it ends yet.

    Whoever started us without Ctrl-C, as a shell does in the background, keeps it so.
    """
    stop = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)


def _rebuild(wish: Wish, server: Server) -> None:
    """Build again; what goes wrong is said here and in the browser, and the site stays as it was."""
    from modelbook.errors import ModelbookError

    began = time.monotonic()
    try:
        made = _build(wish)
    except ModelbookError as error:
        print_error(error)
        server.tell("\n".join(filter(None, (str(error), error.hint))))
    except Exception as error:  # whatever it is, the next edit may mend it
        traceback.print_exc()
        server.tell(f"{type(error).__name__}: {error}")
    else:
        server.reload()
        _print_built(made, time.monotonic() - began)


def _root(repo: Path) -> Path:
    """The folder of the working tree: where the specs' own templates are, too."""
    found = repo.resolve()
    return next((folder for folder in (found, *found.parents) if (folder / ".git").exists()), found)


def _build(wish: Wish) -> Built:
    from modelbook import history, site, subproject
    from modelbook.catalog import advice

    site.check(wish.out)
    repository = history.Repository(wish.repo, wish.project)
    own = _root(wish.repo) / "site_templates"
    templates = own if own.is_dir() and own.resolve() != site.default_folder().resolve() else None
    with _progress() as report:
        report("Reading the history", 0, 0)
        found = read(
            repository,
            wish.refs,
            pull=wish.pull,
            progress=lambda done, total: report("Reading the history", done, total),
        )
        catalog = catalog_of(found, wish.project)
        content = _reader(repository, found.pulled)
        files = history.CodeReader(repository, cache_of(repository))
        verdict = _verdict(repository, wish.against) if wish.against else None
        make = (
            site.source
            if wish.source
            else partial(site.build, keep=not told_no_cache(), cache=cache_folder())
        )
        made = make(
            catalog,
            wish.out,
            read=content,
            code=lambda commit: subproject.code(files(commit), wish.project),
            verdict=verdict,
            project=templates,
            progress=report,
        )
        files.save()
    if said := advice(catalog):
        click.echo(said, err=True)
    return made


def _verdict(repository: Repository, against: str) -> Verdict:
    from modelbook.cli.review import verdict_of

    return verdict_of(repository, against, "", {}, merge_base=True)


def _reader(repository: Repository, pulled: Pulled | None) -> Callable[[str], bytes | None]:
    """Content by blob id; what DVC brought has its hash in the place of one."""
    from modelbook.history import PULLED, Unreadable

    def content(blob: str) -> bytes | None:
        if blob.startswith(PULLED):
            return pulled(blob.removeprefix(PULLED)) if pulled else None
        try:
            return repository.blob(blob)
        except Unreadable:
            return None

    return content


def _print_built(made: Built, seconds: float, done: str = "Built") -> None:
    counts = f"{made.runs:,} {'run' if made.runs == 1 else 'runs'} on {made.pages:,} pages in {seconds:.1f} s"
    pages = f"{made.pages - made.kept:,} rendered, {made.kept:,} kept" if made.kept else "all rendered"
    click.echo(f"{done} {counts}, {pages}")
    if made.problems:
        what = "problem" if made.problems == 1 else "problems"
        click.echo(f"{made.problems} {what}: see the page Problems")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error; nothing of it is left in the end.

    It is drawn when there is something new to say, for a thread that kept drawing it would keep the site
    from being stamped by several processes.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown, auto_refresh=False) as bar:
        task, said, drawn = bar.add_task("", total=None), "", 0.0

        def report(what: str, done: int, total: int) -> None:
            nonlocal said, drawn
            now = time.monotonic()
            due = shown and (what != said or now - drawn > 0.1)
            said, drawn = what, now if due else drawn
            bar.update(task, description=what, completed=done, total=total or None, refresh=due)

        yield report
