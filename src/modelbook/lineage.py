"""Where things come from and where they go: graphs of data, stages, artifacts, models. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from modelbook._paths import Owners, parents
from modelbook.errors import ModelbookError
from modelbook.records import (
    Artifact,
    Catalog,
    Dataset,
    Dependency,
    Deployment,
    Graph,
    Model,
    ModelVersion,
    Node,
    Run,
    Snapshot,
    Stage,
)

_CODE = (".py", ".ipynb", ".R", ".r", ".jl", ".sh", ".sql", ".scala", ".java", ".js", ".rs", ".go", ".cpp")
"""Ends of the names of programs, which stages depend on as they do on data."""


class UnknownNode(ModelbookError):
    """Nothing in the lineage has that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else _NODE_HINT
        super().__init__(f"nothing in the lineage is called {name!r}", hint=hint)


class UnclearHash(ModelbookError):
    """The start of a hash fits several, or is too short to look for."""

    def __init__(self, start: str, found: Iterable[str]) -> None:
        some = ", ".join(sorted(found)[:5])
        says = f"several hashes start with {start!r}" if some else f"{start!r} is too short for a hash"
        super().__init__(says, hint=some or f"give at least {_SHORTEST} digits of it")


_NODE_HINT = (
    "a path, a stage, a run id, MODEL@VERSION, MODEL/ENVIRONMENT, deployment:NAME or md5:HASH is expected"
)
_MD5 = "md5:"
_SHORTEST = 6
_HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")


class _Builder:
    """Gathers nodes and edges; the first word on a node wins."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._edges: set[tuple[str, str]] = set()

    def add(self, node: Node) -> str:
        self._nodes.setdefault(node.id, node)
        return node.id

    def md5(self, key: str) -> str | None:
        """The hash of a node; None when there is no such node, or nobody knows."""
        return self._nodes[key].md5 if key in self._nodes else None

    def join(self, source: str, target: str) -> None:
        if source != target:
            self._edges.add((source, target))

    def graph(self) -> Graph:
        return Graph(
            nodes=tuple(self._nodes[key] for key in sorted(self._nodes)), edges=tuple(sorted(self._edges))
        )


def of_run(run: Run, models: Iterable[Model]) -> Graph:
    """The graph of one run: what it read, its stages, what it made, and the model versions it became."""
    build = _Builder()
    _add_stages(build, run.stages, run.datasets, {stage.address: run.id for stage in run.stages})
    _add_models(build, [run], models)
    return build.graph()


def of_snapshot(snapshot: Snapshot, catalog: Catalog) -> Graph:
    """The graph of a whole revision, stages that have never run included, with the models of its runs."""
    build = _Builder()
    _add_snapshot(build, snapshot, catalog)
    return build.graph()


def _add_snapshot(build: _Builder, snapshot: Snapshot, catalog: Catalog) -> None:
    held = [run for run in catalog.runs if snapshot.commit.sha in run.commits]
    owner: dict[str, str | None] = {}
    for run in held:
        for stage in run.stages:
            owner[stage.address] = None if stage.address in owner else run.id
    stages = [stage for stage in snapshot.stages if not stage.aside and not stage.orphan]
    _add_stages(build, stages, snapshot.datasets, owner)
    _add_models(build, held, catalog.models)


def of_head(catalog: Catalog) -> Graph:
    """The graph of the revision HEAD stands at; empty when there is none."""
    head = _head(catalog)
    return of_snapshot(head, catalog) if head else Graph()


def _head(catalog: Catalog) -> Snapshot | None:
    return next((found for found in catalog.snapshots if found.commit.sha == catalog.head), None)


def of_project(catalog: Catalog) -> Graph:
    """HEAD's graph, and all model versions: one whose run HEAD no longer holds comes from that run, whole.

    Such a run hangs on the data it read; data that has changed since is a node of its own.
    """
    build = _Builder()
    if head := _head(catalog):
        _add_snapshot(build, head, catalog)
    by_id = {run.id: run for run in catalog.runs}
    for model in catalog.models:
        for version in model.versions:
            run = by_id.get(version.run)
            node = _add_version(build, model, version)
            if run is not None and not (head and head.commit.sha in run.commits):
                build.join(_add_earlier(build, run), node)
    return _with_deployments(build.graph(), catalog.deployments)


def _add_earlier(build: _Builder, run: Run) -> str:
    """A run that HEAD does not hold, with its data."""
    here = build.add(
        Node(id=f"run:{run.id}", kind="run", label=run.name, run=run.id, detail="run not in HEAD")
    )
    for data in run.datasets:
        now = [f"{kind}:{data.path}" for kind in ("artifact", "data")]
        source = next((key for key in now if data.md5 and build.md5(key) == data.md5), None)
        build.join(source or build.add(_earlier(data)), here)
    return here


def _earlier(data: Dataset) -> Node:
    short = f"@{data.md5[:7]}" if data.md5 else ""
    return Node(
        id=f"data:{data.path}{short}", kind="data", label=data.name + short, md5=data.md5, size=data.size,
        nfiles=data.nfiles, detail="dataset, as it was",
    )  # fmt: skip


def without_details(graph: Graph) -> Graph:
    """The graph without code, and without metrics and plots that nothing reads: how data becomes models."""
    read = {source for source, _target in graph.edges}
    kept = {
        node.id
        for node in graph.nodes
        if not (node.kind == "data" and node.detail == "file" and node.id.endswith(_CODE))
        and not (node.detail in ("metric", "plot") and node.id not in read)
    }
    return _part(graph, kept)


def by_stage(graph: Graph) -> Graph:
    """The graph with the items of every foreach or matrix stage as one node, and so what they make.

    Where that would close a circle (an item that reads what another item of its stage made) the graph is
    returned as it is.
    """
    return _merged(graph, items_of_stages(graph))


def items_of_stages(graph: Graph) -> dict[str, tuple[str, str]]:
    """Node -> (id, label) of what `by_stage` makes it a part of; nodes that stay alone are not in it."""
    items: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.kind == "stage" and "@" in node.label:
            items.setdefault(node.label.partition("@")[0], []).append(node.id)
    joint = {stage: group for group, stages in items.items() if len(stages) > 1 for stage in stages}
    by_id = {node.id: node for node in graph.nodes}
    home = {stage: (f"stage:{group}", group) for stage, group in joint.items()}
    for source, target in graph.edges:
        if source in joint and by_id[target].kind == "artifact":
            starred = _starred(by_id[target].label, by_id[source].label)
            home[target] = (f"artifact:{starred} of {joint[source]}", starred)
    return home


def _merged(graph: Graph, home: Mapping[str, tuple[str, str]]) -> Graph:
    """The graph with nodes made one: node -> (id, label) of what it becomes a part of."""
    members: dict[str, list[Node]] = {}
    for node in graph.nodes:
        members.setdefault(home.get(node.id, (node.id, ""))[0], []).append(node)
    where = {node.id: key for key, nodes in members.items() for node in nodes}
    edges = {(where[a], where[b]) for a, b in graph.edges if where[a] != where[b]}
    if not _flows(edges):
        return graph
    nodes = tuple(_joint(key, members[key], home) for key in sorted(members))
    return Graph(nodes=nodes, edges=tuple(sorted(edges)))


def _joint(key: str, nodes: Sequence[Node], home: Mapping[str, tuple[str, str]]) -> Node:
    first = nodes[0]
    if first.id not in home:
        return first
    label = home[first.id][1] + (f" ({len(nodes)})" if len(nodes) > 1 else "")
    return Node(id=key, kind=first.kind, label=label, detail=first.detail)


def _starred(path: str, address: str) -> str:
    """An item's path with the item's name, where it stands as a word, as `*`."""
    item = re.escape(address.partition("@")[2])
    return re.sub(rf"(?<![A-Za-z0-9]){item}(?![A-Za-z0-9])", "*", path) if item else path


def _flows(edges: Iterable[tuple[str, str]]) -> bool:
    """Whether the edges close no circle."""
    above: dict[str, set[str]] = {}
    for source, target in edges:
        above.setdefault(target, set()).add(source)
    try:
        TopologicalSorter(above).prepare()
    except CycleError:
        return False
    return True


def neighbourhood(graph: Graph, node: str, up: int | None = None, down: int | None = None) -> Graph:
    """The part of a graph around a node.

    Args:
        up, down: how many steps against and along the flow; None for all of them.
    """
    ahead: dict[str, list[str]] = {}
    behind: dict[str, list[str]] = {}
    for source, target in graph.edges:
        ahead.setdefault(source, []).append(target)
        behind.setdefault(target, []).append(source)
    return _part(graph, _reach(node, behind, up) | _reach(node, ahead, down))


def around(graph: Graph, nodes: Iterable[str]) -> Graph:
    """Some nodes, what lies one step before them, and all that comes of them."""
    ahead: dict[str, list[str]] = {}
    for source, target in graph.edges:
        ahead.setdefault(source, []).append(target)
    kept = set[str]().union(*(_reach(node, ahead, None) for node in nodes))
    return _part(graph, kept | {source for source, target in graph.edges if target in kept})


def before(graph: Graph, part: Graph) -> Graph:
    """All that a part of a graph comes from and leaves out, with the nodes of the part that it leads to."""
    inside = {node.id for node in part.nodes}
    back: dict[str, list[str]] = {}
    for source, target in graph.edges:
        back.setdefault(target, []).append(source)
    ends = [node for node in inside if not inside.issuperset(back.get(node, ()))]
    return _part(graph, set[str]().union(*(_reach(node, back, None) for node in ends)))


def _part(graph: Graph, kept: set[str]) -> Graph:
    return Graph(
        nodes=tuple(found for found in graph.nodes if found.id in kept),
        edges=tuple(edge for edge in graph.edges if edge[0] in kept and edge[1] in kept),
    )


def trace(catalog: Catalog, name: str) -> tuple[Graph, str | None]:
    """The graph that holds what a person names, and the node meant; None stands for the whole of a run.

    Args:
        name: a path, a stage's address or name, a run's id (or its start), `MODEL@VERSION`,
            `MODEL/ENVIRONMENT`, `deployment:NAME`, `md5:HASH` (or its start), or a node's own id.

    Raises:
        UnknownNode: nothing is called that. UnclearHash: the start of a hash fits several.
    """
    graph, node = _traced(catalog, name)
    return _with_deployments(graph, catalog.deployments, past=True), node


def _traced(catalog: Catalog, name: str) -> tuple[Graph, str | None]:
    if name.startswith(_MD5) or _HASH.fullmatch(name):
        return of_content(catalog, name.removeprefix(_MD5))
    run = _run_named(catalog.runs, name.removeprefix("run:"))
    if run is not None:
        return _from_origins(of_run(run, catalog.models), run.datasets), None
    version = _version_named(catalog.models, name) or _deployment_named(catalog.deployments, name)
    if version is not None:
        node, run_id = version
        made = catalog.run(run_id)
        graph = of_run(made, catalog.models) if made else _only_models(catalog)
        return _from_origins(_with_past(graph, catalog.models), made.datasets if made else ()), node
    head = _head(catalog)
    graph = _from_origins(of_head(catalog), head.datasets if head else ())
    node_id = _node_named(graph, name)
    if node_id is not None:
        return graph, node_id
    known = {word for node in graph.nodes for word in (node.id.partition(":")[2], node.label)}
    known |= {f"{model.name}@{found.version}" for model in catalog.models for found in model.versions}
    raise UnknownNode(name, known)


def of_content(catalog: Catalog, start: str) -> tuple[Graph, str]:
    """What has a content, by its MD5, on whatever commit: what made it, which runs read it, and which models.

    Down it leads over runs as wholes to the versions of models and where those are, or were, in force. Up
    it leads to what made it, as the oldest run with it has it.

    Args:
        start: of the hash, with or without `.dir` at its end.

    Raises:
        UnclearHash: it fits several. UnknownNode: nothing has it.
    """
    wanted = start.lower().removesuffix(".dir")
    if len(wanted) < _SHORTEST:
        raise UnclearHash(start, ())
    found = {
        run.id: {md5: path for path, md5 in _contents(run) if md5.startswith(wanted)} for run in catalog.runs
    }
    hashes = {md5 for held in found.values() for md5 in held}
    if len({md5.removesuffix(".dir") for md5 in hashes}) > 1:
        raise UnclearHash(start, hashes)
    if not hashes:
        raise UnknownNode(_MD5 + start, ())
    content = _MD5 + min(hashes)
    build = _Builder()
    having = [run for run in catalog.runs if found[run.id]]
    paths = sorted({path for held in found.values() for path in held.values()})
    build.add(Node(id=content, kind="data", label=", ".join(paths[:3]), md5=min(hashes), detail="content"))
    for run in having:
        if any(dep.md5 in hashes for stage in run.stages for dep in stage.deps):
            build.join(content, _add_whole(build, run, catalog.models))
        elif any(out.md5 in hashes for stage in run.stages for out in stage.outs):
            _join_made(build, run, hashes, content, catalog.models)
    graph = _joined(build.graph(), _above(having[-1], hashes, content, catalog.models))
    return _with_past(graph, catalog.models), content


def _contents(run: Run) -> Iterator[tuple[str, str]]:
    """(path, MD5) of all that a run read and made."""
    for stage in run.stages:
        yield from ((item.path, item.md5) for item in stage.deps if item.md5)
        yield from ((item.path, item.md5) for item in stage.outs if item.md5)
    yield from ((item.path, item.md5) for item in run.datasets if item.md5)


def _add_whole(build: _Builder, run: Run, models: Iterable[Model]) -> str:
    """A run as one node, with the versions it became."""
    here = build.add(Node(id=f"run:{run.id}", kind="run", label=run.name, run=run.id, detail=run.date[:10]))
    for model in models:
        for version in model.versions:
            if version.run == run.id:
                build.join(here, _add_version(build, model, version))
    return here


def _join_made(
    build: _Builder, run: Run, hashes: Collection[str], content: str, models: Iterable[Model]
) -> None:
    """Versions whose own file a content is."""
    for model in models:
        path = model.info.artifact.replace("${run}", run.name)
        own = any(out.path == path and out.md5 in hashes for stage in run.stages for out in stage.outs)
        for version in model.versions if own else ():
            if version.run == run.id:
                build.join(content, _add_version(build, model, version))


def _above(run: Run, hashes: Collection[str], content: str, models: Iterable[Model]) -> Graph:
    """What made a content in one run: its graph up to there, with the content in the place of its node."""
    graph = _from_origins(of_run(run, models), run.datasets)
    own = [node.id for node in graph.nodes if node.md5 in hashes and node.kind in ("data", "artifact")]
    parts = [neighbourhood(graph, node, down=0) for node in own]
    edges = {(a, content if b in own else b) for part in parts for a, b in part.edges}
    nodes = {node.id: node for part in parts for node in part.nodes if node.id not in own}
    return Graph(nodes=tuple(nodes[key] for key in sorted(nodes)), edges=tuple(sorted(edges)))


def _joined(one: Graph, other: Graph) -> Graph:
    nodes = {node.id: node for node in (*other.nodes, *one.nodes)}
    edges = tuple(sorted({*one.edges, *other.edges}))
    return Graph(nodes=tuple(nodes[key] for key in sorted(nodes)), edges=edges)


def _from_origins(graph: Graph, datasets: Iterable[Dataset]) -> Graph:
    """The graph with the places that data was imported from, each with its revision there.

    Where a stage brings the data in, the place is what that stage reads.
    """
    made = {target: source for source, target in graph.edges if target.startswith("artifact:")}
    ids = {node.id for node in graph.nodes}
    nodes, edges = [], []
    for data in datasets:
        place = f"{data.source}@{data.revision}" if data.revision else data.source
        target = next((key for key in (f"data:{data.path}", f"artifact:{data.path}") if key in ids), None)
        if place and target:
            key = f"source:{place}"
            nodes.append(Node(id=key, kind="source", label=data.source, detail=data.revision))
            edges.append((key, made.get(target, target)))
    return _joined(graph, Graph(nodes=tuple(nodes), edges=tuple(edges)))


def _with_past(graph: Graph, models: Iterable[Model]) -> Graph:
    """The graph with the environments that its versions were in force in, and no longer are."""
    ids = {node.id for node in graph.nodes}
    nodes, edges = [], []
    for model in models:
        until: dict[str, str] = {}
        for move in model.promotions:  # newest first
            key = f"model:{model.name}@{move.version}"
            ended = until.get(move.environment)
            if ended and key in ids:
                place = f"{model.name}/{move.environment}"
                past = f"environment:{place}@{move.date[:10]}"
                detail = f"from {move.date[:10]} to {ended}"
                nodes.append(Node(id=past, kind="environment", label=place, detail=detail))
                edges.append((key, past))
            until[move.environment] = move.date[:10]
    return _joined(graph, Graph(nodes=tuple(nodes), edges=tuple(edges)))


def _with_deployments(graph: Graph, logs: Iterable[Deployment], *, past: bool = False) -> Graph:
    """The graph with where its versions were deployed, as the logs say; with `past`, and no longer are."""
    ids, joined = {node.id for node in graph.nodes}, set(graph.edges)
    good: dict[str, list[Deployment]] = {}
    for item in logs:
        if item.outcome == "deployed":
            good.setdefault(item.deployment, []).append(item)
    nodes, edges = [], []
    for name, items in good.items():
        for item, after in zip(items, [*items[1:], None], strict=True):
            version, place = (
                f"model:{item.model}@{item.version}",
                f"environment:{item.model}/{item.environment}",
            )
            if version not in ids or (after and not past):
                continue
            key = f"deployment:{name}" + (f"@{item.date[:10]}" if after else "")
            when = f"from {item.date[:10]} to {after.date[:10]}" if after else f"since {item.date[:10]}"
            nodes.append(Node(id=key, kind="deployment", label=name, detail=when))
            edges.append((place if (version, place) in joined and not after else version, key))
    return _joined(graph, Graph(nodes=tuple(nodes), edges=tuple(edges)))


def _deployment_named(logs: Iterable[Deployment], name: str) -> tuple[str, str] | None:
    """The node of a deployment, and the run of what was deployed there last."""
    runs = [
        item.run for item in logs if f"deployment:{item.deployment}" == name and item.outcome == "deployed"
    ]
    return (name, runs[-1]) if runs else None


def _reach(start: str, steps: dict[str, list[str]], limit: int | None) -> set[str]:
    found = {start}
    edge = [start]
    while edge and (limit is None or limit > 0):
        edge = sorted({target for node in edge for target in steps.get(node, ())} - found)
        found.update(edge)
        limit = None if limit is None else limit - 1
    return found


def _add_stages(
    build: _Builder,
    stages: Sequence[Stage],
    datasets: Iterable[Dataset],
    owner: dict[str, str | None] | dict[str, str],
) -> None:
    made = Owners((out.path, f"artifact:{out.path}") for stage in stages for out in stage.outs)
    known = {dataset.path: dataset for dataset in datasets}
    for stage in stages:
        run = owner.get(stage.address)
        here = build.add(
            Node(
                id=f"stage:{stage.address}", kind="stage", label=stage.address, run=run, command=stage.cmd,
                lock=stage.lock or "",
            )
        )  # fmt: skip
        for out in stage.outs:
            build.join(here, build.add(_artifact(out, run)))
    for stage in stages:
        for dep in stage.deps:
            for source in made.of(dep.path) or [build.add(_data(dep, known))]:
                build.join(source, f"stage:{stage.address}")


def _artifact(out: Artifact, run: str | None) -> Node:
    return Node(
        id=f"artifact:{out.path}",
        kind="artifact",
        label=out.path,
        run=run,
        md5=out.md5,
        size=out.size,
        detail=out.kind,
        nfiles=out.nfiles,
    )


def _data(dep: Dependency, datasets: dict[str, Dataset]) -> Node:
    """A path that no stage makes: a dataset (or a part of one), or a plain file such as code."""
    dataset = next((datasets[path] for path in parents(dep.path) if path in datasets), None)
    path = dataset.path if dataset else dep.path
    whole = dataset is None or dataset.path == dep.path
    return Node(
        id=f"data:{path}",
        kind="data",
        label=dataset.name if dataset else path,
        md5=(dep.md5 if whole else None) or (dataset.md5 if dataset else None),
        size=(dep.size if whole else None) or (dataset.size if dataset else None),
        detail="dataset" if dataset else "file",
        nfiles=(dep.nfiles if whole else None) or (dataset.nfiles if dataset else None),
    )


def _add_models(build: _Builder, runs: Sequence[Run], models: Iterable[Model]) -> None:
    by_id = {run.id: run for run in runs}
    for model in models:
        for version in model.versions:
            run = by_id.get(version.run)
            if run is not None:
                build.join(_model_source(build, run, model), _add_version(build, model, version))


def _model_source(build: _Builder, run: Run, model: Model) -> str:
    """The artifact a version is made of; the run itself when the declared path is none of its artifacts."""
    path = model.info.artifact.replace("${run}", run.name)
    if any(out.path == path for out in run.artifacts):
        return f"artifact:{path}"
    return build.add(Node(id=f"run:{run.id}", kind="run", label=run.name, run=run.id))


def _add_version(build: _Builder, model: Model, version: ModelVersion) -> str:
    label = f"{model.name}@{version.version}"
    node = build.add(Node(id=f"model:{label}", kind="model", label=label, run=version.run))
    for name in version.environments:
        place = f"{model.name}/{name}"
        build.join(node, build.add(Node(id=f"environment:{place}", kind="environment", label=place)))
    return node


def _only_models(catalog: Catalog) -> Graph:
    """Versions and environments alone: all that is known of a version whose run is in no history."""
    build = _Builder()
    for model in catalog.models:
        for version in model.versions:
            _add_version(build, model, version)
    return build.graph()


def _run_named(runs: Sequence[Run], name: str) -> Run | None:
    if len(name) < 4:
        return None
    found = [run for run in runs if run.id.startswith(name)]
    return found[0] if len(found) == 1 else None


def _version_named(models: Iterable[Model], name: str) -> tuple[str, str] | None:
    for model in models:
        for version in model.versions:
            if name.removeprefix("model:") == f"{model.name}@{version.version}":
                return f"model:{model.name}@{version.version}", version.run
            for place in version.environments:
                if name.removeprefix("environment:") == f"{model.name}/{place}":
                    return f"environment:{model.name}/{place}", version.run
    return None


def _node_named(graph: Graph, name: str) -> str | None:
    ids = {node.id for node in graph.nodes}
    path = name.removeprefix("./").rstrip("/")
    for wanted in (name, *(f"{kind}:{path}" for kind in ("artifact", "data", "stage"))):
        if wanted in ids:
            return wanted
    labelled = [node.id for node in graph.nodes if node.label in (name, path)]
    if not labelled:
        labelled = [node.id for node in graph.nodes if node.kind == "stage" and node.id.endswith(f":{name}")]
    return labelled[0] if labelled else None
