"""What every chart can do, and the chart that has nothing to show."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from modelbook.charts import _svg

WIDTH = 560.0
"""Width of a full chart in its own units; on a page it scales down, never up beyond this."""


class Chart(Protocol):
    """A chart that can be drawn still (SVG) or handed to Plotly."""

    @property
    def title(self) -> str:
        """The heading; may be empty."""

    @property
    def reason(self) -> str:
        """Why there is nothing to draw, or an empty string."""

    def svg(self, key: str) -> str:
        """The drawing. `key` must be unique on its page: ids inside the drawing are derived from it."""

    def plotly(self) -> dict[str, Any]:
        """`{data, layout}` for Plotly: plain JSON values, without colours of a theme."""


class Nothing(msgspec.Struct, frozen=True, gc=False):
    """A chart without data.

    Attributes:
        reason: one clause: what is missing or wrong.
    """

    title: str
    reason: str

    def svg(self, key: str) -> str:
        """A frame that says why it is empty."""
        shown = _svg.shorten(f"nothing to draw: {self.reason}", WIDTH - 40, 13)
        body = [
            _svg.tag(
                "rect", x=0.5, y=0.5, width=WIDTH - 1, height=95.0, rx=6, class_="mb-frame", fill="none",
                stroke=_svg.GRID, stroke_dasharray="4 4",
            ),
            _svg.label(WIDTH / 2, 40, _svg.shorten(self.title, WIDTH - 40, 14), size=14, anchor="middle"),
            _svg.label(WIDTH / 2, 64, shown, size=13, anchor="middle", fill="muted"),
        ]  # fmt: skip
        return _svg.document(key, WIDTH, 96, self.title or "Chart", f"Nothing to draw: {self.reason}.", body)

    def plotly(self) -> dict[str, Any]:
        """An empty figure with the reason as its annotation."""
        note = {"text": plain(f"nothing to draw: {self.reason}"), "showarrow": False}
        return {"data": [], "layout": {"title": {"text": plain(self.title)}, "annotations": [note]}}


def plain(value: str) -> str:
    """`value` so that Plotly, which reads a little HTML in its labels, shows it letter by letter."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
