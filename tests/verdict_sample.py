"""A verdict with something of everything, made in memory."""

from __future__ import annotations

from modelbook.diff import DatasetChange, EnvironmentChange, MetricChange, ParamChange
from modelbook.gates import Judgement
from modelbook.records import (
    CodeChange,
    Dataset,
    FileChange,
    Gate,
    MetricInfo,
    Problem,
    Stale,
    State,
    Value,
)
from modelbook.seeds import Interval
from modelbook.verdict import GraphSummary, Leader, RunChange, SeedChange, Side, Verdict

BASE, HEAD = "1" * 40, "2" * 40
OLD, NEW = "a" * 12, "b" * 12


def value(found: object, name: str = "roc_auc", path: str = "results/hgb/metrics.json") -> Value:
    """A metric that is there."""
    return Value(name=name, value=found, path=path, key=(name,))


def moved(name: str, before: float, after: float, better: bool | None = None) -> MetricChange:
    """A metric that changed."""
    return MetricChange(
        name=name,
        kind="changed",
        before=value(before, name),
        after=value(after, name),
        delta=after - before,
        better=better,
        direction="maximize",
    )


def judgement(metric: str, passed: bool | None, before: float, after: float) -> Judgement:
    """What a gate says."""
    gate = Gate(metric=metric, kind="max_regression", limit=0.005, direction="maximize")
    reason = f"{metric} went from {before:g} to {after:g}"
    return Judgement(gate=gate, passed=passed, reason=reason, before=before, after=after)


def run(name: str, *metrics: MetricChange, kind: str = "changed") -> RunChange:
    """A run that is not what it was."""
    return RunChange(
        name=name,
        experiment=name,
        kind=kind,  # type: ignore[arg-type]
        pipeline="flights",
        was=f"{name}-old" if kind == "renamed" else "",
        before=None if kind == "added" else OLD,
        after=None if kind == "removed" else NEW if name == "hgb" else name.encode().hex()[:12].zfill(12),
        headline="roc_auc",
        metrics=metrics,
        params=(
            ParamChange(name="depth", kind="changed", before=value(3, "depth"), after=value(4, "depth")),
            ParamChange(name="rate", kind="added", before=None, after=value("a\nb", "rate")),
        ),
    )


def verdict() -> Verdict:
    """A gate failed; runs, params, data, code, pipeline and environment differ."""
    leader = Leader(
        what="best of flights",
        pipeline="flights",
        metric="roc_auc",
        name="hgb",
        was="hgb",
        before=OLD,
        after=NEW,
        judgements=(
            judgement("roc_auc", False, 0.7123, 0.69),
            judgement("log_loss", True, 0.5, 0.4),
            judgement("brier", None, 0.5, 0.4),
        ),
    )
    unread = Value(name="ece", path="x.json", state=State.UNREADABLE, reason="is no JSON")
    gone = Value(name="f1", path="x.json", state=State.NOT_PULLED, md5="0" * 32, size=5)
    hgb = run(
        "hgb",
        moved("roc_auc", 0.7123, 0.69, better=False),
        moved("log_loss", 0.5, 0.4, better=True),
        MetricChange(name="ece", kind="changed", before=value(0.1, "ece"), after=unread),
        MetricChange(name="f1", kind="added", before=None, after=gone),
    )
    return Verdict(
        base=Side(label="main", commit=BASE, subject="Base", date="2026-01-01T00:00:00+00:00"),
        head=Side(label="HEAD", commit=HEAD, subject="Head"),
        status="failed",
        reasons=("best of flights (hgb): roc_auc went from 0.7123 to 0.69", "train@x: code changed"),
        leaders=(leader, Leader(what="m in prod", before=OLD, after="d" * 12)),
        runs=(
            hgb,
            run("logreg", moved("roc_auc", 0.6, 0.65, better=True)),
            run("new", moved("roc_auc", 0.5, 0.55), kind="added"),
            run("gone", kind="removed"),
            run("tree", moved("roc_auc", 0.5, 0.5001), kind="renamed"),
        ),
        held=15,
        seeds=(
            SeedChange(
                experiment="hgb",
                names=("hgb-1", "hgb-2"),
                metrics=(
                    ("roc_auc", Interval(before=1, after=2, delta=1, low=0, high=2, n_before=2, n_after=2)),
                ),
            ),
        ),
        files=(moved("rows", 3, 4),),
        params=(ParamChange(name="x", kind="removed", before=value([1, {"a": "b"}], "x"), after=None),),
        data=(
            DatasetChange(
                path="data/raw",
                kind="changed",
                before=Dataset(path="data/raw", name="raw", md5="a" * 32, size=1000, nfiles=3),
                after=Dataset(path="data/raw", name="raw", md5="b" * 32, size=2000, nfiles=4),
            ),
        ),
        graph=GraphSummary(
            added=("clean",),
            removed=("wash",),
            commands=(("train", "python a.py", "python b.py"),),
            edges_added=(("clean", "train"),),
            edges_removed=(("wash", "train"),),
        ),
        environment=(EnvironmentChange(name="package numpy", before=("1.0",), after=("2.0", "2.1")),),
        code=CodeChange(
            files=(
                FileChange(path="src/a.py", kind="changed", added=3, removed=1),
                FileChange(path="src/b.py", kind="renamed", before="src/c.py", added=0, removed=0),
                FileChange(path="logo.png", kind="added", binary=True),
            ),
            more=7,
        ),
        stale=(Stale(stage="train@x", reason="code changed"),),
        problems=(Problem(path="bad/dvc.yaml", reason="is no YAML"),),
        metrics=(
            MetricInfo(name="roc_auc", direction="maximize", format=".4f"),
            MetricInfo(name="log_loss", direction="minimize", format=".4f"),
        ),
    )
