"""What DVC's own files say: dvc.yaml, dvc.lock and `.dvc` files, from plain values to records. Pure."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from modelbook._hashes import md5_of_folder
from modelbook.history import template
from modelbook.history.files import Unreadable, plain
from modelbook.history.files import name as key_name
from modelbook.records import ModelInfo, Record

DEFAULT_PARAMS = "params.yaml"
_OUTS = {"outs": "out", "metrics": "metric", "plots": "plot"}


class OutDef(Record, frozen=True, kw_only=True):
    """An output as a stage declares it; `props` are the properties of a plot."""

    path: str
    kind: str = "out"
    cached: bool = True
    description: str = ""
    props: dict[str, Any] = msgspec.field(default_factory=dict)


class StageDef(Record, frozen=True, kw_only=True):
    """A stage of a dvc.yaml with its placeholders filled in; paths are relative to the Git root."""

    name: str
    cmd: str = ""
    wdir: str = ""
    deps: tuple[str, ...] = ()
    params: tuple[tuple[str, tuple[str, ...]], ...] = ()
    outs: tuple[OutDef, ...] = ()
    description: str = ""
    frozen: bool = False
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


class Definition(Record, frozen=True, kw_only=True):
    """All of one dvc.yaml.

    Attributes:
        metrics, params: its top-level lists. plots: (id, properties). names: of its stages.
        models: what its `artifacts:` declares.
    """

    stages: tuple[StageDef, ...] = ()
    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    plots: tuple[tuple[str, dict[str, Any]], ...] = ()
    models: tuple[ModelInfo, ...] = ()
    problems: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


class LockedOut(Record, frozen=True, kw_only=True):
    """A path with the hash the lock recorded."""

    path: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None


class Tracked(Record, frozen=True, kw_only=True):
    """One output of a `.dvc` file, with what it was imported from."""

    path: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    source: str = ""
    revision: str = ""
    description: str = ""
    metric: bool = False
    cached: bool = True


def join(folder: str, path: Any) -> str:
    """A path below a folder, normal, with forward slashes; it may start with `../` if it leads outside.

    The address of something elsewhere (`s3://bucket/key`, `remote://name/key`) stays as it is.
    """
    return _join(folder, str(path))


@lru_cache(1 << 16)
def _join(folder: str, path: str) -> str:
    if "://" in path:
        return path
    found = posixpath.normpath(posixpath.join(folder, path.replace("\\", "/")))
    return "" if found == "." else found


def text(value: Any) -> str:
    """A command or description: a list is its lines."""
    if value is None:
        return ""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


# -- dvc.yaml


def variable_files(data: Mapping[Any, Any]) -> tuple[str, ...]:
    """The files that a dvc.yaml's `vars` name, relative to it, params.yaml first; none if it uses none."""
    entries = [*_list(data.get("vars")), *_stage_vars(data)]
    named = [entry.partition(":")[0] for entry in entries if isinstance(entry, str)]
    return tuple(dict.fromkeys([DEFAULT_PARAMS, *named]))


def _stage_vars(data: Mapping[Any, Any]) -> Iterator[Any]:
    for stage in _dict(data.get("stages")).values():
        body = _dict(_dict(stage).get("do", stage))
        yield from _list(body.get("vars"))


def definition(folder: str, data: Mapping[Any, Any], variables: Mapping[str, Any]) -> Definition:
    """All stages of a dvc.yaml with foreach, matrix and `${}` worked out; one bad stage is one problem.

    Args:
        folder: of the dvc.yaml, relative to the Git root.
        variables: content of each of `variable_files`.
    """
    problems: list[str] = []
    context = _context(data.get("vars"), _dict(variables.get(DEFAULT_PARAMS)), variables, problems)
    stages: list[StageDef] = []
    named = data.get("stages")
    if named is not None and not isinstance(named, dict):
        problems.append(f"stages is not a mapping: {type(named).__name__}")
    for name, body in _dict(named).items():
        try:
            stages.extend(_stages(folder, key_name(name), body, context, variables, problems))
        except (template.Unresolved, Unreadable) as error:
            problems.append(f"stage {key_name(name)}: cannot resolve ${{{error}}}")
    metrics = [_first(entry) for entry in _filled(data.get("metrics"), context, problems)]
    params = [_first(entry) for entry in _filled(data.get("params"), context, problems)]
    return Definition(
        stages=tuple(stages),
        names=frozenset(stage.name for stage in stages),
        metrics=tuple(join(folder, path) for path in metrics if path),
        params=tuple(join(folder, path) for path in params if path),
        plots=tuple(_plots(data.get("plots"), context, problems)),
        models=tuple(_models(folder, data.get("artifacts"), context, problems)),
        problems=tuple(problems),
    )


def _filled(value: Any, context: Mapping[Any, Any], problems: list[str]) -> list[Any]:
    entries = list(value.items()) if isinstance(value, dict) else _list(value)
    found = []
    for entry in entries:
        try:
            pair = {entry[0]: entry[1]} if isinstance(entry, tuple) else entry
            found.append(template.resolve(pair, context))
        except template.Unresolved as error:
            problems.append(f"cannot resolve ${{{error}}}")
    return found


def _plots(
    value: Any, context: Mapping[Any, Any], problems: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in _filled(value, context, problems):
        if isinstance(entry, dict):
            for name, props in entry.items():
                yield key_name(name), _dict(plain(props))
        elif entry is not None:
            yield str(entry), {}


def _models(folder: str, value: Any, context: Mapping[Any, Any], problems: list[str]) -> Iterator[ModelInfo]:
    for entry in _filled(value if isinstance(value, dict) else None, context, problems):
        for name, body in entry.items():
            yield _artifact_info(folder, key_name(name), _dict(body), dvcfile=True)


def artifacts_yaml(data: Mapping[Any, Any]) -> tuple[ModelInfo, ...]:
    """What GTO's artifacts.yaml declares: name -> type, path, description, labels."""
    return tuple(
        _artifact_info("", key_name(name), body, dvcfile=False)
        for name, body in data.items()
        if isinstance(body, dict)
    )


def _artifact_info(folder: str, name: str, body: Mapping[Any, Any], *, dvcfile: bool) -> ModelInfo:
    """One artifact; in a folder of a monorepo its name is `FOLDER:NAME`, as tags and DVC Studio have it."""
    path = body.get("path")
    return ModelInfo(
        name=f"{folder}:{name}" if folder else name,
        artifact=join(folder, path) if path else "",
        description=text(body.get("desc") or body.get("description")),
        file=join(folder, "dvc.yaml") if dvcfile else "artifacts.yaml",
        type=text(body.get("type")),
        labels=tuple(text(label) for label in _list(body.get("labels"))),
    )


def _context(
    entries: Any, base: Mapping[Any, Any], variables: Mapping[str, Any], problems: list[str]
) -> dict[Any, Any]:
    context = dict(base)
    for entry in _list(entries):
        if isinstance(entry, dict):
            try:
                entry = template.resolve(entry, context)
            except template.Unresolved as error:
                problems.append(f"vars: cannot resolve ${{{error}}}")
            context = template.merge(context, entry)
        elif isinstance(entry, str):
            path, _colon, keys = entry.partition(":")
            content = _dict(variables.get(path))
            if keys:
                content = {key.strip(): content.get(key.strip()) for key in keys.split(",")}
            context = template.merge(context, content)
    return context


def _stages(
    folder: str,
    name: str,
    body: Any,
    context: Mapping[Any, Any],
    variables: Mapping[str, Any],
    problems: list[str],
) -> Iterator[StageDef]:
    if not isinstance(body, dict):
        problems.append(f"stage {name} is not a mapping: {type(body).__name__}")
        return
    inner = _dict(body.get("do", body))
    own = inner.get("vars")
    scope = _context(own, context, variables, problems) if own else dict(context)
    for suffix, extra in _items(body, scope):
        full = f"{name}@{suffix}" if suffix is not None else name
        try:
            yield _stage(folder, full, inner, {**scope, **extra})
        except template.Unresolved as error:
            problems.append(f"stage {full}: cannot resolve ${{{error}}}")


def _items(
    body: Mapping[Any, Any], context: Mapping[Any, Any]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    if "foreach" in body:
        yield from _foreach(template.resolve(body["foreach"], context))
    elif "matrix" in body:
        yield from _matrix(template.resolve(body["matrix"], context))
    else:
        yield None, {}


def _foreach(data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(data, dict):
        for key, item in data.items():
            yield template.text(key), {"key": template.text(key), "item": item}
    elif isinstance(data, list):
        composite = any(isinstance(item, dict | list) for item in data)
        for number, item in enumerate(data):
            yield (str(number) if composite else template.text(item)), {"item": item}
    else:
        raise Unreadable(f"foreach needs a list or a mapping, not {type(data).__name__}")


def _matrix(data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(data, dict) or not all(isinstance(values, list) for values in data.values()):
        raise Unreadable("matrix needs a mapping of lists")
    for choice in itertools.islice(itertools.product(*map(enumerate, data.values())), 10_000):
        item = {key: value for key, (_number, value) in zip(data, choice, strict=True)}
        parts = [
            f"{key_name(key)}{number}" if isinstance(value, dict | list) else template.text(value)
            for key, (number, value) in zip(data, choice, strict=True)
        ]
        yield "-".join(parts), {"item": item, "key": "-".join(parts)}


def _stage(folder: str, name: str, body: Mapping[Any, Any], context: Mapping[Any, Any]) -> StageDef:
    def fill(key: str) -> Any:
        return template.resolve(body.get(key), context)

    wdir = join(folder, fill("wdir") or ".")
    return StageDef(
        name=name,
        cmd=text(fill("cmd")),
        wdir=wdir,
        deps=tuple(join(wdir, dep) for entry in _list(fill("deps")) if (dep := _first(entry))),
        params=tuple(_param_defs(wdir, fill("params"))),
        outs=tuple(_out_defs(wdir, {key: fill(key) for key in (*_OUTS, "live")})),
        description=text(fill("desc")),
        frozen=bool(body.get("frozen")),
        meta=_dict(plain(fill("meta"))),
    )


def _param_defs(wdir: str, value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    plain_keys = [str(entry) for entry in _list(value) if not isinstance(entry, dict)]
    if plain_keys:
        yield join(wdir, DEFAULT_PARAMS), tuple(plain_keys)
    for entry in _list(value):
        for path, keys in _dict(entry).items():
            yield join(wdir, path), tuple(map(str, _list(keys)))


def _out_defs(wdir: str, declared: Mapping[str, Any]) -> Iterator[OutDef]:
    for key, kind in _OUTS.items():
        for entry in _list(declared[key]):
            for path, props in entry.items() if isinstance(entry, dict) else [(entry, {})]:
                yield _out_def(wdir, path, kind, _dict(plain(props)))
    for path, props in _dict(declared["live"]).items():
        summary = {"cache": False} if _dict(props).get("cache") is False else {}
        yield _out_def(wdir, f"{path}.json", "metric", summary)
        yield _out_def(wdir, path, "plot", summary)


def _out_def(wdir: str, path: Any, kind: str, props: dict[str, Any]) -> OutDef:
    return OutDef(
        path=join(wdir, path),
        kind=kind,
        cached=props.get("cache") is not False,
        description=text(props.get("desc")),
        props=props if kind == "plot" else {},
    )


# -- hashes


def content_of(entry: Mapping[Any, Any]) -> tuple[str | None, int | None, int | None]:
    """(hash, size, number of files); of a folder whose files are listed one by one, as DVC sums them up.

    DVC lists them for a remote that keeps versions itself; the hash is then that of the list.
    """
    listed = [item for item in _list(entry.get("files")) if isinstance(item, dict) and "relpath" in item]
    if not listed or _hash(entry) is not None:
        return _hash(entry), _count(entry.get("size")), _count(entry.get("nfiles"))
    digest = md5_of_folder((str(item["relpath"]), str(item.get("md5"))) for item in listed)
    return digest, sum(_count(item.get("size")) or 0 for item in listed), len(listed)


def _hash(entry: Mapping[Any, Any]) -> str | None:
    for kind in ("md5", "etag", "checksum", "md5-dos2unix"):
        if entry.get(kind) is not None:
            return str(entry[kind])
    return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


# -- .dvc files


def tracked(folder: str, data: Mapping[Any, Any]) -> tuple[Tracked, ...]:
    """The outputs of a `.dvc` file, and where `dvc import`, `import-url` and the like took them from."""
    wdir = join(folder, data.get("wdir") or ".")
    source, revision = _source(_list(data.get("deps")))
    found = []
    for entry in _list(data.get("outs")):
        if not isinstance(entry, dict) or entry.get("path") is None:
            continue
        md5, size, nfiles = content_of(entry)
        about = text(entry.get("desc") or data.get("desc"))
        found.append(
            Tracked(
                path=join(wdir, entry["path"]),
                md5=md5,
                size=size,
                nfiles=nfiles,
                source=source,
                revision=revision,
                description=about,
                metric=bool(entry.get("metric")),
                cached=entry.get("cache") is not False,
            )
        )
    return tuple(found)


def old_stage(path: str, data: Mapping[Any, Any]) -> tuple[StageDef, dict[str, Any] | None]:
    """A stage file of DVC before 1.0 (`train.dvc`, `Dvcfile`): its definition, and its lock if it ran."""
    folder, _slash, name = path.rpartition("/")
    wdir = join(folder, data.get("wdir") or ".")
    deps = [dep for dep in _list(data.get("deps")) if isinstance(dep, dict)]
    outs = [out for out in _list(data.get("outs")) if isinstance(out, dict) and out.get("path") is not None]
    params = {dep.get("path") or DEFAULT_PARAMS: dep["params"] for dep in deps if "params" in dep}
    stage = StageDef(
        name=name.removesuffix(".dvc"),
        cmd=text(data.get("cmd")),
        wdir=wdir,
        deps=tuple(join(wdir, dep["path"]) for dep in deps if "path" in dep and "params" not in dep),
        params=tuple(
            (join(wdir, file), tuple(map(key_name, _list_or_keys(keys)))) for file, keys in params.items()
        ),
        outs=tuple(_old_out(wdir, out) for out in outs),
        description=text(data.get("desc")),
        frozen=bool(data.get("frozen") or data.get("locked")),
    )
    if not any(_hash(entry) for entry in [*deps, *outs]):
        return stage, None
    values = {file: keys for file, keys in params.items() if isinstance(keys, dict)}
    files_read = [dep for dep in deps if "params" not in dep]
    return stage, {"cmd": data.get("cmd"), "deps": files_read, "params": values, "outs": outs}


def _list_or_keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else _list(value)


def _old_out(wdir: str, out: Mapping[Any, Any]) -> OutDef:
    kind = "metric" if out.get("metric") else "plot" if out.get("plot") else "out"
    props = _dict(plain(out.get("plot")))
    return _out_def(wdir, out["path"], kind, {**props, "cache": out.get("cache"), "desc": out.get("desc")})


def _source(deps: list[Any]) -> tuple[str, str]:
    for dep in deps:
        if not isinstance(dep, dict):
            continue
        repo = _dict(dep.get("repo"))
        if repo:
            where = f"{text(repo.get('url'))} {text(dep.get('path'))}".strip()
            return where, text(repo.get("rev_lock") or repo.get("rev"))
        database = _dict(dep.get("db"))
        if database:
            what = database.get("query") or database.get("table")
            return f"{text(database.get('connection'))}: {text(what)}".strip(), ""
        if dep.get("path") is not None:
            return text(dep["path"]), _version(dep)
    return "", ""


def _version(dep: Mapping[Any, Any]) -> str:
    """Which version of a file elsewhere was taken, as its keeper names it."""
    return text(dep.get("version_id") or dep.get("etag") or dep.get("checksum")).strip('"')


# -- small


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _first(entry: Any) -> Any:
    """The path of an entry that is a path or `{path: properties}`."""
    return next(iter(entry), None) if isinstance(entry, dict) else entry
