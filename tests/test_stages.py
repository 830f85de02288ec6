"""Stages: what DVC is given, and that nothing a person wrote in dvc.yaml is ever lost."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import specs_sample as sample
from modelbook import spec, stages
from modelbook.errors import SpecError
from modelbook.stages import generate
from modelbook.stages.params import as_text
from modelbook.stages.splice import OpenEnd, UnsafeChange, by_hand, splice

VARIABLE = {"flights": {"base": {"experiment": "base"}}}
MADE = {
    "modelbook-plan": {"cmd": "modelbook plan", "meta": {"modelbook": {"guard": True}}},
    "flights-train": {
        "foreach": "${modelbook.flights}",
        "do": {"cmd": "modelbook exec ${key}/train -- x", "meta": {"modelbook": {"stage": "train"}}},
    },
}
OTHER_VARIABLE = {"flights": {"base": {"experiment": "base"}, "deep": {"experiment": "deep"}}}
OTHER = {
    "modelbook-plan": MADE["modelbook-plan"],
    "flights-test": {"cmd": "y", "meta": {"modelbook": {"stage": "test"}}},
}


def load(text: str) -> Any:
    """YAML as DVC reads it."""
    return YAML(typ="safe", pure=True).load(text)


def test_an_empty_file_is_written_whole() -> None:
    text = splice("", VARIABLE, MADE)
    assert text.startswith("# `modelbook sync` writes")
    assert load(text) == {"vars": [{"modelbook": VARIABLE}], "stages": MADE}
    assert splice(text, VARIABLE, MADE) == text


def test_another_experiment_is_one_more_line() -> None:
    before = splice("", VARIABLE, MADE).splitlines()
    after = splice("", OTHER_VARIABLE, MADE).splitlines()
    assert [line for line in after if line not in before] == ["      deep: {experiment: deep}"]
    assert len(after) == len(before) + 1


BY_HAND = """\
# My pipeline.

vars:
  - params.yaml   # mine
  - other: {a: 1}

stages:
    # Gets the data.
    fetch:
        cmd:   >-
            curl x
            y
        outs: [data.csv]   # big

    score:
        cmd: 'score'

        # A word about score.
# A word about plots.
plots:
- a.csv
"""


def test_hand_written_parts_stay_byte_for_byte() -> None:
    text = splice(BY_HAND, VARIABLE, MADE)
    kept = iter(text.splitlines(keepends=True))
    assert all(line in kept for line in BY_HAND.splitlines(keepends=True))
    assert "        # A word about score.\n    modelbook-plan:\n" in text
    assert text.endswith("# A word about plots.\nplots:\n- a.csv\n")
    assert by_hand(load(text)) == by_hand(load(BY_HAND))
    assert splice(text, VARIABLE, MADE) == text


def test_generated_stages_change_in_place_and_go() -> None:
    text = splice(BY_HAND, VARIABLE, MADE)
    changed = splice(text, OTHER_VARIABLE, OTHER)
    assert {name for name in load(changed)["stages"] if name not in ("fetch", "score")} == set(OTHER)
    assert splice(changed, VARIABLE, MADE) == text


def test_comments_in_generated_parts_are_kept() -> None:
    text = splice("", VARIABLE, MADE)
    noted = text.replace("    do:\n", "    do: # why\n      # because\n").replace(
        "      base: {", "      # the base\n      base: {"
    )
    assert splice(noted, VARIABLE, MADE) == noted
    changed = splice(noted, OTHER_VARIABLE, OTHER)
    assert "# the base\n- modelbook:\n" in changed
    assert "  # why\n  # because\n" in changed


@pytest.mark.parametrize(
    "text",
    [
        "# only a comment",
        "stages:\n",
        "stages: {}\nvars: []\n",
        "vars:\nstages: {}  # none yet\n",
        "plots:\n- a.csv",
        "---\nplots:\n- a.csv\n...\n# after\n",
        "\ufeffplots: [a.csv]\n",
        "vars:\n- a.yaml\n# end",
        "stages:\n  a: {cmd: x}\nvars:\n  - a.yaml",
        "stages:\n  a:\n    cmd: |\n      x\n\n\n# end\n",
        "stages:\n  a: &a\n    cmd: x\n  b: *a\n",
        "stages:\n  'a':\n    cmd: x # y\n\n\n\n",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_layout_takes_the_generated_parts(text: str, newline: str) -> None:
    old = text.replace("\n", newline)
    new = splice(old, VARIABLE, MADE)
    assert splice(new, VARIABLE, MADE) == new
    assert by_hand(load(new)) == by_hand(load(old) or {})
    assert [found for found in ("# only", "# none", "# after", "# end", "# y") if found in old] == [
        found for found in ("# only", "# none", "# after", "# end", "# y") if found in new
    ]
    assert "\r" not in old or "\n" not in new.replace("\r\n", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "stages:\n  flights-train:\n    cmd: x\n",
            "dvc.yaml:2:3 stage flights-train was written by hand, and mlproject.yaml makes a stage of that "
            "name, rename one of them",
        ),
        (
            "stages: {a: {cmd: x}}\n",
            "dvc.yaml:1:1 stages is not an indented mapping, so nothing can be added to it, "
            "put each entry on lines of its own",
        ),
        (
            "vars: [a.yaml]\n",
            "dvc.yaml:1:1 vars is not an indented list, so nothing can be added to it, "
            "put each entry on lines of its own",
        ),
        ("stages:\n  a: 1\n  a: 2\n", "dvc.yaml:3:3 key a is there twice in one mapping, keep one of them"),
        ("- a\n", "dvc.yaml:1:1 expected a mapping, found a list"),
        ("a: [", "dvc.yaml:1:5 is no YAML: "),
        (
            "vars:\n- modelbook: {}\n  mine: 1\n",
            "dvc.yaml:1:1 the variable modelbook shares an item with others, split it in two",
        ),
    ],
)
def test_what_can_not_be_joined_is_refused(text: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        splice(text, VARIABLE, MADE)
    assert str(caught.value.issues[0]).startswith(told)


def test_an_anchor_in_a_generated_part_is_not_pulled_away() -> None:
    text = splice("", VARIABLE, MADE) + "  mine: &x\n    cmd: y\n"
    broken = text.replace("    cmd: modelbook plan", "    cmd: &c modelbook plan").replace(
        "cmd: y", "cmd: *c"
    )
    assert splice(broken, VARIABLE, MADE) == broken
    with pytest.raises((UnsafeChange, SpecError)):
        splice(broken, VARIABLE, {"flights-test": OTHER["flights-test"]})


NAMES = st.text("abcxyz", min_size=1, max_size=4)
COMMENTS = st.sampled_from(["", "", "# a note", "# é: {not, yaml]", "#", "# - x: 'y"])
BODIES = st.sampled_from(
    [
        "cmd: x",
        "cmd: >\n{0}  folded\n\n{0}  text",
        "cmd: |\n{0}  literal # no comment\n{0}  text",
        'cmd: "quoted # no comment"',
        "cmd: {{a: 1}}",
        "cmd:\n{0}- x\n{0}- y",
        "cmd: 'two\n\n{0}  lines'",
        "foreach: [a, b]\n{0}do:\n{0}  cmd: x",
    ]
)


@st.composite
def hand_written(draw: st.DrawFn) -> str:
    """A dvc.yaml that a person could have written, with comments and blank lines anywhere."""
    lines: list[str] = []

    def comment(indent: int) -> None:
        text = draw(COMMENTS)
        if text:
            lines.append(" " * draw(st.integers(0, indent)) + text)
        if draw(st.booleans()):
            lines.append("")

    indent = draw(st.integers(1, 5))
    for key in draw(st.permutations(["vars", "stages", "plots"]))[: draw(st.integers(1, 3))]:
        comment(0)
        lines.append(f"{key}:{draw(st.sampled_from(['', '  # why']))}")
        dash = " " * draw(st.integers(0, 3))
        for number, name in enumerate(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))):
            comment(indent)
            if key != "stages":
                lines.append(f"{dash}- {name}{number}: 1")
                continue
            lines.append(" " * indent + f"{name}:" + draw(st.sampled_from(["", " # x", " &anchor" + name])))
            inner = " " * (indent + 2)
            lines.extend((inner + draw(BODIES).format(inner)).split("\n"))
            if draw(st.booleans()):
                lines.append(f"{inner}deps:\n{inner}- d # dep")
            comment(indent + 2)
    comment(4)
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return newline.join("\n".join(lines).split("\n")) + draw(st.sampled_from(["", newline]))


@given(hand_written(), st.lists(st.booleans(), min_size=1, max_size=4))
@settings(max_examples=40)
def test_whatever_was_written_by_hand_survives_every_sync(text: str, order: list[bool]) -> None:
    before = by_hand(load(text) or {})
    if before != by_hand(load(text + "\n") or {}):
        with pytest.raises(OpenEnd):
            splice(text, VARIABLE, MADE)
        return
    now = text
    for first in order:
        variable, made = (VARIABLE, MADE) if first else (OTHER_VARIABLE, OTHER)
        now = splice(now, variable, made)
        assert splice(now, variable, made) == now
        assert by_hand(load(now)) == before
        left = iter(now.splitlines())
        assert all(line in left for line in text.splitlines()), now


def test_a_block_of_text_that_the_end_of_the_file_ends_is_not_touched() -> None:
    with pytest.raises(OpenEnd, match="without a line break"):
        splice("stages:\n  a:\n    cmd: >\n      x", VARIABLE, MADE)
    assert "cmd: >-\n      x\n" in splice("stages:\n  a:\n    cmd: >-\n      x", VARIABLE, MADE)


# What is generated ----------------------------------------------------------------------------------------


def test_a_workspace_becomes_foreach_stages(tmp_path: Path) -> None:
    workspace = spec.load(sample.write(tmp_path))
    assert stages.sync(workspace) is True
    assert stages.sync(workspace) is False
    data = load((tmp_path / "dvc.yaml").read_text())
    assert list(data["vars"][0]["modelbook"]["flights"]) == list(sample.RUNS)
    assert data["stages"]["flights-prepare"] == {
        "cmd": "modelbook exec flights/prepare -- python prepare.py --params runs/params/flights.yaml "
        "--raw data/raw.csv",
        "deps": ["prepare.py", "data/raw.csv"],
        "params": [{"runs/params/flights.yaml": ["split"]}],
        "outs": ["data/train.csv"],
        "meta": {"modelbook": {"pipeline": "flights", "stage": "prepare"}},
    }
    assert data["stages"]["flights-train"] == {
        "foreach": "${modelbook.flights}",
        "do": {
            "cmd": "modelbook exec ${key}/train -- python train.py --params runs/params/${key}.yaml "
            "--out results/${key}",
            "deps": ["train.py", "data/train.csv"],
            "params": [{"runs/params/${key}.yaml": ["model", "seed"]}],
            "outs": [{"results/${key}/model.json": {"desc": "The model"}}],
            "metrics": [{"results/${key}/metrics.json": {"cache": False}}],
            "plots": [{"results/${key}/loss.csv": {"cache": False, "x": "step", "y": "loss"}}],
            "meta": {
                "modelbook": {"pipeline": "flights", "stage": "train", "experiment": "${item.experiment}"}
            },
        },
    }


def test_every_stage_waits_for_the_guard(tmp_path: Path) -> None:
    """By a file of params; without params by a stage that does; as the first of all by a file of its own."""
    files = sample.edited("mlproject.yaml", "params: [model, seed]", "params: []")
    made = generate.stages(spec.load(sample.write(tmp_path / "fed", files)))
    assert made["flights-train"]["do"]["deps"] == ["train.py", "data/train.csv"]
    files = sample.edited("mlproject.yaml", "params: [split]", "params: []")
    made = generate.stages(spec.load(sample.write(tmp_path / "first", files)))
    assert made["flights-prepare"]["deps"] == ["prepare.py", "data/raw.csv", "runs/params/README.md"]
    assert made["modelbook-plan"]["outs"] == [{"runs/params": {"cache": False}}]


def test_a_param_in_a_command_goes_into_the_list_of_runs(tmp_path: Path) -> None:
    files = sample.edited(
        "mlproject.yaml", "--out results/${run}\n", "--out results/${run} -d ${params.model.depth}\n"
    )
    workspace = spec.load(sample.write(tmp_path, files))
    item = generate.variables(workspace)["flights"]["deep"]
    assert item == {"experiment": "deep", "params": {"model": {"depth": 8}}}
    assert generate.stages(workspace)["flights-train"]["do"]["cmd"].endswith(" -d ${item.params.model.depth}")


@pytest.mark.parametrize(
    ("commands", "made"),
    [
        (["python a.py --x 'b c' $HOME *.csv"], "python a.py --x 'b c' $HOME *.csv"),
        (["a | b"], "sh -c 'a | b'"),
        (["a 'x | y'"], "a 'x | y'"),
        (["a '${run}' > b"], """sh -c 'a '"'"'${run}'"'"' > b'"""),
        (["X=1 a"], "sh -c 'X=1 a'"),
        (["cd a"], "sh -c 'cd a'"),
        (["a", "b"], "sh -c 'a && b'"),
        (["a\nb ; c\n"], "sh -c 'a && ( b ; c )'"),
        (["echo $(date)"], "sh -c 'echo $(date)'"),
        (["a 'open"], """sh -c 'a '"'"'open'"""),
        (["a # note"], "sh -c 'a # note'"),
    ],
)
def test_only_what_needs_a_shell_gets_one(commands: list[str], made: str) -> None:
    assert generate.command(commands) == made


def test_a_removed_pipeline_takes_its_stages_along(tmp_path: Path) -> None:
    two = sample.edited("mlproject.yaml", "models:\n", "  second:\n    stages: {one: {cmd: x}}\nmodels:\n")
    two["experiments/other.yaml"] = "pipeline: second\n"
    stages.sync(spec.load(sample.write(tmp_path, two)))
    assert "second-one" in load((tmp_path / "dvc.yaml").read_text())["stages"]
    (tmp_path / "experiments/other.yaml").unlink()
    sample.write(tmp_path, {"mlproject.yaml": sample.PROJECT})
    stages.sync(spec.load(tmp_path))
    assert "second" not in (tmp_path / "dvc.yaml").read_text()


def test_a_project_without_pipelines_leaves_dvc_yaml_alone(tmp_path: Path) -> None:
    sample.write(tmp_path, {"mlproject.yaml": "name: x\n", "dvc.yaml": "stages: {a: {cmd: x}}\n"})
    assert stages.sync(spec.load(tmp_path)) is False
    stages.check(spec.load(tmp_path))


def test_a_linked_dvc_yaml_stays_a_link_and_may_not_lead_out(tmp_path: Path) -> None:
    root = sample.write(tmp_path / "in")
    (root / "real.yaml").write_text("# real\n")
    (root / "dvc.yaml").symlink_to("real.yaml")
    stages.sync(spec.load(root))
    assert (root / "dvc.yaml").is_symlink()
    assert (root / "real.yaml").read_text().startswith("# real\nvars:\n")
    (root / "dvc.yaml").unlink()
    (root / "dvc.yaml").symlink_to(tmp_path / "out.yaml")
    with pytest.raises(SpecError, match="link out of the repository"):
        stages.sync(spec.load(root))


def test_plan_writes_the_params_of_every_run_and_nothing_else(tmp_path: Path) -> None:
    workspace = spec.load(sample.write(tmp_path))
    with pytest.raises(stages.StalePlan) as caught:
        stages.plan(workspace)
    assert (caught.value.exit_code, caught.value.hint) == (1, "run `modelbook sync`")
    stages.sync(workspace)
    sample.write(tmp_path, {"runs/params/old.yaml": "{}"})
    stages.plan(workspace)
    names = sorted(path.name for path in (tmp_path / "runs/params").iterdir())
    assert names == sorted(["README.md", *(f"{name}.yaml" for name in (*sample.RUNS, "flights"))])
    assert json.loads((tmp_path / "runs/params/deep.yaml").read_text()) == workspace.runs[1].params


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab\u00e9\x85 ", min_size=1), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=4))
def test_json_and_yaml_readers_agree_on_resolved_params(params: dict[str, Any]) -> None:
    text = as_text(params)
    for read in (json.loads(text), load(text), YAML(typ="rt").load(text)):
        assert read == params
        assert kinds(read) == kinds(params)


def kinds(value: Any) -> Any:
    """The types of everything in plain data."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return next(kind for kind in (bool, int, float, str, type(None)) if isinstance(value, kind))


def test_targets(tmp_path: Path) -> None:
    workspace = spec.load(sample.write(tmp_path))
    runs, others = stages.split(workspace, ["swept", "seeded-seed-1", "x.dvc"])
    assert [run.name for run in runs] == ["swept-depth-2", "swept-depth-4", "seeded-seed-1"]
    assert others == ["x.dvc"]
    assert stages.addresses(workspace, runs[0]) == ["flights-train@swept-depth-2"]
    assert len(stages.split(workspace, ["flights"])[0]) == len(stages.split(workspace, [])[0]) == 6


def test_an_abstract_target_has_nothing_to_run(tmp_path: Path) -> None:
    files = sample.edited("experiments/base.yaml", "tags:", "abstract: true\ntags:")
    with pytest.raises(stages.NothingToRun, match="base is abstract"):
        stages.split(spec.load(sample.write(tmp_path, files)), ["base"])


def test_what_runs_share_comes_first_and_missing_deps_are_told(tmp_path: Path) -> None:
    files = sample.edited(
        "mlproject.yaml", "deps: [train.py, data/train.csv]", "deps: [train.py, data/train.csv, extra/a.csv]"
    )
    workspace = spec.load(sample.write(tmp_path, files))
    [issue] = stages.missing_deps(workspace)
    assert (
        str(issue)
        == "mlproject.yaml:30:42 there is no extra/a.csv, and no stage makes it, DVC can't run the stage"
    )
    sample.write(
        tmp_path,
        {"dvc.yaml": "stages:\n  fetch:\n    cmd: x\n    outs:\n    - extra:\n        cache: false\n"},
    )
    assert stages.missing_deps(workspace) == []
    assert stages.upstream(workspace, list(workspace.runs)) == ["modelbook-plan", "flights-prepare", "fetch"]


# Real DVC -------------------------------------------------------------------------------------------------


@pytest.fixture
def project(finished_specs: Path, tmp_path: Path) -> Path:
    """A copy of the finished sample."""
    return shutil.copytree(finished_specs, tmp_path / "project", symlinks=True)


def modelbook(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the real program."""
    return subprocess.run(["modelbook", *words], cwd=root, capture_output=True, text=True, check=False)


def ran(root: Path, *targets: str) -> list[str]:
    """The stages that a `dvc repro` ran; it must end well."""
    argv = ["dvc", "repro", *targets]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("Running stage")]
    return [line.split("'")[1] for line in lines]


def edit(root: Path, path: str, old: str, new: str) -> None:
    """Replace a text that is there."""
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


@pytest.mark.slow
def test_dvc_runs_just_what_an_edit_touches(project: Path) -> None:
    assert (project / "report.json").exists()
    assert ran(project) == []
    edit(project, "experiments/deep.yaml", "depth: 8", "depth: 9")
    again = ["flights-train@deep", "flights-train@seeded-seed-1", "flights-train@seeded-seed-2"]
    assert ran(project) == ["modelbook-plan", *again]
    edit(project, "experiments/base.yaml", "The base.", "Another word.")
    assert ran(project) == ["modelbook-plan"]
    edit(project, "mlproject.yaml", "test: 0.25", "test: 0.5")
    everything = [f"flights-train@{run}" for run in sample.RUNS]
    assert set(ran(project)) == {"modelbook-plan", "flights-prepare", *everything}


@pytest.mark.slow
def test_dvc_runs_no_stale_plan(project: Path) -> None:
    edit(project, "experiments/seeded.yaml", "[1, 2]", "[1, 2, 3]")
    done = subprocess.run(["dvc", "repro"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "modelbook sync" in done.stderr
    assert modelbook(project, "sync", "--check").returncode == 1
    assert modelbook(project, "sync").returncode == 0
    assert ran(project) == ["modelbook-plan", "flights-train@seeded-seed-3"]


@pytest.mark.slow
def test_a_fresh_clone_reproduced_looks_clean(project: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
    assert not (clone / "results/base/model.json").exists()
    assert "flights-train@base" in ran(clone)
    assert (clone / "results/base/model.json").exists()
    status = subprocess.run(
        ["git", "-C", str(clone), "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


@pytest.mark.slow
def test_all_params_are_a_dep_where_none_are_named(project: Path) -> None:
    edit(project, "mlproject.yaml", "        params: [model, seed]\n", "")
    assert modelbook(project, "repro", "deep").returncode == 0
    edit(project, "experiments/deep.yaml", "params:\n", "params:\n  own: 1\n")
    assert ran(project, "flights-train@deep") == ["modelbook-plan", "flights-train@deep"]


@pytest.mark.slow
def test_dvc_itself_loads_every_option(tmp_path: Path) -> None:
    root = sample.write(tmp_path)
    edit(
        root,
        "mlproject.yaml",
        "{desc: The model}",
        "{cache: true, persist: true, push: false, desc: The model, type: model, labels: [a], meta: {k: v}}",
    )
    edit(
        root,
        "mlproject.yaml",
        "{x: step, y: loss}",
        "{x: step, y: loss, template: linear, title: T, x_label: X, y_label: Y, header: true}",
    )
    edit(
        root,
        "mlproject.yaml",
        "        params: [model, seed]\n",
        "        always_changed: true\n        desc: Train.\n        meta: {k: v}\n",
    )
    stages.sync(spec.load(root))
    subprocess.run(["dvc", "init", "--quiet", "--no-scm"], cwd=root, check=True)
    done = subprocess.run(
        ["dvc", "stage", "list", "--name-only"], cwd=root, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 2 + len(sample.RUNS)


@pytest.mark.slow
def test_runs_go_side_by_side_and_one_that_fails_stops_no_other(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(project / "results")
    (project / "dvc.lock").unlink()
    shutil.rmtree(project / ".dvc/cache")
    unlucky = "import os\nassert params['model']['depth'] != int(os.environ.get('BAD', 0)), 'too deep'\n"
    edit(project, "train.py", "options.out.mkdir", unlucky + "options.out.mkdir")
    chosen = ("deep", "swept")
    monkeypatch.setenv("BAD", "8")
    done = modelbook(project, "repro", "-j", "4", *chosen)
    assert done.returncode == 1
    assert "3 runs to do, 0 up to date" in done.stdout
    assert "too deep" in done.stdout
    assert "done swept-depth-4" in done.stdout
    assert "error: 1 of 3 runs failed: deep" in done.stderr
    assert "base" not in done.stdout
    assert locked(project) == {"flights-train@swept-depth-2", "flights-train@swept-depth-4"}
    serial = modelbook(project, "repro", "deep")
    assert serial.returncode == 1
    assert "dvc repro ended with status" in serial.stderr
    monkeypatch.delenv("BAD")
    done = modelbook(project, "repro", "-j", "2", *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 run to do, 2 up to date" in done.stdout
    assert len(locked(project)) == 3
    assert ran(project, *(f"flights-train@{run}" for run in ("deep", "swept-depth-2", "swept-depth-4"))) == []


def locked(root: Path) -> set[str]:
    """The stages of single runs that DVC's lock holds."""
    return {name for name in load((root / "dvc.lock").read_text())["stages"] if "@" in name}


PACKAGE = """\
    package:
      model: results/${run}/model.json
      data: data/train.csv
      only: [deep, swept-*-2]
models:
"""


def packaged(tmp_path: Path, text: str = PACKAGE) -> spec.Workspace:
    """The sample, whose flights are packaged."""
    return spec.load(sample.write(tmp_path, sample.edited("mlproject.yaml", "models:\n", text)))


def test_packages_are_one_more_stage_for_the_runs_that_are_named(tmp_path: Path) -> None:
    made = generate.stages(packaged(tmp_path))["flights-package"]
    assert list(made["foreach"]) == ["deep", "swept-depth-2"]
    assert made["do"]["cmd"] == "modelbook exec ${key}/package -- modelbook package ${key}"
    assert made["do"]["deps"] == [
        "runs/params/${key}.package.json",
        "results/${key}/model.json",
        "data/train.csv",
        "results/${key}/metrics.json",
    ]
    assert [*made["do"]["outs"][0]] == ["results/${key}/package"]
    assert made["do"]["metrics"] == [{"results/${key}/package.json": {"cache": False}}]


def test_without_only_every_run_is_packaged(tmp_path: Path) -> None:
    everyone = PACKAGE.replace("      only: [deep, swept-*-2]\n", "")
    assert (
        generate.stages(packaged(tmp_path, everyone))["flights-package"]["foreach"] == "${modelbook.flights}"
    )


def test_packaging_is_among_the_stages_of_just_those_runs(tmp_path: Path) -> None:
    workspace = packaged(tmp_path)
    runs = {run.name: run for run in workspace.runs}
    assert stages.addresses(workspace, runs["deep"])[-1] == "flights-package@deep"
    assert "flights-package@base" not in stages.addresses(workspace, runs["base"])


def test_the_plan_says_all_that_packaging_must_know(tmp_path: Path) -> None:
    workspace = packaged(tmp_path)
    stages.sync(workspace)
    stages.plan(workspace)
    orders = sorted(path.name for path in (tmp_path / "runs/params").glob("*.json"))
    assert orders == ["deep.package.json", "swept-depth-2.package.json"]
    order = json.loads((tmp_path / "runs/params/deep.package.json").read_text())
    assert order["model"] == "results/deep/model.json"
    assert order["out"] == "results/deep/package"
    assert order["stage"] == "train"
    assert order["measured"] == ["results/deep/metrics.json"]
    assert order["about"] == {"name": "delay", "description": "", "owner": ""}
    assert ["Limitations", "Few."] in order["card"]
    assert ["Intended use", ""] in order["card"]


def test_orders_of_runs_that_are_gone_are_removed(tmp_path: Path) -> None:
    workspace = packaged(tmp_path)
    stages.sync(workspace)
    stages.plan(workspace)
    workspace = packaged(tmp_path, PACKAGE.replace("deep, ", ""))
    stages.sync(workspace)
    stages.plan(workspace)
    assert [path.name for path in (tmp_path / "runs/params").glob("*.json")] == ["swept-depth-2.package.json"]


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("model.json", "modle.json", 13, "no stage of pipeline flights writes results/${run}/modle.json"),
        ("swept-*-2", "swpet", 15, "no run or experiment of pipeline flights is called swpet"),
        ("      only", "      out: packages/x\n      only", 15, "every run would write packages/x"),
        ("data/train.csv", "${datasets.row}", 14, "unknown dataset row"),
        ("      only", "      out: results/${run}/model.json/x\n      only", 15, "lies in"),
    ],
)
def test_faults_of_a_package_are_told_where_they_are(
    tmp_path: Path, old: str, new: str, place: int, words: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        packaged(tmp_path, PACKAGE.replace(old, new))
    text = (tmp_path / "mlproject.yaml").read_text()
    first = text[: text.index("    package:")].count("\n") - 11
    assert any(issue.line == first + place for issue in caught.value.issues), caught.value.issues


def test_a_stage_of_ones_own_called_package_clashes(tmp_path: Path) -> None:
    own = "      package: {cmd: x, outs: ['results/${run}/y']}\n" + PACKAGE
    with pytest.raises(SpecError, match="package adds a stage of the name package, and there is one"):
        packaged(tmp_path, own)


def test_a_data_file_that_nobody_makes_is_told(tmp_path: Path) -> None:
    issues = stages.missing_deps(packaged(tmp_path, PACKAGE.replace("train.csv", "trian.csv")))
    assert [issue.message for issue in issues] == ["there is no data/trian.csv, and no stage makes it"]
