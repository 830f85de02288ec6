"""What a commit did beside its runs: to files, to the pipeline, and to what it ran on. Tables of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from modelbook import diff, verdict
from modelbook.pages import text
from modelbook.pages.cells import ABSENT, Cell, Column, Part, part
from modelbook.pages.index import Index
from modelbook.pages.ledger import made_by_stages
from modelbook.records import CodeChange, Dataset, FileChange, Snapshot
from modelbook.verdict import GraphSummary


class CodeView(msgspec.Struct, frozen=True, gc=False):
    """What a commit did to files.

    Attributes:
        words: the sum of what people changed; lines that were counted.
        files: those that people change; `made` are those that DVC and stages write.
        more: files that are not listed. reason: why there are none, or empty.
    """

    words: str
    files: Part | None
    made: Part | None
    made_count: int
    more: int
    reason: str


def code(
    index: Index, base: Snapshot | None, head: Snapshot | None, found: CodeChange | None
) -> CodeView | None:
    """The diffstat; None when nobody can tell, or nothing changed."""
    if found is None or not (found.files or found.reason):
        return None
    made = made_by_stages(base, head)
    theirs = [item for item in found.files if not made(item.path)]
    written = [item for item in found.files if made(item.path)]
    sha = head.commit.sha if head else ""
    return CodeView(
        words=_sum(theirs),
        files=_files(index, sha, theirs, "Files that changed"),
        made=_files(index, sha, written, "Files that DVC and stages wrote"),
        made_count=len(written),
        more=found.more,
        reason=text.line(found.reason),
    )


def _sum(files: Sequence[FileChange]) -> str:
    added, removed = (sum(getattr(item, name) or 0 for item in files) for name in ("added", "removed"))
    lines = f", +{added:,} −{removed:,} lines" if added or removed else ""
    return text.plural(len(files), "file") + lines if files else ""


def _files(index: Index, sha: str, files: Sequence[FileChange], caption: str) -> Part | None:
    columns = (
        Column("file"),
        Column("change"),
        Column("lines", number=True),
        Column("shares", "added and removed lines, in five signs"),
    )
    return part(columns, [_file(index, sha, item) for item in files], caption)


def _file(index: Index, sha: str, item: FileChange) -> tuple[Cell, ...]:
    href = index.forge("blob", sha, item.path) if item.new else None
    says = f"renamed from {text.line(item.before)}" if item.before else item.kind
    name = Cell(text.line(item.path), href=href, title=text.line(item.path))
    if item.added is None or item.removed is None:
        return (
            name,
            Cell(text.cut(says), title=says),
            Cell("binary" if item.binary else "not counted"),
            Cell(""),
        )
    counts = f"+{item.added:,} −{item.removed:,}"
    return (
        name,
        Cell(text.cut(says), title=says),
        Cell(counts, number=True),
        Cell(bar(item.added, item.removed)),
    )


def bar(added: int, removed: int) -> str:
    """Five signs in the shares of added and removed lines, as Git shows them."""
    total = added + removed
    if not total:
        return ""
    plus = min(4, max(1, round(5 * added / total))) if added and removed else 5 if added else 0
    length = min(5, total)
    plus = round(plus * length / 5) or (1 if added else 0)
    return "+" * plus + "−" * (length - plus)


def graph(base: Snapshot | None, head: Snapshot) -> Part | None:
    """Stages and edges that came and went, and commands that changed."""
    found = verdict.summary(diff.graphs(base.stages if base else (), head.stages))
    return pipeline(
        found, {stage.address: stage.cmd for stage in (*(base.stages if base else ()), *head.stages)}
    )


def pipeline(found: GraphSummary, commands: Mapping[str, str]) -> Part | None:
    """How a pipeline differs. Args: commands: of the stages that came or went, by their addresses."""
    rows = [
        *(_stage(address, commands.get(address, ""), "added") for address in found.added),
        *(_stage(address, commands.get(address, ""), "removed") for address in found.removed),
        *(_command(*command) for command in found.commands),
        *(_edge(*edge, "now reads") for edge in found.edges_added),
        *(_edge(*edge, "no longer reads") for edge in found.edges_removed),
    ]
    columns = (Column("stage"), Column("change"), Column("what"))
    return part(columns, rows, "The pipeline")


def _stage(address: str, command: str, says: str) -> tuple[Cell, ...]:
    return Cell(text.line(address)), Cell(says), _shown(command)


def _command(address: str, old: str, new: str) -> tuple[Cell, ...]:
    was, now = text.line(old), text.line(new)
    return Cell(text.line(address)), Cell("command"), Cell(text.cut(f"{was} → {now}", 400), title=now)


def _edge(source: str, reader: str, says: str) -> tuple[Cell, ...]:
    return Cell(text.line(reader)), Cell(says), Cell(f"what {text.line(source)} writes")


def _shown(command: str) -> Cell:
    line = text.line(command)
    return Cell(text.cut(line), title=line) if line else ABSENT


def environment(base: Snapshot | None, head: Snapshot) -> Part | None:
    """What the stages of two commits ran on, where it is not the same."""
    return ran_on(diff.environments(base.environments if base else (), head.environments))


def ran_on(found: Sequence[diff.EnvironmentChange]) -> Part | None:
    """The same, of what was compared already."""
    rows = [
        (Cell(text.cut(text.line(item.name), 80)), _values(item.before), _values(item.after))
        for item in found
    ]
    return part((Column("what"), Column("before"), Column("after")), rows, "What it ran on")


def _values(values: Sequence[str]) -> Cell:
    shown = text.line(", ".join(values))
    return Cell(text.cut(shown), title=shown) if shown else ABSENT


def data(found: Sequence[diff.DatasetChange]) -> Part | None:
    """Datasets that are not what they were: hash, size, number of files."""
    rows = [
        (
            Cell(text.line(change.path), badge="" if change.kind == "changed" else change.kind),
            *(_hash(item) for item in (change.before, change.after)),
            *(_size(item) for item in (change.before, change.after)),
            *(_count(item) for item in (change.before, change.after)),
        )
        for change in found
    ]
    columns = (
        *map(Column, ("dataset", "MD5 before", "MD5 after")),
        *(Column(name, number=True) for name in ("size before", "size after", "files before", "files after")),
    )
    return part(columns, rows, "Datasets that changed")


def _hash(item: Dataset | None) -> Cell:
    return Cell(item.md5[:12], title=item.md5) if item and item.md5 else ABSENT


def _size(item: Dataset | None) -> Cell:
    shown = text.size(item.size if item else None)
    return Cell(shown, number=True) if shown else ABSENT


def _count(item: Dataset | None) -> Cell:
    return Cell(f"{item.nfiles:,}", number=True) if item and item.nfiles is not None else ABSENT
