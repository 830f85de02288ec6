"""What stands in a table: values that always say something, and the receipt behind each of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from modelbook import charts
from modelbook._paths import inside
from modelbook.judge import better
from modelbook.pages import text
from modelbook.pages.index import Index, Link, tops
from modelbook.records import MetricInfo, Run, Stage, State, Value

ARROWS = {"maximize": "↑", "minimize": "↓"}
_SAFE_WORD = re.compile(r"[\w@%+=:,./-]*")
_SAYS = {State.NOT_PULLED: "not pulled", State.UNREADABLE: "unreadable", State.NEVER: "never run"}


class Cell(msgspec.Struct, frozen=True, gc=False):
    """One cell of a table.

    Attributes:
        state: `present`, `not_pulled`, `unreadable`, `never`, or `absent` when there is no such value.
        title: more than fits: every digit, or the reason why there is no value.
        tone: `good`, `bad`, `best` or empty.
        delta: how far the value is from what `title` compares it with; `delta_tone` is its tone.
        badge: a word behind the text, such as `new`.
    """

    text: str
    state: str = "present"
    title: str = ""
    href: str | None = None
    number: bool = False
    tone: str = ""
    delta: str = ""
    delta_tone: str = ""
    badge: str = ""


class Column(msgspec.Struct, frozen=True, gc=False):
    """A column's heading; `number` sets it flush right."""

    text: str
    title: str = ""
    number: bool = False


class Table(msgspec.Struct, frozen=True, gc=False):
    """A plain table; the first column names its row and stays in sight when the rest is scrolled."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


MOST_BEFORE = 30
"""Earlier runs of the same name in a line of values."""

MOST_ROWS = 100
"""Rows of a part; it says how many more there are."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """A table and how many rows it leaves out."""

    table: Table
    more: int = 0


def part(columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]], caption: str) -> Part | None:
    """The rows as far as a page has room for them; None for none."""
    if not rows:
        return None
    return Part(Table(tuple(columns), tuple(rows[:MOST_ROWS]), caption), max(0, len(rows) - MOST_ROWS))


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """Where numbers come from: (what, text or link) rows, and the command that makes them again.

    What many values of a run share, such as their file, stands on its page once; `id` is its anchor.
    """

    id: str
    rows: tuple[tuple[str, Link], ...]
    command: str = ""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """A named value, its key inside its file, and its receipt.

    Attributes:
        id: its anchor on the page. source: that of its receipt.
        before: the value before it, of which the cell's delta speaks, and its run. spark: SVG, or empty.
    """

    id: str
    name: str
    cell: Cell
    key: str
    source: str
    note: str = ""
    before: Link | None = None
    spark: str = ""


DASH = "–"
"""Stands where there is nothing to say, so that no cell is blank."""

ABSENT = Cell(DASH, "absent")

TONES: Mapping[bool | None, str] = {True: "good", False: "bad", None: ""}
"""Whether a change is for the better -> how it looks."""


def cell(
    found: Value | None, info: MetricInfo | None = None, href: str | None = None, tone: str = ""
) -> Cell:
    """A param or metric as a cell."""
    if found is None:
        return Cell(DASH, "absent", "this run has no such value")
    if found.state is not State.PRESENT:
        return Cell(_SAYS[found.state], str(found.state), reason(found), href)
    if info is None and not href and not tone and type(found.value) in _SMALL and found.value:
        return _plain_cell(found.value)
    return _shown_cell(found.value, info, href, tone)


_SMALL = frozenset((str, int, float, bool))


@lru_cache(maxsize=1 << 13, typed=True)
def _plain_cell(raw: str | float) -> Cell:
    """Remembered, since runs that were tried together differ in few params; for no zero, which has a sign."""
    return _shown_cell(raw, None, None, "")


def _shown_cell(raw: Any, info: MetricInfo | None, href: str | None, tone: str) -> Cell:
    if type(raw) is float and math.isfinite(raw) and not (info and (info.format or info.unit)):
        # What it nearly always is: neither of these is long, or has blanks.
        shown, exact = text.general(raw), repr(raw)
        return Cell(shown, "present", exact if exact != shown else "", href, True, tone)
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
    shown = text.cut(text.line(text.value(raw, info))) or '""'
    exact = text.line(text.exact(raw))
    return Cell(shown, "present", exact if exact != shown else "", href, is_number, tone)


def link_cell(link: Link, tone: str = "") -> Cell:
    """A link as a cell."""
    return Cell(text.line(link.text) or DASH, "present", link.title, link.href, tone=tone)


def reason(found: Value) -> str:
    """Why a value is not there, and what would bring it."""
    size = f" ({text.size(found.size)})" if found.size is not None else ""
    says = {
        State.NOT_PULLED: f"{found.path}{size} lies in DVC's cache or remote; "
        "`dvc pull` at that commit brings it, `--pull` reads it",
        State.UNREADABLE: f"{found.path} could not be read",
        State.NEVER: f"declared in {found.path}, but no run has made it yet",
    }[found.state]
    return text.line(f"{says}: {found.reason}" if found.reason else says)


def heading(info: MetricInfo) -> Column:
    """A metric's column."""
    arrow = ARROWS.get(info.direction or "", "")
    return Column(f"{text.cut(text.line(info.name), 60)} {arrow}".rstrip(), direction(info), number=True)


@lru_cache(maxsize=1 << 12)
def direction(info: MetricInfo) -> str:
    """Which way is better, in words."""
    words = {"maximize": "higher is better", "minimize": "lower is better"}.get(info.direction or "", "")
    guessed = " (guessed from its name)" if info.guessed and words else ""
    return "; ".join(part for part in (text.line(info.description).rstrip("."), words + guessed) if part)


class Receipts:
    """The receipts of a run's values, one for all values of the same file, stage and content."""

    def __init__(self, index: Index, run: Run) -> None:
        self._index, self._run = index, run
        self._made: dict[tuple[object, ...], Receipt] = {}

    def of(self, found: Value) -> Receipt:
        """The receipt of a value."""
        key = (found.path, found.blob, found.md5, found.size, found.stage)
        receipt = self._made.get(key)
        if receipt is None:
            receipt = self._made[key] = self._receipt(found, f"source-{len(self._made) + 1}")
        return receipt

    @property
    def all(self) -> tuple[Receipt, ...]:
        """Every receipt that was asked for."""
        return tuple(self._made.values())

    def _receipt(self, found: Value, name: str) -> Receipt:
        index, run = self._index, self._run
        stage = next((item for item in run.stages if item.address == found.stage), None)
        lock = (stage.lock if stage else None) or ""
        source = Link(found.path or DASH, index.forge("blob", run.commit, found.path) if found.path else None)
        rows = [
            ("file", source),
            ("commit", index.commit_link(run.commit)),
            ("Git blob", Link((found.blob or "not in Git")[:12], title=found.blob or "")),
            ("DVC hash", Link(found.md5 or "")),
            ("size", Link(text.size(found.size))),
            ("stage", Link(found.stage or "")),
            ("lock entry", Link(lock[:12], title=lock)),
        ]
        return Receipt(name, tuple((what, link) for what, link in rows if link.text), recreate(run, stage))


def recreate(run: Run, stage: Stage | None = None) -> str:
    """The shell commands that make a run (or one of its stages) again in a clean clone."""
    targets = [stage.address] if stage else _last(run.stages)
    steps = [f"git checkout {run.commit[:12]}"] if _is_sha(run.commit) else []
    return "\n".join([*steps, *(["dvc repro " + " ".join(map(shell, targets))] if targets else [])])


def _last(stages: Sequence[Stage]) -> list[str]:
    """The stages that no other of them needs: who makes these makes them all."""
    read = [dep.path for stage in stages for dep in stage.deps]
    needed = {
        stage.address
        for stage in stages
        if any(inside(path, out.path) or inside(out.path, path) for out in stage.outs for path in read)
    }
    return [stage.address for stage in stages if stage.address not in needed]


def _is_sha(commit: str) -> bool:
    return len(commit) == 40


def shell(word: str) -> str:
    """A word as a shell takes it for one."""
    return word if _SAFE_WORD.fullmatch(word) else "'" + word.replace("'", "'\"'\"'") + "'"


def facts(
    index: Index, run: Run, values: Iterable[Value], prefix: str, receipts: Receipts, sparks: int = 0
) -> tuple[Fact, ...]:
    """Values of a run with their receipts, anchors `PREFIX-NAME`.

    Args:
        prefix: `m` for metrics, `p` for params.
        sparks: how many metrics, from the first, have their history drawn.
    """
    made: list[Fact] = []
    taken: set[str] = set()
    alone = len(index.trail(run).runs) < 2
    for found in values:
        anchor, name, key = _named(prefix, found.name or found.path, found.key)
        anchor = anchor if anchor not in taken else f"{anchor}-{text.slug(found.path + '#' + found.name)}"
        taken.add(anchor)
        info = index.infos.get(found.name) if prefix == "m" else None
        source = receipts.of(found).id
        if not info:
            made.append(_plain_fact(anchor, name, key, source, found))
            continue
        shown = cell(found, info)
        shown, before = (shown, None) if alone else _moved(index, run, found, info, shown)
        drawn = "" if alone or len(made) >= sparks else _spark(index, run, info, anchor)
        made.append(Fact(anchor, name, shown, key, source, direction(info), before, drawn))
    return tuple(made)


def _plain_fact(anchor: str, name: str, key: str, source: str, found: Value) -> Fact:
    """A value that nobody says how to read."""
    if found.state is State.PRESENT and type(found.value) in _SMALL and found.value:
        return _small_fact(anchor, name, key, source, found.value)
    return Fact(anchor, name, cell(found), key, source)


@lru_cache(maxsize=1 << 13, typed=True)
def _small_fact(anchor: str, name: str, key: str, source: str, raw: str | float) -> Fact:
    """Remembered for the reason, and with the exception, of `_plain_cell`."""
    return Fact(anchor, name, _plain_cell(raw), key, source)


@lru_cache(maxsize=1 << 12)
def _named(prefix: str, name: str, key: tuple[str, ...]) -> tuple[str, str, str]:
    """Anchor, name and key of a value on a page; remembered, since runs have their names in common."""
    return f"{prefix}-{text.slug(name)}", text.line(name), " › ".join(key) or "the whole file"


def _moved(index: Index, run: Run, found: Value, info: MetricInfo, shown: Cell) -> tuple[Cell, Link | None]:
    """The cell with what it moved by since the run before of this name, and that run's value."""
    trail = index.trail(run)
    before = trail.before(run)
    known = trail.values(run, found.name, 2) if before else []
    if before is None or len(known) < 2 or known[-1] is None or known[-2] is None:
        return shown, None
    change = known[-1] - known[-2]
    link = index.run_link(before)
    was = Link(f"{text.value(known[-2], info)} at {before.commit[:7]}", link.href, link.title)
    if not change:
        return shown, was
    return replace(
        shown, delta=text.delta(change, info), delta_tone=TONES[better(info, known[-2], known[-1])]
    ), was


def _spark(index: Index, run: Run, info: MetricInfo, anchor: str) -> str:
    """The metric over the runs of this name up to this one; nothing for fewer than three values."""
    values = index.trail(run).values(run, info.name, MOST_BEFORE)
    known = [value for value in values if value is not None]
    if len(known) < 3:
        return ""
    title = f"{text.line(info.name)} of this and the {len(known) - 1} runs before"
    return charts.sparkline(known, key=anchor, title=title, direction=info.direction)


def metric_columns(index: Index, runs: Sequence[Run], first: str, most: int = 6) -> list[MetricInfo]:
    """The metrics worth a column: the headline, then those most runs have, with a direction first."""
    seen: dict[str, int] = {}
    for run in runs:
        for found in run.metrics:
            seen[found.name] = seen.get(found.name, 0) + 1
    infos = [index.infos.get(name, MetricInfo(name=name)) for name in seen if name]
    infos.sort(key=lambda info: (info.name != first, info.direction is None, -seen[info.name], info.name))
    return infos[:most]


def by_weight(index: Index, run: Run) -> tuple[Value, ...]:
    """The run's metrics: the headline, then those the project declares, then the rest as they stand."""
    headline, declared = index.headlines.get(run.pipeline), index.declared
    first = headline.name if headline else ""
    return tuple(sorted(run.metrics, key=lambda item: (item.name != first, item.name not in declared)))


def varied(runs: Sequence[Run]) -> list[str]:
    """Names of the params whose values differ between the runs, sorted."""
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for run in runs:
        for found in run.params:
            values.setdefault(found.name, set()).add(repr(found.value))
        for name in {found.name for found in run.params}:
            counts[name] = counts.get(name, 0) + 1
    return sorted(name for name in values if name and (len(values[name]) > 1 or counts[name] < len(runs)))


def runs_table(index: Index, runs: Sequence[Run], headline: MetricInfo | None, caption: str = "") -> Table:
    """Runs with their metrics and the params that tell them apart; the best of each metric is marked."""
    infos = metric_columns(index, runs, headline.name if headline else "")
    held = [{found.name: found for found in reversed(run.params)} for run in runs]
    params = {name: [of_run.get(name) for of_run in held] for name in varied(runs)[:8]}
    shown = {name: [cell(value) for value in found] for name, found in params.items()}
    best = {info.name: tops(runs, info) for info in infos}
    columns = (
        Column("run"),
        *(heading(info) for info in infos),
        *(_param_column(name, found, shown[name]) for name, found in params.items()),
        Column("date"),
        Column("commit"),
    )
    rows = []
    for at, run in enumerate(runs):
        tones = {info.name: "best" if run.id in best[info.name] else "" for info in infos}
        rows.append(
            (
                link_cell(index.run_link(run)),
                *(cell(run.metric(info.name), info, tone=tones[info.name]) for info in infos),
                *(cells[at] for cells in shown.values()),
                Cell(text.day(run.date), title=run.date),
                link_cell(index.commit_link(run.commit)),
            )
        )
    return Table(columns, tuple(rows), caption)


def _param_column(name: str, found: Sequence[Value | None], cells: Sequence[Cell]) -> Column:
    numbers = all(shown.number for value, shown in zip(found, cells, strict=True) if value)
    return Column(text.cut(text.line(name), 60), number=numbers)
