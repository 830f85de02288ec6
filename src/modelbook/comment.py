"""A verdict as the comment of a pull request: the answer first, what moved next, the rest folded. Pure.

    render(verdict, site="https://...", name="models") -> Markdown for GitHub and GitLab

Whatever a repository says stands in code spans, and nowhere else. There no forge reads Markdown, HTML, links,
mentions or references, and `code` keeps a text from leaving its span or its cell of a table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from modelbook import gates
from modelbook.diff import MetricChange
from modelbook.errors import ModelbookError
from modelbook.gates import Judgement
from modelbook.pages import text
from modelbook.pages.index import changes_href, commit_href, run_href
from modelbook.records import MetricInfo, State, Value, number
from modelbook.verdict import SAYS, Moved, RunChange, Side, Verdict, metrics

MOST_LETTERS = 60_000
"""GitHub takes 65,536 in a comment."""

MOST_METRICS = 10
MOST_FOLDED = 60
MOST_REASONS = 8
MOST_BARS = 12
_LONGEST = 80
_HALF = 16
"""Letters on each side of zero in a chart."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_ID = re.compile(r"[0-9a-f]{7,64}")
_SITE = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~%/-]*)?")
_FORMAT = re.compile(r"[+,]?(\.\d{1,2})?[defgEG%]?")
_TICKS = re.compile(r"`+")

_STATES = {State.NOT_PULLED: "not pulled", State.UNREADABLE: "unreadable", State.NEVER: "never run"}


class BadComment(ModelbookError):
    """A name or an address that no comment can carry."""

    def __init__(self, what: str, found: str, expected: str) -> None:
        super().__init__(f"{what}: expected {expected}, found {found!r}")


class _Links(NamedTuple):
    """The pages of the site, if its address is known."""

    site: str

    def to(self, label: str, href: str) -> str:
        """`label`, which is Markdown of ours, as a link."""
        return f"[{label}]({self.site}/{href})" if self.site else label

    def run(self, label: str, run: str | None) -> str:
        """A link to the page of a run."""
        return self.to(label, run_href(run)) if run and _ID.fullmatch(run) else label


def marker(name: str) -> str:
    """The hidden first line by which the comment of that name is found again.

    Raises:
        BadComment: the name could end the hidden line, or is too long.
    """
    if not _NAME.fullmatch(name):
        raise BadComment("--name", name, "up to 50 letters, digits, dots, dashes")
    return f"<!-- modelbook:diff {name} -->"


def quiet(verdict: Verdict) -> bool:
    """Whether there is nothing that a reviewer must see."""
    return verdict.status == "unchanged" and not verdict.problems


def render(verdict: Verdict, *, site: str = "", name: str = "models", preview: str = "") -> str:
    """Markdown of a comment, never longer than `MOST_LETTERS`.

    Args:
        site: where the project's site is published, for links. name: tells several comments apart.
        preview: where the site with this change is kept.

    Raises:
        BadComment: the name or the site's address is none.
    """
    if site and not _SITE.fullmatch(site):
        raise BadComment("--site", site, "an address such as https://example.org/models")
    links = _Links(site.removesuffix("/index.html").rstrip("/"))
    first = [marker(name), _headline(verdict)]
    if quiet(verdict):
        return "\n".join([*first, ""])
    reasons = _reasons(verdict)[0]
    told = [
        *first,
        "",
        *reasons,
        *([""] if reasons else []),
        _sides(verdict, links),
        "",
        *_table(_rows(verdict, links)),
    ]
    return _fitted("\n".join(told), list(_folds(verdict, links)), _foot(verdict, links, preview))


def missing(commit: str, run: str, *, name: str = "models") -> str:
    """What takes the place of a comment where a newer commit has no diff.

    Args:
        run: address of the run that should have made it, or empty.
    """
    where = f"[The run of it]({run})" if _SITE.fullmatch(run) else "The run of it"
    said = (
        f"**There is no diff of {code(commit[:7])}.** {where} left none. What stood here was of an older one."
    )
    return "\n".join([marker(name), said, ""])


def code(raw: str, longest: int = _LONGEST) -> str:
    """A text of a repository as a code span that nothing in it can end, on one line, without a pipe.

    What cannot be seen, or turns the direction of writing, is shown as its escape.
    """
    seen = "".join(letter if letter.isprintable() else _escaped(letter) for letter in raw[: longest * 2])
    kept = text.cut(seen.strip(), longest).replace("|", "∣") or '""'  # noqa: RUF001 - a pipe would end the cell
    fence = "`" * (1 + max((len(ticks) for ticks in _TICKS.findall(kept)), default=0))
    pad = " " if kept[0] == "`" or kept[-1] == "`" else ""
    return f"{fence}{pad}{kept}{pad}{fence}"


def _escaped(letter: str) -> str:
    return " " if letter.isspace() else letter.encode("unicode_escape").decode("ascii")


# -- what comes first


def _headline(verdict: Verdict) -> str:
    """One sentence."""
    if verdict.status == "unchanged":
        more = [part for part in (_files(verdict), _params(verdict)) if part]
        return f"**{SAYS['unchanged']}**" + (f" {', '.join(more).capitalize()}." if more else "")
    count = len(verdict.runs)
    runs = (
        f" {text.plural(count, 'run')} of {verdict.held:,} differ{'s' if count == 1 else ''}."
        if count
        else ""
    )
    return f"**{SAYS[verdict.status]}**{runs}"


def _files(verdict: Verdict) -> str:
    found = verdict.code
    count = len(found.files) + found.more if found else 0
    return f"{text.plural(count, 'file')} of code differ{'s' if count == 1 else ''}" if count else ""


def _params(verdict: Verdict) -> str:
    count = len(verdict.params)
    return f"{text.plural(count, 'param')} in params files differ{'s' if count == 1 else ''}" if count else ""


def _reasons(verdict: Verdict) -> tuple[list[str], list[str]]:
    """Why, where it needs a reader; what was merely not judged is folded."""
    shown = 0 if verdict.status == "passed" else MOST_REASONS
    return [f"- {code(reason, 300)}" for reason in verdict.reasons[:shown]], list(verdict.reasons[shown:])


def _sides(verdict: Verdict, links: _Links) -> str:
    both = f"{_side(verdict.base, links)} to {_side(verdict.head, links)}"
    ids = [side.commit for side in (verdict.base, verdict.head)]
    if links.site and all(_ID.fullmatch(one) for one in ids):
        both += f" ({links.to('compare', changes_href(*ids))})"
    return both


def _side(side: Side, links: _Links) -> str:
    label = code(side.label, 60)
    if not _ID.fullmatch(side.commit):
        return label
    short = links.to(code(side.commit[:7]), commit_href(side.commit))
    return short if side.commit.startswith(side.label) else f"{label} ({short})"


# -- metrics


def _rows(verdict: Verdict, links: _Links) -> list[tuple[str, ...]]:
    """Cells of every metric that moved, gates that failed and headlines first."""
    infos = {info.name: _tame(info) for info in verdict.metrics}
    return [_row(row, infos.get(row.metric), links) for row in metrics(verdict)]


def _row(row: Moved, info: MetricInfo | None, links: _Links) -> tuple[str, ...]:
    return (
        _title(row, links),
        code(row.metric),
        _value(row.before, info),
        _value(row.after, info),
        _change(row, info),
        _judged(row.judgements) if row.judgements else {True: "better", False: "worse", None: ""}[row.better],
    )


def _change(row: Moved, info: MetricInfo | None) -> str:
    before = row.before.number if isinstance(row.before, Value) else row.before
    if row.delta is not None:
        return _delta(row.delta, before, info) if row.delta else "none"
    return "" if row.leader and row.kind != "removed" else row.kind


def _title(row: Moved, links: _Links) -> str:
    """Whose metric it is."""
    if row.leader:
        leader = row.leader
        run = links.run(code(leader.name or leader.what), leader.after)
        where = f"{run}, {code(leader.what)}" if leader.name else run
        return where + (f" (before: {code(leader.was)})" if leader.was not in ("", leader.name) else "")
    if row.run is None:
        return code(row.path) if row.path else ""
    title = links.run(code(row.run.name), row.run.after or row.run.before)
    if row.run.kind == "renamed":
        return f"{title} ({code(row.run.was)} before)"
    return title if row.run.kind == "changed" else f"{title} ({row.run.kind})"


def _judged(items: Sequence[Judgement]) -> str:
    """What the gates of one metric say."""
    failed = [
        f"{code(item.gate.kind)} {_shown(f'{item.gate.limit:.6g}')}" for item in items if item.passed is False
    ]
    if failed:
        return f"**fails** {', '.join(failed)}"
    return {True: "passes", False: "fails", None: "cannot be judged"}[gates.passed(items)]


def _value(value: Value | float | None, info: MetricInfo | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, Value):
        return _shown(text.value(value, info))
    if value.state is not State.PRESENT:
        return _STATES[value.state]
    return _shown(text.value(value.value, info))


def _shown(value: str) -> str:
    """A number as it is, whatever else there is as code."""
    return value if re.fullmatch(r"[-−+]?[0-9][0-9.,e+%-]{0,30}", value) else code(value, 40) if value else ""


def _delta(delta: float, before: float | None, info: MetricInfo | None) -> str:
    """The change with its sign, and its share of what it was."""
    if info is not None and info.format.endswith("%"):
        return f"{delta * 100:+.3g} points"
    return f"{delta:+.4g}" + (f" ({delta / abs(before):+.1%})" if before else "")


def _tame(info: MetricInfo) -> MetricInfo:
    """A format that asks for a line of a million letters is no format."""
    return info if _FORMAT.fullmatch(info.format) else replace(info, format="")


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    return _markdown_table(_HEADS, rows[:MOST_METRICS]) if rows else []


_HEADS = ("run", "metric", "before", "after", "change", "judged")


def _markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Heads are ours; cells are Markdown made by `code`."""
    aligned = (
        "---:" if head in ("before", "after", "change") and heads is _HEADS else "---" for head in heads
    )
    return [_line(heads), _line(aligned), *(_line(row) for row in rows), ""]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


# -- what is folded


class _Fold(NamedTuple):
    """A part that opens on a click. `lines` are Markdown; `left` is said when there is no room for it."""

    title: str
    lines: tuple[str, ...]
    left: str

    def __str__(self) -> str:
        body = "\n".join(self.lines)
        return f"<details><summary>{self.title}</summary>\n\n{body}\n</details>\n"


def _folds(verdict: Verdict, links: _Links) -> Iterator[_Fold]:
    """Everything else, what matters most first."""
    reasons = [code(reason, 300) for reason in _reasons(verdict)[1]]
    unsure = verdict.status == "passed"
    yield from _listed("gate" if unsure else "more reason", reasons, "{} could not judge" if unsure else "{}")
    rest = _rows(verdict, links)[MOST_METRICS:]
    yield from _tabled("more metric", rest, _HEADS)
    yield from _tabled("mean over seeds", _seed_rows(verdict), _SEEDS, "{}")
    yield from _chart(verdict)
    yield from _listed(
        "run",
        [_run_words(run, links) for run in verdict.runs if run.kind != "changed"],
        "{} came, went or are renamed",
    )
    yield from _tabled("param", _param_rows(verdict), ("where", "param", "from", "to"))
    yield from _tabled("data set", _data_rows(verdict), ("path", "what", "from", "to", "size", "files"))
    yield from _listed("change", _graph_lines(verdict), "{} of the pipeline")
    yield from _tabled("file", _file_rows(verdict), ("path", "what", "lines"), "{} of code", _more(verdict))
    environment = [(code(one.name), _many(one.before), _many(one.after)) for one in verdict.environment]
    yield from _tabled("change", environment, ("what", "from", "to"), "{} of what it ran on")
    problems = [f"{code(item.path)}: {code(item.reason, 200)}" for item in verdict.problems]
    yield from _listed("file", problems, "{} that cannot be read")


def _tabled(
    what: str,
    rows: Sequence[Sequence[str]],
    heads: Sequence[str],
    title: str = "{}",
    beyond: int = 0,
) -> Iterator[_Fold]:
    lines = _markdown_table(heads, rows[:MOST_FOLDED])
    yield from _fold(what, lines, min(len(rows), MOST_FOLDED), len(rows) + beyond, title)


def _listed(what: str, lines: Sequence[str], title: str = "{}") -> Iterator[_Fold]:
    shown = [f"- {line}" for line in lines[:MOST_FOLDED]]
    yield from _fold(what, [*shown, ""], len(shown), len(lines), title)


def _fold(what: str, lines: Sequence[str], shown: int, count: int, title: str) -> Iterator[_Fold]:
    if not count:
        return
    said = title.format(text.plural(count, what))
    more = [f"and {count - shown:,} more", ""] if count > shown else []
    yield _Fold(said, (*lines, *more), said)


_SEEDS = ("experiment", "metric", "before", "after", "change", "95 % interval", "seeds")


def _seed_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    """Means of metrics that have a declared direction: of the others nobody could say what they show."""
    infos = {info.name: _tame(info) for info in verdict.metrics if info.direction and not info.guessed}
    return [
        (
            code(group.experiment),
            code(name),
            *(_shown(text.value(mean, infos[name])) for mean in (means.before, means.after)),
            _delta(means.delta, means.before, infos[name]),
            f"{means.low:+.4g} to {means.high:+.4g}",
            _arrow(f"{count:,}" for count in (means.n_before, means.n_after)),
        )
        for group in verdict.seeds
        for name, means in group.metrics
        if name in infos
    ]


def _more(verdict: Verdict) -> int:
    return verdict.code.more if verdict.code else 0


def _run_words(run: RunChange, links: _Links) -> str:
    label = links.run(code(run.name), run.after or run.before)
    return f"{label} was {code(run.was)}" if run.kind == "renamed" else f"{label} {run.kind}"


def _param_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    of_runs = [
        (run.name, change) for run in verdict.runs if run.before and run.after for change in run.params
    ]
    of_files = [(change.path, change) for change in verdict.params]
    return [
        (code(where), code(change.name), _value(change.before, None), _value(change.after, None))
        for where, change in [*of_runs, *of_files]
    ]


def _data_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    rows = []
    for item in verdict.data:
        both = (item.before, item.after)
        hashes = [code(one.md5[:12]) if one and one.md5 else "" for one in both]
        sizes = _arrow(text.size(one.size) if one else "" for one in both)
        counts = _arrow(_count(one.nfiles) if one else "" for one in both)
        rows.append((code(item.path), item.kind, *hashes, sizes, counts))
    return rows


def _arrow(said: Iterable[str]) -> str:
    """`1 kB → 2 kB`, or one of both when they are equal or one is not known."""
    return " → ".join(dict.fromkeys(one for one in said if one))


def _count(found: int | None) -> str:
    return "" if found is None else f"{found:,}"


def _graph_lines(verdict: Verdict) -> list[str]:
    graph = verdict.graph
    return [
        *(f"stage {code(name)} added" for name in graph.added),
        *(f"stage {code(name)} removed" for name in graph.removed),
        *(f"stage {code(name)}: {code(old, 200)} → {code(new, 200)}" for name, old, new in graph.commands),
        *(f"{code(reader)} now reads what {code(writer)} writes" for writer, reader in graph.edges_added),
        *(
            f"{code(reader)} no longer reads what {code(writer)} writes"
            for writer, reader in graph.edges_removed
        ),
    ]


def _file_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for item in verdict.code.files if verdict.code else ():
        lines = (
            "binary" if item.binary else "" if item.added is None else f"+{item.added} −{item.removed or 0}"
        )
        name = f"{code(item.before)} → {code(item.path)}" if item.before else code(item.path)
        rows.append((name, code(item.kind), lines))
    return rows


def _many(values: Sequence[str]) -> str:
    return ", ".join(code(value, 40) for value in values[:5]) + (" …" if len(values) > 5 else "")


def _chart(verdict: Verdict) -> Iterator[_Fold]:
    """How far the headline metric of each run moved, where two runs or more have moved it.

    Bars of text: they start at zero, and look the same on every forge, in a mail and in a terminal.
    """
    infos = {info.name: _tame(info) for info in verdict.metrics}
    by_metric: dict[str, list[tuple[str, float, MetricChange]]] = {}
    for run in verdict.runs:
        for change in run.metrics:
            if change.name == run.headline and change.delta and math.isfinite(change.delta):
                by_metric.setdefault(change.name, []).append((run.name, change.delta, change))
    for metric, rows in sorted(by_metric.items()):
        if len(rows) > 1:
            title = f"{len(rows):,} runs by how far their headline metric moved"
            yield _Fold(title, _bars(rows, infos.get(metric)), "the chart")


def _bars(rows: Sequence[tuple[str, float, MetricChange]], info: MetricInfo | None) -> tuple[str, ...]:
    shown = sorted(rows, key=lambda row: (-abs(row[1]), row[0]))[:MOST_BARS]
    most = abs(shown[0][1])
    width = max(len(_label(name)) for name, _delta, _change in shown)
    lines = [
        f"{_label(name):{width}} {_bar(delta / most)} {_delta(delta, number(change.before), info)}"
        for name, delta, change in shown
    ]
    more = [f"and {len(rows) - MOST_BARS:,} more", ""] if len(rows) > MOST_BARS else []
    return (code(shown[0][2].name), "", "```text", *lines, "```", "", *more)


def _bar(share: float) -> str:
    """A bar to the left of zero or to the right of it; `share` is of the longest, with its sign."""
    bar = "█" * max(1, round(abs(share) * _HALF))
    left, right = (bar, "") if share < 0 else ("", bar)
    return f"{left:>{_HALF}}│{right:<{_HALF}}"


def _label(name: str) -> str:
    """A name on one line of a fence, which only backticks could end."""
    seen = "".join(letter if letter.isprintable() and letter != "`" else "?" for letter in name[:60])
    return text.cut(seen.strip(), 24) or "?"


# -- the end


def _foot(verdict: Verdict, links: _Links, preview: str) -> str:
    new = any(run.after and run.after != run.before for run in verdict.runs)
    says = "Pages of new runs and commits are on the site once this is merged." if links.site and new else ""
    if _SITE.fullmatch(preview):
        kept = (
            f"[The site with this change]({preview}) is kept for a week: its page `verdict/` tells the same."
        )
        says = f"{kept} {says}".rstrip()
    return f"\n{says}\n" if says else "\n"


def _fitted(top: str, folds: list[_Fold], foot: str) -> str:
    """All of it if there is room, else as many parts as fit, and the names of those that do not."""
    left: list[str] = []
    while True:
        note = f"\nLeft out, for a comment has an end: {', '.join(reversed(left))}.\n" if left else ""
        whole = "\n".join([top, *map(str, folds)]) + note + foot
        if len(whole) <= MOST_LETTERS or not folds:
            return whole
        left.append(folds.pop().left)
