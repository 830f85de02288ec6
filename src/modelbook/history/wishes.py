"""What old commits wished: mlproject.yaml, experiment specs and environment logs, read tolerantly. Pure.

`spec` refuses what it does not know; history takes what it understands and leaves the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from modelbook.errors import SpecError
from modelbook.history import files
from modelbook.history.dvcfiles import join
from modelbook.history.files import name as key_name
from modelbook.history.files import plain
from modelbook.records import (
    Dataset,
    Environment,
    Gate,
    MetricInfo,
    ModelInfo,
    MonitorInfo,
    PipelineInfo,
    Project,
    RetrainPolicy,
    Spec,
    finite,
)

_DIRECTIONS = ("maximize", "minimize")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNWORD = re.compile(r"[^a-z0-9]+")


def project(data: Mapping[Any, Any], fallback_name: str, file: str = "mlproject.yaml") -> Project:
    """A project from the content of its mlproject.yaml; its paths are relative to that file's folder."""
    return Project(
        name=_text(data.get("name")) or fallback_name,
        description=_text(data.get("description")),
        url=_text(data.get("url")),
        file=file,
        metrics=tuple(_metric(name, body) for name, body in _named(data, "metrics")),
        pipelines=tuple(_pipeline(name, body) for name, body in _named(data, "pipelines")),
        datasets=tuple(_dataset(name, body, file) for name, body in _named(data, "datasets")),
        models=tuple(
            _model(name, body, file, _mapping(data.get("metrics"))) for name, body in _named(data, "models")
        ),
        gates=tuple(gate for name, body in _named(data, "metrics") for gate in _gates(name, body)),
        requirements=tuple(
            (name, _texts(body.get("requires"))) for name, body in _named(data, "environments")
        ),
        monitors=tuple(_monitor(name, body) for name, body in _named(data, "monitors")),
    )


def _monitor(name: str, body: Mapping[Any, Any]) -> MonitorInfo:
    kept = body.get("retention")
    return MonitorInfo(
        name=name,
        description=_text(body.get("description")),
        model=_text(body.get("model")),
        environment=_text(body.get("environment")),
        schedule=_text(body.get("schedule")),
        retention=kept if type(kept) is int and kept > 0 else 0,
    )


def faults(content: bytes) -> tuple[str, ...]:
    """What today's strict rules find wrong with an mlproject.yaml; it is read all the same.

    Raises:
        Unreadable: it is no text.
    """
    from modelbook.spec import parse_project

    try:
        parse_project(files.text(content))
    except SpecError as error:
        return tuple(f"line {issue.line}: {issue.message}" for issue in error.issues)
    except Exception as error:  # rules made for today's files must not take an old history down
        return (f"it cannot be checked: {type(error).__name__}",)
    return ()


def experiments_folder(data: Mapping[Any, Any]) -> str:
    """Where a project keeps its specs, relative to it."""
    folder = data.get("experiments")
    return folder.strip("/") if isinstance(folder, str) and folder.strip("/") else "experiments"


def spec(path: str, blob: str, data: Mapping[Any, Any]) -> Spec:
    """A spec from its content; its name is the file's stem unless it says otherwise."""
    raw: dict[str, Any] = plain(dict(data))
    card = raw.get("card")
    return Spec(
        name=_text(raw.get("name")) or _stem(path),
        path=path,
        blob=blob,
        pipeline=_text(raw.get("pipeline")),
        description=_text(raw.get("description")),
        extends=_text(raw.get("extends")),
        owner=_text(raw.get("owner")),
        tags=_texts(raw.get("tags")),
        card={key: _text(value) for key, value in card.items()} if isinstance(card, dict) else {},
        card_file=card.strip() if isinstance(card, str) else "",
        raw=raw,
    )


def inherit(specs: Sequence[Spec]) -> tuple[Spec, ...]:
    """The specs of one commit, each with its `extends` chain and what it takes from there."""
    by_name = {spec.name: spec for spec in specs}
    return tuple(_inherited(spec, tuple(_chain(spec, by_name))) for spec in specs)


def _chain(spec: Spec, by_name: Mapping[str, Spec]) -> Iterator[Spec]:
    met = {spec.name}
    parent = by_name.get(_stem(spec.extends))
    while parent is not None and parent.name not in met:
        met.add(parent.name)
        yield parent
        parent = by_name.get(_stem(parent.extends))


def _inherited(spec: Spec, chain: tuple[Spec, ...]) -> Spec:
    if not chain:
        return spec
    line = (spec, *chain)
    return replace(
        spec,
        chain=chain,
        pipeline=next((link.pipeline for link in line if link.pipeline), ""),
        owner=next((link.owner for link in line if link.owner), ""),
        tags=next((link.tags for link in line if "tags" in link.raw), ()),
    )


def _stem(path: str) -> str:
    """A file's name without its folder and YAML suffix, which is the name of its spec."""
    return path.rpartition("/")[2].removesuffix(".yaml").removesuffix(".yml")


def card_sections(markdown: str) -> dict[str, str]:
    """A Markdown card by its headings: `## Intended use` starts the section `intended_use`.

    What stands before the first heading of the second level is the section `about`; a first-level heading is
    the card's own title and left out. Headings inside fenced code are code.
    """
    found: dict[str, list[str]] = {}
    key, fence = "about", ""
    for line in markdown.splitlines():
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        heading = None if fence else _HEADING.match(line)
        if heading and len(heading[1]) == 2:
            key = _UNWORD.sub("_", heading[2].lower()).strip("_") or "about"
        elif not (heading and len(heading[1]) == 1):
            found.setdefault(key, []).append(line)
    sections = {key: "\n".join(lines).strip() for key, lines in found.items()}
    return {key: text for key, text in sections.items() if text}


def environment(path: str, blob: str, data: Mapping[Any, Any]) -> Environment:
    """What a stage ran on, from `.../RUN/STAGE.json`."""
    folder, _slash, file = path.rpartition("/")
    git = _mapping(data.get("git"))
    return Environment(
        stage=_text(data.get("stage")) or file.removesuffix(".json"),
        path=path,
        blob=blob,
        run=_text(data.get("run")) or folder.rpartition("/")[2],
        python=_text(data.get("python")),
        platform=_text(data.get("platform")),
        cpu=_text(data.get("cpu")),
        cores=_whole(data.get("cores")),
        memory=_whole(data.get("memory")),
        gpus=_texts(data.get("gpus")),
        seconds=finite(data.get("seconds")),
        peak_memory=_whole(data.get("peak_memory")),
        commit=_text(data.get("commit") or git.get("commit")) or None,
        dirty=_flag(data.get("dirty", git.get("dirty"))),
        packages=tuple(sorted(_packages(data.get("packages")))),
    )


def _metric(name: str, body: Mapping[Any, Any]) -> MetricInfo:
    direction = body.get("direction")
    return MetricInfo(
        name=name,
        direction=direction if direction in _DIRECTIONS else None,
        unit=_text(body.get("unit")),
        format=_text(body.get("format")),
        description=_text(body.get("description")),
    )


def _gates(name: str, body: Mapping[Any, Any]) -> Iterator[Gate]:
    """The rules of a metric; one that is no number of the right kind is left out, as a typo would be."""
    yield from _rules(name, _mapping(body.get("gates")), body.get("direction"))


def _rules(name: str, wanted: Mapping[Any, Any], direction: Any) -> Iterator[Gate]:
    rule = Gate(
        metric=name,
        kind="",
        direction=direction if direction in _DIRECTIONS else None,
        atol=abs(finite(wanted.get("atol")) or 0.0),
        rtol=abs(finite(wanted.get("rtol")) or 0.0),
    )
    for kind in ("floor", "ceiling", "min_delta", "max_regression"):
        if (limit := finite(wanted.get(kind))) is not None:
            yield replace(rule, kind=kind, limit=limit)
    if wanted.get("must_not_change") is True:
        yield replace(rule, kind="must_not_change")


def _pipeline(name: str, body: Mapping[Any, Any]) -> PipelineInfo:
    return PipelineInfo(
        name=name,
        description=_text(body.get("description")),
        metric=_text(body.get("metric")),
        datasets=_texts(body.get("datasets")),
    )


def _dataset(name: str, body: Mapping[Any, Any], file: str) -> Dataset:
    return Dataset(
        path=_beside(file, body.get("path")),
        name=name,
        file=file,
        source=_text(body.get("source")),
        license=_text(body.get("license")),
        url=_text(body.get("url")),
        description=_text(body.get("description")),
    )


def _model(name: str, body: Mapping[Any, Any], file: str, metrics: Mapping[Any, Any]) -> ModelInfo:
    return ModelInfo(
        name=name,
        pipeline=_text(body.get("pipeline")),
        artifact=_beside(file, body.get("artifact")),
        description=_text(body.get("description")),
        task=_text(body.get("task")),
        owner=_text(body.get("owner")),
        license=_text(body.get("license")),
        versions=_pairs(body.get("versions")),
        deprecated=_pairs(body.get("deprecated")),
        environments=_pairs(body.get("environments")),
        file=file,
        retrain=_retrain(body["retrain"], metrics) if isinstance(body.get("retrain"), dict) else None,
    )


def _retrain(body: Mapping[Any, Any], metrics: Mapping[Any, Any]) -> RetrainPolicy:
    """A policy; what it leaves out is as `spec` has it."""
    budget, kinds = _mapping(body.get("budget")), _texts(body.get("breach"))
    gates = [
        rule
        for name, wanted in _named(body, "gates")
        for rule in _rules(name, wanted, _mapping(metrics.get(name)).get("direction"))
    ]
    return RetrainPolicy(
        on=_texts(body.get("on")),
        monitor=_text(body.get("monitor")),
        kinds=kinds or ("quality", "drift", "performance"),
        every=_whole(body.get("every")) or 1,
        schedule=_text(body.get("schedule")),
        experiment=_text(body.get("experiment")),
        param=_text(body.get("param")),
        windows=tuple(_windows(body.get("window"))),
        metric=_text(body.get("metric")),
        gates=tuple(gates),
        retrains=_whole(budget.get("retrains")) or 4,
        periods=_whole(budget.get("periods")) or 12,
        runs=_whole(budget.get("runs")) or 0,
        hours=finite(budget.get("hours")) or 0.0,
        cool_down=_whole(budget.get("cool_down")) or 0,
        environment=_text(body.get("environment")),
        assign=body.get("assign") is True,
    )


def _windows(value: Any) -> Iterator[tuple[str, int]]:
    for one in value if isinstance(value, list) else [value]:
        body = one if isinstance(one, dict) else {"kind": one}
        if body.get("kind") in ("expanding", "rolling"):
            yield body["kind"], _whole(body.get("size")) or 0


def _beside(file: str, path: Any) -> str:
    """A path that a file names relative to its own folder; as it is written where that is the root."""
    folder = file.rpartition("/")[0]
    return join(folder, path) if folder and _text(path) else _text(path)


def _named(data: Mapping[Any, Any], key: str) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    for name, body in _mapping(data.get(key)).items():
        yield key_name(name), _mapping(body)


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((key_name(key), _text(item)) for key, item in _mapping(value).items())


def _packages(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, version in value.items():
            yield key_name(name), _text(version)
    elif isinstance(value, list):
        for item in value:
            name, _equals, version = _text(item).partition("==")
            yield name, version


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(item) for item in value)
    return () if value is None else (_text(value),)


def _whole(value: Any) -> int | None:
    found = finite(value)
    return None if found is None else int(found)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
