"""Specs: each wrong edit tells how to mend it; positions, sweeps and names hold for any input."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

import specs_sample as sample
from modelbook import spec
from modelbook.errors import SpecError
from modelbook.spec import expand, source
from modelbook.spec.models import Distribution, Experiment, RandomSweep, Sweep

P, B, D = "mlproject.yaml", "experiments/base.yaml", "experiments/deep.yaml"
S, E = "experiments/swept.yaml", "experiments/seeded.yaml"

EDITS = YAML(typ="safe").load(Path(__file__).parent / "fixtures" / "wrong_edits.yaml")


def faults(root: Path) -> list[str]:
    """Every fault of a project, as printed."""
    with pytest.raises(SpecError) as caught:
        spec.load(root)
    return [str(issue) for issue in caught.value.issues]


@pytest.mark.parametrize("edit", EDITS, ids=[edit["edit"] for edit in EDITS])
def test_a_wrong_edit_tells_how_to_mend_it(edit: dict[str, str], tmp_path: Path) -> None:
    files = sample.edited(edit["file"], edit["old"], edit["new"])
    assert faults(sample.write(tmp_path, files))[0] == edit["told"]


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    files = sample.edited(P, "maximize", "up") | {
        B: sample.BASE.replace("tags:", "tag:"),
        S: sample.SWEPT.replace("sweep:", "sweeep:"),
        "experiments/cut.yaml": "a: [",
    }
    assert [fault.split(" ")[0] for fault in faults(sample.write(tmp_path, files))] == [
        "experiments/base.yaml:6:1",
        "experiments/cut.yaml:1:5",
        "experiments/swept.yaml:2:1",
        "mlproject.yaml:9:16",
    ]


def test_a_broken_base_is_told_once(tmp_path: Path) -> None:
    assert len(faults(sample.write(tmp_path, sample.edited(B, "tags:", "tag:")))) == 1


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(spec.NoProject, match=r"has no mlproject\.yaml"):
        spec.load(tmp_path)


def test_no_experiments(tmp_path: Path) -> None:
    sample.write(tmp_path, {P: sample.PROJECT})
    assert faults(tmp_path) == ["experiments is missing, it should be the folder of the experiment specs"]
    (tmp_path / "experiments").mkdir()
    assert faults(tmp_path) == ["experiments has no experiment specs, write experiments/baseline.yaml"]


def test_a_project_without_pipelines_needs_no_experiments(tmp_path: Path) -> None:
    sample.write(tmp_path, {P: "name: bare\n"})
    assert spec.load(tmp_path).runs == ()


def test_a_link_out_of_the_tree_is_refused(tmp_path: Path) -> None:
    root = sample.write(tmp_path / "in")
    (tmp_path / "out.yaml").write_text("extends: base\n")
    (root / "experiments/link.yaml").symlink_to(tmp_path / "out.yaml")
    told = "experiments/link.yaml is a link out of the repository, put the file itself there"
    assert faults(root) == [told]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"\xff", "experiments/deep.yaml is not UTF-8 text (byte 0)"),
        (b"tags: &a [*a]\n", "experiments/deep.yaml:1:7 expected a string, found nothing"),
        (b"a: \x00", "experiments/deep.yaml is no YAML: "),
        (b"a: 1\n---\nb: 2\n", "experiments/deep.yaml:2:1 is no YAML: "),
        (b"extends: &x base\n<<: *x\n", "experiments/deep.yaml"),
        (b"[" * 5000, "experiments/deep.yaml"),
    ],
    ids=["bytes", "loop", "control", "two documents", "merge", "deep"],
)
def test_what_is_no_yaml_is_told(raw: bytes, told: str, tmp_path: Path) -> None:
    sample.write(tmp_path)
    (tmp_path / D).write_bytes(raw)
    assert faults(tmp_path)[0].startswith(told)


def test_runs_are_resolved(tmp_path: Path) -> None:
    workspace = spec.load(sample.write(tmp_path))
    assert tuple(run.name for run in workspace.runs) == sample.RUNS
    seeded = next(run for run in workspace.runs if run.name == "seeded-seed-2")
    assert (seeded.experiment, seeded.pipeline, seeded.seed, seeded.point) == ("seeded", "flights", 2, {})
    assert seeded.params == {
        "seed": 2,
        "split": {"test": 0.25},
        "model": {"kind": "tree", "learning_rate": 0.05, "depth": 8},
    }
    inherited = workspace.specs["seeded"]
    assert inherited.chain == ("deep", "base")
    assert inherited.experiment.owner == "ada"
    assert inherited.experiment.tags == ["baseline"]
    assert inherited.experiment.description == ""
    assert inherited.experiment.card == {"limitations": "Few."}


def test_extends_may_name_a_file(tmp_path: Path) -> None:
    files = {**sample.FILES, "experiments/more/deeper.yaml": "extends: ../deep.yaml\n"}
    assert spec.load(sample.write(tmp_path, files)).specs["deeper"].chain == ("deep", "base")


def test_null_drops_an_inherited_sweep(tmp_path: Path) -> None:
    files = {**sample.FILES, "experiments/plain.yaml": "extends: swept\nsweep: null\n"}
    workspace = spec.load(sample.write(tmp_path, files))
    assert [run.name for run in workspace.runs if run.experiment == "plain"] == ["plain"]


def test_an_abstract_experiment_has_no_runs(tmp_path: Path) -> None:
    files = sample.edited(B, "tags:", "abstract: true\ntags:")
    assert "base" not in {run.name for run in spec.load(sample.write(tmp_path, files)).runs}


def test_a_new_param_is_no_typo(tmp_path: Path) -> None:
    files = sample.edited(D, "    depth: 8", "    depth: 8\n    leaves: 31\n    learning_rates: 3")
    root = sample.write(tmp_path, files)
    assert [fault.split(" ")[0] for fault in faults(root)] == ["experiments/deep.yaml:6:5"]
    sample.write(root, {D: files[D].replace("    learning_rates: 3\n", "")})
    assert spec.load(root).runs[1].params["model"]["leaves"] == 31


def test_parse_project_is_for_texts_alone() -> None:
    assert spec.parse_project(sample.PROJECT).models["delay"].versions == {"v1.0.0": "0123456789ab"}
    with pytest.raises(SpecError, match=r"old\.yaml:1:1 missing key name"):
        spec.parse_project("url: x\n", "old.yaml")


def test_find_root_stops_at_the_git_root(tmp_path: Path) -> None:
    root = sample.write(tmp_path / "outer")
    (root / "sub/.git").mkdir(parents=True)
    (root / "other/deep").mkdir(parents=True)
    assert spec.find_root(root / "other/deep") == root.resolve()
    with pytest.raises(spec.NoProject):
        spec.find_root(root / "sub")


def test_grid_list_and_random_points() -> None:
    grid = Sweep.model_validate({"grid": {"a.b": [1, 2], "c": [True]}})
    assert expand.points(grid) == [{"a.b": 1, "c": True}, {"a.b": 2, "c": True}]
    listed = Sweep.model_validate({"list": [{"a": 1}, {"b": None}]})
    assert expand.points(listed) == [{"a": 1}, {"b": None}]
    space = {"x": {"uniform": [0, 1]}, "n": {"int": [1, 3]}, "r": {"log_uniform": [0.001, 1]}}
    drawn = expand.points(Sweep.model_validate({"random": {"n": 3, "seed": 1, "space": space}}))
    assert drawn == [
        {"n": 1, "r": 0.348579, "x": 0.763775},
        {"n": 1, "r": 0.0306412, "x": 0.449491},
        {"n": 2, "r": 0.232365, "x": 0.0938596},
    ]


@given(
    n=st.integers(1, 20),
    seed=st.integers(),
    low=st.integers(-50, 50),
    width=st.integers(1, 100),
    choices=st.lists(st.integers(), min_size=1, max_size=4, unique=True),
)
def test_random_points_stay_in_their_space(
    n: int, seed: int, low: int, width: int, choices: list[int]
) -> None:
    space = {
        "int": Distribution.model_validate({"int": [low, low + width]}),
        "uniform": Distribution.model_validate({"uniform": [float(low), float(low + width)]}),
        "choice": Distribution.model_validate({"choice": choices}),
    }
    drawn = expand.points(Sweep(random=RandomSweep(n=n, seed=seed, space=space)))
    assert len(drawn) == n
    for point in drawn:
        assert low <= point["int"] <= low + width
        assert low <= point["uniform"] <= low + width
        assert point["choice"] in choices


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))


@given(st.lists(SCALARS, min_size=1, max_size=8, unique_by=lambda value: (type(value), repr(value))))
def test_run_names_are_safe_unique_and_stable(values: list[Any]) -> None:
    experiment = Experiment.model_construct(
        pipeline="p", sweep=Sweep.model_construct(grid={"m.rate": values})
    )
    names = [run.name for run in expand.runs_of("gbm", experiment, {"m": {"rate": 0}})]
    assert len(set(names)) == len(names)
    for name, value in zip(names, values, strict=True):
        assert len(name) <= 80
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        alone = Experiment.model_construct(
            pipeline="p", sweep=Sweep.model_construct(grid={"m.rate": [value]})
        )
        assert [run.name for run in expand.runs_of("gbm", alone, {})] == [name]


def test_values_that_look_alike_are_told_apart() -> None:
    values = [True, "true", None, "null", 1, 1.0, "1", "1.0", -1, "-1", 1e16, "1e16", [1], "[1]", "x", "X"]
    names = [expand.slug(value) for value in values]
    assert len(set(names)) == len(names)
    assert {"true", "null", "1", "1.0", "-1", "1e16", "x"} < set(names)


def test_long_and_like_named_params_are_told_apart() -> None:
    grid = {"data.rate": [1], "model.rate": [2], "x" * 60: ["y" * 30]}
    experiment = Experiment.model_construct(pipeline="p", sweep=Sweep.model_construct(grid=grid))
    [run] = expand.runs_of("gbm", experiment, {})
    assert run.name.startswith("gbm-data.rate-1-model.rate-2-xxxx")
    assert len(run.name) == 80


PARAMS = st.recursive(
    SCALARS,
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@given(PARAMS, PARAMS, PARAMS)
def test_merging_is_associative_and_does_not_touch_its_parts(one: Any, two: Any, three: Any) -> None:
    before = json.dumps([one, two, three])
    assert expand.merge(expand.merge(one, {}), {}) == one
    assert set(expand.merge(one, two)) == {*one, *two}
    assert expand.merge(expand.merge(one, two), two) == expand.merge(one, two)
    assert json.dumps([one, two, three]) == before


@given(PARAMS, st.sampled_from(["a", "a.b", "a.b.c"]), SCALARS)
def test_what_a_point_sets_is_found_again(params: Any, dotted: str, value: Any) -> None:
    assert expand.lookup(expand.with_point(params, {dotted: value}), dotted) == (True, value)


KEYS = st.text("abcdefgh", min_size=1, max_size=5)
TREES = st.recursive(
    st.integers(0, 99),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(KEYS, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=4), st.booleans())
def test_every_position_is_that_of_its_value(data: dict[str, Any], flow: bool) -> None:
    """Whatever lies in a file, its position leads to the characters that stand for it."""
    writer = YAML()
    writer.default_flow_style = flow
    buffer = io.StringIO()
    writer.dump(data, buffer)
    text = "# é\n\n" + buffer.getvalue()
    lines = text.splitlines()
    read = source.parse(text, "x.yaml")
    for loc, value in leaves(read.data):
        line, column = read.position(loc)
        assert lines[line - 1][column - 1 :].startswith(str(value)), (loc, text)
        if isinstance(loc[-1], str):
            line, column = read.position(loc, key=True)
            assert lines[line - 1][column - 1 :].startswith(loc[-1]), (loc, text)


def leaves(node: Any, loc: source.Loc = ()) -> list[tuple[source.Loc, Any]]:
    """Every leaf of plain data with its location."""
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in leaves(value, (*loc, key))]
    if isinstance(node, list):
        return [leaf for index, value in enumerate(node) for leaf in leaves(value, (*loc, index))]
    return [(loc, node)]


def test_a_position_that_is_not_there_is_that_of_the_nearest() -> None:
    read = source.parse("a:\n  b: [1]\n", "x.yaml")
    assert read.position(("a", "b", 5, "list[int]")) == read.position(("a", "b")) == (2, 6)
    assert read.position(("nowhere",)) == (1, 1)


def test_yaml_means_what_dvc_reads() -> None:
    data = source.parse("a: 1e-3\nb: yes\nc: 014\nd: {<<: {e: 1_000}, f: 0x10}\n", "x.yaml").data
    assert data == {"a": 0.001, "b": "yes", "c": 14, "d": {"e": 1000, "f": 16}}


@pytest.mark.parametrize("kind", ["project", "experiment"])
def test_the_schemas_accept_the_sample_and_refuse_typos(kind: str, tmp_path: Path) -> None:
    sample.write(tmp_path)
    (tmp_path / "schema.json").write_text(spec.schemas()[kind][1])
    paths = [P] if kind == "project" else [B, D, S, E]
    assert check_jsonschema(tmp_path, paths) == 0
    wrong = (tmp_path / paths[0]).read_text().replace("description:", "descripton:", 1)
    (tmp_path / paths[0]).write_text(wrong)
    assert check_jsonschema(tmp_path, paths[:1]) == 1


def check_jsonschema(root: Path, paths: list[str]) -> int:
    """Exit status of check-jsonschema."""
    argv = [sys.executable, "-m", "check_jsonschema", "--schemafile", "schema.json", *paths]
    return subprocess.run(argv, cwd=root, capture_output=True, check=False).returncode


def test_the_forms_a_schema_must_allow(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(spec.schemas()["experiment"][1])
    text = "seeds: 3\nsweep: null\ncard: cards/x.md\nextends: ../a.yaml\n"
    space = "sweep: {random: {n: 2, space: {a: {int: [1, 2]}}}}\ncard: {own_section: x}\nseeds: [1]\n"
    sample.write(tmp_path, {"a.yaml": text, "b.yaml": space})
    assert check_jsonschema(tmp_path, ["a.yaml", "b.yaml"]) == 0


def test_every_field_is_described() -> None:
    for _, text in spec.schemas().values():
        schema = json.loads(text)
        for model in [schema, *schema["$defs"].values()]:
            for name, field in model.get("properties", {}).items():
                assert field.get("description"), (model["title"], name)


def test_the_schemas_kept_in_this_repository_are_current() -> None:
    for path, text in spec.schemas().values():
        assert (Path(__file__).parent.parent / path).read_text() == text, "run modelbook schema --write"
