"""What a site costs: `python benchmarks/site.py [RUNS...]` prints a table for 1,000, 5,000 and 10,000 runs.

The history is made here: a pipeline of three stages, fifty experiments of it, ten new runs with each
commit, each held by five commits, with 17 params, 9 metrics, a learning curve, a confusion matrix and the
environment of each run. Times are given twice: wall seconds, which a person waits for, and CPU seconds of
the building process and its children (user + system), which a busy machine changes less. The columns:

    pages         of runs and commits, which grow with the history
    cold          the whole build, MkDocs included, into an empty folder
    ms/run        what a run more costs (its share of its commit's page included), from the row before
    memory        the peak, with the whole Catalog in it, of all processes that stamp pages together: what
                  they share is counted once where Linux tells, in samples during the build
    rebuild       the build into the same folder after one new commit with ten new runs
    home          home page, kB gzipped
    run page      the largest run page with its own data, kB, and gzipped as a server sends it
    largest       file of the site, MB

The last lines are what MkDocs, which works in one process, needs a page, above its fixed cost, for a sample
of the very same run pages. `--processes 1` measures ours in one process, too.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from modelbook import catalog as waist
from modelbook import site
from modelbook.history import History
from modelbook.records import (
    Artifact,
    Catalog,
    Commit,
    Dependency,
    Environment,
    MetricInfo,
    PipelineInfo,
    Plot,
    Project,
    Run,
    Snapshot,
    Spec,
    Stage,
    Value,
)
from modelbook.site import crew

SIZES = (1_000, 5_000, 10_000)
EXPERIMENTS = 50
NEW = 10
"""Runs that each commit brings."""

LIVES = 5
"""Commits that hold a run."""

SAMPLE = 100
"""Pages that MkDocs builds; twice, and twice as many, so that its fixed cost cancels out."""

KINDS = ("wall", "cpu")

PACKAGES = tuple((f"package-{number:03}", f"1.{number % 7}.{number % 11}") for number in range(120))
PARAMS = ("lr", "depth", "dropout", "batch", "epochs", "optimizer.name", "optimizer.beta1", "optimizer.beta2")
MORE = tuple(f"model.layer{number}.width" for number in range(8))
METRICS = ("auc", "accuracy", "loss", "val_loss", "f1", "precision", "recall", "brier", "rows")


def digest(text: str, digits: int = 40) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


# -- a history


def share(text: str) -> float:
    """A number from 0 to 1 that the text decides."""
    return round(int(digest(text, 8), 16) / 0xFFFFFFFF, 6)


def commit(number: int, total: int) -> Commit:
    when = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return Commit(
        sha=digest(f"commit {number}"),
        parents=(digest(f"commit {number - 1}"),) if number else (),
        author="Ada",
        date=when.isoformat(timespec="seconds"),
        subject=f"Try {NEW} more, number {number}",
        refs=("main",) if number == total - 1 else (),
    )


def value(name: str, raw: Any, path: str, stage: str) -> Value:
    return Value(name=name, key=tuple(name.split(".")), value=raw, path=path, stage=stage, blob=digest(path))


def contents(blob: str) -> bytes:
    """What is in the file of a plot; a blob's id is `curve-SEED` or `confusion-SEED` here."""
    kind, _, seed = blob.partition("-")
    score = share(seed)
    if kind == "curve":
        rows = [
            f"{step}\t{score * (1 - 0.9**step):.4f}\t{1 - score * (1 - 0.88**step):.4f}" for step in range(50)
        ]
        return "\n".join(["step\tauc\tloss", *rows]).encode()
    pairs = [("late", "late", 40), ("late", "ok", int(20 * score)), ("ok", "late", 7), ("ok", "ok", 60)]
    return "\n".join(
        ["actual,predicted", *(f"{a},{p}" for a, p, count in pairs for _ in range(count))]
    ).encode()


def plots(name: str, folder: str, stage: str) -> tuple[Plot, ...]:
    curve, confusion = f"{folder}/curve.tsv", f"{folder}/confusion.csv"
    return (
        Plot(
            name="curve",
            title="Learning curve",
            x="step",
            y=((curve, "auc"), (curve, "loss")),
            files=((curve, f"curve-{name}"),),
            stage=stage,
        ),
        Plot(
            name="confusion",
            template="confusion",
            x="actual",
            y=((confusion, "predicted"),),
            files=((confusion, f"confusion-{name}"),),
            stage=stage,
        ),
    )


def read_by(*paths: str) -> tuple[Dependency, ...]:
    return tuple(Dependency(path=path, md5=digest(path, 32), size=9_000) for path in paths)


def made_by(stage: str, *paths: str, kind: str = "out") -> tuple[Artifact, ...]:
    return tuple(
        Artifact(path=path, md5=digest(path, 32), size=9_000, stage=stage, kind=kind, cached=kind == "out")
        for path in paths
    )


def stage(group: str, item: str, cmd: str, **more: Any) -> Stage:
    address = f"{group}@{item}" if item else group
    return Stage(
        address=address,
        file="dvc.yaml",
        group=group,
        item=item or None,
        cmd=cmd,
        lock=digest(f"lock {address}"),
        **more,
    )


def stages(name: str, params: tuple[Value, ...]) -> tuple[Stage, ...]:
    folder = f"out/{name}"
    ready, model = "data/ready.parquet", f"{folder}/model.bin"
    train, evaluate = f"train@{name}", f"evaluate@{name}"
    return (
        stage(
            "prepare", "", "python prepare.py", deps=read_by("data/raw.parquet", "prepare.py"),
            outs=made_by("prepare", ready),
        ),
        stage(
            "train", name, f"python train.py --out {folder}", deps=read_by(ready, "train.py"), params=params,
            outs=made_by(train, model),
        ),
        stage(
            "evaluate", name, f"python evaluate.py {folder}", deps=read_by(model, "evaluate.py"),
            outs=made_by(evaluate, f"{folder}/metrics.json", kind="metric"),
        ),
    )  # fmt: skip


def run(number: int, commits: list[Commit]) -> Run:
    first = number // NEW
    held = commits[first : first + LIVES]
    experiment = f"experiment-{first % EXPERIMENTS:02}"
    name = f"{experiment}-{number}"
    params = {
        "seed": number % NEW,
        **{key: share(f"{key} {first}") for key in PARAMS},
        **dict.fromkeys(MORE, 8 * (1 + first % 9)),
    }
    read = tuple(value(key, params[key], f"params/{name}.yaml", f"train@{name}") for key in sorted(params))
    metrics = [
        value(key, share(f"{key} {number}"), f"out/{name}/metrics.json", f"evaluate@{name}")
        for key in sorted(METRICS)
    ]
    made = stages(name, read)
    return Run(
        id=digest(name, 12),
        name=name,
        experiment=experiment,
        commit=held[0].sha,
        commits=tuple(item.sha for item in held),
        pipeline="late",
        refs=("main",) if held[-1].refs else (),
        date=held[0].date,
        author="Ada",
        tags=("sweep",),
        stages=made,
        params=read,
        metrics=tuple(metrics),
        plots=plots(name, f"out/{name}", f"evaluate@{name}"),
        artifacts=tuple(out for stage in made for out in stage.outs),
        environments=(
            Environment(
                stage=f"train@{name}",
                path=f"runs/environment/{name}/train.json",
                run=name,
                python="3.13.1",
                platform="Linux x86_64",
                cpu="A quick one",
                cores=8,
                memory=2**34,
                seconds=60 * share(f"time {name}"),
                commit=held[0].sha,
                packages=PACKAGES,
            ),
        ),
    )


def history(runs: int) -> tuple[Catalog, Callable[[str], bytes | None]]:
    """A Catalog of so many runs, and what reads the files of their plots."""
    total = runs // NEW
    commits = [commit(number, total) for number in range(total)]
    project = Project(
        name="late-flights",
        url="https://example.org/team/late-flights",
        metrics=(MetricInfo(name="auc", direction="maximize", format=".4f"),),
        pipelines=(PipelineInfo(name="late", metric="auc"),),
    )
    specs = tuple(
        Spec(
            name=f"experiment-{number:02}",
            path=f"experiments/{number:02}.yaml",
            pipeline="late",
            blob=digest(f"spec {number}"),
        )
        for number in range(EXPERIMENTS)
    )
    snapshots = tuple(Snapshot(commit=item, project=project, specs=specs) for item in reversed(commits))
    found = History(name="late-flights", head=commits[-1].sha, snapshots=snapshots)
    made = tuple(run(number, commits) for number in reversed(range(runs)))
    files = {blob: contents(blob) for item in made for plot in item.plots for _, blob in plot.files if blob}
    return waist.build(found, made), files.get


# -- what is measured; each in a process of its own


def cpu() -> float:
    """CPU seconds of this process and its children."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


class Memory:
    """The most that this process and those it forked hold together, where it is looked at."""

    def __init__(self) -> None:
        self.peak = self._asked = 0

    def look(self, *_: object) -> None:
        """Take a sample now and then: the proportional set sizes, which divide what processes share."""
        self._asked += 1
        if self._asked % 40:
            return
        family = [os.getpid(), *(child.pid for child in multiprocessing.active_children() if child.pid)]
        self.peak = max(self.peak, sum(map(self._held, family)))

    @staticmethod
    def _held(process: int) -> int:
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            return 0
        return 1024 * next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))

    @property
    def most(self) -> int:
        """In bytes; that of the first process alone where there are no samples, or it is more."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return max(own, self.peak)


def ours(runs: int, out: Path, processes: int | None) -> dict[str, float]:
    catalog, read = history(runs)
    memory = Memory()
    began, since = cpu(), time.perf_counter()
    cache = out.with_name(f"{out.name}-cache")  # of templates: empty at first, as the site is
    site.build(catalog, out, read=read, cache=cache, processes=processes, progress=memory.look)
    return {
        "cpu": cpu() - began,
        "wall": time.perf_counter() - since,
        "memory": memory.most,
        "bulk": runs + len(catalog.snapshots),
    }


def mkdocs(folder: Path) -> dict[str, float]:
    began, since = cpu(), time.perf_counter()
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", "site"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    return {"cpu": cpu() - began, "wall": time.perf_counter() - since}


def apart(what: str, *arguments: object) -> dict[str, float]:
    """Measure in a new process."""
    argv = [sys.executable, __file__, "--measure", what, *map(str, arguments)]
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(said)
    return found


def measure(what: str, *arguments: str) -> dict[str, float]:
    if what == "ours":
        return ours(int(arguments[0]), Path(arguments[1]), int(arguments[2]) or None)
    return mkdocs(Path(arguments[0]))


# -- MkDocs, on the same pages


def page_content(html: str) -> str:
    """What stands between the theme's head and foot on one of our pages."""
    article = html.partition('<article class="md-content__inner md-typeset">')[2]
    return article.partition("</article>\n          </div>")[0] or article


def pages_for_mkdocs(out: Path, folder: Path) -> dict[int, Path]:
    """Two projects for MkDocs, by how many run pages of the site in `out` are in them."""
    found = sorted((out / "runs").glob("*/index.html"))[: 2 * SAMPLE]
    projects = {count: folder / f"mkdocs-{count}" for count in (SAMPLE, 2 * SAMPLE)}
    for count, work in projects.items():
        for number, page in enumerate(found[:count]):
            target = work / "docs" / "runs" / f"{number}.md"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(
                f"<div>\n{page_content(page.read_text(encoding='utf-8'))}\n</div>\n", encoding="utf-8"
            )
        (work / "docs" / "index.md").write_text("# Home\n", encoding="utf-8")
        config = {
            "site_name": "beside",
            "use_directory_urls": False,
            "plugins": [],
            "nav": [{"Home": "index.md"}],
            "theme": {"name": "material", "font": False},
            "validation": {
                "omitted_files": "ignore",
                "links": {"not_found": "ignore", "unrecognized_links": "ignore"},
            },
        }
        (work / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
    return projects


# -- the table


def zipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), mtime=0))


def sizes(out: Path) -> tuple[float, float, float, float]:
    """(home page gzipped, largest run page with its data, that gzipped, all in kB, largest file in MB)."""
    of_runs = (
        (sum(path.stat().st_size for path in page.parent.iterdir()), page.parent)
        for page in (out / "runs").glob("*/index.html")
    )
    size, folder = max(of_runs)
    largest = max(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return (
        zipped(out / "index.html") / 1e3,
        size / 1e3,
        sum(map(zipped, folder.iterdir())) / 1e3,
        largest / 1e6,
    )


HEADS = (
    "runs",
    "pages",
    "cold wall",
    "cold CPU",
    "ms/run wall",
    "ms/run CPU",
    "memory",
    "rebuild wall",
    "rebuild CPU",
    "rebuild/cold wall",
    "rebuild/cold CPU",
    "home",
    "run page",
    "largest",
)


class Site(NamedTuple):
    """Everything that is measured at one size."""

    cold: list[dict[str, float]]
    again: list[dict[str, float]]
    sizes: list[tuple[float, float, float, float]]


def least(tries: list[dict[str, float]]) -> dict[str, float]:
    """The least of every kind: what a machine that does other things, too, needs at most."""
    return {kind: min(item[kind] for item in tries) for kind in tries[0]}


def ratio(some: list[dict[str, float]], others: list[dict[str, float]], kind: str) -> float:
    """The median of what the tries give: what is measured one after the other is measured at one pace."""
    return statistics.median(one[kind] / other[kind] for one, other in zip(some, others, strict=True))


def measure_all(
    wanted: list[int], folder: Path, processes: int, *, tries: int, mkdocs: bool
) -> tuple[dict[int, Site], dict[int, list[dict[str, float]]]]:
    """(size -> ours, number of pages -> MkDocs'). Each try is of everything, since machines change."""
    ours: dict[int, Site] = {runs: Site([], [], []) for runs in wanted}
    theirs: dict[int, list[dict[str, float]]] = {}
    projects: dict[int, Path] = {}
    for _ in range(tries):
        for runs, found in ours.items():
            out = folder / "site"
            found.cold.append(apart("ours", runs, out, processes))
            found.sizes.append(sizes(out))
            if mkdocs and runs == wanted[-1] and not projects:
                projects = pages_for_mkdocs(out, folder)
            found.again.append(apart("ours", runs + NEW, out, processes))
            for made in (out, out.with_name(f"{out.name}-cache")):
                shutil.rmtree(made)
        for count, work in projects.items():
            theirs.setdefault(count, []).append(apart("mkdocs", work))
    return ours, theirs


def slopes(found: dict[int, list[dict[str, float]]]) -> dict[int, list[dict[str, float]]]:
    """Size -> seconds that one more costs, from the size before, in each try."""
    return {
        more: [
            {kind: (large[kind] - small[kind]) / (more - few) for kind in KINDS}
            for small, large in zip(found[few], found[more], strict=True)
        ]
        for few, more in zip(found, list(found)[1:], strict=False)
    }


def row(runs: int, found: Site, slope: list[dict[str, float]]) -> list[str]:
    cold, again = least(found.cold), least(found.again)
    home, page, sent, largest = found.sizes[0]
    return [
        f"{runs:,}",
        f"{cold['bulk']:,.0f}",
        *(f"{cold[kind]:.2f} s" for kind in KINDS),
        *(f"{1e3 * statistics.median(one[kind] for one in slope):.2f}" if slope else "-" for kind in KINDS),
        f"{max(item['memory'] for item in found.cold) / 1e6:.0f} MB",
        *(f"{again[kind]:.2f} s" for kind in KINDS),
        *(f"{ratio(found.again, found.cold, kind):.2f}" for kind in KINDS),
        f"{home:.0f} kB",
        f"{page:.0f} kB, {sent:.0f} sent",
        f"{largest:.1f} MB",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="*", type=int, default=SIZES)
    parser.add_argument("--no-mkdocs", action="store_true")
    parser.add_argument("--processes", type=int, default=0, help="that stamp pages; as many as are of use")
    parser.add_argument(
        "--tries", type=int, default=1, help="of everything, in turn: the least, and medians of ratios"
    )
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    wanted = sorted(set(options.runs))
    print(f"{options.processes or crew.hands()} processes stamp pages", flush=True)
    with tempfile.TemporaryDirectory(prefix="modelbook-benchmark-") as name:
        mkdocs = not options.no_mkdocs and len(wanted) > 1
        found, theirs = measure_all(wanted, Path(name), options.processes, tries=options.tries, mkdocs=mkdocs)
    of_runs = slopes({runs: measured.cold for runs, measured in found.items()})
    print("| " + " | ".join(HEADS) + " |")
    print("|" + " --- |" * len(HEADS))
    for runs, measured in found.items():
        print("| " + " | ".join(row(runs, measured, of_runs.get(runs, []))) + " |")
    for of_pages in slopes(theirs).values():
        for kind in KINDS:
            times = ratio(of_pages, of_runs[wanted[-1]], kind)
            each = 1e3 * statistics.median(one[kind] for one in of_pages)
            print(
                f"MkDocs on {SAMPLE} of these run pages, {kind}: {each:.1f} ms a page, {times:.0f} times ours"
            )


if __name__ == "__main__":
    main()
