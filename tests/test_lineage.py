"""Graphs of what came from what."""

from __future__ import annotations

import pytest

from modelbook import catalog, lineage
from modelbook.history import History
from modelbook.lineage import UnknownNode
from modelbook.records import (
    Artifact,
    Catalog,
    Commit,
    Dataset,
    Dependency,
    ModelInfo,
    Project,
    Snapshot,
    Stage,
)


def stage(name: str, deps: tuple[str, ...], outs: tuple[str, ...]) -> Stage:
    group, at, item = name.partition("@")
    return Stage(
        address=name,
        file="dvc.yaml",
        group=group,
        item=item if at else None,
        deps=tuple(Dependency(path=path, md5=f"d{path}") for path in deps),
        outs=tuple(Artifact(path=path, md5=f"m{path}", size=1, stage=name) for path in outs),
        lock=name,
    )


STAGES = (
    stage("prepare", ("data/raw/a.csv", "src/prepare.py"), ("data/train",)),
    stage("train@a", ("data/train/x.csv",), ("out/a/model", "out/a/m.json")),
    stage("train@b", ("data/train",), ("out/b/model",)),
    stage("report", ("out",), ("report.html",)),
)


def made() -> Catalog:
    def snapshot(versions: tuple[tuple[str, str], ...]) -> Snapshot:
        info = ModelInfo(
            name="m", artifact="out/${run}/model", versions=versions, environments=(("prod", "v1"),)
        )
        return Snapshot(
            commit=Commit(sha="c1"),
            project=Project(name="p", models=(info,)),
            stages=STAGES,
            datasets=(Dataset(path="data/raw", name="raw", md5="r"),),
        )

    first = catalog.build(History(name="r", head="c1", snapshots=(snapshot(()),)))
    run = next(run for run in first.runs if run.name == "a")
    return catalog.build(
        History(name="r", head="c1", snapshots=(snapshot((("v1", run.id), ("v0", "0" * 12))),))
    )


def run_id(name: str) -> str:
    return next(run.id for run in made().runs if run.name == name)


def test_a_run_from_its_data_to_its_model() -> None:
    found = made()
    graph = lineage.of_run(next(run for run in found.runs if run.name == "a"), found)
    assert graph.edges == (
        ("artifact:data/train", "stage:train@a"),
        ("artifact:out/a/model", "model:m@v1"),
        ("data:data/raw", "stage:prepare"),
        ("data:src/prepare.py", "stage:prepare"),
        ("model:m@v1", "environment:m/prod"),
        ("stage:prepare", "artifact:data/train"),
        ("stage:train@a", "artifact:out/a/m.json"),
        ("stage:train@a", "artifact:out/a/model"),
    )
    nodes = {node.id: node for node in graph.nodes}
    assert (nodes["data:data/raw"].label, nodes["data:data/raw"].md5) == ("raw", "r")
    assert nodes["artifact:out/a/model"].run == run_id("a")
    assert list(nodes) == sorted(nodes)


def test_the_head_has_every_stage_and_shared_ones_belong_to_no_run() -> None:
    graph = lineage.of_head(made())
    nodes = {node.id: node for node in graph.nodes}
    assert nodes["stage:prepare"].run is None
    assert nodes["stage:train@b"].run == run_id("b")
    assert ("artifact:out/a/m.json", "stage:report") in graph.edges
    assert {edge for pair in graph.edges for edge in pair} <= set(nodes)


def test_neighbourhood() -> None:
    graph = lineage.of_head(made())
    near = lineage.neighbourhood(graph, "stage:train@a", up=1, down=1)
    assert [node.id for node in near.nodes] == [
        "artifact:data/train",
        "artifact:out/a/m.json",
        "artifact:out/a/model",
        "stage:train@a",
    ]
    above = lineage.neighbourhood(graph, "stage:train@a", down=0)
    assert [node.id for node in above.nodes if node.kind == "data"] == [
        "data:data/raw",
        "data:src/prepare.py",
    ]
    assert all(node.id != "artifact:out/a/model" for node in above.nodes)
    assert [n.id for n in lineage.neighbourhood(graph, "stage:train@a", up=0, down=0).nodes] == [
        "stage:train@a"
    ]


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("out/a/model", "artifact:out/a/model"),
        ("./data/train/", "artifact:data/train"),
        ("data/raw", "data:data/raw"),
        ("raw", "data:data/raw"),
        ("prepare", "stage:prepare"),
        ("stage:prepare", "stage:prepare"),
        ("m@v1", "model:m@v1"),
        ("m@v0", "model:m@v0"),
        ("m/prod", "environment:m/prod"),
    ],
)
def test_names_that_people_use(name: str, node: str) -> None:
    graph, found = lineage.trace(made(), name)
    assert found == node
    assert node in {one.id for one in graph.nodes}


def test_a_run_is_traced_whole_by_the_start_of_its_id() -> None:
    graph, found = lineage.trace(made(), run_id("a")[:6])
    assert found is None
    assert "model:m@v1" in {node.id for node in graph.nodes}


def test_an_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(UnknownNode) as wrong:
        lineage.trace(made(), "prepar")
    assert "prepare" in wrong.value.hint
    with pytest.raises(UnknownNode):
        lineage.trace(made(), "")
