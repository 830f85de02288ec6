"""Changing one entry of a YAML file: what it says, and that every other byte stays."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.spec.edit import UnsafeEdit, drop, put
from modelbook.spec.source import parse

TEXT = """\
# A comment at the top, oddly   spaced
name:   'demo'

models:
  m:   # the model
    pipeline: p
    versions:
      v1.0.0: aaaaaaaaaaaa   # the first
      "v1.1.0": 'bbbbbbbbbbbb'

      # between the two
    environments: {staging: v1.1.0,  prod: v1.0.0}  # live
    description: >-
      Some words
      over lines.

  # below the model
  other:
    versions: {}
    environments:   # none yet
last: |
  text
"""
VERSIONS = ("models", "m", "versions")
PLACES = ("models", "m", "environments")


def changed(old: str, new: str) -> list[str]:
    """The lines that differ, with `-` and `+`."""
    rows = difflib.ndiff(old.splitlines(keepends=True), new.splitlines(keepends=True))
    return [row.rstrip("\r\n") for row in rows if row[0] in "+-"]


@pytest.mark.parametrize(
    ("loc", "value", "rows"),
    [
        ((*VERSIONS, "v1.2.0"), "abcdefabcdef", ["+       v1.2.0: abcdefabcdef"]),
        ((*VERSIONS, "v1.2.0"), "123456789012", ['+       v1.2.0: "123456789012"']),
        ((*VERSIONS, "v1.2.0"), "1e3456789012", ['+       v1.2.0: "1e3456789012"']),
        (
            (*VERSIONS, "v1.0.0"),
            "c" * 12,
            ["-       v1.0.0: aaaaaaaaaaaa   # the first", "+       v1.0.0: cccccccccccc   # the first"],
        ),
        (
            (*PLACES, "prod"),
            "v1.1.0",
            [
                "-     environments: {staging: v1.1.0,  prod: v1.0.0}  # live",
                "+     environments: {staging: v1.1.0,  prod: v1.1.0}  # live",
            ],
        ),
        (
            (*PLACES, "dev"),
            "v1.1.0",
            [
                "-     environments: {staging: v1.1.0,  prod: v1.0.0}  # live",
                "+     environments: {staging: v1.1.0,  prod: v1.0.0, dev: v1.1.0}  # live",
            ],
        ),
        (
            ("models", "m", "deprecated", "v1.0.0"),
            'leaks: "x" # y',
            ["+     deprecated:", '+       v1.0.0: "leaks: \\"x\\" # y"'],
        ),
        (
            ("models", "other", "versions", "v1.0.0"),
            "a" * 12,
            ["-     versions: {}", f"+     versions: {{v1.0.0: {'a' * 12}}}"],
        ),
        (
            ("models", "other", "environments", "prod"),
            "v1.0.0",
            ["-     environments:   # none yet", "+     environments: {prod: v1.0.0}   # none yet"],
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_entry_is_put_and_nothing_else_changes(
    loc: tuple[str, ...], value: str, rows: list[str], newline: str
) -> None:
    old = TEXT.replace("\n", newline)
    new = put(old, loc, value, "x.yaml")
    assert changed(old, new) == rows
    assert new.count("\r") == new.count("\n") * (newline == "\r\n")


@pytest.mark.parametrize(
    ("loc", "rows"),
    [
        ((*VERSIONS, "v1.0.0"), ["-       v1.0.0: aaaaaaaaaaaa   # the first"]),
        ((*VERSIONS, "v1.1.0"), ["-       \"v1.1.0\": 'bbbbbbbbbbbb'"]),
        (
            (*PLACES, "prod"),
            [
                "-     environments: {staging: v1.1.0,  prod: v1.0.0}  # live",
                "+     environments: {staging: v1.1.0}  # live",
            ],
        ),
        (
            (*PLACES, "staging"),
            [
                "-     environments: {staging: v1.1.0,  prod: v1.0.0}  # live",
                "+     environments: {prod: v1.0.0}  # live",
            ],
        ),
    ],
)
def test_one_entry_is_taken_out_and_nothing_else_changes(loc: tuple[str, ...], rows: list[str]) -> None:
    assert changed(TEXT, drop(TEXT, loc, "x.yaml")) == rows


def test_a_mapping_that_would_be_empty_goes_as_well() -> None:
    text = "models:\n  m:\n    artifact: a\n    environments:\n      prod: v1.0.0\n\n  # end\n"
    new = drop(text, (*PLACES, "prod"), "x.yaml")
    assert new == "models:\n  m:\n    artifact: a\n\n  # end\n"


def test_a_file_without_a_last_line_break_gets_none() -> None:
    assert put("models:\n  m: {a: b}\n  n:\n    a: b", ("models", "n", "c"), "d", "x").endswith(
        "    a: b\n    c: d"
    )


@pytest.mark.parametrize(
    ("text", "loc"),
    [
        ("models: {m: {environments: {prod: &v v1, dev: *v}}}", (*PLACES, "prod")),
        ("models: {m: {environments: {prod: &v v1, dev: *v}}}", (*PLACES, "dev")),
        ("x: &e {prod: v1}\nmodels: {m: {environments: *e}}\n", (*PLACES, "prod")),
    ],
)
def test_what_an_anchor_shares_is_left_alone(text: str, loc: tuple[str, ...]) -> None:
    with pytest.raises(UnsafeEdit, match=r"x\.yaml can't be changed at models\.m\.environments"):
        put(text, loc, "v9", "x.yaml")


def test_an_entry_of_a_merge_key_is_not_taken_out() -> None:
    text = "x: &e {prod: v1}\nmodels:\n  m:\n    environments:\n      <<: *e\n      dev: v1\n"
    with pytest.raises(UnsafeEdit):
        drop(text, (*PLACES, "prod"), "x.yaml")


names = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(value=names)
def test_any_text_comes_back_as_it_was(value: str) -> None:
    new = put(TEXT, ("models", "m", "deprecated", "v1.0.0"), value, "x.yaml")
    assert parse(new, "x").data["models"]["m"]["deprecated"]["v1.0.0"] == value
    assert drop(new, ("models", "m", "deprecated", "v1.0.0"), "x.yaml") == TEXT
