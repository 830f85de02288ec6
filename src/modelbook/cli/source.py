"""What every command that reads has in common: which part of which history, and what DVC brings for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from modelbook.history import Cache, History, Pulled, Repository
    from modelbook.records import Catalog, Problem, Run, Snapshot

Progress = Callable[[int, int], None]
_F = TypeVar("_F", bound=Callable[..., Any])

_NO_CACHE = "modelbook.no_cache"
_CACHE_DIR = "modelbook.cache_dir"
_BARE = "a bare repository has no DVC cache and no remote to ask: it needs a working tree"


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        context.meta[name] = value
        return value

    return callback


def cache_options(command: _F) -> _F:
    """Add `--no-cache` and `--cache-dir` to a command; what reads here knows of them without being told."""
    no_cache = click.option(
        "--no-cache",
        is_flag=True,
        expose_value=False,
        callback=_remember(_NO_CACHE),
        help="Read every commit again, render every page again; leave the cache alone.",
    )
    folder = click.option(
        "--cache-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="MODELBOOK_CACHE",
        expose_value=False,
        callback=_remember(_CACHE_DIR),
        help="Where what was read is kept (default: $MODELBOOK_CACHE, or the user's cache folder).",
    )
    return no_cache(folder(command))


def refs_option(command: _F) -> _F:
    """Add `--refs` (parameter `refs`) and the cache's options to a command."""
    option = click.option(
        "--refs",
        default="all",
        show_default=True,
        help="all, HEAD, or names, patterns and kinds of refs, with commas between.",
    )
    return option(cache_options(command))


project_option = click.option(
    "--project",
    default="",
    metavar="DIR",
    help="Only this folder of the repository, for monorepos.",
)
pull_option = click.option(
    "--pull", is_flag=True, help="Read results that only DVC has, from its cache or its remote."
)


def comment_options(command: _F) -> _F:
    """Add `--name` and `--site` of a comment to a command."""
    name = click.option(
        "--name",
        default="models",
        show_default=True,
        help="Tells several comments on one pull request apart.",
    )
    site = click.option(
        "--site", default="", metavar="URL", help="Where the site is published, for links to its pages."
    )
    return name(site(command))


class Reading(NamedTuple):
    """A history, its runs, and with `pull` what DVC brought for it, by hash."""

    history: History
    runs: tuple[Run, ...]
    pulled: Pulled | None = None


def read(repository: Repository, refs: str, *, pull: bool, progress: Progress | None = None) -> Reading:
    """The history, by way of the cache unless the command was told otherwise."""
    from modelbook import catalog, history

    cache = cache_of(repository)
    found = read_through(cache, repository, refs, progress)
    for fault in cache.faults if cache else ():
        click.echo(fault, err=True)
    if not pull:
        return found
    from msgspec.structs import replace

    get, problems = bring(repository, found.history.snapshots)
    made = history.read(repository, refs, progress=progress, pulled=get) if get else found.history
    made = replace(made, problems=(*made.problems, *problems))
    return Reading(made, catalog.find_runs(made), get) if get else found._replace(history=made)


def read_through(
    cache: Cache | None, repository: Repository, refs: str = "all", progress: Progress | None = None
) -> Reading:
    """The history; what the cache has is not read again, and what it lacks is put in."""
    from modelbook import catalog, history

    with history.collector_paused():
        stored = cache.load() if cache else None
        found = history.read(repository, refs, progress=progress, stored=stored)
        runs = catalog.find_runs(found, catalog.Known(stored.project, *stored.runs()) if stored else None)
        if cache and not repository.incomplete:
            project = catalog.project_name(found)
            cache.save(stored, found.snapshots, runs, project, all_refs=refs == "all")
    return Reading(found, runs)


def told_no_cache() -> bool:
    """Whether the command was told to make everything anew."""
    return bool(click.get_current_context().meta.get(_NO_CACHE))


def cache_folder() -> Path | None:
    """Where this user's caches are, unless the command was told to leave them alone."""
    from modelbook.history.cache import default_folder

    if told_no_cache():
        return None
    return Path(click.get_current_context().meta.get(_CACHE_DIR) or default_folder())


def cache_of(repository: Repository) -> Cache | None:
    """The repository's cache, unless the command was told to leave it alone."""
    from modelbook.history import Cache

    folder = cache_folder()
    return Cache(folder, repository.place, repository.name) if folder else None


def bring(repository: Repository, snapshots: Iterable[Snapshot]) -> tuple[Pulled | None, tuple[Problem, ...]]:
    """What DVC brought, or None where there is nothing to read anew; and why something could not be."""
    from modelbook import pull as dvc
    from modelbook.records import Problem

    wanted = dvc.wanted(snapshots)
    if not wanted:
        return None, ()
    root = repository.root
    store = dvc.bring(root, wanted) if root else None
    reasons = store.problems if store else [_BARE]
    for reason in reasons:
        click.echo(f"not pulled: {reason}", err=True)
    problems = tuple(Problem(path="", reason=f"--pull: {reason}") for reason in reasons)
    return store.get if store else None, problems


def catalog(found: Reading, project: str) -> Catalog:
    """The Catalog of a history, or of one folder of it."""
    from modelbook import catalog as waist
    from modelbook import subproject

    return subproject.limited(waist.build(found.history, found.runs), project)
