"""The site: the only room that knows Jinja and MkDocs, and the only one that writes pages.

Catalog -> pages.compose -> Markdown + mkdocs.yml -> MkDocs, strict -> stamped bulk pages -> `out`
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import escape as escape_html

from modelbook import __version__, pages
from modelbook.pages.ledger import Code
from modelbook.records import Catalog
from modelbook.site import engine, escape, output
from modelbook.site.output import check
from modelbook.site.themes import Theme, assets, default_folder

__all__ = ["Built", "build", "check", "data_script", "default_folder", "source"]

Read = Callable[[str], bytes | None]
Progress = Callable[[str, int, int], None]
"""(what is being done, how many done, how many in all)."""

SCRIPTS = ("core.js", "charts.js", "modelbook.js")
"""Assets that every page runs, in this order."""

PLOTLY = "assets/plotly.min.js"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made."""

    out: Path
    runs: int
    pages: int
    problems: int


def build(
    catalog: Catalog,
    out: Path,
    *,
    read: Read,
    code: Code | None = None,
    project: Path | None = None,
    progress: Progress | None = None,
) -> Built:
    """Build the site of a Catalog and put it in the place of what stood at `out`.

    Args:
        read: Git blob id -> content, for plots and images.
        code: what a commit did to files; without it no page says.
        project: the project's own `site_templates`, if it has them.

    Raises:
        NotOurs: `out` holds something else.
        TemplateFault: a template cannot be rendered.
        SiteNotBuilt: MkDocs failed, or warned.
    """
    report = progress or (lambda *_: None)
    check(out)
    theme = Theme(default_folder(), project)
    composed = pages.compose(catalog, read, code)
    total = len(catalog.runs) + len(catalog.snapshots)
    with output.workshop(out) as folder:
        hand, bulk = _split(composed)
        report("Writing pages", 0, total)
        _write_docs(folder / "docs", hand, theme, read)
        _write_shells(folder / "docs")
        report("Running MkDocs", 0, total)
        site = engine.build(folder, _configuration(catalog, hand, theme), _date(catalog))
        stamped = _stamp(
            site, bulk, theme, read, lambda count: report("Stamping runs and commits", count, total)
        )
        report("Publishing", total, total)
        output.write_manifest(site, _about(catalog))
        output.publish(site, out)
    return Built(out, len(catalog.runs), len(hand) + stamped, len(catalog.problems))


def source(
    catalog: Catalog,
    out: Path,
    *,
    read: Read,
    code: Code | None = None,
    project: Path | None = None,
    progress: Progress | None = None,
) -> Built:
    """Write what an engine builds the site from, in the place of what stood at `out`: docs/ and mkdocs.yml.

    Unlike `build`, runs and commits are pages of their own here, so that any engine that reads mkdocs.yml
    makes the whole site of it. Arguments and errors are those of `build`.
    """
    check(out)
    report = progress or (lambda *_: None)
    total = len(catalog.runs) + len(catalog.snapshots)
    theme = Theme(default_folder(), project)
    with output.workshop(out) as folder:
        made = folder / "source"
        hand, bulk = _split(pages.compose(catalog, read, code))
        _write_docs(made / "docs", hand, theme, read)
        count = 0
        for count, page in enumerate(bulk, 1):
            content = f"<div>\n{theme.render(page, 'html')}\n</div>\n"
            _write(made / "docs" / _markdown(page.path), engine.front_matter(page.title) + content)
            _write_data(made / "docs", page)
            _copy_images(made / "docs", page.files, read)
            report("Writing pages", count, total)
        engine.write_configuration(made, _configuration(catalog, hand, theme))
        output.write_manifest(made, _about(catalog))
        output.publish(made, out)
    return Built(out, len(catalog.runs), len(hand) + count, len(catalog.problems))


def _about(catalog: Catalog) -> dict[str, str | None]:
    return {"version": __version__, "project": catalog.project.name, "head": catalog.head}


def _split(composed: Iterator[pages.Page]) -> tuple[list[pages.Page], Iterator[pages.Page]]:
    """The hand-sized pages, and the bulk ones behind them, which are made one at a time."""
    hand: list[pages.Page] = []
    for page in composed:
        if page.bulk:
            return hand, _chained(page, composed)
        hand.append(page)
    return hand, iter(())


def _chained(first: pages.Page, rest: Iterator[pages.Page]) -> Iterator[pages.Page]:
    yield first
    yield from rest


def _date(catalog: Catalog) -> str:
    return catalog.snapshots[0].commit.date if catalog.snapshots else ""


SHELLS = {"run": "runs/shell/index.html", "commit": "commits/shell/index.html"}
"""Kind of a bulk page -> where its shell is built: as deep as the pages it is stamped for."""


def _write_docs(docs: Path, hand: Sequence[pages.Page], theme: Theme, read: Read) -> None:
    for page in hand:
        _write(docs / _markdown(page.path), engine.front_matter(page.title) + theme.render(page, "md"))
        _write_data(docs, page)
        _copy_images(docs, page.files, read)
    for name, asset in assets(theme.folders).items():
        target = docs / "assets" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(asset, target)
    shutil.copyfile(_plotly(), docs / PLOTLY)
    _write(docs / pages.data_href("search"), data_script("search", _search(hand)))


def _write_shells(docs: Path) -> None:
    for path in SHELLS.values():
        _write(docs / _markdown(path), engine.front_matter(engine.Shell.TITLE) + engine.Shell.MARKDOWN)


def _write_data(site: Path, page: pages.Page) -> None:
    for item in page.data:
        _write(site / item.path, data_script(item.name, item.value))


def _markdown(path: str) -> str:
    return path.removesuffix(".html") + ".md"


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8", "replace"))


def data_script(name: str, value: object) -> str:
    """Data as a script, for `Modelbook.load` of core.js: a page opened from a file may not fetch."""
    return f"Modelbook.data({escape.script_json(name)},{escape.script_string(value)});\n"


def _search(hand: Iterable[pages.Page]) -> list[dict[str, str]]:
    return [
        {"title": page.title, "kind": page.kind, "url": page.path, "text": page.search}
        for page in hand
        if page.search is not None
    ]


def _plotly() -> Path:
    """Plotly's script, out of its wheel: looked up, not imported, for importing it takes half a second."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise engine.SiteNotBuilt("the package plotly is not installed")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


def _configuration(catalog: Catalog, hand: Iterable[pages.Page], theme: Theme) -> dict[str, object]:
    nav = [(page.nav, _markdown(page.path)) for page in hand if page.nav]
    found = assets(theme.folders)
    css = [f"assets/{name}" for name in found if name.endswith(".css") and "/" not in name]
    name = pages.text.plain(catalog.project.name) or "Modelbook"
    return engine.configuration(name, nav, css, [f"assets/{script}" for script in SCRIPTS if script in found])


def _stamp(
    site: Path, bulk: Iterator[pages.Page], theme: Theme, read: Read, done: Callable[[int], None]
) -> int:
    shells = {kind: engine.Shell((site / path).read_text(encoding="utf-8")) for kind, path in SHELLS.items()}
    for path in SHELLS.values():
        shutil.rmtree((site / path).parent)
    count = 0
    for page in bulk:
        content = theme.render(page, "html")
        _write(site / page.path, shells[page.bulk].stamp(str(escape_html(page.title)), content))
        _write_data(site, page)
        _copy_images(site, page.files, read)
        count += 1
        if count % 50 == 0:
            done(count)
    done(count)
    return count


def _copy_images(site: Path, files: Iterable[tuple[str, str]], read: Read) -> None:
    for path, blob in files:
        target = site / path
        if not target.exists() and (data := read(blob)) is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
