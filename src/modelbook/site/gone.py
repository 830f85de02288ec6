"""The page that hosts show for an address that a site does not have."""

from __future__ import annotations

from markupsafe import escape

SECTIONS = (
    "runs", "models", "commits", "experiments", "changes", "compare", "datasets", "lineage", "deployments",
    "monitoring", "problems", "reports", "assets",
)  # fmt: skip
"""Folders at the site's root: the one that an address leads into tells where the root is."""

_STYLE = (
    ":root{color-scheme:light dark}body{font:17px/1.6 system-ui,sans-serif;margin:12vh auto;max-width:34rem;"
    "padding:0 1.5rem}a{color:LinkText}"
)
_SCRIPT = """(function () {
  var found = /^(.*?\\/)(?:%s)\\//.exec(location.pathname);
  if (!found || location.protocol === "file:") return;
  document.querySelectorAll("a").forEach(function (link) {
    link.href = found[1] + link.getAttribute("href");
  });
})();""" % "|".join(SECTIONS)  # noqa: UP031 - braces are the script's


def page(name: str) -> str:
    """HTML that asks for no other file, for it is shown in the place of a page of any depth.

    Args:
        name: of the site; any text.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>Not in this site – {escape(name)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n"
        f"<h1>Not in this site</h1>\n<p>{escape(name)} has no such page, or has it no more.</p>\n"
        '<p>Go to the <a href="index.html">home page</a>, to <a href="runs/index.html">all runs</a>, or to '
        'the <a href="models/index.html">models</a>.</p>\n'
        f"</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )
