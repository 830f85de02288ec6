"""A Catalog as pages: what stands on each, and where. Pure: templates and engines are the site's business.

    catalog -> compose -> Page(path, template, title, context)

Addresses in contexts are relative to the site's root (`runs/0123456789ab/index.html`); texts are as the
repository has them, on one line where a page needs one, and must be escaped by whoever renders them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from modelbook.errors import Issue
from modelbook.pages import (
    batches,
    changes,
    commits,
    compare,
    data,
    deployments,
    experiments,
    graphs,
    home,
    inforce,
    keys,
    models,
    monitoring,
    retraining,
    rundata,
    runfacts,
    runs,
    shelf,
    text,
    verdicts,
)
from modelbook.pages.curves import Known
from modelbook.pages.drawings import Album
from modelbook.pages.index import Index, commit_href, experiment_href, model_href, run_href
from modelbook.pages.ledger import Code, Ledger, code_shards, commit_index, run_index
from modelbook.pages.steps import Steps, finished
from modelbook.records import WORKSPACE, Catalog, Experiment, Problem, Run, Watch
from modelbook.verdict import Verdict

if TYPE_CHECKING:
    from modelbook.pages.reports import Made

Read = Callable[[str], bytes | None]
"""Git blob id -> its content, or None when it cannot be read."""


class Data(msgspec.Struct, frozen=True, gc=False):
    """Plain data that a script of a page loads.

    Attributes:
        name: what it is asked for by.
        path: of the script that holds it, from the site's root.
    """

    name: str
    path: str
    value: Any


class Page(msgspec.Struct, frozen=True, gc=False):
    """One page.

    Attributes:
        path: of its HTML file, from the site's root, always `.../index.html`.
        title: plain text that is safe in a theme's title and navigation.
        template: without the ending; the site knows which engine and suffix.
        context: a frozen struct; the template sees it as `page`.
        bulk: kind of a page there may be thousands of (`experiment`, `run`, `commit`), else empty.
        nav: label in the navigation, empty for pages that are reached by links.
        search: what the search finds it by, besides the title; None for pages it does not list.
        kind: what the search says it is.
        files: (address from the site's root, Git blob id) of images the page shows.
        data: what scripts of the page load; it is written with the page, and follows from it alone.
    """

    path: str
    title: str
    template: str
    context: Any
    bulk: str = ""
    nav: str = ""
    search: str | None = None
    kind: str = ""
    files: tuple[tuple[str, str], ...] = ()
    data: tuple[Data, ...] = ()


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A bulk page that is only made when somebody asks for it.

    Attributes:
        path, bulk: as the page will have them.
        key: gives the digest of everything the page derives from, but the files of its plots: those are
            known by the ids of their content. Empty for a page that must be made each time.
        steps: make it. Drafts may be made, or passed over, in any order, one by one or step by step.
        title, search, kind: as the page will have them, where the search lists it.
    """

    path: str
    bulk: str
    key: Callable[[], str]
    steps: Callable[[], Steps[Page]]
    title: str = ""
    search: str | None = None
    kind: str = ""

    def make(self) -> Page:
        """The page."""
        return finished(self.steps())


def data_href(name: str) -> str:
    """Address of data that is no single run's or commit's, from the site's root."""
    return f"assets/data/{name}.js"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a site is made of.

    Attributes:
        items: every hand-sized page, then drafts of the others, one at a time.
        gather: gives data of no single page, and digests of all runs. It takes long, and may be called in
            another process. What it is called with is as for `curves.curves`.
        results: takes these digests, which the keys of drafts are made of; those it lacks it finds.
        index: of the Catalog, with what was found wrong with reports.
    """

    items: Iterator[Page | Draft]
    gather: Callable[[Known], tuple[tuple[Data, ...], dict[str, bytes]]]
    results: keys.Results
    index: Index


def compose(
    catalog: Catalog, read: Read, code: Code | None = None, verdict: Verdict | None = None
) -> Iterator[Page]:
    """Every page of the site, hand-sized ones first.

    Args:
        code: what each commit did to files, for those who want it told.
        verdict: what a page of its own tells.
    """
    for item in plan(catalog, read, code, verdict).items:
        yield item.make() if isinstance(item, Draft) else item


def plan(catalog: Catalog, read: Read, code: Code | None = None, verdict: Verdict | None = None) -> Plan:
    """What `compose` makes, before it is made. Arguments as there."""
    index, album = Index(catalog), Album()
    told, faults = _told(index, read, album)
    if faults := (*catalog.faults, *faults):
        index = Index(replace(catalog, problems=(*catalog.problems, *faults)))
    results = keys.Results(index)
    items = _items(index, read, album, told, code, verdict, results)
    return Plan(items, partial(_gather, index, read, results), results, index)


def _items(
    index: Index,
    read: Read,
    album: Album,
    told: tuple[Made, ...],
    code: Code | None,
    verdict: Verdict | None,
    results: keys.Results,
) -> Iterator[Page | Draft]:
    catalog = index.catalog
    history = changes.History(index)
    ledger = Ledger(index, code or (lambda _: None))
    rows = changes.rows(index, history)
    name = text.plain(catalog.project.name) or "Modelbook"
    yield Page("index.html", name, "home", home.page(index, rows), nav="Home", search="", kind="page")
    if verdict:
        yield _verdict(index, verdict)
    watched = monitoring.seen(index)
    yield from _sections(index, rows, watched)
    yield from _models(index)
    yield from _monitors(index, watched)
    yield from _reports(index, told)
    yield _compare(index, ledger)
    yield _changes(index, ledger)
    newest = sorted(catalog.runs, key=lambda run: run.id not in index.current)  # HEAD's come first to images
    known, judged = keys.Keys(index, history, ledger, results), verdicts.Verdicts(index, history)
    album.settle(newest, read)
    yield from _experiments(index, known)
    yield from _watches(index, watched)
    for run in newest:
        steps = partial(_run, index, run, read, album)
        yield Draft(run_href(run.id), "run", partial(known.run, run, album), steps)
    for sha in index.snapshots:
        steps = partial(_commit, index, history, ledger, judged, sha)
        yield Draft(commit_href(sha), "commit", partial(known.commit, sha), steps)


def _told(index: Index, read: Read, album: Album) -> tuple[tuple[Made, ...], tuple[Problem, ...]]:
    """Reports, and what is wrong with them. What reads specs is imported for them alone: it takes long."""
    if not index.catalog.reports:
        return (), ()
    from modelbook.pages import reports

    told = reports.compose(index, read, album)
    return told, reports.problems(told, index.catalog.head)


def report_issues(catalog: Catalog) -> tuple[Issue, ...]:
    """All that is wrong with the blocks of a Catalog's reports."""
    from modelbook.pages import reports

    return reports.issues(Index(catalog))


def _sections(
    index: Index, rows: tuple[changes.Row, ...], seen: tuple[monitoring.Seen, ...]
) -> Iterator[Page]:
    deployed = [found] if (found := deployments.page(index)) else []
    again = retraining.overview(index)
    watched = [monitoring.overview(seen, again)] if seen or again else []
    graph, nodes = graphs.page(index, data_href("lineage"))
    tried = experiments.listing(index, data_href("experiments"))
    contexts = (
        ("experiments", "Experiments", tried, "leaderboard what was tried"),
        ("runs", "Runs", runs.listing(index, data_href("runs")), "table of all runs compare filter"),
        ("models", "Models", models.listing(index), "registry versions environments"),
        ("datasets", "Datasets", data.datasets(index), "data hashes licences"),
        ("lineage", "Lineage", graph, "graph of data stages artifacts models"),
        *(("deployments", "Deployments", item, "environments promotions") for item in deployed),
        *(("monitoring", "Monitoring", item, "drift performance batches alerts") for item in watched),
        ("problems", "Problems", data.problems(index), "files that could not be read"),
    )
    shards = {
        "experiments": [("experiments", shelf.columns(index))] if tried.data else [],
        "lineage": [("lineage", nodes)] if graph.overview else [],
    }
    for name, title, context, words in contexts:
        if name == "problems":
            yield from _change_lists(rows)
        table = tuple(Data(key, data_href(key), value) for key, value in shards.get(name, ()))
        yield Page(
            f"{name}/index.html",
            title,
            name,
            context,
            nav=title,
            search=words,
            kind="page",
            data=table,
        )


def _gather(
    index: Index, read: Read, results: keys.Results, known: Known
) -> tuple[tuple[Data, ...], dict[str, bytes]]:
    """All runs, for their table, and their digests."""
    files = rundata.files(index, read, data_href, known)
    return tuple(Data(key, data_href(key), value) for key, value in files), results.of_all()


def _verdict(index: Index, found: Verdict) -> Page:
    title = f"Against {text.plain(verdicts.called(found.base))}"
    words = "gates diff pull request what changed"
    return Page(
        "verdict/index.html",
        title,
        "verdict",
        verdicts.page(index, found),
        nav="Verdict",
        search=words,
        kind="page",
    )


def _reports(index: Index, told: tuple[Made, ...]) -> Iterator[Page]:
    if not told:
        return
    from modelbook.pages import reports

    words = "documents notes what was found"
    context = reports.listing(index, told)
    yield Page("reports/index.html", "Reports", "reports", context, nav="Reports", search=words, kind="page")
    for item in told:
        yield Page(
            reports.report_href(item.report.name),
            item.title,
            "report",
            item.context,
            search=text.cut(text.line(reports.told(item)), 2000),
            kind="report",
            files=item.files,
        )


def _change_lists(rows: tuple[changes.Row, ...]) -> Iterator[Page]:
    for number, (path, context) in enumerate(changes.listings(rows)):
        first = number == 0
        words = "commits history activity" if first else None
        yield Page(
            path, "Changes", "changes", context, nav="Changes" if first else "", search=words, kind="page"
        )


def _experiments(index: Index, known: keys.Keys) -> Iterator[Draft]:
    for item in index.catalog.experiments:
        spec = item.spec
        words = " ".join(
            [spec.description if spec else "", item.pipeline, *item.tags, spec.owner if spec else ""]
        )
        page = Page(
            experiment_href(item.name),
            text.plain(item.name) or "experiment",
            "experiment",
            None,
            bulk="experiment",
            search=text.cut(text.line(words), 400),
            kind="experiment",
        )
        yield Draft(
            page.path,
            page.bulk,
            partial(known.experiment, item),
            partial(_experiment, index, item, page),
            page.title,
            page.search,
            page.kind,
        )


def _experiment(index: Index, item: Experiment, page: Page) -> Steps[Page]:
    yield from ()
    return replace(page, context=experiments.page(index, item))


def _models(index: Index) -> Iterator[Page]:
    for model in index.catalog.models:
        words = f"{model.info.description} {model.info.owner} {model.info.pipeline}"
        name = text.plain(model.name) or "model"
        yield Page(
            model_href(model.name),
            name,
            "model",
            models.page(index, model),
            search=text.cut(text.line(words), 400),
            kind="model",
        )
        for version in model.versions:
            yield Page(
                model_href(model.name, version.version),
                f"{name} {text.plain(version.version)}",
                "version",
                models.page(index, model, version),
                search=" ".join(version.environments),
                kind="model version",
            )


def _monitors(index: Index, watched: tuple[monitoring.Seen, ...]) -> Iterator[Page]:
    for item in watched:
        yield Page(
            batches.monitor_href(item.name),
            text.plain(item.name) or "monitor",
            "monitor",
            monitoring.monitor(index, item),
            search="drift performance batches",
            kind="monitor",
        )


def _watches(index: Index, watched: tuple[monitoring.Seen, ...]) -> Iterator[Draft]:
    for found in watched:
        late = inforce.came_late(found.items)
        for at, item in enumerate(found.paged):
            held = inforce.at_time_of(index, item, late.get(item.batch, ""))
            key = partial(keys.watch, found.paged, at, held)
            yield Draft(batches.batch_href(item), "batch", key, partial(_watch, found.paged, at, held))


def _watch(items: Sequence[Watch], at: int, held: inforce.InForce) -> Steps[Page]:
    yield from ()
    item = items[at]
    title = f"{text.plain(item.monitor)} {text.plain(item.batch)}".strip()
    return Page(batches.batch_href(item), title, "batch", batches.batch(items, at, held), bulk="batch")


def _run(index: Index, run: Run, read: Read, album: Album) -> Steps[Page]:
    context = yield from runs.page(index, run, read, album)
    yield
    title = f"Run {text.plain(run.name) or run.id}"
    files = tuple(drawing.image for drawing in context.plots if drawing.image)
    data = Data(context.data.text, runfacts.href(run.id), runfacts.facts(run, context.plots))
    return Page(run_href(run.id), title, "run", context, bulk="run", files=files, data=(data,))


def _commit(
    index: Index, history: changes.History, ledger: Ledger, judged: verdicts.Verdicts, sha: str
) -> Steps[Page]:
    yield from ()
    title = "Workspace" if sha == WORKSPACE else f"Commit {sha[:7]}"
    href = commit_href(sha)
    context = commits.page(index, history, ledger, judged, index.snapshots[sha])
    facts = ledger.commit(sha, (run.id for run in history.held[sha]))
    short = sha if sha == WORKSPACE else sha[:12]
    data = Data(f"commit:{short}", href.removesuffix("index.html") + "data.js", facts)
    return Page(href, title, "commit", context, bulk="commit", data=(data,))


def _compare(index: Index, ledger: Ledger) -> Page:
    return Page(
        "compare/index.html",
        "Compare runs",
        "compare",
        compare.runs(index, data_href("run-index"), data_href("runs"), data_href("commits")),
        search="compare runs parallel coordinates scatter plot curves",
        kind="page",
        data=(Data("run-index", data_href("run-index"), run_index(index, ledger)),),
    )


def _changes(index: Index, ledger: Ledger) -> Page:
    facts, code = ledger.shards(), code_shards(index, ledger)
    data = [Data("commits", data_href("commits"), commit_index(index, ledger, facts[0], code[0]))]
    for name, shards in (("facts", facts[1]), ("code", code[1])):
        data += [Data(f"{name}:{at}", data_href(f"{name}/{at}"), shard) for at, shard in enumerate(shards)]
    return Page(
        "changes/compare/index.html",
        "What changed",
        "changes-compare",
        compare.changes(index, data_href("run-index"), data_href("commits")),
        search="what changed between two commits versions tags branches diff",
        kind="page",
        data=tuple(data),
    )
