"""What monitors found: `runs/monitors/MONITOR/BATCH.json` at HEAD or in the workspace, read tolerantly."""

from __future__ import annotations

import msgspec

from modelbook.history import dvcfiles
from modelbook.history.files import Unreadable
from modelbook.history.repository import Repository, Tree
from modelbook.records import Problem, Watch

FOLDER = "runs/monitors"
_MOST = 5_000
_MOST_BYTES = 2_000_000


def read(
    repo: Repository, workspace: Tree | None, home: str = ""
) -> tuple[tuple[Watch, ...], tuple[Problem, ...]]:
    """Every result, by monitor and batch, and what is wrong with others; arguments as of `reports.read`."""
    folder = dvcfiles.join(home, FOLDER)
    watches: list[Watch] = []
    problems: list[Problem] = []
    for path, blob in repo.below(workspace, folder):
        place = path.removeprefix(f"{folder}/").split("/")
        if len(place) != 2 or not place[1].endswith(".json") or len(watches) >= _MOST:
            continue
        try:
            watches.append(parsed(repo.blob(blob), place[0], place[1].removesuffix(".json")))
        except Unreadable as error:
            problems.append(Problem(path=path, reason=str(error)))
    return tuple(sorted(watches, key=lambda item: (item.monitor, item.batch))), tuple(problems)


def parsed(content: bytes, monitor: str, batch: str) -> Watch:
    """A result from the content of its file.

    Raises:
        Unreadable: it is none, or of another monitor or batch.
    """
    if len(content) > _MOST_BYTES:
        raise Unreadable(f"a result of {len(content):,} bytes: at most {_MOST_BYTES:,} are read")
    try:
        found = msgspec.json.decode(content, type=Watch)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"no result of a monitor: {error}") from error
    if (found.monitor, found.batch) != (monitor, batch):
        raise Unreadable(f"it says it is of {found.monitor} {found.batch}")
    return found
