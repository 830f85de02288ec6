"""All runs in columns, for the runs table; the format is described in assets/runs-table.js."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite, isnan
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from modelbook.pages import text
from modelbook.pages.branches import base, branches
from modelbook.pages.curves import Known, Read, curves
from modelbook.pages.index import Index, best, commit_href, experiment_href, rule
from modelbook.pages.variants import variants
from modelbook.records import MetricInfo, Run, State, Value

Column = dict[str, Any]

MOST_METRICS = 12
"""With more than these, only metrics that the project declares are in sight at first."""

FIRST_ROWS = 200
"""Rows in the first file: what a screen shows while the rest is on its way."""

MOST_BYTES = 700_000
"""JSON in one file; written into a script, hostile text at its worst is seven times as long."""

LONGEST = 500
"""Characters of a value; the page of its run has all of them."""


def files(
    index: Index, read: Read, href: Callable[[str], str], known: Known | None = None
) -> tuple[tuple[str, Any], ...]:
    """Every run, newest first, as (name, plain data): `runs`, which has the first, then `runs-1`, ...

    Args:
        href: name -> address of its file from the site's root. known: as for `curves`.
    """
    runs = index.catalog.runs
    columns = columns_of(index, _curves(runs, read, known))
    ids = [run.id for run in runs]
    first, *rest = list(_parts(ids, columns)) or [_part(ids, columns, 0, 0)]
    names = [f"runs-{at + 1}" for at in range(len(rest))]
    shape = [
        {key: item for key, item in column.items() if key not in _BY_ROW} | cut
        for column, cut in zip(columns, first["columns"], strict=True)
    ]
    head = {
        "version": 2,
        "rows": len(runs),
        "ids": first["ids"],
        "columns": shape,
        "views": _views(index, runs, {column["key"] for column in columns}),
        "parts": [{"name": name, "src": href(name)} for name in names],
    }
    return (("runs", head), *zip(names, rest, strict=True))


def columns_of(index: Index, curves: Iterable[Column] = ()) -> list[Column]:
    """Every column with all of its rows, newest run first; in queries they are what a column is."""
    runs = index.catalog.runs
    found = [*_names_of(index, runs), *curves, *_metrics(index, runs), *_params(runs)]
    return [*found, *_about(index, runs)]


# -- files


_BY_ROW = ("values", "states", "hrefs")


def _parts(ids: Sequence[str], columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """All rows, cut into parts that are small enough, the first of them at once on the screen.

    As many rows make a part as the first ones say that it holds; where these are longer, it is halved.
    """
    size, rows = FIRST_ROWS, len(ids)
    waiting = [(0, min(size, rows))]
    while waiting:
        start, end = waiting.pop()
        part = _part(ids, columns, start, end)
        length = len(msgspec.json.encode(part))
        if end - start > 1 and length > MOST_BYTES:
            half = (start + end) // 2
            waiting += [(half, end), (start, half)]
            continue
        if start < end:
            yield part
        if start == 0:
            size = max(1, end * MOST_BYTES // length)
        if not waiting and end < rows:
            waiting.append((end, min(end + size, rows)))


def _part(ids: Sequence[str], columns: Sequence[Column], start: int, end: int) -> dict[str, Any]:
    return {"from": start, "ids": ids[start:end], "columns": [_cut(item, start, end) for item in columns]}


def _cut(column: Column, start: int, end: int) -> Column:
    """Some rows of a column; words that come again are written once, with where they lead."""
    values = column["values"][start:end]
    found: Column = {"values": values}
    states = column.get("states", {})
    if states and (here := {str(row): states[row] for row in range(start, end) if row in states}):
        found["states"] = here
    if column["kind"] in ("text", "link", "param"):
        hrefs = column["hrefs"][start:end] if "hrefs" in column else None
        found |= _shared(values, hrefs) or ({"hrefs": hrefs} if hrefs else {})
    return found


def _shared(values: Sequence[Any], hrefs: Sequence[str] | None) -> Column | None:
    """The values as indices into a dictionary; None where that would be no shorter."""
    if any(value is not None and not isinstance(value, str) for value in values):
        return None
    pairs = list(zip(values, hrefs, strict=True)) if hrefs else [(value, "") for value in values]
    places: dict[tuple[Any, str], int] = {}
    indices = [None if pair[0] is None else places.setdefault(pair, len(places)) for pair in pairs]
    if 2 * len(places) > len(values):
        return None
    found: Column = {"values": indices, "dictionary": [word for word, _ in places]}
    return found | ({"hrefs": [link for _, link in places]} if hrefs else {})


# -- columns


def _names_of(index: Index, runs: Sequence[Run]) -> list[Column]:
    experiments = [run.experiment for run in runs]
    named = tells(experiments, [run.name for run in runs])
    piped = tells([run.pipeline for run in runs], experiments)
    return [
        {
            "key": "run",
            "kind": "link",
            "values": [text.cut(text.line(run.name), LONGEST) for run in runs],
            "href": "runs/{id}/index.html",
            "pinned": True,
        },
        {
            "key": "commit",
            "kind": "link",
            "values": [run.commit[:7] for run in runs],
            "hrefs": [_commit_href(index, run.commit) for run in runs],
            "description": "the oldest commit that holds the run",
        },
        {"key": "date", "kind": "date", "values": [run.date or None for run in runs]},
        {
            **_words("experiment", runs, lambda run: run.experiment),
            "hrefs": [experiment_href(name) if name in index.experiments else "" for name in experiments],
            "hidden": not named,
        },
        {**_words("pipeline", runs, lambda run: run.pipeline), "hidden": not piped},
    ]


def tells(words: Sequence[str], known: Sequence[str]) -> bool:
    """Whether a column says more than the one before it, in more than one row of twenty."""
    new = sum(word != said for word, said in zip(words, known, strict=True))
    return len(set(words)) > 1 and 20 * new > len(words)


def _commit_href(index: Index, sha: str) -> str:
    return commit_href(sha) if sha in index.snapshots else ""


def _about(index: Index, runs: Sequence[Run]) -> list[Column]:
    best_runs = _best_of_experiments(index)
    branch = branches(index)
    return [
        {
            "key": "tag",
            "label": "tags",
            "kind": "tag",
            "values": [[text.line(tag) for tag in run.tags] for run in runs],
            "hidden": not any(run.tags for run in runs),
        },
        *_variants(runs),
        _words("author", runs, lambda run: run.author),
        _words("branch", runs, lambda run: branch.get(base(run)) or branch.get(run.commit, ""))
        | {"description": "the branch or ref that the run's base commit belongs to"},
        {
            "key": "ref",
            "label": "refs",
            "kind": "tag",
            "values": [list(run.refs) for run in runs],
            "description": "every branch, tag and experiment that holds the run now",
            "hidden": True,
        },
        _base(index, runs),
        _words("current", runs, lambda run: "yes" if run.id in index.current else "no")
        | {"description": "whether HEAD holds it", "hidden": True},
        _words("best", runs, lambda run: "yes" if run.id in best_runs else "no")
        | {"description": "the best run of its experiment by the metric of its pipeline", "hidden": True},
        {
            "key": "id",
            "kind": "link",
            "values": [run.id for run in runs],
            "href": "runs/{id}/index.html",
            "hidden": True,
        },
        {
            "key": "seconds",
            "label": "wall time",
            "kind": "number",
            "unit": "s",
            "format": ".1f",
            "values": [_seconds(run) for run in runs],
            "hidden": True,
        },
    ]


def _variants(runs: Sequence[Run]) -> list[Column]:
    """Only where it brings runs together: without seeds it would say what the params say."""
    names = variants(runs)
    if len(set(names)) == len(names):
        return []
    return [
        {
            "key": "variant",
            "kind": "text",
            "values": [text.cut(text.line(name), LONGEST) or None for name in names],
            "description": "the experiment and the params that tell its runs apart, all but the seeds",
            "hidden": True,
        }
    ]


def _base(index: Index, runs: Sequence[Run]) -> Column:
    """The commit under which DVC's VS Code extension would show a run."""
    known = {sha: _subject(index, sha) for sha in dict.fromkeys(base(run) for run in runs)}
    return {
        "key": "base",
        "label": "base commit",
        "kind": "link",
        "values": [known[base(run)] for run in runs],
        "hrefs": [_commit_href(index, base(run)) for run in runs],
        "description": "the commit the run was made on",
        "hidden": True,
    }


def _subject(index: Index, sha: str) -> str:
    commit = index.commit(sha)
    return text.cut(f"{commit.short} {text.line(commit.subject)}".strip(), 80) if commit else sha[:7]


def _best_of_experiments(index: Index) -> set[str]:
    found = set()
    for item in index.catalog.experiments:
        info = index.headlines.get(item.pipeline)
        runs = [index.runs[run] for run in item.runs if run in index.runs]
        if info and (top := best(runs, info)):
            found.add(top.id)
    return found


def _words(key: str, runs: Sequence[Run], read: Callable[[Run], str]) -> Column:
    said = [read(run) for run in runs]
    shown = {word: text.cut(text.line(word), LONGEST) or None for word in set(said)}
    return {"key": key, "kind": "text", "values": [shown[word] for word in said]}


def _seconds(run: Run) -> float | None:
    return None if run.seconds is None else round(run.seconds, 3)


def _curves(runs: Sequence[Run], read: Read, known: Known | None) -> list[Column]:
    return [
        {
            "key": f"curves.{name}",
            "label": text.line(name),
            "kind": "spark",
            "group": "Curves",
            "values": values,
            "description": "the metric over the steps of the training, each run on its own scale",
        }
        for name, values in curves(runs, read, known).items()
    ]


def _metrics(index: Index, runs: Sequence[Run]) -> list[Column]:
    headlines = [info.name for info in index.headlines.values()]
    held = _by_name([run.metrics for run in runs])
    names = dict.fromkeys([*headlines, *sorted(held)])
    declared = {info.name for info in index.catalog.project.metrics} | set(headlines)
    crowd = len(names) > MOST_METRICS and not declared.isdisjoint(names)
    columns = {
        name: _metric(index.infos.get(name, MetricInfo(name=name)), held.get(name) or _Cells(len(runs)))
        for name in sorted(names, key=lambda name: name not in declared)
    }
    read = {name for name, column in columns.items() if any(value is not None for value in column["values"])}
    for name, column in columns.items():
        column["hidden"] = (crowd and name not in declared) or bool(read and name not in read)
    return list(columns.values())


def _metric(info: MetricInfo, cells: _Cells) -> Column:
    column = _column("metrics", "metric", info.name, cells)
    more = {
        "group": "Metrics",
        "unit": info.unit,
        "format": info.format,
        "direction": info.direction,
        "description": text.line(info.description),
        **rule(info),
    }
    return column | {key: item for key, item in more.items() if item}


def _params(runs: Sequence[Run]) -> list[Column]:
    held = _by_name([run.params for run in runs])
    return [
        _column("params", "param", name, cells) | {"group": "Params"} for name, cells in sorted(held.items())
    ]


class _Cells:
    """What is known of one param or metric: its values by row, and of those that are not there, why."""

    __slots__ = ("states", "values")

    def __init__(self, rows: int) -> None:
        self.values: list[Any] = [None] * rows
        self.states: dict[int, list[str]] = {}

    def lack(self, row: int, item: Value) -> None:
        reason = text.line(item.reason or text.size(item.size))
        self.values[row], self.states[row] = None, [str(item.state), text.cut(reason, LONGEST)]


def _by_name(rows: Sequence[Iterable[Value]]) -> dict[str, _Cells]:
    """Name -> what each row has of that name; the last one, where it has several."""
    found: dict[str, _Cells] = {}
    for row, items in enumerate(rows):
        for item in items:
            if (cells := found.get(item.name)) is None:
                cells = found[item.name] = _Cells(len(rows))
            if item.state is not State.PRESENT:
                cells.lack(row, item)
                continue
            value = item.value
            cells.values[row] = value if type(value) is float and isfinite(value) else raw(value)
            if cells.states:
                cells.states.pop(row, None)
    found.pop("", None)
    return found


def _column(prefix: str, kind: str, name: str, cells: _Cells) -> Column:
    column: Column = {
        "key": f"{prefix}.{name}",
        "label": text.line(name),
        "kind": kind,
        "values": cells.values,
    }
    return column | ({"states": cells.states} if cells.states else {})


def raw(value: Any) -> Any:
    """A param or metric as JSON and JavaScript can hold it; the numbers they cannot are text."""
    if isinstance(value, float):
        return value if isfinite(value) else "NaN" if isnan(value) else f"{'-' * (value < 0)}Infinity"
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else text.value(value)
    if isinstance(value, str):
        return text.cut(value, LONGEST)
    shown = json.dumps(value, ensure_ascii=False, default=str)
    short = isinstance(value, list) and len(shown) <= LONGEST
    return [raw(item) for item in value] if short else text.cut(shown, LONGEST)


# -- views


def _views(index: Index, runs: Sequence[Run], keys: set[str]) -> list[dict[str, str]]:
    """Links to states of the table that are of use in any project; only those that show something else."""
    current = sum(run.id in index.current for run in runs)
    repeated = len({run.experiment for run in runs}) < len(runs)
    first = next(iter(index.headlines.values()), None)
    down = "-" if first and first.direction == "maximize" else ""
    sort = {"sort": down + quote(f"metrics.{first.name}", safe="")} if first else {}
    views = (
        ("Current", {"q": "current = yes"}, 0 < current < len(runs)),
        ("Best of each experiment", {"q": "best = yes", **sort}, bool(first) and repeated),
        ("Mean over seeds", {"group": "variant", **sort}, "variant" in keys),
        ("Mean of each experiment", {"group": "experiment", **sort}, repeated),
        (
            "By branch and commit",
            {"group": "branch,base", "open": "*"},
            len({run.commit for run in runs}) > 1,
        ),
    )
    return [{"label": label, "state": urlencode(state)} for label, state, useful in views if useful]
