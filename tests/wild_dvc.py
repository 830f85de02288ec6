"""What DVC and GTO themselves say of a repository, compared with `modelbook show` and `models`.

Used by `tests/wild.py --dvc`. A repository is cloned into a folder of its own; DVC is asked for the metrics
and params of some commits and for the plots of HEAD, GTO for its tags. Nothing is run or pulled by DVC. Where
DVC itself gives an error there is nothing to compare; that is counted, and so are files only we read.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

Json = Any
Show = Callable[[str], Json]
Leaf = tuple[str, str]
"""(file, dotted key)."""

_MINUTES = 5


class Compared(NamedTuple):
    """How many values were equal, what was not, and what DVC had no word for.

    Attributes:
        silent: why nothing was compared, a sentence each with how often.
    """

    equal: int
    wrong: list[str]
    silent: dict[str, int]


def clone(source: Path, folder: Path) -> Path:
    """A clone with a working tree at HEAD, as far as its objects are there; its remotes are not touched."""
    subprocess.run(["git", "clone", "-q", str(source), str(folder)], check=False, capture_output=True)
    return folder


def compare(folder: Path, commits: list[str], show: Show) -> Compared:
    """Metrics and params at commits, and the plots of HEAD, of every DVC repository in a clone."""
    equal, wrong, silent = 0, [], dict[str, int]()
    for root in _roots(folder):
        prefix = root.relative_to(folder).as_posix().removeprefix(".")
        said = _ask_dvc(root, commits)
        if said is None:
            silent[f"DVC gives up on {prefix or 'the root'}"] = 1
            continue
        for what in ("metrics", "params"):
            for commit, answer in said[what].items():
                ours = _ours(show(commit)[what])
                for leaf, wanted, found in _pairs(answer, prefix, ours, silent):
                    if _same(wanted, found):
                        equal += 1
                    elif isinstance(found, list) and found and wanted == found * (len(wanted) // len(found)):
                        _count(silent, "DVC joins a list to itself that several stages declare")
                    else:
                        wrong.append(
                            f"{what} {commit[:7]} {leaf[0]} {leaf[1]}: {found!r}, DVC has {wanted!r}"
                        )
        wrong += _plots(said["plots"], prefix, show(commits[0]), silent)
    return Compared(equal, wrong, silent)


def gto(folder: Path) -> dict[str, Json] | None:
    """`gto show --json`: name -> {version, stage}; None where GTO gives up."""
    done = _run([str(Path(sys.executable).with_name("gto")), "show", "--json"], folder)
    if done is None:
        return None
    return {
        name: {"version": row["version"], "stage": {env: at for env, at in row["stage"].items() if at}}
        for name, row in json.loads(done or "{}").items()
        if row["registered"]
    }


def _roots(folder: Path) -> list[Path]:
    """Every DVC repository of a clone: the root's, or those of folders."""
    return sorted(path.parent.parent for path in folder.rglob(".dvc/config"))


def _ask_dvc(root: Path, commits: list[str]) -> Json | None:
    said = _run([sys.executable, __file__, *commits], root)
    return None if said is None else json.loads(said)


def _run(command: list[str], cwd: Path) -> str | None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=60 * _MINUTES, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode() if done.returncode == 0 else None


def _ours(values: list[Json]) -> dict[str, dict[str, Json]]:
    """File -> dotted key -> value as we show it; of a file that is not there, its state alone."""
    found: dict[str, dict[str, Json]] = {}
    for value in values:
        file = found.setdefault(value["path"], {})
        file[".".join(value["key"])] = value["value"] if value["state"] == "present" else value
    return found


def _pairs(
    answer: Json, prefix: str, ours: dict[str, dict[str, Json]], silent: dict[str, int]
) -> Iterator[tuple[Leaf, Json, Json]]:
    if "error" in answer:
        _count(silent, f"DVC: {answer['error']}")
        return
    files = {f"{prefix}/{path}".lstrip("/"): content for path, content in answer["data"].items()}
    for path, content in files.items():
        if "error" in content:
            shown = ours.get(path, {})
            states = {value["state"] if isinstance(value, dict) else "present" for value in shown.values()}
            _count(silent, f"DVC: {content['error']}; we: {', '.join(sorted(states)) or 'nothing'}")
            continue
        wanted = dict(_flat(content["data"]))
        found = ours.get(path, {})
        if found.keys() > wanted.keys():
            _count(silent, f"we show all of {path}, DVC what stages declare or placeholders use of it")
            found = {key: found[key] for key in wanted}
        for key in sorted(wanted.keys() | found.keys()):
            yield (path, key), wanted.get(key, "nothing"), found.get(key, "nothing")
    for path in ours.keys() - files.keys():
        if not prefix or path.startswith(f"{prefix}/"):
            _count(silent, f"only we read {path}")


def _flat(value: Json, key: tuple[str, ...] = ()) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict) and (value or not key):
        for name, item in value.items():
            yield from _flat(item, (*key, name))
    else:
        yield ".".join(key), value


def _same(one: Json, other: Json) -> bool:
    if isinstance(one, float) and not math.isfinite(one):
        return str(other).lower() == {"inf": "infinity", "-inf": "-infinity"}.get(str(one), str(one))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _plots(said: Json, prefix: str, shown: Json, silent: dict[str, int]) -> list[str]:
    """Each data file and each image that DVC would draw is among our plots."""
    if "error" in said:
        _count(silent, f"DVC plots: {said['error']}")
        return []
    ours = {path for plot in shown["plots"] for path, _blob in plot["files"]}
    wanted = {f"{prefix}/{path}".lstrip("/") for path in said["data"]}
    return [f"plots: {path} is not shown" for path in sorted(wanted - ours)]


def _count(silent: dict[str, int], reason: str) -> None:
    silent[reason] = silent.get(reason, 0) + 1


# -- asked inside a process of its own, for DVC keeps its state in globals


def _main(commits: list[str]) -> None:
    from dvc.repo import Repo

    with Repo(".") as repo:
        said = {
            "metrics": _plain(repo.metrics.show(revs=commits), commits),
            "params": _plain(repo.params.show(revs=commits), commits),
            "plots": _plot_files(repo, commits[0]),
        }
    print(json.dumps(said, default=str))


def _plain(answer: Json, commits: list[str]) -> Json:
    found: dict[str, Json] = {}
    for commit, said in answer.items():
        full = next((sha for sha in commits if sha.startswith(commit)), None)
        if full is None:
            continue
        if "error" in said:
            found[full] = {"error": type(said["error"]).__name__}
            continue
        found[full] = {"data": {path: _file(content) for path, content in said["data"].items()}}
    return found


def _file(content: Json) -> Json:
    return {"error": type(content["error"]).__name__} if "error" in content else {"data": content["data"]}


def _plot_files(repo: Any, commit: str) -> Json:
    try:
        answer = repo.plots.show(revs=[commit])
    except Exception as error:
        return {"error": type(error).__name__}
    said: Json = next(iter(answer.values()), {})
    sources = said.get("sources", {}).get("data", {})
    return {"data": sorted(path for path, content in sources.items() if "data" in content)}


if __name__ == "__main__":
    _main(sys.argv[1:])
