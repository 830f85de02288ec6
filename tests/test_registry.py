"""What Git tags register, against GTO itself, and joined with what mlproject.yaml declares."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitrepo import GitRepo, entry, lock
from modelbook import catalog, history, registry
from modelbook.records import Catalog, Model, Tag
from modelbook.registry.tags import order

A, B = "a" * 32, "b" * 32


def tag(name: str, commit: str = "c1", time: int = 0, *, annotated: bool = True) -> Tag:
    return Tag(name=name, commit=commit, time=time, annotated=annotated)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("model@v1.2.0", ("register", "model", "v1.2.0", "", 0)),
        ("model@v1.2.0#3", ("register", "model", "v1.2.0", "", 3)),
        ("model@v1.2.0-rc.1+x", ("register", "model", "v1.2.0-rc.1+x", "", 0)),
        ("model@v1.2.0!#5", ("deregister", "model", "v1.2.0", "", 5)),
        ("model@v1.2.0!", ("deregister", "model", "v1.2.0", "", 0)),
        ("model#prod#3", ("assign", "model", "", "prod", 3)),
        ("model#prod", ("assign", "model", "", "prod", 0)),
        ("model#prod!#6", ("unassign", "model", "", "prod", 6)),
        ("model@deprecated", ("deprecate", "model", "", "", 0)),
        ("model@deprecated#9", ("deprecate", "model", "", "", 9)),
        ("team/model-x@v0.0.1", ("register", "team/model-x", "v0.0.1", "", 0)),
        ("some/dir=model@v1.0.0", ("register", "some/dir:model", "v1.0.0", "", 0)),
    ],
)
def test_a_tag_says_what_it_does(name: str, says: tuple[object, ...]) -> None:
    found = registry.parse(tag(name))
    assert found is not None
    assert (found.action, found.name, found.version, found.environment, found.counter) == says


@pytest.mark.parametrize(
    "name",
    ["v1.2.0", "1.2.0", "model@1.2.0", "model@v1.2", "model", "model#", "m@v1.0.0#x", "@v1.0.0", "a@b"],
)
def test_a_plain_tag_registers_nothing(name: str) -> None:
    assert registry.parse(tag(name)) is None


def test_versions_are_ordered_by_their_meaning() -> None:
    pre = ["v1.0.0-a", "v1.0.0-a.2", "v1.0.0-a.10", "v1.0.0-rc"]
    rising = ["r9", "r10", "v0.9.0", *pre, "v1.0.0", "v1.10.0"]
    assert sorted(dict.fromkeys(rising[::-1]), key=order) == rising


def test_equal_times_are_told_apart_by_the_counter() -> None:
    (found,) = registry.entries([tag("m#prod#2"), tag("m@v1.0.0#1")])
    assert found.environments == (("prod", "v1.0.0"),)


def test_a_lightweight_tag_is_a_named_problem() -> None:
    tags = [tag("m@v1.0.0", annotated=False), tag("v1.0.0", annotated=False)]
    assert registry.entries(tags) == ()
    (problem,) = registry.problems(tags)
    assert problem.path == "refs/tags/m@v1.0.0"


# -- against gto itself

Story = Callable[[GitRepo, str, str, str], None]


def _plain(repo: GitRepo, one: str, two: str, three: str) -> None:
    repo.annotate("m@v1.0.0", one)
    repo.annotate("m@v1.1.0", two)
    repo.annotate("m#dev#3", two)
    repo.annotate("m#prod#4", one)
    repo.annotate("other@v0.0.1", three)
    for number in range(20):
        repo.tag(f"v0.{number}.0", one)


def _promoted_back(repo: GitRepo, one: str, two: str, three: str) -> None:
    repo.annotate("m@v1.0.0#1", one)
    repo.annotate("m@v2.0.0#2", two)
    repo.annotate("m#prod#3", two)
    repo.annotate("m#prod#4", one)


def _unassigned(repo: GitRepo, one: str, two: str, three: str) -> None:
    repo.annotate("m@v1.0.0", one)
    repo.annotate("m@v2.0.0", two)
    repo.annotate("m#prod#3", one)
    repo.annotate("m#prod#4", two)
    repo.annotate("m#prod!#5", two)
    repo.annotate("m#dev#6", two)
    repo.annotate("m#dev!#7", two)


def _deregistered(repo: GitRepo, one: str, two: str, three: str) -> None:
    repo.annotate("m@v1.0.0#1", one)
    repo.annotate("m@v2.0.0#2", two)
    repo.annotate("m#prod#3", two)
    repo.annotate("m@v2.0.0!#4", two)


def _registered_again(repo: GitRepo, one: str, two: str, three: str) -> None:
    _deregistered(repo, one, two, three)
    repo.annotate("m@v2.0.0#5", two)


def _deprecated(repo: GitRepo, one: str, two: str, three: str) -> None:
    repo.annotate("m@v1.0.0#1", one)
    repo.annotate("m@deprecated#2", two)
    repo.annotate("alive@v1.0.0", one)


def _revived(repo: GitRepo, one: str, two: str, three: str) -> None:
    _deprecated(repo, one, two, three)
    repo.annotate("m@v1.0.1#3", three)


def _assigned_alone(repo: GitRepo, one: str, two: str, three: str) -> None:
    repo.annotate("m#prod#1", one)
    repo.annotate("m@v1.0.0#2", two)


def _monorepo(repo: GitRepo, one: str, two: str, three: str) -> None:
    repo.annotate("pkg/a=m@v1.0.0", one)
    repo.annotate("pkg/a=m#prod#2", one)
    repo.annotate("m@v3.0.0", two)


STORIES: list[Story] = [
    _plain,
    _promoted_back,
    _unassigned,
    _deregistered,
    _registered_again,
    _deprecated,
    _revived,
    _assigned_alone,
    _monorepo,
]


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.strip("_"))
def test_the_same_as_gto(story: Story, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    commits = [repo.commit({"n": str(number)}) for number in range(3)]
    story(repo, *commits)
    done = subprocess.run(
        ["gto", "show", "--json"],
        cwd=tmp_path,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = {
        name: (body["version"], {stage: at for stage, at in body["stage"].items() if at})
        for name, body in json.loads(done.stdout).items()
    }
    entries = registry.entries(history.read(tmp_path).tags)
    found = {
        one.name: (next((at.version for at in one.versions if at.tag), None), dict(one.environments))
        for one in entries
        if not one.deprecated
    }
    assert found == wanted


# -- as models

PIPELINE = """\
stages:
  train:
    cmd: train
    outs: [model.pkl]
artifacts:
  m: {path: model.pkl, type: model, desc: The model, labels: [cv]}
  words: {path: data, type: dataset}
"""


def built(path: Path) -> Catalog:
    return catalog.build(history.read(path))


def model(found: Catalog, name: str) -> Model:
    return next(model for model in found.models if model.name == name)


def test_a_tagged_version_knows_the_run_that_made_it(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    one = repo.commit({"dvc.yaml": PIPELINE, "dvc.lock": lock(entry("train", outs={"model.pkl": A}))})
    two = repo.commit({"dvc.lock": lock(entry("train", outs={"model.pkl": B}))})
    repo.annotate("m@v1.0.0", one, author="Grace")
    repo.annotate("m@v1.1.0", two)
    repo.annotate("m#prod#3", one)
    found = built(tmp_path)
    runs = {run.commit: run.id for run in found.runs}
    mine = model(found, "m")
    assert (mine.info.artifact, mine.info.description, mine.info.labels) == (
        "model.pkl",
        "The model",
        ("cv",),
    )
    assert dict(mine.info.environments) == {"prod": "v1.0.0"}
    new, old = mine.versions
    assert (new.version, new.tag, new.commit, new.run, new.reason) == (
        "v1.1.0",
        "m@v1.1.0",
        two,
        runs[two],
        None,
    )
    assert (old.run, old.author, old.environments, old.deprecated) == (runs[one], "Grace", ("prod",), False)
    assert old.date.startswith("2023-11-14T23:")
    assert [model.name for model in found.models] == ["m"]


def test_a_run_that_cannot_be_told_is_left_open(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    stages = "stages:\n  t: {foreach: [a, b], do: {cmd: x, outs: ['${item}.pkl']}}\n"
    locks = lock(entry("t@a", outs={"a.pkl": A}), entry("t@b", outs={"b.pkl": B}))
    one = repo.commit({"dvc.yaml": stages, "dvc.lock": locks})
    repo.annotate("b@v1.0.0", one)
    (version,) = model(built(tmp_path), "b").versions
    assert (version.run, version.reason) == ("", "2 runs of the commit that is tagged could have made it")
    two = repo.commit({"dvc.yaml": f"{stages}artifacts: {{b: {{path: b.pkl, type: model}}}}\n"})
    repo.annotate("b@v1.1.0", two)
    found = built(tmp_path)
    newest, _older = model(found, "b").versions
    assert newest.run == next(run.id for run in found.runs if run.name == "b")


def test_both_sources_say_one_thing(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"dvc.yaml": PIPELINE, "dvc.lock": lock(entry("train", outs={"model.pkl": A}))})
    (run,) = built(tmp_path).runs
    project = (
        "models: {m: {artifact: model.pkl, versions: {v1.0.0: RUN}, environments: {prod: v1.0.0}}}\n"
    ).replace("RUN", run.id)
    two = repo.commit({"mlproject.yaml": project})
    repo.annotate("m@v1.0.0", two)
    repo.annotate("m@v2.0.0", two)
    repo.annotate("m#dev#3", two)
    repo.annotate("m#prod#4", two)
    found = built(tmp_path)
    mine = model(found, "m")
    assert [(item.version, item.tag, item.run) for item in mine.versions] == [
        ("v2.0.0", "m@v2.0.0", run.id),
        ("v1.0.0", "m@v1.0.0", run.id),
    ]
    assert dict(mine.info.environments) == {"prod": "v1.0.0", "dev": "v2.0.0"}
    assert any("prod is v1.0.0 here and v2.0.0 by Git tag" in problem.reason for problem in found.problems)


def test_a_deprecated_model_stays_and_says_so(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    one = repo.commit({"x": "1"})
    repo.annotate("m@v1.0.0", one)
    repo.annotate("m@deprecated", one)
    (version,) = model(built(tmp_path), "m").versions
    assert version.deprecated
    assert version.reason == "no run is in the commit that is tagged"


def test_the_folder_in_a_name_tells_the_run(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    stages = "stages: {train: {cmd: x}}\n"
    files = {f"{name}/dvc.yaml": stages for name in "ab"}
    files |= {f"{name}/dvc.lock": lock(entry("train", cmd=name)) for name in "ab"}
    repo.annotate("b=m@v1.0.0", repo.commit(files))
    found = built(tmp_path)
    (version,) = model(found, "b:m").versions
    assert version.run == next(run.id for run in found.runs if run.name == "b")


def test_models_of_a_monorepo_and_of_artifacts_yaml(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    one = repo.commit(
        {
            "pkg/a/dvc.yaml": PIPELINE,
            "pkg/a/dvc.lock": lock(entry("train", outs={"model.pkl": A})),
            "artifacts.yaml": "old: {type: model, path: models/old, description: Before DVC}\nx: 1\n",
            "pkg/artifacts.yaml": "- not GTO's\n",
        }
    )
    repo.annotate("pkg/a=m@v1.0.0", one)
    found = built(tmp_path)
    assert [(item.name, item.info.artifact, item.info.file) for item in found.models] == [
        ("old", "models/old", "artifacts.yaml"),
        ("pkg/a:m", "pkg/a/model.pkl", "pkg/a/dvc.yaml"),
    ]
    assert model(found, "pkg/a:m").versions[0].run == found.runs[0].id
    assert found.problems == ()


def test_promotions_are_read_from_the_files_history_and_from_tags(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)

    def says(environments: str) -> dict[str, str]:
        return {
            "mlproject.yaml": f"name: p\nmodels: {{m: {{artifact: m, environments: {{{environments}}}}}}}\n"
        }

    one = repo.commit(says("prod: v1.0.0"))
    two = repo.commit(says("prod: v2.0.0, dev: v2.0.0"))
    repo.commit({"x": "1"})
    three = repo.commit(says("dev: v2.0.0"))
    moves = model(built(tmp_path), "m").promotions
    assert [(item.environment, item.before, item.version, item.commit) for item in moves] == [
        ("prod", "v2.0.0", "", three),
        ("dev", "", "v2.0.0", two),
        ("prod", "v1.0.0", "v2.0.0", two),
        ("prod", "", "v1.0.0", one),
    ]


def test_tags_promote_roll_back_and_take_out() -> None:
    tags = [
        tag("m@v1.0.0", "a", 1),
        tag("m#prod", "a", 2),
        tag("m@v2.0.0", "b", 3),
        tag("m#prod#2", "b", 4),
        tag("m#prod#3", "a", 5),
        tag("m#prod!#4", "a", 6),
        tag("m#prod!#5", "b", 7),
    ]
    (found,) = registry.entries(tags)
    assert [(item.before, item.version, item.tag) for item in found.promotions] == [
        ("", "v1.0.0", "m#prod"),
        ("v1.0.0", "v2.0.0", "m#prod#2"),
        ("v2.0.0", "v1.0.0", "m#prod#3"),
        ("v1.0.0", "v2.0.0", "m#prod!#4"),
        ("v2.0.0", "", "m#prod!#5"),
    ]
