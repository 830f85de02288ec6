"""Reading a whole project: `mlproject.yaml`, every experiment spec, and the runs they ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from modelbook.errors import Issue, ModelbookError, SpecError
from modelbook.spec import check, contests, source
from modelbook.spec import edit as edits
from modelbook.spec.batches import Watched, find, nothing
from modelbook.spec.contests import Contest
from modelbook.spec.expand import Run, inherit, runs_of
from modelbook.spec.models import Experiment, Project, name_like
from modelbook.spec.source import Loc, Source

PROJECT_FILE = "mlproject.yaml"


class NoProject(ModelbookError):
    """There is no `mlproject.yaml` here or above."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} has no {PROJECT_FILE}", hint="`modelbook init` writes a first one")


@dataclass(frozen=True)
class Spec:
    """An experiment spec with all it inherits.

    Attributes:
        path: of its file, relative to the root.
        experiment: merged over its `extends` chain.
        chain: names of what it extends, nearest first, itself excluded.
    """

    name: str
    path: str
    experiment: Experiment
    chain: tuple[str, ...]


@dataclass(frozen=True)
class Workspace:
    """A valid project: what its files say and the runs they ask for.

    Attributes:
        root: the folder of `mlproject.yaml`.
        specs: by name, sorted; abstract ones included.
        runs: in the order of the specs' names, then of sweep points and seeds.
        watched: monitor -> the files it looks at.
        contests: model with a policy of retraining -> what is judged on what.
    """

    root: Path
    project: Project
    specs: Mapping[str, Spec]
    runs: tuple[Run, ...]
    sources: Mapping[str, Source] = field(repr=False)
    watched: Mapping[str, Watched] = field(default_factory=dict)
    contests: Mapping[str, Contest] = field(default_factory=dict)

    def runs_in(self, pipeline: str) -> list[Run]:
        """The runs of one pipeline."""
        return [run for run in self.runs if run.pipeline == pipeline]

    def warnings(self) -> list[Issue]:
        """What is no fault, but may not be meant: patterns of monitors and policies that find no file yet."""
        at: dict[Loc, str] = {}
        for name, watched in self.watched.items():
            if not watched.batches:
                at["monitors", name, "batches"] = self.project.monitors[name].batches
        for name, contest in self.contests.items():
            policy = self.project.models[name].retrain
            if policy and not contest.periods:
                at["models", name, "retrain", "data"] = policy.data
        source = self.sources[PROJECT_FILE]
        return [nothing(self.root, pattern, source, loc) for loc, pattern in at.items()]

    def issue(self, path: str, loc: Loc, message: str, hint: str = "") -> Issue:
        """A fault that another room finds, at its place in a spec file."""
        return self.sources[path].issue(loc, message, hint, key=True)


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that has an `mlproject.yaml`, up to the Git root.

    Raises:
        NoProject: there is none.
    """
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FILE).exists():
            return folder
        if (folder / ".git").exists():
            break
    raise NoProject(str(start))


def load(root: Path) -> Workspace:
    """Read and check the whole project in a folder.

    Raises:
        NoProject: there is no `mlproject.yaml`.
        SpecError: with every fault in every file.
    """
    if not (root / PROJECT_FILE).exists():
        raise NoProject(str(root))
    loading = _Loading(root)
    loading.read()
    if loading.issues:
        raise SpecError(loading.issues)
    assert loading.project is not None  # noqa: S101 (without issues there is one)
    specs = dict(sorted(loading.specs.items()))
    return Workspace(
        root,
        loading.project,
        specs,
        tuple(loading.runs),
        loading.sources,
        loading.watched,
        loading.contests,
    )


def parse_project(text: str, path: str = PROJECT_FILE) -> Project:
    """A project from the text of its file alone, as history reads it.

    Raises:
        SpecError: with every fault in the file.
    """
    return source.validate(Project, source.parse(text, path))


def change_project(root: Path, loc: Loc, value: str | None) -> bool:
    """Put one entry of `mlproject.yaml`, or with None take it out; see `change_entries`."""
    return change_entries(root, {loc: value})


def change_entries(root: Path, entries: Mapping[Loc, str | None]) -> bool:
    """Put entries of `mlproject.yaml`, or with None take them out, in one step; every other byte stays.

    Returns:
        Whether anything changed.

    Raises:
        NoProject: there is none. SpecError: the file is not valid, or would not be.
        UnsafeEdit: it can't be changed there without touching something else.
    """
    if not (root / PROJECT_FILE).exists():
        raise NoProject(str(root))

    def edit(text: str) -> str:
        new = text
        for loc, value in entries.items():
            keys = [str(step) for step in loc]
            new = edits.drop(new, keys, PROJECT_FILE) if value is None else _put(new, keys, value)
        made = source.parse(new, PROJECT_FILE)
        issues = check.project(source.validate(Project, made), made)
        if issues:
            raise SpecError(issues)
        return new

    return source.rewrite(root, PROJECT_FILE, edit)


def _put(text: str, keys: list[str], value: str) -> str:
    return edits.put(text, keys, value, PROJECT_FILE)


class _Loading:
    """The state of one `load`: what was read so far and every fault met on the way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.issues: list[Issue] = []
        self.sources: dict[str, Source] = {}
        self.project: Project | None = None
        self.own: dict[str, tuple[str, Experiment]] = {}
        self.broken: set[str] = set()
        self.specs: dict[str, Spec] = {}
        self.runs: list[Run] = []
        self.watched: dict[str, Watched] = {}
        self.contests: dict[str, Contest] = {}

    def read(self) -> None:
        self.project = self._model(Project, PROJECT_FILE)
        for path in self._spec_files():
            self._read_spec(path)
        for name in self.own:
            self._resolve(name)
        if self.project is not None:
            self.issues += check.project(self.project, self.sources[PROJECT_FILE])
            self._plan(self.project)
            self.watched = find(self.root, self.project, self.sources[PROJECT_FILE], self.issues)
            self.contests = self._contests(self.project)

    def _contests(self, project: Project) -> dict[str, Contest]:
        tried = {
            name: contests.Tried(own, self.specs[name].experiment, self.sources[path])
            for name, (path, own) in self.own.items()
            if name in self.specs
        }
        source = self.sources[PROJECT_FILE]
        return contests.find(self.root, project, source, tried, self.runs, self.issues)

    def _model(self, model: type[Any], path: str) -> Any:
        """The model of one file; None, with its faults noted, when it is not valid."""
        try:
            self.sources[path] = source.read(self.root, path)
            return source.validate(model, self.sources[path])
        except SpecError as error:
            self.issues += error.issues
            return None

    def _spec_files(self) -> list[str]:
        folder = self._experiments_folder()
        top = self.root / folder
        if not top.is_dir() and self.project is not None and not self.project.pipelines:
            return []  # nothing to experiment with yet
        if not top.is_dir():
            self.issues.append(
                Issue(folder, 0, 0, "is missing", "it should be the folder of the experiment specs")
            )
            return []
        found = sorted(_walk(top))
        if not found:
            self.issues.append(
                Issue(folder, 0, 0, "has no experiment specs", f"write {folder}/baseline.yaml")
            )
        return [f"{folder}/{relative}" for relative in found]

    def _experiments_folder(self) -> str:
        if self.project is not None:
            return self.project.experiments.rstrip("/")
        return "experiments"

    def _read_spec(self, path: str) -> None:
        spec: Experiment | None = self._model(Experiment, path)
        stem = PurePosixPath(path).stem
        if spec is None:
            self.broken.add(stem)
            return
        name = spec.name or stem
        if spec.name is None and name != name_like(name):
            hint = f"rename it to {name_like(name)}.yaml" if name_like(name) else "rename it"
            message = "its name has other characters than lower-case letters, digits, - and _"
            self.issues.append(Issue(path, 0, 0, message, hint))
        if name in self.own:
            at = self.sources[path].position(("name",)) if spec.name else (0, 0)
            message = f"experiment {name} is defined twice, first in {self.own[name][0]}"
            self.issues.append(Issue(path, *at, message, "give one of them another name"))
            return
        self.own[name] = (path, spec)

    def _resolve(self, name: str, asked: tuple[str, ...] = ()) -> Spec | None:
        """The spec with all it inherits; None, with the fault noted, when that can't be found."""
        if name in self.specs:
            return self.specs[name]
        path, own = self.own[name]
        if own.extends is None:
            self.specs[name] = Spec(name, path, own, ())
            return self.specs[name]
        parent_name = self._parent_name(path, own.extends)
        if parent_name is None:
            return None
        if parent_name in (*asked, name):
            self._note_loop((*asked, name), parent_name)
            return None
        parent = self._resolve(parent_name, (*asked, name))
        if parent is None:
            return None
        merged = inherit(parent.experiment, own)
        self.specs[name] = Spec(name, path, merged, (parent_name, *parent.chain))
        return self.specs[name]

    def _parent_name(self, path: str, extends: str) -> str | None:
        if extends in self.own:
            return extends
        beside = os.path.normpath(str(PurePosixPath(path).parent / extends)).replace(os.sep, "/")
        for name, (other, _) in self.own.items():
            if other == beside:
                return name
        if extends not in self.broken and PurePosixPath(beside).stem not in self.broken:
            hint = source.suggestion(extends, self.own)
            self.issues.append(self.sources[path].issue(("extends",), f"unknown experiment {extends}", hint))
        return None

    def _note_loop(self, asked: tuple[str, ...], again: str) -> None:
        loop = asked[asked.index(again) :]
        first = min(loop)
        turned = loop[loop.index(first) :] + loop[: loop.index(first)]
        chain = " -> ".join((*turned, first))
        path = self.own[first][0]
        issue = self.sources[path].issue(
            ("extends",), f"extends itself: {chain}", "break the loop at one of them"
        )
        if issue not in self.issues:
            self.issues.append(issue)

    def _plan(self, project: Project) -> None:
        """Every run, and what is wrong with them all together."""
        for spec in sorted(self.specs.values(), key=lambda one: one.name):
            chain = [self.sources[self.own[name][0]] for name in (spec.name, *spec.chain)]
            found = check.experiment(self.root, project, spec.name, spec.experiment, chain)
            self.issues += found
            pipeline = project.pipelines.get(spec.experiment.pipeline or "")
            if pipeline is not None and not found and not spec.experiment.abstract:
                self.runs += runs_of(spec.name, spec.experiment, pipeline.params)
        places = {spec.name: self.sources[spec.path] for spec in self.specs.values()}
        clashes = list(check.run_names(project, self.runs, places))
        self.issues += clashes
        if clashes:
            return
        chains = {
            spec.name: [self.sources[self.own[name][0]] for name in (spec.name, *spec.chain)]
            for spec in self.specs.values()
        }
        self.issues += check.runs(project, self.sources[PROJECT_FILE], self.runs, chains)


def _walk(top: Path) -> Iterator[str]:
    """Paths of the YAML files under a folder; links to folders are not followed."""
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield (Path(folder) / name).relative_to(top).as_posix()
