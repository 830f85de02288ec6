"""The fast YAML reader means what ruamel means, on anything."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from modelbook.history import files, yaml12


def same(one: Any, other: Any) -> bool:
    """Equal in type and value at every depth, with NaN equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(
            same(a, b) for a, b in zip([*one, *one.values()], [*other, *other.values()], strict=True)
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def agree(text: str) -> None:
    """The reader gives what ruamel gives, or fails as ruamel fails."""
    try:
        warnings.simplefilter("ignore")
        truth = YAML(typ="safe", pure=True).load(text)
    except Exception as error:
        with pytest.raises(type(error)):
            yaml12.load(text)
        return
    assert same(yaml12.load(text), truth), text
    assert same(yaml12.load(text, {}), truth), text


SCALARS = [
    "1e-3",
    "1e-06",
    "1E5",
    "1.5e3",
    "-1.0e+2",
    "1_000",
    "1_000.5",
    "014",
    "0o14",
    "0x1F",
    "0b11",
    "00",
    "-0",
    "+1",
    "1.",
    ".5",
    "-.5",
    ".inf",
    "-.inf",
    ".nan",
    ".NaN",
    "inf",
    "nan",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "true",
    "True",
    "TRUE",
    "tRue",
    "null",
    "Null",
    "~",
    "",
    "2001-12-14",
    "2001-12-14t21:59:43.10-05:00",
    "12:30:45",
    "1:2",
    "=",
    "<<",
    "a b",
    "a: b",
    "a #b",
    "a#b",
    "a:",
    "- a",
    "-a",
    "-",
    "--",
    "---",
    "...",
    "?",
    "? a",
    "[1, 2]",
    "[a, [b]]",
    "{a: 1}",
    "[a,",
    "{",
    "'it''s'",
    '"a\\tb"',
    '"open',
    "'open",
    "&a b",
    "*a",
    "!!str 1",
    "!x y",
    "|",
    ">",
    "|+",
    "%a",
    "@a",
    "`a",
    "1e5f",
    "12e45",
    "0123456789abcdef0123456789abcdef",
    "12345678901234567890123456789012",
    "12345678901234567890123456789e12",
    "1234567890abcdef1234567890abcdef.dir",
    "d41d8cd98f00b204e9800998ecf8427e",
    "$x",
    "${a.b}",
    "a && b",
    "rm *.txt",
    "a, *b",
    "/x/y z",
    "99999999999999999999",
    "1.7976931348623157e309",
    "0.1",
    "123456789012345678901234567890.5",
    "é",
    "a\tb",
    "\u2028",
    "a\u0085b",
    "a\rb",
]
KEYS = [
    "a",
    "b",
    "a.b",
    "1",
    "1.0",
    "1e3",
    "yes",
    "null",
    "true",
    "<<",
    "'q'",
    '"q"',
    "a b",
    "014",
    "x/y",
    "-a",
]


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize(
    "form",
    [
        "k: {}",
        "- {}",
        "{}",
        "{}: 1",
        "a: 1\nk: {}\nz: 2",
        "a:\n  k: {}\n  l: 1",
        "a:\n- {}\n- x: {}",
        "k:\n  {}",
    ],
)
def test_every_scalar_in_every_place(form: str, scalar: str) -> None:
    agree(form.replace("{}", scalar))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# only\n",
        "a: 1\n...\nb: 2",
        "a: 1\n---\nb: 2",
        "%YAML 1.1\n---\n'x': yes\na: yes",
        "---\na: 1\nb: 2",
        "a: &x {b: 1}\nc: *x",
        "a: &x\n  b: 1\nc:\n  <<: *x\n  d: 2",
        "<<: {a: 1}\na: 2",
        "{a: 1}\nb: 2",
        "- a\nb: 1",
        "a: 1\na: 2",
        "a: 1\n'a': 2",
        "1: a\n1.0: b",
        "true: 1\n1: 2",
        "a: b\n  c\n  d\ne: f",
        "a: b\n  c: d",
        "a: b\n\n  c",
        "a: b\n  # c\n  d",
        "a: 'x\n  y'\nb: 1",
        "a: 'x\nb: y'",
        "a: [1,\n  2]\nb: 3",
        "a: [1,\n2]",
        "a: |\n  x\n  # y\n\n  z\nb: 1",
        "a: >-\n  x\n  y\n",
        "a: |\n  x\n\n\n",
        "a:\n    - b\n    -   c: 1\n        d: 2",
        "a:\n- - 1\n  - 2",
        "a:\n-\n  b",
        "a:\n  b:\n c: 1",
        "  a: 1\n  b: 2",
        " a: 1\nb: 2",
        "a:\n  b: 1\n   c: 2",
        "a: 1\nb",
        "a\nb: 1",
        "a: 1 # c\nb: 2",
        "a: # c\n  b: 1",
        "? a\n: b\nc: d",
        "a:\n\tb: 1",
        "a: 1\r\nb: 2\r\n",
        "\ufeffa: 1",
        "a:b: c",
        "a : 1",
        "a:  1  ",
        "a: -\nb: 1",
        "- a: 1\n- b: 2",
        "- a: 1\n b: 2",
        "-a: 1",
        "a: 2001-12-14\n  21:59:43",
        "a: !!set {x}",
        "a: !!binary aGk=",
        "a: 1\n]",
        "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x",
        "x: 1\n? y\n",
        "a: -1\n  -2",
        'a: "x" y',
        "a: b\n- c",
        "a:\n  - b\n - c",
        "stages:\n  'a b':\n    cmd: x\n",
        "a: *x\n",
        "k: 'a' # c",
        "a: b\n  - c",
    ],
)
def test_documents(text: str) -> None:
    agree(text)


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    """YAML-like text: mostly well formed, sometimes not."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 6))):
        indent = " " * draw(st.sampled_from([0, 0, 0, 2, 2, 4, 1, 3]))
        head = draw(st.sampled_from(["", "", "", "- ", "-", "  ", "# "]))
        key = draw(st.sampled_from([f"{key}:" for key in KEYS] + ["", ""]))
        value = draw(st.sampled_from([*SCALARS, "", "", "", "1", "x"]))
        lines.append(
            f"{indent}{head}{key} {value}".rstrip() if draw(st.booleans()) else f"{indent}{head}{key} {value}"
        )
    return "\n".join(lines)


@settings(max_examples=600, deadline=None)
@given(documents())
def test_anything_yaml_like(text: str) -> None:
    agree(text)


@st.composite
def block_scalars(draw: st.DrawFn) -> str:
    """Mappings and lists with literal and folded scalars in them, mostly well formed."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        margin = " " * draw(st.sampled_from([0, 0, 0, 0, 2]))
        start = draw(
            st.sampled_from(["a: ", "b: ", "a:\n  c: ", "- ", "- a: ", "a:\n- ", "a:\n  - b:   ", "a: x\n  "])
        )
        mark = draw(st.sampled_from(["|", ">", "|-", ">-", "|", ">", "|+", ">+", "|2", "> # c", ">  "]))
        lines.append(margin + start.replace("\n", f"\n{margin}") + mark)
        for _ in range(draw(st.integers(0, 5))):
            indent = " " * draw(st.sampled_from([2, 4, 4, 4, 4, 6, 5, 0, 1]))
            content = draw(
                st.sampled_from(["x", "y z", "", "", "# c", "- d", "k: v", "e ", "f: |", "\\", "${i}", "-"])
            )
            lines.append(indent + content if draw(st.booleans()) else (indent + content).rstrip())
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["z: 1", "- 1", "# c", "  # c", "  z: 1", "", "---", "..."])))
    return "\n".join(lines) + draw(st.sampled_from(["\n", "\n", "", "\n\n", " ", "\n  "]))


@settings(max_examples=300, deadline=None)
@given(block_scalars())
def test_block_scalars(text: str) -> None:
    agree(text)


def test_block_scalars_need_no_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """\
stages:
  a:
    cmd: >
      fit --x 1
      --y 2

        deeper
      # no comment
    deps: [x]
  b:
    cmd:
    - |-
      one
      two
    - >-

      three
    desc: |
      end
"""
    wanted = yaml12.load_exactly(text)
    slow: list[str] = []
    exactly = yaml12.load_exactly

    def watched(text: str) -> Any:
        slow.append(text)
        return exactly(text)

    monkeypatch.setattr(yaml12, "load_exactly", watched)
    monkeypatch.setattr(yaml12, "_asked", {})
    yaml12._scalar.cache_clear()  # whatever other tests asked before
    assert yaml12.load(text) == wanted
    assert slow == ["k: [x]"]


@settings(max_examples=300, deadline=None)
@given(st.text("ab:1 -\n#'\"[]{}&*|>!%?,.\t<", max_size=40))
@example("a: 1\n<<: b")
def test_any_text(text: str) -> None:
    agree(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["a.yaml", "a.json", "a.toml", "a.py", "dvc.lock", "a"]))
def test_bytes_are_read_or_unreadable(data: bytes, path: str) -> None:
    try:
        files.parse(data, path)
    except files.Unreadable as error:
        assert str(error)
        assert not re.search(r"[\r\n]", str(error))


def test_known_parts_are_shared_and_not_confused() -> None:
    chunks: dict[str, Any] = {}
    one = yaml12.load("a:\n  x: 1\nb:\n  x: 2\n", chunks)
    two = yaml12.load("a:\n  x: 1\nb:\n  x: 3\n", chunks)
    assert one["a"] is two["a"]
    assert (one["b"], two["b"]) == ({"x": 2}, {"x": 3})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"a: 1\na: 2", "duplicate key"),
        (b"<<<<<<< a\nx: 1\n=======\nx: 2\n>>>>>>> b\n", "conflict"),
        (b"a: [1", "line"),
    ],
)
def test_reasons(data: bytes, reason: str) -> None:
    with pytest.raises(files.Unreadable, match=reason):
        files.parse(data, "x.json" if data.startswith(b"[[") else "x.yaml")


def test_json_has_nan_and_infinity() -> None:
    value = files.parse(b'{"a": NaN, "b": -Infinity, "c": [1, {"d": true}], "e": {}}', "m.json")
    found = dict(files.leaves(value))
    assert math.isnan(found["a",])
    assert found["b",] == -math.inf
    assert found["c",] == [1, {"d": True}]
    assert found["e",] == {}


def test_python_params_as_dvc_reads_them() -> None:
    source = b"""
A = 1
B: float = 0.5
C = open('x')
class T:
    D = [1, 2]
    def __init__(self):
        self.e = 'x'
"""
    assert files.parse(source, "params.py") == {"A": 1, "B": 0.5, "T": {"D": [1, 2], "e": "x"}}


def test_an_alias_bomb_is_refused() -> None:
    bomb = "a0: &a0 {x: 1, y: 2}\n" + "".join(
        f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}, z: *a{n - 1}}}\n" for n in range(1, 30)
    )
    with pytest.raises(files.Unreadable, match="values"):
        list(files.leaves(files.parse(bomb.encode(), "p.yaml")))
