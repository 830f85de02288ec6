"""Commands that take a model out of the repository: packaged, served, deployed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelbook.cli import repo_option
from modelbook.cli.source import cache_options
from modelbook.errors import ModelbookError

if TYPE_CHECKING:
    from modelbook.cli.life import Desk
    from modelbook.deploy import Order
    from modelbook.records import ModelVersion, Run
    from modelbook.serve import Served
    from modelbook.spec.models import Deployment


class NothingToServe(ModelbookError):
    """What was asked for is neither a package nor a model of the registry."""

    def __init__(self, target: str, reason: str = "") -> None:
        super().__init__(
            reason or f"{target!r} is neither a folder nor MODEL@VERSION nor MODEL@ENVIRONMENT",
            hint="`modelbook models` lists versions and environments",
        )


@click.command()
@click.argument("run")
@repo_option
def package(repo: Path, run: str) -> None:
    """Write the package of a run: its model with all that serving it needs, in one folder.

    The stage that `package:` adds to a pipeline calls this; the folder is one of its outs.
    """
    from modelbook import package as packaging
    from modelbook import spec
    from modelbook.spec.packaging import order_path

    root = spec.find_root(repo)
    order = packaging.read_order(root, order_path(run), run)
    found = packaging.write(root, order)
    click.echo(
        f"{order.out}: ONNX differs by at most {found.max_difference:g} on {found.rows} rows, "
        f"and calls {found.equal:.4%} of them the same"
    )


class NothingToDeploy(ModelbookError):
    """No deployment is declared for an environment."""

    def __init__(self, environment: str, known: Iterable[str]) -> None:
        names = ", ".join(sorted(set(known)))
        super().__init__(
            f"no deployment is for environment {environment!r}",
            hint=f"there are some for {names}"
            if names
            else "declare one under deployments: in mlproject.yaml",
        )


class NotAnAssignment(ModelbookError):
    """A tag that puts no version in force anywhere."""

    def __init__(self, tag: str, reason: str) -> None:
        super().__init__(f"{tag[:200]!r} {reason}", hint="a tag such as NAME#prod#3 puts a version in force")


@click.command()
@click.argument("environment", metavar="ENV", required=False)
@click.option("--tag", metavar="TAG", help="Instead of ENV: what a tag such as NAME#prod#3 speaks of.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: as JSON.")
@repo_option
@cache_options
def deploy(environment: str | None, tag: str | None, dry_run: bool, as_json: bool, repo: Path) -> None:
    """Bring every deployment of ENV to the version that is in force there.

    Nothing is done where that version stands already, whole. When the health check fails, what was there
    before is put back, and the exit status is 1. Each deployment gets a line in runs/deployments/NAME.jsonl,
    for you to commit. With --tag it is only those of the tag's model, to what is in force there now.
    """
    from modelbook import deploy as deploying

    if (environment is None) == (tag is None):
        raise click.UsageError("give ENV or --tag, one of them")
    if as_json and not dry_run:
        raise click.UsageError("--json is of --dry-run: what a deployment runs may write to standard output")
    here, place, orders = _by_tag(repo, tag) if tag is not None else _by_name(repo, environment or "")
    if dry_run:
        plans = [(order, deploying.plan(here.root, order)) for order in orders]
        if as_json:
            click.echo(json.dumps(_as_json(place, plans), indent=1))
        else:
            _print(plans)
    else:
        _carry_out(here, orders)
    if not orders and not as_json:
        click.echo(f"nothing that {tag} speaks of is to be deployed")


def _as_json(environment: str, plans: Iterable[tuple[Order, tuple[str, ...]]]) -> dict[str, Any]:
    rows = [
        {
            "name": order.name,
            "target": order.wish.target,
            "model": order.wish.model,
            "version": order.version,
            "run": order.run.id,
            "steps": list(steps),
        }
        for order, steps in plans
    ]
    return {"environment": environment, "deployments": rows}


def _print(plans: Iterable[tuple[Order, tuple[str, ...]]]) -> None:
    for order, steps in plans:
        click.echo(f"{order.name}: {order}" + ("" if steps else _STANDS))
        for step in steps:
            click.echo(f"  {step}")


def _carry_out(here: Desk, orders: Iterable[Order]) -> None:
    """Do it, and tell; NotDeployed when any of it went wrong."""
    from modelbook import deploy as deploying

    runs = {run.id: run for run in here.catalog.runs}
    faults = []
    for order in orders:
        made = deploying.carry_out(here.root, order, runs, click.echo)
        if made is None:
            click.echo(f"{order.name}: {order}{_STANDS}")
            continue
        click.echo(f"{order.name}: {order} {made.outcome}; commit {deploying.FOLDER}/{order.name}.jsonl")
        if made.outcome != "deployed":
            faults.append(f"{order.name}: {order} {made.outcome}: {made.reason}")
    if faults:
        raise deploying.NotDeployed(faults)


_STANDS = " stands there already: nothing to do"


def _by_name(repo: Path, environment: str) -> tuple[Desk, str, list[Order]]:
    """The deployments of an environment, by name, with what is in force."""
    from modelbook import spec
    from modelbook.cli.life import UnknownEnvironment, desk

    wishes = spec.load(spec.find_root(repo)).project.deployments
    wanted = {name: wish for name, wish in sorted(wishes.items()) if wish.environment == environment}
    if not wanted:
        raise NothingToDeploy(environment, (wish.environment for wish in wishes.values()))
    here = desk(repo)
    orders = []
    for name, wish in wanted.items():
        order = _order(here, name, wish)
        if order is None:
            places = ", ".join(place for place, _ in here.model(wish.model).info.environments)
            raise UnknownEnvironment(wish.model, environment, places)
        orders.append(order)
    return here, environment, orders


def _by_tag(repo: Path, tag: str) -> tuple[Desk, str, list[Order]]:
    """The deployments of a tag's model in the tag's environment; none when nothing is in force."""
    from modelbook import registry, spec
    from modelbook.cli.life import desk

    here = desk(repo)
    found = next((item for item in here.tags if item.name == tag), None)
    event = registry.parse(found) if found else None
    if found is None:
        raise NotAnAssignment(tag, "is no tag of this repository")
    if event is None or not event.environment:
        raise NotAnAssignment(tag, "does not speak of an environment")
    if not found.annotated:
        raise NotAnAssignment(tag, "is a lightweight tag, which puts nothing in force")
    wishes = spec.load(here.root).project.deployments
    wanted = [
        (name, wish)
        for name, wish in sorted(wishes.items())
        if wish.environment == event.environment and here.tag_name(wish.model).replace("=", ":") == event.name
    ]
    orders = [_order(here, name, wish) for name, wish in wanted]
    return here, event.environment, [order for order in orders if order]


def _order(here: Desk, name: str, wish: Deployment) -> Order | None:
    """A deployment with the version that is in force there; None when there is none."""
    from modelbook import deploy as deploying

    version = _in_force(here.model(wish.model).versions, wish.environment)
    return deploying.Order(name, wish, version.version, _run(here, wish.model, version)) if version else None


@click.command()
@click.argument("target", metavar="MODEL@ENV|MODEL@VERSION|DIR")
@click.option("--as", "alias", metavar="MODEL@VERSION", help="What the model of a folder is called.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="The port.")
@click.option(
    "--log",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for a log of predictions, Parquet.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=10_000_000,
    show_default=True,
    help="Of a request's body.",
)
@click.option(
    "--max-rows", type=click.IntRange(min=1), default=10_000, show_default=True, help="Of a request."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds for a request.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of ONNX Runtime.")
@repo_option
@cache_options
def serve(
    target: str,
    alias: str | None,
    host: str,
    port: int,
    log: Path | None,
    max_bytes: int,
    max_rows: int,
    timeout: float,
    threads: int,
    repo: Path,
) -> None:
    """Serve a package over HTTP, by the Open Inference Protocol V2.

    The package of a model's version comes out of DVC's cache, and is checked against its hash before it is
    loaded. SIGTERM lets requests that have begun end and writes the log.
    """
    from modelbook import serve as serving

    served = _served(target, alias, repo, threads)
    limits = serving.Limits(body=max_bytes, rows=max_rows, seconds=timeout, threads=threads)
    what = f"{served.name} {served.version}".rstrip() + f" (run {served.run})"
    serving.run(
        served, host, port, limits, log, lambda address: click.echo(f"serving {what} at {address}/v2")
    )


def _served(target: str, alias: str | None, repo: Path, threads: int) -> Served:
    """The model of a folder, or of a version out of DVC's cache."""
    from modelbook import serve as serving
    from modelbook.cli.life import desk

    if Path(target).is_dir():
        called, _, number = (alias or "").partition("@")
        return serving.load(Path(target), called, number, threads)
    if alias:
        raise click.UsageError("--as is for a folder: a version of the registry has its name")
    name, found, wanted = target.rpartition("@")
    if not found:
        raise NothingToServe(target)
    here = desk(repo)
    version = _in_force(here.model(name).versions, wanted) or here.version(name, wanted)[1]
    run = _run(here, name, version)
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        serving.fetch(here.root, run, Path(folder))
        return serving.load(Path(folder), name, version.version, threads)


def _run(here: Desk, name: str, version: ModelVersion) -> Run:
    """The run of a version."""
    run = here.catalog.run(version.run)
    if run is None:
        reason = f"the run {version.run or 'unknown'} of {name} {version.version} is in no history"
        raise NothingToServe(f"{name}@{version.version}", reason)
    return run


def _in_force(versions: tuple[ModelVersion, ...], environment: str) -> ModelVersion | None:
    return next((version for version in versions if environment in version.environments), None)
