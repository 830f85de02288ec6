"""Images of a repository: which of them may be shown. An SVG may hold scripts; one that does may not."""

from __future__ import annotations

import re
from xml.parsers import expat

_MAGIC = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif"}
_ACTIVE = frozenset(
    {"script", "foreignobject", "iframe", "object", "embed", "handler", "listener", "audio", "video"}
)
_EMBEDDED = re.compile(r"\s*(#|data:image/(png|jpeg|gif|webp);)", re.IGNORECASE)
_OUTSIDE = re.compile(
    r"@import|expression\(|url\(\s*['\"]?(?!\s*['\"]?\s*(#|data:image/(png|jpeg|gif|webp);))", re.IGNORECASE
)


class _Unsafe(Exception):
    """Raised inside the parser, with what was found."""


def kind_of(data: bytes) -> tuple[str, str]:
    """The ending of an image's file name, and empty; or empty, and why it cannot be shown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp", ""
    found = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "")
    if found:
        return found, ""
    if b"<" not in data[:64]:
        return "", "is no PNG, JPEG, GIF, WebP or SVG image"
    reason = _unsafe(data)
    return ("", reason) if reason else ("svg", "")


def _unsafe(data: bytes) -> str:
    """Why a file is no SVG that may lie on a site, or empty.

    As `<img>` it could do nothing; but whoever opens its own address would run its scripts.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    open_: list[str] = []
    roots: list[str] = []
    styles: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if not roots:
            roots.append(name)
        open_.append(local.lower())
        if local.lower() in _ACTIVE or namespace == "http://www.w3.org/1999/xhtml":
            raise _Unsafe(f"a <{local}>")
        for key, value in attributes.items():
            _check(local.lower(), key.rpartition(" ")[2].lower(), value)

    def words(said: str) -> None:
        if open_[-1] == "style":
            styles.append(said)

    def refuse(*_: object) -> None:
        raise _Unsafe("an entity or a processing instruction")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_.pop()
    parser.CharacterDataHandler = words
    parser.EntityDeclHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(data, True)
        _style("".join(styles))
    except _Unsafe as found:
        return f"holds {found}, so it is not shown"
    except expat.ExpatError as error:
        return f"is no SVG image: {error}"
    return "" if roots == ["http://www.w3.org/2000/svg svg"] else "is no SVG image"


def _check(element: str, key: str, value: str) -> None:
    if key.startswith("on"):
        raise _Unsafe(f"a script in {key}")
    if key in ("href", "src") and not _EMBEDDED.match(value) and element != "a":
        raise _Unsafe("a link to something outside it")
    if element == "a" and key == "href" and not re.match(r"\s*(#|https?://)", value, re.IGNORECASE):
        raise _Unsafe("a link that is no web address")
    if element in ("set", "animate") and key == "attributename" and "href" in value.lower():
        raise _Unsafe("an animated link")
    if key == "style" or "url(" in value.lower():
        _style(value)


def _style(text: str) -> None:
    if "\\" in text or _OUTSIDE.search(text):
        raise _Unsafe("a style that may load something from outside it")
