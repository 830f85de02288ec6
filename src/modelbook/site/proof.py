"""Whether the numbers of a site are those of the repository: lock hashes -> numbers -> pages.

A run's id is the digest of its lock entries, so a run that the repository has under the same id was made by
the same commands from the same hashes. What is held against that: the data and the page of every run on the
site, and every metrics file against the hash that the lock entry has of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelbook._hashes import md5s
from modelbook.pages import runfacts
from modelbook.records import WORKSPACE, Catalog, Run, State, Value

Read = Callable[[Value], bytes | None]
"""The content of the file that a value was read from, or None when it is not at hand."""

_PAGE = re.compile(r"runs/([0-9a-f]{12})/index\.html")
_SCRIPT = re.compile(r"Modelbook\.data\(\"[^\"]*\",'(.*)'\);\n", re.DOTALL)
_FACT = re.compile(
    r'<details class="mb-fact" id="(?P<kind>[mp])-[^"]*"><summary>'
    r'<span class="mb-fact-name"[^>]*>(?P<name>[^<]*)</span>(?:<svg.*?</svg>)?'
    r'<span class="mb-value[^"]*"[^>]*>(?P<shown>[^<]*)<',
    re.DOTALL,
)
_NUMBER = re.compile(
    r"(?P<sign>[−-]?)(?P<whole>\d[\d,]*)(?:\.(?P<part>\d+))?(?:e(?P<power>[+−-]?\d+))?(?P<share>%?)"
)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was held against the repository.

    Attributes:
        runs: on the site. numbers: params and metrics in their data. shown: numbers on their pages.
        files: metrics files whose content has the MD5 of its lock entry.
        elsewhere: metrics files that are neither in Git nor in DVC's cache here; nothing is known of them.
        faults: (path on the site, what is wrong), sorted.
    """

    runs: int = 0
    numbers: int = 0
    shown: int = 0
    files: int = 0
    elsewhere: int = 0
    faults: tuple[tuple[str, str], ...] = ()


def prove(site: Path, head: str, catalog: Catalog, read: Read) -> Proof:
    """Hold the numbers of a site against the Catalog of its repository.

    Args:
        head: the commit that the site says it was built at.
    """
    known = {run.id: run for run in catalog.runs}
    shas = {snapshot.commit.sha for snapshot in catalog.snapshots}
    faults = []
    if head not in (*shas, WORKSPACE):
        faults.append(("modelbook.json", f"commit {head[:12]} is not in the repository"))
    numbers = shown = 0
    locks: dict[tuple[str, str], bool | None] = {}
    paths = sorted(
        path for path in (site / "runs").glob("*/index.html") if _PAGE.fullmatch(_name(site, path))
    )
    for path in paths:
        run = known.get(path.parent.name)
        if run is None:
            faults.append((_name(site, path), "no run of that id is in the repository's history"))
            continue
        count, wrong = _data(path.parent / "data.js", run)
        numbers += count
        faults += [(_name(site, path.parent / "data.js"), words) for words in wrong]
        count, wrong = _page(path.read_text(encoding="utf-8", errors="replace"), run)
        shown += count
        faults += [(_name(site, path), words) for words in wrong]
        for file, words in _locks(run, read, locks):
            faults.append((_name(site, path), f"{file} {words}"))
    return Proof(
        runs=len(paths),
        numbers=numbers,
        shown=shown,
        files=sum(good is True for good in locks.values()),
        elsewhere=sum(good is None for good in locks.values()),
        faults=tuple(sorted(faults)),
    )


def _name(site: Path, path: Path) -> str:
    return path.relative_to(site).as_posix()


def _data(file: Path, run: Run) -> tuple[int, list[str]]:
    """How many values a run's data have, and those that are not the repository's."""
    try:
        script = _SCRIPT.fullmatch(file.read_text(encoding="utf-8"))
        told = msgspec.json.decode(_unquoted(script[1]), type=dict[str, Any]) if script else {}
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        told = {}
    if not told:
        return 0, ["has no data that can be read"]
    wanted = msgspec.json.decode(msgspec.json.encode(runfacts.facts(run, ())))
    faults: list[str] = []
    for key in ("params", "metrics", "stages"):
        faults += _differences(key[:-1], _rows(told.get(key)), _rows(wanted[key]))
    return sum(len(_rows(told.get(key))) for key in ("params", "metrics")), faults


def _differences(kind: str, here: Mapping[str, list[Any]], there: Mapping[str, list[Any]]) -> Iterator[str]:
    for name in sorted(here.keys() | there.keys()):
        one, other = here.get(name), there.get(name)
        if one != other and not _not_pulled(other):
            yield f"{kind} {name} is {_said(one)}, and {_said(other)} in the repository"


def _not_pulled(row: list[Any] | None) -> bool:
    """Whether a value is one that the site may have and this reading has not: only DVC has its file."""
    return row is not None and row[1:3] == [None, str(State.NOT_PULLED)]


def _said(row: list[Any] | None) -> str:
    """A row of data without its name, short."""
    return msgspec.json.encode(row[-1] if len(row) == 2 else row[1:]).decode()[:200] if row else "not there"


def _rows(rows: Any) -> dict[str, list[Any]]:
    """Name -> the whole row."""
    known = [row for row in rows if isinstance(row, list) and row] if isinstance(rows, list) else []
    return {str(row[0]): row for row in known}


def _unquoted(script: str) -> str:
    """What stands in a string of JavaScript as `escape.script_string` writes it."""
    return re.sub(r"\\(['\\])", r"\1", script)


def _page(text: str, run: Run) -> tuple[int, list[str]]:
    """How many numbers a page shows, and those that are not the repository's, rounded as they are shown."""
    values = {"m": _first(run.metrics), "p": _first(run.params)}
    count, faults = 0, []
    for found in _FACT.finditer(text):
        name, shown = html.unescape(found["name"]), html.unescape(found["shown"]).strip()
        value = values[found["kind"]].get(name)
        number = value.number if value else None
        if number is None or (near := _near(shown, number)) is None:
            continue
        count += 1
        if not near:
            faults.append(f"shows {name} as {shown[:40]}, and it is {number!r} in the repository")
    return count, faults


def _first(values: tuple[Value, ...]) -> Mapping[str, Value]:
    return {value.name: value for value in reversed(values)}


def _near(shown: str, number: float) -> bool | None:
    """Whether a number is what is shown of it, to the last digit; None when that is no number."""
    found = _NUMBER.match(shown)
    if found is None:
        return None
    power = int((found["power"] or "0").replace("−", "-")) - 2 * bool(found["share"])
    part = found["part"] or ""
    size = float(f"{found['whole'].replace(',', '')}.{part or 0}e{power}")
    unit = 10.0 ** (power - len(part))
    return abs((-size if found["sign"] else size) - number) <= unit * 0.501 + 1e-12 * abs(number)


def _locks(run: Run, read: Read, known: dict[tuple[str, str], bool | None]) -> Iterator[tuple[str, str]]:
    """(Path of a metrics file, what is wrong) where its content is not the lock entry's; each file once."""
    wanted = {out.path: out.md5 for stage in run.stages for out in stage.outs}
    for value in run.metrics:
        md5 = wanted.get(value.path)
        if not md5 or (value.path, md5) in known:
            continue
        content = read(value)
        good = None if content is None else md5 in md5s(content)
        known[value.path, md5] = good
        if good is False:
            yield value.path, f"is not the file that its lock entry names ({md5})"
