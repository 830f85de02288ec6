"""What other tools read: each format against its own rules, on a catalog with names nobody should trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from msgspec.structs import replace
from ruamel.yaml import YAML

import sample
from life_sample import CARD, Shop
from modelbook import export, lineage
from modelbook.cli import main
from modelbook.export import NotThere
from modelbook.records import Catalog, Dataset, State, Value

SUBJECTS = [
    f"{model.name}@{version.version}"
    for model in sample.catalog().models
    for version in model.versions
    if any(run.id == version.run for run in sample.RUNS)
]


def hostile() -> Catalog:
    """The sample, its models with licences and its data with what the formats have fields for."""
    found = sample.catalog()
    data = (
        Dataset(
            path="d",
            name=sample.SCRIPT,
            md5="a" * 32,
            license="CC0-1.0",
            url="https://example.org",
            source="s",
        ),
        Dataset(path="e", name="\x07\ud800😀", md5="b" * 32 + ".dir", license=sample.LINK, description="d"),
    )
    runs = tuple(
        replace(run, datasets=data, tags=(sample.MARKDOWN, "\x85"), metrics=(*run.metrics, *_slices()))
        for run in found.runs
    )
    models = tuple(
        replace(model, info=replace(model.info, license="Apache-2.0 OR MIT", owner=sample.SCRIPT))
        for model in found.models
    )
    return replace(found, runs=runs, models=models)


def _slices() -> tuple[Value, ...]:
    keys = (("month", "04", "auc"), ("month", "05", "auc"))
    return tuple(Value(name=".".join(key), key=key, value=0.5, path="r/slices.json") for key in keys)


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("make", [sample.catalog, hostile])
def test_a_bill_of_materials_is_valid(name: str, make: Any) -> None:
    catalog = make()
    subject = export.subject(catalog, name)
    bill = export.bill(subject, "0.1.0")
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill))
    assert fault is None, fault
    refs = [bill["metadata"]["component"]["bom-ref"], *(item["bom-ref"] for item in bill["components"])]
    assert len(refs) == len(set(refs))
    assert [item["ref"] for item in bill["dependencies"]] == refs
    assert bill["dependencies"][0]["dependsOn"] == refs[1:]
    assert bill == export.bill(subject, "0.1.0")


def test_a_bill_says_what_the_model_is_and_what_it_was_measured_by() -> None:
    subject = export.subject(hostile(), SUBJECTS[0])
    model = export.bill(subject, "0.1.0")["metadata"]["component"]
    assert (model["type"], model["name"]) == ("machine-learning-model", subject.model.name)
    assert model["licenses"] == [{"expression": "Apache-2.0 OR MIT"}]
    measured = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {"type": "month.04.auc", "value": "0.5", "slice": "month=04"} in measured
    assert {"name": "modelbook:run", "value": subject.run.id} in model["properties"]
    data = [item for item in export.bill(subject, "0.1.0")["components"] if item["type"] == "data"]
    assert [item.get("hashes") for item in data] == [[{"alg": "MD5", "content": "a" * 32}], None]


def test_a_task_that_is_declared_is_told_in_every_format() -> None:
    made = sample.catalog()
    models = tuple(replace(item, info=replace(item.info, task="tabular-regression")) for item in made.models)
    declared = replace(made, models=models)
    for catalog, task in ((made, None), (declared, "tabular-regression")):
        subject = export.subject(catalog, SUBJECTS[0])
        head = YAML(typ="safe").load(export.readme(subject)[4:].partition("\n---\n")[0])
        assert head.get("pipeline_tag") == task
        assert [result["task"] for result in head["model-index"][0]["results"]] == [{"type": task or "other"}]
        bill = export.bill(subject, "0.1.0")
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
        assert bill["metadata"]["component"]["modelCard"]["modelParameters"].get("task") == task


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("make", [sample.catalog, hostile])
def test_a_readme_has_a_model_index_that_the_hub_takes(name: str, make: Any) -> None:
    subject = export.subject(make(), name)
    text = export.readme(subject)
    assert text.startswith("---\n")
    head, _, body = text[4:].partition("\n---\n")
    found = YAML(typ="safe").load(head)
    (entry,) = found["model-index"]
    assert entry["name"] == subject.model.name
    for result in entry["results"]:
        assert result["task"]["type"]
        assert result["dataset"]["type"]
        assert result["dataset"]["name"]
        numbers = {value.name: value.number for value in subject.run.metrics}
        for metric in result["metrics"]:
            assert metric["value"] == numbers[metric["type"]]
            assert not metric["type"].startswith("month.")
    assert f"run `{subject.run.id}`" in body
    for section in subject.card.sections:
        assert f"## {section.title}" in body
    assert ("*Nobody has written this section yet.*" in body) == bool(subject.card.missing)


@pytest.mark.parametrize("name", SUBJECTS)
def test_provenance_speaks_only_of_what_it_names(name: str) -> None:
    catalog = hostile()
    subject = export.subject(catalog, name)
    graph, _node = lineage.trace(catalog, subject.name)
    found = export.provenance(subject, graph)
    named = {key for kind in ("entity", "activity", "agent") for key in found.get(kind, {})}
    relations = [
        row
        for kind, rows in found.items()
        if kind not in ("prefix", "entity", "activity", "agent")
        for row in rows.values()
    ]
    assert relations
    assert {end for row in relations for end in row.values()} <= named
    assert found["wasGeneratedBy"]
    assert found["used"]
    assert all(key.startswith("mb:") and " " not in key for key in named)


def test_names_lead_to_versions_environments_and_the_newest() -> None:
    catalog = sample.catalog()
    name = SUBJECTS[0].partition("@")[0]
    model = next(item for item in catalog.models if item.name == name)
    place, version = model.info.environments[0]
    assert export.subject(catalog, f"{name}@{place}").version.version == version
    with pytest.raises(NotThere, match="nothing can be said of 'nothing'"):
        export.subject(catalog, "nothing")
    with pytest.raises(NotThere, match="no commit holds run"):
        export.subject(catalog, sample.SCRIPT)


def test_tables_hold_every_value_once() -> None:
    catalog = sample.catalog()
    found = export.tables(catalog)
    assert [row["run"] for row in found["runs"]] == [run.id for run in catalog.runs]
    assert len(found["metrics"]) == sum(len(run.metrics) for run in catalog.runs)
    assert all(row["number"] is None or row["text"] is None for row in (*found["metrics"], *found["params"]))
    assert {row["state"] for row in found["metrics"]} >= {State.PRESENT.value, State.NOT_PULLED.value}
    for rows in found.values():
        assert len({tuple(row) for row in rows}) <= 1
    json.dumps(found, allow_nan=False)


def test_parquet_tables_come_back(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    shop = Shop(tmp_path / "shop", {"a": 0.7, "b": 0.8}, "", CARD)
    shop.ok("register", "m")
    result = CliRunner().invoke(
        main, ["export", "--repo", str(shop.path), "--format", "parquet", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    metrics = parquet.read_table(tmp_path / "out" / "metrics.parquet").to_pylist()
    assert sorted(row["number"] for row in metrics if row["name"] == "auc") == [0.7, 0.8]
    (version,) = parquet.read_table(tmp_path / "out" / "versions.parquet").to_pylist()
    assert (version["model"], version["version"], version["run"]) == ("m", "v1.0.0", shop.run("b"))


def test_the_command_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path, {"a": 0.7})
    assert "takes a MODEL@VERSION" in shop.wrong("export", "--format", "prov")
    assert "takes no MODEL" in shop.wrong("export", "m@v1.0.0")
    assert "needs --out FOLDER" in shop.wrong("export", "--format", "parquet")
    assert json.loads(shop.ok("export"))["project"] == "shop"
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    said = shop.wrong("export", "--format", "parquet", "--out", str(tmp_path / "out"))
    assert 'pip install "modelbook[parquet]"' in said
