"""Reports: Markdown with live blocks, strictly read.

A block is a fenced code block at the margin whose info string is `modelbook KIND`; what it holds is YAML.
A fault in one block is told at its line and column and leaves the others alone. Within prose a code span
such as `modelbook metric roc_auc of flight-delay@prod` is one number.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Annotated, Any, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BeforeValidator, Field, model_validator

from modelbook.errors import Issue, SpecError
from modelbook.spec import source
from modelbook.spec.models import Text, Wish, fault
from modelbook.spec.source import Loc, Source, suggestion

WORD = "modelbook"
"""What the info string of a block starts with."""

QUOTE = f"{WORD} metric "
"""What a code span starts with that is a number."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[Text], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]


class RunsBlock(Wish):
    """A table of runs."""

    where: str = ""
    """A query as in the runs table, such as: pipeline = flights and roc_auc > 0.65."""
    columns: Names = Field(default=[])
    """Metrics, params and facts to show; left out, those that tell the runs apart."""
    sort: Names = Field(default=[])
    """Columns to sort by, a - before one for the greatest first."""
    limit: int = Field(default=10, ge=1, le=200)
    """Most rows."""
    title: str = ""
    """Shown above."""


class MetricBlock(Wish):
    """One number with its receipt."""

    metric: Text
    """Which metric."""
    of: Text = "best"
    """Whose: a run by name or id, best, best NAME of a pipeline or experiment, MODEL@VERSION,
    MODEL@ENVIRONMENT, or a query that finds one run."""
    against: str = ""
    """Another run, to show how far the number is from its number."""
    title: str = ""
    """Shown above."""


class PlotBlock(Wish):
    """A drawing: a plot of a run, or a metric over many runs."""

    plot: str = ""
    """A plot of the run that `of` names."""
    of: str = ""
    """The run whose plot it is."""
    metric: str = ""
    """A metric to draw over runs or over commits."""
    over: Literal["runs", "commits"] = "runs"
    """One dot for each run, or the runs along the time of their commits."""
    where: str = ""
    """Which runs: a query as in the runs table."""
    limit: int = Field(default=40, ge=1, le=500)
    """Most runs, the best first."""
    title: str = ""
    """Shown above."""

    @model_validator(mode="after")
    def _one(self) -> PlotBlock:
        if bool(self.plot) == bool(self.metric):
            raise fault("expected one of plot and metric", "such as plot: roc, of: best")
        if self.plot and not self.of:
            raise fault("expected the run whose plot it is", "of: best", below=("plot",))
        return self


class CompareBlock(Wish):
    """Runs side by side, the first as the baseline."""

    runs: list[Text] = Field(default=[], max_length=20)
    """The runs, each as in `of` of a metric block."""
    where: str = ""
    """In place of `runs`: a query; the best 20 by the headline metric are shown."""
    columns: Names = Field(default=[])
    """Metrics and params to compare; left out, all that differ."""
    title: str = ""
    """Shown above."""

    @model_validator(mode="after")
    def _two(self) -> CompareBlock:
        if bool(self.runs) == bool(self.where):
            raise fault("expected one of runs and where", "such as runs: [best, MODEL@prod]")
        if self.runs and len(self.runs) < 2:
            raise fault("expected at least 2 runs, found 1", below=("runs",))
        return self


class LineageBlock(Wish):
    """What something was made of, and what it became."""

    node: Text
    """A path, a stage, a run id, MODEL@VERSION or MODEL/ENVIRONMENT, as `modelbook lineage` takes it."""
    up: int = Field(default=3, ge=0, le=50)
    """Steps against the flow."""
    down: int = Field(default=3, ge=0, le=50)
    """Steps along the flow."""
    title: str = ""
    """Shown above."""


class CardBlock(Wish):
    """A model card, or some of its sections."""

    model: Text
    """A model, MODEL@VERSION or MODEL@ENVIRONMENT."""
    sections: Names = Field(default=[])
    """Names of sections such as limitations; left out, all that are written."""
    title: str = ""
    """Shown above."""


AnyBlock = RunsBlock | MetricBlock | PlotBlock | CompareBlock | LineageBlock | CardBlock

KINDS: dict[str, type[AnyBlock]] = {
    "runs": RunsBlock,
    "metric": MetricBlock,
    "plot": PlotBlock,
    "compare": CompareBlock,
    "lineage": LineageBlock,
    "card": CardBlock,
}


@dataclass(frozen=True)
class Quote:
    """A number within prose: a code span `modelbook metric NAME of RUN`, whose RUN is as in a metric block.

    Attributes:
        code: the text of the span. line, column: where it starts, from 1.
    """

    code: str
    path: str
    line: int
    column: int

    @property
    def metric(self) -> str:
        """Which metric."""
        return self._asked[0].strip()

    @property
    def of(self) -> str:
        """Whose, as in a metric block."""
        return self._asked[2].strip() or "best"

    @property
    def _asked(self) -> tuple[str, str, str]:
        return self.code.removeprefix(QUOTE).partition(" of ")

    def issue(self, message: str, hint: str = "") -> Issue:
        """A fault that another room finds in it."""
        return Issue(self.path, self.line, self.column, message, hint)


@dataclass(frozen=True)
class Prose:
    """Markdown between blocks, with the numbers in it."""

    text: str
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True)
class Block:
    """A valid block. `issue` places a fault that another room finds in it."""

    kind: str
    wish: AnyBlock
    source: Source
    place: tuple[int, int]

    def issue(self, loc: Loc, message: str, hint: str = "") -> Issue:
        """A fault at a key of the block."""
        return _moved(self.source.issue(loc, message, hint), *self.place)


@dataclass(frozen=True)
class Broken:
    """A block that cannot be read, with all that is wrong with it."""

    issues: tuple[Issue, ...]


Part = Prose | Block | Broken


def parse_report(text: str, path: str) -> tuple[Part, ...]:
    """The parts of a report in order; never raises for what the text holds."""
    lines = text.split("\n")
    tokens = _markdown().parse(text)
    quotes = tuple(_quotes(tokens, lines, path))
    parts: list[Part] = []
    at = 0
    for token in _blocks(tokens):
        start, end = token.map or (0, 0)
        parts.append(_prose(lines, at, start, quotes))
        parts.append(_block(token, path, start, len(lines[start]) - len(lines[start].lstrip(" "))))
        at = end
    parts.append(_prose(lines, at, len(lines), quotes))
    return tuple(part for part in parts if not isinstance(part, Prose) or part.text.strip())


def issues(parts: tuple[Part, ...]) -> tuple[Issue, ...]:
    """All that is wrong with the form of a report's blocks."""
    return tuple(issue for part in parts if isinstance(part, Broken) for issue in part.issues)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _prose(lines: Sequence[str], start: int, end: int, quotes: Sequence[Quote]) -> Prose:
    inside = tuple(quote for quote in quotes if start < quote.line <= end)
    return Prose("\n".join(lines[start:end]), inside)


def _quotes(tokens: Iterable[Token], lines: Sequence[str], path: str) -> Iterator[Quote]:
    """The code spans that are numbers, in order."""
    for token in tokens:
        spans = [child.content for child in token.children or () if child.type == "code_inline"]
        codes = [code for code in spans if code.startswith(QUOTE)]
        if codes:
            first, end = token.map or (0, 0)
            text = " ".join(lines[first:end])
            starts = [0, *accumulate(len(line) + 1 for line in lines[first:end])]
            at = 0
            for code in codes:
                found = text.find(code, at)
                if found < 0:  # it goes on in a line that is indented or quoted: its paragraph must do
                    text, found = "", 0
                at = found + len(code)
                line = bisect(starts, found) - 1
                yield Quote(code, path, first + line + 1, found - starts[line] + 1)


def _blocks(tokens: Iterable[Token]) -> Iterator[Token]:
    """The fences at the margin that are blocks; one inside a list or a quote is only code."""
    for token in tokens:
        if token.type == "fence" and token.level == 0 and token.info.split()[:1] == [WORD]:
            yield token


def _block(token: Token, path: str, line: int, indent: int) -> Block | Broken:
    """The block of a fence that starts at a line, counted from 0."""
    words = token.info.split()[1:]
    here = (line + 1, indent)
    if len(words) != 1 or words[0] not in KINDS:
        found = words[0] if words else "nothing"
        *most, final = KINDS
        expected = f"{', '.join(most)} or {final}"
        if len(words) > 1 and words[0] in KINDS:
            message = f"expected the kind of the block alone, found {' '.join(words)}"
            return Broken((Issue(path, line + 1, 1, message, "options stand below, as YAML"),))
        hint = suggestion(found, KINDS, list_all=False)
        return Broken((Issue(path, line + 1, 1, f"expected {expected} after {WORD}, found {found}", hint),))
    try:
        read = source.parse(token.content, path) if token.content.strip() else _empty(path)
        return Block(words[0], source.validate(KINDS[words[0]], read), read, here)
    except SpecError as error:
        return Broken(tuple(_moved(issue, *here) for issue in error.issues))


def _empty(path: str) -> Source:
    tree: Any = source.parse("{}", path).tree
    return Source(path, tree, {})


def _moved(issue: Issue, line: int, indent: int) -> Issue:
    """A fault of a block's YAML at its place in the report; one of the whole block at its first line."""
    if not issue.line:
        return replace(issue, line=line, column=1)
    return replace(issue, line=issue.line + line, column=issue.column + indent)
