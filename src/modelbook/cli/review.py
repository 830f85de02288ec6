"""The command that reviewers read: what a change does to the models, and whether the gates let it pass."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from modelbook.cli import repo_option
from modelbook.cli.source import cache_options, comment_options, project_option
from modelbook.errors import ModelbookError, UnknownRevision
from modelbook.records import WORKSPACE

if TYPE_CHECKING:
    from rich.console import Console

    from modelbook.diff import MetricChange
    from modelbook.history import Repository
    from modelbook.history.repository import Tree
    from modelbook.records import Catalog, Gate, MetricInfo, Run, Snapshot, Stale, Value
    from modelbook.verdict import Held, Leader, RunChange, Verdict

MOST_ROWS = 30
MOST_LINES = 10
_WIDE = 200
_F = TypeVar("_F", bound=Callable[..., Any])

_COLORS = {"passed": "green", "failed": "red", "stale": "red", "unjudged": "yellow", "unchanged": "green"}
_WORDS = {
    "passed": "passed: the gates let it pass",
    "failed": "failed: a gate does not let it pass",
    "stale": "stale: results are not from this code",
    "unjudged": "changed, and no gate judges it",
    "unchanged": "no run changed",
}


_DEEPEN = (
    "this clone is shallow: `git fetch --unshallow` brings the rest; for GitHub's actions/checkout set "
    "`fetch-depth: 0`, for GitLab CI `GIT_DEPTH: 0`"
)


class NotInShallow(ModelbookError):
    """A revision that this clone may lack for it is shallow."""

    def __init__(self, label: str) -> None:
        super().__init__(f"unknown revision {label!r}", hint=_DEEPEN)


class NoMergeBase(ModelbookError):
    """Two commits share no ancestor in this clone."""

    def __init__(self, base: str, head: str, *, shallow: bool) -> None:
        super().__init__(
            f"{base} and {head} share no commit in this clone",
            hint=_DEEPEN if shallow else "compare them without --merge-base",
        )


class BadGate(ModelbookError):
    """A gate on the command line is not METRIC=NUMBER."""

    def __init__(self, option: str, text: str) -> None:
        super().__init__(
            f"--{option} {text}: expected METRIC=NUMBER", hint=f"for example --{option} accuracy=0.9"
        )


def gate_options(command: _F) -> _F:
    """Add the gates that `mlproject.yaml` can declare as options, for repositories without one."""
    help_of = {
        "floor": "Fail when METRIC is below NUMBER.",
        "ceiling": "Fail when METRIC is above NUMBER.",
        "min-delta": "Fail when METRIC is not better by NUMBER.",
        "max-regression": "Fail when METRIC is worse by more than NUMBER.",
        "must-not-change": "Fail when METRIC changes by more than NUMBER.",
    }
    for name, says in reversed(help_of.items()):
        command = click.option(f"--{name}", multiple=True, metavar="METRIC=NUMBER", help=says)(command)
    return command


@click.command()
@click.argument("base", default="HEAD", metavar="[BASE]")
@click.argument("head", default="", metavar="[HEAD]")
@repo_option
@project_option
@cache_options
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True
)
@click.option("--merge-base", is_flag=True, help="Against the commit that BASE and HEAD both come from.")
@click.option("--gate", is_flag=True, help="Exit 1 when a gate fails or results are stale.")
@comment_options
@gate_options
def diff(
    base: str,
    head: str,
    repo: Path,
    project: str,
    form: str,
    merge_base: bool,
    gate: bool,
    name: str,
    site: str,
    **limits: tuple[str, ...],
) -> None:
    """Say what HEAD does to the models, against BASE, and judge it by the gates.

    BASE and HEAD are revisions, runs, MODEL@VERSION, MODEL@ENVIRONMENT or an environment such as prod.
    BASE is the commit of HEAD if left out, and HEAD the workspace, or that commit when nothing is changed.
    """
    from modelbook.history import Repository

    found = verdict_of(Repository(repo, project), base, head, limits, merge_base=merge_base)
    if form == "json":
        from modelbook.verdict import to_json

        click.echo(to_json(found))
    elif form == "markdown":
        from modelbook import comment

        click.echo(comment.render(found, name=name, site=site), nl=False)
    else:
        _print(found)
    if gate and not found.ok:
        if form != "text":
            click.echo(f"{_WORDS[found.status]}: {'; '.join(found.reasons)}", err=True)
        click.get_current_context().exit(1)


# -- what is compared


class _Named(NamedTuple):
    """A side by its name: a revision, or some runs of the history."""

    label: str
    revision: str = ""
    runs: tuple[Run, ...] = ()


def verdict_of(
    repository: Repository, base: str, head: str, limits: dict[str, tuple[str, ...]], *, merge_base: bool
) -> Verdict:
    """What one side does to the models against another; see `diff`.

    Args:
        head: empty for the workspace where it differs from HEAD, else HEAD.
        limits: gates as options have them.

    Raises:
        UnknownRevision: a name is none. NoMergeBase: they share no commit. BadGate: a limit is none.
    """
    one, two = _named(repository, base), _named(repository, head or _now(repository))
    if merge_base and one.revision and two.revision:
        one = _common(repository, one, two)
    if one.revision and two.revision:
        return _of_revisions(repository, one, two, limits)
    return _of_runs(repository, one, two, limits)


def _now(repository: Repository) -> str:
    """The workspace where there is one that differs from HEAD, else HEAD."""
    return WORKSPACE if not repository.bare and repository.workspace() is not None else "HEAD"


def _named(repository: Repository, label: str) -> _Named:
    if label == WORKSPACE:
        return _Named(label, WORKSPACE)
    try:
        return _Named(label, repository.resolve(label))
    except UnknownRevision:
        runs = tuple(_runs_called(_all(repository), label))
    if not runs:
        raise NotInShallow(label) if repository.shallow else UnknownRevision(label)
    return _Named(label, runs=runs)


def _all(repository: Repository) -> Catalog:
    from modelbook.cli import source

    return source.catalog(source.read(repository, "all", pull=False), repository.project)


def _runs_called(catalog: Catalog, label: str) -> Iterator[Run]:
    """The runs a label means: one by its id, that of a model's version, or all that an environment has."""
    by_id = {run.id: run for run in catalog.runs}
    name, _at, part = label.rpartition("@")
    for model in catalog.models:
        for version in model.versions:
            in_force = part in version.environments and name in (model.name, "")
            registered = name == model.name and part == version.version
            if (in_force or registered) and version.run in by_id:
                yield by_id[version.run]
    if len(label) >= 4:
        yield from (run for run in catalog.runs if run.id.startswith(label))


def _common(repository: Repository, one: _Named, two: _Named) -> _Named:
    head = repository.head if two.revision == WORKSPACE else two.revision
    found = repository.merge_base(one.revision, head)
    if not found:
        raise NoMergeBase(one.label, two.label, shallow=repository.shallow)
    return _Named(one.label, found)


def _of_revisions(
    repository: Repository, one: _Named, two: _Named, limits: dict[str, tuple[str, ...]]
) -> Verdict:
    from modelbook.cli.source import cache_of
    from modelbook.history import CodeReader, read_pair
    from modelbook.verdict import in_force

    old, new, stale = read_pair(repository, one.revision, two.revision)
    both = _catalog_of(repository, old, new)
    code = CodeReader(repository, cache_of(repository))
    promoted = in_force(old) != in_force(new)
    registered = {run.id: run for run in _all(repository).runs} if promoted else {}
    return _judge(
        both, _held(one, old, both), _held(two, new, both), limits,
        code=code.between(old.commit.sha, new.commit.sha), registered=registered,
        stale=[*_unplanned(repository, two.revision, new), *stale],
    )  # fmt: skip


def _unplanned(repository: Repository, revision: str, snapshot: Snapshot) -> Iterator[Stale]:
    """What is not as the specs of a revision ask for; nothing where it has none."""
    home = snapshot.project.file.rpartition("/")[0] if snapshot.project and snapshot.project.file else None
    if home is None:
        return
    import tempfile

    from modelbook.history import export
    from modelbook.records import Stale
    from modelbook.stages.late import late  # what reads specs takes a third of a second to import

    top = f"{home}/" if home else ""
    files = [f"{top}mlproject.yaml", f"{top}dvc.yaml"]
    files += [path for spec in snapshot.specs for path in (spec.path, spec.card_file) if path]
    folders = [f"{top}experiments", f"{top}runs/params"]

    def wanted(tree: Tree) -> Iterator[str]:
        yield from files
        yield from (path for folder in folders for path, _blob in tree.below(folder))

    with tempfile.TemporaryDirectory(prefix="modelbook-") as scratch:
        export(repository, revision, wanted, Path(scratch))
        for file, why in late(Path(scratch) / home):
            yield Stale(stage=f"{top}{file}", reason=why, file=f"{top}{file}")


def _catalog_of(repository: Repository, old: Snapshot, new: Snapshot) -> Catalog:
    """The Catalog of two revisions, as if they were all there is."""
    from modelbook import catalog, subproject
    from modelbook.history import History

    snapshots = (new,) if old.commit.sha == new.commit.sha else (new, old)
    made = History(name=repository.name, head=new.commit.sha, snapshots=snapshots)
    found = catalog.build(made)
    return subproject.limited(found, repository.project) if repository.project else found


def _held(named: _Named, snapshot: Snapshot, catalog: Catalog) -> Held:
    from modelbook.verdict import Held, side_of

    runs = [run for run in catalog.runs if snapshot.commit.sha in run.commits]
    own = next((item for item in catalog.snapshots if item.commit.sha == snapshot.commit.sha), snapshot)
    return Held(side_of(named.label, snapshot), runs, own)


def _of_runs(repository: Repository, one: _Named, two: _Named, limits: dict[str, tuple[str, ...]]) -> Verdict:
    """Runs against runs, or against those of the same names that a revision holds."""
    catalog = _all(repository)
    base, head = (_runs_of(catalog, named) for named in (one, two))
    if one.runs and two.revision:
        head = _counterparts(catalog, one.runs, head)
    if two.runs and one.revision:
        base = _counterparts(catalog, two.runs, base)
    if len(base) == len(head) == 1:  # two runs that somebody chose are compared, whatever they are called
        from msgspec.structs import replace

        base = [replace(base[0], name=head[0].name, pipeline=head[0].pipeline, experiment=head[0].experiment)]
    from modelbook.verdict import Held, Side

    sides = [
        Held(Side(label=named.label, commit=runs[0].commit if len(runs) == 1 else named.revision), runs)
        for named, runs in ((one, base), (two, head))
    ]
    return _judge(catalog, sides[0], sides[1], limits)


def _runs_of(catalog: Catalog, named: _Named) -> list[Run]:
    if named.runs:
        return list({run.id: run for run in named.runs}.values())
    at = catalog.head if named.revision == WORKSPACE else named.revision
    return [run for run in catalog.runs if at in run.commits]


def _counterparts(catalog: Catalog, chosen: Iterable[Run], held: list[Run]) -> list[Run]:
    """For each chosen run the one of its name that is held, else the best held one of its pipeline."""
    from modelbook.catalog import headlines, rank

    known = headlines(catalog)
    found = []
    for run in chosen:
        rivals = [other for other in held if other.pipeline == run.pipeline]
        same = next((other for other in rivals if other.name == run.name), None)
        info = known.get(run.pipeline)
        ranked = rank(rivals, info).ranked if info and info.direction else ()
        if same or ranked:
            found.append(same or ranked[0].run)
    return found


def _judge(
    catalog: Catalog,
    base: Held,
    head: Held,
    limits: dict[str, tuple[str, ...]],
    **more: Any,
) -> Verdict:
    from msgspec.structs import replace

    from modelbook import verdict
    from modelbook.catalog import headlines

    project = catalog.project
    project = replace(project, gates=(*project.gates, *_asked_gates(limits, catalog.metrics)))
    names = {name: info.name for name, info in headlines(catalog).items()}
    return verdict.of(base, head, project, infos=catalog.metrics, headlines=names, **more)


def _asked_gates(limits: dict[str, tuple[str, ...]], infos: Iterable[MetricInfo]) -> Iterator[Gate]:
    from modelbook.records import Gate

    directions = {info.name: info.direction for info in infos}
    for kind, texts in limits.items():
        for text in texts:
            metric, _equals, number = text.rpartition("=")
            try:
                limit = float(number)
            except ValueError:
                raise BadGate(kind.replace("_", "-"), text) from None
            if not metric:
                raise BadGate(kind.replace("_", "-"), text)
            held = kind == "must_not_change"
            yield Gate(
                metric=metric, kind=kind, limit=0.0 if held else limit, direction=directions.get(metric),
                atol=limit if held else 0.0,
            )  # fmt: skip


# -- in a terminal


def _print(found: Verdict) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if _is_wide() else _WIDE, soft_wrap=not _is_wide())
    for side, name in ((found.base, "base"), (found.head, "head")):
        at = side.commit if side.commit == WORKSPACE else side.commit[:7]
        said = f"{side.label} {at}" if at not in ("", side.label) else side.label
        _line(console, f"{name}  {said}  {side.subject}".rstrip(), "dim")
    _line(console, _WORDS[found.status], f"bold {_COLORS[found.status]}")
    _listed(console, "", found.reasons)
    _listed(console, "", map(_leader_line, found.leaders))
    _print_runs(console, found)
    for title, lines in _parts(found):
        _listed(console, title, lines)


def _is_wide() -> bool:
    return sys.stdout.isatty()


def _line(console: Console, text: str, style: str = "") -> None:
    """One line as it is: nothing in it is markup."""
    from rich.text import Text

    console.print(Text(" ".join(text.split("\n")), style=style))


def _listed(console: Console, title: str, lines: Iterable[str]) -> None:
    every = list(lines)
    if title and every:
        console.print()
        _line(console, title, "bold")
    for text in every[:MOST_LINES]:
        _line(console, f"  {text}")
    if len(every) > MOST_LINES:
        _line(console, f"  and {len(every) - MOST_LINES} more", "dim")


def _print_runs(console: Console, found: Verdict) -> None:
    from rich.table import Table

    infos = {info.name: info for info in found.metrics}
    rows = [(run, change) for run in found.runs for change in _first(run, infos)]
    files = [(None, change) for change in found.files]
    if not rows and not files:
        _listed(console, "", [_run_words(run) for run in found.runs])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "metric", "before", "after", "change"):
        table.add_column(name, justify="left" if name in ("run", "metric") else "right", overflow="fold")
    for run, change in [*rows, *files][:MOST_ROWS]:
        _metric_row(table, run, change, infos.get(change.name))
    console.print()
    console.print(table)
    more = len(rows) + len(files) - MOST_ROWS
    if more > 0:
        _line(console, f"and {more} more metrics; --format json has all", "dim")
    _listed(console, "Seeds", [line for group in found.seeds for line in _seed_lines(group, infos)])


def _leader_line(leader: Leader) -> str:
    """What decides, by name: the numbers are in the table."""
    was = f", before {leader.was}" if leader.was and leader.was != leader.name else ""
    return f"{leader.what}: {leader.name or leader.after}{was}"


def _first(run: RunChange, infos: dict[str, MetricInfo]) -> list[MetricChange]:
    """The metrics of a run, its headline first, then the declared ones; of a new or gone one only that."""
    ordered = sorted(
        run.metrics,
        key=lambda item: (
            item.name != run.headline,
            item.name not in infos or infos[item.name].guessed,
            item.name,
        ),
    )
    return ordered[:1] if run.kind in ("added", "removed") else ordered


def _run_words(run: RunChange) -> str:
    return f"{run.name} was {run.was}" if run.kind == "renamed" else f"{run.name} {run.kind}"


def _metric_row(table: Any, run: RunChange | None, change: MetricChange, info: MetricInfo | None) -> None:
    from rich.text import Text

    tone = {True: "green", False: "red", None: ""}[change.better]
    name = run.name + ("" if run.kind == "changed" else f" ({run.kind})") if run else change.path
    cells = (name, change.name, _said(change.before, info), _said(change.after, info))
    table.add_row(*map(Text, cells), Text(delta(change, info), style=tone))


def _said(value: Value | None, info: MetricInfo | None) -> str:
    from modelbook.cli.reading import shown

    return shown(value, info)


def delta(change: MetricChange, info: MetricInfo | None) -> str:
    """A change as signed number, with its share of the old value and an arrow for the better or worse."""
    from modelbook.records import number

    if change.delta is None:
        return "" if change.kind == "changed" else change.kind
    before = number(change.before)
    percent = info is not None and info.format.endswith("%")
    size = f"{change.delta * 100:+.3g} points" if percent else f"{change.delta:+.4g}"
    share = f" ({change.delta / abs(before):+.1%})" if before and not percent else ""
    return f"{size}{share} {({True: 'better', False: 'worse', None: ''})[change.better]}".rstrip()


def _seed_lines(group: Any, infos: dict[str, MetricInfo]) -> Iterator[str]:
    for name, means in group.metrics:
        if name in infos and infos[name].direction and not infos[name].guessed:
            yield (
                f"{group.experiment}: mean {name} {means.before:.6g} to {means.after:.6g}, change "
                f"{means.delta:+.4g} (95 % interval {means.low:+.4g} to {means.high:+.4g}, "
                f"{means.n_before} and {means.n_after} seeds)"
            )


def _parts(found: Verdict) -> Iterator[tuple[str, list[str]]]:
    """(title, lines) of all that is not a metric."""
    yield (
        "Params",
        [
            _param_line(run.name, change)
            for run in found.runs
            for change in run.params
            if run.before and run.after
        ],
    )
    yield "Params files", [_param_line(_path_of(change), change) for change in found.params]
    yield (
        "Data",
        [
            f"{item.path} {item.kind}: {_hash(item.before)} to {_hash(item.after)}"
            f" {f'{item.after.size:,} bytes' if item.after and item.after.size else ''}".rstrip()
            for item in found.data
        ],
    )
    graph = found.graph
    yield (
        "Pipeline",
        [
            *(f"stage {name} added" for name in graph.added),
            *(f"stage {name} removed" for name in graph.removed),
            *(f"stage {name}: {new}" for name, _old, new in graph.commands),
            *(f"{reader} now reads what {writer} writes" for writer, reader in graph.edges_added),
            *(f"{reader} no longer reads what {writer} writes" for writer, reader in graph.edges_removed),
        ],
    )
    yield (
        "Environment",
        [
            f"{item.name}: {', '.join(item.before) or '-'} to {', '.join(item.after) or '-'}"
            for item in found.environment
        ],
    )
    yield "Code", list(_code_lines(found))
    yield "Could not be read", [f"{item.path}: {item.reason}" for item in found.problems]


def _joined(values: Iterable[str]) -> str:
    return ", ".join(values) or "-"


def _param_line(where: str, change: Any) -> str:
    return f"{where}: {change.name} {_said(change.before, None)} to {_said(change.after, None)}"


def _path_of(change: Any) -> str:
    value = change.after or change.before
    return str(value.path)


def _hash(item: Any) -> str:
    return (item.md5 or "unknown")[:12] if item else "-"


def _code_lines(found: Verdict) -> Iterator[str]:
    code = found.code
    if code is None:
        return
    if code.reason:
        yield code.reason
    for item in code.files:
        lines = "" if item.added is None else f" +{item.added} -{item.removed or 0}"
        yield f"{item.kind} {item.path}{lines}"
    if code.more:
        yield f"and {code.more} more files"
