"""Graphs of what came from what."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from modelbook import catalog, lineage
from modelbook.history import History
from modelbook.lineage import UnknownNode
from modelbook.records import (
    Artifact,
    Catalog,
    Commit,
    Dataset,
    Dependency,
    Deployment,
    Graph,
    ModelInfo,
    Node,
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
    graph = lineage.of_run(next(run for run in found.runs if run.name == "a"), found.models)
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


def test_around_a_stage_is_what_it_reads_and_all_that_comes_of_it() -> None:
    near = lineage.around(lineage.of_head(made()), ["stage:train@a"])
    ids = {node.id for node in near.nodes}
    assert {
        "artifact:data/train",
        "stage:train@a",
        "artifact:out/a/model",
        "model:m@v1",
        "environment:m/prod",
    } <= ids
    assert not ids & {"stage:prepare", "data:data/raw", "stage:train@b"}


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


def test_a_version_is_traced_from_its_data_to_where_it_was_deployed() -> None:
    def deployed(name: str, version: str, date: str, outcome: str = "deployed") -> Deployment:
        facts = {"model": "m", "environment": "prod", "run": run_id("a")}
        return Deployment(deployment=name, version=version, date=date, outcome=outcome, **facts)

    logs = (
        deployed("web", "v1", "2024-01-01T00:00:00Z"),
        deployed("web", "v0", "2024-02-01T00:00:00Z"),
        deployed("web", "v1", "2024-03-01T00:00:00Z"),
        deployed("web", "v0", "2024-04-01T00:00:00Z", "rolled back"),
        deployed("yet", "v1", "2024-04-01T00:00:00Z", "failed"),
    )
    known = replace(made(), deployments=logs)
    graph, node = lineage.trace(known, "m@v1")
    assert node is not None
    down = lineage.neighbourhood(graph, node, up=0)
    assert down.edges == (
        ("environment:m/prod", "deployment:web"),
        ("model:m@v1", "deployment:web@2024-01-01"),
        ("model:m@v1", "environment:m/prod"),
    )
    assert {one.detail for one in down.nodes if one.kind == "deployment"} == {
        "since 2024-03-01",
        "from 2024-01-01 to 2024-02-01",
    }
    graph, node = lineage.trace(known, "deployment:web")
    assert node == "deployment:web"
    assert "data:data/raw" in {one.id for one in lineage.neighbourhood(graph, node, down=0).nodes}
    shown = lineage.of_project(known)
    assert [one.id for one in shown.nodes if one.kind == "deployment"] == ["deployment:web"]
    with pytest.raises(UnknownNode):
        lineage.trace(known, "deployment:yet")


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


def node(id_: str, label: str = "", detail: str = "") -> Node:
    return Node(id=id_, kind=id_.partition(":")[0], label=label or id_.partition(":")[2], detail=detail)


def test_details_are_code_and_results_that_nothing_reads() -> None:
    graph = Graph(
        nodes=(
            node("artifact:m.json", detail="metric"),
            node("artifact:used.json", detail="metric"),
            node("data:a.csv", detail="file"),
            node("data:train.py", detail="file"),
            node("stage:report"),
            node("stage:train"),
        ),
        edges=(
            ("artifact:used.json", "stage:report"),
            ("data:a.csv", "stage:train"),
            ("data:train.py", "stage:train"),
            ("stage:train", "artifact:m.json"),
            ("stage:train", "artifact:used.json"),
        ),
    )
    short = lineage.without_details(graph)
    assert [found.id for found in short.nodes] == [
        "artifact:used.json",
        "data:a.csv",
        "stage:report",
        "stage:train",
    ]
    assert ("data:train.py", "stage:train") not in short.edges


def test_items_of_a_stage_become_one_with_what_they_make() -> None:
    graph = Graph(
        nodes=(
            node("artifact:out/a/model"),
            node("artifact:out/b/model"),
            node("data:raw"),
            node("model:m@v1.0.0"),
            node("stage:sub/dvc.yaml:train@a", "sub/dvc.yaml:train@a"),
            node("stage:sub/dvc.yaml:train@b", "sub/dvc.yaml:train@b"),
            node("stage:solo@x"),
        ),
        edges=(
            ("artifact:out/a/model", "model:m@v1.0.0"),
            ("data:raw", "stage:sub/dvc.yaml:train@a"),
            ("data:raw", "stage:sub/dvc.yaml:train@b"),
            ("stage:sub/dvc.yaml:train@a", "artifact:out/a/model"),
            ("stage:sub/dvc.yaml:train@b", "artifact:out/b/model"),
        ),
    )
    short = lineage.by_stage(graph)
    assert {found.id: found.label for found in short.nodes} == {
        "artifact:out/*/model of sub/dvc.yaml:train": "out/*/model (2)",
        "data:raw": "raw",
        "model:m@v1.0.0": "m@v1.0.0",
        "stage:solo@x": "solo@x",
        "stage:sub/dvc.yaml:train": "sub/dvc.yaml:train (2)",
    }
    assert short.edges == (
        ("artifact:out/*/model of sub/dvc.yaml:train", "model:m@v1.0.0"),
        ("data:raw", "stage:sub/dvc.yaml:train"),
        ("stage:sub/dvc.yaml:train", "artifact:out/*/model of sub/dvc.yaml:train"),
    )


def test_two_stages_with_like_results_stay_two() -> None:
    made = {f"stage:{name}": f"artifact:out/{name[-1]}/model" for name in ("x@a", "x@b", "y@c", "y@d")}
    graph = Graph(nodes=tuple(map(node, [*made, *made.values()])), edges=tuple(made.items()))
    assert lineage.by_stage(graph).edges == (
        ("stage:x", "artifact:out/*/model of x"),
        ("stage:y", "artifact:out/*/model of y"),
    )


def test_items_that_feed_each_other_stay_apart() -> None:
    graph = Graph(
        nodes=(node("artifact:o/a/x"), node("stage:s@a"), node("stage:s@b")),
        edges=(("artifact:o/a/x", "stage:s@b"), ("stage:s@a", "artifact:o/a/x")),
    )
    assert lineage.by_stage(graph) == graph
