"""The vocabulary every drawing is made of: escaped elements, text widths, number labels, colours.

Colours are written twice: as a presentation attribute with the light theme's value, so that a drawing
taken out of the site still shows and prints, and as a class (`mb-s1`, `mb-ink`, ...) that
`assets/charts.css` binds to CSS variables for light and dark; a class outranks a presentation attribute.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape

PALETTE = ("#0072b2", "#b84a00", "#00795a", "#a23f80", "#7d5a00", "#5a4fb3", "#4d4d4d", "#0b7285")
"""Series colours on white: Okabe and Ito's hues, darkened until each has a contrast of 4.5:1."""

DASHES = ("", "7 3", "2 3", "9 3 2 3")
"""Dash patterns, one for each round through the palette: colour is never the only difference."""

INK = "#1f2328"
MUTED = "#5c6370"
GRID = "#d9dce1"
PAPER = "#ffffff"

_MINUS = "\N{MINUS SIGN}"
REFERENCES = {ord(char): f"&#{ord(char)};" for char in "‹›·−…×–±↑↓∞“”’"}  # noqa: RUF001 - as they are
"""Signs that our own texts have beyond ASCII, as HTML and XML write them within it: a page is then plain
ASCII, which takes half the memory and no time to encode, unless its repository has more."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_ID = re.compile(r"[^A-Za-z0-9_-]")
_UNSAFE_SCHEME = re.compile(r"^[^/?#]*:")


def text(value: object) -> str:
    """`value` as XML text: characters XML cannot hold become U+FFFD, the rest is escaped."""
    return escaped(str(value))


@lru_cache(maxsize=1 << 12)
def escaped(value: str) -> str:
    """What `text` makes of a text; remembered, since drawings are alike."""
    return fresh(value)


def fresh(value: str) -> str:
    """What `text` makes of a text that no other drawing has: to remember it would push out another."""
    if value.isascii() and value.isprintable():
        return value if value.isalnum() else escape(value, quote=True)
    return escape(_NOT_XML.sub("\ufffd", value), quote=True).translate(REFERENCES)


def tag(name: str, *children: str, **attributes: object) -> str:
    """One element. Attribute values are escaped, children are markup already; `class_` means `class`."""
    pairs = "".join(
        [
            f' {_hyphened(key)}="{pixel(value)}"' if isinstance(value, float) else _pair(key, value)
            for key, value in attributes.items()
            if value is not None
        ]
    )
    return f"<{name}{pairs}>{''.join(children)}</{name}>" if children else f"<{name}{pairs}/>"


@lru_cache(maxsize=1 << 12, typed=True)
def look(**attributes: object) -> str:
    """Attributes as `tag` writes them, remembered: for what thousands of elements have in common."""
    return tag("", **attributes)[1:-2]


@lru_cache(maxsize=1 << 14, typed=True)
def _pair(key: str, value: object) -> str:
    """An attribute; most of those that are no coordinates are on every drawing."""
    return f' {_hyphened(key)}="{escaped(str(value))}"'


@lru_cache(maxsize=256)
def _hyphened(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def pixels(form: str, values: Sequence[float]) -> str:
    """Many coordinates at once: `form` with each `%.1f` in it as `pixel` writes it.

    In `form` a coordinate is followed by a blank or by one of the commands H, L, M and V, or it is the last.
    """
    shown = f"{form} " % tuple(values)
    if "-0.0" in shown:
        shown = shown.replace("-0.0", "0.0")
    for after in " LMHV":
        shown = shown.replace(f".0{after}", after)
    return shown[:-1]


@lru_cache(maxsize=1 << 12)
def pixel(value: float) -> str:
    """A coordinate with at most one decimal, never `-0`; remembered, since drawings are alike."""
    shown = f"{value:.1f}"
    if shown.endswith(".0"):
        shown = shown[:-2]
    return "0" if shown == "-0" else shown


def identifier(key: str) -> str:
    """A valid, unique and repeatable id for `key`."""
    clean = _NOT_ID.sub("-", key)
    if clean == key and key:
        return f"mb-{key}"
    return f"mb-{clean}-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"


def safe_link(href: str | None) -> str | None:
    """`href` if it is a relative, http or https address, else None: `javascript:` must not get through."""
    if not href:
        return None
    if href.startswith("../"):  # what it nearly always is; no scheme can begin so
        return href
    compact = re.sub(r"[\x00-\x20]", "", href)
    if _UNSAFE_SCHEME.match(compact) and not compact.lower().startswith(("http://", "https://")):
        return None
    return href


def text_width(value: str, size: float = 12) -> float:
    """About how wide `value` is in pixels; wide (CJK, emoji) characters count double."""
    if value.isascii():
        return size * _narrow(len(value))
    return size * sum(1.0 if ord(char) > 0x2E80 else 0.56 for char in value)


@lru_cache(maxsize=1 << 10)
def _narrow(count: int) -> float:
    return float(sum([0.56] * count))


@lru_cache(maxsize=1 << 10)
def _room(width: float, size: float) -> int:
    """The most narrow characters that are no wider than `width`."""
    count = 0
    while size * _narrow(count + 1) <= width:
        count += 1
    return count


def shorten(value: str, width: float, size: float = 12) -> str:
    """`value`, its middle replaced by an ellipsis when it is wider than `width` pixels."""
    if value.isascii():
        if len(value) <= _room(width, size):
            return value
    elif text_width(value, size) <= width:
        return value
    keep = max(2, int(width / (size * 0.56)) - 1)
    while keep > 2 and text_width(value[: keep - keep // 2] + value[len(value) - keep // 2 :], size) > width:
        keep -= 1
    return f"{value[: keep - keep // 2].rstrip()}…{value[len(value) - keep // 2 :].lstrip()}"


def number(value: float, spec: str = "") -> str:
    """A value for people: four significant digits unless `spec` says otherwise, with a true minus sign."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else f"{_MINUS}∞"
    try:
        label = format(value, spec) if spec else _general(value)
    except (ValueError, OverflowError):
        label = _general(value)
    return true_minus(label)


def true_minus(label: str) -> str:
    """`-1` with the minus sign that is as wide as a plus."""
    return _MINUS + label[1:] if label.startswith("-") else label


def _general(value: float) -> str:
    if value == int(value) and abs(value) < 1e7:
        return str(int(value))
    label = f"{value:.4g}"
    return exponent(label) if "e" in label else label


def exponent(label: str) -> str:
    """`1.50e+07` as `1.50e7`."""
    mantissa, _, power = label.partition("e")
    return f"{mantissa}e{int(power)}"


def colour(index: int) -> str:
    """The light theme's colour of the series at `index`."""
    return PALETTE[index % len(PALETTE)]


def dash(index: int) -> str | None:
    """The dash pattern of the series at `index`; None for a solid line."""
    return DASHES[index // len(PALETTE) % len(DASHES)] or None


def series_class(index: int) -> str:
    """The class that binds the series at `index` to its CSS variable."""
    return f"mb-s{index % len(PALETTE) + 1}"


def label(
    x: float,
    y: float,
    value: str,
    *,
    size: float = 12,
    anchor: str = "start",
    fill: str = "ink",
    **more: object,
) -> str:
    """One line of text, its baseline at (x, y)."""
    same = _label_look(size, anchor, fill, **more)
    return f'<text x="{pixel(x)}" y="{pixel(y)}"{same}>{escaped(value)}</text>'


@lru_cache(maxsize=1 << 12, typed=True)
def _label_look(size: float, anchor: str, fill: str, **more: object) -> str:
    return look(
        font_size=size,
        text_anchor=None if anchor == "start" else anchor,
        class_=f"mb-{fill}",
        fill={"ink": INK, "muted": MUTED, "paper": PAPER}[fill],
        **more,
    )


def document(
    key: str, width: float, height: float, title: str, description: str, body: Iterable[str], *,
    linked: bool = False, class_: str = "mb-svg",
) -> str:  # fmt: skip
    """A whole drawing with its accessible name and description, at most `width` pixels wide.

    Args:
        linked: it holds links, which the role `img` would hide from assistive technology.
    """
    base = identifier(key)
    return (
        f"<svg{_frame(base, width, height, linked, class_)}>"
        f'<title id="{base}-title">{text(title)}</title><desc id="{base}-desc">{fresh(description)}</desc>'
        f"{''.join(body)}</svg>"
    )


@lru_cache(maxsize=256)
def _frame(base: str, width: float, height: float, linked: bool, class_: str) -> str:
    """Attributes of a drawing; remembered, since drawings are alike."""
    return look(
        xmlns="http://www.w3.org/2000/svg",
        class_=class_,
        viewBox=f"0 0 {pixel(width)} {pixel(height)}",
        width=pixel(width),
        height=pixel(height),
        role="group" if linked else "img",
        aria_labelledby=f"{base}-title {base}-desc",
        font_family="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    )


@lru_cache(maxsize=256)
def legend(entries: tuple[tuple[str, str], ...], x: float, y: float, width: float) -> tuple[str, float]:
    """Swatches (markup drawn in a box of 22 by 10 pixels at 0, 0) with names, wrapped: (markup, height)."""
    parts = []
    left, top = x, y
    for swatch, name in entries:
        shown = shorten(name, min(220, width - 40), 11.5)
        size = 28 + text_width(shown, 11.5) + 16
        if left > x and left + size > x + width:
            left, top = x, top + 18
        parts.append(
            tag(
                "g",
                swatch,
                label(28, 9.5, shown, size=11.5),
                *([tag("title", text(name))] if shown != name else []),
                transform=f"translate({pixel(left)} {pixel(top)})",
            )
        )
        left += size
    return "".join(parts), (top - y + 18 if entries else 0)
