"""dvc.lock, as DVC lays it out or not: it means what ruamel says, whatever was read before."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.history import lockfile, yaml12
from modelbook.history.files import Unreadable

HASH = "d41d8cd98f00b204e9800998ecf8427e"
PLAIN = """\
schema: '2.0'
stages:
  fit@a:
    cmd: python fit.py --rate 1e-3
    deps:
    - path: data/raw.csv
      hash: md5
      md5: {hash}
      size: 12
    - path: data/images
      md5: {hash}.dir
      size: 900
      nfiles: 3
    params:
      params.yaml:
        model:
          rate: 1e-06
          layers:
          - 3
          - 4
        seed: 014
    outs:
    - path: model.bin
      hash: md5
      md5: {hash}
      size: 7
"""

paths = st.sampled_from(
    ["a.csv", "data/b c.csv", "1e3", "0x1f", "014", "no", "~", "'q'", "ä/ö.txt", "- x", "#c", "a #c", "a: b"]
)
hashes = st.sampled_from([HASH, "1e10", "12345678901234567890123456789012", "", "null", f"{HASH}.dir"])
commands = st.sampled_from(
    [
        "python a.py",
        "python a.py\n      --more x",
        "|-\n      a\n      b",
        "'it''s'",
        '"a\\tb"',
        "- a",
        "&x y",
        "*x",
    ]
)


@st.composite
def items(draw: st.DrawFn) -> str:
    lines = [f"    - path: {draw(paths)}"]
    if draw(st.booleans()):
        lines.append("      hash: md5")
    lines.append(f"      md5: {draw(hashes)}")
    if draw(st.booleans()):
        lines.append(f"      size: {draw(st.sampled_from([0, 7, '07', '1_000', 10**20]))}")
    if draw(st.booleans()):
        lines.append("      nfiles: 2")
    return "\n".join(lines)


@st.composite
def entries(draw: st.DrawFn) -> str:
    parts = [f"    cmd: {draw(commands)}"]
    sections = draw(st.permutations(["deps", "outs", "outs"]))[: draw(st.integers(0, 3))]
    parts += ["\n".join([f"    {name}:", *draw(st.lists(items(), max_size=3))]) for name in sections]
    if draw(st.booleans()):
        parts.append("    params:\n      params.yaml:\n        a.b: 1e-3\n        c:\n        - 1")
    return "\n".join(parts)


@st.composite
def locks(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(["a", "b@1", "1", "yes", "c d"]), min_size=1, max_size=3))
    return "schema: '2.0'\nstages:\n" + "".join(f"  {name}:\n{draw(entries())}\n" for name in names)


def exactly(text: str) -> Any:
    """What ruamel makes of a whole lock: its stages, or None where it is not readable."""
    try:
        return lockfile.entries(yaml12.load_exactly(text))
    except Exception:  # ruamel raises nearly anything
        return None


def read(reader: lockfile.Locks, text: str) -> Any:
    try:
        return reader.parse(text.encode())
    except Unreadable:
        return None


@given(st.lists(locks(), min_size=1, max_size=4))
def test_every_version_means_what_ruamel_says_whatever_was_read_before(versions: list[str]) -> None:
    reader = lockfile.Locks()
    for text in versions:
        assert repr(read(reader, text)) == repr(exactly(text))


def test_versions_share_what_they_have_in_common() -> None:
    reader = lockfile.Locks()
    first = reader.parse(PLAIN.format(hash=HASH).encode())["fit@a"]
    second = reader.parse(PLAIN.replace("size: 7", "size: 8").format(hash=HASH).encode())["fit@a"]
    assert first["params"] is second["params"]
    assert first["deps"] is second["deps"]
    assert (first["outs"][0]["size"], second["outs"][0]["size"]) == (7, 8)


def test_the_digest_is_that_of_the_canonical_json() -> None:
    reader = lockfile.Locks()
    found = reader.locked("sub", reader.parse(PLAIN.format(hash=HASH).encode())["fit@a"])
    assert found is not None
    canonical = [
        "python fit.py --rate 1e-3",
        [["sub/data/images", f"{HASH}.dir"], ["sub/data/raw.csv", HASH]],
        [
            ["sub/params.yaml", ["model", "layers"], [3, 4]],
            ["sub/params.yaml", ["model", "rate"], 1e-06],
            ["sub/params.yaml", ["seed"], 14],
        ],
        [["sub/model.bin", HASH]],
    ]
    spelled = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    assert found.digest == hashlib.sha256(spelled.encode()).hexdigest()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    outs:\n", "    deps:\n"),
        ("fit@a:", "fit@a: x"),
        ("size: 12", "size: [1"),
        ("schema: '2.0'", "schema: '2.0'\n# by hand"),
    ],
)
def test_what_is_laid_out_otherwise_is_read_as_a_whole(before: str, after: str) -> None:
    text = PLAIN.format(hash=HASH).replace(before, after)
    assert repr(read(lockfile.Locks(), text)) == repr(exactly(text))
