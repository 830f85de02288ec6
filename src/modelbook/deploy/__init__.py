"""Brings the version that is in force to where it is used, sees that it works there, and back if it does not.

Nothing is done twice: what stands there already, whole and found well, is left alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from modelbook.deploy import health
from modelbook.deploy.directory import Directory
from modelbook.deploy.faults import Busy, NotDeployed, Unfit
from modelbook.deploy.forms import FORMS, checksum
from modelbook.deploy.log import Log, held
from modelbook.deploy.order import Order
from modelbook.errors import ModelbookError
from modelbook.history.deployments import FOLDER
from modelbook.records import Deployment, Run
from modelbook.serve import expect, fetch

__all__ = ["FOLDER", "Busy", "NotDeployed", "Order", "Unfit", "carry_out", "plan"]

Tell = Callable[[str], None]


def plan(root: Path, order: Order) -> tuple[str, ...]:
    """What `carry_out` would do, a line each; empty when there is nothing to do. Writes nothing.

    Args:
        root: the folder of mlproject.yaml.

    Raises:
        NotPackaged: the run has no package for certain.
    """
    last = Log(root, order.name).last()
    if _stands(root, order, last):
        return ()
    expect(order.run)
    values = order.values("PACKAGE")
    lines = [f"bring the package of {order} out of DVC's cache, and check it"]
    home, form = _home(root, order), FORMS.get(order.wish.target)
    if home and form:
        before = home.version or "nothing"
        what = f", {form.says}" if form.says else ""
        lines.append(f"write {order.wish.path}/releases/{order.release}{what}")
        lines.append(f"switch {order.wish.path}/current from {before} to {order.version}")
    else:
        lines.append(f"run {order.command(values)}")
    if order.wish.health:
        lines.append(f"see that it is well: {health.shown(order.wish.health, values)}")
    return tuple(lines)


def carry_out(root: Path, order: Order, runs: Mapping[str, Run], tell: Tell) -> Deployment | None:
    """Bring one deployment to what is in force, and record it; None when there is nothing to do.

    Args:
        root: the folder of mlproject.yaml.
        runs: by id, to find what was there before.
        tell: called with a line for each step.

    Raises:
        Busy: another process is at it.
        NotPackaged, NotInCache, Damaged: there is no whole package to bring; nothing was changed.
        Unfit: something that is not ours lies where the link should be.
    """
    log, home = Log(root, order.name), _home(root, order)
    try:
        with ExitStack() as stack:
            stack.enter_context(held(log.lock(), order.name))
            if home is not None:
                stack.enter_context(held(home.lock(), order.name))
            if _stands(root, order, log.last()):
                return None
            if home is not None:
                return log.add(_into(home, root, order, tell))
            return log.add(_by_command(root, order, log.good(), runs, tell))
    except OSError as error:
        raise Unfit(f"{order.name}: {error}") from None


def _home(root: Path, order: Order) -> Directory | None:
    """The folder of its releases; None for a command."""
    form, path = FORMS.get(order.wish.target), order.wish.path
    return Directory(root / path, order.wish.keep, form.seal) if form and path is not None else None


def _stands(root: Path, order: Order, last: Deployment | None) -> bool:
    """Whether the last thing that was done is what is wanted, and it is still whole."""
    if (
        last is None
        or last.outcome != "deployed"
        or (last.version, last.run) != (order.version, order.run.id)
    ):
        return False
    if (last.model, last.environment) != (order.wish.model, order.wish.environment):
        return False
    home = _home(root, order)
    if home is None:
        return True
    whole = home.holds(last.digest or last.checksum)
    return whole and FORMS[order.wish.target].fits(order, home.current)


def _into(home: Directory, root: Path, order: Order, tell: Tell) -> Deployment:
    """A release of its own, a switch of the link, and back when it is not well."""
    form, staged = FORMS[order.wish.target], home.staging(order.release)
    try:
        found = form.write(lambda folder: fetch(root, order.run, folder), order, staged)
        seal = form.seal(staged)
        before, old = home.version, home.link()
        release = home.keep_release(staged, order.release)
        fresh = not staged.exists()
    finally:
        home.forget(staged)
    digest = seal if seal != found else ""
    new = home.switch(release)
    tell(f"{order.name}: {home.shown}/current leads to {new}")
    try:
        fault = health.wait(order.wish.health, order.values(str(home.current)), root)
    except BaseException:
        home.put_back(old)
        raise
    if not fault:
        home.prune(old)
        return order.record("deployed", before, found, digest=digest)
    if old == new:
        return order.record("failed", before, found, fault, digest)
    home.put_back(old)
    if fresh:
        home.drop(release)
    tell(f"{order.name}: {fault}; {home.shown}/current is back at {old or 'nothing'}")
    return order.record("rolled back", before, found, fault, digest)


def _by_command(
    root: Path, order: Order, good: Deployment | None, runs: Mapping[str, Run], tell: Tell
) -> Deployment:
    """A program that brings it, and the same program with what was there before when it is not well."""
    before = good.version if good else ""
    with _brought(root, order, tell) as folder:
        found = checksum(folder)
        fault = health.ran(order.wish.command or "", order.values(str(folder)), root)
        if fault:
            return order.record("failed", before, found, fault)
        fault = health.wait(order.wish.health, order.values(str(folder)), root)
    if not fault:
        return order.record("deployed", before, found)
    again = _back(root, order, good, runs, tell)
    tell(f"{order.name}: {fault}; {again or f'{before} is back'}")
    if again:
        return order.record("failed", before, found, f"{fault}; {again}")
    return order.record("rolled back", before, found, fault)


def _back(root: Path, order: Order, good: Deployment | None, runs: Mapping[str, Run], tell: Tell) -> str:
    """Run the command with what was there before; why that was not possible, or an empty text."""
    if good is None or good.run not in runs or good.run == order.run.id:
        return "there is nothing to go back to"
    older = order.older(good.version, runs[good.run])
    try:
        with _brought(root, older, tell) as folder:
            fault = health.ran(order.wish.command or "", older.values(str(folder)), root)
    except ModelbookError:
        return f"the package of {older} is not to be had"
    return f"going back to {good.version}: {fault}" if fault else ""


@contextmanager
def _brought(root: Path, order: Order, tell: Tell) -> Iterator[Path]:
    """A folder with the package, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        fetch(root, order.run, Path(folder))
        tell(f"{order.name}: running the command with {order}")
        yield Path(folder)
