"""How fast the runs table is: `python benchmarks/table.py [--runs N] [--rounds N]` prints one table.

One synthetic Catalog goes through the code that makes every site's data; our scripts and styles show it as a
site does. The same columns and values, as the list of objects that both ask for, are shown by Tabulator
and AG Grid Community from npm, set up as their documentation advises for large tables: rows and columns
drawn only in sight, widths given, no animation. All three are pages opened from files in one Chromium,
each time in a new context, in turn; the median of a few rounds counts. Milliseconds of wall time:

    first row    from the start of the navigation until the first row is painted
    ready        until all rows are in, and can be sorted
    sort         from the call to the paint: by a number, by text, by two columns
    filter       the same: a number above a bound, a word in a text, both

After each sort and filter the number of rows and the first of them are compared: all three must agree.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from modelbook import site
from modelbook.pages import rundata
from modelbook.pages.index import Index
from modelbook.records import Catalog, Commit, Experiment, MetricInfo, Project, Run, Snapshot, Value

PACKAGES = {"tabulator-tables": "6.5.3", "ag-grid-community": "36.2.0"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
METRICS = 8
PARAMS = 18
ROWS_A_COMMIT = 20


# -- the data


def catalog(count: int) -> Catalog:
    """`count` runs of 40 experiments with METRICS metrics and PARAMS params, over a line of commits."""
    dice = random.Random(1)  # noqa: S311
    commits = [
        Commit(
            sha=f"{number:040x}",
            parents=(f"{number - 1:040x}",) if number else (),
            author=("Ada", "Eve", "Lin")[number % 3],
            date=f"2024-{1 + number // 28 % 12:02d}-{1 + number % 28:02d}T10:00:00+00:00",
            subject=f"Try number {number}",
        )
        for number in range(count // ROWS_A_COMMIT + 1)
    ]
    commits[-1] = Commit(**{name: getattr(commits[-1], name) for name in ("sha", "parents")}, refs=("main",))
    runs = tuple(run(number, commits[number // ROWS_A_COMMIT], dice) for number in reversed(range(count)))
    infos = (
        MetricInfo(name="auc", direction="maximize", format=".4f"),
        MetricInfo(name="loss", direction="minimize"),
    )
    experiments = tuple(
        Experiment(name=name, pipeline="p", runs=tuple(run.id for run in runs if run.experiment == name))
        for name in dict.fromkeys(run.experiment for run in runs)
    )
    return Catalog(
        project=Project(name="benchmark", metrics=infos),
        head=commits[-1].sha,
        snapshots=tuple(Snapshot(commit=commit) for commit in reversed(commits)),
        runs=runs,
        experiments=experiments,
        metrics=infos,
    )


def run(number: int, commit: Commit, dice: random.Random) -> Run:
    experiment = f"experiment-{dice.randrange(40):02d}"
    names = ["auc", "loss", *(f"part{at}.score" for at in range(METRICS - 2))]
    params: dict[str, Any] = {
        "seed": number % 5,
        "model": dice.choice(["gbm", "forest", "linear", "network"]),
    }
    params |= {f"train.p{at:02d}": round(10 ** dice.uniform(-5, 1), 6) for at in range(PARAMS - 2)}
    return Run(
        id=f"{number:012x}",
        name=f"{experiment}-{number:06d}",
        experiment=experiment,
        commit=commit.sha,
        commits=(commit.sha,),
        pipeline="p",
        refs=commit.refs,
        date=commit.date,
        author=commit.author,
        tags=("baseline",) if number % 7 == 0 else (),
        metrics=tuple(Value(name=name, key=(name,), value=dice.random()) for name in names),
        params=tuple(Value(name=name, key=(name,), value=value) for name, value in params.items()),
    )


def records(files: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """What our files hold, as one object for each row."""
    shapes = files[0][1]["columns"]
    rows: list[dict[str, Any]] = []
    for _, part in files:
        cells = [_plain(cut) for cut in part["columns"]]
        rows += [
            {shape["key"]: values[at] for shape, values in zip(shapes, cells, strict=True)}
            for at in range(len(part["ids"]))
        ]
    return rows


def _plain(cut: dict[str, Any]) -> list[Any]:
    words = cut.get("dictionary")
    found = [words[value] if words and value is not None else value for value in cut["values"]]
    return [", ".join(value) if isinstance(value, list) else value for value in found]


# -- the pages

CLOCK = """
const number = (shape) => ["metric", "param", "number"].includes(shape.kind) && shape.key !== "params.model";
const seen = (test) => new Promise((done) => {
  const look = () => test() ? painted().then(done) : requestAnimationFrame(look);
  look();
});
const painted = () => new Promise((done) => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(performance.now());
  port2.postMessage(null);
}));
"""

OURS = """
const table = () => Modelbook.tables && Modelbook.tables.values().next().value;
const column = (key) => table().data.byKey.get(key);
window.bench = {
  row: () => document.querySelector("[data-line] [role=gridcell] a"),
  ready: () => table() && table().data.rows === table().data.total,
  sort: (keys) => {
    table().sorts = keys.map(([key, down]) => ({ column: column(key), down }));
    table().refresh();
  },
  filter: (more, word) => {
    const terms = [more && `${more[0]} > ${more[1]}`, word && `${word[0]}:${word[1]}`];
    table().query = terms.filter(Boolean).join(" and ");
    table().refresh();
  },
  shown: () => [table().rows.length, column("id").raw(table().rows[0])],
};
"""

TABULATOR = """
const data = JSON.parse(ROWS);
const table = new Tabulator("#table", {
  data, height: 700, layout: "fitData", renderVertical: "virtual", renderHorizontal: "virtual",
  nestedFieldSeparator: false, autoResize: false,
  columns: SHAPES.map((shape) => ({
    title: shape.label || shape.key, field: shape.key, width: 110,
    visible: !shape.hidden, frozen: Boolean(shape.pinned), sorter: number(shape) ? "number" : "string",
  })),
});
let built = false;
table.on("tableBuilt", () => { built = true; });
window.bench = {
  row: () => document.querySelector(".tabulator-row .tabulator-cell"),
  ready: () => built,
  sort: (keys) => keys.length
    ? table.setSort(keys.slice().reverse().map(([column, down]) => ({ column, dir: down ? "desc" : "asc" })))
    : table.clearSort(),
  filter: (more, word) => table.setFilter([
    ...(more ? [{ field: more[0], type: ">", value: more[1] }] : []),
    ...(word ? [{ field: word[0], type: "like", value: word[1] }] : []),
  ]),
  shown: () => [table.getDataCount("active"), table.getRows("active")[0].getData().id],
};
"""

AG_GRID = """
const data = JSON.parse(ROWS);
const api = agGrid.createGrid(document.querySelector("#table"), {
  rowData: data, suppressFieldDotNotation: true, animateRows: false,
  defaultColDef: { width: 110, sortable: true },
  columnDefs: SHAPES.map((shape) => ({
    headerName: shape.label || shape.key, field: shape.key, colId: shape.key, hide: Boolean(shape.hidden),
    pinned: shape.pinned ? "left" : null,
    filter: number(shape) ? "agNumberColumnFilter" : "agTextColumnFilter",
    cellDataType: number(shape) ? "number" : "text",
  })),
});
window.bench = {
  row: () => document.querySelector(".ag-row .ag-cell"),
  ready: () => Boolean(document.querySelector(".ag-row .ag-cell")),
  sort: (keys) => api.applyColumnState({
    state: keys.map(([colId, down], sortIndex) => ({ colId, sort: down ? "desc" : "asc", sortIndex })),
    defaultState: { sort: null },
  }),
  filter: (more, word) => api.setFilterModel({
    ...(more ? { [more[0]]: { filterType: "number", type: "greaterThan", filter: more[1] } } : {}),
    ...(word ? { [word[0]]: { filterType: "text", type: "contains", filter: word[1] } } : {}),
  }),
  shown: () => [api.getDisplayedRowCount(), api.getDisplayedRowAtIndex(0).data.id],
};
"""

SORTS: dict[str, list[tuple[str, bool]]] = {
    "sort number": [("metrics.auc", True)],
    "sort text": [("run", False)],
    "sort two": [("params.model", False), ("metrics.loss", False)],
}
FILTERS: dict[str, tuple[Any, Any]] = {
    "filter number": (("metrics.auc", 0.5), None),
    "filter text": (None, ("experiment", "-1")),
    "filter both": (("metrics.auc", 0.9), ("experiment", "-1")),
}


def page(styles: Sequence[str], body: str, scripts: Sequence[str]) -> str:
    links = "".join(f'<link rel="stylesheet" href="{source}">' for source in styles)
    tags = "".join(f'<script src="{source}" defer></script>' for source in ("clock.js", *scripts))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Runs</title>{links}'
        f'<body style="margin:0">{body}{tags}</body></html>'
    )


def write_pages(folder: Path, files: Sequence[tuple[str, Any]], npm: Path) -> dict[str, Path]:
    """The three pages, by name."""
    assets = site.default_folder() / "assets"
    shutil.copytree(assets, folder / "assets")
    for name, value in files:
        target = folder / "assets/data" / f"{name}.js"
        target.parent.mkdir(exist_ok=True)
        target.write_text(site.data_script(name, value), encoding="utf-8")
    rows = json.dumps(json.dumps(records(files), separators=(",", ":")))
    shapes = [
        {key: shape.get(key) for key in ("key", "label", "kind", "hidden", "pinned")}
        for shape in files[0][1]["columns"]
    ]
    (folder / "rows.js").write_text(
        f"const ROWS = {rows};\nconst SHAPES = {json.dumps(shapes)};\n", encoding="utf-8"
    )
    for name, content in (("clock", CLOCK), ("ours", OURS), ("tabulator", TABULATOR), ("aggrid", AG_GRID)):
        (folder / f"{name}.js").write_text(content, encoding="utf-8")
    tabulator, ag_grid = (npm / name / "dist" for name in ("tabulator-tables", "ag-grid-community"))
    parts = ("core", "judge", "runs-query", "runs-model", "runs-columns", "runs-table")
    grid, rows_of = '<div id="table" style="height:700px"></div>', "rows.js"
    pages = {
        "Modelbook": page(
            [f"assets/{name}.css" for name in ("modelbook", "runs-table")],
            '<div data-modelbook-table="runs" data-src="assets/data/runs.js"></div>',
            [*(f"assets/{name}.js" for name in parts), "ours.js"],
        ),
        "Tabulator": page(
            [(tabulator / "css/tabulator.min.css").as_uri()],
            grid,
            [(tabulator / "js/tabulator.min.js").as_uri(), rows_of, "tabulator.js"],
        ),
        "AG Grid": page([], grid, [(ag_grid / "ag-grid-community.min.js").as_uri(), rows_of, "aggrid.js"]),
    }
    for name, content in pages.items():
        (folder / f"{name}.html").write_text(content, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


# -- measuring

ACT = """async ([kind, arguments]) => {
  const start = performance.now();
  await bench[kind](...arguments);
  const took = (await painted()) - start;
  return [took, ...bench.shown()];
}"""


def measure(browser: Browser, target: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Milliseconds of each step, and what was shown after it."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        opened = context.new_page()
        opened.add_init_script(
            "document.addEventListener('DOMContentLoaded', () => {"
            " seen(() => window.bench && bench.row()).then((at) => { window.first = at; });"
            " seen(() => window.bench && bench.ready()).then((at) => { window.all = at; }); });"
        )
        opened.goto(target.as_uri())
        opened.wait_for_function("window.first && window.all", timeout=60_000)
        times = {"first row": opened.evaluate("window.first"), "ready": opened.evaluate("window.all")}
        shown: dict[str, Any] = {}
        for kind, cases, none in (("sort", SORTS, [[]]), ("filter", FILTERS, [None, None])):
            for name, case in cases.items():
                arguments = [case] if kind == "sort" else list(case)
                times[name], *shown[name] = opened.evaluate(ACT, [kind, arguments])
                opened.evaluate(ACT, [kind, none])
        return times, shown
    finally:
        context.close()


def compare(pages: dict[str, Path], rounds: int) -> dict[str, dict[str, float]]:
    """Table -> step -> median milliseconds."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in pages}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(rounds):
            shown = {}
            for name, target in pages.items():
                times, shown[name] = measure(browser, target)
                found[name].append(times)
            for step, result in shown["Modelbook"].items():
                different = {name: other[step] for name, other in shown.items() if other[step] != result}
                if different:
                    raise SystemExit(f"{step}: ours shows {result}, {different}")
        browser.close()
    return {
        name: {step: statistics.median(one[step] for one in times) for step in times[0]}
        for name, times in found.items()
    }


def install(folder: Path) -> Path:
    wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
    argv = [
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        *wanted,
    ]
    subprocess.run(argv, check=True)
    return folder / "node_modules"


def lines(medians: dict[str, dict[str, float]]) -> list[str]:
    others = [name for name in medians if name != "Modelbook"]
    heads = ["ms", *medians, *(f"{name}/ours" for name in others)]
    made = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for step, own in medians["Modelbook"].items():
        figures = [f"{medians[name][step]:,.0f}" for name in medians]
        ratios = [f"{medians[name][step] / own:.1f}" for name in others]
        made.append("| " + " | ".join([step, *figures, *ratios]) + " |")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="write the pages here, to look at them")
    options = parser.parse_args()
    index = Index(catalog(options.runs))
    began = time.process_time()
    files = rundata.files(index, lambda _: None, lambda name: f"assets/data/{name}.js")
    written = [len(site.data_script(name, value).encode()) for name, value in files]
    spent = time.process_time() - began
    print(
        f"{options.runs:,} runs x {len(files[0][1]['columns'])} columns: made in {spent:.2f} s CPU, "
        f"{len(files)} files of {sum(written) / 1e6:.1f} MB, the largest {max(written) / 1e6:.2f} MB, "
        f"the first {written[0] / 1e3:.0f} kB"
    )
    with tempfile.TemporaryDirectory(prefix="modelbook-benchmark-") as scratch:
        folder = options.keep or Path(scratch) / "pages"
        folder.mkdir(parents=True, exist_ok=True)
        pages = write_pages(folder, files, install(Path(scratch)))
        print("\n".join(lines(compare(pages, options.rounds))))


if __name__ == "__main__":
    main()
