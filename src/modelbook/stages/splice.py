"""Putting generated parts into the text of a `dvc.yaml`, every other byte left as it is. Pure.

Positions come from ruamel.yaml's nodes and tokens, as offsets into the text. What a person wrote, comments
within generated parts included, is never dropped: a comment in a part that must be written anew moves above
it. In the end the new text is read again, and is only given back if it means what it should.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from modelbook.errors import Issue, ModelbookError, SpecError
from modelbook.spec.source import parse

FILE = "dvc.yaml"
KEY = "modelbook"
"""The variable in `vars:`, and the key in `meta:`, that generated parts are known by."""

HEADER = """\
# `modelbook sync` writes the parts of this file that come from mlproject.yaml and the experiment specs:
# the variable modelbook, and every stage with modelbook in its meta. All else is yours and stays as it is.
"""


class UnsafeChange(ModelbookError):
    """The new text would not mean what it should, so nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            f"{FILE} can't be changed without touching what was written by hand",
            hint="an anchor or merge key that crosses a generated part is the usual reason: move it away",
        )


class OpenEnd(ModelbookError):
    """The file ends inside a block of text, which would mean something else with anything behind it."""

    def __init__(self) -> None:
        super().__init__(
            f"{FILE} ends without a line break, in a block of text (`|` or `>`) that one would change",
            hint="end the file with a line break",
        )


@dataclass(frozen=True)
class _Edit:
    """Replace `text[start:end]`; of edits at one place, what begins a block of its own (`top`) comes last."""

    start: int
    end: int
    text: str
    top: bool = False


@dataclass(frozen=True)
class _Part:
    """A key or list item of the text: its own lines, comments after its content excluded."""

    start: int
    end: int
    indent: int


def splice(text: str, variable: Mapping[str, Any], stages: Mapping[str, Any]) -> str:
    """The text with the variable `modelbook` and exactly these generated stages.

    Raises:
        SpecError: it is no YAML; a stage written by hand has a name we need; a part is laid out in a way that
            nothing can be put into.
        OpenEnd: the file has to be ended first.
        UnsafeChange: what was written by hand would have changed.
    """
    if not text.strip():
        return HEADER + _block("vars", [{KEY: variable}]) + _block("stages", stages)
    document = _Document(text)
    if not text.endswith("\n") and _Document(text + document.newline).data != document.data:
        raise OpenEnd
    edits = [*_vars_edits(document, variable), *_stages_edits(document, stages)]
    new = _applied(text, edits, document.newline)
    _verify(document.data, _Document(new).data, variable, stages)
    return new


class _Document:
    """A parsed `dvc.yaml`: data, and where its parts stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.data: dict[str, Any] = parse(text, FILE).data if _has_content(text) else {}
        reader = YAML(typ="safe", pure=True)
        self.node: Node | None = reader.compose(text)
        self.tokens = [
            (token.start_mark.index, token.end_mark.index)
            for token in YAML(typ="safe", pure=True).scan(text)
            if token.end_mark.index > token.start_mark.index
        ]

    def top(self, key: str) -> tuple[Node, Node] | None:
        """Key and value nodes of a top-level key."""
        pairs = self.node.value if isinstance(self.node, MappingNode) else []
        return next(((name, value) for name, value in pairs if name.value == key), None)

    def parts(self, starts: Sequence[int], limit: int) -> list[_Part]:
        """The parts that begin at these offsets, the last one ending before `limit`."""
        ends = [*starts[1:], limit]
        return [self._part(start, end) for start, end in zip(starts, ends, strict=True)]

    def _part(self, start: int, limit: int) -> _Part:
        line = self._line_start(start)
        last = max(self._content_end(a, b) for a, b in self.tokens if start <= a < limit)
        return _Part(line, self.line_end(last), start - line)

    def _content_end(self, start: int, end: int) -> int:
        """The end of a token's content; a block scalar's token runs on over the lines after it."""
        token = self.text[start:end]
        if token[0] in "|>" and "\n" in token and "+" not in token.partition("\n")[0]:
            return start + len(token.rstrip())
        return end

    def _line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """The offset after the line break that ends the line of `offset`."""
        if offset and self.text[offset - 1] == "\n":
            return offset
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def limit(self, key: Node) -> int:
        """Where the part of a top-level key ends at the latest: at the next key, or the document's end."""
        pairs = self.node.value if isinstance(self.node, MappingNode) else []
        later = [name.start_mark.index for name, _ in pairs if name.start_mark.index > key.start_mark.index]
        return min(later, default=self.end())

    def end(self) -> int:
        """The document's end: an explicit `...`, or the end of the text."""
        marks = [a for a, b in self.tokens if self.text[a:b] == "..." and self._line_start(a) == a]
        return marks[0] if marks else len(self.text)

    def comments(self, part: _Part) -> list[str]:
        """Every comment within a part: what stands between its tokens and is not white space."""
        inside = [(a, b) for a, b in self.tokens if part.start <= a < part.end]
        gaps = zip([part.start, *(b for _, b in inside)], [*(a for a, _ in inside), part.end], strict=True)
        return [found for a, b in gaps for found in re.findall(r"#[^\r\n]*", self.text[a:b])]

    def after_own_comments(self, part: _Part) -> int:
        """The end of a part with the comments below it that are indented as deep as the part or deeper."""
        end = at = part.end
        for line in self.text[part.end :].splitlines(keepends=True):
            at += len(line)
            words = line.strip(" \t\r\n")
            if words and (not words.startswith("#") or len(line) - len(line.lstrip()) < max(part.indent, 1)):
                break
            end = at if words else end
        return end


def _has_content(text: str) -> bool:
    return any(
        line.strip() and not line.lstrip().startswith("#") for line in text.lstrip("\ufeff").splitlines()
    )


def _vars_edits(document: _Document, variable: Mapping[str, Any]) -> list[_Edit]:
    wanted = {KEY: dict(variable)}
    found = document.top("vars")
    if found is None:
        return [_append(document, _block("vars", [wanted]))]
    key, value = found
    if _is_empty(value):
        return _fill_empty(document, key, value, _item(wanted, 0))
    _refuse_flow(key, value)
    starts = _dashes(document, value)
    parts = document.parts(starts, document.limit(key))
    for part, item in zip(parts, document.data["vars"], strict=True):
        if isinstance(item, dict) and KEY in item:
            if item == wanted:
                return []
            if len(item) > 1:
                raise SpecError(
                    [_issue(key, f"the variable {KEY} shares an item with others", "split it in two")]
                )
            text = _comment_lines(document.comments(part), part.indent) + _item(wanted, part.indent)
            return [_Edit(part.start, part.end, text)]
    at = document.after_own_comments(parts[-1])
    return [_Edit(at, at, _item(wanted, parts[0].indent))]


def _dashes(document: _Document, value: Node) -> list[int]:
    """Offsets of the dashes of a block sequence."""
    column = value.start_mark.column
    wanted = [item.start_mark.index for item in value.value]
    dashes = [
        a for a, b in document.tokens if document.text[a:b] == "-" and _column(document.text, a) == column
    ]
    return [max(dash for dash in dashes if dash < item) for item in wanted]


def _column(text: str, offset: int) -> int:
    return offset - (text.rfind("\n", 0, offset) + 1)


def _stages_edits(document: _Document, stages: Mapping[str, Any]) -> list[_Edit]:
    found = document.top("stages")
    if found is None:
        return [_append(document, _block("stages", stages))]
    key, value = found
    if _is_empty(value):
        return _fill_empty(document, key, value, "".join(_entry(*pair, 2) for pair in stages.items()))
    _refuse_flow(key, value)
    return _merge_stages(document, key, value, stages)


def _merge_stages(document: _Document, key: Node, value: Node, stages: Mapping[str, Any]) -> list[_Edit]:
    names = [name.value for name, _ in value.value]
    starts = [name.start_mark.index for name, _ in value.value]
    parts = dict(zip(names, document.parts(starts, document.limit(key)), strict=True))
    old = document.data["stages"]
    _refuse_collisions(key, value, old, stages)
    edits = []
    for name, part in parts.items():
        if is_generated(old.get(name)) and old[name] != stages.get(name):
            text = _comment_lines(document.comments(part), part.indent)
            if name in stages:
                text += _entry(name, stages[name], part.indent)
            edits.append(_Edit(part.start, part.end, text))
    return [*edits, *_new_entries(document, parts, stages)]


def _new_entries(document: _Document, parts: Mapping[str, _Part], stages: Mapping[str, Any]) -> list[_Edit]:
    """Entries that are not there yet, each after the one it follows, else at the end of all stages."""
    last = max(parts.values(), key=lambda part: part.start)
    at = document.after_own_comments(last)
    edits = []
    for name, body in stages.items():
        if name in parts:
            at = document.after_own_comments(parts[name])
        else:
            edits.append(_Edit(at, at, _entry(name, body, last.indent)))
    return edits


def is_generated(body: Any) -> bool:
    """Whether a stage's definition says that `modelbook sync` wrote it."""
    if not isinstance(body, dict):
        return False
    inner = body["do"] if isinstance(body.get("do"), dict) else body
    meta = inner.get("meta")
    return isinstance(meta, dict) and KEY in meta


def _refuse_collisions(key: Node, value: Node, old: Mapping[str, Any], stages: Mapping[str, Any]) -> None:
    nodes = {name.value: name for name, _ in value.value}
    issues = []
    for name in stages:
        if name in old and not is_generated(old[name]):
            message = f"stage {name} was written by hand, and mlproject.yaml makes a stage of that name"
            issues.append(_issue(nodes.get(name, key), message, "rename one of them"))
    if issues:
        raise SpecError(issues)


def _is_empty(value: Node) -> bool:
    if isinstance(value, ScalarNode):
        return value.value in ("", "~", "null")
    return not value.value


def _refuse_flow(key: Node, value: Node) -> None:
    block = isinstance(value, MappingNode | SequenceNode) and not value.flow_style
    expected = MappingNode if key.value == "stages" else SequenceNode
    if not block or not isinstance(value, expected):
        kind = "mapping" if key.value == "stages" else "list"
        message = f"{key.value} is not an indented {kind}, so nothing can be added to it"
        raise SpecError([_issue(key, message, "put each entry on lines of its own")])


def _issue(node: Node, message: str, hint: str) -> Issue:
    return Issue(FILE, node.start_mark.line + 1, node.start_mark.column + 1, message, hint)


def _fill_empty(document: _Document, key: Node, value: Node, text: str) -> list[_Edit]:
    """Put entries under a key that has nothing, `{}` or `[]` as its value."""
    at = document.line_end(max(key.end_mark.index, value.end_mark.index))
    drop = _Edit(value.start_mark.index, value.end_mark.index, "")
    return [drop, _Edit(at, at, text)]


def _append(document: _Document, text: str) -> _Edit:
    at = document.end()
    return _Edit(at, at, text, top=True)


def _applied(text: str, edits: Sequence[_Edit], newline: str) -> str:
    made, at = "", 0
    for edit in sorted(edits, key=lambda one: (one.start, one.top)):
        made += text[at : edit.start]
        if edit.text and made and not made.endswith("\n") and edit.end == edit.start:
            made += newline
        made += edit.text.replace("\n", newline)
        at = max(at, edit.end)
    return made + text[at:]


def _verify(
    old: Mapping[str, Any], new: Mapping[str, Any], variable: Mapping[str, Any], stages: Mapping[str, Any]
) -> None:
    wanted = by_hand(old)
    there = by_hand(new)
    made = {name: body for name, body in (new.get("stages") or {}).items() if is_generated(body)}
    if wanted != there or made != stages or {KEY: variable} not in (new.get("vars") or []):
        raise UnsafeChange


def by_hand(data: Mapping[str, Any]) -> dict[str, Any]:
    """What of a `dvc.yaml` people wrote."""
    rest = {key: value for key, value in data.items() if key not in ("vars", "stages")}
    own_vars = [item for item in data.get("vars") or [] if not (isinstance(item, dict) and KEY in item)]
    own = {name: body for name, body in (data.get("stages") or {}).items() if not is_generated(body)}
    return {**rest, "vars": own_vars, "stages": own}


def _comment_lines(comments: Sequence[str], indent: int) -> str:
    return "".join(f"{' ' * indent}{comment}\n" for comment in comments)


def _block(key: str, content: Any) -> str:
    if key == "vars":
        return "vars:\n" + "".join(_item(item, 0) for item in content)
    return "stages:\n" + "".join(_entry(name, body, 2) for name, body in content.items())


def _item(item: Mapping[str, Any], indent: int) -> str:
    """A list item with the variable: one line for every run."""
    [(name, pipelines)] = item.items()
    if not pipelines:
        return f"{' ' * indent}- {name}: {{}}\n"
    shown = {
        pipeline: {run: _flow(body) for run, body in runs.items()} for pipeline, runs in pipelines.items()
    }
    return _indented(f"- {name}:\n" + _indented(_dump(shown), 4), indent)


def _flow(body: Mapping[str, Any]) -> CommentedMap:
    made = CommentedMap(
        {key: _flow(value) if isinstance(value, dict) else value for key, value in body.items()}
    )
    made.fa.set_flow_style()
    return made


def _entry(name: str, body: Any, indent: int) -> str:
    return _indented(_dump({name: body}), indent)


def _indented(text: str, indent: int) -> str:
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())


def _dump(data: Any) -> str:
    writer = YAML(typ="rt")
    writer.default_flow_style = False
    writer.width = 2**20
    buffer = io.StringIO()
    writer.dump(data, buffer)
    return buffer.getvalue()
