"""HTML that stands aside while MkDocs works comes back, and the page is what MkDocs would have made of it."""

from __future__ import annotations

import re
from pathlib import Path

import markdown  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.site import aside
from modelbook.site.aside import Aside
from modelbook.site.engine import SiteNotBuilt


def converted(text: str) -> str:
    return str(markdown.markdown(text, extensions=["toc"]))


def through(tmp_path: Path, text: str) -> tuple[str, str]:
    """(what Markdown gets, what becomes of it in the end)."""
    held = Aside()
    short = held.put("page/index.html", text)
    (tmp_path / "page").mkdir(exist_ok=True)
    (tmp_path / "page/index.html").write_text(f"<main>{converted(short)}</main>", encoding="utf-8")
    held.back(tmp_path)
    return short, (tmp_path / "page/index.html").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_LEAST", 1)


ONE = '# Title\n\n<div class="mb">\n<p>*a* <b>b</b></p>\n\n<div><i>c</i></div> d\n</div>\n'
PAGES = (
    ONE,
    "# Title\n\n<div>a</div>\n\n*b* and\n\n<div>c</div>\n",
    "# Title\n\n<div>\n<table><tr><td>1\n\n</td></tr></table>\n</div>",
    f"{ONE}\n\n## More\n\n{ONE}",
)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_what_markdown_would_make(tmp_path: Path, page: str) -> None:
    short, made = through(tmp_path, page)
    assert "<div>" not in short
    assert "data-mb-aside" in short
    assert made == f"<main>{converted(page)}</main>"


@pytest.mark.parametrize(
    "page",
    [
        "# Title\n\nno HTML\n",
        "text right before\n<div>a</div>\n",
        "# Title\n\n<div>a</div> *and* more\n",
        "# Title\n\n<div>a</div>\n*right after*\n",
        "# Title\n\n<div>a</div></div>\n",
        "# Title\n\n<div>never closed\n\nmore\n",
        "# Title\n\n    <div>code</div>\n",
        "# Title\n\n`<div>`\n",
    ],
)
def test_what_markdown_may_have_a_say_in_is_left_to_it(tmp_path: Path, page: str) -> None:
    short, made = through(tmp_path, page)
    assert short == page
    assert made == f"<main>{converted(page)}</main>"


_PIECES = st.sampled_from(
    [
        "<div>",
        "</div>",
        '<div class="a">',
        "\n",
        "\n\n",
        "text",
        "*b*",
        "# T",
        "    ",
        "<p>x</p>",
        "`",
        "<br>",
    ]
)


@given(st.lists(_PIECES, min_size=1, max_size=14).map("".join))
def test_whatever_stands_around_it(page: str) -> None:
    """But for blanks on a line of their own, which Markdown takes away."""
    whole, held = "# T\n\n" + page, Aside()
    made = converted(held.put("p", whole))
    for number, block in enumerate(held._blocks.get("p", [])):
        made = made.replace(aside._mark(number), block)
    assert re.sub(r"(?<=\n) +\n", "\n", made) == converted(whole)


def test_short_blocks_are_left_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_LEAST", len(ONE))
    assert Aside().put("p", ONE) == ONE


@pytest.mark.parametrize("theme", ["", "{mark}{mark}"])
def test_a_theme_that_loses_or_doubles_it_is_refused(tmp_path: Path, theme: str) -> None:
    held = Aside()
    held.put("index.html", ONE)
    (tmp_path / "index.html").write_text(theme.format(mark=aside._mark(0)), encoding="utf-8")
    with pytest.raises(SiteNotBuilt, match=r"lost the content of index\.html"):
        held.back(tmp_path)
