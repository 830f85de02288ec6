"""A badge: what it is of, and what there is to say, in the shape that READMEs have."""

from __future__ import annotations

from modelbook.charts import _svg

_HEIGHT, _SIZE, _PAD = 20.0, 11.0, 6.0
_LABEL = "#4d4d4d"


def badge(label: str, message: str, color: str) -> str:
    """A standalone SVG that loads nothing: it may be shown by any page, also where images run no scripts.

    Args:
        color: behind the message, dark enough for white text.
    """
    one, two = _svg.shorten(label, 240, _SIZE), _svg.shorten(message, 240, _SIZE)
    left, right = (round(_svg.text_width(part, _SIZE) + 2 * _PAD) for part in (one, two))
    body = [
        _svg.tag("title", _svg.text(f"{label}: {message}")),
        _svg.tag("rect", width=left + right, height=_HEIGHT, rx=3.0, fill=color),
        _svg.tag("path", d=f"M3 0h{left - 3}v20h-{left - 3}a3 3 0 0 1-3-3v-14a3 3 0 0 1 3-3z", fill=_LABEL),
        _text(one, left / 2, left - 2 * _PAD),
        _text(two, left + right / 2, right - 2 * _PAD),
    ]
    return _svg.tag(
        "svg",
        *body,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        aria_label=f"{label}: {message}",
        width=left + right,
        height=_HEIGHT,
    )


def _text(words: str, middle: float, width: float) -> str:
    """Words that take up as much room as was measured, whatever font there is."""
    return _svg.tag(
        "text", _svg.text(words), x=middle, y=14.0, fill="#ffffff", text_anchor="middle", textLength=width,
        font_family="Verdana, DejaVu Sans, sans-serif", font_size=_SIZE,
    )  # fmt: skip
