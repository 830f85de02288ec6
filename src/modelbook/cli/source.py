"""What every command that reads has in common: which part of which history, and what DVC brings for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from modelbook.history import History, Pulled, Repository
    from modelbook.records import Catalog

Progress = Callable[[int, int], None]
_F = TypeVar("_F", bound=Callable[..., Any])

refs_option = click.option(
    "--refs",
    default="all",
    show_default=True,
    help="all, HEAD, or names, patterns and kinds of refs, with commas between.",
)
project_option = click.option(
    "--project",
    default="",
    metavar="DIR",
    help="Only this folder of the repository, for monorepos.",
)
pull_option = click.option(
    "--pull", is_flag=True, help="Read results that only DVC has, from its cache or its remote."
)


def read(
    repository: Repository, refs: str, *, pull: bool, progress: Progress | None = None
) -> tuple[History, Pulled | None]:
    """The history, and with `pull` what DVC brought for it, by hash."""
    from modelbook import history

    found = history.read(repository, refs, progress=progress)
    if not pull:
        return found, None
    return _pulled(
        repository, found, lambda get: history.read(repository, refs, progress=progress, pulled=get)
    )


def _pulled(
    repository: Repository, found: History, again: Callable[[Pulled], History]
) -> tuple[History, Pulled | None]:
    from msgspec.structs import replace

    from modelbook import pull as dvc
    from modelbook.records import Problem

    wanted = dvc.wanted(found.snapshots)
    if not wanted:
        return found, None
    if repository.root is None:
        reason = "--pull needs a working tree: a bare repository has no DVC cache and no remote to ask"
        return replace(found, problems=(*found.problems, Problem(path="", reason=reason))), None
    store = dvc.bring(repository.root, wanted)
    for problem in store.problems:
        click.echo(f"not pulled: {problem}", err=True)
    problems = tuple(Problem(path="", reason=f"--pull: {problem}") for problem in store.problems)
    read = again(store.get)
    return replace(read, problems=(*read.problems, *problems)), store.get


def catalog(found: History, project: str) -> Catalog:
    """The Catalog of a history, or of one folder of it."""
    from modelbook import catalog as waist
    from modelbook import subproject

    return subproject.limited(waist.build(found), project)
