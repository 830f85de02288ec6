"""The site for real: escaping, templates, MkDocs, the output folder, and every link of what comes out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import markdown  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

import sample
from gitrepo import GitRepo
from modelbook import pages, site
from modelbook.cli import main
from modelbook.pages import Page
from modelbook.pages.index import Link
from modelbook.site import engine, escape, manifest, output
from modelbook.site.manifest import Manifest
from modelbook.site.parts import Parts
from modelbook.site.themes import TemplateFault, Theme, assets

HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="<>&\"'`*_{}[]()#+-.!|~:=$^\\/\n\t a1"),
    st.sampled_from(
        [sample.SCRIPT, sample.LINK, sample.MARKDOWN, "```\nx\n```", "    code", "1. x", "\x02wzxhzdk:0\x03"]
    ),
)


class Parsed(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def squeezed(raw: str) -> str:
    return "".join(raw.split())


@pytest.mark.parametrize("escaped", [escape.text, escape.html])
@given(raw=HOSTILE)
def test_text_stays_text_in_html(escaped: Callable[[object], Markup], raw: str) -> None:
    parsed = Parsed(f'<p title="{escaped(raw)}">{escaped(raw)}</p>')
    assert [tag for tag, _ in parsed.tags] == ["p"]
    safe = escape._NOT_TEXT.sub("\ufffd", raw)
    assert "".join(parsed.words) == safe
    assert parsed.tags[0][1]["title"] == safe


@given(HOSTILE)
def test_text_stays_text_in_markdown(raw: str) -> None:
    shown = escape.text(raw)
    source = f"x {shown}\n\n# h {shown}\n\n- y {shown}\n\n<div>{shown}</div>"
    extensions = ["toc", "tables", "fenced_code", "attr_list", "md_in_html", "abbr", "footnotes", "def_list"]
    html = markdown.markdown(source, extensions=extensions)
    parsed = Parsed(html)
    assert {tag for tag, _ in parsed.tags} <= {"p", "h1", "ul", "li", "div"}
    assert not {name for _, attributes in parsed.tags for name in attributes} - {"id"}
    safe = squeezed(escape._NOT_TEXT.sub("\ufffd", raw))
    assert squeezed("".join(parsed.words)) == squeezed(f"x{safe}h{safe}y{safe}{safe}")


def test_markup_passes_as_it_is() -> None:
    assert escape.text(Markup("<b>")) == "<b>"
    assert escape.html(Markup("<b>")) == "<b>"


@given(HOSTILE)
def test_prose_has_no_tag_or_address_of_its_own(raw: str) -> None:
    for html in (
        escape.prose(raw),
        markdown.markdown(f"a\n\n{escape.prose(raw)}\n\nb", extensions=["fenced_code"]),
    ):
        parsed = Parsed(html)
        tags = {tag for tag, _ in parsed.tags}
        assert not tags & {"script", "img", "iframe", "svg", "style", "h1", "h2", "object", "form", "input"}
        for _, attributes in parsed.tags:
            assert not [name for name in attributes if name.startswith("on")]
            assert re.match(r"(https?://|mailto:|$)", attributes.get("href") or "", re.IGNORECASE)


@pytest.mark.parametrize(
    ("raw", "html"),
    [
        ("**x**", "<strong>x</strong>"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("[x](https://a.b)", '<a href="https://a.b" rel="noopener noreferrer">x</a>'),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](local.md)", "<a>x</a>"),
        ("![x](https://a.b/c.png)", '!<a href="https://a.b/c.png" rel="noopener noreferrer">x</a>'),
        ("# x", "<h3>x</h3>"),
        ("|a|\n|-|\n|b|", "<td>b</td>"),
    ],
)
def test_prose(raw: str, html: str) -> None:
    assert html in escape.prose(raw)


def test_headings_of_prose_leave_out_no_level() -> None:
    shown = escape.prose("### a\n\n# b\n\n#### c\n\n## d", 2)
    assert re.findall(r"<h(\d)>(\w)", shown) == [("2", "a"), ("2", "b"), ("3", "c"), ("3", "d")]


def test_data_cannot_leave_its_script() -> None:
    packed = escape.script_json({"a": "</script><!--\u2028", "b": float("nan"), "c": [1, None, "\ud800"]})
    assert not set(packed) & set("<>&\u2028")
    assert json.loads(packed) == {"a": "</script><!--\u2028", "b": None, "c": [1, None, "?"]}


def theme(folder: Path, **templates: str) -> Theme:
    folder.mkdir(exist_ok=True)
    for name, source in templates.items():
        (folder / name.replace("__", ".")).write_text(source, encoding="utf-8")
    return Theme(site.default_folder(), folder)


def render(made: Theme, template: str = "x", path: str = "a/b/index.html") -> str:
    return made.render(Page(path, "T", template, {"text": "<&"}), "md")


def test_a_projects_template_may_extend_the_default_one(tmp_path: Path) -> None:
    source = '{% extends "default:page.md.j2" %}{% block content %}{{ page.text }}{% endblock %}'
    assert render(theme(tmp_path, page__md__j2=source), "page").startswith("# T")
    assert "&#60;&#38;" in render(theme(tmp_path, page__md__j2=source), "page")


def test_a_template_is_in_a_sandbox(tmp_path: Path) -> None:
    with pytest.raises(TemplateFault, match="unsafe"):
        render(theme(tmp_path, x__md__j2="{{ ''.__class__.__mro__ }}"))


@pytest.mark.parametrize(
    ("source", "where"),
    [("\n{{ nothing }}", "x.md.j2:2"), ("\n\n{% if %}", "x.md.j2:3"), ("{% include 'no' %}", "'no'")],
)
def test_a_faulty_template_is_named_with_its_line(tmp_path: Path, source: str, where: str) -> None:
    with pytest.raises(TemplateFault, match=re.escape(where)):
        render(theme(tmp_path, x__md__j2=source))


def test_no_template_or_asset_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "outside.j2").write_text("secret", encoding="utf-8")
    own = tmp_path / "own"
    (own / "assets").mkdir(parents=True)
    (own / "x.md.j2").symlink_to(tmp_path / "outside.j2")
    (own / "assets" / "x.css").symlink_to(tmp_path / "outside.j2")
    with pytest.raises(TemplateFault):
        render(theme(own))
    assert not assets([own])


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("runs/x/index.html#y", "../../runs/x/index.html#y"),
        ("#x", "#x"),
        ("https://a.b", "https://a.b"),
        ("javascript:alert(1)", "#"),
        ("//a.b", "#"),
    ],
)
def test_addresses_are_relative_to_the_page(tmp_path: Path, href: str, url: str) -> None:
    assert render(theme(tmp_path, x__md__j2="{{ url('" + href + "') | safe }}")) == url


def test_a_shell_is_stamped_everywhere() -> None:
    html = f"<title>{engine.Shell.TITLE}</title>{engine.Shell.MARKDOWN}<i>{engine.Shell.TITLE}</i>"
    assert engine.Shell(html).stamp("T", "<p>C</p>") == b"<title>T</title><p>C</p>\n<i>T</i>"


def test_a_theme_that_loses_the_content_is_refused() -> None:
    with pytest.raises(engine.SiteNotBuilt):
        engine.Shell("<title></title>")


@pytest.mark.parametrize(
    ("date", "seconds"), [("2024-01-01T00:00:00+00:00", 1704067200), ("", 315532800), ("x", 315532800)]
)
def test_the_clock_is_the_commits(date: str, seconds: int) -> None:
    assert engine.epoch(date) == seconds


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    output.check(tmp_path / "out")
    output.check(tmp_path / "new")
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(output.NotOurs):
        site.build(sample.catalog(), tmp_path / "out", read=sample.BLOBS.get)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(output.NotOurs):
        output.check(tmp_path / "out" / "thesis.txt")


@pytest.mark.parametrize("content", ["{", "[]", '{"generator": "other"}'])
def test_a_manifest_of_others_is_no_manifest(tmp_path: Path, content: str) -> None:
    (tmp_path / manifest.NAME).write_text(content, encoding="utf-8")
    with pytest.raises(output.NotOurs):
        output.check(tmp_path)


def test_a_failed_build_leaves_the_old_site_and_nothing_beside_it(tmp_path: Path) -> None:
    own, out = tmp_path / "own", tmp_path / "out"
    out.mkdir()
    manifest.write(out, {}, Manifest(files={}))
    theme(own, home__md__j2="{{ nothing }}")
    with pytest.raises(TemplateFault):
        site.build(sample.catalog(), out, read=sample.BLOBS.get, project=own)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "own"]
    assert (out / manifest.NAME).is_file()


# The whole of it, through MkDocs.


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's site."""
    out = tmp_path_factory.mktemp("site") / "site"
    site.build(sample.catalog(), out, read=sample.BLOBS.get, cache=out.parent / "cache")
    return out


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_two_builds_are_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """The second takes its templates as the first compiled them: MkDocs', ours for Markdown and for HTML."""
    again, cache = tmp_path / "deeper" / "again", built.parent / "cache"
    kept = {path.name: path.stat().st_mtime_ns for path in cache.glob("templates-*")}
    assert len({name.split("-")[1] for name in kept}) == 3
    reports: list[str] = []
    made = site.build(
        sample.catalog(),
        again,
        read=sample.BLOBS.get,
        cache=cache,
        progress=lambda what, *_: reports.append(what),
    )
    assert {path.name: path.stat().st_mtime_ns for path in cache.glob("templates-*")} == kept
    assert digests(again) == digests(built)
    assert made.runs == len(sample.RUNS)
    listed = (again / "problems" / "index.html").read_text(encoding="utf-8").count('<th scope="row">')
    assert made.problems == listed > len(sample.PROBLEMS)
    assert "Running MkDocs" in reports
    site.build(sample.EMPTY, again, read=sample.BLOBS.get)
    assert not list(again.glob("runs/*/index.html"))
    assert [path.name for path in again.parent.iterdir()] == ["again"]


@pytest.mark.slow
def test_the_manifest_lists_every_file(built: Path) -> None:
    found = manifest.load(built)
    assert found.files == {name: sha for name, sha in digests(built).items() if name != manifest.NAME}
    assert json.loads((built / manifest.NAME).read_text())["head"] == sample.COMMITS[-1].sha


@pytest.mark.slow
def test_nothing_names_this_machine(built: Path) -> None:
    for path in built.rglob("*"):
        if path.is_file() and (path.suffix in (".html", ".json", ".xml") or "data" in path.parts):
            content = path.read_text(encoding="utf-8")
            assert str(built.parent) not in content
            assert str(site.default_folder()) not in content


@pytest.mark.slow
def test_hostile_names_are_text_everywhere(built: Path) -> None:
    for path in built.rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        parsed = Parsed(html)
        assert "<script>alert" not in html
        for tag, attributes in parsed.tags:
            assert not {"onerror", "onclick", "onload"} & attributes.keys(), (path, tag)
            assert not (attributes.get("href") or "").lower().startswith("javascript:"), path


@pytest.mark.slow
def test_the_runs_are_readable_without_javascript(built: Path) -> None:
    words = " ".join(Parsed((built / "runs" / "index.html").read_text(encoding="utf-8")).words)
    assert all(run.name in words for run in sample.RUNS)
    assert "0.7461" in words


@pytest.mark.slow
def test_runs_are_not_in_the_search(built: Path) -> None:
    index = (built / "assets" / "data" / "search.js").read_text(encoding="utf-8")
    assert "experiments/gbm/index.html" in index
    assert "models/flight-delay/v1.1.0/index.html" in index
    assert not [run for run in sample.RUNS if f"runs/{run.id}" in index]


@pytest.mark.slow
def test_a_run_page_is_small(built: Path) -> None:
    for path in built.glob("runs/*/index.html"):
        assert path.stat().st_size < 120_000, path
    assert not list(built.glob("**/shell/index.html"))


@pytest.mark.slow
def test_a_warning_of_mkdocs_is_an_error(tmp_path: Path) -> None:
    own = tmp_path / "own"
    theme(own, home__md__j2="# x\n\n[gone](gone.md)\n")
    with pytest.raises(engine.SiteNotBuilt, match=r"gone\.md"):
        site.build(sample.EMPTY, tmp_path / "out", read=sample.BLOBS.get, project=own)


@pytest.mark.slow
def test_a_projects_assets_are_published(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "assets").mkdir(parents=True)
    (own / "assets" / "logo.svg").write_text("<svg/>", encoding="utf-8")
    (own / "assets" / "ours.css").write_text("b{}", encoding="utf-8")
    site.build(sample.EMPTY, tmp_path / "out", read=sample.BLOBS.get, project=own)
    assert (tmp_path / "out" / "assets" / "logo.svg").read_text(encoding="utf-8") == "<svg/>"
    assert "assets/ours.css" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_search_leaves_runs_and_commits_out() -> None:
    listed = [page for page in pages.compose(sample.catalog(), sample.BLOBS.get) if page.search is not None]
    assert not [page for page in listed if page.bulk in ("run", "commit")]
    assert {page.kind for page in listed} == {
        "page",
        "experiment",
        "model",
        "model version",
        "monitor",
        "report",
    }


@pytest.mark.slow
def test_the_command_builds_any_repository(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    (repo.path / "site_templates").mkdir()
    source = '{% extends "default:home.md.j2" %}{% block heading %}Ours{% endblock %}'
    (repo.path / "site_templates" / "home.md.j2").write_text(source, encoding="utf-8")
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["build", "--repo", str(repo.path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert f"Open {out / 'index.html'}" in done.output
    assert ">Ours</h1>" in (out / "index.html").read_text(encoding="utf-8")
    (out / manifest.NAME).unlink()
    refused = CliRunner().invoke(main, ["build", "--repo", str(repo.path), "--out", str(out)])
    assert refused.exit_code == 2
    assert "not a site that Modelbook built" in refused.output


@given(st.recursive(st.none() | st.booleans() | st.integers() | HOSTILE, lambda inner: st.lists(inner)))
def test_a_data_file_gives_back_what_was_put_in(value: object) -> None:
    packed = escape.script_string(value)
    assert not set(packed) & set("<>&\u2028\u2029\n\r")
    assert packed[0] == packed[-1] == "'"
    plain = re.sub(r"\\([\\'])", r"\1", packed[1:-1])  # as JavaScript reads such a string
    assert not re.search(r"(?<!\\)(?:\\\\)*'", packed[1:-1])
    assert json.loads(plain) == json.loads(escape.script_json(value))


def test_markup_is_never_taken_for_the_text_it_equals() -> None:
    raw = "<i>fast</i>"
    parts = Parts(escape.html_plain)
    assert parts.link(Link(Markup(raw)), str) == f"<span>{raw}</span>"
    assert parts.link(Link(raw), str) == "<span>&lt;i&gt;fast&lt;/i&gt;</span>"
    assert parts.link(Link(Markup(raw)), str) == f"<span>{raw}</span>"
    assert Parts(escape.plain).link(Link(raw), str) == "<span>&#60;i&#62;fast&#60;/i&#62;</span>"
