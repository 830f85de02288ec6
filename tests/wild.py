"""Modelbook against real public repositories: facts known of them, and the links of the sites built.

    python tests/wild.py FACTS FOLDER [--only TEXT] [--no-facts] [--no-build] [--dvc] [--keep DIR]

FACTS is a JSON list of `{repo, head, facts: [{kind, path, key, commit, value}]}`. FOLDER holds bare Git
directories, as `OWNER+NAME/repo` (or `OWNER+NAME/repo/.git`) or as `NAME.git`; repositories of the facts that
are not there are skipped, and those without facts are only built. Everything is asked of the command line
(`runs`, `show`, `models`, `build`); what a lock says is compared with ruamel's own reading of it. With
`--dvc` metrics, params, plots and models are compared with what DVC and GTO say of a clone, too. No part of
the test suite: it needs repositories that are not ours to ship. Exits 1 if anything does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

import wild_dvc
from modelbook.cli import main as cli
from webcheck import broken_links

Fact = dict[str, Any]
Json = Any


class Failed(Exception):
    """A fact does not hold; the text says what was found."""


class Subject:
    """One repository, asked through the command line; every answer is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @functools.cached_property
    def runs(self) -> list[Json]:
        """`modelbook runs --json`."""
        found: list[Json] = _ask("runs", "--json", "--repo", str(self.path))
        return found

    @functools.cached_property
    def models(self) -> dict[str, Json]:
        """`modelbook models --json`, by name."""
        return {model["name"]: model for model in _ask("models", "--json", "--repo", str(self.path))}

    @functools.lru_cache(maxsize=8)  # noqa: B019 - a subject lives as long as its answers
    def show(self, revision: str) -> Json:
        """`modelbook show REVISION --json`."""
        return _ask("show", revision, "--json", "--repo", str(self.path))

    def git(self, *args: str) -> str:
        """What Git itself says."""
        done = subprocess.run(["git", "-C", str(self.path), *args], check=True, capture_output=True)
        return done.stdout.decode("utf-8", "replace")

    def refs(self, pattern: str) -> list[str]:
        """Full names of refs, as Git lists them."""
        return self.git("for-each-ref", "--format=%(refname)", pattern).split()


def _ask(*args: str) -> Json:
    answer = CliRunner().invoke(cli, list(args))
    if answer.exit_code:
        raise Failed(f"modelbook {' '.join(args[:2])} exited {answer.exit_code}: {_tail(answer.output)}")
    return json.loads(answer.stdout)


def _tail(text: str) -> str:
    return " ".join(text.split())[-200:]


def _expect(found: object, wanted: object) -> None:
    if (type(found) is bool) != (type(wanted) is bool) or found != wanted:
        raise Failed(f"found {found!r}, want {wanted!r}")


# -- a check for each kind of fact


def metric(subject: Subject, fact: Fact) -> None:
    """One value, at one commit, of that file and key."""
    _value(subject.show(fact["commit"])["metrics"], fact["path"], fact["key"], fact["value"])


def param(subject: Subject, fact: Fact) -> None:
    """One value of a params file at a commit."""
    _value(subject.show(fact["commit"])["params"], fact["path"], fact["key"], fact["value"])


def experiment_metric(subject: Subject, fact: Fact) -> None:
    """A metric at an experiment ref, found by the experiment's name."""
    name, key = fact["key"]
    shown = subject.show(f"exps/{name}")
    _expect(shown["commit"], fact["commit"])
    _value(shown["metrics"], fact["path"], key, fact["value"])


def _value(values: list[Json], path: str, key: list[str], wanted: object) -> None:
    found = [item for item in values if item["path"] == path and item["key"] == key]
    if len(found) != 1:
        near = sorted({item["path"] for item in values})
        raise Failed(f"{len(found)} values of {path} {key}; files are {near[:5]}")
    _expect(found[0]["value"], wanted)


def data(subject: Subject, fact: Fact) -> None:
    """Hash, size and number of files of what a lock or a `.dvc` file holds."""
    shown = subject.show(fact["commit"])
    deps = [dep for stage in shown["stages"] for dep in stage["deps"]]
    found = [
        {key: item.get(key) for key in fact["value"]}
        for item in (*shown["artifacts"], *shown["datasets"], *deps)
        if item["path"] == fact["path"]
    ]
    if fact["value"] not in found:
        raise Failed(f"found {found}, want {fact['value']}")


def lock_stages(subject: Subject, fact: Fact) -> None:
    """How many stages of a dvc.lock have an entry."""
    file = fact["path"].replace("dvc.lock", "dvc.yaml")
    stages = subject.show(fact["commit"])["stages"]
    _expect(sum(1 for stage in stages if stage["lock"] and stage["file"] == file), fact["value"])


def dvc_files(subject: Subject, fact: Fact) -> None:
    """How many `.dvc` files there are; one that cannot be read is a problem."""
    shown = subject.show(fact["commit"])
    files = {item["file"] for item in shown["datasets"]} | {item["path"] for item in shown["problems"]}
    _expect(sum(file.endswith(".dvc") for file in files), fact["value"])


def files_at_head(subject: Subject, fact: Fact) -> None:
    """How many dvc.yaml or dvc.lock files show by their stages, or as problems."""
    shown = subject.show(fact["commit"])
    name = fact["path"].rpartition("/")[2]
    broken = {item["path"] for item in shown["problems"]}
    files = {
        stage["file"].replace("dvc.yaml", name)
        for stage in shown["stages"]
        if (stage["lock"] if name == "dvc.lock" else not stage["orphan"])
    }
    _expect(sum(file.rpartition("/")[2] == name for file in files | broken), fact["value"])


def unreadable_version(subject: Subject, fact: Fact) -> None:
    """A file that cannot be read is a problem of that commit, with its reason."""
    problems = subject.show(fact["commit"])["problems"]
    if not any(item["path"] == fact["path"] and item["reason"] for item in problems):
        raise Failed(f"no problem of {fact['path']}; problems are {problems}")


def refs_shown(subject: Subject, fact: Fact, pattern: str) -> None:
    """Every ref of a kind is found by its short name and named by what it points at."""
    refs = subject.refs(pattern)
    for ref in refs:
        short = f"exps/{ref.rpartition('/')[2]}" if "/exps/" in ref else ref.removeprefix("refs/heads/")
        if short not in subject.show(ref)["refs"]:
            raise Failed(f"{ref} is not named {short}")
    _expect(len(refs), fact["value"])


def experiments(subject: Subject, fact: Fact) -> None:
    """Every experiment ref."""
    refs_shown(subject, fact, "refs/exps/*/*/*")


def branches(subject: Subject, fact: Fact) -> None:
    """Every branch."""
    refs_shown(subject, fact, "refs/heads")


def registered_version(subject: Subject, fact: Fact) -> None:
    """A version of a model, with its tag and commit."""
    versions = _model(subject, fact["path"])["versions"]
    found = [(item["version"], item["tag"], item["commit"]) for item in versions]
    if (fact["key"], fact["value"], fact["commit"]) not in found:
        raise Failed(f"versions are {found}")


def registered_versions_tags(subject: Subject, fact: Fact) -> None:
    """How many versions were registered by tags."""
    _expect(sum(1 for m in subject.models.values() for v in m["versions"] if v["tag"]), fact["value"])


def stage_assignment_tag(subject: Subject, fact: Fact) -> None:
    """The version in force in an environment stands at the tag's commit."""
    model = _model(subject, fact["path"])
    version = model["environments"].get(fact["key"])
    _expect([v["commit"] for v in model["versions"] if v["version"] == version], [fact["commit"]])


def gto_show(subject: Subject, fact: Fact) -> None:
    """All that `gto show` says: the greatest version of each model and what is in force where."""
    for name, wanted in fact["value"].items():
        model = _model(subject, name)
        newest = next((item["version"] for item in model["versions"]), None)
        _expect({"version": newest, "stage": model["environments"]}, wanted)


def _model(subject: Subject, name: str) -> Json:
    if name not in subject.models:
        raise Failed(f"no model {name}; models are {sorted(subject.models)}")
    return subject.models[name]


def distinct_lock_contents(subject: Subject, fact: Fact) -> None:
    """Every content a dvc.lock ever had is shown with all its hashes, or named as a problem."""
    held = _locks(subject, "HEAD" if "HEAD" in fact["key"] else "--all")
    wrong = [fault for blob, place in held.items() if (fault := _lock_fault(subject, blob, *place))]
    if wrong:
        raise Failed(f"{len(wrong)} of {len(held)} locks, such as {wrong[0]}")
    _expect(len(held), fact["value"])


def _locks(subject: Subject, start: str) -> dict[str, tuple[str, str]]:
    """Blob of each dvc.lock -> a (commit, path) that has it."""
    log = subject.git("log", start, "-m", "--root", "--raw", "--no-abbrev", "--no-renames", "--format=%H")
    held: dict[str, tuple[str, str]] = {}
    commit = ""
    for line in log.splitlines():
        if not line.startswith(":"):
            commit = line or commit
            continue
        fields, _tab, path = line.partition("\t")
        blob = fields.split()[3]
        if path.rpartition("/")[2] == "dvc.lock" and blob.strip("0"):
            held.setdefault(blob, (commit, path))
    return held


def _lock_fault(subject: Subject, blob: str, commit: str, path: str) -> str:
    shown = subject.show(commit)
    if any(problem["path"] == path for problem in shown["problems"]):
        return ""
    try:
        wanted = _hashes(YAML(typ="safe").load(subject.git("cat-file", "blob", blob)) or {})
    except YAMLError as error:
        return f"{path} at {commit}: no problem, yet {type(error).__name__}"
    file = path.replace("dvc.lock", "dvc.yaml")
    found = {
        (stage["address"].rpartition(":")[2], item["md5"])
        for stage in shown["stages"]
        if stage["file"] == file
        for item in (*stage["deps"], *stage["outs"])
    }
    missing = wanted - found
    return f"{path} at {commit}: {sorted(missing)[:3]} not shown" if missing else ""


def _hashes(lock: Json) -> set[tuple[str, str]]:
    """(stage, hash) of everything a lock of schema 1.0 or 2.0 names."""
    stages = lock.get("stages", {}) if "schema" in lock else lock
    return {
        (name, item["md5"])
        for name, stage in stages.items()
        for item in (*(stage.get("deps") or ()), *(stage.get("outs") or ()))
        if "md5" in item
    }


Check = Callable[[Subject, Fact], None]
CHECKS: dict[str, Check] = {
    "metric": metric,
    "metric_off_head": metric,
    "experiment_metric": experiment_metric,
    "param": param,
    "data": data,
    "lock_stages": lock_stages,
    "dvc_files": dvc_files,
    "files_at_head": files_at_head,
    "unreadable_version": unreadable_version,
    "experiments": experiments,
    "branches": branches,
    "registered_version": registered_version,
    "registered_versions_tags": registered_versions_tags,
    "stage_assignment_tag": stage_assignment_tag,
    "gto_show": gto_show,
    "distinct_lock_contents": distinct_lock_contents,
}


# -- the site


class Site(NamedTuple):
    """What a build cost and what it made."""

    seconds: float
    memory: int
    megabytes: float
    pages: int
    faults: list[str]


def build(subject: Subject, out: Path) -> Site:
    """`modelbook build` as a process of its own, and every link of every page followed.

    Raises:
        Failed: the build does not end well.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-c", "from modelbook.cli import main; main()"]
        process = subprocess.Popen(
            [*command, "build", "--repo", str(subject.path), "--out", str(out)], stdout=said, stderr=said
        )
        memory = _watched(process)
        seconds = time.monotonic() - began
        said.seek(0)
        if process.returncode:
            raise Failed(f"build exited {process.returncode}: {_tail(said.read().decode())}")
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    pages = [path for path in files if path.suffix == ".html"]
    return Site(seconds, memory, size, len(pages), sorted(broken_links(out, pages)))


def _watched(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; the megabytes it had at most, 0 where there is no /proc to ask.

    The kernel's own sum at the end also counts what we had when we forked.
    """
    status = Path(f"/proc/{process.pid}/status")
    most = 0
    while process.poll() is None:
        with contextlib.suppress(OSError):
            if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text()):
                most = int(found[1])
        time.sleep(0.05)
    return most // 1024


# -- DVC and GTO themselves

_COMMITS = 8
"""How many commits of a repository are compared with DVC, which takes a second or more for each."""


def check_dvc(name: str, subject: Subject, scratch: Path) -> bool:
    """Compare with DVC and GTO, and print what is not equal and where they had nothing to say."""
    folder = wild_dvc.clone(subject.path, scratch / "clone")
    commits = _spread(subject.git("rev-list", "HEAD").split())
    found = wild_dvc.compare(folder, commits, subject.show)
    wrong = [*found.wrong, *_gto_faults(subject, wild_dvc.gto(folder))]
    print(f"{'FAIL' if wrong else 'pass'}  {name}  dvc  {found.equal} values of {len(commits)} commits equal")
    for fault in wrong[:10]:
        print(f"      {fault}")
    for reason, count in sorted(found.silent.items()):
        print(f"      {count} times: {reason}", flush=True)
    return not wrong


def _spread(commits: list[str]) -> list[str]:
    """Some of these commits, the first always among them."""
    step = max(1, len(commits) // _COMMITS)
    return commits[::step][:_COMMITS]


def _gto_faults(subject: Subject, said: dict[str, Json] | None) -> Iterator[str]:
    for name, wanted in (said or {}).items():
        model = _model(subject, name)
        newest = next((item["version"] for item in model["versions"]), None)
        known = {env: at for env, at in model["environments"].items() if env in wanted["stage"]}
        if (newest, known) != (wanted["version"], wanted["stage"]):  # GTO hides stages its .gto doesn't allow
            yield f"gto {name}: {newest} {model['environments']}, GTO has {wanted}"


# -- all of it


def repositories(folder: Path) -> dict[str, Path]:
    """`OWNER/NAME` (or `NAME`) -> Git directory of every repository of a folder."""
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        places = (entry / "repo" / ".git", entry / "repo", entry / ".git", entry)
        place = next((place for place in places if (place / "HEAD").is_file()), None)
        if place:
            found[entry.name.removesuffix(".git").replace("+", "/", 1)] = place
    return found


def located(name: str, found: dict[str, Path]) -> Path | None:
    """The repository of a fact: by its full name, else by the part after the owner."""
    return found.get(name) or found.get(name.rpartition("/")[2])


def check_facts(name: str, subject: Subject, facts: list[Fact]) -> tuple[int, int]:
    """Check and print all facts of a repository: (how many hold, how many there are)."""
    held = 0
    for fact in facts:
        where = f"{fact['path']} {_brief(fact['key'])} {(fact['commit'] or '')[:7]}"
        reason = _reason(subject, fact)
        held += not reason
        print(f"{'FAIL' if reason else 'pass'}  {name}  {fact['kind']:24}  {where}", flush=True)
        if reason:
            print(f"      {reason}")
    return held, len(facts)


def _reason(subject: Subject, fact: Fact) -> str:
    check = CHECKS.get(fact["kind"])
    if check is None:
        return "no check for this kind of fact"
    try:
        check(subject, fact)
    except Failed as error:
        return str(error)
    return ""


def _brief(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def check_site(name: str, subject: Subject, out: Path) -> bool:
    """Build a site, print what it cost and which links are broken; whether all is well."""
    try:
        made = build(subject, out)
    except Failed as error:
        print(f"FAIL  {name}  build\n      {error}")
        return False
    cost = f"{made.pages} pages, {made.megabytes:.1f} MB, {made.seconds:.1f} s, peak {made.memory} MB"
    print(f"{'FAIL' if made.faults else 'pass'}  {name}  build  {cost}", flush=True)
    for fault in made.faults[:10]:
        print(f"      broken link: {fault}")
    if len(made.faults) > 10:
        print(f"      and {len(made.faults) - 10} more")
    return not made.faults


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check Modelbook against real repositories.")
    parser.add_argument("facts", type=Path, help="JSON file of facts")
    parser.add_argument("folder", type=Path, help="folder of bare Git directories")
    parser.add_argument("--only", default="", help="repositories with this in their name")
    parser.add_argument("--no-build", action="store_true", help="check facts alone")
    parser.add_argument("--no-facts", action="store_true", help="leave the facts out")
    parser.add_argument("--dvc", action="store_true", help="compare with DVC and GTO, too")
    parser.add_argument("--keep", type=Path, help="folder to leave the sites in")
    return parser.parse_args()


def main() -> int:
    """Run from a shell."""
    args = _arguments()
    found = repositories(args.folder)
    known = {item["repo"]: item["facts"] for item in json.loads(args.facts.read_text(encoding="utf-8"))}
    places = {name: place for name in known if (place := located(name, found))}
    skipped = sorted(set(known) - set(places))
    places.update({name: place for name, place in found.items() if place not in places.values()})
    held = facts = well = built = asked = agreed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, place in places.items():
            if args.only not in name:
                continue
            subject = Subject(place)
            if not args.no_facts:
                good, all_of_it = check_facts(name, subject, known.get(name, []))
                held, facts = held + good, facts + all_of_it
            if not args.no_build:
                built += 1
                well += check_site(name, subject, (args.keep or Path(scratch)) / name.replace("/", "+"))
            if args.dvc:
                asked += 1
                with tempfile.TemporaryDirectory() as clone:
                    agreed += check_dvc(name, subject, Path(clone))
    for name in skipped:
        print(f"skip  {name}: not in {args.folder.name}")
    print(
        f"{held} of {facts} facts hold; {well} of {built} sites are whole; DVC agrees on {agreed} of {asked}"
    )
    return 0 if (held, well, agreed) == (facts, built, asked) else 1


if __name__ == "__main__":
    sys.exit(main())
