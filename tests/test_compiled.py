"""Compiled templates on disk: used while they are what would be compiled, and never believed otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from modelbook.site.compiled import Compiled


class Counting(Environment):
    """Counts what it compiles."""

    compiled = 0

    def _compile(self, source: str, filename: str) -> object:  # type: ignore[override]
        self.compiled += 1
        return super()._compile(source, filename)


def rendered(
    cache: Path, source: str = "a {{ 1 + 1 }}", kind: str = "k", digest: str = "d"
) -> tuple[str, int]:
    """(what a template gives, how many were compiled for it)."""
    made = Counting(loader=DictLoader({"t": source}), bytecode_cache=Compiled(cache, kind, digest))
    return made.get_template("t").render(), made.compiled


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    assert rendered(folder) == ("a 2", 1)
    return folder


def test_what_was_compiled_is_not_compiled_again(cache: Path) -> None:
    assert rendered(cache) == ("a 2", 0)


def test_another_source_or_way_to_compile_is(cache: Path) -> None:
    assert rendered(cache, source="b") == ("b", 1)
    assert rendered(cache) == ("a 2", 1)
    assert rendered(cache, digest="other") == ("a 2", 1)
    assert len(list(cache.iterdir())) == 1


def test_each_kind_of_environment_has_its_own(cache: Path) -> None:
    assert rendered(cache, kind="other") == ("a 2", 1)
    assert rendered(cache) == rendered(cache, kind="other") == ("a 2", 0)
    names = [path.name for path in cache.iterdir()]
    assert len(names) == 2
    assert all(re.fullmatch(r"templates-[0-9a-f]{8}-[0-9a-f]{40}\.cache", name) for name in names)


@pytest.mark.parametrize("at", [0, 40, -1])
def test_what_was_damaged_is_compiled_anew(cache: Path, at: int) -> None:
    (file,) = cache.iterdir()
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    assert rendered(cache) == ("a 2", 1)
    assert rendered(cache) == ("a 2", 0)


@pytest.mark.parametrize("left", [0, 10, 32, 60])
def test_what_was_cut_off_is_compiled_anew(cache: Path, left: int) -> None:
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:left])
    assert rendered(cache) == ("a 2", 1)


def test_a_folder_that_cannot_be_written_to_is_none(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    assert rendered(tmp_path / "cache") == ("a 2", 1)
