"""Two pages that a browser fills: runs side by side, and what changed between any two commits or versions.

What is here is all that they say without JavaScript, and what they offer before anybody has chosen.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelbook.catalog import rank
from modelbook.pages import text
from modelbook.pages.index import Index, Link, changes_href, compare_href, number
from modelbook.records import MetricInfo, Run

BEST_RUNS = 5
"""Runs of a pipeline that are offered together."""

MOST_OFFERS = 12


class Offer(msgspec.Struct, frozen=True, gc=False):
    """Something worth comparing."""

    link: Link
    note: str


class ComparePage(msgspec.Struct, frozen=True, gc=False):
    """`compare/` and `changes/compare/`.

    Attributes:
        offers: what to begin with.
        runs, commits, table: addresses of the data of all runs and commits, and of the runs table.
    """

    offers: tuple[Offer, ...]
    runs: str
    commits: str
    table: str = ""


def runs(index: Index, data: str, table: str, commits: str) -> ComparePage:
    """Runs side by side; the best runs of each pipeline are offered."""
    found = tuple(offer for offer in _best(index) if offer)[:MOST_OFFERS]
    return ComparePage(found, data, commits, table)


def _best(index: Index) -> Iterator[Offer]:
    for pipeline, info in index.headlines.items():
        top = _ranked(index, pipeline, info)[:BEST_RUNS]
        if len(top) > 1:
            name = text.line(pipeline) or "all runs"
            names = ", ".join(text.cut(text.line(run.name), 40) for run in top)
            words = f"The best {len(top)} of {name} by {text.line(info.name)}"
            yield Offer(Link(words, compare_href([run.id for run in top], top[0].id)), names)


def _ranked(index: Index, pipeline: str, info: MetricInfo) -> list[Run]:
    """The runs of a pipeline that have its headline metric, best first; without a direction, newest first."""
    scored = [run for run in index.runs_of_pipeline.get(pipeline, ()) if number(run, info.name) is not None]
    return [row.run for row in rank(scored, info).ranked] if info.direction else scored


def changes(index: Index, data: str, commits: str) -> ComparePage:
    """What changed between any two; the last commit and the versions of models are offered."""
    found = tuple(_pairs(index))[:MOST_OFFERS]
    return ComparePage(found, data, commits)


def _pairs(index: Index) -> Iterator[Offer]:
    newest = index.catalog.snapshots[:1]
    for snapshot in newest:
        parents = snapshot.commit.parents
        if parents and parents[0] in index.snapshots:
            words = f"{snapshot.commit.short} since {parents[0][:7]}"
            yield Offer(Link(words, changes_href(parents[0], snapshot.commit.sha)), "the newest commit")
    for model in index.catalog.models:
        for new, old in zip(model.versions, model.versions[1:], strict=False):
            base, head = (f"{model.name}@{item.version}" for item in (old, new))
            words = f"{text.line(head)} since {text.line(old.version)}"
            yield Offer(Link(text.cut(words, 100), changes_href(base, head)), "the version before it")
            break
