"""Write the tables in docs/ that repeat what the code says: `make docs`.

A table stands between `<!-- fields: Project -->` or `<!-- options: sync -->` and `<!-- end -->`. The first is
made from the JSON Schema of a spec model, the second from a command's own help.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from modelbook.cli import main as cli
from modelbook.spec import models, reports

DOCS = Path(__file__).parent.parent / "docs"
TABLE = re.compile(r"(<!-- (?P<kind>fields|options): (?P<name>\S+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
WORDS = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "null": "null",
}


def refreshed(text: str) -> str:
    """A Markdown text with its tables as the code would have them now."""

    def table(found: re.Match[str]) -> str:
        make = {"fields": field_table, "options": option_table}[found["kind"]]
        return f"{found[1]}\n{make(found['name'])}\n\n"

    return TABLE.sub(table, text)


def field_table(model: str) -> str:
    """The keys of a spec model as a Markdown table."""
    schema = getattr(models if hasattr(models, model) else reports, model).model_json_schema()
    if "$ref" in schema:
        schema = schema["$defs"][model] | {"$defs": schema["$defs"]}
    rows = [
        (
            f"`{key}`",
            _kind(field),
            _default(field, key in schema.get("required", [])),
            field.get("description", ""),
        )
        for key, field in schema["properties"].items()
    ]
    return _table(("Key", "Value", "Default", "What it says"), rows)


def option_table(command: str) -> str:
    """How a command is called, and its options as a Markdown table."""
    context = click.Context(cli, info_name="modelbook", **cli.context_settings)
    found: click.Command = cli
    for name in command.split("."):  # a dot leads into a group of commands
        inner = found.get_command(context, name) if isinstance(found, click.Group) else None
        if inner is None:
            raise LookupError(command)
        found, context = inner, click.Context(inner, info_name=name, parent=context)
    usage = " ".join([context.command_path, *found.collect_usage_pieces(context)])
    rows = [
        (f"`{_spelling(param, context)}`", _help(param))
        for param in found.params
        if isinstance(param, click.Option) and not param.hidden
    ]
    table = _table(("Option", "What it does"), rows)
    return f"```text\n{usage}\n```" + (f"\n\n{table}" if rows else "")


def _help(option: click.Option) -> str:
    shown = f" (default: {option.default})" if option.show_default else ""
    return (option.help or "") + shown


def _spelling(option: click.Option, context: click.Context) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag or option.count else f"{names} {option.make_metavar(context)}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _default(field: dict[str, Any], required: bool) -> str:
    if required:
        return "required"
    value = field.get("default")
    return "" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{str(value).lower()}`"


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field or "oneOf" in field:
        kinds = dict.fromkeys(_kind(one) for one in field.get("anyOf") or field["oneOf"])
        return " or ".join(kind for kind in kinds if kind != "null")
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        item = _kind(field.get("items", {}))
        return f"list, each item {item}" if " or " in item else f"list of {item}"
    if field.get("type") == "object":
        patterns = field.get("patternProperties", {})
        value = next(iter(patterns.values()), field.get("additionalProperties", {}))
        return f"mapping of name to {_kind(value if isinstance(value, dict) else {})}"
    return WORDS.get(field.get("type", ""), "anything")


def main() -> None:
    """Bring every file of docs/ up to date."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        path.write_text(refreshed(text), encoding="utf-8")


if __name__ == "__main__":
    main()
