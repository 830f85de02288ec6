"""YAML text with positions: reading a spec file and finding the place of a fault in it.

YAML 1.2 as DVC reads it. ruamel.yaml's round-trip loader keeps line and column of every key and item in
`.lc`; a pydantic location is walked through it.
"""

from __future__ import annotations

import codecs
import difflib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from modelbook.errors import Issue, SpecError

Loc = tuple[str | int, ...]
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Source:
    """One YAML file.

    Attributes:
        path: relative to the project's root, with forward slashes.
        tree: ruamel's round-trip data, with positions.
        data: the same as plain Python data.
    """

    path: str
    tree: CommentedMap = field(repr=False)
    data: dict[str, Any] = field(repr=False)

    def position(self, loc: Loc, *, key: bool = False) -> tuple[int, int]:
        """Line and column, 1-based, of the value at `loc`, or of its key.

        Steps that lead nowhere are skipped: what is left is the nearest thing that is there.
        """
        place, node = (0, 0), self.tree
        for index, step in enumerate(loc):
            found = _step(node, step, key=key and index == len(loc) - 1)
            if found is not None:
                place, node = found
        return place[0] + 1, place[1] + 1

    def issue(self, loc: Loc, message: str, hint: str = "", *, key: bool = False) -> Issue:
        """A fault at `loc` of this file."""
        return Issue(self.path, *self.position(loc, key=key), message, hint)


def _step(node: Any, step: str | int, *, key: bool) -> tuple[tuple[int, int], Any] | None:
    """Place and value of one step into a map or list; None when there is nothing of that name."""
    if isinstance(node, CommentedMap) and step in node:
        where = (node.lc.data or {}).get(step)
        if where is None:  # merged in by `<<`: the best place we know is the map's own
            return (node.lc.line, node.lc.col), node[step]
        value_at_key = key or node[step] is None
        return (where[0], where[1]) if value_at_key else (where[2], where[3]), node[step]
    if isinstance(node, CommentedSeq) and isinstance(step, int) and 0 <= step < len(node):
        where = (node.lc.data or {})[step]
        return (where[0], where[1]), node[step]
    return None


def read(root: Path, path: str) -> Source:
    """Read one YAML file of the project.

    Raises:
        SpecError: it is missing, leads out of the tree, is no UTF-8, no YAML, or no mapping.
    """
    file = root / path
    if not file.resolve().is_relative_to(root.resolve()):
        raise SpecError([Issue(path, 0, 0, "is a link out of the repository", "put the file itself there")])
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SpecError([Issue(path, 0, 0, "is missing")]) from None
    except UnicodeDecodeError as error:
        raise SpecError([Issue(path, 0, 0, f"is not UTF-8 text (byte {error.start})")]) from None
    except OSError as error:
        raise SpecError([Issue(path, 0, 0, f"can't be read: {error.strerror}")]) from None
    return parse(text, path)


def rewrite(root: Path, path: str, edit: Callable[[str], str]) -> bool:
    """Change the text of a file, line ends and byte order mark kept; whoever reads sees the old or the new.

    Args:
        edit: old text -> new text; what it raises leaves the file as it is.

    Returns:
        Whether anything changed.
    """
    read(root, path)  # says what is wrong with a file that is no YAML, or a link out of the tree
    file = (root / path).resolve()
    data = file.read_bytes()
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    new = mark + edit(data.decode("utf-8-sig")).encode()
    if new == data:
        return False
    descriptor, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(new)
            os.fsync(stream.fileno())
        Path(beside).chmod(file.stat().st_mode & 0o7777)
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return True


def parse(text: str, path: str) -> Source:
    """Read YAML text that must be a mapping.

    Raises:
        SpecError: it is no YAML, has a key twice, is empty or not a mapping.
    """
    try:
        tree = YAML(typ="rt").load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise SpecError([_syntax_issue(error, path)]) from None
    if tree is None:
        raise SpecError([Issue(path, 0, 0, "is empty, expected a mapping")])
    if not isinstance(tree, CommentedMap):
        raise SpecError([Issue(path, 1, 1, f"expected a mapping, found {described(plain(tree))}")])
    return Source(path, tree, plain(tree))


def _syntax_issue(error: Exception, path: str) -> Issue:
    if not isinstance(error, MarkedYAMLError):
        return Issue(path, 0, 0, f"is no YAML: {str(error).splitlines()[0] if str(error) else 'too deep'}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    if isinstance(error, DuplicateKeyError):
        return _duplicate_issue(error, path, line, column)
    problem = str(error.problem or error.context)
    return Issue(
        path, line, column, f"is no YAML: {problem}", "indent with spaces" if "'\\t'" in problem else ""
    )


def _duplicate_issue(error: DuplicateKeyError, path: str, line: int, column: int) -> Issue:
    key = str(error.problem).partition('found duplicate key "')[2].partition('"')[0]
    return Issue(path, line, column, f"key {key} is there twice in one mapping", "keep one of them")


def plain(node: Any) -> Any:
    """ruamel's round-trip data as plain dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {plain(key): plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(item) for item in node]
    if isinstance(node, ScalarBoolean):
        return bool(node)
    for kind in (str, int, float):
        if isinstance(node, kind) and not isinstance(node, bool):
            return kind(node)
    return node


def validate(model: type[_M], source: Source) -> _M:
    """Make a spec model of a file.

    Raises:
        SpecError: with every fault at its line and column.
    """
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise SpecError([_issue(model, source, one) for one in error.errors()]) from None


_KEY = "[key]"
"""The last step of a location, where a key of a mapping is at fault and not its value."""


def _issue(model: type[BaseModel], source: Source, error: ErrorDetails) -> Issue:
    loc, kind = error["loc"], error["type"]
    at_key = kind in ("extra_forbidden", "missing") or loc[-1:] == (_KEY,)
    if kind == "missing":
        return source.issue(loc[:-1], f"missing key {loc[-1]}", key=True)
    steps = loc[:-1] if loc[-1:] == (_KEY,) else loc
    message, hint = _sentence(model, error)
    context = error.get("ctx", {})
    return source.issue(
        (*steps, *context.get("below", ())), message, hint, key=at_key or context.get("key", False)
    )


_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _sentence(model: type[BaseModel], error: ErrorDetails) -> tuple[str, str]:
    """Message and hint of one pydantic error."""
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "modelbook":
        return str(context["text"]), str(context["hint"])
    if kind == "extra_forbidden":
        return f"unknown key {error['loc'][-1]}", suggestion(
            error["loc"][-1], keys_at(model, error["loc"][:-1])
        )
    if kind == "literal_error":
        words = [str(word) for word in _literals_at(model, error["loc"])]
        if error["loc"][-1] == _KEY:
            return f"unknown key {found}", suggestion(found, words)
        return f"expected {' or '.join(words)}, found {described(found)}", suggestion(
            found, words, list_all=False
        )
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, found {described(found)}", _conversion(kind, found)
    return _limit_sentence(kind, context, found), ""


_SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.1 took for booleans, and YAML 1.2 does not."""


def _conversion(kind: str, found: object) -> str:
    """How to write what was probably meant, as a value of the kind that is expected."""
    if kind == "string_type" and isinstance(found, int | float | date):
        return f'put it in quotes: "{described(found).removeprefix("the date ")}"'
    if kind == "list_type" and isinstance(found, str):
        return f"put it in brackets: [{found}]"
    if kind == "bool_type" and str(found).lower() in _SWITCHES:
        return f"write {_SWITCHES[str(found).lower()]}"
    return ""


def _limit_sentence(kind: str, context: Mapping[str, Any], found: object) -> str:
    if kind == "too_short":
        return f"expected at least {context['min_length']}, found {context['actual_length']}"
    if kind == "too_long":
        return f"expected at most {context['max_length']}, found {context['actual_length']}"
    bounds = {
        "greater_than": ("gt", "more than"),
        "greater_than_equal": ("ge", "at least"),
        "less_than_equal": ("le", "at most"),
    }
    if kind in bounds:
        key, words = bounds[kind]
        return f"expected {words} {context[key]:g}, found {described(found)}"
    return f"{kind.replace('_', ' ')}: {described(found)}"


def described(value: object) -> str:
    """A YAML value in a few words, for "found …"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, date):
        return f"the date {value}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def suggestion(word: object, known: Iterable[object], *, list_all: bool = True) -> str:
    """`did you mean X?` for the nearest known word, else all of them, else nothing."""
    words = sorted({str(one) for one in known})
    near = difflib.get_close_matches(str(word), words, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"expected one of {', '.join(words)}" if list_all and words else ""


def keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that the model at `loc` knows."""
    found = _annotation_at(model, loc)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [one.alias or name for name, one in found.model_fields.items()]
    return []


def _literals_at(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[Any, ...]:
    found = _annotation_at(model, loc)
    return get_args(found) if get_origin(found) is Literal else ()


def _annotation_at(model: Any, loc: Sequence[str | int]) -> Any:
    """The type that a location of a model leads to; None when it leads nowhere."""
    steps = [*loc[:-2], _KEY] if loc[-1:] == (_KEY,) else loc  # pydantic has the key itself before that
    current = model
    for step in steps:
        current = _child(_bare(current), step)
    return _bare(current)


def _child(kind: Any, step: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next(
            (one.annotation for name, one in kind.model_fields.items() if step in (name, one.alias)), None
        )
    arguments = get_args(kind)
    if get_origin(kind) not in (dict, list):
        return None
    return arguments[0] if step == _KEY else arguments[-1]


def _bare(kind: Any) -> Any:
    """Without `Annotated` and `| None`."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        arguments = get_args(kind)
        kind = arguments[0]
    return kind
