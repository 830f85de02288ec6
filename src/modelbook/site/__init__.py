"""The site: the only room that knows Jinja and MkDocs, and the only one that writes pages.

Catalog -> pages.compose -> Markdown + mkdocs.yml -> MkDocs, strict -> stamped bulk pages -> `out`
"""

from __future__ import annotations

import gc
import importlib.util
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modelbook import __version__, pages
from modelbook.pages import Draft, Page, Plan, badges
from modelbook.pages.data import ProblemsPage
from modelbook.pages.index import Index
from modelbook.pages.ledger import Code
from modelbook.records import Catalog
from modelbook.site import crew, engine, gone, manifest, output, press
from modelbook.site.aside import Aside
from modelbook.site.manifest import Manifest
from modelbook.site.notes import Notes
from modelbook.site.output import check
from modelbook.site.parts import PLOTLY
from modelbook.site.press import Press, Read, Reading, Standing, copy_images, data_script, write
from modelbook.site.themes import Theme, assets, default_folder
from modelbook.verdict import Verdict

__all__ = ["Built", "build", "check", "data_script", "default_folder", "source"]

Progress = Callable[[str, int, int], None]
"""(what is being done, how many done, how many in all)."""

SCRIPTS = ("core.js", "charts.js", "modelbook.js")
"""Assets that every page runs, in this order."""

_RARELY = 50_000
"""Objects, so many more than before, that the cycle collector waits for."""

_MANY = 500
"""Pages of runs and commits that are worth other processes."""

SEARCH = pages.data_href("search")


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes:
        pages: all there are; `kept` counts those that were taken from the site that stood there.
        problems: as many as its page of problems lists.
    """

    out: Path
    runs: int
    pages: int
    problems: int
    kept: int = 0


def build(
    catalog: Catalog,
    out: Path,
    *,
    read: Read,
    code: Code | None = None,
    verdict: Verdict | None = None,
    project: Path | None = None,
    keep: bool = True,
    cache: Path | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Built:
    """Build the site of a Catalog and put it in the place of what stood at `out`.

    Args:
        read: Git blob id -> content, for plots and images.
        code: what a commit did to files; without it no page says. verdict: what the page `verdict/` tells.
        project: the project's own `site_templates`, if it has them.
        keep: take pages that derive from the same from the site that stands at `out`. The new site is the
            same, byte for byte, as without.
        cache: where compiled templates and curves of runs are kept, for the next build.
        processes: how many stamp pages; None for as many as are of use. The site is the same.

    Raises:
        NotOurs: `out` holds something else.
        TemplateFault: a template cannot be rendered.
        SiteNotBuilt: MkDocs failed, or warned.
    """
    report = progress or (lambda *_: None)
    check(out)
    theme, reading = Theme(default_folder(), project, cache), Reading(read)
    plan = pages.plan(catalog, reading, code, verdict)
    notes = Notes(cache, out, theme.digest) if cache else None
    total = len(catalog.runs) + len(catalog.snapshots)
    if processes is None:
        processes = crew.hands() if total >= _MANY else 1
    with (
        _collector_spared(),
        output.workshop(out) as folder,
        crew.beside(partial(_gather, plan, folder / "gathered", notes), processes) as gathered,
    ):
        hand, drafts = _split(plan.items)
        report("Writing pages", 0, total)
        aside = Aside()
        _write_docs(folder / "docs", hand, theme, read, aside)
        _write_badges(folder / "docs", plan.index)
        _write_shells(folder / "docs")
        report("Running MkDocs", 0, total)
        configuration, date = _configuration(catalog, hand, theme), _date(catalog)
        # MkDocs is a process of its own: there is time for other things.
        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(engine.build, folder, configuration, date, cache)
            standing = Standing(out, manifest.load(out) if keep else Manifest(files={}))
            bulk = list(drafts)
            theme.load({draft.bulk for draft in bulk})
            data, results = gathered()
            plan.results.known |= results
            keys = {draft.path: draft.key() for draft in bulk}
            kept = press.keep(bulk, keys, standing, folder / "kept")
            site = running.result()
        aside.back(site)
        made = Press(site, theme, reading, _shells(site), standing, keys)
        held = made.adopt(folder / "kept", kept)
        made.take(folder / "gathered", data)
        for count in made.run([draft for draft in bulk if draft.path not in held], processes):
            report("Stamping runs and commits", count, total)
        report("Publishing", total, total)
        made.write(SEARCH, _search([*hand, *bulk]))
        made.write("404.html", gone.page(_name(catalog)))
        manifest.write(site, _about(catalog), made.manifest())
        output.publish(site, out)
    manifest.seal(out)  # what stood there is gone, and with it the other names of files that were kept
    count = len(hand) + made.rendered + made.kept
    return Built(out, len(catalog.runs), count, _problems(hand), made.kept)


@contextmanager
def _collector_spared() -> Iterator[None]:
    """Keep the cycle collector from looking through the whole Catalog, which stays, again and again.

    What a page leaves behind is little, and nearly none of it is a cycle: it may come less often.
    """
    often = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_RARELY, *often[1:])
    try:
        yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()


def source(
    catalog: Catalog,
    out: Path,
    *,
    read: Read,
    code: Code | None = None,
    verdict: Verdict | None = None,
    project: Path | None = None,
    progress: Progress | None = None,
) -> Built:
    """Write what an engine builds the site from, in the place of what stood at `out`: docs/ and mkdocs.yml.

    Unlike `build`, experiments, runs and commits are pages of their own here, so that any engine that reads
    mkdocs.yml makes the whole site of it. Arguments and errors are those of `build`.
    """
    check(out)
    report = progress or (lambda *_: None)
    total = len(catalog.runs) + len(catalog.snapshots)
    theme = Theme(default_folder(), project)
    with output.workshop(out) as folder:
        made = folder / "source"
        plan = pages.plan(catalog, read, code, verdict)
        hand, drafts = _split(plan.items)
        _write_docs(made / "docs", hand, theme, read)
        _gather(plan, made / "docs")
        _write_badges(made / "docs", plan.index)
        count, listed = 0, list[Page | Draft](hand)
        for count, draft in enumerate(drafts, 1):
            listed.append(draft)
            page = draft.make()
            content = f"<div>\n{theme.render(page, 'html')}\n</div>\n"
            write(made / "docs" / _markdown(page.path), engine.front_matter(page.title) + content)
            _write_data(made / "docs", page)
            copy_images(made / "docs", page.files, read)
            report("Writing pages", count, total)
        write(made / "docs" / SEARCH, _search(listed))
        engine.write_configuration(made, _configuration(catalog, hand, theme))
        manifest.write(made, _about(catalog), Manifest(files=manifest.hashes(made)))
        output.publish(made, out)
    return Built(out, len(catalog.runs), len(hand) + count, _problems(hand))


def _problems(hand: Iterable[Page]) -> int:
    """As many as the page of problems lists, those of reports among them."""
    return sum(page.context.total for page in hand if isinstance(page.context, ProblemsPage))


def _about(catalog: Catalog) -> dict[str, str | None]:
    return {"version": __version__, "project": catalog.project.name, "head": catalog.head}


def _split(planned: Iterable[Page | Draft]) -> tuple[list[Page], Iterator[Draft]]:
    """The hand-sized pages, and the drafts behind them, which come one at a time."""
    hand: list[Page] = []
    rest = iter(planned)
    for item in rest:
        if isinstance(item, Draft):
            return hand, _drafts(item, rest)
        hand.append(item)
    return hand, iter(())


def _drafts(first: Draft, rest: Iterator[Page | Draft]) -> Iterator[Draft]:
    yield first
    yield from (item for item in rest if isinstance(item, Draft))


def _name(catalog: Catalog) -> str:
    return pages.text.plain(catalog.project.name) or "Modelbook"


def _date(catalog: Catalog) -> str:
    return catalog.snapshots[0].commit.date if catalog.snapshots else ""


SHELLS = {
    "experiment": "experiments/shell/index.html",
    "run": "runs/shell/index.html",
    "commit": "commits/shell/index.html",
    "batch": "monitoring/shell.shell/index.html",
}
"""Kind of a bulk page -> where its shell is built: as deep as the pages it is stamped for."""


def _write_docs(
    docs: Path, hand: Sequence[Page], theme: Theme, read: Read, aside: Aside | None = None
) -> None:
    for page in hand:
        content = theme.render(page, "md")
        content = aside.put(page.path, content) if aside else content
        write(docs / _markdown(page.path), engine.front_matter(page.title) + content)
        _write_data(docs, page)
        copy_images(docs, page.files, read)
    for name, asset in assets(theme.folders).items():
        target = docs / "assets" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(asset, target)
    shutil.copyfile(_plotly(), docs / PLOTLY)


def _gather(plan: Plan, folder: Path, notes: Notes | None = None) -> tuple[dict[str, str], dict[str, bytes]]:
    """Write what a plan gathers into a folder: (path -> SHA-256, digests of runs)."""
    known = notes.load() if notes else {}
    data, results = plan.gather(known)
    if notes:
        notes.save(known)
    files = {item.path: write(folder / item.path, data_script(item.name, item.value)) for item in data}
    return files, results


def _write_badges(docs: Path, index: Index) -> None:
    for path, content in badges.files(index):
        write(docs / path, content)


def _write_shells(docs: Path) -> None:
    for path in SHELLS.values():
        write(docs / _markdown(path), engine.front_matter(engine.Shell.TITLE) + engine.Shell.MARKDOWN)


def _write_data(site: Path, page: Page) -> None:
    for item in page.data:
        write(site / item.path, data_script(item.name, item.value))


def _markdown(path: str) -> str:
    return path.removesuffix(".html") + ".md"


def _search(listed: Iterable[Page | Draft]) -> str:
    """The index of the search: sections first, then what there is of each kind."""
    found = [
        {"title": page.title, "kind": page.kind, "url": page.path, "text": page.search}
        for page in listed
        if page.search is not None
    ]
    return data_script("search", sorted(found, key=lambda entry: entry["kind"] != "page"))


def _plotly() -> Path:
    """Plotly's script, out of its wheel: looked up, not imported, for importing it takes half a second."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise engine.SiteNotBuilt("the package plotly is not installed")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


def _configuration(catalog: Catalog, hand: Iterable[Page], theme: Theme) -> dict[str, object]:
    nav = [(page.nav, _markdown(page.path)) for page in hand if page.nav]
    found = assets(theme.folders)
    css = [f"assets/{name}" for name in found if name.endswith(".css") and "/" not in name]
    name = _name(catalog)
    said = pages.text.cut(pages.text.plain(catalog.project.description), 160)
    about = said or f"Models and runs of {name}"
    return engine.configuration(
        name, about, nav, css, [f"assets/{script}" for script in SCRIPTS if script in found]
    )


def _shells(site: Path) -> dict[str, engine.Shell]:
    """The shells that MkDocs built, taken out of the site."""
    shells = {kind: engine.Shell((site / path).read_text(encoding="utf-8")) for kind, path in SHELLS.items()}
    for path in SHELLS.values():
        folder = (site / path).parent
        shutil.rmtree(folder)
        with suppress(OSError):  # others are in it
            folder.parent.rmdir()
    return shells
