"""The runs table's query language, in Python: what `site_templates/assets/runs-query.js` says of a row. Pure.

    auc > 0.7 and lr < 0.1 and tag:baseline
    not (experiment = gbm or "two words") date >= 2024-03-01

A test asks both the same questions about the same columns; who changes one changes the other. Columns are
those of the table's data file, as plain mappings: `key`, `label`, `kind`, `values`, `dictionary`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from modelbook.errors import ModelbookError

__all__ = ["BadQuery", "Column", "compile_query", "find_column", "read_columns", "sort_rows"]

Test = Callable[[int], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<op>>=|<=|!=|==|!:|!~|=|>|<|:|~)|(?P<paren>[()])"
    r"|\"(?P<double>(?:[^\"\\]|\\.)*)\"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<word>[^\s()<>=!:~\"']+|!))"
)
_DATE = re.compile(r"\d{4}-\d\d")
_TIME = re.compile(r"[:\d.+\-Zz]+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_INFINITY = re.compile(r"([+-]?)inf(inity)?", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SPEC = re.compile(r"\+?,?(\.\d+)?[fgeFGE%d]?")
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_NUMERIC = ("number", "metric", "param")
_DEEPEST = 50


class BadQuery(ModelbookError):
    """A query that cannot be understood.

    Attributes:
        at: where in the text, counted from 0.
    """

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class Column:
    """One column of the table; rows are numbers from 0."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.key = str(data["key"])
        self.label = str(data.get("label") or self.key)
        self.kind = str(data.get("kind") or "text")
        self.unit = str(data.get("unit") or "")
        self.format = str(data.get("format") or "")
        self.direction = str(data.get("direction") or "")
        words = data.get("dictionary")
        values = data.get("values") or ()
        self.values = [None if at is None else words[at] for at in values] if words else list(values)
        numbers = sum(_is_number(value) for value in self.values)
        others = sum(value is not None for value in self.values) - numbers
        able = self.kind in _NUMERIC
        self.numeric = able and (numbers > 0 or (self.kind == "metric" and not others))
        self.mixed = self.numeric and others > 0

    def empty(self, row: int) -> bool:
        """Whether a row has no value."""
        return self.values[row] in (None, "", [], ())

    def number(self, row: int) -> float:
        """The value as a number (a date as milliseconds since 1970); NaN for none."""
        value = self.values[row]
        if self.kind == "date":
            found = _time(value)
            return math.nan if found is None else found
        if value is None or not _is_number(value):
            return math.nan
        return _SPECIAL[value] if isinstance(value, str) else float(value)

    @cached_property
    def _lower(self) -> list[str]:
        return [self._text(value).lower() for value in self.values]

    def lower(self, row: int) -> str:
        """What the table shows, in lower case."""
        return self._lower[row]

    def text(self, row: int) -> str:
        """What the table shows."""
        return self._text(self.values[row])

    def tags(self, row: int) -> list[str]:
        """The items of a list, in lower case."""
        return [_plain(tag).lower() for tag in self.values[row] or ()]

    def _text(self, value: Any) -> str:
        if value is None:
            return ""
        if _is_number(value) and (self.numeric or not isinstance(value, str)):
            shown = _formatted(_SPECIAL[value] if isinstance(value, str) else value, self.format)
            return f"{shown}{'' if self.unit == '%' else ' '}{self.unit}" if self.unit else shown
        if self.kind == "date":
            return str(value)[:16].replace("T", " ")
        return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else _plain(value)


def read_columns(columns: Iterable[Mapping[str, Any]]) -> list[Column]:
    """Columns of the table's data file."""
    return [Column(column) for column in columns]


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in _SPECIAL
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _formatted(value: float, spec: str) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if spec and _SPEC.fullmatch(spec):
        shown = format(round(value) if spec.endswith("d") else value, spec)
    elif value == int(value) and abs(value) < 1e7:
        shown = str(int(value))
    else:
        shown = f"{value:.4g}"
    return shown.replace("-", "−", 1) if shown.startswith("-") else shown


def parse_number(text: str) -> float | None:
    """A number as people write it, the infinities included; None when it is none."""
    text = text.strip()
    if endless := _INFINITY.fullmatch(text):
        return -math.inf if endless[1] == "-" else math.inf
    return float(text) if _NUMBER.fullmatch(text) else None


def _time(text: Any) -> float | None:
    """Milliseconds since 1970 of a year, month, day or moment; without an offset it is UTC."""
    if not isinstance(text, str) or not re.match(r"\d{4}(-\d\d){0,2}", text):
        return None
    whole = {4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text)
    try:
        found = datetime.fromisoformat(whole)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError):
        return None


# -- parsing


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise BadQuery("a quote is not closed", place)
        place = match.end()
        token = _token(match)
        if token.kind == "word" and _DATE.match(token.text) and (rest := _TIME.match(text, place)):
            token = _Token("word", token.text + rest[0], token.at)  # a time's colon belongs to its date
            place = rest.end()
        found.append(token)
    return found


def _token(match: re.Match[str]) -> _Token:
    kind = str(match.lastgroup)
    text = match[kind]
    if kind in ("double", "single"):
        return _Token("quoted", re.sub(r"\\(.)", r"\1", text), match.start(kind) - 1)
    return _Token(text if kind == "paren" else kind, text, match.start(kind))


def compile_query(text: str, columns: Sequence[Column]) -> Test:
    """A query as a test of a row.

    Raises:
        BadQuery: it cannot be understood.
    """
    return _Parser(text, columns).parse()


class _Parser:
    """Recursive descent: or, and (also between two terms), not, parentheses, comparisons, words."""

    def __init__(self, text: str, columns: Sequence[Column]) -> None:
        self._text = text
        self._columns = [column for column in columns if column.kind != "spark"]
        self._tokens = _tokens(text)
        self._place = 0
        self._depth = 0

    def parse(self) -> Test:
        if not self._tokens:
            return lambda _row: True
        found = self._either()
        if left := self._peek():
            raise BadQuery(f"unexpected {left.text}", left.at)
        return found

    def _peek(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _keyword(self, word: str) -> bool:
        following = self._peek()
        return following is not None and following.kind == "word" and following.text.lower() == word

    def _either(self) -> Test:
        terms = [self._both()]
        while self._keyword("or"):
            self._place += 1
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)

    def _both(self) -> Test:
        terms = [self._negated()]
        while (following := self._peek()) and following.kind != ")" and not self._keyword("or"):
            if self._keyword("and"):
                self._place += 1
            terms.append(self._negated())
        return terms[0] if len(terms) == 1 else lambda row: all(term(row) for term in terms)

    def _negated(self) -> Test:
        if not self._keyword("not"):
            return self._primary()
        self._place += 1
        inner = self._nested(self._negated)
        return lambda row: not inner(row)

    def _nested(self, rule: Callable[[], Test]) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            here = self._peek()
            raise BadQuery("too many parentheses", here.at if here else len(self._text))
        found = rule()
        self._depth -= 1
        return found

    def _primary(self) -> Test:
        token = self._peek()
        if token is None:
            raise BadQuery("something is missing at the end", len(self._text))
        self._place += 1
        if token.kind == "(":
            return self._inside(token)
        joins = token.kind == "word" and token.text.lower() in ("and", "or")
        if token.kind in ("op", ")") or joins:
            raise BadQuery(f"unexpected {token.text}", token.at)
        following = self._peek()
        if following is not None and following.kind == "op":
            return self._comparison(token)
        return _anywhere(token.text, self._columns)

    def _inside(self, opened: _Token) -> Test:
        found = self._nested(self._either)
        closing = self._peek()
        if closing is None or closing.kind != ")":
            raise BadQuery("a parenthesis is not closed", opened.at)
        self._place += 1
        return found

    def _comparison(self, name: _Token) -> Test:
        column = find_column(name.text, self._columns, name.at)
        op = self._tokens[self._place]
        value = self._tokens[self._place + 1] if self._place + 1 < len(self._tokens) else None
        self._place += 2
        if value is None or value.kind not in ("word", "quoted"):
            raise BadQuery(f"a value is missing after {op.text}", op.at)
        return _test(column, op, value)


def find_column(name: str, columns: Sequence[Column], at: int = 0) -> Column:
    """The column of a name: its key, its label, the end of its key, or a word of its label.

    Raises:
        BadQuery: there is none, or more than one.
    """
    wanted = name.lower()
    found = [column for column in columns if column.key == name]
    for way in _WAYS:
        found = found or [item for item in columns if way(item, wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadQuery(f"{name} could be {_several(found)}", at)
    near = _nearest(wanted, columns)
    raise BadQuery(f"there is no column {name}" + (f"; did you mean {near}?" if near else ""), at)


def _ends_in(own: str, wanted: str, before: str) -> bool:
    return own.endswith(wanted) and re.fullmatch(before, own[: len(own) - len(wanted)][-1:]) is not None


_WAYS: tuple[Callable[[Column, str], bool], ...] = (
    lambda item, wanted: {wanted, f"{wanted}s"} & {item.key.lower(), item.label.lower()} != set(),
    lambda item, wanted: _ends_in(item.key.lower(), wanted, r"[./:]"),
    lambda item, wanted: _ends_in(item.key.lower(), wanted, r"[^a-z0-9]"),
    lambda item, wanted: wanted in re.split(r"[^a-z0-9]+", item.label.lower()),
)
"""From the strictest to the most forgiving; the first that finds a column decides."""


def _several(columns: Sequence[Column]) -> str:
    more = len(columns) - 4
    return " or ".join(column.key for column in columns[:4]) + (f" or {more} others" if more > 0 else "")


def _nearest(wanted: str, columns: Sequence[Column]) -> str:
    names = {
        name.lower(): name
        for column in columns
        for name in (*re.split(r"[^A-Za-z0-9]+", column.label), column.key, column.label)
        if name
    }
    inside = sorted((name for name in names if wanted in name), key=lambda name: (len(name), name))
    close = inside or difflib.get_close_matches(wanted, sorted(names), n=1, cutoff=0.6)
    return names[close[0]] if close else ""


def _anywhere(word: str, columns: Sequence[Column]) -> Test:
    needle = word.lower()
    texts = [column for column in columns if not column.numeric]
    return lambda row: any(needle in column.lower(row) for column in texts)


def _test(column: Column, token: _Token, value: _Token) -> Test:
    op = "=" if token.text == "==" else token.text
    plain = value.text.lower() if value.kind == "word" else ""
    if plain in ("none", "null"):
        return _missing(column, op, token.at)
    if plain == "nan" and column.numeric and op in ("=", "!=", ":", "!:"):
        return _nan(column, negated=op.startswith("!"))
    op = {"~": ":", "!~": "!:"}.get(op, op)
    if column.numeric or column.kind == "date":
        dated = column.kind == "date"
        number = _time(value.text) if dated else parse_number(value.text)
        if number is not None:
            return _numeric(column, op, number, value.text)
        if not column.mixed:
            kind = "date" if dated else "number"
            raise BadQuery(f"{value.text} is not a {kind}, and {column.label} holds {kind}s", value.at)
    return _textual(column, op, value.text.lower(), token.at)


def _missing(column: Column, op: str, at: int) -> Test:
    if op in ("=", ":"):
        return column.empty
    if op in ("!=", "!:"):
        return lambda row: not column.empty(row)
    raise BadQuery("none can only be compared with = and !=", at)


def _nan(column: Column, *, negated: bool) -> Test:
    return lambda row: negated != (column.values[row] == "NaN")


def _numeric(column: Column, op: str, low: float, text: str) -> Test:
    # A day stands for all its moments: date = 2024-03-01.
    high = low + 86_399_999 if column.kind == "date" and _DAY.fullmatch(text) else low
    of = column.number
    equal: Test = lambda row: low <= of(row) <= high  # noqa: E731 - one of a table of tests
    return {
        "=": equal,
        ":": equal,
        "!=": lambda row: not equal(row),
        "!:": lambda row: not equal(row),
        ">": lambda row: of(row) > high,
        ">=": lambda row: of(row) >= low,
        "<": lambda row: of(row) < low,
        "<=": lambda row: of(row) <= high,
    }[op]


def _textual(column: Column, op: str, needle: str, at: int) -> Test:
    several = column.kind == "tag"

    def equal(row: int) -> bool:
        return needle in column.tags(row) if several else column.lower(row) == needle

    def contains(row: int) -> bool:
        return equal(row) if several else needle in column.lower(row)

    tests: dict[str, Test] = {
        "=": equal,
        "!=": lambda row: not equal(row),
        ":": contains,
        "!:": lambda row: not contains(row),
    }
    if op not in tests:
        raise BadQuery(f"{column.label} holds text: use =, != or :", at)
    return tests[op]


# -- order


def sort_rows(rows: Iterable[int], sorts: Sequence[tuple[Column, bool]]) -> list[int]:
    """Rows in order, those without a value last, equal ones as they were.

    Args:
        sorts: (column, whether it goes down), the most important first.
    """
    found = list(rows)
    for column, down in reversed(sorts):
        numbers = (column.numeric and not column.mixed) or column.kind == "date"
        key: Callable[[int], Any] = column.number if numbers else _natural(column)
        away = {row for row in found if column.empty(row) or (numbers and math.isnan(column.number(row)))}
        there = sorted((row for row in found if row not in away), key=key, reverse=down)
        found = [*there, *(row for row in found if row in away)]
    return found


def _natural(column: Column) -> Callable[[int], Any]:
    """Text without case, its digits by value."""

    def key(row: int) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", column.lower(row))
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]

    return key
