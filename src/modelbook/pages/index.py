"""Everything the pages look up in a Catalog, looked up once; and where every page stands."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from urllib.parse import quote, urlencode

import msgspec

from modelbook import judge, records, seeds
from modelbook.catalog import headlines
from modelbook.pages import text
from modelbook.records import (
    WORKSPACE,
    Catalog,
    Commit,
    Experiment,
    MetricInfo,
    Model,
    PipelineInfo,
    Reproduction,
    Run,
    Snapshot,
)

MOST_PLAIN = 30
"""With more experiments than that, scripts make one table of them, to filter, sort and group."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A text and where it leads: an address from the site's root, a web address, or nowhere (None)."""

    text: str
    href: str | None = None
    title: str = ""


Entry = tuple[str, Link | tuple[Link, ...]]
"""A fact in a list of facts: its name, and one or several values."""


class Trail:
    """The runs of one name in one experiment, oldest first: the same thing tried again and again."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = runs
        self._place = {run.id: at for at, run in enumerate(runs)}
        self._values: dict[str, list[float | None]] | None = None

    def before(self, run: Run) -> Run | None:
        """The run before this one."""
        at = self._place[run.id]
        return self.runs[at - 1] if at else None

    def last(self, run: Run, most: int) -> Sequence[Run]:
        """The last few runs up to this one."""
        end = self._place[run.id] + 1
        return self.runs[max(0, end - most) : end]

    def values(self, run: Run, metric: str, most: int) -> list[float | None]:
        """The last few finite values of a metric up to this run, None where there is none."""
        if self._values is None:
            self._values = {}
            for at, held in enumerate(self.runs):
                for found in held.metrics:
                    known = self._values.setdefault(found.name, [None] * len(self.runs))
                    known[at] = found.number
        end = self._place[run.id] + 1
        return self._values.get(metric, [])[max(0, end - most) : end]


class Index:
    """Look-ups over one Catalog. Built once for a site; nothing in it changes."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.runs: Mapping[str, Run] = {run.id: run for run in catalog.runs}
        self.experiments: Mapping[str, Experiment] = {item.name: item for item in catalog.experiments}
        self.snapshots: Mapping[str, Snapshot] = {item.commit.sha: item for item in catalog.snapshots}
        self._commit_links: dict[str, Link] = {}
        self.seed_means: dict[str, str] = {}
        self._pipeline_links: dict[str, Link] = {}
        self.infos: Mapping[str, MetricInfo] = {info.name: info for info in catalog.metrics}
        self.current: frozenset[str] = frozenset(
            run for experiment in catalog.experiments for run in experiment.current
        )

    @cached_property
    def pipelines(self) -> tuple[PipelineInfo, ...]:
        """Declared pipelines in their order, then those that only runs and experiments know."""
        declared = {info.name: info for info in self.catalog.project.pipelines}
        used = {run.pipeline for run in self.catalog.runs} | {
            item.pipeline for item in self.catalog.experiments
        }
        return (*declared.values(), *(PipelineInfo(name=name) for name in sorted(used - set(declared))))

    @cached_property
    def runs_of_pipeline(self) -> Mapping[str, Sequence[Run]]:
        """Pipeline -> its runs, newest first."""
        grouped: dict[str, list[Run]] = defaultdict(list)
        for run in self.catalog.runs:
            grouped[run.pipeline].append(run)
        return grouped

    @cached_property
    def _trails(self) -> Mapping[tuple[str, str], Trail]:
        grouped: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in reversed(self.catalog.runs):
            grouped[run.experiment, run.name].append(run)
        return {key: Trail(runs) for key, runs in grouped.items()}

    def trail(self, run: Run) -> Trail:
        """The runs of this run's name in its experiment."""
        return self._trails[run.experiment, run.name]

    @cached_property
    def _neighbours(self) -> Mapping[str, tuple[Run | None, Run | None]]:
        grouped: dict[str, list[Run]] = defaultdict(list)
        for run in reversed(self.catalog.runs):
            grouped[run.experiment].append(run)
        return {
            run.id: (runs[at - 1] if at else None, runs[at + 1] if at + 1 < len(runs) else None)
            for runs in grouped.values()
            for at, run in enumerate(runs)
        }

    def neighbours(self, run: Run) -> tuple[Run | None, Run | None]:
        """The runs of the same experiment right before and after this one."""
        return self._neighbours[run.id]

    @cached_property
    def registered(self) -> Mapping[str, Sequence[tuple[Model, str]]]:
        """Run -> the (model, version) pairs registered from it."""
        found: dict[str, list[tuple[Model, str]]] = defaultdict(list)
        for model in self.catalog.models:
            for item in model.versions:
                found[item.run].append((model, item.version))
        return found

    @cached_property
    def reproductions(self) -> Mapping[str, Reproduction]:
        """Run -> the record of its reproduction, as far as it can be believed."""
        return {item.run: item for item in self.catalog.reproductions if not item.reason}

    def reproduced(self, run_id: str) -> Link | None:
        """How a run came out when it was made again, and the record of it; None when nobody did."""
        record = self.reproductions.get(run_id)
        if record is None:
            return None
        how = {"reproduced": "reproduced", "differs": "not reproduced", "failed": "not reproduced"}
        exact = "every metric and output the same" if record.exact else "metrics within tolerance"
        why = {"reproduced": exact, "differs": "it gave other results", "failed": "a stage failed"}
        title = f"{why[record.outcome]}; by {text.line(record.by)}" if record.by else why[record.outcome]
        words = f"{how[record.outcome]} {text.day(record.date)}"
        return Link(words, self.forge("blob", record.recorded_in, record.path), title)

    @cached_property
    def tops(self) -> Mapping[str, Run | None]:
        """Pipeline -> its best run by its headline metric."""
        return {name: self.best(self.runs_of_pipeline.get(name, ()), name) for name in self.headlines}

    @cached_property
    def scores(self) -> Mapping[str, float]:
        """Run -> the headline metric of its pipeline, for the runs that have it as a finite number."""
        pairs = ((run, self.headlines.get(run.pipeline)) for run in self.catalog.runs)
        scored = ((run.id, number(run, info.name)) for run, info in pairs if info)
        return {run: score for run, score in scored if score is not None}

    def best(self, runs: Iterable[Run], pipeline: str) -> Run | None:
        """The run of a pipeline that is best by its headline metric, as the function `best` finds it."""
        info, scores = self.headlines.get(pipeline), self.scores
        scored = [(scores[run.id], run) for run in runs if run.pipeline == pipeline and run.id in scores]
        return judge.best(info, reversed(scored)) if info else None

    @cached_property
    def names(self) -> Counter[str]:
        """How many runs share a name: a name alone tells a run apart only where it is 1."""
        return Counter(run.name for run in self.catalog.runs)

    @cached_property
    def headlines(self) -> Mapping[str, MetricInfo]:
        """Pipeline -> the metric it is judged by; a pipeline without any has no entry."""
        return headlines(self.catalog)

    @cached_property
    def model_names(self) -> frozenset[str]:
        """Of all models."""
        return frozenset(item.name for item in self.catalog.models)

    @cached_property
    def dataset_names(self) -> Mapping[str, str]:
        """Path of a dataset -> its name."""
        return {item.path: item.name for item in self.catalog.datasets}

    @cached_property
    def newest(self) -> str:
        """The date of the newest commit: what stands for now, since no clock gets in."""
        dated = ((text.moment(item.commit.date) or 0.0, item.commit.date) for item in self.catalog.snapshots)
        return max(dated, default=(0.0, ""))[1]

    @cached_property
    def children(self) -> Mapping[str, Sequence[str]]:
        """Commit -> those it is a parent of, newest first."""
        found: dict[str, list[str]] = {}
        for snapshot in self.catalog.snapshots:
            for parent in snapshot.commit.parents:
                found.setdefault(parent, []).append(snapshot.commit.sha)
        return found

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Commit -> how many are newer."""
        return {sha: place for place, sha in enumerate(self.snapshots)}

    def commit(self, sha: str) -> Commit | None:
        """The commit of that sha, if its snapshot is in the Catalog."""
        snapshot = self.snapshots.get(sha)
        return snapshot.commit if snapshot else None

    def run_link(self, run: Run | str) -> Link:
        """A run by its name, or by its id when it is in no history."""
        found = self.runs.get(run) if isinstance(run, str) else run
        if found is None:
            return Link(str(run))
        return Link(text.cut(found.name, 80), run_href(found.id), f"{text.line(found.name)}, run {found.id}")

    def experiment_link(self, name: str) -> Link:
        """An experiment by its name."""
        return Link(text.cut(name, 80), experiment_href(name) if name in self.experiments else None)

    @cached_property
    def _written(self) -> Mapping[tuple[str, str | None], str]:
        """(path of a spec, its blob) -> the oldest commit that holds it so."""
        found: dict[tuple[str, str | None], str] = {}
        for snapshot in self.catalog.snapshots:
            found.update(
                dict.fromkeys(((spec.path, spec.blob) for spec in snapshot.specs), snapshot.commit.sha)
            )
        return found

    def spec_file(self, item: Experiment) -> Link:
        """The spec of an experiment, as of the commit that wrote it; where it has none, what defines it."""
        spec = item.spec
        at = self._written.get((spec.path, spec.blob)) if spec and spec.path == item.file else None
        return Link(item.file, self.forge("blob", at or self.catalog.head, item.file) if item.file else None)

    def in_lineage(self, run: Run) -> bool:
        """Whether the lineage page has a run: those of HEAD, and those that became a model version."""
        return run.id in self.current or run.id in self.registered

    def pipeline_link(self, name: str) -> Link:
        """A pipeline by its name: its table of experiments, if any experiment is of it now."""
        if name not in self._pipeline_links:
            self._pipeline_links[name] = self._link_pipeline(name)
        return self._pipeline_links[name]

    def _link_pipeline(self, name: str) -> Link:
        place = text.slug(name or "pipeline")
        if len(self.catalog.experiments) > MOST_PLAIN:
            quoted = name.replace("\\", r"\\").replace('"', r"\"")
            place = urlencode({"q": f'pipeline = "{quoted}"'})
        place = f"experiments/index.html#{place}"
        return Link(name, place if name in self._tried else None)

    @cached_property
    def _tried(self) -> frozenset[str]:
        return frozenset(item.pipeline for item in self.catalog.experiments)

    def commit_link(self, sha: str) -> Link:
        """A commit by its short id: our page of it, else the forge's. Many pages name the same."""
        found = self._commit_links.get(sha)
        if found is None:
            found = self._commit_links[sha] = self._link_commit(sha)
        return found

    def _link_commit(self, sha: str) -> Link:
        short = sha if sha == WORKSPACE else sha[:7]
        if sha in self.snapshots:
            return Link(short, commit_href(sha), text.line(self.snapshots[sha].commit.subject))
        return Link(short, self.forge("commit", sha))

    def dataset_link(self, name: str) -> Link:
        """A dataset by its name."""
        return Link(text.cut(name, 80), f"datasets/index.html#{text.slug(name)}")

    def forge(self, kind: str, sha: str, path: str = "") -> str | None:
        """Address of a commit (`commit`) or file (`blob`) on the project's forge, if it has one."""
        base = self._forge
        if not base or not sha or sha == WORKSPACE:
            return None
        at = sha if sha.isascii() and sha.isalnum() else quote(sha)
        return f"{base}/{kind}/{at}/{quote(path)}" if path else f"{base}/{kind}/{at}"

    @cached_property
    def _forge(self) -> str | None:
        return text.web(self.catalog.project.url.rstrip("/"))

    @cached_property
    def declared(self) -> frozenset[str]:
        """Names of the metrics that the project declares."""
        return frozenset(info.name for info in self.catalog.project.metrics)


def runs_href(pipeline: str, info: MetricInfo | None = None) -> str:
    """Address of the runs table showing one pipeline, the best by a metric first."""
    word = pipeline.replace("\\", "\\\\").replace('"', '\\"')
    query = f'pipeline = "{word}"'
    parts = [f"q={quote(query, safe='')}"] if pipeline else []
    if info and info.direction:
        key = quote(quote(f"metrics.{info.name}", safe=""), safe="")
        parts.append(f"sort={'-' if info.direction == 'maximize' else ''}{key}")
    return "runs/index.html" + (f"#{'&'.join(parts)}" if parts else "")


def run_href(run_id: str) -> str:
    """Address of a run's page."""
    return f"runs/{text.slug(run_id)}/index.html"


def experiment_href(name: str) -> str:
    """Address of an experiment's page."""
    return f"experiments/{text.slug(name)}/index.html"


def commit_href(sha: str) -> str:
    """Address of a commit's page. Twelve digits: nobody wants a link to change when a repository grows."""
    return f"commits/{sha if sha == WORKSPACE else sha[:12]}/index.html"


def changes_href(base: str, head: str) -> str:
    """Address of what changed between two commits (shas), or versions of models (`NAME@VERSION`)."""
    chosen = [
        (name, sha if "@" in sha or sha == WORKSPACE else sha[:12])
        for name, sha in (("base", base), ("head", head))
    ]
    return f"changes/compare/index.html#{urlencode([pair for pair in chosen if pair[1]])}"


def compare_href(runs: Iterable[str], base: str = "") -> str:
    """Address of the comparison of runs."""
    chosen = ",".join(runs)
    return f"compare/index.html#runs={chosen}" + (f"&base={base}" if base else "")


def model_href(model: str, version: str = "") -> str:
    """Address of a model's page, or of one of its versions."""
    parts = ["models", text.slug(model), *([text.slug(version)] if version else []), "index.html"]
    return "/".join(parts)


def version_href(model: Model, version: str) -> str | None:
    """Address of a version's page; None for one that is not registered."""
    known = any(item.version == version for item in model.versions)
    return model_href(model.name, version) if known else None


def number(run: Run, metric: str) -> float | None:
    """The metric's value when it is a finite number."""
    return records.number(run.metric(metric))


def best(runs: Iterable[Run], info: MetricInfo) -> Run | None:
    """The run with the best finite value; the older one of equals; None without a direction or value.

    Args:
        runs: newest first.
    """
    if info.direction is None:
        return None
    scored = [(score, run) for run in runs if (score := number(run, info.name)) is not None]
    return judge.best(info, reversed(scored))


def rule(info: MetricInfo) -> dict[str, float]:
    """What `judge.js` needs besides the direction to judge as `judge` does."""
    return {"atol": info.atol, "rtol": info.rtol, "min_delta": info.min_delta}


def tops(runs: Sequence[Run], info: MetricInfo) -> set[str]:
    """Ids of the runs that count as the best of several: what a table marks."""
    scored = [(score, run) for run in runs if (score := number(run, info.name)) is not None]
    if len(runs) < 2 or info.direction is None or not scored:
        return set()
    top = (min if info.direction == "minimize" else max)(score for score, _ in scored)
    return {run.id for score, run in scored if judge.equal(score, top, atol=info.atol, rtol=info.rtol)}


def spread(runs: Iterable[Run], metric: str) -> tuple[float, float, int] | None:
    """Mean, sample standard deviation and number of the finite values; None for fewer than two."""
    return seeds.spread([score for run in runs if (score := number(run, metric)) is not None])
