"""The one place where text from a repository becomes part of a page."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from modelbook import charts

if TYPE_CHECKING:
    from modelbook.pages.reports import Number

_SPECIAL = re.compile(
    r"[^A-Za-z0-9 ,/%;?\u00a1-\u200d\u2010-\u2027\u2030-\u205e\u2070-\U0010ffff]"
    r"(?<!(?<=[A-Za-z0-9])-(?=[A-Za-z0-9]))(?<!\.(?=[A-Za-z0-9/.]))"
)
_NOT_TEXT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_FENCES = re.compile(r"^([ \t]*)([`~])", re.MULTILINE)
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_WEB = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


def text(raw: object) -> Markup:
    """`raw` as text in HTML and in Markdown alike, in attributes too.

    Whatever might mean something to either, or to a Markdown extension, becomes a character reference: no
    markup, link, placeholder, fence, list or attribute list can come out of it. A dot is left alone inside
    names, numbers and paths, where it is most often, and a hyphen inside words. Markup passes as it is.
    """
    return raw if isinstance(raw, Markup) else _escaped(str(raw))


@lru_cache(maxsize=1 << 12)
def _escaped(raw: str) -> Markup:
    """Remembered, since the same few words are on every page."""
    return Markup(plain(raw))  # noqa: S704 - escaped there


def plain(raw: str) -> str:
    """What `text` makes of a text, as a string."""
    if not (raw.isascii() and raw.isprintable()):
        raw = _NOT_TEXT.sub("\ufffd", raw)
    return _SPECIAL.sub(_reference, raw)


def html(raw: object) -> Markup:
    """`raw` as text in HTML, in attributes too, but not in Markdown: a fraction of the work of `text`.

    Markup passes as it is.
    """
    return raw if isinstance(raw, Markup) else _html(str(raw))


@lru_cache(maxsize=1 << 12)
def _html(raw: str) -> Markup:
    return Markup(html_plain(raw))  # noqa: S704 - escaped there


def html_plain(raw: str) -> str:
    """What `html` makes of a text, as a string."""
    if not (raw.isascii() and raw.isprintable()):
        raw = _NOT_TEXT.sub("\ufffd", raw)
    if raw.isalnum():  # hashes, numbers and most names
        return raw
    raw = raw.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    raw = raw.replace('"', "&quot;").replace("'", "&#39;")
    return raw if raw.isascii() else raw.translate(charts.REFERENCES)


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def is_web(href: str) -> bool:
    """Whether an address leads off the site."""
    return href[:4].lower() == "http" and bool(_HTTP.match(href))


_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def script_json(value: Any) -> Markup:
    """Data for a `<script>`: JSON that can neither end the element nor open another."""
    shown = _json(value)
    for char, safe in _UNSAFE.items():
        shown = shown.replace(char, safe)
    return Markup(shown)  # noqa: S704 - escaped here


def script_string(value: Any) -> str:
    """The JSON of `value` as a string of JavaScript, which browsers parse faster than the literal."""
    return "'" + str(script_json(value)).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _json(value: Any) -> str:
    """JSON in which a number that is none is null; the fast way first, as run after run takes it."""
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError):
        return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_finite(str(key)): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, Sequence) else value


def prose(raw: str, top: int = 3) -> Markup:
    """Markdown that people of the project wrote, as HTML.

    Raw HTML in it is shown, not obeyed; images become links, so that no page loads anything from elsewhere;
    links lead to the web or nowhere; headings leave out no level, for those who hear the page.

    Args:
        top: the level of the first heading: one below that of the page which it stands under.
    """
    shown = _NOT_TEXT.sub("\ufffd", raw)
    html = _markdown().render(shown, {"top": top})
    return Markup('<div class="mb-prose">' + _FENCES.sub(_fence, html) + "</div>")  # noqa: S704 - by markdown-it


def report(
    raw: str,
    source: str,
    resolve: Callable[[str], str | None],
    url: Callable[[str], str],
    numbers: Mapping[str, Number] = MappingProxyType({}),
) -> Markup:
    """Markdown of a report as HTML: raw HTML in it is shown, not obeyed.

    Args:
        source: the whole report, whose link definitions `raw`, a part of it, may use.
        resolve: a relative address -> where it leads, from the site's root or on the web; None for nowhere.
        url: an address from the site's root -> one from the page.
        numbers: code span -> what is shown in place of it.
    """
    engine = _report_markdown()
    env: dict[str, Any] = {"references": _references(_NOT_TEXT.sub("\ufffd", source))}
    tokens = engine.parse(_NOT_TEXT.sub("\ufffd", raw), env)
    _settle(tokens, lambda href: _led(href, resolve, url))
    for token in tokens:
        spans = (_number(child, numbers, url) for child in token.children or ())
        token.children = [part for parts in spans for part in parts] if token.children else token.children
    html = engine.renderer.render(tokens, engine.options, env)
    return Markup('<div class="mb-prose">' + _FENCES.sub(_fence, html) + "</div>")  # noqa: S704 - by markdown-it


def _number(token: Token, numbers: Mapping[str, Number], url: Callable[[str], str]) -> list[Token]:
    """A code span as the number it stands for, if it is one."""
    found = numbers.get(token.content) if token.type == "code_inline" else None
    if found is None:
        return [token]
    tag = "a" if found.href else "span"
    attrs: dict[str, str | int | float] = {"title": found.title}
    attrs |= {"href": url(found.href)} if found.href else {}
    if found.state != "present":
        known = "unreadable" if found.state == "broken" else found.state.replace("_", "-")
        attrs["class"] = f"mb-value mb-{known}"
    shown = Token("text", "", 0, content=found.text)
    return [Token("number_open", tag, 1, attrs=attrs), shown, Token("number_close", tag, -1)]


@cache
def _report_markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])


@lru_cache(maxsize=8)
def _references(source: str) -> dict[str, Any]:
    env: dict[str, Any] = {}
    _report_markdown().parse(source, env)
    found: dict[str, Any] = env.get("references", {})
    return found


def _led(href: str, resolve: Callable[[str], str | None], url: Callable[[str], str]) -> str | None:
    if _WEB.match(href):
        return href
    found = resolve(href)
    return url(found) if found else None


def _settle(tokens: list[Token], lead: Callable[[str], str | None]) -> None:
    """Headings below the page's own; links and images lead to the web, into the site, or nowhere."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{max(2, int(token.tag[1]))}"
        if token.type == "link_open":
            _settle_link(token, lead)
        if token.children:
            _settle(token.children, lead)
            token.children = [part for child in token.children for part in _settled_image(child, lead)]


def _settle_link(token: Token, lead: Callable[[str], str | None]) -> None:
    href = lead(str(token.attrs.get("href", "")))
    token.attrs.pop("href", None)
    if href:
        token.attrs["href"] = href
        if _WEB.match(href):
            token.attrs["rel"] = "noopener noreferrer"


def _settled_image(token: Token, lead: Callable[[str], str | None]) -> list[Token]:
    """An image of the site as it is; one from elsewhere as a link, for no page loads anything from there."""
    if token.type != "image":
        return [token]
    href = lead(str(token.attrs.get("src", "")))
    if href and not _WEB.match(href):
        token.attrs |= {"src": href, "loading": "lazy"}
        return [token]
    shown = Token("text", "", 0, content=token.content or "image")
    if not href:
        return [shown]
    opened = Token("link_open", "a", 1, attrs={"href": href, "rel": "noopener noreferrer"})
    return [opened, shown, Token("link_close", "a", -1)]


def drawing(svg: str) -> Markup:
    """A drawing of ours, its texts escaped already; no line of it may look like a fence to Markdown."""
    if "`" in svg or "~" in svg:  # else the search, which is slow, would find none
        svg = _FENCES.sub(_fence, svg)
    return Markup(svg)  # noqa: S704 - charts escape


def _fence(found: re.Match[str]) -> str:
    return f"{found[1]}&#{ord(found[2])};"


@cache
def _markdown() -> MarkdownIt:
    engine = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    engine.disable("image")
    engine.core.ruler.push("modelbook", lambda state: _tame(state.tokens, state.env["top"]))
    return engine


def _tame(tokens: Sequence[Token], top: int) -> None:
    last = top - 1
    for token in tokens:
        if token.type == "heading_open":
            last = min(6, int(token.tag[1]) + top - 1, last + 1)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{last}"
        if token.type == "link_open":
            _tame_link(token)
        _tame(token.children or (), top)


def _tame_link(token: Token) -> None:
    if _WEB.match(str(token.attrs.get("href", ""))):
        token.attrs["rel"] = "noopener noreferrer"
    else:
        token.attrs.pop("href", None)
