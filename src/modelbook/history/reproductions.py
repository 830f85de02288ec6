"""Records of reproduced runs: `runs/reproduced/RUN.json` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelbook.history import dvcfiles, files
from modelbook.history.files import Unreadable
from modelbook.history.reports import LastChange
from modelbook.history.repository import Repository, Tree
from modelbook.records import WORKSPACE, Commit, Comparison, Reproduction, finite

FOLDER = "runs/reproduced"
_MOST = 2_000
_MOST_BYTES = 2_000_000
_RUN = re.compile(r"[0-9a-f]{12}")
_OUTCOMES = ("reproduced", "differs", "failed")


def read(
    repo: Repository, workspace: Tree | None, commits: Mapping[str, Commit], home: str = ""
) -> tuple[Reproduction, ...]:
    """Every record, by path; arguments as of `reports.read`."""
    found = repo.below(workspace, dvcfiles.join(home, FOLDER))
    last = LastChange(repo, commits)
    named = [(path, blob) for path, blob in found if path.endswith(".json")][:_MOST]
    return tuple(_record(repo, path, blob, last) for path, blob in named)


def _record(repo: Repository, path: str, blob: str, last: LastChange) -> Reproduction:
    run = path.rpartition("/")[2].removesuffix(".json")
    try:
        content = files.bounded(repo.blob(blob), "a record", _MOST_BYTES)
        data = json.loads(files.text(content))
        if not isinstance(data, dict) or data.get("run") != run or not _RUN.fullmatch(run):
            raise Unreadable("it is not named by the run id that it is about")
    except (Unreadable, ValueError, RecursionError) as error:
        return Reproduction(run=run, path=path, reason=str(error))
    commit = last.changed(path, blob)
    return parsed(data, path, commit.sha if commit else WORKSPACE)


def parsed(data: Mapping[str, Any], path: str, recorded_in: str) -> Reproduction:
    """A record from the content of its file; what is not of the right kind is left out."""
    tolerance = data.get("tolerance")
    tolerance = tolerance if isinstance(tolerance, dict) else {}
    outcome = data.get("outcome")
    return Reproduction(
        run=_text(data.get("run")),
        path=path,
        recorded_in=recorded_in,
        outcome=outcome if outcome in _OUTCOMES else "",
        exact=data.get("exact") is True,
        rtol=finite(tolerance.get("rtol")) or 0.0,
        atol=finite(tolerance.get("atol")) or 0.0,
        date=_text(data.get("date")),
        by=_text(data.get("by")),
        commit=_text(data.get("commit")),
        stages=tuple(_text(item) for item in _listed(data.get("stages"))),
        environment=tuple(_comparisons(data.get("environment"))),
        metrics=tuple(_comparisons(data.get("metrics"))),
        outs=tuple(_comparisons(data.get("outs"))),
        reason="" if outcome in _OUTCOMES else "it does not say how the reproduction ended",
    )


def _comparisons(rows: Any) -> Iterator[Comparison]:
    for row in _listed(rows):
        if isinstance(row, dict):
            yield Comparison(
                name=_text(row.get("name")),
                recorded=row.get("recorded"),
                found=row.get("found"),
                same=row.get("same") is True,
            )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
